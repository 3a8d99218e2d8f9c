"""The store's tables, row by row: what a service, a fingerprint, an incident is there, read and written within the
caller's transaction. Heartbeats and their packing are packing.py's."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from pydantic import TypeAdapter
from sqlalchemy import ColumnElement, Connection, Table, delete, func, insert, select

from wrapdetect.errors import StoreError
from wrapdetect.model import Endpoint
from wrapdetect.model.history import Coverage, Incident, Print, Service
from wrapdetect.monitor.outside import Spend
from wrapdetect.store.ledger.packing import Span, storable
from wrapdetect.store.ledger.schema import COVERAGE, FEED, INCIDENT, PRINT, SERVICE, SETTING, SPEND, VANTAGE

_ENDPOINT = TypeAdapter(Endpoint)
_SERVICE = TypeAdapter(Service)


class Count(NamedTuple):
    """Of what was brought from elsewhere."""

    new: int
    known: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Noted:
    """Something that happened to the monitor itself or that it told."""

    key: str
    at_s: int
    text: str


def _joined(spans: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Spans that meet or overlap as one; an empty one is dropped.

    >>> _joined([(5, 7), (1, 3), (3, 4), (9, 9)])
    [(1, 4), (5, 7)]
    """
    found: list[tuple[int, int]] = []
    for since, until in sorted(span for span in spans if span[0] < span[1]):
        if found and since <= found[-1][1]:
            found[-1] = (found[-1][0], max(until, found[-1][1]))
        else:
            found.append((since, until))
    return found


def _same(table: Table, key: Mapping[str, str | int]) -> list[ColumnElement[bool]]:
    return [table.c[name] == value for name, value in key.items()]


def put(
    conn: Connection, table: Table, key: Mapping[str, str | int], row: Mapping[str, str | int | bytes | None]
) -> None:
    """A row in place of the one with its key, if there is one."""
    conn.execute(delete(table).where(*_same(table, key)))
    conn.execute(insert(table).values(**key, **row))


def at_or_after(column: ColumnElement[int], since_s: int | None) -> ColumnElement[bool]:
    """Any moment at all where `since_s` is None."""
    return column >= (-(2**62) if since_s is None else since_s)


def _before(column: ColumnElement[int], until_s: int | None) -> ColumnElement[bool]:
    return column < (2**62 if until_s is None else until_s)


def cadence_of(conn: Connection) -> int | None:
    """Seconds between rounds; None where nobody said."""
    found = setting(conn, "cadence_s")
    return None if found is None else int(found)


def names_by_id(conn: Connection) -> dict[int, str]:
    rows = conn.execute(select(SERVICE.c.id, SERVICE.c.name).order_by(SERVICE.c.id))
    return {int(i): str(name) for i, name in rows}


def places_by_id(conn: Connection) -> dict[int, tuple[str, str]]:
    """Service and vantage of every id under which heartbeats and prints lie; our own vantage is ""."""
    names = names_by_id(conn)
    others = conn.execute(select(VANTAGE).order_by(VANTAGE.c.id))
    return {
        **{i: (name, "") for i, name in names.items()},
        **{int(row.id): (names[row.service_id], str(row.name)) for row in others},
    }


def id_at(conn: Connection, service_id: int, vantage: str) -> int:
    """The id under which another vantage's heartbeats of a service lie; made where it is new."""
    c, vantage = VANTAGE.c, storable(vantage)
    found = conn.execute(select(c.id).where(c.service_id == service_id, c.name == vantage)).scalar()
    if found is None:
        found = _free_id(conn)
        conn.execute(insert(VANTAGE).values(id=found, service_id=service_id, name=vantage))
    return int(found)


def _free_id(conn: Connection) -> int:
    """Services and vantages share their numbers."""
    highest = (conn.execute(select(func.max(c))).scalar() for c in (SERVICE.c.id, VANTAGE.c.id))
    return max((int(n) for n in highest if n is not None), default=0) + 1


def services_of(conn: Connection) -> tuple[Service, ...]:
    """In the order in which they came."""
    return tuple(
        _SERVICE.validate_python(
            {
                "name": row.name,
                "kind": row.kind,
                "url": row.url,
                "vendor": row.vendor,
                "endpoint": None if row.endpoint is None else _ENDPOINT.validate_json(row.endpoint),
            }
        )
        for row in conn.execute(select(SERVICE).order_by(SERVICE.c.id))
    )


def save_service(conn: Connection, service: Service) -> None:
    """Insert or update by name."""
    found = conn.execute(select(SERVICE.c.id).where(SERVICE.c.name == service.name)).scalar()
    service_id = _free_id(conn) if found is None else found
    row = {"name": service.name, "kind": service.kind, "url": service.url, "vendor": service.vendor}
    endpoint = None if service.endpoint is None else _ENDPOINT.dump_json(service.endpoint).decode()
    put(conn, SERVICE, {"id": int(service_id)}, {**row, "endpoint": endpoint})


def save_services(conn: Connection, services: Sequence[Service]) -> tuple[str, ...]:
    """Insert or update by name; gives a line for each that changed.

    Raises StoreError where a name now stands for another address or model.
    """
    known = {s.name: s for s in services_of(conn)}
    for other in (s for s in services if s.name in known and is_another(known[s.name], s)):
        raise StoreError(
            f"{change(known[other.name], other)}: another service, which must not be judged by the past of this one; "
            "give it another name, or begin a new store"
        )
    told = tuple(line for s in services if (line := change(known.get(s.name), s)))
    for service in services:
        if known.get(service.name) != service:
            save_service(conn, service)
    return told


def change(before: Service | None, after: Service, *, here: str = "was", there: str = "is") -> str:
    """What differs, as a line for the user; "" where nothing does.

    >>> one = Service(name="bot", kind="site", url="http://a")
    >>> change(one, Service(name="bot", kind="site", url="http://b"))
    'service bot: url was http://a, is http://b'
    """
    if before is None or before == after:
        return ""
    parts = []
    for key in ("kind", "url", "vendor"):
        old, new = getattr(before, key), getattr(after, key)
        parts += [f"{key} {here} {old or '-'}, {there} {new or '-'}"] if old != new else []
    models = [s.endpoint.model if s.endpoint else "-" for s in (before, after)]
    if before.endpoint != after.endpoint:
        parts.append(f"model {here} {models[0]}, {there} {models[1]}" if models[0] != models[1] else "endpoint changed")
    return f"service {after.name}: {'; '.join(parts)}"


def is_another(before: Service, after: Service) -> bool:
    """Whether one name stands for two services: another address, or another model behind it.

    >>> one = Service(name="bot", kind="site", url="http://a")
    >>> is_another(one, one)
    False
    """
    models = [s.endpoint.model if s.endpoint else "" for s in (before, after)]
    return bool(before.url and after.url) and (before.url != after.url or models[0] != models[1])


def setting(conn: Connection, key: str) -> str | None:
    found = conn.execute(select(SETTING.c.value).where(SETTING.c.key == key)).scalar()
    return None if found is None else str(found)


def settings_under(conn: Connection, start: str) -> dict[str, str]:
    """Settings whose key begins so, by what follows."""
    c = SETTING.c
    rows = conn.execute(select(c.key, c.value).where(c.key.startswith(start, autoescape=True)).order_by(c.key))
    return {str(key).removeprefix(start): str(value) for key, value in rows}


def spent_on(conn: Connection, day: int) -> Spend:
    """What was reserved for a UTC day, counted from 1970-01-01."""
    found = conn.execute(select(SPEND.c.requests, SPEND.c.tokens).where(SPEND.c.day == day)).one_or_none()
    return Spend(0, 0) if found is None else Spend(int(found[0]), int(found[1]))


def _known_prints(conn: Connection, services: set[int], moments: list[int]) -> set[tuple[int, int, str]]:
    c = PRINT.c
    if not moments:
        return set()
    query = select(c.service_id, c.at_s, c.item).where(c.at_s >= min(moments), c.at_s <= max(moments))
    return {(i, at_s, item) for i, at_s, item in conn.execute(query) if i in services}


def _incident_row(incident: Incident) -> dict[str, str | int | None]:
    return {
        "title": storable(incident.title),
        "began_s": incident.began_s,
        "early_s": incident.early_s,
        "late_s": incident.late_s,
        "ended_s": incident.ended_s,
        "severity": incident.severity,
    }


def _cover(conn: Connection, service_id: int, feed: str, spans: list[tuple[int, int]]) -> None:
    c = COVERAGE.c
    ours = (c.service_id == service_id) & (c.feed == feed)
    known = [(int(s), int(u)) for s, u in conn.execute(select(c.since_s, c.until_s).where(ours))]
    conn.execute(delete(COVERAGE).where(ours))
    rows = [{"service_id": service_id, "feed": feed, "since_s": s, "until_s": u} for s, u in _joined(known + spans)]
    if rows:
        conn.execute(insert(COVERAGE), rows)


def incidents_in(conn: Connection, names: dict[int, str], span: Span) -> tuple[Incident, ...]:
    """Of the services in `names` (by id), those that touch `span`."""
    c = INCIDENT.c
    query = select(INCIDENT).where(
        _before(c.began_s, span.until_s), c.ended_s.is_(None) | at_or_after(c.ended_s, span.since_s)
    )
    rows = conn.execute(query.order_by(c.service_id, c.began_s, c.feed, c.id)).mappings()
    return tuple(
        Incident(service=names[row["service_id"]], **{k: v for k, v in row.items() if k != "service_id"})
        for row in rows
        if row["service_id"] in names
    )


def coverage_in(conn: Connection, names: dict[int, str], span: Span) -> tuple[Coverage, ...]:
    """Of the services in `names` (by id), cut to `span`."""
    c = COVERAGE.c
    low, high = (-(2**62) if span.since_s is None else span.since_s), (2**62 if span.until_s is None else span.until_s)
    rows = conn.execute(select(c.service_id, c.feed, c.since_s, c.until_s).order_by(c.service_id, c.feed, c.since_s))
    return tuple(
        Coverage(service=names[i], feed=feed, since_s=max(since, low), until_s=min(until, high))
        for i, feed, since, until in rows
        if i in names and max(since, low) < min(until, high)
    )


def prints_in(conn: Connection, places: dict[int, tuple[str, str]], span: Span) -> tuple[Print, ...]:
    """Of the services and vantages in `places` (by id), those of moments in `span`."""
    c = PRINT.c
    query = select(c.service_id, c.at_s, c.item, c.text).where(
        at_or_after(c.at_s, span.since_s), _before(c.at_s, span.until_s)
    )
    rows = conn.execute(query.order_by(c.service_id, c.at_s, c.item))
    return tuple(
        Print(service=places[i][0], at_s=at_s, item=item, text=said, vantage=places[i][1])
        for i, at_s, item, said in rows
        if i in places
    )


def save_feed(conn: Connection, feed: str, at_s: int, *, ok: bool, detail: str, tags: Mapping[str, str | None]) -> None:
    """How a feed did; a tag that is None leaves the one of before."""
    before = conn.execute(select(FEED).where(FEED.c.feed == feed)).one_or_none()
    kept = {key: getattr(before, key) if value is None and before else value for key, value in tags.items()}
    since_s = before.since_s if before and before.ok == ok else at_s
    row = {"at_s": at_s, "ok": ok, "since_s": since_s, "detail": storable(detail)}
    put(conn, FEED, {"feed": feed}, {**row, **kept})


def save_prints(conn: Connection, ids: Mapping[str, int], prints: Sequence[Print]) -> Count:
    """One of the same service, vantage, moment and item is left as it is. `ids` are those of the services by name."""
    counts = [
        _save_prints(
            conn,
            ids if not vantage else {p.service: id_at(conn, ids[p.service], vantage) for p in some},
            some,
        )
        for vantage in sorted({p.vantage for p in prints})
        for some in [[p for p in prints if p.vantage == vantage]]
    ]
    return Count(sum(c.new for c in counts), sum(c.known for c in counts))


def _save_prints(conn: Connection, ids: Mapping[str, int], prints: Sequence[Print]) -> Count:
    new: dict[tuple[int, int, str], str] = {}
    for p in prints:
        new.setdefault((ids[p.service], p.at_s, p.item), storable(p.text))
    known = _known_prints(conn, {ids[p.service] for p in prints}, [p.at_s for p in prints])
    rows = [
        {"service_id": i, "at_s": at_s, "item": item, "text": text}
        for (i, at_s, item), text in new.items()
        if (i, at_s, item) not in known
    ]
    if rows:
        conn.execute(insert(PRINT), rows)
    return Count(len(rows), len(prints) - len(rows))


def save_incidents(
    conn: Connection,
    ids: Mapping[str, int],
    incidents: Sequence[Incident],
    coverage: Sequence[Coverage],
    *,
    replace: bool = True,
) -> Count:
    """One of the same service, feed and id is replaced, or left as it is; coverage joins what is known."""
    c, new = INCIDENT.c, 0
    for incident in incidents:
        service_id = ids[incident.service]
        key: dict[str, str | int] = {"service_id": service_id, "feed": incident.feed, "id": incident.id}
        there = conn.execute(select(c.id).where(*_same(INCIDENT, key))).first()
        new += not there
        if replace or not there:
            put(conn, INCIDENT, key, _incident_row(incident))
    for service, feed in sorted({(span.service, span.feed) for span in coverage}):
        spans = [(s.since_s, s.until_s) for s in coverage if (s.service, s.feed) == (service, feed)]
        _cover(conn, ids[service], feed, spans)
    return Count(new, len(incidents) - new)
