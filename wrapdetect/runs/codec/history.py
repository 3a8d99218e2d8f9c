"""A monitor's history <-> the lines of a run file: heartbeats by service and UTC day, incidents, coverage, prints.

A line is known by its first key. {"beats": service, "day": "2026-01-05", ...} holds the rounds of one service and one
UTC day in columns: `round_s` (seconds since midnight, rising), `offset_ms`, `outcome` (one digit a beat, as in
history.Outcome), `latency_ms`, `said` by `round_s`, and `vantage` where another than the file's saw it.
{"incident": {...}}, {"coverage": {...}} and {"print": {...}} hold one noun each, field by field. Services
and cadence stand in the first line of the file (head).
"""

from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, fields, replace
from datetime import date
from operator import lt
from typing import Annotated, cast

from pydantic import Field

from wrapdetect.model.history import DAY_S, Beats, Coverage, History, Incident, Outcome, Print, Service
from wrapdetect.runs.codec.door import FileLine, check_named
from wrapdetect.runs.codec.endpoints import checked_dialect, dump_endpoint

_Line = Mapping[str, object]
_Noun = Incident | Coverage | Print
HistoryEntry = Beats | _Noun  # what one line holds; Beats of one UTC day

_OF_BEATS = {"beats", "vantage", "day", "round_s", "offset_ms", "outcome", "latency_ms", "said"}
LAST_S = 2**33
"""Seconds from 1970 beyond which nobody watches anything (2242): a grid up to there would keep its reader busy."""
_EPOCH = date(1970, 1, 1).toordinal()
BYTES = bytes(Outcome)
DIGITS = "".join(str(o.value) for o in Outcome)
TO_DIGIT, TO_BYTE = bytes.maketrans(BYTES, DIGITS.encode()), bytes.maketrans(DIGITS.encode(), BYTES)


class _Watched(FileLine):
    cadence_s: Annotated[int, Field(ge=1)]
    services: list[Service]


class _IncidentLine(FileLine):
    incident: Incident


class _CoverageLine(FileLine):
    coverage: Coverage


class _PrintLine(FileLine):
    print: Print


def history_head(history: History) -> _Line:
    """What the first line of a file says of a history: cadence and services."""
    return {"cadence_s": history.cadence_s, "services": [_dump_service(s) for s in history.services]}


def read_head(head: object) -> History | None:
    """The inverse of history_head; None stays None.

    Raises one of UNREADABLE where it is damaged, or two services share a name.
    """
    if head is None:
        return None
    rows = cast("_Line", head)["services"]
    if not isinstance(rows, list):
        raise ValueError("services is no list")
    line = _Watched.of(head)
    check_named(rows, "vendor", "endpoint")
    for service in line.services:
        if service.endpoint is not None:
            checked_dialect(service.endpoint)
    names = [s.name for s in line.services]
    if len(set(names)) != len(names):
        raise ValueError(f"two services share a name among {names}")
    return History(cadence_s=line.cadence_s, services=tuple(line.services))


def history_lines(history: History) -> Iterator[_Line]:
    """The lines of a history but the first, days in order. Beats of no rounds leave no line.

    Raises ValueError for beats that could not be read again: an unknown outcome, a text said in no round.
    """
    yield from ({"coverage": asdict(c)} for c in history.coverage)
    yield from ({"incident": asdict(i)} for i in history.incidents)
    yield from ({"print": {k: v for k, v in asdict(p).items() if k != "vantage" or v}} for p in history.prints)
    for beats in history.beats:
        yield from _day_lines(beats)


def read_entry(line: _Line) -> HistoryEntry:
    """The noun of one line whose first key is in ENTRIES.

    Raises KeyError, TypeError, ValueError or OverflowError where the line is damaged.

    >>> read_entry({"coverage": {"service": "bot", "feed": "status", "since_s": 0, "until_s": 60}})
    Coverage(service='bot', feed='status', since_s=0, until_s=60)
    """
    return ENTRIES[next(iter(line))](line)


class Gathering:
    """The entries of one file, put together to a history; `begun` is what the file's first line says of it."""

    __slots__ = ("_begun", "_days", "_names", "_others")

    def __init__(self, begun: History | None) -> None:
        self._begun = begun
        self._names = {s.name for s in begun.services} if begun else set()
        self._days: dict[tuple[str, str], dict[int, Beats]] = {}  # by service and vantage
        self._others: dict[_Noun, None] = {}

    def add(self, entry: HistoryEntry) -> bool:
        """False for what is there already: the same line, or a day of a service. Raises ValueError for a service that
        the first line does not hold."""
        if entry.service not in self._names:
            found = f"no service {entry.service!r}" if self._begun else "no history"
            raise ValueError(f"the first line holds {found}; the file is joined from two or damaged: export it again")
        if not isinstance(entry, Beats):
            again = entry in self._others
            self._others[entry] = None
            return not again
        day, days = entry.round_s[0] // DAY_S, self._days.setdefault((entry.service, entry.vantage), {})
        if day in days:
            return False
        days[day] = entry
        return True

    def history(self) -> History | None:
        """All that was added, services in order of their first line of beats; None where the file holds no history."""
        if self._begun is None:
            return None
        return replace(
            self._begun,
            beats=tuple(_joined(service, vantage, days) for (service, vantage), days in self._days.items()),
            incidents=tuple(e for e in self._others if isinstance(e, Incident)),
            coverage=tuple(e for e in self._others if isinstance(e, Coverage)),
            prints=tuple(e for e in self._others if isinstance(e, Print)),
        )


def _joined(service: str, vantage: str, days: dict[int, Beats]) -> Beats:
    """Days as one; each is let go once it is taken over, so that a year needs its room only once."""
    round_s, offset_ms, latency_ms = array("q"), array("i"), array("i")
    outcome = bytearray()
    said: dict[int, str] = {}
    for day in sorted(days):
        beats = days.pop(day)
        round_s.extend(beats.round_s)
        offset_ms.extend(beats.offset_ms)
        latency_ms.extend(beats.latency_ms)
        outcome += beats.outcome
        said.update(beats.said)
    return Beats(
        service=service,
        round_s=round_s,
        offset_ms=offset_ms,
        outcome=bytes(outcome),
        latency_ms=latency_ms,
        said=said,
        vantage=vantage,
    )


def _day_lines(beats: Beats) -> Iterator[_Line]:
    if odd := beats.outcome.translate(None, BYTES):
        raise ValueError(f"{beats.service}: outcome {odd[0]} is none of {', '.join(DIGITS)}")
    if stray := beats.said.keys() - set(beats.round_s):
        raise ValueError(f"{beats.service}: something is said in round {min(stray)}, in which there is no beat")
    start, until = 0, len(beats.round_s)
    while start < until:
        day = beats.round_s[start] // DAY_S
        stop = bisect_left(beats.round_s, (day + 1) * DAY_S, start)
        rounds = beats.round_s[start:stop]
        yield {
            "beats": beats.service,
            **({"vantage": beats.vantage} if beats.vantage else {}),
            "day": _day_text(day),
            "round_s": [r - day * DAY_S for r in rounds],
            "offset_ms": beats.offset_ms[start:stop].tolist(),
            "outcome": beats.outcome[start:stop].translate(TO_DIGIT).decode(),
            "latency_ms": beats.latency_ms[start:stop].tolist(),
            "said": {str(r - day * DAY_S): beats.said[r] for r in rounds if r in beats.said} if beats.said else {},
        }
        start = stop


def _dump_service(service: Service) -> _Line:
    endpoint = service.endpoint
    return {**asdict(service), "endpoint": None if endpoint is None else dump_endpoint(endpoint)}


def _beats(line: _Line) -> Beats:
    """The beats of one day."""
    if unknown := line.keys() - _OF_BEATS:
        raise ValueError(f"unknown field {min(unknown)!r}")
    midnight_s, rounds = _midnight(_text(line, "day")), _column(line, "round_s")
    if not rounds or rounds[0] < 0 or rounds[-1] >= DAY_S or not all(map(lt, rounds, rounds[1:])):
        raise ValueError(f"round_s is not rising from 0 to {DAY_S - 1}, with one round at least")
    outcome = _text(line, "outcome")
    if odd := set(outcome) - set(DIGITS):
        raise ValueError(f"outcome {min(odd)!r} is none of {', '.join(DIGITS)}")
    return Beats(
        service=_text(line, "beats"),
        round_s=array("q", [midnight_s + r for r in rounds]),
        offset_ms=array("i", _column(line, "offset_ms")),
        outcome=outcome.encode().translate(TO_BYTE),
        latency_ms=array("i", _column(line, "latency_ms")),
        said=_said(_object(line["said"]), midnight_s, set(rounds)),
        vantage=_text(line, "vantage") if "vantage" in line else "",
    )


def _said(found: _Line, midnight_s: int, rounds: set[int]) -> dict[int, str]:
    if stray := found.keys() - {str(r) for r in rounds} if found else ():
        raise ValueError(f"something is said in round {min(stray)!r}, in which there is no beat")
    return {midnight_s + int(r): _text(found, r) for r in found}


def _near(noun: _Noun) -> _Noun:
    """The noun itself. Raises ValueError for a time at which nobody watches anything."""
    for field in fields(noun):
        value = getattr(noun, field.name)
        if field.name.endswith("_s") and value is not None and not -LAST_S <= value <= LAST_S:
            raise ValueError(f"{field.name} lies more than {LAST_S // 31_556_952} years from 1970")
    return noun


ENTRIES: Mapping[str, Callable[[_Line], HistoryEntry]] = {
    "beats": _beats,
    "incident": lambda line: _near(_IncidentLine.of(line).incident),
    "coverage": lambda line: _near(_CoverageLine.of(line).coverage),
    "print": lambda line: _near(_PrintLine.of(line).print),
}
"""First key of a line -> its reader; a line with any other first key is an exchange."""


def _day_text(day: int) -> str:
    """
    >>> _day_text(0)
    '1970-01-01'
    """
    return date.fromordinal(_EPOCH + day).isoformat()


def _midnight(text: str) -> int:
    """Seconds since 1970 of a UTC day as _day_text writes it.

    >>> _midnight("1970-01-02")
    86400
    """
    day = date.fromisoformat(text)
    if day.isoformat() != text:
        raise ValueError(f"day {text!r} is not of the form 2026-01-05")
    return (day.toordinal() - _EPOCH) * DAY_S


def _object(value: object) -> _Line:
    if not isinstance(value, dict):
        raise ValueError(f"{type(value).__name__} where a JSON object is due")
    return value


def _text(fields: _Line, key: str) -> str:
    value = fields[key]
    if not isinstance(value, str):
        raise ValueError(f"{key} is {value!r}; expected a text")
    value.encode()  # half a surrogate could not be written again
    return value


def _column(fields: _Line, key: str) -> list[int]:
    value = fields[key]
    if not isinstance(value, list) or set(map(type, value)) - {int}:
        raise ValueError(f"{key} is no list of whole numbers")
    return value
