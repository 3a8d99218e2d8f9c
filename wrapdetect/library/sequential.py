"""Asking question by question: which to ask next, and when it is enough.

The stopping rule holds at any time and for a choice of questions that follows the answers. Each model of the library's
cohort plays a stranger whose family is not there and goes through the very audit that the target will: the same
choice of questions, the same looks. How high each comes at its highest look is what strangers reach by chance, and the
threshold is passed by a share `alpha` of strangers at most, a new one counted among them. The share is over families,
not models, since siblings come out alike: hierarchical conformal prediction (Lee, Barber & Willett 2023,
arXiv:2306.06342; for families of one, Vovk et al. 2005).

It holds for families as the library groups them. Where unrelated models are so alike that they are grouped together,
strangers are too few and too far off, and more than `alpha` of true ones pass (bench/match/adaptive.py).
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from wrapdetect.evidence.compare.arrays import Floats
from wrapdetect.library.identify import FEWEST_COMMON_QUESTIONS, FEWEST_STRANGERS, Indices, normal_score
from wrapdetect.library.nearest import Scores

_Mask = NDArray[np.bool_]
ALIVE = 6
"""Families that the next question is to separate, at most."""
ALIVE_WITHIN = 1.5
"""Standard deviations behind the nearest up to which a family is alive."""
CELLS = 8_000_000
"""Scores that are summed at a time: audits of many models are gone through in parts."""


class Pool(NamedTuple):
    """The questions that may be asked, with the scores of the cohort on them: (n_questions, n_cohort, n_models).

    `telling` (n_questions,) is by how much each separates families at all; `cohort` are places among the models.
    """

    scores: Scores
    telling: Scores
    cohort: Indices
    family: Indices

    @property
    def own(self) -> _Mask:
        """Which models are of the family of each of the cohort; shape (n_cohort, n_models)."""
        return np.asarray(self.family[self.cohort][:, None] == self.family[None, :])


class Pace(NamedTuple):
    """How an audit goes: `step` questions at a time, looked at from `fewest` answers on, `most` questions in all."""

    step: int
    fewest: int
    most: int


class StopRule(NamedTuple):
    """Named once `standard` (see Identified) is more than `threshold` at a look after `fewest` answers or more.

    `strangers` and `families` are those it was learned from.
    """

    threshold: float
    fewest: int
    most: int
    strangers: int
    families: int


class Looks(NamedTuple):
    """What audits side by side showed; shape (n_looks, n_speakers) each.

    `answers` had so far; `standard` of the nearest, NaN where it was too early or too little was common; `nearest`
    its place among the models (-1 without any).
    """

    answers: Indices
    standard: Scores
    nearest: Indices

    @property
    def highest(self) -> Scores:
        """Of each speaker over all looks; NaN without any."""
        best = np.where(np.isfinite(self.standard), self.standard, -np.inf).max(axis=0)
        return np.where(np.isfinite(best), best, np.nan).astype(np.float32)


def learn_rule(pool: Pool, pace: Pace, *, alpha: float) -> StopRule | None:
    """None where the library has too few families to bound an error of `alpha`: fewer than 1 / alpha - 1."""
    highest = audits(pool, pool.scores, pool.own, pace).highest
    known = np.isfinite(highest)
    family = pool.family[pool.cohort][known]
    threshold = threshold_of(highest[known], family, alpha)
    if threshold is None:
        return None
    return StopRule(threshold, pace.fewest, pace.most, int(known.sum()), len(np.unique(family)))


def threshold_of(reached: Scores, family: Indices, alpha: float) -> float | None:
    """What a member of a new family is above with probability `alpha` at most. None with too few families.

    >>> threshold_of(np.arange(19, dtype=np.float32), np.arange(19), 0.05)
    18.0
    >>> threshold_of(np.arange(18, dtype=np.float32), np.arange(18), 0.05)
    """
    groups, place, size = np.unique(family, return_inverse=True, return_counts=True)
    weight = 1 / size[place] / (len(groups) + 1)
    order = np.argsort(reached, kind="stable")
    enough = np.flatnonzero(np.cumsum(weight[order]) >= 1 - alpha - 1e-9)
    return float(reached[order][enough[0]]) if len(enough) else None


def audits(pool: Pool, speakers: Scores, absent: _Mask, pace: Pace, order: Indices | None = None) -> Looks:
    """Audits of several speakers against one library, each by its own choice of questions.

    `speakers` (n_questions, n_speakers, n_models) are their scores, NaN where there is none; `absent` (n_speakers,
    n_models) are models that are not there for a speaker, neither as its nearest nor as strangers nor as the nearest
    of those: likenesses go both ways, and strangers that come near to a speaker would hide how near it comes to them.
    `order` (n_speakers, n_questions), where given, is asked instead of what separates best.
    """
    size = max(1, CELLS // max(1, pool.scores[0].size))
    parts = [slice(first, first + size) for first in range(0, speakers.shape[1], size)]
    told = [
        list(_audits(pool, speakers[:, part], absent[part], pace, None if order is None else order[part]))
        for part in parts
    ]
    looks = [[np.stack(field) for field in zip(*part, strict=True)] for part in told]
    answers, standard, nearest = (np.concatenate(field, axis=1) for field in zip(*looks, strict=True))
    return Looks(answers, standard, nearest)


def _audits(
    pool: Pool, speakers: Scores, absent: _Mask, pace: Pace, order: Indices | None
) -> Iterator[tuple[Indices, Scores, Indices]]:
    """Look by look: answers, standard and nearest of each speaker."""
    there, blocked = np.isfinite(pool.scores), np.where(pool.own, np.float32(-np.inf), np.float32(0))
    filled = np.where(there, pool.scores, np.float32(0))
    speakers = np.where(absent, np.float32(np.nan), speakers)
    heard = np.asarray(np.isfinite(speakers).any(axis=2))
    gone = np.where(absent, np.float32(-np.inf), np.float32(0))[:, None, :]
    n_speakers, every = speakers.shape[1], np.arange(speakers.shape[1])
    sums = np.zeros((n_speakers, *filled.shape[1:]), np.float32)
    counts = np.zeros(sums.shape, np.int16)
    own, own_n = np.zeros((n_speakers, sums.shape[2]), np.float32), np.zeros((n_speakers, sums.shape[2]), np.int16)
    left, answers = np.ones((n_speakers, len(filled)), bool), np.zeros(n_speakers, np.intp)
    alive: list[Indices] = [np.zeros(0, np.intp)] * n_speakers
    for asked in range(0, min(pace.most, len(filled)), pace.step):
        step = min(pace.step, pace.most - asked, len(filled) - asked)
        chosen = order[:, asked : asked + step] if order is not None else _best(worth(pool, alive), left, step)
        for question in chosen.T:
            left[every, question] = False
            told = heard[question, every]
            answers = answers + told
            sums[told] += filled[question[told]]
            counts[told] += there[question[told]]
            own += np.nan_to_num(speakers[question, every])
            own_n += np.isfinite(speakers[question, every])
        need = np.minimum(answers, np.maximum(FEWEST_COMMON_QUESTIONS, answers / 3))[:, None]
        means = np.where(counts >= need[:, :, None], sums / np.maximum(counts, 1), np.float32(-np.inf))
        means = means + blocked + gone
        mean, sd, n = _moments(means.max(axis=2), ~absent[:, pool.cohort])
        totals = np.where((own_n >= need) & (own_n > 0), own / np.maximum(own_n, 1), np.float32(-np.inf))
        nearest = totals.argmax(axis=1)
        standard = normal_score((totals[every, nearest] - mean) / sd, n)
        found = np.isfinite(standard)
        alive = [alive_models(totals[s], sd[s], pool.family) if found[s] else alive[s] for s in every]
        shown = np.where(found & (answers >= pace.fewest), standard, np.nan).astype(np.float32)
        yield answers, shown, np.where(found, nearest, -1)


def _moments(reached: Scores, others: _Mask) -> tuple[Floats, Floats, Floats]:
    """Mean, standard deviation and number of the strangers of each speaker; NaN with too few of them."""
    there = np.isfinite(reached) & others
    n = there.sum(axis=1).astype(np.float64)
    n[n < FEWEST_STRANGERS] = np.nan
    value = np.where(there, reached, 0).astype(np.float64)
    mean = value.sum(axis=1) / n
    square = np.where(there, (value - mean[:, None]) ** 2, 0).sum(axis=1) / (n - 1)
    return mean, np.maximum(np.sqrt(square), 1e-3), n


def alive_models(totals: Scores, sd: float, family: Indices) -> Indices:
    """The nearest model of each family that may still be it: the two nearest families, and those not far behind.

    `totals` (n_models,) are mean scores, not finite where there is none; `sd` that of strangers.
    """
    best: dict[int, int] = {}
    order = np.argsort(-np.where(np.isfinite(totals), totals, -np.inf), kind="stable")
    for model in order[: int(np.isfinite(totals).sum())]:
        if len(best) == ALIVE or (totals[order[0]] - totals[model] > ALIVE_WITHIN * sd and len(best) > 1):
            break
        best.setdefault(int(family[model]), int(model))
    return np.array(list(best.values()), np.intp)


def next_questions(pool: Pool, left: Sequence[int], alive: Indices, n: int) -> list[int]:
    """Places of the `n` questions of those `left` that best separate the models `alive`, the best first."""
    still = np.isin(np.arange(len(pool.scores)), left)
    return [int(q) for q in _best(worth(pool, [alive]), still[None], min(n, len(left)))[0]]


def worth(pool: Pool, alive: Sequence[Indices]) -> Scores:
    """How well each question separates the models alive, of several audits; shape (n_audits, n_questions).

    Telling questions are those on which families differ at all; what they say of the models alive is how differently
    the cohort sees these (standard deviation over the models, root mean square over the cohort). With fewer than two
    alive only telling counts.
    """
    telling = np.maximum(pool.telling, 1e-6)
    found = np.empty((len(alive), len(pool.scores)), np.float32)
    for row, models in enumerate(alive):
        seen = np.nan_to_num(pool.scores[:, :, models])
        apart = np.sqrt(seen.var(axis=2).mean(axis=1)) if len(models) > 1 else 1.0
        found[row] = telling * apart
    return found


def _best(value: Scores, left: _Mask, n: int) -> Indices:
    """The `n` best questions of those left, of each audit; ties in their order."""
    return np.argsort(-np.where(left, value, -np.inf), axis=1, kind="stable")[:, :n]
