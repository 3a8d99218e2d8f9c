"""Latency: a relay is slow with its upstream, beyond what all share; and what all share, or nobody, is no evidence."""

from array import array
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pytest
from numpy.random import Generator
from numpy.typing import NDArray
from scipy.signal import lfilter

from wrapdetect.evidence.compare.dependence.latency import CEILING, FLOOR, compare, weight
from wrapdetect.evidence.compare.dependence.latency_grid import FEWEST_DAYS
from wrapdetect.model import Finding
from wrapdetect.model.history import Beat, Beats, History, Outcome, Service, columns

START_S = 1_700_006_400
"""Begins a UTC day."""


class World(NamedTuple):
    """A target, candidates c0 to c7 and a panel of six, each with load of its own (an hour or two long) and noise."""

    days: int = 14
    cadence_s: int = 900
    load: float = 0.2
    network_ms: float = 0.0
    pattern: float = 0.3
    drift: float = 0.0
    bursts_a_day: float = 0.0
    missing: float = 0.0
    relay: float = 0.0  # the upstream's share (c0) of the target's latency
    quick: int = 0  # so many services, the target first, take 60 to 100 ms, all others 1200


CANDIDATES, PANEL = 8, 6


def history(world: World, rng: Generator) -> History:
    n, many = world.days * 86_400 // world.cadence_s, 1 + CANDIDATES + PANEL
    hour = np.arange(n) * world.cadence_s / 3600
    base = np.log(rng.uniform(80, 1500, many))
    if world.quick:
        base = np.log([*np.linspace(60, 100, world.quick), *[1200] * (many - world.quick)])
    logs = base[:, None] + world.load * slow(rng, (many, n), 2 * 3600 / world.cadence_s)
    weekday = np.where((hour // 24) % 7 < 5, 1.0, 0.5)
    swing = np.sin(2 * np.pi * hour / 24 + rng.normal(0, 1, (many, 1)))
    logs += rng.uniform(0, world.pattern, (many, 1)) * swing * weekday
    logs += np.cumsum(rng.normal(0, world.drift, (many, n)), axis=1)
    for line in logs:
        for at in rng.integers(0, n, rng.poisson(world.bursts_a_day * world.days)):
            line[at : at + rng.integers(1, 24)] += rng.exponential(0.8)
    ms = np.exp(logs + rng.normal(0, 0.3, logs.shape))
    if world.relay:
        upstream = np.exp(logs[1] + rng.normal(0, 0.3, n))
        ms[0] *= (1 / world.relay - 1) * np.median(upstream) / np.median(ms[0])
        ms[0] += upstream
    network = world.network_ms * np.exp(2 * slow(rng, (1, n), 3600 / world.cadence_s))
    ms += network * rng.uniform(0.7, 1.3, (many, 1))
    return watched(ms, world, rng.random(ms.shape) >= world.missing)


def slow(rng: Generator, shape: tuple[int, int], length: float) -> NDArray[np.float64]:
    """A process of variance 1 that forgets within `length` steps."""
    keep = np.exp(-1 / length)
    return np.asarray(lfilter([np.sqrt(1 - keep**2)], [1, -keep], rng.normal(size=shape), axis=1))


def watched(ms: NDArray[np.float64], world: World, seen: NDArray[np.bool_]) -> History:
    names = ["t", *(f"c{k}" for k in range(CANDIDATES)), *(f"p{k}" for k in range(PANEL))][: len(ms)]
    rounds = START_S + np.arange(ms.shape[1]) * world.cadence_s
    return History(
        cadence_s=world.cadence_s,
        services=tuple(service(name) for name in names),
        beats=tuple(
            Beats(
                service=name,
                round_s=array("q", rounds[there].tolist()),
                offset_ms=array("i", [0] * int(there.sum())),
                outcome=bytes(int(there.sum())),
                latency_ms=array("i", np.maximum(line[there], 3).astype(int).tolist()),
            )
            for name, line, there in zip(names, ms, seen, strict=True)
        ),
    )


def service(name: str) -> Service:
    kinds = {"t": "target", "c": "candidate", "p": "panel"}
    return Service(name=name, kind=kinds[name[0]], url="http://127.0.0.1/")  # type: ignore[arg-type] # three of four


def ratios(world: World, worlds: int, seed: int = 1) -> NDArray[np.float64]:
    """LR of every pair, shape (worlds, candidates)."""
    rng = np.random.default_rng(seed)
    return np.array([[np.exp(f.llr) for f in compare(history(world, rng), "t", rng)] for _ in range(worlds)])


def of_upstream(world: World, worlds: int = 15, seed: int = 2) -> list[Finding]:
    rng = np.random.default_rng(seed)
    return [next(f for f in compare(history(world, rng), "t", rng) if f.upstream == "c0") for _ in range(worlds)]


NULLS = {
    "independent": World(),
    "a week": World(days=7),
    "weekly patterns": World(days=21, pattern=1.0),
    "shared network": World(network_ms=100),
    "slow drift": World(drift=0.01),
    "bursts": World(bursts_a_day=0.5),
    "all of it": World(network_ms=100, drift=0.01, bursts_a_day=0.5, pattern=1.0, missing=0.2),
    "eight weeks": World(days=56, bursts_a_day=0.5, pattern=1.0),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", NULLS)
def test_unrelated_services_give_a_mean_ratio_of_at_most_one(name: str) -> None:
    """320 pairs each, 2,560 in all; tolerance 2.5 standard errors of 40 worlds."""
    found = ratios(NULLS[name], 40)
    assert found.shape == (40, CANDIDATES)
    worlds = found.mean(axis=1)
    assert worlds.mean() <= 1 + 2.5 * worlds.std() / np.sqrt(40)
    assert (found >= 0.999 * CEILING).mean() <= 0.045  # nominal 0.02, two standard errors of 320, and a little


@pytest.mark.slow
@pytest.mark.parametrize(("quick", "network_ms"), [(2, 20), (2, 100), (5, 100), (5, 300)])
def test_a_network_that_only_the_quick_ones_show_is_no_evidence(quick: int, network_ms: float) -> None:
    """A few milliseconds more double 60 and vanish in 1200: the target and c0 move as one, by the network alone."""
    found = of_upstream(World(days=21, quick=quick, network_ms=network_ms))
    assert np.mean([np.exp(f.llr) for f in found]) <= 1.0


def test_a_relay_of_two_weeks_is_told_in_most_worlds() -> None:
    found = of_upstream(World(days=14, relay=0.7, quick=0, bursts_a_day=0.2), worlds=12)
    assert np.mean([f.llr for f in found]) >= 0.5
    assert np.mean([f.llr < 0 for f in found]) <= 0.1
    assert all(f.low <= f.effect <= f.high for f in found)


def test_a_relay_says_nothing_for_the_upstream_s_rivals() -> None:
    rng = np.random.default_rng(4)
    for _ in range(4):
        rivals = [f.llr for f in compare(history(World(relay=0.7), rng), "t", rng) if f.upstream != "c0"]
        assert max(rivals) <= 0.0


def test_the_witness_is_an_hour_in_which_both_were_slow() -> None:
    finding = max(of_upstream(World(relay=0.7), worlds=4), key=lambda f: f.llr)
    assert finding.llr > 0
    assert "UTC: c0 took" in finding.witness
    assert "times its usual, t " in finding.witness


def test_days_are_counted_never_heartbeats() -> None:
    assert {(f.n_target, f.n_upstream) for f in of_upstream(World(), worlds=1)} == {(14, 14)}


def test_missing_rounds_are_no_obstacle() -> None:
    found = of_upstream(World(days=21, relay=0.7, missing=0.4), worlds=6)
    assert np.mean([f.llr for f in found]) >= 0.3


def test_without_three_others_a_shared_network_is_not_taken_for_dependence() -> None:
    rng = np.random.default_rng(5)
    whole = history(World(relay=0.7), rng)
    two = History(cadence_s=900, services=whole.services[:2], beats=whole.beats[:2])
    (finding,) = compare(two, "t", rng)
    assert finding.effect > 0.1
    assert finding.llr <= 0
    assert "0 others as steady as it, of 3" in finding.evidence


def test_services_of_one_vendor_are_no_rivals() -> None:
    """A sibling that moves with the upstream would else take the excess away."""
    rng = np.random.default_rng(6)
    whole = history(World(days=21, relay=0.7), rng)
    twin = Service(name="c9", kind="candidate", url="http://127.0.0.1/", vendor="c0")
    same = next(b for b in whole.beats if b.service == "c0")
    beats = Beats(
        service="c9",
        round_s=same.round_s,
        offset_ms=same.offset_ms,
        outcome=same.outcome,
        latency_ms=same.latency_ms,
    )
    more = History(cadence_s=900, services=(*whole.services, twin), beats=(*whole.beats, beats))
    found = {f.upstream: f for f in compare(more, "t", rng)}
    assert found["c0"].effect == pytest.approx(found["c9"].effect)
    assert found["c0"].effect > 0.1


def test_a_candidate_that_does_not_move_says_nothing() -> None:
    assert set(ratios(World(load=0.0, pattern=0.0), 3).ravel().tolist()) == {1.0}


@pytest.mark.parametrize("constant", [0, 1])
def test_a_constant_latency_says_nothing(constant: int) -> None:
    rng = np.random.default_rng(7)
    whole = history(World(), rng)
    lines = np.array([b.latency_ms for b in whole.beats], float)
    lines[constant] = 80
    found = list(compare(watched(lines, World(), np.ones(lines.shape, bool)), "t", rng))
    assert all(f.upstream != "c0" for f in found)
    assert len(found) == (0 if constant == 0 else CANDIDATES - 1)


@pytest.mark.parametrize(
    "beats", [[], [Beat(service="t", round_s=300, offset_ms=0, outcome=Outcome.UP, latency_ms=80)]]
)
def test_nothing_and_one_beat_give_no_finding(beats: Sequence[Beat]) -> None:
    services = (service("t"), service("c0"))
    rng = np.random.default_rng(8)
    both = (columns("t", list(beats)), columns("c0", []))
    assert not list(compare(History(cadence_s=300, services=services, beats=both), "t", rng))
    assert not list(compare(History(cadence_s=300, services=services), "t", rng))
    assert not list(compare(History(cadence_s=300, services=()), "t", rng))


def test_fewer_than_seven_days_give_no_finding() -> None:
    rng = np.random.default_rng(9)
    assert not list(compare(history(World(days=FEWEST_DAYS - 1), rng), "t", rng))
    assert list(compare(history(World(days=FEWEST_DAYS), rng), "t", rng))


def test_one_beat_of_1970_costs_neither_memory_nor_evidence() -> None:
    rng = np.random.default_rng(12)
    whole = history(World(), rng)
    first = whole.beats[0]
    wrong = Beats(
        service="t",
        round_s=array("q", [0, *first.round_s]),
        offset_ms=array("i", [0, *first.offset_ms]),
        outcome=bytes([0]) + first.outcome,
        latency_ms=array("i", [80, *first.latency_ms]),
    )
    history_ = History(cadence_s=900, services=whole.services[:3], beats=(wrong, *whole.beats[1:3]))
    assert {f.n_target for f in compare(history_, "t", rng)} == {14}


def test_failures_and_what_no_wire_can_do_are_left_out() -> None:
    """Half of the beats time out after 30 s, or come within 0 ms: the rest says what it said."""
    rng = np.random.default_rng(10)
    whole = history(World(), rng)
    doubled = []
    for b in whole.beats:
        n = len(b.round_s)
        timeouts = bytes([Outcome.TIMEOUT]) * n
        late = array("q", [r + 450 for r in b.round_s])
        rows = sorted(
            [*zip(b.round_s, b.outcome, b.latency_ms, strict=True), *zip(late, timeouts, [30_000] * n, strict=True)]
        )
        doubled.append(
            Beats(
                service=b.service,
                round_s=array("q", [r for r, _, _ in rows]),
                offset_ms=array("i", [0] * len(rows)),
                outcome=bytes(o for _, o, _ in rows),
                latency_ms=array("i", [ms for _, _, ms in rows]),
            )
        )
    noisy = History(cadence_s=450, services=whole.services, beats=tuple(doubled))
    assert [f.effect for f in compare(noisy, "t", rng)] == pytest.approx([f.effect for f in compare(whole, "t", rng)])


def test_the_mean_weight_of_a_uniform_p_is_at_most_one() -> None:
    p = (np.arange(100_000) + 0.5) / 100_000
    assert 0.97 <= np.mean([weight(x) for x in p]) <= 1.0
    assert weight(0.0) == pytest.approx(CEILING)
    assert weight(1.0) == FLOOR


def test_the_same_seed_gives_the_same_findings() -> None:
    world = history(World(days=7), np.random.default_rng(11))
    first, again = (list(compare(world, "t", np.random.default_rng(3))) for _ in range(2))
    assert first == again
