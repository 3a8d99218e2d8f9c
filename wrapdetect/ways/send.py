"""Every way in behind one `send`: each endpoint is asked as its dialect says."""

from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import replace
from functools import partial
from typing import Protocol, Unpack
from urllib.parse import urlsplit

from wrapdetect.dialects import Call, decode
from wrapdetect.dialects.template.filling import is_handed_out, parts_of, variables_of
from wrapdetect.errors import SpecError
from wrapdetect.model import Ask, Dialect, Endpoint, Exchange
from wrapdetect.model.prose import quote
from wrapdetect.runs.ask import Send
from wrapdetect.runs.recording import Say
from wrapdetect.runs.workload import worked
from wrapdetect.ways import clock
from wrapdetect.ways.http import HttpSender
from wrapdetect.ways.keyring import Keyring, read_keys
from wrapdetect.ways.means import Means
from wrapdetect.ways.net.lag import Lag
from wrapdetect.ways.page.login_state import login_notes
from wrapdetect.ways.page.sender import PageSender
from wrapdetect.ways.template.sender import TemplateSender


class Sender(Protocol):
    """Whatever asks: it never raises for what goes wrong out there."""

    async def __call__(self, endpoint: Endpoint, ask: Ask, turn: int, attempt: int, call: Call) -> Exchange: ...


class _Makes(Protocol):
    def __call__(
        self, endpoints: tuple[Endpoint, ...], **means: Unpack[Means]
    ) -> AbstractAsyncContextManager[Sender]: ...


OWN_WAYS: Mapping[Dialect, _Makes] = {"template": TemplateSender, "page": PageSender}
"""Dialects that are no API, each with what asks it; all others go by HttpSender."""


def ways_to(
    endpoints: tuple[Endpoint, ...],
    *,
    say: Say,
    timeout_s: float,
    person: AbstractAsyncContextManager[Sender] | None = None,
    keys: Callable[[Iterable[Endpoint]], Keyring] = read_keys,
) -> Callable[[tuple[Endpoint, ...]], AbstractAsyncContextManager[Send]]:
    """Have keys and logins of the endpoints at hand, and say what the user should know of them: what is wrong with a
    login file, and which variables go to which host. Gives what opens the ways to them, or to one of them at another
    address. Nothing is sent. Raises SpecError for a key or a login of no use."""
    for note in (n for e in endpoints for n in login_notes(e)):
        say(f"note   {note}")
    keyring = keys(endpoints)
    for line in variables_sent(endpoints):
        say(line)
    return partial(
        open_ways, keyring=keyring, now=clock.now, stopwatch=clock.stopwatch, timeout_s=timeout_s, person=person
    )


def variables_sent(endpoints: Iterable[Endpoint]) -> Iterator[str]:
    """Which environment variables go to which host, a line each."""
    for endpoint in endpoints:
        names = (*((endpoint.key_env,) if endpoint.key_env else ()), *variables_of(endpoint))
        if names:
            parts = parts_of(endpoint.template) if endpoint.template else ()
            others = endpoint.hosts if any(is_handed_out(part.path) for part in parts) else ()
            hosts = (urlsplit(endpoint.url).netloc.rpartition("@")[2], *others)
            yield f"sends  {quote(', '.join(dict.fromkeys(names)), 300)} to {quote(' or '.join(hosts), 300)}"


@asynccontextmanager
async def open_ways(
    endpoints: tuple[Endpoint, ...],
    *,
    person: AbstractAsyncContextManager[Sender] | None = None,
    **means: Unpack[Means],
) -> AsyncIterator[Send]:
    """`send` for run_slots over all endpoints; `person` answers for those whose dialect is pasted.

    Raises SpecError for a pasted endpoint without a person, and where a way in is not installed.
    """
    kinds: dict[_Makes, list[Endpoint]] = {}
    senders: dict[str, Sender] = {}
    keyring, lag = means["keyring"], Lag(means["stopwatch"])
    async with AsyncExitStack() as stack:
        for endpoint in endpoints:
            if endpoint.dialect != "pasted":
                kinds.setdefault(OWN_WAYS.get(endpoint.dialect, HttpSender), []).append(endpoint)
            elif person is None:
                raise SpecError(
                    f"endpoint {endpoint.name}: its answers were pasted; ask it by `wrapdetect ask --manual`"
                )
        for make, ours in kinds.items():
            sender = await stack.enter_async_context(make(tuple(ours), **means))
            senders |= {e.name: sender for e in ours}
        if person is not None and any(e.dialect == "pasted" for e in endpoints):
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
