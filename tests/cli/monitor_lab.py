"""A small loopback world for the monitor's processes: chat services, plain pages, status feeds and an inbox for alerts,
each of which does what a test tells it; and monitor.toml for it.

Run as a program, it serves as tests/cli/warm_cli does, with the monitor's modules loaded too.
"""

import json
import sqlite3
import subprocess
import sys
import threading
import time
from array import array
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from tests.cli import warm_cli
from tests.cli.warm_cli import REPOSITORY, Commands, Done, clean_environment
from wrapdetect.model import Endpoint, Instrument, Role
from wrapdetect.model.history import Beats, History, Outcome, Service, ServiceKind
from wrapdetect.monitor.as_runs import run_of
from wrapdetect.store import run_file
from wrapdetect.targets.config import make_endpoint

PRELOADED = (
    *(
        f"wrapdetect.cli.{name}"
        for name in (
            "monitor.rounds",
            "monitor.judge",
            "monitor.status",
            "commands.outages",
            "commands.replay",
            "present",
        )
    ),
    "sqlalchemy.dialects.sqlite",
    "anyio._backends._asyncio",
)
CADENCE_S = 60
KEY = "sk-planted-0123456789abcdef"
HOOK = "planted-hook-secret"


@dataclass
class Place:
    """What stands at one path: how it answers now, and what was asked of it. `wait_s` holds the answer back; who
    sends its `etag` is answered 304."""

    status: int = 200
    body: bytes = b"ok"
    said: str = "The server is overloaded"
    wait_s: float = 0.0
    etag: str = ""
    asked: list[dict[str, object]] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)


class World(dict[str, Place]):
    """Places by name, made when first named: chat services at /NAME/v1, all else at /NAME."""

    port: int = 0
    done: threading.Event

    def __missing__(self, name: str) -> Place:
        return self.setdefault(name, Place())

    def at(self, name: str) -> str:
        """The address of a plain place."""
        return f"http://127.0.0.1:{self.port}/{name}"

    def chat(self, name: str) -> str:
        """The base address of a chat service."""
        return f"{self.at(name)}/v1"

    @property
    def hook(self) -> str:
        """An Apprise URL whose messages end in the place `inbox`."""
        return f"json://user:{HOOK}@127.0.0.1:{self.port}/inbox/"

    def told(self) -> list[tuple[str, str]]:
        """Title and text of the alerts that came."""
        return [(str(m["title"]), str(m["message"])) for m in self["inbox"].asked]


@contextmanager
def a_world() -> Iterator[World]:
    """A server on any free port, until the block ends."""
    world = World()
    world.done = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            place = self._place({"path": self.path, "if-none-match": self.headers.get("if-none-match", "")})
            same = place.etag and self.headers.get("if-none-match") == place.etag
            self._answer(304 if same else place.status, "text/plain", b"" if same else place.body, place.etag)

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            place = self._place(body)
            if place.status != 200:
                said = {"error": {"message": place.said, "type": "error", "code": place.status}}
                self._answer(place.status, "application/json", json.dumps(said).encode())
            elif "messages" in body:
                self._answer(200, "application/json", chat_answer(str(body["model"])))
            else:
                self._answer(200, "text/plain", b"taken")

        def _place(self, asked: dict[str, object]) -> Place:
            place = world[self.path.split("/")[1].partition("?")[0]]
            place.asked.append(asked)
            place.keys.append(self.headers.get("authorization", ""))
            world.done.wait(place.wait_s)
            return place

        def _answer(self, status: int, kind: str, body: bytes, etag: str = "") -> None:
            try:
                self.send_response(status)
                self.send_header("content-type", kind)
                self.send_header("content-length", str(len(body)))
                if etag:
                    self.send_header("etag", etag)
                self.end_headers()
                self.wfile.write(body)
            except (BrokenPipeError, ConnectionResetError):  # the monitor was killed meanwhile
                self.close_connection = True

        def log_message(self, format: str, *args: object) -> None:
            pass

    with answering(Handler) as world.port:
        try:
            yield world
        finally:
            world.done.set()


@contextmanager
def answering(handler: type[BaseHTTPRequestHandler]) -> Iterator[int]:
    """The port of a server in a thread."""
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()


def chat_answer(model: str) -> bytes:
    """A plain answer of one token, always the same."""
    choice = {"index": 0, "message": {"role": "assistant", "content": "One"}, "finish_reason": "length"}
    return json.dumps({"id": "lab", "object": "chat.completion", "model": model, "choices": [choice]}).encode()


@dataclass(kw_only=True)
class Plan:
    """A monitor.toml in the making: names of services, each with the further lines of its table."""

    targets: Mapping[str, str] = field(default_factory=lambda: {"nova": ""})
    candidates: Mapping[str, str] = field(default_factory=lambda: {"heron": ""})
    panel: Mapping[str, str] = field(default_factory=lambda: {"wren": "", "lark": ""})
    sites: tuple[str, ...] = ("site-a", "site-b")
    feed_only: tuple[str, ...] = ()
    feeds: str = ""
    alerts: str = ""
    budget: str = "requests_per_day = 200000\ntokens_per_day = 9000000"
    store: str = "monitor.db"
    every: str = f"{CADENCE_S}s"
    timeout: int = 5
    more: str = ""

    def text(self, world: World) -> str:
        tables = [
            f'store = "{self.store}"\n[cadence]\nevery = "{self.every}"\njitter = 0\ntimeout = {self.timeout}',
            f"[budget]\n{self.budget}",
        ]
        for kind, some in (("target", self.targets), ("candidate", self.candidates), ("panel", self.panel)):
            tables += [
                f'[[{kind}]]\nname = "{name}"\nurl = "{world.chat(name)}"\nmodel = "{name}-1"\nvendor = "{name}co"\n'
                f"stream = false\n{lines}"
                for name, lines in some.items()
            ]
        tables += [f'[[candidate]]\nname = "{name}"' for name in self.feed_only]
        tables += [f'[[site]]\nname = "{name}"\nurl = "{world.at(name)}"' for name in self.sites]
        return "\n".join([*tables, self.feeds, f"[alerts]\n{self.alerts}" if self.alerts else "", self.more]) + "\n"

    def write(self, folder: Path, world: World) -> Path:
        """Written as monitor.toml."""
        path = folder / "monitor.toml"
        path.write_text(self.text(world), encoding="utf-8")
        return path


class MonitorCommands(Commands):
    """As warm_cli.Commands, with the monitor's modules loaded."""

    program = ("-m", "tests.cli.monitor_lab")

    def monitor(self, *argv: str, cwd: Path, **env: str) -> Done:
        """wrapdetect monitor ..., with the monitor.toml of the folder."""
        return self.run("monitor", *argv, cwd=cwd, **env)


@contextmanager
def started(*argv: str, cwd: Path, **env: str) -> Iterator[subprocess.Popen[str]]:
    """A command that goes on, as a user starts it; killed at the end of the block where it still runs."""
    with subprocess.Popen(
        [sys.executable, "-m", "wrapdetect", *argv],
        cwd=cwd,
        env=clean_environment(cwd, PYTHONPATH=str(REPOSITORY), **env),  # this tree, whatever is installed
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()


def until(true: Callable[[], bool], *, within_s: float = 100.0) -> None:
    """Wait for something to become true; fails after `within_s`."""
    end_s = time.monotonic() + within_s
    while not true():
        assert time.monotonic() < end_s, "waited in vain"
        time.sleep(0.02)


def clear_of_the_hour() -> None:
    """Wait out the end of an hour, so that what follows falls into one round of an hour, also on a slow machine."""
    left_s = 3600 - time.time() % 3600
    if left_s < 90:
        time.sleep(left_s + 0.1)


def rows(folder: Path, query: str) -> list[tuple[object, ...]]:
    """What stands in the SQLite store of a folder; or a change to it, at once."""
    with closing(sqlite3.connect(folder / "monitor.db", isolation_level=None)) as conn:
        return conn.execute(query).fetchall()


def a_service(name: str, kind: ServiceKind, url: str | None) -> Service:
    """As Plan's monitor.toml makes it; without `url` only a feed tells of it."""
    role: Role = "target" if kind == "target" else "reference"
    endpoint: Endpoint | None = None
    if url and kind != "site":
        endpoint = make_endpoint(name=name, role=role, url=url, model=f"{name}-1", key_env=None, dialect="openai_plain")
    return Service(name=name, kind=kind, url=url or "", vendor=f"{name}co", endpoint=endpoint)


def services(world: World) -> tuple[Service, ...]:
    """Those of the plain Plan."""
    some: tuple[tuple[str, ServiceKind], ...] = (
        ("nova", "target"),
        ("heron", "candidate"),
        ("wren", "panel"),
        ("lark", "panel"),
    )
    return tuple(a_service(name, kind, world.chat(name)) for name, kind in some)


def constant_beats(service: str, *, until_s: int, n: int, outcome: Outcome, said: str, cadence_s: int) -> Beats:
    """`n` heartbeats that all ended alike, the last one a round before `until_s`."""
    rounds = range(until_s - n * cadence_s, until_s, cadence_s)
    return Beats(
        service=service,
        round_s=array("q", rounds),
        offset_ms=array("i", [0]) * n,
        outcome=bytes([outcome]) * n,
        latency_ms=array("i", [400 if outcome is Outcome.UP else 0]) * n,
        said=dict.fromkeys(rounds, said) if said else {},
    )


def write_history(path: Path, history: History, target: str) -> Path:
    """A run file as `monitor export` makes it."""
    instrument = Instrument(versions=(("wrapdetect", "test"),), host="test", vantage="")
    run_file.write(path, run_of(history, target, id_="monitor-test", instrument=instrument))
    return path


if __name__ == "__main__":
    warm_cli.PRELOADED = (*warm_cli.PRELOADED, *PRELOADED)
    warm_cli._serve()
