"""A text with places to be filled in, built as data: a string is a literal, and only a Slot is ever live.

Whatever a remote says of itself, and whatever somebody pasted, enters a template through `render`, `path_of`, `json_of`
and `member` alone. So it is sent to the letter, names no variable of ours, and never changes the host that is asked.
"""

import json
import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import quote

_WORD = r"[A-Za-z_][A-Za-z0-9_]*"
_INNER = rf"((?:env:)?{_WORD})((?: *\| *{_WORD})*)"
PLACEHOLDER = re.compile(rf"\{{(\{{{_INNER}\}})\}}|\{{{_INNER}\}}")
"""As written: doubled, group 1 is what it is the text of; else groups 4 and 5 are a name and its filters."""
_NOTHING = "{_}"
"""Stands for nothing, and parts a brace of the text from that of a slot."""
ENV = "env:"

MOST_DEPTH, MOST_VALUES, MOST_CHARACTERS = 30, 1_000, 100_000
"""What a remote may describe to be sent back: lists within lists, values, characters of JSON."""

_SURROGATE = re.compile("[\ud800-\udfff]")
_SEGMENT = re.compile(r"[^/\\?#@:;\x00-\x1f\x7f]{1,200}")


class Unfit(ValueError):
    """What a remote says of itself cannot be part of a request; the text says which of it, and why."""


@dataclass(frozen=True, slots=True)
class TemplateSlot:
    """A place to be filled in: a name, and what is done to its value, in this order."""

    name: str
    filters: tuple[str, ...] = ()

    @property
    def written(self) -> str:
        """
        >>> TemplateSlot("xsrf", ("urldecode",)).written
        '{xsrf|urldecode}'
        """
        return "{" + "|".join((self.name, *self.filters)) + "}"


Text = tuple[str | TemplateSlot, ...]
"""Literals and slots in their order; no literal is empty or follows another."""
_Change = Callable[[str], str]

PROMPT, CONVERSATION_ID, KEY = TemplateSlot("prompt"), TemplateSlot("conversation_id"), TemplateSlot("key")


def env(name: str) -> TemplateSlot:
    """The value of an environment variable, which whoever builds the template names."""
    return TemplateSlot(ENV + name)


def joined(parts: Iterable[str | TemplateSlot]) -> Text:
    """Parts as a Text.

    >>> joined(["a", "", "b", PROMPT])
    ('ab', TemplateSlot(name='prompt', filters=()))
    """
    out = list[str | TemplateSlot]()
    for part in parts:
        if isinstance(part, str) and out and isinstance(out[-1], str):
            out[-1] += part
        elif part:
            out.append(part)
    return tuple(out)


@lru_cache(maxsize=1024)
def parse_slots(written: str) -> Text:
    """A template's text as what it is made of.

    >>> parse_slots("{{name}} is {name | trim}")
    ('{name} is ', TemplateSlot(name='name', filters=('trim',)))
    """
    parts, at = list[str | TemplateSlot](), 0
    for match in PLACEHOLDER.finditer(written):
        parts += [written[at : match.start()], match[1] or _slot(match[4], match[5])]
        at = match.end()
    return joined((*(p for p in parts if p != TemplateSlot("_")), written[at:]))


def spelled(parts: Iterable[str | TemplateSlot]) -> str:
    """The inverse: a template's text in which the slots alone are live.

    >>> spelled(["{env:HOME} {", PROMPT, "}"]), parse_slots(spelled(["{", PROMPT, "}"]))
    ('{{env:HOME}} {{_}{prompt}}', ('{', TemplateSlot(name='prompt', filters=()), '}'))
    """
    text, out = joined(parts), list[str]()
    for index, part in enumerate(text):
        if isinstance(part, str):
            out.append(PLACEHOLDER.sub(lambda m: f"{{{m[0]}}}", part))
            continue
        before, after = text[index - 1 : index], text[index + 1 : index + 2]
        enclosed = before and after and str(before[0]).endswith("{") and str(after[0]).startswith("}")
        out.append((_NOTHING if enclosed else "") + part.written)
    return "".join(out)


def literal(text: str) -> str:
    """A template's text that stands for that text."""
    return spelled([text])


def in_literals(text: Text, change: _Change) -> Text:
    """With each literal changed, and the slots as they are."""
    return joined(change(part) if isinstance(part, str) else part for part in text)


def swapped(text: Text, old: re.Pattern[str], slot: TemplateSlot) -> Text:
    """With a slot wherever a pattern matches within a literal."""
    out = list[str | TemplateSlot]()
    for part in text:
        if isinstance(part, TemplateSlot):
            out.append(part)
            continue
        at = 0
        for match in old.finditer(part):
            out += [part[at : match.start()], slot]
            at = match.end()
        out.append(part[at:])
    return joined(out)


def literals(text: Text) -> str:
    """The literals alone."""
    return "".join(part for part in text if isinstance(part, str))


def names_of(written: str) -> frozenset[str]:
    """
    >>> sorted(names_of("{a}{{b}}{env:C | trim}{_}"))
    ['a', 'env:C']
    """
    return frozenset(part.name for part in parse_slots(written) if isinstance(part, TemplateSlot))


def percent(parts: Iterable[str | TemplateSlot]) -> str:
    """A field of a form or query, or a stretch of a path, with its literals percent-encoded.

    >>> percent([PROMPT, "? {x}"])
    '{prompt}%3F%20%7Bx%7D'
    """
    return "".join(
        quote(part, safe="", errors="replace") if isinstance(part, str) else part.written for part in joined(parts)
    )


def path_of(*segments: str | TemplateSlot) -> str:
    """A path on the endpoint's own host, of segments that are each one, whatever they hold.

    Raises Unfit for one that names no place below the one before it.

    >>> path_of("gradio_api", "call", "a {x}?", TemplateSlot("event_id"))
    '/gradio_api/call/a%20%7Bx%7D%3F/{event_id}'
    """
    for segment in segments:
        if segment in ("", ".", ".."):
            raise Unfit(f"{segment!r} is no part of a path")
    return "".join("/" + percent([segment]) for segment in segments)


def segments_of(said: str) -> tuple[str, ...]:
    """The segments of a path that a remote says is its own. Raises Unfit for what leads anywhere but below its address.

    >>> segments_of("/gradio_api/v2"), segments_of("")
    (('gradio_api', 'v2'), ())
    """
    if not said or said == "/":
        return ()
    segments = tuple(said.removeprefix("/").removesuffix("/").split("/"))
    fits = said.startswith("/") and all(_SEGMENT.fullmatch(s) and s not in (".", "..") for s in segments)
    if not fits or "%" in said:
        raise Unfit(f"{said[:80]!r} is no path on this host")
    return segments


def json_of(value: object) -> str:
    """A body that is JSON: dicts, lists, texts and numbers as they are, a Slot or a Text where something is filled in.

    Raises Unfit for more than a chat's request can need.

    >>> json_of({"{env:A}": ["{b}", PROMPT, ("say ", PROMPT)], "n": None})
    '{"{{env:A}}": ["{{b}}", "{prompt}", "say {prompt}"], "n": null}'
    """
    if _count(value, 0) > MOST_VALUES:
        raise Unfit(f"more than {MOST_VALUES:,} values")
    written = _json(value)
    if len(written) > MOST_CHARACTERS:
        raise Unfit(f"more than {MOST_CHARACTERS:,} characters")
    return written


def dumps(text: str) -> str:
    """A text as JSON, letters as they are, halves of a pair by their escape."""
    return _SURROGATE.sub(lambda m: f"\\u{ord(m[0]):04x}", json.dumps(text, ensure_ascii=False))


def member(name: str) -> str:
    """A step of a JSONPath into a member of that name, whatever it is.

    >>> member("text"), member("a']{x}")
    ('.text', '["a\\']{x}"]')
    """
    return f".{name}" if re.fullmatch(_WORD, name) else f"[{json.dumps(name)}]"


def _slot(name: str, filters: str) -> TemplateSlot:
    return TemplateSlot(name, tuple(word.strip(" ") for word in filters.split("|")[1:]))


def _count(value: object, depth: int) -> int:
    if depth > MOST_DEPTH:
        raise Unfit(f"nested more than {MOST_DEPTH} deep")
    inner = value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ()
    return 1 + sum(_count(v, depth + 1) for v in inner)


def _json(value: object) -> str:
    match value:
        case TemplateSlot():
            return f'"{value.written}"'
        case str():
            return dumps(literal(value))
        case tuple():
            return dumps(spelled(value))
        case list():
            return "[" + ", ".join(map(_json, value)) + "]"
        case Mapping():
            return "{" + ", ".join(f"{_json(k)}: {_json(v)}" for k, v in value.items()) + "}"
        case float() if not math.isfinite(value):
            raise Unfit(f"{value} is no number of JSON")
        case _:
            return json.dumps(value)
