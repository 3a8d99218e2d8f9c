"""Findings -> Verdict: weigh, calibrate, fuse; then the word, its limits, and what would decide it."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from wrapdetect.evidence.judge.calibrate import NO_CALIBRATOR, Calibrator
from wrapdetect.evidence.judge.fuse import Posterior, fuse
from wrapdetect.evidence.judge.weigh import Weight, bounded, weigh
from wrapdetect.evidence.seeds import Ruleset, StateRule
from wrapdetect.model import LAG_S, Control, Dialect, Finding, Missing, Observation, Run, State, Tally
from wrapdetect.model import Weights as Openness

UNCALIBRATED = "Nothing is calibrated yet: the probability follows stated priors and bounded likelihood ratios."
NO_EMBEDDING = "Without the embedding view (pip install 'wrapdetect[embed]') paraphrases are seen less well."
NO_RIVAL = "One reference only: there is no rival to be nearer than, so the answers' likeness weighs nothing."
NO_SHARED_OUTAGE = "No shared outage fell into this run: dependence could not be seen, or was seen to be absent."
NOT_ASKED = "Heartbeats only: how it answers was not compared (wrapdetect audit), so `wrapper` cannot be said."
NONE_BEYOND_CHANCE = "No outages are shown to be shared beyond chance so far."
ONE_OUTAGE = "One shared outage is one unit of evidence, however long; outages within an hour count as one."
SIBLINGS = (
    "A sibling of the nearest model (another version, a fine-tune) answers much like it: surer of family than member."
)
NO_REFERENCE = "No reference was asked: there is nothing to compare with, so nothing can be said of an upstream."
MISSING: Mapping[Missing, str] = {
    "fresh_chat": "no conversation could be begun afresh, so that earlier questions may colour later answers",
    "whole_answer": "some answers are far longer or shorter as read than as its page was sent them: read them by hand",
    "times": "when its answers came is not known, so that times and outages are no evidence",
    "markup": "its answers were read as a page shows them, and marks such as ** and # are rebuilt or lost",
    "temperature": "temperature could not be set",
    "token_limit": "the length of answers could not be limited",
    "token_counts": "token counts are not told",
    "raw_chunks": "the bytes of the answers themselves were not seen",
    "request": "what was sent is not known",
    "status": "no HTTP status is known",
}
"""What a way in does not show, in words; the weightiest first."""
_WAYS: Mapping[Dialect, str] = {"page": "a chat page", "pasted": "pasted text", "template": "a request template"}
_SHOWN = 8
"""Endpoints named in one sentence."""
CONTROL_VIEWS_NEEDED = 0.5
"""A control fails when it fails in at least this share of the views it was made in."""


class Candidate(NamedTuple):
    """What is known of one upstream once everything is weighed."""

    upstream: str
    posterior: Posterior
    low: float
    high: float
    behaviour: Weight
    dependence: Weight
    incidents: int


def rank(
    findings: Sequence[Finding],
    upstreams: Sequence[tuple[str, Openness]],
    ruleset: Ruleset,
    calibrator: Calibrator,
) -> list[Candidate]:
    """Candidates, the likeliest first. `upstreams` gives name and weights ("open", "closed", "unknown") of each."""
    weights = weigh(findings, ruleset, calibrator)
    shared: Counter[str] = Counter()
    for finding in findings:
        above = ruleset.rule_of(finding.rule).incidents_above
        if above is not None and finding.llr > above:
            shared[finding.upstream] += finding.n_target
    priors = {name: ruleset.prior[openness] for name, openness in upstreams}
    middle = {n: (weights[n]["behaviour"].value, weights[n]["dependence"].value) for n in priors}
    posterior = fuse(priors, middle)
    ranked = []
    for name in priors:
        behaviour, dependence = weights[name]["behaviour"], weights[name]["dependence"]
        low, high = (
            fuse(priors, {**middle, name: ends})[name].wrapper
            for ends in ((behaviour.low, dependence.low), (behaviour.high, dependence.high))
        )
        ranked.append(Candidate(name, posterior[name], low, high, behaviour, dependence, shared[name]))
    return sorted(ranked, key=lambda c: (-c.posterior.wrapper, -c.posterior.same, c.upstream))


def state_of(candidate: Candidate, n_references: int, controls: Sequence[Control], ruleset: Ruleset) -> State:
    """The first state of the ruleset whose conditions all hold; `insufficient` where none does or a control fails."""
    if failed_controls(controls):
        return "insufficient"
    n_passed = sum(c.passed is True for c in controls)
    return next((r.id for r in ruleset.state if _holds(r, candidate, n_references, n_passed)), "insufficient")


def failed_controls(controls: Sequence[Control]) -> list[str]:
    """Controls that failed in at least half of the views in which they could be made."""
    made = Counter(c.id.partition(":")[0] for c in controls if c.passed is not None)
    failed = Counter(c.id.partition(":")[0] for c in controls if c.passed is False)
    return sorted(name for name, n in failed.items() if n >= CONTROL_VIEWS_NEEDED * made[name])


def _holds(rule: StateRule, candidate: Candidate, n_references: int, n_passed: int) -> bool:
    posterior = candidate.posterior
    return (
        posterior.wrapper >= rule.min_p
        and rule.min_p_same <= posterior.same <= rule.max_p_same
        and rule.min_behaviour <= candidate.behaviour.value <= rule.max_behaviour
        and candidate.dependence.value >= rule.min_dependence
        and candidate.incidents >= rule.min_incidents
        and n_references >= rule.min_references
        and n_passed >= rule.min_controls
    )


def limits_of(
    candidate: Candidate | None,
    n_references: int,
    controls: Sequence[Control],
    tallies: Sequence[Tally],
    views: Sequence[str],
    calibrator: Calibrator,
    *,
    asked: bool = True,
) -> list[str]:
    """What this verdict cannot know, in sentences. `asked`: whether questions were, or heartbeats only."""
    facts = [
        (calibrator is NO_CALIBRATOR, UNCALIBRATED),
        (not asked, NOT_ASKED),
        (asked and "embedding" not in views, NO_EMBEDDING),
        (asked and n_references == 0, NO_REFERENCE),
        (asked and n_references == 1, NO_RIVAL),
        (asked and bool(candidate and candidate.incidents == 0), NO_SHARED_OUTAGE),
        (not asked and bool(candidate and candidate.incidents == 0), NONE_BEYOND_CHANCE),
        (bool(candidate and candidate.incidents == 1), ONE_OUTAGE),
        (bool(candidate and candidate.behaviour.value > 0), SIBLINGS),
    ]
    limits = [sentence for holds, sentence in facts if holds]
    limits += [f"Control {c} failed: the comparison cannot be trusted on this run." for c in failed_controls(controls)]
    for tally in tallies:
        if tally.answered < tally.planned:
            kinds = ", ".join(f"{n} {kind}" for kind, n in tally.failures) or "not asked"
            limits.append(f"{tally.endpoint} answered {tally.answered} of {tally.planned} requests ({kinds}).")
    return limits


def missing_of(run: Run) -> list[str]:
    """A sentence for all endpoints of one way in whose answers lack the same for it."""
    lacking: dict[str, set[Missing]] = defaultdict(set)
    for exchange in run.exchanges:
        lacking[exchange.endpoint].update(exchange.missing)
    alike: dict[tuple[str, str], list[str]] = {}
    for endpoint in run.endpoints:
        words = "; ".join(said for name, said in MISSING.items() if name in lacking[endpoint.name])
        alike.setdefault((_WAYS.get(endpoint.dialect, "API"), words), []).append(endpoint.name)
    return [
        f"Of {', '.join(names[:_SHOWN])}{_more(len(names) - _SHOWN)} ({way}): {words}."
        for (way, words), names in alike.items()
        if words
    ]


def lagged_of(run: Run) -> list[str]:
    """How many exchanges our own program made late, so that no comparison uses their times."""
    late = Counter(e.endpoint for e in run.exchanges if e.lag_s)
    if not late:
        return []
    named = ", ".join(f"{n} of {name}" for name, n in sorted(late.items())[:_SHOWN]) + _more(len(late) - _SHOWN)
    return [
        f"This program itself stood still for more than {LAG_S * 1000:.0f} ms during {sum(late.values())} exchanges "
        f"({named}): their times are not used, nor that they ran out of time or broke off where that may be our doing."
    ]


def _more(n: int) -> str:
    return f" and {n} more" if n > 0 else ""


def said_of_itself(observations: Sequence[Observation], target: str) -> list[str]:
    """What a target said of who it is, counted by answers: no evidence of an upstream, but all there is without one."""
    said = Counter(
        {"claims": f"named {o.value}", "denies": f"denied {o.value}"}.get(o.feature, "said that it is human")
        for o in observations
        if o.endpoint == target and o.feature in ("claims", "denies", "human")
    )
    if not said:
        return ["Of itself it named no maker of models, denied none, and did not say that it is human."]
    counts = ", ".join(f"{what} in {n}" for what, n in sorted(said.items(), key=lambda s: (-s[1], s[0])))
    return [f"Of itself it {counts} answers; a bot can be told to say anything."]


def needs_of(
    state: State, candidate: Candidate | None, n_references: int, n_questions: int, *, timed: bool = True
) -> list[str]:
    """What would decide it, in sentences. `timed`: whether it is known when the target's answers came; else no outage
    can be seen in them."""
    if state in ("wrapper", "unlike"):
        return []
    needs: list[str] = []
    if n_references < 3:
        needs.append(f"More references ({3 - n_references}): with three, the spread of unrelated models is measured.")
    if n_questions < 32:
        needs.append(f"More claim-free questions answered by all ({32 - n_questions}; packs with the reader text).")
    if timed and candidate and candidate.incidents < 2:
        needs.append(
            f"More outages of {candidate.upstream} during a run ({2 - candidate.incidents} shared ones, an hour apart, "
            "or one or two that the target sails through)."
        )
    return needs


__all__ = [
    "NO_CALIBRATOR",
    "Calibrator",
    "Candidate",
    "bounded",
    "failed_controls",
    "limits_of",
    "missing_of",
    "needs_of",
    "rank",
    "said_of_itself",
    "state_of",
]
