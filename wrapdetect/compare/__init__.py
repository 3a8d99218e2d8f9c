"""Samples -> Findings: one module a rule, all of them in RULES. What they say is weighed in judge/."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from wrapdetect.compare import coherence, failures, identity, text, timing
from wrapdetect.compare.samples import Samples, collect
from wrapdetect.compare.text import RULE_OF, Test
from wrapdetect.compare.views import Embed, available_views
from wrapdetect.model import Control, Finding

Compare = Callable[[Samples, Mapping[str, Test]], Iterator[Finding]]


def _by_view(rule: str) -> Compare:
    def compare(samples: Samples, tests: Mapping[str, Test]) -> Iterator[Finding]:
        if rule in tests:
            yield from text.compare(samples, tests[rule])

    return compare


RULES: Mapping[str, Compare] = {
    "text_words": _by_view("text_words"),
    "text_chars": _by_view("text_chars"),
    "text_embedding": _by_view("text_embedding"),
    "identity_claim": lambda samples, _: identity.compare(samples),
    "coherence_gap": lambda samples, _: coherence.compare(samples),
    "timing_paired": lambda samples, _: timing.compare(samples, np.random.default_rng(samples.run.seed)),
    "failures_together": lambda samples, _: failures.compare(samples),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """All findings of a run, its views of text ready for the controls, and the rules that broke, by name."""

    samples: Samples
    findings: tuple[Finding, ...]
    tests: Mapping[str, Test]
    views: tuple[str, ...]
    bugs: tuple[str, ...]


def compare_samples(samples: Samples, *, embed: Embed | None) -> Comparison:
    """Put every rule to the samples. Random draws follow run.seed: the same run gives the same findings."""
    findings: list[Finding] = []
    bugs: list[str] = []
    tests: dict[str, Test] = {}
    views = available_views(embed)
    for view_id, view in views.items():
        try:
            test = text.prepare(samples, view_id, view, np.random.default_rng(samples.run.seed))
            if test is not None:
                tests[RULE_OF[view_id]] = test
        except Exception as error:  # a broken view is reported by name, and the others still count
            bugs.append(f"view {view_id}: {type(error).__name__}: {error}")
    for rule, compare in RULES.items():
        try:
            findings += list(compare(samples, tests))  # all of a rule, or nothing
        except Exception as error:  # a broken rule is reported by name, and the others still count
            bugs.append(f"rule {rule}: {type(error).__name__}: {error}")
    return Comparison(samples=samples, findings=tuple(findings), tests=tests, views=tuple(views), bugs=tuple(bugs))


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


__all__ = ["RULES", "Comparison", "Embed", "Samples", "collect", "compare_samples", "control_checks"]
