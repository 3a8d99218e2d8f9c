"""Rule outages_together: what the shared and the unshared incidents of weeks say of a target and its candidates.

The likelihood ratio of one incident of the upstream, target passing through v. independent:
  hit    (c + (1 - c) s r) / c, with r how well the onsets agree, times how well the ends agree
  miss   1 - s; 1 where the target's text showed a fallback meanwhile
s = P(target down | upstream down) is unknown: a mixture of beta distributions, one for being down, one for degraded
(which fewer targets feel). c = the base rate b (compare/coincidence) plus COMMON, the chance of a cause that both share
and nobody else shows. What counts for nothing: incidents in which unrelated providers fell too, or of a known common
cause. A hit that several candidates could claim speaks for each with its share of the logarithm only.

The running decision is an e-value (Ramdas et al. 2023, doi:10.1214/23-STS894): from one incident of the upstream to the
next, given how many units the target had, those within the window are binomial, whatever the target's rate. The null is
that they are at most ODDS_NULL times as likely there as elsewhere. Looking every day keeps its error.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import exp, log
from typing import NamedTuple

import numpy as np
from scipy.special import betaincinv, gammainc, gammaincinv, logsumexp

from wrapdetect.compare.coincidence import (
    PRIOR_SHIFTS,
    WEEK_S,
    Flags,
    Record,
    Times,
    Trials,
    Unit,
    hit,
    overlap,
    p_value,
    record,
    trials,
)
from wrapdetect.compare.shares import jeffreys
from wrapdetect.history import Dependence, Timeline, Weighed

WINDOW_S = 1800.0
"""Onsets this close coincide. Windows of 15 to 60 minutes hold their level on public incident lists."""
SENSITIVITY: Mapping[str, tuple[tuple[float, float, float], ...]] = {
    "down": ((0.5, 2.2, 0.8), (0.5, 1.0, 2.0)),
    "degraded": ((0.3, 2.2, 0.8), (0.7, 0.7, 2.8)),
}
"""Of s: weight, a, b of beta distributions. Means .73 (products known to depend on one provider), .33, .2."""
N_NODES = 64
_PLACES = (np.arange(N_NODES) + 0.5) / N_NODES
NODES: Mapping[str, Times] = {
    c: np.minimum(np.concatenate([betaincinv(a, b, _PLACES) for _, a, b in m]), 1 - 1e-9)
    for c, m in SENSITIVITY.items()
}
"""The mixture at its quantiles, N_NODES for each part, weighed by NODE_WEIGHTS."""
NODE_WEIGHTS: Mapping[str, Times] = {
    c: np.concatenate([np.full(N_NODES, w / N_NODES) for w, _, _ in m]) for c, m in SENSITIVITY.items()
}
COMMON, COMMON_UNSEEN = 0.01, 0.02
"""Chance of a cause that both share without depending on one another; the second without two other providers watched at
the time, by which a common cause shows. Claude on ChatGPT, 2023 to 2024: 3 hits of 241 where 4.4 were expected."""
AGREE, LAG_S = 0.7, 300.0
"""Onsets of one cause: this share within a Laplace distribution of that scale (and of what is known of each onset), the
rest anywhere in the window."""
ENDS_AGREE = 0.5
"""Of ends of shared incidents, within the window: 6 of 12 on public pages of products with the same upstreams."""
DAY_S = 86_400.0
NEAR_S, FAR_S = 3600.0, 43_200.0
NEAR_AT, FAR_AT = 0.05, 0.01
"""An incident is common where others fell within the hour, or two within half a day, and fewer would by chance."""
ODDS_NULL = 3.0
ODDS = (6.0, 20.0, 60.0, 200.0, 600.0)
ENOUGH = log(100.0)
ALPHA = 0.01
"""Error with which an edge is named, after correction over the candidates."""
NAMED_AT, FEWEST_HITS = log(20.0), 2
MOST_MORE = 1000
LOOKAHEAD_S = 28 * 86_400.0
"""Further incidents take weeks to come, in which the target's own rate becomes known as well."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """`window_s`: see WINDOW_S. `common`: spans (since, until) of known common causes. `excused`: spans in which the
    target's text showed a fallback: no miss there speaks against."""

    window_s: float = WINDOW_S
    common: Sequence[tuple[float, float]] = ()
    excused: Sequence[tuple[float, float]] = ()


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
    return [replace(d, p_corrected=p, named=_named(d, p)) for d, p in zip(found, corrected, strict=True)]


def holm(p_values: Sequence[float | None]) -> list[float | None]:
    """Holm's correction (1979); None stays None and is not counted.

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


def log_ratio(incidents: Sequence[Weighed], factor: float = 1.0) -> float:
    """ln p(what the target did | passing through) - ln p(it | independent), in nats; `factor` scales the chances."""
    return sum(_log_ratio_of(c, [i for i in incidents if i.condition == c], factor) for c in SENSITIVITY)


def more_needed(incidents: Sequence[Weighed], chance: float) -> int | None:
    """Further incidents, hit at the share seen so far (with the prior), until the ratio reaches ENOUGH; None past
    MOST_MORE."""
    rest = _log_ratio_of("degraded", [i for i in incidents if i.condition == "degraded"], 1.0)
    logs, ceded = _by_node("down", [i for i in incidents if i.condition == "down"], 1.0)
    more = np.arange(MOST_MORE, dtype=np.float64)[:, None]
    hits = np.floor(more * expected_share(incidents) + 0.5)
    further = hits * _hit(NODES["down"], chance, 0.0) + (more - hits) * np.log1p(-NODES["down"])
    enough = np.flatnonzero(rest + _averaged("down", logs + further) - ceded >= ENOUGH)
    return int(enough[0]) if len(enough) else None


def expected_share(incidents: Sequence[Weighed]) -> float:
    """Of hits among further incidents: what was seen, with three incidents of a wrapper before."""
    return (sum(i.hit for i in incidents) + 2.2) / (len(incidents) + 3.0)


def _log_ratio_of(condition: str, incidents: Sequence[Weighed], factor: float) -> float:
    if not incidents:
        return 0.0
    logs, ceded = _by_node(condition, incidents, factor)
    return float(_averaged(condition, logs)) - ceded


def _by_node(condition: str, incidents: Sequence[Weighed], factor: float) -> tuple[Times, float]:
    """Nats of all incidents at each s of NODES, and what is left to other candidates that could claim the hits."""
    nodes = NODES[condition]
    logs, ceded = np.zeros(len(nodes)), 0.0
    share = (sum(i.hit for i in incidents) + 1) / (len(incidents) + 2)
    for incident in incidents:
        if not incident.hit:
            logs += np.log1p(-nodes)
            continue
        chance = _capped(incident.chance * factor)
        logs += _hit(nodes, chance, incident.detail)
        ceded += (1 - 1 / incident.claims) * float(_hit(np.array([share]), chance, incident.detail)[0])
    return logs, ceded


def _hit(s: Times, chance: float, detail: float) -> Times:
    """A hit: it falls by chance as others do, or else with probability s by the upstream, and then agrees as
    `detail`."""
    return np.asarray(np.log1p((1 - chance) * s / chance * exp(detail)))


def _averaged(condition: str, logs: Times) -> Times:
    """ln of the mean over the nodes (last axis) of exp(logs)."""
    top = logs.max(axis=-1, keepdims=True)
    return np.asarray(np.log(np.exp(logs - top) @ NODE_WEIGHTS[condition]) + top[..., 0])


def _one(
    target: Record, upstream: Record, candidates: Sequence[Record], panel: Sequence[Record], setting: Setting
) -> Dependence:
    found = trials(target, upstream, window_s=setting.window_s)
    others = _others_at(upstream.burst, _unrelated(target, upstream, [*candidates, *panel]))
    common = _common(upstream.burst, others, setting)
    excused = found.telling & ~found.actual & ~common & _inside(upstream.burst, setting.excused)
    counted = found.telling & ~common & ~excused & ~_repeated(upstream.burst, found.habitual & found.telling, setting)
    # An excuse drops misses and no hits: the ratio allows for it, the tests would not hold their level.
    unseen = np.where(others.watched.sum(axis=0) >= 2, COMMON, COMMON_UNSEEN)  # two would show a common cause
    tested = found._replace(telling=found.telling & ~common, chance=found.chance + unseen)
    rivals = [c for c in candidates if c.vendor not in (upstream.vendor, target.vendor)]
    claims: Times = np.ones(len(upstream.burst))
    for rival in rivals:
        claims += hit(rival.fell, upstream.burst, setting.window_s)
    incidents = tuple(
        _weighed(target, found, k, int(claims[k]), float(unseen[k]), setting.window_s)
        for k in np.flatnonzero(counted).tolist()
    )
    hits, n = int((found.actual & counted).sum()), int(counted.sum())
    low, high = jeffreys(hits, n) if n else (0.0, 1.0)
    chance = float(np.mean([i.chance for i in incidents])) if n else _mean_chance(target, setting.window_s)
    llr = log_ratio(incidents)
    spread = [log_ratio(incidents, f) for f in _spread(len(target.falls))]
    e_values = running_e(target, tested, claims, setting.window_s)
    back = trials(upstream, target, window_s=setting.window_s)
    return Dependence(
        target=target.service,
        upstream=upstream.service,
        incidents=incidents,
        hits=hits,
        s=hits / n if n else 0.0,
        s_low=low,
        s_high=high,
        base_rate=chance,
        llr=llr,
        llr_low=min(llr, *spread),
        llr_high=max(llr, *spread),
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


def running_e(target: Record, found: Trials, claims: Times, window_s: float) -> Times:
    """The e-value after each unit that counts, in order of time; see the module."""
    at = np.array([u.onset_s for u in found.units])
    which = np.flatnonzero(found.telling)
    logs = np.zeros((len(ODDS), len(which) + 1))
    hours: list[float] = []  # of hits before; another at that hour of the day may be a habit, and is no news
    before = float(target.watched[0, 0]) if len(target.watched) else 0.0
    for row, k in enumerate(which):
        low, high = at[k] - window_s, at[k] + window_s
        if any(abs((at[k] - h + DAY_S / 2) % DAY_S - DAY_S / 2) <= 2 * window_s for h in hours):
            logs[:, row + 1] = logs[:, row]
            continue
        n = int(((target.burst >= before) & (target.burst <= high)).sum())
        inside = int(((target.burst >= max(low, before)) & (target.burst <= high)).sum())
        outside_s = float(overlap(target.watched, np.array([before]), np.array([max(low, before)]))[0])
        weight = 2 * window_s * _busier(target, at[k], window_s)
        share = weight / (weight + outside_s)
        null = _odds(share, ODDS_NULL)
        if inside:
            hours.append(float(at[k]))
        for line, odds in enumerate(ODDS):
            other = _odds(share, odds)
            step = inside * log(other / null) + (n - inside) * log((1 - other) / (1 - null)) if n else 0.0
            logs[line, row + 1] = logs[line, row] + step / claims[k]
        before = max(before, high)
    return np.asarray(np.exp(logsumexp(logs[:, 1:], axis=0) - log(len(ODDS))))


def _busier(target: Record, at_s: float, window_s: float) -> float:
    """How much more often than on average the target fell at this hour of past weeks, at least 1."""
    since = float(target.watched[0, 0])
    past: Times = at_s - WEEK_S * np.arange(1.0, max(2, int((at_s - since) // WEEK_S) + 1))
    past = np.asarray(past[past - 2 * window_s >= since], dtype=np.float64)
    # Twice the window, to be sure of neighbours of a busy hour.
    n = int(hit(target.burst, past, 2 * window_s).sum())
    earlier = int((target.burst < at_s - window_s).sum())
    mean = 1 - exp(-(earlier + 1) * 4 * window_s / max(at_s - since, 4 * window_s))
    return max(1.0, (n + PRIOR_SHIFTS * mean) / ((len(past) + PRIOR_SHIFTS) * mean))


def _odds(share: float, odds: float) -> float:
    share = min(share, 0.999)
    return odds * share / (1 - share + odds * share)


def _weighed(target: Record, found: Trials, k: int, claims: int, common: float, window_s: float) -> Weighed:
    unit = found.units[k]
    chance = _capped(common + float(found.chance[k]))
    fell = min(target.falls, key=lambda u: abs(u.onset_s - unit.onset_s)) if found.actual[k] else None
    detail = 0.0
    if fell is not None and not found.habitual[k]:  # where it keeps falling, onsets agree whatever the cause
        detail = _agreement(fell.onset_s - unit.onset_s, fell.slack_s + unit.slack_s, window_s)
        detail += _ends(target, fell, unit, window_s)
    s = _s(unit)
    return Weighed(
        onset_s=unit.onset_s,
        condition=unit.condition,
        hit=fell is not None,
        lag_s=fell.onset_s - unit.onset_s if fell else None,
        chance=chance,
        detail=detail,
        claims=claims,
        nats=float(_hit(np.array([s]), chance, detail)[0]) / claims if fell else log(1 - s),
        witness=unit.witness,
        target_witness=fell.witness if fell else "",
    )


def _named(found: Dependence, p_corrected: float | None) -> bool:
    """Dependent beyond the error ALPHA, over all candidates, by week shifts (by e while there are too few weeks); worth
    saying; and in more than one incident: one coincidence convicts nobody."""
    significant = p_corrected <= ALPHA if p_corrected is not None else found.e >= found.candidates / ALPHA
    return found.hits >= FEWEST_HITS and found.llr >= NAMED_AT and significant


def _s(unit: Unit) -> float:
    return sum(w * a / (a + b) for w, a, b in SENSITIVITY[unit.condition])


def _agreement(lag_s: float, slack_s: float, window_s: float) -> float:
    """ln density of the lag if one cause v. anywhere in the window; both integrate to 1 over the window."""
    scale = (LAG_S**2 + slack_s**2) ** 0.5
    inside = 1 - exp(-window_s / scale)
    laplace = exp(-abs(lag_s) / scale) / (2 * scale * inside)
    return log(AGREE * laplace * 2 * window_s + (1 - AGREE))


def _ends(target: Record, mine: Unit, theirs: Unit, window_s: float) -> float:
    """ln probability that the ends agree as they do, if one cause v. by chance: how often the target's other episodes
    would have ended with it, had they begun then."""
    if mine.end_s is None or theirs.end_s is None:
        return 0.0
    durations = [u.end_s - u.onset_s for u in target.falls if u.end_s is not None and u is not mine]
    agreeing = sum(abs(mine.onset_s + d - theirs.end_s) <= window_s for d in durations)
    by_chance = (agreeing + 1) / (len(durations) + 2)
    if abs(mine.end_s - theirs.end_s) <= window_s:
        return log((ENDS_AGREE + (1 - ENDS_AGREE) * by_chance) / by_chance)
    return log(1 - ENDS_AGREE)


def _unrelated(target: Record, upstream: Record, others: Sequence[Record]) -> list[Record]:
    return [o for o in others if o.vendor not in (target.vendor, upstream.vendor) and o.service != target.service]


class _Others(NamedTuple):
    """Services unrelated to both, by vendor, and which vendors were watched at each time: shape (n_vendors, n)."""

    kin: tuple[tuple[Record, ...], ...]
    watched: Flags


def _others_at(at: Times, others: Sequence[Record]) -> _Others:
    by_vendor: dict[str, list[Record]] = {}
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
        before = at[:k][habitual[:k]]
        repeated[k] = bool((np.abs((at[k] - before + DAY_S / 2) % DAY_S - DAY_S / 2) <= 2 * setting.window_s).any())
    return repeated


def _inside(at: Times, spans: Sequence[tuple[float, float]]) -> Flags:
    inside = np.zeros(len(at), dtype=bool)
    for since, until in spans:
        inside |= (at >= since) & (at < until)
    return inside


def _mean_chance(target: Record, window_s: float, *, more_s: float = 0.0) -> float:
    rate = (len(target.falls) + 1) / max(target.watched_s + more_s, 2 * window_s)
    return _capped(COMMON + 1 - exp(-rate * 2 * window_s))


def _spread(n_units: int) -> tuple[float, float]:
    """By how much the target's own rate may be larger or smaller (95 %)."""
    return float(gammaincinv(n_units + 0.5, 0.975)) / (n_units + 1), float(gammaincinv(n_units + 0.5, 0.025)) / (
        n_units + 1
    )


def _capped(chance: float) -> float:
    return min(0.95, max(COMMON, chance))
