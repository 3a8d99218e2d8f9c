"""OpenAI chat completions (POST {url}/chat/completions), streaming and plain."""

from collections.abc import Sequence

from wrapdetect.dialects.base import Call, Reply, so_far
from wrapdetect.dialects.body import BodyError
from wrapdetect.dialects.json_text import (
    SLIPPED,
    Answer,
    Json,
    both,
    event_objects,
    json_object,
    part,
    parts,
    refuse_error,
    short,
)
from wrapdetect.model import Ask, Chunk, Endpoint, FailureKind

TOKENS = {"prompt_tokens": "input_tokens", "completion_tokens": "output_tokens"}


def _encode(ask: Ask, answers: Sequence[str], endpoint: Endpoint, *, stream: bool) -> Call:
    system: list[Json] = [{"role": "system", "content": ask.system}] if ask.system else []
    body: Json = {"model": endpoint.model, "messages": [*system, *so_far(ask, answers)]}
    if endpoint.send_temperature:
        body["temperature"] = ask.temperature
    if endpoint.token_limit != "omit":
        body[endpoint.token_limit] = ask.max_tokens
    if stream:
        body["stream"] = True
    return Call(body=body, stream=stream)


def _read_stream(chunks: tuple[Chunk, ...]) -> Reply:
    answer, done, first = Answer(), False, True
    for t_s, data in event_objects(chunks):
        if data.strip() == "[DONE]":
            done = True
            break
        event = refuse_error(json_object(data), "stream")
        if first:
            _note(answer, event)
            first = False
        choice = _choice(event)
        answer.add(t_s, part(choice, "delta").get("content"))
        answer.finished(choice.get("finish_reason"))
        answer.note(part(event, "usage"), TOKENS)
    return answer.reply(done=done or answer.finish is not None, sign="[DONE] or a finish_reason")


def _read_plain(t_s: float, body: Json) -> Reply:
    answer, choice = Answer(), _choice(body)
    message = choice.get("message")
    if not isinstance(message, dict):
        raise BodyError(FailureKind.GARBLED, f"no choices[0].message in the body: {short(body)}")
    _note(answer, body)
    answer.add(t_s, message.get("content"))
    answer.finished(choice.get("finish_reason"))
    answer.note(part(body, "usage"), TOKENS)
    return answer.reply()


def _note(answer: Answer, body: Json) -> None:
    answer.named(body.get("model"))
    answer.note(body, {name: name for name in SLIPPED})


def _choice(body: Json) -> Json:
    return next(iter(parts(body, "choices")[:1]), {})


STREAM, PLAIN = both(_encode, _read_stream, _read_plain)
