"""A bot behind home-made chats, no two alike: how an answer is framed (`Way`), and how a visitor gets in (`Door`).

Every chat remembers what was said, each by its door; `template_of` says how it is talked to.
"""

import contextlib
import json
import secrets
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from typing import Literal, get_args

from starlette.applications import Starlette
from starlette.requests import HTTPConnection, Request
from starlette.responses import HTMLResponse, JSONResponse, Response, StreamingResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from wrapdetect.cli.demo.bots import Bot, Down
from wrapdetect.cli.demo.server import running
from wrapdetect.model import Step, Template

Json = dict[str, object]
Way = Literal["json", "sse", "ndjson", "text", "growing", "socket_json", "socket_text"]
Door = Literal["open", "id", "session", "login", "messages"]
"""How a chat knows whom it talks to: by the visitor's address, by the id of a conversation that it hands out, by a
cookie with a token against forged requests, by a token for all that is had for a password, or by the messages sent."""
WAYS: tuple[Way, ...] = get_args(Way)
DOORS: tuple[Door, ...] = get_args(Door)
END = "*** end ***"
"""The last frame of socket_text."""
BY_ADDRESS = "address"


@dataclass(slots=True)
class Chat:
    """A running chat: its address, what it was asked, what it remembers by conversation, what it handed out.

    `spoil` is called before each answer; it may raise Down.
    """

    url: str = ""
    requests: list[Json] = field(default_factory=list)
    remembered: dict[str, list[dict[str, str]]] = field(default_factory=dict)
    tokens: dict[str, str] = field(default_factory=dict)
    """Of each visitor (by cookie) the token that its requests must carry."""
    passes: set[str] = field(default_factory=set)
    """What was had for the password."""
    spoil: Callable[[], None] = lambda: None


@contextlib.contextmanager
def serve_chat(bot: Bot, *, password: str = "") -> Iterator[Chat]:
    """All ways and doors of one bot until the block ends."""
    chat = Chat()
    with running(_app(bot, chat, password), websockets=True) as address:
        chat.url = f"http://{address}"
        yield chat


def template_of(way: Way, door: Door = "open", *, password_env: str = "BOT_PASSWORD") -> Template:
    """How that chat is talked to."""
    socket = way.startswith("socket")
    steps: dict[Door, tuple[Step, ...]] = {
        "open": (),
        "messages": (),
        "id": (Step(method="POST", path="/conversations", keep=(("conversation_id", "$.id"),)),),
        "session": (Step(path="/", keep=(("csrf", 're:name="csrf" content="([^"]+)"'),)),),
        "login": (
            Step(
                when="run",
                method="POST",
                path="/login",
                body=f'{{"password": "{{env:{password_env}}}"}}',
                keep=(("pass", "$.pass"),),
            ),
        ),
    }
    headers: dict[Door, tuple[tuple[str, str], ...]] = {
        "session": (("x-csrf-token", "{csrf}"),),
        "login": (("authorization", "Bearer {pass}"),),
    }
    asked: Json = {"messages": "{messages}"} if door == "messages" else {"text": "{prompt}"}
    if door in ("id", "login"):
        asked["conversation"] = "{conversation_id}"
    hello = (Step(method="SEND", body='{"hello": "{conversation_id}"}'), Step(method="RECEIVE")) if socket else ()
    framing, answer, done = FRAMED[way]
    return Template(
        path=f"/{door}/{way}",
        headers=headers.get(door, ()),
        body=json.dumps(asked),
        framing=framing,
        answer=answer,
        mode="replace" if way == "growing" else "add",
        done=done,
        error="$.error" if answer.startswith("$") else "",
        steps=(*steps[door], *hello),
    )


FRAMED: dict[Way, tuple[Literal["body", "sse", "ndjson", "text", "websocket"], str, str]] = {
    "json": ("body", "$.reply.text", ""),
    "sse": ("sse", "$.delta", "event:end"),
    "ndjson": ("ndjson", "$.piece", "$.final"),
    "text": ("text", "text", ""),
    "growing": ("ndjson", "$.text", "$.final"),
    "socket_json": ("websocket", "$.delta", "$.final"),
    "socket_text": ("websocket", "text", END),
}
"""Of each way the framing, where the answer stands, and what ends it."""


def _app(bot: Bot, chat: Chat, password: str) -> Starlette:
    async def page(request: Request) -> Response:
        visitor, token = secrets.token_urlsafe(24), secrets.token_urlsafe(24)
        chat.tokens[visitor] = token
        found = HTMLResponse(f'<!doctype html><html><head><meta name="csrf" content="{token}"></head></html>')
        found.set_cookie("visitor", visitor, httponly=True)
        return found

    async def conversations(_: Request) -> Response:
        return JSONResponse({"id": secrets.token_hex(16)})

    async def login(request: Request) -> Response:
        if (await request.json()).get("password") != password:
            return JSONResponse({"error": "wrong password"}, status_code=403)
        chat.passes.add(secrets.token_urlsafe(24))
        return JSONResponse({"pass": sorted(chat.passes)[-1]})

    async def ask(request: Request) -> Response:
        body: Json = await request.json()
        chat.requests.append({"body": body, "headers": dict(request.headers), "path": request.url.path})
        door, way = request.path_params["door"], request.path_params["way"]
        refused = _refused(chat, door, request)
        if refused:
            return JSONResponse({"error": refused[1]}, status_code=refused[0])
        messages = _messages(chat, door, request, body)
        pieces = _answer(bot, chat, messages)
        try:
            first = await anext(pieces, "")
        except Down as down:
            status = {429: "too many requests"}.get(down.status, "down")
            return JSONResponse({"error": status}, status_code=down.status)
        return await _framed(way, first, pieces)

    async def talk(socket: WebSocket) -> None:
        await _talk(bot, chat, socket)

    return Starlette(
        routes=[
            Route("/", page),
            Route("/conversations", conversations, methods=["POST"]),
            Route("/login", login, methods=["POST"]),
            Route("/{door}/{way}", ask, methods=["POST"]),
            WebSocketRoute("/{door}/{way}", talk),
        ]
    )


def _refused(chat: Chat, door: str, request: HTTPConnection) -> tuple[int, str] | None:
    """Status and word for whoever may not come in by that door."""
    if door == "session":
        token = chat.tokens.get(request.cookies.get("visitor", ""))
        if token is None:
            return 401, "who are you?"
        if request.headers.get("x-csrf-token") != token:
            return 403, "forged"
    if door == "login" and request.headers.get("authorization", "").removeprefix("Bearer ") not in chat.passes:
        return 401, "your session has expired"
    return None


def _messages(chat: Chat, door: str, request: HTTPConnection, body: Json) -> list[dict[str, str]]:
    """The conversation so far, with the new question; what is remembered grows with it."""
    given = body.get("messages")
    if isinstance(given, list):
        return [dict(m) for m in given]
    host = request.client.host if request.client else ""
    known_by = {"session": request.cookies.get("visitor"), "open": f"{BY_ADDRESS} {host}"}
    key = known_by.get(door) or str(body.get("conversation", ""))
    messages = chat.remembered.setdefault(key, [])
    messages.append({"role": "user", "content": str(body["text"])})
    return messages


async def _answer(bot: Bot, chat: Chat, messages: list[dict[str, str]]) -> AsyncIterator[str]:
    chat.spoil()
    said = list[str]()
    async for piece in bot.reply(messages, 400):
        said.append(piece)
        yield piece
    messages.append({"role": "assistant", "content": "".join(said)})


async def _framed(way: str, first: str, pieces: AsyncIterator[str]) -> Response:
    if way == "json":
        return JSONResponse({"ok": True, "reply": {"text": first + "".join([p async for p in pieces])}})
    kinds = {"sse": "text/event-stream", "text": "text/plain; charset=utf-8"}
    return StreamingResponse(_stream(way, first, pieces), media_type=kinds.get(way, "application/x-ndjson"))


async def _stream(way: str, first: str, pieces: AsyncIterator[str]) -> AsyncIterator[str]:
    so_far = first
    yield _framed_piece(way, first, so_far)
    async for piece in pieces:
        so_far += piece
        yield _framed_piece(way, piece, so_far)
    if way != "text":
        yield "event: end\ndata: {}\n\n" if way == "sse" else '{"final": true}\n'


def _framed_piece(way: str, piece: str, so_far: str) -> str:
    match way:
        case "sse":
            return f"data: {json.dumps({'delta': piece})}\n\n"
        case "ndjson":
            return json.dumps({"piece": piece}) + "\n"
        case "growing":
            return json.dumps({"text": so_far}) + "\n"
        case _:
            return piece


async def _talk(bot: Bot, chat: Chat, socket: WebSocket) -> None:
    door, way = socket.path_params["door"], socket.path_params["way"]
    refused = _refused(chat, door, socket)
    if refused:
        await socket.send_denial_response(JSONResponse({"error": refused[1]}, status_code=refused[0]))
        return
    await socket.accept()
    here = list[dict[str, str]]()  # a socket is a conversation
    with contextlib.suppress(WebSocketDisconnect):
        hello: Json = json.loads(await socket.receive_text())
        await socket.send_text(json.dumps({"welcome": hello.get("hello")}))
        while True:
            body: Json = json.loads(await socket.receive_text())
            chat.requests.append({"body": body, "headers": dict(socket.headers), "path": socket.url.path})
            given = body.get("messages")
            messages = [dict(m) for m in given] if isinstance(given, list) else here
            if messages is here:
                here.append({"role": "user", "content": str(body["text"])})
            await _say(way, socket, _answer(bot, chat, messages))


async def _say(way: str, socket: WebSocket, pieces: AsyncIterator[str]) -> None:
    text = way == "socket_text"
    try:
        async for piece in pieces:
            await socket.send_text(piece if text else json.dumps({"delta": piece}))
    except Down:
        await socket.send_text(json.dumps({"error": "down"}))
        return
    await socket.send_text(END if text else json.dumps({"final": True}))
