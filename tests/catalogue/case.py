"""What a case of the catalogue is, how each way is spoken, and how one case is put to its sender."""

import asyncio
import itertools
import json
import threading
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from functools import partial
from typing import Literal, NamedTuple, TypeVar

from tests.conftest import an_endpoint
from tests.ways import asking_templates
from tests.ways.misbehaving import Behaviour, Peer, Server, fixed, serving
from wrapdetect.dialects import Reply, decode
from wrapdetect.model import Ask, AskKey, Dialect, Endpoint, Exchange, FailureKind, Page, Template
from wrapdetect.runs.ask import Send
from wrapdetect.ways import clock
from wrapdetect.ways.keyring import Keyring
from wrapdetect.ways.send import open_ways

SLACK_S = 10.0
"""How far an exchange may pass its limit on time on a slow machine: what is tested is that a limit holds at all."""
FINE = "The moon pulls."
QUESTION = "Why are there tides?"
DRAWS = itertools.count()
"""So that one sender may hold many conversations at a time."""
T = TypeVar("T")
Way = Literal["api", "template", "websocket", "page"]


class Talk(NamedTuple):
    """How an endpoint is spoken to: its dialect, and what one piece of answer, its end and its content type look like.

    `piece` of a plain way is the whole body.
    """

    dialect: Dialect
    piece: Callable[[str], bytes]
    end: bytes = b""
    kind: str = "application/json"
    template: Template | None = None

    @property
    def way(self) -> Way:
        if self.dialect == "page":
            return "page"
        if self.template is None:
            return "api"
        return "websocket" if self.template.framing == "websocket" else "template"


def _json(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()


def _event(value: object, name: str = "") -> bytes:
    return (f"event: {name}\n".encode() if name else b"") + b"data: " + _json(value) + b"\n\n"


def _chat(text: str) -> bytes:
    message = {"role": "assistant", "content": text}
    return _json({"model": "m", "choices": [{"index": 0, "message": message, "finish_reason": "stop"}]})


def _chat_event(text: str) -> bytes:
    return _event({"model": "m", "choices": [{"index": 0, "delta": {"content": text}, "finish_reason": None}]})


def _response(text: str) -> bytes:
    message = {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": text}]}
    return _json({"object": "response", "status": "completed", "model": "m", "output": [message]})


def _message(text: str) -> bytes:
    return _json({"type": "message", "content": [{"type": "text", "text": text}], "stop_reason": "end_turn"})


def _delta(text: str) -> bytes:
    return _event({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}})


def _line(text: str, *, done: bool = False) -> bytes:
    return _json({"model": "m", "message": {"role": "assistant", "content": text}, "done": done}) + b"\n"


def _candidate(text: str, finish: str | None = None) -> dict[str, object]:
    return {"candidates": [{"content": {"role": "model", "parts": [{"text": text}]}, "finishReason": finish}]}


SSE, NDJSON = "text/event-stream", "application/x-ndjson"
ASKING = '{"message": "{prompt}"}'
TALKS: Mapping[str, Talk] = {
    "openai_plain": Talk("openai_plain", _chat),
    "openai_stream": Talk("openai_stream", _chat_event, b"data: [DONE]\n\n", SSE),
    "responses_plain": Talk("responses_plain", _response),
    "responses_stream": Talk(
        "responses_stream",
        lambda text: _event({"type": "response.output_text.delta", "delta": text}),
        _event({"type": "response.completed", "response": {"status": "completed", "output": []}}),
        SSE,
    ),
    "anthropic_plain": Talk("anthropic_plain", _message),
    "anthropic_stream": Talk("anthropic_stream", _delta, _event({"type": "message_stop"}), SSE),
    "ollama_plain": Talk("ollama_plain", lambda text: _line(text, done=True)),
    "ollama_stream": Talk("ollama_stream", _line, _line("", done=True), NDJSON),
    "gemini_plain": Talk("gemini_plain", lambda text: _json(_candidate(text, "STOP"))),
    "gemini_stream": Talk("gemini_stream", lambda text: _event(_candidate(text)), _event(_candidate("", "STOP")), SSE),
    "template_body": Talk(
        "template", lambda text: _json({"reply": text}), template=Template(body=ASKING, answer="$.reply")
    ),
    "template_sse": Talk(
        "template",
        lambda text: _event({"delta": text}),
        b"data: [DONE]\n\n",
        SSE,
        Template(body=ASKING, framing="sse", answer="$.delta", done="[DONE]"),
    ),
    "template_ndjson": Talk(
        "template",
        lambda text: _json({"delta": text}) + b"\n",
        _json({"done": True}) + b"\n",
        NDJSON,
        Template(body=ASKING, framing="ndjson", answer="$.delta", done="$.done"),
    ),
    "template_text": Talk(
        "template", str.encode, kind="text/plain; charset=utf-8", template=Template(body=ASKING, framing="text")
    ),
}
SOCKET = Talk(
    "template",
    lambda text: _json({"delta": text}),
    template=Template(path="/chat", body='{"text": "{prompt}"}', framing="websocket", answer="$.delta", done="$.done"),
)
PAGE = Talk("page", str.encode)
"""The ways over HTTP. Every text is said in each of them by `says`."""


def body_of(talk: str, *texts: str) -> bytes:
    """A whole answer."""
    spoken = TALKS[talk]
    return b"".join(map(spoken.piece, texts)) + spoken.end


def says(talk: str, *texts: str) -> Behaviour:
    """A server that answers as it should."""
    return fixed(body_of(talk, *texts), kind=TALKS[talk].kind)


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A server that misbehaves in one way, and what an exchange with it must become.

    `ends` is the kind of failure (or kinds, where chance decides), or else the text of the answer; `detail` words that
    the failure's detail holds. `turns` are asked one after the other while they are answered; the last one's outcome
    counts. `well` answers after it, to see that the sender goes on, unless nothing `heals` the server.
    """

    talk: str
    server: Behaviour
    ends: FailureKind | frozenset[FailureKind] | str
    detail: tuple[str, ...] = ()
    timeout_s: float = 10.0
    turns: tuple[str, ...] = (QUESTION,)
    well: Behaviour | None = None
    template: Template | None = None
    page: Page | None = None
    serve: Callable[[Behaviour], AbstractContextManager[Server]] = serving
    path: str = "/v1"
    heals: bool = True

    @property
    def way(self) -> Way:
        return self.spoken.way

    @property
    def spoken(self) -> Talk:
        return {"socket": SOCKET, "page": PAGE}.get(self.talk) or TALKS[self.talk]

    def endpoint(self, url: str) -> Endpoint:
        """The case's server, as an endpoint at that address."""
        template = self.template or self.spoken.template
        return an_endpoint("bot", "target", url=url, dialect=self.spoken.dialect, template=template, page=self.page)


@dataclass(slots=True)
class Patient:
    """Misbehaves until it is healed."""

    ill: Behaviour
    well: Behaviour
    healed: threading.Event = field(default_factory=threading.Event)

    def __call__(self, peer: Peer) -> None:
        (self.well if self.healed.is_set() else self.ill)(peer)


class Outcome(NamedTuple):
    """What became of a case: its exchanges, what the last one says, and what the healed server said afterwards."""

    exchanges: tuple[Exchange, ...]
    reply: Reply
    later: Reply | None
    requests: int


def an_ask(draw: int, *turns: str) -> Ask:
    return Ask(key=AskKey("style", "tides", draw), turns=turns, system="", temperature=0.0, max_tokens=50)


async def converse(
    send: Send, endpoint: Endpoint, ask: Ask, between: Callable[[], Awaitable[None]] | None = None
) -> tuple[tuple[Exchange, ...], Reply]:
    """The turns of one ask until one fails."""
    exchanges = await asking_templates.converse(send, endpoint, ask, between)
    return tuple(exchanges), decode(exchanges[-1], endpoint)


async def put(case: Case, by: Send | None = None) -> Outcome:
    """The case's questions, then one more after its server is well again; by one sender, its own or the one given."""
    well = case.well or says(case.talk, FINE)
    patient, later = Patient(case.server, well), None
    with case.serve(patient) as server:
        endpoint = case.endpoint(server.url.removesuffix("/v1") + case.path)
        async with nullcontext(by) if by else the_way((endpoint,), timeout_s=case.timeout_s) as send:
            exchanges, reply = await converse(
                send, endpoint, an_ask(next(DRAWS), *case.turns), partial(_closed, server)
            )
            requests = len(server.requests)
            patient.healed.set()
            if case.heals:
                later = await _later(send, endpoint, server)
        return Outcome(exchanges, reply, later, requests)


async def _later(send: Send, endpoint: Endpoint, server: Server) -> Reply:
    """The first answer of the healed server; at most three questions, since one may meet a connection that is just
    being closed."""
    for _ in range(3):
        await _closed(server)
        _, reply = await converse(send, endpoint, an_ask(next(DRAWS), QUESTION))
        if reply.failure is None:
            break
    return reply


async def _closed(server: Server) -> None:
    """Until the server has closed the connection, so that no question goes into one that is about to be closed; not
    long, since some never close theirs."""
    await asyncio.to_thread(server.closed.wait, 0.5)
    server.closed.clear()


def the_way(
    endpoints: tuple[Endpoint, ...], *, timeout_s: float, keyring: Keyring | None = None
) -> AbstractAsyncContextManager[Send]:
    """What asks these endpoints, as in an audit."""
    return open_ways(
        endpoints, keyring=keyring or Keyring({}), now=clock.now, stopwatch=clock.stopwatch, timeout_s=timeout_s
    )


async def alone(work: Awaitable[T]) -> T:
    """What it gives; no task of its own may be left behind."""
    before = asyncio.all_tasks()
    found = await work
    left = asyncio.all_tasks() - before
    assert not left, left
    return found


async def put_all(
    cases: Mapping[str, Case], by: Send | None = None, *, most: int = 1000
) -> dict[str, Outcome | BaseException]:
    """Many cases at once, at most so many at a time, by senders of their own or the one given."""
    room = asyncio.Semaphore(most)

    async def one(case: Case) -> Outcome:
        async with room:
            return await put(case, by)

    results = await asyncio.gather(*map(one, cases.values()), return_exceptions=True)
    return dict(zip(cases, results, strict=True))


def check(case: Case, outcome: Outcome | BaseException) -> None:
    """The named outcome, within the limit on time, and a sender that goes on."""
    if isinstance(outcome, BaseException):
        raise outcome
    exchange, failure = outcome.exchanges[-1], outcome.reply.failure
    if isinstance(case.ends, str) and not isinstance(case.ends, FailureKind):
        assert failure is None, failure
        assert outcome.reply.text == case.ends, outcome.reply.text
    else:
        assert failure is not None, outcome.reply
        assert failure.kind in (case.ends if isinstance(case.ends, frozenset) else {case.ends}), failure
        assert all(words in failure.detail for words in case.detail), failure
        assert "\n" not in failure.detail
    assert all(e.ended_s <= case.timeout_s + SLACK_S for e in outcome.exchanges), exchange
    if outcome.later is not None:
        assert outcome.later.failure is None, outcome.later.failure
        assert outcome.later.text == FINE
