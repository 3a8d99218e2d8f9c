"""The texts within a request, one by one: of JSON, of a form, of a query; what does not change stays as it was written.

A request that was pasted is text; only the marks that the user may put into it, and variables of the shell, are slots.
"""

import json
import re
from collections.abc import Callable, Mapping
from urllib.parse import unquote, unquote_plus

from wrapdetect.dialects.template.filling import FORM, JSON, MULTIPART, is_json, unescaped
from wrapdetect.dialects.template.multipart import map_parts
from wrapdetect.dialects.template.slots import (
    PLACEHOLDER,
    Slot,
    Text,
    dumps,
    in_literals,
    joined,
    parse,
    percent,
    plain,
    render,
    swapped,
)

MARKS = frozenset({"prompt", "messages", "system", "conversation_id", "uuid"})
"""Placeholders that a user may put into what is pasted."""

Change = Callable[[str, Text], Text]
"""The name of a field ("" where it has none) and its text -> the text that shall stand there."""

_JSON_TEXT = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)


def written_by(pasted: str, marks: frozenset[str], variables: Mapping[str, Slot]) -> str:
    """What was pasted, as a template has it: the marks are live, and what stands for a variable of the shell.

    Of `variables` each stands for the slot beside it.

    >>> written_by("{prompt} {name} {env:HOME} qz1 {{uuid}}", MARKS, {"qz1": Slot("env:KEY")})
    '{prompt} {{name}} {{env:HOME}} {env:KEY} {{{uuid}}}'
    """
    parts, at = list[str | Slot](), 0
    for match in PLACEHOLDER.finditer(pasted):
        live = match[4] in marks and not match[5]
        parts += [pasted[at : match.start()], Slot(match[4]) if live else match[0]]
        at = match.end()
    text = joined((*parts, pasted[at:]))
    for stand_in, slot in variables.items():
        text = swapped(text, re.compile(re.escape(stand_in)), slot)
    return render(text)


def map_body(body: str, kind: str, change: Change) -> str:
    """A template's body with its texts changed."""
    match kind:
        case _ if kind == JSON:
            return map_json(body, change)
        case _ if kind == FORM:
            return map_fields(body, change)
        case _ if kind == MULTIPART:
            return map_parts(body, lambda name, content: render(_map_inner(name, parse(content), change)))
    return render(change("", parse(body)))


def map_json(body: str, change: Change) -> str:
    """Texts that are JSON themselves are changed within.

    >>> map_json('{"a": "x", "b": "[\\\\"y\\\\"]"}', lambda name, text: ("z",))
    '{"a": "z", "b": "[\\\\"z\\\\"]"}'
    """
    name = ""

    def one(match: re.Match[str]) -> str:
        nonlocal name
        text = in_literals(parse(match[0][1:-1]), unescaped)
        if body[match.end() :].lstrip().startswith(":"):
            name = plain(text)
            return match[0]
        new = _map_inner(name, text, change)
        return match[0] if new == text else dumps(render(new))

    return _JSON_TEXT.sub(one, body)


def map_fields(text: str, change: Change) -> str:
    """Fields of a form or query; what changes is percent-encoded anew.

    >>> map_fields("a=x%20y&b=1", lambda name, text: (Slot("prompt"), "!") if name == "a" else text)
    'a={prompt}%21&b=1'
    """

    def one(part: str) -> str:
        name, equals, raw = part.partition("=")
        value = in_literals(parse(raw if equals else name), unquote_plus)
        new = _map_inner(plain(in_literals(parse(name), unquote_plus)) if equals else "", value, change)
        return part if new == value else (name + equals if equals else "") + percent(new)

    return "&".join(map(one, text.split("&"))) if text else text


def map_query(path: str, change: Change) -> str:
    """A path with the fields of its query changed."""
    before, mark, query = path.partition("?")
    return before + mark + map_fields(query, change)


def map_segments(path: str, change: Change) -> str:
    """A path with the stretches between its slashes changed; its query stays."""
    before, mark, query = path.partition("?")

    def one(raw: str) -> str:
        value = in_literals(parse(raw), unquote)
        new = change("", value)
        return raw if new == value else percent(new)

    return "/".join(map(one, before.split("/"))) + mark + query


def encoded_braces(path: str) -> str:
    """A path whose literal braces are percent-encoded, as they go out.

    >>> encoded_braces("/a{{x}}?q={prompt}")
    '/a%7Bx%7D?q={prompt}'
    """
    return render(in_literals(parse(path), lambda raw: raw.replace("{", "%7B").replace("}", "%7D")))


def snake(name: str) -> str:
    """
    >>> snake("conversationId"), snake("X-API-Key")
    ('conversation_id', 'x_api_key')
    """
    return re.sub(r"[^A-Za-z0-9]+", "_", re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name)).lower()


def _map_inner(name: str, text: Text, change: Change) -> Text:
    """A text of JSON or a form may be JSON itself."""
    written = render(text)
    if (
        written.lstrip()[:1] in ("{", "[")
        and is_json(written)
        and isinstance(json.loads(written, strict=False), dict | list)
    ):
        mapped = map_json(written, change)
        return text if mapped == written else parse(mapped)
    return change(name, text)
