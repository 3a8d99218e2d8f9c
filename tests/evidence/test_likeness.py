"""Likeness: on the same prompt only and beyond the prompt, whoever is named first, and absent where one is silent."""

import numpy as np
import pytest

from wrapdetect.evidence.compare.behaviour.likeness import Answers, Speaker, measure, without_question
from wrapdetect.evidence.compare.behaviour.tfidf import VIEWS

A, B, C = ("a", ""), ("b", ""), ("c", "")
TALK: Answers = {
    A: {"p": ["the tide follows the moon"], "q": ["bread rises with yeast", "yeast makes dough rise"]},
    B: {"p": ["the tide follows the moon"], "q": ["carbon dioxide lifts the dough"]},
    C: {"p": ["zebra quartz violin"]},
}
QUESTIONS = {"p": "why does the sea rise", "q": "what makes dough rise"}


def value(answers: Answers, item: str, a: Speaker, b: Speaker, view: str = "words") -> float:
    like = measure(answers, QUESTIONS, VIEWS[view], learn_from=tuple(answers))  # type: ignore[index]  # of VIEWS
    return float(like.between(a, b)[like.items.index(item)])


@pytest.mark.parametrize("view", list(VIEWS))
def test_equal_answers_are_wholly_alike(view: str) -> None:
    assert value(TALK, "p", A, B, view) == pytest.approx(1.0)


def test_answers_without_a_common_word_are_not_alike() -> None:
    assert value(TALK, "p", A, C) == pytest.approx(0.0, abs=1e-12)


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
    without = measure(TALK, QUESTIONS, VIEWS["words"], learn_from=tuple(TALK))
    beside = measure(with_parrot, QUESTIONS, VIEWS["words"], learn_from=tuple(TALK))
    np.testing.assert_allclose(beside.between(A, B), without.between(A, B), atol=1e-12)


def test_another_prompt_s_answer_is_never_compared() -> None:
    crossed: Answers = {A: {"p": ["moon tide"], "q": ["yeast dough"]}, B: {"p": ["yeast dough"], "q": ["moon tide"]}}
    assert [value(crossed, item, A, B) for item in ("p", "q")] == pytest.approx([0.0, 0.0], abs=0.05)


@pytest.mark.parametrize("view", list(VIEWS))
def test_an_answer_that_is_nothing_but_the_question_is_like_nobody_s(view: str) -> None:
    echo: Answers = {**TALK, C: {"q": [QUESTIONS["q"]]}}
    assert value(echo, "q", C, A, view) == 0.0
    assert value(echo, "q", C, B, view) == 0.0


@pytest.mark.parametrize("view", list(VIEWS))
def test_what_two_answers_share_through_the_question_counts_for_nothing(view: str) -> None:
    """Both repeat the question and say nothing else in common: without it they are no more alike than with it."""
    said = {A: "zebra quartz violin", B: "copper hedge lantern"}
    plain: Answers = {s: {"q": [text]} for s, text in said.items()}
    repeating: Answers = {s: {"q": [f"{QUESTIONS['q']} {text}"]} for s, text in said.items()}
    assert value(repeating, "q", A, B, view) <= value(plain, "q", A, B, view) + 0.05
    assert value(repeating, "q", A, B, view) < 0.1


@pytest.mark.parametrize("n", [3, 8])
def test_a_partial_likeness_is_a_likeness(n: int) -> None:
    """Symmetric, within -1 and 1, and positive semidefinite, as the cosines of what is left."""
    rng = np.random.default_rng(n)
    vectors = np.abs(rng.standard_normal((n + 1, 5)))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    left = without_question(vectors @ vectors.T)
    np.testing.assert_allclose(left, left.T, atol=1e-12)
    np.testing.assert_allclose(np.diag(left), 1.0)
    assert np.abs(left).max() <= 1 + 1e-9
    assert np.linalg.eigvalsh(left).min() >= -1e-9


def test_a_question_that_nobody_took_up_changes_nothing() -> None:
    similarity = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.4], [0.0, 0.4, 1.0]])
    np.testing.assert_allclose(without_question(similarity), [[1.0, 0.4], [0.4, 1.0]])
