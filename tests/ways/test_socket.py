"""Websocket chats on loopback: frames, their ends, and every way in which a socket can go wrong."""

import asyncio
import json
import shutil
import ssl
import subprocess
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.http11 import Request, Response
from websockets.typing import Subprotocol
from websockets.utils import accept_key

from tests.ways.asking_templates import a_bot, an_ask, ask_one, converse, sender, texts
from tests.ways.misbehaving import BEHAVIOURS, Behaviour, Peer, fixed, raw, serving
from wrapdetect.dialects import decode, encode
from wrapdetect.model import Ask, Exchange, Failure, Step, Template
from wrapdetect.runs.codec import dump_exchange

TALK = Template(
    path="/ws", body='{"q": "{prompt}"}', framing="websocket", answer="$.t", done="$.final", error="$.error"
)
FINAL = json.dumps({"final": True})
UNENDING_S = 0.5
"""The limit on time where a server would go on for ever."""
Handler = Callable[[ServerConnection], Awaitable[None]]


def piece(text: str) -> str:
    return json.dumps({"t": text})


@dataclass(slots=True)
class Talked:
    """What came of asking: the exchanges, the requests of the handshakes, and the frames that the server got."""

    exchanges: list[Exchange] = field(default_factory=list)
    handshakes: list[Request] = field(default_factory=list)
    frames: list[str | bytes] = field(default_factory=list)

    @property
    def one(self) -> Exchange:
        (exchange,) = self.exchanges
        return exchange

    @property
    def failure(self) -> Failure:
        failure = decode(self.exchanges[-1], a_bot("http://x.test", TALK)).failure
        assert failure is not None
        return failure


def talk(
    handler: Handler,
    template: Template = TALK,
    *asks: Ask,
    variables: dict[str, str] | None = None,
    timeout_s: float = 20.0,
    byte_limit: int = 100_000,
    subprotocols: list[Subprotocol] | None = None,
    check: Callable[[ServerConnection, Request], Response | None] = lambda connection, request: None,
    ping_interval: float | None = 20.0,
) -> Talked:
    """Each ask's conversation with a server on the same loop; all of them at once."""
    talked = Talked()

    async def hear(connection: ServerConnection) -> None:
        assert connection.request is not None
        talked.handshakes.append(connection.request)
        await handler(connection)

    async def go() -> None:
        async with serve(
            hear,
            "127.0.0.1",
            0,
            subprotocols=subprotocols,
            process_request=check,
            ping_interval=ping_interval,
            close_timeout=1,
        ) as server:
            port = next(iter(server.sockets)).getsockname()[1]
            bot = a_bot(f"ws://127.0.0.1:{port}", template)
            async with sender(bot, variables=variables, timeout_s=timeout_s, byte_limit=byte_limit) as send:
                found = await asyncio.gather(*(converse(send, bot, a) for a in asks or (an_ask("Why?"),)))
        talked.exchanges = [e for exchanges in found for e in exchanges]

    asyncio.run(go())
    return talked


def saying(*frames: str | bytes) -> Handler:
    """The same frames to each question."""

    async def handler(connection: ServerConnection) -> None:
        async for _ in connection:
            for frame in frames:
                await connection.send(frame)

    return handler


def closing(code: int, reason: str = "", *frames: str) -> Handler:
    async def handler(connection: ServerConnection) -> None:
        await connection.recv()
        for frame in frames:
            await connection.send(frame)
        await connection.close(code, reason)

    return handler


# Answers


def test_each_frame_is_a_chunk_and_the_handshake_a_hop() -> None:
    exchange = talk(saying(piece("The "), piece("moon."), FINAL)).one
    assert [c.data.decode() for c in exchange.chunks] == [piece("The "), piece("moon."), FINAL]
    assert (exchange.status, exchange.sent) == (101, '{"q": "Why?"}')
    assert ("upgrade", "websocket") in [(k.lower(), v) for k, v in exchange.headers]
    (hop,) = exchange.hops
    assert (hop.status, hop.url.startswith("ws://127.0.0.1:"), hop.t_s < 0) == (101, True, True)
    assert decode(exchange, a_bot("", TALK)).text == "The moon."


def test_a_frame_cut_in_fragments_is_one_chunk() -> None:
    async def handler(connection: ServerConnection) -> None:
        await connection.recv()
        await connection.send(iter(['{"t": "The', ' moon."}']))
        await connection.send(FINAL)

    assert len(talk(handler).one.chunks) == 2


def test_steps_greet_before_the_question() -> None:
    heard: list[object] = []

    async def handler(connection: ServerConnection) -> None:
        await connection.send(json.dumps({"ticket": "planted-ticket-1"}))
        async for frame in connection:
            heard.append(json.loads(frame))
            if "q" in heard[-1]:  # type: ignore[operator]  # an object
                await connection.send(piece("Hi."))
                await connection.send(FINAL)

    template = Template(
        path="/ws",
        body='{"q": "{prompt}"}',
        framing="websocket",
        answer="$.t",
        done="$.final",
        steps=(
            Step(method="RECEIVE", keep=(("ticket", "$.ticket"),)),
            Step(method="SEND", body='{"auth": "{ticket}"}'),
            Step(when="ask", method="SEND", body='{"typing": true}'),
        ),
    )
    one, two = talk(handler, template, an_ask("a", "b")).exchanges
    assert heard == [{"auth": "planted-ticket-1"}, {"typing": True}, {"q": "a"}, {"typing": True}, {"q": "b"}]
    assert one.hops[0].sent.split("\n") == ['{"auth": "****************"}', '{"typing": true}']
    assert [h.sent for h in two.hops] == ['{"typing": true}']
    assert "planted" not in dump_exchange(one)


def test_binary_frames_are_kept_as_bytes() -> None:
    exchange = talk(saying(b"\x89PNG\x00\xff", piece("Hi.").encode(), FINAL)).one
    assert exchange.chunks[0].data == b"\x89PNG\x00\xff"
    assert decode(exchange, a_bot("", TALK)).text == "Hi."


def test_an_answer_ends_with_quiet_where_nothing_else_ends_it() -> None:
    async def handler(connection: ServerConnection) -> None:
        await connection.recv()
        await connection.send(json.dumps({"typing": True}))
        await asyncio.sleep(0.6)  # longer than quiet_s: it is counted only once something was said
        for text in ("The ", "moon."):
            await connection.send(piece(text))
        await connection.wait_closed()

    template = Template(body="{prompt}", framing="websocket", answer="$.t", quiet_s=0.4)
    exchange = talk(handler, template).one
    assert decode(exchange, a_bot("", template)).text == "The moon."
    assert exchange.ended_s > 0.6


def test_a_normal_close_ends_an_answer_and_the_next_turn_connects_anew() -> None:
    template = Template(body="{prompt}", framing="websocket", answer="$.t")
    talked = talk(closing(1000, "", piece("Hi.")), template, an_ask("a", "b"))
    assert texts(a_bot("", template), talked.exchanges) == ["Hi.", "Hi."]
    assert len(talked.handshakes) == 2


def test_a_close_before_the_end_that_is_due_is_cut_off() -> None:
    assert talk(closing(1000, "", piece("Hi."))).failure.kind == "cut_off"


def test_frames_that_nobody_asked_for_are_no_part_of_the_next_answer() -> None:
    async def handler(connection: ServerConnection) -> None:
        async for _ in connection:
            await connection.send(piece("answer"))
            await connection.send(FINAL)
            await connection.send(piece("an advert"))

    async def go() -> list[Exchange]:
        async with serve(handler, "127.0.0.1", 0) as server:
            bot = a_bot(f"http://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}", TALK)
            ask, found = an_ask("a", "b"), list[Exchange]()
            async with sender(bot) as send:
                for turn in range(2):
                    found.append(await send(bot, ask, turn, 0, encode(ask, ["x"] * turn, bot)))
                    if turn == 0:
                        (connection,) = server.connections
                        await (await connection.ping())  # answered once all that was sent before has come
        return found

    found = asyncio.run(go())
    assert [[c.data.decode() for c in e.chunks] for e in found] == [[piece("answer"), FINAL]] * 2
    (hop,) = found[1].hops
    assert [(c.data.decode(), c.t_s < 0) for c in hop.chunks] == [(piece("an advert"), True)]


def test_sixteen_sockets_at_once_do_not_mix() -> None:
    async def handler(connection: ServerConnection) -> None:
        said = []
        async for frame in connection:
            said.append(json.loads(frame)["q"])
            await connection.send(piece(" | ".join(said)))
            await connection.send(FINAL)

    asks = [an_ask(f"bird {n}", f"fish {n}", draw=n) for n in range(16)]
    talked = talk(handler, TALK, *asks)
    found = texts(a_bot("", TALK), talked.exchanges)
    assert found == [t for n in range(16) for t in (f"bird {n}", f"bird {n} | fish {n}")]
    assert len(talked.handshakes) == 16


# What goes out


def test_headers_cookies_and_the_subprotocol_go_out_with_the_handshake() -> None:
    template = Template(
        path="/ws?token={env:BOT_TOKEN}",
        headers=(
            ("origin", "https://bot.example"),
            ("cookie", "{env:BOT_COOKIE}"),
            ("sec-websocket-protocol", "chat.v2, chat.v1"),
        ),
        body="{prompt}",
        framing="websocket",
        answer="$.t",
        done="$.final",
    )
    secret = {"BOT_TOKEN": "planted-token-1", "BOT_COOKIE": "sid=planted-cookie-2"}
    echo = saying(piece("You are planted-token-1 with planted-cookie-2."), FINAL)
    talked = talk(echo, template, variables=secret, subprotocols=[Subprotocol("chat.v1")])
    (request,) = talked.handshakes
    assert request.path == "/ws?token=planted-token-1"
    assert (request.headers["origin"], request.headers["cookie"]) == ("https://bot.example", "sid=planted-cookie-2")
    assert request.headers["sec-websocket-protocol"] == "chat.v2, chat.v1"
    assert "sec-websocket-extensions" not in request.headers
    assert "planted" not in dump_exchange(talked.one)
    assert talked.one.failure is None


# What goes wrong


def test_a_server_that_closes_in_the_middle_is_cut_off() -> None:
    talked = talk(closing(1011, "worker planted died", piece("The mo")))
    assert talked.failure.kind == "cut_off"
    assert "code 1011: worker planted died" in talked.failure.detail
    assert len(talked.one.chunks) == 1


def test_a_connection_that_breaks_without_goodbye_is_cut_off() -> None:
    async def handler(connection: ServerConnection) -> None:
        await connection.recv()
        await connection.send(piece("The mo"))
        connection.transport.abort()

    assert talk(handler).failure.kind == "cut_off"


@pytest.mark.parametrize("code", [1008, 4401])
def test_a_close_for_who_may_not_come_in_is_refused(code: int) -> None:
    assert talk(closing(code, "log in")).failure.kind == "refused"


@pytest.mark.parametrize(("code", "said"), [(1008, "rate limit exceeded"), (4429, "slow"), (4000, "Too many requests")])
def test_a_close_for_who_asks_too_much_is_a_limit(code: int, said: str) -> None:
    assert talk(closing(code, said)).failure.kind == "limited"


def test_an_error_frame_is_a_failure_of_theirs() -> None:
    talked = talk(saying(piece("The mo"), json.dumps({"error": "model is gone"})))
    assert (talked.failure.kind, "model is gone" in talked.failure.detail) == ("server", True)


def test_a_huge_frame_is_cut_off() -> None:
    talked = talk(saying("x" * 200_000), byte_limit=50_000)
    assert (talked.failure.kind, "50,000 bytes" in talked.failure.detail) == ("cut_off", True)


def test_many_frames_beyond_the_limit_are_cut_off() -> None:
    talked = talk(saying(*[piece("x" * 1000)] * 100), byte_limit=50_000)
    assert (talked.failure.kind, "50,000 bytes" in talked.failure.detail) == ("cut_off", True)
    assert sum(len(c.data) for c in talked.one.chunks) == 50_000


def test_pings_alone_are_no_answer() -> None:
    async def handler(connection: ServerConnection) -> None:
        await connection.recv()
        await connection.wait_closed()

    talked = talk(handler, timeout_s=UNENDING_S, ping_interval=0.05)
    assert (talked.failure.kind, talked.one.chunks) == ("timeout", ())


def test_a_step_that_waits_for_a_frame_that_never_comes_is_named() -> None:
    template = Template(body="{prompt}", framing="websocket", steps=(Step(method="RECEIVE"),))
    talked = talk(saying(), template, timeout_s=UNENDING_S)
    assert talked.failure.kind == "timeout"
    assert talked.failure.detail.startswith("step 1 (RECEIVE): no complete answer within 0.5 s")


def test_a_socket_that_closes_during_a_step_is_cut_off_there() -> None:
    async def handler(connection: ServerConnection) -> None:
        await connection.close()

    template = Template(body="{prompt}", framing="websocket", steps=(Step(method="RECEIVE"),))
    talked = talk(handler, template)
    assert (talked.failure.kind, talked.failure.detail) == (
        "cut_off",
        "step 1 (RECEIVE): the server closed the websocket",
    )


@pytest.mark.parametrize(
    ("status", "kind"), [(401, "refused"), (404, "refused"), (429, "limited"), (503, "server"), (200, "refused")]
)
def test_a_handshake_answered_by_another_status_keeps_its_meaning(status: int, kind: str) -> None:
    def check(connection: ServerConnection, _: Request) -> Response:
        return connection.respond(status, "not here")

    talked = talk(saying(), check=check)
    assert (talked.failure.kind, talked.one.status) == (kind, status)
    assert f"HTTP {status}" in talked.failure.detail
    assert "not here" in talked.failure.detail


@pytest.mark.parametrize("path", ["/elsewhere", "other", "ws://[::1", "https://login.example/in?k=planted-1"])
def test_a_handshake_is_not_redirected(path: str) -> None:
    with serving(fixed(b"", status="302 Found")) as other:
        where = other.url + "/x" if path == "other" else path
        with serving(fixed(b"", status="302 Found", headers=(f"location: {where}",))) as server:
            exchange = ask_one(a_bot(server.url, TALK))
    assert exchange.failure is not None
    assert (exchange.failure.kind, exchange.status) == ("refused", 302)
    assert (len(server.requests), other.requests) == (1, [])
    assert "planted" not in dump_exchange(exchange)


def test_tls_to_a_plain_port_is_a_failure_to_connect() -> None:
    with serving(BEHAVIOURS["html_page"]) as server:
        exchange = ask_one(a_bot(server.url.replace("http:", "https:"), TALK))
    assert exchange.failure is not None
    assert exchange.failure.kind == "connect"


@pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl to make a certificate with")
def test_a_certificate_that_nobody_vouches_for_is_a_failure_to_connect(tmp_path: Path) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    made = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost"
    subprocess.run([*made.split(), "-keyout", key, "-out", certificate], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)

    async def go() -> list[Exchange]:
        async with serve(saying(FINAL), "localhost", 0, ssl=context) as server:
            bot = a_bot(f"wss://localhost:{next(iter(server.sockets)).getsockname()[1]}", TALK)
            async with sender(bot) as send:
                return await converse(send, bot, an_ask("Why?"))

    (exchange,) = asyncio.run(go())
    assert exchange.failure is not None
    assert (exchange.failure.kind, "certificate" in exchange.failure.detail) == ("connect", True)


def switching(*lines: str) -> Behaviour:
    """Switches protocols, whatever else it says."""
    return raw("\r\n".join(["HTTP/1.1 101 Switching Protocols", *lines, "", ""]).encode())


def choosing_another(peer: Peer) -> None:
    """A right handshake with a subprotocol that was not offered."""
    key = accept_key(peer.request.headers["sec-websocket-key"])
    lines = ("Upgrade: websocket", "Connection: Upgrade", f"Sec-WebSocket-Accept: {key}")
    switching(*lines, "Sec-WebSocket-Protocol: other.v9")(peer)


BROKEN: dict[str, tuple[Behaviour, str]] = {
    "wrong_subprotocol": (choosing_another, "garbled"),
    "wrong_key": (
        switching("Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Accept: bm90IHRoZSByaWdodCBvbmU="),
        "garbled",
    ),
    "no_upgrade": (switching("Connection: close"), "garbled"),
    "hangs_up": (BEHAVIOURS["hangs_up"], "cut_off"),
    "not_http": (BEHAVIOURS["not_http"], "cut_off"),
    "headers_never_come": (BEHAVIOURS["headers_never_come"], "timeout"),
    "endless_headers": (BEHAVIOURS["endless_headers"], "timeout"),
    "html_page": (BEHAVIOURS["html_page"], "refused"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_handshake_that_is_none_has_its_name(name: str) -> None:
    behaviour, kind = BROKEN[name]
    with serving(behaviour) as server:
        exchange = ask_one(a_bot(server.url, TALK), timeout_s=UNENDING_S if kind == "timeout" else 20.0)
    assert exchange.failure is not None
    assert exchange.failure.kind == kind, exchange.failure
