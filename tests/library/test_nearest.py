"""Scores: twice standardised, missing where somebody is silent, and the same for a stranger as for a model.

Worlds here are made of sketches, without texts: a topic that all share, a taste for each model, and noise.
"""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.random import Generator
from numpy.typing import NDArray

from wrapdetect.evidence.compare.ngrams import GRAMS, Sketch, unit
from wrapdetect.library.fingerprint import OPENING_WORDS, Fingerprints, SketchId, fingerprints, learn_rarities
from wrapdetect.library.nearest import (
    EXACT,
    FARTHEST_SD,
    NEAR_VIEWS,
    NearView,
    Rows,
    Scores,
    combined,
    question_scores,
    standardised,
)

Floats = NDArray[np.float64]
WEIGHTS = {"words": 0.25, "chars": 0.35, "layout": 0.05, "opening": 0.17, "refusal": 0.18, "embedding": 0.1}
LENGTH = 64
"""Dimensions of a made-up sketch."""


def tastes(n: int, rng: Generator) -> Floats:
    return rng.standard_normal((n, LENGTH))


def spoken(taste: Floats, topic: Floats, rng: Generator, noise: float = 3.0) -> Fingerprints:
    """One answer of each model to one question; the first word is one of four, the other words are nobody else's."""
    n = len(taste)
    said: dict[SketchId, Sketch] = {
        k: unit((3 * topic + taste + noise * rng.standard_normal(taste.shape)).astype(np.float32)) for k in GRAMS
    }
    opening = rng.integers(5, 2**32, (n, OPENING_WORDS + 1), dtype=np.uint32)
    opening[:, 0] = rng.integers(1, 5, n)
    return Fingerprints(np.ones(n, bool), np.zeros(n, np.float32), opening, said)


def a_question(n: int, seed: int = 1, noise: float = 3.0) -> Fingerprints:
    rng = np.random.default_rng(seed)
    return spoken(tastes(n, rng), tastes(1, rng), rng, noise)


def among(prints: Fingerprints) -> Rows:
    return Rows(prints, np.arange(len(prints.answered)))


def strangers(prints: Fingerprints) -> Rows:
    return Rows(prints, np.full(len(prints.answered), -1))


def told(*answers: str | Sequence[str]) -> Fingerprints:
    """Fingerprints of true texts."""
    draws = [[a] if isinstance(a, str) else a for a in answers]
    return fingerprints(draws, learn_rarities([t for own in draws for t in own]))


def likeness(view: NearView, speakers: Fingerprints, models: Fingerprints) -> Scores:
    return NEAR_VIEWS[view](strangers(speakers), models)


# --- standard scores -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [3, 40, 700])
@pytest.mark.parametrize("value", [0.0, 0.1, np.log1p(3), np.log1p(EXACT)])
def test_what_is_the_same_everywhere_says_nothing(value: float, n: int) -> None:
    likeness = np.full((n, n), value, np.float32)
    np.fill_diagonal(likeness, np.nan)
    assert not np.nan_to_num(standardised(likeness)).any()


@given(st.integers(0, 10_000), st.floats(0.01, 100), st.floats(-5, 5))
@settings(deadline=None)
def test_neither_the_unit_of_a_likeness_nor_its_zero_matter(seed: int, scale: float, shift: float) -> None:
    values = np.random.default_rng(seed).standard_normal((9, 7)).astype(np.float32)
    np.testing.assert_allclose(standardised(scale * values + shift), standardised(values), atol=2e-3)


def test_scores_are_about_zero_over_a_row_and_over_a_column() -> None:
    values = np.random.default_rng(1).standard_normal((60, 50)).astype(np.float32)
    values[np.arange(50), np.arange(50)] = np.nan
    scores = standardised(values)
    assert abs(np.nanmean(scores, axis=1)).max() < 0.35  # the half from the columns is not exactly 0
    assert abs(np.nanmean(scores, axis=0)).max() < 0.35
    assert abs(np.nanmean(scores)) < 0.01


def test_one_near_pair_is_far_out_and_within_bounds() -> None:
    values = np.random.default_rng(2).normal(0, 0.01, (30, 30)).astype(np.float32)
    values[4, 7] = 1.0
    scores = standardised(values)
    assert int(np.argmax(scores)) == 4 * 30 + 7
    assert 4 < scores.max() <= FARTHEST_SD


def test_missing_stays_missing_and_nothing_else_does() -> None:
    values = np.random.default_rng(3).standard_normal((10, 10)).astype(np.float32)
    values[2, :] = values[:, 5] = values[7, 8] = np.nan
    np.testing.assert_array_equal(np.isnan(standardised(values)), np.isnan(values))


def test_one_value_alone_has_no_standard_score() -> None:
    assert np.isnan(standardised(np.array([[0.4, np.nan], [np.nan, 0.2]], np.float32))).all()
    assert standardised(np.zeros((0, 4), np.float32)).shape == (0, 4)


def test_a_stranger_is_judged_by_the_models_and_they_not_by_it() -> None:
    rng = np.random.default_rng(4)
    values = rng.standard_normal((11, 10)).astype(np.float32)
    odd = values.copy()
    odd[0] = 50 * rng.standard_normal(10)
    np.testing.assert_array_equal(standardised(values, 1)[1:], standardised(odd, 1)[1:])


def test_a_model_is_judged_as_a_stranger_with_the_same_likeness_would_be() -> None:
    """By the others alone: a value that had part in its own mean would look less far off."""
    values = np.random.default_rng(5).standard_normal((8, 6)).astype(np.float32)
    for row in range(8):
        others = np.delete(values, row, axis=0)
        as_stranger = standardised(np.vstack([values[row : row + 1], others]), 1)[0]
        np.testing.assert_allclose(standardised(values)[row], as_stranger, atol=1e-4)


# --- likenesses ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ours", "theirs", "common"),
    [
        ("the tide rises", "the tide falls", 2),
        ("the tide rises", "a tide rises", 0),
        ("the tide rises", "the tide rises", EXACT),
        ("the tide", "the tide rises", 2),
        ("w " * 40 + "x", "w " * 40 + "y", OPENING_WORDS),
        ("the tide ", " the tide", EXACT),
    ],
)
def test_an_opening_is_as_alike_as_it_has_first_words_in_common(ours: str, theirs: str, common: int) -> None:
    assert likeness("opening", told(ours), told(theirs))[0, 0] == pytest.approx(np.log1p(common))


def test_two_silent_speakers_do_not_open_alike() -> None:
    assert likeness("opening", told("", "tide"), told("", "<think>x")).tolist() == [[0, 0], [0, 0]]


def test_refusals_are_alike_and_answers_are_and_one_is_not_like_the_other() -> None:
    no, yes = "I'm sorry, but I can't assist with that.", "Tea is green."
    found = likeness("refusal", told(no, yes, [no, yes]), told(no, yes))
    np.testing.assert_allclose(found, np.array([[1, 0], [0, 1], [0.5, 0.5]]))


@pytest.mark.parametrize("view", list(GRAMS))
def test_what_all_models_say_is_taken_out(view: NearView) -> None:
    """All share a topic; without it, independent models are unlike, and a copy is like its model."""
    prints = a_question(40, noise=1.0)
    found = likeness(view, prints.rows(slice(0, 5)), prints)
    np.testing.assert_allclose(np.diag(found), 1.0, atol=1e-4)
    assert abs(found[~np.eye(5, 40, dtype=bool)].mean()) < 0.05


@pytest.mark.parametrize("view", list(GRAMS))
def test_a_model_that_plays_a_stranger_is_like_the_others_as_if_it_came_from_outside(view: NearView) -> None:
    prints = a_question(9)
    inside = NEAR_VIEWS[view](among(prints), prints)
    for i in range(9):
        others = np.delete(np.arange(9), i)
        outside = likeness(view, prints.rows(slice(i, i + 1)), prints.rows(others))
        np.testing.assert_allclose(inside[i, others], outside[0], atol=1e-4)


# --- one question ----------------------------------------------------------------------------------------------------


def test_a_speaker_that_says_what_one_model_says_is_nearest_to_it() -> None:
    answers = [f"Model {k} says: {w}, {w} and {w}er." for k, w in enumerate(["tide", "moon", "rain", "wind", "snow"])]
    models = told(*answers)
    for k in range(5):
        both = Rows(told(answers[k], *answers), np.array([-1, *range(5)]))
        assert int(np.argmax(combined(question_scores(both, models, 1), WEIGHTS)[0])) == k


def test_the_order_of_the_models_changes_no_score() -> None:
    prints = a_question(12)
    order = np.random.default_rng(1).permutation(12)
    straight = combined(question_scores(among(prints), prints), WEIGHTS)
    turned = combined(question_scores(among(prints.rows(order)), prints.rows(order)), WEIGHTS)
    np.testing.assert_allclose(turned, straight[np.ix_(order, order)], atol=1e-4)


def test_a_model_has_no_score_with_itself_and_a_silent_one_with_nobody() -> None:
    prints = a_question(8)
    prints.answered[3] = False
    found = question_scores(among(prints), prints)
    missing = np.eye(8, dtype=bool)
    missing[3, :] = missing[:, 3] = True
    for scores in (*found.values(), combined(found, WEIGHTS)):
        np.testing.assert_array_equal(np.isnan(scores), missing)


def test_what_a_silent_model_left_behind_changes_nothing() -> None:
    prints = a_question(8)
    prints.answered[3] = False
    before = combined(question_scores(among(prints), prints), WEIGHTS)
    prints.sketches["words"][3] = 7.0
    prints.refused[3] = 1.0
    np.testing.assert_allclose(combined(question_scores(among(prints), prints), WEIGHTS), before, atol=1e-5)


def test_one_who_refused_and_one_who_did_not_are_compared_in_that_alone() -> None:
    prints = a_question(10)
    prints.refused[:4] = 1.0
    found = question_scores(among(prints), prints)
    apart = (prints.refused[:, None] != prints.refused[None, :]) | np.eye(10, dtype=bool)
    np.testing.assert_array_equal(np.isnan(found["words"]), apart)
    np.testing.assert_array_equal(np.isnan(found["refusal"]), np.eye(10, dtype=bool))
    assert (found["refusal"][:4, 4:] < 0).all()
    assert np.isfinite(combined(found, WEIGHTS)[~np.eye(10, dtype=bool)]).all()


def test_where_all_refuse_in_the_same_words_nothing_is_said() -> None:
    prints = told(*["I'm sorry, but I can't assist with that."] * 30)
    found = combined(question_scores(among(prints), prints), WEIGHTS)
    np.testing.assert_array_equal(found[~np.eye(30, dtype=bool)], 0)


@pytest.mark.parametrize("n", [1, 2])
def test_one_or_two_models_give_no_standard_and_no_score(n: int) -> None:
    prints = a_question(n)
    assert np.isnan(combined(question_scores(among(prints), prints), WEIGHTS)).all()


@pytest.mark.parametrize("silent", ["speakers", "models"])
def test_where_nobody_answered_there_is_no_score(silent: str) -> None:
    speakers, models = a_question(4, seed=1), a_question(5, seed=2)
    (speakers if silent == "speakers" else models).answered[:] = False
    assert np.isnan(combined(question_scores(strangers(speakers), models), WEIGHTS)).all()


def test_embeddings_count_only_where_both_sides_have_them() -> None:
    plain = a_question(6)
    rich = plain._replace(sketches={**plain.sketches, "embedding": plain.sketches["words"]})
    assert "embedding" in question_scores(among(rich), rich)
    for ours, theirs in ((plain, rich), (rich, plain), (plain, plain)):
        assert "embedding" not in question_scores(among(ours), theirs)


def test_scores_add_up_by_weight_and_a_view_that_does_not_apply_adds_nothing() -> None:
    nan = np.nan
    scores: dict[NearView, Scores] = {
        "words": np.array([[2.0, nan, 1.0]], np.float32),
        "refusal": np.array([[1.0, -1.0, nan]], np.float32),
    }
    np.testing.assert_allclose(combined(scores, {"words": 0.5, "refusal": 0.25}), [[1.25, -0.25, nan]])
