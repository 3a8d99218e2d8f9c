"""Run -> Verdict: the pure lower half of the pipeline, read -> compare -> judge, as audit and replay both use it."""

from collections import Counter
from dataclasses import dataclass, replace

from wrapdetect.evidence.compare.behaviour.views import Embed
from wrapdetect.evidence.compare.comparison import compare_samples, control_checks, history_checks
from wrapdetect.evidence.compare.rules import RULES
from wrapdetect.evidence.compare.samples import collect
from wrapdetect.evidence.judge import (
    NO_CALIBRATOR,
    Calibrator,
    bounded,
    lagged_of,
    limits_of,
    missing_of,
    needs_of,
    rank,
    said_of_itself,
    state_of,
)
from wrapdetect.evidence.read import read_run
from wrapdetect.evidence.seeds import Ruleset, Seeds
from wrapdetect.model import Finding, Observation, Run, Tally, Verdict
from wrapdetect.model.history import Dependence, Outcome
from wrapdetect.runs.plan import make_plan

BEAT_OUTCOMES = {o.value: "ok" if o is Outcome.UP else o.name.lower() for o in Outcome}


@dataclass(frozen=True, slots=True, kw_only=True)
class Analysis:
    """Every stage of one run, so that a difference names the stage that moved."""

    observations: tuple[Observation, ...]
    findings: tuple[Finding, ...]
    verdict: Verdict
    outages: tuple[Dependence, ...] = ()  # of a history: each candidate with its incidents


def analyse(run: Run, seeds: Seeds, *, embed: Embed | None, calibrator: Calibrator = NO_CALIBRATOR) -> Analysis:
    """Read, compare and judge a run. The same run, seeds, calibrator and embedder give the same analysis."""
    run = replace(run, exchanges=tuple(sorted(run.exchanges, key=lambda e: (e.started, e.id))))
    observations, reader_bugs = read_run(run, seeds.vendors)
    comparison = compare_samples(collect(run, observations, seeds), embed=embed)
    ruleset = seeds.ruleset.completed(rule.entry() for rule in RULES.values())
    openness = [
        (e.name, e.weights if e.weights != "unknown" else seeds.vendors.of_model(e.model)[1]) for e in run.references
    ]
    ranked = rank(comparison.findings, openness, ruleset, calibrator)
    best = ranked[0] if ranked else None
    controls, control_bugs = control_checks(comparison, best.upstream if best else None)
    history = history_checks(comparison)
    controls += history.controls
    tallies = tally(run, observations)
    asked = bool(run.packs)
    state = state_of(best, len(ranked), controls, ruleset) if best else "insufficient"
    findings = tuple(_within_bounds(f, ruleset, calibrator) for f in comparison.findings)
    questions = max((f.n_target for f in findings if f.rule.startswith("text_")), default=0)
    named = best if best and state in ("wrapper", "likely_wrapper", "same_model") else None
    verdict = Verdict(
        run=run.id,
        target=run.target.name,
        state=state,
        upstream=named.upstream if named else None,
        probability=best.posterior.wrapper if best else 0.0,
        low=best.low if best else 0.0,
        high=best.high if best else 1.0,
        behaviour=best.behaviour.value if best else 0.0,
        dependence=best.dependence.value if best else 0.0,
        ruleset=ruleset.id,
        calibrator=calibrator.id,
        views=comparison.views,
        findings=tuple(sorted(findings, key=lambda f: (f.upstream != (best.upstream if best else ""), -abs(f.llr)))),
        controls=controls,
        tallies=tallies,
        limits=(
            *limits_of(best, len(ranked), controls, tallies, comparison.views, calibrator, asked=asked),
            *(said_of_itself(observations, run.target.name) if asked and not run.references else ()),
            *missing_of(run),
            *lagged_of(run),
            *_plugged(findings),
            *history.limits,
        ),
        needs=(*(needs_of(state, best, len(ranked), questions, timed=_timed(run)) if asked else ()), *history.needs),
        bugs=reader_bugs + comparison.bugs + control_bugs,
    )
    outages = comparison.outages.found if comparison.outages else ()
    return Analysis(observations=observations, findings=findings, verdict=verdict, outages=outages)


def tally(run: Run, observations: tuple[Observation, ...]) -> tuple[Tally, ...]:
    """Per endpoint: requests that the plan holds (turns), answers, and failures by kind (429s asked again included).

    Of a run without a plan, what was recorded counts as planned.
    """
    planned: Counter[str] = Counter()
    for slot in make_plan(run) if run.draws else ():
        planned[slot.endpoint.name] += len(slot.ask.turns)
    outcomes: dict[str, Counter[str]] = {e.name: Counter() for e in run.endpoints}
    for o in observations:
        if o.feature == "outcome":
            outcomes[o.endpoint][str(o.value)] += 1
    for beats in run.history.beats if run.history else ():
        if beats.service in outcomes:
            outcomes[beats.service].update(BEAT_OUTCOMES[o] for o in beats.outcome)
    return tuple(
        Tally(
            endpoint=e.name,
            planned=max(planned[e.name], sum(outcomes[e.name].values())),
            answered=outcomes[e.name]["ok"],
            failures=tuple(sorted((k, n) for k, n in outcomes[e.name].items() if k != "ok")),
        )
        for e in run.endpoints
    )


def _timed(run: Run) -> bool:
    """Whether it is known of any answer, or heartbeat, of the target when it came; of a run without any, it may be."""
    own = [e for e in run.exchanges if e.endpoint == run.target.name]
    return run.history is not None or not own or any("times" not in e.missing for e in own)


def _plugged(findings: tuple[Finding, ...]) -> list[str]:
    """A sentence for each rule of a plug-in that found something."""
    spoke = {f.rule for f in findings}
    return [
        f"Rule {rule.id} is no rule of ours: it comes with {rule.origin}."
        for rule in RULES.values()
        if rule.origin and rule.id in spoke
    ]


def _within_bounds(finding: Finding, ruleset: Ruleset, calibrator: Calibrator) -> Finding:
    weight = bounded(finding, ruleset, calibrator)
    return replace(finding, llr=weight.value, llr_low=weight.low, llr_high=weight.high)
