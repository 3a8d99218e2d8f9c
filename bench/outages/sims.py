"""Simulations: level on independent pairs, incidents until the ratio passes 100, attackers. Two worker processes."""

from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from statistics import median
from typing import TypeVar

from bench.outages.markdown import ratio, share, table
from bench.outages.worlds import (
    ATTACK_WEEKS,
    ATTACKS,
    CASES,
    NEVER,
    WORLDS,
    Attacked,
    B,
    Null,
    attack,
    null,
    until,
)
from wrapdetect.evidence.compare.dependence.incident_ratio import ENOUGH
from wrapdetect.evidence.compare.dependence.outages import ALPHA

RUNS_UNTIL, RUNS_ATTACK = 500, 300
K = TypeVar("K")
R = TypeVar("R")


def print_level(pool: Executor, part: int) -> None:
    """Independent pairs: how often is one named; `part`: one in so many of the runs."""
    print("### Level: simulated independent pairs\n")
    rows, everything = [], list[Null]()
    for world, of in WORLDS.items():
        found = _runs(pool, null, world, of.runs // part)
        everything += found
        rows.append(_level_row(world, found))
    rows.append(_level_row("**all**", everything))
    print(table(["world", "pairs", "incidents, hits (mean)", f"named at the end (alpha {ALPHA})", "named on some day",
                 f"e >= {1 / ALPHA:.0f} on some day", "p <= .01 by whole weeks", "p <= .01 by plain shifts",
                 "LR >= 100"], rows))  # fmt: skip
    print("\nOn some day: judged anew the day after each hit, with what was known then, where the ratio so far favours "
          "the edge; the e-value at every incident.\n")  # fmt: skip


def print_until(pool: Executor, part: int) -> None:
    """Incidents until the ratio passes 100."""
    print("### Incidents until LR >= 100\n")
    rows = []
    for case in CASES:
        found = _runs(pool, until, case, RUNS_UNTIL // part)
        known = [u.known for u in found]
        rows.append([
            f"{case.s} / {case.b}", len(found), _median(known), _median([u.on_the_day for u in found]),
            case.reach, _median([u.counted for u in found]), case.plain,
            share(sum(k <= case.reach for k in known), len(known)), _never(known),
        ])  # fmt: skip
    print(table(["s / b", "runs", "median", "median, judged on the day", "reach", "count alone, s and b known",
                 "stated for a plain count", "within reach", "never in the record"], rows))  # fmt: skip
    print("\nMedian: chances from the whole record of 30 or 52 weeks. On the day: from what was known a day after each "
          "incident, the first of them in the first weeks of watching.\n")  # fmt: skip


def print_attacks(pool: Executor, part: int) -> None:
    """Attackers and fallbacks, half a year each."""
    print("### Attackers and fallbacks\n")
    rows = []
    for kind, stated in ATTACKS.items():
        found = _runs(pool, attack, kind, RUNS_ATTACK // part)
        llr = sorted(a.llr for a in found)
        ends = [ratio(llr[int(q * (len(llr) - 1))]) for q in (0.05, 0.5, 0.95)]
        enough = [a.enough_at for a in found]
        rows.append([
            kind, stated or "not named", f"{sum(a.hits for a in found) / max(1, sum(a.n for a in found)):.2f}",
            f"{_mean(found):.3f}", f"{ends[1]} ({ends[0]} to {ends[2]})",
            share(sum(a.named for a in found), len(found)), _median(enough),
        ])  # fmt: skip
    print(table(["target", "stated behaviour", "s seen", "b", "LR after half a year, median (5 to 95 %)", "named",
                 "incidents until LR >= 100, median"], rows))  # fmt: skip
    print(f"\nThe upstream falls about once a week for {ATTACK_WEEKS:.0f} weeks; the target by itself {B} times an "
          f"hour, or ten times that. LR >= 100 is {ENOUGH:.1f} nats.\n")  # fmt: skip


def _level_row(name: str, found: Sequence[Null]) -> list[object]:
    n = len(found)
    with_p = [d.p for d in found if d.p is not None]
    return [
        name, n, f"{sum(d.n for d in found) / n:.1f}, {sum(d.hits for d in found) / n:.2f}",
        share(sum(d.named for d in found), n), share(sum(d.ever_named for d in found), n),
        share(sum(d.e_highest >= 1 / ALPHA for d in found), n),
        share(sum(p <= ALPHA for p in with_p), len(with_p)), share(sum(d.plain <= ALPHA for d in found), n),
        share(sum(d.llr >= ENOUGH for d in found), n),
    ]  # fmt: skip


def _runs(pool: Executor, run: Callable[[K, int], R], what: K, n: int) -> list[R]:
    return list(pool.map(run, [what] * n, range(n), chunksize=max(1, n // 40)))


def _median(counts: Sequence[int]) -> str:
    middle = median(counts)
    return "never" if middle >= NEVER else f"{middle:g}"


def _never(counts: Sequence[int]) -> str:
    return share(sum(k >= NEVER for k in counts), len(counts))


def _mean(found: Sequence[Attacked]) -> float:
    return sum(a.base_rate for a in found) / len(found)
