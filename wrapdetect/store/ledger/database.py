"""The monitor's store as a database: how it is opened and upgraded, its transactions, what its faults mean.

SQLite in WAL mode, or PostgreSQL by URL. Writers take turns: SQLite by BEGIN IMMEDIATE, PostgreSQL by one advisory lock
held for the transaction; so a writer may look first and write then. Readers see one moment and wait for nobody.
"""

import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import URL, Connection, Engine, create_engine, event, inspect, make_url, text
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as NoConnection

from wrapdetect.errors import StoreAway, StoreError
from wrapdetect.store.ledger.schema import BEAT, META, PACKED_BEAT, REVISION, ROUND, VERSION_TABLE

WRITER_LOCK = 0x77726170  # one number for all of our stores: an advisory lock is of one database


class Database:
    """An open store. `name` is how messages call it: never with a password."""

    def __init__(self, where: str | Path, *, make: bool, wait_s: float) -> None:
        self._url = _url(where)
        self.name = _name(self._url)
        self.sqlite = self._url.get_backend_name() == "sqlite"
        if self.sqlite:
            _check_file(self._url, make=make)
        self._file: tuple[int, int] | None = None
        with self._faults("open"):
            engine = _engine(self._url, wait_s)
        self._readers = engine.execution_options(**({} if self.sqlite else {"isolation_level": "REPEATABLE READ"}))
        self._writers = engine.execution_options(wrapdetect_writes=True)
        self._engine = engine
        try:
            self._prepare()
        except BaseException:
            self.close()
            raise
        self._file = self._file_now()

    def close(self) -> None:
        self._engine.dispose()

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """One moment of the store, whatever others write meanwhile. Raises StoreError."""
        with self._faults("read"), self._readers.connect() as conn, conn.begin():
            yield conn

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction, alone among writers: all of it or, after an exception or a kill, nothing. StoreError."""
        with self._faults("write"), self._writers.connect() as conn, conn.begin():
            yield conn

    def tidy(self) -> None:
        """Give freed pages back to the disk (SQLite), or to the next rows (PostgreSQL). Raises StoreError."""
        with self._faults("tidy"):
            if self.sqlite:
                self._pragmas("incremental_vacuum", "wal_checkpoint(TRUNCATE)")
            else:
                with self._engine.execution_options(isolation_level="AUTOCOMMIT").connect() as conn:
                    for table in (BEAT, PACKED_BEAT, ROUND):
                        conn.execute(text(f"VACUUM {table.name}"))

    def bytes_free(self) -> int | None:
        """On the disk that holds the store's file; None for a server's, and where that cannot be known."""
        if not self.sqlite:
            return None
        with self.reading() as conn:
            file = conn.execute(text("SELECT file FROM pragma_database_list WHERE name = 'main'")).scalar_one()
        try:
            return shutil.disk_usage(Path(file).parent).free
        except OSError:
            return None

    def bytes_on_disk(self) -> int:
        """Bytes of the store's files, or of its tables and indexes."""
        if self.sqlite:
            with self.reading() as conn:
                file = conn.execute(text("SELECT file FROM pragma_database_list WHERE name = 'main'")).scalar_one()
            parts = (Path(f"{file}{tail}") for tail in ("", "-wal"))
            return sum(part.stat().st_size for part in parts if part.exists())
        with self.reading() as conn:
            sizes = (text(f"SELECT pg_total_relation_size('{name}')") for name in META.tables)
            return sum(int(conn.execute(size).scalar_one()) for size in sizes)

    def _prepare(self) -> None:
        with self.reading() as conn:
            found = MigrationContext.configure(conn, opts={"version_table": VERSION_TABLE}).get_current_revision()
            foreign = found is None and self.sqlite and bool(inspect(conn).get_table_names())
        if found == REVISION:
            return
        if foreign:
            raise StoreError(f"{self.name} is a database of another program; name another file as the monitor's store")
        config = Config()
        config.set_main_option("script_location", "wrapdetect.store.ledger:migrations")
        known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
        if found is not None and found not in known:
            raise StoreError(f"{self.name} has schema {found} (this program knows up to {REVISION}); update wrapdetect")
        with self._faults("make"):
            if self.sqlite and found is None:
                self._pragmas("auto_vacuum = INCREMENTAL", "journal_mode = WAL")
        with self.writing() as conn:
            config.attributes["connection"] = conn
            command.upgrade(config, "head")

    def _pragmas(self, *pragmas: str) -> None:
        with closing(self._engine.raw_connection()) as raw:
            conn = raw.driver_connection
            assert isinstance(conn, sqlite3.Connection)
            for pragma in pragmas:
                conn.executescript(f"PRAGMA {pragma}")  # execute() would free one page of many and stop

    def _file_now(self) -> tuple[int, int] | None:
        """Which file stands at the path of the store; None where none does, and for what is no file."""
        try:
            found = os.stat(self._url.database or "")
        except OSError:
            return None
        return (found.st_dev, found.st_ino) if self.sqlite else None

    def _same_file(self) -> None:
        """A file that was moved goes on to be written, by the connection to it, and nobody finds there what was seen.
        Raises StoreAway where there is none now, StoreError where it is another."""
        if self._file is None or (now := self._file_now()) == self._file:
            return
        if now is None:
            raise StoreAway(f"the store {self.name} is gone: its file was moved or removed; put it back")
        raise StoreError(f"another file was put in the place of the store {self.name}; start the monitor anew")

    @contextmanager
    def _faults(self, doing: str) -> Iterator[None]:
        self._same_file()
        try:
            yield
        except (SQLAlchemyError, sqlite3.Error) as error:
            cause = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
            why, then = _meaning(cause)
            said = _masked(why, self._url).replace("\n", " ").strip()
            kind = StoreAway if _passes(cause) else StoreError
            raise kind(f"cannot {doing} the store {self.name}: {said}; {then}") from None
        except ModuleNotFoundError as error:
            raise StoreError(f"cannot {doing} the store {self.name}: {error}; install wrapdetect[postgres]") from error


def _url(where: str | Path) -> URL:
    if "://" not in str(where):
        return URL.create("sqlite", database=str(where))
    try:
        url = make_url(str(where))
    except (ArgumentError, ValueError):
        told = str(where).rpartition("@")[2]  # what stands before it may be a password
        raise StoreError(f"store ...{told} is no URL; expected a path, or postgresql://USER@HOST/DATABASE") from None
    if url.get_backend_name() == "sqlite" and url.database:
        return url
    if url.drivername in ("postgresql", "postgresql+psycopg"):
        return url.set(drivername="postgresql+psycopg")
    raise StoreError(
        f"store {_name(url)} cannot be used; expected a path, sqlite:///PATH or postgresql://USER@HOST/DATABASE"
    )


def _name(url: URL) -> str:
    if url.get_backend_name() == "sqlite" and url.database:
        return url.database
    return url.set(query={}).render_as_string(hide_password=True)


def _check_file(url: URL, *, make: bool) -> None:
    name = url.database or ""
    if name.startswith("file:"):
        return
    path = Path(name)
    if name == ":memory:":
        raise StoreError("the store :memory: would forget; expected a path to a file")
    if path.is_dir():
        raise StoreError(f"cannot open the store {name}: it is a folder; name a file in it")
    if not path.exists() and not make:
        raise StoreError(f"there is no store {name}; `wrapdetect monitor once` makes one")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(f"cannot make the folder of the store {name}: {error.strerror}; name another file") from error


def _engine(url: URL, wait_s: float) -> Engine:
    if url.get_backend_name() != "sqlite":
        wait_ms = round(wait_s * 1000)
        arguments = {
            "options": f"-c lock_timeout={wait_ms}",
            "connect_timeout": max(2, round(wait_s)),
            "tcp_user_timeout": 3 * wait_ms,  # a network that swallows everything ends a connection
            "keepalives_idle": max(2, round(wait_s)),
            "keepalives_interval": 5,
            "keepalives_count": 3,
        }
        engine = create_engine(url, pool_pre_ping=True, connect_args=arguments)
        event.listen(engine, "begin", _begin_postgres)
        return engine
    engine = create_engine(url, connect_args={"timeout": wait_s})
    event.listen(engine, "connect", _connected)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _connected(raw: sqlite3.Connection, _: object) -> None:
    raw.isolation_level = None  # transactions are begun by us, see _begin_sqlite
    raw.execute("PRAGMA synchronous = FULL")  # what was committed survives a power cut


def _begin_sqlite(conn: Connection) -> None:
    conn.exec_driver_sql("BEGIN IMMEDIATE" if conn.get_execution_options().get("wrapdetect_writes") else "BEGIN")


def _begin_postgres(conn: Connection) -> None:
    if conn.get_execution_options().get("wrapdetect_writes"):
        conn.exec_driver_sql(f"SELECT pg_advisory_xact_lock({WRITER_LOCK})")


def _masked(said: str, url: URL) -> str:
    in_query = url.query.get("password", ())
    for secret in (str(url.password or ""), *([in_query] if isinstance(in_query, str) else in_query)):
        said = said.replace(secret, "***") if secret else said
    return said


_MEANINGS = {
    "SQLITE_FULL": "the disk is full; what was stored is kept: make room, and it goes on",
    "SQLITE_IOERR": "the disk refused; what was stored is kept: make room or mend the disk, and it goes on",
    "SQLITE_BUSY": "another process holds it; wait for it, or stop it",
    "SQLITE_LOCKED": "another process holds it; wait for it, or stop it",
    "SQLITE_READONLY": "it may only be read; give us leave to write it and its folder, or name another file",
    "SQLITE_CANTOPEN": "expected a file and a folder that we may read and write: name another file; "
    "what may only be read is named sqlite:///file:PATH?immutable=1&uri=true",
    "SQLITE_NOTADB": "expected a store made by wrapdetect; name another file",
    "SQLITE_CORRUPT": "it is damaged; go back to a copy, or name another file",
    "53100": "the server's disk is full; what was stored is kept: make room, and it goes on",
    "55P03": "another process holds it; wait for it, or stop it",
    "25006": "it may only be read; name a server that takes writes",
    "28P01": "check user and password",
    "3D000": "make that database first (createdb)",
    "42501": "give that user leave to make tables (GRANT CREATE ON SCHEMA public)",
}


PASSING = (
    *(f"SQLITE_{name}" for name in ("BUSY", "LOCKED", "FULL", "IOERR", "READONLY", "CANTOPEN", "PROTOCOL")),
    "08", "25006", "40", "53", "55P03", "57P",
)  # fmt: skip
"""Families of codes that may pass by themselves: locks, disks and volumes; of PostgreSQL, connections, a server that
stops, starts or hands over, deadlocks, and what it has too little of."""


def _passes(cause: BaseException) -> bool:
    """Whether the same call may do later. A server that cannot be reached has no code."""
    code = _code(cause)
    if not code:
        return isinstance(cause, NoConnection) or type(cause).__name__ in ("OperationalError", "InterfaceError")
    return code.startswith(PASSING)


def _code(cause: BaseException) -> str:
    return getattr(cause, "sqlite_errorname", None) or getattr(cause, "sqlstate", None) or ""


def _meaning(cause: BaseException) -> tuple[str, str]:
    """What the database said, and what to do next."""
    code = _code(cause)
    by_family = {key: then for key, then in _MEANINGS.items() if code.startswith(key)}
    return f"{cause}".partition("\n")[0], next(
        iter(by_family.values()), "check that it is there and sound, then try again"
    )
