"""Chat pages as people build them, in a real Chromium: the answer is what a reader takes for it, and all of it."""

import asyncio
from urllib.parse import quote

import pytest

from tests.ways.chat_pages import ALL, TRUTH, Chat, launched, serving_chats
from wrapdetect.dialects import decode, encode
from wrapdetect.model import Ask, AskKey, Endpoint, Exchange, FailureKind, Page
from wrapdetect.ways import clock
from wrapdetect.ways.keyring import Keyring
from wrapdetect.ways.page.sender import PageSender

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("page_chats")]
QUESTION = "Why are there tides?"
LIMIT_S = 90.0
GROWS_AT_ONCE = ("notice-second_bubble_follows", "notice-pause_within")


def a_page(root: str, name: str, page: Page | None = None) -> Endpoint:
    return Endpoint(name=name, role="target", url=f"{root}/{name}", model="", dialect="page", page=page or Page())


async def put(endpoints: list[Endpoint], timeout_s: float = LIMIT_S) -> dict[str, Exchange]:
    found: dict[str, Exchange] = {}
    ask = Ask(key=AskKey("style", "tides", 0), turns=(QUESTION,), system="", temperature=0.7, max_tokens=100)

    async def one(send: PageSender, endpoint: Endpoint) -> None:
        call = encode(ask, (), endpoint)
        found[endpoint.name] = await send(endpoint, ask, 0, 0, call)

    async with (
        PageSender(
            tuple(endpoints), keyring=Keyring({}), now=clock.now, stopwatch=clock.stopwatch, timeout_s=timeout_s
        ) as send,
        asyncio.TaskGroup() as group,
    ):
        for endpoint in endpoints:
            group.create_task(one(send, endpoint))
    return found


@pytest.fixture(scope="module")
def answered(request: pytest.FixtureRequest) -> dict[str, Exchange]:
    """Those pages whose tests are to run, each asked once, by one browser."""
    items = [i for i in request.session.items if isinstance(i, pytest.Function) and hasattr(i, "callspec")]
    wanted = {i.callspec.params["name"] for i in items if i.path == request.path and "name" in i.callspec.params}
    with serving_chats() as root:
        return asyncio.run(put([a_page(root, name) for name in ALL if name in wanted]))


@pytest.mark.parametrize("name", ALL)
def test_the_answer_is_what_a_reader_takes_for_it(answered: dict[str, Exchange], name: str) -> None:
    exchange = answered[name]
    reply = decode(exchange, a_page("", name))
    assert reply.failure is None, reply.failure
    assert reply.text == ALL[name].truth


@pytest.mark.parametrize("name", [n for n in ALL if n.startswith("notice")])
def test_no_notice_stamps_the_first_piece(answered: dict[str, Exchange], name: str) -> None:
    reply = decode(answered[name], a_page("", name))
    assert reply.pieces
    assert reply.pieces[0].t_s >= (0.0 if name in GROWS_AT_ONCE else 1.5)


def asked(chat: Chat, page: Page | None = None, timeout_s: float = LIMIT_S) -> Exchange:
    with serving_chats({"it": chat}) as root:
        return asyncio.run(put([a_page(root, "it", page)], timeout_s))["it"]


def test_what_the_user_names_opens_a_closed_chat() -> None:
    odd = launched("<span class=L id=odd>&#9875;</span>")
    assert decode(asked(odd, Page(open="#odd")), a_page("", "it")).text == TRUTH
    named = "what opens a closed chat with open ="
    unopened = asked(odd)
    assert unopened.failure is not None
    assert named in unopened.failure.detail


def test_a_notice_that_no_answer_follows_is_no_answer() -> None:
    exchange = asked(Chat("ask = () => bot('One moment please.');"), timeout_s=12.0)
    assert exchange.failure is not None
    assert exchange.failure.kind is FailureKind.TIMEOUT


LONG = " ".join(f"Tide number {k} comes and goes." for k in range(1, 30))


@pytest.mark.parametrize(
    ("script", "missing"),
    [
        (f"const said = await (await fetch('/say?{quote(LONG)}')).json(); bot(said.text);", False),
        (f"const said = await (await fetch('/say?{quote(LONG)}')).json(); bot(said.text.slice(0, 140));", True),
        (f"const said = await (await fetch('/say?{quote(LONG[:140])}')).json(); bot(said.text + {LONG!r});", True),
    ],
    ids=["whole", "cut_by_the_page", "made_longer_by_the_page"],
)
def test_an_answer_far_from_what_the_page_was_sent_is_marked(script: str, missing: bool) -> None:
    exchange = asked(Chat(f"ask = async () => {{ {script} }};"))
    assert exchange.failure is None
    assert ("whole_answer" in exchange.missing) is missing


def test_fewer_pages_are_asked_at_a_time_once_they_run_into_the_limit() -> None:
    chat = Chat("ask = () => fetch('/slow?30000');")
    with serving_chats({str(k): chat for k in range(3)}) as root:
        found = asyncio.run(put([a_page(root, str(k)) for k in range(3)], 9.0))
    details = [e.failure.detail for e in found.values() if e.failure is not None]
    assert len(details) == 3
    assert [d for d in details if d.endswith("; from now on 2 at a time")]
