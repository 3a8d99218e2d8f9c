"""A small chat server, a process of its own: what was asked of it, and when, stands in its log whoever is killed.

    python -m bench.kills.serving LOG SLOWEST_S

It prints its port. Each request is one line of the log, written before it is answered: [seconds, path, body].
"""

import json
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Lock
from typing import NamedTuple


class Asked(NamedTuple):
    """A request: when it came (time.time), its path, its body."""

    at_s: float
    path: str
    body: str


@contextmanager
def served(log: Path, slowest_s: float) -> Iterator[int]:
    """The server's port, until the block ends."""
    with port_of("-m", "bench.kills.serving", str(log), str(slowest_s)) as port:
        yield port


@contextmanager
def port_of(*argv: str) -> Iterator[int]:
    """What a server in Python prints first; it is killed where the block ends."""
    with subprocess.Popen([sys.executable, *argv], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield int(process.stdout.readline())
        finally:
            process.kill()


def asked_in(log: Path) -> list[Asked]:
    """All that was asked so far."""
    return [Asked(*json.loads(line)) for line in log.read_text(encoding="utf-8").splitlines()] if log.exists() else []


def _serve(log: Path, slowest_s: float) -> None:
    lock = Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._answer(b"ok", "text/plain")

        def do_POST(self) -> None:
            said = {
                "role": "assistant",
                "content": f"It is {len(self.path)} things, all of them seen at {time.time():.3f}.",
            }
            choice = {"index": 0, "message": said, "finish_reason": "stop"}
            answer = {"id": "x", "object": "chat.completion", "model": "m", "choices": [choice]}
            self._answer(json.dumps(answer).encode(), "application/json")

        def _answer(self, data: bytes, kind: str) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0)).decode()
            with lock, log.open("a", encoding="utf-8") as file:
                file.write(json.dumps([time.time(), self.path, body]) + "\n")
            time.sleep(slowest_s * random.random() ** 3)
            self.send_response(200)
            self.send_header("content-type", kind)
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def handle_one_request(self) -> None:
            try:
                super().handle_one_request()
            except OSError:  # who asked was killed
                self.close_connection = True

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        print(server.server_address[1], flush=True)
        server.serve_forever()


if __name__ == "__main__":
    _serve(Path(sys.argv[1]), float(sys.argv[2]))
