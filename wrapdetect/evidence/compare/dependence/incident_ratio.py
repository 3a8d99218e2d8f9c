"""What incidents of an upstream weigh: the likelihood ratio of what the target did, passing through v. independent.

  hit    (c + (1 - c) s r) / c, with r how well the onsets agree, times how well the ends agree
  miss   1 - s, so that a miss never speaks for passing through
s = P(target down | upstream down) is unknown: a mixture of beta distributions, one for incidents in which the upstream
was down, one for degraded ones (which fewer targets feel). c is the chance of a hit if the two are independent.
"""

from collections.abc import Mapping, Sequence
from math import exp, log

import numpy as np
from scipy.special import betaincinv, gammaincinv

from wrapdetect.evidence.compare.dependence.coincidence import Falls, Times, Unit
from wrapdetect.model.history import Weighed

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
ENOUGH = log(100.0)
MOST_MORE = 1000


def incidents_log_ratio(incidents: Sequence[Weighed], factor: float = 1.0) -> float:
    """ln p(what the target did | passing through) - ln p(it | independent), in nats; `factor` scales the chances."""
    return sum(_log_ratio_of(c, [i for i in incidents if i.condition == c], factor) for c in SENSITIVITY)


def more_needed(incidents: Sequence[Weighed], chance: float) -> int | None:
    """Further incidents, hit at the share seen so far (with the prior), until the ratio reaches ENOUGH; None past
    MOST_MORE."""
    rest = _log_ratio_of("degraded", [i for i in incidents if i.condition == "degraded"], 1.0)
    logs, ceded = _by_node("down", [i for i in incidents if i.condition == "down"], 1.0)
    more = np.arange(MOST_MORE, dtype=np.float64)[:, None]
    hits = np.floor(more * expected_share(incidents) + 0.5)
    further = hits * hit_nats(NODES["down"], chance, 0.0) + (more - hits) * np.log1p(-NODES["down"])
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
        chance = capped(incident.chance * factor)
        logs += hit_nats(nodes, chance, incident.detail)
        ceded += (1 - 1 / incident.claims) * float(hit_nats(np.array([share]), chance, incident.detail)[0])
    return logs, ceded


def hit_nats(s: Times, chance: float, detail: float) -> Times:
    """A hit: it falls by chance as others do, or else with probability s by the upstream, and then agrees as
    `detail`."""
    return np.asarray(np.log1p((1 - chance) * s / chance * exp(detail)))


def _averaged(condition: str, logs: Times) -> Times:
    """ln of the mean over the nodes (last axis) of exp(logs)."""
    top = logs.max(axis=-1, keepdims=True)
    return np.asarray(np.log(np.exp(logs - top) @ NODE_WEIGHTS[condition]) + top[..., 0])


def prior_share(unit: Unit) -> float:
    """Of s, before any incident."""
    return sum(w * a / (a + b) for w, a, b in SENSITIVITY[unit.condition])


def agreement(lag_s: float, slack_s: float, window_s: float) -> float:
    """ln density of the lag if one cause v. anywhere in the window; both integrate to 1 over the window."""
    scale = (LAG_S**2 + slack_s**2) ** 0.5
    inside = 1 - exp(-window_s / scale)
    laplace = exp(-abs(lag_s) / scale) / (2 * scale * inside)
    return log(AGREE * laplace * 2 * window_s + (1 - AGREE))


def ends_agreement(target: Falls, mine: Unit, theirs: Unit, window_s: float) -> float:
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


def spread(n_units: int) -> tuple[float, float]:
    """By how much the target's own rate may be larger or smaller (95 %)."""
    return float(gammaincinv(n_units + 0.5, 0.975)) / (n_units + 1), float(gammaincinv(n_units + 0.5, 0.025)) / (
        n_units + 1
    )


def capped(chance: float) -> float:
    """A chance is never below COMMON nor a certainty."""
    return min(0.95, max(COMMON, chance))
