"""Secrets out of a pasted request: each into a variable of its own, by the name of its field."""

import json
import re
from dataclasses import dataclass, field
from urllib.parse import quote

from wrapdetect.curl.fields import doubled, has_marks, snake
from wrapdetect.curl.request import Request
from wrapdetect.dialects.sources import TOKEN
from wrapdetect.errors import SpecError
from wrapdetect.secrets.names import secret_name

SHORTEST_SECRET = 8
"""Characters of a body's or query's field that is taken for a secret."""
SESSION_WORDS = frozenset({"session", "sid", "sessionid"})
SHORTEST_SESSION = 12
"""Characters of letters and digits from which on a session's id may be what lets somebody in."""
ORDINARY = frozenset(
    {
        "accept", "accept-language", "content-type", "origin", "referer", "user-agent", "x-requested-with", "from",
        "content-encoding", "content-language", "range", "date",
    }
)  # fmt: skip
"""Headers whose values are never secret."""

NOISE = frozenset(
    {
        "accept-encoding", "content-length", "host", "connection", "priority", "pragma", "cache-control", "dnt",
        "upgrade-insecure-requests", "te", "trailer", "keep-alive", "proxy-connection", "upgrade", "transfer-encoding",
        "traceparent", "tracestate", "baggage", "sentry-trace", "newrelic", "x-client-data", "if-none-match",
        "if-modified-since", "expect",
    }
)  # fmt: skip
"""Headers of a browser or its telemetry that no chat needs; and all that begin with sec-."""


@dataclass(slots=True, kw_only=True)
class Lifting:
    """Secrets as they are found, by the names of the variables that shall hold them."""

    secrets: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    conversation_id: str = ""

    def lift(self, name: str, value: str) -> str:
        """The placeholder for a value; the same value has one variable."""
        for variable, known in self.secrets.items():
            if known == value:
                return f"{{env:{variable}}}"
        base = "BOT_" + (re.sub(r"[^A-Z0-9]+", "_", snake(name).upper()).strip("_") or "SECRET")
        variable = next(v for n in range(1, 1000) if (v := base if n == 1 else f"{base}_{n}") not in self.secrets)
        self.secrets[variable] = value
        return f"{{env:{variable}}}"

    def field(self, name: str, text: str) -> str:
        """The placeholder in place of a query's or body's field that looks like a secret; any other text as it is."""
        secret = secret_name(name, "body") and len(text) >= SHORTEST_SECRET and " " not in text and not has_marks(text)
        if not secret and self._is_session(name, text):
            self.notes.append(
                f"{name!r} was taken out as a session's id; if it is the conversation's, so that all questions would "
                "share one, write {conversation_id} in its place"
            )
            secret = True
        return self.lift(name, text) if secret else text

    def _is_session(self, name: str, text: str) -> bool:
        named = bool(set(snake(name).split("_")) & SESSION_WORDS)
        marked = bool(self.conversation_id) and self.conversation_id in text
        return named and not marked and not has_marks(text) and like_an_id(text)

    def hide(self, text: str) -> str:
        """A text in which no secret is left that was found elsewhere."""
        for variable, value in self.secrets.items():
            for spelt in (
                {value, quote(value, safe=""), json.dumps(value)[1:-1]} if len(value) >= SHORTEST_SECRET else ()
            ):
                text = text.replace(spelt, f"{{env:{variable}}}")
        return text


def like_an_id(text: str) -> bool:
    """Whether a text looks made by a machine, and long enough to let somebody in.

    >>> [t for t in ("QSECRET-999888777abc", "abc", "a long title of 2", "internationalisation") if like_an_id(t)]
    ['QSECRET-999888777abc']
    """
    has_both = re.search(r"\d", text) is not None and re.search(r"[A-Za-z]", text) is not None
    return len(text) >= SHORTEST_SESSION and has_both and not re.search(r"\s", text)


def headers_of(request: Request, lifting: Lifting) -> tuple[tuple[str, str], ...]:
    """Those worth sending, their secrets lifted out, literal braces doubled; several cookies are one header."""
    kept: dict[str, tuple[str, str]] = {}
    for name, value in request.headers:
        low = name.lower()
        if low in NOISE or low.startswith("sec-") or not name:
            continue
        if not TOKEN.fullmatch(name) or not (value.isascii() and value.isprintable()):
            request.notes.append("a header that no request may hold was left out")
            continue
        if low == "content-type" and "multipart/" in value.lower():
            raise SpecError("multipart bodies are not supported; ask the chat in a way that sends JSON or a form")
        if low == "referer":
            value = value.partition("?")[0].partition("#")[0]
        if low == "cookie" and low in kept:
            value = f"{kept[low][1]}; {value}"
        kept[low] = (name, value)
    if "cookie" in kept:
        request.notes.append("the cookie may carry a conversation: a bot that remembers by it is never asked afresh")
    made = tuple((name, _header_value(name, value, lifting)) for name, value in kept.values())
    for name, value in made:
        if name.lower() not in ORDINARY and "{" not in value and like_an_id(value):
            request.notes.append(f"the header {name} stays as it was written; if it is a secret, write {{env:NAME}}")
    return made


def _header_value(name: str, value: str, lifting: Lifting) -> str:
    if not secret_name(name, "header"):
        return doubled(value)
    scheme, space, token = value.partition(" ")
    # A user who wrote $NAME has a variable already.
    if re.search(r"\{env:\w+\}", value) and name.lower() != "cookie":
        return doubled(value)
    if name.lower() in ("authorization", "proxy-authorization") and space and re.fullmatch(r"[A-Za-z-]+", scheme):
        return f"{scheme} {lifting.lift(name, token.strip())}"
    return lifting.lift(name, value)
