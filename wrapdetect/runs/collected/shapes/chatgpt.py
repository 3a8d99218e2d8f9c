"""ChatGPT's export (conversations.json): a tree of messages; the path to `current_node` is the talk."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from wrapdetect.runs.collected.shapes.base import Context, Record, RecordedTalk, Shape, at, text_at, told_moment

SAID = ("text", "multimodal_text")
BRANCHES = "answers and questions of other branches (regenerated or edited; the file's current ones are read)"


def _recognise(record: Record) -> bool:
    return any(isinstance(n, Mapping) and "message" in n for n in _mapping(record).values())


def _read(record: Record, context: Context) -> Iterator[RecordedTalk]:
    nodes = {k: v for k, v in _mapping(record).items() if isinstance(v, Mapping)}
    path = _path(nodes, _leaf(nodes, record, context))
    on_it = set(path)
    others = sum(bool(_spoken(n)) for k, n in nodes.items() if k not in on_it)
    context.left.update({BRANCHES: others} if others else {})
    spoken = [(nodes[k], said) for k in path if (said := _spoken(nodes[k]))]
    if not any(said[0] == "user" for _, said in spoken):
        context.left["conversations without a question"] += 1
        return
    models = Counter(m for node, (role, _) in spoken if role == "assistant" and (m := _model(node)))
    first = next(node for node, said in spoken if said[0] == "user")
    yield RecordedTalk(
        speaker=" + ".join(models) or text_at(record, "default_model_slug"),
        messages=[said for _, said in spoken],
        started=told_moment(at(first, "message", "create_time")),
    )


def _mapping(record: Record) -> Mapping[str, object]:
    held = record.get("mapping")
    return held if isinstance(held, Mapping) else {}


def _leaf(nodes: Mapping[str, Record], record: Record, context: Context) -> str:
    current = record.get("current_node")
    if isinstance(current, str) and current in nodes:
        return current
    parents = {p for n in nodes.values() if isinstance(p := n.get("parent"), str)}
    leaves = [k for k in nodes if k not in parents]
    if len(leaves) != 1:
        raise context.unread("current_node", current, "the id of a message, which tells the branch that was kept")
    return leaves[0]


def _path(nodes: Mapping[str, Record], leaf: str) -> list[str]:
    path: list[str] = []
    seen: set[str] = set()
    at_node: object = leaf
    while isinstance(at_node, str) and at_node in nodes and at_node not in seen:
        seen.add(at_node)
        path.append(at_node)
        at_node = nodes[at_node].get("parent")
    return path[::-1]


def _spoken(node: Record) -> tuple[str, str] | None:
    """What the user or the bot said to the other; no reasoning, no call of a tool, nothing hidden."""
    message = node.get("message")
    if not isinstance(message, Mapping) or message.get("recipient", "all") not in ("all", None):
        return None
    role, content = text_at(message, "author", "role"), message.get("content")
    if role not in ("user", "assistant") or not isinstance(content, Mapping) or content.get("content_type") not in SAID:
        return None
    if at(message, "metadata", "is_visually_hidden_from_conversation") is True:
        return None
    parts = content.get("parts")
    texts = [p for p in parts if isinstance(p, str)] if isinstance(parts, Sequence) else []
    text = "".join(texts)
    return (role, text) if text.strip() or role == "assistant" else None


def _model(node: Record) -> str:
    return text_at(node, "message", "metadata", "model_slug")


SHAPE = Shape("ChatGPT's conversations.json", _recognise, _read)
