"""Both axes -> probability, for one upstream, over three hypotheses that exclude one another.

  wrapper    the answers pass through the upstream:   behaviour and dependence both speak
  same_model the same model, served independently:    behaviour speaks, dependence does not
  neither    another model
Behaviour can tell {wrapper, same_model} from neither; dependence can tell wrapper from the two others.
"""

from typing import NamedTuple

import numpy as np

from wrapdetect.seeds import Prior


class Posterior(NamedTuple):
    """Probabilities; they sum to 1."""

    wrapper: float
    same_model: float
    neither: float

    @property
    def same(self) -> float:
        """Passing through, or the same model."""
        return self.wrapper + self.same_model


def fuse(prior: Prior, behaviour: float, dependence: float) -> Posterior:
    """Bayes' rule with the summed llr (nats) of each axis.

    >>> from wrapdetect.seeds import Prior
    >>> p = fuse(Prior(wrapper=0.3, same_model=0.2, neither=0.5), 3.0, -2.0)
    >>> p.same_model > p.wrapper > p.neither
    True
    """
    logs = np.array(
        [np.log(prior.wrapper) + behaviour + dependence, np.log(prior.same_model) + behaviour, np.log(prior.neither)]
    )
    shares = np.exp(logs - logs.max())
    shares /= shares.sum()
    return Posterior(*(float(s) for s in shares))
