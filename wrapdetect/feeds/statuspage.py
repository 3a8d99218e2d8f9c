"""Atlassian Statuspage v2: api/v2/incidents.json (the latest 50) and api/v2/summary.json (what is open now).

Source: the /api page of any Statuspage. incident.io serves the same shape at the same path.
"""

from functools import partial

from wrapdetect.feeds.base import (
    Entry,
    EntryError,
    Parsed,
    Source,
    gather,
    latest,
    momentary,
    onset,
    settled,
    severity_of,
)
from wrapdetect.feeds.document import JsonObject, json_of, mapping, name_of, objects, shape_of, time_of, word
from wrapdetect.history import Incident

EXPECTED = "Statuspage JSON, an object with a list `incidents`"
OVER = frozenset({"resolved", "postmortem", "completed"})
"""Statuses of an incident that has ended. `monitoring` has not: a fix is in, and is being watched."""
PLANNED = frozenset({"scheduled", "in_progress", "verifying", "completed"})


def parse(data: bytes, *, service: str, feed: str, fetched_s: int) -> Parsed:
    """Incidents; scheduled maintenance as severity 0. Raises FeedError for a page of another shape.

    incidents.json covers the time since its oldest post, summary.json the moment.
    """
    source = Source(service=service, feed=feed, fetched_s=fetched_s)
    page = json_of(data, source, EXPECTED)
    if not isinstance(page, dict) or not isinstance(page.get("incidents"), list):
        raise source.wrong(shape_of(page), EXPECTED)
    planned = page.get("scheduled_maintenances")
    listed = [*page["incidents"], *(planned if isinstance(planned, list) else [])]
    found = ((f"incident {i}", entry) for i, entry in enumerate(listed, 1))
    entries, refused = gather(found, partial(_entry, source=source), source)
    # summary.json lists components and open incidents; incidents.json lists neither components nor maintenance
    now_only = "components" in page or "scheduled_maintenances" in page
    return (momentary if now_only else latest)(entries, refused, source)


def _entry(raw: object, *, source: Source) -> Entry:
    entry = mapping(raw)
    planned_s = time_of(entry, "scheduled_for")
    planned = planned_s is not None or word(entry, "status") in PLANNED or word(entry, "impact") == "maintenance"
    posted_s = time_of(entry, "created_at", "started_at", "scheduled_for")
    if posted_s is None:
        raise EntryError("it has neither created_at nor started_at")
    started_s = planned_s if planned_s is not None else time_of(entry, "started_at")
    began = onset(started_s, posted_s)
    impact = word(entry, "impact")
    incident = Incident(
        service=source.service,
        feed=source.feed,
        id=name_of(entry, "id"),
        title=word(entry, "name"),
        began_s=began.began_s,
        early_s=began.early_s,
        late_s=began.late_s,
        ended_s=_ended(entry),
        severity=0 if planned else severity_of(impact),
    )
    return Entry(settled(incident), posted_s)


def _ended(entry: JsonObject) -> int | None:
    """resolved_at of an incident that is over; else the first update that said so; else the entry's last change."""
    if word(entry, "status") not in OVER:
        return None
    stated_s = time_of(entry, "resolved_at")
    if stated_s is not None:
        return stated_s
    said = [time_of(u, "display_at", "created_at") for u in objects(entry.get("incident_updates")) if _ends(u)]
    return min((t for t in said if t is not None), default=time_of(entry, "updated_at"))


def _ends(update: JsonObject) -> bool:
    return word(update, "status") in OVER - {"postmortem"}
