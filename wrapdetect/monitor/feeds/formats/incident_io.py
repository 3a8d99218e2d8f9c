"""incident.io: lists of status page incidents, its widget (api/v1/summary), and the impacts its pages are drawn from.

Shapes, as seen in public clients and in docs.incident.io (Status Pages V2):
- {"status_page_incidents": [...]} of api.incident.io/v2, and {"incidents": [...]} of a page's /proxy/HOST/incidents:
  id, name, status or incident_status, published_at, updates, component_impacts;
- {"component_impacts": [...], "incident_links": [...]} of /proxy/HOST/component_impacts: the same in two lists;
- {"ongoing_incidents": [...], "in_progress_maintenances": [...], "scheduled_maintenances": [...]} of the widget, and of
  /proxy/HOST within "summary".
"""

from functools import partial

from wrapdetect.monitor.feeds import base, document
from wrapdetect.monitor.feeds.dates import EntryError
from wrapdetect.monitor.feeds.status import UNSTATED, is_planned, severity_of

_EXPECTED = "incident.io JSON, an object with a list of incidents, incident_links or ongoing_incidents"
_LISTS = ("status_page_incidents", "incidents", "incident_links")
OPEN = ("ongoing_incidents", "in_progress_maintenances", "scheduled_maintenances")


def parse(data: bytes, source: base.FeedSource) -> base.Parsed:
    """Incidents; maintenance as severity 0. A list covers the time since its oldest post, the widget the moment.

    Raises FeedError for a page of another shape.
    """
    tree = document.page_json(data, source, _EXPECTED)
    page = tree.get("summary", tree) if isinstance(tree, dict) else None
    if not isinstance(page, dict):
        raise source.wrong(document.shape_of(page), _EXPECTED)
    lists = [n for n in _LISTS if isinstance(page.get(n), list)][:1]
    names = lists or [n for n in OPEN if isinstance(page.get(n), list)]
    if not names:
        raise source.wrong(document.shape_of(page), _EXPECTED)
    impacts = _impacts_by_incident(page)
    found = ((f"{name} {i}", entry) for name in names for i, entry in enumerate(page[name], 1))
    entries = base.gather_entries(found, partial(_entry, source=source, impacts=impacts), source)
    return (base.latest if lists else base.momentary)(entries, source)


def _impacts_by_incident(page: document.JsonObject) -> dict[str, list[document.JsonObject]]:
    impacts: dict[str, list[document.JsonObject]] = {}
    for impact in document.objects_in(page.get("component_impacts")):
        impacts.setdefault(document.word(impact, "status_page_incident_id"), []).append(impact)
    return impacts


def _entry(raw: object, *, source: base.FeedSource, impacts: dict[str, list[document.JsonObject]]) -> base.FeedEntry:
    entry = document.mapping(raw)
    id_ = document.entry_name(entry, "id")
    own = [*document.objects_in(entry.get("component_impacts")), *impacts.get(id_, [])]
    status = document.word(entry, "status", "incident_status")
    began, posted_s = _onset(entry, own, source)
    updates, wrong = document.updates_of(
        source, entry.get("updates"), ("to_status", "incident_status", "status"), ("published_at",)
    )
    stated_s, unread = _ended(own, source)
    told = base.Told(
        id=id_,
        title=document.word(entry, "name"),
        posted_s=posted_s,
        began=began,
        severity=0 if _planned(entry, status) else _severity(entry, own),
        status=status,
        updates=updates,
        stated_s=stated_s,
        components=_components(entry, own),
        unread=unread or wrong,
    )
    return base.entry_of(told, source)


def _onset(
    entry: document.JsonObject, impacts: list[document.JsonObject], source: base.FeedSource
) -> tuple[base.Onset, int]:
    """The first impact's start, else the publishing. The widget gives neither: an incident of which only the last
    update is known began up to three hours before it."""
    starts = [t for i in impacts if (t := source.time(i, "start_at")) is not None]
    started_s = min(starts, default=source.time(entry, "started_at", "starts_at"))
    posted_s = source.time(entry, "published_at")
    if posted_s is not None:
        return base.onset(started_s, posted_s), posted_s
    if started_s is not None:
        return base.onset(started_s, started_s), started_s
    updated_s = source.time(entry, "last_update_at")
    if updated_s is None:
        raise EntryError("it has no published_at, no impact with a start_at and no last_update_at")
    return base.Onset(updated_s, base.LAST_POST_S, 0), updated_s


def _ended(impacts: list[document.JsonObject], source: base.FeedSource) -> tuple[int | None, str]:
    """The end of its last impact, where all have one; and what is wrong with the first that cannot be read."""
    ends = [source.end(i, "end_at") for i in impacts]
    stated = [at_s for at_s, _ in ends if at_s is not None]
    wrong = next((w for _, w in ends if w), "")
    return max(stated) if stated and len(stated) == len(ends) else None, wrong


def _components(entry: document.JsonObject, impacts: list[document.JsonObject]) -> tuple[str, ...]:
    listed = document.texts_in(entry.get("affected_components"), "name")
    return tuple(dict.fromkeys([*listed, *(n for i in impacts if (n := document.word(i, "component_name", "name")))]))


def _planned(entry: document.JsonObject, status: str) -> bool:
    return document.word(entry, "type") == "maintenance" or is_planned(status)


def _severity(entry: document.JsonObject, impacts: list[document.JsonObject]) -> int:
    """The worst impact; an incident that touched no component is a notice, where impacts are told at all."""
    words = [document.word(i, "status", "component_status") for i in impacts] + [
        document.word(entry, "current_worst_impact")
    ]
    known = [severity_of(w) for w in words if w]
    return max(known, default=0 if isinstance(entry.get("component_impacts"), list) else UNSTATED)
