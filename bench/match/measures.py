"""Measures of likelihood ratios and of shares: Cllr and its parts, calibration error, intervals clustered by target."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.stats import beta
from sklearn.isotonic import IsotonicRegression

Floats = NDArray[np.float64]
Labels = NDArray[np.bool_]


def cllr(llr: Floats, true: Labels) -> float:
    """Cost of log likelihood ratios in bits, both classes with equal weight (Brümmer & du Preez 2006); 1 is no news."""
    return float(0.5 * (np.log2(1 + np.exp(-llr[true])).mean() + np.log2(1 + np.exp(llr[~true])).mean()))


def cllr_min(llr: Floats, true: Labels) -> float:
    """Cllr after the best monotone recalibration (pool adjacent violators): what discrimination alone allows."""
    weight = np.where(true, 0.5 / true.sum(), 0.5 / (~true).sum())
    p = IsotonicRegression(y_min=1e-6, y_max=1 - 1e-6).fit_transform(llr, true.astype(float), sample_weight=weight)
    return cllr(np.log(p / (1 - p)), true)


def calibration_error(llr: Floats, true: Labels, bins: int = 10) -> tuple[float, list[tuple[float, float, float]]]:
    """Expected calibration error at even prior odds, and for each bin mean probability, share that is true, weight."""
    p = 1 / (1 + np.exp(-llr))
    weight = np.where(true, 0.5 / true.sum(), 0.5 / (~true).sum())
    rows = []
    for low in np.arange(bins) / bins:
        own = (p >= low) & ((p < low + 1 / bins) | (low + 1 / bins >= 1))
        if own.any():
            w = weight[own]
            rows.append((float((p[own] * w).sum() / w.sum()), float((true[own] * w).sum() / w.sum()), float(w.sum())))
    return sum(w * abs(a - b) for a, b, w in rows), rows


def true_positives(score: Floats, true: Labels, false_share: float) -> float:
    """Share of the true above the threshold that `false_share` of the false pass."""
    return float((score[true] > np.quantile(score[~true], 1 - false_share)).mean())


def clustered(
    measure: Callable[[NDArray[np.intp]], float], targets: Sequence[str], draws: int = 500
) -> tuple[float, float, float]:
    """A measure of rows with its 95 % interval, whole targets drawn with replacement."""
    names, place = np.unique(np.array(targets), return_inverse=True)
    rows = [np.flatnonzero(place == i) for i in range(len(names))]
    rng = np.random.default_rng(0)
    found = []
    for _ in range(draws):
        picked = rng.integers(0, len(names), len(names))
        found.append(measure(np.concatenate([rows[i] for i in picked])))
    low, high = np.nanquantile(found, (0.025, 0.975))
    return measure(np.arange(len(place))), float(low), float(high)


def clopper_pearson(hits: int, n: int) -> tuple[float, float]:
    """Exact 95 % interval of a share (Clopper & Pearson 1934)."""
    low = beta.ppf(0.025, hits, n - hits + 1) if hits else 0.0
    return float(low), float(beta.ppf(0.975, hits + 1, n - hits) if hits < n else 1.0)


def upper_bound(hits: Sequence[bool], targets: Sequence[str]) -> float:
    """Upper end of the exact 95 % interval of a share, each target counted once (hit where any of its trials is)."""
    hit = dict.fromkeys(targets, False)
    for t, h in zip(targets, hits, strict=True):
        hit[t] |= bool(h)
    return clopper_pearson(sum(hit.values()), len(hit))[1]
