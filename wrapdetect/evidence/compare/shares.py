"""Intervals and marginal likelihoods of counted shares, used by several rules."""

import numpy as np
from scipy.special import betainc, betaincinv, betaln


def jeffreys(hits: int, n: int) -> tuple[float, float]:
    """95 % interval of a share (Jeffreys; Brown, Cai & DasGupta 2001, doi:10.1214/ss/1009213286).

    >>> low, high = jeffreys(0, 10)
    >>> low, round(high, 2)
    (0.0, 0.22)
    """
    low = 0.0 if hits == 0 else float(betaincinv(hits + 0.5, n - hits + 0.5, 0.025))
    high = 1.0 if hits == n else float(betaincinv(hits + 0.5, n - hits + 0.5, 0.975))
    return low, high


def share_of(hits: int, n: int) -> tuple[float, float, float]:
    """A share and its 95 % interval; of nothing it is 0, and may be anything."""
    return (hits / n, *jeffreys(hits, n)) if n else (0.0, 0.0, 1.0)


def log_marginal(hits: int, n: int, a: float, b: float) -> float:
    """ln of the probability of one sequence of `hits` in n, the share being Beta(a, b)."""
    return float(betaln(hits + a, n - hits + b) - betaln(a, b))


def log_marginal_below(hits: int, n: int, top: float) -> float:
    """The same with the share uniform in (0, top): the incomplete beta function in closed form."""
    a, b = hits + 1, n - hits + 1
    inside = max(float(betainc(a, b, top)), 1e-300)
    return float(betaln(a, b) + np.log(inside) - np.log(top))
