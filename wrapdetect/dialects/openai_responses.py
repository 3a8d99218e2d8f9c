"""OpenAI Responses (POST {url}/responses), streaming and plain.

Source: OpenAI's API reference, "Responses" and its "Streaming events". A stream ends with response.completed,
response.incomplete (our limit on tokens, or a filter) or response.failed; there is no [DONE].
"""

import re
from collections.abc import Mapping, Sequence

from wrapdetect.dialects.azure import AZURE_HEADERS, key_place
from wrapdetect.dialects.base import Call, Reply, so_far
from wrapdetect.dialects.body.content import said_in
from wrapdetect.dialects.body.json_text import Answer, Json, part, parts, refuse_error, short
from wrapdetect.dialects.body.replies import ReplyShape, decoder
from wrapdetect.dialects.body.stream import Stream
from wrapdetect.dialects.body.told import kind_told
from wrapdetect.dialects.body.unpacked import BodyError
from wrapdetect.dialects.wire_format import WireFormat
from wrapdetect.model import Ask, Endpoint, FailureKind

FEWEST_TOKENS = 16
"""The API refuses a smaller max_output_tokens."""
_TOKENS = {name: name for name in ("input_tokens", "output_tokens")}
SPOKEN = ("response.output_text.delta", "response.refusal.delta")
"""Events with text: a refusal is what the model says, too; its reasoning is not."""
_ENDS = ("response.completed", "response.incomplete")


def _encode(ask: Ask, answers: Sequence[str], endpoint: Endpoint, *, stream: bool) -> Call:
    body: Json = {"model": endpoint.model, "input": so_far(ask, answers), "store": False}
    if ask.system:
        body["instructions"] = ask.system
    if endpoint.send_temperature:
        body["temperature"] = ask.temperature
    if endpoint.token_limit != "omit":
        body["max_output_tokens"] = max(ask.max_tokens, FEWEST_TOKENS)
    if stream:
        body["stream"] = True
    header, prefix = key_place(endpoint.url, endpoint.query)
    return Call(body=body, stream=stream, path="/responses", key_header=header, key_prefix=prefix)


def _read_stream(stream: Stream) -> Reply:
    answer, done = Answer(), False
    for t_s, event in stream.objects:
        kind, response = event.get("type"), part(event, "response")
        if kind in SPOKEN:
            answer.add(t_s, said_in(event.get("delta"), "delta"))
        if response:
            _note(answer, response, "stream")
        if kind in _ENDS:
            if not answer.pieces:  # a server that told nothing on the way
                _add_output(answer, t_s, response)
            done = True
            break
    return answer.reply(done=done, sign="response.completed")


def _read_plain(t_s: float, body: Json) -> Reply:
    answer = Answer()
    _note(answer, body, "body")
    if not isinstance(body.get("output"), list):
        raise BodyError(FailureKind.GARBLED, f"no output in the body: {short(body)}")
    _add_output(answer, t_s, body)
    return answer.reply()


def _note(answer: Answer, response: Json, where: str) -> None:
    """What slips beside the text. Raises BodyError for a response that failed."""
    refuse_error(response, where)
    status = response.get("status")
    if status in ("failed", "cancelled"):
        raise BodyError(kind_told(response), f"the response has the status {status}: {short(response)}")
    answer.slipped(response)
    answer.note(part(response, "usage"), _TOKENS)
    if status in ("completed", "incomplete"):
        answer.finished(part(response, "incomplete_details").get("reason") or status)


def _add_output(answer: Answer, t_s: float, response: Json) -> None:
    messages = [item for item in parts(response, "output") if item.get("type", "message") == "message"]
    answer.add(t_s, "".join(said_in(item.get("content")) for item in messages))


def _shape_of(body: Json) -> ReplyShape:
    if isinstance(body.get("output"), list):
        return "whole"
    return "piece" if str(body.get("type", "")).startswith("response.") else "unknown"


def _messages(body: Mapping[str, object]) -> object:
    """A text alone is the user's."""
    given = body.get("input")
    return [{"role": "user", "content": given}] if isinstance(given, str) else given


DIALECT = WireFormat(
    name="responses",
    encode=_encode,
    decode=decoder(_read_stream, _read_plain, _shape_of),
    headers=AZURE_HEADERS,
    path=re.compile(r"/responses\Z", re.IGNORECASE),
    messages=_messages,
    ends=re.compile(rb'"type"\s{0,9}:\s{0,9}"response\.(?:completed|incomplete|failed)"'),
)
