"""Answers as remotes send them, good and mutated, whole and cut anywhere: what the dialects and templates make of them."""

import asyncio
import gzip
import json
from collections.abc import AsyncIterator, Iterator, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from random import Random
from typing import get_args

from bench.fuzz.hunting import Part, Trial, Wrong
from bench.fuzz.mutating import json_bytes, mutated_bytes, mutated_json, mutated_text, some_text, some_value
from wrapdetect.codec import dump_exchange
from wrapdetect.dialects import DIALECTS, Reply, decode
from wrapdetect.dialects.body import BodyError
from wrapdetect.dialects.filling import JSON, is_json, kind_of_body, request_of
from wrapdetect.dialects.problems import template_problems
from wrapdetect.dialects.template import ended, finished, kept_in, signs_of_end
from wrapdetect.edge.config import parse_config
from wrapdetect.edge.target_config import dump_target
from wrapdetect.errors import ConfigError, SpecError
from wrapdetect.lab.apis import ANTHROPIC, CHAT, GEMINI, OLLAMA, RESPONSES, Api, Question
from wrapdetect.model import AskKey, Chunk, Dialect, Endpoint, Exchange, Framing, Mode, Step, Template

APIS: dict[str, Api] = {
    "openai": CHAT,
    "responses": RESPONSES,
    "anthropic": ANTHROPIC,
    "ollama": OLLAMA,
    "gemini": GEMINI,
}
KNOWN: tuple[Dialect, ...] = tuple(d for d in DIALECTS if d.rpartition("_")[0] in APIS)
TEXTS = (
    "The tides follow the moon.",
    "Ebbe und Flut — „Mond“ 🌊🌊, 潮汐。\n\n- one\n- two\n",
    '{"error": "no"} data: [DONE] \\u00e9 \\" <b>&amp;</b>',
    "word " * 60,
)
KEY = AskKey("style", "tides", 0)
BEGUN = datetime(2026, 1, 5, 12, tzinfo=UTC)
MEDIA = ("text/event-stream", "application/json", "application/x-ndjson", "text/plain", "text/html", "", "\x00", "a/b; c=d")
STATUSES = (200,) * 12 + (201, 204, 302, 400, 401, 429, 500, 503, 0, 999)


async def _pieces(text: str) -> AsyncIterator[str]:
    for at in range(0, len(text), 7):
        yield text[at : at + 7]


async def _streamed(api: Api, question: Question, text: str) -> str:
    return "".join([part async for part in api.stream(question, _pieces(text))])


@lru_cache(maxsize=64)
def good_body(dialect: Dialect, text: str) -> bytes:
    """What the lab's bot of that dialect would send."""
    name, _, way = dialect.rpartition("_")
    question = Question("m", [{"role": "user", "content": "Hi?"}], 400, way == "stream")
    if way == "stream":
        return asyncio.run(_streamed(APIS[name], question, text)).encode()
    return json.dumps(APIS[name].plain(question, text), ensure_ascii=False).encode()


def cut_anywhere(data: bytes, chance: Random) -> tuple[Chunk, ...]:
    """Whole, in a few pieces cut anywhere, or byte by byte for the first of them."""
    most = chance.choice((0, 1, 2, 5, 12))
    places = sorted({chance.randrange(len(data) + 1) for _ in range(most)})
    if chance.randrange(4) == 0:
        places = sorted({*places, *range(1, min(len(data), 400))})
    bounds = [0, *places, len(data)]
    return tuple(
        Chunk(t_s=round(0.1 + n / 1000, 6), data=data[a:b])
        for n, (a, b) in enumerate(zip(bounds, bounds[1:], strict=False))
    )


def exchange_of(chunks: tuple[Chunk, ...], headers: tuple[tuple[str, str], ...], status: int | None = 200) -> Exchange:
    """One answer of the target, as it was recorded."""
    return Exchange(
        endpoint="target", ask=KEY, turn=0, attempt=0, started=BEGUN, sent="{}", status=status, headers=headers,
        chunks=chunks, ended_s=9.0, failure=None,
    )  # fmt: skip


def check_reply(reply: Reply) -> None:
    """Raises Wrong for a reply that no file or screen could hold, or whose pieces are not its text."""
    said = [reply.text, reply.model or "", reply.finish or "", *(t for pair in reply.fields for t in pair)]
    said += [reply.failure.detail] if reply.failure else []
    try:
        "".join(said).encode()
    except UnicodeEncodeError as bad:
        raise Wrong("half a surrogate pair in a reply") from bad
    if reply.failure is None and "".join(p.text for p in reply.pieces) != reply.text:
        raise Wrong("the pieces of a reply are not its text")
    if reply.failure is None and not reply.text.strip():
        raise Wrong("a reply without text and without a failure")


def same(one: Reply, other: Reply) -> bool:
    """Whether two readings say the same, whenever it came."""
    kinds = [None if r.failure is None else r.failure.kind for r in (one, other)]
    return (one.text, one.model, one.finish, kinds[0]) == (other.text, other.model, other.finish, kinds[1])


def check_cut(good: bool, text: str, endpoint: Endpoint, whole: Exchange, cut: Exchange) -> None:
    """Decodes an answer cut in two ways. Raises Wrong where they differ, or where a good one does not give its text."""
    one, other = decode(whole, endpoint), decode(cut, endpoint)
    check_reply(one)
    check_reply(other)
    dump_exchange(cut).encode()
    if good and (one.failure is not None or one.text != text):
        raise Wrong(f"a good body gives {one.failure or one.text!r}")
    if not same(one, other):
        raise Wrong(f"cut otherwise it says {other.failure or other.text!r:.80} for {one.failure or one.text!r:.80}")


def draw_dialect(chance: Random) -> Trial:
    """A body of a known API: good, or with its JSON, its bytes or its headers changed."""
    dialect, text = chance.choice(KNOWN), chance.choice(TEXTS)
    data = good_body(dialect, text)
    headers = [("content-type", MEDIA[1] if dialect.endswith("plain") else _media(dialect))]
    status, kind = 200, chance.randrange(8)
    if kind in (1, 2, 3, 4):
        data = _changed_events(data, chance)
    elif kind in (5, 6):
        data = mutated_bytes(data, chance, good_body(chance.choice(KNOWN), text))
    elif kind == 7:
        status, headers[0] = chance.choice(STATUSES), ("content-type", chance.choice(MEDIA))
        data = chance.choice((data, json_bytes(some_value(chance)), b""))
    if chance.randrange(12) == 0:
        headers.append(("content-encoding", chance.choice(("gzip", "deflate", "br", "", "x\ny"))))
        data = gzip.compress(data) if chance.randrange(2) else data
        kind = kind or 8
    endpoint = Endpoint(name="target", role="target", url="http://127.0.0.1:1/v1", model="m", dialect=dialect)
    whole = exchange_of((Chunk(t_s=0.5, data=data),), tuple(headers), status)
    cut = exchange_of(cut_anywhere(data, chance), tuple(headers), status)
    return Trial(
        shown=(dialect, status, headers, data), size=len(data),
        run=lambda: check_cut(kind == 0, text, endpoint, whole, cut),
    )  # fmt: skip


def _media(dialect: Dialect) -> str:
    return APIS[dialect.rpartition("_")[0]].media


def _changed_events(data: bytes, chance: Random) -> bytes:
    """The JSON of one line changed, be it an event's, a line's or all there is."""
    lines = data.split(b"\n")
    full = [n for n, line in enumerate(lines) if b"{" in line]
    at = chance.choice(full)
    head, _, rest = lines[at].partition(b"{")
    lines[at] = head + json_bytes(mutated_json(json.loads(b"{" + rest), chance))
    return b"\n".join(lines)


SOURCES = (
    "text", "$.data.text", "$.choices[*].delta.content", "$..text", "$.a[0].b", "$[0]", "$.final", "re:^0:(.*)$ => $",
    "re:<b>(.*?)</b>", "header:X-Id", "cookie:sid", "event:end", "event:message", "$.items[?@.kind == 'text'].text", "[DONE]",
    "bye", "$.text => re:(\\w+)", "re:id=([0-9]+)", "$['a b']", "$.text", "$.error", "re:.", "$", "$.*", "event:error",
)  # fmt: skip
BODIES = (
    '{"q": "{prompt}"}', '{"messages": {messages}, "id": "{conversation_id}"}', "q={prompt}&id={uuid}", "{prompt}", "",
    '{"system": "{system}", "in": "{\\"q\\": \\"{prompt}\\"}", "n": {n}}', "[{prompt}]", '{"{prompt}": 1}', "a={{prompt}}&b={prompt}",
    '{"m": [{"role": "system", "content": "x"}, {messages}]}',
)  # fmt: skip
PATHS = ("", "/ask", "/ask?q={prompt}", "/c/{conversation_id}/x", "/a%20b?x=1&y={n}", "?{prompt}", "/{uuid}#x")
ANSWERS = (
    b'{"text": "Hi.", "final": true}', b'{"data": {"text": "Hi"}}\n{"data": {"text": " you"}}\n[DONE]\n', b"Hi there, all.\n",
    b'event: message\ndata: {"text": "Hi"}\n\nevent: end\ndata: 1\n\n', b'0:"Hi"\n0:" you"\n', b"<b>Hi</b> id=7",
    b'data: {"choices": [{"delta": {"content": "Hi"}}]}\n\ndata: [DONE]\n\n', b'[{"text": "Hi"}]', b"<!doctype html><p>x",
)  # fmt: skip


def _source(chance: Random) -> str:
    source = chance.choice(SOURCES)
    return mutated_text(source, chance) if chance.randrange(5) == 0 else source


def _maybe(chance: Random, one_in: int) -> str:
    return _source(chance) if chance.randrange(one_in) == 0 else ""


def _text(base: Sequence[str], chance: Random) -> str:
    text = chance.choice(base)
    return mutated_text(text, chance) if chance.randrange(5) == 0 else text


def _keep(chance: Random) -> tuple[tuple[str, str], ...]:
    return (("n", _source(chance)),) if chance.randrange(3) == 0 else ()


def some_template(chance: Random) -> Template:
    """A template that somebody might write, or that came with a recording."""
    step = Step(method=chance.choice(("GET", "POST")), path=_text(PATHS, chance), body=_text(BODIES, chance))
    return Template(
        method=chance.choice(("POST", "GET", "PUT")),
        path=_text(PATHS, chance),
        headers=(("x-a", _text(BODIES, chance)),) if chance.randrange(4) == 0 else (),
        body=_text(BODIES, chance),
        framing=chance.choice(get_args(Framing)),
        answer=_source(chance),
        mode=chance.choice(get_args(Mode)),
        done=_maybe(chance, 2),
        error=_maybe(chance, 4),
        model=_maybe(chance, 6),
        quiet_s=chance.choice((0.0, 2.0)),
        keep=_keep(chance),
        steps=(step,) if chance.randrange(5) == 0 else (),
    )


def some_values(chance: Random) -> dict[str, object]:
    """What is filled in: questions, answers and kept values, any of which a remote may have said."""
    said = [some_text(chance) for _ in range(3)]
    messages: list[dict[str, object]] = [{"role": "user", "content": text} for text in said]
    kept = some_value(chance)
    return {
        "prompt": said[0], "messages": messages, "system": said[1], "conversation_id": chance.choice((None, said[2])),
        "uuid": "u-1", "model": "m", "key": "k", "n": kept if isinstance(kept, str) or kept is None else str(kept),
    }  # fmt: skip


def draw_template(chance: Random) -> Trial:
    """A template, an answer for it, and values to be filled in."""
    template, data, values = some_template(chance), chance.choice(ANSWERS), some_values(chance)
    if chance.randrange(3):
        data = mutated_bytes(data, chance, chance.choice(ANSWERS))
    headers = (("content-type", chance.choice(MEDIA)), ("x-id", some_text(chance)[:50]))
    cut = exchange_of(cut_anywhere(data, chance), headers)
    size = len(data) + sum(len(str(v)) for v in values.values()) + len(repr(template))
    return Trial(
        shown=(template, headers, values, data), size=size, run=lambda: _use(template, cut, data, values)
    )


def _use(template: Template, exchange: Exchange, data: bytes, values: dict[str, object]) -> None:
    """All that is done with a template. One with problems may be refused by name, and by nothing else."""
    endpoint = Endpoint(
        name="target", role="target", url="http://127.0.0.1:1", model="", dialect="template", template=template
    )
    refused = next(template_problems(template), None)
    try:
        check_reply(decode(exchange, endpoint))
        _check_end(template, data)
        kept_in(template, exchange, {})
    except BodyError:
        pass
    except SpecError:
        if refused is None:
            raise Wrong("a template without a problem is refused in use") from None
        raise
    if refused is not None:
        raise SpecError(str(refused.what))
    for part in (template, *template.steps):
        _check_request(part, values)
    _check_toml(endpoint)


def _check_end(template: Template, data: bytes) -> None:
    """What ends an answer holds one of its signs: the sender looks for nothing else."""
    signs = signs_of_end(template)
    over = finished(template, data) or ended(template, data.decode(errors="replace"))
    if over and signs is not None and not any(s in data for s in signs):
        raise Wrong(f"an end without a sign of it; signs {signs}")


def _check_request(part: Template | Step, values: dict[str, object]) -> None:
    """Raises Wrong for a request that is another than was meant."""
    made = request_of(part, values)
    for text in (made.path, *(v for _, v in made.headers)):
        if not text.isascii() or any(ord(c) < 0x20 for c in text):
            raise Wrong(f"a path or header that cannot be sent: {text[:80]!r}")
    if part.body and kind_of_body(part) == JSON and not is_json(made.body):
        raise Wrong(f"a JSON body is filled in to no JSON: {made.body[:120]!r}")


def _check_toml(endpoint: Endpoint) -> None:
    """Written as TOML and read again, a target is the same."""
    text = dump_target(endpoint)
    try:
        read = next(e for e in parse_config(text, Path("bot.toml")).endpoints() if e.role == "target")
    except ConfigError as refusal:
        raise Wrong(f"a TOML of ours is refused: {str(refusal)[:200]!r}") from refusal
    if read.template != endpoint.template:
        raise Wrong("a TOML of ours is read as another template")


def parts() -> Iterator[Part]:
    """Dialects and templates."""
    yield Part(name="dialects", draw=draw_dialect)
    yield Part(name="templates", draw=draw_template, own=(SpecError,))
