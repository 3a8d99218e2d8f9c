"""Start-up, replay and the truth of chunk stamps.

    python -m bench.speed [--runs 7]

Prints medians with their range. Chunk stamps: a server process of its own writes into each of 50 chunks when it sends
it (the monotonic clock of one machine is shared), and the recording's gaps are held against those moments.
"""

import argparse
import asyncio
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from wrapdetect.dialects import Call, decode
from wrapdetect.model import Ask, AskKey, Chunk, Endpoint, Exchange, Instrument, Run
from wrapdetect.runs.codec import dump_run, load_run
from wrapdetect.runs.plan import make_plan
from wrapdetect.store.shipped import load_pack
from wrapdetect.ways import clock
from wrapdetect.ways.http import HttpSender
from wrapdetect.ways.keyring import Keyring

ROOT = Path(__file__).parents[1]
CHUNKS, GAP_S = 50, 0.02
SERVER = """
import asyncio, json, sys, time
async def answer(reader, writer):
    head = await reader.readuntil(b"\\r\\n\\r\\n")
    size = int([h for h in head.lower().split(b"\\r\\n") if h.startswith(b"content-length")][0].split(b":")[1])
    await reader.readexactly(size)
    writer.write(b"HTTP/1.1 200 OK\\r\\ncontent-type: text/event-stream\\r\\nconnection: close\\r\\n\\r\\n")
    start = time.perf_counter() + 0.05
    for k in range(int(sys.argv[1])):
        await asyncio.sleep(max(0.0, start + k * float(sys.argv[2]) - time.perf_counter()))
        body = {"choices": [{"delta": {"content": f"{time.perf_counter():.7f} "}}]}
        writer.write(f"data: {json.dumps(body)}\\n\\n".encode())
        await writer.drain()
    writer.write(b"data: [DONE]\\n\\n")
    await writer.drain()
    writer.close()
async def main():
    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()
asyncio.run(main())
"""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=7)
    runs = parser.parse_args().runs
    program = [sys.executable, "-m", "wrapdetect"]
    print(f"wrapdetect --help            {_spread(_timed([*program, '--help'], runs))} s   (reach: under 0.3)")
    print(f"python -c 'import wrapdetect' {_spread(_timed([sys.executable, '-c', 'import wrapdetect'], runs))} s")
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "run.jsonl"
        run = thousand_exchanges()
        file.write_text(dump_run(run), encoding="utf-8")
        times = _timed([*program, "replay", str(file), "--json", "--no-embed"], runs)
        peak_mb = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
        print(
            f"replay of {len(run.exchanges)} exchanges      {_spread(times)} s, {peak_mb:.0f} MB (reach: 3 s, 300 MB)"
        )
    data = (ROOT / "fixtures" / "runs" / "feb21" / "run.jsonl").read_bytes()
    print(f"load_run of {len(data) / 1e6:.1f} MB           {_spread(_loading_ms(data, runs))} ms of processor")
    errors_ms = [e for _ in range(runs) for e in stamp_errors_ms()]
    tail = statistics.quantiles(errors_ms, n=20)[-1]
    print(
        f"chunk stamps                 median error {statistics.median(errors_ms):.3f} ms, 95 % {tail:.3f} ms, "
        f"of {len(errors_ms)} chunks (reach: 1 ms in the median)"
    )
    return 0


def _loading_ms(data: bytes, runs: int) -> list[float]:
    """By the processor's time, which others on the machine disturb less."""
    times = list[float]()
    for _ in range(runs):
        begun = time.process_time()
        load_run(data)
        times.append((time.process_time() - begun) * 1000)
    return times


def thousand_exchanges() -> Run:
    """A run of the default packs with 1,000 streamed answers of some 60 words, five endpoints."""
    endpoints = tuple(
        Endpoint(name=name, role="reference" if k else "target", url=f"http://{name}.example/v1", model=name)
        for k, name in enumerate(("target", "a", "b", "c", "d"))
    )
    run = Run(
        id="speed",
        note="made by bench.speed",
        instrument=Instrument(versions=(), host="", vantage=""),
        endpoints=endpoints,
        packs=tuple(load_pack(p) for p in ("identity", "coherence", "timing", "style")),
        variants=(("shop", "You are a shop."),),
        draws=2,
        seed=1,
    )
    exchanges = [
        _streamed(slot.endpoint.name, slot.ask, turn, n)
        for n, slot in enumerate(make_plan(run))
        for turn in range(len(slot.ask.turns))
    ]
    return replace(run, exchanges=tuple(exchanges[:1000]))


def _streamed(endpoint: str, ask: Ask, turn: int, n: int) -> Exchange:
    said = f"{ask.turns[turn]} In the view of {endpoint} this is so: ".split() + [
        f"word{(n * 7 + k) % 400}" for k in range(50)
    ]
    chunks = tuple(
        Chunk(
            t_s=0.1 + k * 0.01, data=f"data: {json.dumps({'choices': [{'delta': {'content': w + ' '}}]})}\n\n".encode()
        )
        for k, w in enumerate(said)
    )
    return Exchange(
        endpoint=endpoint,
        ask=ask.key,
        turn=turn,
        attempt=0,
        started=datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=n),
        sent="{}",
        status=200,
        headers=(("content-type", "text/event-stream"),),
        chunks=(*chunks, Chunk(t_s=2.0, data=b"data: [DONE]\n\n")),
        ended_s=2.0,
        failure=None,
    )


def stamp_errors_ms() -> list[float]:
    """|recorded gap - true gap| of each chunk against the first, in ms."""
    with subprocess.Popen(
        [sys.executable, "-c", SERVER, str(CHUNKS), str(GAP_S)], stdout=subprocess.PIPE, text=True
    ) as server:
        assert server.stdout is not None
        url = f"http://127.0.0.1:{server.stdout.readline().strip()}/v1"
        endpoint = Endpoint(name="target", role="target", url=url, model="m")
        exchange = asyncio.run(_one(endpoint))
        server.terminate()
    stamped = [(piece.t_s, float(piece.text)) for piece in decode(exchange, endpoint).pieces]
    first_seen, first_sent = stamped[0]
    return [abs((seen - first_seen) - (sent - first_sent)) * 1000 for seen, sent in stamped[1:]]


async def _one(endpoint: Endpoint) -> Exchange:
    ask = Ask(key=AskKey("hello", "hello", 0), turns=("hi",), system="", temperature=0.0, max_tokens=50)
    call = Call(body={"model": "m", "messages": [{"role": "user", "content": "hi"}], "stream": True}, stream=True)
    async with HttpSender(
        (endpoint,), keyring=Keyring({}), now=clock.now, stopwatch=clock.stopwatch, timeout_s=30
    ) as send:
        return await send(endpoint, ask, 0, 0, call)


def _timed(command: Sequence[str], runs: int) -> list[float]:
    env = {**os.environ, "COLUMNS": "100"}
    times = []
    for _ in range(runs + 1):  # the first warms the disk
        started = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True, env=env)
        times.append(time.perf_counter() - started)
    return times[1:]


def _spread(values: Sequence[float]) -> str:
    return f"median {statistics.median(values):.2f} [{min(values):.2f}, {max(values):.2f}]"


if __name__ == "__main__":
    sys.exit(main())
