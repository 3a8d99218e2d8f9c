"""Texts -> unit vectors, in several views: words and character n-grams (TF-IDF), and embeddings where given."""

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import cast

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer

from wrapdetect.evidence.compare.behaviour.views import Embed, Vectors, View, ViewId
from wrapdetect.model.prose import words


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
