"""Placeholders -> requests: a template's part and the values of the moment give what goes out.

A name in braces stands for its value; doubled braces, `{{name}}`, are the text `{name}` itself, and `{_}` is nothing
(slots.py). A value that is None is JSON's null where it stands alone, and else an empty text.
"""

import json
import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import quote, unquote_plus

from wrapdetect.dialects.body.unpacked import header_of
from wrapdetect.dialects.template.filters import filtered
from wrapdetect.dialects.template.multipart import body_of, parts_in, unlike_all
from wrapdetect.dialects.template.slots import (
    ENV,
    PLACEHOLDER,
    TemplateSlot,
    Text,
    dumps,
    in_literals,
    literals,
    names_of,
    parse_slots,
    spelled,
)
from wrapdetect.dialects.template.sources import text_of_value
from wrapdetect.model import Endpoint, Request, Template

Values = Mapping[str, object]
"""prompt, messages (a list of objects), system, conversation_id, uuid, model, key, "env:NAME" and the names kept.

A name that is kept only later is None, for which see kept_names.
"""

KNOWN = ("prompt", "messages", "system", "conversation_id", "uuid", "model", "key")
"""Placeholders that have a value without being kept; and env:NAME."""
FOUND = "found"
"""What a reply's source found in the frame that it answers."""

JSON, FORM, TEXT = "application/json", "application/x-www-form-urlencoded", "text/plain; charset=utf-8"
MULTIPART = "multipart/form-data"

_JSON_PART = re.compile(rf'"(?:[^"\\]|\\.)*+(?:"|$)|{PLACEHOLDER.pattern}', re.DOTALL)
LONGEST_BARE = 300
"""Digits of a number that goes out without quotes; no double has more, and no JSON reader takes thousands."""
_BARE = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null")
_FORM_FIELD = re.compile(r"[^\s=&{}\"]+=[^\s&]*")
_ENVELOPE = re.compile(r"\A[0-9]++(?:/[^,\[{]*+,[0-9]*+)?(?=[\[{])")
_END_OF_RECORD = "\x1e\x00"
PRINTABLE = "".join(map(chr, range(0x20, 0x7F)))


class Outgoing(NamedTuple):
    """A request, ready to send; `path` is joined to the endpoint's address, or where it is `whole` it was handed out,
    such as a job's Location, and is led to from there as a redirect is."""

    method: str
    path: str
    headers: tuple[tuple[str, str], ...]
    body: str
    whole: bool = False


def request_of(part: Request, values: Values) -> Outgoing:
    """The request that a template or step asks for. Names that have no value stay as they are.

    The path is percent-encoded, and what no header can hold as well; a body is filled in by its kind, which goes out as
    its content-type where the headers name none.

    >>> request_of(Template(path="/ask?q={prompt}", body='{"q": "{prompt}"}'), {"prompt": 'A "b"?'})[1::2]
    ('/ask?q=A%20%22b%22%3F', '{"q": "A \\\\"b\\\\"?"}')
    """
    kind = kind_of_body(part)
    whole = is_handed_out(part.path)
    path = _fill_whole(part.path, values) if whole else _fill_path(part.path, values)
    headers = tuple((name, _fill_header(value, values)) for name, value in part.headers)
    if kind == MULTIPART:
        body, boundary = _fill_parts(part.body, values)
        typed = ((n, f"{MULTIPART}; boundary={boundary}" if n.lower() == "content-type" else v) for n, v in headers)
        return Outgoing(part.method, path, tuple(typed), body, whole)
    if part.body and not is_frame(part) and not any(name.lower() == "content-type" for name, _ in headers):
        headers = (*headers, ("content-type", kind))
    return Outgoing(part.method, path, headers, _fill_body(part.body, kind, values), whole)


@lru_cache(maxsize=256)
def names_in(part: Request) -> frozenset[str]:
    """The placeholders used, such as prompt and env:BOT_COOKIE.

    >>> sorted(names_in(Template(body="{prompt} {env:A} {{not}} {not so}")))
    ['env:A', 'prompt']
    """
    return frozenset().union(*map(names_of, (part.path, part.body, *(value for _, value in part.headers))))


def variables_of(endpoint: Endpoint) -> tuple[str, ...]:
    """Names of the environment variables that an endpoint's template, headers and query want and may read, beside its
    key's."""
    template = endpoint.template
    ours = frozenset().union(*(names_of(value) for _, value in (*endpoint.headers, *endpoint.query)))
    own = {n.removeprefix(ENV) for n in ours if n.startswith(ENV)}
    stated = template.variables if template else None
    wants = wanted(template) if template else ()
    return tuple(sorted(own | {n for n in wants if stated is None or n in stated}))


def wanted(template: Template) -> tuple[str, ...]:
    """Every NAME of its {env:NAME}."""
    names = {name for part in parts_of(template) for name in names_in(part)}
    return tuple(sorted(n.removeprefix(ENV) for n in names if n.startswith(ENV)))


def kept_names(template: Template) -> frozenset[str]:
    """The names kept by the steps or from the answer; until something is kept, the value of such a name is None.

    So `{conversation_id}` is an id of ours only where nothing keeps it: else the bot gives one with its first answer.
    """
    return frozenset(name for part in parts_of(template) for name, _ in part.keep)


def parts_of(template: Template) -> tuple[Request, ...]:
    """The requests of a template in their order: its steps, itself, its polls; and the replies of a websocket."""
    return (*template.steps, template, *template.polls, *template.replies)


def is_frame(part: Request) -> bool:
    """Whether the body goes out as a websocket's frame and not by a request."""
    return part.framing == "websocket" if isinstance(part, Template) else part.method in ("SEND", "RECEIVE")


@lru_cache(maxsize=256)
def kind_of_body(part: Request) -> str:
    """JSON, FORM, MULTIPART or TEXT: as its content-type says, or else as it looks.

    >>> kind_of_body(Template(body='{"n": {n}}')), kind_of_body(Template(body="q={prompt}&n=1"))
    ('application/json', 'application/x-www-form-urlencoded')
    """
    said = header_of(part.headers, "content-type").lower()
    written = part.body.strip(" \t\r\n")  # what JSON takes for blank; other signs make it text
    body = unwrapped(written) if is_frame(part) else written
    looks_like_it = body[:1] in ("{", "[") and PLACEHOLDER.fullmatch(body) is None
    if "json" in said or (looks_like_it and not said.startswith((FORM, MULTIPART))):  # pages send it as text/plain, too
        return JSON if is_json(_JSON_PART.sub(_bare_as_null, body)) else TEXT
    if said.startswith(FORM):
        return FORM
    if said.startswith(MULTIPART):
        return MULTIPART if parts_in(body) else TEXT
    looks_so = not said and not is_frame(part) and all(_FORM_FIELD.fullmatch(f) for f in _outside_names(body))
    return FORM if looks_so else TEXT


def unwrapped(frame: str) -> str:
    """A frame without Socket.IO's number before it, or the end of a record (SignalR, STOMP) behind it.

    >>> unwrapped('42/chat,7["ask", "{prompt}"]'), unwrapped('{"type": 6}\\x1e')
    ('["ask", "{prompt}"]', '{"type": 6}')
    """
    return (
        _ENVELOPE.sub("", frame, count=1).rstrip(_END_OF_RECORD)
        if frame[:1] not in "[{"
        else frame.rstrip(_END_OF_RECORD)
    )


def _outside_names(body: str) -> list[str]:
    return PLACEHOLDER.sub("x", body).split("&")


def _bare_as_null(match: re.Match[str]) -> str:
    """A placeholder without quotes is a whole value (not the end of a number); doubled it is text, and no JSON."""
    return match[0] if match[0].startswith('"') or match[1] else "null"


def _fill_body(body: str, kind: str, values: Values) -> str:
    if kind == JSON:
        return _fill_json(body, values)
    return _fill_form(body, values) if kind == FORM else fill_text(body, values)


def fill_text(text: str, values: Values) -> str:
    """A text with its placeholders filled in.

    >>> fill_text("{a} and {{a}} and {b} and {a | base64}", {"a": "x"})
    'x and {a} and {b} and eA=='
    """
    return _filled(parse_slots(text), values, str)


def _filled(text: Text, values: Values, spelled: Callable[[str], str]) -> str:
    """Literals as they are, values as they are spelled here; a slot without a value stays as it is."""
    return "".join(
        part if isinstance(part, str) else spelled(_text(part, values)) if part.name in values else part.written
        for part in text
    )


def _text(slot: TemplateSlot, values: Values) -> str:
    value = values[slot.name]
    return filtered("" if value is None else text_of_value(value), slot.filters)


def _fill_parts(body: str, values: Values) -> tuple[str, str]:
    """The body and its boundary, which no value may hold."""
    parts = [
        (literals(parse_slots(head)), _fill_within(parse_slots(content), values))
        for head, content in parts_in(body) or []
    ]
    given = literals(parse_slots(body.strip().partition("\n")[0].strip()[2:]))
    boundary = unlike_all(given, [content for _, content in parts])
    return body_of(parts, boundary), boundary


def _fill_within(text: Text, values: Values) -> str:
    """A text that may be JSON itself."""
    within = _json_within(text)
    return _filled(text, values, str) if within is None else _fill_json(within, values)


def _fill_json(body: str, values: Values) -> str:
    """Within the texts of JSON, and where a value is due; what stands around them stays as it is written.

    After an object of a list, messages are items of that list: a system prompt of the body's own stays before them.
    """

    def one(match: re.Match[str]) -> str:
        found = match[0]
        if not PLACEHOLDER.search(found):
            return found
        before, after = body[: match.start()], body[match.end() :]
        text = parse_slots(found[1:-1] if found.startswith('"') else found)
        alone = text[0] if len(text) == 1 and isinstance(text[0], TemplateSlot) and text[0].name in values else None
        if alone and not found.startswith('"'):
            return _json_value(alone, values, before)
        if alone and not after.lstrip().startswith(":"):
            value = values[alone.name]
            return dumps(_text(alone, values)) if isinstance(value, str) else _json_value(alone, values, before)
        return _fill_string(text, values) if found.startswith('"') else found

    return _JSON_PART.sub(one, body)


def _fill_string(text: Text, values: Values) -> str:
    """A string of JSON, whose literals are as they stood between its quotes; it may hold JSON itself.

    A brace that is spelt by an escape is text: what is decoded is a literal, in which no placeholder is looked for.
    """
    within = _json_within(in_literals(text, unescaped))
    if within is not None:
        return dumps(_fill_json(within, values))
    return '"' + _filled(text, values, lambda value: dumps(value)[1:-1]) + '"'


def _json_within(text: Text) -> str | None:
    """A text with slots that is JSON itself, as it would stand in a template."""
    written = spelled(text)
    has_slots = any(isinstance(part, TemplateSlot) for part in text)
    return written if has_slots and written.lstrip()[:1] in ("{", "[") and is_json(written) else None


def unescaped(raw: str) -> str:
    """What stands between the quotes of JSON, as text."""
    return str(json.loads(f'"{raw}"', strict=False))


def _json_value(slot: TemplateSlot, values: Values, before: str) -> str:
    """Where JSON is due and no quotes stand: a number, true or false that was kept goes bare, any text in quotes."""
    value = values[slot.name]
    if slot.filters:
        value = _text(slot, values)
        if slot.filters[-1] == "json":
            return value
    if slot.name not in KNOWN and isinstance(value, str) and len(value) <= LONGEST_BARE and _BARE.fullmatch(value):
        return value
    spelled = dumps(value) if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return spelled[1:-1] if isinstance(value, list) and re.search(r"\}\s*,\s*$", before) else spelled


def _fill_form(body: str, values: Values) -> str:
    def one(field: str) -> str:
        if not PLACEHOLDER.search(field):
            return field
        name, equals, value = field.partition("=")
        return _percent(name, values) + equals + _percent(value, values)

    return "&".join(map(one, body.split("&")))


def _percent(raw: str, values: Values) -> str:
    """A field's name or value filled in; braces that are percent-encoded are text."""
    return quote(_fill_within(in_literals(parse_slots(raw), unquote_plus), values), safe="")


def is_handed_out(path: str) -> bool:
    """Whether a path is one kept value and nothing else.

    >>> [is_handed_out(p) for p in ("{where}", "/{where}", "{prompt}", "")]
    [True, False, False, False]
    """
    text = parse_slots(path)
    return (
        len(text) == 1 and isinstance(text[0], TemplateSlot) and text[0].name not in KNOWN and ":" not in text[0].name
    )


def _fill_whole(path: str, values: Values) -> str:
    return quote(fill_text(path, values), safe=PRINTABLE.replace(" ", "").replace("\\", ""))


def _fill_path(path: str, values: Values) -> str:
    before, mark, query = path.partition("?")
    return _filled(parse_slots(before), values, lambda value: quote(value, safe="")) + mark + _fill_form(query, values)


def _fill_header(value: str, values: Values) -> str:
    return quote(fill_text(value, values), safe=PRINTABLE).strip()


def is_json(text: str) -> bool:
    """Whether a text is JSON; line breaks within its texts are let through."""
    try:
        json.loads(text, strict=False)
    except (ValueError, RecursionError):
        return False
    return True
