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
    TemplateSlot,
    Text,
    dumps,
    in_literals,
    joined,
    literals,
    parse_slots,
    percent,
    spelled,
    swapped,
)

MARKS = frozenset({"prompt", "messages", "system", "conversation_id", "uuid"})
"""Placeholders that a user may put into what is pasted."""

Rewrite = Callable[[str, Text], Text]
"""The name of a field ("" where it has none) and its text -> the text that shall stand there."""

_JSON_TEXT = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)


def written_by(pasted: str, marks: frozenset[str], variables: Mapping[str, TemplateSlot]) -> str:
    """What was pasted, as a template has it: the marks are live, and what stands for a variable of the shell.

    Of `variables` each stands for the slot beside it.

    >>> written_by("{prompt} {name} {env:HOME} qz1 {{uuid}}", MARKS, {"qz1": TemplateSlot("env:KEY")})
    '{prompt} {{name}} {{env:HOME}} {env:KEY} {{{uuid}}}'
    """
    parts, at = list[str | TemplateSlot](), 0
    for match in PLACEHOLDER.finditer(pasted):
        live = match[4] in marks and not match[5]
        parts += [pasted[at : match.start()], TemplateSlot(match[4]) if live else match[0]]
        at = match.end()
    text = joined((*parts, pasted[at:]))
    for stand_in, slot in variables.items():
        text = swapped(text, re.compile(re.escape(stand_in)), slot)
    return spelled(text)


def map_body(body: str, kind: str, change: Rewrite) -> str:
    """A template's body with its texts changed."""
    match kind:
        case _ if kind == JSON:
            return map_json(body, change)
        case _ if kind == FORM:
            return map_fields(body, change)
        case _ if kind == MULTIPART:
            return map_parts(body, lambda name, content: spelled(_map_inner(name, parse_slots(content), change)))
    return spelled(change("", parse_slots(body)))


def map_json(body: str, change: Rewrite) -> str:
    """Texts that are JSON themselves are changed within.

    >>> map_json('{"a": "x", "b": "[\\\\"y\\\\"]"}', lambda name, text: ("z",))
    '{"a": "z", "b": "[\\\\"z\\\\"]"}'
    """
    name = ""

    def one(match: re.Match[str]) -> str:
        nonlocal name
        text = in_literals(parse_slots(match[0][1:-1]), unescaped)
        if body[match.end() :].lstrip().startswith(":"):
            name = literals(text)
            return match[0]
        new = _map_inner(name, text, change)
        return match[0] if new == text else dumps(spelled(new))

    return _JSON_TEXT.sub(one, body)


def map_fields(text: str, change: Rewrite) -> str:
    """Fields of a form or query; what changes is percent-encoded anew.

    >>> map_fields("a=x%20y&b=1", lambda name, text: (TemplateSlot("prompt"), "!") if name == "a" else text)
    'a={prompt}%21&b=1'
    """

    def one(part: str) -> str:
        name, equals, raw = part.partition("=")
        value = in_literals(parse_slots(raw if equals else name), unquote_plus)
        new = _map_inner(literals(in_literals(parse_slots(name), unquote_plus)) if equals else "", value, change)
        return part if new == value else (name + equals if equals else "") + percent(new)

    return "&".join(map(one, text.split("&"))) if text else text


def map_query(path: str, change: Rewrite) -> str:
    """A path with the fields of its query changed."""
    before, mark, query = path.partition("?")
    return before + mark + map_fields(query, change)


def map_segments(path: str, change: Rewrite) -> str:
    """A path with the stretches between its slashes changed; its query stays."""
    before, mark, query = path.partition("?")

    def one(raw: str) -> str:
        value = in_literals(parse_slots(raw), unquote)
        new = change("", value)
        return raw if new == value else percent(new)

    return "/".join(map(one, before.split("/"))) + mark + query


def encoded_braces(path: str) -> str:
    """A path whose literal braces are percent-encoded, as they go out.

    >>> encoded_braces("/a{{x}}?q={prompt}")
    '/a%7Bx%7D?q={prompt}'
    """
    return spelled(in_literals(parse_slots(path), lambda raw: raw.replace("{", "%7B").replace("}", "%7D")))


def snake(name: str) -> str:
    """
    >>> snake("conversationId"), snake("X-API-Key")
    ('conversation_id', 'x_api_key')
    """
    return re.sub(r"[^A-Za-z0-9]+", "_", re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name)).lower()


def _map_inner(name: str, text: Text, change: Rewrite) -> Text:
    """A text of JSON or a form may be JSON itself."""
    written = spelled(text)
    if (
        written.lstrip()[:1] in ("{", "[")
        and is_json(written)
        and isinstance(json.loads(written, strict=False), dict | list)
    ):
        mapped = map_json(written, change)
        return text if mapped == written else parse_slots(mapped)
    return change(name, text)
