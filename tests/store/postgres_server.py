"""A PostgreSQL server for the tests: Debian's programs, a temporary folder, loopback only, gone at the end."""

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PASSWORD = "tide/s@r:is%ing"  # what needs quoting in a URL


def programs() -> Path | None:
    """Debian's folder of the newest version, which is in nobody's PATH; else that of the PATH."""
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda p: float(p.parent.name))
    found = shutil.which("pg_ctl")
    return debian[-1] if debian else Path(found).resolve().parent if found else None


def why_not() -> str | None:
    """What is missing here for a server, if anything."""
    if programs() is None:
        return "no PostgreSQL here: apt-get install postgresql"
    if os.geteuid() == 0 and shutil.which("runuser") is None:
        return "PostgreSQL refuses to run as root, and there is no runuser"
    return None


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def server(folder: Path) -> Iterator[int]:
    """A running server with the database `postgres` and the user `tester`; gives its port.

    `folder` must be empty and one that the user `postgres` can reach.
    """
    port, bin_folder = free_port(), programs()
    assert bin_folder is not None
    place = _place(folder)
    secret = folder / "password"
    secret.write_text(PASSWORD)
    if os.geteuid() == 0:
        shutil.chown(folder, "postgres")
        shutil.chown(secret, "postgres")
    _run(
        bin_folder / "initdb",
        "-D",
        str(place),
        "-U",
        "tester",
        "-A",
        "scram-sha-256",
        f"--pwfile={secret}",
        "-E",
        "UTF8",
    )
    start(folder, port)
    try:
        yield port
    finally:
        if (place / "postmaster.pid").exists():
            stop(folder)


def start(folder: Path, port: int) -> None:
    """Start a cluster that `server` made."""
    options = f"-c listen_addresses=127.0.0.1 -p {port} -k {folder} -c fsync=off"
    _control(folder, "-o", options, "-l", str(folder / "log"), "-w", "start")


def stop(folder: Path) -> None:
    """At once, as a machine that loses its power."""
    _control(folder, "-m", "immediate", "-w", "stop")


def _place(folder: Path) -> Path:
    return folder / "cluster"


def _control(folder: Path, *arguments: str) -> None:
    bin_folder = programs()
    assert bin_folder is not None
    _run(bin_folder / "pg_ctl", "-D", str(_place(folder)), *arguments)


def _run(program: Path, *arguments: str) -> None:
    """As `postgres` where we are root, which the server refuses."""
    switch = ("runuser", "-u", "postgres", "--") if os.geteuid() == 0 else ()
    done = subprocess.run(
        [*switch, str(program), *arguments],
        check=False,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        cwd="/",
        timeout=120,
        env={"PATH": os.environ.get("PATH", ""), "LC_ALL": "C"},
    )
    if done.returncode:
        raise RuntimeError(f"{program.name} ended with {done.returncode}: {done.stderr.strip()}")
