"""Rules text_words, text_chars, text_embedding: whose claim-free answers are these nearest to?"""

from collections.abc import Iterator, Mapping

import numpy as np
from numpy.random import Generator

from wrapdetect.evidence.compare.behaviour.lead import Lead, RelativeTest, measured_null
from wrapdetect.evidence.compare.behaviour.likeness import Speaker, measure
from wrapdetect.evidence.compare.behaviour.views import View, ViewId
from wrapdetect.evidence.compare.rule import Rule
from wrapdetect.evidence.compare.samples import Samples
from wrapdetect.model import Control, Finding
from wrapdetect.model.prose import quote


def _of_view(view: ViewId, paragraph: str) -> Rule:
    """Three views of one thing are one group."""
    rule = f"text_{view}"
    return Rule(
        id=rule,
        axis="behaviour",
        group="text",
        bound=4.0,
        compare=lambda samples, prepared: _of_test(samples, prepared.tests.get(rule)),
        paragraph=paragraph,
    )


RULE_OF: Mapping[ViewId, Rule] = {
    "words": _of_view(
        "words",
        """How much nearer the target's claim-free answers are to this reference than the references are to one another,
        on the same questions (double-centred cosine of TF-IDF over words and pairs of words). Weighed against the leads
        that unrelated models reach, measured on the references themselves, and the lead that the reference has with
        itself behind a neutral system prompt.""",
    ),
    "chars": _of_view("chars", "The same over groups of 2 to 4 characters: spelling, endings, marks, layout."),
    "embedding": _of_view(
        "embedding",
        "The same over sentence embeddings (all-MiniLM-L6-v2): meaning rather than wording. Needs the extra `[embed]`.",
    ),
}

_UNIT = "lead, share of the likeness between references"
SHUFFLED: Speaker = ("(shuffled reference)", "")
PARROT: Speaker = ("(parrot)", "")
CONTROL_LIMIT = 1.1
"""Nats that a made-up speaker may gather (factor 3) before the comparison counts as fooled."""


def _of_test(samples: Samples, test: RelativeTest | None) -> Iterator[Finding]:
    if test is not None:
        yield from compare(samples, test)


def prepare(samples: Samples, view_id: ViewId, view: View, rng: Generator) -> RelativeTest | None:
    """Measure likeness in one view. None where the target or every reference gave no claim-free answer."""
    target = (samples.target, "")
    asked = samples.claim_free.get(target, {})
    common = {e.name: len(asked.keys() & samples.claim_free.get((e.name, ""), {}).keys()) for e in samples.references}
    candidates = tuple((n, "") for n, c in common.items() if c and 2 * c >= len(asked))
    if not samples.claim_free.get(target) or not candidates:
        return None
    answers = {s: dict(a) for s, a in samples.claim_free.items()}
    true_speakers = tuple(answers)
    answers[SHUFFLED] = _shuffled(answers[target], rng)
    answers[PARROT] = {item: (samples.questions[item],) for item in answers[target]}
    like = measure(answers, samples.questions, view, learn_from=true_speakers)
    known = samples.seeds.likenesses.view[view_id]
    variants = tuple(v for v, _ in samples.run.variants)
    return RelativeTest(view_id, like, known, measured_null(like, candidates, known, rng), candidates, variants, rng)


def compare(samples: Samples, test: RelativeTest) -> Iterator[Finding]:
    """One finding for each reference. With a single reference there is no rival and the finding weighs nothing."""
    target = (samples.target, "")
    if len(test.candidates) == 1:
        yield from _alone(samples, test, test.candidates[0])
        return
    leads = {c: found for c in test.candidates if (found := test.lead_of(target, c)) is not None}
    nearest = max(leads, key=lambda c: (leads[c].value, c), default=None)
    for candidate, found in leads.items():
        behind = test.own(candidate)
        measured = (
            f"{behind.value:+.2f} for the reference behind a neutral prompt" if behind else "own lead not measured"
        )
        llr, llr_low, llr_high = (
            test.llr(value, found.error, candidate, nearest=candidate == nearest)
            for value in (found.value, found.low, found.high)
        )
        yield RULE_OF[test.view].finding(
            samples.target,
            candidate[0],
            effect=(found.value, found.low, found.high),
            unit=_UNIT,
            llr=(llr, llr_low, llr_high),
            n=(found.n, found.n),
            evidence=f"unrelated models lead by {test.null.mean:+.2f} ± {test.null.sd:.2f}; {measured}",
            witness=_witness(samples, candidate[0], found),
        )


def controls(samples: Samples, test: RelativeTest, upstream: str | None) -> Iterator[Control]:
    """A/A for the upstream that the verdict would name, shuffled reference, parrot; in this view."""
    if len(test.candidates) < 2:
        for control in ("a_a", "shuffled_reference", "parrot"):
            yield Control(id=f"{control}:{test.view}", passed=None, evidence="needs a second reference")
        return
    yield _self_control(test, upstream)
    for control, speaker in (("shuffled_reference", SHUFFLED), ("parrot", PARROT)):
        leads = {c: found for c in test.candidates if (found := test.lead_of(speaker, c)) is not None}
        if not leads:
            yield Control(id=f"{control}:{test.view}", passed=None, evidence="too few common questions")
            continue
        nearest = max(leads, key=lambda c: (leads[c].value, c))
        worst, name = test.llr(leads[nearest].value, leads[nearest].error, nearest, nearest=True), nearest[0]
        yield Control(
            id=f"{control}:{test.view}",
            passed=worst <= CONTROL_LIMIT,
            evidence=f"gathers {worst:+.1f} nats towards {name} (at most {CONTROL_LIMIT:+.1f} allowed)",
        )


def _self_control(test: RelativeTest, upstream: str | None) -> Control:
    name = f"a_a:{test.view}"
    behind = next(((upstream, v) for v in test.variants if upstream and (upstream, v) in test.like.speakers), None)
    if upstream is None or behind is None:
        return Control(id=name, passed=None, evidence="no reference was asked behind a neutral prompt")
    leads = {
        c[0]: found.value for c in test.candidates if (found := test.lead_of((upstream, behind[1]), c)) is not None
    }
    if not leads:
        return Control(id=name, passed=None, evidence="too few common questions")
    best = max(leads, key=lambda c: leads[c])
    return Control(
        id=name,
        passed=best == upstream and leads[best] > test.null.mean,
        evidence=f"{upstream} behind a neutral prompt is nearest to {best} (lead {leads[best]:+.2f})",
    )


def _alone(samples: Samples, test: RelativeTest, candidate: Speaker) -> Iterator[Finding]:
    """Likeness to the only reference, against its likeness to itself; no rival, so no weight."""
    target = (samples.target, "")
    near = test.like.between(target, candidate)
    near = near[np.isfinite(near)]
    if not len(near):
        return
    drawn = near[test.rng.integers(0, len(near), (2000, len(near)))].mean(axis=1)
    low, high = np.quantile(drawn, (0.025, 0.975))
    yield RULE_OF[test.view].finding(
        samples.target,
        candidate[0],
        effect=(float(near.mean()), float(low), float(high)),
        unit="cosine similarity",
        llr=(0.0, 0.0, 0.0),
        n=(len(near), len(near)),
        evidence="only one reference: no rival to be nearer than, so this weighs nothing",
        witness="",
    )


def _witness(samples: Samples, upstream: str, found: Lead) -> str:
    """The question on which the lead is largest, with the beginning of both answers."""
    item = found.items[int(np.argmax(found.per_item))]
    ours = samples.claim_free[samples.target, ""][item][0]
    theirs = samples.claim_free[upstream, ""][item][0]
    return f"{item}: target “{quote(ours, 110)}” / {upstream} “{quote(theirs, 110)}”"


def _shuffled(answers: Mapping[str, tuple[str, ...]], rng: Generator) -> dict[str, tuple[str, ...]]:
    """Each question gets the target's answer to another one."""
    items = sorted(answers)
    order = rng.permutation(len(items))
    # A cycle through a random order: no question keeps its own answer.
    return {items[a]: answers[items[b]] for a, b in zip(order, np.roll(order, 1), strict=True)}
