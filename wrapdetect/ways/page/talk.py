"""One conversation on a chat page: opened afresh; a question typed and sent; the answer watched until it settles.

What comes after what stands in states.py; what is done in each state, by Chromium, here and in question.py.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from wrapdetect.dialects.body.unpacked import kind_of
from wrapdetect.model import Endpoint, Failure, FailureKind
from wrapdetect.model.template import Page as Way
from wrapdetect.ways.page.find import PRESS_MS, OutThere, Stop, find_box, is_playwrights, told, wall_of
from wrapdetect.ways.page.login import log_in
from wrapdetect.ways.page.login_state import Login
from wrapdetect.ways.page.question import LOST_S, PageQuestion
from wrapdetect.ways.page.states import OPENING, Deeds, PageCourse, PageEvent, PageState
from wrapdetect.ways.page.tab import Tab
from wrapdetect.ways.page.watch import PageWatch, Turn

if TYPE_CHECKING:
    from playwright.async_api import Browser, Response

BOX_S = 20.0
"""Most time that a page may take to show where to type."""
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


class PageTalk:
    """A conversation in a tab of its own."""

    def __init__(self, tab: Tab, endpoint: Endpoint) -> None:
        self.tab, self._endpoint = tab, endpoint
        self._way = endpoint.page or Way()
        self._course = PageCourse(by_button=bool(self._way.send))
        self._watch = PageWatch(tab, self._way.answer)
        self.fresh = True
        """Whether nothing of an earlier conversation was shown."""

    @classmethod
    async def begin(cls, browser: "Browser", endpoint: Endpoint, login: Login) -> "PageTalk":
        """With a blank page."""
        return cls(await Tab.begin(browser, endpoint, login), endpoint)

    async def open(self, typed: Sequence[str], *, variables: Mapping[str, str], limit_s: float) -> None:
        """Load the page, log in where the user says how, give consent, press what begins a new chat.

        Raises Stop; `limit_s` is the caller's.
        """
        opening = _Opening(self.tab, self._endpoint, typed=typed, variables=variables, limit_s=limit_s)
        await self._go_on(opening.deeds())
        self.fresh = opening.fresh

    async def ask(self, turn: Turn, *, stopwatch: Callable[[], float], limit_s: float) -> None:
        """Type, send, and watch until the answer has settled. Raises Stop; what was seen till then is in `turn`."""
        self._course.take(PageEvent.ASKED)
        question = PageQuestion(
            self.tab, self._way, self._watch, self._course, turn=turn, stopwatch=stopwatch, limit_s=limit_s
        )
        await self._go_on(question.deeds())

    async def _go_on(self, deeds: Deeds) -> None:
        """Do what is due until that is nothing."""
        while (deed := deeds.get(self._course.state)) is not None:
            try:
                event = await deed()
            except Stop as stop:
                self._course.take(PageEvent.LIMITED if stop.failure.kind is FailureKind.LIMITED else PageEvent.STOPPED)
                raise
            except Exception as error:
                if is_playwrights(error):
                    self._course.take(PageEvent.BROKE)
                raise
            self._course.take(event)
            if self._course.failure is not None:
                raise Stop(self._course.failure.kind, self._course.failure.detail)

    async def late(self, turn: Turn, timeout_s: float) -> Failure:
        """Why no whole answer came within the limit, which ends the conversation."""
        opening = self._course.state in OPENING
        self._course.take(PageEvent.LATE)
        if opening:
            detail = f"the page did not load within {timeout_s:g} s{self.tab.wanted()}"
            return Failure(kind=FailureKind.TIMEOUT, detail=detail)
        wall = await wall_of(self.tab.page) if not turn.text else None
        if wall:
            return Failure(kind=FailureKind.REFUSED, detail=wall)
        got = f"{len(turn.text):,} characters came" if turn.text else "nothing came"
        return Failure(
            kind=FailureKind.TIMEOUT, detail=f"no complete answer within {timeout_s:g} s ({got}){self.tab.wanted()}"
        )

    async def close(self) -> None:
        self._course.take(PageEvent.CLOSED)
        await self.tab.close()


class _Opening:
    """What is done in each state until a first question may be put; `typed` are questions of earlier conversations."""

    def __init__(
        self, tab: Tab, endpoint: Endpoint, *, typed: Sequence[str], variables: Mapping[str, str], limit_s: float
    ) -> None:
        self._tab, self._endpoint, self._way = tab, endpoint, endpoint.page or Way()
        self._typed, self._variables = typed, variables
        self._until = time.monotonic() + limit_s
        self.fresh = True

    def deeds(self) -> Deeds:
        return {
            PageState.LOADING: self._load,
            PageState.LOGGING_IN: self._log_in,
            PageState.RELOADING: self._reload,
            PageState.LOOKING: self._look,
            PageState.BEGINNING: self._begin_chat,
        }

    async def _load(self) -> PageEvent:
        answer = await self._loaded()
        if answer is not None:
            self._tab.status = answer.status
            self._tab.headers = tuple((h["name"], h["value"]) for h in await answer.headers_array())
        status = self._tab.status or 0
        shut = status in (401, 403) and self._way.login
        if status >= 400 and status != 404 and not shut:  # some hosts serve pages made of scripts alone with a 404
            raise Stop(kind_of(status), await self._refusal())
        return PageEvent.DONE

    async def _log_in(self) -> PageEvent:
        if self._way.login:
            led = self._elsewhere()
            await log_in(self._tab.page, self._way.login, self._variables)
            if led and self._elsewhere():  # a login leads where it likes
                return PageEvent.LED_AWAY
        return PageEvent.DONE

    def _elsewhere(self) -> bool:
        return self._tab.address != self._endpoint.url.partition("#")[0]

    async def _reload(self) -> PageEvent:
        await self._loaded()
        return PageEvent.DONE

    async def _look(self) -> PageEvent:
        missing = self._tab.status == 404
        left_s = self._until - time.monotonic()
        try:
            await find_box(
                self._tab.page, self._way, limit_s=LOST_S if missing else min(BOX_S, 0.6 * left_s), first=True
            )
        except Stop:
            self._tab.check_alive()
            if missing:
                raise Stop(FailureKind.REFUSED, await self._refusal()) from None
            raise
        return PageEvent.FOUND

    async def _begin_chat(self) -> PageEvent:
        await self._tab.secrets()
        if self._way.new_chat:
            await self._press_new_chat()
        self.fresh = not any([await told(f, "shows", list(self._typed)) for f in self._tab.frames])
        return PageEvent.DONE

    async def _press_new_chat(self) -> None:
        button = self._tab.page.locator(self._way.new_chat).first
        with OutThere():
            await button.click(timeout=PRESS_MS)
            return
        said = f"nothing on the page fits new_chat = {self._way.new_chat!r}, or it cannot be pressed"
        raise Stop(FailureKind.GARBLED, said)

    async def _loaded(self) -> "Response | None":
        try:
            return await self._tab.page.goto(self._endpoint.url, wait_until="domcontentloaded", timeout=0)
        except Exception as error:
            if not is_playwrights(error):
                raise
            line = str(error).splitlines()[0].removeprefix("Page.goto: ")
            if self._tab.traffic.refused_hosts:
                said = f"the page leads to another host{self._tab.wanted()}"
                raise Stop(FailureKind.REFUSED, said) from None
            raise Stop(next((k for name, k in BREAKS if name in line), FailureKind.CONNECT), line) from None

    async def _refusal(self) -> str:
        wall = await wall_of(self._tab.page)
        if wall and wall.startswith("captcha"):
            return f"{wall} (HTTP {self._tab.status})"
        shown = " ".join(str(await told(self._tab.page.main_frame, "shown") or "")[:300].split())
        return f"HTTP {self._tab.status}{': ' + shown if shown else ''}"
