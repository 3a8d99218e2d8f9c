"""Claude.ai's export (conversations.json): chat_messages of human and assistant."""

from collections.abc import Iterator, Mapping, Sequence

from wrapdetect.runs.collected.content import text_of_content
from wrapdetect.runs.collected.shapes.base import Context, Record, RecordedTalk, Shape, text_at, told_moment

_SIDES = {"human": "user", "user": "user", "assistant": "assistant"}


def _recognise(record: Record) -> bool:
    return isinstance(record.get("chat_messages"), Sequence) and not isinstance(record["chat_messages"], str)


def _read(record: Record, context: Context) -> Iterator[RecordedTalk]:
    held = record["chat_messages"]
    listed = [m for m in held if isinstance(m, Mapping)] if isinstance(held, Sequence) else []
    kept = _last_branch(listed)
    if len(kept) < len(listed):
        context.left["messages of other branches (the last one is read)"] += len(listed) - len(kept)
    if not any(_SIDES.get(text_at(m, "sender")) == "user" for m in kept):
        context.left["conversations without a question"] += 1
        return
    first = next(m for m in kept if _SIDES.get(text_at(m, "sender")) == "user")
    yield RecordedTalk(
        speaker=text_at(record, "model"),
        messages=[said for m in kept if (said := _said(m, context))],
        started=told_moment(first.get("created_at")),
    )


def _last_branch(messages: Sequence[Record]) -> list[Record]:
    """The way to the last message, where each names its parent."""
    by_id = {m["uuid"]: m for m in messages if isinstance(m.get("uuid"), str)}
    if not messages or not all("parent_message_uuid" in m and "uuid" in m for m in messages):
        return list(messages)
    path: list[Record] = []
    here: Record | None = messages[-1]
    while here is not None and len(path) < len(messages):
        path.append(here)
        parent = here.get("parent_message_uuid")
        here = by_id.get(parent) if isinstance(parent, str) else None
    return path[::-1]


def _said(message: Record, context: Context) -> tuple[str, str] | None:
    role = _SIDES.get(text_at(message, "sender"))
    if role is None:
        return None
    parts = message.get("content")
    text = text_of_content(parts) if isinstance(parts, Sequence) and parts else text_of_content(message.get("text"))
    if text is None:
        raise context.unread("a message's content", parts, "text or a list of parts")
    return role, text


SHAPE = Shape("Claude.ai's conversations.json", _recognise, _read)
