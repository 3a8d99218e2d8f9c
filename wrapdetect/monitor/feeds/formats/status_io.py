"""Status.io: the public status API, api.status.io/1.0/status/PAGE: what is open now.

{"result": {"status_overall": ..., "incidents": [{_id, name, datetime_open, messages: [{status, state, datetime}],
components_affected}], "maintenance": {"active": [...], "upcoming": [...]}}}. A message's status is a number: 100 is
operational, 500 a disruption. Source: statusio.docs.apiary.io.
"""

from functools import partial

from wrapdetect.monitor.feeds import base, document
from wrapdetect.monitor.feeds.dates import EntryError
from wrapdetect.monitor.feeds.status import UNSTATED, Update

_EXPECTED = "Status.io JSON, an object with `result` that has `status_overall` or `incidents`"
_GRADES = {"300": 1, "400": 2, "500": 3, "600": 1}
"""Severity by status: degraded, partly disrupted, disrupted, a security event."""
OPERATIONAL = "100"


def parse(data: bytes, source: base.FeedSource) -> base.Parsed:
    """What is open; maintenance as severity 0. Raises FeedError for a page of another shape."""
    tree = document.page_json(data, source, _EXPECTED)
    result = tree.get("result") if isinstance(tree, dict) else None
    if not isinstance(result, dict) or not ({"status_overall", "incidents", "maintenance"} & set(result)):
        raise source.wrong(document.shape_of(tree), _EXPECTED)
    planned = result.get("maintenance")
    kinds = [("incident", result.get("incidents"))]
    kinds += [(f"{k} maintenance", planned.get(k)) for k in ("active", "upcoming")] if isinstance(planned, dict) else []
    found = [
        (f"{kind} {i}", (entry, kind)) for kind, some in kinds for i, entry in enumerate(document.objects_in(some), 1)
    ]
    return base.momentary(base.gather_entries(found, partial(_entry, source=source), source), source)


def _entry(raw: object, *, source: base.FeedSource) -> base.FeedEntry:
    assert isinstance(raw, tuple)
    entry, kind = document.mapping(raw[0]), raw[1]
    names = ("datetime_open", "datetime_planned_start")
    opened_s = source.time(entry, *(names if kind == "incident" else names[::-1]))
    posts = list(document.objects_in(entry.get("messages")))
    times = [source.end(post, "datetime") for post in posts]
    first_s = min((at_s for at_s, _ in times if at_s is not None), default=None)
    posted_s = opened_s if opened_s is not None else first_s
    if posted_s is None:
        raise EntryError("it has neither datetime_open nor a message with a datetime")
    states = [document.word(post, "status") for post in posts]
    updates = (
        Update(at_s, "resolved" if state == OPERATIONAL else "open")
        for (at_s, _), state in zip(times, states, strict=True)
        if at_s is not None
    )
    told = base.Told(
        id=document.entry_name(entry, "_id", "id"),
        title=document.word(entry, "name"),
        posted_s=posted_s,
        severity=max((_GRADES.get(s, 0) for s in states), default=0) or UNSTATED if kind == "incident" else 0,
        updates=tuple(updates),
        components=document.texts_in(
            [
                *document.objects_in(entry.get("components_affected")),
                *document.objects_in(entry.get("containers_affected")),
            ],
            "name",
        ),
        unread=next((wrong for _, wrong in times if wrong), ""),
    )
    return base.entry_of(told, source)
