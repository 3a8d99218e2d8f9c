"""A bot behind an OpenAI-compatible API on loopback, in a thread of its own; any free port, stops clean."""

import contextlib
import json
import socket
import threading
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from wrapdetect.lab.bots import Bot, Down

Json = dict[str, object]


@dataclass(slots=True)
class Served:
    """A running bot: its base address and what was asked of it (bodies and headers, for tests)."""

    url: str
    requests: list[Json] = field(default_factory=list)


@contextlib.contextmanager
def serve(bot: Bot, *, key: str | None = None) -> Iterator[Served]:
    """Serve one bot until the block ends. With `key`, requests without it get 401. An unknown model gets 404."""
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", 0))
    served = Served(f"http://127.0.0.1:{listener.getsockname()[1]}/v1")
    config = uvicorn.Config(
        _app(bot, key, served),
        log_level="warning",
        ws="none",
        lifespan="off",
        loop="asyncio",
        http="h11",
        access_log=False,
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
    thread.start()
    while not server.started:
        if not thread.is_alive():
            raise RuntimeError("the lab server did not start")
        time.sleep(0.005)
    try:
        yield served
    finally:
        server.should_exit = True
        thread.join(timeout=5)
        listener.close()


def _app(bot: Bot, key: str | None, served: Served) -> Starlette:
    async def completions(request: Request) -> Response:
        body: Json = await request.json()
        served.requests.append({"body": body, "headers": dict(request.headers)})
        if key is not None and request.headers.get("authorization") != f"Bearer {key}":
            return _error(401, f"Incorrect API key provided: {request.headers.get('authorization', '')[7:]}")
        if body["model"] != bot.model:
            return _error(404, f"The model {body['model']} does not exist")
        messages = body["messages"]
        assert isinstance(messages, list)
        pieces = bot.reply(messages, int(str(body.get("max_tokens", 400))))
        try:
            first = await anext(pieces, None)
        except Down as down:
            return _error(down.status, "The server is overloaded")
        if body.get("stream"):
            return StreamingResponse(_events(first, pieces, bot.model), media_type="text/event-stream")
        return JSONResponse(_plain((first or "") + "".join([p async for p in pieces]), bot.model))

    async def models(_: Request) -> Response:
        return JSONResponse({"object": "list", "data": [{"id": bot.model, "object": "model"}]})

    return Starlette(
        routes=[
            Route("/v1/chat/completions", completions, methods=["POST"]),
            Route("/v1/models", models),
        ]
    )


async def _events(first: str | None, pieces: AsyncIterator[str], model: str) -> AsyncIterator[str]:
    yield _event({"role": "assistant"}, model, None) + (_event({"content": first}, model, None) if first else "")
    async for piece in pieces:
        yield _event({"content": piece}, model, None)
    yield _event({}, model, "stop") + "data: [DONE]\n\n"


def _event(delta: Json, model: str, finish: str | None) -> str:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    body = {"id": "chatcmpl-lab", "object": "chat.completion.chunk", "created": 0, "model": model, "choices": [choice]}
    return f"data: {json.dumps(body, ensure_ascii=False)}\n\n"


def _plain(text: str, model: str) -> Json:
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    return {"id": "chatcmpl-lab", "object": "chat.completion", "created": 0, "model": model, "choices": [choice]}


def _error(status: int, message: str) -> Response:
    return JSONResponse({"error": {"message": message, "type": "error", "code": status}}, status_code=status)
