"""What times does the text of a syndicated entry tell? Dated updates, and a stated beginning and end.

Statuspage: "Jun 18, 18:09 UTC Resolved - This ..."; LambStatus with the year; Instatus "Nov 10, 08:00:12 GMT+0 -
Investigating - ..."; Google Cloud "began at 2026-03-10 01:00 and ended at ... (all times are US/Pacific)"; Azure
"Starting at 08:00 UTC on 27 Nov 2026", "Between 08:00 and 10:12 UTC on 27 November 2026"; AWS "Between 1:10 AM and
3:20 AM PST".
"""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, tzinfo
from typing import NamedTuple

from wrapdetect.model.prose import quote
from wrapdetect.monitor.feeds.dates import (
    CLOCK,
    EPOCH,
    MONTH,
    MONTHS,
    ZONE,
    EntryError,
    instant,
    of_clock,
    offsets,
    zone_named,
)
from wrapdetect.monitor.feeds.status import Update

HOUR_S = 3600
UPDATE = re.compile(
    rf"\b(?:(?P<month>{MONTH})\.?\s{{1,3}}(?P<day>\d{{1,2}})|(?P<day2>\d{{1,2}})\s{{1,3}}(?P<month2>{MONTH}))"
    rf"(?:\s?,?\s{{1,3}}(?P<year>\d{{4}}))?\s?(?:,|\bat\b)?\s{{0,3}}{CLOCK}(?:\s{{1,3}}(?:\((?P<zone>{ZONE})\)|(?P<zone2>{ZONE})))?"
    r"\s{1,3}(?:[-–—:]\s{1,3})?(?P<status>[A-Z][A-Za-z]{1,15}(?:[ -](?:[Pp]rogress|[Uu]pdate|[Aa]larm|[Mm]ortem))?)"
    r"\s{0,3}[-–—:]\s"
)
"""A dated update in a text without tags: date, time, zone (without one it cannot be dated), status, dash."""
GOOGLE = re.compile(
    r"\bbegan at\s{1,3}(\d{4}-\d\d-\d\d \d\d:\d\d)(?:\s{1,3}and ended at\s{1,3}(\d{4}-\d\d-\d\d \d\d:\d\d))?"
    r"[^()]{0,80}\(all times are\s{1,3}([A-Za-z]{2,20}(?:/[A-Za-z_]{2,30})?)\s?\)",
    re.IGNORECASE,
)
DAY = rf"(\d{{1,2}})(?:st|nd|rd|th)?\s{{1,3}}({MONTH})\s{{1,3}}(\d{{4}})"
AZURE = re.compile(
    rf"\b(?:(?:starting|beginning|began|started)(?:\sat|\sfrom|\saround|\sapproximately|\sas early as){{0,2}}"
    rf"|between|from)"
    rf"\s{{1,3}}(\d\d:\d\d)(?:\s{{1,3}}(UTC))?(?:\s{{1,3}}on\s{{1,3}}{DAY})?"
    rf"(?:\s{{1,3}}(?:and|to|until)\s{{1,3}}(\d\d:\d\d)\s{{1,3}}(UTC)\s{{1,3}}on\s{{1,3}}{DAY})?",
    re.IGNORECASE,
)
AWS = re.compile(
    rf"\bbetween\s{{1,3}}(?:(?P<month>{MONTH})\s(?P<day>\d{{1,2}}),?\s(?:at\s)?)?(?P<clock>\d{{1,2}}:\d\d)\s?(?P<half>[AP])M"
    rf"(?:\s[A-Z]{{3,4}})?\s{{1,3}}and\s{{1,3}}(?:(?P<month2>{MONTH})\s(?P<day2>\d{{1,2}}),?\s(?:at\s)?)?"
    r"(?P<clock2>\d{1,2}:\d\d)\s?(?P<half2>[AP])M\s(?P<zone>[A-Z]{3,4})\b",
    re.IGNORECASE,
)
"""The day is told where it is not that of the post."""


class Stated(NamedTuple):
    """A beginning and an end that a text states, seconds; None for what it does not."""

    began_s: int | None
    ended_s: int | None


def updates(text: str, posted_s: int, zone: tzinfo | None = None) -> tuple[Update, ...]:
    """The dated updates of a text, as they stand there; where the year is not told, the nearest to their neighbour, and
    for the first to `posted_s`. `zone` is that of times without one.

    Raises EntryError for one that cannot be dated: its zone or day is none."""
    zones: dict[str, float] = {}
    dated: list[Update] = []
    for match in UPDATE.finditer(text):
        near_s = dated[-1].at_s if dated else posted_s
        said = match["zone"] or match["zone2"] or ""
        guesses = list(_guesses(match, said or zone, zones, near_s))
        if not guesses:
            raise EntryError(f"the time of its update {quote(match.group(), 60)} cannot be read (its day or its zone)")
        at_s, zones[said] = min(guesses, key=lambda g: abs(g[0] - near_s))
        dated.append(Update(at_s, match["status"]))
    return tuple(dated)


def stated(text: str, posted_s: int | None = None) -> Stated:
    """What the text says of the beginning and the end, with the zone in words; nothing where it cannot be read.
    A time of day alone is the last such one before `posted_s`.

    >>> stated("Impact Statement: Starting at 08:00 UTC on 27 Nov 2026, a subset")
    Stated(began_s=1795766400, ended_s=None)
    """
    try:
        if found := GOOGLE.search(text):
            zone = zone_named(found[3])
            if zone is not None:
                return Stated(instant(found[1], "", zone), instant(found[2], "", zone))
        elif (found := AZURE.search(text)) and (found[3] or found[8]):
            began = found.group(3, 4, 5) if found[3] else found.group(8, 9, 10)
            if found[2] or found[7]:
                return Stated(_at(found[1], *began), _at(found[6], *found.group(8, 9, 10)) if found[6] else None)
        elif posted_s is not None and (found := AWS.search(text)) and len(hours := offsets(found["zone"])) == 1:
            ended_s = _before(found, "2", hours[0], posted_s)
            began_s = None if ended_s is None else _before(found, "", hours[0], ended_s)
            return Stated(began_s, None if began_s is None else ended_s)
    except (EntryError, ValueError):
        pass
    return Stated(None, None)


def _before(found: re.Match[str], which: str, hours: float, until_s: int) -> int | None:
    """The last second up to `until_s` that has the day, where one is told, and the time of day of a match."""
    month, clock, half = found[f"month{which}"], found[f"clock{which}"], found[f"half{which}"]
    shift_s = round(hours * HOUR_S)
    for back in range(2 if not month else 30):
        day = datetime.fromtimestamp(until_s + shift_s - back * 24 * HOUR_S, UTC)
        name = MONTHS[day.month - 1]
        at_s = _seconds(of_clock(day.year, name, day.day, clock, half)) - shift_s
        told = not month or (name == month[:3].lower() and day.day == int(found[f"day{which}"]))
        if told and at_s <= until_s:
            return at_s
    return None


def _at(clock: str, day: str, month: str, year: str) -> int:
    return _seconds(of_clock(int(year), month, int(day), clock, None))


def _guesses(
    match: re.Match[str], zone: str | tzinfo | None, zones: dict[str, float], near_s: int
) -> Iterator[tuple[int, float]]:
    """Seconds that it may mean, each with the offset of its zone in hours."""
    month, day = match["month"] or match["month2"], int(match["day"] or match["day2"])
    told = int(match["year"] or 0)
    near = datetime.fromtimestamp(near_s, UTC).year
    for year in (told,) if told else (near - 1, near, near + 1):
        try:
            wall = of_clock(year, month, day, match["clock"], match["half"])
            hours = _hours(wall, zone, zones)
            yield from ((_seconds(wall) - round(h * HOUR_S), h) for h in hours)
        except (ValueError, OverflowError):
            continue


def _hours(wall: datetime, zone: str | tzinfo | None, zones: dict[str, float]) -> tuple[float, ...]:
    """Offsets from UTC that the zone may have then; that of a word is the one it had before in this text."""
    if isinstance(zone, str):
        if zone in zones:
            return (zones[zone],)
        if "/" not in zone:
            return offsets(zone)
        zone = zone_named(zone)
    offset = wall.replace(tzinfo=zone).utcoffset() if zone else None
    return () if offset is None else (offset.total_seconds() / HOUR_S,)


def _seconds(wall: datetime) -> int:
    return int((wall.replace(tzinfo=UTC) - EPOCH).total_seconds())
