"""The known edges, each against all providers; and the known days of common causes, which must never count."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from bench.outages.markdown import needs, p_text, ratio, table
from bench.outages.truth import Edge, Truth
from wrapdetect.evidence.compare.dependence.outages import Setting, dependence
from wrapdetect.model.history import Dependence, Timeline


class Shown(NamedTuple):
    """An edge with what was found of it; None where the lists hold nothing of one of the two."""

    edge: Edge
    found: Dependence | None
    reason: str = ""


def judged(truth: Truth, target: str) -> list[Dependence]:
    """The target against every provider, as its user would ask."""
    setting = Setting(common=truth.seeds.common_causes.spans())
    return dependence(truth.lines[target], truth.candidates(target), truth.panel(target), setting)


def edges(truth: Truth) -> list[Shown]:
    """One row for each edge and service of the upstream's vendor."""
    by_target = {t: judged(truth, t) for t in sorted({e.target for e in truth.edges}) if t in truth.lines}
    shown = []
    for edge in truth.edges:
        found = [d for d in by_target.get(edge.target, ()) if d.upstream in truth.of_vendor(edge.upstream)]
        shown += [Shown(edge, d) for d in found]
        if not found:
            lacking = edge.target if edge.target not in by_target else edge.upstream
            shown.append(Shown(edge, None, f"no incident of {lacking} in the lists"))
    return shown


def print_edges(truth: Truth) -> None:
    """The table of edges, and false names among the other providers of the same targets."""
    print("### Known edges\n")
    shown = edges(truth)
    print(table(
        ["target", "upstream", "label", "n", "hits", "s (95 %)", "b", "LR", "p", "p corrected (of)", "e", "back", ""],
        [_row(s, truth) for s in shown],
    ))  # fmt: skip
    told = [s for s in shown if s.found and s.found.n]
    print(f"\n{len(shown)} edges, {len(told)} with an incident of the upstream while the target was watched, "
          f"{sum(s.found.named for s in told if s.found)} named. n: upstream incidents that say something; b: mean "
          "chance of a hit if independent; back: falls of the target that began with the upstream's.\n")  # fmt: skip


def print_common(truth: Truth) -> None:
    """For each known common cause: what fell then, and how much of it counts."""
    print("### Days of common causes\n")
    spans = truth.seeds.common_causes.cause
    lists = {
        t: (dependence(truth.lines[t], truth.candidates(t), truth.panel(t)), judged(truth, t)) for t in truth.lines
    }
    rows = []
    for cause in spans:
        span = (cause.since.timestamp(), cause.until.timestamp())
        fell = sorted({n for n, line in truth.lines.items() if _begins(line, span)})
        alone, held = ([_inside(found[k], span) for found in lists.values()] for k in (0, 1))
        rows.append([f"{cause.since:%Y-%m-%d}", cause.what, ", ".join(fell) or "-",
                     f"{sum(h for h, _ in alone)} of {sum(n for _, n in alone)}", sum(n for _, n in held)])  # fmt: skip
    print(table(["day", "cause", "fell (in the lists)", "without the list of days: hits of incidents counted",
                 "with it: incidents counted"], rows))  # fmt: skip
    print(f"\nOver all {sum(len(truth.candidates(t)) for t in truth.lines)} pairs of a service and a provider. "
          f"{sum(d.common for _, held in lists.values() for d in held)} incidents were left out as common, "
          "by these spans or by the panel.\n")  # fmt: skip


def _row(shown: Shown, truth: Truth) -> Sequence[object]:
    edge, d = shown.edge, shown.found
    if d is None:
        return [edge.target, edge.upstream, edge.why, 0, *["-"] * 8, shown.reason]
    if not d.n:
        why = f"never watched together ({_years(truth.lines[d.target])}; {_years(truth.lines[d.upstream])})"
        return [edge.target, d.upstream, edge.why, 0, 0, *["-"] * 7, f"{needs(d)}: {why}"]
    return [
        edge.target, d.upstream, edge.why, d.n, d.hits, f"{d.s:.2f} ({d.s_low:.2f} to {d.s_high:.2f})",
        f"{d.base_rate:.3f}", ratio(d.llr), p_text(d.p), f"{p_text(d.p_corrected)} ({d.candidates})", f"{d.e:.2g}",
        f"{d.back_hits} of {d.n_back}", needs(d),
    ]  # fmt: skip


def _years(line: Timeline) -> str:
    spans = ", ".join(f"{_day(a)} to {_day(b)}" for a, b in line.watched)
    return f"{line.service} {spans}"


def _day(at_s: float) -> str:
    return f"{datetime.fromtimestamp(at_s, UTC):%Y-%m-%d}"


def _begins(line: Timeline, span: tuple[float, float]) -> bool:
    return any(span[0] <= e.onset_s < span[1] for e in line.episodes)


def _inside(found: Sequence[Dependence], span: tuple[float, float]) -> tuple[int, int]:
    """Hits and incidents that count although they begin within the span."""
    within = [i for d in found for i in d.incidents if span[0] <= i.onset_s < span[1]]
    return sum(i.hit for i in within), len(within)
