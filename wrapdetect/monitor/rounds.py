"""One round on its way: what it is made of, asked service by service at its moments, recorded as the answers come."""

import asyncio
import traceback
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import Literal, NamedTuple, Protocol

from wrapdetect.errors import SpecError, StoreAway, StoreError
from wrapdetect.model import Item
from wrapdetect.model.history import Beat, Outcome, Print, Service
from wrapdetect.monitor.schedule import (
    Budget,
    Rhythm,
    Round,
    RoundSlot,
    cost_of,
    day_of,
    is_page,
    longest_s,
    make_round,
)
from wrapdetect.runs.plan import Cost
from wrapdetect.runs.workload import Offload

GRACE_S = 30
"""A round is still begun this long after it was due; later it is missed."""
LATE_S = 10.0
"""Heartbeats that are sent later than this after their planned moment are a fault of ours."""
KEPT_WAITING = "the store was away until its time was over; it stays unknown"
RECORD_EVERY_S = 1.0
"""Answers wait this long at most before they are recorded: what a kill can lose."""
STEADY_S = 2.0
"""Clock and stopwatch may drift apart this far within a round; farther, the clock was set or the computer slept."""
PRINTING = 50
"""Services asked the fingerprint at once."""


class Sign(NamedTuple):
    """What came of one heartbeat. `sent_s`: when its first byte left, by the stopwatch; else as history.Beat.

    `lagged`: it failed while our own event loop stood still, so that nothing is known of the service. `waited_s`: how
    long before `sent_s` it waited for its turn, which is no lateness of ours: pages are asked one after the other.
    """

    sent_s: float
    outcome: Outcome
    latency_ms: int
    said: str = ""
    lagged: bool = False
    waited_s: float = 0.0


class Pulse(Protocol):
    """The way to the services. An exception is a bug of ours; a failure out there is in the Sign."""

    async def beat(self, service: Service, round_s: int) -> Sign: ...

    async def answer(self, service: Service, item: Item) -> str | None: ...


class _Spend(Protocol):
    """What a day took."""

    @property
    def requests(self) -> int: ...

    @property
    def tokens(self) -> int: ...


class _Ledger(Protocol):
    """The store as the rounds use it; every method may raise StoreError."""

    def claim(self, lease_s: int) -> object: ...

    def release(self) -> object: ...

    def begin_round(self, round_s: int, *, requests: int, tokens: int) -> bool: ...

    def record(self, round_s: int, beats: Sequence[Beat]) -> object: ...

    def finish_round(self, round_s: int) -> object: ...

    def spent(self, day: date) -> _Spend: ...

    def add_prints(self, prints: Sequence[Print]) -> object: ...

    def last_round(self) -> int | None: ...

    def last_prints(self) -> int | None: ...

    def prints_taken(self, round_s: int) -> object: ...


FaultKind = Literal["store", "clock", "lag"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """What a watch is made of. `items` are the fingerprint's questions, () for none; `say` takes notes for the user."""

    services: tuple[Service, ...]
    rhythm: Rhythm
    budget: Budget
    items: tuple[Item, ...]
    seed: int
    ledger: _Ledger
    pulse: Pulse
    now: Callable[[], datetime]
    stopwatch: Callable[[], float]
    sleep: Callable[[float], Awaitable[None]]
    say: Callable[[str], None]
    offload: Offload = asyncio.to_thread
    alarmed: Callable[[], bool] = lambda: False
    """Whether a fingerprint is wanted now, due or not; called by `offload` before each round."""
    fault: Callable[[FaultKind, str], None] = lambda kind, text: None
    """Takes faults of our own: what is wrong, or "" where that is over or was never so."""

    def now_s(self) -> float:
        return self.now().timestamp()


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """A round as it went. `late_s`: of each beat, how long after its planned moment it was sent. `skipped` says why
    nothing was asked, "" where it was; `whole` is whether it went to its end."""

    round_s: int
    beats: tuple[Beat, ...] = ()
    late_s: tuple[float, ...] = ()
    prints: tuple[Print, ...] = ()
    notes: tuple[str, ...] = ()
    skipped: str = ""
    whole: bool = False
    steady: bool = True
    """Whether clock and stopwatch went together."""


Stopping = asyncio.Future[Literal[True]]
"""Done once the watch is to end."""


async def one_round(
    watch: Watch, round_s: int, *, prints: bool, stopping: Stopping, from_s: float | None = None
) -> Done:
    """Ask one round and record it. Where it was begun before, or would pass the budget, nothing is asked.

    The planned moments count from `from_s` (UTC; the round's due time if None). Raises StoreError.
    """
    a_round = make_round(watch.services, round_s, rhythm=watch.rhythm, seed=watch.seed, prints=prints)
    spend = await watch.offload(lambda: watch.ledger.spent(day_of(round_s)))
    if from_s is None and _is_over(watch, round_s):
        return Done(round_s=round_s, skipped=KEPT_WAITING)
    notes: tuple[str, ...] = ()
    if prints and not _affordable(watch, spend, cost_of(a_round, watch.items)):
        a_round = replace(a_round, prints=False)
        notes = ("the day's budget has no room for the fingerprint: it was left out",)
    cost = cost_of(a_round, watch.items)
    if not _affordable(watch, spend, cost):
        return Done(round_s=round_s, skipped=_over_budget(watch))
    begin = watch.ledger.begin_round
    if not await watch.offload(lambda: begin(round_s, requests=cost.requests, tokens=cost.tokens)):
        return Done(round_s=round_s, skipped="it was begun before")
    if from_s is None and _is_over(watch, round_s):  # a disk that was full lets us read, and begin too late
        return Done(round_s=round_s, skipped=KEPT_WAITING)
    asking = _Asking(watch, a_round, round_s if from_s is None else from_s)
    await asking.run(stopping)
    if asking.whole:
        await watch.offload(lambda: watch.ledger.finish_round(round_s))
        if a_round.prints:  # only now: a kill on the way leaves the next round to ask it again
            await watch.offload(lambda: watch.ledger.prints_taken(round_s))
    return replace(asking.done(), notes=(*notes, *asking.notes()))


def _is_over(watch: Watch, round_s: int) -> bool:
    """Whether the store kept us waiting until the round could no longer be begun."""
    return watch.now_s() - round_s > GRACE_S


def _affordable(watch: Watch, spend: _Spend, cost: Cost) -> bool:
    return cost.fits(Cost(spend.requests, spend.tokens), Cost(*watch.budget))


def _over_budget(watch: Watch) -> str:
    requests, tokens = watch.budget
    return (
        f"the day's budget ({requests:,} requests, {tokens:,} tokens) has no room for it; "
        f"nothing is asked before 00:00 UTC. Allow more, or make the cadence longer"
    )


class _Asking:
    """One round on its way: services asked at their moments, answers recorded as they come."""

    def __init__(self, watch: Watch, a_round: Round, from_s: float) -> None:
        self._watch, self._round = watch, a_round
        self._clock_s, self._watch_s = watch.now_s(), watch.stopwatch()
        self._due_s = self._watch_s - (self._clock_s - a_round.due_s)  # by the stopwatch, as all below
        self._from_s = self._watch_s - (self._clock_s - from_s)
        self._end_s = self._from_s + watch.rhythm.cadence_s
        self._gate, self._printing = asyncio.Semaphore(watch.rhythm.concurrency), asyncio.Semaphore(PRINTING)
        self._printing_pages = asyncio.Semaphore(1)
        self._news, self._over = asyncio.Event(), False
        self._fresh_beats: list[Beat] = []
        self._fresh_prints: list[Print] = []
        self._beats: list[Beat] = []
        self._late_s: list[float] = []
        self._prints: list[Print] = []
        self._bugs: list[str] = []
        self._unasked = self._lagged = self._unprinted = 0
        self._steady = True
        self.whole = False

    async def run(self, stopping: Stopping) -> None:
        """To the end of the round, or until `stopping`: what has no answer then is dropped. Raises StoreError."""
        sending, recording = asyncio.ensure_future(self._send()), asyncio.ensure_future(self._record())
        try:
            await asyncio.wait((sending, recording, stopping), return_when=asyncio.FIRST_COMPLETED)
        finally:
            self.whole = sending.done()
            await cancelled(sending)
            self._over = True
            self._news.set()
            await asyncio.wait((recording,))
        recording.result()
        if self.whole:
            sending.result()

    def done(self) -> Done:
        return Done(
            round_s=self._round.due_s,
            beats=tuple(self._beats),
            late_s=tuple(self._late_s),
            prints=tuple(self._prints),
            whole=self.whole,
            steady=self._steady,
        )

    def notes(self) -> tuple[str, ...]:
        found = list(self._bugs)
        if not self._steady:
            found += ["the clock was set, or the computer slept, within the round: what was left of it stays unknown"]
        if self._unasked and self._steady:
            found += [f"{self._unasked} services could not be asked before the next round; they stay unknown"]
        if self._lagged:
            found += [f"{self._lagged} services failed while this program itself stood still; they stay unknown"]
        if self._unprinted:
            found += [f"{self._unprinted} questions of the fingerprint could not be asked before the next round"]
        return tuple(f"round {shown_round(self._round.due_s)}: {note}" for note in found)

    async def _send(self) -> None:
        async with asyncio.TaskGroup() as group:
            for number, slot in enumerate(self._round.slots):
                if (wait_s := self._from_s + slot.offset_s - self._watch.stopwatch()) > 0:
                    await self._watch.sleep(wait_s)
                await self._gate.acquire()
                if not self._is_steady() or self._watch.stopwatch() >= self._end_s:
                    self._unasked = len(self._round.slots) - number
                    return
                group.create_task(self._serve(slot))

    async def _serve(self, slot: RoundSlot) -> None:
        """One service; an exception here is a bug of ours, said by name, and the others go on."""
        try:
            try:
                sign = await self._watch.pulse.beat(slot.service, self._round.due_s)
            finally:
                self._gate.release()
            if sign.lagged:
                self._lagged += 1
            elif self._is_steady():  # else the failure may be that we slept
                self._keep(slot, sign)
                if self._round.prints and slot.service.endpoint and sign.outcome is Outcome.UP:
                    await self._print(slot.service)
        except SpecError as error:  # what asks it is gone: a browser, the file of a login
            self._bugs.append(f"{slot.service.name}: {error}; it stays unknown")
        except Exception as error:
            self._bugs.append(f"{slot.service.name}: {bug_of_ours(error)}; it stays unknown")

    def _keep(self, slot: RoundSlot, sign: Sign) -> None:
        beat = Beat(
            service=slot.service.name,
            round_s=self._round.due_s,
            offset_ms=round((sign.sent_s - self._due_s) * 1000),
            outcome=sign.outcome,
            latency_ms=sign.latency_ms,
            said=sign.said,
        )
        self._beats.append(beat)
        self._late_s.append(max(sign.sent_s - sign.waited_s - self._from_s - slot.offset_s, 0.0))
        self._fresh_beats.append(beat)
        self._news.set()

    async def _print(self, service: Service) -> None:
        async with self._printing_pages if is_page(service) else self._printing:
            for number, item in enumerate(self._watch.items):
                if self._watch.stopwatch() + longest_s(service, self._watch.rhythm) > self._end_s:
                    self._unprinted += len(self._watch.items) - number
                    return
                text = await self._watch.pulse.answer(service, item)
                if text is not None:
                    found = Print(service=service.name, at_s=self._round.due_s, item=item.id, text=text)
                    self._prints.append(found)
                    self._fresh_prints.append(found)
                    self._news.set()

    async def _record(self) -> None:
        while not self._over:
            await self._news.wait()
            if not self._over:
                await self._watch.sleep(RECORD_EVERY_S)
            self._news.clear()
            await self._flush()
        await self._flush()  # what came while the last were written

    async def _flush(self) -> None:
        ledger, round_s = self._watch.ledger, self._round.due_s
        beats, self._fresh_beats = self._fresh_beats, []
        prints, self._fresh_prints = self._fresh_prints, []
        try:
            if beats:
                await self._watch.offload(lambda: ledger.record(round_s, beats))
            if prints:
                await self._watch.offload(lambda: ledger.add_prints(prints))
        except StoreAway as error:
            n = len(beats) + len(prints)
            raise StoreError(f"{error}. {n} answers of round {shown_round(round_s)} are not stored") from error

    def _is_steady(self) -> bool:
        by_clock, by_watch = self._watch.now_s() - self._clock_s, self._watch.stopwatch() - self._watch_s
        self._steady = self._steady and abs(by_clock - by_watch) <= STEADY_S
        return self._steady


async def cancelled(task: asyncio.Future[None]) -> None:
    """Cancel it where it still runs, and wait until it has ended."""
    if not task.done():
        task.cancel()
        await asyncio.wait((task,))


def bug_of_ours(error: Exception) -> str:
    """Where it was, without its message, which may hold a secret."""
    place = traceback.extract_tb(error.__traceback__)[-1]
    return f"a bug of ours ({type(error).__name__} in {place.filename.rsplit('/', 1)[-1]}, line {place.lineno})"


def shown_round(at_s: float) -> str:
    """
    >>> shown_round(0)
    '1970-01-01 00:00:00 UTC'
    """
    return datetime.fromtimestamp(at_s, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
