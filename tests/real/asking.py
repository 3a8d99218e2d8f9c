"""Asking as an audit does, of endpoints that the tests of this folder start; and the bot that stands behind them."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from wrapdetect.cli.demo.bots import Down, Schedule
from wrapdetect.cli.demo.voice import Messages
from wrapdetect.dialects import Reply, decode
from wrapdetect.model import Ask, AskKey, Endpoint, Exchange
from wrapdetect.runs.ask import run_slots
from wrapdetect.runs.plan import Slot
from wrapdetect.targets.settings import Limits
from wrapdetect.ways import clock
from wrapdetect.ways.keyring import read_keys
from wrapdetect.ways.send import open_ways

PIECES = ("You have written ", "{count}", " times", ", first: ", "«{first}».", " Ebbe", " und Flut", " kommen", "", ".")
"""What the bot says: whether it remembers, and that nothing is lost on the way, in pieces of a known schedule."""
TIMEOUT_S = 120.0


@dataclass(kw_only=True)
class Witness:
    """Says how often it was written to in this conversation, and what came first; with `down`, that status only."""

    model: str = "witness-1"
    schedule: Schedule = field(default_factory=lambda: Schedule(first_s=0.0, gap_s=0.0))
    down: int = 0

    async def reply(self, messages: Messages, max_tokens: int) -> AsyncIterator[str]:
        if self.down:
            raise Down(self.down)
        asked = [m["content"] for m in messages if m["role"] == "user"]
        pieces = [p.format(count=len(asked), first=asked[0]) for p in PIECES]
        async for piece in self.schedule.paced([p for p in pieces if p]):
            yield piece


def said(count: int, first: str) -> str:
    """The witness' whole answer."""
    return "".join(PIECES).format(count=count, first=first)


class Heard(NamedTuple):
    """One turn: what was recorded, and how its dialect reads it."""

    exchange: Exchange
    reply: Reply


def an_ask(*turns: str, number: int = 0, **more: object) -> Ask:
    key = AskKey("real", f"item{number}", 0)
    ask = Ask(key=key, turns=turns or ("Why are there tides?",), system="", temperature=0.0, max_tokens=60)
    return replace(ask, **more)  # type: ignore[arg-type]  # a test may override any field


def asked(endpoint: Endpoint, *asks: Ask, timeout_s: float = TIMEOUT_S, concurrency: int = 1) -> list[Heard]:
    """Every turn of every ask, in the order in which they ended."""
    recorded: list[Exchange] = []

    async def go() -> None:
        async with open_ways(
            (endpoint,),
            keyring=read_keys((endpoint,)),
            now=clock.now,
            stopwatch=clock.stopwatch,
            timeout_s=timeout_s,
        ) as send:
            await run_slots(
                [Slot(endpoint, ask) for ask in asks or (an_ask(),)],
                done=(),
                send=send,
                record=recorded.append,
                stopwatch=clock.stopwatch,
                sleep=lambda _: asyncio.sleep(0),  # where it was told to wait, nobody minds here
                limits=Limits(concurrency=concurrency, pace_s=0.0, max_requests=100, max_tokens=100_000),
                progress=lambda done, of: None,
            )

    asyncio.run(go())
    return [Heard(e, decode(e, endpoint)) for e in recorded]
