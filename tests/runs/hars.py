"""HTTP Archives as browsers save them, made on the spot: entries of chats of several kinds, and noise around them."""

import base64
import json
from pathlib import Path

Json = dict[str, object]


def _pairs(values: dict[str, str]) -> list[Json]:
    return [{"name": k, "value": v} for k, v in values.items()]


def entry(
    url: str,
    *,
    sent: object = None,
    answer: str | None = "",
    method: str = "POST",
    status: int = 200,
    kind: str = "application/json",
    at: str = "2026-01-05T12:00:00.000Z",
    encoded: bool = False,
    headers: dict[str, str] | None = None,
    cookies: dict[str, str] | None = None,
    query: dict[str, str] | None = None,
    response_headers: dict[str, str] | None = None,
    frames: list[Json] | None = None,
) -> Json:
    """One entry; `sent` is a body (JSON unless it is a text), `answer` None leaves the content out."""
    content: Json = {"size": len(answer or "") or 1, "mimeType": kind}
    if answer is not None:
        content["text"] = base64.b64encode(answer.encode()).decode() if encoded else answer
    if encoded:
        content["encoding"] = "base64"
    request: Json = {
        "method": method,
        "url": url,
        "headers": _pairs(headers or {}),
        "cookies": _pairs(cookies or {}),
        "queryString": _pairs(query or {}),
    }
    if sent is not None:
        text = sent if isinstance(sent, str) else json.dumps(sent)
        request["postData"] = {"mimeType": "application/json", "text": text}
    made: Json = {
        "startedDateTime": at,
        "time": 700,
        "request": request,
        "response": {
            "status": status,
            "statusText": "OK" if status < 300 else "Sorry",
            "headers": _pairs({"Content-Type": kind, "Content-Encoding": "br"} | (response_headers or {})),
            "cookies": [],
            "content": content,
            "redirectURL": "",
        },
        "timings": {"blocked": 40, "dns": -1, "connect": 60, "ssl": 30, "send": 1, "wait": 199, "receive": 300},
    }
    return made | ({"_webSocketMessages": frames} if frames is not None else {})


def frame(kind: str, at_s: float, data: object) -> Json:
    """`kind` is send or receive."""
    return {"type": kind, "time": at_s, "opcode": 1, "data": data if isinstance(data, str) else json.dumps(data)}


def completion(text: str, **more: object) -> str:
    """An answer of the OpenAI kind."""
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    return json.dumps({"id": "c1", "model": "gpt-x", "choices": [choice], **more})


def stream(*pieces: str, done: bool = True) -> str:
    """The same as server-sent events."""
    events = [json.dumps({"id": "c1", "model": "gpt-x", "choices": [{"delta": {"content": p}}]}) for p in pieces]
    return "".join(f"data: {e}\n\n" for e in [*events, *(["[DONE]"] if done else [])])


def asked(*messages: str, **more: object) -> Json:
    """A request of the OpenAI kind: what user and bot said in turn."""
    roles = ("user", "assistant")
    return {
        "model": "gpt-x",
        "messages": [{"role": roles[n % 2], "content": m} for n, m in enumerate(messages)],
        **more,
    }


NOISE = (
    entry("https://bot.example/", method="GET", answer="<html></html>", kind="text/html"),
    entry("https://cdn.example/app.js?v=20260105", method="GET", answer="let a = 1", kind="text/javascript"),
    entry("https://telemetry.example/collect", sent={"events": [1, 2]}, answer="{}"),
)


def har(*entries: Json) -> Json:
    """The archive."""
    return {"log": {"version": "1.2", "creator": {"name": "a test", "version": "1"}, "entries": list(entries)}}


def save(path: Path, *entries: Json) -> Path:
    """Written to disk as a browser does."""
    path.write_text(json.dumps(har(*entries)), encoding="utf-8")
    return path
