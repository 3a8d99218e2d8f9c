"""Bots: each takes a conversation and gives the pieces of an answer on a known schedule, or is down."""

import asyncio
import json
import random
import re
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import httpx

from wrapdetect.cli.demo.voice import Messages, Voice, speak

PIECE = re.compile(r"\s*[^\s\u3000-\u9fff]+|\s*[\u3000-\u9fff]{1,2}|\s+")
IDENTITY = re.compile(
    r"chatgpt|human|who (made|developed|trained) you|which (company|language model)|真人|哪家公司", re.I
)


class Down(Exception):
    """The bot cannot answer now; the server says so with this status."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


class Bot(Protocol):
    """Something that answers. `model` is the name it reports."""

    @property
    def model(self) -> str: ...

    def reply(self, messages: Messages, max_tokens: int) -> AsyncIterator[str]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """When pieces come: the first after `first_s`, the others `gap_s` apart, counted from the request."""

    first_s: float = 0.02
    gap_s: float = 0.003

    async def paced(self, pieces: Sequence[str]) -> AsyncIterator[str]:
        loop = asyncio.get_running_loop()
        start = loop.time() + self.first_s
        for number, piece in enumerate(pieces):
            if (wait := start + number * self.gap_s - loop.time()) > 0:
                await asyncio.sleep(wait)
            yield piece


@dataclass(slots=True, kw_only=True)
class PlannedOutages:
    """Stretches in which a bot is down, in seconds from its first request."""

    stretches: Sequence[tuple[float, float]] = ()
    begun: float | None = None

    def check(self) -> None:
        """Raises Down inside a stretch."""
        now = asyncio.get_running_loop().time()
        self.begun = now if self.begun is None else self.begun
        if any(a <= now - self.begun < b for a, b in self.stretches):
            raise Down(503)


@dataclass(slots=True, kw_only=True)
class VoiceBot:
    """A model of its own: a voice, served here."""

    voice: Voice
    rng: random.Random
    schedule: Schedule = field(default_factory=Schedule)
    outages: PlannedOutages = field(default_factory=PlannedOutages)

    @property
    def model(self) -> str:
        return self.voice.model

    async def reply(self, messages: Messages, max_tokens: int) -> AsyncIterator[str]:
        self.outages.check()
        pieces = PIECE.findall(speak(self.voice, messages, self.rng))[:max_tokens]
        async for piece in self.schedule.paced(pieces):
            yield piece


@dataclass(slots=True, kw_only=True)
class WrapperBot:
    """A pass-through: asks the upstream behind a persona and hands its pieces on as they come."""

    model: str
    upstream: str
    upstream_model: str
    persona: str = ""
    script: Sequence[str] = ()
    drop_history: bool = False
    delay_s: float = 0.0
    own_excuse: str = ""
    rng: random.Random = field(default_factory=lambda: random.Random(0))

    async def reply(self, messages: Messages, max_tokens: int) -> AsyncIterator[str]:
        question = messages[-1]["content"]
        if self.script and IDENTITY.search(question):
            for piece in PIECE.findall(self.rng.choice(self.script)):
                yield piece
            return
        if self.delay_s:
            await asyncio.sleep(self.delay_s)
        kept = list(messages[-1:] if self.drop_history else messages)
        if self.persona:
            kept.insert(0, {"role": "system", "content": self.persona})
        try:
            async for piece in self._relay(kept, max_tokens):
                yield piece
        except (Down, httpx.TransportError):
            if not self.own_excuse:
                raise Down(502) from None
            yield self.own_excuse

    async def _relay(self, messages: Messages, max_tokens: int) -> AsyncIterator[str]:
        body = {"model": self.upstream_model, "messages": messages, "max_tokens": max_tokens, "stream": True}
        async with (
            httpx.AsyncClient(timeout=30, trust_env=False, verify=False) as client,  # loopback only, so no TLS to check
            client.stream("POST", f"{self.upstream}/chat/completions", json=body) as response,
        ):
            if response.status_code != 200:
                raise Down(response.status_code)
            async for line in response.aiter_lines():
                if line.startswith("data: {"):
                    piece = json.loads(line[6:])["choices"][0]["delta"].get("content")
                    if piece:
                        yield piece
