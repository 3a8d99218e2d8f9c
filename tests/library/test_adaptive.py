"""An adaptive audit from the outside: what it asks, when it ends, and what it says on the way."""

from collections.abc import Mapping, Sequence
from functools import cache

import numpy as np
import pytest

from tests.evidence.worlds import Model, World, a_world
from tests.library.test_library_index import embed
from wrapdetect.library.adaptive import STEP, Course, CourseStanding
from wrapdetect.library.answers import AnswersSource, Row, build_library
from wrapdetect.library.fingerprint import EmbedTexts
from wrapdetect.library.index import build_index
from wrapdetect.library.matching import Shelf
from wrapdetect.library.sequential import next_questions
from wrapdetect.store.shipped import load_seeds

QUESTIONS, MODELS, MOST = 24, 36, 16
SEEDS = load_seeds()


class Lab:
    """A library of models without kin, and answers drawn anew."""

    def __init__(self, n_models: int, embedder: EmbedTexts | None = None) -> None:
        self.world: World = a_world(2, QUESTIONS)
        self.models: Mapping[str, Model] = {f"m{k:02d}": self.world.model() for k in range(n_models)}
        rows = [
            Row(name, f"Question {q}?", text, "")
            for name, model in self.models.items()
            for q, text in enumerate(self.world.answers(model))
        ]
        library = build_library("lab", rows, AnswersSource(origin="scripted"))[0]
        weights, link = SEEDS.matching.weight, SEEDS.matching.link
        arrays = dict(build_index(library, lambda done, of: None, weights=weights, link=link, embed=embedder))
        self.shelf = Shelf(
            name=library.name,
            head=library.head,
            models=library.models,
            questions={q.id: q.text for q in library.questions},
            read=arrays.__getitem__,
            embedded=embedder is not None,
        )

    def answers(self, model: Model, seed: int) -> dict[str, str]:
        """By question id."""
        texts = self.world._replace(rng=np.random.default_rng(seed)).answers(model)
        by_text = {f"Question {q}?": text for q, text in enumerate(texts)}
        return {question: by_text[text] for question, text in self.shelf.questions.items()}

    def stranger(self, seed: int) -> dict[str, str]:
        return self.answers(self.world._replace(rng=np.random.default_rng(1000 + seed)).model(), seed)


@cache
def lab(n_models: int = MODELS) -> Lab:
    return Lab(n_models)


@cache
def small() -> Lab:
    return Lab(12)


def a_course(of: Lab | None = None, most: int | None = MOST, embedder: EmbedTexts | None = None) -> Course:
    return Course((of or lab()).shelf, SEEDS, most=most, embed=embedder)


def walked(course: Course, answers: Mapping[str, str], n: int = STEP) -> list[str]:
    """Asked to the end, decided or not; the questions in their order."""
    asked: list[str] = []
    while wanted := course.ask_next(n):
        for question in wanted:
            course.tell(question, [answers[question]] if answers.get(question) else [])
        asked += wanted
    return asked


def until_decided(course: Course, answers: Mapping[str, str]) -> tuple[int, CourseStanding]:
    n = 0
    while not course.standing().decided and (wanted := course.ask_next(STEP)):
        for question in wanted:
            course.tell(question, [answers[question]])
        n += len(wanted)
    return n, course.standing()


def test_a_model_of_the_library_is_named_before_the_most_are_asked() -> None:
    for name in ("m03", "m11", "m20"):
        n, standing = until_decided(a_course(), lab().answers(lab().models[name], 7))
        assert standing.named
        assert standing.why.startswith(f"decided after {n}: {name} or its family, ")
        assert n < MOST


@pytest.mark.slow
def test_a_stranger_is_not_named() -> None:
    """Of five, none; the rule's error is measured in tests/library/test_sequential.py."""
    assert not any(until_decided(a_course(), lab().stranger(seed))[1].named for seed in range(5))


@pytest.mark.parametrize("n", [1, 3])
def test_no_question_is_asked_twice_and_the_audit_ends(n: int) -> None:
    course = a_course()
    asked = walked(course, lab().stranger(1), n)
    assert len(asked) == len(set(asked)) == MOST
    assert course.ask_next(n) == []


@pytest.mark.slow
@pytest.mark.parametrize(("most", "asked"), [(8, 8), (9, 9), (1000, QUESTIONS), (None, QUESTIONS)])
def test_the_most_is_kept(most: int | None, asked: int) -> None:
    course = a_course(most=most)
    assert course.most == asked
    assert len(walked(course, lab().stranger(2), 5)) == asked


def test_what_was_told_is_not_told_again() -> None:
    course = a_course()
    question = course.ask_next(1)[0]
    course.tell(question, ["The tide rises."])
    assert question not in course.ask_next(QUESTIONS)
    with pytest.raises(ValueError, match=f"question {question} was told before"):
        course.tell(question, ["The tide rises."])


@pytest.mark.parametrize("draws", [[], [""], ["<think>What should I say?"]])
def test_a_question_without_an_answer_counts_as_asked_and_not_as_answered(draws: Sequence[str]) -> None:
    course = a_course()
    question = course.ask_next(1)[0]
    course.tell(question, draws)
    assert question not in course.ask_next(QUESTIONS)
    assert len(course.ask_next(QUESTIONS)) == MOST - 1
    assert course.standing().why == "0 answers: too few to look at (at least 8)"


def test_a_target_that_never_answers_ends_undecided() -> None:
    course = a_course()
    assert len(walked(course, {})) == MOST
    assert not course.standing().decided


def test_an_audit_taken_up_again_stands_where_it_stood_and_goes_on_the_same_way() -> None:
    answers = lab().answers(lab().models["m05"], 3)
    whole, first, again = a_course(), a_course(), a_course()
    asked = walked(whole, answers)
    for question in asked[:10]:
        first.tell(question, [answers[question]])
    for question in sorted(asked[:10]):
        again.tell(question, [answers[question]])
    assert first.standing() == again.standing()
    assert first.ask_next(STEP) == again.ask_next(STEP) == asked[10:12]


def test_the_same_library_gives_the_same_course() -> None:
    answers = lab().stranger(4)
    one, two = a_course(), a_course()
    assert one.rule == two.rule
    assert walked(one, answers) == walked(two, answers)
    assert one.standing() == two.standing()


def test_before_a_state_can_be_said_nothing_is_decided() -> None:
    """However clear the answers are: the match at the end would say `insufficient`."""
    course = a_course()
    answers = lab().answers(lab().models["m03"], 7)
    for question in course.ask_next(7):
        course.tell(question, [answers[question]])
    assert course.standing() == CourseStanding(False, "7 answers: too few to look at (at least 8)")


def test_too_small_a_library_never_stops_early_and_says_so() -> None:
    course = a_course(small())
    assert course.rule is None
    n, standing = until_decided(course, small().answers(small().models["m03"], 7))
    assert (n, standing.decided) == (MOST, False)
    assert standing.why == "16 answers: the library has too few families to stop early"


def test_what_is_missing_is_said_with_what_it_takes() -> None:
    course = a_course()
    assert course.rule is not None
    walked(course, lab().stranger(3))
    assert course.found is not None
    standing = course.standing()
    if not standing.decided:
        assert f"more than {course.rule.threshold:.1f} asked" in standing.why
        assert f"(at least {load_seeds().matching.states.family_at:g} asked)" in standing.why


@pytest.mark.slow
@pytest.mark.parametrize("embedder", [None, embed])
def test_the_rule_is_learned_from_the_scores_that_the_target_is_held_against(embedder: EmbedTexts | None) -> None:
    """Of the cohort, on the same questions and in the same views: also where texts are embedded."""
    known = Lab(20, embedder)
    course = a_course(known, embedder=embedder)
    walked(course, known.stranger(1))
    sheet = course.scorer.sheet
    assert sheet is not None
    places = [list(course.pool).index(q) for q in sheet.questions]
    np.testing.assert_allclose(course.choices.scores[places], sheet.scores[:, 1:], atol=1e-3)


def test_the_first_questions_are_the_most_telling() -> None:
    course = a_course()
    worth = list(course.pool.values())
    assert worth == sorted(worth, reverse=True)
    assert course.ask_next(3) == list(course.pool)[:3]
    assert next_questions(course.choices, [4, 7, 9], np.zeros(0, np.intp), 2) == [4, 7]
