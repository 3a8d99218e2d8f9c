"""The frames of a page, watched for an answer: what stood there before, and what is seen to grow, with its times."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

from wrapdetect.ways.page.bodies import is_told, texts_of
from wrapdetect.ways.page.find import OutThere, told
from wrapdetect.ways.page.tab import OWN_ERROR, Tab

if TYPE_CHECKING:
    from playwright.async_api import Frame

EARLY_S = 0.02
"""By how much the clocks of the page and of its network may differ."""
NOT_CSS = -2
"""What the script counts where an answer selector is none of CSS; Playwright then looks for it, from outside."""

AGAIN_S = 0.5
"""How often a text is looked for in the traffic."""

_Told = dict[str, object]


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

    @property
    def since(self) -> float:
        """From when on the page's traffic may have to do with it."""
        return self.zero - EARLY_S


@dataclass(slots=True)
class _Watched:
    """A frame that is watched: what was there before, and how many samples were taken over."""

    kept: _Told
    taken: int = 0
    seen: list[tuple[float, str]] = field(default_factory=list)
    moved: bool = False

    @property
    def length(self) -> int:
        return len(self.seen[-1][1]) if self.seen else 0


class PageWatch:
    """All frames of a page; `answer` is the selector that the user gave, "" for none."""

    def __init__(self, tab: Tab, answer: str) -> None:
        self._tab, self._answer = tab, answer
        self._frames: dict[Frame, _Watched] = {}
        self._asked: Frame | None = None
        self._looked: tuple[str, float, bool] = ("", 0.0, False)
        """A text, when it was looked for in what had come, and whether it was there."""

    @property
    def moved(self) -> bool:
        """Whether new text has come anywhere."""
        return any(w.moved for w in self._frames.values())

    async def arm(self, turn: Turn, asked: "Frame", stopwatch: Callable[[], float]) -> None:
        """Begin, just before the question is sent from the frame `asked`."""
        self._frames, self._asked = {}, asked
        for frame in self._tab.frames:
            before = stopwatch()
            armed = await told(frame, "arm", turn.question, self._answer, None)
            if isinstance(armed, dict):
                self._frames[frame] = _Watched(armed)
                turn.zero = float(armed["now"]) / 1000
                turn.stopwatch = (before + stopwatch()) / 2
                if cast("_Told", armed["before"])["count"] == NOT_CSS:
                    self._frames[frame].kept["outside"] = await self._outside(frame)

    async def read(self, turn: Turn) -> float:
        """Take over what the frames saw; gives their clock, in seconds since the epoch, 0 where none tells it."""
        moment = 0.0
        for frame in self._tab.frames:
            if not frame.url.startswith(OWN_ERROR):
                moment = await self._read_one(frame, turn, moment)
        here = self._frames.get(self._asked) if self._asked else None
        best = max(self._frames.values(), key=lambda w: w.length, default=None)
        if best is not None and best.seen:
            turn.seen = here.seen if here is not None and here.length else best.seen
        return moment

    async def _read_one(self, frame: "Frame", turn: Turn, moment: float) -> float:
        """The same of one; `moment` is the latest that those before it told."""
        watched = self._frames.setdefault(frame, _Watched({"baseline": [], "before": {"count": 0, "text": ""}}))
        told_now = await told(frame, "read", watched.taken)
        if told_now is None:  # a new document stands in the frame
            watched.taken = 0
            await told(frame, "arm", turn.question, self._answer, watched.kept)
            return moment
        state = cast("_Told", told_now)
        moment = max(moment, float(cast("float", state["now"])) / 1000)
        if sent := float(cast("float", state["t0"])) / 1000:
            turn.stopwatch += sent - turn.zero
            turn.zero = sent
        watched.seen += [(float(t) / 1000, str(x)) for t, x in cast("list[tuple[float, str]]", state["samples"])]
        watched.taken = int(cast("int", state["total"]))
        watched.moved = watched.moved or bool(state["moved"])
        if "outside" in watched.kept:
            await self._see_outside(frame, watched, moment)
        return moment

    async def received(self, turn: Turn) -> bool:
        """Whether what is shown came with the traffic since the question."""
        text, looked_at, found = self._looked
        if text == turn.text and (found or time.monotonic() - looked_at < AGAIN_S):
            return found
        heard = self._tab.traffic.heard_since(turn.since)
        found = await asyncio.to_thread(lambda: is_told(turn.text, texts_of(heard), b"".join(heard)))
        self._looked = (turn.text, time.monotonic(), found)
        return found

    async def _outside(self, frame: "Frame") -> tuple[int, str]:
        """How many elements fit an answer selector that is no CSS, and the text of the last."""
        places = frame.locator(self._answer)
        count = await places.count()
        text = await places.last.evaluate("(el) => window.__wrapdetect.textOf(el)") if count else ""
        return count, str(text)

    async def _see_outside(self, frame: "Frame", watched: _Watched, moment: float) -> None:
        with OutThere():
            now = await self._outside(frame)
            text = "" if now == watched.kept["outside"] else now[1]
            if text != (watched.seen[-1][1] if watched.seen else ""):
                watched.seen.append((moment, text))
