"""Do templates, whoever wrote them, read whatever comes, and send nothing but what they say?"""

from collections.abc import Sequence
from random import Random
from typing import get_args

import httpx

from bench.fuzz.bodies import MEDIA, check_reply, cut_anywhere, exchange_of
from bench.fuzz.hunting import Part, Trial, Wrong
from bench.fuzz.mutating import mutated_bytes, mutated_text, some_text
from wrapdetect.dialects import decode
from wrapdetect.dialects.body.unpacked import BodyError
from wrapdetect.dialects.template import ends_answer, finished, kept_in, polled, replying, signs_of_end
from wrapdetect.dialects.template.filling import JSON, is_frame, is_json, kind_of_body, parts_of, request_of, unwrapped
from wrapdetect.dialects.template.filters import CannotFilter
from wrapdetect.dialects.template.problems import template_problems
from wrapdetect.dialects.template.sources import Received
from wrapdetect.errors import ConfigError, SpecError
from wrapdetect.model import AutoReply, Endpoint, Exchange, Framing, Mode, Poll, Request, Step, Template
from wrapdetect.model.text import whole
from wrapdetect.runs.codec.endpoints import dump_endpoint, load_endpoint
from wrapdetect.targets.config import parse_config
from wrapdetect.targets.origins import join
from wrapdetect.targets.written import dump_target

HOME = "http://bot.example:8080"
SOURCES = (
    "text", "$.data.text", "$.choices[*].delta.content", "$..text", "$.a[0].b", "$[0]", "$.final", "re:^0:(.*)$ => $",
    "re:<b>(.*?)</b>", "header:X-Id", "cookie:sid", "event:end", "event:message", "$.items[?@.kind == 'text'].text",
    "[DONE]",
    "bye", "$.text => re:(\\w+)", "re:id=([0-9]+)", "$['a b']", "$.text", "$.error", "re:.", "$", "$.*", "event:error",
)  # fmt: skip
BODIES = (
    '{"q": "{prompt}"}', '{"messages": {messages}, "id": "{conversation_id}"}', "q={prompt}&id={uuid}", "{prompt}", "",
    '{"system": "{system}", "in": "{\\"q\\": \\"{prompt}\\"}", "n": {n}}', "[{prompt}]", '{"{prompt}": 1}',
    "a={{prompt}}&b={prompt}",
    '{"m": [{"role": "system", "content": "x"}, {messages}]}', '{"q": "{prompt}", "n": "{n | urldecode | trim}"}',
    '42["a",{"q":"{prompt}"}]',
    '--x\r\nContent-Disposition: form-data; name="q"\r\n\r\n{prompt}\r\n--x--\r\n',
)  # fmt: skip
PATHS = (
    "", "/ask", "/ask?q={prompt}", "/c/{conversation_id}/x", "/a%20b?x=1&y={n}", "?{prompt}", "/{uuid}#x", "/{n}",
    "/{n | urlencode}?a={n | base64}",
)  # fmt: skip
HEADERS = (
    (),
    (),
    (),
    (("x-a", "{prompt}"),),
    (("cookie", "a={n}"),),
    (("content-type", "multipart/form-data; boundary=x"),),
)
ANSWERS = (
    b'{"text": "Hi.", "final": true}', b'{"data": {"text": "Hi"}}\n{"data": {"text": " you"}}\n[DONE]\n',
    b"Hi there, all.\n",
    b'event: message\ndata: {"text": "Hi"}\n\nevent: end\ndata: 1\n\n', b'0:"Hi"\n0:" you"\n', b"<b>Hi</b> id=7",
    b'data: {"choices": [{"delta": {"content": "Hi"}}]}\n\ndata: [DONE]\n\n', b'[{"text": "Hi"}]',
    b"<!doctype html><p>x",
    b'{"status": "running", "id": 7}', b'{"status": "failed", "error": {"message": "no"}}', b'{"text": "\\ud800"}',
)  # fmt: skip


def _text(base: Sequence[str], chance: Random) -> str:
    text = chance.choice(base)
    return whole(mutated_text(text, chance)) if chance.randrange(6) == 0 else text


def _maybe(chance: Random, one_in: int) -> str:
    return _text(SOURCES, chance) if chance.randrange(one_in) == 0 else ""


def _keep(chance: Random) -> tuple[tuple[str, str], ...]:
    return (("n", _text(SOURCES, chance)),) if chance.randrange(3) == 0 else ()


def _poll(chance: Random) -> Poll:
    return Poll(
        path=_text(PATHS, chance), until=_maybe(chance, 2), failed=_maybe(chance, 4), keep=_keep(chance), every_s=1.0
    )


def some_template(chance: Random) -> Template:
    """A template that somebody might write, or that came with a recording."""
    framing = chance.choice(get_args(Framing))
    step = Step(method=chance.choice(("GET", "POST")), path=_text(PATHS, chance), body=_text(BODIES, chance))
    reply = AutoReply(when=_text(SOURCES, chance), body=chance.choice(("", "3", '{"pong": "{found}"}')))
    return Template(
        method=chance.choice(("POST", "GET", "PUT")),
        path=_text(PATHS, chance),
        headers=chance.choice(HEADERS),
        body=_text(BODIES, chance),
        framing=framing,
        answer=_text(SOURCES, chance),
        mode=chance.choice(get_args(Mode)),
        done=_maybe(chance, 2),
        error=_maybe(chance, 4),
        model=_maybe(chance, 6),
        quiet_s=2.0 if framing == "websocket" else 0.0,
        keep=_keep(chance),
        steps=(step,) if chance.randrange(5) == 0 else (),
        polls=(_poll(chance),) if chance.randrange(6) == 0 else (),
        replies=(reply,) if framing == "websocket" and chance.randrange(3) == 0 else (),
    )


def some_values(chance: Random) -> dict[str, object]:
    """What is filled in. Questions, answers and kept values were cleaned of halves when they were read, which the parts
    that read them have to show."""
    said = [whole(some_text(chance)) for _ in range(4)]
    messages: list[dict[str, object]] = [{"role": "user", "content": text} for text in said]
    return {
        "prompt": said[0], "messages": messages, "system": said[1], "conversation_id": chance.choice((None, said[2])),
        "uuid": "u-1", "model": "m", "key": "k", "n": chance.choice((None, said[3])), "found": said[2],
    }  # fmt: skip


def draw_template(chance: Random) -> Trial:
    """A template, an answer for it, and values to be filled in."""
    template, data, values = some_template(chance), chance.choice(ANSWERS), some_values(chance)
    for _ in range(chance.choice((0, 4, 4))):  # most are refused at once
        template = some_template(chance) if next(template_problems(template), None) else template
    if chance.randrange(3):
        data = mutated_bytes(data, chance, chance.choice(ANSWERS))
    headers = (("content-type", chance.choice(MEDIA)), ("x-id", some_text(chance)[:50]))
    cut = exchange_of(cut_anywhere(data, chance), headers, chance.choice((200, 200, 202, 429, None)))
    size = len(data) + sum(len(str(v)) for v in values.values()) + len(repr(template))
    return Trial(shown=(template, headers, values, data), size=size, run=lambda: _use(template, cut, data, values))


def _use(template: Template, exchange: Exchange, data: bytes, values: dict[str, object]) -> None:
    """All that is done with a template. One with problems may be refused by name, and by nothing else."""
    endpoint = Endpoint(name="target", role="target", url=HOME, model="", dialect="template", template=template)
    refused = next(template_problems(template), None)
    try:
        _read(template, endpoint, exchange, data, values)
    except SpecError:
        if refused is None:
            raise Wrong("a template without a problem is refused in use") from None
        raise
    if refused is not None:
        raise SpecError("it has a problem, as is told where it is loaded")
    for part in parts_of(template):
        _check_request(part, values)
    check_toml(endpoint)
    if load_endpoint(dump_endpoint(endpoint)) != endpoint:
        raise Wrong("recorded, a template is read as another")


def _read(template: Template, endpoint: Endpoint, exchange: Exchange, data: bytes, values: dict[str, object]) -> None:
    check_reply(decode(exchange, endpoint))
    _check_end(template, data)
    replying(template, Received(data.decode(errors="replace")))
    try:
        kept = kept_in(template, exchange, {})
        for poll in template.polls:
            polled(template, poll, exchange)
    except BodyError:
        return
    try:
        "".join(kept.values()).encode()
    except UnicodeEncodeError as bad:
        raise Wrong("half a surrogate pair is kept") from bad
    values |= kept


def _check_end(template: Template, data: bytes) -> None:
    """What ends an answer holds one of its signs: the sender looks for nothing else."""
    signs = signs_of_end(template)
    over = finished(template, data) or ends_answer(template, data.decode(errors="replace"))
    if over and signs is not None and not any(s in data for s in signs):
        raise Wrong(f"an end without a sign of it; signs {signs}")


def _check_request(part: Request, values: dict[str, object]) -> None:
    """Raises Wrong for a request that is another than was meant."""
    try:
        made = request_of(part, values)
    except CannotFilter:
        return
    made.body.encode()
    for _, text in made.headers:
        if not text.isascii() or any(ord(c) < 0x20 for c in text):
            raise Wrong(f"a header that cannot be sent: {text[:80]!r}")
    if part.body and kind_of_body(part) == JSON and not is_json(unwrapped(made.body) if is_frame(part) else made.body):
        raise Wrong(f"a JSON body is filled in to no JSON: {made.body[:120]!r}")
    if not made.whole:
        _check_host(made.path)


def _check_host(path: str) -> None:
    """Where it goes is where the endpoint is: nothing filled in leads elsewhere."""
    try:
        url = httpx.URL(join(HOME, path))
    except (httpx.InvalidURL, ValueError):
        return  # told when it is asked
    if (url.host, url.port) != ("bot.example", 8080):
        raise Wrong(f"it would be sent to {url.host}:{url.port}")


def check_toml(endpoint: Endpoint) -> None:
    """Written as TOML and read again, a target is the same."""
    text = dump_target(endpoint)
    try:
        read = next(e for e in parse_config(text, "bot.toml").endpoints() if e.role == "target")
    except ConfigError as refusal:
        raise Wrong(f"a TOML of ours is refused: {str(refusal)[:200]!r}") from refusal
    if (read.template, read.url, read.dialect) != (endpoint.template, endpoint.url, endpoint.dialect):
        raise Wrong("a TOML of ours is read as another target")


TEMPLATES = Part(name="templates", draw=draw_template, own=(SpecError,))
