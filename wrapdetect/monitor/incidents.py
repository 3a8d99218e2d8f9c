"""A history -> the list of all incidents: what was seen by heartbeats or published, and who fell with whom."""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite

from wrapdetect.evidence.compare.dependence.episodes import own_faults, timelines
from wrapdetect.evidence.compare.dependence.outages import WINDOW_S
from wrapdetect.evidence.compare.dependence.vantages import one_view
from wrapdetect.model.history import Condition, Episode, History

HEARTBEATS = "heartbeats"


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """One incident of one service, in seconds since 1970. It began between `earliest_s` (None: not known) and
    `latest_s`, and ended likewise (None: it lasts, or no end is known). `source` is "heartbeats" or a feed's name;
    `shared` are the services that began to fail within half an hour of it."""

    service: str
    kind: Condition
    source: str
    earliest_s: float | None
    latest_s: float
    ended_earliest_s: float | None
    ended_latest_s: float | None
    shared: tuple[str, ...]
    witness: str


def incidents_of(history: History, *, service: str | None = None, since_s: float | None = None) -> list[Listed]:
    """Of one service or of all but plain pages, by onset; those that ended before `since_s` are left out. Published
    incidents that heartbeats saw too are told once, by the heartbeats."""
    lines = timelines(one_view(history, own_faults))
    named = [s.name for s in history.services if s.kind != "site"]
    every = sorted(((e, n) for n in named for e in lines[n].episodes), key=lambda pair: pair[0].onset_high_s)
    onsets = [e.onset_high_s for e, _ in every]
    reach_s = WINDOW_S + max((e.onset_high_s - _low(e) for e, _ in every), default=0.0)
    return [
        _listed(episode, name, every[bisect_left(onsets, episode.onset_high_s - reach_s) :], reach_s)
        for episode, name in every
        if service in (None, name) and (since_s is None or _last(episode) >= since_s)
    ]


def _listed(episode: Episode, name: str, after: Sequence[tuple[Episode, str]], reach_s: float) -> Listed:
    near = (pair for pair in after if pair[0].onset_high_s <= episode.onset_high_s + reach_s)
    return Listed(
        service=name,
        kind=episode.condition,
        source=episode.feed or HEARTBEATS,
        earliest_s=episode.onset_low_s if isfinite(episode.onset_low_s) else None,
        latest_s=episode.onset_high_s,
        ended_earliest_s=episode.end_low_s,
        ended_latest_s=episode.end_high_s,
        shared=tuple(sorted({n for e, n in near if n != name and _apart(e, episode) <= WINDOW_S})),
        witness=episode.witness,
    )


def _apart(a: Episode, b: Episode) -> float:
    """Seconds between two onsets, at least: 0 where they may be the same."""
    return max(0.0, _low(a) - b.onset_high_s, _low(b) - a.onset_high_s)


def _low(episode: Episode) -> float:
    return episode.onset_low_s if isfinite(episode.onset_low_s) else episode.onset_high_s


def _last(episode: Episode) -> float:
    return float("inf") if episode.end_high_s is None else episode.end_high_s
