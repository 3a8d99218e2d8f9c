"""A watch without a network: services by script, a store in memory, a clock that jumps over every wait."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import TypeVar

from bench.monitor_speed import JumpingLoop
from tests.conftest import an_item
from tests.monitor.test_schedule import some_services
from wrapdetect.errors import StoreError
from wrapdetect.model import Item
from wrapdetect.model.history import Beat, Outcome, Print, Service
from wrapdetect.monitor.rounds import Done, Sign, Watch
from wrapdetect.monitor.schedule import Budget, Rhythm, day_of
from wrapdetect.monitor.watch import keep_watch
from wrapdetect.runs.plan import Cost

BEGIN = datetime(2026, 3, 2, tzinfo=UTC)
BEGIN_S = int(BEGIN.timestamp())
ITEMS = (an_item("one", turns=("1?",), max_tokens=10), an_item("two", turns=("2?",), max_tokens=10))
PLENTY = Budget(10**9, 10**9)
SERVICES = some_services(1)
T = TypeVar("T")


@dataclass
class MemoryLedger:
    """The store's rules, without a store."""

    rounds: dict[int, Cost] = field(default_factory=dict)
    spends: dict[date, Cost] = field(default_factory=dict)
    finished: list[int] = field(default_factory=list)
    beats: dict[tuple[str, int], Beat] = field(default_factory=dict)
    prints: list[Print] = field(default_factory=list)
    taken: list[int] = field(default_factory=list)
    batches: list[tuple[float, int]] = field(default_factory=list)
    claims: int = 0
    held: bool = False
    fault: str = ""
    time_s: Callable[[], float] = lambda: 0.0

    def claim(self, lease_s: int) -> None:
        assert lease_s >= 600
        self.claims += 1
        self.held = True

    def release(self) -> None:
        self.held = False

    def begin_round(self, round_s: int, *, requests: int, tokens: int) -> bool:
        assert self.held
        if round_s in self.rounds:
            return False
        spent = self.spent(day_of(round_s))
        self.rounds[round_s] = Cost(requests, tokens)
        self.spends[day_of(round_s)] = Cost(spent.requests + requests, spent.tokens + tokens)
        return True

    def record(self, round_s: int, beats: Sequence[Beat]) -> None:
        assert self.held
        assert round_s in self.rounds
        if self.fault:
            raise StoreError(self.fault)
        self.batches.append((self.time_s(), len(beats)))
        for beat in beats:
            assert (beat.service, beat.round_s) not in self.beats
            self.beats[beat.service, beat.round_s] = beat

    def finish_round(self, round_s: int) -> None:
        self.finished.append(round_s)

    def spent(self, day: date) -> Cost:
        return self.spends.get(day, Cost(0, 0))

    def add_prints(self, prints: Sequence[Print]) -> None:
        assert self.held
        self.prints += prints

    def last_round(self) -> int | None:
        return max(self.rounds, default=None)

    def last_prints(self) -> int | None:
        return max(self.taken, default=None)

    def prints_taken(self, round_s: int) -> None:
        self.taken.append(round_s)


Script = Callable[[str, int], Outcome]


@dataclass
class World:
    """Services by script, a clock that jumps, and what came of a watch. `jump_s` is by how much the clock was set."""

    script: Script = lambda name, round_s: Outcome.UP
    takes_s: float = 0.2
    slow: dict[str, float] = field(default_factory=dict)
    ledger: MemoryLedger = field(default_factory=MemoryLedger)
    jump_s: float = 0.0
    lagged: frozenset[str] = frozenset()
    said: list[str] = field(default_factory=list)
    done: list[Done] = field(default_factory=list)
    skipped: list[Done] = field(default_factory=list)
    asked: list[tuple[float, str, int]] = field(default_factory=list)
    asks: list[tuple[str, str]] = field(default_factory=list)
    in_flight: int = 0
    most_in_flight: int = 0
    loop: JumpingLoop = field(default_factory=JumpingLoop)

    def now(self) -> datetime:
        return BEGIN + timedelta(seconds=self.jump_s + self.loop.time())

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    async def beat(self, service: Service, round_s: int) -> Sign:
        sent_s = self.loop.time()
        self.asked.append((sent_s, service.name, round_s))
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            await self._takes(self.slow.get(service.name, self.takes_s))
            outcome = self.script(service.name, round_s)
        finally:
            self.in_flight -= 1
        said = "" if outcome is Outcome.UP else "down"
        return Sign(sent_s, outcome, 200 if outcome is Outcome.UP else 0, said, service.name in self.lagged)

    async def answer(self, service: Service, item: Item) -> str | None:
        self.asks.append((service.name, item.id))
        await self._takes(self.takes_s)
        return f"{item.id} by {service.name}"

    async def _takes(self, seconds: float) -> None:
        if seconds:
            await asyncio.sleep(seconds)

    async def offload(self, call: Callable[[], T], /) -> T:
        return call()

    def watch(self, services: tuple[Service, ...] = SERVICES, **more: object) -> Watch:
        self.ledger.time_s = self.loop.time
        fields: dict[str, object] = {"rhythm": Rhythm(), "budget": PLENTY, "items": (), "seed": 1, **more}
        return Watch(
            services=services,
            ledger=self.ledger,
            pulse=self,
            now=self.now,
            stopwatch=self.loop.time,
            sleep=self.sleep,
            say=self.said.append,
            offload=self.offload,
            **fields,  # type: ignore[arg-type]  # a test may override any field
        )

    def run(self, work: Coroutine[object, object, T]) -> T:
        with asyncio.Runner(loop_factory=lambda: self.loop) as runner:
            return runner.run(work)

    def keep(
        self, watch: Watch, *, for_s: float, at: Sequence[tuple[float, Callable[[], object]]] = ()
    ) -> "list[Done]":
        """Keep watch for so long; `at` holds what happens on the way, and when."""

        async def after_round(done: Done) -> None:
            (self.skipped if done.skipped else self.done).append(done)

        async def go() -> None:
            stop = asyncio.Event()
            for when_s, happens in (*at, (for_s, stop.set)):
                self.loop.call_at(when_s, happens)
            await keep_watch(watch, after_round=after_round, stop=stop)

        self.run(go())
        return self.done


def rounds(*numbers: int) -> list[int]:
    return [BEGIN_S + 300 * n for n in numbers]
