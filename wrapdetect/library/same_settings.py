"""Could two speakers be the very same model with the very same settings? Only where both gave several answers.

Never a test for wrappers: a system prompt, another temperature or a new version of the same model is rejected too.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.random import Generator

from wrapdetect.evidence.compare import ngrams
from wrapdetect.library.answers import question_id
from wrapdetect.library.matching import Heard
from wrapdetect.library.normalise import normalise
from wrapdetect.library.two_sample import mmd
from wrapdetect.model.prose import quote

LEAST_DRAWS = 2
"""Answers to a prompt that both sides must have given for it to count."""
SETTINGS_AT = 0.01
"""p from which on settings are said to differ."""
FEWEST = 20
"""Answers a side below which a test has no power worth telling."""
_FLAT = np.ones(ngrams.BUCKETS, np.float32)

_Draws = Mapping[str, Sequence[str]]
"""Question -> its answers."""


class Settings(NamedTuple):
    """p of one model and setting; answers of each side, over n questions."""

    p: float
    n_ours: int
    n_theirs: int
    n_questions: int


def same_settings(ours: _Draws, theirs: _Draws, rng: Generator) -> Settings | None:
    """None where fewer than FEWEST answers a side stand to questions that both answered several times."""
    own = {q: [n.text for a in answers if (n := normalise(a)).text] for q, answers in ours.items()}
    other = {q: [n.text for a in theirs.get(q, ()) if (n := normalise(a)).text] for q in ours}
    common = [q for q in own if min(len(own[q]), len(other[q])) >= LEAST_DRAWS]
    x, y = ([(q, text) for q in common for text in side[q]] for side in (own, other))
    if min(len(x), len(y)) < FEWEST:
        return None
    texts = [text for _, text in (*x, *y)]
    rows = np.concatenate([ngrams.folded(ngrams.counts(texts, g), _FLAT) for g in ngrams.GRAMS.values()], axis=1)
    found = mmd(rows[: len(x)], rows[len(x) :], rng=rng, strata=[q for q, _ in (*x, *y)])
    return Settings(found.p, len(x), len(y), len(common))


def settings_note(heard: Heard, model: str, theirs: Mapping[str, Sequence[str]]) -> str | None:
    """What several answers to a prompt say: the very same model and settings, or not. None where they are too few.

    `theirs` holds the model's answers by question id.
    """
    ours = {question_id(prompt): draws for prompt, draws in heard.draws.items()}
    found = same_settings(ours, theirs, np.random.default_rng(0))
    if found is None:
        return None
    what = (
        "not the very same model with the same settings as"
        if found.p <= SETTINGS_AT
        else "no difference in settings to"
    )
    return (
        f"{what} {quote(model)}: two-sample test, p {found.p:.4f}, {found.n_ours} against {found.n_theirs} answers to "
        f"{found.n_questions} prompts (a system prompt alone is a difference)"
    )
