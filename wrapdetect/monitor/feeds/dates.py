"""Which second does a page's own spelling of a time mean? ISO 8601, RFC 822, epoch numbers, zones in words.

What cannot be read is refused by name. A zone is never guessed: a time without one counts only where the user named
the page's zone, and a word that several zones share counts only beside a second time that decides between them.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo

from wrapdetect.model.prose import quote

EARLIEST_S = 946_684_800
"""2000-01-01: no status page is older."""
LATEST_S = 4_102_444_800
"""2100-01-01: a time from here on is a mistake."""
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NOTHING = (None, "", 0, "0", "$undefined", "null")
YEAR_1 = "0001-01-01"
"""How pages write "no time", beside 1970; Go programs (incident.io) write the first of year 1."""
TIME_CHARS = 80

MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
MONTH = (
    r"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sept?|Oct|Nov|Dec|January|February|March|April|June|July|August|September"
    r"|October|November|December)"
)
ZONE = r"(?:[A-Z]{1,5}(?:[+-]\d{1,2}(?::?\d\d)?)?|[+-]\d\d:?\d\d|[A-Z][A-Za-z]{1,15}/[A-Z][A-Za-z_]{1,20})"
CLOCK = r"(?P<clock>\d{1,2}:\d\d(?::\d\d)?)(?:\.\d{1,9})?(?:\s?(?P<half>[AaPp])\.?[Mm]\.?)?"

SPELT = re.compile(
    rf"(?:[A-Za-z]{{3,9}},?\s+)?(?:(?P<day>\d{{1,2}})(?:st|nd|rd|th)?[\s-]+(?P<month>{MONTH})|"
    rf"(?P<month2>{MONTH})\s+(?P<day2>\d{{1,2}})(?:st|nd|rd|th)?)\.?,?[\s-]+(?P<year>\d{{4}}|\d\d),?\s+(?:at\s+)?{CLOCK}"
    r"\s*(?P<zone>\S.*)?",
    re.IGNORECASE,
)
"""RFC 822 and its kin: "Fri, 27 Nov 2026 10:00:00 Z", "Nov 10, 2026 8:00 AM PST"."""
GO = re.compile(r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d{1,9})? [+-]\d{4}) [A-Z]{3,5}(?: m=[+-][\d.]{1,20})?")
"""As programs in Go print a time: "2026-11-10 08:00:00 +0000 UTC"."""
UNIX = re.compile(rf"([A-Z][a-z]{{2}}) +({MONTH}) +(\d{{1,2}}) (\d\d:\d\d:\d\d) ([A-Z]{{3,5}}) (\d{{4}})")
"""As `date` prints it: "Fri Nov 27 10:00:00 UTC 2026"."""
ISO_AND_ZONE = re.compile(r"(\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:[.,]\d{1,9})?)?)\s?([A-Z][A-Za-z/_+:0-9-]{1,30})")
"""ISO with a zone in words: "2026-11-10 08:00:00 UTC"."""
COMMENT = re.compile(r"\s*(?:\([A-Za-z /]{1,60}\)|\[[A-Za-z_/]{1,40}\])\Z")
"""Behind an offset or Z its name stands as a comment: "+0000 (UTC)" (RFC 822), "+01:00[Europe/Berlin]" (RFC 9557)."""
NUMERIC = re.compile(r"(?:\d[Zz]|[+-]\d\d:?\d\d)\Z")
OFFSET = re.compile(r"(?:UTC|GMT|Z)?([+-])(\d{1,2})(?::?(\d\d))?")

ZONES: Mapping[str, tuple[float, ...]] = {
    "Z": (0,), "UT": (0,), "UTC": (0,), "GMT": (0,), "WET": (0,), "WEST": (1,), "CET": (1,), "CEST": (2,), "EET": (2,),
    "EEST": (3,), "MSK": (3,), "PST": (-8,), "PDT": (-7,), "MST": (-7,), "MDT": (-6,), "CST": (-6, 8), "CDT": (-5,),
    "EST": (-5,), "EDT": (-4,), "AKST": (-9,), "AKDT": (-8,), "HST": (-10,), "BRT": (-3,), "IST": (5.5, 1, 2),
    "BST": (1, 6), "SGT": (8,), "HKT": (8,), "JST": (9,), "KST": (9,), "AWST": (8,), "ACST": (9.5,), "AEST": (10,),
    "AEDT": (11,), "NZST": (12,), "NZDT": (13,),
}  # fmt: skip
"""Hours east of UTC. Where an abbreviation has several (CST: Chicago, Shanghai), a second time must decide."""
RFC_822: Mapping[str, tuple[float, ...]] = {"CST": (-6,)}
"""Words that several zones share, and which RFC 822 gives to one: in a time of that spelling it is meant."""


class EntryError(ValueError):
    """An entry that makes no sense; the rest of its page still counts."""


def instant(text: object, name: str, zone: tzinfo | None = None) -> int | None:
    """Seconds since 1970; None for null, nothing, 1970 and year 1. `zone` counts where the text names none.

    Raises EntryError, which names the field and its text, for any other that is no time of 2000 to 2099.

    >>> instant("2024-03-10T01:30:00-08:00", "start") == instant("2024-03-10T09:30:00Z", "start")
    True
    >>> instant("Fri, 27 Nov 2026 10:00:00 Z", "pubDate"), instant("1795773600000", "start")
    (1795773600, 1795773600)
    """
    if isinstance(text, bool):
        raise EntryError(f"{name} is {text}; expected a time")
    if text in _NOTHING or (isinstance(text, str) and text.startswith(YEAR_1)):
        return None
    shown = quote(repr(text), 60)
    at_s = _epoch_s(text)
    if at_s is None:
        moment = _moment(text.strip(), zone, name) if isinstance(text, str) and len(text) <= TIME_CHARS else None
        if moment is None:
            raise EntryError(f"{name} is {shown}; expected ISO 8601 with a zone")
        at_s = (moment - EPOCH) // timedelta(seconds=1)
    if at_s == 0:
        return None
    if at_s >= LATEST_S:
        raise EntryError(f"{name} is {shown}; expected a time before 2100")
    if at_s < EARLIEST_S:
        raise EntryError(f"{name} is {shown}; expected a time after 1999")
    return at_s


def offsets(zone: str) -> tuple[float, ...]:
    """Hours east of UTC that a zone without summer time may stand for; none where it is not known.

    >>> offsets("PDT"), offsets("+05:30"), offsets("GMT-8"), offsets("XYZ")
    ((-7,), (5.5,), (-8.0,), ())
    """
    word = zone.strip().strip("()").upper()
    found = OFFSET.fullmatch(word)
    if found is None:
        return ZONES.get(word, ())
    hours = int(found[2]) + int(found[3] or 0) / 60
    return (-hours if found[1] == "-" else hours,) if hours <= 14 else ()


def zone_named(zone: str) -> tzinfo | None:
    """A zone by its one meaning: an offset, UTC, PST, or a name of the time zone database; None for any other.

    >>> zone_named("GMT+0"), zone_named("IST") is None, zone_named("Mars/Olympus") is None
    (datetime.timezone.utc, True, True)
    """
    hours = offsets(zone)
    if len(hours) == 1:
        return timezone(timedelta(hours=hours[0])) if hours[0] else UTC
    if "/" not in zone or not re.fullmatch(r"[A-Za-z]{2,20}(/[A-Za-z0-9_+-]{1,30}){1,2}", zone):
        return None
    try:
        return ZoneInfo(zone)  # the one thing read from this machine: its table of summer times
    except (KeyError, ValueError, OSError):
        return None


def of_clock(year: int, month: str, day: int, clock: str, half: str | None) -> datetime:
    """What calendar and clock show, called UTC, from the written parts. Raises ValueError for no such time."""
    hour, minute, second = (*map(int, clock.split(":")), 0)[:3]
    if half:
        if not 1 <= hour <= 12:
            raise ValueError("hour")
        hour = hour % 12 + (12 if half in "pP" else 0)
    return datetime(year, MONTHS.index(month[:3].lower()) + 1, day, hour, minute, second, tzinfo=UTC)


def _epoch_s(value: object) -> int | None:
    """Seconds, milliseconds or microseconds since 1970, as a number or its digits, by their size; else None."""
    if isinstance(value, str) and re.fullmatch(r"[0-9]{9,17}(\.[0-9]{1,9})?", value.strip()):
        value = float(value)
    if not isinstance(value, int | float) or not abs(value) < 1e17:  # also for nan
        return None
    return int(value // (1 if abs(value) < 1e11 else 1_000 if abs(value) < 1e14 else 1_000_000))


def _moment(text: str, zone: tzinfo | None, name: str) -> datetime | None:
    """The time in UTC; None for what is no date at all. Raises EntryError for one without a zone that is known."""
    bare = COMMENT.sub("", text)
    text = bare if NUMERIC.search(bare) else text
    text = UNIX.sub(r"\1, \3 \2 \6 \4 \5", GO.sub(r"\1", text))
    spelt, worded = SPELT.fullmatch(text), ISO_AND_ZONE.fullmatch(text)
    said = (spelt["zone"] if spelt else worded[2] if worded else None) or ""
    try:
        if spelt:
            year = int(spelt["year"]) + (2000 if len(spelt["year"]) == 2 else 0)
            month, day = spelt["month"] or spelt["month2"], int(spelt["day"] or spelt["day2"])
            moment = of_clock(year, month, day, spelt["clock"], spelt["half"])
        else:
            moment = datetime.fromisoformat(worded[1] if worded else text.upper())
        if spelt or moment.tzinfo is None:
            moment = moment.replace(tzinfo=_zone_of(said.strip(), zone, name, text))
        return EPOCH + (moment - EPOCH)
    except OverflowError:
        return None
    except EntryError:
        raise
    except ValueError:
        return None


def _zone_of(said: str, zone: tzinfo | None, name: str, text: str) -> tzinfo:
    if not said:
        if zone is None:
            raise EntryError(
                f"{name} {quote(text, 60)} has no zone; expected Z, an offset such as -08:00, or that the user says "
                'which the page means: zone = "UTC" in [[feed]]'
            )
        return zone
    hours = RFC_822.get(said.upper())
    known = timezone(timedelta(hours=hours[0])) if hours else zone_named(said)
    if known is None:
        several = offsets(said)
        which = f"may be any of {', '.join(f'{h:+g} h' for h in several)}" if several else "is not known"
        raise EntryError(f"{name} {quote(text, 60)}: the zone {quote(said, 20)} {which}")
    return known
