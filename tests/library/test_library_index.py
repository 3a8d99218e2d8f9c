"""The index of a library: what was put in comes out again, families and telling questions are those planted."""

from collections.abc import Sequence
from datetime import date
from functools import cache

import numpy as np
import pytest

from tests.evidence.worlds import a_world
from wrapdetect.evidence.compare.arrays import Array
from wrapdetect.evidence.compare.ngrams import GRAMS, Sketch, unit, word_hashes
from wrapdetect.library.answers import AnswersSource, Library, Row, build_library
from wrapdetect.library.fingerprint import EmbedTexts, fingerprints, learn_rarities
from wrapdetect.library.index import LEARN_FROM, build_index, read_family, read_prints, read_rarities

WEIGHTS = {"words": 0.25, "chars": 0.35, "layout": 0.05, "opening": 0.17, "refusal": 0.18, "embedding": 0.1}
SOURCE = AnswersSource(origin="scripted", collected=date(2026, 1, 5))
QUESTIONS = 12
FAMILY = {"a1": 0, "a2": 0, "b1": 1, "c1": 2, "c2": 2, "d1": 3, "e1": 4, "f1": 5, "g1": 6, "h1": 7}
"""Models by name, siblings under one letter."""


def embed(texts: Sequence[str]) -> Sketch:
    rows = [[sum(c in letters for c in t) for letters in ("aeiou", "bdfgk", "lmnpr")] for t in texts]
    return unit(np.array(rows, np.float32).reshape(len(rows), 3))


def a_library(answers: dict[str, list[str]], left_out: Sequence[tuple[str, int]] = ()) -> Library:
    rows = [
        Row(model, f"Question {q}?", text, f"answers.csv, line {q + 2}")
        for model, texts in answers.items()
        for q, text in enumerate(texts)
        if (model, q) not in left_out
    ]
    return build_library("mine", rows, SOURCE)[0]


@cache
def planted() -> Library:
    """Siblings share 60 % of their tastes; `b1` is silent on the first question and `d1` refuses the second."""
    world = a_world(3, QUESTIONS)
    first = {name[0]: world.model() for name in FAMILY}
    models = {n: first[n[0]] if n.endswith("1") else world.prompted(first[n[0]], 0.3) for n in FAMILY}
    answers = {name: world.answers(model) for name, model in models.items()}
    answers["d1"][1] = "I'm sorry, but I can't assist with that."
    return a_library(answers, [("b1", 0)])


def index(library: Library, with_embeddings: EmbedTexts | None = None) -> dict[str, Array]:
    built = build_index(library, lambda done, of: None, weights=WEIGHTS, link=0.8, embed=with_embeddings)
    return dict(built)


@cache
def plain_index() -> dict[str, Array]:
    return index(planted())


def place(model: str) -> int:
    return planted().models.index(model)


def question(k: int, library: Library | None = None) -> str:
    return next(q.id for q in (library or planted()).questions if q.text == f"Question {k}?")


def test_fingerprints_come_back_as_they_went_in() -> None:
    library, arrays = planted(), index(planted(), embed)
    rarities = read_rarities(arrays.__getitem__)
    for q in library.questions:
        made = fingerprints([library.answers[m].get(q.id, ()) for m in library.models], rarities, embed)
        back = read_prints(q.id, arrays.__getitem__, embedded=True)
        np.testing.assert_array_equal(back.answered, made.answered)
        np.testing.assert_array_equal(back.refused, made.refused)
        np.testing.assert_array_equal(back.opening, made.opening)
        assert back.sketches.keys() == made.sketches.keys()
        for kind, rows in made.sketches.items():
            assert back.sketches[kind].dtype == np.float32
            np.testing.assert_allclose(back.sketches[kind], rows, atol=2**-11)  # float16 of a number up to 1


def test_without_embeddings_none_are_kept() -> None:
    assert not [name for name in plain_index() if name.startswith("embedding")]
    assert read_prints(question(0), plain_index().__getitem__, embedded=False).sketches.keys() == GRAMS.keys()


def test_a_missing_answer_stays_missing() -> None:
    found = read_prints(question(0), plain_index().__getitem__, embedded=False)
    assert np.flatnonzero(~found.answered).tolist() == [place("b1")]
    assert not found.sketches["words"][place("b1")].any()


def test_a_refusal_is_marked() -> None:
    found = read_prints(question(1), plain_index().__getitem__, embedded=False)
    assert np.flatnonzero(found.refused).tolist() == [place("d1")]


def test_a_small_library_is_learned_from_whole() -> None:
    library = planted()
    texts = [t for by_question in library.answers.values() for draws in by_question.values() for t in draws]
    learned = read_rarities(plain_index().__getitem__)
    for kind, rarity in learn_rarities(texts).items():
        np.testing.assert_array_equal(learned[kind], rarity)


def test_a_large_library_is_learned_from_over_all_of_its_questions() -> None:
    """Each question has a word of its own: each is seen about as often as the others."""
    n_models, n_questions = 2 * LEARN_FROM // 100, 100
    library = a_library({f"m{m}": [f"word{q}x" for q in range(n_questions)] for m in range(n_models)})
    built = build_index(library, lambda done, of: None, weights=WEIGHTS, link=0.8)
    rarity = next(array for name, array in built if name == "rarity_words")
    buckets = [int(word_hashes(f"word{q}x")[0] >> np.uint64(46)) for q in range(n_questions)]
    often = (LEARN_FROM + 1) / np.exp(np.asarray(rarity, np.float64)[buckets] - 1) - 1
    assert often.min() > 0.5 * LEARN_FROM / n_questions


def test_planted_families_are_found() -> None:
    found = read_family(plain_index().__getitem__)
    assert found.tolist() == [FAMILY[m] for m in planted().models]


def test_two_models_that_share_one_question_are_no_family() -> None:
    """However alike their answers to it are."""
    world = a_world(5, 20)
    answers = {f"m{k:02d}": world.answers(world.model()) for k in range(10)}
    answers["m01"][10] = answers["m00"][10]
    library = a_library(answers, [("m00", q) for q in range(11, 20)] + [("m01", q) for q in range(10)])
    family = read_family(index(library).__getitem__)
    assert family[library.models.index("m00")] != family[library.models.index("m01")]


def planted_but_all_say(text: str) -> Library:
    """To question 5."""
    library = planted()
    answers = {m: [library.answers[m].get(question(q), ("Yes.",))[0] for q in range(QUESTIONS)] for m in library.models}
    for texts in answers.values():
        texts[5] = text
    return a_library(answers)


def test_a_question_that_tells_families_apart_tells_more_than_one_that_all_answer_alike() -> None:
    changed = planted_but_all_say("Paris.")
    telling = dict(zip((q.id for q in changed.questions), index(changed)["telling"].tolist(), strict=True))
    assert telling.pop(question(5, changed)) == pytest.approx(0.0, abs=1e-5)
    assert np.mean(list(telling.values())) > 0.5


def test_a_question_without_any_text_breaks_nothing() -> None:
    """All think and nobody speaks: the answers are there, and empty once the reasoning is off."""
    changed = planted_but_all_say("<think>What should I say?")
    found = read_prints(question(5, changed), index(changed, embed).__getitem__, embedded=True)
    assert not found.answered.any()
    assert found.sketches["embedding"].shape == (len(changed.models), 3)


@pytest.mark.parametrize("n_models", [2, 3])
def test_the_smallest_library_has_an_index(n_models: int) -> None:
    world = a_world(4, 8)
    library = a_library({f"m{k}": world.answers(world.model()) for k in range(n_models)})
    arrays = index(library)
    assert read_family(arrays.__getitem__).tolist() == list(range(n_models))
    assert np.isfinite(arrays["telling"]).all()


def test_the_same_library_gives_the_same_bytes() -> None:
    again = index(planted())
    assert list(again) == list(plain_index())
    assert all(again[name].tobytes() == array.tobytes() for name, array in plain_index().items())


def test_progress_is_told_question_by_question() -> None:
    told: list[tuple[int, int]] = []
    list(build_index(planted(), lambda done, of: told.append((done, of)), weights=WEIGHTS, link=0.8))
    assert told == [(k + 1, QUESTIONS) for k in range(QUESTIONS)]
