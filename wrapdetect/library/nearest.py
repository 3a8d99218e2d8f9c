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
from scipy.sparse import csr_matrix, identity

from wrapdetect.evidence.compare.arrays import Floats
from wrapdetect.evidence.compare.ngrams import GRAMS, Sketch
from wrapdetect.library.fingerprint import OPENING_WORDS, Fingerprints, SketchId

Scores = NDArray[np.float32]
NearView = Literal["words", "chars", "layout", "opening", "refusal", "embedding"]

FARTHEST_SD = 5.0
"""Standard deviations that one question can say at most: a rare exact match is strong, and not beyond all measure."""
_FLAT = 1e-6
"""A standard deviation of a likeness below this is rounding."""
EXACT = 64
"""A whole answer that is the same to the letter counts as that many common first words."""


class Rows(NamedTuple):
    """Fingerprints of speakers on one question, and which model of the library each of them is (-1: none of them).

    A model of the library plays a stranger: neither itself nor, where `family` (n_models,) is given, its relatives are
    there for it.
    """

    prints: Fingerprints
    model: NDArray[np.intp]
    family: NDArray[np.intp] | None = None

    def absent(self, n_models: int) -> NDArray[np.bool_]:
        """Which models are not there for which speaker, shape (n_speakers, n_models)."""
        family = np.arange(n_models) if self.family is None else self.family
        return np.asarray(self._own(family)[:, None] == family[None, :])

    def kin(self, n_models: int) -> NDArray[np.bool_]:
        """Which speakers are not there for which, shape (n_speakers, n_speakers)."""
        own = self._own(np.arange(n_models) if self.family is None else self.family)
        return np.asarray((own[:, None] == own[None, :]) & (own >= 0))

    def _own(self, family: NDArray[np.intp]) -> NDArray[np.intp]:
        own = np.full(len(self.model), -1, np.intp)
        own[self.model >= 0] = family[self.model[self.model >= 0]]
        return own


def by_sketch(kind: SketchId) -> Callable[[Rows, Fingerprints], Scores]:
    """Cosine of the sketches of one kind, what the models have in common on this question taken out.

    A model that plays a stranger has no part in what is common, as a target has none: it would else lie apart from all
    others by construction, and any stranger would seem near to the library (tests/library/test_identify.py).
    """

    def likeness(speakers: Rows, models: Fingerprints) -> Scores:
        known = np.where(models.answered[:, None], models.sketches[kind], np.float32(0))
        return _cosines(speakers.prints.sketches[kind], known, _common(known, models.answered, speakers))

    return likeness


def by_opening(speakers: Rows, models: Fingerprints) -> Scores:
    """ln(1 + number of first words in common), EXACT where the whole texts are the same."""
    ours, theirs = speakers.prints.opening, models.opening
    common = np.zeros((len(ours), len(theirs)), np.float32)
    alike = np.ones((len(ours), len(theirs)), bool)
    for k in range(OPENING_WORDS):
        alike &= _same(ours[:, k], theirs[:, k])
        if not alike.any():
            break
        common += alike
    common[_same(ours[:, -1], theirs[:, -1])] = EXACT
    return np.log1p(common)


def _same(ours: NDArray[np.uint32], theirs: NDArray[np.uint32]) -> NDArray[np.bool_]:
    """Which hashes are the same, shape (n_speakers, n_models); 0 is no word and like none."""
    return np.asarray((ours[:, None] == theirs[None, :]) & (ours[:, None] != 0))


def by_refusal(speakers: Rows, models: Fingerprints) -> Scores:
    """Whether both refuse, or neither."""
    ours, theirs = speakers.prints.refused[:, None], models.refused[None, :]
    return np.asarray(ours * theirs + (1 - ours) * (1 - theirs), dtype=np.float32)


NEAR_VIEWS: Mapping[NearView, Callable[[Rows, Fingerprints], Scores]] = {
    **{kind: by_sketch(kind) for kind in GRAMS},
    "embedding": by_sketch("embedding"),
    "opening": by_opening,
    "refusal": by_refusal,
}


def question_scores(speakers: Rows, models: Fingerprints, first_judge: int = 0) -> dict[NearView, Scores]:
    """Standardised scores of one question by view, shape (n_speakers, n_models); NaN where one did not answer, where
    one refused and the other did not (the view `refusal` says that), and between a model and what is absent for it.

    Speakers from `first_judge` on are those over whom a model's likeness is standardised (the models of the library
    themselves); those before it are strangers.
    """
    heard = speakers.prints.answered[:, None] & models.answered[None, :]
    heard &= ~speakers.absent(len(models.answered))
    kin = csr_matrix(speakers.kin(len(models.answered)), dtype=np.float64)
    apart = np.abs(speakers.prints.refused[:, None] - models.refused[None, :]) > 0.5
    found: dict[NearView, Scores] = {}
    for view, likeness in NEAR_VIEWS.items():
        if view == "embedding" and not {"embedding"} <= models.sketches.keys() & speakers.prints.sketches.keys():
            continue
        usable = heard if view == "refusal" else heard & ~apart
        found[view] = standardised(np.where(usable, likeness(speakers, models), np.nan), first_judge, kin)
    return found


def standardised(likeness: Scores, first_judge: int = 0, kin: csr_matrix | None = None) -> Scores:
    """Mean of the row-wise and the column-wise standard score, within FARTHEST; 0 where nothing varies.

    Columns are standardised over the rows from `first_judge` on, each of these over the others, `kin` (n_rows, n_rows)
    left out (a row alone, where not given): a value that had part in its own mean would look less far off than the same
    value of a stranger. NaN stays NaN.
    """
    values = likeness.astype(np.float64)
    rows = _z(values, *_moments(values))
    columns = _z(values, *_judged(values, first_judge, identity(len(values), format="csr") if kin is None else kin))
    return np.clip((rows + columns) / 2, -FARTHEST_SD, FARTHEST_SD).astype(np.float32)


def _moments(values: Floats) -> tuple[Floats, Floats]:
    """Mean and standard deviation of each row over what is there, shape (n, 1); NaN where fewer than 2 are."""
    there = np.isfinite(values)
    n = there.sum(axis=1, keepdims=True)
    mean = np.where(there, values, 0).sum(axis=1, keepdims=True) / np.maximum(n, 1)
    spread = np.sqrt((np.where(there, values - mean, 0) ** 2).sum(axis=1, keepdims=True) / np.maximum(n, 1))
    return np.where(n < 2, np.nan, mean), np.where(n < 2, np.nan, spread)


def _judged(values: Floats, first_judge: int, kin: csr_matrix) -> tuple[Floats, Floats]:
    """For each value, mean and standard deviation of its column over the judges but its kin; NaN for fewer than 2."""
    there = np.isfinite(values)
    there[:first_judge] = False
    held = np.where(there, values, 0)
    # Off the column's own mean first: the difference of two large sums would lose what little varies.
    centre = held.sum(axis=0) / np.maximum(there.sum(axis=0), 1)
    off = np.where(there, values - centre, 0)
    n = there.sum(axis=0) - kin @ there
    mean = (off.sum(axis=0) - kin @ off) / np.maximum(n, 1)
    spread = np.sqrt(np.maximum(((off**2).sum(axis=0) - kin @ off**2) / np.maximum(n, 1) - mean**2, 0))
    return np.where(n < 2, np.nan, centre + mean), np.where(n < 2, np.nan, spread)


def _z(values: Floats, mean: Floats, spread: Floats) -> Floats:
    """0 where nothing varies."""
    flat = spread < _FLAT
    return np.where(flat & np.isfinite(values), 0.0, (values - mean) / np.where(flat, 1.0, spread))


def _common(known: Sketch, answered: NDArray[np.bool_], speakers: Rows) -> Sketch:
    """Mean sketch of the models that answered, for each speaker over those that are there for it."""
    absent = csr_matrix(speakers.absent(len(answered)), dtype=np.float32)
    n = answered.sum() - absent @ answered
    return np.asarray((known.sum(axis=0) - absent @ known) / np.maximum(n, 1)[:, None], dtype=np.float32)


def _cosines(ours: Sketch, known: Sketch, common: Sketch) -> Scores:
    """Cosines of ours[i] - common[i] and known[j] - common[i], shape (n_speakers, n_models); 0 for a length of 0."""
    shared, length = common @ known.T, (common**2).sum(axis=1, keepdims=True)
    product = ours @ known.T - (ours * common).sum(axis=1, keepdims=True) - shared + length
    theirs = np.sqrt(np.maximum((known**2).sum(axis=1) - 2 * shared + length, 0))
    lengths = np.linalg.norm(ours - common, axis=1, keepdims=True) * theirs
    return np.asarray(np.divide(product, lengths, out=np.zeros_like(product), where=lengths > 1e-6))


def combined(scores: Mapping[NearView, Scores], weights: Mapping[str, float]) -> Scores:
    """Weighted sum of the views; a view that does not apply adds nothing. NaN where a speaker or model is silent."""
    total = np.zeros_like(scores["refusal"])
    for view, values in scores.items():
        total += np.float32(weights[view]) * np.nan_to_num(values)
    return np.where(np.isfinite(scores["refusal"]), total, np.float32(np.nan))
