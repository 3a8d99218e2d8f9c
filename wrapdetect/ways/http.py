"""The way out to known APIs, over our own httpx transport, which stamps every chunk.

Requests are made here and go straight to the transport. (The official openai client spends 1.5 ms of CPU on each, as
much as all the rest; the vendors' clients are in the tests.) Nothing is retried and no redirect is followed: both would
falsify times, hide outages, or carry a key to another host.
"""

import asyncio
import json
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Self, Unpack
from urllib.parse import quote, urlencode

import httpx

from wrapdetect.dialects import Call, wire_format
from wrapdetect.dialects.body.ending import SURE_S, Ending, ending_of
from wrapdetect.dialects.template.filling import PRINTABLE, fill_text
from wrapdetect.model import Ask, Endpoint, Exchange, Failure
from wrapdetect.runs.workload import worked
from wrapdetect.ways.means import Means
from wrapdetect.ways.net.failures import attempt
from wrapdetect.ways.net.lines import Lines, connections
from wrapdetect.ways.net.tape import StampingTransport, Tape, current_tape

BYTE_LIMIT = 2_000_000
"""Most bytes kept of one answer; what comes after is not read."""

KEY_HEADERS = frozenset({"authorization"})
SENT_HEADERS = KEY_HEADERS | {
    *("host", "accept", "accept-encoding", "connection", "content-type", "content-length", "user-agent"),
}
"""What goes out, and nothing else but the headers of the dialect and those that the user named."""
USER_AGENT = f"python-httpx/{httpx.__version__}"
"""True, and common: it does not tell a target that it is looked at."""


class HttpSender:
    """`send` for run_slots, over real HTTP, to endpoints with a known API. Use as an async context manager."""

    def __init__(
        self,
        endpoints: tuple[Endpoint, ...],
        *,
        byte_limit: int = BYTE_LIMIT,
        transport: Callable[[], httpx.AsyncBaseTransport] | None = None,
        **means: Unpack[Means],
    ) -> None:
        self._keyring, self._now, self._stopwatch = means["keyring"], means["now"], means["stopwatch"]
        self._timeout_s, self._limit = means["timeout_s"], byte_limit
        make = transport or connections()
        self._lines = {e.name: self._line(e, make) for e in endpoints}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for line in self._lines.values():
            await line.aclose()

    async def __call__(self, endpoint: Endpoint, ask: Ask, turn: int, attempt: int, call: Call) -> Exchange:
        """Send one request and record what comes back. A remote failure is in the exchange, never raised."""
        tape, started = Tape(start_s=self._stopwatch()), self._now()
        current_tape.set(tape)
        failure = await self._perform(endpoint, call, tape)
        exchange = tape.exchange(
            endpoint=endpoint.name,
            ask=ask.key,
            turn=turn,
            attempt=attempt,
            started=started,
            ended=self._stopwatch(),
            failure=failure,
        )
        return await worked(exchange, lambda: self._keyring.clean(exchange))

    async def _perform(self, endpoint: Endpoint, call: Call, tape: Tape) -> Failure | None:
        sending = self._lines[endpoint.name].put(call)
        return await attempt(sending, tape, timeout_s=self._timeout_s, byte_limit=self._limit)

    def _line(self, endpoint: Endpoint, transport: Callable[[], httpx.AsyncBaseTransport]) -> "_Line":
        key = self._keyring.key_of(endpoint)

        def stamping() -> StampingTransport:
            return StampingTransport(
                transport(),
                origin=httpx.URL(endpoint.url),
                sent_headers=sent_by(endpoint, key),
                stopwatch=self._stopwatch,
                byte_limit=self._limit,
                private=endpoint.private,
            )

        return _Line(endpoint, key, self._keyring.variables, stamping)


class _Line:
    """How one endpoint is asked."""

    def __init__(
        self, endpoint: Endpoint, key: str | None, variables: Mapping[str, str], make: Callable[[], StampingTransport]
    ) -> None:
        self._endpoint, self._key, self._variables = endpoint, key, variables
        self._lines = Lines(make)

    async def put(self, call: Call) -> None:
        """Send, and read the body to its end; the tape keeps what matters."""
        request = api_request(self._endpoint, call, self._key, self._variables)
        with self._lines.one() as transport:
            await exhaust(transport, request, ending_of(self._endpoint.dialect))

    async def aclose(self) -> None:
        await self._lines.aclose()


def api_request(
    endpoint: Endpoint, call: Call, key: str | None, variables: Mapping[str, str] | None = None
) -> httpx.Request:
    """The request that carries a call to an API, with the key where there is one; the endpoint's own headers go before
    ours, and `variables` are the values of `{env:NAME}` in them and in its query."""
    values = {f"env:{name}": value for name, value in (variables or {}).items()}
    headers = {
        "accept": "application/json",
        "accept-encoding": "identity",
        "content-type": "application/json",
        "user-agent": USER_AGENT,
        **dict(call.headers),
        **({call.key_header: f"{call.key_prefix}{key}"} if key else {}),
        **{name.lower(): quote(fill_text(value, values), safe=PRINTABLE) for name, value in endpoint.headers},
    }
    body = json.dumps(call.body, ensure_ascii=False, separators=(",", ":")).encode()
    query = urlencode([(name, fill_text(value, values)) for name, value in endpoint.query])
    mark = ("&" if "?" in call.path else "?") if query else ""
    return httpx.Request("POST", httpx.URL(f"{endpoint.url}{call.path}{mark}{query}"), headers=headers, content=body)


def sent_by(endpoint: Endpoint, key: str | None) -> frozenset[str]:
    """The headers that may go to an endpoint, in lower case."""
    own = wire_format(endpoint.dialect).headers
    return (SENT_HEADERS if key else SENT_HEADERS - KEY_HEADERS) | own | {name.lower() for name, _ in endpoint.headers}


async def exhaust(transport: StampingTransport, request: httpx.Request, ending: Ending = lambda _: None) -> None:
    """Send, and read the body to its end, our limit, or where `ending` says; the tape keeps what matters."""
    response = await transport.handle_async_request(request)
    assert isinstance(response.stream, httpx.AsyncByteStream)
    try:
        await _read(response.stream, ending if response.status_code < 300 else lambda _: None)
    finally:
        await response.stream.aclose()


async def _read(body: httpx.AsyncByteStream, ending: Ending) -> None:
    """To the end; of a stream that said its own, for as long as `ending` leaves it: how it breaks off then, where it
    was over for sure, does not matter any more."""
    clock, left_s = asyncio.get_running_loop().time, None
    try:
        async with asyncio.timeout(None) as limit:
            async for data in body:
                before, left_s = left_s, ending(data)
                if left_s != before:
                    limit.reschedule(None if left_s is None else clock() + left_s)
    except TimeoutError:
        if not limit.expired():
            raise
    except httpx.TransportError:
        if left_s is None or left_s > SURE_S:
            raise
