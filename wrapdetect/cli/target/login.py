"""wrapdetect target login: the user logs in, in a browser that is seen; what the login left is kept in a file."""

import asyncio
import json
import os
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from wrapdetect.cli.terminal import say
from wrapdetect.errors import SpecError
from wrapdetect.model import TARGET, Endpoint
from wrapdetect.model.prose import quote
from wrapdetect.ways.page.browser import Chromium, hosts_of, launch_seen, load_playwright
from wrapdetect.ways.page.login_state import Login, parse_login

if TYPE_CHECKING:
    from playwright.async_api import BrowserContext, Page

_LOOK_S = 0.5
"""How often the login is looked at meanwhile: a window that was closed tells nothing any more."""
OPEN_S = 60.0
_CLOSE_S = 5.0


def login_target(url: str, *, state: Path | None, hosts: list[str]) -> int:
    """Open a browser at the address, wait for Enter or for its window's end, and write what the login left.

    Only what belongs to the address's host and to `hosts` is kept. Raises SpecError.
    """
    try:
        parts = urlsplit(url)
    except ValueError:
        parts = urlsplit("")
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise SpecError(f"{quote(url, 200)}: no address of a page; expected one such as https://chat.example/")
    path = state or Path(f"{parts.hostname.replace(':', '_')}.state.json")
    check_place(path)
    endpoint = Endpoint(name=TARGET, role="target", url=url, model="", dialect="page", hosts=tuple(hosts))
    login = asyncio.run(_logged_in(endpoint))
    if not (login.cookies or login.stored):
        raise SpecError(f"nothing was kept: {', '.join(hosts_of(endpoint).all)} set no cookie and stored nothing")
    write_login(path, login)
    said = f"{len(login.cookies)} cookies and the storage of {len(login.stored)} origins"
    say(f"written to {path}: {said}. Keep it to yourself: whoever has it is logged in as you. In the TOML:")
    print(f"storage_state = {json.dumps(str(path))}")
    return 0


def check_place(path: Path) -> None:
    """Raises SpecError for a path that holds something other than a login, or that nothing can be written to."""
    if path.is_symlink() or (path.exists() and not path.is_file()):
        raise SpecError(f"{path} is no plain file; name another with --state")
    if path.exists():
        try:
            parse_login(path.read_text(encoding="utf-8"), str(path))
        except (SpecError, OSError, UnicodeDecodeError):
            raise SpecError(f"{path} is there already and holds no login; name another file with --state") from None
    if not path.parent.is_dir():
        raise SpecError(f"{path}: there is no folder {path.parent}; make it, or name another file with --state")
    if not os.access(path.parent, os.W_OK):
        raise SpecError(f"{path}: nothing can be written into {path.parent}; name another file with --state")


def write_login(path: Path, login: Login) -> None:
    """All of it or nothing, for the user's own eyes (0600). Raises SpecError where it cannot be written."""
    try:
        descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)  # 0600 from the start
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                json.dump(login.state(), file, indent=1)
                file.flush()
                os.fsync(file.fileno())
            Path(name).replace(path)
        except BaseException:
            with suppress(OSError):
                Path(name).unlink()
            raise
    except OSError as error:
        raise SpecError(f"cannot write {path}: {error.strerror}; name another file with --state") from error


async def _logged_in(endpoint: Endpoint) -> Login:
    async with load_playwright() as playwright:
        chromium = await launch_seen(playwright)
        try:
            return await _watched(chromium, endpoint)
        finally:
            await chromium.close()


async def _watched(chromium: Chromium, endpoint: Endpoint) -> Login:
    context = await chromium.browser.new_context(no_viewport=True)
    page = await context.new_page()
    await _open(page, endpoint.url)
    say(f"log in to {quote(endpoint.url, 200)} in the window; then press Enter here, or close the window")
    entered, kept = asyncio.create_task(_enter()), Login()
    try:
        while not entered.done() and context.pages and chromium.alive:
            kept = await _state(context, endpoint) or kept
            await asyncio.wait({entered}, timeout=_LOOK_S)
        return await _state(context, endpoint) or kept
    finally:
        entered.cancel()


async def _open(page: "Page", url: str) -> None:
    try:
        await page.goto(url, wait_until="commit", timeout=1000 * OPEN_S)
    except Exception as error:
        if not type(error).__module__.startswith("playwright."):
            raise
        line = quote(str(error).splitlines()[0].removeprefix("Page.goto: "), 200)
        raise SpecError(f"{quote(url, 200)} does not open ({line}); look at the address") from None


async def _state(context: "BrowserContext", endpoint: Endpoint) -> Login | None:
    """What the hosts have set by now; None where the window is gone."""
    try:
        found = await asyncio.wait_for(context.storage_state(), _CLOSE_S)
    except TimeoutError:
        return None
    except Exception as error:
        if not type(error).__module__.startswith("playwright."):
            raise
        return None
    return parse_login(json.dumps(found), "the browser's login").of_hosts(hosts_of(endpoint).all)


async def _enter() -> None:
    """Until a line comes from the terminal; where there is none, the window's end alone counts."""
    loop, came = asyncio.get_running_loop(), asyncio.Event()
    try:
        loop.add_reader(sys.stdin.fileno(), came.set)
    except (OSError, ValueError, NotImplementedError):
        await asyncio.Event().wait()
    try:
        await came.wait()
        if not os.read(sys.stdin.fileno(), 4096):  # its end: nobody sits there
            loop.remove_reader(sys.stdin.fileno())
            await asyncio.Event().wait()
    finally:
        with suppress(OSError, ValueError):
            loop.remove_reader(sys.stdin.fileno())
