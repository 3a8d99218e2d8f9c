"""Invented histories of known truth: services that fall at times of their own, with weekly patterns and bursts, and
targets that fall with an upstream. For tests, benchmarks and simulations; years of them take no time to make."""

import random
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from wrapdetect.model.history import Beats, Episode, Outcome, Timeline

HOUR_S, DAY_S, WEEK_S = 3600.0, 86_400.0, 604_800.0
MONDAY_S = 1_767_571_200  # 2026-01-05 00:00 UTC


class Fall(NamedTuple):
    """Down from `onset_s` for `length_s`."""

    onset_s: float
    length_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Habit:
    """How a service falls by itself: so many times a week, so many times more in working hours (Monday to Friday, 14 to
    22 h UTC), each time with `burst` more falls within the next day on average."""

    per_week: float
    busy: float = 1.0
    burst: float = 0.0
    length_s: float = 2400.0

    def falls(self, rng: random.Random, weeks: float) -> list[Fall]:
        """In order, from MONDAY_S on."""
        found: list[Fall] = []
        top = self.per_week / WEEK_S * self.busy * 168 / (40 * self.busy + 128)
        at = float(MONDAY_S)
        until = MONDAY_S + weeks * WEEK_S
        while (at := at + rng.expovariate(top)) < until:
            if self.busy <= 1 or rng.random() * self.busy < (self.busy if is_busy(at) else 1.0):
                found += [self._fall(rng, at)]
                found += [self._fall(rng, at + rng.uniform(0, DAY_S)) for _ in range(_poisson(rng, self.burst))]
        return sorted(f for f in found if f.onset_s < until)

    def _fall(self, rng: random.Random, at: float) -> Fall:
        return Fall(at, self.length_s * rng.lognormvariate(0, 0.8))


def is_busy(at_s: float) -> bool:
    """Monday to Friday, 14 to 22 h UTC."""
    since = (at_s - MONDAY_S) % WEEK_S
    return since < 5 * DAY_S and 14 * HOUR_S <= since % DAY_S < 22 * HOUR_S


def follow(upstream: Sequence[Fall], rng: random.Random, *, s: float, lag_s: float = 180.0) -> list[Fall]:
    """Falls of something that depends on the upstream: each of its falls with probability `s`, soon after, and up again
    soon after it."""
    return [
        Fall(f.onset_s + rng.expovariate(1 / lag_s), f.length_s + rng.expovariate(1 / lag_s))
        for f in upstream
        if rng.random() < s
    ]


def timeline(
    service: str,
    falls: Sequence[Fall],
    weeks: float,
    *,
    slack_s: float = 150.0,
    vendor: str = "",
    since_s: float = MONDAY_S,
) -> Timeline:
    """Falls as a monitor would know them: onsets and ends within +- `slack_s`; overlapping ones are one."""
    merged: list[Fall] = []
    for fall in sorted(falls):
        if merged and fall.onset_s <= sum(merged[-1]) + 1800:
            merged[-1] = Fall(merged[-1].onset_s, max(sum(merged[-1]), sum(fall)) - merged[-1].onset_s)
        else:
            merged.append(fall)
    return Timeline(
        service=service,
        vendor=vendor or service,
        episodes=tuple(
            Episode(
                condition="down",
                onset_low_s=f.onset_s - slack_s,
                onset_high_s=f.onset_s + slack_s,
                end_low_s=sum(f) - slack_s,
                end_high_s=sum(f) + slack_s,
                witness=f"{service} down",
            )
            for f in merged
        ),
        watched=((float(since_s), float(MONDAY_S + weeks * WEEK_S)),),
    )


def beats(service: str, falls: Sequence[Fall], weeks: float, *, cadence_s: int = 300, offset_ms: int = 0) -> Beats:
    """Heartbeats of a service that falls so."""
    n = int(weeks * WEEK_S // cadence_s)
    outcome = bytearray(n)
    for fall in falls:
        first = int((fall.onset_s - MONDAY_S) // cadence_s) + 1
        last = int((sum(fall) - MONDAY_S) // cadence_s) + 1
        for k in range(max(first, 0), min(last, n)):
            outcome[k] = Outcome.SERVER
    return Beats(
        service=service,
        round_s=array("q", range(MONDAY_S, MONDAY_S + n * cadence_s, cadence_s)),
        offset_ms=array("i", [offset_ms]) * n,
        outcome=bytes(outcome),
        latency_ms=array("i", [400]) * n,
    )


def _poisson(rng: random.Random, mean: float) -> int:
    """Knuth's method; for small means.

    >>> _poisson(random.Random(1), 0.0)
    0
    """
    count, product = 0, rng.random()
    while product > 2.718281828459045**-mean:
        count += 1
        product *= rng.random()
    return count
