"""HTTP Archive 1.2 (HAR), as browsers save it -> entries; and all in it that may be a secret. Pure.

http://www.softwareishard.com/blog/har-12-spec/ ; `_webSocketMessages` and
`_eventSourceMessages` are Chromium's own. What a file does not hold is None: a body that was not saved is no empty
answer, and a time that cannot be read is no time.
"""

import base64
import binascii
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from urllib.parse import SplitResult, urlencode, urlsplit

from wrapdetect.dialects.body.json_text import part, parts, text_in
from wrapdetect.dialects.body.unpacked import header_of
from wrapdetect.errors import SpecError
from wrapdetect.model.text import whole
from wrapdetect.runs.collected.said import YEARS

HarObject = Mapping[str, object]

BEFORE_SENDING = ("blocked", "dns", "connect")  # ssl is within connect
OF_THE_ANSWER = ("send", "wait", "receive")
ENCODED = "content-encoding"  # the archive holds the body with it undone
WRAPPERS = 4
"""Objects around `log` at most."""
NOT_WHOLE = re.compile(r"truncat|not (be )?(saved|included|captured|available)|too large|omitted|discarded", re.I)
"""What a comment says of a body that was not saved, or not all of it."""
SECONDS = {1.0: (1e9, 4.2e9), 1e3: (1e12, 4.2e12), 1e6: (1e15, 4.2e15)}
"""Units of a time since 1970, and the numbers that can only be such; a smaller one counts from somewhere else."""


class HarFrame(NamedTuple):
    """A websocket's frame: seconds since 1970 (None: not told), whether the browser sent it, and its bytes."""

    at_s: float | None
    sent: bool
    data: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class HarEntry:
    """One request and what came back; `started` is when it was sent, `took_s` until the body's end (None: not told).

    `body` is None where the archive was saved without it, or without all of it; `broken` tells whether the file says
    that the connection failed; `headers` are the answer's.
    """

    place: str
    method: str
    url: str
    sent: str
    started: datetime | None
    took_s: float | None
    status: int
    reason: str
    headers: tuple[tuple[str, str], ...]
    body: bytes | None
    frames: tuple[HarFrame, ...] = ()
    broken: bool = False

    @property
    def address(self) -> SplitResult:
        """Its parts; all empty where it is none."""
        try:
            return urlsplit(self.url)
        except ValueError:
            return urlsplit("")

    @property
    def host(self) -> str:
        return self.address.netloc.rpartition("@")[2]

    @property
    def path(self) -> str:
        return self.address.path

    def header(self, name: str) -> str:
        """The first of that name (lower case), or ""."""
        return header_of(self.headers, name)


def read_entries(archive: object, name: str) -> tuple[HarEntry, ...]:
    """All entries, in their order; `name` is how errors call the file. Raises SpecError where it is no HAR."""
    return tuple(_entry(entry, f"{name}, entry {n}") for n, entry in enumerate(_raw_entries(archive, name), start=1))


def raw_requests(archive: object, name: str) -> Iterator[tuple[HarObject, HarObject]]:
    """Request and response of each entry as they stand there: where secrets are looked for."""
    for entry in _raw_entries(archive, name):
        yield part(entry, "request"), part(entry, "response")


def har_text(value: HarObject, name: str) -> str:
    """The text of that name, or ""."""
    return whole(text_in(value, name))


def _raw_entries(archive: object, name: str) -> Sequence[HarObject]:
    log = _log(archive)
    entries = log.get("entries") if log is not None else None
    if not isinstance(entries, list) or not all(isinstance(e, dict) for e in entries):
        raise SpecError(f"{name}: not a HAR (no list log.entries); expected what a browser's network panel saves")
    return entries


def _log(archive: object) -> HarObject | None:
    """The log, in the wrappers that tools put around it."""
    for _ in range(WRAPPERS):
        if not isinstance(archive, dict):
            return None
        if isinstance(log := archive.get("log"), dict):
            return log
        archive = next((v for v in archive.values() if isinstance(v, dict)), None)
    return None


def _entry(raw: HarObject, place: str) -> HarEntry:
    request, response = part(raw, "request"), part(raw, "response")
    content = part(response, "content")
    headers = tuple((har_text(h, "name"), har_text(h, "value")) for h in parts(response, "headers"))
    started, took_s = _times(raw)
    if kind := har_text(content, "mimeType"):
        headers = (
            headers if any(k.lower() == "content-type" for k, _ in headers) else (*headers, ("content-type", kind))
        )
    status = response.get("status")
    return HarEntry(
        place=place,
        method=har_text(request, "method").upper(),
        url=har_text(request, "url"),
        sent=_sent(part(request, "postData")),
        started=started,
        took_s=took_s,
        status=status if type(status) is int and status in range(1000) else 0,
        reason=har_text(response, "statusText"),
        headers=tuple(
            (k, v) for k, v in headers if k.lower() != ENCODED and k[:1] != ":"
        ),  # the archive holds it undone
        body=_events(parts(raw, "_eventSourceMessages")) or _body(content, response, place),
        frames=tuple(_frame(m) for m in parts(raw, "_webSocketMessages")),
        broken=any(har_text(held, "_error") for held in (raw, response)),
    )


def _sent(data: HarObject) -> str:
    fields = [(har_text(p, "name"), har_text(p, "value")) for p in parts(data, "params")]
    text = har_text(data, "text")
    if _boundary(text) and "multipart/" in (har_text(data, "mimeType").lower() or "multipart/"):
        fields = list(multipart_fields(text)) or fields
        return urlencode(fields)
    return text or urlencode(fields)


def _boundary(text: str) -> str:
    first = text.partition("\n")[0].rstrip("\r")
    return first if first.startswith("--") and len(first) > 2 and "content-disposition" in text[:4096].lower() else ""


def multipart_fields(text: str) -> Iterator[tuple[str, str]]:
    """Names and texts of the fields of a form; none where it is no such form. Files are left out."""
    if not _boundary(text):
        return
    for field in text.split(_boundary(text)):
        head, _, held = field.replace("\r\n", "\n").lstrip("\n").partition("\n\n")
        name = re.search(r';\s*name="([^"]*)"', head)
        if name is not None and "filename=" not in head:
            yield name[1], held.removesuffix("\n")


def _events(messages: Sequence[HarObject]) -> bytes:
    """The stream that Chromium took apart into events."""
    lines: list[str] = []
    for message in messages:
        name = har_text(message, "eventName")
        lines += [f"event: {name}"] if name not in ("", "message") else []
        lines += [f"data: {line}" for line in har_text(message, "data").split("\n")]
        lines.append("")
    return "".join(f"{line}\n" for line in lines).encode()


def _body(content: HarObject, response: HarObject, place: str) -> bytes | None:
    text = content.get("text")
    if not isinstance(text, str) or any(NOT_WHOLE.search(har_text(held, "comment")) for held in (content, response)):
        return None
    if not text:
        return b"" if _told_empty(content, response) else None
    if har_text(content, "encoding").lower() != "base64":
        return whole(text).encode()
    try:
        held = "".join(text.split())
        return base64.b64decode(held + "=" * (-len(held) % 4), validate=True)
    except (ValueError, binascii.Error) as error:
        raise SpecError(f"{place}: its content is not base64 ({error}); save the HAR again") from error


def _told_empty(content: HarObject, response: HarObject) -> bool:
    """Whether an empty text is what came: told so by the server, and no stream, whose size is not told."""
    length = next((har_text(h, "value") for h in parts(response, "headers")
                   if har_text(h, "name").lower() == "content-length"), "")  # fmt: skip
    return (
        content.get("size") == 0
        and (length.strip() == "0" or response.get("bodySize") == 0)
        and not (har_text(content, "mimeType").lower().startswith("text/event-stream"))
    )


def _times(raw: HarObject) -> tuple[datetime | None, float | None]:
    text, timings = har_text(raw, "startedDateTime"), part(raw, "timings")
    try:
        queued = datetime.fromisoformat(text)
    except ValueError:
        queued = None
    before_s = sum(filter(None, (_seconds(timings, name) for name in BEFORE_SENDING)))
    phases = [_seconds(timings, name) for name in OF_THE_ANSWER]
    took_s = round(sum(p or 0.0 for p in phases), 6) if phases[1] is not None else None
    if queued is None or queued.tzinfo is None or queued.year not in YEARS:
        return None, took_s
    return (queued + timedelta(seconds=before_s)).astimezone(UTC), took_s


def _seconds(timings: HarObject, name: str) -> float | None:
    """Of milliseconds; -1 says that it does not apply."""
    value = timings.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1e9:
        return None
    return value / 1000


def _frame(message: HarObject) -> HarFrame:
    data = har_text(message, "data")
    binary = message.get("opcode") == 2
    try:
        held = base64.b64decode(data, validate=True) if binary else data.encode()
    except (ValueError, binascii.Error):
        held = data.encode()
    return HarFrame(_since_1970(message.get("time")), har_text(message, "type") == "send", held)


def _since_1970(value: object) -> float | None:
    """In seconds; None where it is no such time, as of a clock that counts from when the machine started.

    >>> _since_1970(1767614401.5), _since_1970(1767614401500), _since_1970(8123.1)
    (1767614401.5, 1767614401.5, None)
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return next((value / unit for unit, (low, high) in SECONDS.items() if low <= value < high), None)
