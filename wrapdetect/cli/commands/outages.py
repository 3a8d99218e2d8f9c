"""wrapdetect outages: the statistic alone, on anybody's lists of incidents. Opens no socket."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from wrapdetect.cli.dates import moment_of
from wrapdetect.cli.reporting import screen, show
from wrapdetect.cli.terminal import say
from wrapdetect.errors import FeedError, SpecError
from wrapdetect.evidence.compare.dependence.episodes import from_incidents, union
from wrapdetect.evidence.compare.dependence.outages import Setting, dependence
from wrapdetect.model.history import Timeline
from wrapdetect.model.prose import quote
from wrapdetect.monitor.feeds import FEEDS, FeedFormat, Parsed
from wrapdetect.monitor.feeds.shapes import likely
from wrapdetect.report.nouns import ListsCompared
from wrapdetect.store.shipped import load_seeds

FEWEST_SHARED_DAYS = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reading:
    """How lists are read: the time they all cover (None: each from its first incident to its last), and their format
    (None: guessed)."""

    since: datetime | None = None
    until: datetime | None = None
    assume_utc: bool = False
    format: FeedFormat | None = None


def judge_outages(
    target: str, upstreams: Sequence[str], panel: Sequence[str], *, reading: _Reading, window_min: float, report: str
) -> int:
    """Each list is PATH or NAME=PATH. Raises SpecError, FeedError."""
    lines = [read_list(spec, reading) for spec in (target, *upstreams, *panel)]
    names = [line.service for line in lines]
    doubled = sorted({n for n in names if names.count(n) > 1})
    if doubled:
        raise SpecError(f"two lists are called {quote(doubled[0])}; name them apart: NAME=PATH")
    mine, theirs, others = lines[0], lines[1 : len(upstreams) + 1], lines[len(upstreams) + 1 :]
    for line in theirs:
        if mine.episodes and [e.onset_s for e in mine.episodes] == [e.onset_s for e in line.episodes]:
            raise SpecError(f"{quote(mine.service)} and {quote(line.service)} are the same list; give two services")
        warn_apart(mine, line)
    setting = Setting(window_s=window_min * 60, common=load_seeds().common_causes.spans())
    found = dependence(mine, theirs, others, setting)
    compared = ListsCompared(
        target=mine, panel=tuple(o.service for o in others), window_min=window_min, found=tuple(found)
    )
    show(report, lambda form: form.outages(compared, screen()))
    return 0


def read_list(spec: str, reading: _Reading) -> Timeline:
    """A list of incidents as a timeline. Raises SpecError where it cannot be read, FeedError where it does not fit."""
    name, equals, place = spec.partition("=")
    path = Path(place if equals else spec)
    service = name if equals else path.stem
    if not service.strip() or not str(place if equals else spec):
        raise SpecError(f"{quote(spec)} lacks a name or a path; expected PATH or NAME=PATH")
    shown = quote(str(path))
    try:
        data = path.read_bytes()
    except OSError as error:
        raise SpecError(
            f"cannot read {shown}: {error.strerror}; expected a list of incidents (CSV: start,end)"
        ) from error
    format_ = reading.format or guess(data)
    parsed = _parse(data, service, str(path), format_, reading)
    for line in parsed.refused[:5]:
        say(f"{shown}: {line}")
    if len(parsed.refused) > 5:
        say(f"{shown}: {len(parsed.refused) - 5} more entries make no sense and were left out")
    for line in parsed.notes[:5]:
        say(f"{shown}: {line}")
    episodes = from_incidents(parsed.incidents)
    if not episodes:
        say(f"{shown}: no incident of severity 1 or more; it can only speak against")
    covered = [(float(parsed.coverage.since_s), float(parsed.coverage.until_s))] if parsed.coverage else []
    stated = [(reading.since.timestamp(), reading.until.timestamp())] if reading.since and reading.until else covered
    return Timeline(service=service, vendor=service, episodes=tuple(episodes), watched=union(stated))


def guess(data: bytes) -> FeedFormat:
    """The format of a saved page, by its shape; csv for one whose shape is none that is known.

    >>> guess(b"start,end"), guess(b'{"page": {}, "incidents": []}'), guess(b"<?xml version='1.0'?><feed>")
    ('csv', 'statuspage', 'atom')
    """
    seems = likely(data)
    return next((f for f in FEEDS if f == seems), "csv")


def reading_of(
    since: str | None, until: str | None, *, assume_utc: bool, format_: str | None, now: datetime
) -> _Reading:
    """Options as given. Raises SpecError."""
    if format_ is not None and format_ not in FEEDS:
        raise SpecError(f"--format: {quote(format_)} is none of {', '.join(FEEDS)}")
    start, end = moment_of(since, "--since"), moment_of(until, "--until")
    if (start is None) != (end is None):
        raise SpecError("--since and --until go together: the time that all lists cover")
    if end and end > now:
        raise SpecError(f"--until {end:%Y-%m-%d} is still to come; what has not happened was not watched")
    if start and end and end <= start:
        raise SpecError(f"--until {end:%Y-%m-%d} is not after --since {start:%Y-%m-%d}")
    chosen = next((f for f in FEEDS if f == format_), None)
    return _Reading(since=start, until=end, assume_utc=assume_utc, format=chosen)


def warn_apart(mine: Timeline, theirs: Timeline) -> None:
    """Say where two lists hardly overlap: then nothing can be compared."""
    shared = sum(max(0.0, min(b, d) - max(a, c)) for a, b in mine.watched for c, d in theirs.watched)
    if shared < FEWEST_SHARED_DAYS * 86_400:
        say(
            f"{quote(mine.service)} and {quote(theirs.service)} are both known for {shared / 86_400:.1f} days only "
            "(a list covers its first to its last incident); say what all lists cover with --since and --until"
        )


def _parse(data: bytes, service: str, name: str, format_: FeedFormat, reading: _Reading) -> Parsed:
    fetched_s = int(reading.until.timestamp()) if reading.until else 4_000_000_000
    try:
        zone = UTC if reading.assume_utc else None
        parsed = FEEDS[format_](data, service=service, feed=name, fetched_s=fetched_s, zone=zone)
    except FeedError as error:
        raise FeedError(f"{error} (or give --format: {', '.join(FEEDS)})") from error
    if parsed.coverage is None or format_ == "csv":
        return parsed
    last = max((i.ended_s or i.began_s for i in parsed.incidents), default=parsed.coverage.since_s)
    return replace(parsed, coverage=replace(parsed.coverage, until_s=min(parsed.coverage.until_s, last)))
