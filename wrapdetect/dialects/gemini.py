"""Gemini (POST {url}/models/{model}:generateContent, or :streamGenerateContent?alt=sse), url ending in /v1beta.

Source: Google's API reference, "Generating content". A question that a filter blocks gets no candidate, but a reason.
Thoughts are not what is said.
"""

import re
from collections.abc import Mapping, Sequence
from urllib.parse import quote, urlsplit

from wrapdetect.dialects.base import Call, Reply, so_far
from wrapdetect.dialects.body.content import said_in_part
from wrapdetect.dialects.body.json_text import Answer, Json, objects, part, parts, short, text_in
from wrapdetect.dialects.body.models import MODELS
from wrapdetect.dialects.body.replies import decoder
from wrapdetect.dialects.body.stream import Stream
from wrapdetect.dialects.body.unpacked import BodyError
from wrapdetect.dialects.sight import Known, Sight, host
from wrapdetect.dialects.wire_format import WireFormat
from wrapdetect.model import Ask, Endpoint, FailureKind

_ROLES = {"user": "user", "assistant": "model"}
_TOKENS = {
    "promptTokenCount": "input_tokens",
    "candidatesTokenCount": "output_tokens",
    "serviceTier": "service_tier",
    "trafficType": "traffic_type",
}
_ORDINARY = ("STOP", "MAX_TOKENS", "FINISH_REASON_UNSPECIFIED")
"""Any other finishReason says that an answer was withheld."""


def _encode(ask: Ask, answers: Sequence[str], endpoint: Endpoint, *, stream: bool) -> Call:
    turns = [
        {"role": _ROLES[str(message["role"])], "parts": [{"text": message["content"]}]}
        for message in so_far(ask, answers)
    ]
    body: Json = {"contents": turns}
    if ask.system:
        body["systemInstruction"] = {"parts": [{"text": ask.system}]}
    config: Json = {}
    if endpoint.send_temperature:
        config["temperature"] = ask.temperature
    if endpoint.token_limit != "omit":
        config["maxOutputTokens"] = ask.max_tokens
    if config:
        body["generationConfig"] = config
    return Call(
        body=body, stream=stream, path=_path(endpoint, stream=stream), key_header="x-goog-api-key", key_prefix=""
    )


def _path(endpoint: Endpoint, *, stream: bool) -> str:
    version = "" if urlsplit(endpoint.url).path else "/v1beta"
    model = endpoint.model if "/" in endpoint.model else f"models/{endpoint.model}"
    method = "streamGenerateContent?alt=sse" if stream else "generateContent"
    return f"{version}/{quote(model, safe='/')}:{method}"


def _read_stream(stream: Stream) -> Reply:
    answer = Answer()
    for t_s, body in stream.objects:
        _add(answer, t_s, body)
    return _refused(answer.reply(done=stream.done or answer.finish is not None, sign="a finishReason"))


def _read_plain(t_s: float, body: Json) -> Reply:
    answer = Answer()
    _add(answer, t_s, body)
    if not parts(body, "candidates"):
        raise BodyError(FailureKind.GARBLED, f"no candidates in the body: {short(body)}")
    return _refused(answer.reply())


def _add(answer: Answer, t_s: float, body: Json) -> None:
    """Raises BodyError where the question was blocked."""
    feedback = part(body, "promptFeedback")
    if feedback.get("blockReason"):
        raise BodyError(FailureKind.REFUSED, f"the question was blocked: {short(feedback['blockReason'])}")
    answer.named(body.get("modelVersion"))
    answer.note(body, {"responseId": "id"})
    answer.note(part(body, "usageMetadata"), _TOKENS)
    candidate = next((c for c in parts(body, "candidates") if not c.get("index")), {})
    for said in parts(part(candidate, "content"), "parts"):
        answer.add(t_s, said_in_part(said))
    answer.finished(candidate.get("finishReason"))


def _refused(reply: Reply) -> Reply:
    """The reply itself. Raises BodyError where an answer was withheld whole."""
    if reply.finish is not None and reply.finish not in _ORDINARY and not reply.text.strip():
        raise BodyError(FailureKind.REFUSED, f"no answer: finishReason {short(reply.finish)}")
    return reply


def _messages(body: Mapping[str, object]) -> object:
    contents = body.get("contents")
    if not isinstance(contents, list):
        return None
    return [{**c, "content": c.get("parts")} if isinstance(c, dict) else c for c in contents]


def _recognise(sight: Sight) -> Known | None:
    """Models named models/..., with what they can generate; without a key only at Google's own address."""
    for seen in sight.of("gemini", *MODELS):
        items = objects(seen.found.get("models"))
        if items and all(text_in(m, "name").startswith("models/") for m in items):
            able = [
                m for m in items if "generateContent" in str(m.get("supportedGenerationMethods", "generateContent"))
            ]
            names = tuple(text_in(m, "name").removeprefix("models/") for m in able)
            return Known(found="Gemini", seen=seen, models=names)
        error = seen.object.get("error")
        if isinstance(error, dict) and "status" in error and host(sight.url).endswith("googleapis.com"):
            return Known(found="Gemini", seen=seen, models=None)
    return None


DIALECT = WireFormat(
    name="gemini",
    encode=_encode,
    decode=decoder(_read_stream, _read_plain, lambda _: "unknown"),
    headers=frozenset({"x-goog-api-key"}),
    path=re.compile(r"/models/(?P<model>[^/:]+):(?:streamG|g)enerateContent\Z"),
    messages=_messages,
    recognise=_recognise,
    may_end=re.compile(rb'"finishReason"\s{0,9}:\s{0,9}"[^"]'),
)
