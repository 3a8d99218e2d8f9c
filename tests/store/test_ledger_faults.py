"""The store's faults: what is no store, what may not be written, a disk that is full; each told by one line."""

import itertools
import os
import resource
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.store.ledger_world import DAY, SERVICES, START, Clock, beats_of, check_integrity, expected, opened
from wrapdetect.errors import StoreAway, StoreError
from wrapdetect.model.history import History, Service, columns
from wrapdetect.store.ledger import Ledger
from wrapdetect.store.ledger.database import _passes


def a_store(path: Path, days: int = 1) -> Path:
    with Ledger.open(path, now=Clock(START + days * DAY), holder="h") as ledger:
        ledger.set_services(SERVICES)
        beats = expected(range(START, START + days * DAY, 600))
        ledger.import_history(
            History(cadence_s=600, services=SERVICES, beats=tuple(columns(name, b) for name, b in beats.items()))
        )
    return path


def refused(where: str | Path) -> str:
    with pytest.raises(StoreError) as caught, opened(where) as ledger:
        ledger.claim(600)
    assert "\n" not in str(caught.value)
    assert "wonder" not in str(caught.value)
    return str(caught.value)


def test_what_is_no_store_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    letter, other = tmp_path / "letter.txt", tmp_path / "other.db"
    letter.write_text("Dear Sir, " * 500)
    with closing(sqlite3.connect(other)) as conn:
        conn.execute("CREATE TABLE songs (name TEXT)")
    before = letter.read_bytes(), other.read_bytes()
    assert "expected a store made by wrapdetect; name another file" in refused(letter)
    assert "is a database of another program" in refused(other)
    assert "it is a folder; name a file in it" in refused(tmp_path)
    assert "cannot make the folder of the store" in refused(letter / "monitor.db")
    assert (letter.read_bytes(), other.read_bytes()) == before
    assert sorted(p.name for p in tmp_path.iterdir()) == ["letter.txt", "other.db"]


@pytest.mark.parametrize(
    ("where", "message"),
    [
        (":memory:", "would forget"),
        ("sqlite://", "expected a path"),
        ("mysql://me:wonder@host/db", "mysql://me:\\*\\*\\*@host/db cannot be used"),
        ("postgresql://me:wonder@host:port/db", "host:port/db is no URL"),
        ("postgresql://me:wonder@127.0.0.1:1/db", "cannot open|cannot read"),
        ("postgresql://127.0.0.1:1/db?user=me&password=wonder", "cannot open|cannot read"),
    ],
)
def test_an_address_that_cannot_be_used_is_refused_without_its_password(where: str, message: str) -> None:
    with pytest.raises(StoreError, match=message):
        opened(where)
    refused(where)


def test_a_missing_store_is_made_only_where_that_is_wanted(tmp_path: Path) -> None:
    path = tmp_path / "a" / "monitor.db"
    with pytest.raises(StoreError, match=f"there is no store {path}; `wrapdetect monitor once` makes one"):
        opened(path, make=False)
    assert not path.parent.exists()
    opened(path).__exit__(None, None, None)
    opened(path, make=False).__exit__(None, None, None)


def test_a_lock_passes_and_what_is_no_store_does_not(tmp_path: Path) -> None:
    path = a_store(tmp_path / "monitor.db")
    with opened(path) as ledger:
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(StoreAway, match="another process holds it"):
                ledger.claim(600)
        ledger.claim(600)
        path.write_bytes(b"a letter to my aunt\n" * 1000)
        Path(f"{path}-wal").unlink(missing_ok=True)
    with pytest.raises(StoreError) as caught:
        opened(path)
    assert not isinstance(caught.value, StoreAway)


class Cause(Exception):
    """As a driver tells it."""

    def __init__(self, code: str | None, name: str = "") -> None:
        super().__init__(code)
        self.sqlstate, self.sqlite_errorname = code, name


class OperationalError(Cause):
    """Named as that of the driver, which has no code where a server cannot be reached."""


@pytest.mark.parametrize(
    ("cause", "passes"),
    [
        (OperationalError(None), True),
        *((Cause(code), True) for code in ("08006", "08001", "57P01", "57P02", "57P03", "53100", "53300", "53200")),
        *((Cause(code), True) for code in ("55P03", "40001", "40P01", "25006")),
        *((Cause(code), False) for code in ("42501", "28P01", "3D000", "42P01", "23505", "22021", "XX001")),
        *((Cause(None, f"SQLITE_{name}"), True) for name in ("BUSY", "BUSY_SNAPSHOT", "LOCKED", "FULL", "IOERR_WRITE")),
        *((Cause(None, f"SQLITE_{name}"), True) for name in ("CANTOPEN", "READONLY_DBMOVED", "READONLY")),
        *((Cause(None, f"SQLITE_{name}"), False) for name in ("CORRUPT", "NOTADB", "CONSTRAINT", "ERROR", "MISUSE")),
        (Cause(None), False),
    ],
)
def test_what_may_pass_is_told_from_what_does_not(cause: Cause, passes: bool) -> None:
    assert _passes(cause) is passes


def test_a_damaged_store_is_told_by_one_line(tmp_path: Path) -> None:
    path = a_store(tmp_path / "monitor.db")
    with closing(sqlite3.connect(path)) as conn, conn:
        conn.execute("UPDATE monitor_packed_beat SET columns = substr(columns, 1, 50) WHERE service_id = 1")
    with opened(path) as ledger, pytest.raises(StoreError, match=r"day 20454 of bot is damaged .*go back to a copy"):
        ledger.history()
    path.write_bytes(path.read_bytes()[:10_000])
    refused(path)


def test_a_store_that_may_only_be_read_is_read_and_not_written(tmp_path: Path) -> None:
    path = a_store(tmp_path / "monitor.db")
    with opened(f"sqlite:///file:{path}?mode=ro&uri=true") as ledger:
        assert len(ledger.history().beats) == 2
        for write in (ledger.claim, lambda: ledger.note_event("k", 1, "x"), lambda: ledger.pack(START)):
            with pytest.raises(StoreError, match="it may only be read; give us leave"):
                write()
    assert "may only be read" in refused(f"sqlite:///file:{path}?mode=ro&uri=true")


def mounted(folder: Path, *options: str) -> None:
    folder.mkdir(exist_ok=True)
    done = subprocess.run(["mount", *options, str(folder)], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"may not mount here: {done.stderr.strip()}")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "disk"
    mounted(folder, "-t", "tmpfs", "-o", "size=2m", "wrapdetect-test")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting needs root")
def test_a_disk_that_turned_read_only_is_told(small_disk: Path) -> None:
    path = a_store(small_disk / "monitor.db")
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    assert "expected a file and a folder that we may read and write" in refused(path)
    assert "expected a file and a folder that we may read and write" in refused(small_disk / "new.db")
    with opened(f"sqlite:///file:{path}?immutable=1&uri=true") as ledger:  # as the message says
        assert len(ledger.history().beats) == 2
    subprocess.run(["mount", "-o", "remount,rw", str(small_disk)], check=True)
    with opened(path) as ledger:
        ledger.claim(600)


def fill(ledger: Ledger, rounds: Iterator[int], names: tuple[str, ...]) -> None:
    for round_s in rounds:
        ledger.record(round_s, beats_of(round_s, names))


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting needs root")
def test_on_a_full_disk_nothing_is_half_written_and_it_goes_on_when_there_is_room(small_disk: Path) -> None:
    path = small_disk / "monitor.db"
    ballast = small_disk / "ballast"
    ballast.write_bytes(b"x" * 900_000)
    names = tuple(f"s{n}" for n in range(200))
    with opened(path) as ledger:
        ledger.claim(600)
        ledger.set_services([Service(name=name, kind="site", url="http://127.0.0.1/") for name in names])
        rounds = iter(range(START, START + 30 * DAY, 300))
        with pytest.raises(StoreAway, match=r"the disk (is full|refused); what was stored is kept: make room"):
            fill(ledger, rounds, names)
        whole = {len(b.outcome) for b in ledger.history().beats}
        assert whole == {(next(rounds) - START) // 300 - 1}  # all of a round or nothing
        ballast.unlink()
        fill(ledger, itertools.islice(rounds, 10), names)
        assert {len(b.outcome) for b in ledger.history().beats} == {whole.pop() + 10}
    check_integrity(path)


def test_a_disk_without_room_for_a_new_store_is_told_and_tried_again(tmp_path: Path) -> None:
    path = tmp_path / "monitor.db"
    code = "import sys; from tests.store.test_ledger_faults import refused; print(refused(sys.argv[1]))"

    def limited() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, 40_000))

    done = subprocess.run(
        [sys.executable, "-B", "-c", code, str(path)],
        cwd=ROOT, preexec_fn=limited, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.stderr == ""
    assert "the disk refused" in done.stdout
    with opened(path) as ledger:
        ledger.claim(600)


def test_a_store_that_is_moved_away_is_away_until_it_is_back(tmp_path: Path) -> None:
    path, aside = tmp_path / "m.db", tmp_path / "aside.db"
    with opened(path) as ledger:
        ledger.set_cadence(60)
        path.rename(aside)
        for call in (ledger.services, lambda: ledger.set_cadence(90), ledger.claim, lambda: ledger.pack(0)):
            with pytest.raises(StoreAway, match=r"m.db is gone: its file was moved"):
                call()
        assert not path.exists()
        aside.rename(path)
        ledger.set_cadence(120)


def test_another_file_in_the_place_of_a_store_is_not_written(tmp_path: Path) -> None:
    path = tmp_path / "m.db"
    with opened(path) as ledger:
        ledger.set_cadence(60)
        path.rename(tmp_path / "aside.db")
        path.write_bytes(b"")
        with pytest.raises(StoreError, match="another file was put in the place") as caught:
            ledger.set_cadence(90)
        assert not isinstance(caught.value, StoreAway)
        assert path.read_bytes() == b""
