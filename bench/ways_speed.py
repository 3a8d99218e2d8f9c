"""What an exchange costs by each way in, as an audit asks it: wall time and client CPU, plain and streamed.

    python -m bench.ways_speed [--asks 1000] [--concurrency 16] [--runs 5] [--only NAME ...]

A lab server in a process of its own answers at once, a RecordedBot behind every API (the template talks to the chat
completions of the same server). Questions go through run_slots, ways/send and a run file on disk, as in an audit. CPU
is this process's own, user and system (getrusage).
"""

import argparse
import asyncio
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from wrapdetect.dialects import decode
from wrapdetect.model import Ask, AskKey, Dialect, Endpoint, Instrument, Item, Pack, Run, Template
from wrapdetect.runs.ask import run_slots
from wrapdetect.runs.codec import load_run
from wrapdetect.runs.plan import Slot
from wrapdetect.store import run_file
from wrapdetect.targets.settings import Limits
from wrapdetect.ways import clock
from wrapdetect.ways.keyring import Keyring
from wrapdetect.ways.send import open_ways

QUESTION = "Why are there tides?"
ANSWER = " ".join(f"word{k}" for k in range(60))
SERVER = """
import sys, time
from tests.lab.bots import RecordedBot
from wrapdetect.cli.demo.server import serve
with serve(RecordedBot(model="bot", answers={sys.argv[1]: sys.argv[2]})) as served:
    print(served.root, flush=True)
    sys.stdin.read()
"""
REACH_WALL_S, REACH_CPU_MS = 8.0, 4.0
"""Of 1,000 plain exchanges at concurrency 16, and of one of them."""


class Way(NamedTuple):
    """A dialect, and what its address has after the server's root."""

    dialect: Dialect
    version: str
    template: Template | None = None


WAYS = {
    "openai_plain": Way("openai_plain", "/v1"),
    "openai_stream": Way("openai_stream", "/v1"),
    "responses_plain": Way("responses_plain", "/v1"),
    "responses_stream": Way("responses_stream", "/v1"),
    "anthropic_plain": Way("anthropic_plain", "/v1"),
    "anthropic_stream": Way("anthropic_stream", "/v1"),
    "ollama_plain": Way("ollama_plain", ""),
    "ollama_stream": Way("ollama_stream", ""),
    "gemini_plain": Way("gemini_plain", "/v1beta"),
    "gemini_stream": Way("gemini_stream", "/v1beta"),
    "template": Way(
        "template",
        "/v1",
        Template(
            path="/chat/completions",
            body='{"model": "bot", "messages": "{messages}", "max_tokens": 200}',
            answer="$.choices[0].message.content",
        ),
    ),
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--asks", type=int, default=1000)
    parser.add_argument("--concurrency", type=int, default=16)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--only", nargs="*", choices=WAYS, default=list(WAYS))
    given = parser.parse_args()
    print(
        f"{given.asks} exchanges, concurrency {given.concurrency}, medians of {given.runs} runs "
        f"(reach, plain: {REACH_WALL_S:g} s and {REACH_CPU_MS:g} ms)"
    )
    for name in given.only:
        costs = [measure(WAYS[name], given.asks, given.concurrency) for _ in range(given.runs)]
        walls, cpus = zip(*costs, strict=True)
        print(
            f"{name:18} wall {_spread(walls)} s   client CPU {_spread([c * 1000 / given.asks for c in cpus])} ms "
            "an exchange",
            flush=True,
        )
    return 0


def measure(way: Way, asks: int, concurrency: int) -> tuple[float, float]:
    """Wall time and client CPU, in seconds, of one run of `asks` questions; the first hundred warm both sides."""
    command = [sys.executable, "-c", SERVER, QUESTION, ANSWER]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        root = server.stdout.readline().strip()
        endpoint = Endpoint(
            name="target",
            role="target",
            url=f"{root}{way.version}",
            model="bot",
            dialect=way.dialect,
            template=way.template,
        )
        with tempfile.TemporaryDirectory() as folder:
            ask_all(endpoint, min(100, asks), concurrency, Path(folder) / "warm.jsonl")
            cpu, wall = _cpu_s(), time.perf_counter()
            ask_all(endpoint, asks, concurrency, Path(folder) / "run.jsonl")
            cost = time.perf_counter() - wall, _cpu_s() - cpu
            check(Path(folder) / "run.jsonl", endpoint, asks)
        server.communicate("")
    return cost


def ask_all(endpoint: Endpoint, asks: int, concurrency: int, path: Path) -> None:
    """The same question `asks` times, into a run file."""
    item = Item(
        id="tides", language="en", turns=(QUESTION,), purpose="", readers=("text",), temperature=0.7, max_tokens=200
    )
    run = Run(
        id="ways-speed",
        note="",
        instrument=Instrument(versions=(), host="", vantage=""),
        endpoints=(endpoint,),
        packs=(Pack(id="speed", version=1, digest="0" * 64, title="", purpose="", items=(item,)),),
        variants=(),
        draws=asks,
        seed=1,
    )
    slots = [
        Slot(
            endpoint,
            Ask(key=AskKey("speed", "tides", n), turns=item.turns, system="", temperature=0.7, max_tokens=200),
        )
        for n in range(asks)
    ]

    async def go() -> None:
        async with open_ways(
            (endpoint,), keyring=Keyring({}), now=clock.now, stopwatch=clock.stopwatch, timeout_s=60
        ) as send:
            await run_slots(
                slots,
                done=(),
                send=send,
                record=file.append,
                stopwatch=clock.stopwatch,
                sleep=asyncio.sleep,
                limits=Limits(concurrency=concurrency, pace_s=0, max_requests=10**6, max_tokens=10**9),
                progress=lambda done, of: None,
            )

    with run_file.create(path, run) as file:
        asyncio.run(go())


def check(path: Path, endpoint: Endpoint, asks: int) -> None:
    """Raises RuntimeError unless every answer came whole."""
    exchanges = load_run(path.read_bytes()).run.exchanges
    wrong = [reply for reply in (decode(e, endpoint) for e in exchanges) if reply.text != ANSWER]
    if len(exchanges) != asks or wrong:
        raise RuntimeError(f"{endpoint.dialect}: {len(exchanges)} exchanges, {len(wrong)} wrong: {wrong[:1]}")


def _cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _spread(values: tuple[float, ...] | list[float]) -> str:
    return f"{statistics.median(values):.2f} [{min(values):.2f}, {max(values):.2f}]"


if __name__ == "__main__":
    sys.exit(main())
