"""What in a template cannot be used as written: each place named, and no value shown that may be a secret."""

import json
import re
from bisect import bisect
from collections.abc import Iterator, Mapping
from typing import NamedTuple, cast

from wrapdetect.dialects.body.unpacked import header_of
from wrapdetect.dialects.template.filling import (
    FOUND,
    JSON,
    KNOWN,
    MULTIPART,
    is_frame,
    is_handed_out,
    kept_names,
    kind_of_body,
    names_in,
    wanted,
)
from wrapdetect.dialects.template.filters import FILTERS
from wrapdetect.dialects.template.multipart import boundary_of, parts_in
from wrapdetect.dialects.template.slots import (
    ENV,
    PLACEHOLDER,
    TemplateSlot,
    literal,
    literals,
    member,
    names_of,
    parse_slots,
)
from wrapdetect.dialects.template.sources import TOKEN, check_source, is_source
from wrapdetect.errors import SpecError
from wrapdetect.model import AutoReply, Poll, Request, Step, Template
from wrapdetect.secrets.names import secret_name

_Loc = tuple[str | int, ...]
"""Keys and places that lead to a value of a template's table."""

OWN_HEADERS = frozenset(
    {"host", "content-length", "transfer-encoding", "connection", "accept-encoding", "upgrade", "te", "expect"}
)
"""Headers that are wrapdetect's own to send."""
MOST_WAIT_S, MOST_TRIES = 3_600, 10_000
"""Of what is done again and again."""
_RANK: Mapping[str, int] = {"run": 0, "conversation": 1, "ask": 2}

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_LABEL = re.compile(r"(?:^|_)(?:id|uuid|type|role|status|model|event|object|created|time|date|url|session)$|id$")
_LIKE_JSON = re.compile(r'\s*(\{\s*["}]|\[\s*["\[{])')


ENDLESS = (
    "nothing says where an answer ends: set done (what only the last frame holds) or quiet_s = 2 (seconds of silence), "
    "unless the server hangs up after each answer"
)


class Problem(NamedTuple):
    """Where in a table something cannot be used as written, and why; never with a value that may be a secret."""

    loc: _Loc
    what: str


MOST_BESIDE = 100
"""Requests and replies beside the question; a login and a handshake take five."""


def template_problems(template: Template) -> Iterator[Problem]:
    """Whatever in a template cannot be used; locations as in its table."""
    many = len(template.steps) + len(template.polls) + len(template.replies)
    if many > MOST_BESIDE:
        yield Problem((), f"holds {many:,} steps, polls and replies; expected at most {MOST_BESIDE}")
        return
    for loc, part in _places(template):
        yield from (Problem((*loc, *p.loc), p.what) for p in _request_problems(part, template))
    yield from _answer_problems(template)
    yield from _kept_problems(template)
    yield from _unstated(template)
    yield from _polling_problems(template)
    asking: list[Request] = [template, *(step for step in template.steps if step.when == "ask")]
    if not any(names_in(part) & {"prompt", "messages"} for part in asking):
        doubled = any("{prompt}" in literals(parse_slots(text)) for text in template.sent_texts)
        hint = "; {{prompt}} is the text {prompt} itself, write {prompt}" if doubled else ""
        yield Problem((), f"holds neither {{prompt}} nor {{messages}}: where does the question go?{hint}")


def is_endless(template: Template) -> bool:
    """Whether only the server can end an answer, by hanging up."""
    return template.framing == "websocket" and not template.done and not template.quiet_s


def envelope(template: Template, media_type: str, text: str) -> str:
    """What is wrong with an answer that was taken whole though it is events or JSON, and what to write; "" if nothing.

    A denial cut into frames reads as a claim, so that no such answer may be judged.

    >>> envelope(Template(answer="text"), "application/json", '{"ok": true, "reply": "Hello."}')
    'this is JSON, not an answer: set answer to where the text stands, such as answer = "$.reply"'
    """
    if template.answer != "text":
        return ""
    text = text.strip()
    labelled = "event-stream" in media_type and re.search(r"^data:", text, re.M)
    events = labelled or re.match(r"(?:data|event|id|retry):", text)
    if events and template.framing not in ("sse", "websocket"):
        path = _path_in(text)
        found = (
            f"answer = {json.dumps(path)}" if path else "answer = where the text stands in one of them (docs/ways.md)"
        )
        return f'these are server-sent events, not an answer: set framing = "sse" and {found}'
    values, whole = _json_values(text)
    if not values:
        return ""
    one = f"such as answer = {json.dumps(_longest_text(values) or '$.reply.text')}"
    many = len(values) > 1 and whole and template.framing in ("body", "text")
    if many or ("ndjson" in media_type and template.framing in ("body", "text")):
        return f'these are lines of JSON, not an answer: set framing = "ndjson" and answer to the text\'s place, {one}'
    return f"this is JSON, not an answer: set answer to where the text stands, {one}" if whole else ""


def _json_values(text: str) -> tuple[list[object], bool]:
    """The JSON objects and lists that a text consists of, and whether they are all of it."""
    values, at = list[object](), 0
    while at < len(text) and text[at] in "{[":
        try:
            value, at = json.JSONDecoder(strict=False).raw_decode(text, at)
        except (ValueError, RecursionError):
            break
        values.append(value)
        at += len(text[at:]) - len(text[at:].lstrip())
    return values, at >= len(text)


def _path_in(events: str) -> str:
    """Where the text stands in the data of server-sent events; "" where they hold no JSON."""
    lines = (line.partition(":")[2] for line in events.splitlines() if line.startswith("data:"))
    return _longest_text([value for line in lines for value in _json_values(line.strip())[0]])


def _longest_text(values: list[object]) -> str:
    """The place that holds the most characters of text over all the values; "" of none."""
    sizes: dict[str, int] = {}
    for value in values:
        for path, size in _texts(value, "$", 0):
            sizes[path] = sizes.get(path, 0) + size
    return max(sizes, key=lambda path: sizes[path], default="")


def _texts(value: object, path: str, depth: int) -> Iterator[tuple[str, int]]:
    """The texts within JSON: their places and lengths; what looks like an id or type counts little."""
    if depth > 12:
        return
    if isinstance(value, str):
        if path != "$":
            name = re.split(r"[.\[]", path)[-1].lower()
            yield path, 0 if _LABEL.search(name) else len(value)
    elif isinstance(value, dict):
        for name, inner in cast("dict[str, object]", value).items():
            yield from _texts(inner, path + member(name), depth + 1)
    elif isinstance(value, list):
        for index, inner in enumerate(cast("list[object]", value)[:50]):
            yield from _texts(inner, f"{path}[{index}]", depth + 1)


def _places(template: Template) -> Iterator[tuple[_Loc, Request]]:
    yield (), template
    yield from ((("step", index), step) for index, step in enumerate(template.steps))
    yield from ((("poll", index), poll) for index, poll in enumerate(template.polls))
    yield from ((("reply", index), reply) for index, reply in enumerate(template.replies))


def _request_problems(part: Request, template: Template) -> Iterator[Problem]:
    yield from _method_problems(part, template)
    begins = part.path.startswith(("/", "?")) and not part.path.startswith("//")
    if part.path and not begins and not is_handed_out(part.path):
        yield Problem(("path",), "begins with neither / nor ?; expected what comes after the url, such as /api/chat")
    written = literals(parse_slots(part.path))
    if not written.isprintable() or set(written) & set(" #\\"):
        yield Problem(("path",), "holds a space, #, backslash or line break; percent-encode it")
    for name in _literal_secrets_of_query(part.path):
        yield Problem(("path",), f"holds a value for {name}, which looks like a secret; write {name}={{env:NAME}}")
    for name, value in part.headers:
        yield from (Problem(("headers", name), what) for what in _header_problems(name, value, part.body))
        if [n.lower() for n, _ in part.headers].count(name.lower()) > 1:
            yield Problem(("headers", name), "stands there twice; join the values")
    yield from (Problem(("body",), what) for what in _body_problems(part))
    yield from _filter_problems(part)


def _method_problems(part: Request, template: Template) -> Iterator[Problem]:
    frame = isinstance(part, Step) and is_frame(part)
    if not re.fullmatch(r"[A-Z]+", part.method):
        yield Problem(("method",), f"{part.method!r} is no method; expected one such as GET or POST, in capitals")
    if not isinstance(part, Step) or not frame:
        return
    if template.framing != "websocket":
        yield Problem(("method",), f'{part.method} is for framing = "websocket"; expected GET or POST')
    if part.when == "run":
        yield Problem(("when",), f"a {part.method} needs a connection, and each conversation has its own; not run")
    if part.method == "SEND" and not part.body:
        yield Problem(("body",), "a SEND needs a body: the frame to send")
    if part.method == "SEND" and part.keep:
        yield Problem(("keep",), "a SEND gets no answer to keep anything from; add a step with RECEIVE")


def _header_problems(name: str, value: str, body: str) -> Iterator[str]:
    if not TOKEN.fullmatch(name):
        yield "is no name of a header; expected letters, digits and -"
    elif name.lower() in OWN_HEADERS:
        yield "is wrapdetect's own to send; leave it out"
    if not (value.isascii() and value.isprintable()):
        yield "holds a line break, or another character that no header may hold"
    if secret_name(name, "header") and not _has_a_place(value):
        yield "looks like a secret (value not shown); write {env:NAME}, and set that variable, or {key} with key_env"
    if name.lower() == "content-type" and "multipart" in value.lower():
        yield from _multipart_problems(value, body)


def _multipart_problems(value: str, body: str) -> Iterator[str]:
    if not value.lower().startswith(MULTIPART):
        yield f"is a kind of multipart that is not supported; expected {MULTIPART}"
    elif not parts_in(body):
        yield "says multipart, and the body has no whole parts; expected --BOUNDARY lines around each, with its name"
    elif boundary_of(value) != literals(parse_slots(body.strip().partition("\n")[0].strip()[2:])):
        yield "names another boundary than the body's first line has"


def _body_problems(part: Request) -> Iterator[str]:
    said = header_of(part.headers, "content-type").lower()
    due = "json" in said or (not said and _LIKE_JSON.match(part.body))
    if part.body.strip() and due and kind_of_body(part) != JSON:
        yield f"is not JSON: {_json_error(part.body)}; quotes and braces of the question would break it"
    elif kind_of_body(part) == JSON:
        for name in _literal_secrets_of_json(part.body):
            yield f"holds a value for {name}, which looks like a secret; write {{env:NAME}} instead"
    else:
        for name in _literal_secrets_of_query("?" + part.body):
            yield f"holds a value for {name}, which looks like a secret; write {name}={{env:NAME}}"


def _json_error(body: str) -> str:
    quotes = [m.start() for m in re.finditer(r'(?<!\\)"', body)]  # an odd number of them before what stands in a text
    try:
        json.loads(PLACEHOLDER.sub(lambda m: m[0] if bisect(quotes, m.start()) % 2 else "0", body), strict=False)
    except (ValueError, RecursionError) as error:
        return str(error)
    return "its placeholders stand where no value is due"


def _has_a_place(value: str) -> bool:
    """Whether a value that should not be written down is filled in from elsewhere."""
    return any(
        isinstance(part, TemplateSlot) and part.name not in ("prompt", "messages", "system", "model")
        for part in parse_slots(value)
    )


_MOST_FILTERS = 8
"""In a row; each base64 makes a third more of what it is given."""


def _filter_problems(part: Request) -> Iterator[Problem]:
    places: list[tuple[_Loc, str]] = [(("path",), part.path), (("body",), part.body)]
    places += [(("headers", name), value) for name, value in part.headers]
    for loc, text in places:
        for slot in (s for s in parse_slots(text) if isinstance(s, TemplateSlot)):
            if len(slot.filters) > _MOST_FILTERS:
                yield Problem(loc, f"{{{slot.name}}} has {len(slot.filters)} filters; expected at most {_MOST_FILTERS}")
            for name in (f for f in slot.filters if f not in FILTERS):
                known = ", ".join(FILTERS)
                yield Problem(
                    loc,
                    f"{slot.written}: there is no filter {name}; expected {known} ({literal(slot.written)} is text)",
                )


def _unstated(template: Template) -> Iterator[Problem]:
    """Variables that a template would read beyond its own statement."""
    for name in wanted(template):
        if template.variables is not None and name not in template.variables:
            yield Problem(
                ("variables",),
                f"does not state {name}, which {{{ENV}{name}}} would read; add it if you mean it to be sent",
            )


def _literal_secrets_of_query(path: str) -> list[str]:
    fields = [field.partition("=") for field in path.partition("?")[2].split("&")]
    return [n for n, _, v in fields if _NAME.match(n) and _literal_secret(n, v)]


def _literal_secrets_of_json(body: str) -> list[str]:
    found = re.finditer(r'"((?:[^"\\]|\\.)*)"\s*:\s*"((?:[^"\\]|\\.)*)"', body)
    return [m[1] for m in found if " " not in m[2] and _literal_secret(m[1], m[2])]


def _literal_secret(name: str, value: str) -> bool:
    return secret_name(name, "body") and len(value) >= 8 and not _has_a_place(value)


def _answer_problems(template: Template) -> Iterator[Problem]:
    for key, source in (("answer", template.answer), ("error", template.error), ("model", template.model)):
        if source or key == "answer":
            yield from _source_problems((key,), source)
    if template.answer.startswith(("header:", "cookie:")):
        yield Problem(("answer",), "an answer stands in what is sent after the headers; expected $.., re: or text")
    if template.done and is_source(template.done):
        yield from _source_problems(("done",), template.done)
    if template.framing == "text" and template.mode == "replace":
        yield Problem(("mode",), 'framing = "text" is cut anywhere, so that no piece is the whole text so far')
    if template.quiet_s and template.framing != "websocket":
        yield Problem(("quiet_s",), 'is for framing = "websocket"; elsewhere an answer ends with its body')


def _polling_problems(template: Template) -> Iterator[Problem]:
    """Of what is done again and again, and of what is sent without a question."""
    over_socket = template.framing == "websocket"
    for index, poll in enumerate(template.polls):
        loc: _Loc = ("poll", index)
        if over_socket:
            yield Problem(loc, "is for answers over HTTP; on a websocket frames come by themselves")
        for key, source in (("until", poll.until), ("failed", poll.failed)):
            yield from _source_problems((*loc, key), source) if source else ()
        if not 0.05 <= poll.every_s <= MOST_WAIT_S:
            yield Problem((*loc, "every_s"), f"is no number of seconds from 0.05 to {MOST_WAIT_S:,}")
        if not 1 <= poll.most_tries <= MOST_TRIES:
            yield Problem((*loc, "most_tries"), f"is no number from 1 to {MOST_TRIES:,}")
    for index, reply in enumerate(template.replies):
        loc = ("reply", index)
        if reply.when and not is_source(reply.when) and re.search(r"[\^$|*+\\]", reply.when):
            yield Problem((*loc, "when"), f"is no source, and looks like a pattern: write {'re:' + reply.when!r}")
        if not over_socket:
            yield Problem(loc, 'is for framing = "websocket"')
        if bool(reply.when) == bool(reply.every_s):
            yield Problem(loc, "needs one of the two: when (a source that finds something in a frame), or every_s")
        if reply.when and is_source(reply.when):
            yield from _source_problems((*loc, "when"), reply.when)
        elif not reply.when and not 0.05 <= reply.every_s <= MOST_WAIT_S:
            yield Problem((*loc, "every_s"), f"is no number of seconds from 0.05 to {MOST_WAIT_S:,}")
        if not reply.when and not reply.body:
            yield Problem((*loc, "body"), "is missing: the frame to send")


def _source_problems(loc: _Loc, source: str) -> Iterator[Problem]:
    try:
        check_source(source, "")
    except SpecError as error:
        yield Problem(loc, str(error).removeprefix(": "))


def _kept_problems(template: Template) -> Iterator[Problem]:
    """Names kept under a name that is taken, or used where nothing has kept them yet."""
    by_steps: set[str] = set()
    for loc, part in _places(template):
        for name, source in part.keep:
            yield from _source_problems((*loc, "keep", name), source)
            if not _NAME.fullmatch(name):
                yield Problem((*loc, "keep", name), "is no name to keep something by; expected letters, digits and _")
            elif name in KNOWN and name != "conversation_id":
                yield Problem((*loc, "keep", name), f"{{{name}}} has its value already; choose another name")
            elif isinstance(part, Step) and name in by_steps:
                yield Problem((*loc, "keep", name), "is kept by an earlier step already; choose another name")
            by_steps |= {name} if isinstance(part, Step) else set()
    order = sorted(enumerate(template.steps), key=lambda step: _RANK[step[1].when])
    there: set[str] = {*KNOWN}
    of_answers = {name for name, _ in (*template.keep, *(pair for poll in template.polls for pair in poll.keep))}
    for index, step in order:
        yield from _unknown(("step", index), step, there | (of_answers if step.when == "ask" else set()), template)
        there |= {name for name, _ in step.keep}
    yield from _unknown((), template, there | of_answers, template)
    for loc, part in _places(template):
        if isinstance(part, Poll | AutoReply):
            found = {FOUND} if isinstance(part, AutoReply) and part.when else set()
            yield from _unknown(loc, part, there | of_answers | found, template)


def _unknown(loc: _Loc, part: Request, there: set[str], template: Template) -> Iterator[Problem]:
    for name in sorted(n for n in names_in(part) if not n.startswith(ENV) and n not in there):
        where = next((key for key in ("path", "body") if name in names_of(getattr(part, key))), "headers")
        why = "is kept only later" if name in kept_names(template) else "has no value, and no step keeps one"
        known = ", ".join(f"{{{n}}}" for n in KNOWN)
        yield Problem(
            (*loc, where),
            f"{{{name}}} {why}; expected {known}, {{env:NAME}} or a name kept before ({{{{{name}}}}} is text)",
        )
