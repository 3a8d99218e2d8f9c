"""The answer in what came, as a template says where it stands."""

import codecs
import re
from collections.abc import Sequence
from typing import NoReturn

from wrapdetect.dialects.base import Piece, Reply, common, cut
from wrapdetect.dialects.body.content import said_in
from wrapdetect.dialects.body.json_text import Answer, short
from wrapdetect.dialects.body.stream import END, is_notice
from wrapdetect.dialects.body.told import is_refusal, kind_of_text, kind_told
from wrapdetect.dialects.body.unpacked import BodyError, encoding_of, inflate
from wrapdetect.dialects.template.cutting import Cut, cut_up
from wrapdetect.dialects.template.ends import error_in, is_plain_end
from wrapdetect.dialects.template.polling import AT_WORK, job_status
from wrapdetect.dialects.template.sources import (
    NO_JSON,
    Received,
    find_in,
    hits_in,
    holds,
    is_source,
    needs_json,
    span_of,
    text_of_value,
)
from wrapdetect.model import Chunk, Exchange, FailureKind, Template
from wrapdetect.model.text import whole

_PING = re.compile(r'\s*(?:2|ping|\{.{0,40}"ping".{0,80})\s*', re.IGNORECASE | re.DOTALL)
_PAGES = ("<!doctype html", "<html")


def read_answer(exchange: Exchange, template: Template) -> Reply:
    """A failure on the way stands in Reply.failure."""
    if exchange.failure is not None:
        return Reply(text="", failure=exchange.failure)
    try:
        chunks = exchange.chunks
        if template.framing != "websocket":
            chunks = inflate(chunks, encoding_of(exchange.headers))
        refuse_page(template, chunks)
        if template.framing == "text":
            return _read_text(template, chunks, exchange.headers)
        return _read_parts(template, list(cut_up(template, chunks, exchange)), chunks)
    except BodyError as error:
        return Reply(text="", failure=error.failure)


def _read_parts(template: Template, parts: Sequence[Cut], chunks: Sequence[Chunk]) -> Reply:
    answer, found, done, odd = Answer(), list[Piece](), False, None
    for part in parts:
        received = part.received
        if received.text.strip() in END or is_plain_end(template, received.text):
            done = True
            break
        failure = error_in(template, received)
        if failure is not None:
            raise _told(failure)
        try:
            text = _text_in(template, part)
        except BodyError as error:
            if part.torn or not is_notice(received.text):
                if not part.torn and not set(received.text) & set('{}"'):  # words that tell trouble
                    raise _told(received.text) from error
                raise
            text, odd = None, odd or error
        if text is not None:
            found.append(Piece(part.t_s, text))
        elif not template.error:
            _refuse_errors([part])
        if template.model:
            answer.named(find_in(template.model, received))
        if template.done and is_source(template.done) and holds(template.done, received):
            done = True
            break
    hint = _ping_hint(template, parts)
    if not any(p.text.strip() for p in found):
        _refuse_errors(parts)
    if not found:
        if odd is not None:
            raise odd
        _fail_unfound(template, chunks, hint)
    for piece in _growth(found) if template.mode == "replace" else found:
        answer.add(*piece)
    return answer.reply(done=done or not template.done, sign=f"its end ({template.done}){hint}", as_sent=True)


def _refuse_errors(parts: Sequence[Cut]) -> None:
    """Raises BodyError for an error in another dress, where no answer stands in any part."""
    for body in (part.received.json for part in parts):
        if isinstance(body, dict) and is_refusal(body):
            raise BodyError(kind_told(body), f"error in the answer: {short(body)}")


def _ping_hint(template: Template, parts: Sequence[Cut]) -> str:
    unanswered = template.framing == "websocket" and any(_PING.fullmatch(p.received.text) for p in parts[-3:])
    return "; a ping that nobody answered? [[target.template.reply]] does" if unanswered else ""


def _text_in(template: Template, part: Cut) -> str | None:
    """What a part adds to the answer. Raises BodyError where it is torn, or no JSON though that is due."""
    received = part.received
    text = _said_by(template.answer, received)
    if needs_json(template.answer) and received.json is NO_JSON and received.text.strip():
        if part.torn:
            raise BodyError(FailureKind.CUT_OFF, f"the answer ends within its JSON: {short(received.text)}")
        if template.framing != "websocket" or received.text.lstrip()[:1] in ("{", "["):
            raise BodyError(FailureKind.GARBLED, f"not JSON, where {template.answer} is due: {short(received.text)}")
    elif part.torn and template.framing == "sse" and not needs_json(template.answer):
        raise BodyError(FailureKind.CUT_OFF, f"the stream ended within an event: {short(received.text)}")
    return text


def _said_by(source: str, received: Received) -> str | None:
    """What a source finds, as an answer: parts are read as in any API. Raises BodyError for other structure."""
    hits = hits_in(source, received)
    return (
        "".join(said_in(h, source) if isinstance(h, list | dict) else text_of_value(h) for h in hits) if hits else None
    )


def _told(error: str) -> BodyError:
    return BodyError(kind_of_text(error), f"error in the answer: {short(error)}")


def _growth(found: Sequence[Piece]) -> list[Piece]:
    """Texts so far -> what each added; what a later text took back is taken out again. Joined they are the last text.

    >>> _growth([Piece(1.0, "Ti"), Piece(2.0, "Tides|"), Piece(3.0, "Tides.")])
    [Piece(t_s=1.0, text='Ti'), Piece(t_s=2.0, text='des'), Piece(t_s=3.0, text='.')]
    """
    pieces, before = list[Piece](), ""
    for t_s, raw in found:
        text = whole(raw)
        if not text:  # an event without text is no empty answer
            continue
        same = common(before, text)
        if same < len(before):
            pieces = cut(pieces, same)
        if text[same:]:
            pieces.append(Piece(t_s, text[same:]))
        before = text
    return pieces


def _read_text(template: Template, chunks: Sequence[Chunk], headers: tuple[tuple[str, str], ...]) -> Reply:
    """Text as it comes: each chunk is a piece, but for a letter that two of them share."""
    pieces = _decoded(chunks)
    body = "".join(p.text for p in pieces)
    received = Received(body, headers)
    failure = error_in(template, received)
    if failure is not None:
        raise _told(failure)
    done, stop = not template.done, len(body)
    if template.done and is_source(template.done):
        done = holds(template.done, received)
    elif template.done:
        stop = len(body.rstrip().removesuffix(template.done.strip()))
        done = body.rstrip().endswith(template.done.strip())
    answer = Answer()
    if template.model:
        answer.named(find_in(template.model, received))
    _add_span(answer, template, pieces, body[:stop], headers, chunks)
    return answer.reply(done=done, sign=f"its end ({template.done})", as_sent=True)


def _add_span(
    answer: Answer,
    template: Template,
    pieces: Sequence[Piece],
    body: str,
    headers: tuple[tuple[str, str], ...],
    chunks: Sequence[Chunk],
) -> None:
    """That part of the pieces in which the answer stands; where it is not the text as it came, it comes last."""
    span = span_of(template.answer, body)
    if span is None:
        text = find_in(template.answer, Received(body, headers))
        if text is None:
            _fail_unfound(template, chunks)
        answer.add(pieces[-1].t_s if pieces else 0.0, text)
        return
    at = 0
    for t_s, text in pieces:
        answer.add(t_s, body[max(at, span[0]) : max(min(at + len(text), span[1]), 0)])
        at += len(text)


def _decoded(chunks: Sequence[Chunk]) -> list[Piece]:
    """Raises BodyError for bad UTF-8, or where the end of the body cuts a letter."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        pieces = [Piece(c.t_s, decoder.decode(c.data)) for c in chunks]
    except UnicodeDecodeError as error:
        raise BodyError(FailureKind.GARBLED, f"invalid UTF-8: byte 0x{error.object[error.start]:02x}") from error
    if decoder.getstate()[0]:
        raise BodyError(FailureKind.CUT_OFF, "the text ends within a letter")
    return [p for p in pieces if p.text]


def refuse_page(template: Template, chunks: Sequence[Chunk]) -> None:
    start = b"".join(c.data for c in chunks[:16])[:200].decode(errors="replace").lstrip("\ufeff \t\r\n").lower()
    if start.startswith(_PAGES) and not template.answer.startswith("re:"):
        due = "JSON" if needs_json(template.answer) else "an answer"
        raise BodyError(
            FailureKind.GARBLED, f"an HTML page where {due} is due: a login page, a wall against bots, or a wrong path?"
        )


def _fail_unfound(template: Template, chunks: Sequence[Chunk], ping: str = "") -> NoReturn:
    start = b"".join(c.data for c in chunks)[:2000].decode(errors="replace")
    if not start.strip():
        raise BodyError(FailureKind.GARBLED, "no frame came" if template.framing == "websocket" else "an empty body")
    unit = {"sse": "any server-sent event of ", "ndjson": "any line of ", "websocket": "any frame of "}
    where = unit.get(template.framing, "") + "what came"
    at_work = job_status([Received(start)]) in AT_WORK
    hint = ". A job that is still at work? [[target.template.poll]] asks until it is done" if at_work else ""
    raise BodyError(FailureKind.GARBLED, f"{template.answer} finds nothing in {where}: {short(start)}{hint}{ping}")
