"""What all feeds share: entries read one by one, senseless ones refused by name, onsets with their uncertainty.

Times are UTC seconds since 1970, rounded down.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, tzinfo
from typing import NamedTuple

from wrapdetect.errors import FeedError
from wrapdetect.model.history import DAY_S, Coverage, Incident
from wrapdetect.model.prose import quote
from wrapdetect.monitor.feeds.dates import EntryError, instant
from wrapdetect.monitor.feeds.scope import EVERYTHING, Scope
from wrapdetect.monitor.feeds.status import SAME_TIME_S, Update, end_of, never_was

MINUTE_S, HOUR_S = 60, 3600

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
FUTURE_S = DAY_S
"""An incident that begins later than this after the fetching is a mistake (a clock, a zone, a year)."""
MOST_ENTRIES = 10_000
"""Entries of one page; the longest lists of status pages hold some hundreds."""

UNNAMED = "now-"
"""Begins the id of what is open now where a page gives it none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parsed:
    """A page, read. `coverage` None: the page does not say of which time it speaks. `refused` holds one line for each
    entry that makes no sense, `notes` one for each that counts with a doubt (an end that is not known), and for what
    the scope left out. `left_out` are those incidents themselves."""

    incidents: tuple[Incident, ...]
    coverage: Coverage | None
    refused: tuple[str, ...]
    notes: tuple[str, ...] = ()
    left_out: tuple[Incident, ...] = ()

    @property
    def said(self) -> str:
        """One line on how the reading went.

        >>> Parsed(incidents=(), coverage=None, refused=("entry 2: it has no id; left out",)).said
        'read; 1 entry makes no sense (entry 2: it has no id; left out)'
        """
        lines = list(self.notes[:3])
        if len(self.notes) > 3:
            lines.append(f"and {len(self.notes) - 3} more doubts")
        if self.refused:
            many = f"{len(self.refused):,} entries make" if len(self.refused) > 1 else "1 entry makes"
            lines.append(f"{many} no sense ({self.refused[0]})")
        return "; ".join(["read", *lines])


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedSource:
    """Whose feed is read, and when it was fetched; which incidents count, and the `zone` of times without one."""

    service: str
    feed: str
    fetched_s: int
    scope: Scope = EVERYTHING
    zone: tzinfo | None = None

    def wrong(self, found: str, expected: str) -> FeedError:
        """The error for a page that is not what it should be."""
        return FeedError(
            f"feed {quote(self.feed)}: found {found}; expected {expected}; open its address in a browser, then correct "
            "its address or format in the configuration"
        )

    def time(self, entry: Mapping[str, object], *names: str) -> int | None:
        """The first of these fields that holds a time. Raises EntryError for one that is no time."""
        times = (instant(entry.get(n), n, self.zone) for n in names)
        return next((t for t in times if t is not None), None)

    def end(self, entry: Mapping[str, object], *names: str) -> tuple[int | None, str]:
        """The same of an end, where a time that cannot be read leaves the entry standing: with what is wrong of it."""
        try:
            return self.time(entry, *names), ""
        except EntryError as error:
            return None, str(error)


class Onset(NamedTuple):
    """The true onset lies in [began_s - early_s, began_s + late_s]."""

    began_s: int
    early_s: int
    late_s: int


class FeedEntry(NamedTuple):
    """An incident, and when it was posted, by which pages are ordered and cut off; the components it names, and what is
    not known of it."""

    incident: Incident
    posted_s: int
    components: tuple[str, ...] = ()
    doubt: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What a page tells of one incident, in the words of all pages. `status` is its word for now, `stated_s` its end,
    `changed_s` its last change, `unread` what is wrong with a time that cannot be read. `began`: where the onset is
    known otherwise than by `started_s` and `posted_s`."""

    id: str
    title: str
    posted_s: int
    severity: int
    started_s: int | None = None
    began: Onset | None = None
    status: str = ""
    updates: tuple[Update, ...] = ()
    stated_s: int | None = None
    changed_s: int | None = None
    components: tuple[str, ...] = ()
    unread: str = ""
    noted: bool = True
    """Whether one that is over in the minute it began is a note (see settled)."""


class _Gathered(NamedTuple):
    """The entries that count, by onset, and those out of scope; a line for each refused, and what else there is to say.
    `posts`: when each of all was posted, in the page's order."""

    entries: tuple[FeedEntry, ...]
    left_out: tuple[FeedEntry, ...]
    refused: tuple[str, ...]
    notes: tuple[str, ...]
    posts: tuple[int, ...]


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


def entry_of(told: Told, source: FeedSource) -> FeedEntry:
    """The incident that is told: its onset, its end by its newest status, its doubts."""
    began = told.began or onset(told.started_s, told.posted_s)
    end = end_of(
        told.updates,
        began_s=began.began_s,
        status=told.status,
        stated_s=told.stated_s,
        changed_s=None if told.unread else told.changed_s,
    )
    incident = Incident(
        service=source.service,
        feed=source.feed,
        id=told.id,
        title=told.title,
        began_s=began.began_s,
        early_s=began.early_s,
        late_s=began.late_s,
        ended_s=end.at_s,
        severity=0 if never_was(told.updates, told.status) else told.severity,
    )
    doubt = "; ".join(d for d in (told.unread, end.doubt) if d)
    return FeedEntry(settled(incident) if told.noted else incident, told.posted_s, told.components, doubt)


def settled(incident: Incident) -> Incident:
    """An incident that was over in the minute it began is a note written afterwards: severity 0.

    One in ten published incidents is of this kind ("Brief outage", posted as resolved). Something happened, but neither
    when nor how long is known, so that it is kept and counts as no outage.
    """
    if incident.ended_s is not None and 0 <= incident.ended_s - incident.began_s < SAME_TIME_S:
        return replace(incident, severity=0)
    return incident


def gather_entries(
    found: Iterable[tuple[str, object]], read: Callable[[object], FeedEntry | None], source: FeedSource
) -> _Gathered:
    """Read each (place, entry): those that make sense and are in scope, and what is to be said of the others.

    `read` gives None for what is no incident at all. Raises FeedError where all entries were refused, and for more than
    MOST_ENTRIES.
    """
    kept: dict[str, FeedEntry] = {}
    refused: list[str] = []
    doubts: list[str] = []
    for number, (place, raw) in enumerate(found, 1):
        if number > MOST_ENTRIES:
            raise source.wrong(f"more than {MOST_ENTRIES:,} entries", "a status page's latest incidents")
        try:
            entry = read(raw)
            if entry is not None:
                _check(entry.incident, source, kept)
                kept[entry.incident.id] = entry
                if entry.doubt and source.scope.takes(entry.incident.title, entry.components):
                    doubts.append(f"{place}: {entry.doubt}")
        except EntryError as error:
            refused.append(f"{place}: {error}; left out")
    if refused and not kept:
        raise source.wrong(
            f"no entry that makes sense among {len(refused):,} (first: {refused[0]})", "incidents with a start"
        )
    ordered = sorted(kept.values(), key=lambda e: (e.incident.began_s, e.incident.id))
    counts = [source.scope.takes(e.incident.title, e.components) for e in ordered]
    return _Gathered(
        entries=tuple(e for e, taken in zip(ordered, counts, strict=True) if taken),
        left_out=tuple(e for e, taken in zip(ordered, counts, strict=True) if not taken),
        refused=tuple(refused),
        notes=(*source.scope.notes([(e.incident.title, e.components) for e in ordered]), *doubts),
        posts=tuple(e.posted_s for e in kept.values()),
    )


def latest(found: _Gathered, source: FeedSource) -> Parsed:
    """A page that lists the latest incidents, all since its oldest post: it says nothing of the time before.

    With fewer entries than a page holds, the list is whole; but when the page was opened is not told, so that the
    oldest post stays the beginning. An empty page speaks of the moment of fetching only; a monitor joins such moments.
    """
    return parsed(found, stretch(source, min((*found.posts, source.fetched_s)), source.fetched_s))


def newest_of(found: _Gathered, source: FeedSource, *, more: bool) -> None:
    """Raises FeedError for one page of many (`more`) that lists the oldest first: the newest are on another."""
    posts = found.posts
    if more and len(posts) > 1 and posts[0] < posts[-1]:
        raise source.wrong(
            "one page of many, the oldest incidents first",
            "the newest first, as ?sort=id&order=desc, or the last page, or all on one",
        )


def momentary(found: _Gathered, source: FeedSource) -> Parsed:
    """A page that lists what is open now: it speaks of the moment of fetching only."""
    return parsed(found, stretch(source, source.fetched_s, source.fetched_s))


def parsed(found: _Gathered, coverage: Coverage | None) -> Parsed:
    return Parsed(
        incidents=tuple(e.incident for e in found.entries),
        coverage=coverage,
        refused=found.refused,
        notes=found.notes,
        left_out=tuple(e.incident for e in found.left_out),
    )


def stretch(source: FeedSource, since_s: int, until_s: int) -> Coverage:
    return Coverage(service=source.service, feed=source.feed, since_s=since_s, until_s=until_s)


def spoken(at_s: int) -> str:
    """A time for a message. Takes any time that `instant` gives.

    >>> spoken(0)
    '1970-01-01T00:00:00Z'
    """
    return datetime.fromtimestamp(at_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _check(incident: Incident, source: FeedSource, kept: Mapping[str, FeedEntry]) -> None:
    began, ended = incident.began_s, incident.ended_s
    if ended is not None and ended < began:
        raise EntryError(f"ends {spoken(ended)} before it begins {spoken(began)}")
    for at_s in (began, ended):
        if at_s is not None and incident.severity and at_s > source.fetched_s + FUTURE_S:
            raise EntryError(f"{spoken(at_s)} lies ahead of the fetching at {spoken(source.fetched_s)}")
    if incident.id in kept:
        raise EntryError(f"id {quote(incident.id, 60)} stands there twice; the first is kept")
