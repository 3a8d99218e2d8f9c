"""Sorry: a status page's api/v1/notices, newest first.

{"notices": [{id, type, state, subject, began_at, ended_at, begins_at, ends_at, created_at, updates, components}]}, or
one of them as {"notice": ...}. Types: unplanned, planned, general. Source: docs.sorryapp.com.
"""

from functools import partial

from wrapdetect.monitor.feeds.base import (
    FeedEntry,
    FeedSource,
    Parsed,
    Told,
    entry_of,
    gather_entries,
    latest,
    newest_of,
)
from wrapdetect.monitor.feeds.dates import EntryError
from wrapdetect.monitor.feeds.document import entry_name, mapping, page_json, shape_of, texts_in, updates_of, word
from wrapdetect.monitor.feeds.status import UNSTATED, is_planned

_EXPECTED = "Sorry's JSON, an object with a list `notices`"


def parse(data: bytes, source: FeedSource) -> Parsed:
    """Notices since the oldest; planned and general ones as severity 0. Raises FeedError for another shape."""
    tree = page_json(data, source, _EXPECTED)
    one = isinstance(tree, dict) and isinstance(tree.get("notice"), dict)
    listed = (
        [tree["notice"]] if isinstance(tree, dict) and one else tree.get("notices") if isinstance(tree, dict) else None
    )
    if not isinstance(listed, list):
        raise source.wrong(shape_of(tree), _EXPECTED)
    found = ((f"notice {i}", entry) for i, entry in enumerate(listed, 1))
    entries = gather_entries(found, partial(_entry, source=source), source)
    meta = tree.get("meta") if isinstance(tree, dict) else None
    newest_of(entries, source, more=isinstance(meta, dict) and bool(meta.get("next_page")))
    return latest(entries, source)


def _entry(raw: object, *, source: FeedSource) -> FeedEntry:
    entry = mapping(raw)
    kind, status = word(entry, "type"), word(entry, "state", "timeline_state")
    planned = kind in ("planned", "general") or is_planned(status)
    started_s = source.time(entry, "began_at", "begins_at")
    created_s = source.time(entry, "created_at")
    posted_s = created_s if created_s is not None else started_s
    if posted_s is None:
        raise EntryError("it has neither began_at nor created_at")
    latest_update = entry.get("latest_update")
    posts = entry.get("updates") or ([latest_update] if latest_update else [])
    updates, wrong = updates_of(source, posts, ("state",), ("created_at",))
    ended_s, unread = source.end(entry, "ended_at")
    told = Told(
        id=entry_name(entry, "id"),
        title=word(entry, "subject"),
        posted_s=posted_s,
        started_s=started_s,
        severity=0 if planned else UNSTATED,
        status=status,
        updates=updates,
        stated_s=ended_s,
        changed_s=source.end(entry, "updated_at")[0],
        components=texts_in(entry.get("components"), "name"),
        unread=unread or wrong,
    )
    return entry_of(told, source)
