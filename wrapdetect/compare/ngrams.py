"""Texts -> sketches: n-grams of words, characters and layout, counted and folded into vectors of fixed length.

An n-gram is hashed to one of BUCKETS buckets; each bucket is then added to or taken from one of DIMENSIONS places
(feature hashing, Weinberger et al. 2009, arXiv:0902.2206): inner products stay true on average, with an error of about
1 / sqrt(DIMENSIONS), and hundreds of models by hundreds of prompts become one dense array. All is arithmetic on arrays
of code points modulo 2**64, so that a text gives the same numbers on every machine.
"""

import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

Codes = NDArray[np.uint64]
Counts: TypeAlias = csr_matrix
Sketch = NDArray[np.float32]
GramId = Literal["words", "chars", "layout"]

BUCKETS = 1 << 18
DIMENSIONS = 1024
LONGEST = 20_000
"""Characters of an answer that are looked at; more of it adds nothing but time."""
TABLE = 0x10000
"""Code points with properties of their own; those above (rare scripts, emoji) stand for themselves."""

_PRIME = np.uint64(0x9E3779B97F4A7C15)
_INVERSE = pow(int(_PRIME), -1, 1 << 64)
_LETTER, _DIGIT, _SPACE = (np.uint64(ord(c)) for c in "a0 ")


def words(text: str) -> Codes:
    """Hashes of lower-case words and of pairs of neighbours; of scripts without spaces, of each single character."""
    letter, lower = _letters()
    codes = _codes(text)
    small = np.minimum(codes, np.uint64(TABLE - 1)).astype(np.intp)
    spaced = letter[small] == 1
    folded = np.where(codes < TABLE, lower[small], codes)
    alone = (letter[small] == 2) | (codes >= TABLE)
    edges = np.diff(np.concatenate([[0], (spaced & ~alone).view(np.int8), [0]]))
    starts, ends = np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)
    # The hash of a span is the sum of code * prime**place, moved to place 0 by the inverse power.
    sums = np.concatenate([np.zeros(1, np.uint64), np.cumsum((folded + np.uint64(1)) * _powers(len(codes)))])
    spans = (sums[ends] - sums[starts]) * _powers(len(codes) + 1, _INVERSE)[starts]
    single = np.flatnonzero(alone)
    order = np.argsort(np.concatenate([starts, single]), kind="stable")
    units = _mixed(np.concatenate([spans, folded[single] + np.uint64(1)]))[order]
    return np.concatenate([units, _mixed(units[:-1] * np.uint64(3) + units[1:] * _PRIME)])


def chars(text: str) -> Codes:
    """Hashes of 2 to 4 characters in a row, as they stand: case, quotes, dashes and white space are kept."""
    return np.concatenate(list(_runs(_codes(text), (2, 3, 4))))


def layout(text: str) -> Codes:
    """Hashes of 2 to 5 marks in a row of what is left when words become letters and numbers digits.

    "**Note:** see 12." -> "**A:** a 0.": headings, lists, emphasis, quotes, dashes, the habits of punctuation.
    """
    return np.concatenate(list(_runs(skeleton(text), (2, 3, 4, 5))))


def skeleton(text: str) -> Codes:
    """Code points of the layout: each word its first letter's case, each number one digit, no space between words.

    >>> "".join(chr(c) for c in skeleton("- **Well**: it is 1,024 times so."))
    '- **A**: aa 0,0 aa.'
    """
    codes = _codes(text)
    marks = np.where(codes < TABLE, _marks()[np.minimum(codes, np.uint64(TABLE - 1)).astype(np.intp)], codes)
    letter, digit = (marks | np.uint64(32)) == _LETTER, marks == _DIGIT
    keep = np.ones(len(marks), bool)
    keep[1:] = ~((letter[1:] & letter[:-1]) | (digit[1:] & digit[:-1]))
    marks = marks[keep]
    letter = (marks | np.uint64(32)) == _LETTER
    between = np.zeros(len(marks), bool)
    between[1:-1] = (marks[1:-1] == _SPACE) & letter[:-2] & letter[2:]
    return marks[~between]


GRAMS: Mapping[GramId, Callable[[str], Codes]] = {"words": words, "chars": chars, "layout": layout}


def counts(texts: Sequence[str], grams: Callable[[str], Codes]) -> Counts:
    """1 + ln(count) of each bucket; shape (n, BUCKETS), float32."""
    shift = np.uint64(64 - (BUCKETS.bit_length() - 1))
    places, values, ends = [], [], [0]
    for text in texts:
        bucket, count = np.unique((grams(text[:LONGEST]) >> shift).astype(np.int32), return_counts=True)
        places.append(bucket)
        values.append(1 + np.log(count.astype(np.float32)))
        ends.append(ends[-1] + len(bucket))
    flat = (np.concatenate(values), np.concatenate(places), np.array(ends)) if texts else ([], [], [0])
    return csr_matrix(flat, shape=(len(texts), BUCKETS), dtype=np.float32)


def whole(text: str) -> np.uint64:
    """One hash of a whole text."""
    codes = _codes(text)
    values = codes * np.uint64(2) + np.uint64(1)
    return np.uint64(_mixed(np.atleast_1d((values * _mixed(np.arange(1, len(codes) + 1, dtype=np.uint64))).sum()))[0])


def rarity(holding: NDArray[np.int64], n_texts: int) -> Sketch:
    """Weight of each bucket, ln((1 + n) / (1 + held)) + 1 of how many of `n_texts` texts hold it. Shape (BUCKETS,)."""
    return np.asarray(np.log((1 + n_texts) / (1 + holding)) + 1, dtype=np.float32)


def folded(rows: Counts, weight: Sketch) -> Sketch:
    """Sketches of length 1 (or 0 for a text without n-grams), shape (n, DIMENSIONS)."""
    rows = rows.copy()
    rows.data *= weight[rows.indices]
    sketch = np.asarray((rows @ _fold()).todense(), dtype=np.float32)
    return unit(sketch)


def unit(rows: Sketch) -> Sketch:
    """Rows of length 1; a row of zeros stays as it is."""
    length = np.linalg.norm(rows, axis=-1, keepdims=True)
    return np.asarray(np.divide(rows, length, out=np.zeros_like(rows), where=length > 1e-12), dtype=np.float32)


def _codes(text: str) -> Codes:
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype=np.uint32).astype(np.uint64)


def _runs(codes: Codes, lengths: Sequence[int]) -> Iterator[Codes]:
    """Hashes of all runs of each length, those over the edges of the text included."""
    padded = np.concatenate([np.array([2], np.uint64), codes, np.array([3], np.uint64)])
    for n in lengths:
        total = max(len(padded) - n + 1, 0)
        value = np.zeros(total, np.uint64)
        for k in range(n):
            value = value * _PRIME + padded[k : k + total] + np.uint64(1)
        yield _mixed(value * np.uint64(2 * n + 1))


def _mixed(value: Codes) -> Codes:
    """Spread over all 64 bits (the finisher of SplitMix64, Steele et al. 2014)."""
    value = (value ^ (value >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    value = (value ^ (value >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(value ^ (value >> np.uint64(31)), dtype=np.uint64)


@cache
def _every_power(base: int) -> Codes:
    found = np.full(LONGEST + 1, np.uint64(base))
    found[0] = 1
    return np.cumprod(found, dtype=np.uint64)


def _powers(n: int, base: int = int(_PRIME)) -> Codes:
    return _every_power(base)[:n]


@cache
def _letters() -> tuple[NDArray[np.int8], Codes]:
    """By code point below TABLE: 1 for letters, digits, apostrophes, 2 for scripts without spaces; its lower case."""
    kind, lower = np.zeros(TABLE, np.int8), np.arange(TABLE, dtype=np.uint64)
    for i in range(TABLE):
        character = chr(i)
        if 0x3040 <= i <= 0x30FF or 0x3400 <= i <= 0x9FFF or 0xAC00 <= i <= 0xD7AF or 0x0E00 <= i <= 0x0E7F:
            kind[i] = 2
        elif character.isalnum() or character in "'’" or unicodedata.category(character).startswith("M"):
            kind[i] = 1
            lower[i] = ord(character.lower()[0])
    return kind, lower


@cache
def _marks() -> Codes:
    """By code point below TABLE: 'A' for capitals, 'a' for other letters, '0' for digits, else itself."""
    marks = np.arange(TABLE, dtype=np.uint64)
    for i in range(TABLE):
        character = chr(i)
        if character.isdigit():
            marks[i] = ord("0")
        elif character.isalpha():
            marks[i] = ord("A") if character.isupper() else ord("a")
    return marks


@cache
def _fold() -> Counts:
    """Where each bucket goes and with which sign; shape (BUCKETS, DIMENSIONS)."""
    mixed = _mixed(np.arange(BUCKETS, dtype=np.uint64) * _PRIME + np.uint64(17))
    place = (mixed >> np.uint64(40)).astype(np.int64) % DIMENSIONS
    sign = np.where(mixed & np.uint64(1), 1.0, -1.0).astype(np.float32)
    return csr_matrix((sign, place, np.arange(BUCKETS + 1)), shape=(BUCKETS, DIMENSIONS), dtype=np.float32)
