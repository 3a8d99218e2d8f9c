"""Both axes -> probabilities, jointly over all references: a target has one upstream at most.

The hypotheses exclude one another; each of the k references u has an equal share of the prior:
  wrapper of u     the answers pass through u:               behaviour and dependence both speak
  same model as u  the same model, served independently:     behaviour speaks, dependence does not
  neither          another model than all of them
Behaviour can tell the first two from the last; dependence can tell the first from the two others.
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from wrapdetect.evidence.seeds import Prior


class Posterior(NamedTuple):
    """Probabilities of one reference; they sum to 1, `neither` holding all that speaks of other references."""

    wrapper: float
    same_model: float
    neither: float

    @property
    def same(self) -> float:
        """Passing through, or the same model."""
        return self.wrapper + self.same_model


def fuse(priors: Mapping[str, Prior], weights: Mapping[str, tuple[float, float]]) -> dict[str, Posterior]:
    """Bayes' rule over all references. `weights` holds the summed llr (nats) of behaviour and of dependence.

    >>> from wrapdetect.evidence.seeds import Prior
    >>> p = fuse({"u": Prior(wrapper=0.3, same_model=0.2, neither=0.5)}, {"u": (3.0, -2.0)})["u"]
    >>> p.same_model > p.wrapper > p.neither
    True
    """
    names = list(priors)
    if not names:
        return {}
    logs = [float(np.log(np.mean([p.neither for p in priors.values()])))]
    for name in names:
        behaviour, dependence = weights[name]
        logs.append(float(np.log(priors[name].wrapper / len(names))) + behaviour + dependence)
        logs.append(float(np.log(priors[name].same_model / len(names))) + behaviour)
    shares = np.exp(np.array(logs) - max(logs))
    shares /= shares.sum()
    return {
        name: Posterior(float(w), float(s), max(0.0, float(1.0 - w - s)))
        for name, w, s in zip(names, shares[1::2], shares[2::2], strict=True)
    }
