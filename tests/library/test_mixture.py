"""One family of models or two: level on single models and strangers, power and coverage on mixes, and the order."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pytest
from numpy.random import Generator
from numpy.typing import NDArray

from tests.evidence.worlds import a_world
from wrapdetect.library.fingerprint import fingerprints, learn_rarities
from wrapdetect.library.identify import Sheet, score_question
from wrapdetect.library.mixture import Mixture, change_point, interval, mixed, mixture

Floats = NDArray[np.float64]
FAMILIES, MEMBERS = 12, 3
FAMILY = np.repeat(np.arange(FAMILIES), MEMBERS)
WEIGHTS = {"words": 0.25, "chars": 0.35, "layout": 0.05, "opening": 0.17, "refusal": 0.18}


class Library(NamedTuple):
    """Synthetic scores: `means` (n_families + extra, n_families) of answers from each source with each family."""

    means: Floats
    rng: Generator

    def scores(self, sources: Sequence[int]) -> Floats:
        """One row of scores with all models: what a family shares on a question, and each member's own noise."""
        shared = self.means[np.array(sources)] + 0.6 * self.rng.standard_normal((len(sources), FAMILIES))
        return np.asarray(shared[:, FAMILY] + 0.5 * self.rng.standard_normal((len(sources), len(FAMILY))))

    def sheet(self, sources: Sequence[int]) -> Sheet:
        """Of a target whose k-th answer comes from the k-th source; the cohort are all models."""
        rows = [self.scores(sources)] + [self.scores([int(f)] * len(sources)) for f in FAMILY]
        scores = np.stack(rows, axis=1)
        scores[:, 1 + np.arange(len(FAMILY)), np.arange(len(FAMILY))] = np.nan
        return Sheet(_names(len(sources)), scores.astype(np.float32), np.arange(len(FAMILY)))


def a_library(seed: int, *, own: float = 1.5, strangers: int = 0) -> Library:
    """Families that differ in how near their members are to one another, and to other families; strangers to none."""
    rng = np.random.default_rng(seed)
    n = FAMILIES + strangers
    means = 0.2 * rng.standard_normal((n, FAMILIES))
    means[:FAMILIES] = (means[:FAMILIES] + means[:FAMILIES].T) / 2
    means[np.arange(FAMILIES), np.arange(FAMILIES)] = own + 0.25 * rng.standard_normal(FAMILIES)
    return Library(means, rng)


def _names(n: int) -> tuple[str, ...]:
    return tuple(f"q{k}" for k in range(n))


def mixed_sources(n: int, share: float, a: int, b: int, rng: Generator) -> list[int]:
    """Of n answers exactly that share of b's, at random places."""
    return [int(s) for s in rng.permutation([b] * round(share * n) + [a] * (n - round(share * n)))]


def estimates(n: int, share: float, times: int, seed: int, *, own: float = 1.5) -> list[tuple[Mixture, int, int]]:
    """Mixes of two families drawn anew, each in a library of its own."""
    found = []
    for k in range(times):
        library = a_library(seed + k, own=own)
        a, b = (int(f) for f in library.rng.choice(FAMILIES, 2, replace=False))
        sheet = library.sheet(mixed_sources(n, share, a, b, library.rng))
        estimate = mixture(sheet, FAMILY, library.rng)
        assert estimate is not None
        found.append((estimate, a, b))
    return found


def share_two(found: Sequence[tuple[Mixture, int, int]]) -> float:
    return float(np.mean([m.p_two <= 0.05 for m, _, _ in found]))


def right_pair(found: Sequence[tuple[Mixture, int, int]]) -> float:
    return float(np.mean([{FAMILY[m.first], FAMILY[m.second]} == {a, b} for m, a, b in found]))


def test_half_of_the_answers_from_another_family_is_found_with_its_share() -> None:
    library = a_library(1)
    found = mixture(library.sheet(mixed_sources(64, 0.5, 3, 8, library.rng)), FAMILY, library.rng)
    assert found is not None
    assert {FAMILY[found.first], FAMILY[found.second]} == {3, 8}
    assert found.p_two == 1 / (len(FAMILY) + 1)
    assert found.low < 0.5 < found.high
    assert found.share == pytest.approx(0.5, abs=0.1)
    assert (found.n_single, found.n_questions) == (len(FAMILY), 64)
    assert found.gain > 5


def test_the_family_with_the_larger_share_is_first() -> None:
    library = a_library(2)
    found = mixture(library.sheet(mixed_sources(64, 0.75, 3, 8, library.rng)), FAMILY, library.rng)
    assert found is not None
    assert (FAMILY[found.first], FAMILY[found.second]) == (8, 3)
    assert found.low < 0.25 < found.high
    assert found.share == pytest.approx(0.25, abs=0.08)


def test_the_member_is_named_whose_scores_are_best_on_the_answers_of_its_family() -> None:
    library = a_library(3)
    sheet = library.sheet([2] * 32 + [7] * 32)
    sheet.scores[:, 0, [7, 22]] += 1.0  # the second members of families 2 and 7
    found = mixture(sheet, FAMILY, library.rng)
    assert found is not None
    assert {found.first, found.second} == {7, 22}


@pytest.mark.slow
@pytest.mark.parametrize("own", [1.0, 1.5])
def test_a_single_model_is_called_two_no_more_often_than_1_time_in_20(own: float) -> None:
    found = estimates(32, 0.0, 60, 1000, own=own)
    assert share_two(found) <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 60)
    assert all(m.low == 0.0 for m, _, _ in found if m.p_two > 0.05)


@pytest.mark.slow
@pytest.mark.parametrize(("n", "own"), [(16, 1.5), (32, 1.0), (32, 1.5), (64, 1.5)])
def test_the_level_of_single_models_is_at_most_5_percent(n: int, own: float) -> None:
    times = 240
    assert share_two(estimates(n, 0.0, times, 2000, own=own)) <= 0.05 + 2 * np.sqrt(0.05 * 0.95 / times)


@pytest.mark.slow
@pytest.mark.parametrize("kin_of", [(), (0,), (0, 1)])
def test_the_level_holds_for_a_stranger_even_between_two_families(kin_of: tuple[int, ...]) -> None:
    two = []
    for k in range(240):
        library = a_library(3000 + k, strangers=1)
        library.means[FAMILIES, list(kin_of)] += 0.75  # half as near as an own member
        found = mixture(library.sheet([FAMILIES] * 32), FAMILY, library.rng)
        assert found is not None
        two.append(found.p_two <= 0.05)
    assert np.mean(two) <= 0.05 + 2 * np.sqrt(0.05 * 0.95 / 240)


@pytest.mark.slow
@pytest.mark.parametrize(("n", "share", "least"), [(32, 0.5, 0.9), (32, 0.25, 0.75), (64, 0.5, 0.97), (64, 0.25, 0.9)])
def test_a_mix_is_found(n: int, share: float, least: float) -> None:
    found = estimates(n, share, 100, 4000)
    assert share_two(found) >= least
    assert right_pair(found) >= least
    shares = [m.share for m, a, _ in found if share == 0.5 or FAMILY[m.first] == a]
    assert np.mean(shares) == pytest.approx(share, abs=0.04)


@pytest.mark.slow
def test_the_interval_covers_the_share_with_which_prompts_are_sent() -> None:
    covered = []
    for k in range(200):
        library = a_library(5000 + k)
        share = float(library.rng.uniform(0.15, 0.5))
        sources = np.where(library.rng.random(64) < share, 8, 3).tolist()
        found = mixture(library.sheet(sources), FAMILY, library.rng)
        assert found is not None
        covered.append(found.low <= (share if FAMILY[found.second] == 8 else 1 - share) <= found.high)
    assert np.mean(covered) == pytest.approx(0.95, abs=0.05)


def test_a_change_in_mid_conversation_is_found_where_it_was() -> None:
    for k, at in enumerate((10, 24, 40)):
        library = a_library(10 + k)
        found = mixture(library.sheet([3] * at + [8] * (48 - at)), FAMILY, library.rng)
        assert found is not None
        assert found.change is not None
        assert abs(found.change - at) <= 4
        assert found.p_change <= 0.01


def test_the_change_counts_all_questions_in_the_sheet_also_those_without_an_answer() -> None:
    library = a_library(20)
    sheet = library.sheet([3] * 30 + [8] * 30)
    sheet.scores[:10, 0] = np.nan
    found = mixture(sheet, FAMILY, library.rng)
    assert found is not None
    assert found.n_questions == 50
    assert found.change is not None
    assert abs(found.change - 30) <= 2


@pytest.mark.slow
def test_routing_by_prompt_is_called_a_change_no_more_often_than_1_time_in_20() -> None:
    found = estimates(32, 0.5, 200, 6000)
    changes = np.mean([m.p_change <= 0.05 for m, _, _ in found])
    assert changes <= 0.05 + 2 * np.sqrt(0.05 * 0.95 / 200)


def test_one_family_throughout_has_no_change() -> None:
    assert change_point(np.full(20, -2.0), np.random.default_rng(1)) == (None, 1.0)


def test_the_change_that_is_found_is_the_best_of_all() -> None:
    ratios = np.random.default_rng(2).normal(np.repeat([1.0, -1.0], 15), 1.0)
    place, _ = change_point(ratios, np.random.default_rng(3))
    by_hand = {c: max(ratios[:c].sum(), ratios[c:].sum()) for c in range(4, 27)}
    assert place == max(by_hand, key=lambda c: by_hand[c])


def test_the_mixed_likelihood_is_that_of_two_components() -> None:
    ratios = np.array([[0.5], [-2.0], [3.0]])
    found = mixed(ratios, np.array([0.0, 0.3, 1.0]))[:, 0]
    assert found == pytest.approx([0.0, np.log(0.7 + 0.3 * np.exp(ratios)).sum(), ratios.sum()])


def test_the_interval_is_that_of_a_counted_share_where_every_answer_is_plain() -> None:
    low, high = interval(np.repeat([20.0, -20.0], [16, 48]))
    likelihood = [16 * np.log(w / 0.25) + 48 * np.log((1 - w) / 0.75) for w in (low, high)]
    assert likelihood == pytest.approx([-1.92, -1.92], abs=0.35)  # the grid's step
    assert low < 0.25 < high


def test_the_same_sheet_and_rng_give_the_same_estimate() -> None:
    library = a_library(30)
    sheet = library.sheet(mixed_sources(32, 0.25, 3, 8, library.rng))
    once, again = (mixture(sheet, FAMILY, np.random.default_rng(4)) for _ in range(2))
    assert once == again


def test_nothing_is_said_of_fewer_than_16_answered_questions() -> None:
    library = a_library(31)
    assert mixture(library.sheet([3] * 15), FAMILY, library.rng) is None
    sheet = library.sheet([3] * 40)
    sheet.scores[15:, 0] = np.nan
    assert mixture(sheet, FAMILY, library.rng) is None
    assert mixture(library.sheet([3] * 16), FAMILY, library.rng) is not None


def test_nothing_is_said_without_a_second_family() -> None:
    library = a_library(32)
    assert mixture(library.sheet([3] * 32), np.zeros(len(FAMILY), np.intp), library.rng) is None
    sheet = library.sheet([3] * 32)
    sheet.scores[:, 0, FAMILY != 3] = np.nan
    assert mixture(sheet, FAMILY, library.rng) is None


def test_nothing_is_said_where_no_model_has_kin_to_measure_own_scores_by() -> None:
    library = a_library(33)
    assert mixture(library.sheet([3] * 32), np.arange(len(FAMILY)), library.rng) is None


def test_scores_that_are_not_to_be_had_are_borne() -> None:
    library = a_library(34)
    sheet = library.sheet(mixed_sources(64, 0.5, 3, 8, library.rng))
    sheet.scores[library.rng.random(sheet.scores.shape) < 0.2] = np.nan
    sheet.scores[:40, :, :3] = np.nan  # family 0 answered too little
    found = mixture(sheet, FAMILY, library.rng)
    assert found is not None
    assert {FAMILY[found.first], FAMILY[found.second]} == {3, 8}
    assert found.p_two <= 0.05


def test_scores_that_never_vary_say_nothing_of_two() -> None:
    library = a_library(35)
    sheet = library.sheet([3] * 20)
    sheet.scores[np.isfinite(sheet.scores)] = 0.0
    found = mixture(sheet, FAMILY, library.rng)
    assert found is not None
    assert found.p_two == 1.0


class Spoken(NamedTuple):
    """Answers in a synthetic world: of two members for each of ten families, and of a bot that mixes the first two."""

    library: list[list[str]]
    single: list[str]
    routed: list[str]


def spoken(prompts: int) -> Spoken:
    world = a_world(7, prompts)
    makers = [world.model() for _ in range(10)]
    members = [world.prompted(maker) for maker in makers for _ in range(2)]
    one, two = (world.answers(makers[k]) for k in (0, 1))
    routed = [pair[int(world.rng.random() < 0.5)] for pair in zip(one, two, strict=True)]
    return Spoken([world.answers(m) for m in members], world.answers(makers[0]), routed)


def spoken_sheet(library: Sequence[Sequence[str]], target: Sequence[str]) -> Sheet:
    rarities = learn_rarities([text for answers in library for text in answers])
    cohort = np.arange(len(library))
    scores = []
    for k, answer in enumerate(target):
        theirs = fingerprints([[answers[k]] for answers in library], rarities)
        scores.append(score_question(fingerprints([[answer]], rarities), theirs, cohort, WEIGHTS))
    return Sheet(_names(len(target)), np.stack(scores), cohort)


@pytest.mark.slow
def test_texts_of_two_invented_models_are_told_from_those_of_one() -> None:
    texts, family = spoken(48), np.repeat(np.arange(10), 2)
    one = mixture(spoken_sheet(texts.library, texts.single), family, np.random.default_rng(1))
    two = mixture(spoken_sheet(texts.library, texts.routed), family, np.random.default_rng(1))
    assert one is not None
    assert two is not None
    assert family[one.first] == 0
    assert one.p_two > 0.05
    assert {family[two.first], family[two.second]} == {0, 1}
    assert two.p_two <= 0.05
    assert two.low < 0.5 < two.high
