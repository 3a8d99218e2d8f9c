"""Counted shares: the interval covers, the marginal likelihoods are probabilities."""

from math import comb, exp

import numpy as np
import pytest
from scipy.integrate import quad

from wrapdetect.evidence.compare.shares import jeffreys, log_marginal, log_marginal_below


@pytest.mark.parametrize("share", [0.05, 0.3, 0.5, 0.9])
@pytest.mark.parametrize("n", [8, 40])
def test_the_interval_covers_the_true_share(share: float, n: int) -> None:
    covered = sum(
        comb(n, k) * share**k * (1 - share) ** (n - k)
        for k in range(n + 1)
        if jeffreys(k, n)[0] <= share <= jeffreys(k, n)[1]
    )
    assert covered >= 0.90  # Jeffreys covers 95 % on average over shares, at worst a little less


@pytest.mark.parametrize(("hits", "n"), [(0, 1), (0, 10), (3, 10), (10, 10)])
def test_the_interval_holds_the_share_seen(hits: int, n: int) -> None:
    low, high = jeffreys(hits, n)
    assert 0 <= low <= hits / n <= high <= 1
    assert low < high


@pytest.mark.parametrize(("a", "b"), [(1.0, 1.0), (0.3, 2.7), (2.2, 0.8)])
@pytest.mark.parametrize("n", [1, 7, 30])
def test_the_marginal_likelihoods_of_all_sequences_sum_to_one(a: float, b: float, n: int) -> None:
    assert sum(comb(n, k) * exp(log_marginal(k, n, a, b)) for k in range(n + 1)) == pytest.approx(1.0)


@pytest.mark.parametrize(("hits", "n", "top"), [(0, 6, 0.4), (3, 6, 0.4), (6, 6, 0.4), (5, 9, 0.99)])
def test_the_marginal_below_a_share_is_the_integral(hits: int, n: int, top: float) -> None:
    integral, _ = quad(lambda p: p**hits * (1 - p) ** (n - hits), 0, top)
    assert exp(log_marginal_below(hits, n, top)) == pytest.approx(integral / top)


def test_a_share_far_above_the_top_stays_finite() -> None:
    assert np.isfinite(log_marginal_below(2000, 2000, 1e-4))
