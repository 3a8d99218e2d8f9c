"""Scores on many questions -> do the answers come from one family of models or from two, and with which shares?

A chatbot may send some prompts to one model and some to another, or change its model in mid-conversation. How the
scores of an answer lie with its own family and with another one is measured on the cohort: t-distributed about means
that are the pair's own, with one spread. A mixture of two families then has one unknown, the share, and a log
likelihood that is concave in it: a grid finds its top and its interval (profile likelihood, Wilks 1938), and no start
matters.

A single model that is neither of the two can lie between them on every question; it is an account of its own, whose
means are fitted. Two components always fit better than one, and at the edge of the shares the chi-square does not hold
(Self & Liang 1987, doi:10.1080/01621459.1987.10478472). The gain of two families over the best single account is
therefore ranked among the gains of models that are known to be single: each of the cohort with its kin in the library,
and each without them, as a stranger.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from wrapdetect.evidence.compare.arrays import Floats
from wrapdetect.library.identify import Indices, Sheet

FEWEST_MIXED_QUESTIONS = 16
"""Fewer answered questions than this tell nothing of a mixture."""
FEWEST_KIN = 8
"""Fewer cohort models with kin in the library than this measure neither how own answers score nor a null."""
FEW_BEST = 24
"""Families that are looked at as the second one, at most: those with the best totals. A quarter of the answers lifts a
family's total little above those of the first one's relatives: with 8 it was missed more often."""
_SHARES = np.linspace(0.0, 1.0, 101)
COARSE = _SHARES[::5]
"""Shares tried for the gain; all SHARES for the estimate and its interval."""
HEAVY = 5.0
"""Degrees of freedom of the t-distribution of scores: one odd question says little."""
_FARTHEST = 30.0
"""Nats of one question at most, so that exponentials stay within numbers; real scores stay far below."""
WILKS = 1.92
"""Half the 95 % point of chi-square with one degree of freedom."""
LEVEL = 0.05
SHUFFLES = 999
SHORTEST = 4
"""A stretch before or after a change has at least this many questions."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mixture:
    """The best account of a target by two families. It is given for single models, too: look at `p_two` first."""

    first: int
    """Place of the best model of the family with the larger share."""
    second: int
    """The same for the other family."""
    share: float
    """Of the second: part of the answers that come from it, at most one half."""
    low: float
    high: float
    """95 % interval of the share with which the target sends prompts to the second, not of the share among these
    questions alone. It reaches down to 0 wherever one family is not rejected (`p_two` > .05)."""
    gain: float
    """Log likelihood of two families less that of the best single account, nats; below 0 where that is better."""
    p_two: float
    """Rank of the gain among those of single models; at least 1 / (n_single + 1)."""
    n_single: int
    """Single models that measured the null: of the smaller of its two kinds."""
    n_questions: int
    change: int | None
    """Place in `Sheet.questions` of the first answer after the best change from one family to the other; None where
    one family throughout is no worse. It means something only where there are two."""
    p_change: float
    """Permutation p-value of that change against the same answers in shuffled order: small says before and after,
    large says by prompt."""


class Levels(NamedTuple):
    """Where scores lie. `sums` (n_families, n_families): over the cohort's members of a family (row), their mean
    scores with a family (column); `counts`: of how many. `own` and `other`: mean score with the own and with another
    family, over all of them; `spread`: standard deviation of a score on one question."""

    sums: Floats
    counts: Floats
    own: float
    other: float
    spread: float

    def at(self, source: Indices, column: Indices) -> Floats:
        """Expected score of answers from family `source` with family `column`; the pooled mean counts as one member."""
        pooled = np.where(source == column, self.own, self.other)
        return np.asarray((self.sums[source, column] + pooled) / (self.counts[source, column] + 1))

    def without(self, totals: Floats, kind: int) -> "Levels":
        """The same without one member of family `kind`, whose mean scores are `totals` (n_families,)."""
        sums, counts = self.sums.copy(), self.counts.copy()
        sums[kind] -= np.nan_to_num(totals)
        counts[kind] -= np.isfinite(totals)
        return self._replace(sums=sums, counts=counts)


class _Pair(NamedTuple):
    """Two families, the share of the second, its gain, and by question its log likelihood ratio over the first."""

    first: int
    second: int
    share: float
    gain: float
    ratios: Floats

    def turned(self) -> "_Pair":
        """The same with first and second exchanged."""
        return _Pair(self.second, self.first, 1 - self.share, self.gain, -self.ratios)


def mixture(sheet: Sheet, family: Indices, rng: Generator) -> Mixture | None:
    """`sheet.questions` stand in the order in which they were asked; `family` numbers each model's, shape (n_models,).

    None with fewer than FEWEST_QUESTIONS answered questions, FEWEST_KIN cohort models with kin, or two families.
    """
    asked = np.flatnonzero(np.isfinite(sheet.scores[:, 0]).any(axis=1))
    if len(asked) < FEWEST_MIXED_QUESTIONS:
        return None
    scores, kind = family_scores(sheet.scores[asked], family), family[sheet.cohort]
    levels = measured_levels(scores[:, 1:], kind)
    candidates = np.flatnonzero(np.isfinite(means(scores[:, 0])))
    if levels is None or len(candidates) < 2:
        return None
    pair = best_pair(scores[:, 0], levels, candidates)
    pair = pair.turned() if pair.share > 0.5 else pair
    nulls = null_gains(scores[:, 1:], kind, levels, candidates)
    if min(map(len, nulls)) < FEWEST_KIN:
        return None
    p_two = max(_rank(pair.gain, n) for n in nulls)
    low, high = interval(pair.ratios)
    second = belongings(pair)
    change, p_change = change_point(pair.ratios, rng)
    return Mixture(
        first=best_member(sheet.scores[asked, 0], family == pair.first, 1 - second),
        second=best_member(sheet.scores[asked, 0], family == pair.second, second),
        share=pair.share,
        low=low if p_two <= LEVEL else 0.0,
        high=high,
        gain=pair.gain,
        p_two=p_two,
        n_single=min(map(len, nulls)),
        n_questions=len(asked),
        change=None if change is None else int(asked[change]),
        p_change=p_change,
    )


def family_scores(scores: NDArray[np.float32], family: Indices) -> Floats:
    """Mean over the members of each family: (n_questions, rows, n_models) -> (n_questions, rows, n_families).

    In units of the question's spread over the cohort (rows from 1 on); NaN where no member is to be had. The mean names
    the right two families more often than the best member does.
    """
    there = np.isfinite(scores)
    order = np.argsort(family, kind="stable")
    numbers, starts = np.unique(family[order], return_index=True)
    n = np.zeros((*scores.shape[:2], int(family.max()) + 1))
    total = np.zeros_like(n)
    n[..., numbers] = np.add.reduceat(there[..., order], starts, axis=2, dtype=np.float64)
    total[..., numbers] = np.add.reduceat(np.where(there, scores, 0.0)[..., order], starts, axis=2, dtype=np.float64)
    mean = np.where(n > 0, total / np.maximum(n, 1), np.nan)
    spread = np.array([m[1:][h[1:] > 0].std() if (h[1:] > 0).any() else 0.0 for m, h in zip(mean, n, strict=True)])
    return np.asarray(mean / np.where(spread < 1e-6, 1.0, spread)[:, None, None])


def measured_levels(scores: Floats, kind: Indices) -> Levels | None:
    """From the cohort's `scores` (n_questions, n_cohort, n_families) and families `kind` (n_cohort,).

    None with fewer than FEWEST_KIN members that have kin, or where none has a score with another family.
    """
    totals = means(scores)
    there = np.isfinite(totals)
    own = np.eye(totals.shape[1], dtype=bool)[kind]
    if (own & there).sum() < FEWEST_KIN or not (~own & there).any():
        return None
    sums, counts = own.T @ np.where(there, totals, 0.0), own.T.astype(float) @ there
    variances = means((scores - totals) ** 2)
    within = (variances[own & there].mean() + variances[~own & there].mean()) / 2
    return Levels(
        sums=sums,
        counts=counts,
        own=float(totals[own & there].mean()),
        other=float(totals[~own & there].mean()),
        spread=max(float(np.sqrt(within)), 1e-6),
    )


def best_pair(scores: Floats, levels: Levels, candidates: Indices) -> _Pair:
    """The family with the best total, and the one beside it that gains most. `scores` (n_questions, n_families)."""
    order = candidates[np.argsort(-means(scores)[candidates], kind="stable")][: FEW_BEST + 1]
    first, others = int(order[0]), order[1:]
    ratios, neither = likelihood_ratios(scores, first, others, levels)
    likelihoods = mixed(ratios, COARSE)
    gains = likelihoods.max(axis=0) - np.maximum(neither, np.maximum(likelihoods[0], likelihoods[-1]))
    best = int(np.argmax(gains))
    share = float(_SHARES[np.argmax(mixed(ratios[:, [best]], _SHARES)[:, 0])])
    return _Pair(first, int(others[best]), share, float(gains[best]), ratios[:, best])


def likelihood_ratios(scores: Floats, first: int, others: Indices, levels: Levels) -> tuple[Floats, Floats]:
    """Log likelihood ratios over the first family, from the scores with it and with the other; unknown ones count 0.

    Of each of the `others`, shape (n_questions, n_others); and of a model of neither family, whose two means are
    fitted, over all questions, shape (n_others,).
    """
    one = np.full(len(others), first)
    seen = np.stack([np.repeat(scores[:, [first]], len(others), axis=1), scores[:, others]])
    by_first = np.stack([levels.at(one, one), levels.at(one, others)])[:, None]
    by_other = np.stack([levels.at(others, one), levels.at(others, others)])[:, None]
    fitted = np.stack([means(s) for s in seen])[:, None]
    of_first, of_other, of_neither = (_density((seen - m) / levels.spread) for m in (by_first, by_other, fitted))
    return np.clip(of_other - of_first, -_FARTHEST, _FARTHEST), np.asarray((of_neither - of_first).sum(axis=0))


def _density(off: Floats) -> Floats:
    """Log density, up to a constant, of two scores that are `off` by so many standard deviations: (2, ...) -> (...)."""
    return np.asarray(-(HEAVY + 1) / 2 * np.log1p(np.nan_to_num(off) ** 2 / (HEAVY - 2)).sum(axis=0))


def mixed(ratios: Floats, shares: Floats) -> Floats:
    """Log likelihood of a mixture over that of the first family alone; (n_questions, n) -> (n_shares, n)."""
    return np.asarray(np.log1p(shares[:, None, None] * np.expm1(ratios)[None]).sum(axis=1))


def interval(ratios: Floats) -> tuple[float, float]:
    """The least and the largest share whose log likelihood is within WILKS of the best."""
    likelihood = mixed(ratios[:, None], _SHARES)[:, 0]
    inside = _SHARES[likelihood >= likelihood.max() - WILKS]
    return float(inside[0]), float(inside[-1])


def belongings(pair: _Pair) -> Floats:
    """Probability of each answer to come from the second family, (n_questions,)."""
    odds = max(pair.share, 1e-6) * np.exp(pair.ratios)
    return np.asarray(odds / (odds + 1 - pair.share))


def null_gains(scores: Floats, kind: Indices, levels: Levels, candidates: Indices) -> tuple[Floats, Floats]:
    """Gains of the cohort's members, which are single models: those with kin among the families, and all of them with
    their own family taken out (strangers). Each is left out of the levels that it is judged by."""
    totals = means(scores)
    kin, strangers = [], []
    for member, own in enumerate(kind):
        rest = levels.without(totals[member], int(own))
        known = candidates[np.isfinite(totals[member, candidates])]
        others = known[known != own]
        if len(others) < 2:
            continue
        strangers.append(best_pair(scores[:, member], rest, others).gain)
        if len(others) < len(known):
            kin.append(best_pair(scores[:, member], rest, known).gain)
    return np.array(kin), np.array(strangers)


def change_point(ratios: Floats, rng: Generator) -> tuple[int | None, float]:
    """Place of the first answer after the best change, and its p-value among SHUFFLES shuffled orders.

    The log likelihood of a change counts the one family before and the other after it; it is set against the better
    of the two throughout. None and 1.0 where no change is better than that.
    """
    places, found = _changes(ratios[None, :])
    if found[0] <= max(ratios.sum(), 0.0):
        return None, 1.0
    _, by_chance = _changes(rng.permuted(np.repeat(ratios[None, :], SHUFFLES, axis=0), axis=1))
    return int(places[0]), _rank(float(found[0]), by_chance)


def _changes(ratios: Floats) -> tuple[Indices, Floats]:
    """Best change of each row (rows, n), and its log likelihood over the first family throughout; (rows,) each."""
    before = np.cumsum(ratios, axis=1)[:, SHORTEST - 1 : -SHORTEST]
    after = ratios.sum(axis=1, keepdims=True) - before
    either = np.maximum(before, after)  # the second family before the change, or after it
    best = either.argmax(axis=1)
    return best + SHORTEST, np.take_along_axis(either, best[:, None], axis=1)[:, 0]


def means(scores: Floats) -> Floats:
    """Over the questions; NaN for what is there on fewer than half of them. (n_questions, ...) -> (...)."""
    there = np.isfinite(scores)
    n = there.sum(axis=0)
    mean = np.where(there, scores, 0.0).sum(axis=0) / np.maximum(n, 1)
    return np.asarray(np.where(n >= max(len(scores) / 2, 1), mean, np.nan))


def best_member(scores: NDArray[np.float32], members: NDArray[np.bool_], weights: Floats) -> int:
    """Place of the family's model with the best weighted mean. `scores` (n_questions, n_models)."""
    there = np.isfinite(scores)
    w = np.where(there, weights[:, None], 0.0)
    mean = (w * np.where(there, scores, 0.0)).sum(axis=0) / np.maximum(w.sum(axis=0), 1e-12)
    return int(np.argmax(np.where(members & there.any(axis=0), mean, -np.inf)))


def _rank(seen: float, by_chance: Floats) -> float:
    """Exact p-value of what is exchangeable with `by_chance`; never 0."""
    return float((1 + np.count_nonzero(by_chance >= seen - 1e-9)) / (len(by_chance) + 1))
