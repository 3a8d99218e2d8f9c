"""The judge: Bayes' rule over hypotheses that exclude one another, and words that the evidence has to earn."""

from collections.abc import Sequence

import numpy as np
import pytest

from tests.conftest import START
from wrapdetect.judge import NONE, Calibrator, Candidate, bounded, failed_controls, limits_of, needs_of, rank, state_of
from wrapdetect.judge.fuse import Posterior, fuse
from wrapdetect.judge.weigh import Weight, weigh
from wrapdetect.model import Control, Finding, State, Tally
from wrapdetect.seeds import Prior, Seeds

PRIOR = Prior(wrapper=0.3, same_model=0.2, neither=0.5)


def a_finding(rule: str, llr: float, upstream: str = "ref0", *, n: int = 20, low: float | None = None) -> Finding:
    dependence = rule in ("timing_paired", "failures_together")
    return Finding(
        rule=rule,
        axis="dependence" if dependence else "behaviour",
        target="target",
        upstream=upstream,
        effect=0.0,
        low=0.0,
        high=0.0,
        unit="test",
        llr=llr,
        llr_low=llr if low is None else low,
        llr_high=llr,
        n_target=n,
        n_upstream=n,
        evidence="",
        witness="",
    )


def a_candidate(
    seeds: Seeds, behaviour: float, dependence: float, *, openness: str = "unknown", incidents: int = 0
) -> Candidate:
    posterior = fuse(seeds.ruleset.prior[openness], behaviour, dependence)  # type: ignore[index]  # one of Weights
    weights = [Weight(x, x, x) for x in (behaviour, dependence)]
    return Candidate("ref0", posterior, posterior.wrapper, posterior.wrapper, weights[0], weights[1], incidents)


def control(name: str, passed: bool | None) -> Control:
    return Control(id=name, passed=passed, evidence=f"made {START:%Y}")


# --- fuse ---


@pytest.mark.parametrize("behaviour", [-8.0, 0.0, 0.7, 8.0, 800.0])
@pytest.mark.parametrize("dependence", [-800.0, -7.0, 0.0, 7.0])
def test_the_probabilities_sum_to_one(behaviour: float, dependence: float) -> None:
    posterior = fuse(PRIOR, behaviour, dependence)
    assert sum(posterior) == pytest.approx(1)
    assert min(posterior) >= 0


def test_absent_evidence_leaves_the_prior() -> None:
    assert fuse(PRIOR, 0.0, 0.0) == pytest.approx((0.3, 0.2, 0.5))


def test_more_behaviour_takes_from_neither_and_keeps_the_two_others_in_proportion() -> None:
    before, after = fuse(PRIOR, 0.5, 1.0), fuse(PRIOR, 1.5, 1.0)
    assert after.neither < before.neither
    assert after.wrapper / after.same_model == pytest.approx(before.wrapper / before.same_model)


def test_more_dependence_takes_from_the_two_others_and_keeps_them_in_proportion() -> None:
    before, after = fuse(PRIOR, 0.5, 0.0), fuse(PRIOR, 0.5, 2.0)
    assert after.wrapper > before.wrapper
    assert after.same_model / after.neither == pytest.approx(before.same_model / before.neither)


def test_a_factor_of_evidence_is_a_factor_of_odds() -> None:
    before, after = (Posterior.same.fget(fuse(PRIOR, b, 0.0)) for b in (0.0, np.log(5)))  # type: ignore[attr-defined]
    assert after / (1 - after) == pytest.approx(5 * before / (1 - before))


def test_the_posterior_is_calibrated_where_its_model_of_the_world_is_true() -> None:
    """Draw the hypothesis from the prior and unit-normal evidence from it: of verdicts at p, a share p is right."""
    rng = np.random.default_rng(9)
    truths = rng.choice(3, 20_000, p=[0.3, 0.2, 0.5])
    x = rng.normal(np.where(truths <= 1, 1.5, 0.0))  # behaviour: N(1.5, 1) against N(0, 1)
    y = rng.normal(np.where(truths == 0, 1.5, 0.0))
    p = np.array([fuse(PRIOR, 1.5 * a - 1.125, 1.5 * b - 1.125).wrapper for a, b in zip(x, y, strict=True)])
    for low in (0.0, 0.2, 0.4, 0.6, 0.8):
        inside = (p >= low) & (p < low + 0.2)
        assert np.mean(truths[inside] == 0) == pytest.approx(p[inside].mean(), abs=0.035)


# --- weigh ---


def test_views_of_one_group_count_as_their_mean_and_groups_add_up(seeds: Seeds) -> None:
    findings = [a_finding("text_words", 2.0), a_finding("text_chars", 1.0), a_finding("identity_claim", 0.5)]
    assert weigh(findings, seeds.ruleset, NONE)["ref0"]["behaviour"].value == pytest.approx(2.0)


def test_the_same_view_named_twice_is_no_more_evidence(seeds: Seeds) -> None:
    one, two = (weigh([a_finding("text_words", 2.0)] * n, seeds.ruleset, NONE) for n in (1, 2))
    assert one["ref0"] == two["ref0"]


def test_no_finding_weighs_exactly_nothing(seeds: Seeds) -> None:
    weights = weigh([], seeds.ruleset, NONE)["ref0"]
    assert weights["behaviour"] == weights["dependence"] == Weight(0.0, 0.0, 0.0)


@pytest.mark.parametrize("llr", [-99.0, -1e9, 99.0, 1e9])
def test_no_rule_says_more_than_its_bound(seeds: Seeds, llr: float) -> None:
    for rule in seeds.ruleset.rule:
        assert abs(bounded(a_finding(rule.id, llr), seeds.ruleset, NONE).value) == rule.bound


def test_evidence_for_one_upstream_leaves_the_others_alone(seeds: Seeds) -> None:
    weights = weigh([a_finding("text_words", 2.0), a_finding("text_words", -1.0, "ref1")], seeds.ruleset, NONE)
    assert weights["ref0"]["behaviour"].value == 2.0
    assert weights["ref1"]["behaviour"].value == -1.0


def test_a_calibrator_maps_before_the_bound_and_leaves_absence_absent(seeds: Seeds) -> None:
    halved = Calibrator(id="halved", slope={"text": 0.5})
    assert bounded(a_finding("text_words", 4.0), seeds.ruleset, halved).value == 2.0
    assert bounded(a_finding("text_words", 0.0), seeds.ruleset, halved).value == 0.0
    assert bounded(a_finding("failures_together", 4.0), seeds.ruleset, halved).value == 4.0


# --- rank ---


@pytest.mark.parametrize("llr", [-2.0, 0.0, 2.0])
def test_the_interval_of_the_probability_holds_the_probability(seeds: Seeds, llr: float) -> None:
    findings = [a_finding("text_words", llr, low=llr - 1.5), a_finding("failures_together", llr, low=llr / 2)]
    for candidate in rank(findings, [("ref0", "open"), ("ref1", "closed")], seeds.ruleset, NONE):
        assert 0 <= candidate.low <= candidate.posterior.wrapper <= candidate.high <= 1


def test_candidates_of_equal_weights_are_ranked_by_their_evidence_whatever_their_order(seeds: Seeds) -> None:
    findings = [a_finding("text_words", k, f"ref{k}") for k in (0, 2, 1)]
    names = [("ref0", "open"), ("ref1", "open"), ("ref2", "open")]
    for order in (names, names[::-1]):
        assert [c.upstream for c in rank(findings, order, seeds.ruleset, NONE)] == ["ref2", "ref1", "ref0"]


def test_of_rival_upstreams_the_louder_explains_the_quieter_away(seeds: Seeds) -> None:
    """A target has one upstream at most: far more evidence for an open model must not leave a closed one named."""
    findings = [a_finding("text_words", 3.0, "open_model"), a_finding("text_words", 1.7, "closed_model")]
    best = rank(findings, [("open_model", "open"), ("closed_model", "closed")], seeds.ruleset, NONE)
    state = state_of(best[0], 2, (), seeds.ruleset)
    assert (best[0].upstream, state) not in {("closed_model", "wrapper"), ("closed_model", "likely_wrapper")}


def test_the_probabilities_of_rival_upstreams_do_not_exceed_one(seeds: Seeds) -> None:
    names = [(f"ref{k}", "closed") for k in range(4)]
    ranked = rank([a_finding("text_words", 2.0, n) for n, _ in names], names, seeds.ruleset, NONE)
    assert sum(c.posterior.same for c in ranked) <= 1 + 1e-9


@pytest.mark.parametrize("k", [2, 6])
def test_more_candidates_without_evidence_raise_no_suspicion(seeds: Seeds, k: int) -> None:
    """Priors of one half each would make six upstreams certain before the first question."""
    ranked = rank([], [(f"ref{j}", "closed") for j in range(k)], seeds.ruleset, NONE)
    assert sum(c.posterior.wrapper for c in ranked) <= 0.5


# --- states ---


@pytest.mark.parametrize("openness", ["open", "closed", "unknown"])
@pytest.mark.parametrize(
    ("behaviour", "dependence", "incidents", "references"),
    [(4.4, 6.9, 3, 1), (4.4, 6.9, 1, 4), (4.4, 0.0, 0, 4), (0.0, 6.9, 3, 4), (-3.0, 6.9, 3, 4), (4.4, 1.9, 2, 4)],
    ids=["one_reference", "one_incident", "behaviour_only", "dependence_only", "unlike_answers", "weak_dependence"],
)
def test_wrapper_needs_both_axes_two_incidents_and_two_references(
    seeds: Seeds, openness: str, behaviour: float, dependence: float, incidents: int, references: int
) -> None:
    candidate = a_candidate(seeds, behaviour, dependence, openness=openness, incidents=incidents)
    assert state_of(candidate, references, (), seeds.ruleset) != "wrapper"


@pytest.mark.parametrize("openness", ["open", "closed", "unknown"])
def test_strong_evidence_on_both_axes_is_called_wrapper(seeds: Seeds, openness: str) -> None:
    candidate = a_candidate(seeds, 3.0, 6.9, openness=openness, incidents=2)
    assert state_of(candidate, 3, (), seeds.ruleset) == "wrapper"


@pytest.mark.parametrize(
    ("behaviour", "dependence", "openness", "state"),
    [
        (0.0, 0.0, "closed", "insufficient"),
        (0.0, 0.0, "open", "insufficient"),
        (0.0, -6.9, "open", "insufficient"),
        (3.0, -4.0, "open", "same_model"),
        (-3.0, 0.0, "closed", "unlike"),
        (-3.0, -3.0, "open", "unlike"),
    ],
)
def test_the_state_follows_the_evidence(
    seeds: Seeds, behaviour: float, dependence: float, openness: str, state: State
) -> None:
    assert state_of(a_candidate(seeds, behaviour, dependence, openness=openness), 3, (), seeds.ruleset) == state


def test_answers_that_speak_against_the_upstream_keep_one_outage_from_accusing(seeds: Seeds) -> None:
    """A neighbour at the same cloud falls with the upstream too."""
    candidate = a_candidate(seeds, -2.0, 3.8, incidents=1)
    assert state_of(candidate, 3, (), seeds.ruleset) not in ("wrapper", "likely_wrapper")


@pytest.mark.parametrize("view_results", [[False], [False, True], [False, None]])
def test_a_failed_control_makes_the_strongest_case_insufficient(
    seeds: Seeds, view_results: Sequence[bool | None]
) -> None:
    controls = [control(f"parrot:view{k}", passed) for k, passed in enumerate(view_results)]
    candidate = a_candidate(seeds, 3.0, 6.9, incidents=3)
    assert failed_controls(controls) == ["parrot"]
    assert state_of(candidate, 3, controls, seeds.ruleset) == "insufficient"


@pytest.mark.parametrize("results", [[True], [None], [True, True, False], []])
def test_controls_that_hold_or_could_not_be_made_fail_nothing(results: Sequence[bool | None]) -> None:
    assert not failed_controls([control(f"a_a:view{k}", passed) for k, passed in enumerate(results)])


def test_one_control_s_failures_are_not_diluted_by_another_s_passes() -> None:
    controls = [control(f"a_a:view{k}", True) for k in range(5)] + [control("parrot:words", False)]
    assert failed_controls(controls) == ["parrot"]


# --- what is said beside the state ---


@pytest.mark.parametrize("incidents", [0, 1])
def test_missing_incidents_are_a_limit_and_a_need(seeds: Seeds, incidents: int) -> None:
    candidate = a_candidate(seeds, 1.0, 0.0, incidents=incidents)
    assert any("utage" in limit for limit in limits_of(candidate, 3, (), (), ("words",)))
    assert any(f"{2 - incidents} more outages" in need for need in needs_of("insufficient", candidate, 3, 40))


def test_one_reference_is_a_limit_and_a_need() -> None:
    assert any(limit.startswith("One reference only") for limit in limits_of(None, 1, (), (), ("words",)))
    assert any(need.startswith("2 more references") for need in needs_of("insufficient", None, 1, 40))


def test_unanswered_requests_are_a_limit_with_their_kinds() -> None:
    tally = Tally(endpoint="ref0", planned=10, answered=7, failures=(("timeout", 3),))
    assert any("7 of 10" in limit and "3 timeout" in limit for limit in limits_of(None, 2, (), (tally,), ("words",)))


@pytest.mark.parametrize("state", ["wrapper", "unlike"])
def test_a_settled_verdict_needs_nothing_more(state: State) -> None:
    assert needs_of(state, None, 1, 0) == []
