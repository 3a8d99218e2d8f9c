"""RSS and Atom feeds of status pages: Statuspage's, whose text holds every update with its time; incident.io's, whose
text holds the last status only; and others, with an item for each update.

Times of a feed's own fields are no onsets: Statuspage puts the last update (or a schedule) in pubDate and the end in
Atom's `published`. Only given bytes are parsed, and only well-formed XML without entities of its own.
"""

import calendar
import io
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from functools import partial
from typing import NamedTuple
from xml.parsers import expat

import feedparser  # type: ignore[import-untyped]  # ships no types

from wrapdetect.feeds.base import (
    EARLIEST_S,
    HOUR_S,
    LAST_POST_S,
    LATEST_S,
    POST_ONLY_S,
    UNSTATED,
    Entry,
    EntryError,
    Onset,
    Parsed,
    Source,
    gather,
    latest,
    onset,
    settled,
    severity_of,
)
from wrapdetect.feeds.document import describe
from wrapdetect.history import Incident
from wrapdetect.prose import quote

DEPTH_LIMIT = 64
ENTRY_LIMIT = 2000
"""Levels of elements, and entries, of one feed; status pages have 5 levels (XHTML text some more), 25 or 50 entries."""
TEXT_READ = 100_000
"""Characters of one entry's text."""

TAG = re.compile(r"<[^<>]{0,500}>")
UPDATE = re.compile(
    r"\b(Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]{0,6}\s{1,3}(\d{1,2})\s?,\s{0,3}(\d{1,2}):(\d\d)\s{1,3}"
    r"([A-Z]{2,5}|[+-]\d\d:?\d\d)\s{1,3}([A-Z][a-z]{1,15}(?:\s(?:progress|Progress|Update))?)\s{1,3}-\s"
)
"""Statuspage's text without tags: "Jun 18, 18:09 UTC Resolved - This incident ..."."""
STATUS = re.compile(
    r"\bStatus:\s{0,3}((?:Maintenance\s)?(?:Investigating|Identified|Monitoring|Resolved|Scheduled|In progress|"
    r"Verifying|Completed?)\b)",
    re.IGNORECASE,
)
"""incident.io's: "Status: Resolved"."""
BRACKETED = re.compile(r"^\s{0,9}\[([A-Za-z ]{3,20})\]")
"""Others': "[Resolved] Database connection issues"."""
COMPONENT = re.compile(r"\((Full outage|Major outage|Partial outage|Degraded performance|Under maintenance)\)", re.I)
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")

ZONES: Mapping[str, tuple[float, ...]] = {
    "UTC": (0,), "GMT": (0,), "WET": (0,), "WEST": (1,), "CET": (1,), "CEST": (2,), "EET": (2,), "EEST": (3,),
    "MSK": (3,), "PST": (-8,), "PDT": (-7,), "MST": (-7,), "MDT": (-6,), "CST": (-6, 8), "CDT": (-5,), "EST": (-5,),
    "EDT": (-4,), "AKST": (-9,), "AKDT": (-8,), "HST": (-10,), "BRT": (-3,), "IST": (5.5, 1, 2), "BST": (1, 6),
    "SGT": (8,), "HKT": (8,), "JST": (9,), "KST": (9,), "AWST": (8,), "ACST": (9.5,), "AEST": (10,), "AEDT": (11,),
    "NZST": (12,), "NZDT": (13,),
}  # fmt: skip
"""Hours east of UTC. Where an abbreviation has several (CST: Chicago, Shanghai), the one that brings the newest update
nearest to the entry's own time is taken."""

OVER = frozenset({"resolved", "completed", "complete"})
PLANNED = frozenset({"scheduled", "in progress", "verifying", "completed", "complete", "maintenance"})


class Update(NamedTuple):
    """One post about an incident."""

    at_s: int
    status: str


class Post(NamedTuple):
    """One entry of a feed. `whole`: its text holds all updates, and not only the last one."""

    key: str
    title: str
    updates: tuple[Update, ...]
    whole: bool
    text: str
    posted_s: int


def parse_rss(data: bytes, *, service: str, feed: str, fetched_s: int) -> Parsed:
    """Raises FeedError for what is no well-formed RSS."""
    return _parse(data, Source(service=service, feed=feed, fetched_s=fetched_s), {"rss", "RDF"}, "an RSS feed, <rss>")


def parse_atom(data: bytes, *, service: str, feed: str, fetched_s: int) -> Parsed:
    """Raises FeedError for what is no well-formed Atom."""
    return _parse(data, Source(service=service, feed=feed, fetched_s=fetched_s), {"feed"}, "an Atom feed, <feed>")


def _parse(data: bytes, source: Source, roots: set[str], expected: str) -> Parsed:
    root = _root(data, source, expected)
    if root not in roots:
        raise source.wrong(describe(data) if root == "html" else f"XML whose root is <{quote(root, 40)}>", expected)
    # a stream: bytes that happen to be a path would be opened. Ill-formed XML, for which its loose parser is, is gone.
    tree = feedparser.parse(io.BytesIO(data), sanitize_html=False, resolve_relative_uris=False)
    by_incident: dict[str, list[object]] = {}
    unread: list[tuple[str, object]] = []
    for i, raw in enumerate(tree.entries, 1):
        try:
            post = _post(raw)
            by_incident.setdefault(post.key, []).append(post)
        except EntryError as error:
            unread.append((f"entry {i}", error))
    found = [(f"entry {key}", posts) for key, posts in by_incident.items()]
    entries, refused = gather([*found, *unread], partial(_entry, source=source), source)
    return latest(entries, refused, source)


def _root(data: bytes, source: Source, expected: str) -> str:
    """The name of the root element. Raises FeedError for XML that is ill-formed, declares entities (bombs), nests or
    lists more than any feed does: feedparser takes time that grows with the square of the depth."""
    root, depth, entries = "", 0, 0
    parser = expat.ParserCreate()

    def start(name: str, _: object) -> None:
        nonlocal root, depth, entries
        local = name.rpartition(":")[2]
        root = root or local
        depth += 1
        entries += local in ("item", "entry")
        if depth > DEPTH_LIMIT or entries > ENTRY_LIMIT:
            raise source.wrong(f"XML of more than {DEPTH_LIMIT} levels or {ENTRY_LIMIT:,} entries", expected)

    def end(_: str) -> None:
        nonlocal depth
        depth -= 1

    def entity(*_: object) -> None:
        raise source.wrong("XML that declares entities of its own", expected)

    parser.StartElementHandler, parser.EndElementHandler, parser.EntityDeclHandler = start, end, entity
    try:
        parser.Parse(data, True)
    except (expat.ExpatError, ValueError, LookupError) as error:
        raise source.wrong(f"{describe(data)} ({quote(str(error), 80)})", expected) from error
    return root


def _post(raw: Mapping[str, object]) -> Post:
    title = quote(_plain(raw.get("title")), 200)
    text = _plain(_content(raw))
    posted_s = _own_time(raw)
    updates = _updates(text, posted_s)
    found = STATUS.search(text) or BRACKETED.search(title)
    last = Update(posted_s, found.group(1).lower().removeprefix("maintenance ") if found else "")
    link = str(raw.get("link") or "").partition("#")[0]
    key = quote(link or str(raw.get("id") or ""), 200)
    if not key:
        raise EntryError(f"{title or 'it'} has neither link nor id")
    return Post(key, title, updates or (last,), bool(updates), text, posted_s)


def _entry(raw: object, *, source: Source) -> Entry:
    """Posts about one incident, put together."""
    if isinstance(raw, EntryError):
        raise raw
    assert isinstance(raw, list)
    posts: list[Post] = sorted(raw, key=lambda p: p.posted_s)
    updates = sorted({u for p in posts for u in p.updates})
    whole = any(p.whole for p in posts)
    ends = [u.at_s for u in updates if u.status in OVER]
    began = _onset(updates, whole)
    incident = Incident(
        service=source.service,
        feed=source.feed,
        id=posts[0].key,
        title=BRACKETED.sub("", posts[-1].title).strip(),
        began_s=began.began_s,
        early_s=began.early_s,
        late_s=began.late_s,
        ended_s=min(ends, default=None),
        severity=_severity(posts, updates),
    )
    # one last post only, "resolved": its beginning is not told, so that it is no note of zero length
    return Entry(settled(incident) if whole or len(updates) > 1 else incident, posts[-1].posted_s)


def _onset(updates: list[Update], whole: bool) -> Onset:
    first = updates[0]
    if whole or len(updates) > 1:
        return onset(None, first.at_s)
    return Onset(first.at_s, LAST_POST_S if first.status in OVER else POST_ONLY_S, 0)


def _severity(posts: list[Post], updates: Iterable[Update]) -> int:
    if any("SCHEDULED EVENT" in p.text for p in posts) or {u.status for u in updates} & PLANNED:
        return 0
    named = [severity_of(m) for p in posts for m in COMPONENT.findall(p.text)]
    return max(named, default=UNSTATED)


def _updates(text: str, posted_s: int) -> tuple[Update, ...]:
    """Updates that a Statuspage text holds, as many as can be dated: the year is not told, the zone an abbreviation."""
    found = list(UPDATE.finditer(text))
    zones: dict[str, float] = {}
    dated: list[Update] = []
    for match in found:  # newest first
        month, day, hour, minute, zone, status = match.groups()
        near_s = dated[-1].at_s if dated else posted_s
        offsets = (zones[zone],) if zone in zones else _offsets(zone)
        guesses = [
            (at_s, o)
            for o in offsets
            for year in (-1, 0, 1)
            if (at_s := _guess(near_s, year, month, int(day), int(hour), int(minute), o)) is not None
        ]
        if guesses:
            at_s, zones[zone] = min(guesses, key=lambda g: abs(g[0] - near_s))
            dated.append(Update(at_s, status.lower()))
    return tuple(dated) if len(dated) == len(found) else ()


def _guess(near_s: int, year: int, month: str, day: int, hour: int, minute: int, offset_h: float) -> int | None:
    """The time, `year` years from that of `near_s`; None where no such time exists."""
    try:
        at = datetime(
            datetime.fromtimestamp(near_s, UTC).year + year, MONTHS.index(month) + 1, day, hour, minute, tzinfo=UTC
        )
    except ValueError:
        return None
    return calendar.timegm(at.timetuple()) - round(offset_h * HOUR_S)


def _offsets(zone: str) -> tuple[float, ...]:
    """Hours east of UTC that a zone may stand for; none where it is not known.

    >>> _offsets("PDT"), _offsets("+05:30"), _offsets("XYZ")
    ((-7,), (5.5,), ())
    """
    if zone[0] in "+-":
        hours = int(zone[1:3]) + int(zone[-2:]) / 60
        return (-hours if zone[0] == "-" else hours,)
    return ZONES.get(zone, ())


def _own_time(raw: Mapping[str, object]) -> int:
    """The entry's own time: RSS pubDate, Atom published, else updated. Raises EntryError where it has none."""
    for name in ("published_parsed", "updated_parsed"):
        moment = raw.get(name) if name in raw else None
        if isinstance(moment, tuple):
            at_s = calendar.timegm(moment)
            if EARLIEST_S <= at_s < LATEST_S:
                return at_s
    raise EntryError("it has no time that can be read (pubDate, published or updated)")


def _content(raw: Mapping[str, object]) -> object:
    content = raw.get("content")
    first = content[0] if isinstance(content, list) and content else None
    value = first.get("value") if isinstance(first, Mapping) else None
    return value or raw.get("summary")


def _plain(markup: object) -> str:
    """Text without tags, on one line."""
    return " ".join(TAG.sub(" ", str(markup or "")[:TEXT_READ]).split())
