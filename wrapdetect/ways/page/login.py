"""Logging in by a page's own form, as the user's steps say: what is filled in, pressed and waited for.

Only `{env:NAME}` is live in what is filled in. No wall and no captcha is worked around: what the steps do not open
stays shut, and is named.
"""

import asyncio
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

from wrapdetect.model import FailureKind
from wrapdetect.model.template import PageStep
from wrapdetect.secrets.variables import FILLED_IN
from wrapdetect.ways.page.find import PRESS_MS, Box, Stop, given_element, is_playwrights, wall_of

if TYPE_CHECKING:
    from playwright.async_api import Page

STEP_S = 10.0
"""Most time until what a step wants is there, and until a form that was sent is gone."""
_LOOK_S = 0.1


async def log_in(page: "Page", steps: tuple[PageStep, ...], variables: Mapping[str, str]) -> None:
    """Do all steps. Raises Stop, naming the step, where one cannot be done."""
    for number, step in enumerate(steps, start=1):
        kind, selector = next((k, s) for k in ("fill", "press", "wait") if (s := getattr(step, k)))
        box = await _found(page, selector)
        if box is None:
            raise Stop(FailureKind.GARBLED, f"login step {number}: nothing on the page fits {kind} = {selector!r}")
        try:
            if kind == "fill":
                await box.element.fill(FILLED_IN.sub(lambda m: variables[m[1]], step.text), timeout=PRESS_MS)
            elif kind == "press":
                await box.element.click(timeout=PRESS_MS)
        except Exception as error:
            if not is_playwrights(error):
                raise  # its words are not told: they may hold what was filled in
            raise Stop(FailureKind.GARBLED, f"login step {number}: {kind} = {selector!r} cannot be done") from None
    await _until_gone(page)


async def _found(page: "Page", selector: str) -> Box | None:
    end = time.monotonic() + STEP_S
    while (box := await given_element(page, selector)) is None and time.monotonic() < end:
        await asyncio.sleep(_LOOK_S)
    return box


async def _until_gone(page: "Page") -> None:
    """Wait while a password is still asked for: a form takes its time to be answered."""
    end = time.monotonic() + STEP_S
    while time.monotonic() < end and (await wall_of(page, built=True) or "").startswith("login"):
        await asyncio.sleep(_LOOK_S)
