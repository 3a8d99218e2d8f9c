"""Answers -> one number per question and pair of speakers: how alike, in one view, on the same prompt only.

What answers share with the question itself is partialled out: it says what was asked, not who answers, and a bot that
parrots the question would else be near to whoever repeats much of it.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from wrapdetect.evidence.compare.arrays import Floats
from wrapdetect.evidence.compare.behaviour.views import View, gram

Speaker = tuple[str, str]
"""Endpoint name and neutral variant; also the made-up speakers of the controls."""

Answers = Mapping[Speaker, Mapping[str, Sequence[str]]]
"""Speaker -> item -> its draws."""


class Likeness(NamedTuple):
    """`values[i, a, b]`: mean similarity of the answers of speakers a and b to item i; NaN where one did not answer.

    On the diagonal stands the similarity of different draws of one speaker (NaN with a single draw).
    """

    items: tuple[str, ...]
    speakers: tuple[Speaker, ...]
    values: Floats

    def between(self, a: Speaker, b: Speaker) -> Floats:
        """Shape (n_items,)."""
        return np.asarray(self.values[:, self.speakers.index(a), self.speakers.index(b)], dtype=np.float64)


def measure(answers: Answers, questions: Mapping[str, str], view: View, *, learn_from: Sequence[Speaker]) -> Likeness:
    """Likeness of all pairs of speakers, the question of each item partialled out. Word weights are learned from
    `learn_from` only, so that the made-up speakers of the controls leave the true comparison as it is."""
    speakers = tuple(answers)
    items = tuple(sorted({item for by_item in answers.values() for item in by_item}))
    texts = [questions[item] for item in items]
    rows: dict[tuple[int, int], list[int]] = {}
    for i, item in enumerate(items):
        for a, speaker in enumerate(speakers):
            draws = answers[speaker].get(item, ())
            rows[i, a] = list(range(len(texts), len(texts) + len(draws)))
            texts += draws
    learn = [t for s in learn_from for draws in answers[s].values() for t in draws]
    vectors = view(learn, texts)
    values = np.full((len(items), len(speakers), len(speakers)), np.nan)
    for i in range(len(items)):
        place = [rows[i, a] for a in range(len(speakers))]
        flat = [i, *(r for p in place for r in p)]
        values[i] = _mean_blocks(without_question(gram(vectors[flat])), [len(p) for p in place])
    return Likeness(items, speakers, values)


def without_question(similarity: Floats) -> Floats:
    """Partial cosine: row and column 0 are the question; the others are returned as they stand without it.

    (s_ab - s_aq s_bq) / sqrt((1 - s_aq^2)(1 - s_bq^2)), as in partial correlation. An answer that is nothing but the
    question is like nothing (0). Shape (n + 1, n + 1) -> (n, n).

    >>> bool(np.allclose(without_question(np.array([[1, 1, 0.6], [1, 1, 0.6], [0.6, 0.6, 1]])), [[0, 0], [0, 1]]))
    True
    """
    asked = similarity[0, 1:]
    left = np.clip(1.0 - asked**2, 0.0, None)
    scale = np.sqrt(np.outer(left, left))
    rest = similarity[1:, 1:] - np.outer(asked, asked)
    return np.where(scale > 1e-6, rest / np.maximum(scale, 1e-6), 0.0)


def _mean_blocks(similarity: Floats, sizes: Sequence[int]) -> Floats:
    """Mean over each block of draws; within one speaker over different draws only."""
    owner = np.repeat(np.arange(len(sizes)), sizes)
    belongs = (owner[:, None] == np.arange(len(sizes))).astype(np.float64)
    counted = 1.0 - np.eye(len(owner))
    sums = belongs.T @ (similarity * counted) @ belongs
    counts = belongs.T @ counted @ belongs
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.where(counts > 0, sums / counts, np.nan), dtype=np.float64)
