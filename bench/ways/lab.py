"""The demo's bots of known truth, each behind one way in: the same bot, seed and outages, whatever the way."""

import random
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Literal, NamedTuple

from tests.lab import chats
from tests.lab.chats import serve_chat, template_of
from tests.lab.pages import serve_pages
from wrapdetect.cli.demo.bots import Bot, Down, PlannedOutages, Schedule, VoiceBot, WrapperBot
from wrapdetect.cli.demo.command import DENIAL, PERSONA, load_voices
from wrapdetect.cli.demo.server import serve
from wrapdetect.cli.demo.voice import Messages
from wrapdetect.model import Dialect, Endpoint, Page, Weights

Truth = Literal["own voice", "same model", "relay"]
REFERENCES = {"heron": "heron-2", "magpie": "magpie-large", "wren": "wren-mini"}
"""Who is compared with, by the OpenAI API; the relay's upstream is the first."""
OUTAGES = ((12, 18), (28, 34))
"""The upstream is down from the target's first such request to its second. In seconds, as in the demo, a slow way would
meet another outage than a quick one, or none."""
REFUSALS = 8
"""It refuses no more than so many requests in one outage: a person may be slower than all references together."""


class Api(NamedTuple):
    """An API that is known, and what its address has after the server's root."""

    dialect: Dialect
    version: str = "/v1"


class Home(NamedTuple):
    """A home-made chat: how its answers are framed, and how a visitor gets in."""

    way: chats.Way
    door: chats.Door


class Seen(NamedTuple):
    """A chat page, by its layout in tests/lab/pages."""

    layout: str


class Pasted(NamedTuple):
    """Answers that somebody else asked for: a table to import, or a person who is shown each question."""

    how: Literal["import", "by hand"]


Way = Api | Home | Seen | Pasted
WAYS: Mapping[str, Way] = {
    "openai_stream": Api("openai_stream"),
    "openai_plain": Api("openai_plain"),
    "responses_stream": Api("responses_stream"),
    "responses_plain": Api("responses_plain"),
    "anthropic_stream": Api("anthropic_stream"),
    "anthropic_plain": Api("anthropic_plain"),
    "ollama_stream": Api("ollama_stream", ""),
    "ollama_plain": Api("ollama_plain", ""),
    "gemini_stream": Api("gemini_stream", "/v1beta"),
    "gemini_plain": Api("gemini_plain", "/v1beta"),
    "template_json": Home("json", "id"),
    "template_sse": Home("sse", "session"),
    "template_ndjson": Home("ndjson", "messages"),
    "template_growing": Home("growing", "id"),
    "template_text": Home("text", "session"),
    "template_websocket": Home("socket_json", "messages"),
    "page": Seen("markdown"),
    "pasted_import": Pasted("import"),
    "pasted_by_hand": Pasted("by hand"),
}
USUAL = tuple(w for w in WAYS if w == "openai_plain" or not w.endswith("_plain"))
"""Those of a benchmark, where none are named: the other plain answers come as OpenAI's do."""
FIRST = "openai_stream"
"""The way that the others are held against."""


@dataclass(slots=True)
class Counted:
    """A bot that counts what it is asked."""

    bot: Bot
    asked: list[str] = field(default_factory=list)

    @property
    def model(self) -> str:
        return self.bot.model

    def reply(self, messages: Messages, max_tokens: int) -> AsyncIterator[str]:
        self.asked.append(messages[-1]["content"])
        return self.bot.reply(messages, max_tokens)


@dataclass(slots=True, kw_only=True)
class AsItIsAsked(PlannedOutages):
    """Down while the target is at certain requests."""

    asked: list[str] = field(default_factory=list)
    refused: list[int] = field(default_factory=lambda: [0] * len(OUTAGES))

    def check(self) -> None:
        for number, (first, after) in enumerate(OUTAGES):
            if first <= len(self.asked) < after and self.refused[number] < REFUSALS:
                self.refused[number] += 1
                raise Down(503)


class Place(NamedTuple):
    """Where a bot and its references answer. Behind a pasted way `target` is where the person asks."""

    target: Endpoint
    references: tuple[Endpoint, ...]


@contextmanager
def placed(truth: Truth, way: Way, seed: int, weights: Weights) -> Iterator[Place]:
    """The bot behind that way, with its references, until the block ends; `weights` is what is known of them."""
    voices = load_voices()
    asked: list[str] = []

    def voice(name: str, number: int, outages: PlannedOutages | None = None) -> VoiceBot:
        rng = random.Random(f"{seed}/{number}")
        return VoiceBot(voice=voices[name], rng=rng, schedule=Schedule(), outages=outages or PlannedOutages())

    with (
        serve(voice("heron", 1, AsItIsAsked(asked=asked))) as heron,
        serve(voice("magpie", 2)) as magpie,
        serve(voice("wren", 3)) as wren,
    ):
        bots: Mapping[Truth, Bot] = {
            "own voice": voice("otter", 4),
            "same model": voice("heron", 5),
            "relay": WrapperBot(
                model="nova", upstream=heron.url, upstream_model="heron-2", persona=PERSONA, script=DENIAL, delay_s=0.01
            ),
        }
        urls = {"heron": heron.url, "magpie": magpie.url, "wren": wren.url}
        references = tuple(
            Endpoint(name=name, role="reference", url=urls[name], model=model, weights=weights)
            for name, model in REFERENCES.items()
        )
        with _behind(Counted(bots[truth], asked), way) as target:
            yield Place(target, references)


@contextmanager
def _behind(bot: Bot, way: Way) -> Iterator[Endpoint]:
    match way:
        case Api(dialect, version):
            with serve(bot) as served:
                yield _endpoint(served.root + version, bot.model, dialect)
        case Home(framing, door):
            with serve_chat(bot) as chat:
                yield replace(_endpoint(chat.url, "", "template"), template=template_of(framing, door))
        case Seen(layout):
            with serve_pages(bot) as pages:
                yield replace(_endpoint(pages.url(layout), "", "page"), page=Page())
        case Pasted():
            with serve(bot) as served:
                yield _endpoint(served.url, bot.model, "openai_plain")


def _endpoint(url: str, model: str, dialect: Dialect) -> Endpoint:
    return Endpoint(name="target", role="target", url=url, model=model, dialect=dialect)
