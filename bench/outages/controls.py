"""Pairs that depend on nobody: how often is an edge named all the same? And a placebo: records moved in time."""

from collections.abc import Iterator, Sequence
from concurrent.futures import Executor
from functools import partial
from typing import NamedTuple

import numpy as np

from bench.outages.edges import judged
from bench.outages.markdown import ratio, share, table
from bench.outages.truth import Truth
from wrapdetect.evidence.compare.dependence.coincidence import (
    WATCHED_SHARE,
    WEEK_S,
    Falls,
    hit,
    overlap,
    p_value,
    record,
    trials,
)
from wrapdetect.evidence.compare.dependence.outages import ALPHA, NAMED_AT, WINDOW_S, Setting, dependence
from wrapdetect.evidence.compare.dependence.together import moved_by
from wrapdetect.model.history import Dependence

DAY_S, HOUR_S = 86_400.0, 3600.0
FEWEST = 3
"""Incidents that a pair of the placebo must have."""
MOST = 12_000
"""Pairs judged in all, moves and pairs that were never watched together counted."""
PLAIN = 300
"""Plain shifts by which the test that is not ours is made."""


class Moves(NamedTuple):
    """How the target's record is moved."""

    name: str
    seconds: tuple[float, ...]


def moves(pairs: int, most: int) -> list[Moves]:
    """Whole weeks; whole days that are no whole weeks; hours. Fewer of them where they would make more than `most`."""
    thin = max(1, -(-pairs * 2 * (25 + 25 + 6) // most))
    weeks = list(range(1, 26, min(thin, 24)))
    return [
        Moves("1 to 25 whole weeks", tuple(s * w * WEEK_S for w in weeks for s in (1, -1))),
        Moves(
            "1 to 25 weeks and 1 to 6 days",
            tuple(s * (w * WEEK_S + (1 + w % 6) * DAY_S) for w in weeks for s in (1, -1)),
        ),
        Moves("2 to 22 hours", tuple(s * h * HOUR_S for h in range(2, 23, min(4 * thin, 20)) for s in (1, -1))),
    ]


def controls(truth: Truth) -> list[tuple[str, list[Dependence]]]:
    """The sets of pairs that must name nobody: the stated controls, the two great providers, all makers."""
    by_target = {t: judged(truth, t) for t in sorted({*truth.controls, *truth.makers})}
    stated = [d for t in truth.controls for d in by_target[t]]
    vendors = {n: truth.lines[n].vendor for n in truth.lines}
    great = [
        d for t in truth.makers for d in by_target[t] if {vendors[t], vendors[d.upstream]} == {"anthropic", "openai"}
    ]
    makers = [d for t in truth.makers for d in by_target[t] if d.upstream in truth.makers]
    return [
        ("controls against every provider", stated),
        ("Claude against ChatGPT and back", great),
        ("makers of models against one another", makers),
        ("all of these, each pair once", list({(d.target, d.upstream): d for d in (*stated, *makers)}.values())),
    ]


def print_controls(truth: Truth) -> None:
    """Named edges where none is."""
    print("### Controls: no edge may be named\n")
    rows = []
    for name, found in controls(truth):
        told = [d for d in found if d.n]
        best = max((d.llr for d in told), default=0.0)
        rows.append([
            name, share(sum(d.named for d in told), len(told)), sum(d.n for d in told), sum(d.hits for d in told),
            f"{sum(i.chance for d in told for i in d.incidents):.1f}",
            sum(d.p is not None and d.p <= ALPHA for d in told), ratio(best),
        ])  # fmt: skip
    print(
        table(["pairs", "named", "incidents", "hits", "hits expected", f"p <= {ALPHA} uncorrected", "highest LR"], rows)
    )
    held = ", ".join(truth.controls) or "none"
    lacking = f"; no incident in the lists of {', '.join(truth.absent)}" if truth.absent else ""
    print(f"\nPairs with at least one incident that counts. Controls: {held}{lacking}. Expected: by the chances used, "
          "which hold the common causes.\n")  # fmt: skip


def print_placebo(truth: Truth, pool: Executor, quick: bool) -> None:
    """Every service against every provider, its own record moved."""
    print("### Placebo: the target's own record, moved in time\n")
    targets = sorted(truth.lines)
    rows = []
    pairs_in_all = sum(len(truth.candidates(t)) for t in targets)
    for move in moves(pairs_in_all, MOST // 5 if quick else MOST):
        pairs = [p for found in pool.map(partial(moved, truth, move.seconds), targets) for p in found]
        rows.append([
            move.name, share(sum(p.named for p in pairs), len(pairs)), len({(p.target, p.upstream) for p in pairs}),
            share(sum(p.p is not None and p.p <= ALPHA for p in pairs), sum(p.p is not None for p in pairs)),
            share(sum(p.plain <= ALPHA for p in pairs), len(pairs)),
            share(sum(p.llr >= NAMED_AT for p in pairs), len(pairs)),
        ])  # fmt: skip
    print(table(["moved by", "named", "different pairs", "p <= .01 (whole-week null)", "p <= .01 (plain null)",
                 "LR >= 20"], rows))  # fmt: skip
    print(f"\nPairs with {FEWEST} incidents or more. Moves of one pair share its record: the intervals are too narrow. "
          f"Plain null: {PLAIN} shifts by anything from a day to a quarter of the record.\n")  # fmt: skip


class Moved(NamedTuple):
    """A pair, the target's record moved."""

    target: str
    upstream: str
    named: bool
    p: float | None
    plain: float
    llr: float


def moved(truth: Truth, seconds: Sequence[float], target: str) -> list[Moved]:
    """The target at each move against all its candidates."""
    return [m for by in seconds for m in _at(truth, target, by)]


def plain_p(target: Falls, upstream: Falls, rng: np.random.Generator) -> float:
    """P(at least as many hits | the upstream's onsets shifted by anything), the test that is not ours."""
    at = upstream.burst
    furthest = max(2 * DAY_S, min(26 * WEEK_S, float(np.ptp(target.watched)) / 4)) if len(target.watched) else WEEK_S
    by = rng.uniform(DAY_S, furthest, PLAIN) * rng.choice([-1.0, 1.0], PLAIN)
    shifted = at[None, :] + by[:, None]
    seen, seen_moved = (overlap(target.watched, a - WINDOW_S, a + WINDOW_S) >= WATCHED_SHARE * 2 * WINDOW_S
                        for a in (at, shifted))  # fmt: skip
    hits, n = int((hit(target.fell, at, WINDOW_S) & seen).sum()), int(seen.sum())
    exposures = seen_moved.sum(axis=1)
    full = exposures > n / 2
    if not hits or not full.any():
        return 1.0
    counts = (hit(target.fell, shifted, WINDOW_S) & seen_moved).sum(axis=1)[full] * n / exposures[full]
    return float((1 + (counts >= hits).sum()) / (1 + full.sum()))


def both_p(target: Falls, upstream: Falls, rng: np.random.Generator) -> tuple[float | None, float]:
    """Ours, by whole weeks, and the plain one."""
    return p_value(trials(target, upstream, window_s=WINDOW_S)), plain_p(target, upstream, rng)


def _at(truth: Truth, target: str, by: float) -> Iterator[Moved]:
    line = moved_by(truth.lines[target], by)
    candidates = truth.candidates(target)
    setting = Setting(common=truth.seeds.common_causes.spans())
    mine = record(line, slack_s=WINDOW_S)
    rng = np.random.default_rng(abs(int(by)))
    for d, upstream in zip(dependence(line, candidates, truth.panel(target), setting), candidates, strict=True):
        if d.n >= FEWEST:
            plain = plain_p(mine, record(upstream, slack_s=WINDOW_S), rng)
            yield Moved(target, d.upstream, d.named, d.p, plain, d.llr)
