"""Pages that tell only what is open now, fetched again and again: what they say together.

Statuspage's summary.json, incident.io's widget and Upptime's history/SITE.yml never say that something has ended, and
the last two not when it began: they drop it, or tell its last update. Lists of incidents tell both, but some (Azure's)
drop what is over as well.
"""

from collections.abc import Iterable
from dataclasses import replace

from wrapdetect.model.history import Coverage, Incident
from wrapdetect.monitor.feeds.base import HOUR_S, UNNAMED, Parsed

JOINED_S = HOUR_S
"""Two looks as close as this cover the time between them: what began and ended in between was short, and is missed."""


def continued(page: Parsed, known: Iterable[Incident], *, seen_s: int | None) -> Parsed:
    """The page, with what earlier looks at it know: `known` are incidents of this feed that are stored, `seen_s` is
    when it was last read, None for never.

    An open incident keeps the onset it was first given. One that is no longer told ended between `seen_s` and now, and
    is given the time of fetching as its end, unless an entry was refused, which may be that one. A page that covers
    more than a moment says the times itself: there only an outage of the time that it covers ends so. What the page
    leaves out (its scope is new) and is stored as an outage is told again as none.
    """
    known = list(known)
    page = _without(page, known)
    moment = page.coverage
    if moment is None:
        return page
    before = {_key(i): i for i in known if i.ended_s is None and i.feed == moment.feed}
    now_only = moment.since_s == moment.until_s
    first = {_key(i): before.pop(_key(i), None) for i in (*page.incidents, *page.left_out)}
    told = tuple(_from_first(i, first[_key(i)]) for i in page.incidents) if now_only else page.incidents
    dropped = () if page.refused else [i for i in before.values() if now_only or _is_outage_of(i, moment)]
    gone = tuple(replace(i, ended_s=max(moment.until_s, i.began_s)) for i in dropped)
    if not now_only and not gone:
        return page
    near = now_only and seen_s is not None and 0 <= moment.until_s - seen_s <= JOINED_S
    return replace(
        page,
        incidents=tuple(sorted((*told, *gone), key=lambda i: (i.began_s, i.id))),
        coverage=replace(moment, since_s=seen_s) if near and seen_s is not None else moment,
    )


def _is_outage_of(incident: Incident, time: Coverage) -> bool:
    return incident.severity > 0 and time.since_s <= incident.began_s <= time.until_s


def _without(page: Parsed, known: Iterable[Incident]) -> Parsed:
    stored = {(i.feed, i.id) for i in known if i.severity}
    again = tuple(replace(i, severity=0) for i in page.left_out if (i.feed, i.id) in stored)
    return replace(page, incidents=(*page.incidents, *again)) if again else page


def _key(incident: Incident) -> str:
    return UNNAMED if incident.id.startswith(UNNAMED) else incident.id


def _from_first(now: Incident, first: Incident | None) -> Incident:
    if first is None:
        return now
    return replace(now, id=first.id, began_s=first.began_s, early_s=first.early_s, late_s=first.late_s)
