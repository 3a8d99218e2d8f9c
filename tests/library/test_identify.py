"""Identification: the null that the library measures is that of true strangers, and a copy of a model stands out.

The quick worlds are made of sketches, the slow ones of texts. Strangers are independent models that no library holds.
"""

from collections.abc import Iterator, Sequence
from functools import cache

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.random import Generator
from numpy.typing import NDArray

from tests.evidence.worlds import a_world
from tests.library.test_nearest import WEIGHTS, Floats, a_question, spoken, tastes, told
from wrapdetect.library.fingerprint import Fingerprints, fingerprints, learn_rarities
from wrapdetect.library.identify import (
    FEWEST_COMMON_QUESTIONS,
    FEWEST_STRANGERS,
    LONG_WORDS,
    Identified,
    Sheet,
    StrangersNull,
    choose_cohort,
    exact_matches,
    identify,
    mean_scores,
    ranking,
    score_question,
    strangers,
    strangers_null,
)

COHORT = 96


def a_sheet(scores: Floats, cohort: Sequence[int] | None = None) -> Sheet:
    """Of scores (n_questions, 1 + n_cohort, n_models); the cohort is all models unless told."""
    chosen = np.arange(scores.shape[2]) if cohort is None else np.asarray(cohort)
    held = scores.astype(np.float32)
    held[:, 1 + np.arange(len(chosen)), chosen] = np.nan
    return Sheet(tuple(f"q{k}" for k in range(len(scores))), held, chosen)


def noise(n_questions: int = 24, n_models: int = 12, seed: int = 1) -> Floats:
    return np.random.default_rng(seed).standard_normal((n_questions, 1 + n_models, n_models))


def identified(sheet: Sheet, family: Sequence[int] | None = None, seed: int = 1) -> Identified:
    groups = np.arange(sheet.scores.shape[2]) if family is None else np.asarray(family)
    found = identify(sheet, groups, np.random.default_rng(seed))
    assert found is not None
    return found


# --- parts -----------------------------------------------------------------------------------------------------------


@given(st.integers(1, 500), st.integers(1, 120))
def test_a_cohort_is_spread_from_the_first_model_to_the_last(n_models: int, size: int) -> None:
    cohort = choose_cohort(n_models, size)
    assert len(cohort) == min(size, n_models)
    assert cohort[0] == 0
    assert size == 1 or cohort[-1] == n_models - 1
    assert (np.diff(cohort) > 0).all()
    assert len(cohort) < 2 or np.ptp(np.diff(cohort)) <= 1


@pytest.mark.parametrize(
    ("n_questions", "answered", "enough"),
    [
        (24, FEWEST_COMMON_QUESTIONS - 1, False),
        (24, FEWEST_COMMON_QUESTIONS, True),
        (60, 19, False),
        (60, 20, True),
        (5, 4, False),
    ],
)
def test_a_mean_takes_8_questions_and_a_third_of_them(n_questions: int, answered: int, enough: bool) -> None:
    scores = np.full((n_questions, 1), np.nan, np.float32)
    scores[:answered] = 2.0
    np.testing.assert_array_equal(mean_scores(scores), [2.0 if enough else np.nan])


def test_a_mean_is_over_the_questions_answered() -> None:
    scores = np.arange(20, dtype=np.float32)[:, None] * np.array([1, -1], np.float32)
    scores[::2, 1] = np.nan
    np.testing.assert_allclose(mean_scores(scores), [9.5, -10.0])


def test_a_stranger_has_no_relatives() -> None:
    totals = np.array([[np.nan, 5, 1, 0], [5, np.nan, 2, 3], [1, 2, np.nan, np.nan]], np.float32)
    np.testing.assert_allclose(strangers(totals, np.arange(3), np.array([0, 0, 1, 2])), [1, 3, 2])
    assert np.isnan(strangers(totals, np.arange(3), np.zeros(4, np.intp))).all()


def test_too_few_strangers_measure_no_null() -> None:
    totals = mean_scores(noise()[:, 1:].astype(np.float32))
    few, enough = choose_cohort(12, FEWEST_STRANGERS - 1), choose_cohort(12, FEWEST_STRANGERS)
    assert strangers_null(totals[few], few, np.arange(12)) is None
    null = strangers_null(totals[enough], enough, np.arange(12))
    assert null is not None
    assert null.n == FEWEST_STRANGERS


def test_strangers_that_are_all_alike_still_have_a_spread() -> None:
    null = strangers_null(np.ones((12, 12), np.float32), np.arange(12), np.arange(12))
    assert null is not None
    assert (null.mean, null.sd) == (1.0, 1e-3)


def test_a_ranking_leaves_out_who_shares_too_little() -> None:
    assert ranking(np.array([0.5, np.nan, 2.0, 0.5, -1.0], np.float32)) == [2, 0, 3, 4]


# --- identify --------------------------------------------------------------------------------------------------------


def test_the_nearest_is_the_one_with_the_largest_mean() -> None:
    scores = noise()
    scores[:, 0, 7] += 3.0
    found = identified(a_sheet(scores))
    assert found.nearest == 7
    assert found.low < found.standard < found.high
    assert found.standard == pytest.approx(found.null.standard(float(found.totals[7])), rel=1e-5)
    assert (found.null.n, found.n_questions) == (12, 24)


def test_the_margin_is_the_lead_over_other_families() -> None:
    scores = noise()
    scores[:, 0, 7] += 3.0
    scores[:, 0, 8] += 2.9
    scores[:, 0, 2] += 1.5
    found = identified(a_sheet(scores), [*range(8), 7, *range(8, 11)])
    totals = found.totals
    assert found.margin == pytest.approx((totals[7] - totals[2]) / found.null.sd, rel=1e-4)
    assert identified(a_sheet(scores)).margin < found.margin


def test_a_silent_target_is_not_identified() -> None:
    scores = noise()
    scores[:, 0] = np.nan
    assert identify(a_sheet(scores), np.arange(12), np.random.default_rng(1)) is None


def test_a_library_of_one_family_or_of_too_few_models_identifies_nobody() -> None:
    assert identify(a_sheet(noise()), np.zeros(12, np.intp), np.random.default_rng(1)) is None
    small = FEWEST_STRANGERS - 1
    assert identify(a_sheet(noise(n_models=small)), np.arange(small), np.random.default_rng(1)) is None


def test_the_same_seed_gives_the_same_interval() -> None:
    one, two = identified(a_sheet(noise())), identified(a_sheet(noise()))
    assert (one.low, one.high) == (two.low, two.high)


def test_a_relative_that_shares_too_few_questions_does_not_move_the_interval() -> None:
    """Its mean is no evidence, and so it is none in the bootstrap."""
    scores = noise()
    scores[:, 0, 7] += 3.0
    scores[:, 0, 8] = np.nan
    alone = identified(a_sheet(scores), [*range(8), 7, *range(8, 11)])
    scores[:2, 0, 8] = 9.0
    beside = identified(a_sheet(scores), [*range(8), 7, *range(8, 11)])
    assert (beside.low, beside.high) == (alone.low, alone.high)


def test_questions_that_a_model_missed_are_no_zeros() -> None:
    scores = noise()
    scores[:, 0, 7] += 3.0
    scores[::2, 0, 7] = np.nan
    found = identified(a_sheet(scores))
    assert found.nearest == 7
    assert found.totals[7] > 2.0
    assert np.isfinite([found.low, found.high]).all()


def test_the_interval_covers_the_true_standard_score() -> None:
    """Of 120 targets with a true mean score of 2; the null is what the sheet measured."""
    rng = np.random.default_rng(5)
    covered = 0
    for _ in range(120):
        scores = 0.3 * rng.standard_normal((32, 13, 12))
        scores[:, 0, 4] = 2.0 + rng.standard_normal(32)
        found = identified(a_sheet(scores))
        truth = found.null.standard(2.0)
        covered += found.low <= truth <= found.high
    assert 0.88 <= covered / 120 <= 0.99  # nominal 95 %; a percentile bootstrap of 32 gives a little less


def test_the_interval_of_a_family_of_twins_holds_its_value() -> None:
    rng = np.random.default_rng(6)
    scores = noise(n_models=20, seed=6)
    scores[:, 0, :10] += 2.0 + 0.1 * rng.standard_normal((24, 10))
    found = identified(a_sheet(scores), [0] * 10 + list(range(1, 11)))
    assert found.low < found.standard < found.high


# --- one question ----------------------------------------------------------------------------------------------------


def test_a_question_gives_a_row_to_the_target_and_to_each_of_the_cohort() -> None:
    models, target = a_question(10, seed=1), a_question(1, seed=2)
    cohort = np.array([0, 3, 6, 9])
    scores = score_question(target, models, cohort, WEIGHTS)
    assert scores.shape == (5, 10)
    missing = np.zeros((5, 10), bool)
    missing[np.arange(1, 5), cohort] = True
    np.testing.assert_array_equal(np.isnan(scores), missing)


def test_a_model_that_plays_a_stranger_is_one_to_its_whole_family() -> None:
    models, target = a_question(10, seed=1), a_question(1, seed=2)
    family = np.array([0, 0, 1, 2, 2, 2, 3, 4, 5, 6])
    scores = score_question(target, models, np.arange(10), WEIGHTS, family)
    assert np.isfinite(scores[0]).all()
    np.testing.assert_array_equal(np.isnan(scores[1:]), family[:, None] == family[None, :])


def test_what_relatives_say_does_not_change_what_a_stranger_scores() -> None:
    """But for what is common to all, of which they are a part for the other judges."""
    models, target = a_question(16, seed=1), a_question(1, seed=2)
    family = np.array([0, 0, *range(1, 15)])
    before = score_question(target, models, np.arange(16), WEIGHTS, family)[1]
    for rows in models.sketches.values():
        rows[1] = rows[0]
    models.opening[1] = models.opening[0]
    np.testing.assert_allclose(score_question(target, models, np.arange(16), WEIGHTS, family)[1], before, atol=0.1)


def test_a_target_that_refuses_alone_is_no_nearer_to_anyone() -> None:
    models, target = a_question(12, seed=1), a_question(1, seed=2)
    target.refused[0] = 1.0
    scores = score_question(target, models, np.arange(12), WEIGHTS)
    assert np.ptp(scores[0]) == pytest.approx(0.0, abs=1e-6)
    assert scores[0].max() <= 0


def test_embeddings_of_the_library_alone_are_left_out() -> None:
    models, target = a_question(10, seed=1), a_question(1, seed=2)
    rich = models._replace(sketches={**models.sketches, "embedding": models.sketches["words"]})
    np.testing.assert_allclose(
        score_question(target, rich, np.arange(10), WEIGHTS), score_question(target, models, np.arange(10), WEIGHTS)
    )


# --- the null and the effect -----------------------------------------------------------------------------------------


def scored(
    heard: Sequence[Fingerprints],
    library: Sequence[Fingerprints],
    rng: Generator,
    family: NDArray[np.int64] | None = None,
) -> Iterator[Identified]:
    """Every speaker of `heard` (fingerprints question by question) against the library."""
    n = len(library[0].answered)
    groups = np.arange(n) if family is None else family
    cohort = choose_cohort(n, COHORT)
    for k in range(len(heard[0].answered)):
        rows = [
            score_question(ours.rows(slice(k, k + 1)), theirs, cohort, WEIGHTS, groups)
            for ours, theirs in zip(heard, library, strict=True)
        ]
        found = identify(Sheet(tuple(map(str, range(len(rows)))), np.stack(rows), cohort), groups, rng)
        assert found is not None
        yield found


def drawn(n_models: int, n_targets: int, seed: int, *, known: bool, noise: float = 3.0) -> list[Identified]:
    """Targets of a world of sketches, 24 questions: strangers, or if `known` the library's first models once more."""
    rng = np.random.default_rng(seed)
    models, topics = tastes(n_models, rng), tastes(24, rng)
    targets = models[:n_targets] if known else tastes(n_targets, rng)
    library = [spoken(models, topic, rng, noise) for topic in topics]
    return list(scored([spoken(targets, topic, rng, noise) for topic in topics], library, rng))


@cache
def by_chance(n_models: int, worlds: int, targets: int) -> NDArray[np.float64]:
    return np.array([f.standard for w in range(worlds) for f in drawn(n_models, targets, 100 + w, known=False)])


@pytest.mark.parametrize(
    ("n_models", "sd", "beyond_2"),
    [
        (12, 2.2, 0.16),  # 12 strangers measure the null but roughly
        pytest.param(24, 1.4, 0.08, marks=pytest.mark.slow),
        pytest.param(60, 1.25, 0.06, marks=pytest.mark.slow),
    ],
)
def test_strangers_are_where_the_library_says_that_strangers_are(n_models: int, sd: float, beyond_2: float) -> None:
    """Over libraries, too: the mean and the spread that each measures are themselves uncertain."""
    standard = by_chance(n_models, worlds=12 if n_models < 60 else 8, targets=6 if n_models < 24 else 20)
    assert abs(standard.mean()) < 0.3
    assert 0.6 < standard.std() < sd  # Student's t draws the few together
    assert (standard > 2).mean() <= beyond_2


def of_families(n_families: int, size: int, seed: int) -> list[Identified]:
    """Eight strangers to a library of families that share 80 % of their tastes."""
    rng = np.random.default_rng(seed)
    shared = np.repeat(tastes(n_families, rng), size, axis=0)
    models, topics, targets = 0.8**0.5 * shared + 0.2**0.5 * tastes(len(shared), rng), tastes(24, rng), tastes(8, rng)
    library = [spoken(models, topic, rng, 2.0) for topic in topics]
    heard = [spoken(targets, topic, rng, 2.0) for topic in topics]
    return list(scored(heard, library, rng, np.repeat(np.arange(n_families), size)))


@pytest.mark.slow
@pytest.mark.parametrize(("n_families", "size"), [(24, 3), (12, 6)])
def test_strangers_to_a_library_of_families_are_where_it_says(n_families: int, size: int) -> None:
    """Relatives of those that play strangers would make them lesser strangers than true ones."""
    standard = np.array([f.standard for seed in range(8) for f in of_families(n_families, size, seed)])
    assert abs(standard.mean()) < 0.35
    assert 0.6 < standard.std() < 1.5
    assert (standard > 2).mean() <= 0.1


def test_a_model_of_the_library_is_found_and_far_beyond_strangers() -> None:
    found = drawn(24, 20, seed=7, known=True, noise=2.0)
    assert [f.nearest for f in found] == list(range(20))
    assert np.mean([f.standard > 3 for f in found]) >= 0.95
    assert np.mean([f.low > 2 for f in found]) >= 0.9
    assert np.mean([f.margin > 1 for f in found]) >= 0.9


@cache
def of_texts(
    seed: int, n_models: int = 24, n_strangers: int = 50, n_questions: int = 16
) -> tuple[list[Identified], list[Identified]]:
    """A world of texts: what strangers reach, and what restyled copies of its first models reach."""
    world = a_world(seed, n_questions)
    models = [world.model() for _ in range(n_models)]
    library = [world.answers(m) for m in models]
    rarities = learn_rarities([t for texts in library for t in texts])

    def heard(speakers: Sequence[Sequence[str]]) -> list[Fingerprints]:
        return [fingerprints([[texts[q]] for texts in speakers], rarities) for q in range(n_questions)]

    outsiders = heard([world.answers(world.model()) for _ in range(n_strangers)])
    copies = heard([world.restyled(world.answers(world.prompted(m, 0.3))) for m in models[:10]])
    prints = heard(library)
    return list(scored(outsiders, prints, world.rng)), list(scored(copies, prints, world.rng))


@pytest.mark.slow
def test_over_300_strangers_in_texts_the_measured_null_holds() -> None:
    standard = np.array([f.standard for seed in range(6) for f in of_texts(seed)[0]])
    assert len(standard) == 300
    assert abs(standard.mean()) < 0.3
    assert 0.75 < standard.std() < 1.4
    assert (standard > 2).mean() <= 0.08
    assert (standard > 4).mean() <= 0.01


@pytest.mark.slow
def test_restyled_copies_behind_a_prompt_are_found_in_texts() -> None:
    found = [(k, f) for seed in range(6) for k, f in enumerate(of_texts(seed)[1])]
    assert np.mean([f.nearest == k for k, f in found]) >= 0.95
    assert np.mean([f.standard > 3 for _, f in found]) >= 0.95


# --- to the letter ---------------------------------------------------------------------------------------------------

LONG = "The tide follows the moon around the earth, day after day. "


def matches(target: Sequence[str], models: Sequence[Sequence[str]], model: int = 0) -> int:
    """Answers by question; those of the models by question, then by model."""
    return exact_matches([told(a) for a in target], [told(*a) for a in models], model)


def test_a_long_answer_that_nobody_else_gave_is_a_match() -> None:
    models = [[f"{LONG}{q} {k}" for k in range(20)] for q in range(3)]
    assert matches([f"{LONG}{q} 4" for q in range(3)], models, model=4) == 3
    assert matches([f"{LONG}{q} 4" for q in range(3)], models, model=5) == 0
    assert matches([f"{LONG}0 4", f"{LONG}1 x", ""], models, model=4) == 1


def test_reasoning_and_openers_do_not_hide_a_match() -> None:
    assert matches([f"<think>hm</think>Sure! Here it is:\n\n{LONG}"], [[LONG, "Tea."]]) == 1


def test_a_short_answer_is_no_match() -> None:
    short = " ".join(["tide"] * (LONG_WORDS - 1))
    assert matches([short], [[short, "Tea."]]) == 0
    assert matches([f"{short} moon"], [[f"{short} moon", "Tea."]]) == 1


def test_a_long_answer_in_a_script_without_spaces_is_a_match() -> None:
    text = "潮汐是由月球引力造成的，太阳也有影响。"
    assert matches([text], [[text, "我不知道。"]]) == 1


@pytest.mark.parametrize(("n_others", "n_same", "found"), [(20, 1, 0), (99, 2, 1), (99, 3, 0), (199, 4, 1)])
def test_a_commonplace_is_no_match(n_others: int, n_same: int, found: int) -> None:
    """At most 2 in 100 models may have given it, too."""
    models = [LONG] * (1 + n_same) + [f"{LONG} {k}" for k in range(n_others - n_same)]
    assert matches([LONG], [models]) == found


def test_silence_is_no_match() -> None:
    assert matches([""], [["", ""]]) == 0
    assert matches([LONG], [["", LONG]]) == 0


def test_few_strangers_tell_less_than_many() -> None:
    many, few = StrangersNull(0.5, 0.2, 96), StrangersNull(0.5, 0.2, 8)
    for score in (0.7, 1.0, 1.5, 3.0):
        assert 0 < few.standard(score) < many.standard(score) <= (score - 0.5) / 0.2
    assert few.standard(0.5) == 0.0
    assert few.standard(0.3) == pytest.approx(-few.standard(0.7))
