"""The monitor's store: services, rounds, heartbeats, incidents, fingerprints, spend; on SQLite or PostgreSQL.

Each method is one transaction, there whole or not at all whenever the process is killed. All raise StoreError, in one
line, where the store cannot be read or written; what was stored before stays, and after the cause is gone the same
Ledger goes on. Texts lose what no database can hold (NUL, halves of surrogate pairs): U+FFFD stands there.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from sqlalchemy import Connection, delete, func, insert, select, update

from wrapdetect.errors import StoreError
from wrapdetect.model.history import DAY_S, Beat, Coverage, History, Incident, Print, Service
from wrapdetect.monitor.outside import FeedState, Spend
from wrapdetect.store.ledger import claims, retention, rows
from wrapdetect.store.ledger import imports as coming
from wrapdetect.store.ledger import packing as heartbeats
from wrapdetect.store.ledger.database import Database
from wrapdetect.store.ledger.imports import Taken
from wrapdetect.store.ledger.packing import EVER, Span, storable
from wrapdetect.store.ledger.rows import Count, Noted
from wrapdetect.store.ledger.schema import ALERT, EVENT, FEED, PACKED_ROUND, ROUND, SETTING, SPEND

CADENCE_S = 300
"""Between rounds, where a store was never told."""
PRINTED = "printed_s"
STANDING = "standing/"


class Ledger:
    """An open store. May be used from several threads."""

    def __init__(
        self, database: Database, *, now: Callable[[], datetime], holder: str, gone: Callable[[str], bool]
    ) -> None:
        self._database, self._now, self._holder, self._gone = database, now, holder, gone
        self._lease_s: int | None = None
        self._ids: dict[str, int] = {}

    @classmethod
    def open(
        cls,
        where: str | Path,
        *,
        now: Callable[[], datetime],
        holder: str,
        make: bool = True,
        wait_s: float = 10.0,
        gone: Callable[[str], bool] = lambda holder: False,
    ) -> Self:
        """A path, sqlite:///PATH or postgresql://USER@HOST/DATABASE; made or upgraded where it must be.

        `holder` names this process to others, best as host:pid:uuid. Without `make`, a file that is missing is refused.
        Other writers are waited for at most `wait_s`. `gone` says of another holder
        whether it surely ended. Raises StoreError; no message shows a password.
        """
        return cls(Database(where, make=make, wait_s=wait_s), now=now, holder=holder, gone=gone)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(StoreError):  # the lease then runs out by itself
            self.release()
        self._database.close()

    @property
    def name(self) -> str:
        """The store as messages call it, without a password."""
        return self._database.name

    def claim(self, lease_s: int = 600, *, force: bool = False) -> None:
        """Become the one monitor of this store, for `lease_s` from now; every begin_round renews it.

        Raises StoreError, naming the other's holder, while its lease runs; `force` takes the store from it. Clocks of
        two machines are taken to agree within the lease.
        """
        at_s = self._at_s()
        with self._database.writing() as conn:
            claims.claim(conn, self.name, self._holder, at_s=at_s, lease_s=lease_s, force=force, gone=self._gone)
        self._lease_s = lease_s

    def release(self) -> None:
        """Let others claim the store; nothing happens where it is not ours."""
        if self._lease_s is not None:
            with self._database.writing() as conn:
                claims.release(conn, self._holder)
            self._lease_s = None

    def set_cadence(self, cadence_s: int) -> None:
        """Seconds between rounds, for `history`; a change is noted as an event."""
        with self._database.writing() as conn:
            before = rows.cadence_of(conn)
            rows.put(conn, SETTING, {"key": "cadence_s"}, {"value": str(cadence_s)})
            if before not in (None, cadence_s):
                self._note(conn, "cadence", self._at_s(), f"cadence was {before} s, is {cadence_s} s")

    def set_services(self, services: Iterable[Service]) -> tuple[str, ...]:
        """Insert or update by name; one that is not named stays as it is.

        A service that changed keeps its history under its name: gives a line for each such change, noted as an event.
        Raises StoreError where a name now stands for another address or model: it would be judged by the other's past.
        """
        some = list(services)
        with self._database.writing() as conn:
            told = rows.save_services(conn, some)
            for line in told:
                self._note(conn, line.partition(":")[0], self._at_s(), line)
        return told

    def services(self) -> tuple[Service, ...]:
        """All that were ever set, in the order in which they came."""
        with self._database.reading() as conn:
            return rows.services_of(conn)

    def ids(self) -> dict[str, int]:
        """By name, the number under which all that is recorded of a service lies."""
        with self._database.reading() as conn:
            return {name: i for i, name in rows.names_by_id(conn).items()}

    def begin_round(self, round_s: int, *, requests: int, tokens: int) -> bool:
        """Reserve the cost of a round on its UTC day, and renew the lease. False where it was begun before, by anybody.

        Raises StoreError where the store is not, or no longer, ours.
        """
        at_s, day = self._at_s(), round_s // DAY_S
        with self._database.writing() as conn:
            claims.renew(conn, self.name, self._holder, at_s=at_s, lease_s=self._lease_s)
            if heartbeats.is_begun(conn, round_s):
                return False
            conn.execute(insert(ROUND).values(round_s=round_s, finished=False))
            spent = rows.spent_on(conn, day)
            row = {"requests": spent.requests + requests, "tokens": spent.tokens + tokens}
            rows.put(conn, SPEND, {"day": day}, row)
        return True

    def record(self, round_s: int, beats: Collection[Beat]) -> None:
        """Store heartbeats of a round, all or none. One that is there already is never doubled or changed.

        Raises StoreError for a service that was never set; ValueError where a beat is of another round.
        """
        strays = sorted({beat.round_s for beat in beats} - {round_s})
        if strays:
            raise ValueError(f"heartbeats of rounds {strays} among those of round {round_s}")
        self._know({beat.service for beat in beats})
        with self._database.writing() as conn:
            heartbeats.store(conn, round_s, [(self._ids[beat.service], beat) for beat in beats])

    def finish_round(self, round_s: int) -> None:
        """All of a round is recorded. Raises StoreError where it was never begun."""
        with self._database.writing() as conn:
            if not heartbeats.is_begun(conn, round_s):
                raise StoreError(f"{self.name}: round {round_s} was never begun; expected begin_round before")
            conn.execute(update(ROUND).where(ROUND.c.round_s == round_s).values(finished=True))

    def spent(self, day: date) -> Spend:
        """What was reserved for the rounds of a UTC day."""
        with self._database.reading() as conn:
            return rows.spent_on(conn, (day - date(1970, 1, 1)).days)

    def last_round(self) -> int | None:
        """The latest round that was begun."""
        with self._database.reading() as conn:
            last = (conn.execute(select(func.max(c))).scalar() for c in (ROUND.c.round_s, PACKED_ROUND.c.last_s))
            return max((int(round_s) for round_s in last if round_s is not None), default=None)

    def last_prints(self) -> int | None:
        """The latest round whose fingerprint was asked to its end."""
        with self._database.reading() as conn:
            found = rows.setting(conn, PRINTED)
        return None if found is None else int(found)

    def prints_taken(self, round_s: int) -> None:
        """The fingerprint of a round is recorded: no other is due until the next."""
        with self._database.writing() as conn:
            rows.put(conn, SETTING, {"key": PRINTED}, {"value": str(round_s)})

    def unfinished(self) -> list[int]:
        """Rounds that were begun and not finished: by a kill, or still being asked."""
        query = select(ROUND.c.round_s).where(ROUND.c.finished.is_(False)).order_by(ROUND.c.round_s)
        with self._database.reading() as conn:
            return [int(round_s) for round_s in conn.execute(query).scalars()]

    def latest(self, n: int = 12) -> dict[str, list[Beat]]:
        """Each service's heartbeats, in order, of the time that the last `n` rounds took; of some, that may be none."""
        with self._database.reading() as conn:
            last, cadence_s = heartbeats.last_beat(conn), rows.cadence_of(conn) or CADENCE_S
            span = EVER if last is None else Span(last - (n - 1) * cadence_s, None)
            names = rows.names_by_id(conn)
            found = heartbeats.gather_beats(conn, names, span)
            return {name: heartbeats.single(found[i].beats(name, span))[-n:] for i, name in names.items()}

    def add_prints(self, prints: Iterable[Print]) -> Count:
        """Parts of fingerprints; one of the same service, moment and item is left as it is."""
        some = list(prints)
        self._know({p.service for p in some})
        with self._database.writing() as conn:
            return rows.save_prints(conn, self._ids, some)

    def add_incidents(self, incidents: Iterable[Incident], coverage: Iterable[Coverage] = ()) -> Count:
        """What feeds say. An incident of the same service, feed and id is replaced; coverage joins what is known."""
        some, spans = list(incidents), list(coverage)
        self._know({i.service for i in some} | {c.service for c in spans})
        with self._database.writing() as conn:
            return rows.save_incidents(conn, self._ids, some, spans)

    def note_feed(
        self, feed: str, at_s: int, *, ok: bool, detail: str, etag: str | None = None, last_modified: str | None = None
    ) -> None:
        """How a feed did. A tag that is None leaves the one of before."""
        with self._database.writing() as conn:
            rows.save_feed(conn, feed, at_s, ok=ok, detail=detail, tags={"etag": etag, "last_modified": last_modified})

    def feed_states(self) -> tuple[FeedState, ...]:
        """By name."""
        with self._database.reading() as conn:
            return tuple(FeedState(**row) for row in conn.execute(select(FEED).order_by(FEED.c.feed)).mappings())

    def first_time(self, key: str, at_s: int) -> bool:
        """True once for each key, ever: retention leaves them."""
        with self._database.writing() as conn:
            if conn.execute(select(ALERT.c.key).where(ALERT.c.key == key)).first():
                return False
            conn.execute(insert(ALERT).values(key=key, at_s=at_s))
        return True

    def marked(self, key: str) -> bool:
        """Whether `first_time` was ever called with it: asked before the work that it marks as done."""
        with self._database.reading() as conn:
            return conn.execute(select(ALERT.c.key).where(ALERT.c.key == key)).first() is not None

    def standing(self) -> dict[str, int]:
        """What was told to have begun and not yet to have ended, each with when it began."""
        with self._database.reading() as conn:
            return {key: int(at_s) for key, at_s in rows.settings_under(conn, STANDING).items()}

    def stand(self, key: str, since_s: int | None) -> None:
        """It was told that this began, or, with None, that it ended."""
        with self._database.writing() as conn:
            conn.execute(delete(SETTING).where(SETTING.c.key == STANDING + storable(key)))
            if since_s is not None:
                rows.put(conn, SETTING, {"key": STANDING + storable(key)}, {"value": str(since_s)})

    def note_event(self, key: str, at_s: int, text: str) -> None:
        """The same key at the same second is replaced."""
        with self._database.writing() as conn:
            self._note(conn, key, at_s, text)

    def events(self, since_s: int | None = None) -> tuple[Noted, ...]:
        """In order of time."""
        c = EVENT.c
        query = select(c.key, c.at_s, c.text).where(rows.at_or_after(c.at_s, since_s)).order_by(c.at_s, c.key)
        with self._database.reading() as conn:
            return tuple(Noted(**row) for row in conn.execute(query).mappings())

    def history(
        self,
        since_s: int | None = None,
        until_s: int | None = None,
        services: Sequence[str] | None = None,
        *,
        beats: bool = True,
    ) -> History:
        """All that is known of [since_s, until_s), of these services or of all that ever were; coverage is cut to it.

        Without `beats` it holds no heartbeats: unpacking them takes long. Raises StoreError for a service that was
        never set.
        """
        span = Span(since_s, until_s)
        self._know(set(services or ()))
        with self._database.reading() as conn:
            wanted = [s for s in rows.services_of(conn) if services is None or s.name in services]
            places = {i: p for i, p in rows.places_by_id(conn).items() if services is None or p[0] in services}
            names = {i: name for i, (name, _) in places.items()}
            found = heartbeats.gather_beats(conn, names, span) if beats else {}
            return History(
                cadence_s=rows.cadence_of(conn) or CADENCE_S,
                services=tuple(wanted),
                beats=tuple(
                    replace(b, vantage=places[i][1]) if places[i][1] else b
                    for i in list(found)
                    if (b := found.pop(i).beats(names[i], span)).outcome
                ),
                incidents=rows.incidents_in(conn, names, span),
                coverage=rows.coverage_in(conn, names, span),
                prints=rows.prints_in(conn, places, span),
            )

    def pack(self, before_s: int) -> int:
        """Pack the UTC days that ended by then (and by now), a transaction each; gives how many heartbeats.

        A kill on the way leaves days packed or not. What is recorded for a packed day later is packed by the next call.
        """
        packed, end = 0, min(before_s, self._at_s()) // DAY_S
        day = self._next_day(None)
        while day is not None and day < end:
            with self._database.writing() as conn:
                names = {i: name for i, (name, _) in rows.places_by_id(conn).items()}
                packed += heartbeats.pack_day(conn, names, day)
                heartbeats.pack_rounds(conn, day)
            day = self._next_day((day + 1) * DAY_S)
        self._database.tidy()
        return packed

    def retain(self, before_s: int) -> int:
        """Drop what is older than the UTC day of `before_s`; gives heartbeats dropped. Services and alert keys stay."""
        with self._database.writing() as conn:
            dropped = retention.drop_before(conn, before_s // DAY_S)
        self._database.tidy()
        return dropped

    def import_history(self, history: History) -> Taken:
        """Bring in what another store or a run file knows. What is there already stays as it is, so twice is as once.

        Services are taken by name; where one differs, ours stays and a remark says so. Heartbeats of another vantage
        lie beside ours. A kill on the way leaves whole services in or out. Raises StoreError for heartbeats, incidents
        or prints of a service that nobody names, and for heartbeats without a vantage that contradict ours.
        """
        coming.refuse_the_future(history, self._at_s())
        with self._database.writing() as conn:
            coming.refuse_contradictions(conn, history)
            remarks = coming.adopt(conn, history)
            for remark in remarks:
                self._note(conn, "import " + remark.partition(":")[0], self._at_s(), remark)
        self._know({b.service for b in history.beats} | {p.service for p in history.prints})
        self._know({i.service for i in history.incidents} | {c.service for c in history.coverage})
        new = 0
        for beats in history.beats:
            with self._database.writing() as conn:
                owner = self._ids[beats.service]
                owner = rows.id_at(conn, owner, beats.vantage) if beats.vantage else owner
                new += heartbeats.merge(conn, owner, beats)
        with self._database.writing() as conn:
            incidents = rows.save_incidents(conn, self._ids, history.incidents, history.coverage, replace=False)
            prints = rows.save_prints(conn, self._ids, history.prints)
        self._database.tidy()
        total = sum(len(beats.outcome) for beats in history.beats)
        return Taken(Count(new, total - new), incidents, prints, remarks)

    def bytes_free(self) -> int | None:
        """On the disk of the store; None for a server."""
        return self._database.bytes_free()

    def bytes_on_disk(self) -> int:
        """Of the file and its log, or of our tables and indexes on a server."""
        return self._database.bytes_on_disk()

    def _at_s(self) -> int:
        return int(self._now().timestamp())

    def _note(self, conn: Connection, key: str, at_s: int, text: str) -> None:
        rows.put(conn, EVENT, {"at_s": at_s, "key": storable(key)}, {"text": storable(text)})

    def _know(self, names: set[str]) -> None:
        """Fetch the ids of services. Raises StoreError for one that was never set."""
        if names <= self._ids.keys():
            return
        with self._database.reading() as conn:
            self._ids = {name: i for i, name in rows.names_by_id(conn).items()}
        unknown = sorted(names - self._ids.keys())
        if unknown:
            raise StoreError(f"{self.name}: no service {unknown[0]!r} in the store; known are {', '.join(self._ids)}")

    def _next_day(self, from_s: int | None) -> int | None:
        with self._database.reading() as conn:
            return retention.next_day(conn, from_s)
