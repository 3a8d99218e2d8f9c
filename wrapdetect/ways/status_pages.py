"""Status feeds fetched: one GET each, within a time and a size, never led away to another host.

A private address is fetched because the user named it; a redirect to one is not.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

import httpx

from wrapdetect.dialects.body.inflating import ZIPPED, Damaged, Inflater
from wrapdetect.errors import FeedError
from wrapdetect.model.prose import quote
from wrapdetect.monitor.outside import Fetch, Fetched
from wrapdetect.targets.origins import REDIRECTS
from wrapdetect.ways.net.wire import WireTransport, paced

_BYTE_LIMIT = 5_000_000
"""Most bytes of a page, after decoding. The largest status pages hold some 300,000."""
TAG_LIMIT = 1000
"""Most characters of a tag that is sent back at the next fetching."""


def plain_client(transport: httpx.AsyncBaseTransport | None = None) -> httpx.AsyncClient:
    """A client for plain GETs: no proxies or certificates from the environment, no redirects, no cookies
    kept. Close it."""
    return httpx.AsyncClient(
        transport=transport or WireTransport(trusted=httpx.create_ssl_context(trust_env=False)),
        trust_env=False,
        follow_redirects=False,
        timeout=None,
    )


@asynccontextmanager
async def open_pages() -> AsyncIterator[Fetch]:
    """`pages` for the upkeep: what fetches, over one client."""
    async with plain_client() as client:
        yield partial(fetch, client=client)


async def fetch(
    url: str,
    *,
    client: httpx.AsyncClient,
    timeout_s: float,
    byte_limit: int = _BYTE_LIMIT,
    etag: str = "",
    last_modified: str = "",
) -> Fetched:
    """The page at `url`; `etag` and `last_modified` are those of the last fetching.

    `timeout_s` bounds the whole, `byte_limit` what comes out of decoding. Raises FeedError, one line, for whatever goes
    wrong out there: a broken feed is an alert, and never an outage.
    """
    address = _address(url)
    asked = {"accept": "*/*", "accept-encoding": "gzip, deflate", "user-agent": "wrapdetect"}
    asked |= {"if-none-match": etag} if etag else {}
    asked |= {"if-modified-since": last_modified} if last_modified else {}
    try:
        async with asyncio.timeout(timeout_s):
            fetched = await _get(address, client, asked, byte_limit)
            if isinstance(fetched, httpx.URL):
                fetched = await _get(fetched, client, asked, byte_limit)
    except (TimeoutError, httpx.TimeoutException):
        raise _broken(
            address, f"no whole page within {timeout_s:g} s", "try again later, or read another page of it"
        ) from None
    except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, ValueError) as error:
        said = quote(str(error), 120) or type(error).__name__
        raise _broken(address, f"it cannot be fetched ({said})", "check its address and the network") from error
    if isinstance(fetched, httpx.URL):
        raise _broken(address, f"it redirects twice, last to {_shown(fetched)}", "put the final address in its place")
    return fetched


def followed(address: httpx.URL, location: str) -> httpx.URL | None:
    """Where a redirect may lead: to the same host and port, or from its http to its https; None for anywhere else.

    >>> followed(httpx.URL("http://status.example/a"), "https://status.example/a")
    URL('https://status.example/a')
    >>> followed(httpx.URL("https://status.example/a"), "https://login.example/") is None
    True
    """
    try:
        target = address.join(location)
    except (httpx.InvalidURL, ValueError):
        return None
    same = (target.scheme, target.host, target.port) == (address.scheme, address.host, address.port)
    raised = (address.scheme, target.scheme) == ("http", "https") and target.host == address.host
    default = address.port is None and target.port is None
    return target if not target.userinfo and (same or (raised and default)) else None


async def _get(
    address: httpx.URL, client: httpx.AsyncClient, asked: dict[str, str], byte_limit: int
) -> Fetched | httpx.URL:
    """The page, or the address that it redirects to and that may be followed."""
    async with client.stream("GET", address, headers=asked) as response:
        client.cookies.clear()
        tags = _tag(response, "etag"), _tag(response, "last-modified")
        if response.status_code == 304 and ("if-none-match" in asked or "if-modified-since" in asked):
            old = asked.get("if-none-match", ""), asked.get("if-modified-since", "")
            return Fetched(data=None, etag=tags[0] or old[0], last_modified=tags[1] or old[1])
        if response.status_code in REDIRECTS:
            location = response.headers.get("location", "")
            target = followed(address, location)
            if target is None:
                seen = f"it redirects to {quote(location.partition('?')[0], 100) or 'nowhere'}, another place"
                raise _broken(address, seen, "put the address that is meant in its place")
            return target
        if response.status_code != 200:
            raise _broken(address, f"it answers {response.status_code}, expected 200", _advice(response.status_code))
        data = await _decoded(response, address, byte_limit)
        return Fetched(data=data, etag=tags[0], last_modified=tags[1])


async def _decoded(response: httpx.Response, address: httpx.URL, byte_limit: int) -> bytes:
    """The body with its encoding undone, never more of it in memory than the limit. Raises FeedError."""
    encoding = response.headers.get("content-encoding", "").strip().lower()
    if encoding not in ZIPPED | {"", "identity"}:
        seen = f"content-encoding {quote(encoding, 40)}, expected gzip, deflate or none"
        raise _broken(address, seen, "report it: this is a fault of the server")
    kept = bytearray()
    async for piece in _pieces(response, encoding in ZIPPED, address, byte_limit):
        kept += piece
        if len(kept) > byte_limit:
            raise _broken(address, f"more than {byte_limit:,} bytes", "look whether the address is a status page's")
    return bytes(kept)


async def _pieces(response: httpx.Response, zipped: bool, address: httpx.URL, byte_limit: int) -> AsyncIterator[bytes]:
    inflater = Inflater(byte_limit) if zipped else None
    try:
        async for raw in paced(response.aiter_raw()):
            yield raw if inflater is None else inflater.take(raw)
    except Damaged as error:
        raise _broken(address, f"a damaged body ({error})", "try again later") from error
    if inflater is not None and not inflater.ended:
        raise _broken(address, "a compressed body that breaks off", "try again later")


def _address(url: str) -> httpx.URL:
    """Raises FeedError for what is no http or https address."""
    shown = quote(url.partition("?")[0].rpartition("@")[2], 100)
    try:
        address = httpx.URL(url)
    except (httpx.InvalidURL, ValueError) as error:
        raise FeedError(f"feed address {shown} cannot be read ({error}); expected https://HOST/PATH") from error
    if address.scheme not in ("http", "https") or not address.host:
        raise FeedError(f"feed address {shown} cannot be fetched; expected https://HOST/PATH")
    return address


def _tag(response: httpx.Response, name: str) -> str:
    """A tag that can be sent back; "" for one that cannot."""
    tag = str(response.headers.get(name, ""))
    return tag if tag.isascii() and tag.isprintable() and len(tag) <= TAG_LIMIT else ""


def _advice(status: int) -> str:
    if status == 429:
        return "ask it less often"
    return "look at it in a browser, then correct its address" if 400 <= status < 500 else "try again later"


def _shown(address: httpx.URL) -> str:
    """An address without what may be secret in it: name, password, query."""
    return quote(f"{address.scheme}://{address.netloc.decode('ascii', 'replace')}{address.path}", 160)


def _broken(address: httpx.URL, seen: str, advice: str) -> FeedError:
    return FeedError(f"feed at {_shown(address)}: {seen}; {advice}")
