"""Any HTTP or websocket chat, as its template describes it: what goes out, and the answer in what comes back."""

import codecs
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple, NoReturn

from wrapdetect.dialects.base import Call, Piece, Reply, common, cut, so_far
from wrapdetect.dialects.body.content import said_in
from wrapdetect.dialects.body.json_text import Answer, content_kind, short
from wrapdetect.dialects.body.stream import END, is_life, is_notice, split_lines
from wrapdetect.dialects.body.told import is_error, is_refusal, kind_of_text, kind_told
from wrapdetect.dialects.body.unpacked import BOM, BodyError, encoding_of, inflate, lines, named_events, text_of
from wrapdetect.dialects.template.filling import names_in, parts_of
from wrapdetect.dialects.template.polling import AT_WORK, PENDING, JobState, job_state, job_status
from wrapdetect.dialects.template.sources import (
    NO_JSON,
    Received,
    find_in,
    hits_in,
    holds,
    is_source,
    needs_json,
    records,
    span_of,
    text_of_value,
    texts_sought,
)
from wrapdetect.dialects.wire_format import WireFormat
from wrapdetect.model import Ask, AutoReply, Chunk, Endpoint, Exchange, FailureKind, Poll, Template
from wrapdetect.model.text import whole

_PING = re.compile(r'\s*(?:2|ping|\{.{0,40}"ping".{0,80})\s*', re.IGNORECASE | re.DOTALL)
_PAGES = ("<!doctype html", "<html")


class _Part(NamedTuple):
    """A piece of an answer's body, as the framing cuts it; `torn` where the end of the body may have cut it off."""

    t_s: float
    received: Received
    torn: bool = False


def _encode(ask: Ask, answers: Sequence[str], endpoint: Endpoint, *, stream: bool) -> Call:
    """The values of the placeholders. A system prompt has its own place, or else it is the first of the messages."""
    template = _template_of(endpoint)
    apart = _mentions(template, "system")
    first: list[dict[str, object]] = [{"role": "system", "content": ask.system}] if ask.system and not apart else []
    return Call(
        body={
            "prompt": ask.turns[len(answers)],
            "messages": [*first, *so_far(ask, answers)],
            "system": ask.system,
        },
        stream=template.framing != "body",
        path=template.path,
    )


def _decode(exchange: Exchange, endpoint: Endpoint, *, stream: bool) -> Reply:
    if exchange.failure is not None:
        return Reply(text="", failure=exchange.failure)
    template = _template_of(endpoint)
    try:
        chunks = exchange.chunks
        if template.framing != "websocket":
            chunks = inflate(chunks, encoding_of(exchange.headers))
        refuse_page(template, chunks)
        if template.framing == "text":
            return _read_text(template, chunks, exchange.headers)
        return _read_parts(template, list(_parts(template, chunks, exchange)), chunks)
    except BodyError as error:
        return Reply(text="", failure=error.failure)


def ends_answer(template: Template, frame: str) -> bool:
    """Whether a websocket's frame is the last of an answer: its end, or an error.

    >>> ends_answer(Template(done="$.final"), '{"final": true}'), ends_answer(Template(done="bye"), '{"final": true}')
    (True, False)
    """
    received = Received(frame)
    return _is_end(template, received) or error_in(template, received) is not None


def finished(template: Template, data: bytes) -> bool:
    """Whether whole events or lines of a stream hold its end, so that nothing more need be waited for.

    >>> finished(Template(framing="sse", done="event:end"), b"event: end\\ndata: 1\\n\\n")
    True
    """
    here = (Chunk(t_s=0.0, data=data),)
    try:
        match template.framing:
            case "sse":
                found = [Received(e.data or "", event=e.name) for e in named_events(here) if e.end == "blank"]
            case "ndjson":
                found = [Received(line.text) for line in lines(here)]
            case _:
                return False
    except BodyError:
        return False
    return any(_is_end(template, r) or error_in(template, r) is not None for r in found)


def replying(template: Template, received: Received) -> tuple[AutoReply, str] | None:
    """The reply that a frame wants, and what its `when` found there; None for one that is to be heard."""
    for reply in template.replies:
        if not reply.when:
            continue
        equal = received.text if received.text.strip() == reply.when.strip() else None
        found = find_in(reply.when, received) if is_source(reply.when) else equal
        if found is not None:
            return reply, found
    return None


def polled(template: Template, poll: Poll, exchange: Exchange) -> tuple[JobState, str]:
    """What came of a poll (see polling.py). A refusal, and what cannot be read, is the end: reading it says why."""
    if (exchange.status or 0) >= 300:
        return ("running" if exchange.status in PENDING else "answered"), ""
    try:
        received = received_of(template, exchange)
        refuse_page(template, exchange.chunks)
    except BodyError:
        return "answered", ""
    has_error = any(error_in(template, r) is not None for r in received)
    return job_state(template, poll, exchange.status, received, has_error=has_error)


@lru_cache(maxsize=64)
def signs_of_end(template: Template) -> tuple[bytes, ...] | None:
    """Bytes of which one stands in every piece of a stream that `ended` or `finished` is true of; None: unknown.

    A backslash is among them, since JSON may escape any letter.

    >>> signs_of_end(Template(framing="sse", answer="$.t", done="event:end"))
    (b'[DONE]', b'[done]', b'err', b'end', b'\\\\')
    """
    signs = ["[DONE]", "[done]", "err"]
    for source in (template.done, template.error):
        if source and not is_source(source):
            if "\n" in source:  # a server-sent event spells that with another "data:" between
                return None
            signs.append(source.strip())
        elif source:
            names = texts_sought(source)
            if names is None:
                return None
            signs += names
    return *(s.encode() for s in dict.fromkeys(signs)), b"\\"


def kept_in(template: Template, exchange: Exchange, cookies: Mapping[str, str]) -> dict[str, str]:
    """What a template keeps of an answer, by name: what its sources find last; names that nothing is found for lack.

    Raises BodyError where the body cannot be read.
    """
    if not template.keep:
        return {}
    return kept_by(template.keep, template, exchange, cookies)


def kept_by(
    keep: Sequence[tuple[str, str]], template: Template, exchange: Exchange, cookies: Mapping[str, str]
) -> dict[str, str]:
    """The same of what a poll keeps. Raises BodyError."""
    received = [Received("", exchange.headers, cookies), *received_of(template, exchange)]
    found = ((name, find_in(source, each)) for each in received for name, source in keep)
    return {name: whole(value) for name, value in found if value}


def received_of(template: Template, exchange: Exchange) -> list[Received]:
    """What came, piece by piece. Raises BodyError where the body cannot be read."""
    chunks = exchange.chunks
    if template.framing != "websocket":
        chunks = inflate(chunks, encoding_of(exchange.headers))
    if template.framing == "text":
        return [Received(b"".join(c.data for c in chunks).decode(errors="replace"))]
    return [part.received for part in _parts(template, chunks, exchange)]


def _template_of(endpoint: Endpoint) -> Template:
    return endpoint.template or Template()


def _mentions(template: Template, name: str) -> bool:
    return any(name in names_in(part) for part in parts_of(template))


def _parts(template: Template, chunks: Sequence[Chunk], exchange: Exchange) -> Iterator[_Part]:
    body = b"".join(c.data for c in chunks)
    last_s = chunks[-1].t_s if chunks else 0.0
    headers = exchange.headers
    if template.framing == "websocket":
        for t_s, frame in ((chunk.t_s, one) for chunk in chunks for one in records(chunk.data)):
            text = _frame_text(frame)
            if text is not None and replying(template, received := Received(text, headers)) is None:
                yield _Part(t_s, received)
    elif template.framing == "body" or _is_one_object(template, exchange, body):
        if body.strip():
            yield _Part(last_s, Received(text_of(body.removeprefix(BOM)), headers))
    elif template.framing == "ndjson":
        found = list(lines(chunks))
        for index, line in enumerate(found, start=1):
            yield _Part(line.t_s, Received(line.text, headers), index == len(found) and not body.endswith(b"\n"))
    else:
        alone = ""  # a name that a blank line parts from its data, as some servers send it
        for event in named_events(chunks):
            if is_life(event.name) and f"event:{event.name}" not in (template.answer, template.done, template.error):
                continue
            if event.end == "blank" or event.data is not None:
                for t_s, data, torn in split_lines(event):
                    yield _Part(t_s, Received(data, headers, event=event.name or alone), torn)
            alone = event.name if event.data is None else ""


def _is_one_object(template: Template, exchange: Exchange, body: bytes) -> bool:
    """A server that does not stream though it usually does: one JSON object, maybe on several lines."""
    if content_kind(exchange) != "application/json" or not body.lstrip().startswith(b"{"):
        return False
    return template.framing == "sse" or Received(body.decode(errors="replace")).json is not NO_JSON


def _frame_text(data: bytes) -> str | None:
    try:
        return data.decode()
    except UnicodeDecodeError:
        return None  # a sound, a picture: no text, so no part of the answer


def _read_parts(template: Template, parts: Sequence[_Part], chunks: Sequence[Chunk]) -> Reply:
    answer, found, done, odd = Answer(), list[Piece](), False, None
    for part in parts:
        received = part.received
        if received.text.strip() in END or _is_plain_end(template, received.text):
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


def _refuse_errors(parts: Sequence[_Part]) -> None:
    """Raises BodyError for an error in another dress, where no answer stands in any part."""
    for body in (part.received.json for part in parts):
        if isinstance(body, dict) and is_refusal(body):
            raise BodyError(kind_told(body), f"error in the answer: {short(body)}")


def _ping_hint(template: Template, parts: Sequence[_Part]) -> str:
    unanswered = template.framing == "websocket" and any(_PING.fullmatch(p.received.text) for p in parts[-3:])
    return "; a ping that nobody answered? [[target.template.reply]] does" if unanswered else ""


def _text_in(template: Template, part: _Part) -> str | None:
    """What a part adds to the answer. Raises BodyError where it is torn, or no JSON though that is due."""
    received = part.received
    text = said_by(template.answer, received)
    if needs_json(template.answer) and received.json is NO_JSON and received.text.strip():
        if part.torn:
            raise BodyError(FailureKind.CUT_OFF, f"the answer ends within its JSON: {short(received.text)}")
        if template.framing != "websocket" or received.text.lstrip()[:1] in ("{", "["):
            raise BodyError(FailureKind.GARBLED, f"not JSON, where {template.answer} is due: {short(received.text)}")
    elif part.torn and template.framing == "sse" and not needs_json(template.answer):
        raise BodyError(FailureKind.CUT_OFF, f"the stream ended within an event: {short(received.text)}")
    return text


def said_by(source: str, received: Received) -> str | None:
    """What a source finds, as an answer: parts are read as in any API. Raises BodyError for other structure."""
    hits = hits_in(source, received)
    return (
        "".join(said_in(h, source) if isinstance(h, list | dict) else text_of_value(h) for h in hits) if hits else None
    )


def error_in(template: Template, received: Received) -> str | None:
    """The error that a part tells, where it tells one.

    Without a source for it: an event of that name, or a JSON object with a true `error` in which no answer stands.
    """
    if template.error:
        return (find_in(template.error, received) or received.text) if holds(template.error, received) else None
    if received.event == "error":
        return received.text or "error"
    if needs_json(template.answer):
        return received.text if _says_error(received) and not find_in(template.answer, received) else None
    labelled = any(k.lower() == "content-type" and "json" in v.lower() for k, v in received.headers)
    return received.text if labelled and _says_error(received) else None


def _says_error(received: Received) -> bool:
    return isinstance(received.json, dict) and is_error(received.json)


def _told(error: str) -> BodyError:
    return BodyError(kind_of_text(error), f"error in the answer: {short(error)}")


def _is_end(template: Template, received: Received) -> bool:
    if received.text.strip() in END or _is_plain_end(template, received.text):
        return True
    return bool(template.done) and is_source(template.done) and holds(template.done, received)


def _is_plain_end(template: Template, text: str) -> bool:
    return bool(template.done) and not is_source(template.done) and text.strip() == template.done.strip()


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


DIALECT = WireFormat(
    name="template",
    encode=_encode,
    decode=_decode,
    is_api=False,
    remembers=lambda endpoint: not _template_of(endpoint).holds_history,
    takes_system=lambda endpoint: any(_mentions(_template_of(endpoint), name) for name in ("system", "messages")),
)
