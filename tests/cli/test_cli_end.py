"""How commands end: full disks, closed streams, readers that leave, faults of ours; one line and an exit code each"""

import os
import subprocess
import sys
from collections.abc import Sequence

import pytest

from tests.conftest import ROOT

COMMAND = "import sys\nfrom wrapdetect.cli.end import exit_code_of"
REPLAY = ("-m", "wrapdetect", "replay", "feb21", "--no-embed")


def run(args: Sequence[str], redirect: str = "", **env: str) -> subprocess.CompletedProcess[bytes]:
    command = ["bash", "-c", f'exec "$@" {redirect}', "bash", sys.executable, *args]
    return subprocess.run(
        command,
        capture_output=True,
        timeout=60,
        cwd=ROOT,
        env={**os.environ, **env},
        check=False,
        stdin=subprocess.DEVNULL,
    )


def fault(raised: str) -> tuple[str, str]:
    return "-c", f"{COMMAND}\ndef go():\n {raised}\nsys.exit(exit_code_of(go))"


def lines_of(done: subprocess.CompletedProcess[bytes]) -> list[str]:
    return done.stderr.decode().splitlines()


def test_a_report_that_cannot_be_written_is_no_success() -> None:
    done = run(REPLAY, "> /dev/full")
    assert done.returncode == 2
    assert lines_of(done) == [
        "wrapdetect: cannot read or write the output: No space left on device; make room, or choose another place"
    ]


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_streams_that_are_closed_stop_nothing(closed: str) -> None:
    done = run(REPLAY, closed)
    assert (done.returncode, b"Traceback" in done.stderr) == (0, False)


def test_a_reader_that_leaves_gets_no_traceback() -> None:
    done = run(
        ("-c", f"{COMMAND}\nsys.exit(exit_code_of(lambda: print('x' * 10**7)))"),
        "| head -c 1",
    )
    assert done.stderr == b""


@pytest.mark.parametrize(
    ("raised", "code", "said"),
    [
        ("raise OSError(13, 'Permission denied', '/a')", 2, "cannot read or write '/a': Permission denied; make room"),
        ("raise MemoryError", 2, "there is not enough memory"),
        ("raise ValueError('a\\nb')", 70, "a fault of ours (<string>, line 4): ValueError: a b; please report it"),
        ("raise RecursionError('deep')", 70, "a fault of ours"),
        ("from wrapdetect.errors import TargetSilent; raise TargetSilent('bot said nothing')", 3, "bot said nothing"),
        ("import sys; sys.exit(10)", 10, ""),
    ],
)
def test_whatever_goes_wrong_is_one_line(raised: str, code: int, said: str) -> None:
    done = run(fault(raised))
    assert done.returncode == code
    assert len(lines_of(done)) == bool(said)
    assert said in done.stderr.decode()


def test_a_developer_can_see_where_a_fault_arose() -> None:
    done = run(fault("raise ValueError('x')"), WRAPDETECT_TRACEBACK="1")
    assert done.returncode == 70
    assert "Traceback" in done.stderr.decode()


@pytest.mark.parametrize("name", ["a\x1b[31mb", "a\x9bb", "a\u202eb", "a\x07\rb", "a\udcffb"])
def test_no_name_of_a_file_drives_the_terminal(name: str) -> None:
    _, source = fault(f"from wrapdetect.errors import SpecError; raise SpecError('cannot read ' + {name!r})")
    done = run(("-c", f"from wrapdetect.cli.terminal import say\nsay({name!r})\n{source}"))
    shown = done.stderr.decode()
    assert done.returncode == 2
    assert len(shown.splitlines()) == 2
    assert all(c.isprintable() or c == "\n" for c in shown)
