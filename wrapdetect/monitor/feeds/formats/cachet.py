"""Cachet: api/v1/incidents of version 2, {"meta": ..., "data": [...]}, and api/incidents of version 3 (JSON:API).

Its times have no zone (the server's own is meant), so that the feed's zone must be told: zone = "UTC". Version 2 lists
the oldest first, unless ?sort=id&order=desc. Source: docs.cachethq.io.
"""

from collections.abc import Mapping
from functools import partial

from wrapdetect.monitor.feeds import base, document
from wrapdetect.monitor.feeds.dates import EntryError
from wrapdetect.monitor.feeds.status import UNSTATED, is_planned

_EXPECTED = "Cachet JSON, an object with `data`, a list of incidents with occurred_at or created_at"
STATUSES = {"0": "scheduled", "1": "investigating", "2": "identified", "3": "watching", "4": "fixed"}
_GRADES = {"1": 0, "2": 1, "3": 2, "4": 3}
"""Severity by the state of the component."""
TIMES = {"occurred": "occurred_at", "created": "created_at", "updated": "updated_at", "scheduled": "scheduled_at"}
"""Times of version 3, each an object, and what version 2 calls them."""


def parse(data: bytes, source: base.FeedSource) -> base.Parsed:
    """Incidents since the oldest; maintenance as severity 0. Raises FeedError for a page of another shape."""
    tree = document.page_json(data, source, _EXPECTED)
    listed = tree.get("data") if isinstance(tree, dict) else None
    if (
        not isinstance(tree, dict)
        or not isinstance(listed, list)
        or not all(_fits(e) for e in document.objects_in(listed))
    ):
        raise source.wrong(document.shape_of(tree), _EXPECTED)
    found = ((f"incident {i}", entry) for i, entry in enumerate(listed, 1))
    entries = base.gather_entries(found, partial(_entry, source=source), source)
    base.newest_of(entries, source, more=_more(tree))
    return base.latest(entries, source)


def _fits(entry: document.JsonObject) -> bool:
    fields = _plain(entry)
    return any(k in fields for k in ("occurred_at", "created_at", "human_status", "is_resolved"))


def _more(tree: document.JsonObject) -> bool:
    """Whether another page follows."""
    meta, links = tree.get("meta"), tree.get("links")
    pages = meta.get("pagination") if isinstance(meta, dict) else None
    told = pages.get("links") if isinstance(pages, dict) else links
    return isinstance(told, dict) and bool(told.get("next_page") or told.get("next"))


def _entry(raw: object, *, source: base.FeedSource) -> base.FeedEntry:
    entry = _plain(document.mapping(raw))
    occurred_s, created_s = source.time(entry, "occurred_at", "scheduled_at"), source.time(entry, "created_at")
    posted_s = created_s if created_s is not None else occurred_s
    if posted_s is None:
        raise EntryError("it has neither occurred_at nor created_at")
    posts = [_plain(u) for u in document.objects_in(entry.get("updates", entry.get("incident_updates")))]
    told_posts = [{**post, "status": _status(post)} for post in posts]
    updates, unread = document.updates_of(source, told_posts, ("status",), ("created_at",))
    status = "resolved" if entry.get("is_resolved") in (True, "1") else _status(entry)
    component = entry.get("component")
    grade = _GRADES.get(document.word(component, "status") if isinstance(component, dict) else "", UNSTATED)
    told = base.Told(
        id=document.entry_name(entry, "id"),
        title=document.word(entry, "name"),
        posted_s=posted_s,
        started_s=occurred_s,
        severity=0 if is_planned(status) else grade or UNSTATED,
        status=status,
        updates=updates,
        changed_s=source.end(entry, "updated_at")[0],
        components=document.texts_in([component, *document.objects_in(entry.get("components"))], "name"),
        unread=unread,
        noted=bool(updates),
    )
    return base.entry_of(told, source)


def _status(post: document.JsonObject) -> str:
    """The newest status: `latest_status` where updates changed it; a number, a word, or an object of both."""
    for name in ("latest_status", "latest_human_status", "status", "human_status"):
        value = post.get(name)
        value = value.get("value", value.get("human")) if isinstance(value, Mapping) else value
        found = document.word({"status": value}, "status")
        if found:
            return STATUSES.get(found, found)
    return ""


def _plain(entry: document.JsonObject) -> document.JsonObject:
    """An entry of version 3 as one of version 2."""
    fields = entry.get("attributes")
    if not isinstance(fields, Mapping):
        return entry
    times = {
        name: moment.get("timestamp") or moment.get("string") if isinstance(moment, Mapping) else moment
        for old, name in TIMES.items()
        if (moment := fields.get(old)) is not None
    }
    return {**fields, **times, "id": entry.get("id")}
