"""What all dialects over JSON share: bodies out of exchanges, objects out of text, an answer put together in pieces."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol, cast

from wrapdetect.dialects.base import Call, Codec, Piece, Reply, without_text
from wrapdetect.dialects.body import BodyError, encoding_of, events, header_of, inflate, text_of
from wrapdetect.model import Ask, Chunk, Endpoint, Exchange, FailureKind
from wrapdetect.text import whole as whole

Json = dict[str, object]

SLIPPED = ("id", "system_fingerprint", "provider", "service_tier")
"""Fields of a reply that say something of the path behind it."""
HTML = "an HTML page where JSON is due: is this the address of the API (often ending in /v1)?"


def content_kind(exchange: Exchange) -> str:
    """The content type without its parameters, in lower case."""
    return header_of(exchange.headers, "content-type").partition(";")[0].strip().lower()


def chunks_of(exchange: Exchange) -> tuple[Chunk, ...]:
    """The body with its content encoding undone. Raises BodyError where that fails, or where it is an HTML page."""
    chunks = inflate(exchange.chunks, encoding_of(exchange.headers))
    start = chunks[0].data.lstrip()[:15].lower() if chunks else b""
    if content_kind(exchange) == "text/html" or start.startswith((b"<!doctype", b"<html")):
        raise BodyError(FailureKind.GARBLED, HTML)
    return chunks


ReadStream = Callable[[tuple[Chunk, ...]], Reply]
ReadPlain = Callable[[float, Json], Reply]


class Encode(Protocol):
    """What makes a Call of a dialect, streamed or not."""

    def __call__(self, ask: Ask, answers: Sequence[str], endpoint: Endpoint, *, stream: bool) -> Call: ...


def both(encode: Encode, read_stream: ReadStream, read_plain: ReadPlain) -> tuple[Codec, Codec]:
    """A dialect, streamed and plain."""

    def codec(stream: bool) -> Codec:
        return Codec(
            encode=partial(encode, stream=stream),
            decode=lambda exchange, _: decoded(exchange, stream=stream, read_stream=read_stream, read_plain=read_plain),
        )

    return codec(True), codec(False)


def decoded(exchange: Exchange, *, stream: bool, read_stream: ReadStream, read_plain: ReadPlain) -> Reply:
    """The reply in an exchange: of its stream, or of its one JSON object and the moment when that was whole.

    A server that does not stream though asked to answers plainly, as JSON: an answer all the same. So is the stream of
    one that streams unless told otherwise, such as the Responses API of `transformers serve`.
    """
    if exchange.failure is not None:
        return Reply(text="", failure=exchange.failure)
    try:
        chunks = chunks_of(exchange)
        kind = content_kind(exchange)
        as_events = kind == "text/event-stream" and not _begins_with(b"{", chunks)
        if as_events or (stream and kind != "application/json"):
            return read_stream(chunks)
        return read_plain(chunks[-1].t_s if chunks else 0.0, only_object(chunks))
    except BodyError as error:
        return Reply(text="", failure=error.failure)


def _begins_with(start: bytes, chunks: Iterable[Chunk]) -> bool:
    """Whether that is the first that is not blank; the first chunks of a packed body may hold nothing."""
    return next((data for c in chunks if (data := c.data.lstrip())), b"").startswith(start)


def only_object(chunks: Iterable[Chunk]) -> Json:
    """The JSON object that a body is. Raises BodyError where it is none, or holds an error object."""
    data = b"".join(c.data for c in chunks)
    if not data.strip():
        raise BodyError(FailureKind.GARBLED, "an empty body")
    return refuse_error(json_object(text_of(data)), "body")


def event_objects(chunks: Sequence[Chunk]) -> list[Piece]:
    """The data of all server-sent events of a body. Raises BodyError where there is none."""
    found = list(events(chunks))
    if not found:
        any_bytes = any(c.data.strip() for c in chunks)
        raise BodyError(FailureKind.GARBLED, "no server-sent event in the body" if any_bytes else "an empty body")
    return found


def json_object(text: str) -> Json:
    """Raises BodyError, showing how the text begins, where it is no JSON object."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BodyError(FailureKind.GARBLED, f"not JSON: {short(text)}") from error
    if not isinstance(value, dict):
        raise BodyError(FailureKind.GARBLED, f"{type(value).__name__} where a JSON object is due: {short(text)}")
    return cast("Json", value)


def refuse_error(body: Json, where: str) -> Json:
    """The object itself. Raises BodyError where it holds an error object."""
    if body.get("error"):
        raise BodyError(FailureKind.SERVER, f"error object in the {where}: {short(body['error'])}")
    return body


def part(body: Mapping[str, object], name: str) -> Json:
    """The object of that name, or an empty one.

    >>> part({"usage": {"input_tokens": 3}}, "usage"), part({"usage": None}, "usage")
    ({'input_tokens': 3}, {})
    """
    value = body.get(name)
    return cast("Json", value) if isinstance(value, dict) else {}


def parts(body: Mapping[str, object], name: str) -> list[Json]:
    """The objects in the list of that name.

    >>> parts({"content": [{"text": "a"}, 7]}, "content")
    [{'text': 'a'}]
    """
    return objects(body.get(name))


def objects(value: object) -> list[Json]:
    """The objects of a JSON list.

    >>> objects([{"id": 1}, "x"]), objects(None)
    ([{'id': 1}], [])
    """
    return [cast("Json", v) for v in value if isinstance(v, dict)] if isinstance(value, list) else []


def text_in(body: Mapping[str, object], name: str) -> str:
    """The text of that name, or "".

    >>> text_in({"text": "Hi."}, "text"), text_in({"text": ["Hi."]}, "text")
    ('Hi.', '')
    """
    value = body.get(name)
    return value if isinstance(value, str) else ""


@dataclass(slots=True)
class Answer:
    """An answer as it comes in: its text in pieces, and what the protocol lets slip beside it."""

    pieces: list[Piece] = field(default_factory=list)
    model: str | None = None
    finish: str | None = None
    fields: dict[str, str] = field(default_factory=dict)
    _half: str = ""
    _last_s: float = 0.0

    def add(self, t_s: float, text: object) -> None:
        """A piece of text; what is no text adds nothing. Half a surrogate pair waits for the other half."""
        if not isinstance(text, str) or not text:
            return
        text, self._half, self._last_s = self._half + text, "", t_s
        if "\ud800" <= text[-1] <= "\udbff":
            text, self._half = text[:-1], text[-1]
        if text:
            self.pieces.append(Piece(t_s, whole(text)))

    def note(self, body: Mapping[str, object], names: Mapping[str, str]) -> None:
        """Keep the values of those fields (name in the body -> our name) that are set; a later one replaces."""
        for name, ours in names.items():
            if body.get(name):
                self.fields[ours] = whole(str(body[name]))

    def named(self, model: object) -> None:
        """The model that it says it is, the first time."""
        if self.model is None and isinstance(model, str):
            self.model = whole(model)

    def finished(self, reason: object) -> None:
        """Why it ended, where that is a text."""
        if isinstance(reason, str) and reason:
            self.finish = whole(reason)

    def reply(self, *, done: bool = True, sign: str = "") -> Reply:
        """The whole. Raises BodyError for a stream that ended before it was `done`, which `sign` would have shown."""
        if self._half:
            self.pieces.append(Piece(self._last_s, whole(self._half)))
        if not done:
            raise BodyError(FailureKind.CUT_OFF, f"the stream ended after {len(self.pieces)} pieces without {sign}")
        text = "".join(p.text for p in self.pieces)
        return Reply(
            text=text,
            pieces=tuple(self.pieces),
            model=self.model,
            finish=self.finish,
            fields=tuple(self.fields.items()),
            failure=without_text(text),
        )


def short(value: object, limit: int = 160) -> str:
    """One line of it.

    >>> short({"message": "no"}), short("a\\n b" * 100, 8)
    ('{"message": "no"}', 'a ba ba …')
    """
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    text = " ".join(text.split())
    return text if len(text) <= limit else text[:limit] + "…"
