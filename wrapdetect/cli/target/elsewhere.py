"""Whether an API that was not found at its address answers under /v1, which users leave out: tried once, and told."""

from collections.abc import Iterable
from dataclasses import replace

from wrapdetect.dialects import decode, encode
from wrapdetect.dialects.address import with_version
from wrapdetect.model import Ask, Endpoint, Exchange
from wrapdetect.ways import clock
from wrapdetect.ways.keyring import Keyring
from wrapdetect.ways.send import open_ways

NOT_FOUND = (404, 405)


async def answers_with_version(endpoint: Endpoint, ask: Ask, *, keyring: Keyring, timeout_s: float) -> str:
    """What to write as its address, where the same question is answered there; "" where it is not."""
    url = with_version(endpoint.url) if endpoint.dialect.startswith(("openai", "responses")) else None
    if url is None:
        return ""
    moved = replace(endpoint, url=url)
    ways = open_ways((moved,), keyring=keyring, now=clock.now, stopwatch=clock.stopwatch, timeout_s=timeout_s)
    async with ways as send:
        exchange = await send(moved, ask, 0, 0, encode(ask, (), moved))
    return "" if decode(exchange, moved).failure else f"it answers at {url}: give that address"


def not_found(exchanges: Iterable[Exchange], endpoint: Endpoint) -> bool:
    """Whether the last that it said is that nothing is there."""
    statuses = [e.status for e in exchanges if e.endpoint == endpoint.name]
    return bool(statuses) and statuses[-1] in NOT_FOUND
