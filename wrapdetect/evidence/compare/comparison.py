"""Samples -> Findings: every rule is put to a run, then the controls. What they say is weighed in judge/."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from wrapdetect.evidence.compare.behaviour import text
from wrapdetect.evidence.compare.behaviour.lead import RelativeTest
from wrapdetect.evidence.compare.behaviour.text import RULE_OF
from wrapdetect.evidence.compare.behaviour.tfidf import available_views
from wrapdetect.evidence.compare.behaviour.views import Embed
from wrapdetect.evidence.compare.dependence import together
from wrapdetect.evidence.compare.dependence.outages import TargetOutages
from wrapdetect.evidence.compare.dependence.together import Checks
from wrapdetect.evidence.compare.rule import Prepared
from wrapdetect.evidence.compare.rules import RULES
from wrapdetect.evidence.compare.samples import Samples
from wrapdetect.model import Control, Finding


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """All findings of a run, its views of text ready for the controls, and the rules that broke, by name."""

    samples: Samples
    findings: tuple[Finding, ...]
    tests: Mapping[str, RelativeTest]
    outages: TargetOutages | None
    views: tuple[str, ...]
    bugs: tuple[str, ...]


def compare_samples(samples: Samples, *, embed: Embed | None) -> Comparison:
    """Put every rule to the samples. Random draws follow run.seed: the same run gives the same findings."""
    findings: list[Finding] = []
    bugs: list[str] = []
    tests: dict[str, RelativeTest] = {}
    views = available_views(embed) if samples.run.packs else {}  # heartbeats alone have no text
    for view_id, view in views.items():
        try:
            test = text.prepare(samples, view_id, view, np.random.default_rng(samples.run.seed))
            if test is not None:
                tests[RULE_OF[view_id].id] = test
        except Exception as error:  # a broken view is reported by name, and the others still count
            bugs.append(f"view {view_id}: {type(error).__name__}: {error}")
    prepared = Prepared(tests=tests, outages=_outages(samples, bugs))
    for rule in RULES.values():
        try:
            findings += rule.findings(samples, prepared)  # all of a rule, or nothing
        except Exception as error:  # a broken rule is reported by name, and the others still count
            of = f" ({rule.origin})" if rule.origin else ""
            bugs.append(f"rule {rule.id}{of}: {type(error).__name__}: {error}")
    return Comparison(
        samples=samples,
        findings=tuple(findings),
        tests=tests,
        outages=prepared.outages,
        views=tuple(views),
        bugs=tuple(bugs),
    )


def history_checks(comparison: Comparison) -> Checks:
    """Controls, needs and limits of what the history says; empty without one."""
    return together.checks(comparison.outages) if comparison.outages is not None else Checks((), (), ())


def _outages(samples: Samples, bugs: list[str]) -> TargetOutages | None:
    if samples.run.history is None:
        return None
    try:
        return together.outages_of(samples.run.history, samples.target, samples.seeds)
    except Exception as error:  # a broken rule is reported by name, and the others still count
        bugs.append(f"outages of the history: {type(error).__name__}: {error}")
        return None


def control_checks(comparison: Comparison, upstream: str | None) -> tuple[tuple[Control, ...], tuple[str, ...]]:
    """The controls of every view, for the upstream that the verdict would name, and those that broke, by name."""
    controls: list[Control] = []
    bugs: list[str] = []
    for test in comparison.tests.values():
        try:
            controls += list(text.controls(comparison.samples, test, upstream))
        except Exception as error:  # a broken control is reported by name, and the others still count
            bugs.append(f"controls of {test.view}: {type(error).__name__}: {error}")
    return tuple(controls), tuple(bugs)
