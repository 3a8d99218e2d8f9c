"""Outages together: under independent histories, plain and bursty, and under a target that falls with its upstream."""

from itertools import pairwise

import numpy as np
import pytest
from scipy.stats import binom

from tests.evidence.worlds import Outage, beats_of, lived, outages
from wrapdetect.evidence.compare.arrays import Floats
from wrapdetect.evidence.compare.dependence.failures import (
    COMMON,
    COMMON_UNSEEN,
    FAILURE_WINDOW_S,
    STRETCHES_APART_S,
    compare,
    failures_log_ratio,
    grouped,
    judged_incidents,
    stretches,
)
from wrapdetect.evidence.compare.samples import Samples, SignOfLife
from wrapdetect.evidence.judge import NO_CALIBRATOR, Candidate, bounded, rank, state_of
from wrapdetect.evidence.seeds import Seeds
from wrapdetect.model import Finding

HOUR, DAY = 3600.0, 86_400.0
STEP = 120.0
MOST_OF_ONE = np.log(37)
"""Nats; seeds/rules.toml: one incident alone cannot pass a factor of 37."""


def life(*down: Outage, span_s: float = 5 * DAY, spoke: bool = True) -> list[SignOfLife]:
    return beats_of(down, span_s=span_s, step_s=STEP, spoke=spoke)


def found(samples: Samples) -> dict[str, Finding]:
    return {f.upstream: f for f in compare(samples)}


def pair(seeds: Seeds, target: list[SignOfLife], upstream: list[SignOfLife]) -> Finding:
    return found(lived({"target": target, "ref0": upstream}, seeds))["ref0"]


def histories(
    seeds: Seeds,
    trials: int,
    *,
    own: float,
    theirs: float,
    mean_s: float,
    bursty: bool,
    shared: float = 0.0,
    k: int = 1,
    planted: bool = False,
) -> list[tuple[float, Candidate]]:
    """Per trial: the largest bounded llr of `k` upstreams, and the candidate first in rank (closed weights).

    Of the first upstream's outages the target has a share `shared`; with `planted` one of the target's own, if it has
    any, happens to be the first upstream's too.
    """
    rng = np.random.default_rng(17)
    found_in: list[tuple[float, Candidate]] = []
    for _ in range(trials):
        ups = [outages(rng, span_s=5 * DAY, mean_n=theirs, mean_s=mean_s, bursty=bursty) for _ in range(k)]
        down = outages(rng, span_s=5 * DAY, mean_n=own, mean_s=mean_s, bursty=bursty)
        down += [o for o in ups[0] if rng.random() < shared]
        if planted and down:
            ups[0] = [*ups[0], down[int(rng.integers(len(down)))]]
        beats = {"target": beats_of(down, span_s=5 * DAY, step_s=480.0)}
        beats |= {f"ref{j}": beats_of(u, span_s=5 * DAY, step_s=480.0) for j, u in enumerate(ups)}
        findings = list(compare(lived(beats, seeds)))
        weights = [bounded(f, seeds.ruleset, NO_CALIBRATOR).value for f in findings]
        ranked = rank(findings, [(f"ref{j}", "closed") for j in range(k)], seeds.ruleset, NO_CALIBRATOR)
        found_in.append((max(weights, default=0.0), ranked[0]))
    return found_in


QUIET = {"own": 1.0, "theirs": 1.0, "mean_s": HOUR}
BUSY = {"own": 3.0, "theirs": 3.0, "mean_s": 2 * HOUR}
TROUBLED = {"own": 6.0, "theirs": 6.0, "mean_s": 4 * HOUR}
FRAIL_TARGET = {"own": 6.0, "theirs": 1.0, "mean_s": 4 * HOUR}
RATES = [QUIET, BUSY, TROUBLED, FRAIL_TARGET]
NAMES = ["quiet", "busy", "troubled", "frail_target"]


@pytest.mark.slow
@pytest.mark.parametrize("bursty", [False, True], ids=["poisson", "bursty"])
@pytest.mark.parametrize("rates", RATES, ids=NAMES)
def test_independent_outages_gather_nothing_on_average(seeds: Seeds, rates: dict[str, float], bursty: bool) -> None:
    """E[LR] <= 1 (1.2 with Monte Carlo error) and P(LR > 20) <= .05, of the largest of all upstreams."""
    llr = _llrs(histories(seeds, 300, bursty=bursty, **rates))  # type: ignore[arg-type]  # mixed keyword types
    assert np.mean(np.exp(llr)) <= 1.2
    assert np.mean(llr > np.log(20)) <= 0.05


@pytest.mark.parametrize("bursty", [False, True], ids=["poisson", "bursty"])
def test_independent_outages_seldom_pass_a_factor_of_twenty(seeds: Seeds, bursty: bool) -> None:
    llr = _llrs(histories(seeds, 30, own=3.0, theirs=3.0, mean_s=2 * HOUR, bursty=bursty))
    assert np.mean(llr > np.log(20)) <= 0.05
    assert np.mean(llr) < 0


@pytest.mark.slow
@pytest.mark.parametrize("bursty", [False, True], ids=["poisson", "bursty"])
@pytest.mark.parametrize("rates", RATES, ids=NAMES)
def test_independent_outages_accuse_fewer_than_one_in_a_hundred(
    seeds: Seeds, rates: dict[str, float], bursty: bool
) -> None:
    """No other evidence; closed weights, one upstream. At a true rate of 1 %, 7 or more of 300 come once in 30."""
    trials = histories(seeds, 300, bursty=bursty, **rates)  # type: ignore[arg-type]  # mixed keyword types
    states = [state_of(c, 1, (), seeds.ruleset) for _, c in trials]
    assert sum(s in ("wrapper", "likely_wrapper") for s in states) <= 6


def test_three_candidates_gather_no_more_than_one_from_chance(seeds: Seeds) -> None:
    llr = _llrs(histories(seeds, 20, own=3.0, theirs=3.0, mean_s=2 * HOUR, bursty=False, k=3))
    assert np.mean(np.exp(llr)) <= 1.2


def test_a_target_that_shares_most_outages_is_told_in_most_runs_that_had_any(seeds: Seeds) -> None:
    trials = histories(seeds, 30, own=1.0, theirs=3.0, mean_s=2 * HOUR, bursty=False, shared=0.73)
    llr = _llrs([t for t in trials if t[1].incidents])
    assert np.mean(llr > np.log(10)) >= 0.5
    assert np.mean(llr) > 1


def _llrs(trials: list[tuple[float, Candidate]]) -> Floats:
    return np.array([llr for llr, _ in trials])


def test_one_shared_outage_of_three_hours_in_five_days_weighs_20_to_37(seeds: Seeds) -> None:
    down = (2 * DAY, 2 * DAY + 3 * HOUR)
    assert np.log(20) <= pair(seeds, life(down), life(down)).llr <= MOST_OF_ONE


@pytest.mark.parametrize("hours", [0.5, 4.0, 12.0])
def test_one_long_outage_is_one_unit(seeds: Seeds, hours: float) -> None:
    finding = pair(seeds, life((DAY, DAY + hours * HOUR)), life((DAY, DAY + hours * HOUR)))
    assert finding.n_upstream == finding.n_target == 1
    assert finding.llr <= MOST_OF_ONE


@pytest.mark.parametrize("pause_s", [130.0, 600.0, STRETCHES_APART_S - 2 * STEP])
def test_outages_within_the_hour_are_one_unit(seeds: Seeds, pause_s: float) -> None:
    """Four stretches of an hour: a flickering outage is one outage, however often it comes back."""
    flickering = [(DAY + k * (HOUR + pause_s), DAY + k * (HOUR + pause_s) + HOUR) for k in range(4)]
    finding = pair(seeds, life(*flickering), life(*flickering))
    assert finding.n_upstream == finding.n_target == 1
    assert finding.llr <= MOST_OF_ONE


@pytest.mark.parametrize("pause_s", [STRETCHES_APART_S + 2 * STEP, 12 * HOUR, DAY])
def test_outages_an_hour_or_more_apart_are_different_units(seeds: Seeds, pause_s: float) -> None:
    down = [(DAY + k * (HOUR + pause_s), DAY + k * (HOUR + pause_s) + HOUR) for k in range(3)]
    finding = pair(seeds, life(*down), life(*down))
    assert finding.n_upstream == finding.n_target == 3


@pytest.mark.parametrize("n", [1, 2, 3, 7])
def test_every_stretch_belongs_to_one_incident_and_none_spans_an_hour_of_health(n: int) -> None:
    rng = np.random.default_rng(n)
    every = stretches(life(*outages(rng, span_s=5 * DAY, mean_n=5.0 * n, mean_s=HOUR)))
    groups = grouped(every)
    assert [s for g in groups for s in g] == every
    assert all(b.first_s - a.last_s < STRETCHES_APART_S for g in groups for a, b in pairwise(g))
    assert all(after[0].first_s - before[-1].last_s >= STRETCHES_APART_S for before, after in pairwise(groups))


def test_single_failures_are_no_incident(seeds: Seeds) -> None:
    singles = [(float(t), t + 1.0) for t in range(0, int(5 * DAY), int(4 * HOUR))]
    assert not found(lived({"target": life(*singles), "ref0": life(*singles)}, seeds))


def test_two_failures_in_a_row_are_a_stretch_with_its_bounds() -> None:
    beats = life((10 * STEP, 12 * STEP), span_s=HOUR)
    (stretch,) = stretches(beats)
    assert stretch.n == 2
    assert (stretch.before_s, stretch.first_s, stretch.last_s, stretch.after_s) == (
        9 * STEP,
        10 * STEP,
        11 * STEP,
        12 * STEP,
    )


@pytest.mark.parametrize(("questions", "told"), [(("a", "a"), 0), (("a", "b"), 1), (("", ""), 1)])
def test_failures_at_one_question_are_the_question_s(questions: tuple[str, str], told: int) -> None:
    beats = [b._replace(question="a") for b in life((10 * STEP, 12 * STEP), span_s=HOUR)]
    beats[10:12] = [b._replace(question=q) for b, q in zip(beats[10:12], questions, strict=True)]
    assert len(stretches(beats)) == told


def test_an_outage_at_the_end_of_the_run_is_seen() -> None:
    assert len(stretches(life((HOUR / 2, DAY), span_s=HOUR))) == 1


def test_a_common_cause_counts_for_nothing(seeds: Seeds) -> None:
    down = (DAY, DAY + 3 * HOUR)
    weights = found(lived({n: life(down) for n in ("target", "ref0", "ref1", "ref2")}, seeds))
    assert len(weights) == 3
    assert {(f.llr, f.llr_low, f.llr_high, f.n_target) for f in weights.values()} == {(0.0, 0.0, 0.0, 0)}
    assert all("common cause" in f.evidence for f in weights.values())


def test_a_common_cause_seen_in_one_stretch_voids_the_whole_incident(seeds: Seeds) -> None:
    """A cloud that comes back piece by piece: the neighbours that come back last do not depend on one another."""
    first, second = (DAY, DAY + HOUR), (DAY + HOUR + 600, DAY + 2 * HOUR)
    beats = {"target": life(first, second), "ref0": life(first, second), "ref1": life(first), "ref2": life(first)}
    assert found(lived(beats, seeds))["ref0"].llr <= 0


def test_two_references_at_one_host_are_no_panel_for_one_another(seeds: Seeds) -> None:
    down = (DAY, DAY + 3 * HOUR)
    host = "http://one.example/v1"
    beats = {n: life(down) for n in ("target", "ref0", "ref1")}
    apart = found(lived(beats, seeds))
    together = found(lived(beats, seeds, {"ref0": host, "ref1": host}))
    assert apart["ref0"].llr == 0.0
    assert together["ref0"].llr > 0


def test_upstreams_that_fell_as_one_share_the_suspicion_and_accuse_neither(seeds: Seeds) -> None:
    down, host = (DAY, DAY + 3 * HOUR), "http://one.example/v1"
    both = lived({n: life(down) for n in ("target", "ref0", "ref1")}, seeds, {"ref0": host, "ref1": host})
    first, second = rank(list(compare(both)), [("ref0", "closed"), ("ref1", "closed")], seeds.ruleset, NO_CALIBRATOR)
    assert first.posterior.wrapper == pytest.approx(second.posterior.wrapper)
    assert first.posterior.wrapper < 0.5
    assert state_of(first, 2, (), seeds.ruleset) == "insufficient"


def test_a_target_that_always_fails_gathers_nothing(seeds: Seeds) -> None:
    ups = [(d * DAY, d * DAY + HOUR) for d in (1, 2, 3)]
    weights = found(lived({"target": life((0, 5 * DAY)), "ref0": life(*ups)}, seeds))
    assert all(max(f.llr, f.llr_high) <= 0 for f in weights.values())


def test_a_target_that_lay_down_long_before_says_nothing(seeds: Seeds) -> None:
    """It cannot fall with the upstream, so the stretch speaks neither for passing through nor against."""
    up = (DAY, DAY + HOUR)
    assert not found(lived({"target": life((DAY - FAILURE_WINDOW_S - 2 * STEP, DAY + HOUR)), "ref0": life(up)}, seeds))


@pytest.mark.parametrize(
    ("sooner_s", "longer_s", "shared"),
    [(0, 0, True), (-600, 600, True), (600, -600, True), (0, 1500, False), (0, -1500, False), (-1500, 0, False)],
)
def test_falling_together_is_going_down_and_coming_back_together(
    seeds: Seeds, sooner_s: float, longer_s: float, shared: bool
) -> None:
    up, mine = (DAY, DAY + 3 * HOUR), (DAY - sooner_s, DAY + 3 * HOUR + longer_s)
    finding = pair(seeds, life(mine), life(up))
    assert (finding.n_target, finding.llr > 0) == ((1, True) if shared else (0, False))


@pytest.mark.parametrize("matched", range(4))
def test_most_stretches_of_an_incident_must_be_matched_for_it_to_be_shared(seeds: Seeds, matched: int) -> None:
    flickering = [(DAY + k * HOUR, DAY + k * HOUR + 1200) for k in range(3)]
    finding = pair(seeds, life(*flickering[:matched]), life(*flickering))
    assert finding.n_upstream == 1
    assert finding.n_target == (matched >= 2)
    assert (finding.llr > 0) == (matched >= 2)


@pytest.mark.parametrize("n", [1, 2, 4])
def test_a_target_that_sails_through_is_spoken_for_more_with_each_outage(seeds: Seeds, n: int) -> None:
    ups = [(d * DAY, d * DAY + HOUR) for d in range(1, n + 1)]
    weights = [pair(seeds, life(), life(*ups[:k])).llr for k in range(1, n + 1)]
    assert all(w < 0 for w in weights)
    assert weights == sorted(weights, reverse=True)


@pytest.mark.parametrize("share", [0.3, 0.6, 0.72, 0.9])
def test_sailing_through_a_long_outage_never_speaks_for_passing_through(seeds: Seeds, share: float) -> None:
    up = life((0.05 * DAY, (0.05 + share) * DAY), span_s=DAY)
    assert pair(seeds, life(span_s=DAY), up).llr < 0


def test_an_upstream_without_outages_leaves_no_finding(seeds: Seeds) -> None:
    assert not found(lived({"target": life((DAY, 2 * DAY)), "ref0": life()}, seeds))


def test_an_outage_in_which_the_target_was_not_asked_says_nothing(seeds: Seeds) -> None:
    target = [b for b in life() if not DAY - HOUR < b.t_s < DAY + 4 * HOUR]
    assert not found(lived({"target": target, "ref0": life((DAY, DAY + 3 * HOUR))}, seeds))


def test_outages_of_the_target_alone_lower_what_a_coincidence_weighs(seeds: Seeds) -> None:
    shared = (4 * DAY, 4 * DAY + HOUR)
    own = [(d * DAY / 2, d * DAY / 2 + HOUR) for d in range(1, 7)]
    weights = [pair(seeds, life(shared, *own[:k]), life(shared)).llr for k in (0, 1, 3, 6)]
    assert weights == sorted(weights, reverse=True)


def test_an_incident_that_nobody_else_s_answers_frame_weighs_less(seeds: Seeds) -> None:
    """Without an HTTP status our own network may have been down."""
    down = (DAY, DAY + HOUR)
    assert pair(seeds, life(down, spoke=False), life(down, spoke=False)).llr < pair(seeds, life(down), life(down)).llr


@pytest.mark.parametrize("hits", range(4))
def test_more_shared_incidents_weigh_more(seeds: Seeds, hits: int) -> None:
    ups = [(d * DAY, d * DAY + HOUR) for d in (1, 2, 3, 4)]
    fewer, more = (pair(seeds, life(*ups[:k]), life(*ups)) for k in (hits, hits + 1))
    assert more.llr > fewer.llr
    assert more.effect > fewer.effect


@pytest.mark.parametrize(("spoke", "common"), [(True, COMMON), (False, COMMON_UNSEEN)])
def test_the_chance_of_an_incident_never_lies_below_that_of_a_common_cause(
    seeds: Seeds, spoke: bool, common: float
) -> None:
    """Not even where five short stretches in a row were matched."""
    down = [(DAY + k * 1200, DAY + k * 1200 + 600) for k in range(5)]
    beats = {n: life(*down, spoke=spoke) for n in ("target", "ref0")}
    ((incident,), _) = judged_incidents(lived(beats, seeds), "ref0")
    assert (incident.matched, incident.telling) == (5, 5)
    assert common < incident.chance < common + 0.01


@pytest.mark.parametrize("own", [0, 1, 3])
def test_the_interval_of_one_incident_stays_within_what_one_may_weigh(seeds: Seeds, own: int) -> None:
    """A common cause is as likely however well the target's own rate is known."""
    down = (4 * DAY, 4 * DAY + HOUR)
    finding = pair(seeds, life(down, *((d * DAY, d * DAY + 600) for d in range(1, own + 1))), life(down))
    assert finding.llr_low <= finding.llr <= finding.llr_high <= MOST_OF_ONE


@pytest.mark.parametrize("n", [1, 2, 5])
def test_the_ratio_falls_with_the_chance_and_with_every_miss(n: int) -> None:
    by_chance = [failures_log_ratio([c] * n, n) for c in (0.02, 0.05, 0.3, 0.95)]
    assert by_chance == sorted(by_chance, reverse=True)
    assert failures_log_ratio([0.02] * n, n, 2.0) == pytest.approx(failures_log_ratio([0.04] * n, n))
    by_misses = [failures_log_ratio([0.05] * (n - k), n) for k in range(n + 1)]
    assert by_misses == sorted(by_misses, reverse=True)
    assert by_misses[-1] < 0


def test_no_incident_weighs_nothing() -> None:
    assert failures_log_ratio([], 0) == 0.0


def test_the_incidents_of_a_verdict_are_those_shared(seeds: Seeds) -> None:
    """`wrapper` needs two incidents: one that the target had and one that it sailed through are not two."""
    ups = [(d * DAY, d * DAY + HOUR) for d in (1, 3)]
    finding = pair(seeds, life(ups[0]), life(*ups))
    (candidate,) = rank([finding], [("ref0", "closed")], seeds.ruleset, NO_CALIBRATOR)
    assert candidate.incidents == 1


def test_a_clean_and_rare_coincidence_may_alone_be_called_likely(seeds: Seeds) -> None:
    """The founding case: one shared outage in quiet days. Never more than likely, whatever the weights."""
    down = (2 * DAY, 2 * DAY + 3 * HOUR)
    (candidate,) = rank([pair(seeds, life(down), life(down))], [("ref0", "closed")], seeds.ruleset, NO_CALIBRATOR)
    assert state_of(candidate, 1, (), seeds.ruleset) == "likely_wrapper"


@pytest.mark.parametrize("own", [3, 6])
def test_a_coincidence_of_a_target_with_outages_of_its_own_accuses_nobody(seeds: Seeds, own: int) -> None:
    shared = (4.5 * DAY, 4.5 * DAY + HOUR)
    alone = [(d * DAY / 2, d * DAY / 2 + HOUR) for d in range(1, own + 1)]
    finding = pair(seeds, life(shared, *alone), life(shared))
    (candidate,) = rank([finding], [("ref0", "closed")], seeds.ruleset, NO_CALIBRATOR)
    assert candidate.incidents == 1
    assert state_of(candidate, 1, (), seeds.ruleset) == "insufficient"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("rates", "bursty", "share"),
    [
        pytest.param(TROUBLED, False, 0.01, id="troubled-poisson"),
        pytest.param(TROUBLED, True, 0.01, id="troubled-bursty"),
        pytest.param(FRAIL_TARGET, False, 0.01, id="frail_target-poisson"),
        # Clumped outages merge into one, so that the target shows none of its own: a weakness that docs/evidence.md
        # states. Without a planted coincidence nobody is accused in this world either (see the null above).
        pytest.param(FRAIL_TARGET, True, 0.10, id="frail_target-bursty"),
    ],
)
def test_a_single_planted_coincidence_accuses_at_most_the_stated_share(
    seeds: Seeds, rates: dict[str, float], bursty: bool, share: float
) -> None:
    """One of the target's outages is made to be the upstream's too; of 600 such, those with one shared incident.

    More than `most` would come once in 30 at that true share.
    """
    trials = histories(seeds, 600, bursty=bursty, planted=True, **rates)  # type: ignore[arg-type]  # mixed keyword types
    single = [c for _, c in trials if c.incidents == 1]
    most = binom.ppf(1 - 1 / 30, len(single), share)
    assert len(single) >= 100
    assert sum(state_of(c, 1, (), seeds.ruleset) in ("wrapper", "likely_wrapper") for c in single) <= most
