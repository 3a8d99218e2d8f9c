"""Fingerprints: what is kept of each speaker's draws, and that silence leaves nothing."""

from collections.abc import Sequence

import numpy as np
import pytest

from wrapdetect.evidence.compare.ngrams import BUCKETS, GRAMS, SKETCH_DIMENSIONS, Sketch, counts, unit, word_hashes
from wrapdetect.library.fingerprint import OPENING_WORDS, Fingerprints, fingerprints, learn_rarities
from wrapdetect.library.normalise import normalise

TIDE = "The tide rises with the moon, and falls again."
TEA = "Tea is green; coffee is black — “so they say”."
NO = "I'm sorry, but I can't assist with that."
RARITIES = learn_rarities([TIDE, TEA, NO, "Sure! Rain falls on the tide."])


def prints(*answers: Sequence[str]) -> Fingerprints:
    return fingerprints(answers, RARITIES)


def embed(texts: Sequence[str]) -> Sketch:
    """Two dimensions: how many letters, how many other characters."""
    rows = [[sum(c.isalpha() for c in t), sum(not c.isalpha() for c in t)] for t in texts]
    return unit(np.array(rows, np.float32).reshape(len(rows), 2))


def test_a_speaker_without_an_answer_has_nothing() -> None:
    found = fingerprints([[TIDE], [], [""], [" \n"], ["<think>x"]], RARITIES, embed)
    assert found.answered.tolist() == [True, False, False, False, False]
    for rows in (*found.sketches.values(), found.opening, found.refused[:, None]):
        assert not rows[1:].any()


def test_every_kind_has_a_row_of_length_one_for_each_speaker() -> None:
    found = fingerprints([[TIDE], [TEA, TIDE]], RARITIES, embed)
    assert found.sketches.keys() == {*GRAMS, "embedding"}
    for kind, rows in found.sketches.items():
        assert rows.shape == (2, 2 if kind == "embedding" else SKETCH_DIMENSIONS)
        assert rows.dtype == np.float32
        np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1.0, atol=1e-5)


@pytest.mark.parametrize("answers", [[[""], ["<think>x"]], [[], []]])
def test_a_question_that_nobody_answered_has_embeddings_of_the_usual_length(answers: list[list[str]]) -> None:
    assert fingerprints(answers, RARITIES, embed).sketches["embedding"].shape == (2, 2)


def test_no_speakers_give_no_rows() -> None:
    assert prints().answered.shape == (0,)
    assert prints().sketches["words"].shape == (0, SKETCH_DIMENSIONS)


def test_a_sketch_is_the_mean_direction_of_the_draws() -> None:
    found = prints([TIDE], [TEA], [TIDE, TEA])
    for rows in found.sketches.values():
        np.testing.assert_allclose(rows[2], unit(rows[:1] + rows[1:2])[0], atol=1e-5)


def test_an_empty_draw_leaves_the_others_as_they_are() -> None:
    found = prints([TIDE], ["", TIDE, "<think>x"])
    for rows in (*found.sketches.values(), found.opening):
        np.testing.assert_array_equal(rows[0], rows[1])


def test_the_others_who_speak_change_no_fingerprint() -> None:
    alone, among = prints([TEA]), prints([TIDE], [], [TEA], [NO, TIDE])
    for kind in GRAMS:
        np.testing.assert_allclose(alone.sketches[kind][0], among.sketches[kind][2], atol=1e-6)
    np.testing.assert_array_equal(alone.opening[0], among.opening[2])


def test_refusals_are_a_share_of_the_draws() -> None:
    assert prints([TIDE], [NO], [NO, TIDE], ["", NO]).refused.tolist() == [0.0, 1.0, 0.5, 1.0]


def test_reasoning_and_openers_leave_no_trace() -> None:
    found = prints([TIDE], [f"<think>The moon?</think>Sure! Here is why:\n\n{TIDE}"])
    for rows in (*found.sketches.values(), found.opening):
        np.testing.assert_array_equal(rows[0], rows[1])


def test_the_opening_is_of_the_first_draw_word_by_word() -> None:
    first, second, other = prints([TIDE, TEA], [TIDE.replace("falls", "sinks")], [TEA]).opening
    same = (first == second)[:-1]
    n = len(TIDE.split())
    assert same[:7].all()
    assert same[:n].sum() == n - 1
    assert not first[n:-1].any()
    assert first[-1] != second[-1]
    assert not (first == other)[: len(TEA.split())].any()


def test_no_word_has_the_hash_that_says_there_is_none() -> None:
    row = prints([" ".join(f"w{k}" for k in range(100))]).opening[0]
    assert len(row) == OPENING_WORDS + 1
    assert row.all()


def test_where_words_have_no_spaces_the_opening_goes_by_characters() -> None:
    first, second = prints(["潮汐是由月球引力造成的。"], ["潮汐是因为太阳。"]).opening
    assert (first == second)[:3].all()
    assert not (first == second)[3]


@pytest.mark.parametrize("text", ["\ud800 half", "مرحبا بالعالم", "潮" * 100_000, "a", "!", "\x00"])
def test_odd_answers_are_answers(text: str) -> None:
    found = prints([text])
    assert found.answered.all()
    assert found.opening[0, -1] != 0
    assert np.isfinite(found.sketches["words"]).all()


def test_chosen_rows_are_those_of_the_speakers_chosen() -> None:
    found = prints([TIDE], [NO], [TEA])
    chosen = found.rows(np.array([2, 0]))
    assert chosen.refused.tolist() == [0.0, 0.0]
    np.testing.assert_array_equal(chosen.opening, found.opening[[2, 0]])
    np.testing.assert_array_equal(found.rows(slice(1, 2)).sketches["chars"], found.sketches["chars"][1:2])


def test_rare_words_weigh_more_than_common_ones() -> None:
    texts = ["the tide", "the moon", "the rain", "Sure!\nthe sun"]
    weight = learn_rarities(texts)["words"]
    the, tide, sure = (int(word_hashes(w)[0] >> np.uint64(46)) for w in ("the", "tide", "sure"))
    assert weight[the] == pytest.approx(1.0)
    assert weight[tide] == pytest.approx(np.log(5 / 2) + 1)
    assert weight[sure] == pytest.approx(np.log(5) + 1)  # an opener is no part of the answer


def test_without_texts_every_n_gram_weighs_the_same() -> None:
    for weight in learn_rarities([]).values():
        np.testing.assert_array_equal(weight, np.ones(BUCKETS, np.float32))


def test_what_is_learned_is_counted_in_texts_and_not_in_draws_of_a_word() -> None:
    assert counts([normalise("tide tide tide").text], word_hashes).nnz == 2
    np.testing.assert_array_equal(
        learn_rarities(["tide tide tide", "moon"])["words"], learn_rarities(["tide tide", "moon"])["words"]
    )
