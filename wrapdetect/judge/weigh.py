"""Findings -> weight per upstream and axis: bounded by rule, averaged within a group, added over groups."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from wrapdetect.judge.calibrate import Calibrator
from wrapdetect.model import Axis, Finding
from wrapdetect.seeds import Ruleset


class Weight(NamedTuple):
    """Log likelihood ratio in nats, with its values at the low and the high ends of all effects."""

    value: float = 0.0
    low: float = 0.0
    high: float = 0.0

    def __add__(self, other: object) -> "Weight":
        assert isinstance(other, Weight)
        return Weight(self.value + other.value, self.low + other.low, self.high + other.high)


Weights = Mapping[str, Mapping[Axis, Weight]]
"""Upstream -> axis -> weight."""


def bounded(finding: Finding, ruleset: Ruleset, calibrator: Calibrator) -> Weight:
    """The finding's llr, calibrated, within its rule's bound; low and high in order around it."""
    rule = ruleset.rule_of(finding.rule)
    value, low, high = (
        float(np.clip(calibrator.apply(rule.group, x), -rule.bound, rule.bound))
        for x in (finding.llr, finding.llr_low, finding.llr_high)
    )
    return Weight(value, min(value, low, high), max(value, low, high))


def weigh(findings: Sequence[Finding], ruleset: Ruleset, calibrator: Calibrator) -> Weights:
    """Absent evidence weighs 0. Rules of one group measure one thing: their mean counts, not their sum."""
    groups: dict[tuple[str, Axis, str], list[Weight]] = defaultdict(list)
    for finding in findings:
        group = ruleset.rule_of(finding.rule).group
        groups[finding.upstream, finding.axis, group].append(bounded(finding, ruleset, calibrator))
    weights: dict[str, dict[Axis, Weight]] = defaultdict(lambda: {"behaviour": Weight(), "dependence": Weight()})
    for (upstream, axis, _), members in groups.items():
        weights[upstream][axis] += Weight(*(float(np.mean(part)) for part in zip(*members, strict=True)))
    return weights
