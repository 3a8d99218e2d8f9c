"""Families: planted groups are found, whatever the order of the models, and nothing is made of nothing."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from wrapdetect.library.index import families
from wrapdetect.library.nearest import Scores

GROUPS = np.array([0, 0, 1, 2, 2, 2, 3, 1, 4])


def planted(groups: NDArray[np.int64], seed: int = 1, noise: float = 0.15) -> Scores:
    """Scores about 2 within groups and about 0 between them; NaN between a model and itself."""
    rng = np.random.default_rng(seed)
    within = groups[:, None] == groups[None, :]
    scores = 2.0 * within + noise * rng.standard_normal(within.shape)
    np.fill_diagonal(scores, np.nan)
    return np.asarray(scores, dtype=np.float32)


@pytest.mark.parametrize("seed", range(5))
def test_planted_groups_are_found_and_numbered_in_the_order_of_the_models(seed: int) -> None:
    assert families(planted(GROUPS, seed), 1.0).tolist() == GROUPS.tolist()


@settings(deadline=None)
@given(st.permutations(range(len(GROUPS))), st.sampled_from([0.3, 1.0, 1.7]), st.sampled_from([0.1, 0.9]))
def test_the_order_of_the_models_changes_no_family(order: list[int], link: float, noise: float) -> None:
    scores = planted(GROUPS, noise=noise)
    straight, turned = families(scores, link), families(scores[np.ix_(order, order)], link)
    within = straight[:, None] == straight[None, :]
    np.testing.assert_array_equal(turned[:, None] == turned[None, :], within[np.ix_(order, order)])


def test_families_are_counted_from_zero_without_a_gap() -> None:
    found = families(planted(GROUPS, noise=1.5), 1.0)
    assert sorted(set(found.tolist())) == list(range(int(found.max()) + 1))
    assert found[0] == 0


@pytest.mark.parametrize("n", [0, 1])
def test_fewer_than_two_models_have_no_relatives(n: int) -> None:
    assert families(np.full((n, n), np.nan, np.float32), 1.0).tolist() == [0] * n


@pytest.mark.parametrize(("score", "found"), [(1.5, [0, 0]), (0.5, [0, 1]), (-3.0, [0, 1]), (np.nan, [0, 1])])
def test_two_models_are_a_family_if_they_are_near_enough(score: float, found: list[int]) -> None:
    scores = np.array([[np.nan, score], [score, np.nan]], np.float32)
    assert families(scores, 1.0).tolist() == found


def test_what_is_unknown_is_no_likeness() -> None:
    scores = planted(GROUPS)
    scores[1, :] = scores[:, 1] = np.nan
    assert families(scores, 1.0).tolist() == [0, 1, 2, 3, 3, 3, 4, 2, 5]


def test_nothing_known_leaves_each_model_alone() -> None:
    assert families(np.full((4, 4), np.nan, np.float32), 0.8).tolist() == [0, 1, 2, 3]


def test_a_family_takes_both_directions_into_account() -> None:
    assert families(np.array([[np.nan, 1.8], [0.0, np.nan]], np.float32), 1.0).tolist() == [0, 1]
    assert families(np.array([[np.nan, 1.8], [0.4, np.nan]], np.float32), 1.0).tolist() == [0, 0]


def test_a_chain_of_neighbours_is_no_family() -> None:
    """Average linkage: 0-1 and 1-2 are near, 0-2 are far."""
    scores = np.array([[np.nan, 1.3, -2], [1.3, np.nan, 1.1], [-2, 1.1, np.nan]], np.float32)
    assert families(scores, 1.0).tolist() == [0, 0, 1]


def test_a_higher_link_only_splits() -> None:
    scores = planted(GROUPS, noise=1.0)
    sizes = [len(set(families(scores, link).tolist())) for link in (-5.0, 0.0, 0.5, 1.0, 2.0, 20.0)]
    assert sizes == sorted(sizes)
    assert (sizes[0], sizes[-1]) == (1, len(GROUPS))
