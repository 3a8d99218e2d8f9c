"""The way out for templates: steps, cookies, kept values and the question, over HTTP or a websocket (edge/socket).

A conversation has its own cookies, kept values and socket, and begins afresh with its first turn. Steps `run` are made
once for an endpoint and shared, steps `conversation` once for each conversation, steps `ask` before each question; each
is a hop in the exchange of the ask that caused it. Where one fails, the exchange has its status and headers: nothing
else came back. Request headers and cookies are in no exchange.

`missing` holds "fresh_chat" where nothing tells the server one conversation from another: no {messages}, no
{conversation_id} or {uuid} beyond the steps `run`, no step `conversation`, no socket, and no cookie that the server set
within the conversation (those of content networks and load balancers aside). It may then remember by address or by the
user's own cookie what was asked before, or nothing at all: that cannot be seen from here.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from functools import cache
from types import TracebackType
from typing import Self
from uuid import uuid4

import httpx

from wrapdetect.dialects import Call, decode
from wrapdetect.dialects.body import BodyError, inflate
from wrapdetect.dialects.filling import Outgoing, request_of
from wrapdetect.dialects.sources import find
from wrapdetect.dialects.template import ended, finished, kept_in
from wrapdetect.edge.http import (
    BYTE_LIMIT,
    USER_AGENT,
    StampingTransport,
    Tape,
    broken,
    current_tape,
    refusal,
    timed_out,
    too_long,
)
from wrapdetect.edge.origins import as_socket, join, may_ask, moved_within
from wrapdetect.edge.secrets import SHORTEST_LEARNT, Keyring, clean_url
from wrapdetect.edge.socket import Frame, Refused, Socket, Unreached, open_socket
from wrapdetect.edge.template_talk import Aside, Asking, Bot, Filled, State, Stopped, Talk, closed, values_of, write
from wrapdetect.model import Ask, AskKey, Chunk, Endpoint, Exchange, Failure, FailureKind, Step, Template
from wrapdetect.run import RETRIES_WHEN_LIMITED

GRACE_S = 0.2
"""How long a stream that said its end may take to end, so that its connection can be used again."""
MOST_REDIRECTS = 5
MOVED = frozenset({301, 302, 303, 307, 308})
EXPIRED = frozenset({401, 403, 419, 440})
"""Statuses that say that a session is over (419 and 440 by custom): the steps `run` are made again for the next ask."""
ON_SOCKET = ("SEND", "RECEIVE")
NOT_OURS_TO_SAY = frozenset({"host", "content-length", "connection", "transfer-encoding", "accept-encoding", "cookie"})


@cache
def _trusted() -> ssl.SSLContext:
    """Certificates to trust: 30 ms, so once a process."""
    return httpx.create_ssl_context()


def connections() -> httpx.AsyncBaseTransport:
    """A pool of connections, with the certificates that all of them share."""
    return httpx.AsyncHTTPTransport(verify=_trusted())


class TemplateSender:
    """`send` for run_slots, to endpoints that a template describes. Use as an async context manager."""

    def __init__(
        self,
        endpoints: tuple[Endpoint, ...],
        *,
        keyring: Keyring,
        now: Callable[[], datetime],
        stopwatch: Callable[[], float],
        timeout_s: float,
        byte_limit: int = BYTE_LIMIT,
        transport: Callable[[], httpx.AsyncBaseTransport] = connections,
        new_id: Callable[[], str] = lambda: str(uuid4()),
    ) -> None:
        self._keyring, self._now, self._stopwatch, self._new_id = keyring, now, stopwatch, new_id
        self._timeout_s, self._limit = timeout_s, byte_limit
        self._bots = {e.name: Bot(e, e.template or Template()) for e in endpoints}
        self._lines = {e.name: transport() for e in endpoints}
        self._closing: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for bot in self._bots.values():
            for talk in bot.talks.values():
                self._hang_up(talk)
        await asyncio.gather(*self._closing)
        for line in self._lines.values():
            await line.aclose()

    async def __call__(self, endpoint: Endpoint, ask: Ask, turn: int, attempt: int, call: Call) -> Exchange:
        """Put one question, with the steps due before it. A remote failure is in the exchange, never raised."""
        bot = self._bots[endpoint.name]
        talk = self._talk(bot, ask.key, turn)
        tape = Tape(start_s=self._stopwatch())
        asking = Asking(bot, talk, call, started=self._now(), tape=tape, current=tape)
        failure = await self._within_limits(asking)
        if asking.step:  # nothing else came back
            tape.status, tape.headers = asking.current.status, asking.current.headers
        exchange = tape.exchange(
            endpoint=endpoint.name,
            ask=ask.key,
            turn=turn,
            attempt=attempt,
            started=asking.started,
            ended=self._stopwatch(),
            failure=failure,
        )
        exchange = replace(exchange, missing=asking.missing(), hops=tuple(a.hop(tape.start_s) for a in asking.asides))
        self._settle(asking, ask, exchange)
        return self._keyring.clean(exchange, asking.secrets)

    def _talk(self, bot: Bot, key: AskKey, turn: int) -> Talk:
        """The conversation that goes on, or a new one."""
        talk = bot.talks.get(key)
        if talk is not None and (turn > 0 or talk.limited):
            return talk
        if talk is not None:
            self._hang_up(talk)
        bot.talks[key] = Talk(own_id=self._new_id())
        return bot.talks[key]

    def _settle(self, asking: Asking, ask: Ask, exchange: Exchange) -> None:
        """Keep the conversation for what comes, or end it."""
        bot, talk, last = asking.bot, asking.talk, exchange.turn + 1 >= len(ask.turns)
        failure = exchange.failure
        if failure is None and not last:
            failure = decode(exchange, bot.endpoint).failure
        talk.limited = failure is not None and failure.kind is FailureKind.LIMITED
        if exchange.status in EXPIRED and bot.shared is talk.shared:
            bot.shared = None
        if talk.limited and exchange.attempt < RETRIES_WHEN_LIMITED:
            return
        if last or failure is not None:
            self._hang_up(bot.talks.pop(ask.key))

    def _hang_up(self, talk: Talk) -> None:
        if talk.socket is not None:
            task = asyncio.create_task(talk.socket.close())
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)
            talk.socket = None

    async def _within_limits(self, asking: Asking) -> Failure | None:
        try:
            async with asyncio.timeout(self._timeout_s):
                await self._before(asking)
                asking.step, asking.started = "", self._now()
                await (self._over_socket if asking.bot.over_socket else self._over_http)(asking)
        except Stopped as stopped:
            return stopped.failure
        except (TimeoutError, httpx.TimeoutException):
            return asking.named(timed_out(asking.current, self._timeout_s))
        except (httpx.TransportError, UnicodeError) as error:
            return asking.named(broken(error, asking.current))
        return None

    # Before the question

    async def _before(self, asking: Asking) -> None:
        """All steps that are due, in their order."""
        talk, bot = asking.talk, asking.bot
        if talk.shared is None:
            talk.shared = await self._shared(asking)
            talk.state = talk.shared.copy()
        asking.secrets |= talk.state.secrets()
        anew = talk.socket is None or not talk.socket.open
        for number, step in enumerate(bot.template.steps, start=1):
            on_socket = step.method in ON_SOCKET
            once = step.when == "conversation" or (on_socket and step.when == "run")
            if step.when == "ask" or (once and (not talk.begun or (on_socket and anew))):
                await self._step(asking, number, step, talk.state)
        talk.begun = True

    async def _shared(self, asking: Asking) -> State:
        """What the steps `run` left; whoever comes first makes them, the others wait."""
        bot = asking.bot
        if bot.shared is None:
            asking.step, asking.current = "waiting for the steps of the run", Tape(self._stopwatch(), sending=True)
            async with bot.lock:
                if bot.shared is None:
                    state = State()
                    for number, step in enumerate(bot.template.steps, start=1):
                        if step.when == "run" and step.method not in ON_SOCKET:
                            await self._step(asking, number, step, state)
                    bot.shared = state
        asking.step, asking.current = "", asking.tape
        return bot.shared

    async def _step(self, asking: Asking, number: int, step: Step, state: State) -> None:
        asking.step = f"step {number} ({step.method} {step.path.partition('?')[0]})".replace(" )", ")")
        if step.method in ON_SOCKET:
            text = await self._socket_step(asking, step, state)
        else:
            text = await self._http_step(asking, step, state)
        for name, source in step.keep:
            found = find(source, text=text, headers=asking.current.headers, cookies=state.cookie_values())
            if not found:
                nothing = f"{source} finds nothing to keep as {name} in what came"
                raise asking.stopped(Failure(kind=FailureKind.GARBLED, detail=nothing))
            state.values[name] = found
        asking.secrets |= state.secrets()

    async def _http_step(self, asking: Asking, step: Step, state: State) -> str:
        """What came, as text. A GET is redirected within its origin, some times."""
        values = self._values(asking, state)
        outgoing, shown = request_of(step, values), request_of(step, values.shown())
        url, url_shown = self._url(asking, outgoing.path), join(asking.bot.endpoint.url, shown.path)
        for _ in range(MOST_REDIRECTS + 1):
            tape = asking.current = Tape(self._stopwatch())
            asking.asides.append(Aside(outgoing.method, url_shown, shown.body, tape))
            await self._request(asking, outgoing, url, state, lambda _: False)
            where = next((v for k, v in tape.headers if k.lower() == "location"), None)
            moved = moved_within(str(url), where) if where is not None and tape.status in MOVED else None
            if moved is None or outgoing.method != "GET":
                break
            url, url_shown = self._url(asking, moved), clean_url(moved, SHORTEST_LEARNT)
        if (tape.status or 0) >= 300:
            raise asking.stopped(refusal(tape))
        if tape.overflow:
            raise asking.stopped(too_long(self._limit))
        return _text_of(tape, asking)

    async def _socket_step(self, asking: Asking, step: Step, state: State) -> str:
        socket, line = await self._socket(asking), self._line(asking)
        asking.current = line.tape
        if step.method == "SEND":
            values = self._values(asking, state)
            line.sent += ("\n" if line.sent else "") + request_of(step, values.shown()).body
            await socket.say(request_of(step, values).body)
            return ""
        frame = await socket.hear()
        if frame is None:
            raise asking.stopped(socket.ending or closed())
        write(frame, line.tape)
        return frame.data.decode(errors="replace")

    # The question

    async def _over_http(self, asking: Asking) -> None:
        bot, state, tape = asking.bot, asking.talk.state, asking.tape
        values = self._values(asking, state)
        outgoing, shown = request_of(bot.template, values), request_of(bot.template, values.shown())
        url, asking.current = self._url(asking, outgoing.path), tape
        try:
            await self._request(asking, outgoing, url, state, _Watcher(bot.template, tape))
        finally:
            tape.sent = shown.body or f"{shown.method} {clean_url(shown.path)}"
            asking.secrets |= state.secrets()
        if (tape.status or 0) >= 300:
            raise Stopped(refusal(tape))
        if tape.overflow:
            raise Stopped(too_long(self._limit))
        self._keep(asking, state)

    async def _over_socket(self, asking: Asking) -> None:
        bot, state, tape = asking.bot, asking.talk.state, asking.tape
        socket, values = await self._socket(asking), self._values(asking, state)
        for frame in socket.heard_meanwhile():  # of an earlier question, or of nobody's
            write(frame, self._line(asking).tape)
        outgoing, tape.sent = request_of(bot.template, values), request_of(bot.template, values.shown()).body
        tape.status, tape.headers, tape.sending, asking.current = socket.status, socket.headers, True, tape
        tape.start_s = self._stopwatch()
        await socket.say(outgoing.body)
        await self._listen(bot.template, socket, tape)
        self._keep(asking, state)

    async def _listen(self, template: Template, socket: Socket, tape: Tape) -> None:
        """Frames of the answer, up to its end."""
        got, said = 0, False
        while True:
            try:
                async with asyncio.timeout(template.quiet_s if said and template.quiet_s else None) as quiet:
                    frame = await socket.hear()
            except TimeoutError:
                if quiet.expired():
                    return
                raise
            if frame is None:
                if socket.ending is not None:
                    raise Stopped(socket.ending)
                return
            got += len(frame.data)
            if got > self._limit:
                write(Frame(frame.at_s, frame.data[: self._limit - got]), tape)
                raise Stopped(too_long(self._limit))
            write(frame, tape)
            text = frame.data.decode(errors="replace")
            if ended(template, text):
                return
            said = said or bool(find(template.answer, text=text))

    def _keep(self, asking: Asking, state: State) -> None:
        """What the template keeps of an answer."""
        template, tape = asking.bot.template, asking.tape
        if not template.keep:
            return
        held = tape.exchange(
            endpoint="", ask=AskKey("", "", 0), turn=0, attempt=0, started=asking.started, ended=0.0, failure=None
        )
        with suppress(BodyError):  # reading the answer will say so
            state.values |= kept_in(template, held, state.cookie_values())
        asking.secrets |= state.secrets()

    # What both need

    def _values(self, asking: Asking, state: State) -> Filled:
        return values_of(asking, state, self._keyring, self._new_id)

    def _url(self, asking: Asking, path: str) -> httpx.URL:
        """The address asked. Raises Stopped for one that may not be."""
        endpoint = asking.bot.endpoint
        try:
            url = httpx.URL(join(endpoint.url, path)).copy_with(fragment=None)
            if may_ask(endpoint, str(url)):
                return url
            said = f"it leads to {url.host}, which is neither the address's own host nor among hosts"
        except httpx.InvalidURL as error:
            said = f"its path makes no web address ({error})"
        raise asking.stopped(Failure(kind=FailureKind.REFUSED, detail=said))

    async def _request(
        self, asking: Asking, outgoing: Outgoing, url: httpx.URL, state: State, over: Callable[[bytes], bool]
    ) -> None:
        """One request, read to its end, or to where `over` says so; asking.current holds what came."""
        current_tape.set(asking.current)
        headers = _headers(outgoing, url, state)
        request = httpx.Request(outgoing.method, url, headers=headers, content=outgoing.body.encode() or None)
        stamping = StampingTransport(
            self._lines[asking.bot.endpoint.name],
            origin=url,
            sent_headers=frozenset(request.headers.keys()),
            stopwatch=self._stopwatch,
            byte_limit=self._limit,
            private=asking.bot.endpoint.private,
        )
        response = await stamping.handle_async_request(request)
        response.request = request
        httpx.Cookies(state.cookies).extract_cookies(response)
        assert isinstance(response.stream, httpx.AsyncByteStream)
        try:
            body = aiter(response.stream)
            async for data in body:
                if over(data):
                    await _let_end(body)
                    break
        finally:
            await response.stream.aclose()

    async def _socket(self, asking: Asking) -> Socket:
        """The conversation's socket, opened where it is not open."""
        talk, bot, state = asking.talk, asking.bot, asking.talk.state
        if talk.socket is not None and talk.socket.open:
            return talk.socket
        self._hang_up(talk)
        values = self._values(asking, state)
        outgoing, shown = request_of(bot.template, values), request_of(bot.template, values.shown())
        url = self._url(asking, outgoing.path)
        tape = asking.current = Tape(self._stopwatch())
        asking.line = Aside("GET", as_socket(join(bot.endpoint.url, shown.path)), "", tape)
        asking.asides.append(asking.line)

        def sending() -> None:
            tape.start_s, tape.sending = self._stopwatch(), True

        try:
            talk.socket = await open_socket(
                as_socket(str(url)),
                _headers(outgoing, url, state),
                private=bot.endpoint.private,
                trusted=_trusted,
                sending=sending,
                stopwatch=self._stopwatch,
                byte_limit=self._limit,
            )
        except Unreached as unreached:
            raise asking.stopped(unreached.failure) from None
        except Refused as refused:
            tape.status, tape.reason, tape.headers = refused.status, refused.reason, refused.headers
            tape.chunks = [Chunk(t_s=self._stopwatch() - tape.start_s, data=refused.body)] if refused.body else []
            asking.step = asking.step or "the websocket's handshake"
            raise asking.stopped(refusal(tape)) from None
        tape.status, tape.headers = talk.socket.status, talk.socket.headers
        handshake = httpx.Response(tape.status, headers=tape.headers, request=httpx.Request("GET", url))
        httpx.Cookies(state.cookies).extract_cookies(handshake)
        asking.secrets |= state.secrets()
        return talk.socket

    def _line(self, asking: Asking) -> Aside:
        """Where frames beside the question are written."""
        if asking.line is None:
            bot, socket = asking.bot, asking.talk.socket
            assert socket is not None
            shown = request_of(bot.template, self._values(asking, asking.talk.state).shown())
            tape = Tape(self._stopwatch(), status=socket.status, headers=socket.headers, sending=True)
            asking.line = Aside("GET", as_socket(join(bot.endpoint.url, shown.path)), "", tape)
            asking.asides.append(asking.line)
        return asking.line


class _Watcher:
    """Sees the end of a stream in bytes that come cut anywhere."""

    def __init__(self, template: Template, tape: Tape) -> None:
        self._template, self._tape, self._rest = template, tape, b""
        self._ends = {"sse": (b"\n\n", b"\r\r", b"\r\n\r\n"), "ndjson": (b"\n",)}.get(template.framing, ())

    def __call__(self, data: bytes) -> bool:
        if not self._ends or (self._tape.status or 0) >= 300:
            return False
        self._rest += data
        if not self._rest.endswith(self._ends):
            return False
        whole, self._rest = self._rest, b""
        return finished(self._template, whole)


async def _let_end(body: AsyncIterator[bytes]) -> None:
    """Read on to the end of a body that says it is over, if that comes soon; how it ends does not matter any more."""
    with suppress(TimeoutError, httpx.TransportError):
        async with asyncio.timeout(GRACE_S):
            async for _ in body:
                pass


def _headers(outgoing: Outgoing, url: httpx.URL, state: State) -> list[tuple[str, str]]:
    """What goes out: the template's, with our defaults where it says nothing, and the cookies of both."""
    given = {name.lower() for name, _ in outgoing.headers}
    headers = [(n, v) for n, v in outgoing.headers if n.lower() not in NOT_OURS_TO_SAY]
    headers += [(n, v) for n, v in (("accept", "*/*"), ("user-agent", USER_AGENT)) if n not in given]
    jar = httpx.Request("GET", url, cookies=httpx.Cookies(state.cookies)).headers.get("cookie", "")
    own = "; ".join(value for name, value in outgoing.headers if name.lower() == "cookie")
    cookies = {c.partition("=")[0].strip(): c.strip() for c in f"{own};{jar}".split(";") if c.strip()}
    if cookies:
        headers.append(("cookie", "; ".join(cookies.values())))
    return [*headers, ("accept-encoding", "identity")]


def _text_of(tape: Tape, asking: Asking) -> str:
    encoding = next((v for k, v in tape.headers if k.lower() == "content-encoding"), "").strip().lower()
    try:
        chunks = inflate(tape.chunks, encoding)
    except BodyError as error:
        raise asking.stopped(error.failure) from None
    return b"".join(c.data for c in chunks).decode(errors="replace")
