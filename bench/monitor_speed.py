"""A monitor of 10,000 targets on one machine: how late its heartbeats are, how many a second, what they weigh.

    python -m bench.monitor_speed [--targets 10000] [--rounds 12] [--jitter 20]

An hour of rounds every five minutes, driven at full speed: where nothing is in flight, the clock jumps to the next
planned moment; whatever is work takes its real time. Heartbeats go over loopback HTTP to a bare server in a process of
its own, at HOSTS addresses; beats go to a real store on disk.
"""

import argparse
import asyncio
import os
import resource
import selectors
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar

from bench.kills.serving import port_of
from wrapdetect.model import Endpoint
from wrapdetect.model.history import Outcome, Service
from wrapdetect.monitor.rounds import Done, Sign, Watch
from wrapdetect.monitor.schedule import Budget, Rhythm
from wrapdetect.monitor.watch import keep_watch
from wrapdetect.store.ledger import Ledger
from wrapdetect.ways.heartbeat import HttpPulse
from wrapdetect.ways.keyring import Keyring

BEGIN = datetime(2026, 3, 2, tzinfo=UTC)
HOSTS = 50
REACH_LATE_S, REACH_RATE = 5.0, 300.0
SERVER = """
import asyncio, sys
BODY = b'{"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"1"},"finish_reason":"length"}]}'
HEAD = b"HTTP/1.1 200 OK\\r\\ncontent-type: application/json\\r\\nconnection: close\\r\\ncontent-length: %d\\r\\n\\r\\n"
ANSWER = HEAD % len(BODY) + BODY
class Bare(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport, self.heard = transport, b""
    def data_received(self, data):
        self.heard += data
        head, end, body = self.heard.partition(b"\\r\\n\\r\\n")
        if end and len(body) >= int(head.lower().partition(b"content-length: ")[2].split(b"\\r\\n")[0]):
            self.transport.write(ANSWER)
            self.transport.close()
async def main():
    loop = asyncio.get_running_loop()
    hosts = [f"127.0.0.{n + 1}" for n in range(int(sys.argv[1]))]
    server = await loop.create_server(Bare, hosts[0], 0, backlog=4096)
    port = server.sockets[0].getsockname()[1]
    rest = await loop.create_server(Bare, hosts[1:], port, backlog=4096)
    print(port, flush=True)
    await server.serve_forever()
asyncio.run(main())
"""
T = TypeVar("T")


class _Jumping(selectors.DefaultSelector):
    """Where nothing is ready, jumps to the next timer instead of waiting for it, unless `busy`."""

    skew_s = 0.0

    def __init__(self, busy: Callable[[], bool]) -> None:
        super().__init__()
        self._busy = busy

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if ready or (timeout is not None and timeout <= 0):
            return ready
        if self._busy() or timeout is None:
            return super().select(timeout)
        self.skew_s += timeout
        return []


class JumpingLoop(asyncio.SelectorEventLoop):
    """An event loop without idle time: its clock is `work_s` (by default: work takes no time) and all waits jumped."""

    def __init__(self, *, work_s: Callable[[], float] | None = None, busy: Callable[[], bool] = lambda: False) -> None:
        self._work_s, self._jumping = work_s, _Jumping(busy)
        super().__init__(self._jumping)

    def time(self) -> float:
        return self._jumping.skew_s + (self._work_s() if self._work_s else 0.0)


class Load:
    """The monitor at work: a clock that jumps only while no heartbeat is in flight and the store is at rest."""

    def __init__(self, *, until_s: float) -> None:
        self.begun_s = time.perf_counter()
        self.loop = JumpingLoop(work_s=lambda: time.perf_counter() - self.begun_s, busy=lambda: self._at_work > 0)
        self._at_work, self._until_s = 0, until_s
        self._store = ThreadPoolExecutor(1)
        self._pulse: HttpPulse | None = None
        self.latency_ms: list[int] = []
        self.failed = self.days_later = 0
        self.late_s: list[float] = []
        self.said: list[str] = []

    def now(self) -> datetime:
        return BEGIN + timedelta(days=self.days_later, seconds=self.loop.time())

    async def beat(self, service: Service, round_s: int) -> Sign:
        assert self._pulse is not None
        self._at_work += 1
        try:
            return await self._pulse.beat(service, round_s)
        finally:
            self._at_work -= 1

    async def answer(self, service: Service, item: object) -> str | None:
        raise NotImplementedError("no fingerprint in this measurement")

    async def offload(self, call: Callable[[], T], /) -> T:
        self._at_work += 1
        try:
            return await self.loop.run_in_executor(self._store, call)
        finally:
            self._at_work -= 1

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    async def keep(self, services: tuple[Service, ...], ledger: Ledger, *, jitter_s: int) -> None:
        stop = asyncio.Event()
        self.loop.call_at(self._until_s, stop.set)

        async def after_round(done: Done) -> None:
            self.late_s += done.late_s
            self.failed += sum(b.outcome is not Outcome.UP for b in done.beats)
            self.latency_ms += [b.latency_ms for b in done.beats]
            at = datetime.fromtimestamp(done.round_s, UTC)
            print(f"  round {at:%H:%M}: {len(done.beats):,} beats, latest {max(done.late_s):.2f} s", file=sys.stderr)

        self._pulse = HttpPulse(services, keyring=Keyring({}), now=self.now, stopwatch=self.loop.time, timeout_s=30.0)
        watch = Watch(
            services=services,
            rhythm=Rhythm(jitter_s=jitter_s),
            budget=Budget(10**9, 10**9),
            items=(),
            seed=1,
            ledger=ledger,
            pulse=self,
            now=self.now,
            stopwatch=self.loop.time,
            sleep=self.sleep,
            say=self.said.append,
            offload=self.offload,
        )
        await keep_watch(watch, after_round=after_round, stop=stop)


def a_server() -> AbstractContextManager[int]:
    """The port of a server that answers everything at once, at HOSTS addresses of loopback."""
    return port_of("-c", SERVER, str(HOSTS))


def some_targets(n: int, port: int) -> tuple[Service, ...]:
    def one(number: int) -> Service:
        url = f"http://127.0.0.{1 + number % HOSTS}:{port}/v1"
        name = f"target-{number:05}"
        endpoint = Endpoint(name=name, role="target", url=url, model="m", dialect="openai_plain")
        return Service(name=name, kind="target", url=url, endpoint=endpoint)

    return tuple(one(number) for number in range(n))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--targets", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--jitter", type=int, default=20, help="seconds over which a minute's heartbeats are spread")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, a_server() as port:
        services = some_targets(given.targets, port)
        load = Load(until_s=given.rounds * 300 - 1)
        with Ledger.open(Path(folder) / "monitor.db", now=load.now, holder=f"bench:{os.getpid()}") as ledger:
            ledger.set_services(services)
            empty = ledger.bytes_on_disk()
            load.begun_s = time.perf_counter()
            base_mb, began_s, began_cpu_s = _rss_mb(), time.perf_counter(), time.process_time()
            with asyncio.Runner(loop_factory=lambda: load.loop) as runner:
                runner.run(load.keep(services, ledger, jitter_s=given.jitter))
            wall_s, cpu_s = time.perf_counter() - began_s, time.process_time() - began_cpu_s
            plain = ledger.bytes_on_disk() - empty
            load.days_later = 3
            ledger.pack(int(load.now().timestamp()))
            packed = ledger.bytes_on_disk() - empty
    _report(load, given.targets * given.rounds, wall_s=wall_s, cpu_s=cpu_s, base_mb=base_mb, plain=plain, packed=packed)
    return 0


def _report(load: Load, expected: int, *, wall_s: float, cpu_s: float, base_mb: float, plain: int, packed: int) -> None:
    n, late = len(load.late_s), sorted(load.late_s)
    tail = late[min(int(n * 0.99), n - 1)]
    print(f"heartbeats   {n:,} of {expected:,} ({load.failed} failed), {HOSTS} addresses of loopback")
    print(
        f"lateness     max {late[-1]:.2f} s, p99 {tail:.3f} s, median {statistics.median(late) * 1000:.1f} ms "
        f"(reach: none above {REACH_LATE_S:g} s: {_word(late[-1] <= REACH_LATE_S)})"
    )
    print(f"latency      median {statistics.median(load.latency_ms)} ms, max {max(load.latency_ms)} ms")
    print(
        f"speed        {n / wall_s:.0f} heartbeats/s (reach: {REACH_RATE:g}: {_word(n / wall_s >= REACH_RATE)}), "
        f"{wall_s:.0f} s in all, {cpu_s / n * 1000:.2f} ms of processor each"
    )
    print(f"memory       {_rss_mb():.0f} MB at most, of which {base_mb:.0f} MB before the first round")
    print(f"on disk      {plain / n:.1f} bytes a heartbeat as recorded, {packed / n:.1f} packed (reach: 100)")
    for note in load.said:
        print(f"note         {note}")


def _word(reached: bool) -> str:
    return "reached" if reached else "MISSED"


def _rss_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    sys.exit(main())
