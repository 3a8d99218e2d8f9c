"""The command line as processes of its own, without paying 3 s of imports for each.

Run as a program, it imports what the commands need, then forks once for every line of JSON on standard input.
As a module, `Commands` starts it and runs commands through it; `cold` runs `python -m wrapdetect` as a user does.
"""

import contextlib
import importlib
import json
import os
import subprocess
import sys
import traceback
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

REPOSITORY = Path(__file__).resolve().parents[2]
PRELOADED = (
    *(f"wrapdetect.cli.commands.{name}" for name in ("ask", "audit", "collect", "doctor", "probes", "replay")),
    "wrapdetect.cli.app",
    "wrapdetect.cli.target.command",
)
KEPT = ("PATH", "PYTHONPATH", "VIRTUAL_ENV", "LANG", "LC_ALL", "TMPDIR")


class Done(NamedTuple):
    """How a command ended."""

    code: int
    out: str
    err: str


def clean_environment(home: Path, **more: str) -> dict[str, str]:
    """No key, no setting of this machine."""
    kept = {name: os.environ[name] for name in KEPT if name in os.environ}
    return {**kept, "HOME": str(home), "OPENBLAS_NUM_THREADS": "1", **more}


def cold(*argv: str, cwd: Path, **env: str) -> Done:
    """The command as a user starts it."""
    done = subprocess.run(
        [sys.executable, "-m", "wrapdetect", *argv],
        cwd=cwd,
        env=clean_environment(cwd, **env),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    return Done(done.returncode, done.stdout, done.stderr)


class Commands:
    """A warm process that forks for each command."""

    program: tuple[str, ...] = (str(Path(__file__).resolve()),)

    def __enter__(self) -> Self:
        self._server = subprocess.Popen(
            [sys.executable, *self.program],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=clean_environment(Path("/nonexistent")),
            cwd=REPOSITORY,
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._server:
            assert self._server.stdin
            self._server.stdin.close()

    def run(self, *argv: str, cwd: Path, **env: str) -> Done:
        """One command to its end."""
        assert self._server.stdin
        assert self._server.stdout
        out, err = cwd / ".out", cwd / ".err"
        task = {"argv": argv, "cwd": str(cwd), "env": clean_environment(cwd, **env), "out": str(out), "err": str(err)}
        self._server.stdin.write(json.dumps(task) + "\n")
        self._server.stdin.flush()
        code = int(self._server.stdout.readline())
        done = Done(code, out.read_text(), err.read_text())
        out.unlink()
        err.unlink()
        return done


def _serve() -> None:
    for name in PRELOADED:
        importlib.import_module(name)
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            _become(json.loads(line))
        _, status = os.waitpid(child, 0)
        os.write(1, f"{os.waitstatus_to_exitcode(status)}\n".encode())


def _become(task: dict[str, object]) -> None:
    """Run one command in this process and leave."""
    from wrapdetect.cli import main  # noqa: PLC0415  # only in the child

    for number, name in ((1, "out"), (2, "err")):
        os.dup2(os.open(str(task[name]), os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
    os.chdir(str(task["cwd"]))
    os.environ.clear()
    assert isinstance(task["env"], dict)
    os.environ.update(task["env"])
    assert isinstance(task["argv"], list)
    sys.argv = ["wrapdetect", *task["argv"]]
    code = 1
    try:
        main()
        code = 0
    except SystemExit as leaving:
        code = leaving.code if isinstance(leaving.code, int) else int(leaving.code is not None)
    except BaseException:
        traceback.print_exc()
    finally:
        with contextlib.suppress(BaseException):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    _serve()
