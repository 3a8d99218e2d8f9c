"""The reply in an exchange with an API over JSON, streamed or plain: what all such dialects share.

A server that does not stream though asked to gives an answer all the same, and so does one that streams unless told
otherwise, such as the Responses API of `transformers serve`.
"""

from collections.abc import Callable
from typing import Literal

from wrapdetect.dialects.base import Reply
from wrapdetect.dialects.body.json_text import Json, content_kind, refuse_error, short
from wrapdetect.dialects.body.stream import Stream, stamped_objects
from wrapdetect.dialects.body.unpacked import BodyError, encoding_of, inflate
from wrapdetect.dialects.wire_format import Decode
from wrapdetect.model import Chunk, Endpoint, Exchange, Failure, FailureKind

_HTML = "an HTML page where JSON is due: is this the address of the API (often ending in /v1)?"
MARKUP = (b"<!doctype", b"<html")

ReadStream = Callable[[Stream], Reply]
ReadPlain = Callable[[float, Json], Reply]

ReplyShape = Literal["whole", "piece", "unknown"]
"""What an object that came alone is: a whole answer, a piece of a stream, or not to be told."""


def decoder(read_stream: ReadStream, read_plain: ReadPlain, shape_of: Callable[[Json], ReplyShape]) -> Decode:
    """The `decode` of a dialect, streamed and plain."""

    def decode(exchange: Exchange, _: Endpoint, *, stream: bool) -> Reply:
        if exchange.failure is not None:
            return Reply(text="", failure=exchange.failure)
        try:
            found = stamped_objects(_chunks_of(exchange), stream=stream)
            if isinstance(found, Stream):
                alone = found.objects[0] if len(found.objects) == 1 else None
                if alone is None or shape_of(alone.body) != "whole":
                    return _read(read_stream, found)
                return read_plain(*alone)
            body = refuse_error(found.body, "body")
            return read_stream(Stream((found,))) if shape_of(body) == "piece" else read_plain(found.t_s, body)
        except BodyError as error:
            page = error.failure.kind is FailureKind.GARBLED and content_kind(exchange) == "text/html"
            return Reply(text="", failure=Failure(kind=FailureKind.GARBLED, detail=_HTML) if page else error.failure)

    return decode


def _read(read_stream: ReadStream, stream: Stream) -> Reply:
    """A stream with something odd in it is an answer where it came to its end; else that is what is wrong with it."""
    try:
        return read_stream(stream)
    except BodyError as error:
        if stream.odd and error.failure.kind is FailureKind.CUT_OFF:
            raise BodyError(FailureKind.GARBLED, f"not JSON: {short(stream.odd)}") from error
        raise


def _chunks_of(exchange: Exchange) -> tuple[Chunk, ...]:
    """The body with its content encoding undone. Raises BodyError where that fails, or where it is an HTML page."""
    chunks = inflate(exchange.chunks, encoding_of(exchange.headers))
    start = next((data for c in chunks if (data := c.data.removeprefix(b"\xef\xbb\xbf").lstrip())), b"")
    if start[:15].lower().startswith(MARKUP):
        raise BodyError(FailureKind.GARBLED, _HTML)
    return chunks
