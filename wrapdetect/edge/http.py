"""The way out: the official openai client over our own httpx transport, which stamps every chunk.

Retries and redirects are off: both would falsify times, hide outages, or carry a key to another host.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime
from types import TracebackType
from typing import Self

import httpx
import openai
import openai.resources.chat.completions  # the client would load it, 0.7 s long, in the middle of the first exchange

from wrapdetect.dialects import Call
from wrapdetect.edge.secrets import Keyring
from wrapdetect.model import Ask, Chunk, Endpoint, Exchange, Failure, FailureKind

for _name in ("openai", "httpx"):  # OPENAI_LOG=debug would print response headers, in which a key may come back
    logging.getLogger(_name).setLevel(logging.WARNING)

BYTE_LIMIT = 2_000_000
"""Most bytes kept of one answer; what comes after is not read."""

SENT_HEADERS = frozenset(
    {"host", "accept", "accept-encoding", "authorization", "connection", "content-type", "content-length", "user-agent"}
)
"""What goes out: the openai client's telemetry, organisation and project headers do not."""

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


current_tape: ContextVar[Tape] = ContextVar("tape")
"""Where the transport writes; whoever sends sets it first."""


class StampingTransport(httpx.AsyncBaseTransport):
    """Stamps chunks as they arrive, for the tape of the running exchange; sends to one origin only."""

    def __init__(
        self,
        inner: httpx.AsyncBaseTransport,
        *,
        origin: httpx.URL,
        sent_headers: frozenset[str],
        stopwatch: Callable[[], float],
        byte_limit: int,
    ) -> None:
        self._inner, self._origin, self._sent_headers = inner, origin, sent_headers
        self._stopwatch, self._limit = stopwatch, byte_limit

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Raises RuntimeError for a request to another origin: that would be a bug of ours."""
        if _origin(request.url) != _origin(self._origin):
            raise RuntimeError(f"a request to {request.url.host} where only {self._origin.host} may be asked")
        tape = current_tape.get()
        tape.start_s = self._stopwatch()

        async def trace(event: str, _: Mapping[str, object]) -> None:
            if event in SENDING:
                tape.start_s, tape.sending = self._stopwatch(), True

        outgoing = httpx.Request(
            request.method,
            request.url,
            headers=[(k, v) for k, v in request.headers.raw if k.decode().lower() in self._sent_headers],
            content=await request.aread(),
            extensions={**request.extensions, "trace": trace},
        )
        tape.sent = outgoing.content.decode()
        response = await self._inner.handle_async_request(outgoing)
        tape.status, tape.reason = response.status_code, response.reason_phrase
        tape.headers = tuple((k.decode("latin-1"), v.decode("latin-1")) for k, v in response.headers.raw)
        assert isinstance(response.stream, httpx.AsyncByteStream)
        return httpx.Response(
            response.status_code,
            # The client must not decompress: a bomb would unfold in memory. Readers do so, within a limit.
            headers=[(k, v) for k, v in response.headers.raw if k.lower() != b"content-encoding"],
            stream=_Stamped(response.stream, tape, self._stopwatch, self._limit),
            extensions=response.extensions,
        )

    async def aclose(self) -> None:
        await self._inner.aclose()


class _Stamped(httpx.AsyncByteStream):
    def __init__(self, stream: httpx.AsyncByteStream, tape: Tape, stopwatch: Callable[[], float], limit: int) -> None:
        self._stream, self._tape, self._stopwatch, self._left = stream, tape, stopwatch, limit

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for data in self._stream:
            t_s = self._stopwatch() - self._tape.start_s
            kept = data[: self._left]
            self._left -= len(kept)
            if kept:
                self._tape.chunks.append(Chunk(t_s=t_s, data=kept))
                yield kept
            if len(kept) < len(data):
                self._tape.overflow = True
                return

    async def aclose(self) -> None:
        await self._stream.aclose()


class HttpSender:
    """`send` for run_slots, over real HTTP. Use as an async context manager."""

    def __init__(
        self,
        endpoints: tuple[Endpoint, ...],
        *,
        keyring: Keyring,
        now: Callable[[], datetime],
        stopwatch: Callable[[], float],
        timeout_s: float,
        byte_limit: int = BYTE_LIMIT,
        transport: Callable[[], httpx.AsyncBaseTransport] = httpx.AsyncHTTPTransport,
    ) -> None:
        self._keyring, self._now, self._stopwatch = keyring, now, stopwatch
        self._timeout_s, self._limit = timeout_s, byte_limit
        self._clients = {e.name: self._client(e, transport()) for e in endpoints}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for client in self._clients.values():
            await client.close()

    async def __call__(self, endpoint: Endpoint, ask: Ask, turn: int, attempt: int, call: Call) -> Exchange:
        """Send one request and record what comes back. A remote failure is in the exchange, never raised."""
        tape, started = Tape(start_s=self._stopwatch()), self._now()
        current_tape.set(tape)
        failure = await self._perform(endpoint, call, tape)
        return self._keyring.clean(
            Exchange(
                endpoint=endpoint.name,
                ask=ask.key,
                turn=turn,
                attempt=attempt,
                started=started,
                sent=tape.sent,
                status=tape.status,
                headers=tape.headers,
                chunks=tuple(tape.chunks),
                ended_s=self._stopwatch() - tape.start_s,
                failure=failure,
            )
        )

    async def _perform(self, endpoint: Endpoint, call: Call, tape: Tape) -> Failure | None:
        try:
            async with asyncio.timeout(self._timeout_s):
                await _exhaust(self._clients[endpoint.name], call)
        except (TimeoutError, openai.APITimeoutError, httpx.TimeoutException):
            return timed_out(tape, self._timeout_s)
        except openai.APIStatusError:
            return refusal(tape)
        except (openai.APIConnectionError, httpx.TransportError) as error:
            cause = (error.__cause__ or error) if isinstance(error, openai.APIConnectionError) else error
            if not isinstance(cause, httpx.TransportError | UnicodeError):  # the client wraps our own bugs as well
                raise cause from None
            return broken(cause, tape)
        return too_long(self._limit) if tape.overflow else None

    def _client(self, endpoint: Endpoint, inner: httpx.AsyncBaseTransport) -> openai.AsyncOpenAI:
        key = self._keyring.key_of(endpoint)
        transport = StampingTransport(
            inner,
            origin=httpx.URL(endpoint.url),
            sent_headers=SENT_HEADERS if key else SENT_HEADERS - {"authorization"},
            stopwatch=self._stopwatch,
            byte_limit=self._limit,
        )
        return openai.AsyncOpenAI(
            base_url=endpoint.url,
            api_key=key or "none",  # None would take OPENAI_API_KEY; "none" never leaves the transport
            max_retries=0,
            timeout=self._timeout_s,
            default_headers={"accept-encoding": "identity"},
            http_client=httpx.AsyncClient(
                transport=transport, timeout=self._timeout_s, follow_redirects=False, trust_env=False
            ),
        )


async def _exhaust(client: openai.AsyncOpenAI, call: Call) -> None:
    """Send, and read the body to its end; the tape keeps what matters."""
    create = client.chat.completions.with_streaming_response.create
    async with create(**call.body) as response:  # type: ignore[call-overload]  # the body is built by a dialect
        async for _ in response.http_response.aiter_raw():
            pass


def refusal(tape: Tape) -> Failure:
    """What a status of 300 or more says."""
    status = tape.status or 0
    said = " ".join(b"".join(c.data for c in tape.chunks)[:600].decode(errors="replace").split())
    match status:
        case 429:
            kind = FailureKind.LIMITED
        case _ if status >= 500:
            kind = FailureKind.SERVER
        case _:
            kind = FailureKind.REFUSED
    moved = _moved(tape) if 300 <= status < 400 else ""
    return Failure(kind=kind, detail=f"HTTP {status} {tape.reason}{moved}{': ' + said if said else ''}")


def _moved(tape: Tape) -> str:
    where = next((v for k, v in tape.headers if k.lower() == "location"), "")
    try:
        return f", redirects to {httpx.URL(where).copy_with(query=None, fragment=None)}"
    except httpx.InvalidURL:
        return ", redirects to something that is no URL"


def timed_out(tape: Tape, timeout_s: float) -> Failure:
    """Our limit on time ran out: without a connection, within the answer, or within a refusal."""
    if (tape.status or 0) >= 300:
        return refusal(tape)
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
        return refusal(tape)
    if tape.status is None and isinstance(cause, httpx.ConnectError | httpx.UnsupportedProtocol):
        return Failure(kind=FailureKind.CONNECT, detail=str(cause) or type(cause).__name__)
    got = sum(len(c.data) for c in tape.chunks)
    return Failure(
        kind=FailureKind.CUT_OFF,
        detail=f"the connection broke after {got:,} bytes ({str(cause) or type(cause).__name__})",
    )


def _origin(url: httpx.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port
