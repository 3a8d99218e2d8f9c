"""Secrets out of a pasted request: each into a variable of its own, by the name of its field."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import quote

from wrapdetect.dialects.template.slots import (
    ENV,
    TemplateSlot,
    Text,
    dumps,
    env,
    joined,
    literals,
    parse_slots,
    spelled,
    swapped,
)
from wrapdetect.dialects.template.sources import TOKEN
from wrapdetect.secrets.names import secret_name
from wrapdetect.targets.curl.fields import snake
from wrapdetect.targets.curl.request import PastedRequest

SHORTEST_SECRET = 8
"""Characters of a body's or query's field that is taken for a secret."""
SESSION_WORDS = frozenset({"session", "sid", "sessionid"})
SHORTEST_SESSION = 12
"""Characters of letters and digits from which on a session's id may be what lets somebody in."""
STAND_IN = re.compile(
    r"<[^<>]*>|\[[^\[\]]*\]|\$\{?(?:env:)?\w+\}?|%\w+%|"
    r"\{+\w+\}+|.*\.\.\.|x{4,}|\*{3,}|.*\byour?[-_ ].*|.*[-_ ](?:goes[-_ ])?here|"
    r"(?:api|access|secret)[-_]?(?:key|token)|token|insert.*|replace.*",
    re.IGNORECASE,
)
"""What manuals print where a key should stand."""
_ORDINARY = frozenset(
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

    def lift(self, name: str, value: str) -> TemplateSlot:
        """The slot for a value; the same value has one variable."""
        for variable, known in self.secrets.items():
            if known == value:
                return env(variable)
        base = "BOT_" + (re.sub(r"[^A-Z0-9]+", "_", snake(name).upper()).strip("_") or "SECRET")
        variable = next(v for n in range(1, 1000) if (v := base if n == 1 else f"{base}_{n}") not in self.secrets)
        self.secrets[variable] = value
        if STAND_IN.fullmatch(value):
            self.notes.append(f"the request holds no key but {value[:40]!r} in its place: set {variable} to your own")
        return env(variable)

    def field(self, name: str, text: Text) -> Text:
        """The slot in place of a query's or body's field that looks like a secret; any other text as it is."""
        value = literals(text)
        if text != (value,):
            return text
        secret = secret_name(name, "body") and len(value) >= SHORTEST_SECRET and " " not in value
        if not secret and self._is_session(name, value):
            self.notes.append(
                f"{name!r} was taken out as a session's id; if it is the conversation's, so that all questions would "
                "share one, write {conversation_id} in its place"
            )
            secret = True
        return (self.lift(name, value),) if secret else text

    def _is_session(self, name: str, text: str) -> bool:
        named = bool(set(snake(name).split("_")) & SESSION_WORDS)
        marked = bool(self.conversation_id) and self.conversation_id in text
        return named and not marked and like_an_id(text)

    def hide(self, written: str) -> str:
        """A template's text in which no secret is left that was found elsewhere."""
        text = parse_slots(written)
        for variable, value in self.secrets.items():
            if len(value) >= SHORTEST_SECRET:
                spelt = sorted({value, quote(value, safe=""), dumps(value)[1:-1]}, key=len, reverse=True)
                text = swapped(text, re.compile("|".join(map(re.escape, spelt))), env(variable))
        return spelled(text)


def like_an_id(text: str) -> bool:
    """Whether a text looks made by a machine, and long enough to let somebody in.

    >>> [t for t in ("QSECRET-999888777abc", "abc", "a long title of 2", "internationalisation") if like_an_id(t)]
    ['QSECRET-999888777abc']
    """
    has_both = re.search(r"\d", text) is not None and re.search(r"[A-Za-z]", text) is not None
    return len(text) >= SHORTEST_SESSION and has_both and not re.search(r"\s", text)


def lifted_headers(
    request: PastedRequest, lifting: Lifting, written: Callable[[str], str]
) -> tuple[tuple[str, str], ...]:
    """Those worth sending, their secrets lifted out, as a template has them (`written`); several cookies are one."""
    kept: dict[str, tuple[str, str]] = {}
    for name, value in request.headers:
        low = name.lower()
        if low in NOISE or low.startswith("sec-") or not name:
            continue
        if not TOKEN.fullmatch(name) or not (value.isascii() and value.isprintable()):
            request.notes.append("a header that no request may hold was left out")
            continue
        if low == "referer":
            value = value.partition("?")[0].partition("#")[0]
        if low == "cookie" and low in kept:
            value = f"{kept[low][1]}; {value}"
        kept[low] = (name, value)
    if "cookie" in kept:
        request.notes.append("the cookie may carry a conversation: a bot that remembers by it is never asked afresh")
    made = tuple(
        (name, spelled(_header_value(name, parse_slots(written(value)), lifting))) for name, value in kept.values()
    )
    for name, value in made:
        if name.lower() not in _ORDINARY and parse_slots(value) == (value,) and like_an_id(value):
            request.notes.append(f"the header {name} stays as it was written; if it is a secret, write {{env:NAME}}")
    return made


def _header_value(name: str, text: Text, lifting: Lifting) -> Text:
    # A user who wrote $NAME has a variable already.
    theirs = (
        any(isinstance(part, TemplateSlot) and part.name.startswith(ENV) for part in text) and name.lower() != "cookie"
    )
    if theirs or not secret_name(name, "header") or text != (literals(text),):
        return text
    scheme, space, token = literals(text).partition(" ")
    if name.lower() in ("authorization", "proxy-authorization") and space and re.fullmatch(r"[A-Za-z-]+", scheme):
        return joined((f"{scheme} ", lifting.lift(name, token.strip())))
    return (lifting.lift(name, literals(text)),)
