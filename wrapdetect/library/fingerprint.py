"""Answers to one question -> a fingerprint of each: what the views of library/nearest.py look at."""

import re
from collections.abc import Callable, Mapping, Sequence
from itertools import islice
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from wrapdetect.evidence.compare import ngrams
from wrapdetect.evidence.compare.ngrams import GRAMS, GramId, Sketch
from wrapdetect.library.normalise import normalise

OPENING_WORDS = 32
"""Words at the start of an answer that are compared one by one."""

_UNIT = re.compile(r"[\u0e00-\u0e7f\u3040-\u30ff\u3400-\u9fff]|[^\s\u0e00-\u0e7f\u3040-\u30ff\u3400-\u9fff]+")
"""What stands between spaces; of scripts without spaces, each character."""

SketchId = GramId | Literal["embedding"]

EmbedTexts = Callable[[Sequence[str]], Sketch]
"""Texts -> rows of length 1; given by store/embed.py."""

Rarities = Mapping[GramId, Sketch]
"""Weight of each bucket, by kind of n-gram; shape (BUCKETS,) each."""


class Fingerprints(NamedTuple):
    """Of n speakers on one question. A speaker without an answer has a row of zeros and `answered` False.

    `sketches`: n-gram kind (and `embedding`, where one was given) -> (n, dimensions), mean over the draws;
    `opening`: (n, OPENING_WORDS + 1) hashes of the first words of the first draw (0
    where there is none) and of its whole text; `refused`: share of the draws.
    """

    answered: NDArray[np.bool_]
    refused: NDArray[np.float32]
    opening: NDArray[np.uint32]
    sketches: Mapping[SketchId, Sketch]

    def rows(self, chosen: NDArray[np.intp] | slice) -> "Fingerprints":
        """Those of some speakers only."""
        return Fingerprints(
            self.answered[chosen],
            self.refused[chosen],
            self.opening[chosen],
            {kind: sketch[chosen] for kind, sketch in self.sketches.items()},
        )


def learn_rarities(texts: Sequence[str]) -> Rarities:
    """How rare each n-gram is among `texts` (answers as they came)."""
    clean = [normalise(t).text for t in texts]
    found: dict[GramId, Sketch] = {}
    for kind, grams in GRAMS.items():
        found[kind] = ngrams.rarity(ngrams.holding(clean, grams), len(clean))
    return found


def fingerprints(answers: Sequence[Sequence[str]], rarities: Rarities, embed: EmbedTexts | None = None) -> Fingerprints:
    """`answers` holds the draws of each speaker, in their order; empty answers are no evidence and are left out."""
    draws = [[n for n in map(normalise, texts) if n.text] for texts in answers]
    flat = [n.text for own in draws for n in own]
    ends = np.cumsum([0, *map(len, draws)])
    gather = csr_matrix((np.ones(len(flat), np.float32), np.arange(len(flat)), ends), shape=(len(draws), len(flat)))
    sketches: dict[SketchId, Sketch] = {}
    if embed is not None:
        sketches["embedding"] = ngrams.unit(gather @ embed(flat))
    for kind, grams in GRAMS.items():
        sketches[kind] = ngrams.unit(gather @ ngrams.folded(ngrams.counts(flat, grams), rarities[kind]))
    opening = np.zeros((len(draws), OPENING_WORDS + 1), np.uint32)
    for row, own in enumerate(draws):
        if own:
            opening[row] = _opening(own[0].text)
    return Fingerprints(
        answered=np.array([bool(own) for own in draws], bool),
        refused=np.array([np.mean([n.refused for n in own]) if own else 0.0 for own in draws], np.float32),
        opening=opening,
        sketches=sketches,
    )


def _opening(text: str) -> NDArray[np.uint32]:
    first = [m.group() for m in islice(_UNIT.finditer(text), OPENING_WORDS)]
    # 32 bits of each hash, never 0: that says that there is no such word.
    short = np.maximum(ngrams.wholes([*first, text]) >> np.uint64(32), np.uint64(1))
    row = np.zeros(OPENING_WORDS + 1, np.uint32)
    row[: len(first)], row[-1] = short[:-1], short[-1]
    return row
