"""A message's content, as APIs and their users' tools have it -> its text. Pure."""

import math
from collections.abc import Mapping, Sequence

TEXTS = frozenset({"text", "input_text", "output_text", "text_delta", ""})
"""Types of parts whose text counts."""
UNTYPED = ("text", "content", "value")


def text_of_content(content: object) -> str | None:
    """A text, a number, or a list of parts of which texts and refusals count; None for anything else.

    Reasoning does not count, nor what is no text (images, files, calls of tools): a part of a type that is not known is
    left out too, unless it holds a text, which nobody can place.

    >>> text_of_content([{"type": "text", "text": "Hi"}, {"type": "image"}, {"type": "thinking", "thinking": "Hm."}])
    'Hi'
    >>> text_of_content(4), text_of_content({"a": 1}), text_of_content([{"type": "ad", "text": "Buy!"}])
    ('4', None, None)
    """
    if content is None or isinstance(content, str):
        return content or ""
    if isinstance(content, int) and not isinstance(content, bool):
        return str(content)
    if isinstance(content, float):
        return str(content) if math.isfinite(content) else None
    if isinstance(content, Mapping):
        return _part(content) if content.get("type") in (*TEXTS, "refusal") else None
    if not isinstance(content, Sequence):
        return None
    texts = [_part(p) if isinstance(p, Mapping) else p if isinstance(p, str) else None for p in content]
    return None if any(t is None for t in texts) else "".join(t for t in texts if t is not None)


def _part(part: Mapping[str, object]) -> str | None:
    kind = part.get("type", "")
    if not isinstance(kind, str) or part.get("thought") is True:
        return "" if isinstance(kind, str) else None
    if kind == "refusal":
        refusal = part.get("refusal")
        return refusal if isinstance(refusal, str) else None
    text = part.get("text")
    if isinstance(text, Mapping):  # OpenAI's assistants
        text = text.get("value")
    if kind in TEXTS:
        return text if isinstance(text, str) else "" if text is None else None
    return None if isinstance(text, str) and not _left_out(kind) else ""


def _left_out(kind: str) -> bool:
    """
    >>> [_left_out(k) for k in ("reasoning_text", "thinking", "tool-call", "input_image", "advert")]
    [True, True, True, True, False]
    """
    words = ("reason", "think", "thought", "summary", "tool", "function", "image", "file", "audio", "video", "document",
             "source", "citation", "step", "data", "media")  # fmt: skip
    return any(word in kind.lower() for word in words)
