"""Chat pages in a real Chromium, one for each layout: each ends in a named outcome; nothing else is asked or kept."""

import asyncio
import contextlib
import os
import re
import socket
import threading
from collections.abc import Coroutine, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

import pytest

from tests.lab.bots import RecordedBot
from tests.lab.pages import COOKIE, LAYOUTS, QUERIED, STORED, Pages, serve_pages
from tests.ways.asking_templates import converse
from wrapdetect.cli.demo.bots import Schedule
from wrapdetect.dialects import decode
from wrapdetect.model import Ask, AskKey, Endpoint, Exchange, FailureKind, Page
from wrapdetect.runs.codec import dump_exchange
from wrapdetect.ways import clock
from wrapdetect.ways.keyring import Keyring
from wrapdetect.ways.page.browser import Barred, kill_marked, resolver_rules
from wrapdetect.ways.page.sender import PageSender

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("page")]

T = TypeVar("T")
ONE, TWO = "Why are there tides?", "And why two a day?"
MARKDOWN = (
    "# Tides\n\nThe **moon** pulls:\n\n- one bulge\n- another `bulge`\n\n1. high\n2. low\n\n"
    "```python\nx = 1\nif x:\n    y = 2\n```\n\nThat is all."
)
ANSWERS = {
    ONE: "The moon pulls on the seas, and so does the sun.\n\nBoth together make spring tides.",
    TWO: "Because the earth turns once a day.",
    "Show me markdown": MARKDOWN,
}
LONG_S, SHORT_S = 120.0, 40.0
UNENDING = ("never_ends", "hangs", "other_host")
WALLS = {
    "login_wall": "login wall: a password is asked for",
    "login_over_chat": "login wall: a password is asked for",
    "login_after_sending": "login wall: a password is asked for",
    "captcha": "captcha: hCaptcha",
    "challenge": "captcha: Checking your browser (HTTP 403)",
}
ELSEWHERE = ("previous_answer", "repeats_prompt", "empties_box", "failing", "refusing", "not_fresh", *UNENDING, *WALLS)
ANSWERING = [name for name in LAYOUTS if name not in ELSEWHERE]
OTHERS = [f"127.0.0.{k}" for k in range(2, 10)]


def bot(first_s: float = 0.1) -> RecordedBot:
    return RecordedBot(model="lab-1", answers=ANSWERS, schedule=Schedule(first_s=first_s, gap_s=0.05))


def target(pages: Pages, layout: str, **more: object) -> Endpoint:
    fields: dict[str, object] = {
        "name": layout,
        "role": "target",
        "url": pages.url(layout),
        "model": "",
        "dialect": "page",
        "page": Page(),
        "hosts": ("localhost",) if layout == "other_site" else (),
    }
    return Endpoint(**{**fields, **more})  # type: ignore[arg-type]  # a test may override any field


def question(*turns: str, draw: int = 0) -> Ask:
    return Ask(key=AskKey("style", "tides", draw), turns=turns, system="", temperature=0.7, max_tokens=100)


def asking(endpoints: Sequence[Endpoint], timeout_s: float = LONG_S) -> PageSender:
    return PageSender(
        tuple(endpoints), keyring=Keyring({}), now=clock.now, stopwatch=clock.stopwatch, timeout_s=timeout_s
    )


async def converse_once(endpoint: Endpoint, *turns: str, timeout_s: float = LONG_S) -> list[Exchange]:
    async with asking([endpoint], timeout_s) as send:
        return await converse(send, endpoint, question(*turns))


def run(work: Coroutine[object, object, T]) -> T:
    return asyncio.run(work)


@contextlib.contextmanager
def listening() -> Iterator[tuple[int, list[bytes]]]:
    """One port at the addresses OTHERS; gives it, and what came there."""
    heard: list[bytes] = []
    with contextlib.ExitStack() as stack:
        first = stack.enter_context(socket.create_server((OTHERS[0], 0)))
        port = first.getsockname()[1]
        servers = [first, *(stack.enter_context(socket.create_server((host, port))) for host in OTHERS[1:])]
        stop = threading.Event()

        def hear(server: socket.socket) -> None:
            server.settimeout(0.1)
            while not stop.is_set():
                with contextlib.suppress(TimeoutError):
                    connection, _ = server.accept()
                    heard.append(b"a connection to " + server.getsockname()[0].encode())
                    connection.close()

        threads = [threading.Thread(target=hear, args=(s,)) for s in servers]
        for thread in threads:
            thread.start()
        try:
            yield port, heard
        finally:
            stop.set()
            for thread in threads:
                thread.join()


@pytest.fixture(scope="module")
def heard() -> list[bytes]:
    return []


@pytest.fixture(scope="module")
def answered(heard: list[bytes]) -> dict[str, list[Exchange]]:
    """Every layout asked two turns, each in a conversation of its own; `hears` all that came to other hosts."""
    found: dict[str, list[Exchange]] = {}

    async def one(send: PageSender, endpoint: Endpoint, ask: Ask) -> None:
        found[endpoint.name] = await converse(send, endpoint, ask)

    async def go(pages: Pages) -> None:
        usual = [target(pages, name) for name in LAYOUTS if name not in UNENDING]
        unending = [target(pages, name) for name in UNENDING]
        async with asking(usual) as send, asyncio.TaskGroup() as group:
            for endpoint in usual:
                group.create_task(one(send, endpoint, question(ONE, TWO)))
        async with asking(unending, SHORT_S) as send, asyncio.TaskGroup() as group:
            for endpoint in unending:
                group.create_task(one(send, endpoint, question(ONE, TWO)))

    with listening() as (port, came), serve_pages(bot(), other_port=port) as pages:
        run(go(pages))
        heard += came
    return found


def flat(text: str) -> str:
    return " ".join(text.split())


# Layouts


@pytest.mark.parametrize("layout", ANSWERING)
def test_a_page_is_asked_and_its_answer_read_without_a_selector(
    answered: dict[str, list[Exchange]], layout: str
) -> None:
    exchanges = answered[layout]
    assert [e.failure for e in exchanges] == [None, None]
    texts = [decode(e, Endpoint(name="x", role="target", url="", model="", dialect="page")).text for e in exchanges]
    secrets = f" {'*' * len(STORED)} session={'*' * len(COOKIE)}" if layout == "leaks" else ""
    assert [flat(t) for t in texts] == [flat(ANSWERS[ONE]) + secrets, ANSWERS[TWO] + secrets]
    assert [e.sent for e in exchanges] == [ONE, TWO]
    assert all(e.status == 200 and e.screenshot.startswith(b"\xff\xd8") for e in exchanges)
    assert all({"raw_chunks", "token_counts", "markup"} <= set(e.missing) for e in exchanges)
    assert all("fresh_chat" not in e.missing for e in exchanges)


@pytest.mark.parametrize(("layout", "said"), WALLS.items())
def test_a_wall_is_named_and_left_alone(answered: dict[str, list[Exchange]], layout: str, said: str) -> None:
    (exchange,) = answered[layout]
    assert exchange.failure is not None
    assert (exchange.failure.kind, exchange.failure.detail) == (FailureKind.REFUSED, said)
    assert not [h for h in exchange.hops if h.method == "POST"]


def test_a_page_that_empties_its_box_is_asked_twice_and_then_given_up(answered: dict[str, list[Exchange]]) -> None:
    (exchange,) = answered["empties_box"]
    assert exchange.failure is not None
    assert exchange.failure.detail == "the page emptied its box twice and sent nothing"


def test_a_bot_that_repeats_the_prompt_is_read_with_what_it_says_after(answered: dict[str, list[Exchange]]) -> None:
    assert [flat(text_of(e)) for e in answered["repeats_prompt"]] == [
        f"{ONE} {flat(ANSWERS[ONE])}",
        f"{TWO} {ANSWERS[TWO]}",
    ]


def test_an_answer_to_the_question_before_is_recorded_as_it_came(answered: dict[str, list[Exchange]]) -> None:
    assert [flat(text_of(e)) for e in answered["previous_answer"]] == ["Hello.", flat(ANSWERS[ONE])]


def test_a_failed_request_behind_an_apology_is_a_failure(answered: dict[str, list[Exchange]]) -> None:
    (behind,), (plain,) = answered["failing"], answered["refusing"]
    assert behind.failure is not None
    assert plain.failure is not None
    assert behind.failure.kind is plain.failure.kind is FailureKind.SERVER
    assert "HTTP 503" in behind.failure.detail
    assert plain.status == 503


def test_an_answer_without_an_end_and_a_page_that_hangs_run_into_our_limit(answered: dict[str, list[Exchange]]) -> None:
    (endless,), (hung,) = answered["never_ends"], answered["hangs"]
    assert endless.failure is not None
    assert hung.failure is not None
    assert endless.failure.kind is hung.failure.kind is FailureKind.TIMEOUT
    assert endless.chunks


def test_a_page_that_needs_another_host_says_which_and_no_byte_reaches_it(
    answered: dict[str, list[Exchange]], heard: list[bytes]
) -> None:
    (exchange,) = answered["other_host"]
    assert exchange.failure is not None
    assert 'allow it with hosts = ["127.0.0.2"' in exchange.failure.detail
    refused = {h.url for h in exchange.hops if h.status is None and "//127.0.0.1" not in h.url}
    assert len(refused) >= 5
    assert all("?" not in url for url in refused)
    assert heard == []


def test_a_placeholder_is_no_piece_of_the_answer(answered: dict[str, list[Exchange]]) -> None:
    pieces = [p for e in answered["thinking"] for p in decode(e, plain_endpoint()).pieces]
    assert pieces
    assert not [p for p in pieces if "hinking" in p.text]
    assert all(p.t_s > 0.05 for p in pieces)  # the bot waits 0.1 s


# What is kept


def test_no_planted_secret_is_in_anything_kept(answered: dict[str, list[Exchange]]) -> None:
    lines = {e.id: dump_exchange(e) for exchanges in answered.values() for e in exchanges}
    assert len(lines) > len(LAYOUTS)
    for secret in (COOKIE, STORED, QUERIED):
        assert [i for i, line in lines.items() if secret in line] == []


def test_the_pages_own_traffic_is_kept_with_its_times(answered: dict[str, list[Exchange]]) -> None:
    stream = next(h for h in answered["stream"][1].hops if "/stream" in h.url)
    assert (stream.method, stream.status) == ("POST", 200)
    assert TWO in stream.sent
    body = b"".join(c.data for c in stream.chunks).decode()
    assert body.count('"model": "lab-1"') == len(re.findall(r"\S+", ANSWERS[TWO]))
    assert len({c.t_s for c in stream.chunks}) > 1
    assert [c.t_s for c in stream.chunks] == sorted(c.t_s for c in stream.chunks)
    assert "authorization" not in {k for h in answered["stream"][1].hops for k, _ in h.headers}
    frames = next(h for h in answered["socket"][1].hops if "/socket" in h.url)
    assert TWO in frames.sent
    assert b'{"done":true}' in frames.chunks[-1].data.replace(b" ", b"")


def test_traffic_of_a_frame_of_another_site_is_kept_as_well(answered: dict[str, list[Exchange]]) -> None:
    assert any("//localhost" in h.url and h.method == "POST" and h.chunks for h in answered["other_site"][1].hops)


# Conversations


def plain_endpoint() -> Endpoint:
    return Endpoint(name="x", role="target", url="http://x.test", model="", dialect="page")


def text_of(exchange: Exchange) -> str:
    return decode(exchange, plain_endpoint()).text


def test_each_conversation_begins_afresh_and_it_is_told_where_that_cannot_be() -> None:
    async def go(pages: Pages, layout: str) -> list[Exchange]:
        endpoint = target(pages, layout)
        async with asking([endpoint]) as send:
            return [(await converse(send, endpoint, question(ONE, draw=k)))[0] for k in range(2)]

    with serve_pages(bot()) as pages:
        for layout, missing in (("not_fresh", [False, True]), ("stream", [False, False])):
            exchanges = run(go(pages, layout))
            assert [e.failure for e in exchanges] == [None, None]
            assert ["fresh_chat" in e.missing for e in exchanges] == missing
        assert all(len(messages) == 1 for messages in pages.asked)


def test_a_browser_that_dies_is_a_failure_of_that_exchange_and_the_next_has_another() -> None:
    async def go(pages: Pages) -> list[Exchange]:
        endpoint = target(pages, "stream")
        async with asking([endpoint]) as send:
            first = asyncio.create_task(converse(send, endpoint, question(ONE)))
            while not pages.asked:
                await asyncio.sleep(0.01)
            for mark in marks():
                kill_marked(mark)
            (died,) = await first
            (lived,) = await converse(send, endpoint, question(TWO, draw=1))
        return [died, lived]

    with serve_pages(bot(first_s=5.0)) as pages:
        died, lived = run(go(pages))
    assert died.failure is not None
    assert died.failure.kind is FailureKind.CUT_OFF
    assert text_of(lived) == ANSWERS[TWO]
    assert marks() == set()


def marks() -> set[str]:
    """Of the browsers that this very process (or its driver) has started and that still run."""
    parents: dict[int, int] = {}
    found: dict[int, str] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError, IndexError):
            parents[int(folder.name)] = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            if named := re.search(rb"--wrapdetect-mark=\w+", (folder / "cmdline").read_bytes()):
                found[int(folder.name)] = named[0].decode()
    ours = set()
    for process, mark in found.items():
        above = process
        while above > 1 and above != os.getpid():
            above = parents.get(above, 0)
        ours |= {mark} if above == os.getpid() else set()
    return ours


# Selectors


@pytest.mark.parametrize(
    "way",
    [
        Page(input="#box", send="text=Send", answer=".bot"),
        Page(answer=".msg.bot >> nth=-1"),
        Page(input="textarea", new_chat="h2", accept=("#nothing", "button.never")),
    ],
    ids=["css", "playwrights", "new_chat"],
)
def test_given_selectors_are_used(way: Page) -> None:
    with serve_pages(bot()) as pages:
        if way.new_chat:
            (exchange,) = run(converse_once(target(pages, "stream", page=way), ONE, timeout_s=SHORT_S))
            assert exchange.failure is not None
            assert exchange.failure.detail == "nothing on the page fits new_chat = 'h2', or it cannot be pressed"
            return
        exchanges = run(converse_once(target(pages, "stream", page=way), ONE, TWO))
    assert [flat(text_of(e)) for e in exchanges] == [flat(ANSWERS[ONE]), ANSWERS[TWO]]


@pytest.mark.parametrize(
    ("way", "said"),
    [
        (Page(input="#nowhere"), "nothing on the page fits input = '#nowhere', or it cannot be typed into"),
        (Page(input="###"), "'###' is no selector that Playwright reads"),
        (Page(send="#nowhere"), "nothing on the page fits send = '#nowhere'"),
    ],
)
def test_a_selector_that_fits_nothing_is_told(way: Page, said: str) -> None:
    with serve_pages(bot()) as pages:
        (exchange,) = run(converse_once(target(pages, "stream", page=way), ONE, timeout_s=SHORT_S))
    assert exchange.failure is not None
    assert exchange.failure.kind is FailureKind.GARBLED
    assert exchange.failure.detail.startswith(said)


def test_markdown_is_taken_back_from_what_it_was_rendered_to() -> None:
    with serve_pages(bot()) as pages:
        (exchange,) = run(converse_once(target(pages, "markdown"), "Show me markdown"))
    assert text_of(exchange) == MARKDOWN


# Addresses


def test_a_public_name_that_leads_to_a_private_address_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    known = socket.getaddrinfo

    def found(host: str, port: int, *more: int, **named: int) -> object:
        return known("127.0.0.1" if host == "bot.example" else host, port, *more, **named)

    monkeypatch.setattr(socket, "getaddrinfo", found)
    with serve_pages(bot()) as pages:
        url = pages.url("stream").replace("127.0.0.1", "bot.example")
        (barred,) = run(converse_once(target(pages, "stream", url=url), ONE))
        assert barred.failure is not None
        assert barred.failure.kind is FailureKind.CONNECT
        assert "bot.example leads to the private address 127.0.0.1" in barred.failure.detail
        assert pages.paths == []
        (allowed,) = run(converse_once(target(pages, "stream", url=url, private=True), ONE))
        assert flat(text_of(allowed)) == flat(ANSWERS[ONE])


def test_nobody_there_is_no_connection() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    endpoint = Endpoint(name="bot", role="target", url=f"http://127.0.0.1:{port}/", model="", dialect="page")
    with pytest.raises(Barred, match=f"no connection to 127.0.0.1 port {port}"):
        run(resolver_rules(endpoint))
    (exchange,) = run(converse_once(endpoint, ONE))
    assert exchange.failure is not None
    assert exchange.failure.kind is FailureKind.CONNECT
