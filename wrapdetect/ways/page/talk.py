"""One conversation on a chat page: opened afresh; a question typed and sent; the answer watched until it settles."""

import asyncio
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast
from urllib.parse import urlsplit

from wrapdetect.dialects.body.unpacked import kind_of
from wrapdetect.model import Endpoint, Failure, FailureKind
from wrapdetect.model.template import Page as Way
from wrapdetect.ways.page.browser import Hosts, hosts_of
from wrapdetect.ways.page.find import (
    FRAMES_LIMIT,
    PRESS_MS,
    SCRIPT,
    Box,
    Stop,
    find_box,
    held,
    is_playwrights,
    send_button,
    told,
    type_question,
    wall_of,
)
from wrapdetect.ways.page.login import log_in
from wrapdetect.ways.page.login_state import Login
from wrapdetect.ways.page.told import is_far, is_told, texts_of
from wrapdetect.ways.page.traffic import Traffic
from wrapdetect.ways.page.waiting import ShownText, has_grown, is_settled, without_notice

if TYPE_CHECKING:
    from playwright.async_api import Browser, BrowserContext, Dialog, Frame, Page, Response, Route, WebSocketRoute

POLL_S = 0.05
BOX_S = 20.0
"""Most time that a page may take to show where to type."""
SENT_S = 0.7
"""How long a press of Enter may take to show an effect before the button is tried."""
LOST_S = 3.0
"""How long nothing may come of a question before it is typed again."""
AGAIN_S = 0.5
"""How often a text is looked for in the traffic."""
EARLY_S = 0.02
"""By how much the clocks of the page and of its network may differ."""
OWN_ERROR = "chrome-error:"
"""How the address of Chromium's own page begins, which it shows where one does not load."""
VIEW = {"width": 1000, "height": 800}
TEXT_LIMIT = 400_000
"""Most characters of an answer."""
BREAKS = (
    ("ERR_TOO_MANY_REDIRECTS", FailureKind.REFUSED),
    ("ERR_EMPTY_RESPONSE", FailureKind.CUT_OFF),
    ("ERR_CONNECTION_RESET", FailureKind.CUT_OFF),
    ("ERR_INCOMPLETE_CHUNKED", FailureKind.CUT_OFF),
    ("ERR_CONTENT_DECODING", FailureKind.GARBLED),
    ("ERR_INVALID_", FailureKind.GARBLED),
    ("ERR_ABORTED", FailureKind.GARBLED),  # a download, or no content
    ("Download", FailureKind.GARBLED),
)
"""Of Chromium's names for what goes wrong, those that are no lack of a connection."""
SORRY = re.compile(
    r"error|wrong|fail|try again|unavailable|exceeded|limit|denied|unauthori|fehler|erreur|fallo|ошибк|错误|エラー",
    re.I,
)


@dataclass(slots=True, kw_only=True)
class Turn:
    """What was seen of one question: times by the page's clock, in seconds since the epoch; `zero` is the send."""

    question: str
    zero: float = 0.0
    stopwatch: float = 0.0
    """What our own stopwatch showed at zero."""
    seen: list[tuple[float, str]] = field(default_factory=list)

    alert: str = ""
    """What the page called an error, where it gave no answer."""
    far: bool = False
    """Whether the page was sent a text that is far longer, or far shorter, than what was read."""

    @property
    def text(self) -> str:
        return self.seen[-1][1] if self.seen else ""


@dataclass(slots=True)
class _Watched:
    """A frame that is watched for the answer: what was there before, and how many samples were taken over."""

    kept: dict[str, object]
    taken: int = 0
    seen: list[tuple[float, str]] = field(default_factory=list)
    moved: bool = False


def _length(watched: _Watched) -> int:
    return len(watched.seen[-1][1]) if watched.seen else 0


class PageTalk:
    """A page in a context of its own: fresh cookies and storage."""

    def __init__(self, context: "BrowserContext", page: "Page", endpoint: Endpoint) -> None:
        self.context, self.page = context, page
        self.traffic = Traffic()
        self.status: int | None = None
        self.headers: tuple[tuple[str, str], ...] = ()
        self.gone = ""
        self.ready = False
        """Whether it is open, and a question may be typed."""
        self.fresh = True
        self._secrets: set[str] = set()
        self._endpoint, self._way = endpoint, endpoint.page or Way()
        self._frames: dict[Frame, _Watched] = {}
        self._heard: dict[Frame, str] = {}
        self._asked: Frame | None = None
        self._by_button = bool(self._way.send)
        self._looked: tuple[str, float, bool] = ("", 0.0, False)
        """A text, when it was looked for in what had come, and whether it was there."""

    @classmethod
    async def begin(cls, browser: "Browser", endpoint: Endpoint, login: Login) -> "PageTalk":
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
            talk = cls(context, page, endpoint)
            await talk._guard(hosts)
            await talk.traffic.listen(await context.new_cdp_session(page))
            page.on("framenavigated", talk._listen_to)
        except BaseException:
            await context.close()
            raise
        return talk

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
        try:
            await self.traffic.listen(await self.context.new_cdp_session(frame))
        except Exception as error:
            if not is_playwrights(error):
                raise  # else it is no such frame

    # A conversation

    async def open(self, typed: Sequence[str], *, variables: Mapping[str, str], limit_s: float) -> None:
        """Load the page, log in where the user says how, give consent, press what begins a new chat.

        Raises Stop; `limit_s` is the caller's.
        """
        begun = time.monotonic()
        answer = await self._load()
        if answer is not None:
            self.status = answer.status
            self.headers = tuple((h["name"], h["value"]) for h in await answer.headers_array())
        shut = self.status in (401, 403) and self._way.login
        if (
            (self.status or 0) >= 400 and self.status != 404 and not shut
        ):  # pages made of scripts alone are served so by some hosts
            raise Stop(kind_of(self.status or 0), await self._refusal())
        if self._way.login:
            await self._log_in(variables)
        left_s = limit_s - (time.monotonic() - begun)
        try:
            await find_box(
                self.page, self._way, limit_s=min(BOX_S, 0.6 * left_s) if self.status != 404 else LOST_S, first=True
            )
        except Stop:
            self._check_alive()
            if self.status == 404:
                raise Stop(FailureKind.REFUSED, await self._refusal()) from None
            raise
        await self.secrets()
        if self._way.new_chat:
            await self._press_new_chat()
        self.fresh = not any([await told(f, "shows", list(typed)) for f in self._looked_at()])
        self.ready = True

    async def _log_in(self, variables: Mapping[str, str]) -> None:
        led = self.page.url.partition("#")[0] != self._endpoint.url.partition("#")[0]
        await log_in(self.page, self._way.login, variables)
        if led and self.page.url.partition("#")[0] != self._endpoint.url.partition("#")[0]:
            await self._load()  # a login leads where it likes

    async def _load(self) -> "Response | None":
        try:
            return await self.page.goto(self._endpoint.url, wait_until="domcontentloaded", timeout=0)
        except Exception as error:
            if not is_playwrights(error):
                raise
            line = str(error).splitlines()[0].removeprefix("Page.goto: ")
            if self.traffic.refused_hosts:
                raise Stop(FailureKind.REFUSED, f"the page leads to another host{self.wanted()}") from None
            raise Stop(next((k for name, k in BREAKS if name in line), FailureKind.CONNECT), line) from None

    async def _refusal(self) -> str:
        wall = await wall_of(self.page)
        if wall and wall.startswith("captcha"):
            return f"{wall} (HTTP {self.status})"
        shown = " ".join(str(await told(self.page.main_frame, "shown") or "")[:300].split())
        return f"HTTP {self.status}{': ' + shown if shown else ''}"

    async def _press_new_chat(self) -> None:
        button = self.page.locator(self._way.new_chat).first
        try:
            await button.click(timeout=PRESS_MS)
        except Exception as error:
            if not is_playwrights(error):
                raise
            raise Stop(
                FailureKind.GARBLED,
                f"nothing on the page fits new_chat = {self._way.new_chat!r}, or it cannot be pressed",
            ) from None

    def wanted(self) -> str:
        """For a failure: the hosts that the page wanted and was not given."""
        hosts = self.traffic.refused_hosts
        if not hosts:
            return ""
        named = ", ".join(f'"{h}"' for h in hosts[:5])
        return f"; the page wanted {', '.join(hosts[:5])}, which may not be asked: allow it with hosts = [{named}]"

    # A turn

    async def ask(self, turn: Turn, *, stopwatch: Callable[[], float], limit_s: float) -> None:
        """Type, send, and watch until the answer has settled. Raises Stop; what was seen till then is in `turn`."""
        box = await find_box(self.page, self._way, limit_s=limit_s)
        known = await wall_of(self.page, built=True)
        await self._send(box, turn, stopwatch)
        settled = 0
        while settled < 2:  # a page that was held up shows by the second time what was due at the first
            settled = settled + 1 if await self._settled(turn) else 0
            self._check_alive()  # what stands in a page that is gone, or is Chromium's own, is no answer
            await asyncio.sleep(POLL_S)
        await self._walled(known)
        self._check_answer(turn)
        turn.seen = without_notice(turn.seen)
        heard = self.traffic.heard_since(turn.zero - EARLY_S)
        turn.far = await asyncio.to_thread(lambda: is_far(turn.text, texts_of(heard)))

    async def _walled(self, known: str | None) -> None:
        """Raises Stop where a wall has risen since the question was sent."""
        wall = await wall_of(self.page, built=True)
        if wall and wall != known:
            raise Stop(FailureKind.REFUSED, wall)

    async def _send(self, box: Box, turn: Turn, stopwatch: Callable[[], float]) -> None:
        for _ in range(2):
            self._asked = box.frame
            await type_question(box, turn.question)
            await self._arm(turn, stopwatch)
            await self._press(box, turn)
            if await self._went(box, turn, LOST_S):
                return
            if await held(box):
                raise Stop(
                    FailureKind.GARBLED,
                    "the question stayed in its box: neither Enter nor a button sent it; name the button with send =",
                )
            box = await find_box(self.page, self._way, limit_s=LOST_S)
        raise Stop(FailureKind.REFUSED, "the page emptied its box twice and sent nothing")

    async def _press(self, box: Box, turn: Turn) -> None:
        if not self._by_button:
            await box.element.press("Enter", timeout=PRESS_MS)
            if await self._went(box, turn, SENT_S) or not await held(box):
                return
            if await send_button(box, self._way) is None:
                return
            await type_question(box, turn.question)  # Enter may have added a line
        button = await send_button(box, self._way)
        if button is None:
            raise Stop(FailureKind.GARBLED, f"nothing on the page fits send = {self._way.send!r}")
        await told(box.frame, "again")
        await button.click(timeout=PRESS_MS)
        self._by_button = True

    async def _went(self, box: Box, turn: Turn, limit_s: float) -> bool:
        """Whether something came of the press: a request, or new text on the page."""
        end = time.monotonic() + limit_s
        while True:
            self._check_alive()
            await self._read(turn)
            if self.traffic.begun_since(turn.zero - EARLY_S) or any(w.moved for w in self._frames.values()):
                return True
            if time.monotonic() >= end:
                return False
            if limit_s == SENT_S and not await held(box):  # it was taken; what comes of it is seen later
                return False
            await asyncio.sleep(POLL_S)

    async def _arm(self, turn: Turn, stopwatch: Callable[[], float]) -> None:
        self._frames = {}
        for frame in self._looked_at():
            before = stopwatch()
            armed = await told(frame, "arm", turn.question, self._way.answer, None)
            if isinstance(armed, dict):
                self._frames[frame] = _Watched(armed)
                turn.zero = float(armed["now"]) / 1000
                turn.stopwatch = (before + stopwatch()) / 2
                if cast("dict[str, object]", armed["before"])["count"] == -2:
                    self._frames[frame].kept["outside"] = await self._outside(frame)

    async def _read(self, turn: Turn) -> float:
        """Take over what the frames saw; gives their clock, in seconds since the epoch."""
        moment = 0.0
        for frame in self._looked_at():
            if frame.url.startswith(OWN_ERROR):
                continue
            watched = self._frames.setdefault(frame, _Watched({"baseline": [], "before": {"count": 0, "text": ""}}))
            told_now = await told(frame, "read", watched.taken)
            if told_now is None:  # a new document stands in the frame
                watched.taken = 0
                await told(frame, "arm", turn.question, self._way.answer, watched.kept)
                continue
            state = cast("dict[str, object]", told_now)
            moment = max(moment, float(cast("float", state["now"])) / 1000)
            if sent := float(cast("float", state["t0"])) / 1000:
                turn.stopwatch += sent - turn.zero
                turn.zero = sent
            watched.seen += [(float(t) / 1000, str(x)) for t, x in cast("list[tuple[float, str]]", state["samples"])]
            watched.taken = int(cast("int", state["total"]))
            watched.moved = watched.moved or bool(state["moved"])
            if "outside" in watched.kept:
                await self._see_outside(frame, watched, moment)
        here = self._frames.get(self._asked) if self._asked else None
        best = max(self._frames.values(), key=_length, default=None)
        if best is not None and best.seen:
            turn.seen = here.seen if here is not None and _length(here) else best.seen
        return moment

    async def _outside(self, frame: "Frame") -> tuple[int, str]:
        """How many elements fit an answer selector that is no CSS, and the text of the last."""
        places = frame.locator(self._way.answer)
        count = await places.count()
        text = await places.last.evaluate("(el) => window.__wrapdetect.textOf(el)") if count else ""
        return count, str(text)

    async def _see_outside(self, frame: "Frame", watched: _Watched, moment: float) -> None:
        try:
            now = await self._outside(frame)
        except Exception as error:
            if not is_playwrights(error):
                raise
            return
        text = "" if now == watched.kept["outside"] else now[1]
        if text != (watched.seen[-1][1] if watched.seen else ""):
            watched.seen.append((moment, text))

    async def _settled(self, turn: Turn) -> bool:
        moment = await self._read(turn)
        if not moment:
            return False
        last = turn.seen[-1][0] if turn.seen else turn.zero
        quiet = moment - last
        if len(turn.text) >= TEXT_LIMIT:
            raise Stop(FailureKind.CUT_OFF, f"the answer passes {TEXT_LIMIT:,} characters; reading stopped")
        still = not self.traffic.open_since(turn.zero - EARLY_S)
        if not turn.text.strip():
            if quiet < LOST_S or not still:
                return False
            turn.alert = " ".join([str(await told(f, "alert") or "") for f in self._looked_at()]).strip()
            return bool(turn.alert or self.traffic.failed_since(turn.zero - EARLY_S))
        if quiet < self._way.quiet_s:
            return False
        standing = ShownText(
            text=turn.text,
            quiet_s=quiet,
            grew=has_grown(turn.seen),
            received=await self._received(turn),
            pushed=self.traffic.pushed_since(turn.zero - EARLY_S),
            busy=not still or any([await told(f, "stopping") for f in self._looked_at()]),
        )
        return is_settled(standing, self._way.quiet_s)

    async def _received(self, turn: Turn) -> bool:
        """Whether what is shown came with the traffic since the question."""
        text, looked_at, found = self._looked
        if text == turn.text and (found or time.monotonic() - looked_at < AGAIN_S):
            return found
        heard = self.traffic.heard_since(turn.zero - EARLY_S)
        found = await asyncio.to_thread(lambda: is_told(turn.text, texts_of(heard), b"".join(heard)))
        self._looked = (turn.text, time.monotonic(), found)
        return found

    def _check_answer(self, turn: Turn) -> None:
        """Raises Stop where the page's own request failed and no answer is there, or only word of it."""
        failed = self.traffic.failed_since(turn.zero - EARLY_S)
        text = turn.text.strip()
        if failed and (not text or (len(text) <= 300 and SORRY.search(text))):
            status, body = failed
            said = body or text
            raise Stop(
                kind_of(status), f"the page's request was answered with HTTP {status}{': ' + said if said else ''}"
            )

        if turn.alert and not text:
            raise Stop(FailureKind.SERVER, f"the page shows an error: {' '.join(turn.alert.split())[:300]}")

    def _looked_at(self) -> "list[Frame]":
        return self.page.frames[:FRAMES_LIMIT]

    def _check_alive(self) -> None:
        if self.gone:
            raise Stop(FailureKind.CUT_OFF, self.gone)
        if self.page.url.startswith(OWN_ERROR):
            if self.traffic.led_away:
                raise Stop(FailureKind.REFUSED, f"the page led away to another host{self.wanted()}")
            raise Stop(FailureKind.CUT_OFF, "the page led to another one, which did not load")

    async def late(self, turn: Turn, timeout_s: float) -> Failure:
        """Why no whole answer came within the limit."""
        wall = await wall_of(self.page) if not turn.text else None
        if wall:
            return Failure(kind=FailureKind.REFUSED, detail=wall)
        got = f"{len(turn.text):,} characters came" if turn.text else "nothing came"
        return Failure(
            kind=FailureKind.TIMEOUT, detail=f"no complete answer within {timeout_s:g} s ({got}){self.wanted()}"
        )

    # What is kept

    async def secrets(self) -> tuple[str, ...]:
        """Values of cookies, localStorage, sessionStorage and of what is sent as a secret, now and earlier in this
        conversation."""
        self._secrets |= self.traffic.secrets
        self._secrets |= {str(c.get("value", "")) for c in await self.context.cookies()}
        for frame in self._looked_at():
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
        for frame in self._looked_at():
            masks.append(frame.locator('input[type="password"]'))
            shown = str(await told(frame, "shown") or "") if secrets else ""
            masks += [frame.get_by_text(s) for s in secrets if s in shown]
        return await self.page.screenshot(
            type="jpeg", quality=50, mask=masks, timeout=1000 * limit_s, animations="allow", caret="hide"
        )

    async def close(self) -> None:
        await self.traffic.close()
        await self.context.close()
