"""Ollama's own chat (POST {url}/api/chat), a JSON object a line, and plain.

Source: Ollama's API reference, "Generate a chat completion", and api/types.go, which names remote_model and
remote_host: where a server hands a question on to another.
"""

from collections.abc import Sequence

from wrapdetect.dialects.base import Call, Reply, so_far
from wrapdetect.dialects.body.content import said_in
from wrapdetect.dialects.body.json_text import Answer, Json, part, short
from wrapdetect.dialects.body.replies import ReplyShape, both
from wrapdetect.dialects.body.stream import Stream
from wrapdetect.dialects.body.unpacked import BodyError
from wrapdetect.model import Ask, Endpoint, FailureKind

_TOLD = {
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


def _read_stream(stream: Stream) -> Reply:
    answer, done = Answer(), False
    for t_s, body in stream.objects:
        _add(answer, t_s, body)
        done = body.get("done") is True
        if done:
            break
    return answer.reply(done=done or stream.done, sign="done: true")


def _read_plain(t_s: float, body: Json) -> Reply:
    if not isinstance(body.get("message"), dict):
        raise BodyError(FailureKind.GARBLED, f"no message in the body: {short(body)}")
    answer = Answer()
    _add(answer, t_s, body)
    return answer.reply()


def _add(answer: Answer, t_s: float, body: Json) -> None:
    answer.named(body.get("model"))
    answer.add(t_s, said_in(part(body, "message").get("content")))
    answer.finished(body.get("done_reason"))
    answer.note(body, _TOLD)


def _shape_of(body: Json) -> ReplyShape:
    return "piece" if body.get("done") is False else "unknown"


STREAM, PLAIN = both(_encode, _read_stream, _read_plain, _shape_of)
