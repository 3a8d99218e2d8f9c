"""What may come over a connection for plain HTTP: bounded reads, bounded heads, a bounded number of pieces; and whether
a connection that was kept for the next request had died meanwhile.
"""

import asyncio
import re
import ssl
from collections.abc import AsyncIterable, AsyncIterator, Iterable

import httpcore
import httpx

READ_BYTES = 8192
"""Most bytes handed to the parser at once, between which the loop turns: heads of 24 bytes each take 10 ms then."""
HEAD_LIMIT = 65_536
"""Most bytes of a head, or of the trailers of a body; servers and proxies allow themselves 8 or 16 KiB, and some 64."""
HEAD_LINE_LIMIT = 1_024
"""Most lines of the heads of one answer, interim ones (1xx) among them, counted before anything is parsed."""
HEADER_LIMIT = 256
"""Most headers of an answer; the richest of real ones have some 60."""
SET_COOKIE_LIMIT = 100
"""Most cookies that an answer may set, or that a conversation may hold; RFC 6265 asks for 50 of a domain."""
CHUNK_LIMIT = 50_000
"""Most pieces of an answer: three times the longest answers, a token a piece."""
CHUNKS_A_TURN = 16
"""Pieces after which the loop turns, some 0.5 ms: many in one read are parsed without waiting for anything."""

BLANK_LINE = re.compile(rb"\n\r?\n")
INTERIM = re.compile(rb"HTTP/1\.[01] 1(?!01)")
HEAD_PASSED = "Receive buffer too long"
"""How h11 says that a head passes its limit."""

# h11 parses a whole head in one go: its own limit is what bounds that, of heads, early hints and trailers alike.
httpcore.AsyncHTTP11Connection.MAX_INCOMPLETE_EVENT_SIZE = HEAD_LIMIT


class Flood(httpx.RemoteProtocolError):
    """An answer passes a limit of ours; its text says which."""


class Dead(httpx.RemoteProtocolError):
    """A connection that was kept was closed by the other side, before anything came for this request."""


def reading_stopped(what: str) -> Flood:
    """
    >>> str(reading_stopped("sets more than 100 cookies"))
    'the answer sets more than 100 cookies; reading stopped'
    """
    return Flood(f"the answer {what}; reading stopped")


def too_many_pieces() -> Flood:
    return reading_stopped(f"comes in more than {CHUNK_LIMIT:,} pieces")


async def paced(pieces: AsyncIterable[bytes]) -> AsyncIterator[bytes]:
    """The same pieces, with turns of the loop between them. Raises Flood where they are more than CHUNK_LIMIT."""
    number = 0
    async for piece in pieces:
        number += 1
        if number > CHUNK_LIMIT:
            raise too_many_pieces()
        yield piece
        if not number % CHUNKS_A_TURN:
            await asyncio.sleep(0)


class WireTransport(httpx.AsyncHTTPTransport):
    """httpx's own transport over connections that are read as this file says."""

    def __init__(self, *, trusted: ssl.SSLContext, keep_s: float | None = 5.0) -> None:
        super().__init__(verify=trusted, trust_env=False)
        self._pool = httpcore.AsyncConnectionPool(  # httpx has no argument for the backend
            ssl_context=trusted, keepalive_expiry=keep_s, network_backend=_Backend()
        )


class _Backend(httpcore.AsyncNetworkBackend):
    def __init__(self) -> None:
        self._inner = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        return _Stream(await self._inner.connect_tcp(host, port, timeout, local_address, socket_options))

    async def sleep(self, seconds: float) -> None:
        await self._inner.sleep(seconds)


class _Stream(httpcore.AsyncNetworkStream):
    """A connection. `_kept` says that an answer came over it before; `_came` whether anything came since it was last
    written to."""

    def __init__(self, inner: httpcore.AsyncNetworkStream) -> None:
        self._inner, self._kept, self._came, self._heads = inner, False, False, Heads()

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        try:
            data = await self._inner.read(min(max_bytes, READ_BYTES), timeout)
        except httpcore.ReadError as error:
            if self._kept and not self._came:
                raise Dead(str(error)) from error
            raise
        if not data and self._kept and not self._came:
            raise Dead("a connection that was kept had been closed")
        self._came = True
        self._heads.take(data)
        return data

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._kept, self._came, self._heads = self._kept or self._came, False, Heads()
        await self._inner.write(buffer, timeout)

    async def aclose(self) -> None:
        await self._inner.aclose()

    async def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.AsyncNetworkStream:
        return _Stream(await self._inner.start_tls(ssl_context, server_hostname, timeout))

    def get_extra_info(self, info: str) -> object:
        return self._inner.get_extra_info(info)


class Heads:
    """The heads that come after a request: interim ones, then the answer's own.

    >>> Heads().take(b"HTTP/1.1 103 Early Hints\\r\\n\\r\\nHTTP/1.1 200 OK\\r\\na: b\\r\\n\\r\\n" + b"\\n" * 5000)
    >>> Heads().take(b"HTTP/1.1 200 OK\\r\\n" + b"a:\\r\\n" * 5000)
    Traceback (most recent call last):
    wrapdetect.ways.net.wire.Flood: the answer has heads of more than 1,024 lines; reading stopped
    """

    def __init__(self) -> None:
        self._start, self._rest, self._lines, self._over = b"", b"", 0, False

    def take(self, data: bytes) -> None:
        """Raises Flood once there are more lines than an answer's heads may have."""
        while data and not self._over:
            end = BLANK_LINE.search(self._rest + data)
            new = data[: end.end() - len(self._rest)] if end else data
            self._lines += new.count(b"\n")
            if self._lines > HEAD_LINE_LIMIT:
                raise reading_stopped(f"has heads of more than {HEAD_LINE_LIMIT:,} lines")
            data = data[len(new) :]
            self._over = end is not None and INTERIM.match(self._start + new) is None
            self._start, self._rest = (b"", b"") if end else ((self._start + new)[:16], (self._rest + new)[-3:])
