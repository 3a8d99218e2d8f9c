"""Chat pages that nobody here wrote, Gradio's and Streamlit's, each around the lab's bot; what they must all do.

The programs are text: they are run by the environment `pages`, which has other packages than ours.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from tests.conftest import an_endpoint
from tests.real.asking import Heard, Witness, an_ask, asked, said
from tests.real.servers import absent, answers, environment_program, running
from wrapdetect.cli.demo.bots import Schedule
from wrapdetect.cli.demo.server import serve
from wrapdetect.model import Endpoint, FailureKind
from wrapdetect.ways.page.browser import find_chromium

PIECES_OF_UPSTREAM = '''
import json
import os
import urllib.request


def pieces(messages):
    """What the upstream says, piece by piece."""
    told = [{"role": m["role"], "content": text_of(m["content"])} for m in messages]
    body = json.dumps({"model": "witness-1", "messages": told, "stream": True}).encode()
    head = {"content-type": "application/json"}
    url = os.environ["UPSTREAM"] + "/chat/completions"
    with urllib.request.urlopen(urllib.request.Request(url, body, head), timeout=60) as response:
        for line in response:
            if line.startswith(b"data: {"):
                yield json.loads(line[6:])["choices"][0]["delta"].get("content") or ""


def text_of(content):
    return content if isinstance(content, str) else "".join(part["text"] for part in content)
'''

GRADIO = (
    PIECES_OF_UPSTREAM
    + """

import sys

import gradio


def answer(message, history):
    said = ""
    for piece in pieces([*history, {"role": "user", "content": message}]):
        said += piece
        yield said


gradio.ChatInterface(answer, title="Tide desk").launch(server_name="127.0.0.1", server_port=int(sys.argv[1]))
"""
)

STREAMLIT = (
    PIECES_OF_UPSTREAM
    + """

import streamlit

streamlit.title("Tide desk")
messages = streamlit.session_state.setdefault("messages", [])
for message in messages:
    with streamlit.chat_message(message["role"]):
        streamlit.markdown(message["content"])
if prompt := streamlit.chat_input("Ask about the tides"):
    messages.append({"role": "user", "content": prompt})
    with streamlit.chat_message("user"):
        streamlit.markdown(prompt)
    with streamlit.chat_message("assistant"):
        said = streamlit.write_stream(pieces(messages))
    messages.append({"role": "assistant", "content": said})
"""
)


@dataclass(frozen=True, kw_only=True)
class ChatPage:
    """A running page and the bot behind it."""

    url: str
    bot: Witness

    @property
    def endpoint(self) -> Endpoint:
        """With nothing configured: what to type into, and where the answer stands, is found by looking."""
        return an_endpoint("bot", "target", url=self.url, model="", dialect="page")

    @contextmanager
    def down(self) -> Iterator[None]:
        """The bot behind it answers 503."""
        self.bot.down = 503
        try:
            yield
        finally:
            self.bot.down = 0


def need_browser() -> None:
    """Skips, or fails, where no page can be asked."""
    if find_spec("playwright") is None:
        absent("no playwright here: pip install 'wrapdetect[browser]'")
    if find_chromium() is None:
        absent("no Chromium here: apt-get install chromium")


@contextmanager
def gradio_page(folder: Path) -> Iterator[ChatPage]:
    need_browser()
    python = environment_program("pages", "python")
    (folder / "page.py").write_text(GRADIO)
    quiet = {"GRADIO_ANALYTICS_ENABLED": "False", "HF_HUB_OFFLINE": "1", "GRADIO_TEMP_DIR": str(folder)}
    bot = Witness(schedule=Schedule(first_s=0.3, gap_s=0.1))
    with (
        serve(bot) as lab,
        running(
            lambda port: [python, folder / "page.py", str(port)],
            ready=lambda port: answers(f"http://127.0.0.1:{port}/config"),
            folder=folder,
            env={**quiet, "UPSTREAM": lab.url},
        ) as port,
    ):
        yield ChatPage(url=f"http://127.0.0.1:{port}", bot=bot)


@contextmanager
def streamlit_page(folder: Path) -> Iterator[ChatPage]:
    need_browser()
    program = environment_program("pages", "streamlit")
    (folder / "page.py").write_text(STREAMLIT)
    at = ("--server.address", "127.0.0.1", "--server.headless", "true", "--server.fileWatcherType", "none")
    bot = Witness(schedule=Schedule(first_s=0.3, gap_s=0.1))
    with (
        serve(bot) as lab,
        running(
            lambda port: [program, "run", folder / "page.py", *at, "--server.port", str(port)],
            ready=lambda port: answers(f"http://127.0.0.1:{port}/_stcore/health"),
            folder=folder,
            env={"STREAMLIT_BROWSER_GATHER_USAGE_STATS": "false", "UPSTREAM": lab.url},
        ) as port,
    ):
        yield ChatPage(url=f"http://127.0.0.1:{port}", bot=bot)


FIRST, SECOND = "The word is heron.", "Which word?"
HELD_BACK_S = 0.3 + 8 * 0.1
"""When the bot's last piece leaves, from the question's arrival at the bot."""


class ChatPageContract:
    """What they must all do; `way` stands in the address by which a page's own traffic goes."""

    way: str

    def test_the_answer_is_read_from_the_page_as_it_was_said(self, page: ChatPage) -> None:
        """With the times of an answer that grows, and what a page cannot show marked as missing."""
        (heard,) = asked(page.endpoint)
        assert heard.reply.failure is None, heard.reply.failure
        assert heard.reply.text == said(1, "Why are there tides?")
        times = [p.t_s for p in heard.reply.pieces]
        assert len(times) > 2
        assert times == sorted(times)
        assert 0.3 <= times[0] < times[-1] <= heard.exchange.ended_s + 0.001
        assert times[-1] >= HELD_BACK_S - 0.01
        assert {"raw_chunks", "temperature", "token_limit", "token_counts"} <= set(heard.exchange.missing)
        assert heard.exchange.screenshot.startswith(b"\xff\xd8")
        assert (heard.reply.model, heard.exchange.sent) == (None, "Why are there tides?")

    def test_each_conversation_begins_afresh_and_keeps_its_thread(self, page: ChatPage) -> None:
        heard = asked(page.endpoint, an_ask(FIRST, SECOND, number=1), an_ask(SECOND, number=2), concurrency=2)
        assert sorted(texts(heard)) == sorted([said(1, FIRST), said(2, FIRST), said(1, SECOND)])
        assert [h for h in heard if "fresh_chat" in h.exchange.missing] == []

    def test_the_pages_own_traffic_is_kept_and_stays_here(self, page: ChatPage) -> None:
        (heard,) = asked(page.endpoint)
        urls = [hop.url for hop in heard.exchange.hops]
        assert [u for u in urls if self.way in u]
        answered = [h.url for h in heard.exchange.hops if h.status is not None]
        assert [u for u in answered if "//127.0.0.1:" not in u] == []

    def test_a_page_whose_upstream_is_down_gives_no_answer_of_the_bot(self, page: ChatPage) -> None:
        """What such a page shows then is its own word of an error, and no answer of the bot."""
        with page.down():
            (heard,) = asked(page.endpoint, timeout_s=40.0)
        assert heard.reply.failure is not None, heard.reply.text
        assert heard.reply.failure.kind in (FailureKind.SERVER, FailureKind.TIMEOUT)


def texts(heard: list[Heard]) -> list[str]:
    return [h.reply.text for h in heard]
