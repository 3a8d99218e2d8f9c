"""What was seen at an address, and which API that shows: what the recognisers of dialects look at, and give. Pure."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, cast
from urllib.parse import urlsplit

from wrapdetect.dialects.body.json_text import Json
from wrapdetect.dialects.body.unpacked import header_of
from wrapdetect.model import Dialect
from wrapdetect.model.text import whole

KeyHeader = Literal["", "authorization", "x-api-key", "x-goog-api-key"]
"""Where a look carries the key: nowhere, or in which header."""


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """An API that is known by one look: what it is in words, and the models that it lists there; None where it keeps
    its list from whoever has no key, or another one.

    `ends` is what the look's address has behind the API's own. `dialect` is "" where that of the recogniser is meant.
    """

    found: str
    seen: Seen
    models: tuple[str, ...] | None
    ends: str = "/models"
    dialect: Dialect = ""


_HALF = re.compile(r"\\u[dD][89a-fA-F]")


@lru_cache(maxsize=32)
def _parsed(text: str) -> object:
    """Once for each answer, though every recogniser asks; without half characters, which no file could hold."""
    try:
        return json.loads(whole(json.dumps(json.loads(text), ensure_ascii=False)) if _HALF.search(text) else text)
    except (ValueError, RecursionError):
        return None


def host(url: str) -> str:
    """The host's name alone, in lower case."""
    return (urlsplit(url).hostname or "").lower()
