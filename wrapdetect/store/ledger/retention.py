"""What of the past is kept, and which days are still to be packed.

All functions work inside the transaction of the connection they are given.
"""

from sqlalchemy import Connection, delete, func, select

from wrapdetect.model.history import DAY_S
from wrapdetect.store.ledger import rows
from wrapdetect.store.ledger.schema import (
    BEAT,
    COVERAGE,
    EVENT,
    INCIDENT,
    PACKED_BEAT,
    PACKED_ROUND,
    PRINT,
    ROUND,
    SPEND,
)


def drop_before(conn: Connection, day: int) -> int:
    """Drop what is older than a UTC day; gives heartbeats dropped. Services and keys of alerts stay."""
    start_s = day * DAY_S
    old = PACKED_BEAT.c.day < day
    packed = conn.execute(select(func.coalesce(func.sum(PACKED_BEAT.c.n), 0)).where(old)).scalar_one()
    conn.execute(delete(PACKED_BEAT).where(old))
    single = conn.execute(delete(BEAT).where(BEAT.c.round_s < start_s)).rowcount
    for column in (ROUND.c.round_s, PRINT.c.at_s, EVENT.c.at_s, COVERAGE.c.until_s, INCIDENT.c.ended_s):
        conn.execute(delete(column.table).where(column < start_s))
    for column in (PACKED_ROUND.c.day, SPEND.c.day):
        conn.execute(delete(column.table).where(column < day))
    return int(packed) + single


def next_day(conn: Connection, from_s: int | None) -> int | None:
    """The first UTC day from then on that has something to pack."""
    beat = conn.execute(select(func.min(BEAT.c.round_s)).where(rows.at_or_after(BEAT.c.round_s, from_s))).scalar()
    done = ROUND.c.finished.is_(True) & rows.at_or_after(ROUND.c.round_s, from_s)
    round_s = conn.execute(select(func.min(ROUND.c.round_s)).where(done)).scalar()
    return min((int(first) // DAY_S for first in (beat, round_s) if first is not None), default=None)
