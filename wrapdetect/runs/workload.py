"""Where work on an exchange's bytes is done: small work at once, large work in a thread, off the loop that stamps."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVar

from wrapdetect.model import Exchange

LIGHT_BYTES = 50_000
LIGHT_PIECES = 300
"""Chunks, headers and hops up to which work is done at once: some 1 ms, and no ordinary answer has more."""

_T = TypeVar("_T")


class Offload(Protocol):
    """Runs a call where it does not hold up what is under way."""

    def __call__(self, call: Callable[[], _T], /) -> Awaitable[_T]: ...


def is_light(exchange: Exchange) -> bool:
    """Whether to read, mask or write it takes no time to speak of."""
    all_chunks = (exchange.chunks, *(hop.chunks for hop in exchange.hops))
    pieces = len(exchange.headers) + sum(len(hop.headers) + len(hop.chunks) for hop in exchange.hops)
    if pieces + len(exchange.chunks) > LIGHT_PIECES:
        return False
    return sum(len(chunk.data) for chunks in all_chunks for chunk in chunks) <= LIGHT_BYTES


async def worked(exchange: Exchange, call: Callable[[], _T], offload: Offload = asyncio.to_thread) -> _T:
    """What `call` gives, which works on that exchange."""
    return call() if is_light(exchange) else await offload(call)
