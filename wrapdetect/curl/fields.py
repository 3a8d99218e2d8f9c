"""The texts within a request, one by one: of JSON, of a form, of a query; what does not change stays as it was written.

In what is given to `change`, braces that are no placeholder are doubled, as a template has them.
"""

import json
import re
from collections.abc import Callable
from urllib.parse import quote, unquote, unquote_plus

from wrapdetect.dialects.filling import FORM, JSON, PLACEHOLDER, is_json

MARKS = frozenset({"prompt", "messages", "system", "conversation_id", "uuid"})
"""Placeholders that may stand in what is pasted; and env:NAME."""

Change = Callable[[str, str], str]
"""The name of a field ("" where it has none) and its text -> the text that shall stand there."""

_JSON_TEXT = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)


def map_body(body: str, kind: str, change: Change) -> str:
    """A body whose braces are doubled already, with its texts changed."""
    if kind == JSON:
        return map_json(body, change)
    return map_fields(body, change) if kind == FORM else change("", body)


def map_json(body: str, change: Change) -> str:
    """Texts that are JSON themselves are changed within.

    >>> map_json('{"a": "x", "b": "[\\\\"y\\\\"]"}', lambda name, text: text.upper())
    '{"a": "X", "b": "[\\\\"Y\\\\"]"}'
    """
    name = ""

    def one(match: re.Match[str]) -> str:
        nonlocal name
        text = json.loads(match[0], strict=False)
        if body[match.end() :].lstrip().startswith(":"):
            name = text
            return match[0]
        new = _map_inner(name, text, change)
        return match[0] if new == text else json.dumps(new, ensure_ascii=False)

    return _JSON_TEXT.sub(one, body)


def map_fields(text: str, change: Change) -> str:
    """Fields of a form or query; what changes is percent-encoded anew.

    >>> map_fields("a=x%20y&b=1", lambda name, text: "{prompt}!" if name == "a" else text)
    'a={prompt}%21&b=1'
    """

    def one(part: str) -> str:
        name, equals, raw = part.partition("=")
        value = doubled(unquote_plus(raw))
        new = _map_inner(unquote_plus(name), value, change) if equals else value
        if "{" in name:
            name = percent(doubled(unquote_plus(name)))
        return name + equals + (raw if new == value and "{" not in raw else percent(new))

    return "&".join(map(one, text.split("&"))) if text else text


def map_query(path: str, change: Change) -> str:
    """A path with the fields of its query changed."""
    before, mark, query = path.partition("?")
    return before + mark + map_fields(query, change)


def map_segments(path: str, change: Change) -> str:
    """A path with the stretches between its slashes changed; its query stays."""
    before, mark, query = path.partition("?")

    def one(raw: str) -> str:
        value = doubled(unquote(raw))
        new = change("", value)
        return raw if new == value and "{" not in raw else percent(new)

    return "/".join(map(one, before.split("/"))) + mark + query


def doubled_body(body: str, kind: str) -> str:
    """A body as it was pasted, its literal braces doubled."""
    return doubled(body) if kind != FORM else map_fields(body, lambda _, text: text)


def doubled(text: str) -> str:
    """Braces that would be read as a placeholder, doubled, so that they are sent as they are; marks stay.

    >>> doubled("{prompt} {name} {{name}} {env:KEY}")
    '{prompt} {{name}} {{{name}}} {env:KEY}'
    """
    return PLACEHOLDER.sub(lambda m: m[0] if _is_mark(m) else f"{{{m[0]}}}", text)


def has_marks(text: str) -> bool:
    """Whether placeholders stand in a text."""
    return any(map(_is_mark, PLACEHOLDER.finditer(text)))


def percent(text: str) -> str:
    """Percent-encoded but for placeholders; what is doubled is text.

    >>> percent("{prompt}? {{x}}")
    '{prompt}%3F%20%7Bx%7D'
    """
    out, at = list[str](), 0
    for match in PLACEHOLDER.finditer(text):
        out += [quote(text[at : match.start()], safe=""), match[0] if match[2] else quote(f"{{{match[1]}}}", safe="")]
        at = match.end()
    return "".join(out) + quote(text[at:], safe="")


def snake(name: str) -> str:
    """
    >>> snake("conversationId"), snake("X-API-Key")
    ('conversation_id', 'x_api_key')
    """
    return re.sub(r"[^A-Za-z0-9]+", "_", re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name)).lower()


def _map_inner(name: str, text: str, change: Change) -> str:
    return map_json(text, change) if text.lstrip()[:1] in ("{", "[") and is_json(text) else change(name, text)


def _is_mark(match: re.Match[str]) -> bool:
    return match[2] is not None and (match[2] in MARKS or match[2].startswith("env:"))
