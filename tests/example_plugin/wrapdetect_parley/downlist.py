"""Feed downlist: a line an incident, as `2026-01-05T08:00Z 2026-01-05T09:30Z what it was`."""

from collections.abc import Iterator

from wrapdetect.model.history import Incident
from wrapdetect.monitor.feeds import Feed, FeedSource, Parsed
from wrapdetect.monitor.feeds.base import STATED_S, FeedEntry, gather_entries, parsed, stretch
from wrapdetect.monitor.feeds.dates import EntryError, instant
from wrapdetect.monitor.feeds.document import page_text

_EXPECTED = "lines with a start, an end and a title"


def parse(data: bytes, source: FeedSource) -> Parsed:
    """Covers the time from the first start to the last end. Raises FeedError for a page of another shape."""

    def entry(line: object) -> FeedEntry:
        start, end, title = [*str(line).split(maxsplit=2), "", ""][:3]
        began_s, ended_s = instant(start, "start"), instant(end, "end")
        if began_s is None or ended_s is None:
            raise EntryError("it lacks a start or an end")
        incident = Incident(
            service=source.service,
            feed=source.feed,
            id=str(line),
            title=title,
            began_s=began_s,
            early_s=STATED_S,
            late_s=STATED_S,
            ended_s=ended_s,
            severity=2,
        )
        return FeedEntry(incident, began_s)

    found = gather_entries(_lines(page_text(data, source, _EXPECTED)), entry, source)
    ends = [e.incident.ended_s or e.incident.began_s for e in found.entries]
    covered = stretch(source, found.entries[0].incident.began_s, max(ends)) if ends else None
    return parsed(found, covered)


def _lines(text: str) -> Iterator[tuple[str, object]]:
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip():
            yield f"line {number}", line


FEED = Feed("downlist", parse)
