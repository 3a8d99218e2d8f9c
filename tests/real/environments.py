"""Environments for programs that nobody here wrote, each apart from ours: `python -m tests.real.environments make`.

Standard library only: .ci/run starts it before anything is installed. The folder is `.real` in the checkout, or
$WRAPDETECT_REAL. `serving` sees the packages of the Python that makes it (torch and transformers are there already)
and adds what `transformers serve` needs beside them.
"""

import os
import subprocess
import sys
import sysconfig
import time
import venv
import zlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

HERE = Path(__file__).resolve().parent
NAMES = ("litellm", "pages", "serving")
BORROWING = frozenset({"serving"})
"""Those that see the packages of the Python that makes them."""


def home() -> Path:
    """Where environments are kept."""
    return Path(os.environ.get("WRAPDETECT_REAL") or HERE.parents[1] / ".real").resolve()


def requirements(name: str) -> Path:
    return HERE / f"requirements-{name}.txt"


def programs(name: str) -> Path | None:
    """The folder of an environment's programs, where it is made and is what its requirements say."""
    return home() / name / "bin" if _mark(name).exists() else None


def make(name: str) -> None:
    """Raises SystemExit, with pip's words, where it cannot be installed."""
    if programs(name) is not None:
        return
    started, folder = time.monotonic(), home() / name
    print(f"making the environment {folder}", flush=True)  # noqa: T201  # it takes a minute
    venv.create(folder, clear=True, with_pip=True, symlinks=True)
    if name in BORROWING:
        lent = Path(sysconfig.get_path("purelib", vars={"base": str(folder), "platbase": str(folder)}))
        (lent / "lent.pth").write_text(sysconfig.get_path("purelib") + "\n")
    pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    done = subprocess.run(
        [*pip, "--no-deps", "-r", str(requirements(name))],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"environment {name}: pip ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    _mark(name).touch()
    print(f"made {folder} in {time.monotonic() - started:.0f} s", flush=True)  # noqa: T201


def _mark(name: str) -> Path:
    lender = sysconfig.get_path("purelib") if name in BORROWING else ""
    seen = requirements(name).read_bytes() + lender.encode()
    return home() / name / f".ready-{zlib.crc32(seen)}"


def main(argv: Sequence[str]) -> None:
    """`make` with names of environments, or all of them; side by side."""
    if not argv or argv[0] != "make" or set(argv[1:]) - set(NAMES):
        raise SystemExit(f"expected: make [{' | '.join(NAMES)}]...; got: {' '.join(argv) or 'nothing'}")
    with ThreadPoolExecutor() as workers:
        list(workers.map(make, argv[1:] or NAMES))


if __name__ == "__main__":
    main(sys.argv[1:])
