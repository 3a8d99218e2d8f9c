"""HTTP Archive 1.2 (HAR), as browsers save it -> entries; and all in it that may be a secret. Pure.

http://www.softwareishard.com/blog/har-12-spec/ ; `_webSocketMessages` is Chromium's own.
"""

import base64
import binascii
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple, cast
from urllib.parse import urlencode, urlsplit

from wrapdetect.dialects.body import header_of
from wrapdetect.dialects.json_text import part, parts, text_in, whole
from wrapdetect.errors import SpecError
from wrapdetect.prose import quote

Json = Mapping[str, object]

BEFORE_SENDING = ("blocked", "dns", "connect")  # ssl is within connect
YEARS = range(1990, 2100)
"""When an archive may have been saved; other years are no dates of exchanges."""
OF_THE_ANSWER = ("send", "wait", "receive")


class Frame(NamedTuple):
    """A websocket's frame: seconds since 1970, whether the browser sent it, and its bytes."""

    at_s: float
    sent: bool
    data: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One request and what came back; `started` is when it was sent, `took_s` until the body's end (None: not told).

    `body` is None where the archive was saved without it; `headers` are the answer's.
    """

    place: str
    method: str
    url: str
    sent: str
    started: datetime
    took_s: float | None
    status: int
    reason: str
    headers: tuple[tuple[str, str], ...]
    body: bytes | None
    frames: tuple[Frame, ...] = ()

    @property
    def host(self) -> str:
        return urlsplit(self.url).netloc.rpartition("@")[2]

    @property
    def path(self) -> str:
        return urlsplit(self.url).path

    def header(self, name: str) -> str:
        """The first of that name (lower case), or ""."""
        return header_of(self.headers, name)


def read_entries(archive: object, name: str) -> tuple[Entry, ...]:
    """All entries, in their order; `name` is how errors call the file. Raises SpecError where it is no HAR."""
    return tuple(_entry(entry, f"{name}, entry {n}") for n, entry in enumerate(_raw_entries(archive, name), start=1))


def raw_requests(archive: object, name: str) -> Iterator[tuple[Json, Json]]:
    """Request and response of each entry as they stand there: where secrets are looked for."""
    for entry in _raw_entries(archive, name):
        yield part(entry, "request"), part(entry, "response")


def text_at(value: Json, name: str) -> str:
    """The text of that name, or ""."""
    return whole(text_in(value, name))


def _raw_entries(archive: object, name: str) -> Sequence[Json]:
    log = archive.get("log") if isinstance(archive, dict) else None
    entries = log.get("entries") if isinstance(log, dict) else None
    if not isinstance(entries, list) or not all(isinstance(e, dict) for e in entries):
        raise SpecError(f"{name}: not a HAR (no list log.entries); expected what a browser's network panel saves")
    return entries


def _entry(raw: Json, place: str) -> Entry:
    request, response = part(raw, "request"), part(raw, "response")
    content = part(response, "content")
    headers = tuple((text_at(h, "name"), text_at(h, "value")) for h in parts(response, "headers"))
    started, took_s = _times(raw, place)
    if kind := text_at(content, "mimeType"):
        headers = (
            headers if any(k.lower() == "content-type" for k, _ in headers) else (*headers, ("content-type", kind))
        )
    status = response.get("status")
    return Entry(
        place=place,
        method=text_at(request, "method").upper(),
        url=text_at(request, "url"),
        sent=_sent(part(request, "postData")),
        started=started,
        took_s=took_s,
        status=status if type(status) is int and status in range(1000) else 0,
        reason=text_at(response, "statusText"),
        headers=tuple((k, v) for k, v in headers if k.lower() != "content-encoding"),  # the archive holds it undone
        body=_body(content, place),
        frames=tuple(_frame(m) for m in parts(raw, "_webSocketMessages")),
    )


def _sent(data: Json) -> str:
    fields = [(text_at(p, "name"), text_at(p, "value")) for p in parts(data, "params")]
    return text_at(data, "text") or urlencode(fields)


def _body(content: Json, place: str) -> bytes | None:
    text = content.get("text")
    if not isinstance(text, str):
        return b"" if content.get("size") == 0 else None
    if text_at(content, "encoding").lower() != "base64":
        return whole(text).encode()
    try:
        return base64.b64decode(text, validate=True)
    except (ValueError, binascii.Error) as error:
        raise SpecError(f"{place}: its content is not base64 ({error}); save the HAR again") from error


def _times(raw: Json, place: str) -> tuple[datetime, float | None]:
    text, timings = text_at(raw, "startedDateTime"), part(raw, "timings")
    try:
        queued = datetime.fromisoformat(text)
    except ValueError:
        queued = None
    if queued is None or queued.tzinfo is None or queued.year not in YEARS:
        raise SpecError(
            f"{place}: startedDateTime is {quote(text, 40)!r}; expected a time with its zone, as HAR 1.2 has it"
        )
    before_s = sum(filter(None, (_seconds(timings, name) for name in BEFORE_SENDING)))
    phases = [_seconds(timings, name) for name in OF_THE_ANSWER]
    took_s = round(sum(p or 0.0 for p in phases), 6) if phases[1] is not None else None
    return queued + timedelta(seconds=before_s), took_s


def _seconds(timings: Json, name: str) -> float | None:
    """Of milliseconds; -1 says that it does not apply."""
    value = timings.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1e9:
        return None
    return value / 1000


def _frame(message: Json) -> Frame:
    at_s, data = message.get("time"), text_at(message, "data")
    binary = message.get("opcode") == 2
    try:
        held = base64.b64decode(data, validate=True) if binary else data.encode()
    except (ValueError, binascii.Error):
        held = data.encode()
    known = isinstance(at_s, int | float) and not isinstance(at_s, bool) and 0 <= at_s < 1e11
    return Frame(float(cast("float", at_s)) if known else 0.0, text_at(message, "type") == "send", held)
