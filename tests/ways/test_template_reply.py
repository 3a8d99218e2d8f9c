"""Automatic replies: whoever pings gets an answer at once, also between questions, and no ping is part of an answer."""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import replace

import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from tests.ways.asking_templates import a_bot, an_ask, converse, sender, texts
from wrapdetect.dialects import decode
from wrapdetect.model import Exchange, FailureKind, Step, Template
from wrapdetect.model.template import AutoReply
from wrapdetect.ways.net.socket import MOST_REPLIES

JSON = Template(path="/ws", body='{"q": "{prompt}"}', framing="websocket", answer="$.t", done="$.end")
END = '{"t": "The moon.", "end": true}'


class Pinging:
    """Pings after each question, hears what comes back, and answers once all pings were answered as they should be."""

    def __init__(self, pings: Sequence[str], due: Sequence[str], answer: str = END) -> None:
        self.pings, self.due, self.answer = pings, list(due), answer
        self.questions: list[str] = []
        self.heard: list[str] = []

    async def __call__(self, connection: ServerConnection) -> None:
        try:
            while True:
                self.questions.append(str(await connection.recv()))
                for ping in self.pings:
                    await connection.send(ping)
                got = [str(await connection.recv()) for _ in self.due]
                self.heard += got
                await connection.send(self.answer if got == self.due else '{"t": "You did not answer.", "end": true}')
        except ConnectionClosed:
            return


def asked(handler: object, template: Template, *turns: str, timeout_s: float = 20.0) -> list[Exchange]:
    async def go() -> list[Exchange]:
        async with serve(handler, "127.0.0.1", 0, close_timeout=1) as server:  # type: ignore[arg-type]  # one argument
            port = next(iter(server.sockets)).getsockname()[1]
            bot = a_bot(f"ws://127.0.0.1:{port}", template)
            async with sender(bot, timeout_s=timeout_s) as send:
                return await converse(send, bot, an_ask(*(turns or ("Why?",))))

    return asyncio.run(go())


@pytest.mark.parametrize(
    ("replies", "pings", "due"),
    [
        ((AutoReply(when="re:^2$", body="3"),), ["2", "2"], ["3", "3"]),  # Engine.IO 4
        ((AutoReply(when="re:^2(probe)?$", body="3{found}"),), ["2probe"], ["3probe"]),  # Engine.IO 3
        ((AutoReply(when='re:"type":\\s*"ping"', body='{"type": "pong"}'),), ['{"type":"ping"}'], ['{"type": "pong"}']),
        (
            (AutoReply(when='re:^\\{"type":6\\}', body='{"type":6}\x1e'),),
            ['{"type":6}\x1e'],
            ['{"type":6}\x1e'],
        ),
        ((AutoReply(when="$.ping", body='{"pong": "{found}"}'),), ['{"ping": 17}'], ['{"pong": "17"}']),
        ((AutoReply(when="$.ping", body='{"pong": {found}}'),), ['{"ping": 17}'], ['{"pong": 17}']),
        ((AutoReply(when="$.nonce", body="{found | base64}"),), ['{"nonce": "a"}'], ["YQ=="]),
        ((AutoReply(when="$.nonce", body="{found | unbase64}"),), ['{"nonce": "%%"}', "2"], []),  # no base64: no reply
        ((AutoReply(when="re:^\\n$", body="\n"),), ["\n"], ["\n"]),  # STOMP
        (
            (AutoReply(when="2", body="3"), AutoReply(when="ping", body="pong")),
            ["ping\n"],
            ["pong"],
        ),
        ((AutoReply(when="re:^h$"),), ["h", "h"], []),  # SockJS: heard, and not answered
        ((AutoReply(when="re:^2$", body="3"), AutoReply(when="re:^9$", body="8")), ["9", "2"], ["8", "3"]),
        ((AutoReply(when="$.x", body="{found}"),), ['{"x": "\\ud800"}'], ["?"]),
        ((AutoReply(when="$.x", body="{found}"),), ['{"x": "{prompt}{key}"}'], ["{prompt}{key}"]),
    ],
)
def test_each_protocols_ping_is_answered_and_no_part_of_the_answer(
    replies: tuple[AutoReply, ...], pings: Sequence[str], due: Sequence[str]
) -> None:
    server = Pinging(pings, due)
    template = replace(JSON, replies=replies)
    exchanges = asked(server, template, "one", "two")
    assert texts(a_bot("ws://b.example", template), exchanges) == ["The moon.", "The moon."]
    assert server.heard == list(due) * 2
    ours = [p for p in pings if p != "2" or any(r.when == "re:^2$" for r in replies)]
    for exchange in exchanges:
        beside = [chunk.data.decode() for hop in exchange.hops for chunk in hop.chunks]
        assert beside == ours  # what was set aside is kept beside the answer
        assert not {c.data.decode() for c in exchange.chunks} & set(ours)


def test_a_ping_between_two_questions_is_answered_when_it_comes() -> None:
    answered: list[str] = []

    async def server(connection: ServerConnection) -> None:
        try:
            for _ in range(2):
                await connection.recv()
                await connection.send(END)
                await connection.send("2")
                answered.append(str(await asyncio.wait_for(connection.recv(), 5)))
        except ConnectionClosed:
            return

    template = replace(JSON, replies=(AutoReply(when="re:^2$", body="3"),))
    exchanges = asked(server, template, "one", "two")
    assert answered[0] == "3"
    assert texts(a_bot("ws://b.example", template), exchanges)[0] == "The moon."


def test_a_ping_is_no_frame_that_a_step_receives_and_keeps_no_answer_from_falling_silent() -> None:
    async def server(connection: ServerConnection) -> None:
        await connection.send("2")
        await connection.send('{"session": "s1"}')
        await connection.recv()
        await connection.send('{"t": "The moon."}')
        try:
            while True:
                await connection.send("2")
                await asyncio.sleep(0.02)
        except ConnectionClosed:
            return

    step = Step(method="RECEIVE", keep=(("session", "$.session"),))
    template = replace(
        JSON, body='{"q": "{prompt}", "s": "{session}"}', done="", quiet_s=0.2, steps=(step,),
        replies=(AutoReply(when="re:^2$", body="3"),),
    )  # fmt: skip
    (exchange,) = asked(server, template, timeout_s=5)
    assert texts(a_bot("ws://b.example", template), [exchange]) == ["The moon."]
    assert json.loads(exchange.sent)["s"] == "s1"


def test_a_heartbeat_goes_out_by_the_clock() -> None:
    beats: list[str] = []

    async def server(connection: ServerConnection) -> None:
        question = str(await connection.recv())
        while len(beats) < 3:
            beats.append(str(await connection.recv()))
        await connection.send(json.dumps({"t": question, "end": True}))
        await connection.wait_closed()

    beat = AutoReply(every_s=0.05, body='[null, "1", "phoenix", "heartbeat", {}]')
    template = replace(JSON, replies=(beat,))
    (exchange,) = asked(server, template)
    assert texts(a_bot("ws://b.example", template), [exchange]) == ['{"q": "Why?"}']
    assert beats == [beat.body] * 3


def test_a_server_that_pings_without_end_is_hung_up_on() -> None:
    async def server(connection: ServerConnection) -> None:
        await connection.recv()
        try:
            for _ in range(MOST_REPLIES + 500):
                await connection.send("2")
            await connection.wait_closed()
        except ConnectionClosed:
            return

    template = replace(JSON, replies=(AutoReply(when="re:^2$"),))
    (exchange,) = asked(server, template)
    failure = decode(exchange, a_bot("ws://b.example", template)).failure
    assert failure is not None
    assert failure.kind is FailureKind.GARBLED
    assert "frames wanted a reply" in failure.detail
    assert sum(len(hop.chunks) for hop in exchange.hops) <= 101


@pytest.mark.parametrize(
    ("body", "frame"),
    [
        ('42["ask",{"q":"{prompt}"}]', '42["ask",{"q":"A \\"b\\"?"}]'),
        ('42/chat,["ask","{prompt}"]', '42/chat,["ask","A \\"b\\"?"]'),
        ('42/chat,7["ask",{prompt}]', '42/chat,7["ask","A \\"b\\"?"]'),
        ('420["ask","{prompt}"]', '420["ask","A \\"b\\"?"]'),
        ('{"target":"ask","arguments":["{prompt}"],"type":1}\x1e', None),
        ('[null,"1","room:x","ask",{"q":"{prompt}"}]', '[null,"1","room:x","ask",{"q":"A \\"b\\"?"}]'),
        ("SEND\ndestination:/ask\n\n{prompt}\x00", 'SEND\ndestination:/ask\n\nA "b"?\x00'),
        ("{prompt}", 'A "b"?'),
        ('ask {"q": {prompt | json}}', 'ask {"q": "A \\"b\\"?"}'),
    ],
)
def test_a_frame_that_holds_json_behind_a_number_is_filled_in_as_json(body: str, frame: str | None) -> None:
    server = Pinging((), ())
    asked(server, replace(JSON, body=body), 'A "b"?')
    expected = frame or '{"target":"ask","arguments":["A \\"b\\"?"],"type":1}\x1e'
    assert server.questions == [expected]


@pytest.mark.parametrize(("ping", "hinted"), [("2", True), ('{"type": "ping"}', True), ('{"t": "2"}', False)])
def test_a_server_that_hangs_up_on_an_unanswered_ping_is_told_of(ping: str, *, hinted: bool) -> None:
    async def server(connection: ServerConnection) -> None:
        await connection.recv()
        await connection.send('{"t": "Half"}')
        await connection.send(ping)

    (exchange,) = asked(server, JSON)
    failure = decode(exchange, a_bot("ws://b.example", JSON)).failure
    assert failure is not None
    assert failure.kind is FailureKind.CUT_OFF
    assert ("ping that nobody answered" in failure.detail) is hinted


@pytest.mark.parametrize(
    "frames",
    [
        ['{"t": "The "}\x1e{"type":6}\x1e{"t": "moon."}\x1e{"end": true}\x1e'],
        ['{"t": "The "}\x1e', '{"type":6}\x1e', '{"t": "moon."}\x1e', '{"end": true}\x1e'],
        ['{"type":6}\x1e{"t": "The moon."}\x1e', '{"type":6}\x1e{"end": true}\x1e'],
        ['\x1e{"t": "The moon."}', '{"end": true}'],  # a JSON text sequence
    ],
)
def test_records_that_share_a_frame_are_heard_one_by_one(frames: Sequence[str]) -> None:
    pings = sum(frame.count('"type":6') for frame in frames)
    heard: list[str] = []

    async def handler(connection: ServerConnection) -> None:
        await connection.recv()
        for frame in frames:
            await connection.send(frame)
        heard.extend([str(await connection.recv()) for _ in range(pings)])

    template = replace(JSON, replies=(AutoReply(when="$.type", body='{"type":6}\x1e'),))
    exchanges = asked(handler, template)
    assert texts(a_bot("ws://b.example", template), exchanges) == ["The moon."]
    assert heard == ['{"type":6}\x1e'] * pings
    assert b"".join(c.data for c in exchanges[0].chunks).decode().count('"type":6') == 0


def test_a_ping_that_nobody_answered_is_hinted_at_without_an_answer_too() -> None:
    async def handler(connection: ServerConnection) -> None:
        await connection.recv()
        await connection.send("2")

    (exchange,) = asked(handler, JSON)
    failure = decode(exchange, a_bot("ws://b.example", JSON)).failure
    assert failure is not None
    assert "a ping that nobody answered?" in failure.detail
