"""Pages without a known API: has it somewhere to type, a login wall, a captcha, another site in a frame? Pure."""

import re
from html.parser import HTMLParser
from urllib.parse import urljoin

from wrapdetect.detect.base import Detection, Seen, Sight, host, listed
from wrapdetect.model import Endpoint, Page
from wrapdetect.prose import quote

CAPTCHA = re.compile(
    r"recaptcha|hcaptcha|challenges\.cloudflare\.com|cf-turnstile|cf_chl_|arkoselabs|funcaptcha|geetest", re.IGNORECASE
)
"""In a page's source; a page that only loads one for its contact form has somewhere to type besides."""
CHALLENGE = re.compile(
    r"just a moment\.\.\.|verify(ing)? (that )?you are (a )?human|attention required!", re.IGNORECASE
)
ALONE = (
    "a way round it: it is left alone; ask by hand (`wrapdetect ask --manual`), or `target import` of a curl command"
)
LATER = "whether there is somewhere to type is seen in the browser only"
BY_PAGE = "questions are typed into the page in a browser (Chromium), the answer is read as it appears"
TYPED = ("text", "search", "")
ELSEWHERE = "if it answers elsewhere, give that address; else take a curl command of a chat (`target import`)"


class _Marks(HTMLParser):
    """What of a page's elements matters here."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.title = ""
        self.inputs = self.passwords = self.scripts = 0
        self.sources: list[str] = []
        self.frames: list[str] = []
        self._in_title = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {k: v or "" for k, v in attrs}
        kind = given.get("type", "").lower()
        editable = given.get("contenteditable", "no").lower() in ("", "true", "plaintext-only")
        self._in_title = tag == "title"
        if tag == "textarea" or editable or given.get("role") == "textbox" or (tag == "input" and kind in TYPED):
            self.inputs += 1
        if tag == "input" and kind == "password":
            self.passwords += 1
        if tag == "script":
            self.scripts += 1
            self.sources.append(given.get("src", ""))
        if tag == "iframe" and given.get("src"):
            self.frames.append(given["src"])

    def handle_data(self, data: str) -> None:
        if self._in_title:
            self.title += data
            self._in_title = False


def page_endpoint(sight: Sight) -> Endpoint:
    """The page itself, as a way in."""
    url = sight.page.final or sight.url
    return sight.endpoint(url.partition("?")[0].partition("#")[0], "page", page=Page())


def plain_page(sight: Sight) -> Detection | None:
    """An HTML page: somewhere to type, or why not."""
    seen = sight.page
    if seen.status is None or not seen.is_html:
        return None
    marks = _marks_of(seen)
    name = f"a page{f' titled {quote(marks.title, 60)!r}' if marks.title.strip() else ''}"
    if CHALLENGE.search(seen.text) and (seen.status != 200 or not marks.inputs):
        return Detection(
            found=f"{name} behind a captcha", why=f"{seen.look.url} shows a captcha first", missing=(ALONE,)
        )
    if seen.status != 200:
        return Detection(
            found=f"{name} that fails",
            why=f"{seen.look.url} answers {seen.status}",
            missing=(_for_status(seen.status),),
        )
    if marks.passwords and marks.inputs <= marks.passwords:
        return Detection(
            found=f"{name} with a login wall", why="it asks for a password and shows no chat", missing=(ALONE,)
        )
    if CAPTCHA.search(seen.text) and not marks.inputs:
        return Detection(
            found=f"{name} behind a captcha", why="it loads a captcha and shows nothing to type into", missing=(ALONE,)
        )
    frames, away = _hosts(sight, marks.frames), _hosts(sight, marks.sources)
    notes = (
        *((f"it shows {listed(frames)} in a frame: if the chat is there, give that address",) if frames else ()),
        *((f"its scripts come from {listed(away)}; allow what it needs: hosts = [...] in the TOML",) if away else ()),
    )
    if marks.inputs:
        why, more = (
            f"it has {marks.inputs} place{'s' if marks.inputs > 1 else ''} to type, and no known API was seen",
            (),
        )
    elif marks.scripts or marks.frames:
        why, more = "no known API was seen, and it is drawn by script", (LATER,)
    else:
        return Detection(
            found=name, why="it has nothing to type into, and no script that could make it", missing=(ELSEWHERE,)
        )
    return Detection(found=name, why=why, how=BY_PAGE, endpoint=page_endpoint(sight), notes=(*more, *notes))


def _marks_of(seen: Seen) -> _Marks:
    marks = _Marks()
    try:
        marks.feed(seen.text)
        marks.close()
    except (AssertionError, ValueError):  # html.parser on declarations that nobody can read
        pass
    return marks


def _hosts(sight: Sight, addresses: list[str]) -> list[str]:
    """Other hosts among addresses of a page."""
    base = sight.page.final or sight.url
    found: dict[str, None] = {}
    for address in addresses:
        try:
            name = host(urljoin(base + "/", address))
        except ValueError:
            continue
        if name and name != host(base):
            found[quote(name, 60)] = None
    return list(found)


def _for_status(status: int) -> str:
    if status in (401, 403):
        return "leave to look at it: a login (`target import` of a curl command carries a session), or another address"
    return "another address, or another time" if status >= 500 else f"the right address; {ELSEWHERE}"
