"""Notices, settling, and a page's own traffic: what is an answer, when is it whole, and was all of it read"""

import json

import pytest

from wrapdetect.ways.page.bodies import is_far, is_told, texts_of
from wrapdetect.ways.page.traffic import BODY_LIMIT, CHUNKS_LIMIT, REFUSED_LIMIT, REQUESTS_LIMIT, Traffic
from wrapdetect.ways.page.waiting import ShownText, has_grown, is_settled, only_waits, without_notice

NOTICES = (
    "One moment please, I am searching the shelves.",
    "Just a sec…",
    "Sure, one moment.",
    "Thanks! Please hold on.",
    "Hold on a second!",
    "Let me look through our documents.",
    "I'll check that for you.",
    "We're processing your message",
    "I am still looking for it...",
    "Thinking",
    "**Thinking…**",
    "Generating response",
    "Harbour Bot is typing…",
    "Our assistant is preparing your answer.",
    "🔎 Searching the web",
    "Fetching data from the archive",
    "Please wait while I look into this.",
    "Your request is being processed.",
    "You are number 3 in the queue.",
    "Thank you for your patience.",
    "Connecting you to an agent...",
    "Thinking...\n\nSearching the web...",
    "Ada has joined the chat.",
    "You are now talking to Ada",
    "Einen Moment bitte.",
    "Bitte warten Sie…",
    "Un instant, je cherche.",
    "Un momento, por favor.",
    "Um momento, por favor",
    "Un attimo…",
    "Минутку, ищу ответ",
    "请稍候",
    "正在思考…",
    "少々お待ちください。",
    "잠시만 기다려 주세요",
)
ANSWERS = (
    "Yes.",
    "No",
    "42",
    "I think so.",
    "Let me think: the moon pulls on the seas.",
    "Let me see, I would say two.",
    "One moment of pressure changes everything.",
    "A second answer is 42.",
    "A minute has sixty seconds.",
    "Looking at the evidence, I would say yes.",
    "I'm working as a language model, and I can help.",
    "Thank you for asking! I am well.",
    "Good morning to you, friend.",
    "Waiting is hard for those who love, as the poets say, and they ought to know. Everybody does.",
    "Un poco.",
    "Einen Hund.",
    "Reading, writing, counting.",
    "The tide is turning.",
)


@pytest.mark.parametrize("text", NOTICES)
def test_a_notice_is_known_by_its_words(text: str) -> None:
    assert only_waits(text)


@pytest.mark.parametrize("text", ANSWERS)
def test_an_answer_is_no_notice(text: str) -> None:
    assert not only_waits(text)


def standing(**more: object) -> ShownText:
    usual = {"text": "The moon pulls.", "quiet_s": 1.1, "grew": True, "received": True, "pushed": False, "busy": False}
    return ShownText(**{**usual, **more})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("now", "settled"),
    [
        (standing(), True),
        (standing(quiet_s=0.9), False),
        (standing(busy=True), False),
        (standing(busy=True, quiet_s=12.1), True),
        (standing(pushed=True), False),
        (standing(pushed=True, quiet_s=2.6), True),
        (standing(grew=False), False),
        (standing(grew=False, quiet_s=2.1), True),
        (standing(grew=False, text="The moon pulls. " * 20), True),
        (standing(received=False), False),
        (standing(received=False, quiet_s=4.1), True),
        (standing(received=False, grew=False, quiet_s=7.9), False),
        (standing(received=False, grew=False, quiet_s=8.1), True),
        (standing(received=False, grew=False, quiet_s=50.0, busy=True), False),
        (standing(text="One moment please.", quiet_s=50.0), False),
    ],
)
def test_an_answer_settles_the_sooner_the_better_it_is_known(now: ShownText, settled: bool) -> None:
    assert is_settled(now, 1.0) is settled


def test_quiet_asked_for_by_the_user_is_never_cut_short() -> None:
    assert not is_settled(standing(quiet_s=29.0), 30.0)


def test_a_notice_above_the_answer_stamps_nothing_and_a_first_sentence_does() -> None:
    above = [(0.2, "One moment."), (2.0, "One moment.\n\nThe"), (2.1, "One moment.\n\nThe moon")]
    assert without_notice(above) == [(2.0, "The"), (2.1, "The moon")]
    at_once = [(0.2, "One moment."), (0.3, "One moment.\n\nThe"), (0.4, "One moment.\n\nThe moon")]
    assert without_notice(at_once) == at_once
    assert without_notice([]) == []


def test_what_came_in_three_pieces_has_grown() -> None:
    assert has_grown([(0.1, "a"), (0.2, "a b"), (0.3, "a b c")])
    assert not has_grown([(0.1, "Thinking about it"), (0.2, "The answer")])
    assert not has_grown([(0.1, "The answer")])


# The page's own traffic

SAID = "The moon pulls on the **seas**, and the sun helps a little."
FOLDED = "themoonpullsontheseasandthesunhelpsalittle"
WORDS = SAID.split(" ")


def sse(*values: object) -> bytes:
    return b"".join(b"data: " + json.dumps(v).encode() + b"\n\n" for v in values)


BODIES = {
    "one_object": json.dumps({"id": "abc", "answer": SAID}).encode(),
    "deltas": sse(*({"choices": [{"delta": {"content": w + " "}}]} for w in WORDS)) + b"data: [DONE]\n\n",
    "snapshots": sse(*({"text": " ".join(WORDS[: k + 1])} for k in range(len(WORDS)))),
    "json_lines": b"\n".join(json.dumps({"d": w + " "}).encode() for w in WORDS),
    "socket_io": b"\n".join(b"42" + json.dumps(["piece", w + " "]).encode() for w in WORDS),
    "strings": sse(*(w + " " for w in WORDS)),
    "plain": SAID.encode(),
    "html": f"<p>{SAID}</p>".encode(),
    "json_in_json": json.dumps({"data": json.dumps({"answer": SAID})}).encode(),
    "escaped": json.dumps({"answer": SAID}).replace("moon", "\\u006doon").encode(),
}


@pytest.mark.parametrize("name", BODIES)
def test_a_text_is_put_together_from_its_pieces_however_it_was_sent(name: str) -> None:
    told = texts_of([BODIES[name]])
    assert any(FOLDED in text for text in told)
    assert is_told("The moon pulls on the seas, and the sun helps a little.", told)
    assert not is_told("Otters fetch it for you", told, BODIES[name])
    assert not is_far(SAID, told)


@pytest.mark.parametrize("name", [n for n in BODIES if n not in ("plain", "html")])
def test_an_answer_of_which_only_a_part_was_read_is_far_from_what_was_sent(name: str) -> None:
    more = BODIES[name].replace(b"helps", b"helps" + b" and helps again" * 20)
    assert is_far("The moon pulls on the seas,", texts_of([more]))
    assert is_far(SAID + " And so on." * 20, texts_of([BODIES[name]]))


def test_what_has_nothing_to_do_with_the_answer_says_nothing() -> None:
    assert not is_far(SAID, texts_of([b'{"ok": true, "list": ["a", "b"]}', b"\xff\x00\xfe", b"[" * 100_000]))
    assert not is_far("Yes.", texts_of([json.dumps({"text": "Yes." + "x" * 900}).encode()]))


def test_of_a_flood_of_traffic_no_more_than_the_limits_is_kept() -> None:
    traffic = Traffic()
    traffic._socket({"requestId": "1", "url": "ws://bot.example/ws"})
    frame = {"requestId": "1", "timestamp": 1.0, "response": {"opcode": 1, "payloadData": "x"}}
    for _ in range(CHUNKS_LIMIT + 100):
        traffic._frame(frame)
    for k in range(REFUSED_LIMIT + 100):
        traffic.refuse(f"http://other.example/{k}", "GET", 1.0)
    for k in range(REQUESTS_LIMIT + 100):
        asked = {"url": f"http://bot.example/{k}", "method": "GET"}
        traffic._begun({"requestId": str(k + 2), "wallTime": 1.0, "timestamp": 1.0, "type": "Fetch", "request": asked})
    (frames,) = traffic.heard_since(0.0)
    assert frames.count(b"x") == CHUNKS_LIMIT
    assert traffic.refused_hosts == ("other.example",)
    assert len(traffic._requests) <= REQUESTS_LIMIT + REFUSED_LIMIT


def test_one_long_body_is_kept_to_its_limit() -> None:
    traffic = Traffic()
    traffic._socket({"requestId": "1", "url": "ws://bot.example/ws"})
    for _ in range(9):
        response = {"opcode": 1, "payloadData": "x" * 50_000}
        traffic._frame({"requestId": "1", "timestamp": 1.0, "response": response})
    (hop,) = traffic.take(0.0)
    assert sum(len(c.data) for c in hop.chunks) == BODY_LIMIT
