"""Connections for plain HTTP: which certificates they trust, how long they are kept, who may use which meanwhile."""

import logging
import os
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache, partial
from typing import Generic, TypeVar

import httpx

from wrapdetect.ways.net.wire import WireTransport

for _name in ("httpx", "httpcore"):  # a debug log would print headers, in which a key goes out or comes back
    logging.getLogger(_name).setLevel(logging.WARNING)

IDLE_S = 1.0
"""A connection idle for longer is not used again: servers close theirs after 2 or 5 s. A question that meets the
closing all the same, so that nothing at all came back, is put once more over a connection of its own: it says nothing
of the service."""

Transport = TypeVar("Transport", bound=httpx.AsyncBaseTransport)


class Lines(Generic[Transport]):
    """Transports to one place: one for each request under way, kept for the next.

    (A pool looks through all its connections, twice for each request: at 16 that is a fifth of the CPU.)
    """

    def __init__(self, make: Callable[[], Transport]) -> None:
        self._make = make
        self._all: list[Transport] = []
        self._free: list[Transport] = []

    @contextmanager
    def one(self) -> Iterator[Transport]:
        """A transport that nobody else uses meanwhile."""
        transport = self._free.pop() if self._free else self._another()
        try:
            yield transport
        finally:
            self._free.append(transport)

    def _another(self) -> Transport:
        self._all.append(self._make())
        return self._all[-1]

    async def aclose(self) -> None:
        for transport in self._all:
            await transport.aclose()


def connections() -> Callable[[], httpx.AsyncBaseTransport]:
    """Transports that share the certificates they trust."""
    return partial(WireTransport, trusted=trusted(), keep_s=IDLE_S)


def trusted() -> ssl.SSLContext:
    """The certificates to trust, as the environment says or httpx has them; loading takes 27 ms, once a process."""
    return _loaded(os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR"))


@lru_cache(maxsize=4)
def _loaded(file: str | None, folder: str | None) -> ssl.SSLContext:
    return httpx.create_ssl_context()
