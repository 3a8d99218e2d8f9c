"""Asking question by question: which to ask next, and when it is enough.

The stopping rule holds at any time. The target's nearest is looked at after each question; a stranger must hardly ever
pass the threshold at any look. How high strangers come at their highest is measured in the library: each model plays a
stranger whose family is not there, over the whole length of many audits in random order, and the threshold is passed
by a share `alpha` of them at most, the target counted as one of them (conformal p-values: Vovk et al. 2005).
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.random import Generator

from wrapdetect.compare.fingerprint import Fingerprints
from wrapdetect.compare.identify import Indices, strangers
from wrapdetect.compare.nearest import Scores

ORDERS = 20
"""Random orders of the questions in which strangers are simulated."""


class StopRule(NamedTuple):
    """Named once `standard` (see Identified) is at least `threshold` after `fewest` to `most` questions."""

    threshold: float
    fewest: int
    most: int
    strangers: int


def learn_rule(
    pool: Scores, cohort: Indices, family: Indices, *, alpha: float, fewest: int, most: int, rng: Generator
) -> StopRule | None:
    """`pool` (n_questions, n_cohort, n_models) are the cohort's scores on the questions that may be asked.

    None where the library has too few strangers to bound an error of `alpha`: fewer than 1 / alpha - 1.
    """
    most = min(most, len(pool))
    if most < fewest:
        return None
    highest = np.stack(
        [_highest(pool[rng.permutation(len(pool))[:most]], cohort, family, fewest) for _ in range(ORDERS)]
    )
    known = np.isfinite(highest).all(axis=0)
    n = int(known.sum())
    rank = int(np.ceil((1 - alpha) * (n + 1) - 1e-9))
    if rank > n or n == 0:
        return None
    # Of each stranger the share of orders counts, so the quantile is over strangers and orders together.
    every = np.sort(highest[:, known].ravel())
    threshold = float(every[min(len(every) - 1, int(np.ceil(rank / n * len(every))) - 1)])
    return StopRule(threshold, fewest, most, n)


def _highest(scores: Scores, cohort: Indices, family: Indices, fewest: int) -> Scores:
    """For each of the cohort, its highest `standard` at any look of one audit; shape (n_cohort,)."""
    there = np.isfinite(scores)
    sums, counts = np.cumsum(np.where(there, scores, 0), axis=0), np.cumsum(there, axis=0)
    best = np.full(len(cohort), -np.inf, np.float32)
    for n in range(fewest, len(scores) + 1):
        totals = np.where(counts[n - 1] >= max(1, n // 3), sums[n - 1] / np.maximum(counts[n - 1], 1), np.nan)
        reached = strangers(totals, cohort, family)
        best = np.fmax(best, _against_others(reached))
    return np.where(np.isfinite(best), best, np.nan)


def _against_others(reached: Scores) -> Scores:
    """Each value in standard deviations above the mean of all the others; NaN stays NaN."""
    there = np.isfinite(reached)
    n = max(int(there.sum()), 3)
    value = np.where(there, reached, 0.0).astype(np.float64)
    mean = (value.sum() - value) / (n - 1)
    square = ((value**2).sum() - value**2) / (n - 1) - mean**2
    sd = np.sqrt(np.maximum(square * (n - 1) / (n - 2), 1e-6))
    return np.where(there, (value - mean) / sd, np.nan).astype(np.float32)


def next_questions(
    left: Sequence[str], telling: Mapping[str, float], alive: Mapping[str, Fingerprints], n: int
) -> list[str]:
    """The `n` questions that best separate the models still alive, the best first.

    `telling` says by how much a question separates families at all; `alive` holds, by question, the fingerprints of
    the models still alive: with fewer than two of them only `telling` counts.
    """

    def worth(question: str) -> float:
        prints = alive.get(question)
        apart = 1.0 if prints is None or prints.answered.sum() < 2 else _apart(prints)
        return max(telling[question], 0.0) * apart

    return sorted(left, key=lambda q: (-worth(q), q))[:n]


def _apart(prints: Fingerprints) -> float:
    """Mean distance (1 - cosine) between the models that answered, over kinds of n-gram."""
    rows = np.flatnonzero(prints.answered)
    upper = np.triu_indices(len(rows), 1)
    return float(np.mean([1 - (s[rows] @ s[rows].T)[upper].mean() for s in prints.sketches.values()]))
