"""Slots -> Exchanges: interleaved, paced, within hard budgets. `send`, `record`, clock and sleep are given."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from wrapdetect.dialects import Call, Reply, decode, encode, wire_format
from wrapdetect.dialects.body.waiting import wait_asked_s
from wrapdetect.model import Ask, AskKey, Endpoint, Exchange, FailureKind
from wrapdetect.runs.plan import Cost, Slot, estimate_tokens
from wrapdetect.runs.workload import worked
from wrapdetect.targets.settings import Limits

RETRIES_WHEN_LIMITED = 2
LONGEST_WAIT_S = 120.0
"""A Retry-After beyond this is recorded and not waited for."""

Send = Callable[[Endpoint, Ask, int, int, Call], Awaitable[Exchange]]
"""Puts a turn; what goes wrong out there is in the Exchange. Raises StoppedByHand where whoever answers stops."""
_Record = Callable[[Exchange], None]
_Place = tuple[str, AskKey, int]


class StoppedByHand(Exception):
    """The person wants no more questions; what was answered is kept."""


class Asked(NamedTuple):
    """How the asking ended: sends made now, asks left out for the budget, notes for the user."""

    sent: int
    left_out: int
    notes: tuple[str, ...]


@dataclass(slots=True, kw_only=True)
class _State:
    """The moving parts of one run."""

    limits: Limits
    send: Send
    record: _Record
    stopwatch: Callable[[], float]
    sleep: Callable[[float], Awaitable[None]]
    last: dict[_Place, Exchange]
    recording: asyncio.Lock = field(default_factory=asyncio.Lock)
    requests: int = 0
    tokens: int = 0
    sent: int = 0
    left_out: int = 0
    limited: dict[str, int] = field(default_factory=dict)
    free_at: dict[str, float] = field(default_factory=dict)


async def run_slots(
    slots: Sequence[Slot],
    *,
    done: Iterable[Exchange],
    send: Send,
    record: _Record,
    stopwatch: Callable[[], float],
    sleep: Callable[[float], Awaitable[None]],
    limits: Limits,
    progress: Callable[[int, int], None],
) -> Asked:
    """Put every ask that is not yet in `done`, `limits.concurrency` conversations at a time, in the given order.

    Each exchange goes to `record` the moment it ends. A remote failure never raises; an exception here is ours.
    """
    state = _State(limits=limits, send=send, record=record, stopwatch=stopwatch, sleep=sleep, last={})
    for exchange in done:
        _note(state, exchange)
        state.requests += 1
        state.tokens += _tokens(exchange)
    queue = iter(slots)
    finished = 0

    async def work() -> None:
        nonlocal finished
        for slot in queue:
            if not await _converse(state, slot):
                state.left_out += 1
            finished += 1
            progress(finished, len(slots))

    async with asyncio.TaskGroup() as group:
        for _ in range(limits.concurrency):
            group.create_task(work())
    return Asked(state.sent, state.left_out, tuple(_notes(state)))


async def _converse(state: _State, slot: Slot) -> bool:
    """One ask with all its turns. False where the budget ended it."""
    endpoint, ask = slot
    answers: list[str] = []
    forgotten = _forgotten(state, slot)
    for turn in range(len(ask.turns)):
        exchange = state.last.get((endpoint.name, ask.key, turn))
        reply = None if exchange is None else decode(exchange, endpoint)
        again = forgotten
        while exchange is None or reply is None or again or _worth_another(exchange, reply):
            call = encode(ask, answers, endpoint)
            cost = _upper_tokens(ask, answers)
            if not _affordable(state, cost):
                return False
            limited = exchange if reply is not None and _is_limited(reply) else None
            exchange, reply = await _put(state, slot, turn, exchange, limited, call, cost)
            again = False
        if reply.failure is not None:
            return True
        answers.append(reply.text)
    return True


def _forgotten(state: _State, slot: Slot) -> bool:
    """Whether turns are recorded of a conversation that is not over, and that only the other side held: it has to be
    begun again."""
    endpoint, ask = slot
    held = [state.last.get((endpoint.name, ask.key, turn)) for turn in range(len(ask.turns))]
    known = [e for e in held if e is not None]
    replies = [(e, decode(e, endpoint)) for e in known]
    over = len(known) == len(held) or any(r.failure and not _worth_another(e, r) for e, r in replies)
    return bool(known) and not over and wire_format(endpoint.dialect).remembers(endpoint)


async def _put(
    state: _State, slot: Slot, turn: int, before: Exchange | None, limited: Exchange | None, call: Call, cost: int
) -> tuple[Exchange, Reply]:
    """Send, record and read; the exchange goes to `record` before it is read. `limited` is the one before, where that
    asked to wait."""
    endpoint, ask = slot
    state.requests += 1
    state.tokens += cost  # held until the true length is known
    if limited is not None:
        state.limited[endpoint.name] = state.limited.get(endpoint.name, 0) + 1
        free_at = state.stopwatch() + _retry_after_s(limited)
        state.free_at[endpoint.name] = max(state.free_at.get(endpoint.name, 0.0), free_at)
    await _wait_turn(state, endpoint.name)
    exchange = await state.send(endpoint, ask, turn, 0 if before is None else before.attempt + 1, call)
    async with state.recording:  # one after the other, in the order in which they ended
        await worked(exchange, lambda: state.record(exchange))
    state.sent += 1
    reply = await worked(exchange, lambda: decode(exchange, endpoint))
    state.tokens += estimate_tokens(reply.text) - ask.max_tokens  # the envelope around them is no token
    _note(state, exchange)
    return exchange, reply


async def _wait_turn(state: _State, name: str) -> None:
    now = state.stopwatch()
    start = max(now, state.free_at.get(name, 0.0))
    state.free_at[name] = start + state.limits.pace_s
    if start > now:
        await state.sleep(start - now)


def _affordable(state: _State, cost: int) -> bool:
    allowed = Cost(state.limits.max_requests, state.limits.max_tokens)
    return Cost(1, cost).fits(Cost(state.requests, state.tokens), allowed)


def _worth_another(exchange: Exchange, reply: Reply) -> bool:
    """Whether it was limited, be it by its status or in its body, and may be asked again."""
    return _is_limited(reply) and exchange.attempt < RETRIES_WHEN_LIMITED and _retry_after_s(exchange) <= LONGEST_WAIT_S


def _is_limited(reply: Reply) -> bool:
    return reply.failure is not None and reply.failure.kind is FailureKind.LIMITED


def _retry_after_s(exchange: Exchange) -> float:
    """Seconds that it asks to wait; where it says nothing of that 2, then 4."""
    asked = wait_asked_s(exchange)
    return float(2 ** (exchange.attempt + 1)) if asked is None else asked


def _note(state: _State, exchange: Exchange) -> None:
    place = (exchange.endpoint, exchange.ask, exchange.turn)
    before = state.last.get(place)
    if before is None or before.attempt < exchange.attempt:
        state.last[place] = exchange


def _upper_tokens(ask: Ask, answers: Sequence[str]) -> int:
    texts = (ask.system, *ask.turns[: len(answers) + 1], *answers)
    return sum(estimate_tokens(t) for t in texts) + ask.max_tokens


def _tokens(exchange: Exchange) -> int:
    received = sum(len(c.data) for c in exchange.chunks)
    # A streamed token travels in some 200 bytes of JSON; a plain answer has about four bytes a token.
    return estimate_tokens(exchange.sent) + (received // 200 if len(exchange.chunks) > 2 else received // 4)


def _notes(state: _State) -> Iterator[str]:
    for name, times in sorted(state.limited.items()):
        yield f"{name} said 429 (too many requests): waited and asked again {times} times, each recorded"
    if state.left_out:
        yield f"the budget was spent: {state.left_out} asks were left out"
