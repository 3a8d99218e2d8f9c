"""The monitor's rounds and the packing of its store, killed and taken up again: is each heartbeat kept, and kept once?

The rounds are those of `monitor run`, with its store and its requests, on a clock that runs thirty times as fast.
"""

import asyncio
import signal
import sqlite3
import time
from array import array
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from random import Random
from typing import NamedTuple

from bench.kills.killing import Ended, Tally, after, by_signals, drawn, killed, unharmed
from bench.kills.serving import Asked, asked_in, served
from wrapdetect.cli.monitor.signals import stop_on_signals
from wrapdetect.model import Role
from wrapdetect.model.history import Beats, History, Outcome, Service, ServiceKind
from wrapdetect.monitor.rounds import Done, Watch
from wrapdetect.monitor.schedule import Budget, Rhythm, round_of
from wrapdetect.monitor.watch import keep_watch
from wrapdetect.store.ledger import Ledger, owner
from wrapdetect.targets.config import make_endpoint
from wrapdetect.ways.heartbeat import HttpPulse
from wrapdetect.ways.keyring import Keyring

SPEED = 30
"""Seconds of the monitor's clock in one of ours."""
CADENCE_S = 60
BEGIN_S = 1_800_000_000 // 86_400 * 86_400
RECORDED_S = 2.0
"""Seconds (of ours) after which what a request brought must stand in the store: the answer came within half of one, and
is recorded 1/30 later."""
CHATS, SITES = ("nova", "heron", "wren", "lark"), ("site-a", "site-b")
STOPS = (*[signal.SIGKILL] * 5, signal.SIGTERM, signal.SIGINT)
"""SIGHUP has the monitor read its config again, and ends nothing."""
OBEYED = frozenset({signal.SIGTERM, signal.SIGINT})
PACKED_DAYS, PACKED_CADENCE_S = 4, 60


class Clock(NamedTuple):
    """`began_s` of ours is BEGIN_S of the monitor's."""

    began_s: float

    def monitor_s(self, at_s: float) -> float:
        """What the monitor's clock shows at a moment of ours."""
        return BEGIN_S + (at_s - self.began_s) * SPEED

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.monitor_s(time.time()), UTC)

    def stopwatch(self) -> float:
        return self.monitor_s(time.time())

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds / SPEED)


def services_at(port: int) -> tuple[Service, ...]:
    """Chats, one of them the target, and plain sites, all on the loopback server."""
    home = f"http://127.0.0.1:{port}"
    found = []
    for name in CHATS:
        role: Role = "target" if name == CHATS[0] else "reference"
        kind: ServiceKind = "target" if name == CHATS[0] else "panel"
        endpoint = make_endpoint(
            name=name, role=role, url=f"{home}/{name}/v1", model="m", key_env=None, dialect="openai_plain"
        )
        found.append(Service(name=name, kind=kind, url=endpoint.url, vendor=name, endpoint=endpoint))
    return (*found, *(Service(name=name, kind="site", url=f"{home}/{name}") for name in SITES))


def opened(store: Path, clock: Clock) -> Ledger:
    """The store, as the monitor's commands open it."""
    gone = partial(owner.has_ended, place=owner.here(), started=owner.started)
    return Ledger.open(store, now=clock.now, holder=owner.holder_of_this_process(), gone=gone)


def watch(store: Path, clock: Clock, services: tuple[Service, ...]) -> int:
    """Rounds until a signal."""
    rhythm = Rhythm(cadence_s=CADENCE_S, jitter_s=20, timeout_s=30)
    with opened(store, clock) as ledger, ThreadPoolExecutor(1) as thread:
        ledger.claim(rhythm.lease_s)
        ledger.set_cadence(rhythm.cadence_s)
        ledger.set_services(services)

        async def go() -> None:
            stop = asyncio.Event()
            stop_on_signals(stop)
            pulse = HttpPulse(
                services, keyring=Keyring({}), now=clock.now, stopwatch=clock.stopwatch, timeout_s=rhythm.timeout_s
            )
            a_watch = Watch(
                services=services,
                rhythm=rhythm,
                budget=Budget(10**9, 10**9),
                items=(),
                seed=1,
                ledger=ledger,
                pulse=pulse,
                now=clock.now,
                stopwatch=clock.stopwatch,
                sleep=clock.sleep,
                say=lambda text: None,
                offload=lambda call: asyncio.get_running_loop().run_in_executor(thread, call),
            )
            await keep_watch(a_watch, after_round=_nothing, stop=stop)

        asyncio.run(go())
    return 0


async def _nothing(done: Done) -> None:
    pass


def monitor(folder: Path, kills: int, chance: Random) -> Tally:
    """Each start is killed within its first rounds, and the next one begins at once."""
    tally, store, log = Tally(name="monitor"), folder / "monitor.db", folder / "asked.jsonl"
    clock = Clock(time.time())
    with served(log, 0.5) as port:
        services = services_at(port)
        work = partial(watch, store, clock, services)
        before: set[tuple[str, int, int]] = set()
        while tally.kills.total() < kills:
            begun_s = time.time()
            ended = killed(work, after(chance.uniform(0.05, 3.5)), drawn(chance, STOPS), tally, obeyed=OBEYED)
            tally.note(ended, by_signals(0, 130))
            before = _check_beats(tally, store, clock, ended, before, since(begun_s, log))
            if tally.faults and tally.codes.total() > 3 * kills:
                break
        begun_s = time.time()
        final = killed(work, after(8.0), signal.SIGTERM, Tally(name="last"))
        tally.note(final, frozenset({0}))
        _check_beats(tally, store, clock, final, before, since(begun_s, log))
    _check_rounds(tally, store, clock, asked_in(log))
    return tally


def since(at_s: float, log: Path) -> list[Asked]:
    """What was asked from that moment on."""
    return [a for a in asked_in(log) if a.at_s >= at_s]


def _check_beats(
    tally: Tally, store: Path, clock: Clock, ended: Ended, before: set[tuple[str, int, int]], asked: list[Asked]
) -> set[tuple[str, int, int]]:
    """Whatever stood there stands there as it was; what was answered well before the kill stands there too. Gives all
    (service, round, offset)."""
    if not store.exists():
        return before
    beats = beats_in(store, clock)
    tally.expect(before <= beats, f"lost: {len(before - beats)} heartbeats that were stored before")
    there = {(service, round_s) for service, round_s, _ in beats}
    until_s = (ended.killed_s or time.time()) - RECORDED_S
    due = {_slot(clock, a) for a in asked if a.at_s < until_s}
    tally.expect(due <= there, f"lost: answered long before the kill, and not stored: {sorted(due - there)[:4]}")
    return beats


def beats_in(store: Path, clock: Clock) -> set[tuple[str, int, int]]:
    """All heartbeats stored: service, round, offset."""
    with opened(store, clock) as ledger:
        history = ledger.history()
    return {(b.service, r, o) for b in history.beats for r, o in zip(b.round_s, b.offset_ms, strict=True)}


def _slot(clock: Clock, asked: Asked) -> tuple[str, int]:
    """Whom a request asked, and in which round it came."""
    return asked.path.split("/")[1], round_of(clock.monitor_s(asked.at_s), CADENCE_S)


def _check_rounds(tally: Tally, store: Path, clock: Clock, asked: list[Asked]) -> None:
    """No round was asked twice: of each service one request at most in each round, as the server saw them."""
    times = Counter(_slot(clock, a) for a in asked)
    twice = [slot for slot, n in times.items() if n > 1]
    tally.expect(not twice, f"doubled: {len(twice)} services were asked twice in a round, such as {twice[:3]}")
    beats = beats_in(store, clock)
    there = Counter((service, round_s) for service, round_s, _ in beats)
    tally.expect(there.total() == len(there), "doubled: a heartbeat stands there twice")
    tally.expect(
        there.keys() <= times.keys(), f"heartbeats that nobody was sent: {sorted(there.keys() - times.keys())[:3]}"
    )
    tally.expect(_sound(store), "the store's file is damaged")
    rounds = {round_s for _, round_s in there}
    tally.figures = {
        "rounds": len(rounds), "requests": len(asked), "heartbeats": len(there),
        "in flight at a kill": len(times.keys() - there.keys()), "starts": tally.codes.total(),
    }  # fmt: skip


def _sound(store: Path) -> bool:
    with closing(sqlite3.connect(store)) as conn:
        return conn.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


PAIR = (
    Service(name="bot", kind="site", url="http://127.0.0.1:1/"),
    Service(name="plain", kind="site", url="http://127.0.0.1:2/"),
)


def some_days(first: int, days: int) -> History:
    """Heartbeats of whole days, the same for the same day."""
    made = []
    for service in PAIR:
        for day in range(first, first + days):
            rng = Random(f"{service.name}/{day}")
            rounds = array("q", range(BEGIN_S + day * 86_400, BEGIN_S + (day + 1) * 86_400, PACKED_CADENCE_S))
            down = {r for r in rounds if rng.random() < 0.05}
            made.append(
                Beats(
                    service=service.name,
                    round_s=rounds,
                    offset_ms=array("i", (rng.randrange(20_000) for _ in rounds)),
                    outcome=bytes(Outcome.SERVER if r in down else Outcome.UP for r in rounds),
                    latency_ms=array("i", (0 if r in down else rng.randrange(3_000) for r in rounds)),
                    said={r: f"HTTP 50{rng.randrange(3)}" for r in sorted(down)},
                )
            )
    return History(cadence_s=PACKED_CADENCE_S, services=PAIR, beats=tuple(made))


def packing(folder: Path, kills: int, chance: Random) -> Tally:
    """Before each kill a few more days come in; what one packing left, the next one packs."""
    tally, store, day = Tally(name="packing"), folder / "monitor.db", 0
    clock = Clock(time.time() - 400 * 86_400 / SPEED)  # 400 days after BEGIN_S: all of them are over
    work = partial(pack, store, clock)
    with opened(store, clock) as ledger:
        ledger.set_cadence(PACKED_CADENCE_S)
        ledger.set_services(PAIR)
        ledger.import_history(some_days(day, PACKED_DAYS))
    begun = time.monotonic()
    unharmed(work)
    took_s = time.monotonic() - begun
    while tally.kills.total() < kills:
        day += PACKED_DAYS
        with opened(store, clock) as ledger:
            ledger.import_history(some_days(day, PACKED_DAYS))
        ended = killed(work, after(chance.uniform(0, took_s)), drawn(chance), tally)
        tally.note(ended, by_signals(0, 130))
        _check_days(tally, store, clock, day, PACKED_DAYS)
    tally.note(unharmed(work), frozenset({0}))
    _check_days(tally, store, clock, 0, day + PACKED_DAYS)
    _check_packed(tally, store, 2 * (day + PACKED_DAYS) * 86_400 // PACKED_CADENCE_S)
    return tally


def pack(store: Path, clock: Clock) -> int:
    """All days that are over."""
    with opened(store, clock) as ledger:
        ledger.pack(BEGIN_S + 10_000 * 86_400)
    return 0


def _check_days(tally: Tally, store: Path, clock: Clock, first: int, days: int) -> None:
    """These days are in the store as they came in."""
    with opened(store, clock) as ledger:
        history = ledger.history(since_s=BEGIN_S + first * 86_400, until_s=BEGIN_S + (first + days) * 86_400)
    for service in PAIR:
        kept = [b for b in history.beats if b.service == service.name]
        made = [b for b in some_days(first, days).beats if b.service == service.name]
        tally.expect(
            _columns(kept) == _columns(made), f"{service.name}: days {first} to {first + days - 1} are not as before"
        )


def _columns(beats: list[Beats]) -> list[tuple[int, int, int, int, str]]:
    return [
        row
        for b in beats
        for row in zip(
            b.round_s, b.offset_ms, b.outcome, b.latency_ms, (b.said.get(r, "") for r in b.round_s), strict=True
        )
    ]


def _check_packed(tally: Tally, store: Path, total: int) -> None:
    """All is packed, each heartbeat once."""
    with closing(sqlite3.connect(store)) as conn:
        [(packed,)] = conn.execute("SELECT sum(n) FROM monitor_packed_beat").fetchall()
        [(single,)] = conn.execute("SELECT count(*) FROM monitor_beat").fetchall()
    tally.expect(packed == total, f"{packed:,} packed heartbeats of {total:,}")
    tally.expect(single == 0, f"{single:,} heartbeats are left unpacked, or stand there twice")
    tally.expect(_sound(store), "the store's file is damaged")
    tally.figures = {"heartbeats": total, "packed": packed, "single": single}
