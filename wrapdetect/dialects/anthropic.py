"""Anthropic messages (POST {url}/messages, url ending in a version such as /v1), streaming and plain.

Source: Anthropic's API reference, "Messages" and "Streaming messages". Thinking is not what is said.
"""

import re
from collections.abc import Sequence

from wrapdetect.dialects.base import Call, Reply, so_far
from wrapdetect.dialects.body.content import said_in, said_in_part
from wrapdetect.dialects.body.json_text import Answer, Json, objects, part, short, text_in
from wrapdetect.dialects.body.models import GUARDED, MODELS
from wrapdetect.dialects.body.replies import ReplyShape, decoder
from wrapdetect.dialects.body.stream import Stream
from wrapdetect.dialects.body.unpacked import BodyError
from wrapdetect.dialects.sight import Known, Sight
from wrapdetect.dialects.wire_format import WireFormat
from wrapdetect.model import Ask, Endpoint, FailureKind

HEADERS = (("anthropic-version", "2023-06-01"),)
VERSIONED = re.compile(r"/v\d+\Z")
HOTTEST = 1.0
"""The API refuses a higher temperature."""
_TOLD = {name: name for name in ("input_tokens", "output_tokens", "service_tier")}


def _encode(ask: Ask, answers: Sequence[str], endpoint: Endpoint, *, stream: bool) -> Call:
    # max_tokens is no option here: without it every request is refused.
    body: Json = {"model": endpoint.model, "max_tokens": ask.max_tokens, "messages": so_far(ask, answers)}
    if ask.system:
        body["system"] = ask.system
    if endpoint.send_temperature:
        body["temperature"] = min(ask.temperature, HOTTEST)
    if stream:
        body["stream"] = True
    path = "/messages" if VERSIONED.search(endpoint.url) else "/v1/messages"
    return Call(body=body, stream=stream, path=path, headers=HEADERS, key_header="x-api-key", key_prefix="")


def _read_stream(stream: Stream) -> Reply:
    answer, done = Answer(), stream.done
    for t_s, event in stream.objects:
        match event.get("type"):
            case "message_start":
                _note(answer, part(event, "message"))
            case "content_block_start":
                answer.add(t_s, said_in_part(part(event, "content_block")))
            case "content_block_delta":
                answer.add(t_s, said_in_part(part(event, "delta")))
            case "message_delta":
                answer.finished(part(event, "delta").get("stop_reason"))
                answer.note(part(event, "usage"), _TOLD)
            case "message_stop":
                done = True
                break
    return _refused(answer.reply(done=done or answer.finish is not None, sign="message_stop"))


def _read_plain(t_s: float, body: Json) -> Reply:
    if not isinstance(body.get("content"), list) and body.get("type") != "message":
        raise BodyError(FailureKind.GARBLED, f"no content in the body: {short(body)}")
    answer = Answer()
    _note(answer, body)
    answer.add(t_s, said_in(body.get("content")))
    return _refused(answer.reply())


def _note(answer: Answer, message: Json) -> None:
    answer.named(message.get("model"))
    answer.note(message, {"id": "id"})
    answer.note(part(message, "usage"), _TOLD)
    answer.finished(message.get("stop_reason"))


def _refused(reply: Reply) -> Reply:
    """The reply itself. Raises BodyError where a classifier stopped the answer before its first word."""
    if reply.finish == "refusal" and not reply.text.strip():
        raise BodyError(FailureKind.REFUSED, "no answer: stop_reason refusal")
    return reply


def _shape_of(body: Json) -> ReplyShape:
    if isinstance(body.get("content"), list) or body.get("type") == "message":
        return "whole"
    return "piece" if "type" in body else "unknown"


def _recognise(sight: Sight) -> Known | None:
    """Models with a `display_name`, or errors of type "error"."""
    for seen in sight.of("models_anthropic", *MODELS):
        items = objects(seen.found.get("data"))
        if items and all(m.get("type") == "model" and "display_name" in m for m in items):
            return Known(found="Anthropic messages", seen=seen, models=tuple(text_in(m, "id") for m in items))
    for seen in sight.of("models_anthropic", *MODELS):
        error = seen.object.get("error")
        if seen.status in GUARDED and seen.object.get("type") == "error" and isinstance(error, dict):
            return Known(found="Anthropic messages", seen=seen, models=None)
    return None


DIALECT = WireFormat(
    name="anthropic",
    encode=_encode,
    decode=decoder(_read_stream, _read_plain, _shape_of),
    headers=frozenset({"x-api-key", "anthropic-version"}),
    path=re.compile(r"/messages\Z", re.IGNORECASE),
    recognise=_recognise,
    ends=re.compile(rb'"type"\s{0,9}:\s{0,9}"message_stop"'),
    may_end=re.compile(rb'"stop_reason"\s{0,9}:\s{0,9}"[^"]'),
)
