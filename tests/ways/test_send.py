"""The ways to endpoints: keys at hand and told before one is opened, a person only where somebody answers by hand."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from tests.conftest import an_endpoint, an_exchange
from wrapdetect.dialects import Call, encode
from wrapdetect.errors import SpecError
from wrapdetect.model import Ask, AskKey, Endpoint, Exchange
from wrapdetect.ways.send import Sender, ways_to

ASK = Ask(key=AskKey("style", "tides", 0), turns=("Why?",), system="", temperature=0.7, max_tokens=100)
API = an_endpoint("api", url="https://bot.example/v1", key_env="BOT_KEY")
PASTED = an_endpoint("target", "target", dialect="pasted")


class Person:
    """Who answers by hand, and how often they sat down to it."""

    def __init__(self) -> None:
        self.came = 0

    @asynccontextmanager
    async def at_the_desk(self) -> AsyncIterator[Sender]:
        self.came += 1
        yield self

    async def __call__(self, endpoint: Endpoint, ask: Ask, turn: int, attempt: int, call: Call) -> Exchange:
        return an_exchange(endpoint.name, ask.key, "By hand.", turn=turn, attempt=attempt)


def test_which_variable_goes_where_is_told_before_a_way_is_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BOT_KEY", "sk-planted-0123456789abcdef")
    said: list[str] = []
    ways_to((API, an_endpoint("open")), say=said.append, timeout_s=1)
    assert said == ["sends  BOT_KEY to bot.example"]


def test_a_key_that_is_not_set_is_told_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BOT_KEY", raising=False)
    said: list[str] = []
    with pytest.raises(SpecError, match="the environment variable BOT_KEY is not set"):
        ways_to((API,), say=said.append, timeout_s=1)
    assert said == []


def test_a_person_answers_for_whoever_is_pasted_and_is_not_called_for_others() -> None:
    person = Person()
    api = an_endpoint("api")

    async def go() -> Exchange:
        ways = ways_to((PASTED, api), say=print, timeout_s=1, person=person.at_the_desk())
        async with ways((api,)):
            assert person.came == 0
        async with ways((PASTED, api)) as send:
            return await send(PASTED, ASK, 0, 0, encode(ASK, (), PASTED))

    exchange = asyncio.run(go())
    assert (exchange.endpoint, person.came) == ("target", 1)
    assert b"By hand." in exchange.chunks[0].data


def test_a_pasted_endpoint_without_a_person_is_refused() -> None:
    async def go() -> None:
        async with ways_to((PASTED,), say=print, timeout_s=1)((PASTED,)):
            raise AssertionError("opened")

    with pytest.raises(SpecError, match="its answers were pasted; ask it by `wrapdetect ask --manual`"):
        asyncio.run(go())
