"""The rounds of a monitor: asked once, in time, within the budget, and recorded as they come; in a world whose clock
jumps over every wait, with outages by script."""

import asyncio
import os
import signal
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import TypeVar

import pytest

from bench.monitor_speed import JumpingLoop
from tests.conftest import ROOT, an_item
from tests.test_schedule import some_services
from wrapdetect.edge.ledger import Ledger
from wrapdetect.errors import SpecError, StoreError
from wrapdetect.history import Beat, Outcome, Print, Service
from wrapdetect.model import Item
from wrapdetect.plan import Cost
from wrapdetect.schedule import Budget, Rhythm, day_of
from wrapdetect.watch import GRACE_S, RECORD_EVERY_S, Done, Sign, Watch, keep_watch, once, stop_on_signals

BEGIN = datetime(2026, 3, 2, tzinfo=UTC)
BEGIN_S = int(BEGIN.timestamp())
ITEMS = (an_item("one", turns=("1?",), max_tokens=10), an_item("two", turns=("2?",), max_tokens=10))
PLENTY = Budget(10**9, 10**9)
SERVICES = some_services(1)
T = TypeVar("T")


@dataclass
class MemoryLedger:
    """The store's rules, without a store."""

    rounds: dict[int, Cost] = field(default_factory=dict)
    spends: dict[date, Cost] = field(default_factory=dict)
    finished: list[int] = field(default_factory=list)
    beats: dict[tuple[str, int], Beat] = field(default_factory=dict)
    prints: list[Print] = field(default_factory=list)
    batches: list[tuple[float, int]] = field(default_factory=list)
    claims: int = 0
    held: bool = False
    fault: str = ""
    time_s: Callable[[], float] = lambda: 0.0

    def claim(self, lease_s: int) -> None:
        assert lease_s >= 600
        self.claims += 1
        self.held = True

    def release(self) -> None:
        self.held = False

    def begin_round(self, round_s: int, *, requests: int, tokens: int) -> bool:
        assert self.held
        if round_s in self.rounds:
            return False
        spent = self.spent(day_of(round_s))
        self.rounds[round_s] = Cost(requests, tokens)
        self.spends[day_of(round_s)] = Cost(spent.requests + requests, spent.tokens + tokens)
        return True

    def record(self, round_s: int, beats: Sequence[Beat]) -> None:
        assert self.held
        assert round_s in self.rounds
        if self.fault:
            raise StoreError(self.fault)
        self.batches.append((self.time_s(), len(beats)))
        for beat in beats:
            assert (beat.service, beat.round_s) not in self.beats
            self.beats[beat.service, beat.round_s] = beat

    def finish_round(self, round_s: int) -> None:
        self.finished.append(round_s)

    def spent(self, day: date) -> Cost:
        return self.spends.get(day, Cost(0, 0))

    def add_prints(self, prints: Sequence[Print]) -> None:
        assert self.held
        self.prints += prints

    def last_round(self) -> int | None:
        return max(self.rounds, default=None)


Script = Callable[[str, int], Outcome]


@dataclass
class World:
    """Services by script, a clock that jumps, and what came of a watch. `jump_s` is by how much the clock was set."""

    script: Script = lambda name, round_s: Outcome.UP
    takes_s: float = 0.2
    slow: dict[str, float] = field(default_factory=dict)
    ledger: MemoryLedger = field(default_factory=MemoryLedger)
    jump_s: float = 0.0
    said: list[str] = field(default_factory=list)
    done: list[Done] = field(default_factory=list)
    asked: list[tuple[float, str, int]] = field(default_factory=list)
    asks: list[tuple[str, str]] = field(default_factory=list)
    in_flight: int = 0
    most_in_flight: int = 0
    loop: JumpingLoop = field(default_factory=JumpingLoop)

    def now(self) -> datetime:
        return BEGIN + timedelta(seconds=self.jump_s + self.loop.time())

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    async def beat(self, service: Service, round_s: int) -> Sign:
        sent_s = self.loop.time()
        self.asked.append((sent_s, service.name, round_s))
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            await self._takes(self.slow.get(service.name, self.takes_s))
            outcome = self.script(service.name, round_s)
        finally:
            self.in_flight -= 1
        return Sign(sent_s, outcome, 200 if outcome is Outcome.UP else 0, "" if outcome is Outcome.UP else "down")

    async def answer(self, service: Service, item: Item) -> str | None:
        self.asks.append((service.name, item.id))
        await self._takes(self.takes_s)
        return f"{item.id} by {service.name}"

    async def _takes(self, seconds: float) -> None:
        if seconds:
            await asyncio.sleep(seconds)

    async def offload(self, call: Callable[[], T], /) -> T:
        return call()

    def watch(self, services: tuple[Service, ...] = SERVICES, **more: object) -> Watch:
        self.ledger.time_s = self.loop.time
        fields: dict[str, object] = {"rhythm": Rhythm(), "budget": PLENTY, "items": (), "seed": 1, **more}
        return Watch(
            services=services,
            ledger=self.ledger,
            pulse=self,
            now=self.now,
            stopwatch=self.loop.time,
            sleep=self.sleep,
            say=self.said.append,
            offload=self.offload,
            **fields,  # type: ignore[arg-type]  # a test may override any field
        )

    def run(self, work: Coroutine[object, object, T]) -> T:
        with asyncio.Runner(loop_factory=lambda: self.loop) as runner:
            return runner.run(work)

    def keep(
        self, watch: Watch, *, for_s: float, at: Sequence[tuple[float, Callable[[], object]]] = ()
    ) -> "list[Done]":
        """Keep watch for so long; `at` holds what happens on the way, and when."""

        async def after_round(done: Done) -> None:
            self.done.append(done)

        async def go() -> None:
            stop = asyncio.Event()
            for when_s, happens in (*at, (for_s, stop.set)):
                self.loop.call_at(when_s, happens)
            await keep_watch(watch, after_round=after_round, stop=stop)

        self.run(go())
        return self.done


def rounds(*numbers: int) -> list[int]:
    return [BEGIN_S + 300 * n for n in numbers]


def test_every_service_is_asked_once_a_round_and_recorded() -> None:
    world = World()
    done = world.keep(world.watch(), for_s=3590)
    assert [d.round_s for d in done] == rounds(*range(12)) == world.ledger.finished
    assert Counter(b.round_s for d in done for b in d.beats) == dict.fromkeys(rounds(*range(12)), len(SERVICES))
    assert {(b.service, b.round_s): b for d in done for b in d.beats} == world.ledger.beats
    assert not world.ledger.held
    assert world.said == []


def test_a_beat_says_when_it_was_sent_and_how_late_that_was() -> None:
    world = World(slow={"up1": 30.0})
    (first, *_) = world.keep(world.watch(), for_s=299)
    sent_ms = {name: round(at_s * 1000) for at_s, name, _ in world.asked}
    assert {b.service: b.offset_ms for b in first.beats} == sent_ms
    assert all(0 <= b.offset_ms < 20_000 for b in first.beats)
    assert max(first.late_s) < 0.001


def test_lateness_is_measured_where_too_few_may_be_in_flight() -> None:
    world = World(takes_s=10.0)
    (first, *_) = world.keep(world.watch(rhythm=Rhythm(concurrency=1)), for_s=299)
    assert world.most_in_flight == 1
    assert first.late_s[0] < 0.001
    assert max(first.late_s) == pytest.approx(50 - 20, abs=7)
    assert len(first.beats) == len(SERVICES)


def test_who_cannot_be_asked_before_the_next_round_stays_unknown_and_is_counted() -> None:
    world = World(takes_s=70.0)
    first, *_ = world.keep(world.watch(rhythm=Rhythm(concurrency=1)), for_s=500)
    assert len(first.beats) == 5
    assert "1 services could not be asked before the next round" in world.said[0]


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


def test_what_was_in_flight_while_the_computer_slept_is_no_outage() -> None:
    world = World(script=lambda name, _: Outcome.CUT_OFF if name == "up1" else Outcome.UP, slow={"up1": 25.0})

    def suspend() -> None:
        world.jump_s += 120

    world.keep(world.watch(), for_s=150, at=[(22.0, suspend)])
    (done,) = world.done
    assert "up1" not in {b.service for b in done.beats}
    assert len(done.beats) == len(SERVICES) - 1
    assert any("the computer slept, within the round" in s for s in world.said)


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


def test_answers_are_recorded_as_they_come_and_no_later_than_a_second() -> None:
    world = World(slow={"up1": 29.0})
    world.keep(world.watch(some_services(300)), for_s=299)
    answered = sorted(at_s + world.takes_s for at_s, name, _ in world.asked if name != "up1")
    recorded = iter(sorted((at_s, n) for at_s, n in world.ledger.batches))
    times = [at_s for at_s, n in recorded for _ in range(n)]
    assert all(0 <= r - a <= RECORD_EVERY_S + 1e-6 for a, r in zip(answered, times, strict=False))
    assert len(world.ledger.batches) <= 30


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


def test_a_bug_in_one_service_is_said_by_name_without_its_message_and_stops_nobody() -> None:
    def script(name: str, _: int) -> Outcome:
        if name == "up1":
            raise ZeroDivisionError("sk-secret")
        return Outcome.UP

    world = World(script=script)
    done = world.keep(world.watch(), for_s=599)
    assert [len(d.beats) for d in done] == [len(SERVICES) - 1] * 2
    assert all("up1: a bug of ours (ZeroDivisionError in test_watch.py, line " in s for s in world.said)
    assert not any("secret" in s for s in world.said)
    assert world.ledger.finished == rounds(0, 1)


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


# The budget


def test_a_round_that_would_pass_the_days_budget_is_not_begun_and_said_once_a_day() -> None:
    world = World()
    done = world.keep(world.watch(budget=Budget(6 * 100 + 5, 10**9)), for_s=2 * 86_400 - 1)
    asked = Counter(day_of(d.round_s).day for d in done)
    assert asked == {2: 100, 3: 100}
    assert [s.partition(" was not asked: ")[0] for s in world.said] == [
        "round 2026-03-02 08:20:00 UTC",
        "round 2026-03-03 08:20:00 UTC",
    ]
    assert all("(605 requests, 1,000,000,000 tokens) has no room for it" in s for s in world.said)
    assert world.ledger.claims > 100  # the lease is kept while nothing is asked


def test_tokens_are_a_hard_limit_too_and_no_round_is_halved() -> None:
    world = World()
    world.keep(world.watch(budget=Budget(10**9, 100)), for_s=86_400 - 1)
    assert sum(c.tokens for c in world.ledger.rounds.values()) <= 100
    assert set(Counter(r for _, r in world.ledger.beats).values()) == {len(SERVICES)}


def test_a_fingerprint_that_the_budget_cannot_pay_is_left_out_and_the_heartbeats_go_on() -> None:
    world = World()
    done = world.keep(world.watch(items=ITEMS, budget=Budget(13, 10**9)), for_s=599)
    assert [len(d.beats) for d in done] == [6, 6]
    assert world.asks == []
    assert "no room for the fingerprint" in world.said[0]


# The fingerprint


def test_the_fingerprint_is_asked_once_a_day_of_every_chat_service_that_is_up() -> None:
    world = World(script=lambda name, _: Outcome.SERVER if name == "up2" else Outcome.UP)
    done = world.keep(world.watch(items=ITEMS), for_s=2 * 86_400 - 1)
    fingerprints = [d for d in done if d.prints]
    assert [d.round_s for d in fingerprints] == rounds(0, 288)
    expected = Counter((s, i) for s in ("bot0", "up1", "panel1") for i in ("one", "two"))
    assert Counter((p.service, p.item) for p in fingerprints[0].prints) == expected
    assert {(p.at_s, p.text) for p in fingerprints[1].prints if p.service == "bot0"} == {
        (rounds(288)[0], "one by bot0"),
        (rounds(288)[0], "two by bot0"),
    }
    assert world.ledger.prints == [p for d in fingerprints for p in d.prints]


def test_questions_that_would_run_into_the_next_round_are_left_out_and_counted() -> None:
    world = World(takes_s=140.0)
    (first,) = world.keep(world.watch(some_services(1)[:1], items=ITEMS), for_s=299)
    assert [p.item for p in first.prints] == ["one"]
    assert "1 questions of the fingerprint" in world.said[0]


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
from tests.test_watch import BEGIN, SERVICES, PLENTY, Ledger, Outcome, Rhythm, Sign, Watch, keep_watch, stop_on_signals
begun_s = time.monotonic()
now = lambda: BEGIN + timedelta(seconds=time.monotonic() - begun_s)
class Pulse:
    async def beat(self, service, round_s):
        if service.name == "up1":
            await asyncio.sleep(60)
        return Sign(time.monotonic(), Outcome.UP, 5)
async def after_round(done):
    print("whole" if done.whole else "stopped", len(done.beats), flush=True)
async def main(ledger):
    stop = asyncio.Event()
    stop_on_signals(stop)
    watch = Watch(services=SERVICES, rhythm=Rhythm(jitter_s=1), budget=PLENTY, items=(), seed=1, ledger=ledger,
        pulse=Pulse(), now=now, stopwatch=time.monotonic, sleep=asyncio.sleep, say=print)
    asyncio.get_running_loop().call_later(3.5, lambda: print("waiting", flush=True))
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


def test_the_same_seed_asks_in_the_same_order() -> None:
    orders = []
    for seed in (1, 1, 2):
        world = World()
        world.keep(replace(world.watch(), seed=seed), for_s=899)
        orders.append([(name, r) for _, name, r in world.asked])
    assert orders[0] == orders[1] != orders[2]
