"""Bytes of a body: content encoding undone within a limit, UTF-8 checked, server-sent events and lines cut apart."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Literal, NamedTuple

from wrapdetect.dialects.base import Piece
from wrapdetect.dialects.body.inflating import ZIPPED, Damaged, Inflater
from wrapdetect.dialects.body.told import kind_of as kind_of  # for whoever has a status alone
from wrapdetect.dialects.body.told import kind_of_refusal
from wrapdetect.model import Chunk, Failure, FailureKind
from wrapdetect.model.text import one_line

DECODED_LIMIT = 4_000_000
"""Bytes of a decompressed body, twice what is read of a plain one; more is a bomb, not an answer."""

LINE_LIMIT = 200_000
"""Lines of a body that is read line by line: four for each piece that an answer may have."""


class BodyError(Exception):
    """A body that cannot be read; carries the Failure to report."""

    def __init__(self, kind: FailureKind, detail: str) -> None:
        super().__init__(detail)
        self.failure = Failure(kind=kind, detail=one_line(detail))


Headers = Sequence[tuple[str, str]]
BOM = b"\xef\xbb\xbf"


def header_of(headers: Headers, name: str) -> str:
    """The first header of that name (lower case), or "".

    >>> header_of([("Content-Type", "text/html")], "content-type")
    'text/html'
    """
    return next((v for k, v in headers if k.lower() == name), "")


def encoding_of(headers: Headers) -> str:
    """The content encoding, in lower case; "" of none."""
    return header_of(headers, "content-encoding").strip().lower()


def refused_by(status: int, reason: str, body: bytes, moved: str = "") -> Failure:
    """What a status of 300 or more says; `moved` is where it leads, in words.

    >>> refused_by(429, "Too Many Requests", b"slow\\n down").detail
    'HTTP 429 Too Many Requests: slow down'
    """
    said = " ".join(body[:600].decode(errors="replace").split())
    said_so = f"HTTP {status} {reason}{moved}{': ' + said if said else ''}"
    return Failure(kind=kind_of_refusal(status, body), detail=one_line(said_so))


def cut_alike(chunks: Sequence[Chunk], data: bytes) -> tuple[Chunk, ...]:
    """Other bytes of the same length in all, cut where the chunks are, with their times."""
    out, at = [], 0
    for chunk in chunks:
        out.append(Chunk(t_s=chunk.t_s, data=data[at : at + len(chunk.data)]))
        at += len(chunk.data)
    return tuple(out)


def inflate(chunks: Sequence[Chunk], encoding: str) -> tuple[Chunk, ...]:
    """Undo gzip or deflate, keeping the time of each chunk. Raises BodyError for a bomb, damage or another encoding."""
    if encoding in ("", "identity"):
        return tuple(chunks)
    if encoding not in ZIPPED:
        raise BodyError(FailureKind.GARBLED, f"content-encoding {encoding}, though identity was asked for")
    inflater, out = Inflater(DECODED_LIMIT), list[Chunk]()
    for chunk in chunks:
        try:
            out.append(Chunk(t_s=chunk.t_s, data=inflater.take(chunk.data)))
        except Damaged as error:
            raise BodyError(FailureKind.GARBLED, f"damaged {encoding} body ({error})") from error
        if inflater.goes_on:
            raise BodyError(FailureKind.GARBLED, f"{encoding} body of several members")
        if inflater.passed:
            raise BodyError(FailureKind.CUT_OFF, f"{encoding} body grows past {DECODED_LIMIT:,} bytes")
    return tuple(out)


def text_of(data: bytes) -> str:
    """Strict UTF-8. Raises BodyError naming the first bad byte."""
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise BodyError(
            FailureKind.GARBLED, f"invalid UTF-8: byte 0x{data[error.start]:02x} at offset {error.start}"
        ) from error


class ServerSentEvent(NamedTuple):
    """A server-sent event: when its last byte came, its name ("" where it has none), its data (None where it has none).

    `end` says how it ended: by its blank line, or with the body, after a whole line or within one. `lines` are those of
    its data, each with its own time.
    """

    t_s: float
    name: str
    data: str | None
    end: Literal["blank", "line", "torn"] = "blank"
    lines: tuple[Piece, ...] = ()


def named_events(chunks: Iterable[Chunk]) -> Iterator[ServerSentEvent]:
    """Server-sent events (WHATWG HTML, 9.2.6), each stamped with the chunk that ended it; events without data too, and
    last what the end of the body left unended, which the standard leaves out. Raises BodyError for bad UTF-8.
    """
    name, data, t_s, rest, first = "", list[Piece](), 0.0, b"", True
    for t_s, raw, ended in _cut(_with_line_feeds(chunks)):
        if not ended:
            rest = raw
            break
        line, first = text_of(raw.removeprefix(BOM) if first else raw), False
        field, _, value = line.partition(":")
        if line == "":
            if data or name:
                yield _event(t_s, name, data, "blank")
            name, data = "", []
        elif field == "data":
            data.append(Piece(t_s, value.removeprefix(" ")))
        elif field == "event":
            name = value.removeprefix(" ")
    rest = rest.removeprefix(BOM) if first else rest
    if rest.startswith(b"data:"):
        data.append(Piece(t_s, rest[5:].decode(errors="replace").removeprefix(" ")))
    if data or name or rest:
        yield _event(t_s, name, data, "torn" if rest else "line")


def _event(t_s: float, name: str, data: Sequence[Piece], end: Literal["blank", "line", "torn"]) -> ServerSentEvent:
    return ServerSentEvent(t_s, name, "\n".join(p.text for p in data) if data else None, end, tuple(data))


def lines(chunks: Iterable[Chunk]) -> Iterator[Piece]:
    """Lines that are not blank, stamped with the chunk that ended them; the last may lack its line break, or be torn.

    Raises BodyError for bad UTF-8.
    """
    for t_s, raw, _ in _cut((c.t_s, c.data) for c in chunks):
        if line := text_of(raw.removeprefix(b"\xef\xbb\xbf")).strip():
            yield Piece(t_s, line)


def _with_line_feeds(chunks: Iterable[Chunk]) -> Iterator[tuple[float, bytes]]:
    """Each line break as one LF. A CR ends its line at once; an LF that follows it, maybe in the next chunk, belongs
    to it."""
    after_cr = False
    for chunk in chunks:
        fresh = chunk.data[1:] if after_cr and chunk.data.startswith(b"\n") else chunk.data
        after_cr = chunk.data.endswith(b"\r") or (after_cr and not chunk.data)
        if b"\r" in fresh:
            fresh = fresh.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        yield chunk.t_s, fresh


def _cut(stamped: Iterable[tuple[float, bytes]]) -> Iterator[tuple[float, bytes, bool]]:
    """Lines, each with the time of the bytes that ended it; last what has no line break (False), maybe nothing.

    Each byte is looked at once, however long a line is and in however many chunks it comes. Raises BodyError where the
    lines are more than LINE_LIMIT.
    """
    rest, t_s, number = list[bytes](), 0.0, 0
    for t_s, data in stamped:
        head, *more = data.split(b"\n")
        rest.append(head)
        number += len(more)
        if number > LINE_LIMIT:
            raise BodyError(FailureKind.CUT_OFF, f"the body has more than {LINE_LIMIT:,} lines; reading stopped")
        for following in more:
            yield t_s, b"".join(rest), True
            rest = [following]
    yield t_s, b"".join(rest), False
