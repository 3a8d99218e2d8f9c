"""The very same model and settings: alike where it is so, told apart where habits differ, silent on single draws"""

import numpy as np
import pytest

from wrapdetect.library.same_settings import same_settings

WORDS = {
    "plain": ["tide", "moon", "water", "shore", "pull", "sea", "rise", "fall", "twice", "day"],
    "ornate": ["tide", "moon", "water", "shore", "indeed", "lovely", "rise", "gently", "twice", "ever"],
}


def drawn(voice: str, rng: np.random.Generator, questions: int = 6, draws: int = 6) -> dict[str, list[str]]:
    return {
        f"q{q}": [f"Question {q}: " + " ".join(rng.choice(WORDS[voice], 40)) + "." for _ in range(draws)]
        for q in range(questions)
    }


@pytest.mark.slow
def test_one_voice_is_rejected_as_often_as_the_level_says() -> None:
    rng = np.random.default_rng(1)
    found = [same_settings(drawn("plain", rng), drawn("plain", rng), rng) for _ in range(60)]
    rejected = sum(f is not None and f.p <= 0.05 for f in found)
    assert rejected <= 8  # 3 expected; more than 8 of 60 has a chance of 1 in 300


def test_another_voice_is_told_apart() -> None:
    rng = np.random.default_rng(2)
    found = same_settings(drawn("plain", rng), drawn("ornate", rng), rng)
    assert found is not None
    assert found.p < 0.01
    assert (found.n_ours, found.n_theirs, found.n_questions) == (36, 36, 6)


@pytest.mark.parametrize("draws", [1, 2])
def test_few_answers_say_nothing(draws: int) -> None:
    rng = np.random.default_rng(3)
    assert same_settings(drawn("plain", rng, draws=draws), drawn("plain", rng), rng) is None
