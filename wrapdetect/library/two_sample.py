"""Do two sets of answers come from the very same model and settings? A kernel two-sample test.

It asks for equality: any difference, a system prompt as well as another model, makes the p-value small. It serves where
equality is the question (a speaker against itself, a model that changed overnight, a host against the maker), and never
as the test for a wrapper: an honest persona of the same model is rejected.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import ArrayLike, NDArray
from scipy.spatial.distance import pdist, squareform

from wrapdetect.evidence.compare.arrays import Floats

Blocks = Sequence[tuple[NDArray[np.intp], NDArray[np.intp]]]
"""Rows of x and rows of y, by prompt."""

SAME = 1e-12
"""Two values closer than this share of their scale are tied: sums in another order differ by less."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TwoSample:
    """What the test found."""

    statistic: float
    """Unbiased MMD^2, over prompts averaged with weights n m / (n + m); around 0 where the samples are alike."""
    agreement: float
    """The same between two prompts: how far their differences point one way, as a habit does; 0 for one prompt."""
    effect: float
    """Share of the variance in the kernel's space, within prompts, that lies between the samples: around 0 where they
    are alike, at most 1. Unlike p it does not shrink or grow with n."""
    p: float
    """Never 0: at least 1 / (draws + 1)."""
    n: int
    m: int
    draws: int


def mmd(
    x: ArrayLike, y: ArrayLike, *, rng: Generator, draws: int = 2000, strata: Sequence[Hashable] | None = None
) -> TwoSample:
    """Permutation test by the maximum mean discrepancy (Gretton et al. 2012, JMLR 13:723-773, lemma 6).

    `x` has shape (n, d), `y` (m, d), finite. `strata` names the prompt of each row, those of x first, then of y; each
    prompt needs 2 rows on either side. Labels are exchanged within prompts only. The kernel is Gaussian on rows less
    their prompt's mean, its width the median distance within prompts. p ranks the sum of `statistic` and `agreement`,
    each over its null's spread: the first sees what differs at single prompts, the second a small habit that shows at
    all of them.
    Exact in level for samples exchangeable within prompts (Phipson & Smyth 2010, doi:10.2202/1544-6115.1585).

    Raises ValueError for fewer than 2 rows, a value that is not finite, different d, labels that fit no row.

    >>> rows = np.arange(12.0).reshape(6, 2)
    >>> found = mmd(rows, rows + 20, rng=np.random.default_rng(1))
    >>> found.p < 0.01, found.n, found.m
    (True, 6, 6)
    """
    first, second = _rows("x", x), _rows("y", y)
    if first.shape[1] != second.shape[1]:
        raise ValueError(f"x has {first.shape[1]} dimensions, y {second.shape[1]}; give both in the same view")
    blocks = _blocks(len(first), len(second), strata)
    squared = squareform(pdist(_centred(np.vstack([first, second]), blocks), "sqeuclidean"))
    return _test(_gaussian(squared, blocks), blocks, rng, draws)


def mmd_from_gram(
    gram: ArrayLike, n: int, *, rng: Generator, draws: int = 2000, strata: Sequence[Hashable] | None = None
) -> TwoSample:
    """As `mmd`, from the inner products of all rows, shape (n + m, n + m), the n rows of x first.

    For sparse rows, whose products are cheap and whose dense form is not.
    """
    products = _square("gram", gram)
    blocks = _blocks(n, len(products) - n, strata)
    centred = _centred(_centred(products, blocks).T, blocks)
    lengths = np.diag(centred)
    squared = lengths[:, None] + lengths[None, :] - 2 * centred
    squared[squared < SAME * np.abs(products).max()] = 0.0  # equal rows, but for rounding
    return _test(_gaussian(squared, blocks), blocks, rng, draws)


def mmd_from_kernel(
    kernel: ArrayLike, n: int, *, rng: Generator, draws: int = 2000, strata: Sequence[Hashable] | None = None
) -> TwoSample:
    """As `mmd`, with any positive semi-definite kernel over all rows, shape (n + m, n + m), the n rows of x first."""
    values = _square("kernel", kernel)
    return _test(values, _blocks(n, len(values) - n, strata), rng, draws)


def _rows(name: str, values: ArrayLike) -> Floats:
    rows = np.asarray(values, dtype=np.float64)
    if rows.ndim != 2:
        raise ValueError(f"{name} has shape {rows.shape}, expected (rows, dimensions); give one row for each answer")
    return _finite(name, rows)


def _square(name: str, values: ArrayLike) -> Floats:
    square = _rows(name, values)
    if square.shape[0] != square.shape[1] or not np.allclose(square, square.T):
        raise ValueError(f"{name} of shape {square.shape} is not square and symmetric; give all rows against all rows")
    return square


def _finite(name: str, values: Floats) -> Floats:
    if not np.isfinite(values).all():
        row = int(np.argwhere(~np.isfinite(values))[0][0])
        raise ValueError(f"{name} holds a value that is not finite in row {row}; leave that answer out")
    return values


def _blocks(n: int, m: int, strata: Sequence[Hashable] | None) -> Blocks:
    """Rows by prompt; a single block where no labels are given."""
    labels = [None] * (n + m) if strata is None else list(strata)
    if len(labels) != n + m:
        raise ValueError(f"strata has {len(labels)} labels for {n} + {m} rows; give one for each row, x's first")
    rows: dict[Hashable, tuple[list[int], list[int]]] = {label: ([], []) for label in labels} or {None: ([], [])}
    for row, label in enumerate(labels):
        rows[label][row >= n].append(row)
    for label, (ours, theirs) in rows.items():
        if min(len(ours), len(theirs)) < 2:
            where = "" if strata is None else f" for prompt {label!r}"
            raise ValueError(f"{len(ours)} against {len(theirs)} rows{where}; a test needs 2 each, so ask more often")
    return [(np.array(ours), np.array(theirs)) for ours, theirs in rows.values()]


def _centred(rows: Floats, blocks: Blocks) -> Floats:
    """Rows less the mean of their prompt, so that it plays no part how far apart prompts lie."""
    centred = rows.copy()
    for block in map(np.concatenate, blocks):
        centred[block] -= rows[block].mean(axis=0)
    return centred


def _gaussian(squared: Floats, blocks: Blocks) -> Floats:
    """exp(-d^2 / 2 w^2), w the median distance within prompts, of the pairs that differ at all."""
    prompts = [np.concatenate(block) for block in blocks]
    apart = np.concatenate([squareform(squared[np.ix_(rows, rows)], checks=False) for rows in prompts])
    apart = apart[apart > 0]
    width = np.median(apart) if len(apart) else 1.0
    return np.asarray(np.exp(-squared / (2 * width)))


def _test(kernel: Floats, blocks: Blocks, rng: Generator, draws: int) -> TwoSample:
    if draws < 1:
        raise ValueError(f"draws is {draws}, expected 1 or more; the p-value is at least 1 / (draws + 1)")
    labels = [_relabelled(len(ours), len(theirs), rng, draws) for ours, theirs in blocks]
    weights = np.array([len(ours) * len(theirs) / (len(ours) + len(theirs)) for ours, theirs in blocks])
    within = weights @ np.array([_discrepancies(_of(kernel, b), s) for b, s in zip(blocks, labels, strict=True)])
    across = _agreements(kernel, blocks, labels, weights) if len(blocks) > 1 else np.zeros(draws + 1)
    scatter = sum(float(np.trace(k) - k.mean() * len(k)) for k in (_of(kernel, b) for b in blocks))
    noise, pairs = SAME * float(np.abs(kernel).max()), weights.sum() ** 2 - weights @ weights
    return TwoSample(
        statistic=float(within[0] / weights.sum()),
        agreement=float(across[0] / pairs) if len(blocks) > 1 else 0.0,
        effect=float(within[0] / scatter) if scatter > noise * len(kernel) else 0.0,
        p=_p_value([(within, noise * weights.sum()), (across, noise * weights.sum() ** 2)]),
        n=sum(len(ours) for ours, _ in blocks),
        m=sum(len(theirs) for _, theirs in blocks),
        draws=draws,
    )


def _of(kernel: Floats, block: tuple[NDArray[np.intp], NDArray[np.intp]]) -> Floats:
    """The kernel of one prompt, its rows of x first."""
    rows = np.concatenate(block)
    return kernel[np.ix_(rows, rows)]


def _relabelled(n: int, m: int, rng: Generator, draws: int) -> Floats:
    """1 for x and 0 for y: as given, then `draws` random exchanges; shape (draws + 1, n + m)."""
    labels = np.repeat(np.repeat([[1.0, 0.0]], [n, m], axis=1), draws + 1, axis=0)
    labels[1:] = rng.permuted(labels[1:], axis=1)
    return labels


def _discrepancies(block: Floats, labels: Floats) -> Floats:
    """Unbiased MMD^2 by row of `labels`: with K the kernel off its diagonal, all sums follow from s'Ks and s'K1."""
    off = block - np.diag(np.diag(block))
    n = int(labels[0].sum())
    m = len(off) - n
    within_x = np.einsum("ij,ij->i", labels @ off, labels)
    across = labels @ off.sum(axis=1) - within_x
    within_y = off.sum() - within_x - 2 * across
    return np.asarray(within_x / (n * (n - 1)) + within_y / (m * (m - 1)) - 2 * across / (n * m))


def _agreements(kernel: Floats, blocks: Blocks, labels: Sequence[Floats], weights: Floats) -> Floats:
    """Sum over pairs of different prompts of the weighted inner products of (mean of x - mean of y)."""
    signed = np.zeros((len(labels[0]), len(kernel)))
    own = np.zeros(len(labels[0]))
    for block, s, weight in zip(blocks, labels, weights, strict=True):
        w = weight * np.where(s == 1, 1 / len(block[0]), -1 / len(block[1]))
        signed[:, np.concatenate(block)] = w
        own += np.einsum("ij,ij->i", w @ _of(kernel, block), w)
    return np.asarray(np.einsum("ij,ij->i", signed @ kernel, signed) - own)


def _p_value(parts: Sequence[tuple[Floats, float]]) -> float:
    """Share of all labellings, the given one first, whose sum of parts reaches the given one's.

    Each part comes with the size of its rounding. Its spread is taken over all labellings alike, which keeps the test
    exact; its mean over them is 0.
    """
    total, tied = np.zeros(len(parts[0][0])), 0.0
    for values, noise in parts:
        spread = float(np.sqrt(np.mean(values**2)))
        if spread > noise:
            total += values / spread
            tied += noise / spread
    return float(np.count_nonzero(total >= total[0] - tied) / len(total))
