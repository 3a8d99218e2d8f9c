"""N-grams and sketches: what is told apart, numbers that libraries on disk hold, and cosines kept within the noise."""

import hashlib
from collections import Counter
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.evidence.worlds import WORDS
from wrapdetect.evidence.compare.ngrams import (
    BUCKETS,
    GRAMS,
    LONGEST,
    SKETCH_DIMENSIONS,
    Codes,
    Sketch,
    chars,
    counts,
    folded,
    layout,
    rarity,
    skeleton,
    unit,
    whole_hash,
    word_hashes,
)

ODD = {
    "empty": "",
    "one letter": "a",
    "a lone surrogate": "\ud800",
    "half a pair among words": "yes \udfff no",
    "right to left": "שלום עולם، مرحبا بالعالم",
    "scripts without spaces": "潮汐はなぜ起こるのか？ 为什么 น้ำขึ้น",
    "emoji": "👩‍🚀🏽 ok",
    "controls": "tab\there\r\nand\x00there\u2028",
    "only marks": "!!! --- ...",
    "only spaces": " \u00a0\u3000 ",
}
ANY = st.text(st.characters(), max_size=60)
"""Lone surrogates included."""
EVEN = np.ones(BUCKETS, np.float32)


def seen(codes: Codes) -> set[int]:
    return {int(c) for c in codes}


def drawn(text: str) -> str:
    return "".join(chr(int(c)) for c in skeleton(text))


def test_the_hashes_are_those_that_libraries_on_disk_hold() -> None:
    assert int(whole_hash("The tide — “潮” 😀")) == 0xBC78E9DEAAD47A89
    assert [int(c) for c in word_hashes("The tide")] == [0xF0E0F33BA7A705CD, 0x3D16709DAABA0E29, 0xE580C33C4D5B6B46]
    assert [int(c) for c in chars("ab")][:2] == [0xC3FBE07D3ACCBCB9, 0xA872C7FB8441FE34]
    assert [int(c) for c in layout("- A1")][:2] == [0xC67884CD18FE83DF, 0xDA68FA70AF7A2778]


def test_the_places_of_a_sketch_are_those_that_libraries_on_disk_hold() -> None:
    row = folded(counts(["The tide"], word_hashes), EVEN)[0]
    assert {int(k): float(np.sign(row[k])) for k in np.flatnonzero(row)} == {33: 1.0, 339: 1.0, 354: -1.0}


def test_the_n_grams_of_a_text_in_many_scripts_are_those_that_libraries_on_disk_hold() -> None:
    text = " ".join(ODD.values())
    digest = hashlib.sha256(b"".join(np.sort(g(text)).astype("<u8").tobytes() for g in GRAMS.values())).hexdigest()
    assert digest[:16] == "2dea49e02ee98671"


@pytest.mark.parametrize("grams", GRAMS.values(), ids=list(GRAMS))
@pytest.mark.parametrize("text", ODD.values(), ids=list(ODD))
def test_odd_texts_give_finite_rows_of_length_one_or_none(text: str, grams: Callable[[str], Codes]) -> None:
    row = folded(counts([text], grams), EVEN)[0]
    assert np.isfinite(row).all()
    assert np.linalg.norm(row) == pytest.approx(1.0 if len(grams(text)) else 0.0, abs=1e-5)


@given(ANY, st.sampled_from(list(GRAMS.values())))
def test_any_text_gives_the_same_n_grams_twice(text: str, grams: Callable[[str], Codes]) -> None:
    np.testing.assert_array_equal(grams(text), grams(text))


@given(ANY, ANY)
def test_two_texts_have_the_same_hash_only_if_they_are_the_same(a: str, b: str) -> None:
    assert (whole_hash(a) == whole_hash(b)) == (a == b)


@given(st.text("ab é潮", max_size=30), st.text("xy “潮”", max_size=30))
def test_a_word_has_the_same_hash_wherever_it_stands(text: str, before: str) -> None:
    assert seen(word_hashes(text)) <= seen(word_hashes(f"{before} {text}"))


def test_words_ignore_case_and_marks_but_not_order() -> None:
    assert seen(word_hashes("“The tide”, ÉTÉ!")) == seen(word_hashes("the TIDE été"))
    assert seen(word_hashes("tide the")) != seen(word_hashes("the tide"))
    assert len(seen(word_hashes("the tide")) & seen(word_hashes("tide the"))) == 2


def test_a_word_with_an_apostrophe_is_one_word() -> None:
    assert len(word_hashes("don't")) == len(word_hashes("don’t")) == 1
    assert len(word_hashes("naïve")) == len(word_hashes("नमस्ते")) == 1


@pytest.mark.parametrize(("text", "units"), [("潮汐表", 3), ("ひらがな", 4), ("น้ำ", 3), ("😀😀", 2), ("潮a汐", 3)])
def test_scripts_without_spaces_are_taken_character_by_character(text: str, units: int) -> None:
    assert len(word_hashes(text)) == 2 * units - 1


def test_right_to_left_words_are_words() -> None:
    assert len(word_hashes("שלום עולם")) == 3


@pytest.mark.parametrize(
    ("a", "b"), [("it's", "it’s"), ("a - b", "a — b"), ('"a"', "“a”"), ("a b", "a\u00a0b"), ("A", "a")]
)
def test_characters_keep_the_typography(a: str, b: str) -> None:
    assert seen(chars(a)) != seen(chars(b))


def test_characters_know_where_a_text_begins_and_ends() -> None:
    assert len(seen(chars("ab")) & seen(chars("xabx"))) == 1  # "ab" itself, without either edge


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("", ""),
        ("Tide", "A"),
        ("# The  Tide\n\n1. It rises", "# A  A\n\n0. Aa"),
        ("3.14 and ٣٤", "0.0 a 0"),
        ("שלום עולם", "aa"),
        ("潮汐：月。", "a：a。"),
        ("don’t — “stop”", "a’a — “a”"),
        ("😀 x", "😀 a"),
    ],
)
def test_the_skeleton_holds_the_layout_and_no_words(text: str, left: str) -> None:
    assert drawn(text) == left


def test_layout_is_the_same_for_other_words_in_the_same_form() -> None:
    assert seen(layout("- **Tea**: 12 cups")) == seen(layout("- **Rain**: 7 drops"))


@settings(deadline=None)
@given(ANY, st.sampled_from(list(GRAMS.values())))
def test_counts_are_one_plus_the_logarithm_of_how_often(text: str, grams: Callable[[str], Codes]) -> None:
    often = Counter(int(c) >> 46 for c in grams(text))
    row = counts([text], grams)
    assert row.shape == (1, BUCKETS)
    found = dict(zip(row.indices.tolist(), row.data.tolist(), strict=True))
    assert found == pytest.approx({bucket: 1 + np.log(n) for bucket, n in often.items()})


def test_no_texts_give_no_rows() -> None:
    assert counts([], word_hashes).shape == (0, BUCKETS)
    assert folded(counts([], word_hashes), EVEN).shape == (0, SKETCH_DIMENSIONS)


@pytest.mark.parametrize("grams", GRAMS.values(), ids=list(GRAMS))
def test_a_very_long_answer_counts_as_far_as_it_is_looked_at(grams: Callable[[str], Codes]) -> None:
    text = "The tide, 潮汐 — 12. " * 6_000
    assert len(text) > 100_000
    assert (counts([text], grams) != counts([text[:LONGEST]], grams)).nnz == 0


def test_what_every_text_holds_weighs_least_and_nothing_weighs_less_than_one() -> None:
    weight = rarity(np.array([0, 1, 50, 100]), 100)
    assert (np.diff(weight) < 0).all()
    assert weight[-1] == pytest.approx(1.0)
    assert weight[0] == pytest.approx(np.log(101) + 1)


def test_a_row_of_zeros_stays_one() -> None:
    rows = unit(np.array([[3, 4], [0, 0]], np.float32))
    np.testing.assert_allclose(rows, np.array([[0.6, 0.8], [0, 0]], np.float32), rtol=1e-6)


def some_texts(n: int, seed: int) -> list[str]:
    """Texts of 60 words each, common words as in Zipf's law: some are like one another by chance."""
    rng = np.random.default_rng(seed)
    shares = 1 / (np.arange(len(WORDS)) + 3.0)
    return [" ".join(rng.choice(WORDS, 60, p=shares / shares.sum())) for _ in range(n)]


def exact_cosines(texts: list[str], grams: Callable[[str], Codes], weight: Sketch) -> Sketch:
    rows = counts(texts, grams)
    rows.data = rows.data * weight[rows.indices]
    gram = np.asarray((rows @ rows.T).todense())
    length = np.sqrt(np.diag(gram))
    return np.asarray(gram / length[:, None] / length[None, :], dtype=np.float32)


@pytest.mark.parametrize("grams", GRAMS.values(), ids=list(GRAMS))
def test_sketches_keep_the_cosines_of_all_n_grams_within_the_noise(grams: Callable[[str], Codes]) -> None:
    texts = some_texts(60, seed=1)
    weight = rarity(np.bincount(counts(texts, grams).indices, minlength=BUCKETS), len(texts))
    sketch = folded(counts(texts, grams), weight)
    error = (sketch @ sketch.T - exact_cosines(texts, grams, weight))[np.triu_indices(len(texts), 1)]
    assert abs(error.mean()) < 0.01
    assert np.sqrt((error**2).mean()) < 1.5 / np.sqrt(SKETCH_DIMENSIONS)
    assert np.abs(error).max() < 6 / np.sqrt(SKETCH_DIMENSIONS)
