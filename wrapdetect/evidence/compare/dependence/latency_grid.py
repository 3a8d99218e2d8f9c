"""Heartbeats -> a grid of latencies that only the unusual is left in: slot by slot, less the slow drift and the pattern
of the week, in robust standard deviations."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wrapdetect.evidence.compare.arrays import Floats
from wrapdetect.evidence.compare.dependence.vantages import own_view
from wrapdetect.model.history import Beats, History, Outcome, Service

DAY_S, WEEK = 86_400, 7
SLOT_S = 900
"""Beats of a quarter of an hour are one value, their median; longer where the cadence is."""
LONGEST_SLOT_S = 3 * 3600
"""Heartbeats further apart than this say nothing of load."""
FEWEST_DAYS, WHOLE_WEEKS, PATTERN_DAYS = 7, 8 * WEEK, 6 * WEEK
"""Days needed; from where on the null shifts by weeks; from where on the pattern is that of the week."""
LONGEST_DAYS = 104 * WEEK
"""Older heartbeats are left out: what they told is told, and a clock that was once wrong does no harm."""
FASTEST_MS = 2
"""What is quicker was not measured."""
CLIP = 3.0
"""Residuals are held within this many robust standard deviations; a common part beyond it voids the moment."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """Residuals of log latency, clipped, in robust standard deviations: `rows` of shape (services, slots), NaN where
    unknown; `scale` undoes the standard deviations, `noise_ms` is what one of them is in milliseconds. Slot 0 begins a
    UTC day, and the slots are whole days."""

    services: tuple[Service, ...]
    rows: Floats
    scale: Floats
    noise_ms: Floats
    start_s: int
    slot_s: int

    @property
    def slots_a_day(self) -> int:
        return DAY_S // self.slot_s

    @property
    def days(self) -> int:
        return int(self.rows.shape[1]) // self.slots_a_day


def gridded(history: History, target: str) -> Grid | None:
    """Target (first), candidates, panel and sites that have a latency; None where there are fewer than FEWEST_DAYS of
    the target's, where the cadence is too slow, or the target's latency never varies. Other targets have no part."""
    slot_s = _slot_s(history.cadence_s)
    beats = {b.service: b for b in own_view(history).beats}
    if slot_s is None or target not in beats:
        return None
    named = sorted(history.services, key=lambda s: s.name != target)
    services = [s for s in named if s.name in beats and (s.name == target or s.kind != "target")]
    rounds, _ = _up(beats[target])
    if not len(rounds) or services[0].name != target:
        return None
    days = min(int(rounds[-1] // DAY_S - rounds[0] // DAY_S) + 1, LONGEST_DAYS)
    days -= days % WEEK if days >= WHOLE_WEEKS else 0
    if days < FEWEST_DAYS:
        return None
    start_s = (int(rounds[-1]) // DAY_S + 1 - days) * DAY_S
    raw = np.stack([slotted(beats[s.name], start_s, slot_s, days * DAY_S // slot_s) for s in services])
    rows = without_pattern(without_trend(raw, slot_s), slot_s)
    scale = robust_sd(rows)
    usable = scale > 0
    if not usable[0]:
        return None
    return Grid(
        services=tuple(s for s, u in zip(services, usable, strict=True) if u),
        rows=np.clip(rows[usable] / scale[usable, None], -CLIP, CLIP),
        scale=scale[usable],
        noise_ms=(scale * np.exp(median(raw)))[usable],
        start_s=start_s,
        slot_s=slot_s,
    )


def slotted(beats: Beats, start_s: int, slot_s: int, n: int) -> Floats:
    """Median log latency (ms) of each slot, shape (n,), NaN where none was up."""
    rounds, logs = _up(beats)
    slot = (rounds - start_s) // slot_s
    inside = (slot >= 0) & (slot < n)
    slot, logs = slot[inside], logs[inside]
    ordered = np.sort(slot * 64.0 + logs)  # logs lie in (0, 22): one sort orders within every slot
    count = np.bincount(slot, minlength=n)
    first = np.cumsum(count) - count
    out = np.full(n, np.nan)
    held = np.flatnonzero(count)
    low, high = first[held] + (count[held] - 1) // 2, first[held] + count[held] // 2
    out[held] = (ordered[low] + ordered[high]) / 2 - held * 64.0
    return out


def without_trend(rows: Floats, slot_s: int) -> Floats:
    """Less a running median over a day, made of medians of three hours and straight lines between them."""
    block = LONGEST_SLOT_S // slot_s
    coarse = median(rows.reshape(len(rows), -1, block))
    side = DAY_S // LONGEST_SLOT_S // 2
    padded = np.pad(coarse, ((0, 0), (side, side)), constant_values=np.nan)
    smooth = median(np.lib.stride_tricks.sliding_window_view(padded, 2 * side + 1, axis=1))
    centre = (np.arange(coarse.shape[1]) + 0.5) * block - 0.5
    out = np.full_like(rows, np.nan)
    for k, line in enumerate(smooth):
        known = np.isfinite(line)
        if known.any():
            out[k] = rows[k] - np.interp(np.arange(rows.shape[1]), centre[known], line[known])
    return out


def without_pattern(rows: Floats, slot_s: int) -> Floats:
    """Less the median of each hour of the week, or of the day where there are fewer than PATTERN_DAYS."""
    days = rows.shape[1] * slot_s // DAY_S
    period = (WEEK if days >= PATTERN_DAYS else 1) * DAY_S // slot_s
    width = max(3600 // slot_s, 1)
    n = -(-rows.shape[1] // period)
    whole = np.pad(rows, ((0, 0), (0, n * period - rows.shape[1])), constant_values=np.nan)
    hours = whole.reshape(len(rows), n, period // width, width).transpose(0, 2, 1, 3)
    usual = median(hours.reshape(len(rows), period // width, -1))
    return rows - np.tile(np.repeat(usual, width, axis=1), n)[:, : rows.shape[1]]


def median(values: Floats) -> Floats:
    """Along the last axis, NaN aside; NaN where nothing is left.

    >>> median(np.array([[3.0, np.nan, 1.0], [np.nan, np.nan, np.nan]]))
    array([ 2., nan])
    """
    ordered, count = np.sort(values, axis=-1), np.isfinite(values).sum(axis=-1, keepdims=True)
    low = np.take_along_axis(ordered, np.maximum(count - 1, 0) // 2, -1)
    return np.asarray((low + np.take_along_axis(ordered, count // 2, -1))[..., 0] / 2)


def robust_sd(rows: Floats) -> Floats:
    """Robust standard deviation of each row, 0 where nothing varies or is known."""
    spread = 1.4826 * median(np.abs(rows - median(rows)[:, None]))
    known = np.isfinite(rows)
    n = np.maximum(known.sum(axis=1), 1)
    plain = np.sqrt((np.where(known, rows, 0.0) ** 2).sum(axis=1) / n)
    scale = np.where(spread > 1e-9, spread, plain)
    return np.asarray(np.where(np.isfinite(scale) & (scale > 1e-9), scale, 0.0), np.float64)


def _up(beats: Beats) -> tuple[NDArray[np.int64], Floats]:
    """Rounds of beats that were up and measured, and their log latencies (ms)."""
    latency = np.array(beats.latency_ms, np.float64)
    good = (np.frombuffer(beats.outcome, np.uint8) == Outcome.UP) & (latency >= FASTEST_MS)
    return np.array(beats.round_s, np.int64)[good], np.log(latency[good])


def _slot_s(cadence_s: int) -> int | None:
    """The shortest slot that divides three hours and holds a beat; None where heartbeats are too rare."""
    return next((s for s in (SLOT_S, 1800, 3600, LONGEST_SLOT_S) if s >= cadence_s), None)
