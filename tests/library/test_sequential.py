"""The stopping rule: a stranger is hardly ever named at any look, though the questions follow its answers.

Worlds are made of scores, without texts: speakers are vectors with a part of their own, a part of their family and
noise on each question; what two say to one question is as alike as their vectors. A stranger is of a family that no
library has, drawn as the library's were.
"""

from functools import cache
from typing import NamedTuple

import numpy as np
import pytest
from numpy.random import Generator
from numpy.typing import NDArray
from scipy.stats import beta

from wrapdetect.library.identify import Indices, Sheet, identify
from wrapdetect.library.nearest import Scores
from wrapdetect.library.sequential import (
    ALIVE,
    Looks,
    Pace,
    Pool,
    alive_models,
    audits,
    learn_rule,
    next_questions,
    threshold_of,
)

ALPHA = 0.05
QUESTIONS, TARGETS, LENGTH = 28, 40, 32
PACE = Pace(2, 8, 24)


class Kind(NamedTuple):
    """How a world is made: sizes of its families, how strong each speaker's lasting taste is against the noise of one
    question, whether the noise has heavy tails, and how many models form the cohort."""

    sizes: tuple[int, ...]
    lasting: float
    heavy: bool = False
    cohort: int = 96


KINDS = {
    "no taste at all": Kind((1,) * 40, 0.0),
    "weak tastes": Kind((1,) * 40, 0.3),
    "strong tastes": Kind((1,) * 30, 1.0),
    "heavy tails": Kind((1,) * 30, 0.5, heavy=True),
    "families": Kind((6, 5, 4, 3, *(2,) * 5, *(1,) * 15), 0.5),
    "large families, heavy tails": Kind((3,) * 22, 0.8, heavy=True),
    "a cohort of half the models": Kind((2,) * 36, 0.4, cohort=36),
}


class World(NamedTuple):
    """A library, and targets with their scores (n_questions, n_targets, n_models); `same` are the models that the last
    of the targets are (the first are strangers)."""

    pool: Pool
    targets: Scores
    same: Indices


def a_world(kind: Kind, rng: Generator, strangers: int = TARGETS, copies: int = 0) -> World:
    family = np.repeat(np.arange(len(kind.sizes)), kind.sizes)
    n, every = len(family), len(family) + strangers + copies
    same = rng.choice(n, copies)
    of = np.concatenate([family, len(kind.sizes) + np.arange(strangers), family[same]])
    taste = 0.8 * rng.standard_normal((of.max() + 1, LENGTH))[of] + 0.6 * rng.standard_normal((every, LENGTH))
    taste[n + strangers :] = taste[same]
    cohort = np.unique(np.linspace(0, n - 1, min(kind.cohort, n)).round().astype(np.intp))
    telling_power = rng.uniform(0.2, 1.8, QUESTIONS)
    scores = np.empty((QUESTIONS, every, n), np.float32)
    for q in range(QUESTIONS):
        noise = rng.standard_t(3, (every, LENGTH)) if kind.heavy else rng.standard_normal((every, LENGTH))
        said = kind.lasting * telling_power[q] * taste + noise
        # The true spread, and the bounds of real scores: nothing is learned from the library that a target is not in.
        spread = ((kind.lasting * telling_power[q]) ** 2 + (3 if kind.heavy else 1)) * LENGTH**0.5
        scores[q] = np.clip(said @ said[:n].T / spread, -5, 5)
        scores[q, np.arange(n), np.arange(n)] = np.nan
    scores[rng.random(scores.shape[:2]) < 0.03] = np.nan  # not answered
    own = family[cohort][:, None] == family
    known = scores[:, cohort]
    within = np.nanmean(np.where(own, known, np.nan), axis=(1, 2)) if max(kind.sizes) > 1 else telling_power
    return World(Pool(known, within.astype(np.float32), cohort, family), scores[:, n:], same)


def seen(world: World, *, pace: Pace = PACE, order: Indices | None = None) -> Looks:
    absent = np.zeros((world.targets.shape[1], len(world.pool.family)), bool)
    return audits(world.pool, world.targets, absent, pace, order)


def interval(hits: int, n: int) -> tuple[float, float]:
    """Exact 95 % interval of a share (Clopper & Pearson 1934)."""
    low = beta.ppf(0.025, hits, n - hits + 1) if hits else 0.0
    return float(low), float(beta.ppf(0.975, hits + 1, n - hits))


@cache
def one_world(name: str, strangers: int = TARGETS, copies: int = 0) -> World:
    return a_world(KINDS[name], np.random.default_rng(11), strangers, copies)


# --- the error -------------------------------------------------------------------------------------------------------


def named_strangers(kind: Kind, n_worlds: int, seed: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Strangers named in each world, with questions chosen by the answers and in random order."""
    rng = np.random.default_rng(seed)
    chosen, random = [], []
    for _ in range(n_worlds):
        world = a_world(kind, rng)
        rule = learn_rule(world.pool, PACE, alpha=ALPHA)
        assert rule is not None
        order = np.stack([rng.permutation(QUESTIONS) for _ in range(TARGETS)])
        chosen.append(int((seen(world).highest > rule.threshold).sum()))
        random.append(int((seen(world, order=order).highest > rule.threshold).sum()))
    return np.array(chosen), np.array(random)


@pytest.mark.slow
def test_of_10_000_strangers_fewer_than_alpha_are_named() -> None:
    """252 worlds of seven kinds with 40 strangers each: 10,080 audits by the choice of questions, as many without."""
    found = {name: named_strangers(kind, 36, seed) for seed, (name, kind) in enumerate(KINDS.items())}
    for place, how in enumerate(("chosen", "random")):
        named = np.concatenate([of_kind[place] for of_kind in found.values()])
        hits, n = int(named.sum()), len(named) * TARGETS
        low, high = interval(hits, n)
        assert n >= 10_000
        assert hits / n < ALPHA, f"{how}: {hits} of {n} strangers named, {hits / n:.4f} ({low:.4f} to {high:.4f})"
    for name, (chosen, _) in found.items():  # of one kind: 3 standard errors between worlds
        assert chosen.mean() / TARGETS < ALPHA + 3 * chosen.std(ddof=1) / TARGETS / 6, name


@pytest.mark.slow
def test_a_model_of_the_library_is_named_after_few_questions() -> None:
    """The effect: copies behind the noise of each question, in four worlds with lasting tastes."""
    rng = np.random.default_rng(5)
    right, wrong, n_asked = 0, 0, []
    for _ in range(12):
        world = a_world(KINDS["strong tastes"], rng, strangers=0, copies=TARGETS)
        rule = learn_rule(world.pool, PACE, alpha=ALPHA)
        assert rule is not None
        looks = seen(world)
        passed = looks.standard > rule.threshold
        first = passed.argmax(axis=0)
        target = np.arange(TARGETS)
        hit = world.pool.family[looks.nearest[first, target]] == world.pool.family[world.same]
        right += int((passed.any(axis=0) & hit).sum())
        wrong += int((passed.any(axis=0) & ~hit).sum())
        n_asked += np.where(passed.any(axis=0) & hit, looks.answers[first, target], PACE.most + 1).tolist()
    assert right > 0.85 * 12 * TARGETS  # 423 of 480
    assert wrong < 0.02 * 12 * TARGETS
    assert np.median(n_asked) <= 12


def test_a_threshold_is_passed_by_alpha_of_new_families() -> None:
    """Also where families are of unlike sizes and their members come out nearly alike; 3,000 draws."""
    rng = np.random.default_rng(3)
    passed = 0
    family = np.repeat(np.arange(30), rng.integers(1, 12, 30))
    for _ in range(3000):
        common = rng.standard_normal(31)
        reached = (common[family] + 0.1 * rng.standard_normal(len(family))).astype(np.float32)
        threshold = threshold_of(reached, family, 0.1)
        assert threshold is not None
        passed += common[30] + 0.1 * rng.standard_normal() > threshold
    assert 0.07 < passed / 3000 <= 0.1


@pytest.mark.parametrize(("alpha", "fewest"), [(0.05, 19), (0.1, 9), (0.01, 99)])
def test_too_few_families_learn_no_threshold_however_many_models_they_have(alpha: float, fewest: int) -> None:
    for n, there in ((fewest - 1, False), (fewest, True)):
        family = np.repeat(np.arange(n), 5)
        assert (threshold_of(np.arange(5 * n, dtype=np.float32), family, alpha) is not None) == there


def test_a_library_of_18_families_has_no_rule() -> None:
    world = a_world(Kind((3,) * 18, 0.5), np.random.default_rng(1))
    assert learn_rule(world.pool, PACE, alpha=ALPHA) is None


def test_a_rule_says_what_it_was_learned_from() -> None:
    world = one_world("families")
    rule = learn_rule(world.pool, PACE, alpha=ALPHA)
    assert rule is not None
    assert (rule.fewest, rule.most, rule.strangers, rule.families) == (8, 24, 43, 24)


# --- audits ----------------------------------------------------------------------------------------------------------


def test_an_audit_sees_what_the_match_of_its_answers_would_say() -> None:
    """Question by question the same standard and nearest as `identify`, in an order that is given."""
    world = one_world("families", strangers=4, copies=4)
    order = np.stack([np.random.default_rng(k).permutation(QUESTIONS) for k in range(8)])
    looks = seen(world, order=order)
    for speaker in range(8):
        for look, asked in enumerate(range(PACE.step, PACE.most + 1, PACE.step)):
            told = [q for q in order[speaker, :asked] if np.isfinite(world.targets[q, speaker]).any()]
            assert looks.answers[look, speaker] == len(told)
            if len(told) < PACE.fewest:
                assert np.isnan(looks.standard[look, speaker])
                continue
            scores = np.concatenate([world.targets[told, speaker : speaker + 1], world.pool.scores[told]], axis=1)
            sheet = Sheet(tuple(map(str, told)), scores, world.pool.cohort)
            found = identify(sheet, world.pool.family, np.random.default_rng(0))
            assert found is not None
            assert looks.standard[look, speaker] == pytest.approx(found.standard, abs=1e-4)
            assert looks.nearest[look, speaker] == found.nearest


def test_audits_in_parts_are_the_audits_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    world = one_world("weak tastes")
    whole = seen(world)
    monkeypatch.setattr("wrapdetect.library.sequential.CELLS", 3 * world.pool.scores[0].size)
    for one, other in zip(whole, seen(world), strict=True):
        np.testing.assert_array_equal(one, other)


def test_an_audit_ends_with_the_questions() -> None:
    looks = seen(one_world("weak tastes"), pace=Pace(3, 8, 1000))
    assert len(looks.standard) == -(-QUESTIONS // 3)
    assert looks.answers.max() <= QUESTIONS


def test_a_speaker_that_never_answers_is_never_looked_at() -> None:
    world = one_world("weak tastes")
    silent = world._replace(targets=np.full_like(world.targets, np.nan))
    looks = seen(silent)
    assert np.isnan(looks.standard).all()
    assert np.isnan(looks.highest).all()
    assert (looks.nearest == -1).all()
    assert not looks.answers.any()


def test_the_same_library_gives_the_same_rule() -> None:
    world = one_world("heavy tails")
    assert learn_rule(world.pool, PACE, alpha=ALPHA) == learn_rule(world.pool, PACE, alpha=ALPHA)


# --- the choice ------------------------------------------------------------------------------------------------------


def test_alive_are_the_best_of_each_family_near_the_nearest() -> None:
    totals = np.array([3.0, 2.9, 2.0, 0.0, np.nan, 1.9], np.float32)
    family = np.array([0, 0, 1, 2, 3, 4])
    assert alive_models(totals, 1.0, family).tolist() == [0, 2, 5]
    assert alive_models(totals, 0.1, family).tolist() == [0, 2]
    assert len(alive_models(np.ones(20, np.float32), 1.0, np.arange(20))) == ALIVE


def test_the_next_question_is_the_one_on_which_those_alive_differ() -> None:
    scores = np.random.default_rng(1).standard_normal((3, 10, 10)).astype(np.float32)
    scores[:, :, 1] = scores[:, :, 0]
    scores[2, :, 1] = -scores[2, :, 0]
    pool = Pool(scores, np.ones(3, np.float32), np.arange(10), np.arange(10))
    assert next_questions(pool, [0, 1, 2], np.array([0, 1]), 1) == [2]
    assert next_questions(pool, [0, 1], np.array([0, 1]), 5) == [0, 1]


def test_without_two_alive_the_most_telling_question_is_next() -> None:
    pool = one_world("families").pool
    best = int(np.argmax(pool.telling))
    for alive in (np.zeros(0, np.intp), np.array([3])):
        assert next_questions(pool, list(range(QUESTIONS)), alive, 1) == [best]
        assert best not in next_questions(pool, [q for q in range(QUESTIONS) if q != best], alive, QUESTIONS)
