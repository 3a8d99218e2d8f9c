"""The relative test: by how much is one speaker nearer to a candidate than the candidates are to one another?

For a speaker t, a candidate u and the other candidates o, over the same questions:
    lead = S(t,u) - S(t,o) * S(o,u) / S(o,o')
S(t,o) * S(o,u) / S(o,o') is what to expect where nothing binds t to u in particular: how alike t is to anybody, times
how alike u is to anybody (the independence model of a two-way table). A speaker that is like nobody has no lead, even
over a candidate that is like nobody. The lead is given as a share of the mean similarity between different candidates,
so that it means the same in every view. With two candidates S(o,o') does not exist, and
    lead = S(t,u) - (S(t,o) + S(o,u)) / 2.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.random import Generator
from scipy.special import gammaln, ndtr

from wrapdetect.evidence.compare.arrays import Floats
from wrapdetect.evidence.compare.behaviour.likeness import Likeness, Speaker
from wrapdetect.evidence.compare.behaviour.views import ViewId
from wrapdetect.evidence.seeds import KnownLikeness as Known

_BOOTSTRAP_DRAWS = 2000
FEWEST_ITEMS = 8
"""Fewer common questions than this carry no lead: intervals of so few questions are not to be trusted."""

FARTHEST_NATS = 20.0
"""Nats beyond which densities of a few dozen questions mean nothing; the ruleset's bounds are far inside."""
MOST_ALIKE = 3.0
"""S(o,u) / S(o,o') beyond this is noise of a few questions."""


IDENTICAL = 0.9
"""A reference whose answers behind a prompt are this alike does not vary: it measures no null."""


class Lead(NamedTuple):
    """A mean lead over questions with its bootstrap standard error and 95 % interval; shares, not nats."""

    value: float
    error: float
    low: float
    high: float
    n: int
    per_item: Floats
    items: tuple[str, ...]


class LeadNull(NamedTuple):
    """What is expected of a speaker unrelated to all candidates: Student t with `freedom` degrees of freedom."""

    mean: float
    sd: float
    freedom: float


def lead(
    like: Likeness, speaker: Speaker, candidate: Speaker, others: Sequence[Speaker], rng: Generator
) -> Lead | None:
    """The lead of `candidate` with `speaker` over `others` (at least one). None below FEWEST_ITEMS common questions."""
    parts = _parts(like, speaker, candidate, others)
    kept = np.asarray(np.isfinite(parts).all(axis=0))
    parts = parts[:, kept]
    n = parts.shape[1]
    if n < FEWEST_ITEMS or _cross(parts.mean(axis=1), len(others)) <= 0:
        return None
    picks = rng.integers(0, n, (_BOOTSTRAP_DRAWS, n))
    drawn = _relative(np.stack([part[picks].mean(axis=1) for part in parts]), len(others))
    low, high = np.nanquantile(drawn, (0.025, 0.975))
    means = parts.mean(axis=1)
    return Lead(
        value=float(_relative(means[:, None], len(others))[0]),
        error=float(np.nanstd(drawn)),
        low=float(low),
        high=float(high),
        n=n,
        per_item=parts[0] - _expected(np.stack([parts[0], parts[1], *means[2:, None] * np.ones(n)]), len(others)),
        items=tuple(item for item, k in zip(like.items, kept, strict=True) if k),
    )


def measured_null(like: Likeness, candidates: Sequence[Speaker], known: Known, rng: Generator) -> LeadNull:
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
    return LeadNull(mean=mean, sd=float(np.sqrt(spread / total * (1 + 1 / total))), freedom=total)


def own_range(self_lead: Lead | None, known: Known) -> tuple[float, float]:
    """Leads to expect of the same model behind something: from the reference behind a neutral prompt, if measured.

    A wrapper's prompt may move a model further than ours did, hence from 0.35 of the measured lead.
    """
    if self_lead is None:
        return known.self_low, known.self_high
    if self_lead.value <= known.self_low:
        return min(known.self_low, max(0.0, 0.35 * self_lead.value)), known.self_high
    return 0.35 * self_lead.value, max(1.05 * self_lead.value, known.self_high)


def lead_log_ratio(value: float, error: float, null: LeadNull, own: tuple[float, float]) -> float:
    """ln p(lead | same model, its expected lead uniform in `own`) - ln p(lead | unrelated). In nats, within FARTHEST.

    Beyond the middle of `own` the first density stays as it is there: nearer than expected is no evidence against.

    >>> null = LeadNull(mean=0.1, sd=0.1, freedom=8.0)
    >>> lead_log_ratio(0.5, 0.05, null, (0.2, 0.6)) > 2 > 0 > lead_log_ratio(0.0, 0.05, null, (0.2, 0.6))
    True
    """
    low, high = own
    s = max(error, 1e-3)
    x = min(value, (low + high) / 2)
    same = (ndtr((high - x) / s) - ndtr((low - x) / s)) / (high - low)
    scale = float(np.hypot(null.sd, s))
    z = max(0.0, value - null.mean) / scale
    v = null.freedom
    unrelated = gammaln((v + 1) / 2) - gammaln(v / 2) - 0.5 * np.log(v * np.pi) - np.log(scale)
    unrelated -= (v + 1) / 2 * np.log1p(z * z / v)
    return float(np.clip(np.log(max(same, 1e-300)) - unrelated, -FARTHEST_NATS, FARTHEST_NATS))


class RelativeTest(NamedTuple):
    """One view of a run, ready to put candidates to."""

    view: ViewId
    like: Likeness
    known: Known
    null: LeadNull
    candidates: tuple[Speaker, ...]
    variants: tuple[str, ...]
    rng: Generator

    def others(self, candidate: Speaker) -> list[Speaker]:
        return [c for c in self.candidates if c != candidate]

    def lead_of(self, speaker: Speaker, candidate: Speaker) -> Lead | None:
        return lead(self.like, speaker, candidate, self.others(candidate), np.random.default_rng(0))

    def own(self, candidate: Speaker) -> Lead | None:
        """The candidate's lead with itself behind neutral prompts; None where that was not asked or never varied."""
        for variant in self.variants:
            behind = (candidate[0], variant)
            if behind in self.like.speakers:
                alike = self.like.between(behind, candidate)
                both = alike[np.isfinite(alike)]
                if len(both) and both.mean() < IDENTICAL:
                    return self.lead_of(behind, candidate)
        return None

    def llr(self, value: float, error: float, candidate: Speaker, *, nearest: bool) -> float:
        """Nats for a lead. The null is that of the largest of k leads, which falls on any one candidate with 1 / k:
        hence + ln k for the nearest; another candidate gathers nothing."""
        weight = lead_log_ratio(value, error, self.null, own_range(self.own(candidate), self.known))
        return weight + float(np.log(len(self.candidates))) if nearest else min(weight, 0.0)


def _parts(like: Likeness, speaker: Speaker, candidate: Speaker, others: Sequence[Speaker]) -> Floats:
    """Rows S(t,u), S(t,o), S(o,u), S(o,o') by question, means over the others; the last is a copy of the third where
    there is one other only. Shape (4, n_items)."""
    pairs = [like.between(a, b) for i, a in enumerate(others) for b in others[i + 1 :]]
    candidate_others = np.mean([like.between(candidate, o) for o in others], axis=0)
    return np.stack(
        [
            like.between(speaker, candidate),
            np.mean([like.between(speaker, o) for o in others], axis=0),
            candidate_others,
            np.mean(pairs, axis=0) if pairs else candidate_others,
        ]
    )


def _expected(parts: Floats, n_others: int) -> Floats:
    """S(t,u) where nothing binds t to u in particular."""
    _, speaker_others, candidate_others, among_others = parts
    if n_others == 1:
        return np.asarray((speaker_others + candidate_others) / 2, dtype=np.float64)
    ratio = np.clip(candidate_others / np.maximum(among_others, 1e-6), 0.0, MOST_ALIKE)
    return np.asarray(speaker_others * ratio, dtype=np.float64)


def _relative(parts: Floats, n_others: int) -> Floats:
    """Lead as a share of the mean similarity between different candidates."""
    base = _cross(parts, n_others)
    return np.asarray((parts[0] - _expected(parts, n_others)) / np.where(base > 0, base, np.nan), dtype=np.float64)


def _cross(parts: Floats, n_others: int) -> Floats:
    """Mean similarity between different candidates, all pairs counted once."""
    pairs = n_others * (n_others - 1) / 2
    return np.asarray((parts[2] * n_others + parts[3] * pairs) / (n_others + pairs), dtype=np.float64)
