"""What comes from another store or a run file: whether it may, and what of its services and cadence is taken over.

All functions that are given a connection work inside its transaction. All raise StoreError: then nothing is taken.
"""

from typing import NamedTuple

from sqlalchemy import Connection

from wrapdetect.errors import StoreError
from wrapdetect.model.history import DAY_S, History
from wrapdetect.store.ledger import packing as heartbeats
from wrapdetect.store.ledger import rows
from wrapdetect.store.ledger.claims import utc_stamp
from wrapdetect.store.ledger.rows import Count
from wrapdetect.store.ledger.schema import SETTING


class Taken(NamedTuple):
    """What an import changed; `remarks` are lines for the user, about services that differ from those in the store."""

    beats: Count
    incidents: Count
    prints: Count
    remarks: tuple[str, ...]


def refuse_the_future(history: History, at_s: int) -> None:
    """A heartbeat that is still to come says that a clock is wrong."""
    ahead_s = max((b.round_s[-1] for b in history.beats if len(b.round_s)), default=0)
    if ahead_s > at_s + DAY_S:
        raise StoreError(
            f"it holds a heartbeat of {utc_stamp(ahead_s)}, which is still to come; nothing was imported: "
            "check the clock of the machine that made it"
        )


def refuse_contradictions(conn: Connection, history: History) -> None:
    """What names no vantage passes for ours: then it must not be other than ours in a round that both hold."""
    ids = {name: i for i, name in rows.names_by_id(conn).items()}
    for beats in (b for b in history.beats if not b.vantage and b.service in ids):
        if n := heartbeats.contradicted(conn, ids[beats.service], beats):
            raise StoreError(
                f"{n:,} heartbeats of {beats.service} are of rounds that are here too, and other: they were seen from "
                "elsewhere. Nothing was imported: name where, with --vantage NAME, and they are kept beside ours"
            )


def adopt(conn: Connection, history: History) -> tuple[str, ...]:
    """Take over cadence and services that are new; gives a line for each that differs from ours, which stays."""
    known, remarks = {s.name: s for s in rows.services_of(conn)}, []
    cadence_s = rows.cadence_of(conn)
    if cadence_s is None:
        rows.put(conn, SETTING, {"key": "cadence_s"}, {"value": str(history.cadence_s)})
    elif cadence_s != history.cadence_s:
        remarks.append(f"cadence there is {history.cadence_s} s, here {cadence_s} s; ours is kept")
    for service in history.services:
        if service.name not in known:
            rows.save_service(conn, service)
            continue
        line = rows.change(known[service.name], service, here="here", there="there")
        if rows.is_another(known[service.name], service):
            raise StoreError(
                f"{line}: another service of the same name, whose history must not become that of ours; "
                "nothing was imported: give one of them another name"
            )
        if line:
            remarks.append(f"{line}; ours is kept")
    return tuple(remarks)
