"""incident.io: lists of status page incidents, its widget (api/v1/summary), and the impacts its pages are drawn from.

Shapes, as seen in public clients and in docs.incident.io (Status Pages V2):
- {"status_page_incidents": [...]} of api.incident.io/v2, and {"incidents": [...]} of a page's /proxy/HOST/incidents:
  id, name, status or incident_status, published_at, updates, component_impacts;
- {"component_impacts": [...], "incident_links": [...]} of /proxy/HOST/component_impacts: the same in two lists;
- {"ongoing_incidents": [...], "in_progress_maintenances": [...], "scheduled_maintenances": [...]} of the widget, and of
  /proxy/HOST within "summary".
"""

from functools import partial

from wrapdetect.feeds.base import (
    LAST_POST_S,
    UNSTATED,
    Entry,
    EntryError,
    Onset,
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

EXPECTED = (
    "incident.io JSON, an object with `incidents`, `status_page_incidents`, `incident_links` or `ongoing_incidents`"
)
LISTS = ("status_page_incidents", "incidents", "incident_links")
OPEN = ("ongoing_incidents", "in_progress_maintenances", "scheduled_maintenances")
OVER = frozenset({"resolved", "maintenance_complete", "maintenance_completed"})


def parse(data: bytes, *, service: str, feed: str, fetched_s: int) -> Parsed:
    """Incidents; maintenance as severity 0. A list covers the time since its oldest post, the widget the moment.

    Raises FeedError for a page of another shape.
    """
    source = Source(service=service, feed=feed, fetched_s=fetched_s)
    tree = json_of(data, source, EXPECTED)
    page = tree.get("summary", tree) if isinstance(tree, dict) else None
    if not isinstance(page, dict):
        raise source.wrong(shape_of(page), EXPECTED)
    lists = [n for n in LISTS if isinstance(page.get(n), list)][:1]
    names = lists or [n for n in OPEN if isinstance(page.get(n), list)]
    if not names:
        raise source.wrong(shape_of(page), EXPECTED)
    impacts = _impacts_by_incident(page)
    found = ((f"{name} {i}", entry) for name in names for i, entry in enumerate(page[name], 1))
    entries, refused = gather(found, partial(_entry, source=source, impacts=impacts), source)
    return (latest if lists else momentary)(entries, refused, source)


def _impacts_by_incident(page: JsonObject) -> dict[str, list[JsonObject]]:
    impacts: dict[str, list[JsonObject]] = {}
    for impact in objects(page.get("component_impacts")):
        impacts.setdefault(word(impact, "status_page_incident_id"), []).append(impact)
    return impacts


def _entry(raw: object, *, source: Source, impacts: dict[str, list[JsonObject]]) -> Entry:
    entry = mapping(raw)
    id_ = name_of(entry, "id")
    own = [*objects(entry.get("component_impacts")), *impacts.get(id_, [])]
    status = word(entry, "status", "incident_status")
    began, posted_s = _onset(entry, own)
    incident = Incident(
        service=source.service,
        feed=source.feed,
        id=id_,
        title=word(entry, "name"),
        began_s=began.began_s,
        early_s=began.early_s,
        late_s=began.late_s,
        ended_s=_ended(entry, own) if status in OVER else None,
        severity=0 if _planned(entry, status) else _severity(entry, own),
    )
    return Entry(settled(incident), posted_s)


def _onset(entry: JsonObject, impacts: list[JsonObject]) -> tuple[Onset, int]:
    """The first impact's start, else the publishing. The widget gives neither: an incident of which only the last
    update is known began up to three hours before it."""
    starts = [t for i in impacts if (t := time_of(i, "start_at")) is not None]
    started_s = min(starts, default=time_of(entry, "started_at", "starts_at"))
    posted_s = time_of(entry, "published_at")
    if posted_s is not None:
        return onset(started_s, posted_s), posted_s
    if started_s is not None:
        return onset(started_s, started_s), started_s
    updated_s = time_of(entry, "last_update_at")
    if updated_s is None:
        raise EntryError("it has no published_at, no impact with a start_at and no last_update_at")
    return Onset(updated_s, LAST_POST_S, 0), updated_s


def _ended(entry: JsonObject, impacts: list[JsonObject]) -> int | None:
    """The end of its last impact; else the first update that resolved it."""
    ends = [time_of(i, "end_at") for i in impacts]
    stated = [t for t in ends if t is not None]
    if stated and len(stated) == len(ends):
        return max(stated)
    updates = objects(entry.get("updates"))
    said = [time_of(u, "published_at") for u in updates if word(u, "to_status", "incident_status", "status") in OVER]
    return min((t for t in said if t is not None), default=max(stated, default=None))


def _planned(entry: JsonObject, status: str) -> bool:
    return word(entry, "type") == "maintenance" or status.startswith("maintenance")


def _severity(entry: JsonObject, impacts: list[JsonObject]) -> int:
    """The worst impact; an incident that touched no component is a notice, where impacts are told at all."""
    words = [word(i, "status", "component_status") for i in impacts] + [word(entry, "current_worst_impact")]
    known = [severity_of(w) for w in words if w]
    return max(known, default=0 if isinstance(entry.get("component_impacts"), list) else UNSTATED)
