"""What the tests of the store put in, the same for the same round, how they take it out again, and how they kill who
writes it."""

import random
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

from sqlalchemy import Connection, event

from tests.conftest import ROOT
from wrapdetect.model import Endpoint
from wrapdetect.model.history import Beat, Incident, Outcome, Service
from wrapdetect.store.ledger import Ledger, packing

DAY = 86_400
START = 20_454 * DAY  # 2026-01-01
BOT = Endpoint(name="bot", role="target", url="http://127.0.0.1:1/v1", model="m", key_env="BOT_KEY")
SERVICES = (
    Service(name="bot", kind="target", url=BOT.url, vendor="bots", endpoint=BOT),
    Service(name="plain", kind="site", url="http://127.0.0.1:2/"),
)


class Clock:
    """A clock that stands until it is set."""

    def __init__(self, at_s: int = START) -> None:
        self.at_s = at_s

    def __call__(self) -> datetime:
        return datetime.fromtimestamp(self.at_s, UTC)


def beats_of(round_s: int, services: tuple[str, ...] = ("bot", "plain")) -> list[Beat]:
    """The same for the same round: every 13th fails, with one of three texts."""
    rng = random.Random(round_s)
    made = []
    for name in services:
        fails = rng.randrange(13) == 0
        said = f"HTTP 50{rng.randrange(3)}: “busy” 🌊" if fails else ""
        made.append(
            Beat(
                service=name,
                round_s=round_s,
                offset_ms=rng.randrange(60_000),
                outcome=Outcome.SERVER if fails else Outcome.UP,
                latency_ms=int(400 * rng.lognormvariate(0, 0.4)),
                said=said,
            )
        )
    return made


def a_round(ledger: Ledger, round_s: int) -> None:
    assert ledger.begin_round(round_s, requests=2, tokens=30)
    ledger.record(round_s, beats_of(round_s))
    ledger.finish_round(round_s)


def expected(rounds: range) -> dict[str, list[Beat]]:
    return {name: [b for r in rounds for b in beats_of(r) if b.service == name] for name in ("bot", "plain")}


def kept(ledger: Ledger, **span: int) -> dict[str, list[Beat]]:
    return {b.service: packing.single(b) for b in ledger.history(**span).beats}  # type: ignore[arg-type]


def an_incident(**more: object) -> Incident:
    base = Incident(
        service="bot", feed="status", id="i1", title="Errors", began_s=START + 600, early_s=900, late_s=0, ended_s=None,
        severity=2,
    )  # fmt: skip
    return replace(base, **more)  # type: ignore[arg-type]


def opened(where: str | Path, *, make: bool = True) -> Ledger:
    return Ledger.open(where, now=Clock(), holder="host:1:a", wait_s=0.2, make=make)


def step(name: str) -> None:
    """In a process that `killed_at` runs: tell what comes next, and wait for leave."""
    sys.stdout.write(f"{name}\n")
    sys.stdout.flush()
    sys.stdin.readline()


def stepwise(ledger: Ledger) -> None:
    """From here on each commit is a step: told before it is made."""

    def before_commit(conn: Connection) -> None:
        if conn.get_execution_options().get("wrapdetect_writes"):
            step("commit")

    event.listen(ledger._database._engine, "commit", before_commit)


def killed_at(stop: int | str, code: str, *args: str, after_s: float) -> None:
    """Run `code` in a process, and kill it `after_s` after its n-th step, or the first of that name, was let through.

    However fast the machine is, all steps before that one were made then, that one may have been, and none after it.
    """
    command = [sys.executable, "-c", code, *args]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=ROOT, stdin=pipe, stdout=pipe, text=True, bufsize=1) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for n in count(1):
            name = process.stdout.readline().strip()
            assert name, f"it ended before step {stop}"
            process.stdin.write("go on\n")
            if stop in (n, name):
                break
        time.sleep(after_s)
        process.kill()


def check_integrity(path: str | Path) -> None:
    """SQLite's own check of a file."""
    with closing(sqlite3.connect(path)) as conn:
        assert conn.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
