"""What of a message's content is said: texts, parts with text and refusals; what a model thinks to itself is not.

The one reader of content for all dialects, archives and tables of answers.
"""

import json
import re
from collections.abc import Mapping

from wrapdetect.dialects.body.unpacked import BodyError
from wrapdetect.model import FailureKind

UNSAID = re.compile(
    r"reason|think|thought|tool|function|image|audio|video|file|document|search|summary|executable|code_|citation|source|step|media"
)
"""In a part's `type`: thinking, and what is no text; any other part is read by its text."""
TEXTS = ("text", "content", "value")
"""Keys of a part under which its text stands, in one API or another."""
_DEEPEST = 8


def said_in(content: object, name: str = "content") -> str:
    """The text of a content: a text, a number, a list of texts and parts, or nothing; `name` is how errors call it.

    Raises BodyError (garbled) for true, false, and objects that are no parts of a list.

    >>> said_in([{"type": "thinking", "thinking": "Hm."}, {"type": "text", "text": "It is "}, 42]), said_in(None)
    ('It is 42', '')
    >>> said_in([{"type": "refusal", "refusal": "I cannot."}]), said_in([{"text": "Hm.", "thought": True}])
    ('I cannot.', '')
    """
    return _said(content, name, 0)


def said_in_message(message: Mapping[str, object], name: str = "content") -> str:
    """The text of a message or a delta with `content`: that, and the words of a refusal beside it.

    >>> said_in_message({"content": None, "refusal": "I cannot.", "reasoning_content": "Hm."})
    'I cannot.'
    """
    content = message.get("content")
    if isinstance(content, str) and not message.get("refusal"):
        return content
    said, refusal = said_in(content, name), said_in(message.get("refusal"), "refusal")
    audio = message.get("audio")
    if isinstance(audio, Mapping) and not said:  # what was spoken
        said = said_in(audio.get("transcript"), "transcript")
    return said if refusal == said else said + refusal


def said_in_part(part: Mapping[str, object], name: str = "content") -> str:
    """The text of one part of a list: "" of thinking, and of what is no text. Raises BodyError as said_in."""
    return _of_part(part, name, 0)


def _said(content: object, name: str, depth: int) -> str:
    if content is None or isinstance(content, str):
        return content or ""
    if isinstance(content, int | float) and not isinstance(content, bool):
        return json.dumps(content)
    if isinstance(content, list) and depth < _DEEPEST:
        return "".join(
            _of_part(p, name, depth) if isinstance(p, Mapping) else _said(p, name, depth + 1) for p in content
        )
    shown = "true or false" if isinstance(content, bool) else "an object" if isinstance(content, dict) else "a nest"
    raise BodyError(FailureKind.GARBLED, f"{name} is {shown}, where text or a list of parts is due")


def _of_part(part: Mapping[str, object], name: str, depth: int) -> str:
    kind = part.get("type")
    if kind is None and "role" in part and "text" not in part:
        raise BodyError(FailureKind.GARBLED, f"{name} holds messages, where text or a list of parts is due")
    if part.get("thought") is True or (isinstance(kind, str) and UNSAID.search(kind.lower())):
        return ""
    if kind == "refusal" and part.get("refusal") is not None:
        text = part["refusal"]
    else:
        text = next((part[key] for key in TEXTS if part.get(key) is not None), None)
    if isinstance(text, Mapping) and "value" in text:  # of OpenAI's Assistants
        text = text["value"]
    return _said(text, f"{name}'s text", depth + 1)
