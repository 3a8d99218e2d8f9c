"""What is a view of texts? Texts -> rows of length 1, whose products say how alike they are."""

from collections.abc import Callable, Sequence
from typing import Literal, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from wrapdetect.evidence.compare.arrays import Floats

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


def gram(rows: Vectors) -> Floats:
    """Cosine similarity of all pairs of rows, shape (n, n)."""
    product = rows @ rows.T
    return np.asarray(product.toarray() if hasattr(product, "toarray") else product, dtype=np.float64)
