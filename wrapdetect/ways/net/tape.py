"""What came of a request, and when: a transport stamps each chunk as it arrives, on the tape of its exchange."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime

import httpx

from wrapdetect.model import AskKey, Chunk, Exchange, Failure
from wrapdetect.ways.net.addresses import CONNECTED, admit
from wrapdetect.ways.net.wire import (
    CHUNK_LIMIT,
    CHUNKS_A_TURN,
    HEADER_LIMIT,
    SET_COOKIE_LIMIT,
    Dead,
    Flood,
    reading_stopped,
    too_many_pieces,
)

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


def _origin(url: httpx.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port
