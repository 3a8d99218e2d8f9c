"""Websocket conversations: one connection each, every frame stamped when it arrives, even where nobody waits for it.

Redirects of the handshake are not followed, no proxy of the environment is asked, and nothing is compressed: a frame is
what the server sent, when it sent it. Addresses are looked at before a connection is made.
"""

import asyncio
import logging
import socket
import ssl
from collections import deque
from collections.abc import Callable, Sequence
from typing import NamedTuple
from urllib.parse import urlsplit

from websockets.asyncio.client import ClientConnection, connect
from websockets.client import ClientProtocol
from websockets.datastructures import HeadersLike
from websockets.exceptions import (
    ConnectionClosed,
    ConnectionClosedOK,
    InvalidHandshake,
    InvalidMessage,
    InvalidStatus,
    InvalidURI,
)
from websockets.http11 import Response
from websockets.protocol import Event
from websockets.typing import Subprotocol

from wrapdetect import __version__
from wrapdetect.dialects.body.told import is_limit
from wrapdetect.dialects.template.sources import records
from wrapdetect.model import Failure, FailureKind
from wrapdetect.ways.net.addresses import address_allowed, refusal_of
from wrapdetect.ways.net.failures import too_long
from wrapdetect.ways.net.wire import reading_stopped

logging.getLogger("websockets.client").setLevel(logging.WARNING)  # its debug lines show frames and headers

_CLOSE_S = 1.0
"""How long a server may take to say goodbye."""
_OWN_HEADERS = frozenset(
    {"host", "connection", "upgrade", "content-length", "content-type", "accept-encoding", "transfer-encoding"}
)
"""Headers of the handshake that are the library's; and all that begin with sec-websocket-."""
REFUSING = frozenset({1008, 3000, 3003, 4401, 4403})
"""Close codes for whoever may not come in (RFC 6455; IANA's registry; by custom 4000 and the HTTP status)."""
TOO_BIG, LIMITED = 1009, 4429
MOST_REPLIES = 1_000
"""Frames of one connection that are answered by themselves."""
MOST_ASIDE = 100
"""Of these, how many are kept until somebody looks."""
FRAME_LIMIT = 50_000
"""Most frames after what was last said, pings and pieces of messages among them: three times the longest answers, a
token a frame."""
SLICE_BYTES = 128
"""Bytes given to the parser at once: 64 of the smallest frames, some 0.5 ms."""
TURN_S, LAST_S = 0.001, 0.01
"""After so long the loop turns, and the rest of what was read is parsed at the next turn; the second where there is no
next turn."""


class Frame(NamedTuple):
    """A message received, and when by the stopwatch."""

    at_s: float
    data: bytes


class Automatic(NamedTuple):
    """What goes out by itself: `reply` gives what a frame is answered by ("" by nothing), or None for a frame that is
    to be heard; `beats` are sent every so many seconds."""

    reply: Callable[[bytes], str | None]
    beats: tuple[tuple[float, Callable[[], str]], ...] = ()


NOTHING_AUTOMATIC = Automatic(lambda data: None)


class Refused(Exception):
    """The handshake was answered by an HTTP status that is no 101."""

    def __init__(self, response: Response) -> None:
        super().__init__(response.status_code)
        self.status, self.reason = response.status_code, response.reason_phrase
        self.headers = tuple(response.headers.raw_items())
        self.body = bytes(response.body or b"")


class Unreached(Exception):
    """No websocket came about; carries the Failure to report."""

    def __init__(self, kind: FailureKind, detail: str) -> None:
        super().__init__(detail)
        self.failure = Failure(kind=kind, detail=detail)


class Socket:
    """An open websocket; made by `open_socket`.

    `ending` is None while it is open and after a normal close, and else what broke it.
    """

    def __init__(
        self,
        connection: "_Bounded",
        stopwatch: Callable[[], float],
        byte_limit: int,
        automatic: Automatic = NOTHING_AUTOMATIC,
    ) -> None:
        assert connection.response is not None
        self.status = connection.response.status_code
        self.headers: tuple[tuple[str, str], ...] = tuple(connection.response.headers.raw_items())
        self.ending: Failure | None = None
        self._connection, self._stopwatch, self._limit = connection, stopwatch, byte_limit
        self._frames: deque[Frame] = deque()
        self._unheard_bytes = 0
        self._news = asyncio.Event()
        self._automatic, self._replied = automatic, 0
        self._aside: deque[Frame] = deque(maxlen=MOST_ASIDE)
        self._listener = asyncio.create_task(self._listen())
        self._beats = [asyncio.create_task(self._beat(*beat)) for beat in automatic.beats]
        self._listener.add_done_callback(lambda _: [beat.cancel() for beat in self._beats])

    @property
    def open(self) -> bool:
        """Whether more may come."""
        return not self._listener.done()

    async def say(self, text: str) -> None:
        """Send one text frame. On a closed socket nothing happens: `hear` tells."""
        self._connection.frames = 0
        try:
            await self._connection.send(text)
        except ConnectionClosed:
            await asyncio.wait([self._listener])

    async def hear(self) -> Frame | None:
        """The next frame; None once the socket is closed and all frames were heard."""
        while not self._frames and self.open:
            self._news.clear()
            await self._news.wait()
        if self._frames:
            return self._take()
        self._listener.result()  # raises what is a bug of ours
        return None

    def heard_meanwhile(self) -> list[Frame]:
        """Frames that came while nobody waited for one."""
        return [self._take() for _ in range(len(self._frames))]

    def set_aside(self) -> list[Frame]:
        """The last frames that were answered by themselves, and so belong to no answer."""
        return [self._aside.popleft() for _ in range(len(self._aside))]

    async def close(self) -> None:
        """Say goodbye, wait CLOSE_S at most for the answer, and be gone."""
        await self._connection.close()
        await asyncio.wait([self._listener])

    def _take(self) -> Frame:
        frame = self._frames.popleft()
        self._unheard_bytes -= len(frame.data)
        return frame

    async def _listen(self) -> None:
        self._listener.add_done_callback(lambda _: self._news.set())
        try:
            while self._unheard_bytes <= self._limit:
                for data in records(await self._connection.recv(decode=False)):
                    await self._hear(Frame(self._stopwatch(), data))
                if self._replied > MOST_REPLIES:
                    break
        except ConnectionClosedOK:
            return
        except ConnectionClosed as closed:
            self.ending = too_many_frames() if self._connection.flooded else _broken(closed, self._limit)
            return
        self.ending = too_long(self._limit)
        if self._replied > MOST_REPLIES:
            detail = f"more than {MOST_REPLIES:,} frames wanted a reply of their own"
            self.ending = Failure(kind=FailureKind.GARBLED, detail=detail)
        await self._connection.close(TOO_BIG)

    async def _hear(self, frame: Frame) -> None:
        reply = self._automatic.reply(frame.data)
        if reply is None:
            self._frames.append(frame)
            self._unheard_bytes += len(frame.data)
            self._news.set()
            return
        self._aside.append(frame)
        self._replied += 1
        if reply and self._replied <= MOST_REPLIES:
            await self._connection.send(reply)

    async def _beat(self, every_s: float, frame: Callable[[], str]) -> None:
        while True:
            await asyncio.sleep(every_s)
            await self.say(frame())


class _Bounded(ClientConnection):
    """Parses what was read slice by slice, and lets the loop turn in between; ends where frames pass their limit.

    The library parses all that a read brought in one go, up to 130,000 empty frames, and answers each ping among them.
    It says when the handshake is about to be sent, too: there is a connection.
    """

    sending: Callable[[], None]
    frames = 0
    flooded = False
    _unread = b""
    _turning = False

    def data_received(self, data: bytes) -> None:
        self._unread += data
        if not self._turning:
            self._parse()

    def eof_received(self) -> None:
        self._parse(last=True)
        super().eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        self._parse(last=True)
        super().connection_lost(exc)

    def process_event(self, event: Event) -> None:
        self.frames += 1
        super().process_event(event)

    def _parse(self, *, last: bool = False) -> None:
        """What was read; where that takes long, the rest at the next turn, and nothing more is read until then. The
        `last` is parsed for LAST_S, and what is left of it is lost."""
        waiting, self._unread, self._turning = memoryview(self._unread), b"", False
        until_s, at = self.loop.time() + (LAST_S if last else TURN_S), 0
        while at < len(waiting) and not self.flooded:
            if self.loop.time() > until_s:
                if last:
                    return
                self._unread, self._turning = bytes(waiting[at:]), True
                self.transport.pause_reading()
                self.loop.call_soon(self._go_on)
                return
            super().data_received(bytes(waiting[at : at + SLICE_BYTES]))
            at += SLICE_BYTES
            if self.frames > FRAME_LIMIT:
                self.flooded = True
                self.transport.abort()

    def _go_on(self) -> None:
        if not self._turning:
            return
        self.transport.resume_reading()
        self._parse()

    async def handshake(
        self, additional_headers: HeadersLike | None = None, user_agent_header: str | None = None
    ) -> None:
        self.sending()
        await super().handshake(additional_headers, user_agent_header)


async def open_socket(
    url: str,
    headers: Sequence[tuple[str, str]],
    *,
    private: bool,
    trusted: Callable[[], ssl.SSLContext],
    sending: Callable[[], None],
    stopwatch: Callable[[], float],
    byte_limit: int,
    automatic: Automatic = NOTHING_AUTOMATIC,
) -> Socket:
    """A websocket to a ws: or wss: address; `trusted` gives the certificates for wss, `sending` is called once there is
    a connection.

    Raises Refused for another answer than 101, Unreached for none or one that is no websocket handshake.
    """
    given = {name.lower(): value for name, value in headers}
    offered = [Subprotocol(p.strip()) for p in given.get("sec-websocket-protocol", "").split(",") if p.strip()]
    secure = urlsplit(url).scheme == "wss"
    line = await _connected(url, private)

    def bounded(protocol: ClientProtocol, **limits: float | int | None) -> _Bounded:
        connection = _Bounded(protocol, **limits)  # type: ignore[arg-type]  # as the library gives them
        connection.sending = sending
        return connection

    connection: _Bounded | None = None
    try:
        made = await connect(
            url,
            sock=line,
            ssl=trusted() if secure else None,
            proxy=None,
            compression=None,
            subprotocols=offered or None,
            additional_headers=[(n, v) for n, v in headers if not _is_own(n.lower())],
            user_agent_header=None if "user-agent" in given else f"wrapdetect/{__version__}",
            open_timeout=None,  # the caller's limit holds
            close_timeout=_CLOSE_S,
            max_size=byte_limit,
            max_queue=None,  # else the library would let the reading go on while we do not
            create_connection=bounded,  # type: ignore[arg-type]  # a factory will do, says the library's documentation
        )
        assert isinstance(made, _Bounded)
        connection = made
    except (OSError, EOFError) as error:  # before ValueError: a certificate that fails is both
        raise Unreached(FailureKind.CONNECT, str(error) or type(error).__name__) from error
    except (InvalidHandshake, InvalidURI, ValueError) as error:  # the last two for a redirect that it will not follow
        raise _no_handshake(error) from error
    finally:
        if connection is None:
            line.close()
    return Socket(connection, stopwatch, byte_limit, automatic)


def _is_own(name: str) -> bool:
    return name in _OWN_HEADERS or name.startswith("sec-websocket-")


async def _connected(url: str, private: bool) -> socket.socket:
    """A TCP connection to one of the host's addresses that may be asked."""
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "wss" else 80)
    loop = asyncio.get_running_loop()
    last = f"no address for {host}"
    try:
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise Unreached(FailureKind.CONNECT, str(error)) from error
    for family, kind, protocol, _, address in found:
        if not address_allowed(host, str(address[0]), private):
            last = refusal_of(host, str(address[0]))
            continue
        line = socket.socket(family, kind, protocol)
        line.setblocking(False)
        try:
            await loop.sock_connect(line, address)
        except OSError as error:
            line.close()
            last = str(error) or type(error).__name__
        except BaseException:
            line.close()
            raise
        else:
            return line
    raise Unreached(FailureKind.CONNECT, last)


def too_many_frames() -> Failure:
    """The answer was cut off by our own limit on frames."""
    detail = str(reading_stopped(f"comes in more than {FRAME_LIMIT:,} frames"))
    return Failure(kind=FailureKind.CUT_OFF, detail=detail)


def _no_handshake(error: Exception) -> Exception:
    """Refused or Unreached; or the error itself, where it is a bug of ours."""
    for each in (error, error.__cause__, error.__context__):
        if isinstance(each, InvalidStatus):
            return Refused(each.response)
    if isinstance(error, InvalidMessage):  # no HTTP at all, or the connection broke
        return Unreached(FailureKind.CUT_OFF, f"the handshake broke off ({error.__cause__ or error})")
    if isinstance(error, InvalidHandshake):
        return Unreached(FailureKind.GARBLED, f"no websocket handshake: {error}")
    return error


def _broken(closed: ConnectionClosed, byte_limit: int) -> Failure:
    """What an abnormal close says: theirs where they said one, else ours."""
    if closed.rcvd is None and closed.sent is not None:
        if closed.sent.code == TOO_BIG and "fragments" in closed.sent.reason:
            detail = str(reading_stopped(f"has a message in too many pieces ({closed.sent.reason})"))
            return Failure(kind=FailureKind.CUT_OFF, detail=detail)
        if closed.sent.code == TOO_BIG:
            return too_long(byte_limit)
        kind = FailureKind.GARBLED if closed.sent.code in (1002, 1007) else FailureKind.CUT_OFF
        return Failure(kind=kind, detail=f"we closed the websocket: {closed.sent.reason or closed.sent.code}")
    if closed.rcvd is None:
        return Failure(kind=FailureKind.CUT_OFF, detail="the websocket broke without a closing frame")
    kind = FailureKind.REFUSED if closed.rcvd.code in REFUSING else FailureKind.CUT_OFF
    if closed.rcvd.code == LIMITED or is_limit(closed.rcvd.reason):
        kind = FailureKind.LIMITED
    said = f": {closed.rcvd.reason}" if closed.rcvd.reason else ""
    return Failure(kind=kind, detail=f"the server closed the websocket with code {closed.rcvd.code}{said}")
