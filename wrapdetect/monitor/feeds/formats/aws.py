"""AWS's JSON: health.aws.amazon.com/public/currentevents (UTF-16, what is open or just over), and lists of the past
by service. The RSS of its dashboard is format = "rss".

Each entry: arn, date (epoch seconds, as text), service, service_name, region_name, summary with [RESOLVED] before it,
status 0 to 3 (over, information, degradation, disruption), event_log of summary, status and timestamp.
"""

from collections.abc import Iterator, Mapping
from functools import partial

from wrapdetect.monitor.feeds import base, document
from wrapdetect.monitor.feeds.dates import EntryError
from wrapdetect.monitor.feeds.status import UNSTATED, Update, letters, phase
from wrapdetect.monitor.feeds.titles import marked

_EXPECTED = "AWS's currentevents, a JSON list of events with `service` and `date` or `event_log`"
_KEYS = ("arn", "event_log", "service", "service_name")
NO_ISSUES = frozenset({"scheduledchange", "accountnotification"})
SEVERITIES = {"1": 1, "2": 2, "3": 3}


def parse(data: bytes, source: base.FeedSource) -> base.Parsed:
    """A list speaks of the moment; an object of lists, by service, of the time since its oldest event.

    Raises FeedError for a page of another shape.
    """
    tree = document.page_json(data, source, _EXPECTED)
    if isinstance(tree, Mapping):
        listed = [entry for value in tree.values() if isinstance(value, list) for entry in value]
        fits = bool(tree) and all(isinstance(value, list) for value in tree.values())
    else:
        listed, fits = (tree, True) if isinstance(tree, list) else ([], False)
    if not fits or (listed and not any(k in e for e in document.objects_in(listed) for k in _KEYS)):
        raise source.wrong(document.shape_of(tree), _EXPECTED)
    found = ((f"event {i}", entry) for i, entry in enumerate(listed, 1))
    events = base.gather_entries(found, partial(_entry, source=source), source)
    return (base.momentary if isinstance(tree, list) else base.latest)(events, source)


def _entry(raw: object, *, source: base.FeedSource) -> base.FeedEntry:
    entry = document.mapping(raw)
    date_s = source.time(entry, "date", "start_time", "startTime")
    updates = tuple(_updates(entry, source))
    posted_s = min((u.at_s for u in updates), default=date_s)
    if posted_s is None:
        raise EntryError("it has neither a date nor an event_log with a timestamp")
    summary = marked(document.word(entry, "summary"))
    ended_s, unread = source.end(entry, "end_time", "endTime")
    grades = [
        SEVERITIES.get(document.word(e, "status"), 0) for e in (entry, *document.objects_in(entry.get("event_log")))
    ]
    told = base.Told(
        id=document.word(entry, "arn") or f"{document.word(entry, 'service', 'service_name')} {date_s or posted_s}",
        title=summary.bare or document.word(entry, "eventTypeCode"),
        posted_s=posted_s,
        started_s=date_s if date_s is not None and date_s <= posted_s else None,
        severity=0 if letters(document.word(entry, "eventTypeCategory")) in NO_ISSUES else max(grades) or UNSTATED,
        status=_status(entry),
        updates=updates,
        stated_s=ended_s,
        components=document.texts_in([document.word(entry, "service_name"), document.word(entry, "service")]),
        unread=unread,
        noted=len(updates) > 1,
    )
    return base.entry_of(told, source)


def _updates(entry: document.JsonObject, source: base.FeedSource) -> Iterator[Update]:
    for post in document.objects_in(entry.get("event_log")):
        at_s = source.time(post, "timestamp", "date")
        if at_s is not None:
            yield Update(at_s, _status(post))


def _status(post: document.JsonObject) -> str:
    """Of an event or a post of it: what its summary is marked with, else its number."""
    said = marked(document.word(post, "summary")).status
    if phase(said) is not None:
        return said
    number = document.word(post, "status", "statusCode")
    return "resolved" if number == "0" else "open" if number in SEVERITIES else number
