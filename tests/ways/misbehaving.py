"""Servers on loopback that misbehave, one named way each; and one question put to such a server over real HTTP."""

import asyncio
import contextlib
import gzip
import json
import socket
import struct
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

import httpx

from tests.conftest import an_endpoint
from wrapdetect.dialects import encode
from wrapdetect.model import Ask, AskKey, Dialect, Endpoint, Exchange
from wrapdetect.ways import clock
from wrapdetect.ways.http import BYTE_LIMIT, HttpSender
from wrapdetect.ways.keyring import Keyring

CRLF = b"\r\n"
ONE_GIGABYTE = 1_000_000_000
HTML = b"<!DOCTYPE html><html><body>Welcome to our shop</body></html>"


@dataclass(slots=True)
class Heard:
    """One request, as it came."""

    head: str
    body: bytes

    @property
    def headers(self) -> dict[str, str]:
        pairs = (line.partition(": ") for line in self.head.split("\r\n")[1:] if line)
        return {k.lower(): v for k, _, v in pairs}


@dataclass(slots=True)
class Peer:
    """The server's end of one connection, with the request that came over it."""

    connection: socket.socket
    request: Heard
    stop: threading.Event
    sent: list[int]

    def send(self, data: bytes) -> None:
        self.connection.sendall(data)
        self.sent.append(len(data))

    def wait(self, seconds: float) -> bool:
        """False once the test is over."""
        return not self.stop.wait(seconds)


Behaviour = Callable[[Peer], None]


@dataclass(slots=True)
class Server:
    """A running server: its base address, what it heard, and how many bytes it got rid of."""

    url: str
    requests: list[Heard] = field(default_factory=list)
    sent: list[int] = field(default_factory=list)
    closed: threading.Event = field(default_factory=threading.Event)
    """Set when a connection has been closed by the server."""


@contextlib.contextmanager
def serving(behaviour: Behaviour, *, keep_open: bool = False) -> Iterator[Server]:
    """Run `behaviour` once for each request; with `keep_open` the connection is not closed after it."""
    listener = socket.create_server(("127.0.0.1", 0))
    server = Server(f"http://127.0.0.1:{listener.getsockname()[1]}/v1")
    stop = threading.Event()
    threads: list[threading.Thread] = []
    connections: list[socket.socket] = []

    def handle(connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            while (request := _hear(connection)) is not None:
                server.requests.append(request)
                behaviour(Peer(connection, request, stop, server.sent))
                if not keep_open:
                    break
        server.closed.set()

    def accept() -> None:
        while not stop.is_set():
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            connections.append(connection)
            threads.append(threading.Thread(target=handle, args=(connection,), daemon=True))
            threads[-1].start()

    acceptor = threading.Thread(target=accept, daemon=True)
    acceptor.start()
    try:
        yield server
    finally:
        stop.set()
        for each in (listener, *connections):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
        listener.close()
        for thread in (acceptor, *threads):
            thread.join(timeout=5)


def _hear(connection: socket.socket) -> Heard | None:
    data = b""
    while b"\r\n\r\n" not in data:
        more = connection.recv(65536)
        if not more:
            return None
        data += more
        if data.startswith(b"\x16\x03"):  # a TLS client at a plain port
            connection.sendall(b"HTTP/1.1 400 Bad Request\r\nconnection: close\r\n\r\n")
            return None
    head, _, body = data.partition(b"\r\n\r\n")
    heard = Heard(head.decode("latin-1"), body)
    while len(heard.body) < int(heard.headers.get("content-length", "0")):
        heard.body += connection.recv(65536)
    return heard


class Reads:
    """A stopwatch that shows when it is read, so that a server waits until the client has stamped what it was sent."""

    def __init__(self) -> None:
        self._read = threading.Event()

    def __call__(self) -> float:
        now_s = clock.stopwatch()
        self._read.set()
        return now_s

    def after(self, send: Callable[[], object]) -> None:
        """Send, and wait until the stopwatch is read."""
        self._read.clear()
        send()
        assert self._read.wait(30)


def http_sender(
    endpoint: Endpoint,
    *,
    key: str | None = None,
    timeout_s: float = 10.0,
    byte_limit: int = BYTE_LIMIT,
    transport: Callable[[], httpx.AsyncBaseTransport] = httpx.AsyncHTTPTransport,
    stopwatch: Callable[[], float] = clock.stopwatch,
) -> HttpSender:
    return HttpSender(
        (endpoint,),
        keyring=Keyring({} if key is None else {endpoint.name: key}),
        now=clock.now,
        stopwatch=stopwatch,
        timeout_s=timeout_s,
        byte_limit=byte_limit,
        transport=transport,
    )


def ask_once(
    url: str,
    *,
    key: str | None = None,
    dialect: Dialect = "openai_stream",
    timeout_s: float = 5.0,
    byte_limit: int = BYTE_LIMIT,
    transport: Callable[[], httpx.AsyncBaseTransport] = httpx.AsyncHTTPTransport,
    stopwatch: Callable[[], float] = clock.stopwatch,
    times: int = 1,
    between: Callable[[int], object] = lambda number: None,
) -> list[Exchange]:
    """The same question `times` times, one after the other, through one sender; `between` runs before each."""
    endpoint = an_endpoint("bot", "target", url=url, dialect=dialect)
    ask = Ask(key=AskKey("style", "tides", 0), turns=("Why are there tides?",), system="", temperature=0, max_tokens=9)

    async def go() -> list[Exchange]:
        found: list[Exchange] = []
        async with http_sender(
            endpoint, key=key, timeout_s=timeout_s, byte_limit=byte_limit, transport=transport, stopwatch=stopwatch
        ) as send:
            for number in range(times):
                between(number)
                found.append(await send(endpoint, ask, 0, number, encode(ask, [], endpoint)))
        return found

    return asyncio.run(go())


def completion(text: str) -> bytes:
    """A whole plain answer."""
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    return json.dumps({"model": "m", "choices": [choice]}).encode()


def event(text: str, finish: str | None = None) -> bytes:
    """One server-sent event with a piece of answer."""
    choice = {"index": 0, "delta": {"content": text}, "finish_reason": finish}
    return b"data: " + json.dumps({"model": "m", "choices": [choice]}).encode() + b"\n\n"


def chunk(data: bytes) -> bytes:
    """One chunk of the chunked transfer coding."""
    return f"{len(data):x}".encode() + CRLF + data + CRLF


LAST_CHUNK = b"0\r\n\r\n"
STREAM_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"


def fixed(
    body: bytes, *, status: str = "200 OK", headers: tuple[str, ...] = (), kind: str = "application/json"
) -> Behaviour:
    """Always the same whole response."""
    lines = [f"HTTP/1.1 {status}", f"content-type: {kind}", f"content-length: {len(body)}", *headers]
    data = "\r\n".join(lines).encode("latin-1") + CRLF + CRLF + body
    return lambda peer: peer.send(data)


def raw(*pieces: bytes) -> Behaviour:
    """These bytes and nothing else, then the connection is closed."""

    def behave(peer: Peer) -> None:
        for piece in pieces:
            peer.send(piece)

    return behave


def stream(*events: bytes, end: bytes = LAST_CHUNK) -> Behaviour:
    """An event stream, one chunk an event."""
    return raw(STREAM_HEAD, *(chunk(e) for e in events), end)


def error_body(message: str) -> bytes:
    return json.dumps({"error": {"message": message, "type": "error"}}).encode()


def echo_key(peer: Peer) -> None:
    given = peer.request.headers.get("authorization", "").removeprefix("Bearer ")
    fixed(error_body(f"Incorrect API key provided: {given}."), status="401 Unauthorized")(peer)


def one_byte_a_second(peer: Peer) -> None:
    peer.send(STREAM_HEAD)
    for byte in event("slow") * 1000:
        peer.send(chunk(bytes([byte])))
        if not peer.wait(1.0):
            return


def never_ending(peer: Peer) -> None:
    peer.send(STREAM_HEAD)
    while peer.wait(0.005):
        peer.send(chunk(event("on and on ")))


def headers_never_come(peer: Peer) -> None:
    while peer.wait(0.05):
        pass


def endless_informational(peer: Peer) -> None:
    while peer.wait(0.05):
        peer.send(b"HTTP/1.1 103 Early Hints\r\nlink: </style.css>\r\n\r\n")


def endless_headers(peer: Peer) -> None:
    peer.send(b"HTTP/1.1 200 OK\r\n")
    while not peer.stop.is_set():
        peer.send(b"x-more: " + b"a" * 60_000 + CRLF)


def one_gigabyte(peer: Peer) -> None:
    peer.send(STREAM_HEAD)
    piece = chunk(event("x" * 1_000_000))
    for _ in range(ONE_GIGABYTE // len(piece)):
        peer.send(piece)


def resets(peer: Peer) -> None:
    """RST in the middle of a stream."""
    peer.send(STREAM_HEAD + chunk(event("half")))
    peer.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


BEHAVIOURS: Mapping[str, Behaviour] = {
    "one_byte_a_second": one_byte_a_second,
    "never_ending": never_ending,
    "headers_never_come": headers_never_come,
    "endless_informational": endless_informational,
    "endless_headers": endless_headers,
    "one_gigabyte": one_gigabyte,
    "gzip_bomb": fixed(gzip.compress(bytes(40_000_000), 1), headers=("content-encoding: gzip",)),
    "damaged_gzip": fixed(b"\x1f\x8b\x08no", headers=("content-encoding: gzip",)),
    "unasked_brotli": fixed(b"\x0b\x02\x80hi\x03", headers=("content-encoding: br",)),
    "truncated_chunked": raw(STREAM_HEAD, chunk(event("The moon")), b"ff\r\ndata: "),
    "no_last_chunk": stream(event("The moon"), event("", "stop"), end=b""),
    "no_done": stream(event("The moon"), event(" pulls.")),
    "short_of_its_length": raw(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 900\r\n\r\n{"),
    "hangs_up": raw(),
    "resets": resets,
    "invalid_status_line": raw(b"HELLO THERE\r\n\r\n"),
    "not_http": raw(b"220 mail.example ESMTP\r\n"),
    "wrong_content_type": fixed(b"The moon.", kind="text/plain"),
    "invalid_utf8": stream(event("The m").replace(b"The m", b"The m\xff\xfe"), event("", "stop")),
    "invalid_utf8_json": fixed(completion("caf").replace(b"caf", b"caf\xe9")),
    "empty_body": fixed(b""),
    "no_content": raw(b"HTTP/1.1 204 No Content\r\n\r\n"),
    "empty_answer": stream(event(""), event("", "stop"), b"data: [DONE]\n\n"),
    "error_mid_stream": stream(event("The moon"), b"data: " + error_body("upstream is gone") + b"\n\n"),
    "error_as_200": fixed(error_body("upstream is gone")),
    "html_page": fixed(HTML, kind="text/html; charset=utf-8"),
    "html_as_stream": raw(STREAM_HEAD, chunk(HTML), LAST_CHUNK),
    "json_list": fixed(b"[1, 2]"),
    "json_cut": fixed(b'{"choices": [{"mess'),
    "deeply_nested_json": fixed(b"[" * 200_000),
    "deeply_nested_event": stream(b'data: {"choices": ' + b"[" * 200_000 + b"\n\n"),
    "no_choices": fixed(b'{"object": "list", "data": []}'),
    "unauthorized": echo_key,
    "unknown_model": fixed(error_body("The model does not exist"), status="404 Not Found"),
    "too_many": fixed(error_body("Slow down"), status="429 Too Many Requests", headers=("retry-after: 1",)),
    "broken_server": fixed(error_body("Internal error"), status="500 Internal Server Error"),
    "overloaded": fixed(b"upstream connect error", status="503 Service Unavailable", kind="text/plain"),
    "moved": fixed(b"", status="301 Moved Permanently", headers=("location: https://elsewhere.example/v1",)),
}
"""Every way of misbehaving by its name; the two that need more than one connection stand in their tests."""
