"""Rule timing_paired: is the target slower than the upstream to its first word, on the same asks in the same minutes?

A relay cannot answer before what it relays, so being reliably faster speaks a little against; being slower proves
nothing, for the host explains more of a latency than the model. No fixed number of milliseconds is ever used.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping

import numpy as np
from numpy.random import Generator

from wrapdetect.evidence.compare.rule import Rule
from wrapdetect.evidence.compare.samples import Samples, TurnKey
from wrapdetect.model import Finding, Value

RULE = Rule(
    id="timing_paired",
    axis="dependence",
    group="timing",
    bound=0.35,
    compare=lambda samples, _: compare(samples, np.random.default_rng(samples.run.seed)),
    paragraph="""The ratio of the times to the first word, question by question, asked of both in the same minutes. Only
    being reliably faster than the reference says anything: a little, against.""",
)

FEWEST_PAIRS = 8
CLEARLY_FASTER = 0.9
"""Ratio of times to the first word below which (whole interval) the target counts as faster."""
AGAINST = -0.35


def compare(samples: Samples, rng: Generator) -> Iterator[Finding]:
    first = samples.values.get("first_s", {})
    target = first.get(samples.target, {})
    for reference in samples.references:
        if reference.dialect != samples.run.target.dialect:
            continue
        pairs = _pairs(target, first.get(reference.name, {}))
        if len(pairs) < FEWEST_PAIRS:
            continue
        names = sorted(pairs)
        ratios = np.log([pairs[n] for n in names])
        drawn = np.median(ratios[rng.integers(0, len(ratios), (2000, len(ratios)))], axis=1)
        low, middle, high = np.exp([np.quantile(drawn, 0.025), np.median(ratios), np.quantile(drawn, 0.975)])
        weigh = AGAINST if high < CLEARLY_FASTER else 0.0
        fastest = names[int(np.argmin(ratios))]
        yield RULE.finding(
            samples.target,
            reference.name,
            effect=(float(middle), float(low), float(high)),
            unit="ratio of times to the first word, target over reference",
            llr=(weigh, min(weigh, AGAINST if low < CLEARLY_FASTER else 0.0), weigh),
            n=(len(pairs), len(pairs)),
            evidence=f"median ratio {middle:.2f} over {len(pairs)} questions asked of both in the same minutes",
            witness=f"{fastest}: ratio {pairs[fastest]:.2f}",
        )


def _pairs(ours: Mapping[TurnKey, Value], theirs: Mapping[TurnKey, Value]) -> dict[str, float]:
    """Question -> geometric mean over its turns and draws of the ratio of times."""
    logs: dict[str, list[float]] = defaultdict(list)
    for place in set(ours) & set(theirs):
        a, b = float(ours[place]), float(theirs[place])
        if a > 0 and b > 0:
            key, _ = place
            logs[f"{key.probe}/{key.item}"].append(float(np.log(a / b)))
    return {name: float(np.exp(np.mean(v))) for name, v in logs.items()}
