"""A handful of harmless GETs by which an address is known: nothing is asked, nothing is changed.

Bounded in number, time and bytes. No proxies, no cookies; a redirect is followed on the same host only; a private
address is asked only where the user named it.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Self

import httpx

from wrapdetect.dialects.body.unpacked import BodyError, inflate
from wrapdetect.model import Chunk
from wrapdetect.secrets.mask import masker
from wrapdetect.secrets.names import SHORTEST_MASKED
from wrapdetect.targets.detect import MOST_LOOKS, Look, Seen, next_looks
from wrapdetect.targets.origins import REDIRECTS
from wrapdetect.ways.net.addresses import CONNECTED, admit
from wrapdetect.ways.net.wire import paced
from wrapdetect.ways.status_pages import followed, plain_client

_BYTE_LIMIT = 2_000_000
"""Most bytes read of one answer; the longest lists of models hold some 600,000."""
TIMEOUT_S = 10.0
AT_A_TIME = 4
NO_FOLLOWING = "a redirect that leads on and on; not followed further"


@dataclass(frozen=True, slots=True)
class _Came:
    """One response, its body decoded and cut at the limit."""

    status: int
    headers: tuple[tuple[str, str], ...]
    data: bytes
    cut: bool


class Looker:
    """Makes looks at one address. Use as an async context manager."""

    def __init__(
        self,
        *,
        key: str | None = None,
        private: bool = False,
        most: int = MOST_LOOKS,
        timeout_s: float = TIMEOUT_S,
        byte_limit: int = _BYTE_LIMIT,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._key, self._private, self._left = key, private, most
        self._timeout_s, self._limit = timeout_s, byte_limit
        self._places = asyncio.Semaphore(AT_A_TIME)
        self._client = plain_client(transport)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._client.aclose()

    async def observe(self, url: str) -> tuple[Seen, ...]:
        """All looks that detection wants at this address, round by round. A remote failure is in Seen, never raised."""
        seen: tuple[Seen, ...] = ()
        while looks := next_looks(url, seen, has_key=self._key is not None):
            seen += tuple(await asyncio.gather(*map(self.look, looks)))
        return seen

    async def look(self, look: Look) -> Seen:
        """One of them; redirects count as looks of their own."""
        async with self._places:
            try:
                async with asyncio.timeout(self._timeout_s):
                    seen = await self._follow(look)
            except TimeoutError:
                return Seen(look=look, failure=f"no whole answer within {self._timeout_s:g} s")
            except (httpx.ConnectError, httpx.UnsupportedProtocol, UnicodeError) as error:
                said = str(error) or type(error).__name__
                return Seen(look=look, failure=f"no connection: {said}", unreachable=True)
            except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, ValueError) as error:
                return Seen(look=look, failure=f"the connection broke: {str(error) or type(error).__name__}")
            except BodyError as error:
                return Seen(look=look, failure=error.failure.detail)
        return self._masked(seen)

    async def _follow(self, look: Look) -> Seen:
        address = httpx.URL(look.url)
        while self._left > 0:
            self._left -= 1
            came = await self._get(address, look)
            seen = Seen(
                look=look,
                status=came.status,
                headers=came.headers,
                text=came.data.decode("utf-8", "replace"),
                cut=came.cut,
                final="" if address == httpx.URL(look.url) else str(address),
            )
            location = seen.header("location")
            if came.status not in REDIRECTS or not location:
                return seen
            target = followed(address, location)
            if target is None:
                return replace(seen, away=_shown(address, location))
            address = target
        return Seen(
            look=look, failure=NO_FOLLOWING if address != httpx.URL(look.url) else "not asked: enough was asked"
        )

    async def _get(self, address: httpx.URL, look: Look) -> _Came:
        async def trace(event: str, info: Mapping[str, object]) -> None:
            if event == CONNECTED:
                await admit(info["return_value"], address.host, private=self._private)

        asked = self._client.stream("GET", address, headers=self._headers(look), extensions={"trace": trace})
        async with asked as response:
            self._client.cookies.clear()
            headers = tuple((k.decode("latin-1"), v.decode("latin-1")) for k, v in response.headers.raw)
            data, cut = await self._body(response)
            return _Came(response.status_code, headers, data, cut)

    def _headers(self, look: Look) -> dict[str, str]:
        # A connection kept may be closed by the other side just as the next look goes out: each look has its own.
        plain = {"accept": "*/*", "accept-encoding": "identity", "connection": "close", "user-agent": "wrapdetect"}
        asked = {**plain, **dict(look.headers)}
        if look.key and self._key:
            asked[look.key] = f"Bearer {self._key}" if look.key == "authorization" else self._key
        return asked

    async def _body(self, response: httpx.Response) -> tuple[bytes, bool]:
        kept = bytearray()
        async for raw in paced(response.aiter_raw()):
            kept += raw
            if len(kept) > self._limit:
                break
        encoding = response.headers.get("content-encoding", "").strip().lower()
        data = b"".join(c.data for c in inflate([Chunk(t_s=0.0, data=bytes(kept))], encoding))
        return data[: self._limit], max(len(data), len(kept)) > self._limit

    def _masked(self, seen: Seen) -> Seen:
        """Without the key, where an answer gives it back."""
        key = self._key
        if key is None or len(key) < SHORTEST_MASKED:
            return seen
        secrets = masker(frozenset({key}))
        headers = tuple((secrets.text(k), secrets.text(v)) for k, v in seen.headers)
        return replace(seen, text=secrets.text(seen.text), headers=headers)


async def observe(
    url: str, *, key: str | None = None, private: bool = False, timeout_s: float = TIMEOUT_S
) -> tuple[Seen, ...]:
    """What an address shows, by at most MOST_LOOKS requests of at most `timeout_s` each."""
    async with Looker(key=key, private=private, timeout_s=timeout_s) as looker:
        return await looker.observe(url)


def _shown(address: httpx.URL, location: str) -> str:
    """Where a redirect leads, without what may be secret in it."""
    try:
        target = address.join(location)
    except (httpx.InvalidURL, ValueError):
        return "something that is no URL"
    return f"{target.scheme}://{target.netloc.decode('ascii', 'replace').rpartition('@')[2]}{target.path}"
