"""Every way in behind one `send`: each endpoint is asked as its dialect says."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import replace
from datetime import datetime
from typing import Protocol

from wrapdetect.dialects import Call, decode
from wrapdetect.errors import SpecError
from wrapdetect.model import Ask, Dialect, Endpoint, Exchange
from wrapdetect.runs.ask import Send
from wrapdetect.runs.workload import worked
from wrapdetect.ways.http import HttpSender
from wrapdetect.ways.keyring import Keyring
from wrapdetect.ways.net.lag import Lag
from wrapdetect.ways.page.sender import PageSender
from wrapdetect.ways.template.sender import TemplateSender


class Sender(Protocol):
    """Whatever asks: it never raises for what goes wrong out there."""

    async def __call__(self, endpoint: Endpoint, ask: Ask, turn: int, attempt: int, call: Call) -> Exchange: ...


class _Makes(Protocol):
    def __call__(
        self,
        endpoints: tuple[Endpoint, ...],
        *,
        keyring: Keyring,
        now: Callable[[], datetime],
        stopwatch: Callable[[], float],
        timeout_s: float,
    ) -> AbstractAsyncContextManager[Sender]: ...


OWN_WAYS: Mapping[Dialect, _Makes] = {"template": TemplateSender, "page": PageSender}
"""Dialects that are no API, each with what asks it; all others go by HttpSender."""


@asynccontextmanager
async def open_ways(
    endpoints: tuple[Endpoint, ...],
    *,
    keyring: Keyring,
    now: Callable[[], datetime],
    stopwatch: Callable[[], float],
    timeout_s: float,
    person: AbstractAsyncContextManager[Sender] | None = None,
) -> AsyncIterator[Send]:
    """`send` for run_slots over all endpoints; `person` answers for those whose dialect is pasted.

    Raises SpecError for a pasted endpoint without a person, and where a way in is not installed.
    """
    kinds: dict[_Makes, list[Endpoint]] = {}
    senders: dict[str, Sender] = {}
    lag = Lag(stopwatch)
    async with AsyncExitStack() as stack:
        for endpoint in endpoints:
            if endpoint.dialect != "pasted":
                kinds.setdefault(OWN_WAYS.get(endpoint.dialect, HttpSender), []).append(endpoint)
            elif person is None:
                raise SpecError(
                    f"endpoint {endpoint.name}: its answers were pasted; ask it by `wrapdetect ask --manual`"
                )
        for make, ours in kinds.items():
            sender = await stack.enter_async_context(
                make(tuple(ours), keyring=keyring, now=now, stopwatch=stopwatch, timeout_s=timeout_s)
            )
            senders |= {e.name: sender for e in ours}
        if person is not None:
            answering = await stack.enter_async_context(person)
            senders |= {e.name: answering for e in endpoints if e.dialect == "pasted"}

        async def send(endpoint: Endpoint, ask: Ask, turn: int, attempt: int, call: Call) -> Exchange:
            with lag.watched() as lagged_s:
                exchange = await senders[endpoint.name](endpoint, ask, turn, attempt, call)
                late_s = lagged_s()
            if late_s:
                exchange = replace(exchange, lag_s=late_s)
            if not keyring.holds_any:
                return exchange
            return await worked(exchange, lambda: keyring.withheld(exchange, decode(exchange, endpoint)))

        yield send
