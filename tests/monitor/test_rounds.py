"""One round: every service asked once, within the budget, and recorded as the answers come."""

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.monitor.test_schedule import some_services
from tests.monitor.watching import ITEMS, SERVICES, World, rounds
from wrapdetect.errors import SpecError
from wrapdetect.model.history import Outcome, Service
from wrapdetect.monitor.rounds import RECORD_EVERY_S, Sign, shown_round
from wrapdetect.monitor.schedule import Budget, Rhythm, day_of


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


def test_who_failed_while_we_stood_still_stays_unknown_and_is_counted() -> None:
    world = World(script=lambda name, _: Outcome.TIMEOUT if name == "up1" else Outcome.UP, lagged=frozenset({"up1"}))
    (first, *_) = world.keep(world.watch(), for_s=299)
    assert {b.service for b in first.beats} == {s.name for s in SERVICES} - {"up1"}
    assert any("1 services failed while this program itself stood still" in s for s in world.said)


def test_what_was_in_flight_while_the_computer_slept_is_no_outage() -> None:
    world = World(script=lambda name, _: Outcome.CUT_OFF if name == "up1" else Outcome.UP, slow={"up1": 25.0})

    def suspend() -> None:
        world.jump_s += 120

    world.keep(world.watch(), for_s=150, at=[(22.0, suspend)])
    (done,) = world.done
    assert "up1" not in {b.service for b in done.beats}
    assert len(done.beats) == len(SERVICES) - 1
    assert any("the computer slept, within the round" in s for s in world.said)


def test_answers_are_recorded_as_they_come_and_no_later_than_a_second() -> None:
    world = World(slow={"up1": 29.0})
    world.keep(world.watch(some_services(300)), for_s=299)
    answered = sorted(at_s + world.takes_s for at_s, name, _ in world.asked if name != "up1")
    recorded = iter(sorted((at_s, n) for at_s, n in world.ledger.batches))
    times = [at_s for at_s, n in recorded for _ in range(n)]
    assert all(0 <= r - a <= RECORD_EVERY_S + 1e-6 for a, r in zip(answered, times, strict=False))
    assert len(world.ledger.batches) <= 30


def up1_raises(error: Exception) -> Callable[[str, int], Outcome]:
    def script(name: str, _: int) -> Outcome:
        if name == "up1":
            raise error
        return Outcome.UP

    return script


def test_a_bug_in_one_service_is_said_by_name_without_its_message_and_stops_nobody() -> None:
    world = World(script=up1_raises(ZeroDivisionError("sk-secret")))
    done = world.keep(world.watch(), for_s=599)
    assert [len(d.beats) for d in done] == [len(SERVICES) - 1] * 2
    assert all("up1: a bug of ours (ZeroDivisionError in test_rounds.py, line " in s for s in world.said)
    assert not any("secret" in s for s in world.said)
    assert world.ledger.finished == rounds(0, 1)


def test_a_way_in_that_is_gone_is_said_in_its_own_words_and_stops_nobody() -> None:
    world = World(script=up1_raises(SpecError("no Chromium was found; install one")))
    (first,) = world.keep(world.watch(), for_s=299)
    assert len(first.beats) == len(SERVICES) - 1
    assert world.said == [
        f"round {shown_round(first.round_s)}: up1: no Chromium was found; install one; it stays unknown"
    ]


def test_what_a_page_waits_for_its_turn_is_no_lateness_of_ours() -> None:
    class OneByOne(World):
        async def beat(self, service: Service, round_s: int) -> Sign:
            due_s = self.loop.time()
            async with turn:
                started_s = self.loop.time()
                sign = await super().beat(service, round_s)
            return sign._replace(waited_s=started_s - due_s)

    turn, world = asyncio.Lock(), OneByOne(takes_s=40.0)
    (first,) = world.keep(world.watch(), for_s=299)
    assert len(first.beats) == len(SERVICES)
    assert max(first.late_s) < 0.001
    assert max(b.offset_ms for b in first.beats) > 200_000


def test_pages_take_the_fingerprint_one_after_the_other() -> None:
    pages = tuple(
        replace(s, endpoint=replace(s.endpoint, dialect="page")) for s in some_services(3)[:3] if s.endpoint is not None
    )
    world = World(takes_s=5.0)
    (first,) = world.keep(world.watch(pages, items=ITEMS), for_s=299)
    assert len(first.prints) == 6
    names = [name for name, _ in world.asks]
    assert names == [name for name in dict.fromkeys(names) for _ in ITEMS]


def test_the_same_seed_asks_in_the_same_order() -> None:
    orders = []
    for seed in (1, 1, 2):
        world = World()
        world.keep(replace(world.watch(), seed=seed), for_s=899)
        orders.append([(name, r) for _, name, r in world.asked])
    assert orders[0] == orders[1] != orders[2]


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
    assert {"budget" in d.skipped for d in world.skipped} == {True}  # what is beside the rounds goes on, and can tell


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
