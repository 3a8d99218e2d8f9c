"""A store that is away is waited for, told, and not the end; what was answered meanwhile is stored once."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TypeVar

import pytest

from tests.monitor.test_schedule import some_services
from tests.monitor.watching import BEGIN_S, ITEMS, SERVICES, MemoryLedger, World, rounds
from wrapdetect.errors import StoreAway, StoreError
from wrapdetect.model.history import Outcome
from wrapdetect.monitor.rounds import Done, Watch
from wrapdetect.monitor.schedule import Rhythm
from wrapdetect.monitor.watch import Renewal, keep_watch

T = TypeVar("T")
Happening = tuple[float, Callable[[], object]]


@dataclass
class Faulty(World):
    """A world whose store can be away, and that keeps the faults it is told of."""

    away: bool = False
    faults: list[tuple[str, str]] = field(default_factory=list)

    async def offload(self, call: Callable[[], T], /) -> T:
        if self.away:
            raise StoreAway("cannot read the store pg: connection refused")
        return call()

    def set(self, away: bool) -> Callable[[], None]:
        def happen() -> None:
            self.away = away

        return happen

    def observed(self, **more: object) -> Watch:
        return self.watch(fault=lambda kind, text: self.faults.append((kind, text)), **more)  # type: ignore[arg-type]

    def of_store(self) -> list[str]:
        """What it was told of the store, the same only once."""
        told = [text for kind, text in self.faults if kind == "store"]
        return [t for k, t in enumerate(told) if not k or told[k - 1] != t]


@pytest.mark.parametrize(
    ("gone_s", "back_s", "asked"),
    [
        (100.0, 280.0, (0, 1, 2, 3, 4, 5)),  # between two rounds: nobody noticed
        (290.0, 320.0, (0, 1, 2, 3, 4, 5)),  # back within the grace
        (290.0, 340.0, (0, 2, 3, 4, 5)),
        (290.0, 1000.0, (0, 4, 5)),
        (290.0, 1215.0, (0, 4, 5)),
        (310.0, 330.0, (0, 1, 2, 3, 4, 5)),  # while a round is on its way: its answers are kept
        (310.0, 1000.0, (0, 1, 4, 5)),
        (290.0, 1190.0, (0, 4, 5)),
    ],
)
def test_rounds_while_the_store_is_away_are_unknown_and_the_others_whole(
    gone_s: float, back_s: float, asked: tuple[int, ...]
) -> None:
    world = Faulty()
    done = world.keep(world.observed(), for_s=1750, at=[(gone_s, world.set(True)), (back_s, world.set(False))])
    assert [d.round_s for d in done if not d.skipped] == rounds(*asked)
    assert sorted(world.ledger.rounds) == rounds(*asked)
    assert sorted({r for _, r in world.ledger.beats}) == rounds(*asked)
    assert len(world.ledger.beats) == len(asked) * len(SERVICES)
    assert world.ledger.finished == rounds(*asked)
    assert {r for _, _, r in world.asked} == set(rounds(*asked))


@pytest.mark.parametrize(
    ("room_s", "asked"), [(320.0, (0, 1, 2, 3)), (350.0, (0, 2, 3)), (590.0, (0, 2, 3)), (610.0, (0, 2, 3))]
)
def test_a_disk_that_is_full_lets_us_read_and_no_round_is_begun_after_its_grace(
    room_s: float, asked: tuple[int, ...]
) -> None:
    class Full(MemoryLedger):
        full = False

        def begin_round(self, round_s: int, *, requests: int, tokens: int) -> bool:
            if self.full:
                raise StoreAway("the disk is full")
            return super().begin_round(round_s, requests=requests, tokens=tokens)

    ledger = Full()
    world = Faulty(ledger=ledger)

    def fill(full: bool) -> Callable[[], None]:
        return lambda: setattr(ledger, "full", full)

    world.keep(world.observed(), for_s=1100, at=[(290.0, fill(True)), (room_s, fill(False))])
    assert {r for _, _, r in world.asked} == set(rounds(*asked))
    assert not [text for kind, text in world.faults if kind == "lag" and text]


def test_it_is_told_once_that_it_is_away_and_once_that_it_is_back() -> None:
    world = Faulty()
    world.keep(world.observed(), for_s=1750, at=[(290.0, world.set(True)), (1000.0, world.set(False))])
    said = [s for s in world.said if "store" in s]
    assert said[0] == (
        "cannot read the store pg: connection refused. "
        "Waiting for it: until then nothing is asked, and rounds stay unknown"
    )
    assert said[1] == "the store is back; it was away since 2026-03-02 00:05:00 UTC"
    assert "round 2026-03-02 00:05:00 UTC was not asked: the store was away" in said[2]
    assert "2 rounds after 2026-03-02 00:05:00 UTC were missed (the store was away)" in said[3]
    assert len(said) == 4
    assert world.of_store() == ["cannot read the store pg: connection refused", ""]
    assert ("lag", "") in world.faults
    assert not [text for kind, text in world.faults if kind == "lag" and text]


def test_a_server_that_takes_a_call_and_says_nothing_is_told_and_the_call_is_made_once() -> None:
    class Hanging(Faulty):
        async def offload(self, call: Callable[[], T], /) -> T:
            if 290 < self.loop.time() < 800:
                await asyncio.sleep(800 - self.loop.time())
            return call()

    world = Hanging()
    done = world.keep(world.observed(), for_s=1300)
    assert [d.round_s for d in done if not d.skipped] == rounds(0, 3, 4)
    assert world.of_store() == ["the store has not answered for 30 s", ""]
    stopped = Hanging()
    stopped.keep(stopped.observed(), for_s=500)
    assert sorted(stopped.ledger.rounds) == rounds(0)


def test_the_lease_is_taken_again_before_anything_is_stored() -> None:
    world = Faulty()
    at: list[Happening] = [(310.0, world.set(True)), (900.0, world.set(False)), (899.0, world.ledger.release)]
    world.keep(world.observed(), for_s=1300, at=at)  # MemoryLedger takes nothing without a claim
    assert sorted({r for _, r in world.ledger.beats}) == rounds(0, 1, 3, 4)
    assert world.ledger.claims >= 2


def test_a_store_that_another_monitor_took_meanwhile_is_left_to_it() -> None:
    class Taken(MemoryLedger):
        gone = False

        def claim(self, lease_s: int) -> None:
            if self.gone:
                raise StoreError("held by the monitor other:1")
            super().claim(lease_s)

    ledger = Taken()
    world = Faulty(ledger=ledger)

    def take() -> None:
        world.away, ledger.gone = False, True

    with pytest.raises(StoreError, match="held by the monitor other:1"):
        world.keep(world.observed(), for_s=9_000, at=[(290.0, world.set(True)), (900.0, take)])
    assert sorted(ledger.rounds) == rounds(0)


def test_a_stop_while_the_store_is_away_is_quiet_where_nothing_is_lost() -> None:
    world = Faulty()
    world.keep(world.observed(), for_s=700, at=[(290.0, world.set(True))])
    assert sorted(world.ledger.rounds) == rounds(0)


def test_a_stop_while_the_store_is_away_tells_how_many_answers_are_lost() -> None:
    world = Faulty(slow={s.name: 15.0 for s in SERVICES})
    with pytest.raises(StoreError, match=r"connection refused\. \d+ answers of round 2026-03-02 00:05:00 UTC are not"):
        world.keep(world.observed(), for_s=700, at=[(310.0, world.set(True))])


def test_what_follows_a_round_may_find_the_store_away_and_is_done_after_the_next() -> None:
    world, calls = Faulty(), list[int]()

    async def after_round(done: Done) -> None:
        calls.append(done.round_s)
        if len(calls) == 2:
            raise StoreAway("cannot write the store: the disk is full")

    async def go() -> None:
        stop = asyncio.Event()
        world.loop.call_at(1000.0, stop.set)
        await keep_watch(world.observed(), after_round=after_round, stop=stop)

    world.run(go())
    assert calls == rounds(0, 1, 2, 3)
    assert world.of_store() == ["cannot write the store: the disk is full", ""]


def test_a_fingerprint_that_was_cut_off_is_asked_again_in_the_next_round() -> None:
    ledger = MemoryLedger()
    first = World(ledger=ledger, takes_s=20.0)
    first.keep(first.watch(items=ITEMS), for_s=40)  # ends while the fingerprint is on its way
    assert ledger.taken == []
    again = World(ledger=ledger, jump_s=250)
    again.keep(again.watch(items=ITEMS), for_s=1000)
    assert ledger.taken == rounds(1)
    assert {p.at_s for p in ledger.prints} >= {BEGIN_S + 300}


def test_rounds_that_were_slept_through_and_late_heartbeats_are_faults_of_our_own() -> None:
    world = Faulty()

    def suspend() -> None:
        world.jump_s += 3600

    world.keep(world.observed(), for_s=1200, at=[(400.0, suspend)])
    lags = [text for kind, text in world.faults if kind == "lag"]
    assert "12 rounds were missed: asleep, or too busy" in lags
    assert lags[-1] == ""
    slow = Faulty(slow={s.name: 25.0 for s in SERVICES})
    slow.keep(slow.observed(rhythm=Rhythm(concurrency=1)), for_s=900)
    assert any("heartbeats were sent up to" in text for kind, text in slow.faults if kind == "lag")


def renewed(world: World, watch: Watch, at_s: float, make: Callable[[], Watch | None], for_s: float) -> None:
    async def after_round(done: Done) -> None:
        world.done.append(done)

    async def go() -> None:
        stop, wanted = asyncio.Event(), asyncio.Event()

        async def other() -> Watch | None:
            return make()

        world.loop.call_at(at_s, wanted.set)
        world.loop.call_at(for_s, stop.set)
        await keep_watch(watch, after_round=after_round, stop=stop, renewal=Renewal(wanted=wanted, watch=other))

    world.run(go())


def test_a_renewed_watch_goes_on_with_its_services_and_loses_no_round() -> None:
    world = World()
    more = some_services(3)
    renewed(world, world.watch(), 310.0, lambda: world.watch(more), 1150)  # within a round, which is finished
    assert [d.round_s for d in world.done] == rounds(0, 1, 2, 3)
    assert [len(d.beats) for d in world.done] == [len(SERVICES)] * 2 + [len(more)] * 2


def test_a_renewed_cadence_counts_from_its_own_grid_at_once() -> None:
    world = World()
    renewed(world, world.watch(), 400.0, lambda: world.watch(rhythm=Rhythm(cadence_s=900)), 3000)
    assert [d.round_s for d in world.done] == rounds(0, 1, 3, 6, 9)


def test_a_renewal_that_was_refused_leaves_the_watch_as_it_was() -> None:
    world = World(script=lambda name, round_s: Outcome.UP)
    watch = world.watch()
    renewed(world, watch, 310.0, lambda: None, 1150)
    assert [len(d.beats) for d in world.done] == [len(SERVICES)] * 4
    assert replace(watch) == watch
