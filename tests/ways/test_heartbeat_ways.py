"""Heartbeats by the ways that are no API: a template over HTTP and over a websocket, and a page in a real Chromium."""

import asyncio
import json
from dataclasses import replace
from itertools import pairwise

import pytest

from tests.catalogue.sockets import DONE, chats, piece
from tests.conftest import an_item
from tests.lab.bots import RecordedBot
from tests.lab.pages import serve_pages
from tests.ways.misbehaving import BEHAVIOURS, Behaviour, Peer, Server, fixed, serving, stream
from tests.ways.test_heartbeat import KEY, ROUND_S, with_pulse
from tests.ways.test_http import UNENDING_S
from tests.ways.test_page import marks
from wrapdetect.cli.demo.bots import Schedule
from wrapdetect.errors import SpecError
from wrapdetect.model import Endpoint, Page, Step, Template
from wrapdetect.model.history import Outcome, Service
from wrapdetect.monitor.rounds import Sign
from wrapdetect.monitor.schedule import heartbeat
from wrapdetect.ways.heartbeat import HttpPulse

QUESTION = heartbeat(ROUND_S).turns[0]
BODY = Template(path="/chat", body='{"q": "{prompt}", "k": "{key}"}', answer="$.text", error="$.error")
STREAMED = replace(BODY, framing="sse", answer="$.delta", done="[DONE]")
SOCKET = Template(
    path="/ws", method="GET", body='{"q": "{prompt}"}', framing="websocket", answer="$.delta", done="$.done"
)
ANSWERED: dict[str, tuple[Template, Behaviour]] = {
    "body": (BODY, fixed(b'{"text": "533335"}')),
    "sse": (STREAMED, stream(b'data: {"delta": "533"}\n\n', b'data: {"delta": "335"}\n\n', b"data: [DONE]\n\n")),
    "websocket": (SOCKET, chats((piece("533"), piece("335"), DONE))),
}


def a_bot(url: str, template: Template, name: str = "bot", **more: object) -> Service:
    fields: dict[str, object] = {"url": url, "model": "", "dialect": "template", "template": template, **more}
    endpoint = Endpoint(name=name, role="target", **fields)  # type: ignore[arg-type]  # any field
    return Service(name=name, kind="target", url=url, endpoint=endpoint)


def a_page(url: str, name: str = "page") -> Service:
    endpoint = Endpoint(name=name, role="target", url=url, model="", dialect="page", page=Page())
    return Service(name=name, kind="target", url=url, endpoint=endpoint)


def beats(template: Template, behaviour: Behaviour, times: int = 1, **more: object) -> tuple[list[Sign], Server]:
    with serving(behaviour) as server:
        service = a_bot(server.url, template, key_env="BOT_KEY" if "{key}" in template.body else None)

        async def go(pulse: HttpPulse) -> list[Sign]:
            return [await pulse.beat(service, ROUND_S) for _ in range(times)]

        return with_pulse(service, do=go, keys={"bot": KEY}, **more), server  # type: ignore[arg-type]  # see there


@pytest.mark.parametrize("framing", ANSWERED)
def test_a_template_that_answers_is_up_each_time_over_a_connection_of_its_own(framing: str) -> None:
    signs, server = beats(*ANSWERED[framing], times=2)
    assert [(s.outcome, s.said, s.lagged) for s in signs] == [(Outcome.UP, "", False)] * 2
    assert all(0 < s.latency_ms < 5000 for s in signs)
    assert len(server.requests) == 2
    assert server.closed.wait(5)


def test_a_heartbeat_of_a_template_sends_its_own_request_with_the_question_and_the_key() -> None:
    _, server = beats(*ANSWERED["body"])
    (heard,) = server.requests
    assert heard.head.startswith("POST /v1/chat HTTP/1.1")
    assert json.loads(heard.body) == {"q": QUESTION, "k": KEY}


def test_a_template_is_asked_afresh_each_time_with_all_its_steps() -> None:
    def behave(peer: Peer) -> None:
        begins = peer.request.head.startswith("POST /v1/new")
        fixed(b'{"id": "c-17"}' if begins else b'{"text": "1"}')(peer)

    steps = (Step(method="POST", path="/new", keep=(("chat", "$.id"),)),)
    signs, server = beats(replace(BODY, body='{"q": "{prompt}", "chat": "{chat}"}', steps=steps), behave, times=2)
    assert [s.outcome for s in signs] == [Outcome.UP] * 2
    assert [h.head.split()[1] for h in server.requests] == ["/v1/new", "/v1/chat"] * 2
    assert json.loads(server.requests[1].body)["chat"] == "c-17"
    assert all(a.sent_s < b.sent_s for a, b in pairwise(signs))


@pytest.mark.parametrize(
    ("name", "outcome"),
    [
        ("broken_server", Outcome.SERVER), ("too_many", Outcome.LIMITED), ("unauthorized", Outcome.REFUSED),
        ("hangs_up", Outcome.CUT_OFF), ("headers_never_come", Outcome.TIMEOUT),
    ],
)  # fmt: skip
def test_a_failure_of_a_template_is_read_as_in_an_audit(name: str, outcome: Outcome) -> None:
    limit_s = UNENDING_S if outcome is Outcome.TIMEOUT else 10.0
    (sign,), _ = beats(BODY, BEHAVIOURS[name], timeout_s=limit_s)
    assert (sign.outcome, sign.latency_ms) == (outcome, 0)
    assert sign.said
    assert KEY not in sign.said


@pytest.mark.parametrize(
    ("said", "outcome"),
    [
        (b'{"error": "Rate limit exceeded"}', Outcome.LIMITED),
        (b'{"error": "boom"}', Outcome.SERVER),
        (b"{}", Outcome.GARBLED),
    ],
)
def test_what_a_template_finds_to_be_an_error_is_no_answer(said: bytes, outcome: Outcome) -> None:
    (sign,), _ = beats(BODY, fixed(said))
    assert sign.outcome is outcome


def test_a_socket_that_closes_without_an_answer_is_down() -> None:
    (sign,), _ = beats(SOCKET, chats((piece("5"),)), timeout_s=UNENDING_S)
    assert sign.outcome is Outcome.TIMEOUT


def test_a_fingerprint_is_taken_of_a_template_too_and_a_key_in_it_is_masked() -> None:
    with serving(fixed(json.dumps({"text": f"It is {KEY}."}).encode())) as server:
        bot = a_bot(server.url, BODY, key_env="BOT_KEY")
        item = an_item("one", turns=("1?",), max_tokens=10)
        text = with_pulse(bot, do=lambda pulse: pulse.answer(bot, item), keys={"bot": KEY})
    assert text == f"It is {'*' * len(KEY)}."
    assert json.loads(server.requests[0].body)["q"] == "1?"


def test_a_login_file_that_is_gone_is_said_and_nothing_is_asked() -> None:
    with serving(fixed(b"{}")) as server:
        bot = a_bot(server.url, replace(BODY, body="{prompt}"), storage_state="/nowhere/login.json")
        with pytest.raises(SpecError, match=r"login\.json"):
            with_pulse(bot, do=lambda pulse: pulse.beat(bot, ROUND_S))
    assert server.requests == []


def a_lab_bot() -> RecordedBot:
    answers = {QUESTION: "533335", "1?": "One."}
    return RecordedBot(model="lab-1", answers=answers, schedule=Schedule(first_s=0.1, gap_s=0.05))


@pytest.mark.slow
@pytest.mark.xdist_group("page")
def test_pages_are_asked_one_after_the_other_each_in_a_browser_that_is_ended() -> None:
    with serve_pages(a_lab_bot()) as pages, serving(fixed(b"no", status="503 Service Unavailable")) as broken:
        first, second = (a_page(pages.url("stream"), name) for name in ("first", "second"))
        gone = a_page(broken.url, "gone")

        async def go(pulse: HttpPulse) -> tuple[list[Sign], Sign, str | None]:
            await pulse.check()
            both = await asyncio.gather(*(pulse.beat(s, ROUND_S) for s in (first, second)))
            fallen = await pulse.beat(gone, ROUND_S)
            return both, fallen, await pulse.answer(first, an_item("one", turns=("1?",)))

        both, fallen, said = with_pulse(first, second, gone, do=go, timeout_s=60.0)
    assert [(s.outcome, s.said) for s in both] == [(Outcome.UP, "")] * 2
    early, late = sorted(both, key=lambda s: s.sent_s)
    assert late.sent_s - early.sent_s >= early.latency_ms / 1000
    assert late.waited_s > early.waited_s
    assert fallen.outcome is Outcome.SERVER
    assert said == "One."
    assert [turns[-1]["content"] for turns in pages.asked] == [QUESTION, QUESTION, "1?"]
    assert marks() == set()


@pytest.mark.slow
@pytest.mark.xdist_group("page")
def test_a_watch_that_ends_in_mid_beat_leaves_no_browser() -> None:
    with serve_pages(a_lab_bot()) as pages:
        page = a_page(pages.url("stream"))

        async def go(pulse: HttpPulse) -> None:
            beating = asyncio.ensure_future(pulse.beat(page, ROUND_S))
            while not marks():
                assert not beating.done()
                await asyncio.sleep(0.05)
            beating.cancel()
            await asyncio.wait((beating,))
            assert beating.cancelled()

        with_pulse(page, do=go, timeout_s=60.0)
    assert marks() == set()
