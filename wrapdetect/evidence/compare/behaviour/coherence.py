"""Rule coherence_gap: does the target keep the thread as the upstream does? A relay can lose it, but not gain it.

Same model: its share of kept threads equals the upstream's, or lies below it where the relay drops history.
Unrelated: its share is anything. Weak, hence a small bound.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping

import numpy as np

from wrapdetect.evidence.compare.rule import Rule
from wrapdetect.evidence.compare.samples import Samples
from wrapdetect.evidence.compare.shares import jeffreys, log_marginal, log_marginal_below
from wrapdetect.model import AskKey, Finding
from wrapdetect.model.prose import quote

RULE = Rule(
    id="coherence_gap",
    axis="behaviour",
    group="coherence",
    bound=0.69,
    compare=lambda samples, _: compare(samples),
    paragraph="""Whether the target keeps the thread as often as the reference does on the same conversations. A relay
    that drops history can lose it, but not gain it. At most a factor of 2.""",
)

FITS = 0.9
"""An answer fits its question when at least this share of the other questions fits it less well."""


def compare(samples: Samples) -> Iterator[Finding]:
    target = kept_threads(samples, samples.target)
    if not target:
        return
    for reference in samples.references:
        upstream = kept_threads(samples, reference.name)
        common = sorted(set(target) & set(upstream))
        if not common:
            continue
        n = len(common)
        ours, theirs = sum(target[k] for k in common), sum(upstream[k] for k in common)
        weigh = min(0.0, _log_ratio(ours, n, theirs))
        low, high = (b - theirs / n for b in jeffreys(ours, n))
        lost = next((k for k in common if upstream[k] and not target[k]), None)
        yield RULE.finding(
            samples.target,
            reference.name,
            effect=((ours - theirs) / n, low, high),
            unit="difference in the share of conversations whose thread is kept",
            llr=(weigh, min(0.0, weigh), max(0.0, weigh)),
            n=(n, n),
            evidence=f"keeps the thread in {ours} of {n} conversations; {reference.name} in {theirs}",
            witness="" if lost is None else _lost(samples, lost),
        )


def kept_threads(samples: Samples, endpoint: str) -> Mapping[str, bool]:
    """Conversation -> whether its planted fact came back, or else its last answer fitted the last question."""
    verdicts: dict[str, list[bool]] = defaultdict(list)
    planted = samples.values.get("planted", {}).get(endpoint, {})
    own = samples.values.get("own_question", {}).get(endpoint, {})
    for (key, _), value in planted.items():
        verdicts[_name(key)].append(bool(value))
    last: dict[AskKey, int] = {}
    for key, turn in own:
        last[key] = max(turn, last.get(key, 0))
    for key, turn in last.items():
        if (key, turn) not in planted:
            verdicts[_name(key)].append(float(own[key, turn]) >= FITS)
    return {name: bool(np.mean(v) >= 0.5) for name, v in verdicts.items()}


def _log_ratio(ours: int, n: int, theirs: int) -> float:
    """ln of same (half: equal share; half: below it) over unrelated (any share), nats.

    >>> _log_ratio(10, 10, 10) > 0 > _log_ratio(10, 10, 3)
    True
    """
    share = (theirs + 0.5) / (n + 1)
    equal = log_marginal(ours, n, theirs + 0.5, n - theirs + 0.5)
    below = log_marginal_below(ours, n, share)
    return float(np.logaddexp(equal, below) - np.log(2)) - log_marginal(ours, n, 1.0, 1.0)


def _name(key: AskKey) -> str:
    return f"{key.probe}/{key.item}"


def _lost(samples: Samples, name: str) -> str:
    """The question and what the target said to it."""
    replies = samples.values.get("reply", {}).get(samples.target, {})
    reply = next((str(v) for (key, _), v in replies.items() if _name(key) == name), "")
    return f"{name}: “{quote(samples.questions[name])}” was answered “{quote(reply)}”"
