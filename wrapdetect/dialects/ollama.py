"""Ollama's own chat (POST {url}/api/chat), a JSON object a line, and plain.

Source: Ollama's API reference, "Generate a chat completion", and api/types.go, which names remote_model and
remote_host: where a server hands a question on to another.
"""

import re
from collections.abc import Sequence

from wrapdetect.dialects.base import Call, Reply, so_far
from wrapdetect.dialects.body.content import said_in
from wrapdetect.dialects.body.json_text import Answer, Json, objects, part, short, text_in
from wrapdetect.dialects.body.models import OWNERS, server_name
from wrapdetect.dialects.body.replies import ReplyShape, decoder
from wrapdetect.dialects.body.stream import Stream
from wrapdetect.dialects.body.unpacked import BodyError
from wrapdetect.dialects.sight import Known, Sight
from wrapdetect.dialects.wire_format import WireFormat
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


def _recognise(sight: Sight) -> Known | None:
    """/api/tags with names and digests (llama.cpp has it too, and says so in its models)."""
    tags = sight.one("tags")
    items = objects(tags.found.get("models"))
    known = [m for m in items if text_in(m, "name") and {"digest", "modified_at", "size"} & set(m)]
    says_so = sight.page.text.startswith("Ollama is running")
    if server_name(sight) == OWNERS["llamacpp"] or not (known or (says_so and "models" in tags.found)):
        return None
    version = text_in(sight.one("ollama_version").found, "version")
    names = tuple(text_in(m, "name") for m in known)
    return Known(found=f"Ollama {version}".strip(), seen=tags, models=names, ends="/api/tags")


DIALECT = WireFormat(
    name="ollama",
    encode=_encode,
    decode=decoder(_read_stream, _read_plain, _shape_of),
    path=re.compile(r"/api/(?:chat|generate|tags)\Z", re.IGNORECASE),
    recognise=_recognise,
    ends=re.compile(rb'"done"\s{0,9}:\s{0,9}true'),
)
