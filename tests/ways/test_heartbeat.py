"""Heartbeats over real HTTP on loopback: what goes out, what each misbehaviour becomes, and what is never said."""

import asyncio
import json
import socket
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, TypeVar

import httpx
import pytest

from tests.conftest import an_endpoint, an_item
from tests.ways.misbehaving import (
    BEHAVIOURS,
    LAST_CHUNK,
    STREAM_HEAD,
    Behaviour,
    Peer,
    Reads,
    Server,
    chunk,
    completion,
    error_body,
    event,
    fixed,
    serving,
    stream,
)
from tests.ways.test_http import FAILURES, UNENDING, UNENDING_S
from wrapdetect.model import Dialect
from wrapdetect.model.history import UNKNOWN, Outcome, Service
from wrapdetect.monitor.rounds import Sign
from wrapdetect.monitor.schedule import heartbeat
from wrapdetect.store.shipped import load_pack
from wrapdetect.ways import clock
from wrapdetect.ways.heartbeat import PAGE_LIMIT, SAID_LIMIT, HttpPulse
from wrapdetect.ways.http import SENT_HEADERS
from wrapdetect.ways.keyring import Keyring
from wrapdetect.ways.net.lag import Lag

KEY = "sk-planted-0123456789abcdef"
ROUND_S = 1_700_000_100
ANSWER = stream(event("7", "length"), b"data: [DONE]\n\n")
T = TypeVar("T")


def a_chat(url: str, name: str = "bot", *, dialect: Dialect = "openai_stream", **more: object) -> Service:
    endpoint = an_endpoint(name, **{"url": url, "dialect": dialect, **more})  # type: ignore[arg-type]  # any field
    return Service(name=name, kind="candidate", url=url, endpoint=endpoint)


def a_site(url: str) -> Service:
    return Service(name="site", kind="site", url=url)


def with_pulse(
    *services: Service,
    do: Callable[[HttpPulse], Coroutine[object, object, T]],
    timeout_s: float = 5.0,
    keys: dict[str, str] | None = None,
    transport: Callable[[], httpx.AsyncBaseTransport] | None = None,
    stopwatch: Callable[[], float] = clock.stopwatch,
) -> T:
    pulse = HttpPulse(
        services,
        keyring=Keyring(keys or {}),
        now=clock.now,
        stopwatch=stopwatch,
        timeout_s=timeout_s,
        transport=transport,
        lag=Lag(lambda: 0.0),  # a busy machine is not what is tested here
    )

    async def go() -> T:
        return await do(pulse)

    return asyncio.run(go())


def beat(service: Service, **more: object) -> Sign:
    return with_pulse(service, do=lambda pulse: pulse.beat(service, ROUND_S), **more)  # type: ignore[arg-type]


def beat_at(behaviour: Behaviour, *, dialect: Dialect = "openai_stream", **more: object) -> tuple[Sign, Server]:
    with serving(behaviour) as server:
        return beat(a_chat(server.url, dialect=dialect), **more), server


# What goes out


def test_a_heartbeat_is_one_short_question_with_one_token_to_answer() -> None:
    sign, server = beat_at(ANSWER)
    assert sign.outcome is Outcome.UP
    (heard,) = server.requests
    body = json.loads(heard.body)
    assert heard.head.startswith("POST /v1/chat/completions HTTP/1.1")
    assert body["messages"] == [{"role": "user", "content": heartbeat(ROUND_S).turns[0]}]
    assert (body["max_tokens"], body["temperature"], body["stream"]) == (1, 0.0, True)


@pytest.mark.parametrize(("limit", "wanted"), [("max_completion_tokens", {"max_completion_tokens": 1}), ("omit", {})])
def test_what_the_endpoint_takes_is_respected(limit: str, wanted: dict[str, int]) -> None:
    with serving(fixed(completion("7"))) as server:
        beat(a_chat(server.url, dialect="openai_plain", token_limit=limit, send_temperature=False))
    body = json.loads(server.requests[0].body)
    assert {k: v for k, v in body.items() if k not in ("model", "messages")} == wanted


def test_no_header_says_more_than_it_must_and_the_key_goes_to_its_endpoint_only() -> None:
    with serving(ANSWER) as server, serving(ANSWER) as other:
        mine, his, page = a_chat(server.url), a_chat(other.url, "other"), a_site(other.url)

        async def all_three(pulse: HttpPulse) -> None:
            for service in (mine, his, page):
                await pulse.beat(service, ROUND_S)

        with_pulse(mine, his, page, keys={"bot": KEY}, do=all_three)
    assert set(server.requests[0].headers) <= SENT_HEADERS
    assert server.requests[0].headers["authorization"] == f"Bearer {KEY}"
    assert server.requests[0].headers["accept-encoding"] == "identity"
    assert server.requests[0].headers["user-agent"].startswith("wrapdetect/")
    assert len(other.requests) == 2
    assert all("authorization" not in heard.headers for heard in other.requests)


def test_a_proxy_in_the_environment_sees_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(ANSWER) as proxy, serving(ANSWER) as server:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, proxy.url.removesuffix("/v1"))
        assert beat(a_chat(server.url)).outcome is Outcome.UP
    assert proxy.requests == []


def test_every_request_goes_through_the_given_transport() -> None:
    class Recording(httpx.AsyncBaseTransport):
        asked: list[str] = []  # noqa: RUF012  # of all of them, as each request has its own

        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            self.asked.append(f"{request.method} {request.url}")
            return httpx.Response(200, headers={"content-type": "application/json"}, stream=Once())

    class Once(httpx.AsyncByteStream):
        async def __aiter__(self):  # type: ignore[no-untyped-def]  # of bytes
            yield completion("7")

    sign = beat(a_chat("http://bot.example/v1"), transport=Recording)
    assert sign.outcome is Outcome.UP
    assert Recording.asked == ["POST http://bot.example/v1/chat/completions"]


@pytest.mark.parametrize("name", ["broken_server", "too_many", "hangs_up", "truncated_chunked", "moved"])
def test_nothing_is_retried_or_followed(name: str) -> None:
    _, server = beat_at(BEHAVIOURS[name])
    assert len(server.requests) == 1


# What comes of it


@pytest.mark.parametrize("name", BEHAVIOURS)
def test_each_misbehaviour_becomes_the_outcome_of_its_failure(name: str) -> None:
    kind, detail = FAILURES[name]
    sign, _ = beat_at(BEHAVIOURS[name], timeout_s=UNENDING_S if name in UNENDING else 10.0, keys={"bot": KEY})
    assert (sign.outcome.name.lower(), sign.latency_ms) == (kind, 0)
    assert detail in sign.said
    assert 0 < len(sign.said) <= SAID_LIMIT
    assert sign.said.isprintable()
    assert KEY not in sign.said


@pytest.mark.parametrize(
    ("told", "outcome"),
    [
        ({"error": {"code": 429, "message": "slow down"}}, Outcome.LIMITED),
        ({"error": {"type": "insufficient_quota", "message": "x"}}, Outcome.LIMITED),
        ({"code": 429, "msg": "slow down"}, Outcome.LIMITED),
        ({"detail": "Rate limit exceeded"}, Outcome.LIMITED),
        ({"error": {"code": 401, "message": "no"}}, Outcome.REFUSED),
        ({"error": {"code": 402, "message": "Insufficient credits"}}, Outcome.REFUSED),
        ({"error": {"type": "overloaded_error", "message": "x"}}, Outcome.SERVER),
        ({"error": "boom"}, Outcome.SERVER),
    ],
)
def test_a_limit_or_refusal_of_ours_is_no_outage_however_it_is_told(told: object, outcome: Outcome) -> None:
    data = json.dumps(told).encode()
    for behaviour in (
        fixed(data),
        stream(b"data: " + data + b"\n\n"),
        stream(event("7"), b"event: error\ndata: " + data + b"\n\n"),
        fixed(data, status="503 Service Unavailable") if outcome is not Outcome.SERVER else fixed(data),
    ):
        sign, _ = beat_at(behaviour)
        assert (sign.outcome, sign.latency_ms) == (outcome, 0)
    assert (outcome in UNKNOWN) == (outcome is not Outcome.SERVER)


def test_a_port_where_nobody_listens_is_no_connection() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    assert beat(a_chat(f"http://127.0.0.1:{port}/v1")).outcome is Outcome.CONNECT


def test_a_certificate_that_nobody_trusts_is_no_connection() -> None:
    with serving(ANSWER) as server:
        assert beat(a_chat(server.url.replace("http:", "https:"))).outcome is Outcome.CONNECT


@pytest.mark.parametrize("finish", ["length", "max_tokens"])
def test_one_token_that_is_no_text_is_an_answer(finish: str) -> None:
    body = json.dumps({"choices": [{"message": {"content": ""}, "finish_reason": finish}]}).encode()
    plain, _ = beat_at(fixed(body), dialect="openai_plain")
    streamed, _ = beat_at(stream(event("", finish), b"data: [DONE]\n\n"))
    assert (plain.outcome, streamed.outcome) == (Outcome.UP, Outcome.UP)
    assert plain.latency_ms > 0
    assert (plain.said, streamed.said) == ("", "")


def test_an_empty_answer_that_was_not_cut_is_none() -> None:
    body = json.dumps({"choices": [{"message": {"content": ""}, "finish_reason": "stop"}]}).encode()
    sign, _ = beat_at(fixed(body), dialect="openai_plain")
    assert (sign.outcome, sign.said) == (Outcome.GARBLED, "an empty answer")


def test_a_model_that_would_think_longer_than_a_token_is_up() -> None:
    said = error_body("Could not finish the message because max_tokens or model output limit was reached.")
    assert beat_at(fixed(said, status="400 Bad Request"))[0].outcome is Outcome.UP
    assert beat_at(fixed(error_body("no such model"), status="400 Bad Request"))[0].outcome is Outcome.REFUSED


def test_the_latency_is_that_of_the_first_piece_and_not_of_the_last() -> None:
    reads, sent_s = Reads(), list[float]()

    def behave(peer: Peer) -> None:
        peer.send(STREAM_HEAD)
        for piece in (event("7"), event("", "length")):
            peer.wait(0.1)
            sent_s.append(clock.stopwatch())
            reads.after(partial(peer.send, chunk(piece)))
        peer.send(LAST_CHUNK)

    sign, _ = beat_at(behave, stopwatch=reads)
    assert sign.outcome is Outcome.UP
    first_ms, last_ms = ((at_s - sign.sent_s) * 1000 for at_s in sent_s)
    assert first_ms - 1 <= sign.latency_ms < last_ms - 50


def test_the_moment_of_sending_is_told_by_the_stopwatch() -> None:
    before = clock.stopwatch()
    sign, _ = beat_at(ANSWER)
    assert before < sign.sent_s < clock.stopwatch()


def test_an_echoed_key_is_masked() -> None:
    sign, _ = beat_at(BEHAVIOURS["unauthorized"], keys={"bot": KEY})
    assert "Incorrect API key provided: ****" in sign.said


def test_a_hostile_failure_is_one_short_printable_line() -> None:
    sign, _ = beat_at(fixed(b"\x1b[31m" + b"no\n" * 500, status="500 Oh"))
    assert "?[31m" in sign.said
    assert sign.said.isprintable()
    assert len(sign.said) == SAID_LIMIT


def test_a_bug_of_ours_is_raised() -> None:
    class Faulty(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            raise ZeroDivisionError("a bug of ours")

    with pytest.raises(ZeroDivisionError):
        beat(a_chat("http://bot.example/v1"), transport=Faulty)


# Sites


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        ("200 OK", Outcome.UP),
        ("204 No Content", Outcome.UP),
        ("301 Moved Permanently", Outcome.UP),
        ("403 Forbidden", Outcome.UP),
        ("429 Too Many Requests", Outcome.UP),
        ("500 Internal Server Error", Outcome.SERVER),
        ("503 Service Unavailable", Outcome.SERVER),
    ],
)
def test_a_site_that_answers_below_500_is_up(status: str, outcome: Outcome) -> None:
    with serving(ANSWER) as elsewhere:
        head = (f"location: {elsewhere.url}",) if status.startswith("301") else ()
        with serving(fixed(b"<html>hello</html>", status=status, headers=head, kind="text/html")) as server:
            sign = beat(a_site(server.url))
    assert sign.outcome is outcome
    assert (sign.latency_ms > 0) == (outcome is Outcome.UP)
    assert server.requests[0].head.startswith("GET /v1 HTTP/1.1")
    assert elsewhere.requests == []


def test_a_long_page_is_read_no_further_than_its_beginning() -> None:
    with serving(BEHAVIOURS["one_gigabyte"]) as server:
        assert beat(a_site(server.url)).outcome is Outcome.UP
    assert sum(server.sent) < 50_000_000 + PAGE_LIMIT


def test_a_site_on_a_private_address_is_asked_since_the_user_named_it(monkeypatch: pytest.MonkeyPatch) -> None:
    resolve = socket.getaddrinfo

    def resolved(host: Any, *more: Any, **named: Any) -> Any:
        return resolve("127.0.0.1" if host in ("status.bot.example", b"status.bot.example") else host, *more, **named)

    monkeypatch.setattr(socket, "getaddrinfo", resolved)
    with serving(ANSWER) as server:
        url = server.url.replace("127.0.0.1", "status.bot.example")
        assert beat(a_site(url)).outcome is Outcome.UP
        assert beat(a_chat(url)).outcome is Outcome.CONNECT  # there a key would go
        assert beat(a_chat(url, private=True)).outcome is Outcome.UP
    assert len(server.requests) == 2


def test_a_site_that_hangs_up_or_stays_silent_is_not_up() -> None:
    for name, outcome in (("hangs_up", Outcome.CUT_OFF), ("headers_never_come", Outcome.TIMEOUT)):
        with serving(BEHAVIOURS[name]) as server:
            assert beat(a_site(server.url), timeout_s=UNENDING_S).outcome is outcome


# The fingerprint


def test_an_answer_of_the_fingerprint_is_its_text_and_none_where_none_came() -> None:
    item = an_item("one", turns=("1?",), max_tokens=10)
    with serving(stream(event("Eins"), event(", zwei", "stop"), b"data: [DONE]\n\n")) as server:
        service = a_chat(server.url)
        assert with_pulse(service, do=lambda pulse: pulse.answer(service, item)) == "Eins, zwei"
    body = json.loads(server.requests[0].body)
    assert (body["max_tokens"], body["temperature"]) == (10, 0.0)
    assert body["messages"] == [{"role": "user", "content": "1?"}]
    with serving(BEHAVIOURS["overloaded"]) as server:
        broken, page = a_chat(server.url), a_site(server.url)
        assert with_pulse(broken, do=lambda pulse: pulse.answer(broken, item)) is None
        assert with_pulse(page, do=lambda pulse: pulse.answer(page, item)) is None


def test_a_key_in_an_answer_of_the_fingerprint_is_masked() -> None:
    with serving(fixed(completion(f"It is {KEY}."))) as server:
        service = a_chat(server.url, dialect="openai_plain")
        text = with_pulse(service, keys={"bot": KEY}, do=lambda pulse: pulse.answer(service, an_item("one")))
    assert text == f"It is {'*' * len(KEY)}."


def test_the_shipped_fingerprint_is_short_and_asked_at_temperature_0() -> None:
    items = load_pack("fingerprint").items
    assert len(items) == 5
    assert all(i.temperature == 0 and i.max_tokens <= 40 and len(i.turns) == 1 for i in items)
    assert sum(len(i.turns[0]) for i in items) < 800
