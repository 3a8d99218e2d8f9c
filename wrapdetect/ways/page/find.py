"""A chat page's parts, found by looking: the box for the question, what sends it, what asks for consent, and walls.

The looking itself is done in the page, by find.js. A login wall or a captcha is named and left alone.
"""

import asyncio
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, NamedTuple, cast

from wrapdetect.model import Failure, FailureKind
from wrapdetect.model.template import Page as Way

if TYPE_CHECKING:
    from playwright.async_api import ElementHandle, Frame, JSHandle, Page

_SCRIPTS = ("shown.js", "watch.js", "find.js")
SCRIPT = "\n".join((Path(__file__).parent / name).read_text(encoding="utf-8") for name in _SCRIPTS)
"""Put into every frame before the page's own."""
_LOOK_S = 0.1
WALL_S = 1.0
"""A wall is one that stands this long after the page has loaded: pages flash such things while they begin."""
COVERED_S = 2.0
"""A box that something lies over is used all the same after this long, where nothing can be pressed away."""
TRIES_CONSENT = 6
TRIES_OPEN = 2
CLOSED_S = 1.5
"""A page without a box for so long may have its chat closed: what surely opens one is looked for."""
UNSURE_S = 4.0
"""After so long, whatever looks like it."""
OPENING_S = 2.0
"""How long it may take to open."""
FRAMES_LIMIT = 40
"""Most frames of a page that are looked at."""
TRIAL_MS = 600
PRESS_MS = 10_000
CONSENT_MS = 4000

_Told = Mapping[str, object]


class Stop(Exception):
    """The exchange ends with this failure."""

    def __init__(self, kind: FailureKind, detail: str) -> None:
        super().__init__(detail)
        self.failure = Failure(kind=kind, detail=detail)


class Box(NamedTuple):
    """Where the question is typed."""

    frame: "Frame"
    element: "ElementHandle"


async def told(frame: "Frame", name: str, *arguments: object) -> object:
    """What a function of the script gives, or None where the frame is gone or just now loading."""
    call = f"(a) => window.__wrapdetect ? window.__wrapdetect.{name}(...a) : null"
    with OutThere():
        return cast("object", await frame.evaluate(call, list(arguments)))
    return None


async def element(frame: "Frame", name: str, *arguments: object) -> "ElementHandle | None":
    """The element that a function of the script gives."""
    call = f"(a) => window.__wrapdetect ? window.__wrapdetect.{name}(...a) : null"
    with OutThere():
        handle: JSHandle = await frame.evaluate_handle(call, list(arguments))
        return handle.as_element()
    return None


def is_playwrights(error: BaseException) -> bool:
    """Whether Playwright raised it: something out there, not a bug of ours."""
    return type(error).__module__.startswith("playwright.")


class OutThere:
    """As a context: what Playwright raises within is passed over; what we raise is not."""

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        return error is not None and is_playwrights(error)


class _Opening:
    """What opens a closed chat: the user's `open`, pressed once before anything else, or else what looks like it."""

    def __init__(self, way: Way, *, first: bool) -> None:
        self._selector, self._due = way.open, first and bool(way.open)
        self._known = bool(way.input)
        self._left, self._next = TRIES_OPEN, time.monotonic() + CLOSED_S
        self._unsure = time.monotonic() + UNSURE_S

    async def waits(self, page: "Page", looks: list[tuple["Frame", _Told]], *, box: bool) -> bool:
        """Press it where that is due; gives whether the box, as it is, is not to be taken yet."""
        named = self._known or any(look.get("named") for _, look in looks)
        now = time.monotonic()
        if self._left and (self._due or (now >= self._next and not (box and (named or self._selector)))):
            pressed = await self._press(page, sure=box or now < self._unsure)
            if pressed:
                self._due, self._left, self._next = False, self._left - 1, time.monotonic() + OPENING_S
                return True
        if self._due and now < self._next + OPENING_S:
            return True
        return box and not named and not self._selector and self._left > 0 and now < self._next

    async def _press(self, page: "Page", *, sure: bool) -> bool:
        if self._selector:
            given = await given_element(page, self._selector)
            return given is not None and await _press(given.element)
        for frame in page.frames[:FRAMES_LIMIT]:
            button = await element(frame, "launcher", sure)
            if button is not None and await _press(button):
                return True
        return False


async def find_box(page: "Page", way: Way, *, limit_s: float, first: bool = False) -> Box:
    """The box, once it is there and free; consent is given, and a closed chat opened, on the way.

    `first`: the page has just been loaded.

    Raises Stop: REFUSED for a wall, GARBLED where no box is found within `limit_s`.
    """
    begun, wall_since, covered_since, pressed = time.monotonic(), None, None, 0
    opening = _Opening(way, first=first)
    while True:
        pressed += await _press_given(page, way)
        looks = await _looks(page)
        box = await given_element(page, way.input) if way.input else await _best(looks)
        free = box is not None and await _is_free(box)
        if pressed < TRIES_CONSENT and not way.accept and await _consent(page, blocked=not free):
            pressed += 1
            continue
        wall = _wall(looks)
        if not wall and (first or box is None) and await opening.waits(page, looks, box=box is not None):
            await asyncio.sleep(_LOOK_S)
            continue
        if box is not None and free:
            return await _taken(box)
        now = time.monotonic()
        wall_since = (wall_since or now) if wall else None
        if wall and wall_since is not None and now - wall_since >= WALL_S and _loaded(looks):
            raise Stop(FailureKind.REFUSED, wall)
        covered_since = (covered_since or now) if box is not None else None
        if box is not None and not wall and covered_since is not None and now - covered_since >= COVERED_S:
            return await _taken(box)
        if now - begun > limit_s:
            raise Stop(FailureKind.GARBLED, _no_box(way))
        await asyncio.sleep(_LOOK_S)


def _no_box(way: Way) -> str:
    if way.input:
        return f"nothing on the page fits input = {way.input!r}, or it cannot be typed into"
    return (
        "no box to type a question into was found on the page; name it with input = (a CSS selector), "
        "and what opens a closed chat with open ="
    )


async def wall_of(page: "Page", *, built: bool = False) -> str | None:
    """The wall that is seen now, named; None where there is none. `built` looks at fields and frames, not at words."""
    return _wall(await _looks(page, "walls" if built else "look"))


async def send_button(box: Box, way: Way) -> "ElementHandle | None":
    """The button that sends, given or found."""
    if way.send:
        given = await given_element(box.frame.page, way.send)
        return given.element if given else None
    return await element(box.frame, "sendButton")


async def type_question(box: Box, text: str) -> None:
    """Put the text into the box, as a whole. Raises Stop where the box does not take it."""
    with OutThere():
        await box.element.fill(text, timeout=PRESS_MS)
    if _same(await held(box), text):
        return
    await box.element.focus()
    await box.frame.page.keyboard.press("Control+A")
    await box.frame.page.keyboard.insert_text(text)
    if not _same(got := await held(box), text):
        raise Stop(
            FailureKind.GARBLED,
            f"the page's box holds {len(got or '')} characters where {len(text)} were typed into it",
        )


async def held(box: Box) -> str | None:
    """What the box holds now; None where it is gone."""
    found = await told(box.frame, "held")
    return str(found["text"]) if isinstance(found, dict) else None


def _same(found: str | None, text: str) -> bool:
    return found is not None and "".join(found.split()) == "".join(text.split())


async def _looks(page: "Page", name: str = "look") -> list[tuple["Frame", _Told]]:
    found: list[tuple[Frame, _Told]] = []
    for frame in page.frames[:FRAMES_LIMIT]:
        look = await told(frame, name)
        if isinstance(look, dict):
            found.append((frame, look))
    return found


async def _best(looks: list[tuple["Frame", _Told]]) -> Box | None:
    frame, look = max(looks, key=lambda pair: float(cast("float", pair[1]["points"])), default=(None, {}))
    if frame is None or not look.get("points"):
        return None
    found = await element(frame, "take")
    return Box(frame, found) if found else None


async def _taken(box: Box) -> Box:
    """The script of its frame knows it as well: what is typed into is not read."""
    await box.element.evaluate("(el) => window.__wrapdetect && window.__wrapdetect.take(el)")
    return box


async def given_element(page: "Page", selector: str) -> Box | None:
    """The first that is seen of what fits a selector, in any frame. Raises Stop for what is no selector."""
    for frame in page.frames[:FRAMES_LIMIT]:
        try:
            places = frame.locator(selector)
            for k in range(min(await places.count(), 20)):
                if await places.nth(k).is_visible() and (found := await places.nth(k).element_handle(timeout=1000)):
                    return Box(frame, found)
        except Exception as error:
            if not is_playwrights(error):
                raise
            if "selector" in str(error).lower() and "pars" in str(error).lower():
                line = str(error).splitlines()[0]
                raise Stop(FailureKind.GARBLED, f"{selector!r} is no selector that Playwright reads ({line})") from None
    return None


async def _is_free(box: Box) -> bool:
    with OutThere():
        await box.element.click(trial=True, timeout=TRIAL_MS)
        return True
    return False


async def _press_given(page: "Page", way: Way) -> int:
    count = 0
    for selector in way.accept:
        given = await given_element(page, selector)
        count += given is not None and await _press(given.element)
    return count


async def _consent(page: "Page", *, blocked: bool) -> bool:
    for frame in page.frames[:FRAMES_LIMIT]:
        button = await element(frame, "consentButton", blocked)
        if button is not None and await _press(button):
            return True
    return False


async def _press(button: "ElementHandle") -> bool:
    with OutThere():
        await button.click(timeout=CONSENT_MS)
        return True
    return False


def _wall(looks: list[tuple["Frame", _Told]]) -> str | None:
    for what, name in (("captcha", "captcha"), ("login", "login wall")):
        said = next((str(look[what]) for _, look in looks if look.get(what)), None)
        if said:
            return f"{name}: {said}"
    return None


def _loaded(looks: list[tuple["Frame", _Told]]) -> bool:
    return all(look.get("ready") == "complete" for _, look in looks)
