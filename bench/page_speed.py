"""How much a chat page in Chromium costs over the bot's own time, and how true its times are.

    python -m bench.page_speed [--turns 20] [--layout stream]

A lab bot streams an answer on a known schedule into a loopback page; all turns are of one conversation, after a first
that is not counted (it starts the browser). The overhead of a turn is what it took in all, less the time from the send
to the last piece of the answer as the page's own server sent it. The stamps are those of text growth, held against the
moments at which the server sent each piece.
"""

import argparse
import asyncio
import statistics
import time
from collections.abc import Sequence

from tests.lab.bots import RecordedBot
from tests.lab.pages import Pages, serve_pages
from wrapdetect.cli.demo.bots import Schedule
from wrapdetect.dialects import decode, encode
from wrapdetect.model import Ask, AskKey, Endpoint, Exchange, Page
from wrapdetect.ways import clock
from wrapdetect.ways.keyring import Keyring
from wrapdetect.ways.page.sender import PageSender

REACH_OVERHEAD_S, REACH_STAMP_S = 1.5, 0.05
ANSWER = "The moon pulls on the near sea more than on the far one, and so the water bulges on both sides of the earth."
SCHEDULE = Schedule(first_s=0.3, gap_s=0.05)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--turns", type=int, default=20)
    parser.add_argument("--layout", default="stream")
    given = parser.parse_args(arguments)
    turns = tuple(f"Question {k}: why are there tides?" for k in range(given.turns + 1))
    bot = RecordedBot(model="lab-1", answers=dict.fromkeys(turns, ANSWER), schedule=SCHEDULE)
    with serve_pages(bot) as pages:
        overheads, errors = asyncio.run(_measure(pages, given.layout, turns))
    print(f"page {given.layout}, {given.turns} turns of {len(ANSWER.split())} pieces")
    _tell("overhead of a turn", overheads, "s", REACH_OVERHEAD_S)
    _tell("stamp of a piece, off by", errors, "s", REACH_STAMP_S)
    return 0


async def _measure(pages: Pages, layout: str, turns: tuple[str, ...]) -> tuple[list[float], list[float]]:
    endpoint = Endpoint(name="bot", role="target", url=pages.url(layout), model="", dialect="page", page=Page())
    ask = Ask(key=AskKey("bench", "page", 0), turns=turns, system="", temperature=0.0, max_tokens=100)
    overheads: list[float] = []
    errors: list[float] = []
    answers: list[str] = []
    async with PageSender(
        (endpoint,), keyring=Keyring({}), now=clock.now, stopwatch=clock.stopwatch, timeout_s=60
    ) as send:
        for turn in range(len(turns)):
            pages.pieces.clear()
            begun, call = time.time(), encode(ask, answers, endpoint)
            exchange = await send(endpoint, ask, turn, 0, call)
            took = time.time() - begun
            assert exchange.failure is None, exchange.failure
            answers.append(decode(exchange, endpoint).text)
            if turn:
                own = pages.pieces[-1][0] - exchange.started.timestamp()
                overheads.append(took - own)
                errors += _errors(exchange, endpoint, pages)
    return overheads, errors


def _errors(exchange: Exchange, endpoint: Endpoint, pages: Pages) -> list[float]:
    """How much later each piece was seen than its server sent it: matched by the length of the text so far."""
    sent_at: dict[int, float] = {}
    length = 0
    for moment, piece in pages.pieces:
        length += len(piece)
        sent_at[length] = moment - exchange.started.timestamp()
    found, length = [], 0
    for t_s, text in decode(exchange, endpoint).pieces:
        length += len(text)
        if length in sent_at:
            found.append(abs(t_s - sent_at[length]))
    return found


def _tell(what: str, values: Sequence[float], unit: str, reach: float) -> None:
    middle = statistics.median(values)
    ends = statistics.quantiles(values, n=20)
    word = "reached" if middle <= reach else "NOT reached"
    print(
        f"{what}: median {middle:.3f} {unit} (5 to 95 %: {ends[0]:.3f} to {ends[-1]:.3f}), n = {len(values)}; "
        f"to reach {reach:g}: {word}"
    )


if __name__ == "__main__":
    raise SystemExit(main())
