"""Chromium: where it is found, how it is started, and which hosts it may reach.

Two locks stand on each door: the browser resolves no name but those allowed (and those to an address that was looked at
first), and every request to another host is refused before it leaves.
"""

import asyncio
import os
import re
import shutil
import signal
import socket
import sys
import uuid
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from wrapdetect.errors import SpecError
from wrapdetect.model import Endpoint
from wrapdetect.ways.net.addresses import address_allowed, refusal_of

if TYPE_CHECKING:
    from playwright.async_api import Browser, Playwright

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_VARIABLE = "WRAPDETECT_CHROMIUM"
UNSEEN = "WRAPDETECT_LOGIN_UNSEEN"
"""For tests, where no screen is: the browser of a login has no window."""
ARGUMENTS = (
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--disable-quic",
    "--disable-gpu",
    "--no-pings",
    "--force-webrtc-ip-handling-policy=disable_non_proxied_udp",
    "--no-proxy-server",
)
LAUNCH_S = 60.0
CLOSE_S = 5.0
_HOW = "install one (`apt install chromium` or `playwright install chromium`), or name it in " + _VARIABLE


class Barred(Exception):
    """A host that may not be asked, or cannot be reached; the text says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hosts:
    """Which hosts a page may ask, by name; any port of them."""

    own: str
    others: tuple[str, ...] = ()

    @property
    def all(self) -> tuple[str, ...]:
        return (self.own, *(h for h in self.others if h != self.own))

    def admits(self, url: str) -> bool:
        """Whether a request may go there; what never leaves the browser (data:, blob:) may.

        >>> hosts = Hosts(own="bot.example", others=("cdn.example",))
        >>> [hosts.admits(u) for u in ("wss://bot.example:8443/ws", "https://bot.example@evil.example/", "data:,x")]
        [True, False, True]
        """
        parts = urlsplit(url)
        return parts.scheme not in ("http", "https", "ws", "wss", "ftp") or (parts.hostname or "") in self.all

    @property
    def refused(self) -> "re.Pattern[str]":
        """A pattern of the addresses to refuse, as Python and JavaScript read it."""
        names = "|".join(re.escape(f"[{h}]" if ":" in h else h) for h in self.all)
        return re.compile(rf"^(?:https?|wss?|ftp)://(?!(?:{names})(?::\d+)?(?:[/?#]|$))", re.I)


def hosts_of(endpoint: Endpoint) -> Hosts:
    """The endpoint's own host and those its user named (a port or scheme given with them is left out)."""
    return Hosts(own=_host(endpoint.url), others=tuple(_host(h) for h in endpoint.hosts))


def _host(text: str) -> str:
    """
    >>> [_host(t) for t in ("https://Bot.example:8443/chat", "cdn.example", "127.0.0.1:81", "[::1]:80")]
    ['bot.example', 'cdn.example', '127.0.0.1', '::1']
    """
    return (urlsplit(text if "://" in text else f"//{text}").hostname or "").lower()


def find_chromium(environment: Mapping[str, str] = os.environ) -> str | None:
    """The path of the browser that the user named or the system has; None where there is neither.

    Raises SpecError where the one named is none.
    """
    if named := environment.get(_VARIABLE, ""):
        if found := shutil.which(named):
            return found
        raise SpecError(f"{_VARIABLE} is {named!r}: no program is there; set it to the path of a Chromium")
    return next((found for name in _NAMES if (found := shutil.which(name, path=environment.get("PATH", "")))), None)


def load_playwright() -> AbstractAsyncContextManager["Playwright"]:
    """Playwright, not yet started. Raises SpecError where the extra is not installed."""
    try:
        from playwright.async_api import async_playwright  # noqa: PLC0415  # an extra that many go without
    except ImportError as error:
        raise SpecError("a chat page is asked in a browser: pip install 'wrapdetect[browser]', and " + _HOW) from error
    return async_playwright()


def chromium_path(playwright: "Playwright") -> str:
    """The system's browser, or else Playwright's own. Raises SpecError where there is none."""
    found = find_chromium() or playwright.chromium.executable_path
    if not Path(found).is_file():
        raise SpecError("no Chromium was found to ask a chat page with; " + _HOW)
    return found


async def resolver_rules(endpoint: Endpoint) -> str:
    """Chromium's rules for names: those allowed lead to an address that was looked at, no other leads anywhere.

    Raises Barred where the own host cannot be reached, or leads to a private address that nobody named.
    """
    hosts = hosts_of(endpoint)
    port = urlsplit(endpoint.url).port or (443 if endpoint.url.startswith("https") else 80)
    maps, excluded = [], []
    for host in hosts.all:
        address = await _address(host, port if host == hosts.own else 443, must=host == hosts.own)
        if address is None:
            continue
        if not address_allowed(host, address, endpoint.private):
            raise Barred(refusal_of(host, address))
        if address == host or host == "localhost" or host.endswith(".localhost"):
            excluded.append(f"EXCLUDE [{host}]" if ":" in host else f"EXCLUDE {host}")
        else:
            maps.append(f"MAP {host} [{address}]" if ":" in address else f"MAP {host} {address}")
    return ", ".join([*maps, "MAP * ~NOTFOUND", *excluded])


async def _address(host: str, port: int, *, must: bool) -> str | None:
    """The address that answers first; nothing is sent to it."""
    try:
        async with asyncio.timeout(10):
            _, writer = await asyncio.open_connection(host, port, happy_eyeballs_delay=0.25)
            address = str(writer.get_extra_info("peername")[0])
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()
            return address.partition("%")[0]
    except (OSError, UnicodeError, TimeoutError) as error:
        if must:
            raise Barred(f"no connection to {host} port {port} ({error or 'no answer within 10 s'})") from None
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return None
    return str(found[0][4][0]).partition("%")[0] if found else None


@dataclass(slots=True, kw_only=True)
class Chromium:
    """A running browser, with a mark of its own by which it is found again should it not end."""

    browser: "Browser"
    mark: str

    @property
    def alive(self) -> bool:
        return self.browser.is_connected()

    async def close(self) -> None:
        """Close it; what is still there after CLOSE_S is killed."""
        with suppress(Exception):
            await asyncio.wait_for(self.browser.close(), CLOSE_S)
        kill_marked(self.mark)


async def launch(playwright: "Playwright", rules: str) -> Chromium:
    """A headless browser under these rules for names. Raises playwright's Error where it does not start."""
    return await _launch(playwright, (*ARGUMENTS, f"--host-resolver-rules={rules}"), headless=True)


async def launch_seen(playwright: "Playwright", environment: Mapping[str, str] = os.environ) -> Chromium:
    """A browser in a window, for its user: it may go wherever a login leads.

    Raises SpecError where there is no screen, or it does not start.
    """
    unseen = bool(environment.get(UNSEEN))
    screen = sys.platform in ("darwin", "win32") or environment.get("DISPLAY") or environment.get("WAYLAND_DISPLAY")
    if not (screen or unseen):
        raise SpecError(
            "there is no screen to show a browser on (DISPLAY is not set); log in where there is one, "
            "and copy the file, or save your browser's cookies as a cookies.txt"
        )
    try:
        return await _launch(playwright, ("--no-first-run",), headless=unseen)
    except Exception as error:
        if not type(error).__module__.startswith("playwright."):
            raise
        raise SpecError(f"Chromium did not start ({str(error).splitlines()[0][:200]}); {_HOW}") from error


async def _launch(playwright: "Playwright", given: Sequence[str], *, headless: bool) -> Chromium:
    mark = f"--wrapdetect-mark={uuid.uuid4().hex}"
    root = hasattr(os, "geteuid") and os.geteuid() == 0
    arguments = [*given, mark, *(["--no-sandbox"] if root else [])]
    try:
        browser = await playwright.chromium.launch(
            executable_path=chromium_path(playwright),
            headless=headless,
            args=arguments,
            chromium_sandbox=not root,
            timeout=LAUNCH_S * 1000,
            handle_sigint=False,
        )
    except BaseException:
        kill_marked(mark)
        raise
    return Chromium(browser=browser, mark=mark)


def kill_marked(mark: str) -> None:
    """End the processes that were started with this mark, where the system lists them in /proc."""
    for process in _with_mark(mark):
        with suppress(OSError):
            os.kill(process, signal.SIGKILL)


def _with_mark(mark: str) -> Iterable[int]:
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError, ValueError):
            if mark.encode() in (folder / "cmdline").read_bytes():
                yield int(folder.name)
