"""What detection speaks of: a look, what was seen, and what it is. Pure."""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal, cast
from urllib.parse import urlsplit, urlunsplit

from wrapdetect.dialects.body.json_text import Json
from wrapdetect.dialects.body.unpacked import header_of
from wrapdetect.dialects.template.filling import names_in, parts_of
from wrapdetect.dialects.template.problems import template_problems
from wrapdetect.dialects.template.slots import KEY, Unfit
from wrapdetect.model import TARGET, Dialect, Endpoint, Page, Template
from wrapdetect.model.text import whole

KeyHeader = Literal["", "authorization", "x-api-key", "x-goog-api-key"]
"""Where a look carries the key: nowhere, or in which header."""

NO_MODEL = "MODEL"
"""Stands in a TOML for a model whose name nobody told."""
NEEDED_KEY = "BOT_KEY"
"""The variable that a TOML names where a key is needed and the user named none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """One harmless GET; its name says what it is for."""

    name: str
    url: str
    key: KeyHeader = ""
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What came of a look. `status` None: nothing, and `failure` says why.

    `final` is the address on the same host to which it was led; `away` the one on another host, to which it was not.
    `cut`: there was more of the body than is read.
    """

    look: Look
    status: int | None = None
    headers: tuple[tuple[str, str], ...] = ()
    text: str = ""
    cut: bool = False
    failure: str = ""
    unreachable: bool = False
    final: str = ""
    away: str = ""

    def header(self, name: str) -> str:
        return header_of(self.headers, name)

    @property
    def media_type(self) -> str:
        return self.header("content-type").partition(";")[0].strip().lower()

    @property
    def json(self) -> object:
        """The body as JSON; None where it is none."""
        return _parsed(self.text)

    @property
    def object(self) -> Json:
        """The body as a JSON object; an empty one where it is none."""
        value = self.json
        return cast("Json", value) if isinstance(value, dict) else {}

    @property
    def found(self) -> Json:
        """The JSON object of an answer with status 200; an empty one else."""
        return self.object if self.status == 200 else {}

    @property
    def is_html(self) -> bool:
        start = self.text.lstrip()[:2000].lower()
        return self.media_type in ("text/html", "application/xhtml+xml") or start.startswith(
            ("<!doctype html", "<html")
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Detection:
    """What a URL is and how to talk to it, in words; `endpoint` None where no way was found.

    `missing` is what must still be given before anything can be asked; `notes` what is good to know.
    """

    found: str
    why: str
    how: str = ""
    endpoint: Endpoint | None = None
    missing: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """All that was seen of one address, and what the user told: the variable of a key, a model's name."""

    url: str
    seen: tuple[Seen, ...]
    key_env: str | None = None
    model: str | None = None

    def of(self, *names: str) -> Iterator[Seen]:
        """What was seen by these names, in their order."""
        return (s for name in names for s in self.seen if s.look.name == name)

    def one(self, name: str) -> Seen:
        """What was seen by that name; an empty one where it was not looked for."""
        return next(self.of(name), Seen(look=Look(name=name, url="")))

    @property
    def page(self) -> Seen:
        return self.one("page")

    def endpoint(
        self,
        url: str,
        dialect: Dialect,
        model: str = "",
        *,
        needs_key: bool = False,
        template: Template | None = None,
        page: Page | None = None,
    ) -> Endpoint:
        """The target at `url`; a key goes with whatever takes one, by a variable of our choice where one is needed."""
        key_env = self.key_env or (NEEDED_KEY if needs_key else None)
        takes_key = dialect != "page" and (template is None or uses_key(template))
        return Endpoint(
            name=TARGET,
            role="target",
            url=url.rstrip("/"),
            model=model,
            dialect=dialect,
            key_env=key_env if takes_key else None,
            template=template,
            page=page,
        )

    @property
    def lacking_key(self) -> str:
        """What is missing where a key is wanted, or another one."""
        if self.key_env:
            return f"another key: it refuses the one in {self.key_env}"
        return f"a key: --key-env VARIABLE, or set {NEEDED_KEY}, which the TOML names"

    def told(self, detection: Detection) -> Detection:
        """With a word on a key that is not used."""
        unused = self.key_env is not None and detection.endpoint is not None and detection.endpoint.key_env is None
        note = f"the key in {self.key_env} is not used: nothing here takes one"
        return replace(detection, notes=(*detection.notes, note)) if unused else detection


_HALF = re.compile(r"\\u[dD][89a-fA-F]")


@lru_cache(maxsize=32)
def _parsed(text: str) -> object:
    """Once for each answer, though every recogniser asks; without half characters, which no file could hold."""
    try:
        return json.loads(whole(json.dumps(json.loads(text), ensure_ascii=False)) if _HALF.search(text) else text)
    except (ValueError, RecursionError):
        return None


def uses_key(template: Template) -> bool:
    """Whether a template sends the key."""
    return any(KEY.name in names_in(part) for part in parts_of(template))


def usable(template: Template) -> Template:
    """The template itself. Raises Unfit for what no config may hold, though a remote described it."""
    for _, what in template_problems(template):
        raise Unfit(what)
    return template


def origin(url: str) -> str:
    """Scheme and host of an address.

    >>> origin("https://bot.example/chat/v1")
    'https://bot.example'
    """
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc, "", "", ""))


def host(url: str) -> str:
    """The host's name alone, in lower case."""
    return (urlsplit(url).hostname or "").lower()


def first_few(names: Sequence[str], limit: int = 8) -> str:
    """Names with commas, the first few of them.

    >>> first_few(["a", "b", "c"], 2)
    'a, b and 1 more'
    """
    more = f" and {len(names) - limit} more" if len(names) > limit else ""
    return ", ".join(names[:limit]) + more
