"""What is a rule? One value a rule, beside its comparison: id, axis, group, bound, and its paragraph in the docs."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from wrapdetect.evidence.compare.behaviour.lead import RelativeTest
from wrapdetect.evidence.compare.dependence.outages import TargetOutages
from wrapdetect.evidence.compare.samples import Samples
from wrapdetect.evidence.seeds import RuleEntry
from wrapdetect.model import Axis, Finding
from wrapdetect.model.history import History

Interval = tuple[float, float, float]
"""A value, and the low and the high end around it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """What several rules and the controls share: texts by rule, and what a history's incidents say."""

    tests: Mapping[str, RelativeTest]
    outages: TargetOutages | None


Compare = Callable[[Samples, Prepared], Iterator[Finding]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One comparison: its axis, the group it is averaged in, and how much it may say (nats) where the ruleset in force
    does not name it. Where it says more than `incidents_above`, its n_target counts incidents that were shared.

    `paragraph` stands in docs/evidence.md. `origin` is the package and version of a plug-in, "" for ours.
    Raises ValueError for an axis that is none, or a bound that is not above 0.
    """

    id: str
    axis: Axis
    group: str
    bound: float
    incidents_above: float | None = None
    compare: Compare
    paragraph: str
    origin: str = ""

    def __post_init__(self) -> None:
        self.entry()

    def entry(self) -> RuleEntry:
        """What a ruleset says of it."""
        return RuleEntry(
            id=self.id, axis=self.axis, group=self.group, bound=self.bound, incidents_above=self.incidents_above
        )

    def finding(
        self,
        target: str,
        upstream: str,
        *,
        effect: Interval,
        unit: str,
        llr: Interval,
        n: tuple[int, int],
        evidence: str,
        witness: str,
    ) -> Finding:
        """One finding in its name; `n` of the target and of the upstream."""
        return Finding(
            rule=self.id,
            axis=self.axis,
            target=target,
            upstream=upstream,
            effect=effect[0],
            low=effect[1],
            high=effect[2],
            unit=unit,
            llr=llr[0],
            llr_low=llr[1],
            llr_high=llr[2],
            n_target=n[0],
            n_upstream=n[1],
            evidence=evidence,
            witness=witness,
        )

    def findings(self, samples: Samples, prepared: Prepared) -> tuple[Finding, ...]:
        """All that it finds. Raises ValueError for a finding in another rule's name, or whose weight is no number."""
        found = tuple(self.compare(samples, prepared))
        for finding in found:
            if (finding.rule, finding.axis) != (self.id, self.axis):
                raise ValueError(f"a finding of {finding.rule} on {finding.axis}; expected {self.id} on {self.axis}")
            if not np.isfinite([finding.llr, finding.llr_low, finding.llr_high]).all():
                raise ValueError(f"the llr of {finding.upstream} is {finding.llr}; expected finite nats")
        return found


def of_history(compare: Callable[[History, str, Generator], Iterator[Finding]]) -> Compare:
    """A comparison of a history as one of samples: silent without one, its chance drawn from the run's seed."""

    def of_samples(samples: Samples, _: Prepared) -> Iterator[Finding]:
        if samples.run.history is not None:
            yield from compare(samples.run.history, samples.target, np.random.default_rng(samples.run.seed))

    return of_samples
