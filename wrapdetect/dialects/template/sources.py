"""Where in an answer something stands: sources, compiled once and applied to whatever was received.

Beside those of ways.py, `event:NAME` is the data of a server-sent event of that name, and `A => B` reads by B what A
found: `re:^0:(.*)$ => $` takes the text out of a line such as `0:"Hi."`.

A source may come from a recording or a config that somebody else wrote, so none can take long. Patterns are RE2's
(github.com/google/re2/wiki/Syntax: linear in the text, no lookaround, no backreference; \\w, \\d, \\s and \\b are
ASCII's) and see the first SEARCHED characters of what was received. Of JSONPaths only those are taken that visit each
value a few times at most (source_cost.check_path).
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import islice

import re2
from jsonpath import JSONPathEnvironment
from jsonpath.exceptions import JSONPathError

from wrapdetect.dialects.body.remote_json import parse_json
from wrapdetect.dialects.template.source_cost import MOST_HITS, check_path
from wrapdetect.errors import SpecError
from wrapdetect.model.text import one_line, whole

_KINDS = "$.. (JSONPath), re:PATTERN, header:NAME, cookie:NAME, event:NAME or text"
RECORD = "\x1e"
"""Ends a record of SignalR, and begins one of a JSON text sequence (RFC 7464)."""
NO_JSON = object()
"""Stands for the value of a text that is not JSON."""

SEARCHED = 200_000
"""Most characters of one piece (or of a body, where that is not cut into pieces) that a pattern is run over."""

LONGEST, LONGEST_CHAIN = 2_000, 4
"""Characters of a source, and sources in a row."""
LONGEST_BETWEEN = 4_000_000
"""Characters handed on within a row of sources; where more are found, nothing is found."""

_ENVIRONMENT = JSONPathEnvironment(strict=True)
_RE2 = re2.Options()
_RE2.log_errors = False
_PLAIN = re.compile(r"\$(?:\.[A-Za-z_][A-Za-z0-9_]*|\[\d+\])*", re.ASCII)
_PLAIN_PART = re.compile(r"\.(\w+)|\[(\d+)\]", re.ASCII)
_NAMED = ("header:", "cookie:", "event:")
TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
"""A header's name (RFC 9110, 5.6.2)."""
_NEXT = re.compile(r" => (?=\$|re:)")


@dataclass(slots=True)
class Received:
    """Something received, to be searched; it is parsed at most once."""

    text: str
    headers: Sequence[tuple[str, str]] = ()
    cookies: Mapping[str, str] = field(default_factory=dict)
    event: str = ""
    _json: object = None
    _read: bool = False

    @property
    def json(self) -> object:
        """The text as JSON, or NO_JSON."""
        if not self._read:
            self._json, self._read = _json_of(self.text), True
        return self._json


Finder = Callable[[Received], list[object]]


def find(
    source: str,
    *,
    text: str,
    headers: Sequence[tuple[str, str]] = (),
    cookies: Mapping[str, str] | None = None,
    event: str = "",
) -> str | None:
    """What a source finds, as text; several hits of a JSONPath are joined. None where nothing is found, or null.

    >>> find("$.choices[*].text", text='{"choices": [{"text": "Hi"}, {"text": "."}]}')
    'Hi.'
    >>> find("re:token=([0-9]+)", text="<a href='?token=17'>"), find("header:X-Id", text="", headers=[("x-id", "7")])
    ('17', '7')
    """
    found = find_in(source, Received(text, headers, cookies or {}, event))
    return None if found is None else whole(found)


def find_in(source: str, received: Received) -> str | None:
    """As `find`, in what may be searched by other sources too."""
    hits = hits_in(source, received)
    return "".join(map(text_of_value, hits)) if hits else None


def hits_in(source: str, received: Received) -> list[object]:
    """All that a source finds, but for null."""
    return [hit for hit in compiled(source)(received) if hit is not None]


def holds(source: str, received: Received) -> bool:
    """Whether a source finds something true: a JSON value that is not null, false, 0 or empty; else any match.

    >>> holds("$.done", Received('{"done": false}')), holds("re:do(x?)ne", Received("done"))
    (False, True)
    """
    first = source.partition(" => ")[0]
    hits = compiled(source)(received)
    return bool(hits) if first == source and first.startswith(("re:", "event:")) else any(hits)


def span_of(source: str, text: str) -> tuple[int, int] | None:
    """Where in a text a source stands that takes it as it is (`text`, or `re:` alone); None for any other, or nothing.

    >>> span_of("re:<b>(.*?)</b>", "so <b>it</b> is")
    (6, 8)
    """
    if source == "text":
        return 0, len(text)
    if not source.startswith("re:") or _NEXT.search(source):
        return None
    pattern = _regex(source)
    match = pattern.search(whole(text[:SEARCHED]))
    return match.span(1 if pattern.groups else 0) if match else None


def is_source(text: str) -> bool:
    """Whether a text is meant as a source; `done` may be a plain text instead."""
    return text == "text" or text.startswith(("$", "re:", *_NAMED))


def texts_sought(source: str) -> tuple[str, ...] | None:
    """Texts of which one stands in whatever such a source can find something in (JSON's escapes aside); None: unknown.

    >>> texts_sought("$.data.final"), texts_sought("event:end"), texts_sought("$..final"), texts_sought("re:bye|end")
    (('final',), ('end',), None, None)
    """
    if source.startswith("event:") and " => " not in source:
        return (source.removeprefix("event:"),)
    names = _PLAIN_PART.findall(source) if _PLAIN.fullmatch(source) else []
    last = next((name for name, _ in reversed(names) if name), "")
    return (last,) if last else None


def needs_json(source: str) -> bool:
    """Whether a source can find anything in JSON only."""
    return source.startswith("$")


def records(frame: bytes) -> list[bytes]:
    """What a websocket's frame holds: one message, or several of SignalR, each with the sign that ends it.

    >>> records(b"{}"), records(b"{}\\x1e[]\\x1e")
    ([b'{}'], [b'{}\\x1e', b'[]\\x1e'])
    """
    sign = RECORD.encode()
    return [each + sign for each in frame.split(sign)[:-1]] if frame.endswith(sign) else [frame]


def check_source(source: str, where: str) -> None:
    """Raises SpecError, one line in the parser's own words, for a source that cannot be used."""
    try:
        compiled(source)
    except SpecError as error:
        raise SpecError(f"{where}: {error}") from error


def text_of_value(value: object) -> str:
    """A JSON value as text: a text is itself, a list of texts is joined, anything else is its JSON.

    >>> text_of_value("a"), text_of_value(["a", "b"]), text_of_value(7), text_of_value(True)
    ('a', 'ab', '7', 'true')
    """
    if isinstance(value, str):
        return value
    if value and isinstance(value, list) and all(isinstance(v, str) for v in value):
        return "".join(value)
    return json.dumps(value, ensure_ascii=False)


@lru_cache(maxsize=512)
def compiled(source: str) -> Finder:
    """Raises SpecError for a source that cannot be used."""
    if len(source) > LONGEST:
        raise SpecError(f"a source of {len(source):,} characters; expected at most {LONGEST:,}")
    first, *others = _NEXT.split(source)
    if not others:
        return _single(first)
    if len(others) >= LONGEST_CHAIN:
        raise SpecError(f"{one_line(source[:160])!r} has {len(others) + 1} parts; expected at most {LONGEST_CHAIN}")
    finders = [_single(one) for one in (first, *others)]

    def chain(received: Received) -> list[object]:
        hits: Iterable[object] = finders[0](received)
        for finder in finders[1:]:
            texts = [text_of_value(hit) for hit in hits]
            if sum(map(len, texts)) > LONGEST_BETWEEN:
                return []
            hits = [found for text in texts for found in finder(Received(text))]
        return list(hits)

    return chain


def _single(source: str) -> Finder:
    if source == "text":
        return lambda received: [received.text]
    if source.startswith("$"):
        return _json_path(source)
    if source.startswith("re:"):
        return _pattern(source)
    kind, colon, name = source.partition(":")
    if kind + colon in _NAMED and (TOKEN.fullmatch(name) or (kind == "event" and name)):
        return _named(kind, name)
    raise SpecError(f"{one_line(source[:160])!r} is no source; expected {_KINDS}")


def _json_path(source: str) -> Finder:
    try:
        path = _ENVIRONMENT.compile(source)
    except (JSONPathError, RecursionError, ValueError, OverflowError) as error:  # 1e999 is read as a whole number
        raise SpecError(f"{one_line(source[:160])!r} is no JSONPath (RFC 9535): {_first_line(error)}") from error
    check_path(path, source)
    if _PLAIN.fullmatch(source):
        return _plain_path(source)

    def finder(received: Received) -> list[object]:
        if not isinstance(received.json, dict | list):  # in a text the library would parse it, or walk its letters
            return []
        try:
            hits = [match.obj for match in islice(path.finditer(received.json), MOST_HITS + 1)]
            return hits if len(hits) <= MOST_HITS else []
        except (JSONPathError, RecursionError, OverflowError):  # nested too deeply, or beside a number without end
            return []

    return finder


def _plain_path(source: str) -> Finder:
    """Names and numbers only, which most paths are: the same as the library finds, at a tenth of its time."""
    steps = tuple(m[1] or int(m[2]) for m in _PLAIN_PART.finditer(source))

    def finder(received: Received) -> list[object]:
        value = received.json
        if value is NO_JSON:
            return []
        for step in steps:
            if isinstance(step, str):
                if not isinstance(value, dict) or step not in value:
                    return []
                value = value[step]
            elif isinstance(value, list) and step < len(value):
                value = value[step]
            else:
                return []
        return [value]

    return finder


def _pattern(source: str) -> Finder:
    pattern = _regex(source)

    def finder(received: Received) -> list[object]:
        match = pattern.search(whole(received.text[:SEARCHED]))
        if match is None:
            return []
        return [(match[1] or "") if pattern.groups else match[0]]

    return finder


def _regex(source: str) -> "re2._Regexp":
    """Raises SpecError for what is no pattern of RE2, or is one that grows too large."""
    text = source.removeprefix("re:")
    try:
        return re2.compile(whole(text), _RE2)
    except re2.error as error:
        said = error.args[0]
        words = said.decode(errors="replace") if isinstance(said, bytes) else str(said)
        raise SpecError(f"{one_line(source[:160])!r} is no regular expression: {words} (as RE2 reads it)") from error


def _named(kind: str, name: str) -> Finder:
    def header(received: Received) -> list[object]:
        found: list[object] = [v for k, v in received.headers if k.lower() == name.lower()]
        return found[:1]

    def cookie(received: Received) -> list[object]:
        return [received.cookies[name]] if name in received.cookies else []

    def event(received: Received) -> list[object]:
        return [received.text] if received.event == name else []

    finders: Mapping[str, Finder] = {"header": header, "cookie": cookie, "event": event}
    return finders[kind]


def _first_line(error: Exception) -> str:
    text = str(error)
    place = re.search(r"-> '.*' 1:(\d+)$", text, re.MULTILINE)
    return text.partition("\n")[0] + (f" at position {place[1]}" if place else "")


def _json_of(text: str) -> object:
    try:
        return parse_json(text.strip(RECORD))
    except ValueError:
        return NO_JSON
