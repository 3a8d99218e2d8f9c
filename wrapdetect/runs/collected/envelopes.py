"""A JSON value that stands for a question or an answer -> messages: of APIs, LangChain, tracing tools. Pure.

Each gives None where the value is of no shape that is known: the caller refuses it by name, and takes it for no prose.
"""

import json
from collections.abc import Mapping, Sequence

from wrapdetect.runs.collected.content import text_of_content

_Messages = list[tuple[str, str]]
"""Role (user or assistant) and text of each."""

ROLES = {
    **dict.fromkeys(("user", "human", "prompter", "humanmessage", "humanmessagechunk"), "user"),
    **dict.fromkeys(("assistant", "bot", "gpt", "model", "ai", "chatbot", "aimessage", "aimessagechunk"), "assistant"),
    **dict.fromkeys(
        ("system", "developer", "tool", "function", "systemmessage", "toolmessage", "functionmessage", "function_call",
         "tool_call", "tool_calls", "tool_response", "tool_result", "function_response", "observation", "ipython"),
        "",
    ),
}  # fmt: skip
"""What speakers of a conversation are called; "" is neither and is left out."""
_ASKING = ("messages", "input_messages", "contents", "input", "inputs", "question", "prompt", "query", "user_input")
"""Names under which a wrapper holds what was asked, the first one found is taken."""
ANSWERING = ("choices", "candidates", "generations", "message", "output", "outputs", "output_text", "completion",
             "answer", "response", "reply", "result", "content", "text", "value", "messages",
             "output_messages")  # fmt: skip
_BESIDE = frozenset(
    {"id", "type", "model", "index", "usage", "metadata", "metrics", "sources", "attachments", "error", "close", "uuid",
     "finish_reason", "created", "object"}
)  # fmt: skip
"""What stands beside an answer in a wrapper."""
_DEEPEST = 8
"""Wrappers within wrappers."""
SPEAKING = ("role", "from", "author", "speaker", "sender")
SAYING = ("content", "value", "text", "parts")


def opened_json(value: object) -> object:
    """A text that is a JSON list or object becomes that; everything else is itself.

    >>> opened_json('[{"role": "user"}]'), opened_json("[sic] Why?")
    ([{'role': 'user'}], '[sic] Why?')
    """
    if not isinstance(value, str) or value.strip()[:1] + value.strip()[-1:] not in ("[]", "{}"):
        return value
    try:
        found: object = json.loads(value)
    except (ValueError, RecursionError):
        return value
    return found


def is_structure(value: object) -> bool:
    """Whether it is a list or an object, or a text that is one."""
    return not isinstance(opened_json(value), str | int | float | None)


def message_of(message: object, depth: int = 0) -> tuple[str, str] | None:
    """Role and text of one message; ("", "") for one of neither side."""
    if isinstance(message, Sequence) and not isinstance(message, str) and len(message) == 2:
        role, content = message  # LangChain's short form
        return _spoken(role, content) if isinstance(role, str) and isinstance(content, str) else None
    if not isinstance(message, Mapping):
        return None
    if (inner := _inner(message)) is not None:
        return message_of(inner, depth + 1) if depth < _DEEPEST else None
    said = next((message[k] for k in SPEAKING if k in message), None)
    if isinstance(said, Mapping):
        said = said.get("role") or said.get("name")
    if said is None:
        said = message.get("type") if any(k in message for k in SAYING) else None
    refusal = message.get("refusal")
    content = next((message[k] for k in SAYING if message.get(k) is not None), None)
    return _spoken(said, refusal if not content and isinstance(refusal, str) else content)


def _inner(message: Mapping[str, object]) -> Mapping[str, object] | None:
    """The message within LangChain's own serialisation and within those of OpenInference."""
    kwargs, name = message.get("kwargs"), message.get("id")
    if message.get("lc") is not None and isinstance(kwargs, Mapping):
        last = name[-1] if isinstance(name, Sequence) and name else ""
        return {"content": kwargs.get("content"), "role": kwargs.get("role") or kwargs.get("type") or last}
    data, kind = message.get("data"), message.get("type")
    if isinstance(data, Mapping) and isinstance(kind, str) and "content" in data:
        return {"content": data["content"], "role": data.get("role") or kind}
    nested = message.get("message")
    if isinstance(nested, Mapping) and not any(k in message for k in SPEAKING):
        return nested
    dotted = {k.removeprefix("message."): v for k, v in message.items() if k.startswith("message.")}
    if "contents" in dotted and "content" not in dotted and isinstance(dotted["contents"], Sequence):
        dotted["content"] = [_undotted(p) for p in dotted["contents"]]
    return dotted or None


def _undotted(part: object) -> object:
    if not isinstance(part, Mapping):
        return part
    return {k.rpartition(".")[2]: v for k, v in part.items()}


def _spoken(said: object, content: object) -> tuple[str, str] | None:
    role = ROLES.get(said.lower()) if isinstance(said, str) else None
    if not role:
        return None if role is None else ("", "")
    text = text_of_content(content)
    return None if text is None else (role, text)


def messages_of(value: object) -> _Messages | None:
    """A list of messages, those of neither side left out; a list within a list of one is the same list."""
    listed = opened_json(value)
    if isinstance(listed, list) and len(listed) == 1 and isinstance(inner := listed[0], list):
        listed = inner if not (inner and isinstance(inner[0], str)) else listed
    if not isinstance(listed, Sequence) or isinstance(listed, str) or not listed:
        return None
    found = [message_of(opened_json(m)) for m in listed]
    return None if None in found else [m for m in found if m is not None and m[0]]


def asked_in(value: object, depth: int = 0) -> _Messages | None:
    """What was asked: a text, one message, a list of them, or a wrapper of one of these."""
    value = opened_json(value)
    if isinstance(value, str):
        return [("user", value)]
    if depth > _DEEPEST or value is None:
        return None
    if isinstance(value, Sequence):
        if len(value) == 1 and isinstance(value[0], str) and not depth:
            return None  # a list of one text: a turn, or a choice; nobody can tell
        return messages_of(value)
    if not isinstance(value, Mapping):
        return None
    if (message := message_of(value)) is not None:
        return [message] if message[0] == "user" else None
    return _gemini(value) or _within(value, _ASKING, depth)


def _gemini(value: Mapping[str, object]) -> _Messages | None:
    contents = value.get("contents")
    if not isinstance(contents, Sequence) or isinstance(contents, str):
        return None
    return messages_of([{"role": "user", **c} if isinstance(c, Mapping) else c for c in contents])


def _within(value: Mapping[str, object], names: Sequence[str], depth: int) -> _Messages | None:
    held = [n for n in names if value.get(n) is not None]
    return asked_in(value[held[0]], depth + 1) if held else None


def answer_in(value: object, *, structured: bool) -> str | None:
    """What was answered. A text that is JSON is opened where it wraps an answer as tools do; else it is what a bot
    wrote that was asked for JSON, unless the question was `structured` too: then nobody can tell.

    >>> answer_in('{"role": "assistant", "content": "Hi"}', structured=False), answer_in('{"a": 1}', structured=False)
    ('Hi', '{"a": 1}')
    >>> answer_in('{"a": 1}', structured=True)
    """
    inside = opened_json(value)
    if isinstance(value, str) and not _wraps(inside):
        return None if structured and not isinstance(inside, str) else value
    return answered_in(inside)


def _wraps(value: object) -> bool:
    if isinstance(value, Mapping):
        told = message_of(value)
        held = [n for n in ANSWERING if n in value]
        return (
            (told is not None and told[0] == "assistant")
            or any(n in value for n in ("choices", "candidates", "generations"))
            or (value.get("type") in ("text", "output_text", "refusal", "message"))
            or (len(held) == 1 and all(n in _BESIDE for n in value if n not in held))
        )
    if not isinstance(value, Sequence) or isinstance(value, str) or not value:
        return False
    return bool(messages_of(value)) or all(isinstance(v, Mapping) and isinstance(v.get("type"), str) for v in value)


def answered_in(value: object, depth: int = 0) -> str | None:
    """What was answered: a text, a message, an API's reply, or a wrapper of one of these; of a list of messages those
    of the bot after the last one of the user."""
    if value is None or isinstance(value, str | int | float):
        return text_of_content(value)
    if depth > _DEEPEST:
        return None
    if isinstance(value, Sequence):
        return _last_answer(value, depth)
    if not isinstance(value, Mapping):
        return None
    if (message := message_of(value)) is not None:
        return message[1] if message[0] == "assistant" else None
    if value.get("type") in ("text", "output_text", "refusal"):
        return text_of_content(value)
    held = [n for n in ANSWERING if value.get(n) is not None]
    return answered_in(value[held[0]], depth + 1) if held else None


def _last_answer(value: Sequence[object], depth: int) -> str | None:
    if (messages := messages_of([m for m in value if not _is_aside(m)])) is not None:
        after: list[str] = []
        for role, text in messages:
            after = [] if role == "user" else [*after, text]
        return "\n\n".join(after) if after else None
    first = value[0] if value else None
    if isinstance(first, Mapping) and isinstance(first.get("type"), str):
        return text_of_content(value)
    return answered_in(first, depth + 1) if isinstance(first, Mapping | list) else None


def _is_aside(message: object) -> bool:
    """Reasoning and calls as the Responses API lists them beside messages."""
    kind = message.get("type") if isinstance(message, Mapping) and "role" not in message else None
    return isinstance(kind, str) and ("reasoning" in kind or kind.endswith(("_call", "_call_output")))
