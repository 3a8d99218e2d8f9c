"""Better Stack (Better Uptime): a status page's index.json, and the status-reports of its API. Its RSS is
format = "rss".

JSON:API, {"data": the page, "included": [...]} or {"data": [reports], "included": [...]}. A report: title, report_type
(manual, automatic, maintenance), starts_at, ends_at, aggregate_state, affected_resources; its updates (published_at,
affected_resources) and the resources (public_name) lie in `included`. Source: betterstack.com/docs/uptime.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

from wrapdetect.monitor.feeds import base, document
from wrapdetect.monitor.feeds.dates import EntryError
from wrapdetect.monitor.feeds.status import UNSTATED, Update, is_planned, phase, severity_of

_EXPECTED = "Better Stack JSON, an index.json with `data` and `included`, or a list of status reports in `data`"
_STATES = ("downtime", "degraded", "maintenance", "resolved", "operational")
"""Of a resource in an update, the worst first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Beside:
    """What lies beside the reports: the updates of each, and the names of resources by id."""

    updates: Mapping[str, list[document.JsonObject]]
    names: Mapping[str, str]


def parse(data: bytes, source: base.FeedSource) -> base.Parsed:
    """Reports since the oldest; maintenance as severity 0. Raises FeedError for a page of another shape."""
    tree = document.page_json(data, source, _EXPECTED)
    page = tree.get("data") if isinstance(tree, dict) else None
    if not isinstance(tree, dict) or not _fits(page):
        raise source.wrong(document.shape_of(tree), _EXPECTED)
    included = list(document.objects_in(tree.get("included")))
    reports = [e for e in (*document.objects_in(page), *included) if document.word(e, "type") == "status_report"]
    found = ((f"report {i}", entry) for i, entry in enumerate(reports, 1))
    entries = base.gather_entries(found, partial(_entry, source=source, beside=_beside(included)), source)
    pages = tree.get("pagination")
    base.newest_of(entries, source, more=isinstance(pages, dict) and bool(pages.get("next")))
    return base.latest(entries, source)


def _fits(page: object) -> bool:
    if isinstance(page, list):
        return all(isinstance(e, dict) and e.get("type") == "status_report" for e in page)
    return isinstance(page, dict) and page.get("type") in ("status_page", "status_report")


def _beside(included: list[document.JsonObject]) -> _Beside:
    updates: dict[str, list[document.JsonObject]] = {}
    names: dict[str, str] = {}
    for entry in included:
        fields = entry.get("attributes")
        if not isinstance(fields, dict):
            continue
        if document.word(entry, "type") == "status_update":
            updates.setdefault(document.word(entry, "id"), []).append(fields)
            updates.setdefault(f"of {document.word(fields, 'status_report_id')}", []).append(fields)
        elif document.word(entry, "type") == "status_page_resource":
            names[document.word(entry, "id")] = document.word(fields, "public_name", "name")
    return _Beside(updates=updates, names=names)


def _entry(raw: object, *, source: base.FeedSource, beside: _Beside) -> base.FeedEntry:
    entry = document.mapping(raw)
    fields, id_ = document.mapping(entry.get("attributes"), "attributes"), document.entry_name(entry, "id")
    posts = _posts(entry, id_, beside)
    started_s = source.time(fields, "starts_at")
    updates: list[Update] = []
    unread = ""
    for post in posts:
        at_s, wrong = source.end(post, "published_at")
        unread = unread or wrong
        if at_s is not None:
            updates.append(Update(at_s, _state(post.get("affected_resources"))))
    first_s = min((u.at_s for u in updates), default=None)
    posted_s = first_s if first_s is not None else started_s
    if posted_s is None:
        raise EntryError("it has neither starts_at nor an update with published_at")
    ended_s, wrong = source.end(fields, "ends_at")
    grades = [_state(p.get("affected_resources")) for p in (fields, *posts)] + [
        document.word(fields, "aggregate_state")
    ]
    planned = is_planned(document.word(fields, "report_type"))
    now = phase(document.word(fields, "aggregate_state"))
    newest = max(updates, key=lambda u: u.at_s, default=None)
    goes_on = newest is not None and ended_s is not None and newest.at_s > ended_s and phase(newest.status) == "open"
    over = now == "over" or (ended_s is not None and ended_s <= source.fetched_s and not goes_on)
    touched = [
        document.word(r, "status_page_resource_id")
        for p in (fields, *posts)
        for r in document.objects_in(p.get("affected_resources"))
    ]
    told = base.Told(
        id=id_,
        title=document.word(fields, "title"),
        posted_s=posted_s,
        started_s=started_s,
        severity=0
        if planned
        else max((severity_of(g) for g in grades if g not in ("", "resolved")), default=0) or UNSTATED,
        status="resolved" if over else "open" if now == "open" else "",
        updates=tuple(updates),
        stated_s=ended_s if over or planned else None,  # of what lasts, an end that lies ahead is a guess
        components=tuple(dict.fromkeys(name for t in touched if (name := beside.names.get(t, "")))),
        unread=wrong or unread,
    )
    return base.entry_of(told, source)


def _posts(entry: document.JsonObject, id_: str, beside: _Beside) -> list[document.JsonObject]:
    """Updates of a report, by the ids that it names, else by those that name it."""
    related = entry.get("relationships")
    named = related.get("status_updates") if isinstance(related, dict) else None
    ids = [document.word(e, "id") for e in document.objects_in(named.get("data"))] if isinstance(named, dict) else []
    return [post for i in ids for post in beside.updates.get(i, [])] or beside.updates.get(f"of {id_}", [])


def _state(resources: object) -> str:
    """The worst state of the resources of a post; "" where it names none."""
    states = {document.word(r, "status") for r in document.objects_in(resources)}
    return next((s for s in _STATES if s in states), "")
