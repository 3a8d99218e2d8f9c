"""What came, cut into pieces as a template's framing says: events, lines, frames, or the body whole."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from wrapdetect.dialects.body.json_text import content_kind
from wrapdetect.dialects.body.stream import is_life, split_lines
from wrapdetect.dialects.body.unpacked import BOM, encoding_of, inflate, lines, named_events, text_of
from wrapdetect.dialects.template.sources import NO_JSON, Received, find_in, is_source, records
from wrapdetect.model import AutoReply, Chunk, Exchange, Template


class Cut(NamedTuple):
    """A piece of an answer's body, as the framing cuts it; `torn` where the end of the body may have cut it off."""

    t_s: float
    received: Received
    torn: bool = False


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


def received_of(template: Template, exchange: Exchange) -> list[Received]:
    """What came, piece by piece. Raises BodyError where the body cannot be read."""
    chunks = exchange.chunks
    if template.framing != "websocket":
        chunks = inflate(chunks, encoding_of(exchange.headers))
    if template.framing == "text":
        return [Received(b"".join(c.data for c in chunks).decode(errors="replace"))]
    return [part.received for part in cut_up(template, chunks, exchange)]


def cut_up(template: Template, chunks: Sequence[Chunk], exchange: Exchange) -> Iterator[Cut]:
    """What came, without what is no part of an answer. Raises BodyError where the body cannot be read."""
    body = b"".join(c.data for c in chunks)
    last_s = chunks[-1].t_s if chunks else 0.0
    headers = exchange.headers
    if template.framing == "websocket":
        for t_s, frame in ((chunk.t_s, one) for chunk in chunks for one in records(chunk.data)):
            text = _frame_text(frame)
            if text is not None and replying(template, received := Received(text, headers)) is None:
                yield Cut(t_s, received)
    elif template.framing == "body" or _is_one_object(template, exchange, body):
        if body.strip():
            yield Cut(last_s, Received(text_of(body.removeprefix(BOM)), headers))
    elif template.framing == "ndjson":
        found = list(lines(chunks))
        for index, line in enumerate(found, start=1):
            yield Cut(line.t_s, Received(line.text, headers), index == len(found) and not body.endswith(b"\n"))
    else:
        alone = ""  # a name that a blank line parts from its data, as some servers send it
        for event in named_events(chunks):
            if is_life(event.name) and f"event:{event.name}" not in (template.answer, template.done, template.error):
                continue
            if event.end == "blank" or event.data is not None:
                for t_s, data, torn in split_lines(event):
                    yield Cut(t_s, Received(data, headers, event=event.name or alone), torn)
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
