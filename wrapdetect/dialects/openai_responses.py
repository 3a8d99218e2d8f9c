"""OpenAI Responses (POST {url}/responses), streaming and plain.

Source: OpenAI's API reference, "Responses" and its "Streaming events". A stream ends with response.completed,
response.incomplete (our limit on tokens, or a filter) or response.failed; there is no [DONE].
"""

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

FEWEST_TOKENS = 16
"""The API refuses a smaller max_output_tokens."""
TOKENS = {name: name for name in ("input_tokens", "output_tokens")}
SPOKEN = ("response.output_text.delta", "response.refusal.delta")
"""Events with text: a refusal is what the model says, too; its reasoning is not."""
ENDS = ("response.completed", "response.incomplete")


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
    return Call(body=body, stream=stream, path="/responses")


def _read_stream(chunks: tuple[Chunk, ...]) -> Reply:
    answer, done = Answer(), False
    for t_s, data in event_objects(chunks):
        if data.strip() == "[DONE]":  # of servers that are only like it
            break
        event = refuse_error(json_object(data), "stream")
        kind, response = event.get("type"), part(event, "response")
        if kind == "error":
            raise BodyError(FailureKind.SERVER, f"error event in the stream: {short(event)}")
        if kind in SPOKEN:
            answer.add(t_s, event.get("delta"))
        if response:
            _note(answer, response, "stream")
        if kind in ENDS:
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
        raise BodyError(FailureKind.SERVER, f"the response has the status {status}: {short(response)}")
    answer.named(response.get("model"))
    answer.note(response, {name: name for name in SLIPPED})
    answer.note(part(response, "usage"), TOKENS)
    if status in ("completed", "incomplete"):
        answer.finished(part(response, "incomplete_details").get("reason") or status)


def _add_output(answer: Answer, t_s: float, response: Json) -> None:
    texts = [
        str(content.get("text") or content.get("refusal") or "")
        for item in parts(response, "output")
        if item.get("type") == "message"
        for content in parts(item, "content")
        if content.get("type") in ("output_text", "refusal")
    ]
    answer.add(t_s, "".join(texts))


STREAM, PLAIN = both(_encode, _read_stream, _read_plain)
