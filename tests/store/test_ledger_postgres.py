"""The monitor's store on a real PostgreSQL server: the same contract, and what only a server can do to us."""

import itertools
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from sqlalchemy import create_engine, text

from tests.store import postgres_server
from tests.store.ledger_world import SERVICES, START, Clock, a_round
from tests.store.test_ledger import LedgerContract
from wrapdetect.errors import StoreError
from wrapdetect.store.ledger import Ledger

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(postgres_server.why_not() is not None, reason=postgres_server.why_not() or ""),
]
NUMBERS = itertools.count()


def address(port: int, database: str = "postgres", password: str = postgres_server.PASSWORD) -> str:
    return f"postgresql://tester:{quote(password, safe='')}@127.0.0.1:{port}/{database}"


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with tempfile.TemporaryDirectory() as name:  # not pytest's, which the user postgres cannot reach
        os.chmod(name, 0o755)
        with postgres_server.server(Path(name)) as port:
            yield port


def run(port: int, statement: str) -> None:
    engine = create_engine(address(port).replace("postgresql:", "postgresql+psycopg:"), isolation_level="AUTOCOMMIT")
    with engine.connect() as conn:
        conn.execute(text(statement))
    engine.dispose()


@pytest.fixture
def url(port: int) -> str:
    name = f"monitor_{next(NUMBERS)}"
    run(port, f"CREATE DATABASE {name}")
    return address(port, name)


class TestOnPostgres(LedgerContract):
    @pytest.fixture
    def url(self, url: str) -> str:
        return url


def opened(where: str) -> Ledger:
    return Ledger.open(where, now=Clock(), holder="host:1:a", wait_s=1)


def refused(where: str) -> str:
    with pytest.raises(StoreError) as caught:
        opened(where)
    assert "\n" not in str(caught.value)
    assert postgres_server.PASSWORD not in str(caught.value)
    assert quote(postgres_server.PASSWORD, safe="") not in str(caught.value)
    return str(caught.value)


def test_a_wrong_password_and_a_missing_database_are_told(port: int) -> None:
    assert "password authentication failed" in refused(address(port, password="wonder"))
    assert "wonder" not in refused(address(port, password="wonder"))
    assert 'database "nowhere" does not exist' in refused(address(port, "nowhere"))


def cut(ledger: Ledger, port: int) -> None:
    with ledger._database.writing() as conn:
        mine = conn.execute(text("SELECT pg_backend_pid()")).scalar_one()
        run(port, f"SELECT pg_terminate_backend({mine})")
        conn.execute(text("SELECT 1"))


def test_a_connection_that_was_cut_is_told_and_the_next_call_goes_on(port: int, url: str) -> None:
    with opened(url) as ledger:
        ledger.claim(600)
        ledger.set_services(SERVICES)
        with pytest.raises(StoreError, match="cannot write the store"):
            cut(ledger, port)
        a_round(ledger, START)
        others = "pid <> pg_backend_pid() AND datname IS NOT NULL"
        run(port, f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {others}")
        a_round(ledger, START + 300)


def test_a_server_that_may_only_be_read_is_told(url: str, port: int) -> None:
    with opened(url) as ledger:
        ledger.claim(600)
    run(port, f"ALTER DATABASE {url.rpartition('/')[2]} SET default_transaction_read_only = on")
    with opened(url) as ledger:
        assert ledger.history().beats == ()
        with pytest.raises(StoreError, match="it may only be read; name a server that takes writes"):
            ledger.claim(600)
