"""Pages without a known API: has it somewhere to type, a login wall, a captcha, another site in a frame? Pure."""

import re
from dataclasses import dataclass, field
from html import unescape
from urllib.parse import urljoin

from wrapdetect.dialects.sight import Sight, host
from wrapdetect.model import Page
from wrapdetect.model.prose import quote
from wrapdetect.targets.detect.base import Detection, first_few, target_at

CAPTCHA = re.compile(
    r"recaptcha|hcaptcha|challenges\.cloudflare\.com|cf-turnstile|cf_chl_|arkoselabs|funcaptcha|geetest", re.IGNORECASE
)
"""In a page's source; a page that only loads one for its contact form has somewhere to type besides."""
CHALLENGE = re.compile(
    r"just a moment\.\.\.|verify(ing)? (that )?you are (a )?human|attention required!", re.IGNORECASE
)
_ALONE = (
    "it is left alone: ask by hand (`wrapdetect ask --manual`), or make a target of a copied request (`target import`)"
)
SHUT = (
    "it is left alone: log in yourself (`wrapdetect target login`, or [[target.page.login]] in a TOML), or ask by hand"
)
LATER = "whether there is somewhere to type is seen in the browser only"
BY_PAGE = "questions are typed into the page in a browser (Chromium), the answer is read as it appears"
_TAG = re.compile(r"<(!--|[a-zA-Z][a-zA-Z0-9:-]*)")
SOURCE = re.compile(r"""(?<![\w-])src\s*=\s*["']?([^"'\s>]+)""", re.IGNORECASE)
TYPE = re.compile(r"""(?<![\w-])type\s*=\s*["']?([a-zA-Z-]*)""", re.IGNORECASE)
EDITABLE = re.compile(
    r"""(?<![\w-])(?:role\s*=\s*["']?textbox|contenteditable(?!\s*=\s*["']?(?:false|inherit)))""", re.IGNORECASE
)
RAW_END = {name: re.compile(f"</{name}", re.IGNORECASE) for name in ("script", "style")}
ATTRIBUTES_READ = 4000
"""Characters of a tag."""
TYPED = ("text", "search", "")
ELSEWHERE = "if it answers elsewhere, give that address; else copy a chat's request as curl (`target import`)"
"""What to do, as an own sentence: it follows the reason why there is no way in."""


@dataclass(slots=True)
class _Marks:
    """What of a page's elements matters here."""

    title: str = ""
    inputs: int = 0
    passwords: int = 0
    scripts: int = 0
    sources: list[str] = field(default_factory=list)
    frames: list[str] = field(default_factory=list)


def by_page(sight: Sight, found: str, why: str, *, notes: tuple[str, ...], missing: tuple[str, ...] = ()) -> Detection:
    """The page itself, as a way in."""
    url = (sight.page.final or sight.url).partition("?")[0].partition("#")[0]
    endpoint = target_at(sight, url, "page", page=Page())
    return Detection(found=found, why=why, how=BY_PAGE, endpoint=endpoint, missing=missing, notes=notes)


def plain_page(sight: Sight) -> Detection | None:
    """An HTML page: somewhere to type, or why not."""
    seen = sight.page
    if seen.status is None or not seen.is_html:
        return None
    marks = _marks_of(seen.text)
    name = f"a page{f' titled {quote(marks.title, 60)!r}' if marks.title.strip() else ''}"
    if CHALLENGE.search(seen.text) and (seen.status != 200 or not marks.inputs):
        return Detection(
            found=f"{name} behind a captcha", why=f"{seen.look.url} shows a captcha first", missing=(_ALONE,)
        )
    if seen.status != 200:
        return Detection(
            found=f"{name} that fails",
            why=f"{seen.look.url} answers {seen.status}",
            missing=(_for_status(seen.status),),
        )
    if marks.passwords and marks.inputs <= marks.passwords:
        return Detection(
            found=f"{name} with a login wall", why="it asks for a password and shows no chat", missing=(SHUT,)
        )
    if CAPTCHA.search(seen.text) and not marks.inputs:
        return Detection(
            found=f"{name} behind a captcha", why="it loads a captcha and shows nothing to type into", missing=(_ALONE,)
        )
    frames, away = _hosts(sight, marks.frames), _hosts(sight, marks.sources)
    notes = (
        *((f"it shows {first_few(frames)} in a frame: if the chat is there, give that address",) if frames else ()),
        *(
            (f"its scripts come from {first_few(away)}; allow what it needs: hosts = [...] in the TOML",)
            if away
            else ()
        ),
    )
    if not (marks.inputs or marks.scripts or marks.frames):
        why = "it has nothing to type into, and no script that could make it"
        return Detection(found=name, why=why, missing=(ELSEWHERE,))
    places = f"{marks.inputs} place{'s' if marks.inputs > 1 else ''} to type into"
    why = (
        f"it has {places}, and no known API was seen"
        if marks.inputs
        else "no known API was seen; script draws the page"
    )
    more = () if marks.inputs else (LATER,)
    return by_page(sight, name, why, notes=(*more, *notes))


def _marks_of(text: str) -> _Marks:
    """Tags by a scan that takes time in proportion to the page: html.parser takes hours over a hostile one."""
    marks = _Marks()
    at = close = 0
    while (found := _TAG.search(text, at)) is not None:
        name = found[1].lower()
        if name == "!--":
            close = text.find("-->", found.end())
        else:
            close = close if close >= found.end() else text.find(">", found.end())
        if close < 0:
            break
        at = close + (3 if name == "!--" else 1)
        if name in ("script", "style"):
            end = RAW_END[name].search(text, at)
            at = end.start() if end else len(text)
        elif name == "title" and not marks.title:
            marks.title = text[at : at + 300].partition("<")[0]
        _note(marks, name, text[found.end() : close][:ATTRIBUTES_READ])
    return marks


def _note(marks: _Marks, name: str, attributes: str) -> None:
    if name in ("script", "iframe"):
        source = SOURCE.search(attributes)
        found = [unescape(source[1])] if source else []
        marks.scripts += name == "script"
        (marks.sources if name == "script" else marks.frames).extend(found)
        return
    kind = TYPE.search(attributes)
    typed = name == "input" and (kind[1].lower() if kind else "") in TYPED
    marks.inputs += name == "textarea" or typed or EDITABLE.search(attributes) is not None
    marks.passwords += name == "input" and kind is not None and kind[1].lower() == "password"


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
        return "it wants a login: copy a chat's request as curl (`target import`), which carries it; or another address"
    return "try again later, or give another address" if status >= 500 else ELSEWHERE
