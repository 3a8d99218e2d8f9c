"""Instatus: a page's summary.json (what is open now), and the list of incidents of its API. Its RSS and Atom are
format = "rss" and "atom".

summary.json: {"page": {"status": "UP"}, "activeIncidents": [{name, started, status, impact, url}],
"activeMaintenances": [{name, start, status, duration, url}]}; the lists are left out where they are empty.
"""

from functools import partial

from wrapdetect.monitor.feeds import base, document
from wrapdetect.monitor.feeds.dates import EntryError
from wrapdetect.monitor.feeds.shapes import INSTATUS_STATES
from wrapdetect.monitor.feeds.status import UNSTATED, is_planned, severity_of

_EXPECTED = "Instatus JSON, a summary.json with `activeIncidents` or a list of incidents with `started`"
_LISTS = ("activeIncidents", "activeMaintenances")


def parse(data: bytes, source: base.FeedSource) -> base.Parsed:
    """What is open now, maintenance as severity 0; or a list. Raises FeedError for a page of another shape."""
    tree = document.page_json(data, source, _EXPECTED)
    if isinstance(tree, list):
        if tree and not any(isinstance(e, dict) and "started" in e for e in tree):
            raise source.wrong(document.shape_of(tree), _EXPECTED)
        found = [(f"incident {i}", e, "") for i, e in enumerate(tree, 1)]
    else:
        page = tree.get("page") if isinstance(tree, dict) else None
        known = isinstance(page, dict) and document.word(page, "status") in INSTATUS_STATES
        if not isinstance(tree, dict) or not (known or any(isinstance(tree.get(n), list) for n in _LISTS)):
            raise source.wrong(document.shape_of(tree), _EXPECTED)
        found = [
            (f"{name} {i}", e, name) for name in _LISTS for i, e in enumerate(document.entries_of(tree.get(name)), 1)
        ]
    read = partial(_entry, source=source)
    entries = base.gather_entries(((place, (e, name)) for place, e, name in found), read, source)
    return (base.latest if isinstance(tree, list) else base.momentary)(entries, source)


def _entry(raw: object, *, source: base.FeedSource) -> base.FeedEntry:
    assert isinstance(raw, tuple)
    entry = document.mapping(raw[0])
    status, impact = document.word(entry, "status"), document.word(entry, "impact")
    started_s = source.time(entry, "started", "start", "createdAt")
    if started_s is None:
        raise EntryError("it has neither started nor start")
    title = document.word(entry, "name")
    updates, wrong = document.updates_of(source, entry.get("updates"), ("status",), ("started", "createdAt"))
    ended_s, unread = source.end(entry, "resolved", "resolvedAt")
    told = base.Told(
        id=document.word(entry, "id", "url") or f"{title} {started_s}",
        title=title,
        posted_s=started_s,
        severity=0
        if raw[1] == _LISTS[1] or is_planned(status, impact)
        else severity_of(impact)
        if impact
        else UNSTATED,
        status=status,
        updates=updates,
        stated_s=ended_s,
        changed_s=source.end(entry, "updatedAt")[0],
        components=document.texts_in(entry.get("components"), "name"),
        unread=unread or wrong,
    )
    return base.entry_of(told, source)
