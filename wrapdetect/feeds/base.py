"""What all feeds share: entries read one by one, senseless ones refused by name, onsets with their uncertainty.

Times are UTC seconds since 1970, rounded down.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from wrapdetect.errors import FeedError
from wrapdetect.history import Coverage, Incident
from wrapdetect.prose import quote

MINUTE_S, HOUR_S, DAY_S = 60, 3600, 86_400

POSTED_LATE_S = 30 * MINUTE_S
"""How much earlier than its first post an incident may have begun: alarms, then people, then wording. A stated
judgement; the window of coincidence is of the same order."""
STATED_S = 5 * MINUTE_S
"""How well a stated onset is known (backdated by a person from graphs, or in somebody's list): people round to
5 minutes."""
POST_ONLY_S = 60 * MINUTE_S
"""The same as POSTED_LATE_S where a feed gives one time only, which may be that of a later update."""
LAST_POST_S = 3 * HOUR_S
"""Where the one time given may be that of the last update: three in four published incidents last no longer than this
(883 with an end, of 42 services: quartiles 21, 64 and 150 minutes)."""
SAME_TIME_S = MINUTE_S
"""Two times as close as this are one: Statuspage sets started_at some milliseconds before created_at."""
FUTURE_S = DAY_S
"""An incident that begins later than this after the fetching is a mistake (a clock, a zone, a year)."""
EARLIEST_S = 946_684_800
"""2000-01-01: no status page is older. Go programs (incident.io) write year 1 for "no time"."""
LATEST_S = 4_102_444_800
"""2100-01-01: a time from here on is a mistake."""

SEVERITY: Mapping[str, int] = {
    "none": 0, "maintenance": 0, "under_maintenance": 0, "operational": 0, "notice": 0,
    "minor": 1, "degraded_performance": 1, "degraded": 1,
    "major": 2, "partial_outage": 2,
    "critical": 3, "major_outage": 3, "full_outage": 3, "down": 3,
}  # fmt: skip
UNSTATED = 1
"""Severity of an incident whose feed states none: published, so not nothing; no more than that is known."""

UNNAMED = "now-"
"""Begins the id of what is open now where a page gives it none."""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class EntryError(ValueError):
    """An entry that makes no sense; the rest of its page still counts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parsed:
    """A page, read. `coverage` None: the page does not say of which time it speaks. `refused` holds one line for each
    entry that makes no sense."""

    incidents: tuple[Incident, ...]
    coverage: Coverage | None
    refused: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Whose feed is read, and when it was fetched."""

    service: str
    feed: str
    fetched_s: int

    def wrong(self, found: str, expected: str) -> FeedError:
        """The error for a page that is not what it should be."""
        return FeedError(
            f"feed {quote(self.feed)}: found {found}; expected {expected}; open its address in a browser, then correct "
            "its address or format in the configuration"
        )


class Onset(NamedTuple):
    """The true onset lies in [began_s - early_s, began_s + late_s]."""

    began_s: int
    early_s: int
    late_s: int


class Entry(NamedTuple):
    """An incident, and when it was posted, by which pages are ordered and cut off."""

    incident: Incident
    posted_s: int


def onset(started_s: int | None, posted_s: int) -> Onset:
    """When it began, from the stated start and the first post.

    A start that differs from the post was stated on purpose, and is known to +-5 minutes. One that does not was set by
    the posting itself: the true onset came up to 30 minutes before, and not after.

    >>> onset(None, 1_000_000_000)
    Onset(began_s=1000000000, early_s=1800, late_s=0)
    >>> onset(999_996_400, 1_000_000_000)
    Onset(began_s=999996400, early_s=300, late_s=300)
    """
    if started_s is None or abs(started_s - posted_s) <= SAME_TIME_S:
        return Onset(posted_s if started_s is None else started_s, POSTED_LATE_S, 0)
    return Onset(started_s, STATED_S, STATED_S)


def settled(incident: Incident) -> Incident:
    """An incident that was over in the minute it began is a note written afterwards: severity 0.

    One in ten published incidents is of this kind ("Brief outage", posted as resolved). Something happened, but neither
    when nor how long is known, so that it is kept and counts as no outage.
    """
    if incident.ended_s is not None and 0 <= incident.ended_s - incident.began_s < SAME_TIME_S:
        return replace(incident, severity=0)
    return incident


def gather(
    found: Iterable[tuple[str, object]], read: Callable[[object], Entry | None], source: Source
) -> tuple[tuple[Entry, ...], tuple[str, ...]]:
    """Read each (place, entry): those that make sense, by onset, and a line for each that does not.

    `read` gives None for what is no incident at all. Raises FeedError where all entries were refused.
    """
    kept: dict[str, Entry] = {}
    refused: list[str] = []
    for place, raw in found:
        try:
            entry = read(raw)
            if entry is not None:
                _check(entry.incident, source, kept)
                kept[entry.incident.id] = entry
        except EntryError as error:
            refused.append(f"{place}: {error}; left out")
    if refused and not kept:
        raise source.wrong(
            f"no entry that makes sense among {len(refused):,} (first: {refused[0]})", "incidents with a start"
        )
    ordered = sorted(kept.values(), key=lambda e: (e.incident.began_s, e.incident.id))
    return tuple(ordered), tuple(refused)


def latest(entries: tuple[Entry, ...], refused: tuple[str, ...], source: Source) -> Parsed:
    """A page that lists the latest incidents, all since its oldest post: it says nothing of the time before.

    With fewer entries than a page holds, the list is whole; but when the page was opened is not told, so that the
    oldest post stays the beginning. An empty page speaks of the moment of fetching only; a monitor joins such moments.
    """
    since_s = min((e.posted_s for e in entries), default=source.fetched_s)
    return _parsed(entries, refused, source, min(since_s, source.fetched_s))


def momentary(entries: tuple[Entry, ...], refused: tuple[str, ...], source: Source) -> Parsed:
    """A page that lists what is open now: it speaks of the moment of fetching only."""
    return _parsed(entries, refused, source, source.fetched_s)


def stretch(source: Source, since_s: int, until_s: int) -> Coverage:
    return Coverage(service=source.service, feed=source.feed, since_s=since_s, until_s=until_s)


def instant(text: object, name: str) -> int | None:
    """An ISO 8601 time with its zone; None for null, nothing and a year before 2000. Raises EntryError.

    >>> instant("2024-03-10T01:30:00-08:00", "start") == instant("2024-03-10T09:30:00Z", "start")
    True
    """
    if text is None or text in ("", "$undefined"):
        return None
    try:
        moment = datetime.fromisoformat(text.strip()) if isinstance(text, str) else None
    except ValueError:
        moment = None
    if moment is None:
        raise EntryError(f"{name} is {quote(repr(text), 60)}; expected ISO 8601 with a zone")
    if moment.tzinfo is None:
        raise EntryError(f"{name} {moment.isoformat()} has no zone; expected Z or an offset such as -08:00")
    at_s = (moment - EPOCH) // timedelta(seconds=1)
    if at_s >= LATEST_S:
        raise EntryError(f"{name} is {quote(str(text), 60)}; expected a time before 2100")
    return at_s if at_s >= EARLIEST_S else None


def spoken(at_s: int) -> str:
    """A time for a message. Takes any time that `instant` gives.

    >>> spoken(0)
    '1970-01-01T00:00:00Z'
    """
    return datetime.fromtimestamp(at_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def severity_of(word: str) -> int:
    """Severity of a feed's own word; UNSTATED for one not known.

    >>> severity_of("Partial outage"), severity_of("Maintenance")
    (2, 0)
    """
    return SEVERITY.get(word.strip().lower().replace(" ", "_"), UNSTATED)


def _check(incident: Incident, source: Source, kept: Mapping[str, Entry]) -> None:
    began, ended = incident.began_s, incident.ended_s
    if ended is not None and ended < began:
        raise EntryError(f"ends {spoken(ended)} before it begins {spoken(began)}")
    for at_s in (began, ended):
        if at_s is not None and incident.severity and at_s > source.fetched_s + FUTURE_S:
            raise EntryError(f"{spoken(at_s)} lies ahead of the fetching at {spoken(source.fetched_s)}")
    if incident.id in kept:
        raise EntryError(f"id {quote(incident.id, 60)} stands there twice; the first is kept")


def _parsed(entries: tuple[Entry, ...], refused: tuple[str, ...], source: Source, since_s: int) -> Parsed:
    return Parsed(
        incidents=tuple(e.incident for e in entries),
        coverage=stretch(source, since_s, source.fetched_s),
        refused=refused,
    )
