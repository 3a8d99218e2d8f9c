"""Heartbeats: the cheapest honest request to a service, and what came of it; and the short answers of a fingerprint.

A template or a page is asked by the sender of an audit (ways/send), each time in a conversation of its own, which is
closed after it; of pages one at a time, for a browser of some 100 MB. The requests to an API are those of ways/http,
under its rules: one origin a request, no redirects, no retries, a limit on bytes, only the headers named there, and a
key goes to its own endpoint alone. Here each request has a connection of its own,
and all share the certificates they trust (10,000 targets with their own would take minutes and gigabytes). Connections
are not kept: rounds are minutes apart, and a heartbeat that finds a dead connection would speak of the connection. (A
pool, too, looks through all that are open, for every request.) A site's name may lead to a private address: the user
named that site, and nothing secret goes there.
"""

import asyncio
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass, replace
from datetime import datetime
from typing import NamedTuple

import httpx

from wrapdetect import __version__
from wrapdetect.dialects import Reply, decode, encode
from wrapdetect.dialects.base import EMPTY
from wrapdetect.dialects.body.ending import ending_of
from wrapdetect.dialects.template.filling import variables_of
from wrapdetect.model import Ask, AskKey, Dialect, Endpoint, Exchange, Failure, FailureKind, Item
from wrapdetect.model.history import Outcome, Service
from wrapdetect.model.prose import quote
from wrapdetect.monitor.rounds import Sign
from wrapdetect.monitor.schedule import heartbeat, is_page, print_ask
from wrapdetect.runs.workload import worked
from wrapdetect.secrets.variables import login_variables
from wrapdetect.ways.http import BYTE_LIMIT, SENT_HEADERS, api_request, exhaust, sent_by
from wrapdetect.ways.keyring import Keyring
from wrapdetect.ways.net.failures import attempt
from wrapdetect.ways.net.lag import Lag
from wrapdetect.ways.net.lines import connections
from wrapdetect.ways.net.tape import StampingTransport, Tape, current_tape
from wrapdetect.ways.send import OWN_WAYS, Sender

SAID_LIMIT = 200
PAGE_LIMIT = 4096
"""Most bytes read of a plain page: whether it comes, not what it says."""
NO_ROOM = re.compile(r"output limit was reached", re.I)
"""A model that thinks first says so with a 400 (or in a 200) where one token is all it may write: it is up."""
NO_MORE_TOKENS = frozenset({"length", "max_tokens", "max_output_tokens", "MAX_TOKENS"})
"""`finish` of an answer that ended at our limit: without text where the one token was no text."""

_OURS = (("user-agent", f"wrapdetect/{__version__}"), ("connection", "close"))
"""Of every heartbeat: who asks, and that no connection is kept."""


@dataclass(frozen=True, slots=True)
class _Line:
    """What asking one service takes; made once."""

    service: Service
    url: httpx.URL
    key: str | None
    keyring: Keyring
    byte_limit: int


class HttpPulse:
    """`pulse` for watch, over real HTTP, real sockets and a real browser.

    Raises KeyError for a service that it was not made for. A remote failure is in the Sign, never raised.
    """

    def __init__(
        self,
        services: Iterable[Service],
        *,
        keyring: Keyring,
        now: Callable[[], datetime],
        stopwatch: Callable[[], float],
        timeout_s: float,
        transport: Callable[[], httpx.AsyncBaseTransport] | None = None,
        lag: Lag | None = None,
    ) -> None:
        self._now, self._stopwatch, self._timeout_s = now, stopwatch, timeout_s
        self._transport, self._lag = transport or connections(), lag or Lag(stopwatch)
        self._page = asyncio.Lock()
        self._lines: Mapping[str, _Line] = {s.name: _line(s, keyring) for s in services}

    async def check(self) -> None:
        """Raises SpecError where the browser for a page is not installed."""
        if any(is_page(line.service) for line in self._lines.values()):
            async with self._sender("page", (), Keyring({})):
                pass

    async def beat(self, service: Service, round_s: int) -> Sign:
        """One heartbeat: of a chat service a question with one token to answer, of a site its page.

        Raises SpecError where what asks it is gone: the browser, or the file of a login.
        """
        line = self._lines[service.name]
        if line.service.endpoint is None:
            exchange, start_s, _ = await self._put(line, None)
            return _as_lagged(_site_sign(exchange, start_s), exchange, exchange.failure)
        endpoint = line.service.endpoint
        exchange, start_s, waited_s = await self._ask(line, endpoint, heartbeat(round_s))
        reply = await worked(exchange, lambda: decode(exchange, endpoint))
        sign = _as_lagged(_sign(exchange, start_s, reply), exchange, reply.failure)
        return sign._replace(waited_s=waited_s)

    async def answer(self, service: Service, item: Item) -> str | None:
        """The answer to one question of the fingerprint; None where none came."""
        line = self._lines[service.name]
        endpoint = line.service.endpoint
        if endpoint is None:
            return None
        exchange, *_ = await self._ask(line, endpoint, print_ask(item))
        reply = await worked(exchange, lambda: decode(exchange, endpoint))
        kept = await worked(exchange, lambda: line.keyring.withheld(exchange, reply))
        return None if reply.failure or kept.failure else reply.text

    async def _ask(self, line: _Line, endpoint: Endpoint, ask: Ask) -> "_Asked":
        if endpoint.dialect not in OWN_WAYS:
            return await self._put(line, ask)
        due_s, call = self._stopwatch(), encode(ask, (), endpoint)
        async with (
            self._page if endpoint.dialect == "page" else nullcontext(),
            self._sender(endpoint.dialect, (endpoint,), line.keyring) as send,
        ):
            start_s = self._stopwatch()
            with self._lag.watched() as lagged_s:
                exchange = await send(endpoint, ask, 0, 0, call)
                lag_s = lagged_s()
        return _Asked(replace(exchange, lag_s=lag_s) if lag_s else exchange, start_s, start_s - due_s)

    def _sender(
        self, dialect: Dialect, endpoints: tuple[Endpoint, ...], keyring: Keyring
    ) -> AbstractAsyncContextManager[Sender]:
        return OWN_WAYS[dialect](
            endpoints, keyring=keyring, now=self._now, stopwatch=self._stopwatch, timeout_s=self._timeout_s
        )

    async def _put(self, line: _Line, ask: Ask | None) -> "_Asked":
        tape, started = Tape(start_s=self._stopwatch()), self._now()
        current_tape.set(tape)
        with self._lag.watched() as lagged_s:
            failure = await self._perform(line, _request(line, ask), tape)
            lag_s = lagged_s()
        exchange = tape.exchange(
            endpoint=line.service.name,
            ask=ask.key if ask else AskKey("heartbeat", "page", 0),
            turn=0,
            attempt=0,
            started=started,
            ended=self._stopwatch(),
            failure=failure,
        )
        exchange = replace(exchange, lag_s=lag_s) if lag_s else exchange
        return _Asked(await worked(exchange, lambda: line.keyring.clean(exchange)), tape.start_s)

    async def _perform(self, line: _Line, request: httpx.Request, tape: Tape) -> Failure | None:
        endpoint = line.service.endpoint
        stamping = StampingTransport(
            self._transport(),
            origin=line.url,
            sent_headers=sent_by(endpoint, line.key) if endpoint else SENT_HEADERS,
            stopwatch=self._stopwatch,
            byte_limit=line.byte_limit,
            private=line.service.endpoint is None or line.service.endpoint.private,
        )

        async def send() -> None:
            async with stamping:
                await exhaust(stamping, request, ending_of(endpoint.dialect) if endpoint else lambda _: None)

        return await attempt(send(), tape, timeout_s=self._timeout_s, byte_limit=line.byte_limit)


class _Asked(NamedTuple):
    """An exchange, keys masked; when its first byte left, by the stopwatch; and how long it had waited for its turn."""

    exchange: Exchange
    start_s: float
    waited_s: float = 0.0


def _line(service: Service, keyring: Keyring) -> _Line:
    endpoint = service.endpoint
    key = keyring.key_of(endpoint) if endpoint else None
    variables = {name: keyring.variables[name] for name in (_variables(endpoint, keyring) if endpoint else ())}
    return _Line(
        service=service,
        url=httpx.URL(endpoint.url if endpoint else service.url),
        key=key,
        keyring=Keyring({service.name: key} if key else {}, variables),  # no other goes out, so no other comes back
        byte_limit=BYTE_LIMIT if endpoint else PAGE_LIMIT,
    )


def _variables(endpoint: Endpoint, keyring: Keyring) -> Iterator[str]:
    """Names of those that an endpoint wants, and of the values from the file of its login (keyring.read_keys)."""
    yield from variables_of(endpoint)
    yield from login_variables(endpoint.page.login if endpoint.page else ())
    if endpoint.storage_state:
        yield from (name for name in keyring.variables if name.startswith(f"{endpoint.storage_state} "))


def _request(line: _Line, ask: Ask | None) -> httpx.Request:
    endpoint = line.service.endpoint
    if ask is None or endpoint is None:
        return httpx.Request("GET", line.url, headers=[("accept", "*/*"), ("accept-encoding", "identity"), *_OURS])
    call = encode(ask, (), endpoint)
    request = api_request(endpoint, call, line.key, line.keyring.variables)
    request.headers.update(_OURS)
    return request


def _sign(exchange: Exchange, start_s: float, reply: Reply) -> Sign:
    if reply.failure is None or _up_without_text(exchange, reply.failure, reply.finish):
        return Sign(start_s, Outcome.UP, _ms(reply.pieces[0].t_s if reply.pieces else exchange.ended_s))
    return _failed(start_s, reply.failure)


def _up_without_text(exchange: Exchange, failure: Failure, finish: str | None) -> bool:
    if exchange.status in (200, 400) and NO_ROOM.search(failure.detail):
        return True
    return failure.detail == EMPTY and finish in NO_MORE_TOKENS


def _site_sign(exchange: Exchange, start_s: float) -> Sign:
    """Any status below 500 shows that the page's server is there: a redirect or a refusal as much as the page."""
    if exchange.status is not None and exchange.status < 500:
        return Sign(start_s, Outcome.UP, _ms(exchange.chunks[0].t_s if exchange.chunks else exchange.ended_s))
    assert exchange.failure is not None
    return _failed(start_s, exchange.failure)


def _failed(start_s: float, failure: Failure) -> Sign:
    return Sign(start_s, outcome_of(failure.kind), 0, quote(failure.detail, SAID_LIMIT))


def _as_lagged(sign: Sign, exchange: Exchange, failure: Failure | None) -> Sign:
    """Without a latency, or a failure, that our own loop may have made by standing still."""
    if not exchange.lag_s:
        return sign
    lagged = sign.outcome is not Outcome.UP and exchange.may_be_ours(failure)
    return sign._replace(latency_ms=0, lagged=lagged)


def _ms(seconds: float) -> int:
    """At least 1: 0 says that nothing came."""
    return max(1, round(seconds * 1000))


def outcome_of(kind: FailureKind) -> Outcome:
    """The outcome of the same name.

    >>> outcome_of(FailureKind.CUT_OFF).name
    'CUT_OFF'
    """
    return Outcome[kind.name]
