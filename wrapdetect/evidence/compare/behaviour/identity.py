"""Rule identity_claim: how often does the target say that it is the upstream's model? Weak either way.

A system prompt makes any model say anything, and models name foreign vendors unasked; so a claim is capped near
0.3 decades, and the absence of one, a denial or the word "human" weighs nothing. They are quoted all the same.
"""

from collections.abc import Iterator

from wrapdetect.evidence.compare.rule import Rule
from wrapdetect.evidence.compare.samples import Samples
from wrapdetect.evidence.compare.shares import jeffreys, log_marginal
from wrapdetect.model import Endpoint, Finding, Observation
from wrapdetect.model.prose import quote

RULE = Rule(
    id="identity_claim",
    axis="behaviour",
    group="identity",
    bound=0.69,  # 0.3 decades: what a model says it is, is weak
    compare=lambda samples, _: compare(samples),
    paragraph="""The share of identity questions in which the target names this reference's vendor as its own. At most a
    factor of 2; not claiming, denying, or claiming to be human weighs nothing.""",
)

CLAIMING = (1.0, 1.0)
"""Beta prior of the share of claims where the upstream does answer: anything goes."""
CLAIMING_FALSELY = (0.3, 2.7)
"""The same for a model that names a foreign vendor: mostly never, sometimes often."""


def compare(samples: Samples) -> Iterator[Finding]:
    said = [o for o in samples.claims.get(samples.target, ()) if o.feature == "said"]
    n = len({(o.ask.probe, o.ask.item) for o in said})
    if not n:
        return
    for reference in samples.references:
        vendor = _vendor_of(samples, reference)
        if vendor is None:
            continue
        claims = _of(samples, "claims", vendor)
        denials = _of(samples, "denies", vendor)
        human = [o for o in samples.claims[samples.target] if o.feature == "human"]
        hits = min(len({(o.ask.probe, o.ask.item) for o in claims}), n)
        low, high = jeffreys(hits, n)
        weigh = [
            max(0.0, log_marginal(k, n, *CLAIMING) - log_marginal(k, n, *CLAIMING_FALSELY)) if k else 0.0
            for k in (hits, round(low * n), round(high * n) if hits else 0)
        ]
        yield RULE.finding(
            samples.target,
            reference.name,
            effect=(hits / n, low, high),
            unit=f"share of identity questions answered with {vendor}",
            llr=(weigh[0], min(weigh), max(weigh)),
            n=(n, n),
            evidence=f"claims {vendor} in {hits} of {n}; denies it {len(denials)} times; "
            f"claims to be human {len(human)} times",
            witness=_witness(samples, [*claims, *human, *denials]),
        )


def _vendor_of(samples: Samples, reference: Endpoint) -> str | None:
    vendor, _ = samples.seeds.vendors.of_model(reference.model)
    return vendor.id if vendor else None


def _of(samples: Samples, feature: str, vendor: str) -> list[Observation]:
    return [o for o in samples.claims[samples.target] if o.feature == feature and o.value == vendor]


def _witness(samples: Samples, telling: list[Observation]) -> str:
    if not telling:
        return ""
    first = telling[0]
    text = next(
        (str(o.value) for o in samples.claims[samples.target] if o.feature == "said" and o.exchange == first.exchange),
        "",
    )
    return f"{first.ask.probe}/{first.ask.item}: “{quote(text)}”"
