"""Ollama's own chat (POST {url}/api/chat), a JSON object a line, and plain.

Source: Ollama's API reference, "Generate a chat completion", and api/types.go, which names remote_model and
remote_host: where a server hands a question on to another.
"""

from collections.abc import Sequence
from functools import partial

from wrapdetect.dialects.base import Call, Codec, Reply, so_far
from wrapdetect.dialects.body import BodyError, lines
from wrapdetect.dialects.json_text import (
    Answer,
    Json,
    chunks_of,
    decoded,
    json_object,
    part,
    refuse_error,
    short,
)
from wrapdetect.model import Ask, Chunk, Endpoint, Exchange, FailureKind

TOLD = {
    "remote_model": "remote_model",
    "remote_host": "remote_host",
    "prompt_eval_count": "input_tokens",
    "eval_count": "output_tokens",
}


def _encode(ask: Ask, answers: Sequence[str], endpoint: Endpoint, *, stream: bool) -> Call:
    system: list[Json] = [{"role": "system", "content": ask.system}] if ask.system else []
    options: Json = {}
    if endpoint.send_temperature:
        options["temperature"] = ask.temperature
    if endpoint.token_limit != "omit":
        options["num_predict"] = ask.max_tokens
    body: Json = {"model": endpoint.model, "messages": [*system, *so_far(ask, answers)], "stream": stream}
    if options:
        body["options"] = options
    return Call(body=body, stream=stream, path="/chat" if endpoint.url.endswith("/api") else "/api/chat")


def _decode(exchange: Exchange, _: Endpoint, *, stream: bool) -> Reply:
    """JSON lines are often labelled application/json: what is said to be one object, and is more, is read as lines."""
    reply = decoded(exchange, stream=stream, read_stream=_read_stream, read_plain=_read_plain)
    if exchange.failure is not None or reply.failure is None or reply.failure.kind is not FailureKind.GARBLED:
        return reply
    try:
        return _read_stream(chunks_of(exchange)) if stream else reply
    except BodyError:
        return reply


def _read_stream(chunks: tuple[Chunk, ...]) -> Reply:
    answer, done, any_line = Answer(), False, False
    for t_s, line in lines(chunks):
        body, any_line = refuse_error(json_object(line), "stream"), True
        _add(answer, t_s, body)
        done = body.get("done") is True
        if done:
            break
    if not any_line:
        raise BodyError(FailureKind.GARBLED, "an empty body")
    return answer.reply(done=done, sign="done: true")


def _read_plain(t_s: float, body: Json) -> Reply:
    if not isinstance(body.get("message"), dict):
        raise BodyError(FailureKind.GARBLED, f"no message in the body: {short(body)}")
    answer = Answer()
    _add(answer, t_s, body)
    return answer.reply()


def _add(answer: Answer, t_s: float, body: Json) -> None:
    answer.named(body.get("model"))
    answer.add(t_s, part(body, "message").get("content"))
    answer.finished(body.get("done_reason"))
    answer.note(body, TOLD)


STREAM = Codec(encode=partial(_encode, stream=True), decode=partial(_decode, stream=True))
PLAIN = Codec(encode=partial(_encode, stream=False), decode=partial(_decode, stream=False))
