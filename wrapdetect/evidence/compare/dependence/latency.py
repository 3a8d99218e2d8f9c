"""Rule latency_together: when the upstream is slow, is the target slow with it, beyond what all others do?

Heartbeats of one round are sent within the same minute. Log latencies of those that are up go, as medians of SLOT_S or
more, through three sieves: a running median over a day (slow drift), the median of the hour of the week (of the day
below six weeks), and what all have in common at the same moment, a shared network or the prober's own load: by
regression on the median of all other vendors, and on that of the few STEADIEST, since a few milliseconds more show in
quick services only. Moments in which a median is itself far out count for nothing, and nothing speaks for a candidate
unless FEWEST_OTHERS vendors are as steady, in milliseconds, as it is. What is left, clipped, is correlated; of the
correlation only the excess over the target's largest with any other vendor counts.

The null shifts the target against all others, in circles of whole weeks (whole days below eight weeks): weekly patterns
and serial correlation stay in it. p is that of Student's t for one more value beside the shifts' (they are few), and
  LR = 3 sqrt(0.02 / p), within [0.82, 3]
whose mean over a uniform p is 0.98: at most 1 under chance. The ceiling is low because a cloud or a network that two
services share and the panel does not cannot be told from dependence; the floor is mild because a relay whose own
noise, cache or queue is large shows nothing. Nothing at all is said of a candidate that did not clearly move.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from scipy.special import stdtr

from wrapdetect.evidence.compare.arrays import Floats
from wrapdetect.evidence.compare.dependence.latency_grid import (
    CLIP,
    FEWEST_DAYS,
    WEEK,
    WHOLE_WEEKS,
    Grid,
    gridded,
    median,
    robust_sd,
)
from wrapdetect.evidence.compare.rule import Rule, of_history
from wrapdetect.model import Finding
from wrapdetect.model.history import History, Service

RULE = Rule(
    id="latency_together",
    axis="dependence",
    group="latency",
    bound=1.1,
    compare=of_history(lambda history, target, rng: compare(history, target, rng)),
    paragraph="""Is the target slow when the candidate is slow, beyond what all others are at the same moment, and
    beyond any other vendor? Slow drift and the pattern of the week are taken out first; the null shifts whole weeks
    (whole days below eight weeks). It speaks only where three other vendors are as steady in milliseconds, since a
    shared network shows in quick services first. At most a factor of 3: in recorded data, models of one provider hardly
    move together from day to day.""",
)

FEWEST_OTHERS, STEADIEST = 3, 5
"""Vendors beside target and candidate, as steady as it, without whom a shared network cannot be told; and how many of
the steadiest make the second median."""
MOVED = 5.0
"""Standard errors of the correlation of a candidate's residuals from one value to the next, from which on it moved."""
CERTAIN_P, FLOOR, CEILING = 0.02, 0.82, 3.0
DRAWS = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class _Pair:
    """Target and another beyond the common part, 0 where unknown (`known` in both: `seen`), shape (slots,) each; `r` is
    their correlation as it is and for each shift; `noise_ms` is the other's, and `steady` counts the vendors with no
    more, in whom a shared network would show."""

    other: Service
    vendor: str
    ours: Floats
    theirs: Floats
    seen: NDArray[np.bool_]
    r: Floats
    moved: bool
    noise_ms: float
    steady: int


def compare(history: History, target: str, rng: Generator) -> Iterator[Finding]:
    grid = gridded(history, target)
    if grid is None:
        return
    pairs = paired(grid)
    days = rng.multinomial(grid.days, np.full(grid.days, 1 / grid.days), DRAWS).astype(float)
    for pair in pairs:
        if pair.other.kind == "candidate" and _days_seen(grid, pair) >= FEWEST_DAYS:
            finding = judged(grid, target, pair, [p for p in pairs if p.vendor != pair.vendor], days)
            if finding is not None:
                yield finding


def judged(grid: Grid, target: str, pair: _Pair, others: Sequence[_Pair], days: Floats) -> Finding | None:
    """One candidate beside all `others`; `days` (draws, days) says how often each draw of the bootstrap has each day.

    None where nothing varies, so that no shift differs from another.
    """
    beside = np.maximum(0.0, np.max([p.r for p in others], axis=0)) if others else np.zeros_like(pair.r)
    excess = pair.r - beside
    shifts = excess[1:]
    if shifts.std() < 1e-9:
        return None
    best = max(others, key=lambda p: p.r[0], default=None)
    drawn = _by_day(grid, pair, days)
    if best is not None and best.r[0] > 0:
        drawn = drawn - _by_day(grid, best, days)
    low, high = (float(q) for q in np.quantile(drawn, [0.025, 0.975]))
    spare = unequal(pair, others)
    llr, llr_low, llr_high = (_log_ratio(chance(x, shifts, spare), pair) for x in (float(excess[0]), low, high))
    n = _days_seen(grid, pair)
    return RULE.finding(
        target,
        pair.other.name,
        effect=(float(excess[0]), low, high),
        unit="correlation of latencies beyond the common part, in excess of the largest with any other vendor",
        llr=(llr, min(llr, llr_low), max(llr, llr_high)),
        n=(n, n),
        evidence=_evidence(pair, best, shifts, n),
        witness=_witness(grid, target, pair, together=llr > 0),
    )


def weight(p: float) -> float:
    """LR of a p-value; its mean over a uniform p is 0.98.

    >>> [round(weight(p), 2) for p in (0.001, 0.02, 0.18, 0.9)]
    [3.0, 3.0, 1.0, 0.82]
    """
    return float(np.clip(CEILING * np.sqrt(CERTAIN_P / max(p, 1e-12)), FLOOR, CEILING))


def chance(excess: float, shifts: Floats, unequal: float = 0.0) -> float:
    """One-sided p of a value among the `shifts`, as one more draw from a normal of unknown mean and spread; `unequal`
    is a variance that no shift shows, of how much more one service than another shares with all."""
    m = len(shifts)
    spread = np.sqrt(shifts.var(ddof=1) * (1 + 1 / m) + unequal)
    return float(stdtr(m - 1, -(excess - shifts.mean()) / spread))


def unequal(pair: _Pair, others: Sequence[_Pair]) -> float:
    """Variance of the target's correlations with the vendors as steady as the candidate, beyond that of their shifts:
    what is left of a network that all share, in some more than in others. 0 where there are none."""
    steady = [p.r for p in others if p.noise_ms <= pair.noise_ms]
    beyond = [(r[0] - r[1:].mean()) ** 2 - r[1:].var(ddof=1) * (1 + 1 / (len(r) - 1)) for r in steady]
    return max(0.0, float(np.mean(beyond))) if beyond else 0.0


def paired(grid: Grid) -> list[_Pair]:
    """The target beside every service of another vendor, each less what the vendors but these two have in common."""
    names = [_vendor(s) for s in grid.services]
    vendors = sorted(set(names) - {names[0]})
    members = {v: [k for k, name in enumerate(names) if name == v] for v in vendors}
    if not vendors:
        return []
    lines = np.stack([grid.rows[m[0]] if len(m) == 1 else median(grid.rows[m].T) for m in members.values()])
    noise_ms = np.array([grid.noise_ms[m].max() for m in members.values()])
    commons = _commons(lines, noise_ms)
    step = grid.slots_a_day * (WEEK if grid.days >= WHOLE_WEEKS else 1)
    pairs = {
        k: _pair(
            grid, k, vendor, common, step, int((noise_ms <= grid.noise_ms[k]).sum() - (noise_ms[j] <= grid.noise_ms[k]))
        )
        for j, (vendor, common) in enumerate(zip(vendors, commons, strict=True))
        for k in members[vendor]
    }
    return [pairs[k] for k in sorted(pairs)]


def _commons(lines: Floats, noise_ms: Floats) -> Iterator[Floats]:
    """For each vendor's line the two medians of the others, shape (slots, 2): of all, and of the steadiest. NaN where
    fewer than FEWEST_OTHERS are known; zeros where there never are so many."""
    ordered, count = np.sort(lines, axis=0), np.isfinite(lines).sum(axis=0)
    by_noise = np.argsort(noise_ms, kind="stable")
    usual = median(lines[by_noise[:STEADIEST]].T)
    for k, line in enumerate(lines):
        if len(lines) <= FEWEST_OTHERS:
            yield np.zeros((lines.shape[1], 2))
        else:
            steady = usual if k not in by_noise[:STEADIEST] else median(lines[by_noise[by_noise != k][:STEADIEST]].T)
            yield np.stack([_median_without(ordered, count, line), steady], axis=1)


def _pair(grid: Grid, k: int, vendor: str, common: Floats, step: int, steady: int) -> _Pair:
    spread = robust_sd(common[:: max(len(common) // 8192, 1)].T)  # a sample of moments gives it well enough
    calm = np.all(np.abs(common) <= np.where(spread > 0, CLIP * spread, np.inf), axis=1)
    (ours, we), (theirs, they) = (_beyond(grid.rows[j], common, calm) for j in (0, k))
    return _Pair(
        other=grid.services[k],
        vendor=vendor,
        ours=ours,
        theirs=theirs,
        seen=we & they,
        r=_shifted(ours, we, theirs, they, step),
        moved=_moved(theirs, they),
        noise_ms=float(grid.noise_ms[k]),
        steady=steady,
    )


def _beyond(row: Floats, common: Floats, calm: NDArray[np.bool_]) -> tuple[Floats, NDArray[np.bool_]]:
    """What the common part (slots, 2) does not explain (mean 0, 0 where unknown), and where it is known."""
    known = calm & np.isfinite(row)
    out = np.zeros(len(row))
    if known.any():
        x, y = common[known], row[known]
        x, y = x - x.mean(axis=0), y - y.mean()
        square, product = np.einsum("ij,ik->jk", x, x), np.einsum("ij,i->j", x, y)
        out[known] = y - (x * (np.linalg.pinv(square, hermitian=True) @ product)).sum(axis=1)
    return out, known


def _median_without(ordered: Floats, count: NDArray[np.intp], own: Floats) -> Floats:
    """Median of each column of `ordered` (sorted, NaN last) less the value `own`; NaN below FEWEST_OTHERS."""
    left = count - np.isfinite(own)
    limit = np.where(np.isfinite(own), own, np.inf)

    def at(place: NDArray[np.intp]) -> Floats:
        here, after = (np.take_along_axis(ordered, np.clip(place + k, 0, len(ordered) - 1)[None], 0)[0] for k in (0, 1))
        return np.asarray(np.where(here < limit, here, after))

    middle = (at((left - 1) // 2) + at(left // 2)) / 2
    return np.asarray(np.where(left >= FEWEST_OTHERS, middle, np.nan))


def _shifted(ours: Floats, we: NDArray[np.bool_], theirs: Floats, they: NDArray[np.bool_], step: int) -> Floats:
    """Correlation at no shift and at each whole number of steps, in circles; shape (slots / step,)."""

    def circled(a: Floats, b: Floats) -> Floats:
        return np.asarray(np.fft.irfft(np.conj(np.fft.rfft(a)) * np.fft.rfft(b), len(a))[::step])

    both = circled(ours**2, they.astype(float)) * circled(we.astype(float), theirs**2)
    return np.asarray(np.where(both > 1e-6, circled(ours, theirs) / np.sqrt(np.maximum(both, 1e-6)), 0.0))


def _by_day(grid: Grid, pair: _Pair, days: Floats) -> Floats:
    """The correlation in each draw of days, shape (draws,)."""
    a, b = np.where(pair.seen, pair.ours, 0.0), np.where(pair.seen, pair.theirs, 0.0)
    sums = np.stack([x.reshape(grid.days, -1).sum(axis=1) for x in (a * b, a * a, b * b)], axis=1)
    ab, aa, bb = (days @ sums).T
    return np.asarray(ab / np.sqrt(np.maximum(aa * bb, 1e-12)))


def _log_ratio(p: float, pair: _Pair) -> float:
    llr = float(np.log(weight(p))) if pair.moved else 0.0
    return llr if pair.steady >= FEWEST_OTHERS else min(llr, 0.0)


def _days_seen(grid: Grid, pair: _Pair) -> int:
    """Days of which a quarter or more is known of both."""
    return int((pair.seen.reshape(grid.days, -1).mean(axis=1) >= 0.25).sum())


def _evidence(pair: _Pair, best: _Pair | None, shifts: Floats, n: int) -> str:
    beside = f", largest with another {best.r[0]:+.2f} ({best.other.name})" if best else ""
    parts = [f"correlation {pair.r[0]:+.2f} over {n} days{beside}; {len(shifts)} shifts give {shifts.mean():+.2f}"]
    parts[0] += f" with a spread of {shifts.std(ddof=1):.2f}"
    if not pair.moved:
        parts.append("the candidate did not clearly move, which says nothing")
    if pair.steady < FEWEST_OTHERS:
        parts.append(f"{pair.steady} others as steady as it, of {FEWEST_OTHERS} by which a shared network is told")
    return "; ".join(parts)


def _witness(grid: Grid, target: str, pair: _Pair, *, together: bool) -> str:
    """The hour in which both were slowest together, or the candidate alone, times what is usual for the hour."""
    width = max(3600 // grid.slot_s, 1)
    slow = np.maximum(pair.ours, 0) * np.maximum(pair.theirs, 0) if together else pair.theirs
    at = int(np.argmax(np.convolve(np.where(pair.seen, slow, 0.0), np.ones(width), "valid")))
    k = next(j for j, s in enumerate(grid.services) if s.name == pair.other.name)
    hour = slice(at, at + width)
    ours, theirs = (float(np.exp(median(grid.rows[j, hour]) * grid.scale[j])) for j in (0, k))
    when = datetime.fromtimestamp(grid.start_s + at * grid.slot_s, UTC)
    return f"{when:%Y-%m-%d %H:%M} UTC: {pair.other.name} took {theirs:.2f} times its usual, {target} {ours:.2f} times"


def _moved(row: Floats, known: NDArray[np.bool_]) -> bool:
    """Whether neighbouring values are alike, beyond the noise of single heartbeats."""
    here, after = row[:-1] * known[1:], row[1:] * known[:-1]
    size = float(np.sqrt((here**2).sum() * (after**2).sum()))  # sums: a dot product waits for busy cores
    return size > 0 and float((here * after).sum()) / size * np.sqrt(known.sum()) >= MOVED


def _vendor(service: Service) -> str:
    return service.vendor or service.name
