"""The schedule: each service once a round, together within a minute, the same on every machine, and its price known."""

from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.conftest import an_endpoint, an_item
from wrapdetect.errors import SpecError
from wrapdetect.model import TokenLimit
from wrapdetect.model.history import DAY_S, Service, ServiceKind
from wrapdetect.monitor.schedule import (
    PHASE_S,
    UNLIMITED_TOKENS,
    Rhythm,
    Round,
    check_rhythm,
    cost_of,
    heartbeat,
    make_round,
    phase_of,
    phases,
    prints_due,
    round_of,
)
from wrapdetect.runs.plan import Cost

DUE_S = 1_700_000_100
RHYTHM = Rhythm()


def a_service(name: str, kind: ServiceKind = "target", *, token_limit: TokenLimit = "max_tokens") -> Service:
    endpoint = None if kind == "site" else an_endpoint(name, token_limit=token_limit)
    return Service(name=name, kind=kind, url=f"http://{name}.example", endpoint=endpoint)


def some_services(targets: int = 1) -> tuple[Service, ...]:
    around: tuple[tuple[str, ServiceKind], ...] = (
        *(("up1", "candidate"), ("up2", "candidate")),
        *(("panel1", "panel"), ("site1", "site"), ("site2", "site")),
    )
    return (*(a_service(f"bot{n}") for n in range(targets)), *(a_service(n, k) for n, k in around))


def a_round(services: tuple[Service, ...], due_s: int = DUE_S, *, seed: int = 1, prints: bool = False) -> Round:
    return make_round(services, due_s, rhythm=RHYTHM, seed=seed, prints=prints)


@pytest.mark.parametrize("targets", [1, 40, 1500, 4000])
def test_each_service_is_asked_once_a_round(targets: int) -> None:
    services = some_services(targets)
    assert Counter(s.service.name for s in a_round(services).slots) == Counter(s.name for s in services)


@pytest.mark.parametrize("targets", [1, 1500])
def test_everybody_is_asked_within_the_jitter_and_evenly_spread(targets: int) -> None:
    offsets = [s.offset_s for s in a_round(some_services(targets)).slots]
    assert offsets == sorted(offsets)
    assert 0 <= offsets[0] <= offsets[-1] < RHYTHM.jitter_s
    width_s = RHYTHM.jitter_s / len(offsets)
    assert all(k * width_s <= at <= (k + 1) * width_s + 1e-9 for k, at in enumerate(offsets))


def test_a_round_is_reproducible_and_the_next_is_in_another_order() -> None:
    services = some_services(5)
    assert a_round(services) == a_round(services)
    orders = {tuple(s.service.name for s in a_round(services, DUE_S + 300 * n).slots) for n in range(50)}
    assert len(orders) == 50
    assert a_round(services, seed=2) != a_round(services)


def test_no_service_stands_first_more_often_than_chance_has_it() -> None:
    services = some_services(1)
    firsts = Counter(a_round(services, DUE_S + 300 * n).slots[0].service.name for n in range(3000))
    assert set(firsts) == {s.name for s in services}
    assert all(abs(n - 500) < 100 for n in firsts.values())  # 500 expected, 5 standard deviations of 20


def test_many_targets_are_spread_over_minutes_and_everything_else_is_asked_in_the_first() -> None:
    services = some_services(10_000)
    slots = a_round(services).slots
    minute = {s.service.name: int(s.offset_s // PHASE_S) for s in slots}
    share = Counter(m for name, m in minute.items() if name.startswith("bot"))
    assert set(share) == set(range(5))
    assert all(abs(n - 2000) < 200 for n in share.values())  # 5 standard deviations of 40
    assert {m for name, m in minute.items() if not name.startswith("bot")} == {0}
    assert all(s.offset_s % PHASE_S < RHYTHM.jitter_s for s in slots)
    later = a_round(services, DUE_S + 300).slots
    assert {s.service.name: int(s.offset_s // PHASE_S) for s in later} == minute


def test_the_minute_of_a_target_is_the_same_on_every_machine() -> None:
    assert [phase_of(name, 5) for name in ("bot0", "bot1", "bot2", "bot3")] == [4, 3, 4, 1]


@given(now_s=st.floats(0, 4e9), cadence_s=st.integers(60, DAY_S))
@settings(derandomize=True)
def test_a_round_is_on_the_grid_and_not_in_the_future(now_s: float, cadence_s: int) -> None:
    found = round_of(now_s, cadence_s)
    assert found % cadence_s == 0
    assert found <= now_s < found + cadence_s


@given(targets=st.integers(0, 10**6), cadence_s=st.integers(60, DAY_S))
@settings(derandomize=True)
def test_there_is_a_phase_and_never_more_than_minutes(targets: int, cadence_s: int) -> None:
    assert 1 <= phases(targets, cadence_s) <= cadence_s // PHASE_S


def test_a_fingerprint_is_due_once_each_period_and_a_missed_one_is_made_up_by_the_next_round() -> None:
    rounds = [r * 300 for r in range(288 * 3)]
    due = [r for r, before in zip(rounds, [None, *rounds], strict=False) if prints_due(r, before, DAY_S)]
    assert due == [0, DAY_S, 2 * DAY_S]
    assert prints_due(DAY_S + 7200, DAY_S - 300, DAY_S)


def test_the_question_is_one_for_all_of_a_round_and_changes_with_it() -> None:
    asks = [heartbeat(DUE_S + 300 * n) for n in range(100)]
    assert len({a.turns for a in asks}) == 100
    assert {(a.max_tokens, a.temperature) for a in asks} == {(1, 0.0)}


def test_the_cost_is_a_request_each_and_tokens_of_chat_only() -> None:
    services = some_services(1)
    asked = -(-len(heartbeat(DUE_S).turns[0]) // 4)
    assert cost_of(a_round(services), ()) == Cost(6, 4 * (asked + 1))
    items = [an_item("a", turns=("A?" * 4,), max_tokens=10), an_item("b", turns=("B?" * 2,), max_tokens=20)]
    assert cost_of(a_round(services), items) == Cost(6, 4 * (asked + 1))
    assert cost_of(a_round(services, prints=True), items) == Cost(6 + 4 * 2, 4 * (asked + 1 + 2 + 10 + 1 + 20))


def test_an_answer_without_a_limit_is_reserved_for() -> None:
    one = (a_service("bot", token_limit="omit"),)
    limited = cost_of(a_round((a_service("bot"),)), ())
    assert cost_of(a_round(one), ()) == Cost(1, limited.tokens - 1 + UNLIMITED_TOKENS)


def test_a_rhythm_that_cannot_be_kept_is_refused_with_its_numbers() -> None:
    check_rhythm(RHYTHM, some_services(10_000))
    check_rhythm(replace(RHYTHM, cadence_s=60), some_services(1))
    with pytest.raises(SpecError, match=r"takes up to 82 s \(jitter 20, timeout 60\) and the next is due after 60 s"):
        check_rhythm(replace(RHYTHM, cadence_s=60, timeout_s=60), some_services(1))
    with pytest.raises(SpecError, match="up to 322 s"):
        check_rhythm(replace(RHYTHM, timeout_s=60), some_services(10_000))
