"""Findings -> weight per upstream and axis: bounded by rule, combined within a group, added over groups."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from wrapdetect.evidence.judge.calibrate import Calibrator
from wrapdetect.evidence.seeds import Group, Ruleset
from wrapdetect.model import Axis, Finding


class Weight(NamedTuple):
    """Log likelihood ratio in nats, with its values at the low and the high ends of all effects."""

    value: float = 0.0
    low: float = 0.0
    high: float = 0.0

    def __add__(self, other: object) -> "Weight":
        assert isinstance(other, Weight)
        return Weight(self.value + other.value, self.low + other.low, self.high + other.high)


_Weights = Mapping[str, Mapping[Axis, Weight]]
"""Upstream -> axis -> weight."""


def bounded(finding: Finding, ruleset: Ruleset, calibrator: Calibrator) -> Weight:
    """The finding's llr, calibrated, within its rule's bound; low and high in order around it."""
    rule = ruleset.rule_of(finding.rule)
    value, low, high = (
        float(np.clip(calibrator.apply(rule.group, x), -rule.bound, rule.bound))
        for x in (finding.llr, finding.llr_low, finding.llr_high)
    )
    return Weight(value, min(value, low, high), max(value, low, high))


def weigh(findings: Sequence[Finding], ruleset: Ruleset, calibrator: Calibrator) -> _Weights:
    """Absent evidence weighs 0. Rules of one group measure one thing: see combined()."""
    groups: dict[tuple[str, Axis, str], dict[str, list[Weight]]] = defaultdict(lambda: defaultdict(list))
    most: dict[str, float] = defaultdict(float)
    for finding in findings:
        rule = ruleset.rule_of(finding.rule)
        groups[finding.upstream, finding.axis, rule.group][rule.id].append(bounded(finding, ruleset, calibrator))
        most[rule.group] = max(most[rule.group], rule.bound)
    weights: dict[str, dict[Axis, Weight]] = defaultdict(lambda: {"behaviour": Weight(), "dependence": Weight()})
    for (upstream, axis, group), by_rule in groups.items():
        members = [_combined(found, 1.0, most[group]) for found in by_rule.values()]  # a rule speaks once
        correlation = ruleset.group.get(group, Group()).correlation
        weights[upstream][axis] += _combined(members, correlation, most[group])
    return weights


def _combined(members: Sequence[Weight], correlation: float, bound: float) -> Weight:
    """The mean of m weights, times m / (1 + (m - 1) correlation), within `bound`.

    One way of looking counts once however often it is repeated (correlation 1: the mean); independent ways add up
    (correlation 0: the sum).

    >>> _combined([Weight(2.0, 2.0, 2.0)] * 3, 1.0, 4.0).value, _combined([Weight(1.0, 1.0, 1.0)] * 3, 0.0, 4.0).value
    (2.0, 3.0)
    """
    m = len(members)
    ways = m / (1 + (m - 1) * correlation)
    return Weight(*(float(np.clip(np.mean(part) * ways, -bound, bound)) for part in zip(*members, strict=True)))
