"""The lab: bots whose truth is known, so that what the instrument says of them can be checked."""

import asyncio
import gc
import json
import random
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import httpx
import pytest

from tests.conftest import read_as
from tests.lab.bots import RecordedBot
from tests.ways.misbehaving import ask_once
from wrapdetect.cli.demo.bots import Bot, Down, PlannedOutages, Schedule, VoiceBot, WrapperBot
from wrapdetect.cli.demo.command import DENIAL, PERSONA, load_voices
from wrapdetect.cli.demo.server import Served, serve
from wrapdetect.cli.demo.voice import CHOICE, Messages, draw, speak
from wrapdetect.model import Item
from wrapdetect.store.shipped import load_packs

VOICES = load_voices()
ITEMS = {i.id: i for p in load_packs(["identity", "coherence", "timing", "style"]) for i in p.items}
AT_ONCE = Schedule(first_s=0.0, gap_s=0.0)


def turn(*said: str, system: str = "") -> Messages:
    """A conversation: the user's turns, with an answer of no meaning between them."""
    messages = [{"role": "system", "content": system}] if system else []
    for number, text in enumerate(said):
        messages += [{"role": "assistant", "content": "Well."}] if number else []
        messages.append({"role": "user", "content": text})
    return messages


def a_voice(name: str = "heron", **more: object) -> VoiceBot:
    return VoiceBot(voice=VOICES[name], rng=random.Random(1), schedule=AT_ONCE, **more)  # type: ignore[arg-type]  # fields


def ask(url: str, model: str, messages: Messages, *, stream: bool = False) -> httpx.Response:
    body = {"model": model, "messages": list(messages), "stream": stream}
    return httpx.post(f"{url}/chat/completions", json=body, timeout=10, trust_env=False, verify=False)


def answer(url: str, model: str, messages: Messages) -> str:
    response = ask(url, model, messages)
    assert response.status_code == 200, response.text
    return str(response.json()["choices"][0]["message"]["content"])


# Voices


@pytest.mark.parametrize("name", VOICES)
@pytest.mark.parametrize("item", [i for i in ITEMS.values() if i.expects], ids=lambda i: i.id)
def test_each_voice_gives_back_what_was_planted(name: str, item: Item) -> None:
    for number in range(8):
        last = speak(VOICES[name], turn(*item.turns), random.Random(number)).lower()
        assert any(e.lower() in last for e in item.expects)
        assert not any(r.lower() in last for r in item.rejects)


@pytest.mark.parametrize("name", VOICES)
def test_each_voice_has_an_answer_of_its_own_to_every_style_question(name: str) -> None:
    missing = [i for i in ITEMS if i.startswith("sty_") and ITEMS[i].turns not in VOICES[name].answers]
    assert missing == []


@pytest.mark.parametrize("name", VOICES)
def test_every_template_is_drawn_to_its_end(name: str) -> None:
    for template in VOICES[name].answers.values():
        drawn = draw(template, random.Random(3))
        assert not any(mark in drawn for mark in ("[[", "]]", "||"))


def test_a_voice_varies_between_draws_and_repeats_with_its_seed() -> None:
    question = turn(*ITEMS["sty_explain_tides"].turns)
    samples = [speak(VOICES["heron"], question, random.Random(n)) for n in range(20)]
    assert len(set(samples)) > 10
    assert samples == [speak(VOICES["heron"], question, random.Random(n)) for n in range(20)]


def test_voices_say_different_things_to_the_same_question() -> None:
    question = turn(*ITEMS["sty_explain_tides"].turns)
    assert len({speak(v, question, random.Random(1)) for v in VOICES.values()}) == len(VOICES)


def test_a_voice_names_its_vendor_and_obeys_a_persona() -> None:
    voice, question = VOICES["heron"], ITEMS["en_maker"].turns[0]
    plain = {speak(voice, turn(question), random.Random(n)) for n in range(10)}
    masked = {speak(voice, turn(question, system=PERSONA), random.Random(n)) for n in range(10)}
    assert all(voice.vendor in said for said in plain)
    assert all("Northstar" in said and voice.vendor not in said and voice.model not in said for said in masked)


@pytest.mark.parametrize(
    ("system", "holds"),
    [
        ("Please be brief.", lambda plain, shaped: len(shaped) < len(plain)),
        ("Keep a calm tone.", lambda plain, shaped: "!" in plain and "!" not in shaped),
        ("Be friendly.", lambda plain, shaped: len(shaped) > len(plain) and plain in shaped),
    ],
    ids=["brief", "calm", "friendly"],
)
def test_a_voice_is_shaped_by_its_system_prompt(system: str, holds: Callable[[str, str], bool]) -> None:
    voice, question = VOICES["wren"], ITEMS["sty_explain_rainbow"].turns[0]
    pairs = [
        (speak(voice, turn(question), random.Random(n)), speak(voice, turn(question, system=system), random.Random(n)))
        for n in range(8)
    ]
    assert any(holds(plain, shaped) for plain, shaped in pairs)
    assert all(holds(plain, shaped) or plain == shaped or system == "Be friendly." for plain, shaped in pairs)


@pytest.mark.parametrize(
    ("question", "said"),
    [
        ("Please count from 3 to 6.", "3 4 5 6"),
        ("Write the word tick exactly 4 times.", "tick tick tick tick"),
        ("Repeat this word by word:\n\nA green door.", "A green door."),
    ],
)
def test_a_voice_counts_and_copies_as_asked(question: str, said: str) -> None:
    assert speak(VOICES["otter"], turn(question), random.Random(0)) == said


def test_an_unknown_question_gets_prose_that_fits_no_question() -> None:
    said = speak(VOICES["otter"], turn("What is the speed of a swallow?"), random.Random(0))
    assert said
    assert "swallow" not in said


def test_nested_choices_are_no_part_of_the_language_of_voices() -> None:
    assert CHOICE.findall("[[a||b]] c [[d||e||f]]") == ["a||b", "d||e||f"]


# Serving


def test_a_served_bot_speaks_the_protocol_streamed_and_plain() -> None:
    with serve(RecordedBot(model="bot-1", answers={"Why are there tides?": "The moon pulls 水."})) as served:
        streamed, plain = (read_as(ask_once(served.url, dialect=d)[0], d) for d in ("openai_stream", "openai_plain"))
        assert answer(served.url, "bot-1", turn("Anything else?")) == "Hello."
        models = httpx.get(f"{served.url}/models", trust_env=False, verify=False).json()
    assert (streamed.text, plain.text) == ("The moon pulls 水.",) * 2
    assert [p.text for p in streamed.pieces] == ["The", " moon", " pulls", " 水", "."]
    assert (streamed.model, streamed.finish, streamed.failure) == ("bot-1", "stop", None)
    assert [m["id"] for m in models["data"]] == ["bot-1"]


def test_a_served_bot_knows_its_model_and_its_key() -> None:
    with serve(a_voice(), key="right") as served:
        for key, model, status in (("wrong", "heron-2", 401), ("right", "magpie", 404), ("right", "heron-2", 200)):
            response = httpx.post(
                f"{served.url}/chat/completions",
                json={"model": model, "messages": list(turn("Hello?"))},
                headers={"authorization": f"Bearer {key}"},
                trust_env=False,
                verify=False,
            )
            assert response.status_code == status
    assert [r["headers"]["authorization"] for r in served.requests] == [  # type: ignore[index]  # kept as JSON
        *("Bearer wrong", "Bearer right", "Bearer right")
    ]


def test_a_bot_stops_at_the_token_limit() -> None:
    with serve(a_voice()) as served:
        body = {"model": "heron-2", "messages": list(turn("Please count from 1 to 40.")), "max_tokens": 5}
        text = httpx.post(f"{served.url}/chat/completions", json=body, trust_env=False, verify=False).json()["choices"][
            0
        ]["message"]
    assert text["content"] == "1 2 3 4 5"


def test_pieces_come_on_their_schedule_and_not_before() -> None:
    bot = VoiceBot(voice=VOICES["heron"], rng=random.Random(1), schedule=Schedule(first_s=0.1, gap_s=0.02))
    with serve(Renamed(bot, "bot-1")) as served:
        (exchange,) = ask_once(served.url)
    pieces = read_as(exchange, "openai_stream").pieces
    assert pieces[0].t_s >= 0.1
    assert all(p.t_s >= 0.1 + 0.02 * n - 0.001 for n, p in enumerate(pieces))  # a scheduled wait is never cut short


@dataclass
class Renamed:
    """A bot under another model name."""

    bot: Bot
    model: str

    def reply(self, messages: Messages, max_tokens: int) -> AsyncIterator[str]:
        return self.bot.reply(messages, max_tokens)


# Wrappers


@dataclass
class Heard:
    """An upstream that answers in known pieces and notes what reached it."""

    pieces: Sequence[str] = ("One ", "two ", "three.")
    down: bool = False
    heard: threading.Event | None = None
    """Set once a piece has arrived; where it is given, the next piece is not made before."""

    def __post_init__(self) -> None:
        self.model = "up"
        self.conversations: list[Messages] = []

    async def reply(self, messages: Messages, max_tokens: int) -> AsyncIterator[str]:
        self.conversations.append(messages)
        if self.down:
            raise Down(503)
        for piece in self.pieces:
            yield piece
            while self.heard and not self.heard.is_set():
                await asyncio.sleep(0.005)
            if self.heard:
                self.heard.clear()


@pytest.fixture
def upstream() -> Heard:
    return Heard()


@contextmanager
def wrapping(upstream: Bot, **more: object) -> Iterator[tuple[Served, Served]]:
    """The upstream and a wrapper of it, both running; what they leave open shows in the test that ran them."""
    with serve(upstream) as behind:
        given = {"model": "bot-1", "upstream": behind.url, "upstream_model": upstream.model, **more}
        with serve(WrapperBot(**given)) as served:  # type: ignore[arg-type]  # fields of a WrapperBot, by name
            yield behind, served
    gc.collect()


def wrapped(upstream: Bot, messages: Messages, **more: object) -> str:
    """What a wrapper of `upstream` says to a conversation."""
    with wrapping(upstream, **more) as (_, served):
        return answer(served.url, "bot-1", messages)


def test_a_wrapper_passes_pieces_on_as_they_come() -> None:
    heard, pieces = threading.Event(), list[str]()
    body = {"model": "bot-1", "messages": list(turn("A?")), "stream": True}
    with (
        wrapping(Heard(heard=heard)) as (_, served),
        httpx.stream("POST", f"{served.url}/chat/completions", json=body, timeout=10, trust_env=False) as response,
    ):
        for line in response.iter_lines():
            text = json.loads(line[6:])["choices"][0]["delta"].get("content") if line.startswith("data: {") else None
            if text:
                pieces.append(text)
                heard.set()
    assert pieces == ["One ", "two ", "three."]  # had the first waited for the last, none would have come


def test_a_wrapper_puts_its_persona_before_the_conversation(upstream: Heard) -> None:
    assert wrapped(upstream, turn("A?", "B?"), persona=PERSONA) == "One two three."
    assert list(upstream.conversations[0]) == [{"role": "system", "content": PERSONA}, *turn("A?", "B?")]


@pytest.mark.slow
def test_a_wrapper_that_drops_history_loses_the_thread(upstream: Heard) -> None:
    wrapped(upstream, turn("A?", "B?"), drop_history=True)
    assert list(upstream.conversations[0]) == [{"role": "user", "content": "B?"}]


def test_a_voice_behind_a_wrapper_without_history_cannot_give_the_fact_back() -> None:
    item = ITEMS["coh_en_code_word"]
    said = [wrapped(a_voice(), turn(*item.turns), drop_history=drop) for drop in (False, True)]
    assert [item.expects[0] in text for text in said] == [True, False]


@pytest.mark.parametrize("item", [i for i in ITEMS.values() if i.readers == ("identity",)], ids=lambda i: i.id)
def test_a_voice_behind_a_persona_never_names_its_vendor(item: Item) -> None:
    voice = VOICES["heron"]
    said = speak(voice, turn(*item.turns, system=PERSONA), random.Random(2))
    assert voice.vendor not in said
    assert voice.model not in said


@pytest.mark.parametrize("question", ["Which company made you?", pytest.param("你是真人吗？", marks=pytest.mark.slow)])
def test_a_script_answers_identity_questions_and_the_upstream_never_hears_them(question: str, upstream: Heard) -> None:
    assert wrapped(upstream, turn(question), script=DENIAL) in DENIAL
    assert upstream.conversations == []


def test_a_script_leaves_other_questions_to_the_upstream(upstream: Heard) -> None:
    assert wrapped(upstream, turn("Why are there tides?"), script=DENIAL) == "One two three."


def test_a_delay_comes_before_the_first_piece(upstream: Heard) -> None:
    with wrapping(upstream, delay_s=0.2) as (_, served):
        (exchange,) = ask_once(served.url)
    assert exchange.chunks[0].t_s >= 0.2


def test_a_wrapper_is_down_with_its_upstream() -> None:
    with wrapping(Heard(down=True)) as (behind, served):
        assert ask(served.url, "bot-1", turn("A?")).status_code == 502
        assert ask(behind.url, "up", turn("A?")).status_code == 503


@pytest.mark.slow
def test_a_wrapper_whose_upstream_is_gone_is_down_too() -> None:
    with serve(Heard()) as behind:
        gone = behind.url
    with serve(WrapperBot(model="nova", upstream=gone, upstream_model="up")) as served:
        assert ask(served.url, "nova", turn("A?")).status_code == 502
    gc.collect()


@pytest.mark.slow
def test_a_wrapper_may_excuse_itself_instead() -> None:
    assert wrapped(Heard(down=True), turn("A?"), own_excuse="Sorry, I am tired.") == "Sorry, I am tired."


def test_an_outage_is_shared_and_ends() -> None:
    up = a_voice(outages=PlannedOutages(stretches=((0.0, 60.0),)))
    with wrapping(up) as (behind, served):
        down = [ask(url, m, turn("A?")).status_code for url, m in ((behind.url, "heron-2"), (served.url, "bot-1"))]
        up.outages.stretches = ()
        back = [ask(url, m, turn("A?")).status_code for url, m in ((behind.url, "heron-2"), (served.url, "bot-1"))]
    assert (down, back) == ([503, 502], [200, 200])


async def in_the_outage_at(moment: float, outages: PlannedOutages) -> bool:
    loop = asyncio.get_running_loop()
    outages.begun = loop.time() - moment
    try:
        outages.check()
    except Down as down:
        return down.status == 503
    return False


@pytest.mark.parametrize(("moment", "down"), [(0.0, False), (2.9, False), (3.5, True), (5.1, False), (11.0, True)])
def test_outages_count_from_the_first_request(moment: float, down: bool) -> None:
    assert asyncio.run(in_the_outage_at(moment, PlannedOutages(stretches=((3.0, 5.0), (10.0, 12.0))))) is down
