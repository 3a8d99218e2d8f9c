"""Is an incident open or over, since when, and how grave is it? By the words of all status pages, in one place.

The newest status decides. An incident that was resolved and then investigated again is open, and its end is that of
the last resolution, not of the first.
"""

from collections.abc import Iterable, Mapping
from typing import Literal, NamedTuple

Phase = Literal["open", "over", "afterword", "never"]
"""`afterword`: written when all was over (a postmortem). `never`: it was none (a false alarm, a cancelled plan)."""
RANK: tuple[Phase, ...] = ("open", "over", "never", "afterword")
"""Of two posts in the same minute the later here is the newer."""
SAME_TIME_S = 60
"""Two times as close as this are one: Statuspage sets started_at some milliseconds before created_at."""

_WORDS: Mapping[Phase, str] = {
    "open": "investigating identified monitoring watching recovering verifying active open opened reopened ongoing "
    "acknowledged confirmed inprogress underway scheduled notstartedyet upcoming planned started detected triggered "
    "degraded downtime partiallyresolved partialrecovery maintenanceinprogress maintenancescheduled servicedisruption "
    "serviceoutage serviceinformation",
    "over": "resolved completed complete fixed mitigated closed restored recovered operational ended finished "
    "available done maintenancecomplete maintenancecompleted servicerestored serviceisoperatingnormally",
    "afterword": "postmortem postincidentreview preliminarypostincidentreview pir preliminarypir postincidentreviewpir "
    "preliminarypostincidentreviewpir rca rootcauseanalysis retrospective",
    "never": "falsealarm falsepositive notanincident cancelled canceled",
}
PHASES: Mapping[str, Phase] = {word: phase for phase, words in _WORDS.items() for word in words.split()}
"""By letters alone. A word that is not here ("update") tells nothing new: what was so, stays."""

PLANNED_WORDS = (
    "scheduled inprogress underway verifying completed complete maintenance notstartedyet upcoming planned "
    "maintenanceinprogress maintenancescheduled maintenancecomplete maintenancecompleted undermaintenance "
    "plannedmaintenance scheduledmaintenance cancelled canceled"
)
_PLANNED = frozenset(PLANNED_WORDS.split())
"""Statuses, impacts and types that only maintenance has: it is no outage."""

SEVERITY: Mapping[str, int] = {
    "none": 0, "maintenance": 0, "undermaintenance": 0, "plannedmaintenance": 0, "operational": 0, "notice": 0,
    "minor": 1, "degradedperformance": 1, "degraded": 1, "minoroutage": 1, "low": 1, "performanceissues": 1,
    "serviceinformation": 1, "informationalmessage": 1,
    "major": 2, "partialoutage": 2, "medium": 2, "servicedisruption": 2, "partialservicedisruption": 2,
    "servicedegradation": 2, "moderate": 2,
    "critical": 3, "majoroutage": 3, "fulloutage": 3, "serviceoutage": 3, "down": 3, "downtime": 3, "high": 3,
}  # fmt: skip
"""By letters alone."""
UNSTATED = 1
"""Severity of an incident whose feed states none: published, so not nothing; no more than that is known."""


class Update(NamedTuple):
    """One post about an incident: when, and the status it gives, "" for none."""

    at_s: int
    status: str


class End(NamedTuple):
    """When an incident ended; None while it lasts, and where that is not known: then `doubt` says so."""

    at_s: int | None
    doubt: str


def letters(word: str) -> str:
    """A status as it is looked up.

    >>> letters("Partial outage"), letters("MAINTENANCE_COMPLETE")
    ('partialoutage', 'maintenancecomplete')
    """
    return "".join(c for c in word.lower() if c.isalpha())


def phase(word: str) -> Phase | None:
    return PHASES.get(letters(word))


def severity_of(word: str) -> int:
    """Severity of a feed's own word; UNSTATED for one not known.

    >>> severity_of("Partial outage"), severity_of("Maintenance")
    (2, 0)
    """
    return SEVERITY.get(letters(word), UNSTATED)


def is_planned(*words: str) -> bool:
    """Whether one of these, statuses or types, is one of maintenance."""
    return any(letters(w) in _PLANNED for w in words)


def end_of(
    updates: Iterable[Update],
    *,
    began_s: int,
    status: str = "",
    stated_s: int | None = None,
    changed_s: int | None = None,
) -> End:
    """When it ended: `status` is the page's word for now, `stated_s` its end, `changed_s` the entry's last change.

    The newest status decides whether it is over: the page's own word, else the newest update's, else that an end is
    stated. Its end is the stated one, unless it was reopened after that; else the first update that says so since it
    was last open; else, as the latest that it can be, its afterword or the last change. An end before the beginning is
    none, and one of the very minute is no better where the stated one was wrong.

    >>> came_back = [Update(100, "Resolved"), Update(130, "Investigating"), Update(300, "Resolved")]
    >>> end_of(came_back, began_s=0, stated_s=100), end_of(came_back[:2], began_s=0, stated_s=100)
    (End(at_s=300, doubt=''), End(at_s=None, doubt=''))
    """
    told = _phases(updates)
    now = phase(status) or (told[-1][1] if told else None)
    if now == "open" or (now is None and stated_s is None):
        return End(None, "")
    overs = [at_s for at_s, p in told if p in ("over", "never")]
    opens = [at_s for at_s, p in told if p == "open"]
    reopened_s = max((at_s for at_s in opens if overs and at_s > overs[0]), default=None)
    resolved_s = min((at_s for at_s in overs if not opens or at_s >= max(opens)), default=None)
    if reopened_s is not None and resolved_s is None and (stated_s is None or stated_s <= reopened_s):
        return End(None, "it was resolved, and a newer post says that it lasts")
    if stated_s is not None and (reopened_s is None or stated_s > reopened_s):
        if stated_s >= began_s:
            return End(stated_s, "")
        if resolved_s is not None and resolved_s - began_s >= SAME_TIME_S:
            return End(resolved_s, "")
        return End(None, "its stated end lies before its beginning: its end is not known")
    if resolved_s is not None and resolved_s >= began_s:
        return End(resolved_s, "")
    afterword_s = min((at_s for at_s, p in told if p == "afterword"), default=changed_s)
    if afterword_s is not None and afterword_s >= began_s:
        return End(afterword_s, "no end is told: taken is its last change, the latest that it can be")
    return End(None, "it is over, but no end that makes sense is told: its end is not known")


def never_was(updates: Iterable[Update], status: str = "") -> bool:
    """Whether the newest word is that there was no incident."""
    told = _phases(updates)
    return (phase(status) or (told[-1][1] if told else None)) == "never"


def _phases(updates: Iterable[Update]) -> list[tuple[int, Phase]]:
    """By time; of the same moment, by RANK."""
    told = [(u.at_s, p) for u in updates if (p := phase(u.status)) is not None]
    return sorted(told, key=lambda t: (t[0], RANK.index(t[1])))
