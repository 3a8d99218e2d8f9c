"""Questions put to a template's endpoint over real HTTP or a real websocket, conversation by conversation."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import httpx

from tests.conftest import an_endpoint
from wrapdetect.dialects import decode, encode
from wrapdetect.model import Ask, AskKey, Endpoint, Exchange, Template
from wrapdetect.runs.ask import Send
from wrapdetect.ways import clock
from wrapdetect.ways.http import BYTE_LIMIT
from wrapdetect.ways.keyring import Keyring
from wrapdetect.ways.template.sender import TemplateSender


def a_bot(url: str, template: Template, **more: object) -> Endpoint:
    return an_endpoint("bot", "target", url=url, dialect="template", model="", template=template, **more)


def an_ask(*turns: str, draw: int = 0) -> Ask:
    return Ask(key=AskKey("style", "tides", draw), turns=turns, system="", temperature=0, max_tokens=9)


def sender(
    *endpoints: Endpoint,
    key: str | None = None,
    variables: dict[str, str] | None = None,
    timeout_s: float = 20.0,
    byte_limit: int = BYTE_LIMIT,
    transport: Callable[[], httpx.AsyncBaseTransport] | None = None,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> TemplateSender:
    return TemplateSender(
        endpoints,
        keyring=Keyring({} if key is None else {"bot": key}, variables or {}),
        now=clock.now,
        stopwatch=clock.stopwatch,
        timeout_s=timeout_s,
        byte_limit=byte_limit,
        transport=transport,
        sleep=sleep,
    )


async def converse(
    send: Send, endpoint: Endpoint, ask: Ask, between: Callable[[], Awaitable[None]] | None = None
) -> list[Exchange]:
    """All turns, as long as answers come; `between` is awaited before each but the first."""
    found, answers = list[Exchange](), list[str]()
    for turn in range(len(ask.turns)):
        if turn and between:
            await between()
        found.append(await send(endpoint, ask, turn, 0, encode(ask, answers, endpoint)))
        reply = decode(found[-1], endpoint)
        if reply.failure is not None:
            break
        answers.append(reply.text)
    return found


def ask_all(
    endpoint: Endpoint,
    *asks: Ask,
    between: Callable[[int], object] = lambda number: None,
    key: str | None = None,
    variables: dict[str, str] | None = None,
    timeout_s: float = 20.0,
    byte_limit: int = BYTE_LIMIT,
    transport: Callable[[], httpx.AsyncBaseTransport] | None = None,
) -> list[list[Exchange]]:
    """Each ask's exchanges, one conversation after the other, through one sender; `between` runs before each."""

    async def go() -> list[list[Exchange]]:
        found = []
        async with sender(
            endpoint, key=key, variables=variables, timeout_s=timeout_s, byte_limit=byte_limit, transport=transport
        ) as send:
            for number, ask in enumerate(asks):
                between(number)
                found.append(await converse(send, endpoint, ask))
        return found

    return asyncio.run(go())


def ask_one(endpoint: Endpoint, question: str = "Why are there tides?", **more: object) -> Exchange:
    """One question of one conversation."""
    ((exchange, *_),) = ask_all(endpoint, an_ask(question), **more)  # type: ignore[arg-type]  # options of ask_all
    return exchange


def texts(endpoint: Endpoint, exchanges: Sequence[Exchange]) -> list[str]:
    return [decode(e, endpoint).text for e in exchanges]
