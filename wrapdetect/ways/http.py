"""The way out to known APIs, over our own httpx transport, which stamps every chunk.

Requests are made here and go straight to the transport. (The official openai client spends 1.5 ms of CPU on each, as
much as all the rest; the vendors' clients are in the tests.) Nothing is retried and no redirect is followed: both would
falsify times, hide outages, or carry a key to another host.
"""

import asyncio
import json
import logging
import os
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache, partial
from types import TracebackType
from typing import Generic, Self, TypeVar
from urllib.parse import quote, urlencode

import httpx

from wrapdetect.dialects import Call, wire_format
from wrapdetect.dialects.body.ending import SURE_S, Ending, ending_of
from wrapdetect.dialects.body.unpacked import BodyError, encoding_of, header_of, inflate, refused_by
from wrapdetect.dialects.template.filling import PRINTABLE, fill_text
from wrapdetect.model import Ask, AskKey, Chunk, Endpoint, Exchange, Failure, FailureKind
from wrapdetect.runs.workload import worked
from wrapdetect.ways.keyring import Keyring
from wrapdetect.ways.net.addresses import CONNECTED, admit
from wrapdetect.ways.net.wire import (
    CHUNK_LIMIT,
    CHUNKS_A_TURN,
    HEAD_LIMIT,
    HEAD_PASSED,
    HEADER_LIMIT,
    SET_COOKIE_LIMIT,
    Dead,
    Flood,
    WireTransport,
    reading_stopped,
    too_many_pieces,
)

for _name in ("httpx", "httpcore"):  # a debug log would print headers, in which a key goes out or comes back
    logging.getLogger(_name).setLevel(logging.WARNING)

BYTE_LIMIT = 2_000_000
"""Most bytes kept of one answer; what comes after is not read."""

KEY_HEADERS = frozenset({"authorization"})
SENT_HEADERS = KEY_HEADERS | {
    *("host", "accept", "accept-encoding", "connection", "content-type", "content-length", "user-agent"),
}
"""What goes out, and nothing else but the headers of the dialect and those that the user named."""
USER_AGENT = f"python-httpx/{httpx.__version__}"
"""True, and common: it does not tell a target that it is looked at."""

IDLE_S = 1.0
"""A connection idle for longer is not used again: servers close theirs after 2 or 5 s. A question that meets the
closing all the same, so that nothing at all came back, is put once more over a connection of its own: it says nothing
of the service."""

SENDING = ("http11.send_request_headers.started", "http2.send_request_headers.started")


@dataclass(slots=True)
class Tape:
    """What the transport saw of one exchange; `start_s` is when the request's first byte left."""

    start_s: float
    sent: str = ""
    status: int | None = None
    reason: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    chunks: list[Chunk] = field(default_factory=list)
    overflow: bool = False
    sending: bool = False
    """Whether a connection was there, so that the request could be written."""

    def exchange(
        self,
        *,
        endpoint: str,
        ask: AskKey,
        turn: int,
        attempt: int,
        started: datetime,
        ended: float,
        failure: Failure | None,
    ) -> Exchange:
        """What it holds, as one exchange that ended when the stopwatch showed `ended`; keys are not masked."""
        return Exchange(
            endpoint=endpoint,
            ask=ask,
            turn=turn,
            attempt=attempt,
            started=started,
            sent=self.sent,
            status=self.status,
            headers=self.headers,
            chunks=tuple(self.chunks),
            ended_s=ended - self.start_s,
            failure=failure,
        )


current_tape: ContextVar[Tape] = ContextVar("tape")
"""Where the transport writes; whoever sends sets it first."""


class StampingTransport(httpx.AsyncBaseTransport):
    """Stamps chunks as they arrive, for the tape of the running exchange; sends to one origin only.

    With `private`, that origin's name may lead to a private address.
    """

    def __init__(
        self,
        inner: httpx.AsyncBaseTransport,
        *,
        origin: httpx.URL,
        sent_headers: frozenset[str],
        stopwatch: Callable[[], float],
        byte_limit: int,
        private: bool = False,
    ) -> None:
        self._inner, self._origin, self._sent_headers = inner, origin, sent_headers
        self._stopwatch, self._limit, self._private = stopwatch, byte_limit, private

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Raises RuntimeError for a request to another origin: that would be a bug of ours."""
        if _origin(request.url) != _origin(self._origin):
            raise RuntimeError(f"a request to {request.url.host} where only {self._origin.host} may be asked")
        tape = current_tape.get()
        tape.start_s = self._stopwatch()

        async def trace(event: str, info: Mapping[str, object]) -> None:
            if event in SENDING:
                tape.start_s, tape.sending = self._stopwatch(), True
            elif event == CONNECTED:
                await admit(info["return_value"], request.url.host, private=self._private)

        outgoing = httpx.Request(
            request.method,
            request.url,
            headers=[(k, v) for k, v in request.headers.raw if k.decode().lower() in self._sent_headers],
            content=await request.aread(),
            extensions={**request.extensions, "trace": trace},
        )
        tape.sent = outgoing.content.decode()
        try:
            response = await self._inner.handle_async_request(outgoing)
        except Dead:  # no byte of an answer: the other side had hung up before it could have seen the question
            response = await self._inner.handle_async_request(outgoing)
        tape.status, tape.reason = response.status_code, response.reason_phrase
        given = response.headers.raw
        tape.headers = tuple((k.decode("latin-1"), v.decode("latin-1")) for k, v in given[:HEADER_LIMIT])
        assert isinstance(response.stream, httpx.AsyncByteStream)
        if (flood := _too_much(tape, len(given))) is not None:
            await response.stream.aclose()
            raise flood
        return httpx.Response(
            response.status_code,
            # The client must not decompress: a bomb would unfold in memory. Readers do so, within a limit.
            headers=[(k, v) for k, v in response.headers.raw if k.lower() != b"content-encoding"],
            stream=_Stamped(response.stream, tape, self._stopwatch, self._limit),
            extensions=response.extensions,
        )

    async def aclose(self) -> None:
        await self._inner.aclose()


def _too_much(tape: Tape, headers: int) -> Flood | None:
    """What of an answer's head passes a limit."""
    if headers > HEADER_LIMIT:
        return reading_stopped(f"has more than {HEADER_LIMIT} headers")
    if sum(name.lower() == "set-cookie" for name, _ in tape.headers) > SET_COOKIE_LIMIT:
        return reading_stopped(f"sets more than {SET_COOKIE_LIMIT} cookies")
    return None


class _Stamped(httpx.AsyncByteStream):
    def __init__(self, stream: httpx.AsyncByteStream, tape: Tape, stopwatch: Callable[[], float], limit: int) -> None:
        self._stream, self._tape, self._stopwatch, self._left = stream, tape, stopwatch, limit

    async def __aiter__(self) -> AsyncIterator[bytes]:
        chunks = self._tape.chunks
        async for data in self._stream:
            t_s = self._stopwatch() - self._tape.start_s
            kept = data[: self._left]
            self._left -= len(kept)
            if len(chunks) >= CHUNK_LIMIT:
                raise too_many_pieces()
            if kept:
                chunks.append(Chunk(t_s=t_s, data=kept))
                yield kept
            if len(kept) < len(data):
                self._tape.overflow = True
                return
            if not len(chunks) % CHUNKS_A_TURN:
                await asyncio.sleep(0)  # pieces that came in one read are parsed without waiting for anything

    async def aclose(self) -> None:
        await self._stream.aclose()


class HttpSender:
    """`send` for run_slots, over real HTTP, to endpoints with a known API. Use as an async context manager."""

    def __init__(
        self,
        endpoints: tuple[Endpoint, ...],
        *,
        keyring: Keyring,
        now: Callable[[], datetime],
        stopwatch: Callable[[], float],
        timeout_s: float,
        byte_limit: int = BYTE_LIMIT,
        transport: Callable[[], httpx.AsyncBaseTransport] | None = None,
    ) -> None:
        self._keyring, self._now, self._stopwatch = keyring, now, stopwatch
        self._timeout_s, self._limit = timeout_s, byte_limit
        make = transport or connections()
        self._lines = {e.name: self._line(e, make) for e in endpoints}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for line in self._lines.values():
            await line.aclose()

    async def __call__(self, endpoint: Endpoint, ask: Ask, turn: int, attempt: int, call: Call) -> Exchange:
        """Send one request and record what comes back. A remote failure is in the exchange, never raised."""
        tape, started = Tape(start_s=self._stopwatch()), self._now()
        current_tape.set(tape)
        failure = await self._perform(endpoint, call, tape)
        exchange = tape.exchange(
            endpoint=endpoint.name,
            ask=ask.key,
            turn=turn,
            attempt=attempt,
            started=started,
            ended=self._stopwatch(),
            failure=failure,
        )
        return await worked(exchange, lambda: self._keyring.clean(exchange))

    async def _perform(self, endpoint: Endpoint, call: Call, tape: Tape) -> Failure | None:
        sending = self._lines[endpoint.name].put(call)
        return await attempt(sending, tape, timeout_s=self._timeout_s, byte_limit=self._limit)

    def _line(self, endpoint: Endpoint, transport: Callable[[], httpx.AsyncBaseTransport]) -> "_Line":
        key = self._keyring.key_of(endpoint)

        def stamping() -> StampingTransport:
            return StampingTransport(
                transport(),
                origin=httpx.URL(endpoint.url),
                sent_headers=sent_by(endpoint, key),
                stopwatch=self._stopwatch,
                byte_limit=self._limit,
                private=endpoint.private,
            )

        return _Line(endpoint, key, self._keyring.variables, stamping)


class _Line:
    """How one endpoint is asked."""

    def __init__(
        self, endpoint: Endpoint, key: str | None, variables: Mapping[str, str], make: Callable[[], StampingTransport]
    ) -> None:
        self._endpoint, self._key, self._variables = endpoint, key, variables
        self._lines = Lines(make)

    async def put(self, call: Call) -> None:
        """Send, and read the body to its end; the tape keeps what matters."""
        request = api_request(self._endpoint, call, self._key, self._variables)
        with self._lines.one() as transport:
            await exhaust(transport, request, ending_of(self._endpoint.dialect))

    async def aclose(self) -> None:
        await self._lines.aclose()


Transport = TypeVar("Transport", bound=httpx.AsyncBaseTransport)


class Lines(Generic[Transport]):
    """Transports to one place: one for each request under way, kept for the next.

    (A pool looks through all its connections, twice for each request: at 16 that is a fifth of the CPU.)
    """

    def __init__(self, make: Callable[[], Transport]) -> None:
        self._make = make
        self._all: list[Transport] = []
        self._free: list[Transport] = []

    @contextmanager
    def one(self) -> Iterator[Transport]:
        """A transport that nobody else uses meanwhile."""
        transport = self._free.pop() if self._free else self._another()
        try:
            yield transport
        finally:
            self._free.append(transport)

    def _another(self) -> Transport:
        self._all.append(self._make())
        return self._all[-1]

    async def aclose(self) -> None:
        for transport in self._all:
            await transport.aclose()


def api_request(
    endpoint: Endpoint, call: Call, key: str | None, variables: Mapping[str, str] | None = None
) -> httpx.Request:
    """The request that carries a call to an API, with the key where there is one; the endpoint's own headers go before
    ours, and `variables` are the values of `{env:NAME}` in them and in its query."""
    values = {f"env:{name}": value for name, value in (variables or {}).items()}
    headers = {
        "accept": "application/json",
        "accept-encoding": "identity",
        "content-type": "application/json",
        "user-agent": USER_AGENT,
        **dict(call.headers),
        **({call.key_header: f"{call.key_prefix}{key}"} if key else {}),
        **{name.lower(): quote(fill_text(value, values), safe=PRINTABLE) for name, value in endpoint.headers},
    }
    body = json.dumps(call.body, ensure_ascii=False, separators=(",", ":")).encode()
    query = urlencode([(name, fill_text(value, values)) for name, value in endpoint.query])
    mark = ("&" if "?" in call.path else "?") if query else ""
    return httpx.Request("POST", httpx.URL(f"{endpoint.url}{call.path}{mark}{query}"), headers=headers, content=body)


def sent_by(endpoint: Endpoint, key: str | None) -> frozenset[str]:
    """The headers that may go to an endpoint, in lower case."""
    own = wire_format(endpoint.dialect).headers
    return (SENT_HEADERS if key else SENT_HEADERS - KEY_HEADERS) | own | {name.lower() for name, _ in endpoint.headers}


def connections() -> Callable[[], httpx.AsyncBaseTransport]:
    """Transports that share the certificates they trust."""
    return partial(WireTransport, trusted=trusted(), keep_s=IDLE_S)


def trusted() -> ssl.SSLContext:
    """The certificates to trust, as the environment says or httpx has them; loading takes 27 ms, once a process."""
    return _loaded(os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR"))


@lru_cache(maxsize=4)
def _loaded(file: str | None, folder: str | None) -> ssl.SSLContext:
    return httpx.create_ssl_context()


async def exhaust(transport: StampingTransport, request: httpx.Request, ending: Ending = lambda _: None) -> None:
    """Send, and read the body to its end, our limit, or where `ending` says; the tape keeps what matters."""
    response = await transport.handle_async_request(request)
    assert isinstance(response.stream, httpx.AsyncByteStream)
    try:
        await _read(response.stream, ending if response.status_code < 300 else lambda _: None)
    finally:
        await response.stream.aclose()


async def _read(body: httpx.AsyncByteStream, ending: Ending) -> None:
    """To the end; of a stream that said its own, for as long as `ending` leaves it: how it breaks off then, where it
    was over for sure, does not matter any more."""
    clock, left_s = asyncio.get_running_loop().time, None
    try:
        async with asyncio.timeout(None) as limit:
            async for data in body:
                before, left_s = left_s, ending(data)
                if left_s != before:
                    limit.reschedule(None if left_s is None else clock() + left_s)
    except TimeoutError:
        if not limit.expired():
            raise
    except httpx.TransportError:
        if left_s is None or left_s > SURE_S:
            raise


async def attempt(sending: Awaitable[None], tape: Tape, *, timeout_s: float, byte_limit: int) -> Failure | None:
    """Send, and read the answer, within the limits; what went wrong out there, where anything did."""
    try:
        async with asyncio.timeout(timeout_s):
            await sending
    except (TimeoutError, httpx.TimeoutException):
        return timed_out(tape, timeout_s)
    except (httpx.TransportError, UnicodeError) as error:
        return broken(error, tape)
    return no_answer(tape, byte_limit)


def no_answer(tape: Tape, byte_limit: int) -> Failure | None:
    """Why what came is no whole answer: a status of 300 or more, or our limit on bytes; None where it is one."""
    if (tape.status or 0) >= 300:
        return answer_refusal(tape)
    return too_long(byte_limit) if tape.overflow else None


def answer_refusal(tape: Tape) -> Failure:
    """What a status of 300 or more says."""
    status = tape.status or 0
    moved = _moved(tape) if 300 <= status < 400 else ""
    try:
        chunks = inflate(tape.chunks, encoding_of(tape.headers))
    except BodyError:
        chunks = tuple(tape.chunks)
    return refused_by(status, tape.reason, b"".join(c.data for c in chunks), moved)


def _moved(tape: Tape) -> str:
    where = header_of(tape.headers, "location")
    try:
        return f", redirects to {httpx.URL(where).copy_with(query=None, fragment=None)}"
    except httpx.InvalidURL:
        return ", redirects to something that is no URL"


def timed_out(tape: Tape, timeout_s: float) -> Failure:
    """Our limit on time ran out: without a connection, within the answer, or within a refusal."""
    if (tape.status or 0) >= 300:
        return answer_refusal(tape)
    if not tape.sending:
        return Failure(kind=FailureKind.CONNECT, detail=f"no connection within {timeout_s:g} s")
    got = sum(len(c.data) for c in tape.chunks)
    return Failure(kind=FailureKind.TIMEOUT, detail=f"no complete answer within {timeout_s:g} s ({got:,} bytes came)")


def too_long(limit: int) -> Failure:
    """The answer was cut off by our own limit on bytes."""
    return Failure(kind=FailureKind.CUT_OFF, detail=f"the answer passes {limit:,} bytes; reading stopped")


def broken(cause: BaseException, tape: Tape) -> Failure:
    """The connection never was, or broke."""
    if (tape.status or 0) >= 300:  # a status says more than a body that broke off (or a redirect httpx cannot parse)
        return answer_refusal(tape)
    if tape.status is None and isinstance(cause, httpx.ConnectError | httpx.UnsupportedProtocol):
        return Failure(kind=FailureKind.CONNECT, detail=str(cause) or type(cause).__name__)
    if isinstance(cause, Flood):
        return Failure(kind=FailureKind.CUT_OFF, detail=str(cause))
    if HEAD_PASSED in str(cause):
        passed = reading_stopped(f"has a head or an end of more than {HEAD_LIMIT:,} bytes")
        return Failure(kind=FailureKind.CUT_OFF, detail=str(passed))
    got = sum(len(c.data) for c in tape.chunks)
    return Failure(
        kind=FailureKind.CUT_OFF,
        detail=f"the connection broke after {got:,} bytes ({str(cause) or type(cause).__name__})",
    )


def _origin(url: httpx.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port
