"""What every survey does, whatever it asks and however it is judged: its plan is said, kept within the budget, asked,
recorded, and taken up again where it was broken off.

    planned --dry run--> None
       | keys and logins at hand            BudgetError, SpecError: nothing was written
    recording open, new or taken up again   SpecError, RunFormatError
       | hello to all                       PreflightError: a new recording is removed
    asked, in its own order                 cancelled, StoppedByHand: what was answered is kept
       | read back
    Run, as it was recorded                 TargetSilent: the target answered nothing but the hello

Nothing here touches the world: ways, recording, clock and terminal are handed in.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager, closing, contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from urllib.parse import urlsplit

from wrapdetect.dialects import decode, encode
from wrapdetect.dialects.address import with_version
from wrapdetect.errors import PreflightError, TargetSilent
from wrapdetect.model import Ask, Endpoint, Exchange, Instrument, Pack, Run
from wrapdetect.runs.ask import Send, StoppedByHand, run_slots
from wrapdetect.runs.hello import check_hello, not_found
from wrapdetect.runs.plan import HELLO, Cost, Slot, check_budget, estimate_cost
from wrapdetect.runs.recording import RunPlace, Say, open_recording
from wrapdetect.targets.config import title
from wrapdetect.targets.settings import Limits

Open = Callable[[tuple[Endpoint, ...]], AbstractAsyncContextManager[Send]]
"""Opens the ways to endpoints whose keys are at hand."""
Advance = Callable[[int, int], None]
"""How many of how many asks are done."""
AskRest = Callable[["Asker", Sequence[Slot]], Awaitable[None]]
"""Asks what comes after the hello, all of it or what is still worth asking, in an order of its own."""


@contextmanager
def unseen(total: int) -> Iterator[Advance]:
    """Progress that nobody looks at."""
    yield lambda done, of: None


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """What a survey is handed of the world. `ways` has keys and logins of endpoints at hand, and gives what opens the
    ways to them; it raises SpecError where that cannot be. `sleep` is asyncio's, or a test's."""

    ways: Callable[[tuple[Endpoint, ...]], Open]
    place: RunPlace
    stopwatch: Callable[[], float]
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    say: Say = lambda text: None
    progress: Callable[[int], AbstractContextManager[Advance]] = unseen


class Asker:
    """Puts slots to the endpoints of a run; remembers all that was said."""

    def __init__(
        self, run: Run, world: World, send: Send, record: Callable[[Exchange], object], limits: Limits
    ) -> None:
        self.run, self.say, self.progress = run, world.say, world.progress
        self.exchanges = list(run.exchanges)
        self._world, self._send, self._record, self._limits = world, send, record, limits

    async def ask(self, slots: Sequence[Slot], progress: Advance = lambda done, of: None) -> None:
        """Those that are not answered yet."""
        outcome = await run_slots(
            slots,
            done=list(self.exchanges),
            send=self._send,
            record=self._keep,
            stopwatch=self._world.stopwatch,
            sleep=self._world.sleep,
            limits=self._limits,
            progress=progress,
        )
        for note in outcome.notes:
            self.say(note)

    async def hello(self, slots: Sequence[Slot], open_: Open) -> list[Slot]:
        """Ask the first plain question; gives the other slots. Raises PreflightError where nobody answers it."""
        before, hellos = len(self.exchanges), [s for s in slots if s.ask.key.probe == HELLO]
        await self.ask(hellos)
        said = self.exchanges[before:]
        lost = {s.endpoint.name: s for s in hellos if not_found(said, s.endpoint)}
        may_try = len(self.exchanges) + len(lost) <= self._limits.max_requests
        moved = [await _elsewhere(slot, open_) for slot in lost.values()] if may_try else []
        check_hello(self.run.endpoints, said, [m for m in moved if m])
        return [s for s in slots if s.ask.key.probe != HELLO]

    def _keep(self, exchange: Exchange) -> None:
        self._record(exchange)
        self.exchanges.append(exchange)


async def as_planned(asker: Asker, slots: Sequence[Slot]) -> None:
    """All of them, in the order planned."""
    with asker.progress(len(slots)) as progress:
        await asker.ask(slots, progress)


@dataclass(frozen=True, slots=True, kw_only=True)
class SurveyPlan:
    """What is asked, of whom, and how much that may take: all that one survey does not share with another.

    `run` holds what was answered before, if anything; `words` says the plan and its cost to the user; `greeted` is
    called once all have answered the hello.
    """

    run: Run
    slots: Sequence[Slot]
    limits: Limits
    words: Callable[[Run, Cost], str]
    asking: AskRest = as_planned
    greeted: Callable[[], object] = lambda: None


def new_run(
    endpoints: tuple[Endpoint, ...],
    *,
    packs: tuple[Pack, ...],
    variants: tuple[tuple[str, str], ...] = (),
    draws: int,
    seed: int,
    instrument: Instrument,
    now: datetime,
    note: str = "",
) -> Run:
    """The run to be made, with no exchange yet."""
    target = next(e for e in endpoints if e.role == "target")
    host = (urlsplit(target.url).hostname or "target").replace(":", "-")
    return Run(
        id=f"{now:%Y%m%dT%H%M%S.%fZ}-{host}",
        note=note,
        instrument=instrument,
        endpoints=endpoints,
        packs=packs,
        variants=variants,
        draws=draws,
        seed=seed,
    )


async def survey(plan: SurveyPlan, world: World, *, resume: bool = False, dry_run: bool = False) -> Run | None:
    """The run as it was recorded; None after a dry run, which says the plan and sends nothing.

    Raises WrapdetectError for what cannot be done, TargetSilent where the target answered nothing; StoppedByHand.
    """
    cost = estimate_cost(plan.slots)
    world.say(plan.words(plan.run, cost))
    check_budget(cost, max_requests=plan.limits.max_requests, max_tokens=plan.limits.max_tokens)
    if dry_run:
        world.say("dry run: nothing was sent")
        return None
    asked = {s.endpoint.name for s in plan.slots}
    endpoints = tuple(e for e in plan.run.endpoints if e.name in asked)
    open_ = world.ways(endpoints)
    run, recording, fresh = open_recording(world.place, plan.run, resume=resume, say=world.say)
    with closing(recording):
        try:
            async with open_(endpoints) as send:
                asker = Asker(run, world, limits=plan.limits, send=send, record=recording.append)
                rest = await asker.hello(plan.slots, open_)
                plan.greeted()
                await plan.asking(asker, rest)
        except PreflightError:
            if fresh:
                world.place.remove()
            raise
        except ExceptionGroup as group:
            raise _cause(group) from group
        run = recording.load().run
    world.say(f"recorded in {world.place.name}")
    _refuse_silence(run)
    return run


def _cause(group: ExceptionGroup) -> Exception:
    """Of what task groups raise: that the person stopped, or else the first."""
    found: Exception = group.subgroup(StoppedByHand) or group
    while isinstance(found, ExceptionGroup):
        found = found.exceptions[0]
    return found


async def answers_with_version(endpoint: Endpoint, ask: Ask, open_: Open) -> str:
    """What to write as its address, where the same question is answered under /v1, which users leave out; "" where it
    is not. Tried once, and not recorded."""
    url = with_version(endpoint.url) if endpoint.dialect.startswith(("openai", "responses")) else None
    if url is None:
        return ""
    moved = replace(endpoint, url=url)
    async with open_((moved,)) as send:
        exchange = await send(moved, ask, 0, 0, encode(ask, (), moved))
    return "" if decode(exchange, moved).failure else f"it answers at {url}: give that address"


async def _elsewhere(slot: Slot, open_: Open) -> str:
    """Where an endpoint answers instead, in words; "" where that is not known."""
    answers = await answers_with_version(slot.endpoint, slot.ask, open_)
    return f"{title(slot.endpoint.role, slot.endpoint.name)}: {answers}" if answers else ""


def _refuse_silence(run: Run) -> None:
    """Raises TargetSilent where the target was asked more than the hello and answered none of that."""
    target = run.target
    said = [e for e in run.exchanges if e.endpoint == target.name]
    rest = [e for e in said if e.ask.probe != HELLO]
    if not rest or any(decode(e, target).failure is None for e in rest):
        return
    if len(rest) == len(said):  # collected: nobody asked it a hello
        raise TargetSilent(f"{target.url}: no answer could be read in what was collected of it; see the recording")
    raise TargetSilent(f"{target.url} answered the first hello and then nothing; the failures are in the recording")
