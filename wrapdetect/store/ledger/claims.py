"""Whose store is it: one monitor at a time holds its claim, for a lease that each round renews.

All functions work inside the transaction of the connection they are given.
"""

from collections.abc import Callable
from datetime import UTC, datetime

from sqlalchemy import Connection, delete, select, update

from wrapdetect.errors import StoreError
from wrapdetect.store.ledger import rows
from wrapdetect.store.ledger.schema import CLAIM


def claim(
    conn: Connection,
    store: str,
    holder: str,
    *,
    at_s: int,
    lease_s: int,
    force: bool,
    gone: Callable[[str], bool],
) -> None:
    """Hold it for `lease_s`. Raises StoreError, naming the other's holder, while its lease runs and it is not gone."""
    other = conn.execute(select(CLAIM).where(CLAIM.c.holder != holder)).one_or_none()
    if other and other.until_s > at_s and not force and not gone(other.holder):
        raise _held(store, other.holder, other.since_s, other.until_s, other.lease_s, at_s)
    since_s = conn.execute(select(CLAIM.c.since_s).where(CLAIM.c.holder == holder)).scalar()
    row = {"holder": holder, "since_s": at_s if since_s is None else since_s}
    rows.put(conn, CLAIM, {"id": 1}, {**row, "until_s": at_s + lease_s, "lease_s": lease_s})


def renew(conn: Connection, store: str, holder: str, *, at_s: int, lease_s: int | None) -> None:
    """Hold it for longer; `lease_s` is None where it was never claimed. Raises StoreError where it is not ours."""
    row = conn.execute(select(CLAIM)).one_or_none()
    if lease_s is None or row is None:
        raise StoreError(f"{store}: a round is to be begun without a claim; expected claim() before")
    if row.holder != holder:
        raise _held(store, row.holder, row.since_s, row.until_s, row.lease_s, at_s)
    conn.execute(update(CLAIM).values(until_s=at_s + lease_s, lease_s=lease_s))


def release(conn: Connection, holder: str) -> None:
    """Let others claim it."""
    conn.execute(delete(CLAIM).where(CLAIM.c.holder == holder))


def _held(name: str, holder: str, since_s: int, until_s: int, lease_s: int, at_s: int) -> StoreError:
    ahead_s = until_s - lease_s - at_s
    jumped = f" (renewed {ahead_s} s ahead of our clock: a clock went back)" if ahead_s > 0 else ""
    when = f"since {utc_stamp(since_s)}, its lease runs until {utc_stamp(until_s)}{jumped}"
    return StoreError(f"{name} is held by the monitor {holder} {when}; one monitor a store: stop that one, or wait")


def utc_stamp(second: int) -> str:
    """
    >>> utc_stamp(1_700_000_000)
    '2023-11-14 22:13:20Z'
    """
    return f"{datetime.fromtimestamp(second, UTC):%Y-%m-%d %H:%M:%S}Z"
