"""Programs that nobody here wrote, started on free loopback ports and stopped with all that they started."""

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NoReturn

import httpx
import pytest

from tests.real import environments

DEADLINE_S = 180.0
"""For a start on a machine that is busy with other things."""
GOING_S = 15.0
PORTS_TRIED = 3
LAST_LINES = 60
NOWHERE = "http://127.0.0.1:9"
ALONE = {"http_proxy": NOWHERE, "https_proxy": NOWHERE, "HTTP_PROXY": NOWHERE, "HTTPS_PROXY": NOWHERE}
HERE_ONLY = {**ALONE, "no_proxy": "127.0.0.1,localhost", "NO_PROXY": "127.0.0.1,localhost"}
"""What phones home is led to a port of this machine where nobody listens."""


def absent(what: str) -> NoReturn:
    """Skip the test, saying what is not installed; fail it where everything must be ($WRAPDETECT_REAL_REQUIRED)."""
    if os.environ.get("WRAPDETECT_REAL_REQUIRED"):
        pytest.fail(f"{what} (WRAPDETECT_REAL_REQUIRED is set, so this is no reason to skip)", pytrace=False)
    pytest.skip(what)


def system_program(name: str, package: str) -> Path:
    """A program of Debian's; skips, or fails, where it is not installed. /usr/sbin is in no user's PATH."""
    path = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
    if path is None:
        absent(f"no {name} here: apt-get install {package}")
    return Path(path)


def environment_program(environment: str, name: str) -> Path:
    """A program of an environment of `environments`; skips, or fails, where that is not made."""
    folder = environments.programs(environment)
    if folder is None:
        absent(f"no {environment} environment here: python -m tests.real.environments make {environment}")
    return folder / name


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def answers(url: str) -> bool:
    """Whether a GET gives 200; in the middle of a start anything may happen."""
    with suppress(httpx.HTTPError):
        return httpx.get(url, trust_env=False, timeout=5).status_code == 200
    return False


@contextmanager
def running(
    command: Callable[[int], Sequence[str | Path]],
    *,
    ready: Callable[[int], bool],
    folder: Path,
    env: Mapping[str, str],
) -> Iterator[int]:
    """A server that `command` starts on the port given to it, once `ready` says so; gives the port.

    `folder` is its home and working directory; its log lies there. Raises AssertionError, with the end of the log,
    where it ends or is not ready in time. A port that somebody took in between is answered by another try.
    """
    for tried in range(1, PORTS_TRIED + 1):
        port = free_port()
        log = folder / f"log-{port}.txt"
        process = _start(command(port), log, folder, env)
        try:
            complaint = _wait(process, port, ready)
            if complaint and process.poll() is not None and _port_was_taken(log) and tried < PORTS_TRIED:
                continue
            assert not complaint, f"{complaint}; its log ends with:\n{end_of(log)}"
            yield port
            return
        finally:
            _end(process)


def end_of(log: Path) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-LAST_LINES:])


def _start(command: Sequence[str | Path], log: Path, folder: Path, env: Mapping[str, str]) -> subprocess.Popen[bytes]:
    plain = {"PATH": os.environ.get("PATH", ""), "HOME": str(folder), "LANG": "C.UTF-8", "PYTHONUNBUFFERED": "1"}
    with log.open("wb") as out:
        return subprocess.Popen(
            [str(part) for part in command],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            cwd=folder,
            env={**plain, **HERE_ONLY, **env},
            start_new_session=True,
        )


def _wait(process: subprocess.Popen[bytes], port: int, ready: Callable[[int], bool]) -> str:
    deadline = time.monotonic() + DEADLINE_S
    while time.monotonic() < deadline:
        if process.poll() is not None:
            return f"{process.args!r} ended with {process.returncode}"
        if ready(port):
            return ""
        time.sleep(0.1)
    return f"{process.args!r} was not ready within {DEADLINE_S:g} s"


def _port_was_taken(log: Path) -> bool:
    return "address already in use" in log.read_text(errors="replace").lower()


def _end(process: subprocess.Popen[bytes]) -> None:
    """With its group: a server's workers outlive it otherwise."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    with suppress(subprocess.TimeoutExpired):
        process.wait(GOING_S)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
