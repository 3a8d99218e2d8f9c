"""Google Cloud's incidents.json, and Google Workspace's, which is of the same shape: a list of years, newest first.

Each entry: id, begin, end (absent while it lasts), created, modified, external_desc, updates with when and status
(AVAILABLE is over), severity low to high, status_impact, affected_products. Source: status.cloud.google.com, whose
page names its schema. Its Atom feed is format = "atom".
"""

from functools import partial

from wrapdetect.model.prose import quote
from wrapdetect.monitor.feeds import base, document
from wrapdetect.monitor.feeds.dates import EntryError
from wrapdetect.monitor.feeds.status import UNSTATED, phase, severity_of

_EXPECTED = "Google Cloud's incidents.json, a JSON list of incidents with `begin`"
_KEYS = ("begin", "external_desc", "most_recent_update")


def parse(data: bytes, source: base.FeedSource) -> base.Parsed:
    """Incidents since the oldest. Raises FeedError for a page of another shape."""
    listed = document.page_json(data, source, _EXPECTED)
    if not isinstance(listed, list) or not all(isinstance(e, dict) for e in listed[:1]):
        raise source.wrong(document.shape_of(listed), _EXPECTED)
    if listed and not any(k in e for e in listed if isinstance(e, dict) for k in _KEYS):
        raise source.wrong(document.shape_of(listed), _EXPECTED)
    found = ((f"incident {i}", entry) for i, entry in enumerate(listed, 1))
    return base.latest(base.gather_entries(found, partial(_entry, source=source), source), source)


def _entry(raw: object, *, source: base.FeedSource) -> base.FeedEntry:
    entry = document.mapping(raw)
    started_s, created_s = source.time(entry, "begin"), source.time(entry, "created")
    posted_s = created_s if created_s is not None else started_s
    if posted_s is None:
        raise EntryError("it has neither begin nor created")
    updates, wrong = document.updates_of(source, entry.get("updates"), ("status",), ("when", "created"))
    ended_s, unread = source.end(entry, "end")
    recent = entry.get("most_recent_update")
    reopened = ended_s is not None and any(u.at_s > ended_s and phase(u.status) == "open" for u in updates)
    told = base.Told(
        id=document.entry_name(entry, "id", "number"),
        title=_title(entry.get("external_desc")),
        posted_s=posted_s,
        started_s=started_s,
        severity=severity_of(document.word(entry, "severity", "status_impact")) if _graded(entry) else UNSTATED,
        status="resolved"
        if ended_s is not None and not reopened
        else document.word(recent if isinstance(recent, dict) else {}, "status"),
        updates=updates,
        stated_s=ended_s,
        changed_s=source.end(entry, "modified")[0],
        components=tuple(
            dict.fromkeys(
                (
                    *document.texts_in(entry.get("affected_products"), "title"),
                    *document.texts_in([document.word(entry, "service_name")]),
                )
            )
        ),
        unread=unread or wrong,
    )
    return base.entry_of(told, source)


def _graded(entry: object) -> bool:
    return bool(document.word(document.mapping(entry), "severity", "status_impact"))


def _title(text: object) -> str:
    """The first line that says something: descriptions are pages of Markdown."""
    lines = str(text)[:5000].splitlines() if isinstance(text, str) else []
    plain = (line.strip(" #*\t") for line in lines)
    return quote(next((line for line in plain if line and line.lower() not in ("summary", "summary:")), ""), 200)
