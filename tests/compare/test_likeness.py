"""Likeness: on the same prompt only, the same whoever is named first, and absent where somebody did not answer."""

import numpy as np
import pytest

from wrapdetect.compare.likeness import Answers, Speaker, measure
from wrapdetect.compare.views import VIEWS

A, B, C = ("a", ""), ("b", ""), ("c", "")
TALK: Answers = {
    A: {"p": ["the tide follows the moon"], "q": ["bread rises with yeast", "yeast makes dough rise"]},
    B: {"p": ["the tide follows the moon"], "q": ["carbon dioxide lifts the dough"]},
    C: {"p": ["zebra quartz violin"]},
}


def value(answers: Answers, item: str, a: Speaker, b: Speaker, view: str = "words") -> float:
    like = measure(answers, VIEWS[view], learn_from=tuple(answers))  # type: ignore[index]  # a name of VIEWS
    return float(like.between(a, b)[like.items.index(item)])


@pytest.mark.parametrize("view", list(VIEWS))
def test_equal_answers_are_wholly_alike(view: str) -> None:
    assert value(TALK, "p", A, B, view) == pytest.approx(1.0)


def test_answers_without_a_common_word_are_not_alike() -> None:
    assert value(TALK, "p", A, C) == 0.0


def test_who_did_not_answer_is_like_nobody_and_not_unlike() -> None:
    assert np.isnan(value(TALK, "q", A, C))


def test_a_single_draw_has_no_likeness_to_itself() -> None:
    assert np.isnan(value(TALK, "p", A, A))
    assert 0 < value(TALK, "q", A, A) < 1


@pytest.mark.parametrize("view", list(VIEWS))
def test_the_order_of_speakers_changes_no_likeness(view: str) -> None:
    turned = {s: TALK[s] for s in (C, B, A)}
    assert value(TALK, "q", A, B, view) == pytest.approx(value(turned, "q", B, A, view), abs=1e-12)


def test_a_made_up_speaker_leaves_the_true_comparison_as_it_is() -> None:
    with_parrot = {**TALK, ("(parrot)", ""): {"p": ("why is there a tide",), "q": ("how does dough rise",)}}
    without = measure(TALK, VIEWS["words"], learn_from=tuple(TALK))
    beside = measure(with_parrot, VIEWS["words"], learn_from=tuple(TALK))
    np.testing.assert_allclose(beside.between(A, B), without.between(A, B), atol=1e-12)


def test_another_prompt_s_answer_is_never_compared() -> None:
    crossed: Answers = {A: {"p": ["moon tide"], "q": ["yeast dough"]}, B: {"p": ["yeast dough"], "q": ["moon tide"]}}
    assert [value(crossed, item, A, B) for item in ("p", "q")] == [0.0, 0.0]
