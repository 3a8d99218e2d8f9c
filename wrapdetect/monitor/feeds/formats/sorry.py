"""Sorry: a status page's api/v1/notices, newest first.

{"notices": [{id, type, state, subject, began_at, ended_at, begins_at, ends_at, created_at, updates, components}]}, or
one of them as {"notice": ...}. Types: unplanned, planned, general. Source: docs.sorryapp.com.
"""

from functools import partial

from wrapdetect.monitor.feeds import base, document
from wrapdetect.monitor.feeds.dates import EntryError
from wrapdetect.monitor.feeds.status import UNSTATED, is_planned

_EXPECTED = "Sorry's JSON, an object with a list `notices`"


def parse(data: bytes, source: base.FeedSource) -> base.Parsed:
    """Notices since the oldest; planned and general ones as severity 0. Raises FeedError for another shape."""
    tree = document.page_json(data, source, _EXPECTED)
    one = isinstance(tree, dict) and isinstance(tree.get("notice"), dict)
    listed = (
        [tree["notice"]] if isinstance(tree, dict) and one else tree.get("notices") if isinstance(tree, dict) else None
    )
    if not isinstance(listed, list):
        raise source.wrong(document.shape_of(tree), _EXPECTED)
    found = ((f"notice {i}", entry) for i, entry in enumerate(listed, 1))
    entries = base.gather_entries(found, partial(_entry, source=source), source)
    meta = tree.get("meta") if isinstance(tree, dict) else None
    base.newest_of(entries, source, more=isinstance(meta, dict) and bool(meta.get("next_page")))
    return base.latest(entries, source)


def _entry(raw: object, *, source: base.FeedSource) -> base.FeedEntry:
    entry = document.mapping(raw)
    kind, status = document.word(entry, "type"), document.word(entry, "state", "timeline_state")
    planned = kind in ("planned", "general") or is_planned(status)
    started_s = source.time(entry, "began_at", "begins_at")
    created_s = source.time(entry, "created_at")
    posted_s = created_s if created_s is not None else started_s
    if posted_s is None:
        raise EntryError("it has neither began_at nor created_at")
    latest_update = entry.get("latest_update")
    posts = entry.get("updates") or ([latest_update] if latest_update else [])
    updates, wrong = document.updates_of(source, posts, ("state",), ("created_at",))
    ended_s, unread = source.end(entry, "ended_at")
    told = base.Told(
        id=document.entry_name(entry, "id"),
        title=document.word(entry, "subject"),
        posted_s=posted_s,
        started_s=started_s,
        severity=0 if planned else UNSTATED,
        status=status,
        updates=updates,
        stated_s=ended_s,
        changed_s=source.end(entry, "updated_at")[0],
        components=document.texts_in(entry.get("components"), "name"),
        unread=unread or wrong,
    )
    return base.entry_of(told, source)
