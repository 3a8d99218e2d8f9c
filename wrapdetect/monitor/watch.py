"""The rounds of a monitor: each asked once, at its time, within the budget, and recorded as the answers come.

Nothing is made up for: a round that was slept through is unknown, and so is a service that could not be asked in time.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, replace

from wrapdetect.errors import StoreAway, StoreError, WrapdetectError
from wrapdetect.monitor.patience import Patience
from wrapdetect.monitor.rounds import (
    GRACE_S,
    LATE_S,
    Done,
    Stopping,
    Watch,
    bug_of_ours,
    cancelled,
    one_round,
    shown_round,
)
from wrapdetect.monitor.schedule import Rhythm, check_rhythm, day_of, prints_due, round_of

_LOOK_S = 60.0
"""The longest sleep between two looks at the clock: a computer that was suspended wakes to another time."""

AfterRound = Callable[[Done], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Renewal:
    """How a watch is changed on its way: `wanted` is set by whoever wants it; between two rounds, `watch` then gives
    the one to go on with, None for the same. The store stays."""

    wanted: asyncio.Event
    watch: Callable[[], Awaitable[Watch | None]]


async def keep_watch(
    watch: Watch, *, after_round: AfterRound, stop: asyncio.Event, renewal: Renewal | None = None
) -> None:
    """Round after round until `stop` is set; then what was answered is recorded and the store is released. A store that
    goes away meanwhile is waited for.

    Raises SpecError for a rhythm that does not fit, StoreError where the store does not hold what it is given.
    """
    check_rhythm(watch.rhythm, watch.services)
    await _claim(watch)
    stopping = asyncio.ensure_future(stop.wait())
    try:
        await _rounds(watch, after_round, stopping, renewal)
    except StoreAway:
        if not stopping.done():
            raise
    finally:
        stopping.cancel()
        with suppress(StoreError):  # the lease runs out by itself
            await watch.offload(watch.ledger.release)


async def once(watch: Watch, *, stop: asyncio.Event) -> Done:
    """The round that is running, asked from this moment on: for cron and timers. Raises as keep_watch."""
    check_rhythm(watch.rhythm, watch.services)
    await _claim(watch)
    stopping = asyncio.ensure_future(stop.wait())
    try:
        last_s = await watch.offload(watch.ledger.last_round)
        from_s = watch.now_s()
        round_s = round_of(from_s, watch.rhythm.cadence_s)
        if last_s is not None and round_s < last_s:
            return Done(round_s=round_s, skipped=_behind(from_s, last_s))
        prints = await _wants_prints(watch, round_s)
        return await one_round(watch, round_s, prints=prints, stopping=stopping, from_s=from_s)
    finally:
        stopping.cancel()
        with suppress(StoreError):
            await watch.offload(watch.ledger.release)


async def _wants_prints(watch: Watch, round_s: int) -> bool:
    if not watch.items:
        return False
    due = prints_due(round_s, await watch.offload(watch.ledger.last_prints), watch.rhythm.fingerprint_every_s)
    return due or await watch.offload(watch.alarmed)


async def _claim(watch: Watch) -> None:
    await watch.offload(lambda: watch.ledger.claim(watch.rhythm.lease_s))


async def _rounds(watch: Watch, after_round: AfterRound, stopping: Stopping, renewal: Renewal | None) -> None:
    patience = Patience(watch=watch, stopping=stopping)
    watch = replace(watch, offload=patience)
    asked_s = await watch.offload(watch.ledger.last_round)
    before_s, told = None, set[str]()
    while True:
        due_s = _next_round(watch.now_s(), asked_s if before_s is None else max(before_s, asked_s or 0), watch.rhythm)
        came = await _until(watch, due_s, stopping, renewal.wanted if renewal else None, told)
        if stopping.done():
            return
        if renewal and renewal.wanted.is_set():
            watch = await _renewed(watch, renewal, patience)
        if not came or watch.now_s() - due_s > GRACE_S:
            continue
        late = _missed(watch, before_s, due_s, patience)
        excused, before_s, patience.was_away = before_s is None or patience.was_away, due_s, False
        done = await one_round(watch, due_s, prints=await _wants_prints(watch, due_s), stopping=stopping)
        _tell(watch, done, told)
        if done.skipped:
            await _claim(watch)  # begin_round did not renew it
        else:
            asked_s = due_s
            _own_faults(watch, done, late, excused=excused or patience.was_away)
        await _hook(watch, after_round, done, patience)


async def _renewed(watch: Watch, renewal: Renewal, patience: Patience) -> Watch:
    renewal.wanted.clear()
    if (other := await renewal.watch()) is None:
        return watch
    patience.watch = other
    return replace(other, offload=patience)


def _missed(watch: Watch, before_s: int | None, due_s: int, patience: Patience) -> str:
    """Say how many rounds were missed before this one; gives what of that is a fault of our own, "" for nothing."""
    missed = 0 if before_s is None else (due_s - before_s) // watch.rhythm.cadence_s - 1
    if before_s is None or missed <= 0:
        return ""
    why = "the store was away" if patience.was_away else "asleep, or too busy"
    rounds, were = ("round", "was") if missed == 1 else ("rounds", "were")
    watch.say(f"{missed} {rounds} after {shown_round(before_s)} {were} missed ({why}): unknown")
    return "" if patience.was_away else f"{missed} {rounds} {were} missed: {why}"


def _own_faults(watch: Watch, done: Done, late: str, *, excused: bool) -> None:
    """What the round shows of ourselves. One that begins within its grace is late for that, and `excused`: the
    first, and one that the store kept waiting."""
    watch.fault("clock", "" if done.steady else "the clock was set, or the computer slept, within a round")
    late_s = max(done.late_s, default=0.0)
    if not excused:
        watch.fault("lag", late or (f"heartbeats were sent up to {late_s:.0f} s late" if late_s > LATE_S else ""))


def _next_round(now_s: float, last_s: int | None, rhythm: Rhythm) -> int:
    """The round to wait for: never one up to the last, nor one that is past its grace."""
    running_s = round_of(now_s, rhythm.cadence_s)
    due_s = running_s if now_s - running_s <= GRACE_S else running_s + rhythm.cadence_s
    # On the grid of the cadence as it is now: the last may be of another.
    return due_s if last_s is None else max(due_s, round_of(last_s, rhythm.cadence_s) + rhythm.cadence_s)


async def _until(watch: Watch, due_s: int, stopping: Stopping, wanted: asyncio.Event | None, told: set[str]) -> bool:
    """False where `stopping` or `wanted` came first."""

    async def wait() -> None:
        while (left_s := due_s - (now_s := watch.now_s())) > 0:
            if left_s > watch.rhythm.cadence_s and "clock" not in told:
                told.add("clock")
                watch.say(behind := _behind(now_s, due_s - watch.rhythm.cadence_s))
                watch.fault("clock", behind)
            await watch.sleep(min(left_s, _LOOK_S))

    waiting, changed = asyncio.ensure_future(wait()), asyncio.ensure_future((wanted or asyncio.Event()).wait())
    try:
        await asyncio.wait((waiting, changed, stopping), return_when=asyncio.FIRST_COMPLETED)
        came = not (changed.done() or stopping.done())
    finally:
        changed.cancel()
        await cancelled(waiting)
    if not waiting.cancelled():
        waiting.result()
    return came


def _behind(now_s: float, last_s: int) -> str:
    return (
        f"the clock stands at {shown_round(now_s)} and the round of {shown_round(last_s)} was asked before; "
        f"nothing is asked until then. Set the clock; or, where that round was wrong, begin a new store"
    )


def _tell(watch: Watch, done: Done, told: set[str]) -> None:
    """What a round has to say; the same once a day."""
    for note in done.notes:
        if (key := f"{day_of(done.round_s)} {note}") not in told:
            told.add(key)
            watch.say(note)
    if done.skipped and (key := f"{day_of(done.round_s)} {done.skipped}") not in told:
        told.add(key)
        watch.say(f"round {shown_round(done.round_s)} was not asked: {done.skipped}")
    if not done.skipped:
        told.discard("clock")


async def _hook(watch: Watch, after_round: AfterRound, done: Done, patience: Patience) -> None:
    try:
        await after_round(done)
    except StoreAway as error:  # what was left undone is done after the next round
        patience.gone(error)
    except WrapdetectError:
        raise
    except Exception as error:
        watch.say(f"after round {shown_round(done.round_s)}: {bug_of_ours(error)}; the rounds go on")
