"""OpenAI chat completions (POST {url}/chat/completions), streaming and plain."""

import json
from collections.abc import Sequence
from functools import partial
from typing import cast

from wrapdetect.dialects.base import EMPTY, Call, Codec, Piece, Reply
from wrapdetect.dialects.body import BodyError, events, inflate, text_of
from wrapdetect.model import Ask, Endpoint, Exchange, Failure, FailureKind

Json = dict[str, object]

SLIPPED = ("id", "system_fingerprint", "provider", "service_tier")
"""Fields of a reply that say something of the path behind it."""


def _encode(ask: Ask, answers: Sequence[str], endpoint: Endpoint, *, stream: bool) -> Call:
    messages: list[Json] = [{"role": "system", "content": ask.system}] if ask.system else []
    for index, turn in enumerate(ask.turns[: len(answers) + 1]):
        messages.append({"role": "user", "content": turn})
        if index < len(answers):
            messages.append({"role": "assistant", "content": answers[index]})
    body: Json = {"model": endpoint.model, "messages": messages}
    if endpoint.send_temperature:
        body["temperature"] = ask.temperature
    if endpoint.token_limit != "omit":
        body[endpoint.token_limit] = ask.max_tokens
    if stream:
        body["stream"] = True
    return Call(body=body, stream=stream)


def _decode(exchange: Exchange, *, stream: bool) -> Reply:
    if exchange.failure is not None:
        return Reply(text="", failure=exchange.failure)
    try:
        chunks = inflate(exchange.chunks, header(exchange, "content-encoding").strip().lower())
        kind = header(exchange, "content-type").partition(";")[0].strip().lower()
        # A server that does not stream though asked to answers plainly: an answer all the same.
        if stream and kind != "application/json":
            _refuse_html(kind, chunks[0].data if chunks else b"")
            return _read_events(list(events(chunks)), any(c.data.strip() for c in chunks))
        _refuse_html(kind, b"")
        return _read_plain(chunks[-1].t_s if chunks else 0.0, b"".join(c.data for c in chunks))
    except BodyError as error:
        return Reply(text="", failure=error.failure)


def header(exchange: Exchange, name: str) -> str:
    """The first header of that name (lower case), or ""."""
    return next((v for k, v in exchange.headers if k.lower() == name), "")


def _read_events(stream: Sequence[Piece], any_bytes: bool) -> Reply:
    pieces: list[Piece] = []
    first: Json = {}
    finish: str | None = None
    done = False
    half = ""
    for t_s, data in stream:
        if data.strip() == "[DONE]":
            done = True
            break
        event = _object(data)
        if event.get("error"):
            raise BodyError(FailureKind.SERVER, f"error object in the stream: {_short(event['error'])}")
        first = first or event
        choice = _choice(event)
        delta = choice.get("delta")
        content = delta.get("content") if isinstance(delta, dict) else None
        if isinstance(content, str) and content:
            content, half = half + content, ""
            if "\ud800" <= content[-1] <= "\udbff":  # the other half of the pair comes with the next piece
                content, half = content[:-1], content[-1]
            if content:
                pieces.append(Piece(t_s, _whole(content)))
        finish = _finish(choice) or finish
    if half:
        pieces.append(Piece(stream[-1].t_s, _whole(half)))
    text = "".join(p.text for p in pieces)
    if not stream:
        _fail(FailureKind.GARBLED, "no server-sent event in the body" if any_bytes else "an empty body")
    if not done and finish is None:
        _fail(FailureKind.CUT_OFF, f"the stream ended after {len(pieces)} pieces without [DONE] or a finish_reason")
    return _reply(text, tuple(pieces), first, finish)


def _read_plain(t_s: float, data: bytes) -> Reply:
    if not data.strip():
        _fail(FailureKind.GARBLED, "an empty body")
    body = _object(text_of(data))
    if body.get("error"):
        _fail(FailureKind.SERVER, f"error object in the body: {_short(body['error'])}")
    choice = _choice(body)
    message = choice.get("message")
    if not isinstance(message, dict):
        raise BodyError(FailureKind.GARBLED, f"no choices[0].message in the body: {_short(body)}")
    content = message.get("content")
    text = _whole(content) if isinstance(content, str) else ""
    return _reply(text, (Piece(t_s, text),) if text else (), body, _finish(choice))


def _reply(text: str, pieces: tuple[Piece, ...], body: Json, finish: str | None) -> Reply:
    model = body.get("model")
    return Reply(
        text=text,
        pieces=pieces,
        model=model if isinstance(model, str) else None,
        finish=finish,
        fields=tuple((k, str(body[k])) for k in SLIPPED if body.get(k)),
        failure=None if text.strip() else Failure(kind=FailureKind.GARBLED, detail=EMPTY),
    )


def _whole(text: str) -> str:
    """JSON may hold half a surrogate pair, which no encoding can carry: it becomes U+FFFD."""
    return text if text.isascii() else text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _object(text: str) -> Json:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BodyError(FailureKind.GARBLED, f"not JSON: {_short(text)}") from error
    if not isinstance(value, dict):
        _fail(FailureKind.GARBLED, f"{type(value).__name__} where a JSON object is due: {_short(text)}")
    return cast("Json", value)


def _choice(body: Json) -> Json:
    choices = body.get("choices")
    if isinstance(choices, list) and choices and isinstance(choices[0], dict):
        return cast("Json", choices[0])
    return {}


def _finish(choice: Json) -> str | None:
    reason = choice.get("finish_reason")
    return reason if isinstance(reason, str) else None


def _refuse_html(kind: str, start: bytes) -> None:
    if kind == "text/html" or start.lstrip()[:15].lower().startswith((b"<!doctype", b"<html")):
        _fail(
            FailureKind.GARBLED, "an HTML page where JSON is due: is this the address of the API (often ending in /v1)?"
        )


def _fail(kind: FailureKind, detail: str) -> None:
    raise BodyError(kind, detail)


def _short(value: object, limit: int = 160) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    text = " ".join(text.split())
    return text if len(text) <= limit else text[:limit] + "…"


STREAM = Codec(encode=partial(_encode, stream=True), decode=partial(_decode, stream=True))
PLAIN = Codec(encode=partial(_encode, stream=False), decode=partial(_decode, stream=False))
