"""Scores on many questions -> whose answers are these: the nearest models and families, against a measured null.

The null is measured in the library itself, on the very questions that the target answered: each model of a cohort
plays a stranger whose family is not there, and the score of its nearest is what strangers reach by chance. The
target's nearest is then given in standard deviations of that (`standard`), so that it means the same whatever the
library, its size and the questions.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from scipy.stats import norm
from scipy.stats import t as student

from wrapdetect.evidence.compare.arrays import Floats
from wrapdetect.library.fingerprint import Fingerprints
from wrapdetect.library.nearest import Rows, Scores, combined, question_scores

Indices = NDArray[np.intp]

FEWEST_COMMON_QUESTIONS = 8
"""Fewer common questions than this say nothing of a model."""
FARTHEST_STANDARD = 38.0
"""Where strangers hardly vary, tails fall below all numbers; nothing is further off than this."""
FEWEST_STRANGERS = 8
"""Fewer strangers than this measure no null."""
_BOOTSTRAP_DRAWS = 400


class Sheet(NamedTuple):
    """Combined scores of a target and of the cohort with every model: shape (n_questions, 1 + n_cohort, n_models).

    Row 0 is the target's; `cohort` holds the places of the others among the models. NaN: not to be had.
    """

    questions: tuple[str, ...]
    scores: Scores
    cohort: Indices

    def totals(self, rows: slice = slice(None)) -> Scores:
        """Means over questions; NaN for fewer than FEWEST_QUESTIONS or a third of the questions. (rows, n_models)."""
        return mean_scores(self.scores[:, rows])


def normal_score(value: Floats | np.float64, n: Floats | int) -> Floats:
    """Student's t of `value` standard deviations beyond the mean of `n` strangers, as a normal score.

    Within FARTHEST_STANDARD; NaN where `value` is not finite.
    """
    scaled = value / np.sqrt(1 + 1 / n)
    within = np.minimum(norm.isf(student.sf(np.abs(scaled), n - 1)), FARTHEST_STANDARD)
    return np.where(np.isfinite(value), np.sign(scaled) * within, np.nan)


class StrangersNull(NamedTuple):
    """Scores that strangers reach with their nearest model: mean, standard deviation, number of strangers."""

    mean: float
    sd: float
    n: int

    def standard(self, score: float) -> float:
        """How far beyond strangers, in standard deviations; few strangers tell less (Student's t, as a normal score).

        >>> round(StrangersNull(0.5, 0.2, 96).standard(1.5), 1), round(StrangersNull(0.5, 0.2, 10).standard(1.5), 1)
        (4.7, 3.3)
        """
        return float(normal_score(np.float64((score - self.mean) / self.sd), self.n))


class Identified(NamedTuple):
    """The nearest model and how far beyond chance it is.

    `totals`: (n_models,) mean scores, NaN where too few questions are common; `nearest`: place of the best model;
    `standard` with its 95 % bootstrap interval over questions: standard deviations above the mean stranger;
    `margin`: lead in score over the best model outside the family, in the same unit.
    """

    totals: Scores
    nearest: int
    standard: float
    low: float
    high: float
    margin: float
    null: StrangersNull
    n_questions: int


def score_question(
    target: Fingerprints,
    models: Fingerprints,
    cohort: Indices,
    weights: Mapping[str, float],
    family: Indices | None = None,
) -> Scores:
    """One question of a Sheet, shape (1 + n_cohort, n_models). `target` holds one speaker.

    With `family`, each of the cohort is a stranger to its whole family: relatives in its mean, or among its judges,
    would make it a lesser stranger than a true one.
    """
    known = models.rows(cohort)
    both = Fingerprints(
        np.concatenate([target.answered, known.answered]),
        np.concatenate([target.refused, known.refused]),
        np.concatenate([target.opening, known.opening]),
        {k: np.concatenate([target.sketches[k], s]) for k, s in known.sketches.items() if k in target.sketches},
    )
    speakers = Rows(both, np.concatenate([np.array([-1], np.intp), cohort]), family)
    return combined(question_scores(speakers, models, first_judge=1), weights)


def choose_cohort(n_models: int, size: int) -> Indices:
    """Models spread evenly over the list, `size` at most."""
    return np.unique(np.linspace(0, n_models - 1, min(size, n_models)).round().astype(np.intp))


def mean_scores(scores: Scores) -> Scores:
    """Over the first axis; NaN for fewer than FEWEST_QUESTIONS or a third of them."""
    there = np.isfinite(scores)
    n = there.sum(axis=0)
    few = n < min(len(scores), max(FEWEST_COMMON_QUESTIONS, len(scores) / 3))
    means = np.where(there, scores, 0).sum(axis=0) / np.maximum(n, 1)
    return np.asarray(np.where(few, np.nan, means), dtype=np.float32)


def strangers(totals: Scores, cohort: Indices, family: Indices) -> Scores:
    """For each of the cohort, the score of its nearest model outside its family; shape (n_cohort,), NaN where none."""
    own = family[cohort][:, None] == family[None, :]
    outside = np.where(own | ~np.isfinite(totals), -np.inf, totals)
    best = outside.max(axis=1)
    return np.where(np.isfinite(best), best, np.nan).astype(np.float32)


def strangers_null(totals: Scores, cohort: Indices, family: Indices) -> StrangersNull | None:
    """None with fewer than FEWEST_STRANGERS strangers."""
    reached = strangers(totals, cohort, family)
    reached = reached[np.isfinite(reached)]
    if len(reached) < FEWEST_STRANGERS:
        return None
    return StrangersNull(float(reached.mean()), max(float(reached.std(ddof=1)), 1e-3), len(reached))


def identify(sheet: Sheet, family: Indices, rng: Generator) -> Identified | None:
    """None where no model shares enough questions, or where the library is too small to measure a null."""
    totals = sheet.totals()
    null = strangers_null(totals[1:], sheet.cohort, family)
    target = totals[0]
    if null is None or not np.isfinite(target).any():
        return None
    nearest = int(np.nanargmax(target))
    outside = target[(family != family[nearest]) & np.isfinite(target)]
    n = len(sheet.questions)
    members = (family == family[nearest]) & np.isfinite(target)
    own = np.where(np.isfinite(sheet.scores[:, 0]), sheet.scores[:, 0], np.nan)[:, members]
    drawn = np.stack([_best(own[rng.integers(0, n, n)]) for _ in range(_BOOTSTRAP_DRAWS)])
    low, high = np.nanquantile(drawn, (0.025, 0.975))
    return Identified(
        totals=target,
        nearest=nearest,
        standard=null.standard(float(target[nearest])),
        low=null.standard(float(low)),
        high=null.standard(float(high)),
        margin=(float(target[nearest]) - float(outside.max())) / null.sd if len(outside) else 0.0,
        null=null,
        n_questions=n,
    )


def ranking(totals: Scores) -> list[int]:
    """Places of the models that share enough questions, the nearest first."""
    return [int(i) for i in np.argsort(-np.nan_to_num(totals, nan=-np.inf), kind="stable") if np.isfinite(totals[i])]


def exact_matches(target: Sequence[Fingerprints], models: Sequence[Fingerprints], model: int) -> int:
    """On how many questions the target's first answer is the model's to the letter, and nobody's else but few (the
    answer is no commonplace): at most 2 in 100 of the other models gave it too."""
    found = 0
    for ours, theirs in zip(target, models, strict=True):
        same = (theirs.opening[:, -1] == ours.opening[0, -1]) & theirs.answered
        long = bool(ours.opening[0, LONG_WORDS - 1] != 0)
        found += bool(long and same[model] and same.sum() - 1 <= 0.02 * theirs.answered.sum())
    return found


LONG_WORDS = 10
"""An answer of fewer words can be the same by chance."""


def _best(own: Scores) -> float:
    """The largest mean over questions; NaN columns count nothing."""
    there = np.isfinite(own)
    means = np.where(there, own, 0).sum(axis=0) / np.maximum(there.sum(axis=0), 1)
    return float(np.where(there.any(axis=0), means, -np.inf).max())
