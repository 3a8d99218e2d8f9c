"""A page's own traffic, by Chromium's devtools protocol (domain Network): what it asked, and the bytes as they came."""

import asyncio
import base64
import binascii
import re
from collections.abc import Coroutine, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast
from urllib.parse import parse_qsl, urlsplit

from wrapdetect.dialects.body.unpacked import cut_alike
from wrapdetect.model import Chunk, Hop
from wrapdetect.secrets.named import mask_named, mask_query
from wrapdetect.secrets.names import secret_name

if TYPE_CHECKING:
    from playwright.async_api import CDPSession

BODY_LIMIT = 200_000
"""Most bytes kept of one body."""
TURN_LIMIT = 2_000_000
"""Most bytes of bodies kept of one turn."""
ROOM = 8_000_000
"""Most bytes of bodies that are held at a time; what comes beyond is not kept."""
HOPS_LIMIT = 300
CHUNKS_LIMIT = 20_000
"""Most pieces kept of one body, or of one socket in one turn."""
REQUESTS_LIMIT = 5_000
"""Most requests of a page that are noted; what it asks beyond is let through and not written down."""
REFUSED_LIMIT = 200
"""Most addresses that are noted as refused."""
TEXTUAL = re.compile(r"^text/|json|xml|javascript|x-www-form-urlencoded|ndjson|event-stream|x-component")
BODIES = frozenset({"XHR", "Fetch", "EventSource", "Document"})
"""Kinds of request whose bodies are kept; of scripts, styles and pictures only that they were asked for."""
_ASKING = frozenset({"XHR", "Fetch", "EventSource"})

_Event = Mapping[str, object]


@dataclass(slots=True, kw_only=True)
class _Request:
    """A request as it goes on; times in seconds since the epoch, by the browser's clock."""

    begun: float
    method: str
    url: str
    kind: str
    sent: str
    status: int | None = None
    headers: tuple[tuple[str, str], ...] = ()
    chunks: list[Chunk] = field(default_factory=list)
    lengths: list[tuple[float, int]] = field(default_factory=list)
    """Pieces of which only the length is known yet."""
    kept: int = 0
    ended: float | None = None
    refused: bool = False
    streams: bool = False
    told: bool = False
    written: float = 0.0
    """Of a socket: when it was last written to."""


class Traffic:
    """Listens to one page. Masks values that are secret by their names; the caller masks cookies and storage."""

    def __init__(self) -> None:
        self._requests: dict[str, _Request] = {}
        self._refused: set[str] = set()
        self._room = ROOM
        self._offset = 0.0
        self._tasks: set[asyncio.Task[None]] = set()
        self.secrets: set[str] = set()
        """Values that the page sent where secrets stand: in a header or a query's field that is called so."""

    async def listen(self, session: "CDPSession") -> None:
        """Begin; events come from now on."""
        for name, hear in (
            ("Network.requestWillBeSent", self._begun),
            ("Network.responseReceived", lambda e: self._answered(session, e)),
            ("Network.dataReceived", self._data),
            ("Network.loadingFinished", self._finished),
            ("Network.loadingFailed", self._failed),
            ("Network.webSocketCreated", self._socket),
            ("Network.webSocketWillSendHandshakeRequest", self._handshake),
            ("Network.webSocketHandshakeResponseReceived", self._shaken),
            ("Network.webSocketFrameReceived", self._frame),
            ("Network.webSocketFrameSent", self._frame_sent),
            ("Network.webSocketClosed", self._finished),
        ):
            session.on(name, hear)
        await session.send("Network.enable", {"maxPostDataSize": BODY_LIMIT})

    # What is asked of it

    def begun_since(self, moment: float) -> bool:
        """Whether the page sent anything to its host after that moment (seconds since the epoch).

        What it only asked for again, as it did before, is no sign of that.
        """
        usual = {_path(r.url) for r in self._requests.values() if r.begun < moment and r.method == "GET"}
        return any(
            not r.refused
            and not (r.kind in ("XHR", "Fetch") and r.method == "GET" and _path(r.url) in usual)
            and (r.begun >= moment if r.kind != "WebSocket" else r.written >= moment)
            for r in self._requests.values()
            if r.kind in ("XHR", "Fetch", "EventSource", "Document", "WebSocket")
        )

    def open_since(self, moment: float) -> bool:
        """Whether a request begun after that moment is still open; a page's standing poll is none."""
        polls = {
            _path(r.url) for r in self._requests.values() if r.begun < moment and not (r.ended and r.ended < moment)
        }
        return any(
            r.kind in _ASKING and r.begun >= moment and r.ended is None and not r.refused and _path(r.url) not in polls
            for r in self._requests.values()
        )

    def heard_since(self, moment: float) -> tuple[bytes, ...]:
        """What the page was sent since that moment, a body for each request; of a socket a line for each frame."""
        return tuple(
            (b"\n" if r.kind == "WebSocket" else b"").join(c.data for c in r.chunks if c.t_s >= moment)
            for r in self._requests.values()
            if (r.kind in BODIES or r.kind == "WebSocket") and r.chunks and r.chunks[-1].t_s >= moment
        )

    def pushed_since(self, moment: float) -> bool:
        """Whether something came since then over what stays open: a socket, or a request from before."""
        return any(
            (r.kind == "WebSocket" or (r.kind in _ASKING and r.begun < moment))
            and r.ended is None
            and r.chunks
            and r.chunks[-1].t_s >= moment
            for r in self._requests.values()
        )

    def failed_since(self, moment: float) -> tuple[int, str] | None:
        """Status and text of the last request of the page after that moment, where it was answered with 400 or more."""
        found = [r for r in self._requests.values() if r.kind in _ASKING and r.begun >= moment and r.status is not None]
        last = max(found, key=lambda r: r.begun, default=None)
        if last is None or (last.status or 0) < 400:
            return None
        body = b"".join(c.data for c in last.chunks)[:300].decode(errors="replace")
        return last.status or 0, " ".join(body.split())

    @property
    def refused_hosts(self) -> tuple[str, ...]:
        """Hosts that the page wanted and did not get."""
        return tuple(sorted({urlsplit(r.url).hostname or "?" for r in self._requests.values() if r.refused}))

    @property
    def led_away(self) -> bool:
        """Whether a document was refused: the page, or a frame of it, went to another host."""
        return any(r.refused and r.kind == "Document" for r in self._requests.values())

    def refuse(self, url: str, method: str, moment: float, *, document: bool = False) -> None:
        """Note a request that was refused."""
        bare = url.partition("?")[0].partition("#")[0]
        if bare in self._refused or len(self._refused) >= REFUSED_LIMIT:
            return
        self._refused.add(bare)
        self._requests[f"refused {len(self._requests)}"] = _Request(
            begun=moment, method=method, url=bare, kind="Document" if document else "refused", sent="", refused=True
        )

    def take(self, zero: float) -> tuple[Hop, ...]:
        """What went on since the last call, on a clock whose 0 is `zero`; at most HOPS_LIMIT."""
        hops: list[Hop] = []
        left = TURN_LIMIT
        for request in sorted(self._requests.values(), key=lambda r: r.begun):
            if request.told or len(hops) >= HOPS_LIMIT:
                continue
            chunks = tuple(
                Chunk(t_s=c.t_s - zero, data=c.data)
                for c in _masked(request.chunks)
                if (left := left - len(c.data)) > 0
            )
            if request.kind == "WebSocket" and not (chunks or request.sent) and request.streams:
                continue
            hops.append(
                Hop(
                    t_s=request.begun - zero,
                    method=request.method,
                    url=mask_query(request.url),
                    sent=mask_named(request.sent),
                    status=request.status,
                    headers=request.headers,
                    chunks=chunks,
                )
            )
            self._tell(request)
        return tuple(hops)

    def _tell(self, request: _Request) -> None:
        self._room += request.kept
        request.kept = 0
        if request.kind == "WebSocket" and request.ended is None:  # it goes on in the next turn
            request.chunks, request.sent, request.streams = [], "", True
        else:
            request.told = True
            request.chunks = []

    async def settle(self) -> None:
        """Wait for bodies that are on their way from the browser, at most a second."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=1.0)

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=1.0)

    # What the browser tells

    def _begun(self, event: _Event) -> None:
        request = cast("_Event", event["request"])
        identity, moment = str(event["requestId"]), float(cast("float", event["wallTime"]))
        self._offset = moment - float(cast("float", event["timestamp"]))
        before = self._requests.get(identity)
        if before is not None:  # a redirect: the same id begins anew
            answer = event.get("redirectResponse")
            if isinstance(answer, dict):
                _note_answer(before, answer)
            before.ended = moment
            self._requests[f"{identity} {len(self._requests)}"] = before
        url, kind = str(request["url"]), str(event.get("type", ""))
        self._learn(url, request.get("headers"))
        if url.startswith(("data:", "blob:", "chrome", "about:")) or len(self._requests) >= REQUESTS_LIMIT:
            return
        body = str(request.get("postData", ""))[:BODY_LIMIT] if kind in BODIES else ""
        self._requests[identity] = _Request(begun=moment, method=str(request["method"]), url=url, kind=kind, sent=body)

    def _learn(self, url: str, headers: object = None) -> None:
        for name, value in parse_qsl(url.partition("?")[2]):
            if secret_name(name, "query"):
                self.secrets.add(value)
        if isinstance(headers, dict):
            for name, value in headers.items():
                if secret_name(str(name), "header"):
                    self.secrets |= {str(value), str(value).rpartition(" ")[2]}

    def _answered(self, session: "CDPSession", event: _Event) -> None:
        request = self._requests.get(str(event["requestId"]))
        answer = cast("_Event", event["response"])
        if request is None:
            return
        request.kind = str(event.get("type", request.kind)) if request.kind == "" else request.kind
        _note_answer(request, answer)
        if request.kind in BODIES and TEXTUAL.search(str(answer.get("mimeType", ""))):
            self._start(self._stream(session, str(event["requestId"]), request))

    def _start(self, work: Coroutine[object, object, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _stream(self, session: "CDPSession", identity: str, request: _Request) -> None:
        """Have the browser hand on the body as it comes; what came before is cut by the lengths that were told."""
        try:
            answer = await session.send("Network.streamResourceContent", {"requestId": identity})
            data = base64.b64decode(answer.get("bufferedData", ""))
        except Exception as error:
            if "Target" in type(error).__name__ or not (data := await self._whole(session, identity)):
                return
        early: list[Chunk] = []
        for moment, length in request.lengths:
            early.append(Chunk(t_s=moment, data=data[:length]))
            data = data[length:]
        if data:
            early.append(Chunk(t_s=request.lengths[-1][0] if request.lengths else request.begun, data=data))
        late, request.chunks = request.chunks, []
        self._room += request.kept
        request.kept = 0
        for chunk in (*early, *late):
            self._add(request, chunk)
        request.lengths = []

    async def _whole(self, session: "CDPSession", identity: str) -> bytes:
        for _ in range(20):  # it may not be there yet
            with suppress(Exception):
                answer = await session.send("Network.getResponseBody", {"requestId": identity})
                body = str(answer["body"])
                return base64.b64decode(body) if answer.get("base64Encoded") else body.encode()
            await asyncio.sleep(0.05)
        return b""

    def _data(self, event: _Event) -> None:
        request = self._requests.get(str(event["requestId"]))
        if request is None:
            return
        moment = float(cast("float", event["timestamp"])) + self._offset
        if data := event.get("data"):
            self._add(request, Chunk(t_s=moment, data=base64.b64decode(str(data))))
        elif len(request.lengths) < CHUNKS_LIMIT:
            request.lengths.append((moment, int(cast("int", event.get("dataLength", 0)))))

    def _add(self, request: _Request, chunk: Chunk) -> None:
        """Keep a piece, up to the limits; of the piece that passes one its beginning."""
        data = chunk.data[: max(0, min(BODY_LIMIT - request.kept, self._room))]
        if data and not request.told and len(request.chunks) < CHUNKS_LIMIT:
            request.chunks.append(Chunk(t_s=chunk.t_s, data=data))
            request.kept += len(data)
            self._room -= len(data)

    def _finished(self, event: _Event) -> None:
        request = self._requests.get(str(event["requestId"]))
        if request is not None:
            request.ended = float(cast("float", event["timestamp"])) + self._offset

    def _failed(self, event: _Event) -> None:
        self._finished(event)
        request = self._requests.get(str(event["requestId"]))
        refused = "NAME_NOT_RESOLVED" in str(event.get("errorText", "")) or event.get("blockedReason")
        if request is not None and refused:
            request.refused, request.url = True, request.url.partition("?")[0]

    def _socket(self, event: _Event) -> None:
        self._learn(str(event["url"]))
        if len(self._requests) < REQUESTS_LIMIT:
            self._requests[str(event["requestId"])] = _Request(
                begun=0.0, method="GET", url=str(event["url"]), kind="WebSocket", sent=""
            )

    def _handshake(self, event: _Event) -> None:
        moment = float(cast("float", event["wallTime"]))
        self._offset = moment - float(cast("float", event["timestamp"]))
        if request := self._requests.get(str(event["requestId"])):
            request.begun = moment

    def _shaken(self, event: _Event) -> None:
        if request := self._requests.get(str(event["requestId"])):
            _note_answer(request, cast("_Event", event["response"]))

    def _frame(self, event: _Event) -> None:
        request, moment, data = self._framed(event)
        if request is not None:
            self._add(request, Chunk(t_s=moment, data=data))

    def _frame_sent(self, event: _Event) -> None:
        request, moment, data = self._framed(event)
        if request is not None and len(request.sent) < BODY_LIMIT:
            request.sent += data.decode(errors="replace")[:BODY_LIMIT] + "\n"
            request.written = moment

    def _framed(self, event: _Event) -> tuple[_Request | None, float, bytes]:
        frame = cast("_Event", event["response"])
        text = str(frame.get("payloadData", ""))
        data = text.encode()
        if frame.get("opcode") == 2:
            with suppress(binascii.Error):
                data = base64.b64decode(text)
        moment = float(cast("float", event["timestamp"])) + self._offset
        return self._requests.get(str(event["requestId"])), moment, data[:BODY_LIMIT]


def _note_answer(request: _Request, answer: _Event) -> None:
    request.status = int(cast("int", answer.get("status", 0))) or None
    headers = answer.get("headers", {})
    if isinstance(headers, dict):  # several of one name are joined by line breaks
        request.headers = tuple((str(k).lower(), part) for k, v in headers.items() for part in str(v).split("\n"))


def _path(url: str) -> str:
    return url.partition("?")[0]


def _masked(chunks: list[Chunk]) -> Sequence[Chunk]:
    """Values that are secret by their names, masked over the whole body."""
    body = b"".join(c.data for c in chunks)
    masked = mask_named(body.decode("latin-1")).encode("latin-1", "replace")
    return chunks if masked == body or len(masked) != len(body) else cut_alike(chunks, masked)
