"""Texts -> sketches: n-grams of words, characters and layout, counted and folded into vectors of fixed length.

An n-gram is hashed to one of BUCKETS buckets; each bucket is then added to or taken from one of DIMENSIONS places
(feature hashing, Weinberger et al. 2009, arXiv:0902.2206): inner products stay true on average, with an error of about
1 / sqrt(DIMENSIONS), and hundreds of models by hundreds of prompts become one dense array. All is arithmetic on arrays
of code points modulo 2**64, so that a text gives the same numbers on every machine.
"""

import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

Codes = NDArray[np.uint64]
Points = NDArray[np.uint32]
"""Code points."""
Counts: TypeAlias = csr_matrix
Sketch = NDArray[np.float32]
GramId = Literal["words", "chars", "layout"]

BUCKETS = 1 << 18
SKETCH_DIMENSIONS = 1024
LONGEST = 20_000
"""Characters of an answer that are looked at; more of it adds nothing but time."""
TABLE = 0x10000
"""Code points with properties of their own; those above (rare scripts, emoji) stand for themselves."""

_PRIME = np.uint64(0x9E3779B97F4A7C15)
_INVERSE = pow(int(_PRIME), -1, 1 << 64)
_SHIFT = np.uint64(64 - (BUCKETS.bit_length() - 1))
_BEFORE, _AFTER = np.array([2], np.uint64), np.array([3], np.uint64)
"""Stand for the edges of a text."""
_LETTER, _DIGIT, _SPACE, _CASE = (np.uint32(ord(c)) for c in "a0  ")
"""The last is the bit that makes A an a."""


def word_hashes(text: str) -> Codes:
    """Hashes of lower-case words and of pairs of neighbours; of scripts without spaces, of each single character."""
    points = _points(text)
    kind, lower = (table.take(points, mode="clip") for table in _letters())
    kind, lower = np.where(points < TABLE, kind, 2), np.where(points < TABLE, lower, points)
    values = lower + np.uint64(1)
    inside = np.zeros(len(points) + 2, bool)
    inside[1:-1] = kind == 1
    edges = np.flatnonzero(inside[1:] != inside[:-1])
    starts, ends = edges[::2], edges[1::2]
    # The hash of a span is the sum of code * prime**place, moved to place 0 by the inverse power.
    sums = np.zeros(len(points) + 1, np.uint64)
    np.cumsum(values * _powers(len(points)), out=sums[1:])
    spans = (sums[ends] - sums[starts]) * _powers(len(points) + 1, _INVERSE)[starts]
    single = np.flatnonzero(kind == 2)
    units = _mixed(np.concatenate([spans, values[single]]))
    if len(single):
        units = units[np.argsort(np.concatenate([starts, single]), kind="stable")]
    return np.concatenate([units, _mixed(units[:-1] * np.uint64(3) + units[1:] * _PRIME)])


def chars(text: str) -> Codes:
    """Hashes of 2 to 4 characters in a row, as they stand: case, quotes, dashes and white space are kept."""
    return _runs(_points(text), 4)


def layout(text: str) -> Codes:
    """Hashes of 2 to 5 marks in a row of what is left when words become letters and numbers digits.

    "**Note:** see 12." -> "**A:** a 0.": headings, lists, emphasis, quotes, dashes, the habits of punctuation.
    """
    return _runs(skeleton(text), 5)


def skeleton(text: str) -> Points:
    """Code points of the layout: each word its first letter's case, each number one digit, no space between words.

    >>> "".join(chr(c) for c in skeleton("- **Well**: it is 1,024 times so."))
    '- **A**: aa 0,0 aa.'
    """
    points = _points(text)
    marks = np.where(points < TABLE, _marks().take(points, mode="clip"), points)
    letter, digit = (marks | _CASE) == _LETTER, marks == _DIGIT
    keep = np.ones(len(marks), bool)
    keep[1:] = ~((letter[1:] & letter[:-1]) | (digit[1:] & digit[:-1]))
    marks = marks[keep]
    letter = (marks | _CASE) == _LETTER
    between = np.zeros(len(marks), bool)
    between[1:-1] = (marks[1:-1] == _SPACE) & letter[:-2] & letter[2:]
    return marks[~between]


GRAMS: Mapping[GramId, Callable[[str], Codes]] = {"words": word_hashes, "chars": chars, "layout": layout}


def counts(texts: Sequence[str], grams: Callable[[str], Codes]) -> Counts:
    """1 + ln(count) of each bucket; shape (n, BUCKETS), float32."""
    places, values, ends = [], [], [0]
    for text in texts:
        bucket, count = _counted(grams(text[:LONGEST]))
        places.append(bucket)
        values.append(1 + np.log(count.astype(np.float32)))
        ends.append(ends[-1] + len(bucket))
    flat = (np.concatenate(values), np.concatenate(places), np.array(ends)) if texts else ([], [], [0])
    return csr_matrix(flat, shape=(len(texts), BUCKETS), dtype=np.float32)


def holding(texts: Iterable[str], grams: Callable[[str], Codes]) -> NDArray[np.int64]:
    """How many of the texts hold each bucket; shape (BUCKETS,)."""
    held = np.zeros(BUCKETS, np.int64)
    for text in texts:
        held[_counted(grams(text[:LONGEST]))[0]] += 1
    return held


def whole_hash(text: str) -> np.uint64:
    """One hash of a whole text."""
    return np.uint64(wholes([text])[0])


def wholes(texts: Sequence[str]) -> Codes:
    """One hash of each whole text, shape (n,): the sum of code times key of its place, mixed."""
    lengths = np.array([len(t) for t in texts], np.intp)
    ends = np.cumsum(lengths)
    values = _points("".join(texts)).astype(np.uint64) * np.uint64(2) + np.uint64(1)
    place = np.arange(len(values)) - np.repeat(ends - lengths, lengths)
    sums = np.zeros(len(values) + 1, np.uint64)
    np.cumsum(values * _keys(int(lengths.max(initial=0)))[place], out=sums[1:])
    return _mixed(sums[ends] - sums[ends - lengths])


def rarity(holding: NDArray[np.int64], n_texts: int) -> Sketch:
    """Weight of each bucket, ln((1 + n) / (1 + held)) + 1 of how many of `n_texts` texts hold it. Shape (BUCKETS,)."""
    return np.asarray(np.log((1 + n_texts) / (1 + holding)) + 1, dtype=np.float32)


def folded(rows: Counts, weight: Sketch) -> Sketch:
    """Sketches of length 1 (or 0 for a text without n-grams), shape (n, DIMENSIONS)."""
    place, sign = _fold()
    start = np.repeat(np.arange(rows.shape[0]) * SKETCH_DIMENSIONS, np.diff(rows.indptr))
    values = rows.data * (weight * sign)[rows.indices]
    sums = np.bincount(start + place[rows.indices], values, minlength=rows.shape[0] * SKETCH_DIMENSIONS)
    return unit(sums.reshape(-1, SKETCH_DIMENSIONS).astype(np.float32))


def unit(rows: Sketch) -> Sketch:
    """Rows of length 1; a row of zeros stays as it is."""
    length = np.linalg.norm(rows, axis=-1, keepdims=True)
    return np.asarray(np.divide(rows, length, out=np.zeros_like(rows), where=length > 1e-12), dtype=np.float32)


def _points(text: str) -> Points:
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype=np.uint32)


def _counted(codes: Codes) -> tuple[NDArray[np.int32], NDArray[np.intp]]:
    """Buckets of n-grams, sorted, and how often each is there."""
    bucket = np.sort((codes >> _SHIFT).astype(np.int32))
    new = np.ones(len(bucket) + 1, bool)
    np.not_equal(bucket[1:], bucket[:-1], out=new[1:-1])
    first = np.flatnonzero(new) if len(bucket) else np.zeros(1, np.intp)
    return bucket[first[:-1]], np.diff(first)


def _runs(points: Points, longest: int) -> Codes:
    """Hashes of all runs of 2 to `longest`, those over the edges of the text included; the shorter ones first."""
    padded = np.concatenate([_BEFORE, points, _AFTER]) + np.uint64(1)
    value, found = padded, []
    for n in range(2, min(longest, len(padded)) + 1):
        value = value[:-1] * _PRIME + padded[n - 1 :]
        found.append(value * np.uint64(2 * n + 1))
    return _mixed(np.concatenate(found))


def _mixed(value: Codes) -> Codes:
    """Spread over all 64 bits (the finisher of SplitMix64, Steele et al. 2014)."""
    value = value ^ (value >> np.uint64(30))
    value *= np.uint64(0xBF58476D1CE4E5B9)
    value ^= value >> np.uint64(27)
    value *= np.uint64(0x94D049BB133111EB)
    value ^= value >> np.uint64(31)
    return value


@cache
def _every_power(base: int) -> Codes:
    found = np.full(LONGEST + 1, np.uint64(base))
    found[0] = 1
    return np.cumprod(found, dtype=np.uint64)


def _powers(n: int, base: int = int(_PRIME)) -> Codes:
    return _every_power(base)[:n]


def _keys(n: int) -> Codes:
    """Keys of the first `n` places of a text, or of more."""
    return _first_keys() if n <= LONGEST else _mixed(np.arange(1, n + 1, dtype=np.uint64))


@cache
def _first_keys() -> Codes:
    return _mixed(np.arange(1, LONGEST + 1, dtype=np.uint64))


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
def _marks() -> Points:
    """By code point below TABLE: 'A' for capitals, 'a' for other letters, '0' for digits, else itself."""
    marks = np.arange(TABLE, dtype=np.uint32)
    for i in range(TABLE):
        character = chr(i)
        if character.isdigit():
            marks[i] = ord("0")
        elif character.isalpha():
            marks[i] = ord("A") if character.isupper() else ord("a")
    return marks


@cache
def _fold() -> tuple[NDArray[np.intp], Sketch]:
    """Where each bucket goes, and with which sign; shape (BUCKETS,) each."""
    mixed = _mixed(np.arange(BUCKETS, dtype=np.uint64) * _PRIME + np.uint64(17))
    place = (mixed >> np.uint64(40)).astype(np.intp) % SKETCH_DIMENSIONS
    sign = np.where(mixed & np.uint64(1), 1.0, -1.0).astype(np.float32)
    return place, sign
