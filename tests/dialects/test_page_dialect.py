"""The page dialect: what was seen to grow becomes text with times, whatever was replaced on the way."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import START, an_endpoint
from wrapdetect.dialects import DIALECTS, Reply
from wrapdetect.dialects.base import EMPTY
from wrapdetect.dialects.page import grown
from wrapdetect.errors import SpecError
from wrapdetect.model import Ask, AskKey, Chunk, Exchange, Failure, FailureKind
from wrapdetect.secrets.named import mask_named, mask_query
from wrapdetect.ways.page.browser import Hosts, find_chromium, hosts_of

PAGE = DIALECTS["page"]
BOT = an_endpoint("bot", "target", dialect="page")
ASK = Ask(key=AskKey("style", "tides", 0), turns=("One?", "Two?"), system="", temperature=0.7, max_tokens=100)


def read(chunks: tuple[Chunk, ...], failure: Failure | None = None) -> Reply:
    exchange = Exchange(
        endpoint="bot",
        ask=ASK.key,
        turn=0,
        attempt=0,
        started=START,
        sent="One?",
        status=200,
        headers=(),
        chunks=chunks,
        ended_s=1.0,
        failure=failure,
    )
    return PAGE.decode(exchange, BOT, stream=True)


def test_only_the_turn_that_is_due_is_typed() -> None:
    assert PAGE.encode(ASK, [], BOT, stream=True).body == {"prompt": "One?"}
    assert PAGE.encode(ASK, ["Yes."], BOT, stream=True).body == {"prompt": "Two?"}
    assert PAGE.remembers(BOT)
    assert not PAGE.takes_system(BOT)


def test_growth_keeps_the_time_of_each_piece() -> None:
    reply = read(grown([(0.1, "The"), (0.2, "The moon"), (0.3, "The moon"), (0.4, "The moon.")]))
    assert reply.text == "The moon."
    assert [tuple(p) for p in reply.pieces] == [(0.1, "The"), (0.2, " moon"), (0.4, ".")]


def test_a_placeholder_leaves_no_piece_behind() -> None:
    reply = read(grown([(0.1, "Thinking about it"), (0.5, "The moon"), (0.6, "The moon pulls")]))
    assert [tuple(p) for p in reply.pieces] == [(0.5, "The moon"), (0.6, " pulls")]


def test_an_edit_near_the_end_keeps_what_stood_before_it() -> None:
    reply = read(grown([(0.1, "The moon "), (0.2, "The moon pulls **hard"), (0.3, "The moon pulls hard.")]))
    assert [tuple(p) for p in reply.pieces] == [(0.1, "The moon "), (0.2, "pulls "), (0.3, "hard.")]


@given(st.lists(st.text(max_size=12), min_size=1, max_size=8))
def test_whatever_was_seen_the_last_of_it_is_the_answer(seen: list[str]) -> None:
    reply = read(grown([(float(k), text) for k, text in enumerate(seen)]))
    assert reply.text == seen[-1]
    assert "".join(p.text for p in reply.pieces) == reply.text
    assert [p.t_s for p in reply.pieces] == sorted(p.t_s for p in reply.pieces)


def test_no_text_is_an_empty_answer_and_a_failure_stays_one() -> None:
    assert read(()).failure == Failure(kind=FailureKind.GARBLED, detail=EMPTY)
    late = Failure(kind=FailureKind.TIMEOUT, detail="for a test")
    assert read(grown([(0.1, "half an")]), late).failure == late


@pytest.mark.parametrize(
    "data", [b"", b"{}", b"[1]", b'[5, "beyond"]', b'[true, "x"]', b"[0, 1]", b'[-1, ""]', b"\xff"]
)
def test_a_chunk_that_is_none_is_garbled_and_no_exception(data: bytes) -> None:
    failure = read((Chunk(t_s=0.1, data=data),)).failure
    assert failure is not None
    assert failure.kind is FailureKind.GARBLED


def test_the_lock_on_hosts_lets_no_likeness_through() -> None:
    hosts = hosts_of(an_endpoint("bot", url="https://bot.example/chat", hosts=("cdn.example", "[::1]:81")))
    assert hosts == Hosts(own="bot.example", others=("cdn.example", "::1"))
    for url in (
        "https://bot.example/a",
        "ws://bot.example:9/",
        "http://cdn.example?x",
        "https://[::1]/",
        "https://BOT.example/",
    ):
        assert not hosts.refused.match(url), url
    for url in (
        "https://bot.example.evil/",
        "https://bot.example@evil/",
        "https://bot.example:80@evil/",
        "http://xbot.example/",
        "wss://evil/bot.example",
        "https://botxexample/",
    ):
        assert hosts.refused.match(url), url


def test_a_browser_that_is_named_and_not_there_is_told() -> None:
    with pytest.raises(SpecError, match="WRAPDETECT_CHROMIUM is '/nowhere/chromium': no program is there"):
        find_chromium({"WRAPDETECT_CHROMIUM": "/nowhere/chromium"})
    assert find_chromium({"PATH": ""}) is None


def test_values_that_are_secret_by_name_are_masked_in_a_pages_own_traffic() -> None:
    body = json.dumps({"csrf_token": "a1b2c3d4e5f6", "token": "gravity", "prompt": "why not?"})
    assert json.loads(mask_named(body)) == {"csrf_token": "*" * 12, "token": "gravity", "prompt": "why not?"}
    assert mask_named("q=why&session=a1b2c3d4e5") == "q=why&session=**********"
    assert mask_query("https://bot.example/a?t=12&u#x") == "https://bot.example/a?t=**&u"
