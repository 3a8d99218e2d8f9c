"""Rule same_marks: does the target exclaim where the reference does? Weak, hence a small bound."""

from collections.abc import Iterator

from wrapdetect.evidence.compare.rule import Rule
from wrapdetect.evidence.compare.samples import Samples
from wrapdetect.evidence.compare.shares import jeffreys
from wrapdetect.model import Finding

RULE = Rule(
    id="same_marks",
    axis="behaviour",
    group="marks",
    bound=0.1,
    compare=lambda samples, _: compare(samples),
    paragraph="The share of questions at which both exclaim, or neither does.",
)


def compare(samples: Samples) -> Iterator[Finding]:
    marks = samples.values.get("marks", {})
    ours = marks.get(samples.target, {})
    for reference in samples.references:
        theirs = marks.get(reference.name, {})
        common = sorted(ours.keys() & theirs.keys())
        if not common:
            continue
        same = sum(bool(ours[place]) == bool(theirs[place]) for place in common)
        low, high = jeffreys(same, len(common))
        llr = 0.2 * (same / len(common) - 0.5)
        yield RULE.finding(
            samples.target,
            reference.name,
            effect=(same / len(common), low, high),
            unit="share of questions at which both exclaim or neither does",
            llr=(llr, min(llr, 0.0), max(llr, 0.0)),
            n=(len(common), len(common)),
            evidence=f"alike at {same} of {len(common)}",
            witness="",
        )
