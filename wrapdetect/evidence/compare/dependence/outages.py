"""Rule outages_together: what the shared and the unshared incidents of weeks say of a target and its candidates.

Trials (coincidence) are sorted: what had a cause that unrelated providers felt too, or a known common cause, counts for
nothing; a miss with a fallback in the text is excused; an hour at which the target keeps falling counts once. The rest
is weighed (incident_ratio) and tested, by whole-week shifts (coincidence.p_value, corrected over the candidates by
Holm) and at any time (running). A hit that several candidates could claim speaks for each with its share of the
logarithm only.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import exp, log
from typing import NamedTuple

import numpy as np
from scipy.special import gammainc

from wrapdetect.evidence.compare.dependence.coincidence import (
    WEEK_S,
    Falls,
    Flags,
    Times,
    Trials,
    hit,
    overlap,
    p_value,
    record,
    same_hour,
    trials,
)
from wrapdetect.evidence.compare.dependence.incident_ratio import (
    COMMON,
    COMMON_UNSEEN,
    agreement,
    capped,
    ends_agreement,
    hit_nats,
    incidents_log_ratio,
    more_needed,
    prior_share,
    spread,
)
from wrapdetect.evidence.compare.dependence.running import running_e
from wrapdetect.evidence.compare.shares import share_of
from wrapdetect.model.history import Dependence, Timeline, Weighed

WINDOW_S = 1800.0
"""Onsets this close coincide. Windows of 15 to 60 minutes hold their level on public incident lists."""
NEAR_S, FAR_S = 3600.0, 43_200.0
NEAR_AT, FAR_AT = 0.05, 0.01
"""An incident is common where others fell within the hour, or two within half a day, and fewer would by chance."""
ALPHA = 0.01
"""Error with which an edge is named, after correction over the candidates."""
NAMED_AT, FEWEST_HITS, NAMED_AFTER_S = log(20.0), 2, 3 * WEEK_S
LOOKAHEAD_S = 28 * 86_400.0
"""Further incidents take weeks to come, in which the target's own rate becomes known as well."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """`window_s`: see WINDOW_S. `common`: spans (since, until) of known common causes. `excused`: spans in which the
    target's text showed a fallback: no miss there speaks against."""

    window_s: float = WINDOW_S
    common: Sequence[tuple[float, float]] = ()
    excused: Sequence[tuple[float, float]] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetOutages:
    """What the incidents of a history say of one target and each of its candidates."""

    target: Timeline
    candidates: tuple[Timeline, ...]
    panel: tuple[Timeline, ...]
    setting: Setting
    found: tuple[Dependence, ...]
    vantages: str = ""
    """A sentence on whence it was seen, "" for one vantage."""


def dependence(
    target: Timeline,
    candidates: Sequence[Timeline],
    panel: Sequence[Timeline],
    setting: Setting = Setting(),  # frozen
) -> list[Dependence]:
    """What the incidents say of the target and each candidate, in their order, corrected over the candidates (Holm)."""
    mine = record(target, slack_s=setting.window_s)
    theirs = [record(c, slack_s=setting.window_s) for c in candidates]
    panel_records = [record(p, slack_s=setting.window_s) for p in panel]
    found = [_one(mine, u, theirs, panel_records, setting) for u in theirs]
    corrected = holm([d.p for d in found])
    enough = mine.watched_s > NAMED_AFTER_S
    return [replace(d, p_corrected=p, named=enough and _named(d, p)) for d, p in zip(found, corrected, strict=True)]


def holm(p_values: Sequence[float | None]) -> list[float | None]:
    """Holm's correction (1979) over the tests that were made; None, one that was not, stays None.

    >>> holm([0.01, None, 0.04])
    [0.02, None, 0.04]
    """
    order = sorted((p, k) for k, p in enumerate(p_values) if p is not None)
    corrected: list[float | None] = [None] * len(p_values)
    highest = 0.0
    for rank, (p, k) in enumerate(order):
        highest = max(highest, min(1.0, p * (len(order) - rank)))
        corrected[k] = highest
    return corrected


def _one(
    target: Falls, upstream: Falls, candidates: Sequence[Falls], panel: Sequence[Falls], setting: Setting
) -> Dependence:
    found = trials(target, upstream, window_s=setting.window_s)
    others = _others_at(upstream.burst, _unrelated(target, upstream, [*candidates, *panel]))
    common = _common(upstream.burst, others, setting)
    excused = found.telling & ~found.actual & ~common & _inside(upstream.burst, setting.excused)
    counted = found.telling & ~common & ~excused & ~_repeated(upstream.burst, found.habitual & found.telling, setting)
    unseen = np.where(others.watched.sum(axis=0) >= 2, COMMON, COMMON_UNSEEN)  # two would show a common cause
    # An excuse drops misses and no hits, and a habit all but one: the tests would not hold their level without them.
    tested = found._replace(telling=found.telling & ~common)
    rivals = [c for c in candidates if c.vendor not in (upstream.vendor, target.vendor)]
    claims: Times = np.ones(len(upstream.burst))
    for rival in rivals:
        claims += hit(rival.fell, upstream.burst, setting.window_s)
    incidents = tuple(
        _weighed(target, found, k, int(claims[k]), float(unseen[k]), setting.window_s)
        for k in np.flatnonzero(counted).tolist()
    )
    hits, n = int((found.actual & counted).sum()), int(counted.sum())
    s, s_low, s_high = share_of(hits, n)
    chance = float(np.mean([i.chance for i in incidents])) if n else _mean_chance(target, setting.window_s)
    llr = incidents_log_ratio(incidents)
    ends = [*(incidents_log_ratio(incidents, f) for f in spread(len(target.falls))), _without_best(incidents)]
    e_values = running_e(target, tested, claims, setting.window_s)
    back = trials(upstream, target, window_s=setting.window_s)
    return Dependence(
        target=target.service,
        upstream=upstream.service,
        incidents=incidents,
        hits=hits,
        s=s,
        s_low=s_low,
        s_high=s_high,
        base_rate=chance,
        llr=llr,
        llr_low=min(llr, *ends),
        llr_high=max(llr, *ends),
        p=p_value(tested),
        p_corrected=None,
        e=float(e_values[-1]) if len(e_values) else 1.0,
        e_highest=float(e_values.max()) if len(e_values) else 1.0,
        candidates=len(candidates),
        named=False,
        more=more_needed(incidents, _mean_chance(target, setting.window_s, more_s=LOOKAHEAD_S)),
        back_hits=back.hits,
        n_back=back.n,
        common=int((found.telling & common).sum()),
        unknown=int((~found.telling).sum()),
        excused=int(excused.sum()),
    )


def _weighed(target: Falls, found: Trials, k: int, claims: int, common: float, window_s: float) -> Weighed:
    unit = found.units[k]
    chance = capped(common + float(found.chance[k]))
    fell = min(target.falls, key=lambda u: abs(u.onset_s - unit.onset_s)) if found.actual[k] else None
    detail = 0.0
    if fell is not None and not found.habitual[k]:  # where it keeps falling, onsets agree whatever the cause
        detail = agreement(fell.onset_s - unit.onset_s, fell.slack_s + unit.slack_s, window_s)
        detail += ends_agreement(target, fell, unit, window_s)
    s = prior_share(unit)
    return Weighed(
        onset_s=unit.onset_s,
        condition=unit.condition,
        hit=fell is not None,
        lag_s=fell.onset_s - unit.onset_s if fell else None,
        chance=chance,
        detail=detail,
        claims=claims,
        nats=float(hit_nats(np.array([s]), chance, detail)[0]) / claims if fell else log(1 - s),
        witness=unit.witness,
        target_witness=fell.witness if fell else "",
    )


def _without_best(incidents: Sequence[Weighed]) -> float:
    """The ratio without the incident that says most: whether all hangs on one."""
    hits = [i for i in incidents if i.hit]
    best = max(hits, key=lambda i: i.nats, default=None)
    return incidents_log_ratio([i for i in incidents if i is not best])


def hours_apart(incidents: Sequence[Weighed]) -> int:
    """Shared incidents at hours of the day that are apart by more than two windows."""
    hours: list[float] = []
    for incident in incidents:
        if incident.hit and not same_hour(incident.onset_s, hours, 2 * WINDOW_S):
            hours.append(incident.onset_s)
    return len(hours)


def _named(found: Dependence, p_corrected: float | None) -> bool:
    """Dependent beyond the error ALPHA, over all candidates, by week shifts (by e while there are too few weeks); worth
    saying; and in more than one incident, at hours of the day that are apart: one coincidence convicts nobody, and what
    falls at midnight on the first of each month is one."""
    significant = p_corrected <= ALPHA if p_corrected is not None else found.e >= found.candidates / ALPHA
    return hours_apart(found.incidents) >= FEWEST_HITS and found.llr >= NAMED_AT and significant


def _unrelated(target: Falls, upstream: Falls, others: Sequence[Falls]) -> list[Falls]:
    return [o for o in others if o.vendor not in (target.vendor, upstream.vendor) and o.service != target.service]


class _Others(NamedTuple):
    """Services unrelated to both, by vendor, and which vendors were watched at each time: shape (n_vendors, n)."""

    kin: tuple[tuple[Falls, ...], ...]
    watched: Flags


def _others_at(at: Times, others: Sequence[Falls]) -> _Others:
    by_vendor: dict[str, list[Falls]] = {}
    for other in others:
        by_vendor.setdefault(other.vendor, []).append(other)
    kin = tuple(tuple(k) for k in by_vendor.values())
    seen = [np.any([overlap(r.watched, at - 60, at + 60) > 0 for r in k], axis=0) for k in kin]
    return _Others(kin, np.array(seen, dtype=bool).reshape(len(kin), len(at)))


def _common(at: Times, others: _Others, setting: Setting) -> Flags:
    """Which of the upstream's units had a cause that unrelated services felt too."""
    common = _inside(at, setting.common)
    for width, level, fewest in ((NEAR_S, NEAR_AT, 1), (FAR_S, FAR_AT, 2)):
        n, expected = np.zeros(len(at)), np.zeros(len(at))
        for kin, watched in zip(others.kin, others.watched, strict=True):
            n += np.any([hit(r.fell, at, width) for r in kin], axis=0)
            rate = max(len(r.falls) / max(r.watched_s, width) for r in kin)
            expected += (1 - exp(-rate * 2 * width)) * watched
        common |= (n >= fewest) & (gammainc(np.maximum(n, 1), expected) < level)
    return np.asarray(common)


def _repeated(at: Times, habitual: Flags, setting: Setting) -> Flags:
    """Units at an hour at which the target keeps falling, but for the first: a shared calendar is one coincidence."""
    repeated = np.zeros(len(at), dtype=bool)
    for k in np.flatnonzero(habitual).tolist():
        repeated[k] = same_hour(at[k], at[:k][habitual[:k]], 2 * setting.window_s)
    return repeated


def _inside(at: Times, spans: Sequence[tuple[float, float]]) -> Flags:
    inside = np.zeros(len(at), dtype=bool)
    for since, until in spans:
        inside |= (at >= since) & (at < until)
    return inside


def _mean_chance(target: Falls, window_s: float, *, more_s: float = 0.0) -> float:
    rate = (len(target.falls) + 1) / max(target.watched_s + more_s, 2 * window_s)
    return capped(COMMON + 1 - exp(-rate * 2 * window_s))
