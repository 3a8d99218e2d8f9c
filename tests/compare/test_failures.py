"""Outages together: under independent histories, plain and bursty, and under a target that falls with its upstream."""

import numpy as np
import pytest

from tests.compare.worlds import Outage, beats_of, lived, outages
from wrapdetect.compare import Samples
from wrapdetect.compare.failures import compare, incidents, log_ratio, shared_incidents
from wrapdetect.compare.samples import Beat
from wrapdetect.compare.views import Floats
from wrapdetect.judge import NONE, Candidate, bounded, rank, state_of
from wrapdetect.model import Finding
from wrapdetect.seeds import Seeds

HOUR, DAY = 3600.0, 86_400.0
STEP = 120.0


def life(*down: Outage, span_s: float = 5 * DAY, spoke: bool = True) -> list[Beat]:
    return beats_of(down, span_s=span_s, step_s=STEP, spoke=spoke)


def found(samples: Samples) -> dict[str, Finding]:
    return {f.upstream: f for f in compare(samples)}


def pair(seeds: Seeds, target: list[Beat], upstream: list[Beat]) -> Finding:
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
) -> list[tuple[float, Candidate]]:
    """Per trial: the largest bounded llr of `k` upstreams, and the candidate first in rank (closed weights)."""
    rng = np.random.default_rng(17)
    found_in: list[tuple[float, Candidate]] = []
    for _ in range(trials):
        ups = [outages(rng, span_s=5 * DAY, mean_n=theirs, mean_s=mean_s, bursty=bursty) for _ in range(k)]
        down = outages(rng, span_s=5 * DAY, mean_n=own, mean_s=mean_s, bursty=bursty)
        down += [o for o in ups[0] if rng.random() < shared]
        beats = {"target": beats_of(down, span_s=5 * DAY, step_s=480.0)}
        beats |= {f"ref{j}": beats_of(u, span_s=5 * DAY, step_s=480.0) for j, u in enumerate(ups)}
        findings = list(compare(lived(beats, seeds)))
        weights = [bounded(f, seeds.ruleset, NONE).value for f in findings]
        ranked = rank(findings, [(f"ref{j}", "closed") for j in range(k)], seeds.ruleset, NONE)
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


def test_one_shared_outage_of_three_hours_in_five_days_weighs_20_to_1000(seeds: Seeds) -> None:
    down = (2 * DAY, 2 * DAY + 3 * HOUR)
    assert 20 <= np.exp(pair(seeds, life(down), life(down)).llr) <= 1000


@pytest.mark.parametrize("hours", [0.5, 4.0, 12.0])
def test_one_long_outage_is_one_unit(seeds: Seeds, hours: float) -> None:
    finding = pair(seeds, life((DAY, DAY + hours * HOUR)), life((DAY, DAY + hours * HOUR)))
    assert finding.n_upstream == 1
    assert finding.llr <= 4.6


def test_an_outage_with_a_moment_s_recovery_is_still_one_unit(seeds: Seeds) -> None:
    flickering = [(2 * DAY + a, 2 * DAY + b) for a, b in ((0, 5000), (5130, 9000), (9130, 10_800))]
    finding = pair(seeds, life(*flickering), life(*flickering))
    assert finding.n_upstream == 1
    assert finding.llr <= 4.6


def test_outages_on_different_days_are_different_units(seeds: Seeds) -> None:
    down = [(d * DAY, d * DAY + HOUR) for d in (1, 2, 3)]
    assert pair(seeds, life(*down), life(*down)).n_upstream == 3


def test_single_failures_are_no_incident(seeds: Seeds) -> None:
    singles = [(float(t), t + 1.0) for t in range(0, int(5 * DAY), int(4 * HOUR))]
    assert not found(lived({"target": life(*singles), "ref0": life(*singles)}, seeds))


def test_two_failures_in_a_row_are_an_incident_with_its_bounds() -> None:
    beats = life((10 * STEP, 12 * STEP), span_s=HOUR)
    (incident,) = incidents(beats)
    assert (incident.before_s, incident.first_s, incident.last_s, incident.after_s) == (
        9 * STEP,
        10 * STEP,
        11 * STEP,
        12 * STEP,
    )


def test_an_outage_at_the_end_of_the_run_is_seen() -> None:
    assert len(incidents(life((HOUR / 2, DAY), span_s=HOUR))) == 1


def test_a_common_cause_counts_for_nothing(seeds: Seeds) -> None:
    down = (DAY, DAY + 3 * HOUR)
    weights = found(lived({n: life(down) for n in ("target", "ref0", "ref1", "ref2")}, seeds))
    assert {f.llr for f in weights.values()} == {0.0}
    assert all("common cause" in f.evidence for f in weights.values())


def test_two_references_at_one_host_are_no_panel_for_one_another(seeds: Seeds) -> None:
    down = (DAY, DAY + 3 * HOUR)
    host = "http://one.example/v1"
    beats = {n: life(down) for n in ("target", "ref0", "ref1")}
    apart = found(lived(beats, seeds))
    together = found(lived(beats, seeds, {"ref0": host, "ref1": host}))
    assert apart["ref0"].llr == 0.0
    assert together["ref0"].llr > 0


def test_a_coincidence_is_shared_out_among_the_upstreams_it_could_speak_for(seeds: Seeds) -> None:
    down, host = (DAY, DAY + 3 * HOUR), "http://one.example/v1"
    alone = pair(seeds, life(down), life(down)).llr
    both = found(lived({n: life(down) for n in ("target", "ref0", "ref1")}, seeds, {"ref0": host, "ref1": host}))
    assert np.exp(both["ref0"].llr) + np.exp(both["ref1"].llr) == pytest.approx(np.exp(alone))


def test_a_target_that_always_fails_gathers_nothing(seeds: Seeds) -> None:
    ups = [(d * DAY, d * DAY + HOUR) for d in (1, 2, 3)]
    assert pair(seeds, life((0, 5 * DAY)), life(*ups)).llr <= 0


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


def test_no_incident_weighs_more_than_its_bound(seeds: Seeds) -> None:
    down = (2 * DAY, 2 * DAY + 600.0)
    shared, _ = shared_incidents(lived({"target": life(down), "ref0": life(down)}, seeds), "ref0")
    assert log_ratio(shared, 1.0) == 1.0 < log_ratio(shared)


def test_the_incidents_of_a_verdict_are_those_shared(seeds: Seeds) -> None:
    """`wrapper` needs two incidents: one that the target had and one that it sailed through are not two."""
    ups = [(d * DAY, d * DAY + HOUR) for d in (1, 3)]
    finding = pair(seeds, life(ups[0]), life(*ups))
    (candidate,) = rank([finding], [("ref0", "closed")], seeds.ruleset, NONE)
    assert candidate.incidents == 1


def test_one_coincidence_alone_accuses_nobody(seeds: Seeds) -> None:
    """One shared outage, no word about the answers: at chance .02 each, one innocent in fifty would be named."""
    down = (2 * DAY, 2 * DAY + 3 * HOUR)
    (candidate,) = rank([pair(seeds, life(down), life(down))], [("ref0", "unknown")], seeds.ruleset, NONE)
    assert state_of(candidate, 1, (), seeds.ruleset) == "insufficient"
