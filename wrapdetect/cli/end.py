"""How a command ends: whatever goes wrong is one line on standard error and an exit code, never a traceback."""

import os
import sys
import traceback
from collections.abc import Callable

from wrapdetect.errors import WrapdetectError
from wrapdetect.model.prose import printable

EXTRA_OF = {
    **dict.fromkeys(("sqlalchemy", "alembic", "apprise", "prometheus_client"), "monitor"),
    **dict.fromkeys(("uvicorn", "starlette"), "demo"),
}
"""Packages that a light installation lacks -> the extra that brings them."""
SHOW = "WRAPDETECT_TRACEBACK"
"""Variable by which a developer sees where a fault of ours arose."""
HERE, OURS, BROKEN_PIPE = 2, 70, 141


def exit_code_of(command: Callable[[], object]) -> int:
    """Run the command; its exit code. What it printed is out before it ends, or the code says that it is not."""
    _open_closed()
    try:
        try:
            command()
            code = 0
        except SystemExit as stop:
            code = stop.code if isinstance(stop.code, int) else int(stop.code is not None)
        sys.stdout.flush()
        return code
    except BrokenPipeError:  # whoever reads has seen enough, as `head` has
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return BROKEN_PIPE
    except Exception as error:
        _drop_output()
        message, code = _told(error)
        print(f"wrapdetect: {printable(message)}", file=sys.stderr)
        if os.environ.get(SHOW):
            traceback.print_exc()
        return code


def _told(error: Exception) -> tuple[str, int]:
    match error:
        case WrapdetectError():
            return str(error), error.exit_code
        case ModuleNotFoundError() if error.name in EXTRA_OF:
            return f"{error.name} is not installed; pip install 'wrapdetect[{EXTRA_OF[error.name]}]'", HERE
        case OSError() if error.strerror:
            at = f" {error.filename!r}" if error.filename is not None else " the output"
            return f"cannot read or write{at}: {error.strerror}; make room, or choose another place", HERE
        case MemoryError():
            return "there is not enough memory for this; give less at once, or allow more", HERE
        case _:
            told = " ".join(f"{type(error).__name__}: {error}".split())[:300]
            return f"a fault of ours ({_place(error)}): {told}; please report it with what {SHOW}=1 shows", OURS


def _place(error: Exception) -> str:
    last = traceback.extract_tb(error.__traceback__)[-1]
    return f"{os.path.basename(last.filename)}, line {last.lineno}"


def _open_closed() -> None:
    """Streams that the caller closed lead nowhere, so that no file of ours gets their number."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115  # open until the end


def _drop_output() -> None:
    """What could not be written to a full disk is not tried again at exit, where it would end in a traceback."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
