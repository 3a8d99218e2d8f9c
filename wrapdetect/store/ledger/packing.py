"""Heartbeats in the store: single rows while their day lasts, then one packed row for each service and UTC day.

A heartbeat of a service and a round stands in one of the two, never in both. A packed day is zlib over columns of 32
bits, cut into planes of bytes: rounds as differences, offsets and latencies as they are (their differences pack worse:
4.2 instead of 3.7 bytes a heartbeat, measured with random jitter). What failures said stands once for each text.

All functions work inside the transaction of the connection they are given.
"""

import json
import sys
import zlib
from array import array
from bisect import bisect_left
from collections.abc import Collection, Iterable, Iterator
from itertools import accumulate, groupby, pairwise
from typing import NamedTuple

from sqlalchemy import ColumnElement, Connection, delete, func, insert, select
from sqlalchemy.dialects import postgresql, sqlite

from wrapdetect.errors import StoreError
from wrapdetect.model.history import DAY_S, Beat, Beats, Outcome
from wrapdetect.store.ledger.schema import BEAT, PACKED_BEAT, PACKED_ROUND, ROUND, VANTAGE

_BATCH = 20_000
_FEW = 500  # services that a query names one by one; more are cheaper read whole


class Span(NamedTuple):
    """Seconds [since, until); None is without limit."""

    since_s: int | None
    until_s: int | None


EVER = Span(None, None)


class _Packed(NamedTuple):
    """One day of one service. `columns` is never empty; `said` is None where nothing failed."""

    n: int
    last_s: int
    columns: bytes
    said: bytes | None


def dump_ints(values: "array[int]") -> bytes:
    """32-bit numbers as planes of bytes, the lowest first, not yet compressed.

    >>> dump_ints(array("i", [1, 258]))
    b'\\x01\\x02\\x00\\x01\\x00\\x00\\x00\\x00'
    """
    raw = _little(array("i", values)).tobytes()
    return b"".join(raw[plane::4] for plane in range(4))


def load_ints(data: bytes) -> "array[int]":
    """
    >>> load_ints(dump_ints(array("i", [3, -70_000])))
    array('i', [3, -70000])
    """
    raw, n = bytearray(len(data)), len(data) // 4
    for plane in range(4):
        raw[plane::4] = data[plane * n : (plane + 1) * n]
    return _little(array("i", bytes(raw)))


def dump_rounds(rounds: "array[int]", day: int) -> bytes:
    """Rising seconds of one day, as differences, not yet compressed."""
    return dump_ints(array("i", (b - a for a, b in pairwise([day * DAY_S, *rounds]))))


def load_rounds(data: bytes, day: int) -> "array[int]":
    """
    >>> load_rounds(dump_rounds(array("q", [86_400, 86_700]), 1), 1)
    array('q', [86400, 86700])
    """
    differences = load_ints(data)
    first, steps = day * DAY_S + differences[0], differences[1:]
    if steps and steps.count(steps[0]) == len(steps):  # most days; four times as fast
        return array("q", range(first, first + steps[0] * len(differences), steps[0]))
    return array("q", accumulate(steps, initial=first))


def pack(beats: Beats, day: int) -> _Packed:
    """All heartbeats of a service on one day; at least one."""
    columns = dump_rounds(beats.round_s, day), dump_ints(beats.offset_ms), beats.outcome, dump_ints(beats.latency_ms)
    places: dict[str, list[int]] = {}
    for round_s, text in beats.said.items():
        places.setdefault(text, []).append(round_s - day * DAY_S)
    said = zlib.compress(json.dumps(places, ensure_ascii=False).encode(), 9) if places else None
    return _Packed(len(beats.outcome), beats.round_s[-1], zlib.compress(b"".join(columns), 9), said)


def unpack(service: str, day: int, packed: _Packed) -> Beats:
    """Raises StoreError where the row is damaged."""
    try:
        data, n = zlib.decompress(packed.columns), packed.n
        if len(data) != 13 * n:
            raise ValueError(f"{len(data)} bytes where {13 * n} belong")
        places: dict[str, list[int]] = json.loads(zlib.decompress(packed.said)) if packed.said else {}
        return Beats(
            service=service,
            round_s=load_rounds(data[: 4 * n], day),
            offset_ms=load_ints(data[4 * n : 8 * n]),
            outcome=data[8 * n : 9 * n],
            latency_ms=load_ints(data[9 * n :]),
            said={day * DAY_S + second: text for text, seconds in places.items() for second in seconds},
        )
    except (zlib.error, ValueError) as error:
        raise StoreError(f"the store's day {day} of {service} is damaged ({error}); go back to a copy") from error


class _Gathered:
    """Heartbeats of one service while they are put together."""

    def __init__(self) -> None:
        self.round_s, self.offset_ms, self.latency_ms = array("q"), array("i"), array("i")
        self.outcome = bytearray()
        self.said: dict[int, str] = {}
        self.starts: list[int] = []  # of stretches that are in order, each in itself

    def add(self, beats: Beats) -> None:
        self.starts.append(len(self.round_s))
        self.round_s += beats.round_s
        self.offset_ms += beats.offset_ms
        self.outcome += beats.outcome
        self.latency_ms += beats.latency_ms
        self.said.update(beats.said)

    def beats(self, service: str, span: Span = EVER) -> Beats:
        """In order of rounds, within the span."""
        self._sort()
        low = 0 if span.since_s is None else bisect_left(self.round_s, span.since_s)
        high = len(self.round_s) if span.until_s is None else bisect_left(self.round_s, span.until_s)
        rounds = self.round_s[low:high]
        first, last = (rounds[0], rounds[-1]) if rounds else (0, -1)
        return Beats(
            service=service,
            round_s=rounds,
            offset_ms=self.offset_ms[low:high],
            outcome=bytes(self.outcome[low:high]),
            latency_ms=self.latency_ms[low:high],
            said={r: self.said[r] for r in sorted(self.said) if first <= r <= last},
        )

    def _sort(self) -> None:
        if all(self.round_s[at - 1] < self.round_s[at] for at in self.starts if 0 < at < len(self.round_s)):
            return
        order = sorted(range(len(self.round_s)), key=self.round_s.__getitem__)
        self.round_s = array("q", map(self.round_s.__getitem__, order))
        self.offset_ms = array("i", map(self.offset_ms.__getitem__, order))
        self.latency_ms = array("i", map(self.latency_ms.__getitem__, order))
        self.outcome = bytearray(map(self.outcome.__getitem__, order))


def storable(text: str) -> str:
    """What every database can hold: no NUL and no half of a surrogate pair; U+FFFD stands in their place.

    >>> storable("a\\x00b\\ud800")
    'a\ufffdb\ufffd'
    """
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace").replace("\0", "\ufffd")


def store(conn: Connection, round_s: int, beats: Collection[tuple[int, Beat]]) -> None:
    """Heartbeats of one round, each with its service's id. One that is there, packed or not, is left as it is."""
    there = _packed_in(conn, round_s, [service_id for service_id, _ in beats])
    rows = [
        {
            "round_s": round_s,
            "service_id": service_id,
            "offset_ms": beat.offset_ms,
            "outcome": int(beat.outcome),
            "latency_ms": beat.latency_ms,
            "said": storable(beat.said),
        }
        for service_id, beat in beats
        if service_id not in there
    ]
    if rows:
        kind = sqlite.insert if conn.dialect.name == "sqlite" else postgresql.insert
        conn.execute(kind(BEAT).on_conflict_do_nothing(), rows)


def gather_beats(conn: Connection, names: dict[int, str], span: Span) -> dict[int, _Gathered]:
    """Heartbeats of these services by id, packed and not; days that the span touches come whole."""
    found = {service_id: _Gathered() for service_id in names}
    chosen = list(found) if len(found) < _FEW else None
    for service_id, day, packed in _packed_days(conn, chosen, span):
        if service_id in found:
            found[service_id].add(unpack(names[service_id], day, packed))
    _gather_rows(conn, found, chosen, span)
    return found


def pack_day(conn: Connection, names: dict[int, str], day: int) -> int:
    """Put a day's single rows into its packed ones; gives how many."""
    span = Span(day * DAY_S, (day + 1) * DAY_S)
    found = {service_id: _Gathered() for service_id in names}
    rows = _gather_rows(conn, found, None, span)
    new = {service_id for service_id, gathered in found.items() if gathered.round_s}
    for service_id, _, packed in _packed_days(conn, None, span):
        if service_id in new:
            found[service_id].add(unpack(names[service_id], day, packed))
    _put(conn, day, ((service_id, found[service_id].beats(names[service_id])) for service_id in sorted(new)))
    conn.execute(delete(BEAT).where(_within(BEAT.c.round_s, span)))
    return rows


def _put(conn: Connection, day: int, found: Iterable[tuple[int, Beats]]) -> None:
    """Packed rows of one day, in place of those that are there."""
    rows = [{"service_id": service_id, "day": day, **pack(beats, day)._asdict()} for service_id, beats in found]
    for start in range(0, len(rows), 500):
        part = [row["service_id"] for row in rows[start : start + 500]]
        conn.execute(delete(PACKED_BEAT).where(PACKED_BEAT.c.day == day, PACKED_BEAT.c.service_id.in_(part)))
    if rows:
        conn.execute(insert(PACKED_BEAT), rows)


def merge(conn: Connection, service_id: int, beats: Beats) -> int:
    """Heartbeats from elsewhere, packed at once; gives how many were new. What is there already stays as it is."""
    if not beats.round_s:
        return 0
    span, new = Span(beats.round_s[0], beats.round_s[-1] + 1), 0
    rows = {service_id: _Gathered()}
    _gather_rows(conn, rows, [service_id], span)
    unpacked = frozenset(rows[service_id].round_s)
    packed = {day: found for _, day, found in _packed_days(conn, [service_id], span)}
    for day, some in days(beats):
        before = unpack(beats.service, day, packed[day]) if day in packed else None
        known = unpacked.union(before.round_s) if before else unpacked
        fresh = [place for place, round_s in enumerate(some.round_s) if round_s not in known]
        if not fresh:
            continue
        new += len(fresh)
        whole = _Gathered()
        whole.add(some if len(fresh) == len(some.outcome) else _taken(some, fresh))
        if before:
            whole.add(before)
        _put(conn, day, [(service_id, whole.beats(beats.service))])
    return new


def days(beats: Beats) -> Iterator[tuple[int, Beats]]:
    """Heartbeats cut at the midnights of UTC."""
    failed = {day: dict(some) for day, some in groupby(sorted(beats.said.items()), key=lambda s: s[0] // DAY_S)}
    start = 0
    while start < len(beats.round_s):
        day = beats.round_s[start] // DAY_S
        end = bisect_left(beats.round_s, (day + 1) * DAY_S, start)
        yield (
            day,
            Beats(
                service=beats.service,
                round_s=beats.round_s[start:end],
                offset_ms=beats.offset_ms[start:end],
                outcome=beats.outcome[start:end],
                latency_ms=beats.latency_ms[start:end],
                said={r: storable(text) for r, text in failed.get(day, {}).items()},
            ),
        )
        start = end


def single(beats: Beats) -> list[Beat]:
    """Columns as heartbeats, one by one."""
    columns = zip(beats.round_s, beats.offset_ms, beats.outcome, beats.latency_ms, strict=True)
    return [
        Beat(
            service=beats.service,
            round_s=round_s,
            offset_ms=offset_ms,
            outcome=Outcome(outcome),
            latency_ms=latency_ms,
            said=beats.said.get(round_s, ""),
        )
        for round_s, offset_ms, outcome, latency_ms in columns
    ]


def contradicted(conn: Connection, service_id: int, beats: Beats) -> int:
    """How many heartbeats of the same rounds are here too, and other: they were seen by somebody else."""
    if not beats.round_s:
        return 0
    span = Span(beats.round_s[0], beats.round_s[-1] + 1)
    ours = gather_beats(conn, {service_id: beats.service}, span)[service_id].beats(beats.service, span)
    known = {row[0]: row[1:] for row in _rows(ours)}
    return sum(known.get(row[0], row[1:]) != row[1:] for row in _rows(beats))


def _rows(beats: Beats) -> Iterator[tuple[int, int, int, int]]:
    return zip(beats.round_s, beats.offset_ms, beats.outcome, beats.latency_ms, strict=True)


def last_beat(conn: Connection) -> int | None:
    """The latest round of which we have a heartbeat; what others saw does not count."""
    found = (
        conn.execute(select(func.max(last)).where(owner.not_in(select(VANTAGE.c.id)))).scalar()
        for last, owner in ((BEAT.c.round_s, BEAT.c.service_id), (PACKED_BEAT.c.last_s, PACKED_BEAT.c.service_id))
    )
    return max((int(last) for last in found if last is not None), default=None)


def is_begun(conn: Connection, round_s: int) -> bool:
    """Whether that round was ever begun."""
    day = round_s // DAY_S
    if conn.execute(select(ROUND.c.round_s).where(ROUND.c.round_s == round_s)).first():
        return True
    return round_s in _packed_rounds(conn, day)


def _packed_rounds(conn: Connection, day: int) -> "array[int]":
    found = conn.execute(select(PACKED_ROUND.c.rounds).where(PACKED_ROUND.c.day == day)).scalar()
    return array("q") if found is None else load_rounds(zlib.decompress(found), day)


def pack_rounds(conn: Connection, day: int) -> None:
    """Put a day's finished rounds into one row."""
    c = ROUND.c
    ours = c.finished.is_(True) & (c.round_s >= day * DAY_S) & (c.round_s < (day + 1) * DAY_S)
    done = array("q", sorted({*conn.execute(select(c.round_s).where(ours)).scalars(), *_packed_rounds(conn, day)}))
    if done:
        packed = zlib.compress(dump_rounds(done, day), 9)
        conn.execute(delete(PACKED_ROUND).where(PACKED_ROUND.c.day == day))
        conn.execute(insert(PACKED_ROUND).values(day=day, last_s=done[-1], rounds=packed))
        conn.execute(delete(ROUND).where(ours))


def _taken(beats: Beats, places: list[int]) -> Beats:
    rounds = array("q", (beats.round_s[p] for p in places))
    return Beats(
        service=beats.service,
        round_s=rounds,
        offset_ms=array("i", (beats.offset_ms[p] for p in places)),
        outcome=bytes(beats.outcome[p] for p in places),
        latency_ms=array("i", (beats.latency_ms[p] for p in places)),
        said={r: beats.said[r] for r in rounds if r in beats.said},
    )


def _packed_in(conn: Connection, round_s: int, services: list[int]) -> set[int]:
    """Which of the services have a heartbeat of that round in a packed day."""
    day = round_s // DAY_S
    rows = _packed_days(conn, services if len(services) < _FEW else None, Span(round_s, round_s + 1))
    return {service_id for service_id, _, packed in rows if round_s in unpack(str(service_id), day, packed).round_s}


def _packed_days(conn: Connection, services: Collection[int] | None, span: Span) -> Iterator[tuple[int, int, _Packed]]:
    c = PACKED_BEAT.c
    query = select(c.service_id, c.day, c.n, c.last_s, c.columns, c.said).order_by(c.service_id, c.day)
    if services is not None:
        query = query.where(c.service_id.in_(services))
    if span.since_s is not None:
        query = query.where(c.day >= span.since_s // DAY_S)
    if span.until_s is not None:
        query = query.where(c.day < -(-span.until_s // DAY_S))
    for service_id, day, *rest in conn.execute(query.execution_options(yield_per=500)):
        yield service_id, day, _Packed(*rest)


def _gather_rows(conn: Connection, found: dict[int, _Gathered], services: Collection[int] | None, span: Span) -> int:
    c, rows = BEAT.c, 0
    query = select(c.service_id, c.round_s, c.offset_ms, c.outcome, c.latency_ms, c.said).order_by(c.round_s)
    query = query.where(_within(c.round_s, span))
    if services is not None:
        query = query.where(c.service_id.in_(services))
    for before in found.values():
        before.starts.append(len(before.round_s))
    found_rows = conn.execute(query.execution_options(yield_per=_BATCH))
    for service_id, round_s, offset_ms, outcome, latency_ms, said in found_rows:
        if (gathered := found.get(service_id)) is None:
            continue
        rows += 1
        gathered.round_s.append(round_s)
        gathered.offset_ms.append(offset_ms)
        gathered.outcome.append(outcome)
        gathered.latency_ms.append(latency_ms)
        if said:
            gathered.said[round_s] = said
    return rows


def _within(column: ColumnElement[int], span: Span) -> ColumnElement[bool]:
    low = column >= (-(2**62) if span.since_s is None else span.since_s)
    return low if span.until_s is None else low & (column < span.until_s)


def _little(values: "array[int]") -> "array[int]":
    if sys.byteorder == "big":
        values.byteswap()
    return values
