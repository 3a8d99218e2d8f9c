"""How far the nearest is beyond chance -> probabilities: the model itself, a sibling, or a stranger; and the word.

Measured on hundreds of models (bench/match): answers tell a family from strangers well, and a model behind a prompt
from a sibling of it hardly (a fine-tune can be nearer than a wrapper). So text alone makes sure of a family; only
answers that are the same to the letter speak for one member, and only closed weights make a member a way through.
"""

from collections.abc import Sequence
from math import log
from typing import NamedTuple

import numpy as np
from scipy.special import betaln, expit

from wrapdetect.evidence.seeds import Beta, Exact, Matching
from wrapdetect.model import State, Weights


class Membership(NamedTuple):
    """Probabilities: of the family (`same` + `sibling`), of the model itself, and of passing through it."""

    same: float
    sibling: float
    passing: float

    @property
    def family(self) -> float:
        return self.same + self.sibling


def membership(standard: float, exact: int, n: int, openness: Weights, seeds: Matching) -> Membership:
    """Bayes' rule: the family against a stranger, then the model against its siblings (exact answers move this only).

    `standard` in standard deviations above chance; `exact` of `n` questions. `n` of 0 is no evidence: the priors stand.
    """
    c, prior = seeds.calibrator, seeds.prior
    own, kin = log(prior.same), log(prior.sibling)
    family, apart = 0.0, 0.0
    if n:
        same, sibling = c.same.at(standard), c.sibling.at(standard)
        family = float(np.logaddexp(own + same, kin + sibling) - np.logaddexp(own, kin))
        family = float(np.clip(family, -c.bound, c.bound))
        apart = float(np.clip(same - sibling, -c.member_bound, c.member_bound))
        apart += exact_ratio(exact, n, seeds.exact) if exact else 0.0
    of_family = float(expit(log(prior.same + prior.sibling) - log(prior.stranger) + family))
    of_model = of_family * float(expit(own - kin + apart))
    return Membership(of_model, of_family - of_model, of_model * prior.passing[openness])


def exact_ratio(found: int, n: int, seeds: Exact) -> float:
    """ln of how much likelier `found` exact answers of `n` are of the same model than of a sibling, within its bound.

    Both shares are beta distributed from model to model (beta-binomial). Siblings' has the heavier tail (the same model
    under two names), so that the ratio falls again: what fewer exact answers say for the model, more never take back.
    """
    most = max(_seen(k, n, seeds.same) - _seen(k, n, seeds.sibling) for k in range(min(found, 1), found + 1))
    return float(np.clip(most, -seeds.bound, seeds.bound))


def shares_within(behind: Sequence[float], n: int, within: float) -> list[float]:
    """Probabilities of the members of one family, given that it is one of them: softmax of -within * sqrt(n) * behind.

    `behind` holds by how much each member's score lies behind the nearest's (0 for that one).

    >>> [round(p, 2) for p in shares_within([0.0, 0.1], 25, 1.0)]
    [0.62, 0.38]
    """
    logs = -within * np.sqrt(n) * np.asarray(behind, dtype=np.float64)
    shares = np.exp(logs - logs.max())
    return [float(s) for s in shares / shares.sum()]


def member_state(member: Membership, n: int, seeds: Matching) -> State:
    """The word for behaviour alone; `wrapper` is never among them, since it takes dependence."""
    states = seeds.states
    if n < states.fewest_questions:
        return "insufficient"
    if member.passing >= states.wrapper_at and member.family >= states.family_at:
        return "likely_wrapper"
    if member.family >= states.family_at:
        return "same_model"
    return "unlike" if member.family <= states.unlike_at else "insufficient"


def _seen(found: int, n: int, share: Beta) -> float:
    return float(betaln(share.a + found, share.b + n - found) - betaln(share.a, share.b))
