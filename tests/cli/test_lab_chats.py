"""The lab's home-made chats: what they remember, whom they let in, and what their templates say of them."""

import json
from collections.abc import AsyncIterator, Iterator

import httpx
import pytest

from tests.lab.chats import DOORS, WAYS, Chat, serve_chat, template_of
from wrapdetect.cli.demo.bots import Down
from wrapdetect.cli.demo.voice import Messages


class Counting:
    """Says how many questions it was asked in this conversation, in two pieces."""

    model = "counting"

    async def reply(self, messages: Messages, max_tokens: int) -> AsyncIterator[str]:
        yield "Number "
        yield str(sum(m["role"] == "user" for m in messages))


@pytest.fixture(scope="module")
def chat() -> Iterator[Chat]:
    with serve_chat(Counting(), password="open sesame") as running:
        yield running


@pytest.fixture
def client(chat: Chat) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=chat.url, trust_env=False) as made:
        yield made


FRAMED = {
    "json": '{"ok":true,"reply":{"text":"Number 1"}}',
    "sse": 'data: {"delta": "Number "}\n\ndata: {"delta": "1"}\n\nevent: end\ndata: {}\n\n',
    "ndjson": '{"piece": "Number "}\n{"piece": "1"}\n{"final": true}\n',
    "text": "Number 1",
    "growing": '{"text": "Number "}\n{"text": "Number 1"}\n{"final": true}\n',
}


@pytest.mark.parametrize("way", FRAMED)
def test_each_way_frames_the_same_answer(client: httpx.Client, way: str) -> None:
    answer = client.post(f"/messages/{way}", json={"messages": [{"role": "user", "content": "a"}]})
    assert answer.text == FRAMED[way]


def test_a_conversation_is_remembered_by_its_id(client: httpx.Client) -> None:
    one, two = (client.post("/conversations").json()["id"] for _ in range(2))
    asked = [{"text": "a", "conversation": id_} for id_ in (one, one, two)]
    said = [client.post("/id/json", json=body).json()["reply"]["text"] for body in asked]
    assert said == ["Number 1", "Number 2", "Number 1"]


def test_nobody_comes_in_without_cookie_or_with_a_forged_token(client: httpx.Client) -> None:
    assert client.post("/session/json", json={"text": "a"}).status_code == 401
    client.get("/")
    assert client.post("/session/json", json={"text": "a"}).status_code == 403
    assert client.post("/session/json", json={"text": "a"}, headers={"x-csrf-token": "other"}).status_code == 403


def test_a_pass_is_had_for_the_password_only(client: httpx.Client) -> None:
    assert client.post("/login", json={"password": "guess"}).status_code == 403
    assert client.post("/login/json", json={"text": "a"}).status_code == 401
    handed = client.post("/login", json={"password": "open sesame"}).json()["pass"]
    answer = client.post("/login/json", json={"text": "a"}, headers={"authorization": f"Bearer {handed}"})
    assert answer.status_code == 200


def test_a_bot_that_is_down_says_so(chat: Chat, client: httpx.Client) -> None:
    def spoil() -> None:
        raise Down(503)

    chat.spoil = spoil
    try:
        assert client.post("/open/sse", json={"text": "a"}).status_code == 503
    finally:
        chat.spoil = lambda: None


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("way", WAYS)
def test_every_template_asks_by_its_body(way: str, door: str) -> None:
    template = template_of(way, door)  # type: ignore[arg-type]  # of the same tuple
    assert json.loads(template.body)
    assert template.path == f"/{door}/{way}"
    assert template.holds_history == (door == "messages")
