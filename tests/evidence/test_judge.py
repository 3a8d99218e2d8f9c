"""The judge: Bayes' rule over hypotheses that exclude one another, and words that the evidence has to earn."""

from collections.abc import Sequence
from typing import get_args

import numpy as np
import pytest

from tests.conftest import START, a_run, an_exchange
from wrapdetect.evidence.judge import (
    MISSING,
    NO_CALIBRATOR,
    NO_EMBEDDING,
    NO_REFERENCE,
    NO_RIVAL,
    NO_SHARED_OUTAGE,
    ONE_OUTAGE,
    SIBLINGS,
    UNCALIBRATED,
    Calibrator,
    Candidate,
    bounded,
    failed_controls,
    limits_of,
    missing_of,
    needs_of,
    rank,
    state_of,
)
from wrapdetect.evidence.judge.fuse import Posterior, fuse
from wrapdetect.evidence.judge.weigh import Weight, weigh
from wrapdetect.evidence.seeds import Prior, Seeds
from wrapdetect.model import AskKey, Control, Finding, Missing, State, Tally, Weights

CALIBRATED = Calibrator(id="fitted")
PRIOR = Prior(wrapper=0.3, same_model=0.2, neither=0.5)


def test_what_a_way_in_does_not_show_is_said_for_each_endpoint() -> None:
    key = AskKey("style", "tides", 0)
    exchanges = (
        an_exchange("target", key, missing=("token_counts", "markup")),
        an_exchange("ref0", key),
        an_exchange("ref1", key, missing=("times",)),
    )
    run = a_run(references=2, exchanges=exchanges)
    target, second = missing_of(run)
    assert target.startswith("Of target (API): its answers were read as a page shows them")
    assert target.endswith("token counts are not told.")
    assert second.startswith("Of ref1 (API): when its answers came is not known")
    assert set(MISSING) == set(get_args(Missing))


def test_endpoints_that_lack_the_same_share_a_sentence() -> None:
    key = AskKey("style", "tides", 0)
    names = ["target", *(f"ref{n}" for n in range(9))]
    exchanges = tuple(an_exchange(name, key, missing=("markup",)) for name in names)
    (said,) = missing_of(a_run(references=9, exchanges=exchanges))
    assert said.startswith("Of target, ref0, ref1, ref2, ref3, ref4, ref5, ref6 and 2 more (API): its answers were")


def test_without_a_reference_the_report_says_that_nothing_was_compared() -> None:
    said = limits_of(None, 0, (), (), ("words",), NO_CALIBRATOR)
    assert NO_REFERENCE in said
    assert NO_RIVAL not in said


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
    posterior = alone(seeds.ruleset.prior[openness], behaviour, dependence)  # type: ignore[index]  # one of Weights
    weights = [Weight(x, x, x) for x in (behaviour, dependence)]
    return Candidate("ref0", posterior, posterior.wrapper, posterior.wrapper, weights[0], weights[1], incidents)


def alone(prior: Prior, behaviour: float, dependence: float) -> Posterior:
    """Of the only reference."""
    return fuse({"ref0": prior}, {"ref0": (behaviour, dependence)})["ref0"]


def control(name: str, passed: bool | None) -> Control:
    return Control(id=name, passed=passed, evidence=f"made {START:%Y}")


# --- fuse ---


@pytest.mark.parametrize("behaviour", [-8.0, 0.0, 0.7, 8.0, 800.0])
@pytest.mark.parametrize("dependence", [-800.0, -7.0, 0.0, 7.0])
def test_the_probabilities_sum_to_one(behaviour: float, dependence: float) -> None:
    posterior = alone(PRIOR, behaviour, dependence)
    assert sum(posterior) == pytest.approx(1)
    assert min(posterior) >= 0


def test_absent_evidence_leaves_the_prior() -> None:
    assert alone(PRIOR, 0.0, 0.0) == pytest.approx((0.3, 0.2, 0.5))


def test_more_behaviour_takes_from_neither_and_keeps_the_two_others_in_proportion() -> None:
    before, after = alone(PRIOR, 0.5, 1.0), alone(PRIOR, 1.5, 1.0)
    assert after.neither < before.neither
    assert after.wrapper / after.same_model == pytest.approx(before.wrapper / before.same_model)


def test_more_dependence_takes_from_the_two_others_and_keeps_them_in_proportion() -> None:
    before, after = alone(PRIOR, 0.5, 0.0), alone(PRIOR, 0.5, 2.0)
    assert after.wrapper > before.wrapper
    assert after.same_model / after.neither == pytest.approx(before.same_model / before.neither)


def test_a_factor_of_evidence_is_a_factor_of_odds() -> None:
    before, after = (alone(PRIOR, b, 0.0).same for b in (0.0, np.log(5)))
    assert after / (1 - after) == pytest.approx(5 * before / (1 - before))


def test_the_posterior_is_calibrated_where_its_model_of_the_world_is_true() -> None:
    """Draw the hypothesis from the prior and unit-normal evidence from it: of verdicts at p, a share p is right."""
    rng = np.random.default_rng(9)
    truths = rng.choice(3, 20_000, p=[0.3, 0.2, 0.5])
    x = rng.normal(np.where(truths <= 1, 1.5, 0.0))  # behaviour: N(1.5, 1) against N(0, 1)
    y = rng.normal(np.where(truths == 0, 1.5, 0.0))
    p = np.array([alone(PRIOR, 1.5 * a - 1.125, 1.5 * b - 1.125).wrapper for a, b in zip(x, y, strict=True)])
    for low in (0.0, 0.2, 0.4, 0.6, 0.8):
        inside = (p >= low) & (p < low + 0.2)
        assert np.mean(truths[inside] == 0) == pytest.approx(p[inside].mean(), abs=0.035)


# several references


@pytest.mark.parametrize("k", [1, 3, 12])
def test_however_many_references_share_the_prior_it_stays_the_prior(k: int) -> None:
    names = [f"ref{j}" for j in range(k)]
    posterior = fuse(dict.fromkeys(names, PRIOR), dict.fromkeys(names, (0.0, 0.0)))
    assert sum(p.wrapper for p in posterior.values()) == pytest.approx(0.3)
    assert sum(p.same for p in posterior.values()) == pytest.approx(0.5)


@pytest.mark.parametrize("k", [2, 4])
@pytest.mark.parametrize("extreme", [-800.0, -7.0, 7.0, 800.0])
def test_the_hypotheses_of_all_references_exclude_one_another(k: int, extreme: float) -> None:
    names = [f"ref{j}" for j in range(k)]
    posterior = fuse(dict.fromkeys(names, PRIOR), {n: (extreme, j * 1.5) for j, n in enumerate(names)})
    assert all(min(p) >= -1e-12 and sum(p) == pytest.approx(1) for p in posterior.values())
    assert sum(p.same for p in posterior.values()) <= 1 + 1e-9


def test_evidence_for_one_reference_lowers_all_others() -> None:
    names = ["ref0", "ref1", "ref2"]
    before, after = (
        fuse(dict.fromkeys(names, PRIOR), {"ref0": (b, 1.0), "ref1": (1.0, 1.0), "ref2": (0.0, 0.0)})
        for b in (0.0, 2.0)
    )
    assert after["ref0"].wrapper > before["ref0"].wrapper
    assert all(after[n].wrapper < before[n].wrapper for n in names[1:])


def test_one_more_reference_without_evidence_lowers_the_probability_of_the_named_one() -> None:
    """The prior is shared: who casts a wider net pays for each of its meshes."""
    found = [
        fuse(
            dict.fromkeys(["ref0", *(f"o{j}" for j in range(k))], PRIOR),
            {"ref0": (1.0, 2.0)} | {f"o{j}": (0.0, 0.0) for j in range(k)},
        )["ref0"].wrapper
        for k in range(6)
    ]
    assert found == sorted(found, reverse=True)
    assert found[5] < found[0] - 0.2


def test_the_joint_posterior_is_calibrated_where_its_model_of_the_world_is_true() -> None:
    """Three references, the hypothesis drawn from the shared prior: of candidates at p, a share p is the upstream."""
    rng = np.random.default_rng(10)
    n, k = 20_000, 3
    truths = rng.choice(2 * k + 1, n, p=[*[0.3 / k] * k, *[0.2 / k] * k, 0.5])
    wraps, same = truths[:, None] == np.arange(k), (truths[:, None] % k == np.arange(k)) & (truths[:, None] < 2 * k)
    x = 1.5 * rng.normal(np.where(same, 1.5, 0.0)) - 1.125
    y = 1.5 * rng.normal(np.where(wraps, 1.5, 0.0)) - 1.125
    names = [f"ref{j}" for j in range(k)]
    posteriors = [
        fuse(dict.fromkeys(names, PRIOR), dict(zip(names, zip(a, b, strict=True), strict=True)))
        for a, b in zip(x.tolist(), y.tolist(), strict=True)
    ]
    p = np.array([[posterior[name].wrapper for name in names] for posterior in posteriors])
    for low in (0.0, 0.2, 0.4, 0.6, 0.8):
        inside = (p >= low) & (p < low + 0.2)
        assert np.mean(wraps[inside]) == pytest.approx(p[inside].mean(), abs=0.035)


# --- weigh ---


def test_views_of_one_group_count_as_few_ways_and_groups_add_up(seeds: Seeds) -> None:
    """Two views that correlate by 0.7 are 2 / 1.7 ways: 1.5 * 1.18, and the claim on top."""
    findings = [a_finding("text_words", 2.0), a_finding("text_chars", 1.0), a_finding("identity_claim", 0.5)]
    assert weigh(findings, seeds.ruleset, NO_CALIBRATOR)["ref0"]["behaviour"].value == pytest.approx(
        1.5 * 2 / 1.7 + 0.5
    )


def test_a_group_never_weighs_more_than_its_strongest_rule_may(seeds: Seeds) -> None:
    findings = [a_finding(rule, 4.0) for rule in ("text_words", "text_chars", "text_embedding")]
    assert weigh(findings, seeds.ruleset, NO_CALIBRATOR)["ref0"]["behaviour"].value == pytest.approx(4.0)


def test_the_same_view_named_twice_is_no_more_evidence(seeds: Seeds) -> None:
    one, two = (weigh([a_finding("text_words", 2.0)] * n, seeds.ruleset, NO_CALIBRATOR) for n in (1, 2))
    assert one["ref0"] == two["ref0"]


def test_no_finding_weighs_exactly_nothing(seeds: Seeds) -> None:
    weights = weigh([], seeds.ruleset, NO_CALIBRATOR)["ref0"]
    assert weights["behaviour"] == weights["dependence"] == Weight(0.0, 0.0, 0.0)


@pytest.mark.parametrize("llr", [-99.0, -1e9, 99.0, 1e9])
def test_no_rule_says_more_than_its_bound(seeds: Seeds, llr: float) -> None:
    for rule in seeds.ruleset.rule:
        assert abs(bounded(a_finding(rule.id, llr), seeds.ruleset, NO_CALIBRATOR).value) == rule.bound


def test_evidence_for_one_upstream_leaves_the_others_alone(seeds: Seeds) -> None:
    weights = weigh([a_finding("text_words", 2.0), a_finding("text_words", -1.0, "ref1")], seeds.ruleset, NO_CALIBRATOR)
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
    for candidate in rank(findings, [("ref0", "open"), ("ref1", "closed")], seeds.ruleset, NO_CALIBRATOR):
        assert 0 <= candidate.low <= candidate.posterior.wrapper <= candidate.high <= 1


def test_candidates_of_equal_weights_are_ranked_by_their_evidence_whatever_their_order(seeds: Seeds) -> None:
    findings = [a_finding("text_words", k, f"ref{k}") for k in (0, 2, 1)]
    names: list[tuple[str, Weights]] = [("ref0", "open"), ("ref1", "open"), ("ref2", "open")]
    for order in (names, names[::-1]):
        assert [c.upstream for c in rank(findings, order, seeds.ruleset, NO_CALIBRATOR)] == ["ref2", "ref1", "ref0"]


def test_of_rival_upstreams_the_louder_explains_the_quieter_away(seeds: Seeds) -> None:
    """A target has one upstream at most: far more evidence for an open model must not leave a closed one named."""
    findings = [a_finding("text_words", 3.0, "open_model"), a_finding("text_words", 1.7, "closed_model")]
    best = rank(findings, [("open_model", "open"), ("closed_model", "closed")], seeds.ruleset, NO_CALIBRATOR)
    state = state_of(best[0], 2, (), seeds.ruleset)
    assert (best[0].upstream, state) not in {("closed_model", "wrapper"), ("closed_model", "likely_wrapper")}


def test_the_probabilities_of_rival_upstreams_do_not_exceed_one(seeds: Seeds) -> None:
    names: list[tuple[str, Weights]] = [(f"ref{k}", "closed") for k in range(4)]
    ranked = rank([a_finding("text_words", 2.0, n) for n, _ in names], names, seeds.ruleset, NO_CALIBRATOR)
    assert sum(c.posterior.same for c in ranked) <= 1 + 1e-9


@pytest.mark.parametrize("k", [2, 6])
def test_more_candidates_without_evidence_raise_no_suspicion(seeds: Seeds, k: int) -> None:
    """Priors of one half each would make six upstreams certain before the first question."""
    ranked = rank([], [(f"ref{j}", "closed") for j in range(k)], seeds.ruleset, NO_CALIBRATOR)
    assert sum(c.posterior.wrapper for c in ranked) <= 0.5


# --- states ---

HELD = (control("parrot:words", True),)


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
    assert state_of(candidate, references, HELD, seeds.ruleset) != "wrapper"


@pytest.mark.parametrize("openness", ["open", "closed", "unknown"])
def test_strong_evidence_on_both_axes_is_called_wrapper(seeds: Seeds, openness: str) -> None:
    candidate = a_candidate(seeds, 3.0, 6.9, openness=openness, incidents=2)
    assert state_of(candidate, 3, HELD, seeds.ruleset) == "wrapper"


@pytest.mark.parametrize("controls", [(), (control("a_a:words", None), control("parrot:words", None))])
def test_wrapper_needs_a_control_that_was_made_and_held(seeds: Seeds, controls: Sequence[Control]) -> None:
    candidate = a_candidate(seeds, 3.0, 6.9, openness="closed", incidents=2)
    assert state_of(candidate, 3, controls, seeds.ruleset) == "likely_wrapper"


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


@pytest.mark.parametrize(
    ("behaviour", "dependence", "incidents", "state"),
    [
        (0.0, 3.4, 1, "likely_wrapper"),
        (0.9, 3.0, 1, "likely_wrapper"),
        (-0.7, 3.6, 1, "likely_wrapper"),
        (0.0, 2.9, 1, "insufficient"),
        (0.9, 2.9, 1, "insufficient"),
        (-0.71, 6.9, 1, "insufficient"),
        (-2.0, 6.9, 3, "insufficient"),
        (0.0, 3.4, 0, "insufficient"),
    ],
)
def test_an_outage_without_likeness_accuses_only_where_it_is_clean_and_rare(
    seeds: Seeds, behaviour: float, dependence: float, incidents: int, state: State
) -> None:
    """A neighbour at the same cloud falls with the upstream too, but answers otherwise."""
    candidate = a_candidate(seeds, behaviour, dependence, openness="closed", incidents=incidents)
    assert state_of(candidate, 3, HELD, seeds.ruleset) == state


@pytest.mark.parametrize("openness", ["open", "closed", "unknown"])
@pytest.mark.parametrize("behaviour", [-0.7, 0.0, 0.9])
def test_weak_dependence_and_weak_likeness_accuse_nobody(seeds: Seeds, behaviour: float, openness: str) -> None:
    """However the two add up: one of the axes has to speak clearly."""
    candidate = a_candidate(seeds, behaviour, 2.99, openness=openness, incidents=1)
    assert state_of(candidate, 3, HELD, seeds.ruleset) not in ("wrapper", "likely_wrapper")


@pytest.mark.parametrize(("references", "state"), [(1, "insufficient"), (2, "insufficient"), (3, "unlike")])
def test_unlike_needs_three_references(seeds: Seeds, references: int, state: State) -> None:
    """With two, a restyled upstream can look unlike itself."""
    assert state_of(a_candidate(seeds, -4.0, -3.0, openness="closed"), references, (), seeds.ruleset) == state


@pytest.mark.parametrize("openness", ["open", "closed", "unknown"])
def test_more_evidence_never_takes_an_accusation_back(seeds: Seeds, openness: str) -> None:
    """Along each axis, from the least to the most: insufficient or unlike, likely_wrapper, wrapper."""
    order = {"unlike": 0, "insufficient": 0, "same_model": 0, "likely_wrapper": 1, "wrapper": 2}
    axis = np.linspace(-6.9, 6.9, 70)
    strength = np.array(
        [
            [
                order[state_of(a_candidate(seeds, b, d, openness=openness, incidents=2), 3, HELD, seeds.ruleset)]
                for d in axis
            ]
            for b in axis
        ]
    )
    assert np.diff(strength, axis=0).min() >= 0
    assert np.diff(strength, axis=1).min() >= 0


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


def limits(
    candidate: Candidate | None = None,
    *,
    references: int = 3,
    controls: Sequence[Control] = (),
    tallies: Sequence[Tally] = (),
    views: Sequence[str] = ("words", "embedding"),
    calibrator: Calibrator = CALIBRATED,
) -> list[str]:
    return limits_of(candidate, references, controls, tallies, views, calibrator)


def test_a_verdict_that_knows_all_has_no_limits(seeds: Seeds) -> None:
    """Else the tests below would show nothing."""
    assert limits() == limits(a_candidate(seeds, 0.0, 6.9, incidents=2)) == []


@pytest.mark.parametrize(("incidents", "limit"), [(0, NO_SHARED_OUTAGE), (1, ONE_OUTAGE)])
def test_missing_incidents_are_a_limit_and_a_need(seeds: Seeds, incidents: int, limit: str) -> None:
    candidate = a_candidate(seeds, 0.0, 0.0, incidents=incidents)
    assert limits(candidate) == [limit]
    (need,) = needs_of("insufficient", candidate, 3, 40)
    assert need.startswith("More outages of ref0")
    assert f"({2 - incidents} shared ones, an hour apart" in need


def test_no_outage_is_asked_of_answers_whose_times_nobody_knows(seeds: Seeds) -> None:
    assert needs_of("insufficient", a_candidate(seeds, 0.0, 0.0, incidents=0), 3, 40, timed=False) == []


def test_one_reference_is_a_limit_and_a_need() -> None:
    assert limits(references=1) == [NO_RIVAL]
    (need,) = needs_of("insufficient", None, 1, 40)
    assert need.startswith("More references (2)")


def test_too_few_questions_are_a_need() -> None:
    (need,) = needs_of("insufficient", None, 3, 20)
    assert need.startswith("More claim-free questions answered by all (12")


def test_a_missing_calibrator_and_a_missing_view_are_limits() -> None:
    assert limits(calibrator=NO_CALIBRATOR) == [UNCALIBRATED]
    assert limits(views=("words",)) == [NO_EMBEDDING]


@pytest.mark.parametrize("behaviour", [-1.0, 0.0, 0.1, 3.0])
def test_answers_like_a_model_s_are_as_well_like_its_siblings(seeds: Seeds, behaviour: float) -> None:
    said = limits(a_candidate(seeds, behaviour, 6.9, incidents=2))
    assert said == ([SIBLINGS] if behaviour > 0 else [])


def test_a_failed_control_is_a_limit_by_its_name() -> None:
    (limit,) = limits(controls=[control("parrot:words", False), control("a_a:words", True)])
    assert limit.startswith("Control parrot failed")


def test_unanswered_requests_are_a_limit_with_their_kinds() -> None:
    tally = Tally(endpoint="ref0", planned=10, answered=7, failures=(("timeout", 3),))
    (limit,) = limits(tallies=(tally,))
    assert "7 of 10" in limit
    assert "3 timeout" in limit


@pytest.mark.parametrize("state", ["wrapper", "unlike"])
def test_a_settled_verdict_needs_nothing_more(state: State) -> None:
    assert needs_of(state, None, 1, 0) == []
