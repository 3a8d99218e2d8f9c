"""The relative test: by how much is one speaker nearer to a candidate than the candidates are to one another?

For a speaker t, a candidate u and the other candidates o, on one question:
    lead = S(t,u) - mean_o S(t,o) - mean_o S(o,u) + mean_{o,o'} S(o,o')
Topic, and how alike anybody is to t or to u in general, cancel out (double centring, as in two-way analysis of
variance). It is given as a share of the mean similarity between different candidates, so that it means the same
in every view. With two candidates the last term does not exist: lead = S(t,u) - (S(t,o) + S(o,u)) / 2.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.random import Generator
from scipy.special import gammaln, ndtr

from wrapdetect.compare.likeness import Likeness, Speaker
from wrapdetect.compare.views import Floats
from wrapdetect.seeds import Likeness as Known

BOOTSTRAP_DRAWS = 2000
FEWEST_ITEMS = 8
"""Fewer common questions than this carry no lead: intervals of so few questions are not to be trusted."""


class Lead(NamedTuple):
    """A mean lead over questions with its bootstrap standard error and 95 % interval; shares, not nats."""

    value: float
    error: float
    low: float
    high: float
    n: int
    per_item: Floats
    items: tuple[str, ...]


class Null(NamedTuple):
    """What is expected of a speaker unrelated to all candidates: Student t with `freedom` degrees of freedom."""

    mean: float
    sd: float
    freedom: float


def lead(
    like: Likeness, speaker: Speaker, candidate: Speaker, others: Sequence[Speaker], rng: Generator
) -> Lead | None:
    """The lead of `candidate` with `speaker` over `others` (at least one). None below FEWEST_ITEMS common questions."""
    raw, cross = _raw_leads(like, speaker, candidate, others)
    kept = np.isfinite(raw) & np.isfinite(cross)
    raw, cross = raw[kept], cross[kept]
    if len(raw) < FEWEST_ITEMS or cross.mean() <= 0:
        return None
    picks = rng.integers(0, len(raw), (BOOTSTRAP_DRAWS, len(raw)))
    base = cross[picks].mean(axis=1)
    drawn = raw[picks].mean(axis=1) / np.where(base > 0, base, np.nan)
    low, high = np.nanquantile(drawn, (0.025, 0.975))
    return Lead(
        value=float(raw.mean() / cross.mean()),
        error=float(np.nanstd(drawn)),
        low=float(low),
        high=float(high),
        n=len(raw),
        per_item=raw / cross.mean(),
        items=tuple(item for item, k in zip(like.items, kept, strict=True) if k),
    )


def measured_null(like: Likeness, candidates: Sequence[Speaker], known: Known, rng: Generator) -> Null:
    """Each candidate in turn plays an unrelated speaker among the rest; what is known beforehand is mixed in.

    With fewer than three candidates nothing can be measured and the known values stand alone.
    """
    leads: list[float] = []
    if len(candidates) >= 3:
        for stranger in candidates:
            rest = [c for c in candidates if c != stranger]
            found = [lead(like, stranger, c, [o for o in rest if o != c], rng) for c in rest]
            leads += [max(f.value for f in found if f)] if any(found) else []
    weight = known.null_weight
    total = weight + len(leads)
    mean = (weight * known.null_mean + sum(leads)) / total
    spread = weight * (known.null_sd**2 + (known.null_mean - mean) ** 2) + sum((x - mean) ** 2 for x in leads)
    return Null(mean=mean, sd=float(np.sqrt(spread / total * (1 + 1 / total))), freedom=total)


def own_range(self_lead: Lead | None, known: Known) -> tuple[float, float]:
    """Leads to expect of the same model behind something: from the reference behind a neutral prompt, if measured.

    A wrapper's prompt may move a model further than ours did, hence from 0.35 of the measured lead.
    """
    if self_lead is None or self_lead.value <= known.self_low:
        return known.self_low, known.self_high
    return 0.35 * self_lead.value, max(1.05 * self_lead.value, known.self_high)


def log_ratio(value: float, error: float, null: Null, own: tuple[float, float]) -> float:
    """ln p(lead | same model, its expected lead uniform in `own`) - ln p(lead | unrelated). Unbounded, nats.

    Beyond the middle of `own` the first density stays as it is there: nearer than expected is no evidence against.

    >>> null = Null(mean=0.1, sd=0.1, freedom=8.0)
    >>> log_ratio(0.5, 0.05, null, (0.2, 0.6)) > 2 > 0 > log_ratio(0.0, 0.05, null, (0.2, 0.6))
    True
    """
    low, high = own
    s = max(error, 1e-3)
    x = min(value, (low + high) / 2)
    same = (ndtr((high - x) / s) - ndtr((low - x) / s)) / (high - low)
    scale = float(np.hypot(null.sd, s))
    z = (value - null.mean) / scale
    v = null.freedom
    unrelated = gammaln((v + 1) / 2) - gammaln(v / 2) - 0.5 * np.log(v * np.pi) - np.log(scale)
    unrelated -= (v + 1) / 2 * np.log1p(z * z / v)
    return float(np.log(max(same, 1e-300)) - unrelated)


def _raw_leads(
    like: Likeness, speaker: Speaker, candidate: Speaker, others: Sequence[Speaker]
) -> tuple[Floats, Floats]:
    """Per question: the lead, and the mean similarity between different candidates."""
    near = like.between(speaker, candidate)
    speaker_others = np.mean([like.between(speaker, o) for o in others], axis=0)
    candidate_others = np.mean([like.between(candidate, o) for o in others], axis=0)
    if len(others) == 1:
        return near - (speaker_others + candidate_others) / 2, candidate_others
    pairs = [like.between(a, b) for i, a in enumerate(others) for b in others[i + 1 :]]
    among_others = np.mean(pairs, axis=0)
    cross = (candidate_others * len(others) + among_others * len(pairs)) / (len(others) + len(pairs))
    return near - speaker_others - candidate_others + among_others, cross
