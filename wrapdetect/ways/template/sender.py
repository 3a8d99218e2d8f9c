"""The way out for templates: steps, cookies, kept values and the question, over HTTP or a websocket (ways/net/socket).

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
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from functools import partial
from types import TracebackType
from typing import Self, Unpack
from uuid import uuid4

import httpx

from wrapdetect.dialects import Call, decode
from wrapdetect.dialects.body.unpacked import BodyError, encoding_of, inflate
from wrapdetect.dialects.template import finished, kept_in, signs_of_end
from wrapdetect.dialects.template.filling import Outgoing, request_of
from wrapdetect.dialects.template.filters import CannotFilter
from wrapdetect.dialects.template.sources import find
from wrapdetect.model import Ask, AskKey, Chunk, Endpoint, Exchange, Failure, FailureKind, Step, Template
from wrapdetect.runs.ask import RETRIES_WHEN_LIMITED
from wrapdetect.runs.workload import worked
from wrapdetect.secrets.named import clean_url
from wrapdetect.secrets.names import SHORTEST_LEARNT
from wrapdetect.targets.origins import MOST_REDIRECTS, may_ask
from wrapdetect.ways.http import BYTE_LIMIT
from wrapdetect.ways.means import Means
from wrapdetect.ways.net.failures import broken, no_answer, timed_out
from wrapdetect.ways.net.lines import Lines, connections
from wrapdetect.ways.net.tape import StampingTransport, Tape, current_tape
from wrapdetect.ways.page.login_state import read_login
from wrapdetect.ways.template.over_socket import ON_SOCKET, Sockets
from wrapdetect.ways.template.poll import Polls
from wrapdetect.ways.template.talk import (
    Aside,
    Asking,
    Conversing,
    Stopped,
    TalkState,
    TemplateTalk,
    address_of,
    carries_the_question,
    led_on,
    outgoing_headers,
    shown_of,
    shown_url,
    values_of,
)

_GRACE_S = 0.2
"""How long a stream that said its end may take to end, so that its connection can be used again."""
LONGEST_END = 4
"""Bytes of the longest end of an event, and so the most chunks that it may come in."""
EXPIRED = frozenset({401, 403, 419, 440})
"""Statuses that say that a session is over (419 and 440 by custom): the steps `run` are made again for the next ask."""


class TemplateSender:
    """`send` for run_slots, to endpoints that a template describes. Use as an async context manager."""

    def __init__(
        self,
        endpoints: tuple[Endpoint, ...],
        *,
        byte_limit: int = BYTE_LIMIT,
        transport: Callable[[], httpx.AsyncBaseTransport] | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        new_id: Callable[[], str] = lambda: str(uuid4()),
        **means: Unpack[Means],
    ) -> None:
        self._keyring, self._now, self._stopwatch = means["keyring"], means["now"], means["stopwatch"]
        self._timeout_s, self._limit, self._new_id = means["timeout_s"], byte_limit, new_id
        self._values = partial(values_of, ring=self._keyring, new_id=new_id)
        self._bots = {e.name: Conversing(e, e.template or Template(), login=read_login(e)) for e in endpoints}
        make = transport or connections()
        self._lines = {e.name: Lines(make) for e in endpoints}
        self._sockets = Sockets(
            values=self._values,
            address=lambda asking, outgoing: str(self._url(asking, outgoing)),
            stopwatch=self._stopwatch,
            byte_limit=byte_limit,
        )
        self._polls = Polls(
            values=self._values,
            request=self._whole,
            stopwatch=self._stopwatch,
            sleep=sleep,
            byte_limit=byte_limit,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for bot in self._bots.values():
            for talk in bot.talks.values():
                self._sockets.hang_up(talk)
        await self._sockets.aclose()
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
        tape = asking.tape  # another one where the answer was polled for
        early_s = _with_the_step(asking.carried, tape)
        exchange = tape.exchange(
            endpoint=endpoint.name,
            ask=ask.key,
            turn=turn,
            attempt=attempt,
            started=asking.started - timedelta(seconds=early_s),
            ended=self._stopwatch(),
            failure=failure,
        )
        exchange = replace(exchange, missing=asking.missing(), hops=tuple(a.hop(tape.start_s) for a in asking.asides))
        await self._settle(asking, ask, exchange)
        return await worked(exchange, lambda: self._keyring.clean(exchange, asking.secrets))

    def _talk(self, bot: Conversing, key: AskKey, turn: int) -> TemplateTalk:
        """The conversation that goes on, or a new one."""
        talk = bot.talks.get(key)
        if talk is not None and (turn > 0 or talk.limited):
            return talk
        if talk is not None:
            self._sockets.hang_up(talk)
        bot.talks[key] = TemplateTalk(own_id=self._new_id())
        return bot.talks[key]

    async def _settle(self, asking: Asking, ask: Ask, exchange: Exchange) -> None:
        """Keep the conversation for what comes, or end it."""
        bot, talk, last = asking.bot, asking.talk, exchange.turn + 1 >= len(ask.turns)
        failure = exchange.failure
        if failure is None and (exchange.turn > 0 or not last):  # a limit may stand in a 200, and is asked again
            failure = (await worked(exchange, lambda: decode(exchange, bot.endpoint))).failure
        talk.limited = failure is not None and failure.kind is FailureKind.LIMITED
        if exchange.status in EXPIRED and bot.shared is talk.shared:
            bot.shared = None
        if talk.limited and exchange.attempt < RETRIES_WHEN_LIMITED:
            return
        if last or failure is not None:
            self._sockets.hang_up(bot.talks.pop(ask.key))

    async def _within_limits(self, asking: Asking) -> Failure | None:
        try:
            async with asyncio.timeout(self._timeout_s):
                await self._before(asking)
                asking.step, asking.started = "", self._now()
                if asking.bot.over_socket:
                    await self._sockets.put(asking)
                elif asking.bot.template.polls:
                    await self._polls.put(asking)
                else:
                    await self._over_http(asking)
                self._keep(asking)
        except Stopped as stopped:
            return stopped.failure
        except (TimeoutError, httpx.TimeoutException):
            return asking.named(timed_out(asking.current, self._timeout_s))
        except CannotFilter as error:
            return asking.named(Failure(kind=FailureKind.GARBLED, detail=str(error)))
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

    async def _shared(self, asking: Asking) -> TalkState:
        """What the steps `run` left; whoever comes first makes them, the others wait."""
        bot = asking.bot
        if bot.shared is None:
            asking.step, asking.current = "waiting for the steps of the run", Tape(self._stopwatch(), sending=True)
            async with bot.lock:
                if bot.shared is None:
                    state = TalkState(cookies=bot.login.jar())
                    for number, step in enumerate(bot.template.steps, start=1):
                        if step.when == "run" and step.method not in ON_SOCKET:
                            await self._step(asking, number, step, state)
                    bot.shared = state
        asking.step, asking.current = "", asking.tape
        return bot.shared

    async def _step(self, asking: Asking, number: int, step: Step, state: TalkState) -> None:
        asking.step = f"step {number} ({step.method} {step.path.partition('?')[0]})".replace(" )", ")")
        if step.method in ON_SOCKET:
            text = await self._sockets.step(asking, step, state)
        else:
            text = await self._http_step(asking, step, state)
        for name, source in step.keep:
            found = find(source, text=text, headers=asking.current.headers, cookies=state.cookie_values())
            if not found:
                nothing = f"{source} finds nothing to keep as {name} in what came"
                raise asking.stopped(Failure(kind=FailureKind.GARBLED, detail=nothing))
            state.values[name] = found
        asking.secrets |= state.secrets()

    async def _http_step(self, asking: Asking, step: Step, state: TalkState) -> str:
        """What came, as text, after redirects within its origin; most forms to log in are answered by one."""
        values = self._values(asking, state)
        outgoing = request_of(step, values)
        shown = shown_of(step, outgoing, values)
        url, url_shown, sent = self._url(asking, outgoing), shown_url(asking.bot.endpoint.url, shown), shown.body
        for _ in range(MOST_REDIRECTS + 1):
            tape = asking.current = Tape(self._stopwatch())
            asking.asides.append(Aside(outgoing.method, url_shown, sent, tape))
            if asking.carried is None and carries_the_question(step):
                asking.carried = tape
            await self._request(asking, outgoing, url, state, lambda _: False)
            led = led_on(outgoing, str(url), tape)
            if led is None:
                break
            outgoing, sent = led, ""
            url, url_shown = self._url(asking, led), clean_url(led.path, SHORTEST_LEARNT)
        if (failure := no_answer(tape, self._limit)) is not None:
            raise asking.stopped(failure)
        return _text_of(tape, asking)

    # The question

    async def _over_http(self, asking: Asking) -> None:
        bot, state, tape = asking.bot, asking.talk.state, asking.tape
        values = self._values(asking, state)
        outgoing = request_of(bot.template, values)
        url, asking.current = self._url(asking, outgoing), tape
        try:
            await self._request(asking, outgoing, url, state, _Watcher(bot.template, tape))
        finally:
            shown = shown_of(bot.template, outgoing, values)
            tape.sent = shown.body or f"{shown.method} {clean_url(shown.path)}"
            asking.secrets |= state.secrets()
        if (failure := no_answer(tape, self._limit)) is not None:
            raise Stopped(failure)

    def _keep(self, asking: Asking) -> None:
        """What the template keeps of an answer."""
        template, tape, state = asking.bot.template, asking.tape, asking.talk.state
        if not template.keep or template.polls:
            return
        held = tape.exchange(
            endpoint="", ask=AskKey("", "", 0), turn=0, attempt=0, started=asking.started, ended=0.0, failure=None
        )
        with suppress(BodyError):  # reading the answer will say so
            state.values |= kept_in(template, held, state.cookie_values())
        asking.secrets |= state.secrets()

    # What both need

    def _url(self, asking: Asking, outgoing: Outgoing) -> httpx.URL:
        """The address asked. Raises Stopped for one that may not be."""
        endpoint = asking.bot.endpoint
        try:
            url = httpx.URL(address_of(endpoint.url, outgoing)).copy_with(fragment=None)
            if may_ask(endpoint, str(url)):
                return url
            said = f"it leads to {url.host}, which is neither the address's own host nor among hosts"
        except (httpx.InvalidURL, ValueError) as error:
            said = f"its path makes no web address ({error})"
        raise asking.stopped(Failure(kind=FailureKind.REFUSED, detail=said))

    async def _whole(self, asking: Asking, outgoing: Outgoing) -> None:
        """One request of the conversation, read to its end."""
        url = self._url(asking, outgoing)
        await self._request(asking, outgoing, url, asking.talk.state, lambda _: False)

    async def _request(
        self, asking: Asking, outgoing: Outgoing, url: httpx.URL, state: TalkState, over: Callable[[bytes], bool]
    ) -> None:
        """One request, read to its end, or to where `over` says so; asking.current holds what came."""
        current_tape.set(asking.current)
        headers = outgoing_headers(outgoing, str(url), state)
        request = httpx.Request(outgoing.method, url, headers=headers, content=outgoing.body.encode() or None)
        with self._lines[asking.bot.endpoint.name].one() as line:
            stamping = StampingTransport(
                line,
                origin=url,
                sent_headers=frozenset(request.headers.keys()),
                stopwatch=self._stopwatch,
                byte_limit=self._limit,
                private=asking.bot.endpoint.private,
            )
            response = await stamping.handle_async_request(request)
            assert isinstance(response.stream, httpx.AsyncByteStream)
            try:
                state.take_cookies(str(url), asking.current.headers)
                body = aiter(response.stream)
                async for data in body:
                    if over(data):
                        await _let_end(body)
                        break
            finally:
                await response.stream.aclose()


class _Watcher:
    """Sees the end of a stream in bytes that come cut anywhere."""

    def __init__(self, template: Template, tape: Tape) -> None:
        self._template, self._tape, self._rest = template, tape, list[bytes]()
        self._signs = signs_of_end(template)
        self._ends = {"sse": (b"\n\n", b"\r\r", b"\r\n\r\n"), "ndjson": (b"\n",)}.get(template.framing, ())

    def __call__(self, data: bytes) -> bool:
        if not self._ends or (self._tape.status or 0) >= 300:
            return False
        self._rest.append(data)
        if not b"".join(self._rest[-LONGEST_END:]).endswith(self._ends):
            return False
        whole, self._rest = b"".join(self._rest), []
        if self._signs is not None and not any(sign in whole for sign in self._signs):
            return False
        return finished(self._template, whole)


async def _let_end(body: AsyncIterator[bytes]) -> None:
    """Read on to the end of a body that says it is over, if that comes soon; how it ends does not matter any more."""
    with suppress(TimeoutError, httpx.TransportError):
        async with asyncio.timeout(_GRACE_S):
            async for _ in body:
                pass


def _with_the_step(carried: Tape | None, tape: Tape) -> float:
    """Start the exchange's clock where the question left with a step; gives by how many seconds that is earlier."""
    if carried is None:
        return 0.0
    early_s = tape.start_s - carried.start_s
    tape.chunks = [Chunk(t_s=c.t_s + early_s, data=c.data) for c in tape.chunks]
    tape.start_s = carried.start_s
    return early_s


def _text_of(tape: Tape, asking: Asking) -> str:
    try:
        chunks = inflate(tape.chunks, encoding_of(tape.headers))
    except BodyError as error:
        raise asking.stopped(error.failure) from None
    return b"".join(c.data for c in chunks).decode(errors="replace")
