"""The HTTP edge against servers on loopback: what goes out, what is stamped, and what each misbehaviour becomes."""

import asyncio
import gzip
import itertools
import json
import resource
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from functools import partial

import httpx
import pytest
import respx

from tests.conftest import read_as
from tests.ways.misbehaving import (
    BEHAVIOURS,
    CRLF,
    LAST_CHUNK,
    STREAM_HEAD,
    Behaviour,
    Peer,
    Reads,
    ask_once,
    chunk,
    completion,
    error_body,
    event,
    fixed,
    raw,
    serving,
    stream,
)
from wrapdetect.model import Dialect, Exchange
from wrapdetect.ways import clock

KEY = "sk-planted-0123456789abcdef"
ANSWER = stream(event("The moon"), event(" pulls.", "stop"), b"data: [DONE]\n\n")
UNENDING_S = 1.0
"""The limit on time where a server would go on for ever."""


def one(behaviour: Behaviour, **more: object) -> Exchange:
    with serving(behaviour) as server:
        return ask_once(server.url, **more)[0]  # type: ignore[arg-type]  # options of ask_once, given by name


# What is sent


def test_the_question_goes_to_chat_completions_and_is_recorded_as_sent() -> None:
    with serving(ANSWER) as server:
        (exchange,) = ask_once(server.url)
    (heard,) = server.requests
    assert heard.head.startswith("POST /v1/chat/completions HTTP/1.1")
    assert exchange.sent.encode() == heard.body
    assert json.loads(heard.body)["messages"] == [{"role": "user", "content": "Why are there tides?"}]


def test_no_header_says_more_than_it_must(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (
        ("OPENAI_ORG_ID", "org-planted"),
        ("OPENAI_PROJECT_ID", "proj-planted"),
        ("OPENAI_API_KEY", KEY),
        ("OPENAI_CUSTOM_HEADERS", "x-mine: planted"),
        ("OPENAI_WEBHOOK_SECRET", "planted"),
    ):
        monkeypatch.setenv(name, value)
    with serving(ANSWER) as server:
        ask_once(server.url)
    (heard,) = server.requests
    assert heard.headers["accept-encoding"] == "identity"
    assert set(heard.headers) <= {
        *("host", "accept", "accept-encoding", "connection", "content-type", "content-length", "user-agent")
    }
    assert "planted" not in heard.head


def test_a_key_goes_out_as_a_bearer_token() -> None:
    with serving(ANSWER) as server:
        ask_once(server.url, key=KEY)
    assert server.requests[0].headers["authorization"] == f"Bearer {KEY}"


def test_a_base_url_in_the_environment_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(ANSWER) as other, serving(ANSWER) as server:
        monkeypatch.setenv("OPENAI_BASE_URL", other.url)
        ask_once(server.url)
    assert (len(server.requests), other.requests) == (1, [])


def test_a_proxy_in_the_environment_sees_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(ANSWER) as proxy, serving(ANSWER) as server:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, proxy.url.removesuffix("/v1"))
        (exchange,) = ask_once(server.url)
    assert exchange.failure is None
    assert proxy.requests == []


# What is recorded


def test_each_chunk_is_stamped_in_order_from_the_send() -> None:
    gap_s, count, reads = 0.015, 20, Reads()

    def behave(peer: Peer) -> None:
        peer.send(STREAM_HEAD)
        for number in range(count):
            peer.wait(gap_s)
            reads.after(partial(peer.send, chunk(event(f"{number} "))))
        peer.send(chunk(event("", "stop")) + LAST_CHUNK)

    exchange = one(behave, stopwatch=reads)
    times = [c.t_s for c in exchange.chunks]
    gaps = [b - a for a, b in itertools.pairwise(times)]
    assert len(times) >= count
    assert times == sorted(times)
    assert times[0] >= gap_s  # counted from the send, not from the first byte
    assert times[-1] <= exchange.ended_s
    assert min(gaps[: count - 1]) > gap_s / 2  # not collapsed into one read
    assert [p.text for p in read_as(exchange, "openai_stream").pieces] == [f"{n} " for n in range(count)]


def test_a_slow_connection_is_not_counted_as_a_slow_answer() -> None:
    connected_s: list[float] = []

    class Slow(httpx.AsyncHTTPTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            await asyncio.sleep(0.3)  # as a name look-up or a TLS handshake would
            connected_s.append(clock.stopwatch())
            return await super().handle_async_request(request)

    exchange = one(ANSWER, transport=Slow)
    assert exchange.ended_s < clock.stopwatch() - connected_s[0]


def test_all_response_headers_are_kept_in_order_and_doubled_ones_too() -> None:
    lines = ("X-Served-By: a", "x-served-by: b", "Via: 1.1 gate", "X-Odd: caf\xe9", "X-Empty:", "x-served-by: c")
    exchange = one(fixed(completion("Hi."), headers=lines), dialect="openai_plain")
    assert [h for h in exchange.headers if h[0].lower().startswith(("x-", "via"))] == [
        *(("X-Served-By", "a"), ("x-served-by", "b"), ("Via", "1.1 gate")),
        *(("X-Odd", "caf\xe9"), ("X-Empty", ""), ("x-served-by", "c")),
    ]


def test_the_bytes_of_a_body_are_kept_as_they_came() -> None:
    body = completion("caf").replace(b"caf", b"caf\xe9\x00\r")
    assert b"".join(c.data for c in one(fixed(body)).chunks) == body


@pytest.mark.parametrize("dialect", ["openai_stream", "openai_plain"])
def test_http_1_0_without_a_length_is_an_answer(dialect: Dialect) -> None:
    body = completion("The moon.")
    exchange = one(raw(b"HTTP/1.0 200 OK\r\nContent-Type: application/json\r\n\r\n", body), dialect=dialect)
    assert exchange.failure is None
    assert read_as(exchange, dialect).text == "The moon."


def test_a_gzip_body_that_was_not_asked_for_is_kept_raw_and_read_all_the_same() -> None:

    packed = gzip.compress(completion("The moon."))
    exchange = one(fixed(packed, headers=("content-encoding: gzip",)), dialect="openai_plain")
    assert b"".join(c.data for c in exchange.chunks) == packed
    assert read_as(exchange, "openai_plain").text == "The moon."


# What may never happen


@pytest.mark.parametrize("name", ["broken_server", "overloaded", "too_many", "hangs_up", "truncated_chunked", "moved"])
def test_nothing_is_retried_in_silence(name: str) -> None:
    with serving(BEHAVIOURS[name]) as server:
        ask_once(server.url)
    assert len(server.requests) == 1


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "303 See Other", "307 Temporary", "308 Permanent"])
def test_a_redirect_is_recorded_as_refused_and_never_followed(status: str) -> None:
    with serving(ANSWER) as other:
        answer = fixed(b"", status=status, headers=(f"location: {other.url}/chat/completions?token=1",))
        exchange = one(answer, key=KEY)
    assert other.requests == []
    assert exchange.failure is not None
    assert exchange.failure.kind == "refused"
    assert f"redirects to {other.url}" in exchange.failure.detail
    assert "token" not in exchange.failure.detail


@pytest.mark.parametrize(
    "location", ["", "//", "http://[::1", "http://x:99999999/", "\x80\xff", "http://" + "a" * 10_000]
)
def test_a_redirect_to_nowhere_is_refused_too(location: str) -> None:
    exchange = one(fixed(b"", status="302 Found", headers=(f"location: {location}",)))
    assert exchange.failure is not None
    assert exchange.failure.kind == "refused"


class Recording(httpx.AsyncBaseTransport):
    """Answers by itself, and notes what it was asked."""

    asked: list[str]

    def __init__(self) -> None:
        self.asked = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(f"{request.method} {request.url}")

        async def body() -> AsyncIterator[bytes]:
            yield completion("From the fake.")

        return httpx.Response(200, headers={"content-type": "application/json"}, content=body())


@pytest.fixture
def no_socket(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Any connection or name look-up of this process is noted and refused."""
    tried: list[object] = []

    def refuse(*args: object, **_: object) -> None:
        tried.append(args)
        raise OSError("no network in this test")

    for name in ("connect", "connect_ex"):
        monkeypatch.setattr(socket.socket, name, refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    return tried


def test_no_request_bypasses_our_transport(no_socket: list[object]) -> None:
    transport = Recording()
    (exchange,) = ask_once("http://bot.example/v1", key=KEY, transport=lambda: transport, dialect="openai_plain")
    assert transport.asked == ["POST http://bot.example/v1/chat/completions"]
    assert read_as(exchange, "openai_plain").text == "From the fake."
    assert no_socket == []


def test_respx_sees_every_request(no_socket: list[object]) -> None:
    class Once(httpx.AsyncByteStream):
        async def __aiter__(self) -> AsyncIterator[bytes]:
            yield completion("From respx.")

    with respx.mock() as router:
        route = router.post("http://bot.example/v1/chat/completions").respond(200, stream=Once())
        (exchange,) = ask_once("http://bot.example/v1", key=KEY, dialect="openai_plain")
    assert route.call_count == 1
    assert route.calls[0].request.headers["authorization"] == f"Bearer {KEY}"
    assert exchange.status == 200
    assert no_socket == []


def imports_within_the_first_question() -> list[str]:
    """Modules that are loaded while an answer is being waited for; run in a fresh process."""
    loaded: list[set[str]] = []

    class Watching(Recording):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            loaded.append(set(sys.modules))
            return await super().handle_async_request(request)

    ask_once("http://bot.example/v1", transport=Watching, between=lambda number: loaded.append(set(sys.modules)))
    return sorted(name for name in loaded[1] - loaded[0] if name.startswith("openai."))


@pytest.mark.slow
def test_the_first_answer_does_not_wait_for_imports_of_ours() -> None:
    """They block the loop: other answers are stamped late, and the limit on time runs out unasked."""
    code = "from tests.ways.test_http import *; print(len(imports_within_the_first_question()))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert int(done.stdout) == 0


class Faulty(httpx.AsyncBaseTransport):
    """A transport with a bug."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        raise ZeroDivisionError("a bug of ours")


def test_a_bug_of_ours_is_raised_and_never_recorded_as_an_outage_of_theirs() -> None:
    with pytest.raises(ZeroDivisionError):
        ask_once("http://bot.example/v1", transport=Faulty)


# Misbehaviour, each with its name

FAILURES: dict[str, tuple[str, str]] = {
    "one_byte_a_second": ("timeout", "bytes came"),
    "never_ending": ("timeout", "bytes came"),
    "headers_never_come": ("timeout", "0 bytes came"),
    "endless_informational": ("timeout", "0 bytes came"),
    "endless_headers": ("cut_off", "a head or an end of more than 65,536 bytes"),
    "one_gigabyte": ("cut_off", "the answer passes 2,000,000 bytes"),
    "gzip_bomb": ("cut_off", "grows past"),
    "damaged_gzip": ("garbled", "damaged gzip"),
    "unasked_brotli": ("garbled", "content-encoding br"),
    "truncated_chunked": ("cut_off", "connection broke"),
    "no_last_chunk": ("cut_off", "connection broke"),
    "no_done": ("cut_off", "without [DONE]"),
    "short_of_its_length": ("cut_off", "connection broke after 1 bytes"),
    "hangs_up": ("cut_off", "after 0 bytes"),
    "resets": ("cut_off", "connection broke"),
    "invalid_status_line": ("cut_off", "illegal status line"),
    "not_http": ("cut_off", "connection broke"),
    "wrong_content_type": ("garbled", "no server-sent event"),
    "invalid_utf8": ("garbled", "byte 0xff"),
    "invalid_utf8_json": ("garbled", "byte 0xe9"),
    "empty_body": ("garbled", "empty body"),
    "no_content": ("garbled", "empty body"),
    "empty_answer": ("garbled", "empty answer"),
    "error_mid_stream": ("server", "upstream is gone"),
    "error_as_200": ("server", "upstream is gone"),
    "html_page": ("garbled", "HTML page"),
    "html_as_stream": ("garbled", "HTML page"),
    "json_list": ("garbled", "list where a JSON object is due"),
    "json_cut": ("garbled", "not JSON"),
    "deeply_nested_json": ("garbled", ""),
    "deeply_nested_event": ("garbled", ""),
    "no_choices": ("garbled", "no choices"),
    "unauthorized": ("refused", "HTTP 401 Unauthorized"),
    "unknown_model": ("refused", "HTTP 404 Not Found"),
    "too_many": ("limited", "HTTP 429"),
    "broken_server": ("server", "HTTP 500"),
    "overloaded": ("server", "upstream connect error"),
    "moved": ("refused", "redirects to https://elsewhere.example/v1"),
}
UNENDING = {"one_byte_a_second", "never_ending", "headers_never_come", "endless_informational"}


def test_every_misbehaviour_has_its_row() -> None:
    assert set(FAILURES) == set(BEHAVIOURS)


@pytest.mark.parametrize("name", BEHAVIOURS)
def test_each_misbehaviour_becomes_its_failure_within_the_limit_on_time(name: str) -> None:
    kind, detail = FAILURES[name]
    exchange = one(BEHAVIOURS[name], timeout_s=UNENDING_S if name in UNENDING else 10.0, key=KEY)
    failure = read_as(exchange, "openai_stream").failure
    assert failure is not None
    assert (failure.kind, detail in failure.detail) == (kind, True), failure
    assert exchange.ended_s < 10.0
    assert KEY not in repr(exchange)


@pytest.mark.parametrize("name", ["wrong_content_type", "json_cut", "json_list", "html_page", "deeply_nested_json"])
def test_a_plain_answer_is_read_as_strictly(name: str) -> None:
    failure = read_as(one(BEHAVIOURS[name], dialect="openai_plain"), "openai_plain").failure
    assert failure is not None
    assert failure.kind == "garbled"


def test_a_gigabyte_is_stopped_early_and_never_held_in_memory() -> None:
    before_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with serving(BEHAVIOURS["one_gigabyte"]) as server:
        (exchange,) = ask_once(server.url, byte_limit=300_000)
    grown_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kb
    assert sum(len(c.data) for c in exchange.chunks) == 300_000
    assert sum(server.sent) < 100_000_000
    assert grown_kb < 64_000


def test_an_answer_of_just_the_limit_is_whole() -> None:
    body = completion("x" * 1000)
    exchange = one(fixed(body), byte_limit=len(body))
    assert exchange.failure is None
    assert b"".join(c.data for c in exchange.chunks) == body


def test_what_came_before_a_time_limit_is_kept() -> None:
    exchange = one(BEHAVIOURS["never_ending"], timeout_s=UNENDING_S)
    assert b"".join(c.data for c in exchange.chunks).startswith(event("on and on "))


def test_a_closed_port_is_a_failure_to_connect() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    (exchange,) = ask_once(f"http://127.0.0.1:{port}/v1")
    assert exchange.failure is not None
    assert (exchange.failure.kind, exchange.status, exchange.chunks) == ("connect", None, ())


def test_tls_to_a_plain_port_is_a_failure_to_connect() -> None:
    with serving(ANSWER) as server:
        (exchange,) = ask_once(server.url.replace("http:", "https:"))
    assert exchange.failure is not None
    assert exchange.failure.kind == "connect"


def test_a_host_name_that_no_resolver_takes_is_a_failure_to_connect() -> None:
    (exchange,) = ask_once(f"http://{'a' * 64}.invalid/v1")  # a label of 64 bytes: no question leaves this machine
    assert exchange.failure is not None
    assert exchange.failure.kind == "connect"


def test_a_host_that_never_takes_the_connection_is_a_failure_to_connect() -> None:
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        port = full.getsockname()[1]
        waiting = [socket.socket() for _ in range(4)]  # fill its queue; further connections hang
        try:
            for each in waiting:
                each.setblocking(False)
                each.connect_ex(("127.0.0.1", port))
            (exchange,) = ask_once(f"http://127.0.0.1:{port}/v1", timeout_s=UNENDING_S)
        finally:
            for each in waiting:
                each.close()
    assert exchange.failure is not None
    assert (exchange.failure.kind, "no connection within" in exchange.failure.detail) == ("connect", True)


@pytest.mark.parametrize(
    ("status", "kind"), [("401 Unauthorized", "refused"), ("429 Too Many Requests", "limited"), ("500 Oops", "server")]
)
def test_a_status_keeps_its_meaning_where_its_body_breaks_off(status: str, kind: str) -> None:
    head = f"HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: 500\r\n\r\n".encode()
    exchange = one(raw(head, error_body("too")))
    assert exchange.failure is not None
    assert (exchange.failure.kind, exchange.status) == (kind, int(status[:3]))


def test_a_connection_that_the_server_closed_meanwhile_is_no_failure() -> None:
    def behave(peer: Peer) -> None:  # keeps alive by its words, and closes
        fixed(completion("Hi."))(peer)

    with serving(behave) as server:

        def closed(number: int) -> None:
            assert number == 0 or server.closed.wait(5)
            server.closed.clear()

        exchanges = ask_once(server.url, times=4, between=closed)
    assert [e.failure for e in exchanges] == [None] * 4
    assert len(server.requests) == 4


def test_a_connection_is_used_again_where_the_server_keeps_it() -> None:
    def behave(peer: Peer) -> None:
        fixed(json.dumps({"choices": [{"message": {"content": str(id(peer.connection))}}]}).encode())(peer)

    with serving(behave, keep_open=True) as server:
        exchanges = ask_once(server.url, times=3)
    assert len({read_as(e, "openai_stream").text for e in exchanges}) == 1


def test_one_that_failed_does_not_spoil_the_next() -> None:
    turns = iter([BEHAVIOURS["resets"], BEHAVIOURS["truncated_chunked"], raw(b"junk" + CRLF + CRLF), ANSWER])
    with serving(lambda peer: next(turns)(peer)) as server:
        exchanges = ask_once(server.url, times=4)
    assert [e.failure is None for e in exchanges] == [False, False, False, True]
    assert read_as(exchanges[-1], "openai_stream").text == "The moon pulls."
