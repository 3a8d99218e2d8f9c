"""Every known API over real HTTP: the lab's bot is heard through each, and each goes by the rules of ways/http."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from functools import partial
from itertools import pairwise

import httpx
import pytest

from tests.conftest import an_endpoint, read_as
from tests.lab.bots import RecordedBot
from tests.ways.misbehaving import (
    BEHAVIOURS,
    LAST_CHUNK,
    STREAM_HEAD,
    Peer,
    Reads,
    chunk,
    error_body,
    fixed,
    http_sender,
    raw,
    serving,
)
from tests.ways.test_heartbeat import a_chat, with_pulse
from tests.ways.test_http import FAILURES, UNENDING
from wrapdetect.cli.demo.server import Served, serve
from wrapdetect.cli.demo.voice import Messages
from wrapdetect.dialects import decode, encode
from wrapdetect.model import Ask, AskKey, Dialect, Endpoint, Exchange
from wrapdetect.model.history import Outcome
from wrapdetect.ways import clock
from wrapdetect.ways.heartbeat import HttpPulse
from wrapdetect.ways.http import BYTE_LIMIT
from wrapdetect.ways.net.lines import connections

KEY = "sk-planted-0123456789abcdef"
QUESTION, SAID = "Why are there tides?", "The moon pulls 水, and “so on”.\n"
APIS: tuple[Dialect, ...] = (
    *("openai_stream", "openai_plain", "responses_stream", "responses_plain", "anthropic_stream", "anthropic_plain"),
    *("ollama_stream", "ollama_plain", "gemini_stream", "gemini_plain"),
)
OTHERS = APIS[2:]
CONNECTIONS = connections()
"""Shared by all tests: certificates take 27 ms to load."""
KEY_HEADERS = {"o": "authorization", "r": "authorization", "a": "x-api-key", "g": "x-goog-api-key"}
USUAL = {"host", "accept", "accept-encoding", "content-type", "content-length", "user-agent"}


def exchanges_with(
    endpoint: Endpoint,
    *asks: Ask,
    key: str | None = None,
    timeout_s: float = 10.0,
    byte_limit: int = BYTE_LIMIT,
    transport: Callable[[], httpx.AsyncBaseTransport] = CONNECTIONS,
    stopwatch: Callable[[], float] = clock.stopwatch,
    at_once: bool = False,
) -> list[Exchange]:
    """The first turn of each ask, one after the other or all at once, through one sender."""

    async def go() -> list[Exchange]:
        async with http_sender(
            endpoint, key=key, timeout_s=timeout_s, byte_limit=byte_limit, transport=transport, stopwatch=stopwatch
        ) as send:
            if at_once:
                return list(await asyncio.gather(*(send(endpoint, a, 0, 0, encode(a, (), endpoint)) for a in asks)))
            return [await send(endpoint, a, 0, 0, encode(a, (), endpoint)) for a in asks]

    return asyncio.run(go())


def an_ask(n: int = 0, **more: object) -> Ask:
    fields: dict[str, object] = {
        "key": AskKey("style", "tides", n),
        "turns": (QUESTION,),
        "system": "",
        "temperature": 0.7,
        "max_tokens": 40,
    }
    return Ask(**{**fields, **more})  # type: ignore[arg-type]  # a test may override any field


def one(endpoint: Endpoint, **more: object) -> Exchange:
    return exchanges_with(endpoint, an_ask(), **more)[0]  # type: ignore[arg-type]  # options, given by name


def at(url: str, dialect: Dialect, **more: object) -> Endpoint:
    return an_endpoint("bot", "target", **{"url": url, "dialect": dialect, "model": "bot-1", **more})


def in_lab(served: Served, dialect: Dialect, **more: object) -> Endpoint:
    version = {"o": "/v1", "r": "/v1", "a": "/v1", "g": "/v1beta"}[dialect[0]]
    return at(served.root + ("" if dialect.startswith("ollama") else version), dialect, **more)


def a_bot() -> RecordedBot:
    return RecordedBot(model="bot-1", answers={QUESTION: SAID})


@pytest.fixture(scope="module")
def lab() -> Iterator[Served]:
    """A bot that knows one answer and wants a key, behind every API."""
    with serve(a_bot(), key=KEY) as served:
        yield served


# The lab's bot through each API


@pytest.mark.parametrize("dialect", APIS)
def test_the_same_bot_says_the_same_through_every_api(dialect: Dialect, lab: Served) -> None:
    endpoint = in_lab(lab, dialect)
    exchange = one(endpoint, key=KEY)
    reply = decode(exchange, endpoint)
    assert (reply.text, reply.model, reply.failure) == (SAID, "bot-1", None)
    assert len(reply.pieces) == (1 if dialect.endswith("plain") else 9)
    assert KEY not in repr(exchange)
    assert json.loads(exchange.sent) == lab.requests[-1]["body"]


class Listening(RecordedBot):
    """Says how much it may say, and keeps what it was asked."""

    heard: list[Messages]

    def __init__(self) -> None:
        super().__init__(model="bot-1", answers={})
        self.heard = []

    async def reply(self, messages: Messages, max_tokens: int) -> AsyncIterator[str]:
        self.heard.append(messages)
        yield f"Yes, {max_tokens}."


def test_a_conversation_behind_a_system_prompt_reaches_the_bot_whole() -> None:
    ask, bot = an_ask(turns=("One?", "Two?"), system="Be brief."), Listening()

    async def second_turn(endpoint: Endpoint) -> Exchange:
        async with http_sender(endpoint, transport=CONNECTIONS) as send:
            call = encode(ask, ("Ja.",), endpoint)
            return await send(endpoint, ask, 1, 0, call)

    with serve(bot) as served:
        for dialect in APIS:
            endpoint = in_lab(served, dialect)
            assert decode(asyncio.run(second_turn(endpoint)), endpoint).text == "Yes, 40.", dialect
    assert bot.heard == len(APIS) * [
        [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "One?"},
            {"role": "assistant", "content": "Ja."},
            {"role": "user", "content": "Two?"},
        ]
    ]


@pytest.mark.parametrize("dialect", APIS)
def test_a_wrong_key_and_an_unknown_model_are_refused_in_the_servers_own_words(dialect: Dialect, lab: Served) -> None:
    wrong = one(in_lab(lab, dialect), key="sk-not-the-planted-one").failure
    unknown = one(in_lab(lab, dialect, model="bot-2"), key=KEY).failure
    assert wrong is not None
    assert unknown is not None
    assert (wrong.kind, unknown.kind) == ("refused", "refused")
    assert "HTTP 401" in wrong.detail
    assert "*" * len("sk-not-the-planted-one") in wrong.detail
    assert "HTTP 404" in unknown.detail
    assert "bot-2" in unknown.detail


@pytest.mark.parametrize("dialect", APIS)
def test_a_heartbeat_speaks_every_api(dialect: Dialect, lab: Served) -> None:
    endpoint = in_lab(lab, dialect)
    service = a_chat(endpoint.url, dialect=dialect, model="bot-1")
    gone = a_chat(endpoint.url, "gone", dialect=dialect, model="bot-2")

    async def both(pulse: HttpPulse) -> list[Outcome]:
        return [(await pulse.beat(s, 1_700_000_100)).outcome for s in (service, gone)]

    outcomes = with_pulse(service, gone, do=both, keys={"bot": KEY, "gone": KEY}, transport=CONNECTIONS)
    assert outcomes == [Outcome.UP, Outcome.REFUSED]
    headers = lab.requests[-1]["headers"]
    assert isinstance(headers, dict)
    assert set(headers) - USUAL - {"connection"} == {KEY_HEADERS[dialect[0]]} | (
        {"anthropic-version"} if dialect[0] == "a" else set()
    )


# What goes out


@pytest.mark.parametrize("dialect", APIS)
@pytest.mark.parametrize("key", [KEY, None], ids=["key", "no_key"])
def test_only_the_named_headers_go_out(dialect: Dialect, key: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ANTHROPIC_API_KEY", "GEMINI_API_KEY", "GOOGLE_API_KEY", "OLLAMA_API_KEY", "ANTHROPIC_CUSTOM_HEADERS"):
        monkeypatch.setenv(name, "planted")
    with serving(fixed(b"{}")) as server:
        one(at(server.url, dialect), key=key)
    (heard,) = server.requests
    more = ({KEY_HEADERS[dialect[0]]} if key else set()) | ({"anthropic-version"} if dialect[0] == "a" else set())
    assert set(heard.headers) == USUAL | more
    assert heard.headers["accept-encoding"] == "identity"
    assert "planted" not in heard.head.replace(KEY, "")
    if key:
        assert heard.headers[KEY_HEADERS[dialect[0]]].removeprefix("Bearer ") == KEY


@pytest.mark.parametrize(
    ("dialect", "start"),
    [
        ("responses_plain", "POST /v1/responses HTTP/1.1"),
        ("anthropic_stream", "POST /v1/messages HTTP/1.1"),
        ("ollama_stream", "POST /v1/api/chat HTTP/1.1"),
        ("gemini_plain", "POST /v1/models/bot-1:generateContent HTTP/1.1"),
        ("gemini_stream", "POST /v1/models/bot-1:streamGenerateContent?alt=sse HTTP/1.1"),
    ],
)
def test_the_question_goes_where_the_api_takes_it(dialect: Dialect, start: str) -> None:
    with serving(fixed(b"{}")) as server:
        exchange = one(at(server.url, dialect))
    assert server.requests[0].head.startswith(start)
    assert server.requests[0].body == exchange.sent.encode()


# The rules hold for each


@pytest.mark.parametrize("dialect", OTHERS)
def test_a_redirect_is_refused_and_never_followed(dialect: Dialect) -> None:
    def moved(peer: Peer) -> None:
        fixed(b"", status="307 Moved", headers=(f"location: {other.url}/x?token=1",))(peer)

    with serving(fixed(b"{}")) as other, serving(moved) as server:
        failure = one(at(server.url, dialect), key=KEY).failure
    assert failure is not None
    assert (failure.kind, "token" in failure.detail) == ("refused", False)
    assert other.requests == []


@pytest.mark.parametrize("dialect", OTHERS)
@pytest.mark.parametrize("name", ["broken_server", "too_many", "hangs_up", "truncated_chunked"])
def test_nothing_is_retried_in_silence(dialect: Dialect, name: str) -> None:
    with serving(BEHAVIOURS[name]) as server:
        failure = one(at(server.url, dialect)).failure
    assert failure is not None
    assert failure.kind == FAILURES[name][0]
    assert len(server.requests) == 1


SHAPED = {
    *("no_done", "error_mid_stream", "no_choices", "empty_answer", "wrong_content_type", "invalid_utf8"),
    *("invalid_utf8_json", "deeply_nested_event", "gzip_bomb", "damaged_gzip", "unasked_brotli", "error_as_200"),
    *("json_list", "json_cut", "deeply_nested_json"),
}
"""What depends on how an answer is written: tests/dialects/test_dialects_api.py writes it in each API's own way."""


@pytest.mark.slow
@pytest.mark.parametrize("dialect", ["responses_stream", "anthropic_stream", "ollama_plain", "gemini_plain"])
@pytest.mark.parametrize("name", BEHAVIOURS)
def test_each_misbehaviour_ends_in_a_failure_within_the_limit_on_time(dialect: Dialect, name: str) -> None:
    with serving(BEHAVIOURS[name]) as server:
        exchange = one(at(server.url, dialect), timeout_s=1.0 if name in UNENDING else 20.0, key=KEY)
    failure = read_as(exchange, dialect).failure
    assert failure is not None
    assert name in SHAPED or failure.kind == FAILURES[name][0], failure
    assert exchange.ended_s < 20.0
    assert KEY not in repr(exchange)


@pytest.mark.parametrize("name", ["unauthorized", "html_page", "resets", "no_content", "moved", "not_http"])
def test_a_misbehaviour_has_its_name_in_every_api(name: str) -> None:
    for dialect in ("anthropic_stream", "gemini_plain"):
        with serving(BEHAVIOURS[name]) as server:
            failure = read_as(one(at(server.url, dialect), key=KEY), dialect).failure
        assert failure is not None
        assert failure.kind == FAILURES[name][0]


def test_a_key_that_comes_back_is_masked_whatever_header_it_went_out_in() -> None:
    def echo(peer: Peer) -> None:
        given = peer.request.headers.get("x-goog-api-key", "")
        fixed(error_body(f"Bad key {given}"), status="400 Bad Request", headers=(f"x-goog-api-key: {given}x",))(peer)

    with serving(echo) as server:
        exchange = one(at(server.url, "gemini_plain"), key=KEY)
    assert KEY in server.requests[0].head
    assert KEY not in repr(exchange)
    assert dict(exchange.headers)["x-goog-api-key"] == "[masked]"


def test_chunks_are_stamped_as_they_come() -> None:
    reads, gap_s = Reads(), 0.03

    def behave(peer: Peer) -> None:
        peer.send(STREAM_HEAD)
        for piece in ("The", " moon", " pulls"):
            peer.wait(gap_s)
            line = {"model": "m", "message": {"content": piece}, "done": False}
            reads.after(partial(peer.send, chunk(json.dumps(line).encode() + b"\n")))
        peer.send(chunk(b'{"done": true, "message": {}}\n') + LAST_CHUNK)

    with serving(behave) as server:
        pieces = read_as(one(at(server.url, "ollama_stream"), stopwatch=reads), "ollama_stream").pieces
    assert [p.text for p in pieces] == ["The", " moon", " pulls"]
    assert min(b.t_s - a.t_s for a, b in pairwise(pieces)) > gap_s / 2


def test_an_answer_past_our_limit_is_cut_off() -> None:
    with serving(fixed(b"x" * 5000)) as server:
        failure = one(at(server.url, "ollama_plain"), byte_limit=1000).failure
    assert failure is not None
    assert (failure.kind, failure.detail) == ("cut_off", "the answer passes 1,000 bytes; reading stopped")


# Connections


def test_a_connection_is_used_again_and_no_more_are_opened_than_questions_are_under_way() -> None:
    seen: list[int] = []

    def behave(peer: Peer) -> None:
        seen.append(peer.connection.fileno())
        fixed(b'{"message": {"content": "Hi."}}')(peer)

    with serving(behave, keep_open=True) as server:
        endpoint = at(server.url, "ollama_plain")
        exchanges = exchanges_with(endpoint, *(an_ask(n) for n in range(5)))
    assert [decode(e, endpoint).text for e in exchanges] == ["Hi."] * 5
    assert len(set(seen)) == 1


def test_many_questions_at_once_are_all_answered() -> None:
    with serve(a_bot()) as served:
        endpoint = in_lab(served, "anthropic_stream")
        exchanges = exchanges_with(endpoint, *(an_ask(n) for n in range(24)), at_once=True)
    assert {decode(e, endpoint).text for e in exchanges} == {SAID}
    assert [e.ask.draw for e in exchanges] == list(range(24))


def test_one_that_failed_does_not_spoil_the_next() -> None:
    good = fixed(b'{"message": {"content": "Hi."}}')
    turns = iter([BEHAVIOURS["resets"], BEHAVIOURS["truncated_chunked"], raw(b"junk\r\n\r\n"), good])
    with serving(lambda peer: next(turns)(peer)) as server:
        endpoint = at(server.url, "ollama_plain")
        exchanges = exchanges_with(endpoint, *(an_ask(n) for n in range(4)))
    assert [e.failure is None for e in exchanges] == [False, False, False, True]


def test_a_refused_port_is_a_failure_to_connect() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    failure = one(at(f"http://127.0.0.1:{port}", "anthropic_plain")).failure
    assert failure is not None
    assert failure.kind == "connect"


class Faulty(httpx.AsyncBaseTransport):
    """A transport with a bug."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        raise ZeroDivisionError("a bug of ours")


def test_a_bug_of_ours_is_raised_and_never_recorded_as_an_outage_of_theirs() -> None:
    with pytest.raises(ZeroDivisionError):
        one(at("http://bot.example/v1", "gemini_plain"), transport=Faulty)
