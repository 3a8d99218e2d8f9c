"""Fingerprints -> scores: how near each speaker is to each model of a library, on the same question only.

On each question and in each view, a likeness is standardised twice: over all models as seen from the speaker, and over
all speakers as seen from the model; the mean of both is the score (symmetric score normalisation, as in speaker
verification: Auckenthaler et al. 2000, doi:10.1006/dspr.1999.0360; Kenny 2010). What every model says to a question is
taken out of the sketches first. Scores are then averaged over questions: a number of standard deviations that means
the same in every view and every library.
"""

from collections.abc import Callable, Mapping
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from wrapdetect.compare.fingerprint import OPENING_WORDS, Fingerprints, SketchId
from wrapdetect.compare.ngrams import GRAMS, Sketch, unit

Scores = NDArray[np.float32]
NearView = Literal["words", "chars", "layout", "opening", "refusal", "embedding"]

FARTHEST = 5.0
"""Standard deviations that one question can say at most: a rare exact match is strong, and not beyond all measure."""
EXACT = 64
"""A whole answer that is the same to the letter counts as that many common first words."""


class Rows(NamedTuple):
    """Fingerprints of speakers on one question, and which model of the library each of them is (-1: none of them)."""

    prints: Fingerprints
    model: NDArray[np.intp]


def by_sketch(kind: SketchId) -> Callable[[Fingerprints, Fingerprints], Scores]:
    """Cosine of the sketches of one kind, what the models have in common on this question taken out."""

    def likeness(speakers: Fingerprints, models: Fingerprints) -> Scores:
        known = models.sketches[kind][models.answered]
        common = known.mean(axis=0) if len(known) else np.zeros(models.sketches[kind].shape[1], np.float32)
        return np.asarray(_off(speakers.sketches[kind], common) @ _off(models.sketches[kind], common).T)

    return likeness


def by_opening(speakers: Fingerprints, models: Fingerprints) -> Scores:
    """ln(1 + number of first words in common), EXACT where the whole texts are the same."""
    ours, theirs = speakers.opening[:, None, :], models.opening[None, :, :]
    same = (ours[..., :-1] == theirs[..., :-1]) & (ours[..., :-1] != 0)
    common = np.where(same.all(axis=2), OPENING_WORDS, np.argmin(same, axis=2))
    exact = (ours[..., -1] == theirs[..., -1]) & (ours[..., -1] != 0)
    return np.log1p(np.where(exact, EXACT, common)).astype(np.float32)


def by_refusal(speakers: Fingerprints, models: Fingerprints) -> Scores:
    """Whether both refuse, or neither."""
    ours, theirs = speakers.refused[:, None], models.refused[None, :]
    return np.asarray(ours * theirs + (1 - ours) * (1 - theirs), dtype=np.float32)


NEAR_VIEWS: Mapping[NearView, Callable[[Fingerprints, Fingerprints], Scores]] = {
    **{kind: by_sketch(kind) for kind in GRAMS},
    "embedding": by_sketch("embedding"),
    "opening": by_opening,
    "refusal": by_refusal,
}


def question_scores(speakers: Rows, models: Fingerprints, first_judge: int = 0) -> dict[NearView, Scores]:
    """Standardised scores of one question by view, shape (n_speakers, n_models); NaN where one did not answer, where
    one refused and the other did not (the view `refusal` says that), and between a model and itself.

    Speakers from `first_judge` on are those over whom a model's likeness is standardised (the models of the library
    themselves); those before it are strangers.
    """
    heard = speakers.prints.answered[:, None] & models.answered[None, :]
    heard &= speakers.model[:, None] != np.arange(len(models.answered))[None, :]
    apart = np.abs(speakers.prints.refused[:, None] - models.refused[None, :]) > 0.5
    found: dict[NearView, Scores] = {}
    for view, likeness in NEAR_VIEWS.items():
        if view == "embedding" and not {"embedding"} <= models.sketches.keys() & speakers.prints.sketches.keys():
            continue
        usable = heard if view == "refusal" else heard & ~apart
        found[view] = standardised(np.where(usable, likeness(speakers.prints, models), np.nan), first_judge)
    return found


def standardised(likeness: Scores, first_judge: int = 0) -> Scores:
    """Mean of the row-wise and the column-wise standard score, within FARTHEST; 0 where nothing varies.

    Columns are standardised over the rows from `first_judge` on. NaN stays NaN.
    """
    rows = _z(likeness, *_moments(likeness, axis=1))
    columns = _z(likeness, *_moments(likeness[first_judge:], axis=0))
    return np.clip((rows + columns) / 2, -FARTHEST, FARTHEST)


def _moments(values: Scores, axis: int) -> tuple[Scores, Scores]:
    """Mean and standard deviation over what is there; NaN where fewer than 2 are."""
    there = np.isfinite(values)
    n = there.sum(axis=axis, keepdims=True)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.where(there, values, 0).sum(axis=axis, keepdims=True) / n
        spread = np.sqrt((np.where(there, values - mean, 0) ** 2).sum(axis=axis, keepdims=True) / n)
    few = n < 2
    return np.where(few, np.nan, mean), np.where(few, np.nan, spread)


def _z(values: Scores, mean: Scores, spread: Scores) -> Scores:
    """0 where nothing varies."""
    flat = spread < 1e-6
    return np.asarray(np.where(flat & np.isfinite(values), 0.0, (values - mean) / np.where(flat, 1.0, spread)))


def _off(sketch: Sketch, common: Sketch) -> Sketch:
    return unit(sketch - common)


def combined(scores: Mapping[NearView, Scores], weights: Mapping[str, float]) -> Scores:
    """Weighted sum of the views; a view that does not apply adds nothing. NaN where a speaker or model is silent."""
    total = np.zeros_like(scores["refusal"])
    for view, values in scores.items():
        total += np.float32(weights[view]) * np.nan_to_num(values)
    return np.where(np.isfinite(scores["refusal"]), total, np.float32(np.nan))
