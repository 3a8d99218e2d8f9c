"""Templates against real servers on loopback: steps, conversations, cookies, limits, and what may never be recorded."""

import asyncio
import gzip
import json
import re
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import httpx
import pytest

from tests.lab.chats import DOORS, WAYS, Chat, Door, Way, serve_chat, template_of
from tests.ways.asking_templates import a_bot, an_ask, ask_all, ask_one, converse, sender, texts
from tests.ways.misbehaving import BEHAVIOURS, LAST_CHUNK, STREAM_HEAD, Behaviour, Peer, chunk, fixed, raw, serving
from wrapdetect.cli.demo.bots import Down
from wrapdetect.cli.demo.voice import Messages
from wrapdetect.dialects import decode, encode
from wrapdetect.model import Exchange, Failure, Framing, Step, Template
from wrapdetect.runs.codec import dump_exchange

PASSWORD = {"BOT_PASSWORD": "planted-pass-1"}
PLAIN = Template(path="/ask", body='{"q": "{prompt}"}', answer="$.a")
ANSWER = fixed(b'{"a": "The moon."}')
FRAMINGS: tuple[Framing, ...] = ("body", "websocket")


class Parrot:
    """Says all that it was told."""

    model = "parrot"

    async def reply(self, messages: Messages, max_tokens: int) -> AsyncIterator[str]:
        heard = [m["content"] for m in messages if m["role"] == "user"]
        for piece in ("You ", "said: ", " | ".join(heard)):
            yield piece


@pytest.fixture(scope="module")
def chat() -> Iterator[Chat]:
    with serve_chat(Parrot(), password=PASSWORD["BOT_PASSWORD"]) as running:
        yield running


UNENDING_S = 0.5
"""The limit on time where a server would go on for ever."""


def failure_of(exchange: Exchange) -> Failure:
    assert exchange.failure is not None
    return exchange.failure


# Every way and door


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("way", WAYS)
def test_a_conversation_is_remembered_and_another_begins_afresh(chat: Chat, way: Way, door: Door) -> None:
    chat.remembered.clear()
    bot = a_bot(chat.url, template_of(way, door))
    first, second = ask_all(bot, an_ask("wren", "otter"), an_ask("heron", draw=1), variables=PASSWORD)
    assert texts(bot, first) == ["You said: wren", "You said: wren | otter"]
    alike = door == "open" and not way.startswith("socket")  # such a chat knows a visitor by the address alone
    assert texts(bot, second) == ["You said: wren | otter | heron" if alike else "You said: heron"]
    assert ["fresh_chat" in e.missing for e in (*first, *second)] == [alike] * 3


@pytest.mark.parametrize("way", WAYS)
def test_pieces_are_stamped_as_they_come(chat: Chat, way: Way) -> None:
    exchange = ask_one(a_bot(chat.url, template_of(way, "id")), "wren")
    times = [c.t_s for c in exchange.chunks]
    assert times == sorted(times)
    assert all(0 <= t <= exchange.ended_s for t in times)
    assert all(hop.t_s < 0 for hop in exchange.hops)
    assert {"temperature", "token_limit", "token_counts"} <= set(exchange.missing)


@pytest.mark.parametrize("way", ["json", "socket_json"])
def test_sixteen_conversations_at_once_do_not_mix_and_share_the_login(chat: Chat, way: Way) -> None:
    bot, before = a_bot(chat.url, template_of(way, "login")), len(chat.passes)

    async def go() -> list[list[Exchange]]:
        async with sender(bot, variables=PASSWORD) as send:
            asks = [an_ask(f"bird {n}", f"fish {n}", draw=n) for n in range(16)]
            return await asyncio.gather(*(converse(send, bot, ask) for ask in asks))

    found = asyncio.run(go())
    assert [texts(bot, e)[-1] for e in found] == [f"You said: bird {n} | fish {n}" for n in range(16)]
    assert len(chat.passes) == before + 1
    logins = [h for exchanges in found for e in exchanges for h in e.hops if h.url.endswith("/login")]
    assert len(logins) == 1


def test_a_step_for_each_ask_is_made_each_time() -> None:
    numbers = iter(range(100, 200))

    def behave(peer: Peer) -> None:
        if peer.request.head.startswith("POST"):
            fixed(json.dumps({"id": f"event-{next(numbers)}"}).encode())(peer)
        else:
            fixed(json.dumps({"a": peer.request.head.split()[1]}).encode())(peer)

    step = Step(when="ask", method="POST", path="/begin", body='{"q": "{prompt}"}', keep=(("event", "$.id"),))
    template = Template(method="GET", path="/events/{event}?q={prompt}", answer="$.a", steps=(step,))
    with serving(behave, keep_open=True) as server:
        bot = a_bot(server.url, template)
        ((one, two),) = ask_all(bot, an_ask("a b", "c"))
    asked = [r.head.split()[1] for r in server.requests if r.head.startswith("GET")]
    assert asked == ["/v1/events/event-100?q=a%20b", "/v1/events/event-101?q=c"]
    assert [h.sent for h in (*one.hops, *two.hops)] == ['{"q": "a b"}', '{"q": "c"}']
    assert one.sent.startswith("GET /events/")
    for exchange in (one, two):  # the question left with the step
        (hop,), (chunk, *_) = exchange.hops, exchange.chunks
        assert hop.t_s == 0
        assert hop.chunks[-1].t_s <= chunk.t_s <= exchange.ended_s


def test_what_an_answer_hands_out_is_carried_on() -> None:
    def behave(peer: Peer) -> None:
        given = json.loads(peer.request.body)
        fixed(json.dumps({"a": str(given), "id": (given["id"] or "c") + "+"}).encode())(peer)

    template = Template(
        body='{"q": "{prompt}", "id": "{conversation_id}"}', answer="$.a", keep=(("conversation_id", "$.id"),)
    )
    with serving(behave, keep_open=True) as server:
        bot = a_bot(server.url, template)
        ((_, two, three),) = ask_all(bot, an_ask("a", "b", "c"))
    assert json.loads(two.sent)["id"] + "+" == json.loads(three.sent)["id"]


def test_a_uuid_is_new_for_each_use_and_recorded_as_it_was_sent() -> None:
    template = Template(body='{"q": "{prompt}", "x": "{uuid}", "y": "{uuid}"}', answer="$.a")
    with serving(ANSWER) as server:
        exchange = ask_one(a_bot(server.url, template))
    (heard,) = server.requests
    assert exchange.sent.encode() == heard.body
    x, y = (json.loads(heard.body)[k] for k in "xy")
    assert x != y
    assert re.fullmatch("[0-9a-f-]{36}", x)


# Limits, sessions, refusals


def test_after_a_429_the_conversation_goes_on(chat: Chat) -> None:
    bot, ask = a_bot(chat.url, template_of("json", "id")), an_ask("wren")
    falls = iter([True, False])

    def spoil() -> None:
        if next(falls):
            raise Down(429)

    async def go() -> list[Exchange]:
        call = encode(ask, [], bot)
        async with sender(bot) as send:
            return [await send(bot, ask, 0, attempt, call) for attempt in range(2)]

    chat.spoil = spoil
    try:
        limited, fine = asyncio.run(go())
    finally:
        chat.spoil = lambda: None
    assert failure_of(limited).kind == "limited"
    assert fine.failure is None
    assert (len(limited.hops), len(fine.hops)) == (1, 0)
    assert json.loads(limited.sent)["conversation"] == json.loads(fine.sent)["conversation"]


def test_a_session_that_expired_is_refused_once_and_then_begun_again(chat: Chat) -> None:
    bot = a_bot(chat.url, template_of("json", "login"))

    def forget(number: int) -> None:
        if number == 1:
            chat.passes.clear()

    asks = [an_ask(f"bird {n}", draw=n) for n in range(3)]
    (one,), (two,), (three,) = ask_all(bot, *asks, between=forget, variables=PASSWORD)
    assert [e.failure is None for e in (one, two, three)] == [True, False, True]
    assert (failure_of(two).kind, two.status) == ("refused", 401)
    assert [len(e.hops) for e in (one, two, three)] == [1, 0, 1]


def test_a_failing_step_fails_the_exchange_by_its_own_kind_and_name(chat: Chat) -> None:
    exchange = ask_one(a_bot(chat.url, template_of("json", "login")), variables={"BOT_PASSWORD": "planted-wrong-2"})
    assert failure_of(exchange).kind == "refused"
    assert failure_of(exchange).detail.startswith("step 1 (POST /login): HTTP 403 Forbidden")
    assert (exchange.sent, exchange.status, exchange.chunks) == ("", 403, ())
    (hop,) = exchange.hops
    assert hop.status == 403


def test_a_step_that_brings_nothing_to_keep_says_so() -> None:
    template = Template(body="{prompt}", steps=(Step(path="/start?x=1", keep=(("csrf", "$.csrf"),)),))
    with serving(ANSWER) as server:
        exchange = ask_one(a_bot(server.url, template))
    failure = failure_of(exchange)
    assert failure.kind == "garbled"
    assert failure.detail == "step 1 (GET /start): $.csrf finds nothing to keep as csrf in what came"
    assert len(server.requests) == 1


def test_the_limit_on_time_holds_for_steps_and_question_together() -> None:
    def slow(peer: Peer) -> None:
        if peer.request.head.startswith("POST"):
            peer.stop.wait(30)
        else:
            fixed(b"{}")(peer)

    template = Template(path="/ask", body="{prompt}", steps=(Step(path="/start"),))
    with serving(slow, keep_open=True) as server:
        exchange = ask_one(a_bot(server.url, template), timeout_s=UNENDING_S)
    assert failure_of(exchange).kind == "timeout"
    assert len(exchange.hops) == 1


def test_a_step_that_never_ends_is_named() -> None:
    with serving(BEHAVIOURS["headers_never_come"]) as server:
        template = Template(body="{prompt}", steps=(Step(path="/start"),))
        exchange = ask_one(a_bot(server.url, template), timeout_s=UNENDING_S)
    assert failure_of(exchange).kind == "timeout"
    assert failure_of(exchange).detail.startswith("step 1 (GET /start): no complete answer")


def test_an_answer_beyond_the_limit_on_bytes_is_cut_off() -> None:
    with serving(fixed(b'{"a": "' + b"x" * 5000 + b'"}')) as server:
        exchange = ask_one(a_bot(server.url, PLAIN), byte_limit=1000)
    assert failure_of(exchange).kind == "cut_off"
    assert sum(len(c.data) for c in exchange.chunks) == 1000


# Streams


SSE = Template(path="/ask", body="{prompt}", framing="sse", answer="$.t", done="event:end", error="$.error")


def stream(*pieces: bytes, end: bytes = LAST_CHUNK) -> Behaviour:
    return raw(STREAM_HEAD, *(chunk(p) for p in pieces), end)


def read(behaviour: Behaviour, template: Template, timeout_s: float = 20.0) -> tuple[str, str]:
    """Kind of failure ("" for none) and text."""
    with serving(behaviour) as server:
        bot = a_bot(server.url, template)
        reply = decode(ask_one(bot, timeout_s=timeout_s), bot)
    return (reply.failure.kind.value if reply.failure else "", reply.text)


def test_a_stream_that_breaks_off_is_no_answer() -> None:
    piece = b'data: {"t": "The moon"}\n\n'
    assert read(stream(piece), SSE) == ("cut_off", "")
    assert read(stream(piece, end=b""), SSE) == ("cut_off", "")


def test_an_error_within_a_stream_is_no_answer() -> None:
    assert read(stream(b'data: {"t": "The"}\n\n', b'data: {"error": "gone"}\n\n'), SSE) == ("server", "")


def test_a_stream_that_says_its_end_is_not_waited_for() -> None:
    def behave(peer: Peer) -> None:
        peer.send(STREAM_HEAD + chunk(b'data: {"t": "The moon"}\n\n'))
        peer.send(chunk(b"event: end\ndata: {}") + chunk(b"\n\n"))
        while peer.wait(0.02):
            peer.send(chunk(b": still here\n\n"))

    assert read(behave, SSE, timeout_s=30.0) == ("", "The moon")


def test_a_connection_is_used_again_after_a_stream() -> None:
    def behave(peer: Peer) -> None:
        body = json.dumps({"t": str(id(peer.connection))})
        peer.send(STREAM_HEAD + chunk(f"data: {body}\n\n".encode()) + chunk(b"event: end\ndata: 1\n\n") + LAST_CHUNK)

    with serving(behave, keep_open=True) as server:
        bot = a_bot(server.url, SSE)
        found = ask_all(bot, *(an_ask("a", draw=n) for n in range(3)))
    assert len({texts(bot, e)[0] for e in found}) == 1


# Redirects, hosts, addresses


def moving(where: Callable[[str], str | None]) -> Behaviour:
    """Redirects by path, or else answers."""

    def behave(peer: Peer) -> None:
        to = where(peer.request.head.split()[1])
        if to is None:
            ANSWER(peer)
        else:
            fixed(b"", status="302 Found", headers=(f"location: {to}",))(peer)

    return behave


def test_a_get_step_is_redirected_within_its_host() -> None:
    ways = {"/v1/start": "/a", "/a": "b?t=planted-token-1", "/b?t=planted-token-1": None}
    template = Template(path="/ask", body="{prompt}", answer="$.a", steps=(Step(path="/start"),))
    with serving(moving(ways.get), keep_open=True) as server:
        exchange = ask_one(a_bot(server.url, template))
    assert exchange.failure is None
    assert [h.status for h in exchange.hops] == [302, 302, 200]
    assert [h.url.rpartition("/")[2] for h in exchange.hops] == ["start", "a", "b?t=***************"]
    assert "planted" not in dump_exchange(exchange)


def logging_in(status: str) -> Behaviour:
    """A login form: POST /login sets a cookie and redirects to /home, which knows a token; /ask answers."""

    def behave(peer: Peer) -> None:
        path = peer.request.head.split()[1]
        if path.endswith("/login"):
            headers = ("location: /home", "set-cookie: sid=planted-session-1; Path=/")
            fixed(b"", status=status, headers=headers)(peer)
        elif path == "/home":
            fixed(b'{"token": "planted-token-1"}')(peer)
        else:
            ANSWER(peer)

    return behave


LOGIN = Step(
    method="POST",
    path="/login",
    headers=(("content-type", "application/x-www-form-urlencoded"), ("x-app", "1")),
    body="user=me&password={env:BOT_PASSWORD}",
    keep=(("token", "$.token"),),
)


@pytest.mark.parametrize("status", ["302 Found", "303 See Other"])
def test_a_login_form_answered_by_a_redirect_is_followed_by_get(status: str) -> None:
    template = Template(path="/ask", headers=(("x-token", "{token}"),), body="{prompt}", answer="$.a", steps=(LOGIN,))
    with serving(logging_in(status), keep_open=True) as server:
        exchange = ask_one(a_bot(server.url, template), variables=PASSWORD)
    assert exchange.failure is None
    assert [(h.method, h.url.rpartition("/")[2], h.status) for h in exchange.hops] == [
        ("POST", "login", int(status[:3])),
        ("GET", "home", 200),
    ]
    login, home, ask = server.requests
    assert home.head.startswith("GET /home ")
    assert home.body == b""
    assert (home.headers["x-app"], home.headers["cookie"]) == ("1", "sid=planted-session-1")
    assert not {"content-type", "content-length"} & set(home.headers)
    assert (ask.headers["cookie"], ask.headers["x-token"]) == ("sid=planted-session-1", "planted-token-1")
    assert login.body.decode() == "user=me&password=planted-pass-1"
    assert "planted" not in dump_exchange(exchange)


@pytest.mark.parametrize("status", ["307 Temporary Redirect", "308 Permanent Redirect"])
def test_a_form_is_not_sent_twice(status: str) -> None:
    template = Template(path="/ask", body="{prompt}", answer="$.a", steps=(LOGIN,))
    with serving(logging_in(status), keep_open=True) as server:
        exchange = ask_one(a_bot(server.url, template), variables=PASSWORD)
    assert (failure_of(exchange).kind, len(server.requests)) == ("refused", 1)
    assert failure_of(exchange).detail.startswith("step 1 (POST /login): HTTP 30")


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_redirects_without_end_are_refused(method: str) -> None:
    template = Template(path="/ask", body="{prompt}", steps=(Step(method=method, path="/start"),))
    with serving(moving(lambda path: "/start" if "start" in path else None), keep_open=True) as server:
        exchange = ask_one(a_bot(server.url, template))
    assert failure_of(exchange).kind == "refused"
    assert len(server.requests) == 6


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_redirect_to_another_host_is_refused_and_carries_nothing_there(method: str) -> None:
    header = (("authorization", "{env:BOT_AUTH}"), ("cookie", "{env:BOT_COOKIE}"))
    step = Step(method=method, path="/start", headers=header)
    template = Template(path="/ask", headers=header, body="{prompt}", answer="$.a", steps=(step,))
    secret = {"BOT_AUTH": "Bearer planted-token", "BOT_COOKIE": "sid=planted-cookie"}
    with serving(ANSWER) as other, serving(moving(lambda _: f"{other.url}/x?k=planted"), keep_open=True) as server:
        exchange = ask_one(a_bot(server.url, template), variables=secret)
    assert other.requests == []
    assert failure_of(exchange).kind == "refused"
    assert f"redirects to {other.url}/x" in failure_of(exchange).detail
    assert "planted" not in dump_exchange(exchange)


def test_a_question_is_not_redirected() -> None:
    with serving(moving(lambda path: None if path == "/other" else "/other")) as server:
        exchange = ask_one(a_bot(server.url, PLAIN))
    assert (failure_of(exchange).kind, len(server.requests)) == ("refused", 1)


def test_a_path_that_leads_elsewhere_is_refused_unless_that_host_is_named() -> None:
    with serving(ANSWER) as other, serving(ANSWER) as server:
        template = Template(path=f"{other.url}/ask", body="{prompt}", answer="$.a")
        stray = ask_one(a_bot(server.url, template))
        named = ask_one(a_bot(server.url, template, hosts=(other.url.split("/")[2],)))
    assert failure_of(stray).kind == "refused"
    assert "neither the address's own host nor among hosts" in failure_of(stray).detail
    assert named.failure is None
    assert len(other.requests) == 1


def near(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let bot.example lead to this machine."""
    resolve = socket.getaddrinfo

    def resolved(host: str | bytes | None, *more: Any, **named: Any) -> Any:
        return resolve("127.0.0.1" if host in ("bot.example", b"bot.example") else host, *more, **named)

    monkeypatch.setattr(socket, "getaddrinfo", resolved)


def test_a_public_name_that_leads_to_this_machine_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    near(monkeypatch)
    with serving(ANSWER) as server:
        for framing in FRAMINGS:
            template = Template(path="/ask", body="{prompt}", framing=framing, answer="$.a")
            bot = a_bot(server.url.replace("127.0.0.1", "bot.example"), template)
            failure = failure_of(ask_one(bot))
            assert (failure.kind, "private address 127.0.0.1" in failure.detail) == ("connect", True), failure
    assert server.requests == []


def test_a_private_address_is_asked_where_the_user_said_so(monkeypatch: pytest.MonkeyPatch) -> None:
    near(monkeypatch)
    with serving(ANSWER) as server:
        bot = a_bot(server.url.replace("127.0.0.1", "bot.example"), PLAIN, private=True)
        assert ask_one(bot).failure is None
        over_socket = a_bot(bot.url, Template(body="{prompt}", framing="websocket"), private=True)
        assert failure_of(ask_one(over_socket)).kind == "refused"  # it is no websocket, and says so
    assert len(server.requests) == 2


def test_a_closed_port_is_a_failure_to_connect() -> None:
    for framing in FRAMINGS:
        template = Template(body="{prompt}", framing=framing)
        assert failure_of(ask_one(a_bot("http://127.0.0.1:1", template))).kind == "connect"


def test_a_bug_of_ours_is_raised() -> None:
    class Faulty(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            raise ZeroDivisionError("a bug of ours")

    with pytest.raises(ZeroDivisionError):
        ask_one(a_bot("http://127.0.0.1:1", PLAIN), transport=Faulty)


# What goes out


def test_cookies_of_the_user_and_of_the_server_go_out_together() -> None:
    with serving(
        fixed(b'{"a": "x"}', headers=("set-cookie: visit=2; path=/", "set-cookie: lang=de")), keep_open=True
    ) as server:
        template = Template(headers=(("cookie", "{env:BOT_COOKIE}"),), body="{prompt}", answer="$.a")
        ask_all(a_bot(server.url, template), an_ask("a", "b"), an_ask("c", draw=1), variables={"BOT_COOKIE": "sid=1"})
    sent = [set(r.headers["cookie"].split("; ")) for r in server.requests]
    assert sent == [{"sid=1"}, {"sid=1", "lang=de", "visit=2"}, {"sid=1"}]


def test_no_header_says_more_than_it_must(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    with serving(ANSWER) as server:
        assert ask_one(a_bot(server.url, PLAIN)).failure is None
    (heard,) = server.requests
    assert set(heard.headers) == {"host", "accept", "accept-encoding", "content-type", "content-length", "user-agent"}
    assert heard.headers["accept-encoding"] == "identity"
    assert heard.headers["content-type"] == "application/json"


# Secrets


SECRETS = {"BOT_TOKEN": "Bearer planted/token+1=", "BOT_COOKIE": "sid=planted-cookie-2; theme=dark"}
TELLING = Template(
    path="/ask?access_token={env:BOT_TOKEN}&lang=en",
    headers=(("authorization", "{env:BOT_TOKEN}"), ("cookie", "{env:BOT_COOKIE}"), ("x-key", "{key}")),
    body='{"q": "{prompt}", "csrf": "{csrf}", "k": "{key}", "nonce": "{nonce}"}',
    answer="$.a",
    steps=(
        Step(
            method="POST",
            path="/start?password={env:BOT_TOKEN}",
            body="token={env:BOT_TOKEN}",
            keep=(("csrf", "$.csrf"), ("nonce", "$.nonce")),
        ),
    ),
)


def telling(peer: Peer) -> None:
    """Hands out secrets at the start, and repeats at each question all that it ever heard or said."""
    handed = {"csrf": "planted-csrf-3", "nonce": "n1"}
    all_of_it = peer.request.head + peer.request.body.decode() + json.dumps(handed)
    body = {**handed, "a": f"You sent {all_of_it} planted/token+1= planted-cookie-2 planted-visit-4"}
    headers = ("set-cookie: visit=planted-visit-4", "x-csrf-token: planted-csrf-3", "x-also: planted-csrf-3")
    status = "200 OK" if b"break" not in peer.request.body else "500 planted-csrf-3"
    fixed(json.dumps(body).encode(), status=status, headers=headers)(peer)


@pytest.mark.parametrize("question", ["Why?", "break"])
def test_no_secret_stands_in_what_is_recorded(question: str) -> None:
    with serving(telling, keep_open=True) as server:
        exchange = ask_one(a_bot(server.url, TELLING), question, key="planted-key-5", variables=SECRETS)
    assert server.requests[1].headers["authorization"] == SECRETS["BOT_TOKEN"]
    assert "planted-csrf-3" in server.requests[1].body.decode()
    line = dump_exchange(exchange)
    assert "planted" not in line
    assert "planted" not in repr(exchange)
    assert json.loads(exchange.sent)["q"] == question
    assert json.loads(exchange.sent)["nonce"] == "n1"  # too short to be looked for


def test_a_secret_within_a_packed_body_is_masked_too() -> None:
    packed = gzip.compress(b'{"a": "You are planted-cookie-2."}')
    with serving(fixed(packed, headers=("content-encoding: gzip",))) as server:
        template = Template(headers=(("cookie", "{env:BOT_COOKIE}"),), body="{prompt}", answer="$.a")
        bot = a_bot(server.url, template)
        exchange = ask_one(bot, variables=SECRETS)
    assert decode(exchange, bot).text == "You are ****************."
    assert "raw_chunks" in exchange.missing


def test_words_that_a_server_hands_out_stay_in_its_answers() -> None:
    body = b'{"a": "An anonymous, plain word: anonymous.", "csrf": "anonymous"}'
    with serving(fixed(body, headers=("set-cookie: who=anonymous",))) as server:
        bot = a_bot(server.url, Template(body="{prompt}", answer="$.a", keep=(("csrf", "$.csrf"),)))
        assert decode(ask_one(bot), bot).text == "An anonymous, plain word: anonymous."
