"""Outcomes -> markdown: false accusations first, then each bot by its ways, then what is lost by rule."""

import statistics
from collections import Counter
from collections.abc import Iterator, Sequence

from bench.ways.audits import Outcome
from bench.ways.lab import FIRST

ACCUSED = ("wrapper", "likely_wrapper")
NAMED = (*ACCUSED, "same_model")
RULES = ("text_words", "text_chars", "text_embedding", "identity_claim", "coherence_gap", "timing_paired")
DEPENDENCE = "failures_together"


def markdown(outcomes: Sequence[Outcome]) -> str:
    """All tables, with a line on top for each kind of error."""
    truths = [t for t in ("own voice", "same model", "relay") if any(o.truth == t for o in outcomes)]
    lines = [_errors(outcomes), ""]
    for truth in truths:
        own = [o for o in outcomes if o.truth == truth]
        lines += [f"### {truth}", "", *_verdicts(own), "", *_evidence(own), ""]
    return "\n".join(lines)


def _errors(outcomes: Sequence[Outcome]) -> str:
    own, same, relay = ([o for o in outcomes if o.truth == t] for t in ("own voice", "same model", "relay"))
    parts = []
    if own:
        named = sum(o.state == "same_model" for o in own)
        parts.append(f"own voice called wrapper or likely_wrapper: {_accused(own)} of {len(own)} (same_model {named})")
    if same:
        parts.append(f"same model called wrapper or likely_wrapper: {_accused(same)} of {len(same)}")
    if relay:
        right = sum(o.state in ACCUSED and o.upstream == "heron" for o in relay)
        parts.append(f"relay accused, of the true upstream: {right} of {len(relay)}")
    other = sum(o.state != _of_first(o, outcomes) for o in outcomes)
    broken = sum(bool(o.bugs) for o in outcomes)
    return "\n".join(
        [*parts, f"another state than by {FIRST}: {other} of {len(outcomes)}; reports with bugs: {broken}"]
    )


def _accused(outcomes: Sequence[Outcome]) -> int:
    return sum(o.state in ACCUSED for o in outcomes)


def _of_first(outcome: Outcome, outcomes: Sequence[Outcome]) -> str:
    return next(
        (o.state for o in outcomes if (o.truth, o.way, o.seed) == (outcome.truth, FIRST, outcome.seed)), outcome.state
    )


def _verdicts(outcomes: Sequence[Outcome]) -> Iterator[str]:
    yield "| way | state | p (low to high) | behaviour | dependence | answered | missing | s |"
    yield "|---|---|---|---|---|---|---|---|"
    for way, own in _by_way(outcomes):
        states = ", ".join(s if n == len(own) else f"{s} x{n}" for s, n in Counter(o.state for o in own).items())
        middle, low, high = (_median(own, k) for k in ("probability", "low", "high"))
        yield (
            f"| {way} | {states} | {middle:.2f} ({low:.2f} to {high:.2f}) | {_median(own, 'behaviour'):+.1f} "
            f"| {_median(own, 'dependence'):+.1f} | {_median(own, 'answered'):.0f} of {_median(own, 'planned'):.0f} "
            f"| {', '.join(dict.fromkeys(m for o in own for m in o.missing)) or '-'} | {_median(own, 'seconds'):.0f} |"
        )


def _evidence(outcomes: Sequence[Outcome]) -> Iterator[str]:
    rules = [r for r in (*RULES, DEPENDENCE) if any(r in o.llr for o in outcomes)]
    yield f"| llr by rule | {' | '.join(rules)} | lost against {FIRST} |"
    yield "|---" * (len(rules) + 2) + "|"
    first = [o for o in outcomes if o.way == FIRST]
    for way, own in _by_way(outcomes):
        cells = [_weight([o.llr[r] for o in own if r in o.llr], len(own)) for r in rules]
        yield f"| {way} | {' | '.join(cells)} | {_lost(own, first)} |"


def _weight(found: Sequence[float], of: int) -> str:
    if not found:
        return "-"
    return f"{statistics.median(found):+.1f}" + (f" ({len(found)} of {of})" if len(found) < of else "")


def _lost(own: Sequence[Outcome], first: Sequence[Outcome]) -> str:
    """Rules that had something to say by the first way and not by this one, at the same seed."""
    by_seed = {o.seed: o for o in first}
    lost = Counter(r for o in own if o.seed in by_seed for r in by_seed[o.seed].llr if r not in o.llr)
    return ", ".join(r if n == len(own) else f"{r} x{n}" for r, n in lost.items()) or "-"


def _by_way(outcomes: Sequence[Outcome]) -> Iterator[tuple[str, list[Outcome]]]:
    for way in dict.fromkeys(o.way for o in outcomes):
        yield way, [o for o in outcomes if o.way == way]


def _median(outcomes: Sequence[Outcome], field: str) -> float:
    return statistics.median(float(getattr(o, field)) for o in outcomes)
