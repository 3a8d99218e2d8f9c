"""Texts -> unit vectors, in several views: words and character n-grams (TF-IDF), and embeddings where given."""

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Literal, Protocol, Self, cast

import numpy as np
from numpy.typing import NDArray
from sklearn.feature_extraction.text import TfidfVectorizer

from wrapdetect.evidence.compare.arrays import Floats
from wrapdetect.model.prose import words

ViewId = Literal["words", "chars", "embedding"]


class Vectors(Protocol):
    """Rows of length 1 (or 0), dense or sparse; only their products are used."""

    def __getitem__(self, rows: Sequence[int], /) -> Self: ...
    @property
    def T(self) -> Self: ...  # numpy's and scipy's name
    def __matmul__(self, other: Self, /) -> Self: ...


View = Callable[[Sequence[str], Sequence[str]], Vectors]
"""(texts to learn weights from, texts to turn into rows) -> rows of length 1 (or 0 for a text without features)."""

Embed = Callable[[Sequence[str]], NDArray[np.float32]]
"""Texts -> rows of length 1; given by store/embed.py."""


def by_words(learn: Sequence[str], texts: Sequence[str]) -> Vectors:
    """TF-IDF of words and pairs of words, sublinear in the count (Salton & Buckley 1988)."""
    return _tfidf(_word_pairs, learn, texts)


def by_chars(learn: Sequence[str], texts: Sequence[str]) -> Vectors:
    """TF-IDF of 2 to 4 characters within words: spelling, endings, punctuation, layout marks."""
    return _tfidf(TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 4)).build_analyzer(), learn, texts)


VIEWS: Mapping[ViewId, View] = {"words": by_words, "chars": by_chars}


def available_views(embed: Embed | None) -> dict[ViewId, View]:
    """The views of VIEWS, and `embedding` where an embedder is given."""
    if embed is None:
        return dict(VIEWS)

    def by_embedding(learn: Sequence[str], texts: Sequence[str]) -> Vectors:
        return cast(Vectors, embed(texts).astype(np.float64))

    return {**VIEWS, "embedding": by_embedding}


def gram(rows: Vectors) -> Floats:
    """Cosine similarity of all pairs of rows, shape (n, n)."""
    product = rows @ rows.T
    return np.asarray(product.toarray() if hasattr(product, "toarray") else product, dtype=np.float64)


def _word_pairs(text: str) -> list[str]:
    single = words(text)
    return single + [f"{a} {b}" for a, b in pairwise(single)]


def _tfidf(analyze: Callable[[str], list[str]], learn: Sequence[str], texts: Sequence[str]) -> Vectors:
    features = {text: analyze(text) for text in dict.fromkeys([*learn, *texts])}  # each text is taken apart once
    vectorizer = TfidfVectorizer(analyzer=features.__getitem__, sublinear_tf=True)
    try:
        vectorizer.fit(learn)
    except ValueError:  # no feature in any text: nothing is like anything
        return cast(Vectors, np.zeros((len(texts), 1)))
    return cast(Vectors, vectorizer.transform(texts))
