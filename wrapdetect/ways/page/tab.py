"""A page in a browser context of its own: fresh cookies and storage, what it may ask, and what is kept of it."""

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from wrapdetect.model import Endpoint, FailureKind
from wrapdetect.ways.page.browser import Hosts, hosts_of
from wrapdetect.ways.page.find import FRAMES_LIMIT, SCRIPT, OutThere, Stop, told
from wrapdetect.ways.page.login_state import Login
from wrapdetect.ways.page.traffic import Traffic

if TYPE_CHECKING:
    from playwright.async_api import Browser, BrowserContext, Dialog, Frame, Page, Route, WebSocketRoute

OWN_ERROR = "chrome-error:"
"""How the address of Chromium's own page begins, which it shows where one does not load."""
VIEW = {"width": 1000, "height": 800}


class Tab:
    """One page, and its traffic: `status` and `headers` are what it came with, None and () before.

    `gone` says why it is there no more, "" while it is.
    """

    def __init__(self, context: "BrowserContext", page: "Page") -> None:
        self.context, self.page = context, page
        self.traffic = Traffic()
        self.status: int | None = None
        self.headers: tuple[tuple[str, str], ...] = ()
        self.gone = ""
        self._secrets: set[str] = set()
        self._heard: dict[Frame, str] = {}

    @classmethod
    async def begin(cls, browser: "Browser", endpoint: Endpoint, login: Login) -> "Tab":
        """A blank page, with our script and our locks, and with what was kept of a login."""
        hosts = hosts_of(endpoint)
        context = await browser.new_context(
            viewport=VIEW,  # type: ignore[arg-type]  # a dict of the right keys
            service_workers="block",
            accept_downloads=False,
            locale="en-US",
            storage_state=login.state(),  # type: ignore[arg-type]  # a dict of the right keys
        )
        try:
            await context.add_init_script(SCRIPT)
            page = await context.new_page()
            tab = cls(context, page)
            await tab._guard(hosts)
            await tab.traffic.listen(await context.new_cdp_session(page))
            page.on("framenavigated", tab._listen_to)
        except BaseException:
            await context.close()
            raise
        return tab

    async def _guard(self, hosts: Hosts) -> None:
        async def refuse(route: "Route") -> None:
            asked, document = route.request, route.request.is_navigation_request()
            self.traffic.refuse(asked.url, asked.method, time.time(), document=document)
            await route.abort("addressunreachable")

        async def refuse_socket(route: "WebSocketRoute") -> None:
            self.traffic.refuse(route.url, "GET", time.time())
            await route.close(code=1008, reason="refused")

        async def answer(dialog: "Dialog") -> None:
            await dialog.accept()

        def closed(_: object) -> None:
            self.gone = self.gone or "the page was closed"

        def crashed(_: object) -> None:
            self.gone = "the page crashed"

        async def shut(popup: "Page") -> None:
            if popup is not self.page:
                await popup.close()

        await self.context.route(hosts.refused, refuse)
        await self.context.route_web_socket(hosts.refused, refuse_socket)
        self.context.on("dialog", answer)
        self.context.on("page", shut)
        self.page.on("close", closed)
        self.page.on("crash", crashed)

    async def _listen_to(self, frame: "Frame") -> None:
        """A frame of another site has a process of its own, and its traffic is told apart."""
        site = urlsplit(frame.url).netloc
        if frame.parent_frame is None or not site or self._heard.get(frame) == site:
            return
        self._heard[frame] = site
        with OutThere():  # it is no such frame
            await self.traffic.listen(await self.context.new_cdp_session(frame))

    @property
    def frames(self) -> "list[Frame]":
        """Those that are looked at."""
        return self.page.frames[:FRAMES_LIMIT]

    @property
    def address(self) -> str:
        """Where it is now, without the fragment."""
        return self.page.url.partition("#")[0]

    def check_alive(self) -> None:
        """Raises Stop where it is gone, or Chromium's own page stands in its place."""
        if self.gone:
            raise Stop(FailureKind.CUT_OFF, self.gone)
        if self.page.url.startswith(OWN_ERROR):
            if self.traffic.led_away:
                raise Stop(FailureKind.REFUSED, f"the page led away to another host{self.wanted()}")
            raise Stop(FailureKind.CUT_OFF, "the page led to another one, which did not load")

    def wanted(self) -> str:
        """For a failure: the hosts that the page wanted and was not given."""
        hosts = self.traffic.refused_hosts
        if not hosts:
            return ""
        named = ", ".join(f'"{h}"' for h in hosts[:5])
        return f"; the page wanted {', '.join(hosts[:5])}, which may not be asked: allow it with hosts = [{named}]"

    async def secrets(self) -> tuple[str, ...]:
        """Values of cookies, localStorage, sessionStorage and of what is sent as a secret, now and earlier in this
        conversation."""
        self._secrets |= self.traffic.secrets
        self._secrets |= {str(c.get("value", "")) for c in await self.context.cookies()}
        for frame in self.frames:
            stored = await told(frame, "stored")
            self._secrets |= {str(v) for v in stored} if isinstance(stored, list) else set()
        return tuple(self._secrets)

    @property
    def known_secrets(self) -> tuple[str, ...]:
        """Those that were seen up to now."""
        return tuple(self._secrets)

    async def picture(self, secrets: Sequence[str], limit_s: float) -> bytes:
        """A JPEG of what is shown, without password fields and places where a secret stands."""
        masks = []
        for frame in self.frames:
            masks.append(frame.locator('input[type="password"]'))
            shown = str(await told(frame, "shown") or "") if secrets else ""
            masks += [frame.get_by_text(s) for s in secrets if s in shown]
        return await self.page.screenshot(
            type="jpeg", quality=50, mask=masks, timeout=1000 * limit_s, animations="allow", caret="hide"
        )

    async def close(self) -> None:
        await self.traffic.close()
        await self.context.close()
