"""A question on a page that is ready: typed and sent, its answer watched until it is whole, and looked at for walls."""

import asyncio
import time
from collections.abc import Callable

from wrapdetect.model import FailureKind
from wrapdetect.model.template import Page as Way
from wrapdetect.ways.page.bodies import is_far, texts_of
from wrapdetect.ways.page.find import PRESS_MS, Box, Stop, find_box, held, send_button, told, type_question, wall_of
from wrapdetect.ways.page.states import Deeds, PageCourse, PageEvent, PageState
from wrapdetect.ways.page.tab import Tab
from wrapdetect.ways.page.waiting import ShownText, has_grown, is_settled, no_answer_shown, without_notice
from wrapdetect.ways.page.watch import PageWatch, Turn

POLL_S = 0.05
SENT_S = 0.7
"""How long a press of Enter may take to show an effect before the button is tried."""
LOST_S = 3.0
"""How long nothing may come of a question before it is typed again."""
TEXT_LIMIT = 400_000
"""Most characters of an answer."""


class PageQuestion:
    """What is done in each state from a question to its answer; `limit_s` is for finding its box."""

    _box: Box

    def __init__(
        self,
        tab: Tab,
        way: Way,
        watch: PageWatch,
        course: PageCourse,
        *,
        turn: Turn,
        stopwatch: Callable[[], float],
        limit_s: float,
    ) -> None:
        self._tab, self._way, self._watch, self._course = tab, way, watch, course
        self._turn, self._stopwatch, self._limit_s = turn, stopwatch, limit_s
        self._wall: str | None = None
        """What seemed to be one before the question was sent."""

    def deeds(self) -> Deeds:
        return {
            PageState.FINDING: self._find,
            PageState.TYPING: self._type,
            PageState.ENTERING: self._press_enter,
            PageState.RETYPING: self._retype,
            PageState.PRESSING: self._press_button,
            PageState.SENT: self._hear,
            PageState.WATCHING: self._look,
            PageState.SETTLING: self._look,
            PageState.CHECKING: self._check,
        }

    async def _find(self) -> PageEvent:
        again = self._course.tries > 0
        self._box = await find_box(self._tab.page, self._way, limit_s=LOST_S if again else self._limit_s)
        if not again:
            self._wall = await wall_of(self._tab.page, built=True)
        return PageEvent.FOUND

    async def _type(self) -> PageEvent:
        await type_question(self._box, self._turn.question)
        await self._watch.arm(self._turn, self._box.frame, self._stopwatch)
        return PageEvent.DONE

    async def _press_enter(self) -> PageEvent:
        await self._box.element.press("Enter", timeout=PRESS_MS)
        if (
            await self._went(SENT_S, or_taken=True)
            or not await held(self._box)
            or await send_button(self._box, self._way) is None
        ):
            return PageEvent.DONE
        return PageEvent.UNHEARD

    async def _retype(self) -> PageEvent:
        await type_question(self._box, self._turn.question)
        return PageEvent.DONE

    async def _press_button(self) -> PageEvent:
        button = await send_button(self._box, self._way)
        if button is None:
            raise Stop(FailureKind.GARBLED, f"nothing on the page fits send = {self._way.send!r}")
        await told(self._box.frame, "again")
        await button.click(timeout=PRESS_MS)
        return PageEvent.DONE

    async def _hear(self) -> PageEvent:
        if await self._went(LOST_S):
            return PageEvent.WENT
        return PageEvent.STUCK if await held(self._box) else PageEvent.EMPTIED

    async def _went(self, limit_s: float, *, or_taken: bool = False) -> bool:
        """Whether something came of the press: a request, or new text on the page. With `or_taken` it is not waited for
        once the box is empty: what comes of it is seen later."""
        end = time.monotonic() + limit_s
        while True:
            self._tab.check_alive()
            await self._watch.read(self._turn)
            if self._tab.traffic.begun_since(self._turn.since) or self._watch.moved:
                return True
            if time.monotonic() >= end:
                return False
            if or_taken and not await held(self._box):
                return False
            await asyncio.sleep(POLL_S)

    async def _look(self) -> PageEvent:
        """A page that was held up shows at the second look what was due at the first."""
        whole = await self._is_whole()
        self._tab.check_alive()  # what stands in a page that is gone, or is Chromium's own, is no answer
        await asyncio.sleep(POLL_S)
        return PageEvent.WHOLE if whole else PageEvent.GROWING

    async def _is_whole(self) -> bool:
        turn, traffic = self._turn, self._tab.traffic
        moment = await self._watch.read(turn)
        if not moment:
            return False
        if len(turn.text) >= TEXT_LIMIT:
            raise Stop(FailureKind.CUT_OFF, f"the answer passes {TEXT_LIMIT:,} characters; reading stopped")
        quiet_s = moment - (turn.seen[-1][0] if turn.seen else turn.zero)
        still = not traffic.open_since(turn.since)
        if not turn.text.strip():
            return still and quiet_s >= LOST_S and await self._failed()
        if quiet_s < self._way.quiet_s:
            return False
        standing = ShownText(
            text=turn.text,
            quiet_s=quiet_s,
            grew=has_grown(turn.seen),
            received=await self._watch.received(turn),
            pushed=traffic.pushed_since(turn.since),
            busy=not still or any([await told(f, "stopping") for f in self._tab.frames]),
        )
        return is_settled(standing, self._way.quiet_s)

    async def _failed(self) -> bool:
        """Whether the page, which shows no answer, shows or got an error."""
        self._turn.alert = " ".join([str(await told(f, "alert") or "") for f in self._tab.frames]).strip()
        return bool(self._turn.alert or self._tab.traffic.failed_since(self._turn.since))

    async def _check(self) -> PageEvent:
        turn, traffic = self._turn, self._tab.traffic
        wall = await wall_of(self._tab.page, built=True)
        if wall and wall != self._wall:
            raise Stop(FailureKind.REFUSED, wall)
        if (failure := no_answer_shown(turn.text, turn.alert, traffic.failed_since(turn.since))) is not None:
            raise Stop(failure.kind, failure.detail)
        turn.seen = without_notice(turn.seen)
        heard = traffic.heard_since(turn.since)
        turn.far = await asyncio.to_thread(lambda: is_far(turn.text, texts_of(heard)))
        return PageEvent.DONE
