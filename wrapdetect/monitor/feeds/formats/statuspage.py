"""Atlassian Statuspage v2: api/v2/incidents.json (the latest 50) and api/v2/summary.json (what is open now).

Source: the /api page of any Statuspage. incident.io serves the same shape at the same path.
"""

from functools import partial

from wrapdetect.monitor.feeds import base, document
from wrapdetect.monitor.feeds.dates import EntryError
from wrapdetect.monitor.feeds.status import is_planned, severity_of

_EXPECTED = "Statuspage JSON, an object with a list `incidents`"


def parse(data: bytes, source: base.FeedSource) -> base.Parsed:
    """Incidents; scheduled maintenance as severity 0. Raises FeedError for a page of another shape.

    incidents.json covers the time since its oldest post, summary.json the moment.
    """
    page = document.page_json(data, source, _EXPECTED)
    lists = [page[n] for n in ("incidents", "scheduled_maintenances") if n in page] if isinstance(page, dict) else []
    if not isinstance(page, dict) or not any(isinstance(some, list) for some in lists):
        raise source.wrong(document.shape_of(page), _EXPECTED)
    listed = [entry for some in lists for entry in document.entries_of(some)]
    found = ((f"incident {i}", entry) for i, entry in enumerate(listed, 1))
    entries = base.gather_entries(found, partial(_entry, source=source), source)
    # summary.json lists components and open incidents; incidents.json lists neither components nor maintenance
    now_only = "components" in page or "scheduled_maintenances" in page
    return (base.momentary if now_only else base.latest)(entries, source)


def _entry(raw: object, *, source: base.FeedSource) -> base.FeedEntry:
    entry = document.mapping(raw)
    status, impact = document.word(entry, "status"), document.word(entry, "impact")
    planned_s = source.time(entry, "scheduled_for")
    posted_s = source.time(entry, "created_at", "started_at", "scheduled_for")
    if posted_s is None:
        raise EntryError("it has neither created_at nor started_at")
    updates, wrong = document.updates_of(
        source, entry.get("incident_updates"), ("status",), ("display_at", "created_at")
    )
    stated_s, unread = source.end(entry, "resolved_at")
    planned = planned_s is not None or impact == "maintenance" or is_planned(status)
    told = base.Told(
        id=document.entry_name(entry, "id"),
        title=document.word(entry, "name"),
        posted_s=posted_s,
        started_s=planned_s if planned_s is not None else source.time(entry, "started_at"),
        severity=0 if planned else severity_of(impact),
        status=status,
        updates=updates,
        stated_s=stated_s,
        changed_s=source.end(entry, "updated_at")[0],
        components=_components(entry),
        unread=unread or wrong,
    )
    return base.entry_of(told, source)


def _components(entry: document.JsonObject) -> tuple[str, ...]:
    """Those of the incident, and those that any of its updates touched."""
    touched = [
        n
        for u in document.objects_in(entry.get("incident_updates"))
        for n in document.texts_in(u.get("affected_components"), "name")
    ]
    return tuple(dict.fromkeys((*document.texts_in(entry.get("components"), "name"), *touched)))
