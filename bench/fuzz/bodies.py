"""Do the known APIs read whatever comes: good bodies, mutated ones, cut anywhere?"""

import asyncio
import gzip
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from functools import lru_cache
from itertools import pairwise
from random import Random

from bench.fuzz.hunting import Part, Trial, Wrong
from bench.fuzz.mutating import json_bytes, mutated_bytes, mutated_json, some_value
from wrapdetect.cli.demo.apis import ANTHROPIC, CHAT, GEMINI, OLLAMA, RESPONSES, Api, Question
from wrapdetect.dialects import DIALECTS, Reply, decode
from wrapdetect.model import AskKey, Chunk, Dialect, Endpoint, Exchange
from wrapdetect.runs.codec import dump_exchange

APIS: dict[str, Api] = {
    "openai": CHAT,
    "responses": RESPONSES,
    "anthropic": ANTHROPIC,
    "ollama": OLLAMA,
    "gemini": GEMINI,
}
KNOWN: tuple[Dialect, ...] = tuple(name for api in APIS for name in DIALECTS[api].names)
TEXTS = (
    "The tides follow the moon.",
    "Ebbe und Flut — „Mond“ 🌊🌊, 潮汐。\n\n- one\n- two\n",
    '{"error": "no"} data: [DONE] \\u00e9 \\" <b>&amp;</b>',
    "word " * 60,
)
KEY = AskKey("style", "tides", 0)
BEGUN = datetime(2026, 1, 5, 12, tzinfo=UTC)
MEDIA = (
    "text/event-stream",
    "application/json",
    "application/x-ndjson",
    "text/plain",
    "text/html",
    "",
    "\x00",
    "a/b; c=d",
)
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
    return tuple(Chunk(t_s=round(0.1 + n / 1000, 6), data=data[a:b]) for n, (a, b) in enumerate(pairwise(bounds)))


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


DIALECTS_PART = Part(name="dialects", draw=draw_dialect)
