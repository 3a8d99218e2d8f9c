"""Event coincidence: do two services begin to fail together more often than their weekly patterns explain?

The unit is a burst of the upstream's episodes: one that begins less than BURST_S after the last onset belongs to the
same burst, and only a burst's first onset counts. It is a *trial* where the target was watched around it and not down
already; it is a *hit* where an episode of the target begins within `window_s` of it, before or after (episodes less
than APART_S after the last onset are one).

The null shifts whole weeks: a trial is held against the target's record one, two, ... up to WEEKS weeks earlier and
later, at the same hour of the week. That keeps weekly patterns, bursts and slow trends of either service. Plain shifts
in time do not: where patterns and bursts are strong, up to 2.3 % of independent pairs get p <= 0.01 by them
(`python -m bench.outages`).

Event coincidence analysis: Donges et al. 2016, doi:10.1140/epjst/e2015-50233-y.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import betainc, gammainc

from wrapdetect.model.history import Condition, Episode, Timeline

BURST_S = 6 * 3600.0
FALLS_APART_S = 2 * 3600.0
_DAY_S = 86_400.0
WEEK_S = 7 * _DAY_S
WEEKS = 26
SMALLEST_P = 1e-6
"""The tail is a model's: nothing smaller is claimed."""
FEWEST_SHIFTS = 8
"""With fewer shifts (earlier and later weeks together), there is no p."""
WATCHED_SHARE = 0.9
"""Of a trial's window the target must have been watched this much."""
LOCAL_S, STEP = 4 * WEEK_S, 2.0
HABIT, FEW_WEEKS = 3, 12
PRIOR_SHIFTS = 8.0
"""What the target's mean rate is worth, in weeks, beside its record at the same hours of other weeks."""

Times = NDArray[np.float64]
Flags = NDArray[np.bool_]


class Unit(NamedTuple):
    """A first onset with half the width of what is known of it, and the end of that episode."""

    onset_s: float
    slack_s: float
    end_s: float | None
    condition: Condition
    witness: str


class Falls(NamedTuple):
    """A timeline as the statistics take it: as a target it has `falls` (APART_S), as an upstream `bursts` (BURST_S);
    spans watched and spans down as arrays."""

    service: str
    vendor: str
    falls: tuple[Unit, ...]
    bursts: tuple[Unit, ...]
    fell: Times  # onsets of falls
    burst: Times  # onsets of bursts
    watched: NDArray[np.float64]  # (n, 2)
    down: NDArray[np.float64]  # (n, 2): from onset to end

    @property
    def watched_s(self) -> float:
        return float((self.watched[:, 1] - self.watched[:, 0]).sum())


class Trials(NamedTuple):
    """Units of an upstream against a target. Arrays have shape (n_units,) or (n_shifts, n_units); shift 0 is `actual`.

    `chance` is the probability that an independent target falls within the window of each; `habitual` is whether it
    keeps falling at that hour.
    """

    units: tuple[Unit, ...]
    actual: Flags
    telling: Flags
    shifted: Flags
    shift_telling: Flags
    chance: Times
    habitual: Flags

    @property
    def n(self) -> int:
        return int(self.telling.sum())

    @property
    def hits(self) -> int:
        return int((self.actual & self.telling).sum())


def record(timeline: Timeline, *, slack_s: float) -> Falls:
    """`slack_s`: an onset that is known less well than +- this is no onset."""
    falls, bursts = (units(timeline.episodes, apart_s=a, slack_s=slack_s) for a in (FALLS_APART_S, BURST_S))
    since, until = (timeline.watched[0][0], timeline.watched[-1][1]) if timeline.watched else (0.0, 0.0)
    spans = [(_begin(e, since), _end(e, last=e is timeline.episodes[-1], until=until)) for e in timeline.episodes]
    return Falls(
        service=timeline.service,
        vendor=timeline.vendor,
        falls=tuple(falls),
        bursts=tuple(bursts),
        fell=np.array([u.onset_s for u in falls]),
        burst=np.array([u.onset_s for u in bursts]),
        watched=np.array(timeline.watched, dtype=float).reshape(-1, 2),
        down=np.array(sorted(spans), dtype=float).reshape(-1, 2),
    )


def _begin(episode: Episode, since: float) -> float:
    """From when it was surely down."""
    return max(episode.onset_s, since) if np.isfinite(episode.onset_s) else episode.onset_high_s


def _end(episode: Episode, *, last: bool, until: float) -> float:
    """Until when it was surely down; the last that has no end lasts still."""
    if episode.end_low_s is not None:
        return episode.end_low_s
    return max(until, episode.onset_high_s) if last else episode.onset_high_s


def units(episodes: Sequence[Episode], *, apart_s: float, slack_s: float) -> list[Unit]:
    """Episodes in order, of which those that begin less than `apart_s` after the last onset are one, by the first."""
    found: list[Unit] = []
    last = float("-inf")
    for episode in sorted(episodes, key=lambda e: e.onset_high_s):
        if episode.onset_high_s - last > apart_s:
            slack = (episode.onset_high_s - episode.onset_low_s) / 2
            if slack <= slack_s:
                low, high = episode.end_low_s, episode.end_high_s
                known = low is not None and high is not None and (high - low) / 2 <= slack_s
                end = (low + high) / 2 if known and low is not None and high is not None else None
                found.append(Unit(episode.onset_s, slack, end, episode.condition, episode.witness))
        last = episode.onset_high_s
    return found


def trials(target: Falls, upstream: Falls, *, window_s: float) -> Trials:
    """Hold the upstream's units against the target, as it was and shifted by whole weeks."""
    at = upstream.burst
    weeks = np.array([j for k in range(1, WEEKS + 1) for j in (k, -k)])
    moved = at[None, :] + weeks[:, None] * WEEK_S
    telling, shift_telling = _telling(target, at, window_s), _telling(target, moved, window_s)
    actual, shifted = hit(target.fell, at, window_s), hit(target.fell, moved, window_s)
    chances = _chances(target, at, shifted & shift_telling, shift_telling, window_s)
    return Trials(
        units=upstream.bursts,
        actual=actual,
        telling=telling,
        shifted=shifted & shift_telling,
        shift_telling=shift_telling,
        chance=chances.chance,
        habitual=chances.habitual,
    )


def hit(onsets: Times, at: Times, window_s: float) -> Flags:
    """Whether any onset lies within `window_s` of each time.

    >>> hit(np.array([100.0]), np.array([90.0, 111.0]), 10.0)
    array([ True, False])
    """
    return np.asarray(
        np.searchsorted(onsets, at + window_s, side="right") > np.searchsorted(onsets, at - window_s, side="left")
    )


def same_hour(at_s: float, others: Sequence[float] | Times, within_s: float) -> bool:
    """Whether any of the others is at that time of the day, give or take `within_s`, on whatever day.

    >>> same_hour(86_400.0, [2 * 86_400.0 - 5.0], 10.0), same_hour(86_400.0, [43_200.0], 10.0)
    (True, False)
    """
    apart: Times = np.abs((at_s - np.asarray(others, dtype=np.float64) + _DAY_S / 2) % _DAY_S - _DAY_S / 2)
    return bool((apart <= within_s).any())


def p_value(found: Trials) -> float | None:
    """P(at least as many hits | independent), from the hits under whole-week shifts; None with too few weeks.

    The tail is a Poisson's, or, where hits under the shifts vary more than that (bursts), a negative binomial's with
    their mean and variance.
    """
    exposures = (found.shift_telling & found.telling).sum(axis=1)
    full = exposures > found.n / 2
    if full.sum() < FEWEST_SHIFTS:
        return None
    mean = float(found.chance[found.telling].sum())
    scaled = found.shifted[full][:, found.telling].sum(axis=1) * (found.n / exposures[full])
    variance = max(float(scaled.var(ddof=1)), mean)
    return max(tail(found.hits, mean, variance), SMALLEST_P)


def tail(hits: int, mean: float, variance: float) -> float:
    """P(N >= hits) of a count with that mean and variance.

    >>> round(tail(1, 0.01, 0.01), 4)
    0.01
    """
    if hits <= 0:
        return 1.0
    if variance <= mean * 1.001:
        return float(gammainc(hits, mean))
    size = mean * mean / (variance - mean)
    return float(betainc(hits, size, 1 - mean / variance))


def overlap(spans: NDArray[np.float64], low: Times, high: Times) -> Times:
    """Seconds of [low, high] that lie in the spans (shape (n, 2), in order, apart); same shape as `low`."""
    if not len(spans):
        return np.zeros_like(low)
    lengths = np.concatenate(([0.0], np.cumsum(spans[:, 1] - spans[:, 0])))
    return _before(spans, lengths, high) - _before(spans, lengths, low)


def _before(spans: NDArray[np.float64], lengths: Times, at: Times) -> Times:
    """Seconds of the spans that lie before each time; `lengths` are those before each span."""
    place = np.searchsorted(spans[:, 0], at, side="right")
    last = np.maximum(place - 1, 0)
    inside = np.where(place > 0, np.minimum(at, spans[last, 1]) - spans[last, 0], 0.0)
    return np.asarray(lengths[last] + inside)


def _telling(target: Falls, at: Times, window_s: float) -> Flags:
    """Watched around that time, and not down since before the window."""
    seen = overlap(target.watched, at - window_s, at + window_s) >= WATCHED_SHARE * 2 * window_s
    return np.asarray(seen & ~_down_at(target.down, at - window_s))


def _down_at(down: NDArray[np.float64], at: Times) -> Flags:
    if not len(down):
        return np.zeros_like(at, dtype=bool)
    ends = np.maximum.accumulate(down[:, 1])
    place = np.searchsorted(down[:, 0], at, side="left") - 1
    return np.asarray((place >= 0) & (ends[np.maximum(place, 0)] > at))


def habitual(hits: Times, n: Times, mean: Times) -> Flags:
    """Of units: whether the target keeps falling at that hour of the week: in `hits` of `n` other weeks, HABIT times (2
    with few weeks), and HABIT times more than its `mean` chance.

    >>> habitual(np.array([12.0, 1.0]), np.array([25.0, 25.0]), np.array([0.01, 0.01]))
    array([ True, False])
    """
    fewest = np.where(n < FEW_WEEKS, 2, HABIT)
    return np.asarray((hits >= fewest) & (hits > HABIT * mean * n))


class _Chances(NamedTuple):
    chance: Times
    habitual: Flags


def _chances(target: Falls, at: Times, shifted: Flags, telling: Flags, window_s: float) -> _Chances:
    """By unit: hits at that hour of other weeks, shrunk to the target's mean rate (one fall more than it had), or to
    its rate in the weeks around where that is more than STEP times higher. A habit is not shrunk."""
    rate = (len(target.falls) + 1) / max(target.watched_s, 2 * window_s)
    local = _local_rate(target, at, window_s)
    mean = 1.0 - np.exp(-np.where(local > STEP * rate, local, rate) * 2 * window_s)
    hits, n = shifted.sum(axis=0) * 1.0, telling.sum(axis=0) * 1.0
    shrunk = np.maximum((hits + PRIOR_SHIFTS * mean) / (n + PRIOR_SHIFTS), np.where(local > STEP * rate, mean, 0.0))
    habits = habitual(hits, n, mean)
    return _Chances(np.asarray(np.where(habits, np.maximum(shrunk, (hits + 1) / (n + 2)), shrunk)), habits)


def _local_rate(target: Falls, at: Times, window_s: float) -> Times:
    """Falls a second within LOCAL_S of each time, its own window left out and one more counted: rates step up."""
    low, high = at - LOCAL_S, at + LOCAL_S

    def falls(since: Times, until: Times) -> Times:
        return (
            np.searchsorted(target.fell, until, side="right") - np.searchsorted(target.fell, since, side="left") * 1.0
        )

    n = falls(low, high) - falls(at - window_s, at + window_s) + 1
    watched = overlap(target.watched, low, high) - overlap(target.watched, at - window_s, at + window_s)
    return np.asarray(n / np.maximum(watched, LOCAL_S / 2))
