"""An endpoint -> the TOML that load_config reads back to the same endpoint, commented for whoever edits it."""

import json
import re
from collections.abc import Iterable, Iterator

from wrapdetect.dialects import wire_format
from wrapdetect.dialects.template.filling import variables_of
from wrapdetect.model import TARGET, Endpoint, Page, Step, Template
from wrapdetect.model.template import Poll
from wrapdetect.model.text import whole
from wrapdetect.secrets.variables import login_variables

_BARE = re.compile(r"[A-Za-z0-9_-]+")


def dump_target(endpoint: Endpoint) -> str:
    """The table of a target, or of a reference, as text; it ends with a line break.

    >>> print(dump_target(Endpoint(name="target", role="target", url="https://bot.example/v1", model="m")), end="")
    [target]
    url = "https://bot.example/v1"
    model = "m"
    dialect = "openai"
    """
    return "\n".join(_lines(endpoint)) + "\n"


def _lines(endpoint: Endpoint) -> Iterator[str]:
    root = endpoint.role
    steps = endpoint.page.login if endpoint.page is not None else ()
    variables = [*([endpoint.key_env] if endpoint.key_env else []), *variables_of(endpoint), *login_variables(steps)]
    if variables:
        yield f"# Set these variables first; their values are never written down: {', '.join(variables)}"
    yield "[target]" if root == "target" else "[[reference]]"
    if endpoint.name != TARGET or root != "target":
        yield f"name = {_text(endpoint.name)}"
    yield f"url = {_text(endpoint.url)}"
    if endpoint.model:
        yield f"model = {_text(endpoint.model)}"
    wire = wire_format(endpoint.dialect)
    yield f"dialect = {_text(wire.name)}"
    yield from (["stream = false"] if endpoint.dialect != wire.manner(stream=True) else [])
    yield from _settings(endpoint)
    if endpoint.template is not None:
        yield from _template(endpoint.template, root)
    if endpoint.page is not None:
        yield from _page(endpoint.page, root)


def _settings(endpoint: Endpoint) -> Iterator[str]:
    if endpoint.key_env:
        yield f"key_env = {_text(endpoint.key_env)}"
    if endpoint.weights != "unknown":
        yield f"weights = {_text(endpoint.weights)}"
    if wire_format(endpoint.dialect).is_api:
        if endpoint.token_limit != "max_tokens":
            yield f"token_limit = {_text(endpoint.token_limit)}"
        if not endpoint.send_temperature:
            yield "send_temperature = false"
        yield from _pairs("headers", endpoint.headers, "  # beside the usual ones")
        yield from _pairs("query", endpoint.query)
    if endpoint.hosts:
        yield f"hosts = [{', '.join(map(_text, endpoint.hosts))}]  # asked beside the address's own"
    if endpoint.private:
        yield "private = true  # a public name may lead to a private address"
    if endpoint.storage_state:
        yield f"storage_state = {_text(endpoint.storage_state)}  # cookies and storage of a login; keep it to yourself"


def _template(template: Template, root: str) -> Iterator[str]:
    yield from ("", "# The request that carries a question: {prompt}, or {messages} with the conversation so far.")
    yield f"[{root}.template]"
    yield from _request(template)
    yield f"framing = {_text(template.framing)}  # body, sse, ndjson, text or websocket"
    yield f"answer = {_text(template.answer)}  # where the answer stands: $.. (JSONPath), re:PATTERN or text"
    if template.mode == "replace":
        yield 'mode = "replace"  # each piece is the whole text so far'
    for key, value, what in (
        ("done", template.done, "ends a stream whole; without it the end of the body does"),
        ("error", template.error, "what is found there is an error and no answer"),
        ("model", template.model, "the model that it says it is"),
    ):
        if value:
            yield f"{key} = {_text(value)}  # {what}"
    if template.quiet_s:
        yield f"quiet_s = {float(template.quiet_s)!r}  # seconds without a frame that end an answer"
    if template.variables is not None:
        yield f"variables = [{', '.join(map(_text, template.variables))}]  # all that {{env:NAME}} may read"
    yield from _pairs("headers", template.headers)
    yield from _pairs("keep", template.keep, "  # name = where it stands in the answer")
    for step in template.steps:
        yield from (
            "",
            f"[[{root}.template.step]]",
            f"when = {_text(step.when)}  # run, conversation or ask: once for each",
        )
        yield from _request(step)
        yield from _pairs("headers", step.headers)
        yield from _pairs("keep", step.keep, "  # name = where it stands in what comes back")
    for poll in template.polls:
        yield from _poll(poll, root)
    for reply in template.replies:
        yield from ("", f"[[{root}.template.reply]]")
        yield from [f"when = {_text(reply.when)}  # a frame in which this is found"] if reply.when else []
        yield from [f"every_s = {float(reply.every_s)!r}  # seconds"] if reply.every_s else []
        yield from [f"body = {_text(reply.body)}"] if reply.body else []


def _poll(poll: Poll, root: str) -> Iterator[str]:
    yield from ("", f"[[{root}.template.poll]]")
    yield from _request(poll)
    for key, value, what in (
        ("until", poll.until, "true once the answer is there"),
        ("failed", poll.failed, "what is found there ends it without an answer"),
    ):
        yield from [f"{key} = {_text(value)}  # {what}"] if value else []
    yield f"every_s = {float(poll.every_s)!r}"
    yield f"most_tries = {poll.most_tries}"
    yield from _pairs("headers", poll.headers)
    yield from _pairs("keep", poll.keep, "  # name = where it stands in what comes back")


def _request(part: Template | Step | Poll) -> Iterator[str]:
    yield f"method = {_text(part.method)}"
    if part.path:
        yield f"path = {_text(part.path)}"
    if part.body:
        yield f"body = {_text(part.body)}"


def _page(page: Page, root: str) -> Iterator[str]:
    yield from ("", "# CSS selectors; what is left out is found by looking.", f"[{root}.page]")
    for key in ("input", "send", "answer", "new_chat", "open"):
        if getattr(page, key):
            yield f"{key} = {_text(getattr(page, key))}"
    if page.accept:
        yield f"accept = [{', '.join(map(_text, page.accept))}]  # pressed where they are seen"
    yield f"quiet_s = {float(page.quiet_s)!r}  # seconds without a change that settle an answer"
    for step in page.login:
        yield from ("", f"[[{root}.page.login]]")
        given = (("fill", step.fill), ("text", step.text), ("press", step.press), ("wait", step.wait))
        yield from (f"{key} = {_text(value)}" for key, value in given if value)


def _pairs(key: str, pairs: Iterable[tuple[str, str]], comment: str = "") -> Iterator[str]:
    """Dotted keys, which may stand among the others of the table."""
    for name, value in pairs:
        yield f"{key}.{name if _BARE.fullmatch(name) else _text(name)} = {_text(value)}{comment}"


def _text(value: str) -> str:
    """A TOML string: as it is where quotes can hold it so, else with escapes; nothing in it can drive a terminal.

    >>> print(_text("it's"), _text('a "b"'), _text("\x9b31m\u202e"))
    "it's" 'a "b"' "\\u009b31m\\u202e"
    """
    value = whole(value)
    if not ('"' in value or "\\" in value or "\n" in value) or not all(map(str.isprintable, value.split("\n"))):
        return _escaped(value)
    if "'" not in value and "\n" not in value:
        return f"'{value}'"
    if "'''" not in value and not value.endswith("'"):
        return "'''" + ("\n" if "\n" in value else "") + value + "'''"
    return _escaped(value)


def _escaped(value: str) -> str:
    """Half of a pair, which TOML cannot hold, becomes the sign for a letter that is lost."""
    quoted = json.dumps(value, ensure_ascii=False)
    return "".join(c if c.isprintable() else _escape(ord(c)) for c in quoted)


def _escape(code: int) -> str:
    if 0xD800 <= code <= 0xDFFF:
        code = 0xFFFD
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"
