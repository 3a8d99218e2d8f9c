"""The watch: no round asked twice or too late, whatever the clock does; a stop or a kill loses nothing. In a world of
outages by script, whose clock jumps over every wait."""

import asyncio
import os
import signal
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.monitor.watching import BEGIN, BEGIN_S, ITEMS, SERVICES, MemoryLedger, World, rounds
from wrapdetect.cli.monitor.signals import stop_on_signals
from wrapdetect.errors import SpecError, StoreError
from wrapdetect.model.history import Outcome
from wrapdetect.monitor.rounds import GRACE_S, Done
from wrapdetect.monitor.schedule import Rhythm
from wrapdetect.monitor.watch import keep_watch, once
from wrapdetect.runs.plan import Cost
from wrapdetect.store.ledger import Ledger


def test_a_round_begun_before_is_never_asked_again() -> None:
    ledger = MemoryLedger()
    first = World(ledger=ledger)
    first.keep(first.watch(), for_s=910)  # within the fourth round
    again = World(ledger=ledger, jump_s=911)
    again.keep(again.watch(), for_s=600)
    assert sorted(ledger.rounds) == rounds(0, 1, 2, 3, 4, 5)
    assert {r for _, _, r in again.asked} == set(rounds(4, 5))


def test_a_store_that_was_asked_by_somebody_else_meanwhile_is_left_to_him() -> None:
    world = World()
    taken = lambda: world.ledger.rounds.update({rounds(1)[0]: Cost(1, 1)})  # noqa: E731  # one line reads better
    world.keep(world.watch(), for_s=899, at=[(100.0, taken)])
    assert [d.round_s for d in world.done] == rounds(0, 2)
    assert ["begun before" in s for s in world.said] == [True]


def test_rounds_slept_through_are_unknown_and_said() -> None:
    world = World()

    def suspend() -> None:
        world.jump_s += 3600

    done = world.keep(world.watch(), for_s=1200, at=[(400.0, suspend)])
    assert [d.round_s for d in done] == rounds(0, 1, 14, 15)
    assert any("12 rounds after 2026-03-02 00:05:00 UTC were missed" in s for s in world.said)
    assert all(0 <= b.offset_ms < 20_000 for d in done for b in d.beats)


@pytest.mark.parametrize(("woken_s", "asked"), [(GRACE_S - 1, True), (GRACE_S + 1, False)])
def test_a_round_is_begun_within_its_grace_only(woken_s: float, asked: bool) -> None:
    world = World(jump_s=woken_s)
    done = world.keep(world.watch(), for_s=200)
    assert [d.round_s for d in done] == (rounds(0) if asked else [])
    if asked:
        assert max(done[0].late_s) > 9  # its planned moments had passed


def test_a_clock_that_goes_back_has_no_round_asked_again_and_is_said_once() -> None:
    world = World()

    def set_back() -> None:
        world.jump_s -= 3600

    done = world.keep(world.watch(), for_s=3600 + 1790, at=[(1000.0, set_back)])
    assert [d.round_s for d in done] == rounds(0, 1, 2, 3, 4, 5)
    assert len([s for s in world.said if "the clock stands at 2026-03-01 23:" in s]) == 1
    assert done[4].beats[0].offset_ms < 20_000


def test_a_clock_set_right_again_is_followed_at_once() -> None:
    world = World()

    def set_by(seconds: float) -> Callable[[], None]:
        return lambda: setattr(world, "jump_s", world.jump_s + seconds)

    done = world.keep(world.watch(), for_s=2400, at=[(700.0, set_by(-86_400.0)), (1250.0, set_by(86_400.0))])
    assert [d.round_s for d in done] == rounds(0, 1, 2, 5, 6, 7)


def test_daylight_saving_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "America/Los_Angeles")
    world = World(jump_s=(datetime(2026, 3, 8, 9, tzinfo=UTC) - BEGIN).total_seconds())  # 01:00 there, an hour before
    done = world.keep(world.watch(), for_s=7190)
    assert {b - a for a, b in pairwise(d.round_s for d in done)} == {300}
    assert len(done) == 24


def test_a_stop_records_what_was_answered_drops_the_rest_and_lets_the_store_go() -> None:
    world = World(slow={"up1": 29.0, "site1": 29.0})
    world.keep(world.watch(), for_s=21.0)
    assert {name for name, _ in world.ledger.beats} == {s.name for s in SERVICES} - {"up1", "site1"}
    assert world.ledger.finished == []
    assert not world.ledger.held
    assert world.in_flight == 0
    assert not world.done[0].whole


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_the_watch_in_order(number: signal.Signals) -> None:
    world = World(slow={"up1": 29.0})
    watch = world.watch()

    async def after_round(done: Done) -> None:
        world.done.append(done)

    async def go() -> None:
        stop = asyncio.Event()
        stop_on_signals(stop)
        world.loop.call_at(310.0, os.kill, os.getpid(), number)
        await keep_watch(watch, after_round=after_round, stop=stop)

    world.run(go())
    assert [d.whole for d in world.done] == [True, False]
    assert not world.ledger.held


def test_a_cancelled_watch_records_and_lets_go_too() -> None:
    world = World(slow={"up1": 29.0})
    watch = world.watch()

    async def go() -> None:
        task = asyncio.ensure_future(keep_watch(watch, after_round=lambda done: asyncio.sleep(0), stop=asyncio.Event()))
        await asyncio.sleep(21.0)
        task.cancel()
        await asyncio.wait((task,))
        assert task.cancelled()

    world.run(go())
    assert len(world.ledger.beats) == len(SERVICES) - 1
    assert not world.ledger.held


def test_a_bug_in_what_follows_a_round_stops_no_rounds() -> None:
    world = World()
    watch = world.watch()

    async def after_round(done: Done) -> None:
        world.done.append(done)
        raise KeyError("x")

    async def go() -> None:
        stop = asyncio.Event()
        world.loop.call_at(899.0, stop.set)
        await keep_watch(watch, after_round=after_round, stop=stop)

    world.run(go())
    assert len(world.done) == 3
    assert all("a bug of ours (KeyError" in s for s in world.said)


def test_a_store_that_fails_ends_the_watch_with_its_error() -> None:
    world = World(slow={"up1": 29.0})
    with pytest.raises(StoreError, match="the disk is full"):
        world.keep(world.watch(), for_s=9999, at=[(305.0, lambda: setattr(world.ledger, "fault", "the disk is full"))])
    assert world.ledger.finished == rounds(0)
    assert not world.ledger.held
    assert world.in_flight == 0


def test_a_store_held_by_another_is_neither_asked_nor_let_go() -> None:
    class Held(MemoryLedger):
        def claim(self, lease_s: int) -> None:
            raise StoreError("held by host:1:abc")

        def release(self) -> None:
            raise AssertionError("it is not ours")

    world = World(ledger=Held())
    with pytest.raises(StoreError, match="held by host:1:abc"):
        world.keep(world.watch(), for_s=999)
    assert world.asked == []


def test_a_rhythm_that_does_not_fit_is_refused_before_the_store_is_claimed() -> None:
    world = World()
    with pytest.raises(SpecError, match="the next is due after 60 s"):
        world.keep(world.watch(rhythm=Rhythm(cadence_s=60, timeout_s=60)), for_s=999)
    assert world.ledger.claims == 0


# One round at a time


def test_once_asks_from_now_on_and_not_twice_in_a_round() -> None:
    ledger = MemoryLedger()
    first = World(ledger=ledger, jump_s=130.0)
    done = first.run(once(first.watch(), stop=asyncio.Event()))
    assert (done.round_s, len(done.beats), done.whole) == (BEGIN_S, len(SERVICES), True)
    assert all(130_000 <= b.offset_ms < 150_000 for b in done.beats)
    assert max(done.late_s) < 0.001
    again = World(ledger=ledger, jump_s=200.0)
    assert again.run(once(again.watch(), stop=asyncio.Event())).skipped == "it was begun before"
    back = World(ledger=ledger, jump_s=-7200.0)
    assert "the clock stands at 2026-03-01 22:00:00 UTC" in back.run(once(back.watch(), stop=asyncio.Event())).skipped
    assert again.asked == back.asked == []
    assert not ledger.held


def outages(name: str, round_s: int) -> Outcome:
    """up1 is down for an hour every third day, and bot0 with it; site1 never answers."""
    hour = (round_s - BEGIN_S) // 3600
    down = (name in ("up1", "bot0") and hour % 72 == 30) or name == "site1"
    return Outcome.SERVER if down else Outcome.UP


@pytest.mark.slow
def test_two_months_of_rounds_run_in_seconds_and_every_outage_is_in_the_record() -> None:
    world = World(script=outages, takes_s=0.0)
    done = world.keep(world.watch(items=ITEMS, rhythm=Rhythm(jitter_s=2)), for_s=60 * 86_400 - 1)
    assert len(done) == 60 * 288
    assert len(world.ledger.beats) == 60 * 288 * 6
    down: defaultdict[str, int] = defaultdict(int)
    for beat in world.ledger.beats.values():
        down[beat.service] += beat.outcome is Outcome.SERVER
    assert dict(down) == {**dict.fromkeys((s.name for s in SERVICES), 0), "up1": 240, "bot0": 240, "site1": 60 * 288}
    assert max(late for d in done for late in d.late_s) < 0.001
    assert len(world.ledger.prints) == 60 * 4 * 2
    assert world.said == []


# The real store


def test_rounds_are_in_a_real_store_once_also_after_a_restart(tmp_path: Path) -> None:
    url, answered = tmp_path / "monitor.db", 0
    for begin_s, holder in ((0.0, "a:1:x"), (700.0, "a:2:y")):
        world = World(jump_s=begin_s)
        with Ledger.open(url, now=world.now, holder=holder) as ledger:
            ledger.set_services(SERVICES)
            world.keep(replace(world.watch(items=ITEMS), ledger=ledger), for_s=690)
            assert ledger.unfinished() == []
            answered += len(world.asked)
    with Ledger.open(url, now=world.now, holder="a:3:z") as ledger:
        history = ledger.history()
        assert ledger.spent(BEGIN.date()).requests == 5 * len(SERVICES) + 4 * len(ITEMS)
    assert {tuple(b.round_s) for b in history.beats} == {tuple(rounds(0, 1, 2, 3, 4))}
    assert answered == 5 * len(SERVICES) == sum(len(b.outcome) for b in history.beats)
    assert len(history.prints) == 4 * len(ITEMS)


CHILD = """
import asyncio, sys, time
from datetime import timedelta
from tests.monitor.watching import BEGIN, SERVICES, PLENTY, Outcome, Rhythm, Sign, Watch
from wrapdetect.cli.monitor.signals import stop_on_signals
from wrapdetect.monitor.watch import keep_watch
from wrapdetect.store.ledger import Ledger
begun_s = time.monotonic()
now = lambda: BEGIN + timedelta(seconds=time.monotonic() - begun_s)
class Pulse:
    async def beat(self, service, round_s):
        if service.name == "up1":
            await asyncio.Event().wait()
        return Sign(time.monotonic(), Outcome.UP, 5)
async def after_round(done):
    print("whole" if done.whole else "stopped", len(done.beats), flush=True)
async def when_others_are_recorded(ledger):
    while sum(map(len, ledger.latest().values())) < len(SERVICES) - 1:
        await asyncio.sleep(0.05)
    print("waiting", flush=True)
async def main(ledger):
    stop = asyncio.Event()
    stop_on_signals(stop)
    watch = Watch(services=SERVICES, rhythm=Rhythm(jitter_s=1), budget=PLENTY, items=(), seed=1, ledger=ledger,
        pulse=Pulse(), now=now, stopwatch=time.monotonic, sleep=asyncio.sleep, say=print)
    waiting = asyncio.create_task(when_others_are_recorded(ledger))
    await keep_watch(watch, after_round=after_round, stop=stop)
with Ledger.open(sys.argv[1], now=now, holder="child:1:x") as ledger:
    ledger.set_services(SERVICES)
    asyncio.run(main(ledger))
"""


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_process_that_is_ended_keeps_what_was_answered(number: signal.Signals, tmp_path: Path) -> None:
    url = tmp_path / "monitor.db"
    command = [sys.executable, "-c", CHILD, str(url)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "waiting\n"
        child.send_signal(number)
        said = child.stdout.read()
    assert (child.returncode, said) == ((-9, "") if number == signal.SIGKILL else (0, "stopped 5\n"))
    with Ledger.open(url, now=lambda: BEGIN, holder="parent:2:y") as ledger:
        assert sorted(ledger.latest()) == sorted(s.name for s in SERVICES)
        beats = {name: [b.round_s for b in found] for name, found in ledger.latest().items()}
        assert beats == {s.name: [] if s.name == "up1" else rounds(0) for s in SERVICES}
        assert ledger.unfinished() == rounds(0)
        if number == signal.SIGKILL:
            with pytest.raises(StoreError, match="child:1:x"):
                ledger.claim(600)
        else:
            ledger.claim(600)
            assert not ledger.begin_round(BEGIN_S, requests=1, tokens=1)
