"""A bot behind every API of cli/demo/apis at once, on loopback, in a thread of its own; any free port, stops clean."""

import contextlib
import socket
import threading
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from dataclasses import dataclass, field

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from wrapdetect.cli.demo.apis import APIS, Api, key_given
from wrapdetect.cli.demo.bots import Bot, Down

_Json = dict[str, object]


@dataclass(slots=True)
class Served:
    """A running bot: its OpenAI-compatible address and what was asked of it (bodies and headers, for tests)."""

    url: str
    requests: list[_Json] = field(default_factory=list)

    @property
    def root(self) -> str:
        """The address without its version, as Ollama's and other clients want it."""
        return self.url.removesuffix("/v1")


@contextlib.contextmanager
def serve(bot: Bot, *, key: str | None = None) -> Iterator[Served]:
    """Serve one bot until the block ends. With `key`, requests without it get 401. An unknown model gets 404."""
    served = Served("")
    with running(_app(bot, key, served)) as address:
        served.url = f"http://{address}/v1"
        yield served


@contextlib.contextmanager
def running(app: Starlette, *, websockets: bool = False) -> Iterator[str]:
    """An application on loopback until the block ends; gives its host and port."""
    listener = socket.socket(proto=socket.IPPROTO_TCP)  # else asyncio leaves small pieces waiting for one another
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", 0))
    config = uvicorn.Config(
        app,
        log_level="warning",
        ws="websockets-sansio" if websockets else "none",
        lifespan="off",
        loop="asyncio",
        http="h11",
        access_log=False,
        timeout_graceful_shutdown=2,
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
    thread.start()
    while not server.started:
        if not thread.is_alive():
            raise RuntimeError("the lab server did not start")
        time.sleep(0.005)
    try:
        yield f"127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(timeout=5)
        listener.close()


def _app(bot: Bot, key: str | None, served: Served) -> Starlette:
    async def models(_: Request) -> Response:
        return JSONResponse({"object": "list", "data": [{"id": bot.model, "object": "model"}]})

    asked = [Route(path, _answers(api, bot, key, served), methods=["POST"]) for api in APIS for path in api.paths]
    return Starlette(routes=[*asked, Route("/v1/models", models)])


def _answers(
    api: Api, bot: Bot, key: str | None, served: Served
) -> Callable[[Request], Coroutine[object, object, Response]]:
    async def answer(request: Request) -> Response:
        body: _Json = await request.json()
        served.requests.append({"body": body, "headers": dict(request.headers), "path": request.url.path})
        given = key_given(api, request.headers)
        if key is not None and given != key:
            return _error(api, 401, f"Incorrect API key provided: {given}")
        question = api.read(body, request.path_params)
        if question.model != bot.model:
            return _error(api, 404, f"The model {question.model} does not exist")
        pieces = bot.reply(question.messages, question.max_tokens)
        try:
            first = await anext(pieces, None)
        except Down as down:
            return _error(api, down.status, "The server is overloaded")
        whole = _from_first(first, pieces)
        if question.stream:
            return StreamingResponse(api.stream(question, whole), media_type=api.media)
        return JSONResponse(api.plain(question, "".join([p async for p in whole])))

    return answer


async def _from_first(first: str | None, others: AsyncIterator[str]) -> AsyncIterator[str]:
    if first is not None:
        yield first
    async for piece in others:
        yield piece


def _error(api: Api, status: int, message: str) -> Response:
    return JSONResponse(api.error(status, message), status_code=status)
