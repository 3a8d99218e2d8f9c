"""Heartbeats and published incidents -> timelines: episodes of being down or degraded, and the time that was watched.

Stated rules:
- A round in which at least half of the plain sites failed was our own fault (our network, our host): unknown for all.
  A site counts that answered within the day before. A round without such a site was our fault where nobody answered.
- REFUSED and LIMITED speak of our account: unknown, not down. A target that refuses to the end has blocked us: a note.
- Failures less than MERGE_S apart, with nothing unknown between, are one episode (a flickering outage is one outage);
  it takes two failures to make one. It is `down` where at least half of its beats failed, else `degraded`.
- The onset lies between the last sign of life and the first failure, the end between the last failure and the next sign
  of life. A round without a beat is unknown, not up.
- Published incidents of severity 1 or more are episodes too; those that overlap what heartbeats saw add nothing.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from wrapdetect.model.history import (
    DOWN,
    UNKNOWN,
    Beats,
    Condition,
    Coverage,
    Episode,
    History,
    Incident,
    Outcome,
    Service,
    Timeline,
)

MERGE_S = 1800.0
"""Or GAP cadences, where these are longer."""
_DAY_S = 86_400.0
_FEWEST_STEPS = 12
SITE_S = _DAY_S
PAGE_LATE_S = 1800.0
"""Pages tell of an incident up to this long after it began: the last half hour before a page was read is not known."""
_FEWEST_FAILURES = 2
GAP = 1.6
"""Beats further apart than this many cadences have something unknown between them."""
_LONGEST_S = 7 * 86_400.0
"""A published incident that lasts longer was forgotten to be closed: its end is unknown."""
BLOCKED_S = 86_400.0

_Times = NDArray[np.float64]
_Flags = NDArray[np.bool_]
Spans = tuple[tuple[float, float], ...]


class _Column(NamedTuple):
    """Beats of one service that say something: its round, when it was sent, and whether it failed."""

    round_s: _Times
    at_s: _Times
    down: _Flags


def timelines(history: History) -> dict[str, Timeline]:
    """One for each service of the history, by name."""
    own = own_faults(history)
    beats = {b.service: b for b in history.beats}
    incidents, coverage = defaultdict[str, list[Incident]](list), defaultdict[str, list[Coverage]](list)
    for incident in history.incidents:
        incidents[incident.service].append(incident)
    for span in history.coverage:
        coverage[span.service].append(span)
    return {
        s.name: _timeline(s, beats.get(s.name), incidents[s.name], coverage[s.name], own, history.cadence_s)
        for s in history.services
    }


def own_faults(history: History) -> _Times:
    """Rounds in which at least half of the sites failed, or, without one, in which nobody answered; sorted."""
    sites = {s.name for s in history.services if s.kind == "site"}
    by_sites = [_site(b) for b in history.beats if b.service in sites]
    seen, n, n_failed = _counted(by_sites)
    nobody = _nobody([b for b in history.beats if b.service not in sites])
    return np.union1d(seen[n_failed * 2 >= n], np.setdiff1d(nobody, seen))


def _nobody(every: Sequence[Beats]) -> _Times:
    """Rounds in which two services or more were asked, and all of them were down."""
    down, n_down = np.unique(
        np.concatenate([_rounds(b)[np.isin(_outcomes(b), DOWN)] for b in every] or [np.array([])]), return_counts=True
    )
    asked = sum((_among(down, _rounds(b)) for b in every), n_down * 0)
    return np.asarray(down[(asked >= 2) & (asked == n_down)], dtype=np.float64)


def _among(some: _Times, rising: _Times) -> _Flags:
    """Which of `some` are among `rising`, which is in order."""
    place = np.minimum(np.searchsorted(rising, some), max(len(rising) - 1, 0))
    return np.asarray(rising[place] == some) if len(rising) else np.zeros(len(some), dtype=bool)


def _site(beats: Beats) -> tuple[_Times, _Flags]:
    """Rounds in which a site counts, and whether it failed."""
    rounds, failed = _rounds(beats), _outcomes(beats) != Outcome.UP
    last = np.maximum.accumulate(np.where(failed, -np.inf, rounds)) if len(rounds) else rounds
    counts = rounds - last <= SITE_S
    return rounds[counts], failed[counts]


def _counted(every: Sequence[tuple[_Times, _Flags]]) -> tuple[_Times, _Times, _Times]:
    """Rounds in order, how many said something in each, and how many of them failed."""
    rounds = np.concatenate([r for r, _ in every]) if every else np.array([])
    failed = np.concatenate([f for _, f in every]) if every else np.array([])
    names, place = np.unique(rounds, return_inverse=True)
    n = np.bincount(place, minlength=len(names)).astype(np.float64)
    return names, n, np.bincount(place, weights=failed, minlength=len(names)).astype(np.float64)


def from_beats(beats: Beats, *, own: _Times, cadence_s: float) -> tuple[list[Episode], Spans]:
    """Episodes, and spans in which the service was watched."""
    column = _telling(beats, own)
    if not len(column.at_s):
        return [], ()
    steps = _steps(column.round_s, cadence_s)
    usual_s = float(np.median(steps)) if len(steps) else cadence_s
    gaps = np.diff(column.at_s) > GAP * steps
    found = [_episode(column, beats, group) for group in _groups(column, gaps, max(MERGE_S, GAP * usual_s))]
    edges = np.flatnonzero(gaps)
    starts, ends = np.r_[0, edges + 1], np.r_[edges, len(column.at_s) - 1]
    return found, tuple(zip(column.at_s[starts].tolist(), (column.at_s[ends] + usual_s).tolist(), strict=True))


def from_incidents(incidents: Iterable[Incident]) -> list[Episode]:
    """Published incidents as episodes; those that overlap or follow within MERGE_S are one, by the earliest onset."""
    merged: list[Episode] = []
    for episode in sorted((_published(i) for i in incidents if i.severity >= 1), key=lambda e: e.onset_s):
        if merged and episode.onset_low_s <= _latest(merged[-1]) + MERGE_S:
            merged[-1] = _joined(merged[-1], episode)
        else:
            merged.append(episode)
    return merged


def union(spans: Iterable[tuple[float, float]]) -> Spans:
    """Spans in order, none of which touch.

    >>> union([(5, 9), (0, 6), (20, 21)])
    ((0, 9), (20, 21))
    """
    merged: list[tuple[float, float]] = []
    for since, until in sorted(spans):
        if merged and since <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], until))
        else:
            merged.append((since, until))
    return tuple(merged)


def _timeline(
    service: Service,
    beats: Beats | None,
    incidents: Sequence[Incident],
    coverage: Sequence[Coverage],
    own: _Times,
    cadence_s: float,
) -> Timeline:
    seen, watched = from_beats(beats, own=own, cadence_s=cadence_s) if beats else ([], ())
    published = [e for e in from_incidents(incidents) if not any(_touch(e, s) for s in seen)]
    return Timeline(
        service=service.name,
        vendor=service.vendor or service.name,
        episodes=tuple(sorted((*seen, *published), key=lambda e: e.onset_high_s)),
        watched=union((*watched, *(_known(c) for c in coverage))),
        notes=tuple(_notes(beats) if beats else ()),
    )


def _known(coverage: Coverage) -> tuple[float, float]:
    return float(coverage.since_s), max(float(coverage.since_s), coverage.until_s - PAGE_LATE_S)


def _steps(round_s: _Times, cadence_s: float) -> _Times:
    """The cadence as it was at each beat but the last: a monitor may have been set to another since. The median step of
    its UTC day; `cadence_s` where a day has few beats, and for all where nearly all steps are that."""
    steps = np.diff(round_s)
    if not len(steps) or np.mean(steps == cadence_s) > 0.95:
        return np.full(len(steps), float(cadence_s))
    found = np.full(len(steps), float(cadence_s))
    _, first = np.unique(round_s[:-1] // _DAY_S, return_index=True)
    for since, until in zip(first, [*first[1:], len(steps)], strict=True):
        if until - since >= _FEWEST_STEPS:
            found[since:until] = np.median(steps[since:until])
    return found


def _telling(beats: Beats, own: _Times) -> _Column:
    outcomes, rounds = _outcomes(beats), _rounds(beats)
    keep = ~np.isin(outcomes, UNKNOWN) & ~_among(rounds, own)
    offsets = np.frombuffer(beats.offset_ms, dtype=np.int32) if len(beats.offset_ms) else np.array([], dtype=np.int32)
    return _Column(rounds[keep], (rounds + offsets / 1000.0)[keep], np.isin(outcomes[keep], DOWN))


def _groups(column: _Column, gaps: _Flags, merge_s: float) -> list[NDArray[np.intp]]:
    """Indices of the failures of each episode."""
    where = np.flatnonzero(column.down)
    if not len(where):
        return []
    unknown = np.r_[0, np.cumsum(gaps)]  # how many gaps lie before each beat
    apart = (np.diff(column.at_s[where]) > merge_s) | (np.diff(unknown[where]) > 0)
    return [g for g in np.split(where, np.flatnonzero(apart) + 1) if len(g) >= _FEWEST_FAILURES]


def _episode(column: _Column, beats: Beats, group: NDArray[np.intp]) -> Episode:
    first, last = int(group[0]), int(group[-1])
    at_s = column.at_s
    over = last + 1 < len(at_s)
    condition: Condition = "down" if 2 * len(group) >= last - first + 1 else "degraded"
    said = beats.said.get(int(column.round_s[first]), "")
    return Episode(
        condition=condition,
        # Down before something unknown, and after it: when that began is not known.
        onset_low_s=float(min(at_s[first - 1 : first + 1])) if first and not column.down[first - 1] else float("-inf"),
        onset_high_s=float(at_s[first]),
        end_low_s=float(at_s[last]) if over else None,
        end_high_s=float(max(at_s[last : last + 2])) if over else None,
        witness=f"{stamp(at_s[first])} {condition}, {len(group)} of {last - first + 1} heartbeats failed"
        + (f" ({said})" if said else ""),
    )


def _published(incident: Incident) -> Episode:
    began, ended = float(incident.began_s), incident.ended_s
    known = ended is not None and began < ended <= began + _LONGEST_S
    return Episode(
        condition="down" if incident.severity >= 2 else "degraded",
        onset_low_s=began - incident.early_s,
        onset_high_s=began + incident.late_s,
        end_low_s=float(ended) if ended is not None and known else None,
        end_high_s=float(ended) if ended is not None and known else None,
        witness=f"{stamp(began)} {incident.feed}{': ' if incident.title else ''}{incident.title}",
        feed=incident.feed,
    )


def _joined(first: Episode, then: Episode) -> Episode:
    """Two that overlap: the first's onset, the later end, the graver condition."""
    ends = [(e.end_low_s, e.end_high_s) for e in (first, then) if e.end_low_s is not None and e.end_high_s is not None]
    low, high = max(ends, key=lambda e: e[1] or 0.0) if ends else (None, None)
    return Episode(
        condition="down" if "down" in (first.condition, then.condition) else "degraded",
        onset_low_s=first.onset_low_s,
        onset_high_s=first.onset_high_s,
        end_low_s=low,
        end_high_s=high,
        witness=first.witness,
        feed=first.feed,
    )


def _latest(episode: Episode) -> float:
    return episode.onset_high_s if episode.end_high_s is None else episode.end_high_s


def _touch(a: Episode, b: Episode) -> bool:
    return a.onset_low_s <= _latest(b) + MERGE_S and b.onset_low_s - MERGE_S <= _latest(a)


def _notes(beats: Beats) -> Iterable[str]:
    outcomes = _outcomes(beats)
    answered = np.flatnonzero(~np.isin(outcomes, (Outcome.REFUSED,)))
    tail = len(outcomes) - (int(answered[-1]) + 1 if len(answered) else 0)
    if tail and beats.round_s[-1] - beats.round_s[-tail] >= BLOCKED_S:
        since = stamp(beats.round_s[-tail])
        yield f"{beats.service} has refused the prober since {since}: it blocks us, which is no outage"
    limited = float(np.mean(outcomes == Outcome.LIMITED)) if len(outcomes) else 0.0
    if limited > 0.1:
        yield f"{beats.service} said 429 to {limited:.0%} of heartbeats: unknown, not down; ask less often"


def _rounds(beats: Beats) -> _Times:
    return np.frombuffer(beats.round_s, dtype=np.int64).astype(np.float64) if len(beats.round_s) else np.array([])


def _outcomes(beats: Beats) -> NDArray[np.uint8]:
    return np.frombuffer(beats.outcome, dtype=np.uint8)


def stamp(at_s: float) -> str:
    """Seconds since 1970 as a time for people.

    >>> stamp(0)
    '1970-01-01 00:00 UTC'
    """
    return f"{datetime.fromtimestamp(float(at_s), UTC):%Y-%m-%d %H:%M} UTC"
