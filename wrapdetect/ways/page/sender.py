"""Asking a chat page: a conversation is a page of its own in Chromium, and its answer is what is seen to grow there."""

import asyncio
import math
from collections.abc import Awaitable
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import TracebackType
from typing import TYPE_CHECKING, Self, TypeVar, Unpack

from wrapdetect.dialects import Call
from wrapdetect.dialects.page import grown
from wrapdetect.model import NEVER_SHOWN, Ask, AskKey, Endpoint, Exchange, Failure, FailureKind, Hop, Missing
from wrapdetect.secrets.mask import masker
from wrapdetect.secrets.names import SHORTEST_MASKED, like_a_secret
from wrapdetect.ways.means import Means
from wrapdetect.ways.page.browser import (
    CLOSE_S,
    Barred,
    Chromium,
    chromium_path,
    launch,
    load_playwright,
    resolver_rules,
)
from wrapdetect.ways.page.find import OutThere, Stop, is_playwrights
from wrapdetect.ways.page.login_state import read_login
from wrapdetect.ways.page.talk import PageTalk
from wrapdetect.ways.page.watch import Turn

if TYPE_CHECKING:
    from playwright.async_api import Playwright

_PAGES = 4
"""Most pages that are asked at a time; half as many from each time on that one runs into our limit, to a single one."""
KEEP_S = 3.0
"""Most time, where the limit is reached, for what is kept beside the answer: secrets to mask, the picture."""
KEEP_WELL_S = 20.0
"""The same where the limit is far."""
_MISSING: tuple[Missing, ...] = ("raw_chunks", *NEVER_SHOWN, "markup")
_Place = tuple[str, AskKey]
_T = TypeVar("_T")


@dataclass(slots=True, kw_only=True)
class _Kept:
    """What stands beside an answer."""

    secrets: tuple[str, ...] = ()
    hops: tuple[Hop, ...] = ()
    screenshot: bytes = b""


@dataclass(slots=True)
class _Home:
    """An endpoint's rules for names, once known, and what was typed there: an earlier conversation is known by it."""

    rules: str | None = None
    typed: list[str] = field(default_factory=list)


class _Room:
    """How many pages are asked at a time: an async context manager that waits until there is room."""

    def __init__(self, most: int) -> None:
        self.most, self._in, self._halved = most, 0, -math.inf
        self._freed = asyncio.Condition()

    async def __aenter__(self) -> None:
        async with self._freed:
            await self._freed.wait_for(lambda: self._in < self.most)
            self._in += 1

    async def __aexit__(self, *_: object) -> None:
        async with self._freed:
            self._in -= 1
            self._freed.notify_all()

    def halve(self, begun: float, now: float) -> bool:
        """Half the room, where it was not halved since the one that timed out had `begun`, and there was company."""
        if self.most == 1 or self._in == 1 or begun < self._halved:
            return False
        self.most, self._halved = self.most // 2, now
        return True


class PageSender:
    """`send` for run_slots, over chat pages. Use as an async context manager; it raises SpecError without a browser."""

    def __init__(
        self,
        endpoints: tuple[Endpoint, ...],
        *,
        pages: int = _PAGES,
        **means: Unpack[Means],
    ) -> None:
        self._keyring, self._now, self._stopwatch = means["keyring"], means["now"], means["stopwatch"]
        self._timeout_s = means["timeout_s"]
        self._homes = {e.name: _Home() for e in endpoints}
        self._logins = {e.name: read_login(e) for e in endpoints}
        self._browsers: dict[str, Chromium] = {}
        """By their rules for names: endpoints of one host share a browser."""
        self._starting = asyncio.Lock()
        self._talks: dict[_Place, PageTalk] = {}
        self._pages = _Room(pages)
        self._closing: set[asyncio.Task[None]] = set()
        self._driver = AsyncExitStack()
        self._playwright: Playwright | None = None

    async def __aenter__(self) -> Self:
        self._playwright = await self._driver.enter_async_context(load_playwright())
        try:
            chromium_path(self._playwright)
        except BaseException:
            await self._driver.aclose()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for talk in self._talks.values():
            self._part(talk)
        if self._closing:
            await asyncio.wait(self._closing, timeout=CLOSE_S)
        for chromium in self._browsers.values():
            await chromium.close()
        with suppress(TimeoutError):
            await asyncio.wait_for(self._driver.aclose(), CLOSE_S)

    async def __call__(self, endpoint: Endpoint, ask: Ask, turn: int, attempt: int, call: Call) -> Exchange:
        """Type one question and record what is shown. A remote failure is in the exchange, never raised."""
        async with self._pages:
            started, begun = self._now(), self._stopwatch()
            seen = Turn(question=str(call.body["prompt"]), stopwatch=begun)
            place = (endpoint.name, ask.key)
            failure = await self._perform(endpoint, place, turn, seen)
            if (
                failure is not None
                and failure.kind is FailureKind.TIMEOUT
                and self._pages.halve(begun, self._stopwatch())
            ):
                said = f"{failure.detail}; from now on {self._pages.most} at a time"
                failure = Failure(kind=failure.kind, detail=said)
            ended, talk = self._stopwatch(), self._talks.get(place)
            left_s = max(KEEP_S, min(KEEP_WELL_S, begun + self._timeout_s - ended))
            kept = await self._keep(talk, seen, left_s) if talk and talk.tab.status is not None else _Kept()
            exchange = self._recorded(endpoint, ask, turn, attempt, started, begun, ended, seen, failure, talk, kept)
            if (failure and failure.kind is not FailureKind.LIMITED) or turn == len(ask.turns) - 1:
                self._end(place)
            return exchange

    # One exchange

    async def _perform(self, endpoint: Endpoint, place: _Place, turn: int, seen: Turn) -> Failure | None:
        """Open the page where it is not, and ask it, both within the limit; that a browser starts is no time of it."""
        try:
            chromium = await self._begun(endpoint, place) if turn == 0 else None
            seen.stopwatch = self._stopwatch()
            async with asyncio.timeout(self._timeout_s):
                talk = await self._opened(endpoint, place, chromium)
                self._homes[endpoint.name].typed.append(seen.question)
                left_s = self._timeout_s - (self._stopwatch() - seen.stopwatch)
                await talk.ask(seen, stopwatch=self._stopwatch, limit_s=0.9 * left_s)
        except TimeoutError:
            return await self._late(place, seen)
        except Stop as stop:
            return stop.failure
        except Barred as barred:
            return Failure(kind=FailureKind.CONNECT, detail=str(barred))
        except Exception as error:
            if not is_playwrights(error):
                raise
            gone = self._talks[place].tab.gone if place in self._talks else ""
            line = str(error).splitlines()[0][:200]
            if type(error).__name__ == "TimeoutError" and not gone:
                return Failure(kind=FailureKind.TIMEOUT, detail=f"the page does not react to our browser ({line})")
            return Failure(kind=FailureKind.CUT_OFF, detail=f"the browser broke off: {gone or line}")
        return None

    async def _begun(self, endpoint: Endpoint, place: _Place) -> Chromium:
        self._end(place)
        return await self._chromium(endpoint)

    async def _opened(self, endpoint: Endpoint, place: _Place, chromium: Chromium | None) -> PageTalk:
        if chromium is None:
            if place not in self._talks:
                raise Stop(FailureKind.CUT_OFF, "the page of this conversation is gone")
            return self._talks[place]
        home = self._homes[endpoint.name]
        talk = self._talks[place] = await PageTalk.begin(chromium.browser, endpoint, self._logins[endpoint.name])
        try:
            await talk.open(home.typed, variables=self._keyring.variables, limit_s=self._timeout_s)
        except Stop as stop:
            if stop.failure.kind is FailureKind.CONNECT:
                home.rules = None
            if stop.failure.kind is FailureKind.GARBLED:
                raise Stop(stop.failure.kind, stop.failure.detail + talk.tab.wanted()) from None
            raise
        return talk

    async def _late(self, place: _Place, seen: Turn) -> Failure:
        talk = self._talks.get(place)
        if talk is None:
            return Failure(kind=FailureKind.TIMEOUT, detail=f"the page did not load within {self._timeout_s:g} s")
        failure = await _within(talk.late(seen, self._timeout_s), KEEP_S)
        if failure is None:
            talk.tab.gone = talk.tab.gone or "the page hangs"
            failure = Failure(kind=FailureKind.TIMEOUT, detail=f"no complete answer within {self._timeout_s:g} s")
        return failure

    async def _chromium(self, endpoint: Endpoint) -> Chromium:
        """The running browser, or another where that has gone; the address is looked at again then."""
        home = self._homes[endpoint.name]
        async with self._starting:
            chromium = self._browsers.get(home.rules or "")
            if chromium is not None and chromium.alive:
                return chromium
            if chromium is not None and home.rules is not None:
                del self._browsers[home.rules]
                await chromium.close()
            home.rules = await resolver_rules(endpoint)
            if home.rules not in self._browsers:
                assert self._playwright is not None
                self._browsers[home.rules] = await launch(self._playwright, home.rules)
            return self._browsers[home.rules]

    # What is kept

    async def _keep(self, talk: PageTalk, seen: Turn, limit_s: float) -> _Kept:
        kept, begun = _Kept(), self._stopwatch()
        await talk.tab.traffic.settle()
        zero = seen.zero or datetime.timestamp(self._now()) - (self._stopwatch() - seen.stopwatch)
        kept.hops = talk.tab.traffic.take(zero)
        found = None if talk.tab.gone else await _within(talk.tab.secrets(), limit_s)
        kept.secrets = tuple(
            s for s in found or talk.tab.known_secrets if like_a_secret(s) and s.isascii() and s not in seen.question
        )
        ours = tuple(s for s in self._keyring.variables.values() if len(s) >= SHORTEST_MASKED)
        if found is None:  # there may be secrets in them that we do not know
            kept.hops = ()
            return kept
        left_s = max(0.1, begun + limit_s - self._stopwatch())
        kept.screenshot = await _within(talk.tab.picture((*ours, *kept.secrets), left_s), left_s) or b""
        return kept

    def _recorded(
        self,
        endpoint: Endpoint,
        ask: Ask,
        turn: int,
        attempt: int,
        started: datetime,
        begun: float,
        ended: float,
        seen: Turn,
        failure: Failure | None,
        talk: PageTalk | None,
        kept: _Kept,
    ) -> Exchange:
        known = masker(frozenset(), frozenset(kept.secrets))
        texts = [(max(0.0, t - seen.zero), known.text(text)) for t, text in seen.seen]
        ended_s = texts[-1][0] if texts and failure is None else ended - seen.stopwatch
        fresh: tuple[Missing, ...] = () if talk is None or talk.fresh else ("fresh_chat",)
        exchange = Exchange(
            endpoint=endpoint.name,
            ask=ask.key,
            turn=turn,
            attempt=attempt,
            started=started + timedelta(seconds=seen.stopwatch - begun),
            sent=seen.question,
            status=talk.tab.status if talk else None,
            headers=talk.tab.headers if talk else (),
            chunks=grown(texts),
            ended_s=ended_s,
            failure=failure,
            missing=(*_MISSING, *fresh, *(("whole_answer",) if seen.far else ())),
            hops=kept.hops,
            screenshot=kept.screenshot,
        )
        return self._keyring.clean(exchange, kept.secrets)

    # Ends

    def _end(self, place: _Place) -> None:
        if talk := self._talks.pop(place, None):
            self._part(talk)

    def _part(self, talk: PageTalk) -> None:
        async def close() -> None:
            with suppress(Exception):
                await asyncio.wait_for(talk.close(), CLOSE_S)

        task = asyncio.create_task(close())
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)


async def _within(work: Awaitable[_T], limit_s: float) -> _T | None:
    """What it gives, or None where that takes too long or the page is gone."""
    with OutThere(), suppress(TimeoutError):
        return await asyncio.wait_for(work, limit_s)
    return None
