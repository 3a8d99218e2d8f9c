"""Placeholders -> requests: a template's part and the values of the moment give what goes out.

A name in braces stands for its value; doubled braces, `{{name}}`, are the text `{name}` itself. A value that is None is
JSON's null where it stands alone, and else an empty text.
"""

import json
import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import quote, unquote_plus

from wrapdetect.dialects.body import header_of
from wrapdetect.dialects.sources import text_of_value
from wrapdetect.model import Endpoint, Step, Template

Values = Mapping[str, object]
"""prompt, messages (a list of objects), system, conversation_id, uuid, model, key, "env:NAME" and the names kept.

A name that is kept only later is None, for which see kept_names.
"""

KNOWN = ("prompt", "messages", "system", "conversation_id", "uuid", "model", "key")
"""Placeholders that have a value without being kept; and env:NAME."""

PLACEHOLDER = re.compile(r"\{\{((?:env:)?[A-Za-z_][A-Za-z0-9_]*)\}\}|\{((?:env:)?[A-Za-z_][A-Za-z0-9_]*)\}")
JSON, FORM, TEXT = "application/json", "application/x-www-form-urlencoded", "text/plain; charset=utf-8"

_JSON_PART = re.compile(rf'"(?:[^"\\]|\\.)*"|{PLACEHOLDER.pattern}', re.DOTALL)
_BARE = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null")
_FORM_FIELD = re.compile(r"[^\s=&{}\"]+=[^\s&]*")
_PRINTABLE = "".join(map(chr, range(0x20, 0x7F)))


class Outgoing(NamedTuple):
    """A request, ready to send; `path` is joined to the endpoint's address."""

    method: str
    path: str
    headers: tuple[tuple[str, str], ...]
    body: str


def request_of(part: Template | Step, values: Values) -> Outgoing:
    """The request that a template or step asks for. Names that have no value stay as they are.

    The path is percent-encoded, and what no header can hold as well; a body is filled in by its kind, which goes out as
    its content-type where the headers name none.

    >>> request_of(Template(path="/ask?q={prompt}", body='{"q": "{prompt}"}'), {"prompt": 'A "b"?'})[1::2]
    ('/ask?q=A%20%22b%22%3F', '{"q": "A \\\\"b\\\\"?"}')
    """
    kind = kind_of_body(part)
    headers = tuple((name, _fill_header(value, values)) for name, value in part.headers)
    if part.body and not is_frame(part) and not any(name.lower() == "content-type" for name, _ in headers):
        headers = (*headers, ("content-type", kind))
    return Outgoing(part.method, _fill_path(part.path, values), headers, _fill_body(part.body, kind, values))


@lru_cache(maxsize=256)
def names_in(part: Template | Step) -> frozenset[str]:
    """The placeholders used, such as prompt and env:BOT_COOKIE.

    >>> sorted(names_in(Template(body="{prompt} {env:A} {{not}} {not so}")))
    ['env:A', 'prompt']
    """
    texts = (part.path, part.body, *(value for _, value in part.headers))
    return frozenset(m[2] for text in texts for m in PLACEHOLDER.finditer(text) if m[2])


def variables_of(endpoint: Endpoint) -> tuple[str, ...]:
    """Names of the environment variables that an endpoint's template wants, beside its key's."""
    template = endpoint.template
    if template is None:
        return ()
    names = {name for part in parts_of(template) for name in names_in(part)}
    return tuple(sorted(n.removeprefix("env:") for n in names if n.startswith("env:")))


def kept_names(template: Template) -> frozenset[str]:
    """The names kept by the steps or from the answer; until something is kept, the value of such a name is None.

    So `{conversation_id}` is an id of ours only where nothing keeps it: else the bot gives one with its first answer.
    """
    return frozenset(name for part in parts_of(template) for name, _ in part.keep)


def parts_of(template: Template) -> tuple[Template | Step, ...]:
    """The requests of a template in their order: its steps, then itself."""
    return (*template.steps, template)


def is_frame(part: Template | Step) -> bool:
    """Whether the body goes out as a websocket's frame and not by a request."""
    return part.framing == "websocket" if isinstance(part, Template) else part.method in ("SEND", "RECEIVE")


@lru_cache(maxsize=256)
def kind_of_body(part: Template | Step) -> str:
    """JSON, FORM or TEXT: as its content-type says, or else as it looks.

    >>> kind_of_body(Template(body='{"n": {n}}')), kind_of_body(Template(body="q={prompt}&n=1"))
    ('application/json', 'application/x-www-form-urlencoded')
    """
    said = header_of(part.headers, "content-type").lower()
    body = part.body.strip()
    if "json" in said or (not said and body[:1] in ("{", "[") and PLACEHOLDER.fullmatch(body) is None):
        return JSON if is_json(_JSON_PART.sub(_bare_as_zero, body)) else TEXT
    if said.startswith(FORM):
        return FORM
    looks_so = not said and not is_frame(part) and all(_FORM_FIELD.fullmatch(f) for f in _outside_names(body))
    return FORM if looks_so else TEXT


def _outside_names(body: str) -> list[str]:
    return PLACEHOLDER.sub("x", body).split("&")


def _bare_as_zero(match: re.Match[str]) -> str:
    return match[0] if match[0].startswith('"') else "0"


def _fill_body(body: str, kind: str, values: Values) -> str:
    if kind == JSON:
        return _fill_json(body, values)
    return _fill_form(body, values) if kind == FORM else fill_text(body, values)


def fill_text(text: str, values: Values) -> str:
    """A text with its placeholders filled in.

    >>> fill_text("{a} and {{a}} and {b}", {"a": "x"})
    'x and {a} and {b}'
    """
    return _fill(text, values, lambda value: value)


def _fill(text: str, values: Values, spelled: Callable[[str], str]) -> str:
    def one(match: re.Match[str]) -> str:
        if match[1]:
            return "{" + match[1] + "}"
        return spelled(_text(values[match[2]])) if match[2] in values else match[0]

    return PLACEHOLDER.sub(one, text)


def _text(value: object) -> str:
    return "" if value is None else text_of_value(value)


def _fill_json(body: str, values: Values) -> str:
    """Within the texts of JSON, and where a value is due; what stands around them stays as it is written.

    After an object of a list, messages are items of that list: a system prompt of the body's own stays before them.
    """

    def one(match: re.Match[str]) -> str:
        found = match[0]
        if "{" not in found:
            return found
        before, after = body[: match.start()], body[match.end() :]
        if not found.startswith('"'):
            return _json_value(match[2], values[match[2]], before) if match[2] in values else found
        text = json.loads(found, strict=False)
        alone = PLACEHOLDER.fullmatch(text)
        if alone and alone[2] in values and not after.lstrip().startswith(":"):
            value = values[alone[2]]
            return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else _json_value("", value, before)
        return json.dumps(_fill_inner(text, values), ensure_ascii=False) if PLACEHOLDER.search(text) else found

    return _JSON_PART.sub(one, body)


def _json_value(name: str, value: object, before: str) -> str:
    """Where JSON is due and no quotes stand: a number, true or false that was kept goes bare, any text in quotes."""
    if name not in KNOWN and isinstance(value, str) and _BARE.fullmatch(value):
        return value
    spelled = json.dumps(value, ensure_ascii=False)
    return spelled[1:-1] if isinstance(value, list) and re.search(r"\}\s*,\s*$", before) else spelled


def _fill_inner(text: str, values: Values) -> str:
    """A text within JSON or a form may be JSON itself."""
    return _fill_json(text, values) if text.lstrip()[:1] in ("{", "[") and is_json(text) else fill_text(text, values)


def _fill_form(body: str, values: Values) -> str:
    def one(field: str) -> str:
        if not PLACEHOLDER.search(field):
            return field
        name, equals, value = field.partition("=")
        return _percent(name, values) + equals + _percent(value, values)

    return "&".join(map(one, body.split("&")))


def _percent(raw: str, values: Values) -> str:
    """A field's name or value filled in; braces that are percent-encoded are text."""
    text, at = "", 0
    for match in PLACEHOLDER.finditer(raw):
        text, at = text + _literal(raw[at : match.start()]) + match[0], match.end()
    return quote(_fill_inner(text + _literal(raw[at:]), values), safe="")


def _literal(raw: str) -> str:
    return PLACEHOLDER.sub(lambda m: f"{{{m[0]}}}", unquote_plus(raw))


def _fill_path(path: str, values: Values) -> str:
    before, mark, query = path.partition("?")
    return _fill(before, values, lambda value: quote(value, safe="")) + mark + _fill_form(query, values)


def _fill_header(value: str, values: Values) -> str:
    return quote(fill_text(value, values), safe=_PRINTABLE).strip()


def is_json(text: str) -> bool:
    """Whether a text is JSON; line breaks within its texts are let through."""
    try:
        json.loads(text, strict=False)
    except (ValueError, RecursionError):
        return False
    return True
