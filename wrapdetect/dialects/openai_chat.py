"""OpenAI chat completions (POST {url}/chat/completions), streaming and plain."""

import re
from collections.abc import Iterable, Sequence

from wrapdetect.dialects.azure import AZURE_HEADERS, key_place
from wrapdetect.dialects.base import Call, Reply, so_far
from wrapdetect.dialects.body.content import said_in_message
from wrapdetect.dialects.body.json_text import Answer, Json, part, parts, refuse_error, short, text_in
from wrapdetect.dialects.body.models import GUARDED, MODELS, error_told, model_objects, server_name
from wrapdetect.dialects.body.replies import ReplyShape, decoder
from wrapdetect.dialects.body.stream import Stream
from wrapdetect.dialects.body.unpacked import BodyError
from wrapdetect.dialects.sight import Known, Seen, Sight
from wrapdetect.dialects.wire_format import WireFormat
from wrapdetect.model import Ask, Endpoint, FailureKind

WITHHELD = ("content_filter", "sensitive")
"""A finish_reason without a word before it says that a filter kept the answer back."""
_TOKENS = {"prompt_tokens": "input_tokens", "completion_tokens": "output_tokens"}


def _encode(ask: Ask, answers: Sequence[str], endpoint: Endpoint, *, stream: bool) -> Call:
    system: list[Json] = [{"role": "system", "content": ask.system}] if ask.system else []
    body: Json = {"model": endpoint.model, "messages": [*system, *so_far(ask, answers)]}
    if endpoint.send_temperature:
        body["temperature"] = ask.temperature
    if endpoint.token_limit != "omit":
        body[endpoint.token_limit] = ask.max_tokens
    if stream:
        body["stream"] = True
    header, prefix = key_place(endpoint.url, endpoint.query)
    return Call(body=body, stream=stream, key_header=header, key_prefix=prefix)


def _read_stream(stream: Stream) -> Reply:
    answer = Answer()
    events = [(t_s, event, parts(event, "choices")) for t_s, event in stream.objects]
    first = _first_index(choices for _, _, choices in events)
    for t_s, event, choices in events:
        answer.slipped(event)
        choice = _choice(choices, first)
        # Some servers send a whole message as their one event, or after the deltas once more.
        said = part(choice, "delta") or ({} if answer.pieces else part(choice, "message"))
        answer.add(t_s, said_in_message(said))
        answer.finished(choice.get("finish_reason"))
        if usage := part(event, "usage"):
            answer.note(usage, _TOKENS)
    return _given(answer.reply(done=stream.done or answer.finish is not None, sign="[DONE] or a finish_reason"))


def _read_plain(t_s: float, body: Json) -> Reply:
    choices = parts(body, "choices")
    answer, choice = Answer(), _choice(choices, _first_index([choices]))
    message = choice.get("message")
    if not isinstance(message, dict):
        raise BodyError(FailureKind.GARBLED, f"no choices[0].message in the body: {short(body)}")
    answer.slipped(body)
    answer.add(t_s, said_in_message(message))
    answer.finished(choice.get("finish_reason"))
    answer.note(part(body, "usage"), _TOKENS)
    return _given(answer.reply())


def _first_index(events: Iterable[Sequence[Json]]) -> int:
    """Of several choices, which may come in any order, the one to read."""
    return min((_index(choice) for choices in events for choice in choices), default=0)


def _index(choice: Json) -> int:
    index = choice.get("index")
    if isinstance(index, str) and index.isascii() and index.isdecimal() and len(index) < 5:
        return int(index)
    return index if type(index) is int else 0


def _choice(choices: Sequence[Json], index: int) -> Json:
    """The choice of that index, or an empty one. Raises BodyError where it tells an error."""
    found = next((c for c in choices if _index(c) == index), {})
    for place in (found, part(found, "message"), part(found, "delta")):
        if place.get("error"):
            refuse_error({"error": place["error"]}, "choice")
    return found


def _given(reply: Reply) -> Reply:
    """The reply itself. Raises BodyError where a filter kept it back whole."""
    if reply.finish in WITHHELD and not reply.text.strip():
        raise BodyError(FailureKind.REFUSED, f"no answer: finish_reason {reply.finish}")
    return reply


def _shape_of(body: Json) -> ReplyShape:
    choice = next(iter(parts(body, "choices")), {})
    if isinstance(choice.get("message"), dict):
        return "whole"
    return "piece" if isinstance(choice.get("delta"), dict) else "unknown"


def _recognise(sight: Sight) -> Known | None:
    """A list of models as OpenAI gives it, or its error where a key is missing."""
    for seen in sight.of(*MODELS):
        if items := model_objects(seen):
            return Known(
                found=server_name(sight) or "an OpenAI-compatible API",
                seen=seen,
                models=tuple(text_in(m, "id") for m in items),
                dialect="responses_stream" if sight.url.endswith("/responses") else "",
            )
    for seen in sight.of(*MODELS):
        if seen.status in GUARDED and error_told(seen) and not _guards_all(sight, seen):
            likely = "most likely " if sight.one("dify").status == seen.status else ""  # another address of /v1
            return Known(found=server_name(sight) or f"{likely}an OpenAI-compatible API", seen=seen, models=None)
    return None


def _guards_all(sight: Sight, seen: Seen) -> bool:
    """Whether an address that no such API has is refused in the same way: then the refusal says nothing of it."""
    others = [s for s in sight.of("gradio", "open_webui", "chainlit") if s.status is not None]
    return bool(others) and all(s.status == seen.status for s in others) and not sight.url.endswith("/v1")


DIALECT = WireFormat(
    name="openai",
    encode=_encode,
    decode=decoder(_read_stream, _read_plain, _shape_of),
    headers=AZURE_HEADERS,
    path=re.compile(r"/chat/completions\Z", re.IGNORECASE),
    recognise=_recognise,
    may_end=re.compile(rb'"finish_reason"\s{0,9}:\s{0,9}"[^"]'),
)
