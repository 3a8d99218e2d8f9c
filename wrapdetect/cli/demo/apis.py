"""The wire formats that a lab bot can stand behind: OpenAI's two, Anthropic's, Ollama's and Gemini's.

Shaped as the vendors' own clients expect (tests/ways/test_official_clients.py).
"""

import json
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple, cast

from wrapdetect.cli.demo.bots import PIECE
from wrapdetect.cli.demo.voice import Messages

_Json = dict[str, object]
Body = Mapping[str, object]
MOMENT = "2026-01-05T12:00:00Z"


class Question(NamedTuple):
    """What a request asks, whatever its format."""

    model: str
    messages: Messages
    max_tokens: int
    stream: bool

    @property
    def tokens(self) -> int:
        """Of the lab's own kind."""
        return sum(count(m["content"]) for m in self.messages)


@dataclass(frozen=True, slots=True, kw_only=True)
class Api:
    """One wire format. `read` takes the body and what stands in the path; `keys` are the headers of a key, with what
    goes before it."""

    paths: tuple[str, ...]
    read: Callable[[Body, Mapping[str, str]], Question]
    stream: Callable[[Question, AsyncIterator[str]], AsyncIterator[str]]
    plain: Callable[[Question, str], _Json]
    error: Callable[[int, str], _Json]
    keys: tuple[tuple[str, str], ...] = (("authorization", "Bearer "),)
    media: str = "text/event-stream"


def key_given(api: Api, headers: Mapping[str, str]) -> str:
    """The key that a request carries (header names in lower case), or ""."""
    for header, prefix in api.keys:
        given = headers.get(header)
        if given is not None and given.startswith(prefix):
            return given.removeprefix(prefix)
    return ""


def count(text: str) -> int:
    """Tokens of the lab: the pieces that its bots speak in."""
    return len(PIECE.findall(text))


def _event(body: _Json, name: str = "") -> str:
    head = f"event: {name}\n" if name else ""
    return f"{head}data: {json.dumps(body, ensure_ascii=False)}\n\n"


def _parts(content: object) -> str:
    """A message's text: itself, or the texts of its parts."""
    if isinstance(content, str):
        return content
    assert isinstance(content, list)
    return "".join(str(p.get("text", "")) for p in content)


def _list(value: object) -> list[Body]:
    assert isinstance(value, list)
    return cast("list[Body]", value)


def _object(value: object) -> Body:
    return cast("Body", value) if isinstance(value, dict) else {}


def _messages(system: str, turns: list[Body]) -> Messages:
    said = [{"role": str(t["role"]), "content": _parts(t["content"])} for t in turns]
    return [{"role": "system", "content": system}, *said] if system else said


# OpenAI chat completions


def _read_chat(body: Body, _: Mapping[str, str]) -> Question:
    limit = body.get("max_tokens", body.get("max_completion_tokens", 400))
    return Question(
        str(body["model"]), _messages("", _list(body["messages"])), int(str(limit)), bool(body.get("stream"))
    )


def _chunk(delta: _Json, model: str, finish: str | None) -> str:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return _event(
        {"id": "chatcmpl-lab", "object": "chat.completion.chunk", "created": 0, "model": model, "choices": [choice]}
    )


async def _stream_chat(question: Question, pieces: AsyncIterator[str]) -> AsyncIterator[str]:
    model, first = question.model, await anext(pieces, None)
    yield _chunk({"role": "assistant"}, model, None) + (_chunk({"content": first}, model, None) if first else "")
    async for piece in pieces:
        yield _chunk({"content": piece}, model, None)
    yield _chunk({}, model, "stop") + "data: [DONE]\n\n"


def _plain_chat(question: Question, text: str) -> _Json:
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    return {
        "id": "chatcmpl-lab",
        "object": "chat.completion",
        "created": 0,
        "model": question.model,
        "choices": [choice],
    }


def _openai_error(status: int, message: str) -> _Json:
    return {"error": {"message": message, "type": "error", "code": status}}


# OpenAI Responses


def _read_responses(body: Body, _: Mapping[str, str]) -> Question:
    given = body["input"]
    turns: list[Body] = [{"role": "user", "content": given}] if isinstance(given, str) else _list(given)
    messages = _messages(str(body.get("instructions") or ""), turns)
    limit = int(str(body.get("max_output_tokens") or 400))
    return Question(str(body["model"]), messages, limit, bool(body.get("stream")))


def _response(question: Question, text: str | None) -> _Json:
    """A whole response, or one in progress where there is no text yet."""
    said: _Json = {"type": "output_text", "text": text, "annotations": [], "logprobs": []}
    item = {"id": "msg_lab", "type": "message", "role": "assistant", "status": "completed", "content": [said]}
    used = {
        "input_tokens": question.tokens,
        "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
        "output_tokens": count(text or ""),
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": question.tokens + count(text or ""),
    }
    return {
        "id": "resp_lab",
        "object": "response",
        "created_at": 0,
        "status": "in_progress" if text is None else "completed",
        "error": None,
        "incomplete_details": None,
        "instructions": None,
        "metadata": {},
        "model": question.model,
        "output": [] if text is None else [item],
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
        "service_tier": "default",
        "usage": None if text is None else used,
    }


async def _stream_responses(question: Question, pieces: AsyncIterator[str]) -> AsyncIterator[str]:
    number = 0

    def event(name: str, **more: object) -> str:
        nonlocal number
        number += 1
        return _event({"type": name, "sequence_number": number - 1, **more}, name)

    place = {"item_id": "msg_lab", "output_index": 0, "content_index": 0}
    empty = {"type": "output_text", "text": "", "annotations": []}
    item = {"id": "msg_lab", "type": "message", "role": "assistant", "status": "in_progress", "content": []}
    yield event("response.created", response=_response(question, None))
    yield event("response.in_progress", response=_response(question, None))
    yield event("response.output_item.added", output_index=0, item=item)
    yield event("response.content_part.added", **place, part=empty)
    text = ""
    async for piece in pieces:
        text += piece
        yield event("response.output_text.delta", **place, delta=piece, logprobs=[])
    whole = _response(question, text)
    said = {**empty, "text": text}
    yield event("response.output_text.done", **place, text=text, logprobs=[])
    yield event("response.content_part.done", **place, part=said)
    yield event("response.output_item.done", output_index=0, item={**item, "status": "completed", "content": [said]})
    yield event("response.completed", response=whole)


# Anthropic messages


def _read_anthropic(body: Body, _: Mapping[str, str]) -> Question:
    messages = _messages(_parts(body.get("system") or ""), _list(body["messages"]))
    return Question(str(body["model"]), messages, int(str(body["max_tokens"])), bool(body.get("stream")))


def _message(question: Question, text: str | None) -> _Json:
    used = {"input_tokens": question.tokens, "output_tokens": 1 if text is None else count(text)}
    return {
        "id": "msg_lab",
        "type": "message",
        "role": "assistant",
        "model": question.model,
        "content": [] if text is None else [{"type": "text", "text": text}],
        "stop_reason": None if text is None else "end_turn",
        "stop_sequence": None,
        "usage": {**used, "service_tier": "standard"},
    }


async def _stream_anthropic(question: Question, pieces: AsyncIterator[str]) -> AsyncIterator[str]:
    def event(name: str, **more: object) -> str:
        return _event({"type": name, **more}, name)

    yield event("message_start", message=_message(question, None))
    yield event("content_block_start", index=0, content_block={"type": "text", "text": ""})
    yield event("ping")
    tokens = 0
    async for piece in pieces:
        tokens += 1
        yield event("content_block_delta", index=0, delta={"type": "text_delta", "text": piece})
    yield event("content_block_stop", index=0)
    end = {"stop_reason": "end_turn", "stop_sequence": None}
    yield event("message_delta", delta=end, usage={"output_tokens": tokens})
    yield event("message_stop")


def _anthropic_error(status: int, message: str) -> _Json:
    kinds = {401: "authentication_error", 404: "not_found_error", 429: "rate_limit_error", 529: "overloaded_error"}
    return {"type": "error", "error": {"type": kinds.get(status, "api_error"), "message": message}}


# Ollama


def _read_ollama(body: Body, _: Mapping[str, str]) -> Question:
    limit = int(str(_object(body.get("options")).get("num_predict", 400)))
    return Question(str(body["model"]), _messages("", _list(body["messages"])), limit, bool(body.get("stream", True)))


def _line(question: Question, text: str, done: bool, tokens: int = 0) -> _Json:
    ended = {
        "done_reason": "stop",
        "total_duration": 1_000_000,
        "load_duration": 1000,
        "prompt_eval_count": question.tokens,
        "prompt_eval_duration": 1000,
        "eval_count": tokens,
        "eval_duration": 1000,
    }
    message = {"role": "assistant", "content": text}
    start: _Json = {"model": question.model, "created_at": MOMENT, "message": message, "done": done}
    return {**start, **ended} if done else start


async def _stream_ollama(question: Question, pieces: AsyncIterator[str]) -> AsyncIterator[str]:
    tokens = 0
    async for piece in pieces:
        tokens += 1
        yield json.dumps(_line(question, piece, done=False), ensure_ascii=False) + "\n"
    yield json.dumps(_line(question, "", done=True, tokens=tokens)) + "\n"


def _plain_ollama(question: Question, text: str) -> _Json:
    return _line(question, text, done=True, tokens=count(text))


def _ollama_error(_: int, message: str) -> _Json:
    return {"error": message}


# Gemini


def _read_gemini(body: Body, path: Mapping[str, str]) -> Question:
    roles = {"user": "user", "model": "assistant"}
    turns: list[Body] = [
        {"role": roles[str(c.get("role", "user"))], "content": c["parts"]} for c in _list(body["contents"])
    ]
    system = _parts(_object(body.get("systemInstruction")).get("parts", ""))
    limit = int(str(_object(body.get("generationConfig")).get("maxOutputTokens", 400)))
    return Question(path["model"], _messages(system, turns), limit, path["method"] == "streamGenerateContent")


def _candidates(question: Question, text: str, finish: str | None, tokens: int) -> _Json:
    candidate: _Json = {"content": {"parts": [{"text": text}], "role": "model"}, "index": 0}
    if finish:
        candidate["finishReason"] = finish
    used = {"promptTokenCount": question.tokens, "candidatesTokenCount": tokens}
    return {
        "candidates": [candidate],
        "usageMetadata": {**used, "totalTokenCount": question.tokens + tokens},
        "modelVersion": question.model,
        "responseId": "lab",
    }


async def _stream_gemini(question: Question, pieces: AsyncIterator[str]) -> AsyncIterator[str]:
    tokens = 0
    async for piece in pieces:
        tokens += 1
        yield _event(_candidates(question, piece, None, tokens))
    yield _event(_candidates(question, "", "STOP", tokens))


def _plain_gemini(question: Question, text: str) -> _Json:
    return _candidates(question, text, "STOP", count(text))


def _gemini_error(status: int, message: str) -> _Json:
    kinds = {401: "UNAUTHENTICATED", 404: "NOT_FOUND", 429: "RESOURCE_EXHAUSTED", 503: "UNAVAILABLE"}
    return {"error": {"code": status, "message": message, "status": kinds.get(status, "INTERNAL")}}


CHAT = Api(
    paths=("/v1/chat/completions",), read=_read_chat, stream=_stream_chat, plain=_plain_chat, error=_openai_error
)
RESPONSES = Api(
    paths=("/v1/responses",), read=_read_responses, stream=_stream_responses, plain=_response, error=_openai_error
)
ANTHROPIC = Api(
    paths=("/v1/messages",),
    read=_read_anthropic,
    stream=_stream_anthropic,
    plain=_message,
    error=_anthropic_error,
    keys=(("x-api-key", ""), ("authorization", "Bearer ")),  # its client sends the second since its release 2
)
OLLAMA = Api(
    paths=("/api/chat",),
    read=_read_ollama,
    stream=_stream_ollama,
    plain=_plain_ollama,
    error=_ollama_error,
    media="application/x-ndjson",
)
GEMINI = Api(
    paths=("/v1beta/models/{model}:{method}", "/v1/models/{model}:{method}"),
    read=_read_gemini,
    stream=_stream_gemini,
    plain=_plain_gemini,
    error=_gemini_error,
    keys=(("x-goog-api-key", ""),),
)
APIS = (CHAT, RESPONSES, ANTHROPIC, OLLAMA, GEMINI)
