"""The rules that need a history: outages_together, latency_together, versions_together; their controls, and what it
would still take. A run without a history gives nothing here."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from math import log
from typing import NamedTuple

from wrapdetect.evidence.compare.dependence.coincidence import WEEK_S
from wrapdetect.evidence.compare.dependence.episodes import own_faults, stamp, timelines
from wrapdetect.evidence.compare.dependence.fallback import excused
from wrapdetect.evidence.compare.dependence.incident_ratio import expected_share
from wrapdetect.evidence.compare.dependence.outages import Setting, TargetOutages, dependence
from wrapdetect.evidence.compare.dependence.vantages import how, one_view
from wrapdetect.evidence.compare.rule import Rule
from wrapdetect.evidence.seeds import Seeds
from wrapdetect.model import Control, Finding
from wrapdetect.model.history import Dependence, History, Timeline

RULE = Rule(
    id="outages_together",
    axis="dependence",
    group="outages",
    bound=6.9,  # what is not significant is held to UNPROVEN, so that it accuses nobody
    incidents_above=2.8,  # a factor of 16: only what is significant counts as shared incidents
    compare=lambda _, prepared: compare(prepared.outages) if prepared.outages is not None else iter(()),
    paragraph="""Of a monitor's weeks: when an incident of the candidate began, did the target begin to fail within half
    an hour? Hits and misses are weighed by the incident, against how often the target fell at the same hour of other
    weeks and against causes that others felt too; see [monitor.md](monitor.md). Not significant after correction over
    the candidates, it says at most a factor of 15. Its `n` counts incidents of the upstream, its effect is the share
    with which the target fell. Seen from several vantages, a round counts as down where all who could tell saw it down;
    the verdict's limits name them.""",
)

UNPROVEN = log(15.0)
"""Most that outages may say where they are not significant after correction over the candidates: short of a word."""
SHIFTS = (1, 2, 3, 4)
"""Weeks by which the target's record is moved for the control."""
_SHOWN = 6


class Checks(NamedTuple):
    """Controls of this rule, and sentences: what it would take, and what a reader must know."""

    controls: tuple[Control, ...]
    needs: tuple[str, ...]
    limits: tuple[str, ...]


def outages_of(history: History, target: str, seeds: Seeds) -> TargetOutages | None:
    """None where the history does not hold the target as one of its services."""
    return next(outages_of_each(history, [target], seeds), None)


def outages_of_each(history: History, targets: Iterable[str], seeds: Seeds) -> Iterator[TargetOutages]:
    """Of these targets, those that the history holds as such, in their order."""
    vantages = how(history)
    history = one_view(history, own_faults)
    lines = timelines(history)
    kinds = {s.name: s.kind for s in history.services}
    candidates = tuple(lines[n] for n, k in kinds.items() if k == "candidate")
    panel = tuple(lines[n] for n, k in kinds.items() if k in ("panel", "site"))
    for target in (t for t in targets if kinds.get(t) == "target"):
        setting = Setting(common=seeds.common_causes.spans(), excused=excused(history, target, candidates))
        found = tuple(dependence(lines[target], candidates, panel, setting))
        yield TargetOutages(
            target=lines[target], candidates=candidates, panel=panel, setting=setting, found=found, vantages=vantages
        )


def compare(outages: TargetOutages) -> Iterator[Finding]:
    """One finding for each candidate with an incident that says something."""
    for found in outages.found:
        if not found.n:
            continue
        top = float("inf") if found.named else UNPROVEN
        yield RULE.finding(
            found.target,
            found.upstream,
            effect=(found.s, found.s_low, found.s_high),
            unit="share of the upstream's incidents with which the target fell",
            llr=(min(found.llr, top), min(found.llr_low, top), min(found.llr_high, top)),
            n=(found.hits, found.n),
            evidence=evidence(found),
            witness=witness(found),
        )


def checks(outages: TargetOutages) -> Checks:
    """The control by shifted weeks, what it would take, and what cannot be seen."""
    return Checks(tuple(_controls(outages)), tuple(_needs(outages)), tuple(_limits(outages)))


def evidence(found: Dependence) -> str:
    """In one line: the counts, the chance, both tests, and what was not counted."""
    parts = [
        f"fell together in {found.hits} of {found.n} incidents, each by chance with probability {found.base_rate:.3f}",
        f"p {found.p_corrected:.2g} after correction over the candidates tested"
        if found.p_corrected is not None
        else "too few weeks for a p",
        f"e {found.e:.3g} at any time",
    ]
    if found.n_back:
        parts.append(f"{found.back_hits} of {found.n_back} falls of {found.target} began with one of them")
    for n, what in (
        (found.common, "had a common cause"),
        (found.unknown, f"while {found.target} was not watched or down already"),
        (found.excused, "with a fallback showing in the text"),
    ):
        if n:
            parts.append(f"{n} not counted: {what}")
    return "; ".join(parts)


def witness(found: Dependence) -> str:
    """The incident that says most, with both sides."""
    best = max(found.incidents, key=lambda i: (i.hit, i.nats))
    if not best.hit or best.lag_s is None:
        return f"{best.witness}: {found.target} did not fall"
    return f"{found.upstream}: {best.witness}; {found.target}, {best.lag_s / 60:+.0f} min: {best.target_witness}"


def _controls(outages: TargetOutages) -> Iterator[Control]:
    """The target's record moved by whole weeks must name nobody."""
    named = []
    watched = sum(until - since for since, until in outages.target.watched)
    made = [w for w in SHIFTS if watched > (w + 2) * WEEK_S]
    for weeks in made:
        moved = moved_by(outages.target, weeks * WEEK_S)
        again = dependence(moved, outages.candidates, outages.panel, outages.setting)
        named += [f"{d.upstream} at {weeks} weeks" for d in again if d.named]
    if not made:
        yield Control(id="week_shift:outages", passed=None, evidence="not more than three weeks were watched")
    else:
        told = f"names {', '.join(named)}" if named else "names nobody"
        by = f"{made[0]} to {made[-1]} weeks" if len(made) > 1 else "a week"
        yield Control(
            id="week_shift:outages",
            passed=not named,
            evidence=f"the target's record moved by {by} {told}",
        )


def moved_by(line: Timeline, seconds: float) -> Timeline:
    """The same record, later."""
    return replace(
        line,
        episodes=tuple(
            replace(
                e,
                onset_low_s=e.onset_low_s + seconds,
                onset_high_s=e.onset_high_s + seconds,
                end_low_s=None if e.end_low_s is None else e.end_low_s + seconds,
                end_high_s=None if e.end_high_s is None else e.end_high_s + seconds,
            )
            for e in line.episodes
        ),
        watched=tuple((a + seconds, b + seconds) for a, b in line.watched),
    )


def _needs(outages: TargetOutages) -> Iterator[str]:
    open_ = () if any(d.named for d in outages.found) else sorted(outages.found, key=lambda d: -d.llr)
    for found in open_[:_SHOWN]:
        if found.more is None:
            continue
        share = f"if {found.target} falls with {expected_share(found.incidents):.0%} of them"
        if found.more:
            yield f"{found.more} more incidents of {found.upstream} while all are watched, {share}."
        else:
            yield (
                f"More weeks beside {found.upstream}: {found.hits} of {found.n} were shared, and the tests that guard "
                "against chance and calendars do not pass yet."
            )


def _limits(outages: TargetOutages) -> Iterator[str]:
    yield from outages.target.notes
    if outages.vantages:
        yield outages.vantages
    if any(d.named for d in outages.found):
        yield (
            "Falling together is shown, and not passing through: a cloud, gateway or host that both use, or faked "
            "downtime, look the same."
        )
    vendors = {p.vendor for p in outages.panel} - {outages.target.vendor, *(c.vendor for c in outages.candidates)}
    if len(vendors) < 2:
        yield "Fewer than two unrelated services were watched beside it: a common cause (a cloud, a network) may hide."
    since = min((a for a, _ in outages.target.watched), default=None)
    if since is not None:
        days = sum(b - a for a, b in outages.target.watched) / 86_400
        yield f"{outages.target.service} was watched for {days:.1f} days since {stamp(since)}."
