"""The running decision: an e-value, which keeps its error however often it is looked at.

From one incident of the upstream to the next, given how many falls the target had, those within the window are
binomial, whatever the target's rate. The null is that they are at most ODDS_NULL times as likely there as elsewhere;
the alternative is a mixture over ODDS. Ramdas et al. 2023, doi:10.1214/23-STS894.
"""

from math import exp, log

import numpy as np
from scipy.special import logsumexp

from wrapdetect.evidence.compare.dependence.coincidence import (
    PRIOR_SHIFTS,
    WEEK_S,
    Falls,
    Times,
    Trials,
    hit,
    overlap,
    same_hour,
)

ODDS_NULL = 3.0
ODDS = (6.0, 20.0, 60.0, 200.0, 600.0)


def running_e(target: Falls, found: Trials, claims: Times, window_s: float) -> Times:
    """The e-value after each unit that counts, in order of time; see the module."""
    at = np.array([u.onset_s for u in found.units])
    which = np.flatnonzero(found.telling)
    logs = np.zeros((len(ODDS), len(which) + 1))
    hours: list[float] = []  # of hits before; another at that hour of the day may be a habit, and is no news
    before = float(target.watched[0, 0]) if len(target.watched) else 0.0
    for row, k in enumerate(which):
        low, high = at[k] - window_s, at[k] + window_s
        if same_hour(at[k], hours, 2 * window_s):
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


def _busier(target: Falls, at_s: float, window_s: float) -> float:
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
