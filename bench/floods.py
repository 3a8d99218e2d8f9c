"""What a hostile answer costs: the stamps of an innocent endpoint beside it, and CPU by size.

    python -m bench.floods [--only KIND ...] [--asks 40]

Each flood is ten times our limit, or without end, from a server in a process of its own; the innocent endpoint answers
from another process after exactly WAIT_S of its own time, and says in its answer when it sent it (both read the same
monotonic clock). A stamp is off by what lies between that and our stamp, less the same of a quiet run. CPU is this
process's own; its slope is that of log CPU over log size below the limit, from 1/8 of it to all of it.
"""

import argparse
import asyncio
import base64
import gzip
import hashlib
import json
import math
import os
import resource
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from wrapdetect.dialects import decode
from wrapdetect.model import Ask, AskKey, Endpoint, Exchange, Framing, Instrument, Item, Pack, Run, Template
from wrapdetect.runs.ask import run_slots
from wrapdetect.runs.codec import load_run
from wrapdetect.runs.plan import Slot
from wrapdetect.store import run_file
from wrapdetect.targets.settings import Limits
from wrapdetect.ways import clock
from wrapdetect.ways.http import BYTE_LIMIT
from wrapdetect.ways.keyring import Keyring
from wrapdetect.ways.net.socket import FRAME_LIMIT
from wrapdetect.ways.net.wire import CHUNK_LIMIT, HEAD_LIMIT, HEAD_LINE_LIMIT, HEADER_LIMIT, SET_COOKIE_LIMIT
from wrapdetect.ways.send import open_ways

TIMEOUT_S, WAIT_S, OFF_S = 20.0, 0.02, 0.02
HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: %s\r\nconnection: close\r\n"
CHUNKED = HEAD % b"text/event-stream" + b"transfer-encoding: chunked\r\n\r\n"
SHAKEN = (
    b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\nsec-websocket-accept: %s\r\n\r\n"
)


class Flood(NamedTuple):
    """What a server sends: a beginning, then a piece `n` times (at its limit), then an end."""

    piece: bytes
    n: int
    before: bytes = CHUNKED
    after: bytes = b""
    way: str = "openai_stream"
    sloped: bool = True


def _body(data: bytes, kind: bytes = b"application/json", more: bytes = b"") -> bytes:
    return HEAD % kind + more + b"content-length: %d\r\n\r\n" % len(data) + data


def floods() -> dict[str, Flood]:
    """By kind, each at its limit."""
    head = HEAD % b"application/json"
    return {
        "one_byte_chunks": Flood(b"1\r\na\r\n", CHUNK_LIMIT),
        "one_cr_chunks": Flood(b"1\r\n\r\r\n", CHUNK_LIMIT),
        "blank_line_chunks": Flood(b"1\r\n\n\r\n", CHUNK_LIMIT),
        "template_one_byte_chunks": Flood(b"1\r\na\r\n", CHUNK_LIMIT, way="sse"),
        "long_line": Flood(b"3e8\r\n" + b"a" * 1000 + b"\r\n", BYTE_LIMIT // 1000, CHUNKED + b"6\r\ndata: \r\n"),
        "small_events": Flood(b"3e8\r\n" + b"data:{}\n\n" * 111 + b"\n\r\n", BYTE_LIMIT // 1000),
        "headers": Flood(b"a:\r\n", HEADER_LIMIT, head, b"\r\n", "openai_plain", sloped=False),
        "tiny_headers": Flood(b"a:\n", HEAD_LINE_LIMIT, head, b"\r\n", "openai_plain", sloped=False),
        "early_hints": Flood(b"HTTP/1.1 103 a\r\n\r\n", HEAD_LINE_LIMIT // 2, b"", way="openai_plain", sloped=False),
        "trailers": Flood(b"a:\n", HEAD_LIMIT // 3, CHUNKED + b"0\r\n", b"\r\n", sloped=False),
        "cookies": Flood(b"set-cookie: c%d=/%d&=<>\r\n", SET_COOKIE_LIMIT, head, b"\r\n", "body", sloped=False),
        "empty_frames": Flood(b"\x81\x00", FRAME_LIMIT, SHAKEN, way="websocket"),
        "pings": Flood(b"\x89\x00", FRAME_LIMIT, SHAKEN, way="websocket"),
        "pongs": Flood(b"\x8a\x00", FRAME_LIMIT, SHAKEN, way="websocket"),
        "fragments": Flood(b"\x00\x00", FRAME_LIMIT, SHAKEN + b"\x01\x00", way="websocket"),
        "deep_json": Flood(b"[" * 1000, BYTE_LIMIT // 1000, head + b"\r\n", way="openai_plain"),
        "wide_json": Flood(b"[]," * 333, BYTE_LIMIT // 1000, head + b'\r\n{"a":[', b"0]}", "openai_plain"),
        "gzip_bomb": Flood(
            _body(gzip.compress(bytes(200_000_000), 9), more=b"content-encoding: gzip\r\n"),
            1,
            b"",
            way="openai_plain",
            sloped=False,
        ),
        "huge_error": Flood(
            b"a" * 1000, BYTE_LIMIT // 1000, b"HTTP/1.1 500 No\r\nconnection: close\r\n\r\n", way="openai_plain"
        ),
    }


SERVER = """
import sys
from bench.floods import serve
serve(sys.argv[1], float(sys.argv[2]))
"""


def serve(kind: str, share: float) -> None:
    """A server process: the innocent one for "", else a flood of so many times its limit. Prints its port."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=128)
    print(listener.getsockname()[1], flush=True)
    while True:
        line, _ = listener.accept()
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        answer = _flood if kind else _innocent
        threading.Thread(target=answer, args=(line, kind, share), daemon=True).start()


def _request(line: socket.socket) -> bytes:
    data = b""
    while b"\r\n\r\n" not in data:
        if not (more := line.recv(65536)):
            return b""
        data += more
    return data


def _innocent(line: socket.socket, _: str, __: float) -> None:
    while _request(line):
        time.sleep(WAIT_S)
        content = f"sent at {time.perf_counter()!r}"
        choice = {"index": 0, "message": {"role": "assistant", "content": content}, "finish_reason": "stop"}
        body = json.dumps({"model": "m", "choices": [choice]}).encode()
        line.sendall(
            b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(body) + body
        )


def _flood(line: socket.socket, kind: str, share: float) -> None:
    flood, request = floods()[kind], _request(line)
    try:
        if flood.before.startswith(SHAKEN):
            key = request.lower().partition(b"sec-websocket-key: ")[0]
            given = request[len(key) + 19 :].partition(b"\r\n")[0]
            accept = base64.b64encode(hashlib.sha1(given + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())
            line.sendall(SHAKEN % accept)
            while not line.recv(65536):
                pass
            line.sendall(flood.before[len(SHAKEN) :])
        else:
            line.sendall(flood.before)
        count = max(1, int(flood.n * share))
        if b"%d" in flood.piece:
            line.sendall(b"".join(flood.piece % (k, 100_000 + k) for k in range(count)))
        else:
            at_once = max(1, 65536 // len(flood.piece))
            for start in range(0, count, at_once):
                line.sendall(flood.piece * min(at_once, count - start))
        line.sendall(flood.after or (b"0\r\n\r\n" if flood.before.startswith(CHUNKED) else b""))
        if flood.way == "websocket":
            line.sendall(b"\x88\x02\x03\xe8")
        line.shutdown(socket.SHUT_WR)
        while line.recv(65536):
            pass
    except OSError:
        pass
    line.close()


@contextmanager
def serving(kind: str, share: float) -> Iterator[int]:
    with subprocess.Popen(
        [sys.executable, "-c", SERVER, kind, str(share)], stdout=subprocess.PIPE, text=True, env={**os.environ}
    ) as process:
        assert process.stdout is not None
        try:
            yield int(process.stdout.readline())
        finally:
            process.kill()


def endpoint(name: str, port: int, way: str) -> Endpoint:
    if way in ("openai_stream", "openai_plain"):
        return Endpoint(
            name=name,
            role="target",
            url=f"http://127.0.0.1:{port}/v1",
            model="m",
            dialect="openai_stream" if way == "openai_stream" else "openai_plain",
        )
    framings: Mapping[str, Framing] = {"sse": "sse", "websocket": "websocket", "body": "body"}
    framing = framings[way]
    template = Template(path="/ask", body='{"q": "{prompt}"}', answer="$.a", framing=framing, done="[DONE]")
    return Endpoint(
        name=name, role="target", url=f"http://127.0.0.1:{port}", model="m", dialect="template", template=template
    )


def run(endpoints: tuple[Endpoint, ...], asks: dict[str, int], folder: Path) -> tuple[list[Exchange], float]:
    """What was recorded, and this process's CPU meanwhile; the first of the endpoints is the target."""
    endpoints = tuple(replace(e, role="reference" if k else "target") for k, e in enumerate(endpoints))
    item = Item(id="tides", language="en", turns=("Why?",), purpose="", readers=("text",), temperature=0, max_tokens=9)
    pack = Pack(id="style", version=1, digest="", title="", purpose="", items=(item,))
    whole = Run(
        id="floods",
        note="",
        instrument=Instrument(versions=(), host="", vantage=""),
        endpoints=endpoints,
        packs=(pack,),
        variants=(),
        draws=0,
        seed=0,
    )

    def ask(draw: int) -> Ask:
        return Ask(key=AskKey("style", "tides", draw), turns=("Why?",), system="", temperature=0, max_tokens=9)

    slots = [Slot(e, ask(draw)) for draw in range(max(asks.values())) for e in endpoints if draw < asks[e.name]]
    path = folder / f"{time.perf_counter()}.jsonl"

    async def go() -> None:
        async with open_ways(
            endpoints, keyring=Keyring({"hostile": "sk-planted-0123456789"}), now=clock.now, stopwatch=clock.stopwatch,
            timeout_s=TIMEOUT_S,
        ) as send:  # fmt: skip
            with run_file.create(path, whole) as file:
                await run_slots(
                    slots, done=(), send=send, record=file.append, stopwatch=clock.stopwatch, sleep=asyncio.sleep,
                    limits=Limits(concurrency=4, pace_s=0.0, max_requests=10_000, max_tokens=10**9),
                    progress=lambda done, of: None,
                )  # fmt: skip

    before = _cpu_s()
    asyncio.run(go())
    return list(load_run(path.read_bytes(), name="floods").run.exchanges), _cpu_s() - before


def late_s(exchange: Exchange, zero: float) -> float:
    """By how much its stamp lies after the sending that its answer tells; `zero` is the stopwatch at the UTC epoch."""
    said = decode(exchange, endpoint("innocent", 1, "openai_plain")).text
    sent_s = float(said.removeprefix("sent at "))
    return exchange.started.timestamp() + exchange.chunks[0].t_s + zero - sent_s


def _cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def slope(sizes: list[float], costs: list[float]) -> float:
    """Of log cost over log size, by least squares."""
    x, y = [math.log(s) for s in sizes], [math.log(max(c, 1e-6)) for c in costs]
    return statistics.linear_regression(x, y).slope


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--asks", type=int, default=40)
    parser.add_argument("--only", nargs="*", choices=floods(), default=list(floods()))
    parser.add_argument("--no-slope", action="store_true")
    given = parser.parse_args()
    failed = 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for kind in given.only:
            failed += not measure(kind, given.asks, folder, sloped=not given.no_slope)
    return int(failed > 0)


def measure(kind: str, asks: int, folder: Path, *, sloped: bool) -> bool:
    """One kind, told in a line. Whether it holds."""
    flood = floods()[kind]
    zero = time.perf_counter() - time.time()
    with serving("", 1.0) as port, serving(kind, 10.0) as hostile_port:
        innocent, hostile = endpoint("innocent", port, "openai_plain"), endpoint("hostile", hostile_port, flood.way)
        alone, idle_s = run((innocent,), {"innocent": asks}, folder)
        both, busy_s = run((hostile, innocent), {"innocent": asks, "hostile": 3}, folder)
    usual = statistics.median(late_s(e, zero) for e in alone)
    mine = [e for e in both if e.endpoint == "innocent"]
    same = {(e.status, e.failure) for e in mine} == {(e.status, e.failure) for e in alone}
    worst_s = max(late_s(e, zero) for e in mine) - usual
    quiet_s = max(late_s(e, zero) for e in alone) - usual
    ends = next(e for e in both if e.endpoint == "hostile")
    failure = ends.failure or decode(ends, hostile).failure
    steep = slope_of(kind, folder) if sloped and flood.sloped else math.nan
    print(
        f"{kind:25} stamps off by {worst_s * 1000:6.1f} ms (quiet {quiet_s * 1000:5.1f})  "
        f"lag {max(e.lag_s for e in both) * 1000:5.0f} ms  "
        f"CPU {(busy_s - idle_s) / 3:5.2f} s a flood  slope {steep:5.2f}  {'same' if same else 'OTHER'} record  "
        f"{failure.detail[:70] if failure else 'answered'}",
        flush=True,
    )
    return worst_s <= OFF_S and same and not (steep > 1.1 or steep < 0.9)


def slope_of(kind: str, folder: Path) -> float:
    """CPU of one flood at 1/8, 1/4, 1/2 and the whole of its limit, less that of the smallest there is."""
    sizes, costs = [0.125, 0.25, 0.5, 1.0], list[float]()
    for size in (0.0, *sizes):
        with serving(kind, size) as port:
            one = (endpoint("hostile", port, floods()[kind].way),)
            costs.append(min(run(one, {"hostile": 1}, folder)[1] for _ in range(3)))
    return slope(sizes, [c - costs[0] for c in costs[1:]])


if __name__ == "__main__":
    sys.exit(main())
