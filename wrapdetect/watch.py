"""The rounds of a monitor: each asked once, at its time, within the budget, and recorded as the answers come.

Nothing is made up for: a round that was slept through is unknown, and so is a service that could not be asked in time.
"""

import asyncio
import signal
from collections.abc import Awaitable, Callable
from contextlib import suppress

from wrapdetect.errors import StoreError, WrapdetectError
from wrapdetect.rounds import Done, Stopping, Watch, bug_of_ours, ended, one_round, stamp
from wrapdetect.schedule import Rhythm, check_rhythm, day_of, prints_due, round_of

GRACE_S = 30
"""A round is still begun this long after it was due; later it is missed."""
LOOK_S = 60.0
"""The longest sleep between two looks at the clock: a computer that was suspended wakes to another time."""

AfterRound = Callable[[Done], Awaitable[None]]


async def keep_watch(watch: Watch, *, after_round: AfterRound, stop: asyncio.Event) -> None:
    """Round after round until `stop` is set; then what was answered is recorded and the store is released.

    Raises SpecError for a rhythm that does not fit, StoreError where the store does not hold what it is given.
    """
    check_rhythm(watch.rhythm, watch.services)
    await _claim(watch)
    stopping = asyncio.ensure_future(stop.wait())
    try:
        await _rounds(watch, after_round, stopping)
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
        prints = await _wants_prints(watch, round_s, last_s)
        return await one_round(watch, round_s, prints=prints, stopping=stopping, from_s=from_s)
    finally:
        stopping.cancel()
        with suppress(StoreError):
            await watch.offload(watch.ledger.release)


def stop_on_signals(stop: asyncio.Event) -> None:
    """SIGINT and SIGTERM set `stop`, instead of ending the process."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)


async def _wants_prints(watch: Watch, round_s: int, last_s: int | None) -> bool:
    due = prints_due(round_s, last_s, watch.rhythm.fingerprint_every_s)
    return bool(watch.items) and (due or await watch.offload(watch.alarmed))


async def _claim(watch: Watch) -> None:
    await watch.offload(lambda: watch.ledger.claim(watch.rhythm.lease_s))


async def _rounds(watch: Watch, after_round: AfterRound, stopping: Stopping) -> None:
    rhythm = watch.rhythm
    asked_s = await watch.offload(watch.ledger.last_round)
    before_s, told = None, set[str]()
    while True:
        due_s = _next_round(watch.now_s(), asked_s if before_s is None else max(before_s, asked_s or 0), rhythm)
        if not await _until(watch, due_s, stopping, told):
            return
        if watch.now_s() - due_s > GRACE_S:
            continue
        if before_s is not None and (missed := (due_s - before_s) // rhythm.cadence_s - 1):
            watch.say(f"{missed} rounds after {stamp(before_s)} were missed (asleep, or too busy); they stay unknown")
        before_s = due_s
        prints = await _wants_prints(watch, due_s, asked_s)
        done = await one_round(watch, due_s, prints=prints, stopping=stopping)
        _tell(watch, done, told)
        if done.skipped:
            await _claim(watch)  # begin_round did not renew it
        else:
            asked_s = due_s
        await _hook(watch, after_round, done)


def _next_round(now_s: float, last_s: int | None, rhythm: Rhythm) -> int:
    """The round to wait for: never one up to the last, nor one that is past its grace."""
    running_s = round_of(now_s, rhythm.cadence_s)
    due_s = running_s if now_s - running_s <= GRACE_S else running_s + rhythm.cadence_s
    return due_s if last_s is None else max(due_s, last_s + rhythm.cadence_s)


async def _until(watch: Watch, due_s: int, stopping: Stopping, told: set[str]) -> bool:
    """False where `stopping` came first."""

    async def wait() -> None:
        while (left_s := due_s - (now_s := watch.now_s())) > 0:
            if left_s > watch.rhythm.cadence_s and "clock" not in told:
                told.add("clock")
                watch.say(_behind(now_s, due_s - watch.rhythm.cadence_s))
            await watch.sleep(min(left_s, LOOK_S))

    waiting = asyncio.ensure_future(wait())
    try:
        await asyncio.wait((waiting, stopping), return_when=asyncio.FIRST_COMPLETED)
    finally:
        await ended(waiting)
    if not waiting.cancelled():
        waiting.result()
    return not stopping.done()


def _behind(now_s: float, last_s: int) -> str:
    return (
        f"the clock stands at {stamp(now_s)} and the round of {stamp(last_s)} was asked before; nothing is asked until "
        f"then. Set the clock; or, where that round was wrong, begin a new store"
    )


def _tell(watch: Watch, done: Done, told: set[str]) -> None:
    """What a round has to say; the same reason for skipping once a day."""
    for note in done.notes:
        watch.say(note)
    if done.skipped and (key := f"{day_of(done.round_s)} {done.skipped}") not in told:
        told.add(key)
        watch.say(f"round {stamp(done.round_s)} was not asked: {done.skipped}")
    if not done.skipped:
        told.discard("clock")


async def _hook(watch: Watch, after_round: AfterRound, done: Done) -> None:
    try:
        await after_round(done)
    except WrapdetectError:
        raise
    except Exception as error:
        watch.say(f"after round {stamp(done.round_s)}: {bug_of_ours(error)}; the rounds go on")
