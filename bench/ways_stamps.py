"""The truth of chunk stamps by way: server-sent events, JSON lines and websocket frames against the server's schedule.

    python -m bench.ways_stamps [--runs 9] [--load]

A server process of its own writes into each of 60 pieces when it sends it (the monotonic clock of one machine is
shared), and the recording's gaps to the first piece are held against those moments. `--load` asks 8 conversations at
once. Figure to reach: within 1 ms in the median.
"""

import argparse
import asyncio
import statistics
import subprocess
import sys
from collections.abc import Mapping

from wrapdetect.dialects import decode, encode
from wrapdetect.model import Ask, AskKey, Endpoint, Exchange, Template
from wrapdetect.ways import clock
from wrapdetect.ways.keyring import Keyring
from wrapdetect.ways.template.sender import TemplateSender

PIECES, GAP_S = 60, 0.02
SERVER = """
import asyncio, json, socket, sys, time
from websockets.asyncio.server import serve
pieces, gap_s = int(sys.argv[1]), float(sys.argv[2])
async def scheduled(write):
    start = time.perf_counter() + 0.05
    for k in range(pieces):
        await asyncio.sleep(max(0.0, start + k * gap_s - time.perf_counter()))
        await write(json.dumps({"t": f"{time.perf_counter():.7f} "}))
async def over_http(reader, writer):
    head = await reader.readuntil(b"\\r\\n\\r\\n")
    size = [h for h in head.lower().split(b"\\r\\n") if h.startswith(b"content-length")]
    await reader.readexactly(int(size[0].split(b":")[1]) if size else 0)
    sse = b"/sse" in head.split(b"\\r\\n")[0]
    kind = b"text/event-stream" if sse else b"application/x-ndjson"
    writer.write(b"HTTP/1.1 200 OK\\r\\ncontent-type: " + kind + b"\\r\\nconnection: close\\r\\n\\r\\n")
    async def write(text):
        writer.write((f"data: {text}\\n\\n" if sse else f"{text}\\n").encode())
        await writer.drain()
    await scheduled(write)
    await write('{"end": 1}')
    writer.close()
async def over_socket(connection):
    async for _ in connection:
        await scheduled(connection.send)
        await connection.send('{"end": 1}')
async def main():
    http = await asyncio.start_server(over_http, "127.0.0.1", 0)
    ws = await serve(over_socket, "127.0.0.1", 0, compression=None)
    print(http.sockets[0].getsockname()[1], next(iter(ws.sockets)).getsockname()[1], flush=True)
    await asyncio.gather(http.serve_forever(), ws.serve_forever())
asyncio.run(main())
"""
WAYS: Mapping[str, Template] = {
    "sse": Template(path="/sse", body='{"q": "{prompt}"}', framing="sse", answer="$.t", done="$.end"),
    "ndjson": Template(path="/ndjson", body='{"q": "{prompt}"}', framing="ndjson", answer="$.t", done="$.end"),
    "websocket": Template(path="/", body='{"q": "{prompt}"}', framing="websocket", answer="$.t", done="$.end"),
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=9)
    parser.add_argument("--load", action="store_true", help="8 conversations at once")
    options = parser.parse_args()
    together = 8 if options.load else 1
    with subprocess.Popen(
        [sys.executable, "-c", SERVER, str(PIECES), str(GAP_S)], stdout=subprocess.PIPE, text=True
    ) as server:
        assert server.stdout is not None
        over_http, over_socket = (int(port) for port in server.stdout.readline().split())
        try:
            for way, template in WAYS.items():
                port = over_socket if way == "websocket" else over_http
                print(line(way, [e for _ in range(options.runs) for e in errors_ms(template, port, together)]))
        finally:
            server.terminate()
    return 0


def line(way: str, errors: list[float]) -> str:
    """One line of the result."""
    tail = statistics.quantiles(errors, n=20)[-1]
    return (
        f"{way:<10} median error {statistics.median(errors):.3f} ms, 95 % {tail:.3f} ms, "
        f"of {len(errors)} pieces (reach: 1 ms in the median)"
    )


def errors_ms(template: Template, port: int, together: int) -> list[float]:
    """|recorded gap - true gap| of each piece against the first of its answer, in ms."""
    endpoint = Endpoint(
        name="bot", role="target", url=f"http://127.0.0.1:{port}", model="", dialect="template", template=template
    )
    found = list[float]()
    for exchange in asyncio.run(_asked(endpoint, together)):
        stamped = [(piece.t_s, float(piece.text)) for piece in decode(exchange, endpoint).pieces]
        first_seen, first_sent = stamped[0]
        found += [abs((seen - first_seen) - (sent - first_sent)) * 1000 for seen, sent in stamped[1:]]
    return found


async def _asked(endpoint: Endpoint, together: int) -> list[Exchange]:
    asks = [
        Ask(key=AskKey("hello", "hello", k), turns=("hi",), system="", temperature=0.0, max_tokens=60)
        for k in range(together)
    ]
    async with TemplateSender(
        (endpoint,), keyring=Keyring({}), now=clock.now, stopwatch=clock.stopwatch, timeout_s=60
    ) as send:
        calls = [send(endpoint, ask, 0, 0, encode(ask, [], endpoint)) for ask in asks]
        return list(await asyncio.gather(*calls))


if __name__ == "__main__":
    sys.exit(main())
