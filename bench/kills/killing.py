"""Work in a process of its own, forked from this warm one, and killed at a moment that chance draws."""

import os
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import NamedTuple

SIGNALS = (*[signal.SIGKILL] * 5, signal.SIGTERM, signal.SIGHUP, signal.SIGINT)
HUNG_S = 180.0
"""After this long something hangs."""
LOOK_S = 0.01

Moment = Callable[["Process"], None]
"""Waits until the work is to be killed; returns early where it has ended."""


class Ended(NamedTuple):
    """How a process ended: its exit code (minus the signal that killed it), what it said, and when it was killed."""

    code: int
    said: str
    killed_s: float | None


@dataclass(slots=True, kw_only=True)
class Tally:
    """What came of one part. `faults` is what must not be."""

    name: str
    kills: Counter[str] = field(default_factory=Counter)
    codes: Counter[int] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)
    figures: dict[str, int] = field(default_factory=dict)

    def note(self, ended: Ended, allowed: frozenset[int]) -> None:
        """Counts how an attempt ended; a traceback or a code that no document names is a fault."""
        self.codes[ended.code] += 1
        if "Traceback" in ended.said or "a fault of ours" in ended.said:
            self.faults.append(f"after kill {self.kills.total()} it says: {ended.said[-600:]}")
        elif ended.code not in allowed:
            self.faults.append(f"after kill {self.kills.total()} it ends with {ended.code}: {ended.said[-300:]}")

    def expect(self, true: bool, otherwise: str) -> None:
        """A fault where something is not so."""
        if not true:
            self.faults.append(f"after kill {self.kills.total()}: {otherwise}")


def by_signals(*codes: int) -> frozenset[int]:
    """Codes that may be seen: these, and those of a process that a signal ended."""
    return frozenset({*codes, *(-s for s in SIGNALS)})


class Process:
    """Forked work; its standard error is kept, its output is not."""

    def __init__(self, work: Callable[[], int]) -> None:
        self._said = tempfile.TemporaryFile("w+b")  # noqa: SIM115  # closed by end
        self._code: int | None = None
        self.pid = os.fork()
        if self.pid == 0:
            self._work(work)

    def _work(self, work: Callable[[], int]) -> None:
        code = 70
        try:
            os.dup2(self._said.fileno(), 2)
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            # It ends with the process.
            sys.stderr = open(2, "w", 1, encoding="utf-8", errors="backslashreplace", closefd=False)  # noqa: SIM115
            code = work()
        except KeyboardInterrupt:
            code = 130
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)

    def ended(self) -> bool:
        """Whether it has ended by now."""
        if self._code is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            self._code = os.waitstatus_to_exitcode(status) if pid else None
        return self._code is not None

    def wait(self, seconds: float) -> bool:
        """Whether it ends within so many seconds."""
        until = time.monotonic() + seconds
        while not self.ended() and time.monotonic() < until:
            time.sleep(LOOK_S)
        return self.ended()

    def kill(self, number: signal.Signals) -> bool:
        """False where it had ended before."""
        if self.ended():
            return False
        os.kill(self.pid, number)
        return True

    def end(self, killed_s: float | None) -> Ended:
        """Waits for its end, for a while."""
        hangs = not self.wait(HUNG_S)
        if hangs:
            self.kill(signal.SIGKILL)
            self.wait(HUNG_S)
        self._said.seek(0)
        said = self._said.read().decode(errors="replace") + ("Traceback: it hung" if hangs else "")
        self._said.close()
        assert self._code is not None
        return Ended(self._code, said, killed_s)


def killed(
    work: Callable[[], int],
    moment: Moment,
    number: signal.Signals,
    tally: Tally,
    *,
    obeyed: frozenset[signal.Signals] = frozenset(),
) -> Ended:
    """Start the work, kill it at that moment, wait for its end. `obeyed` are signals that end it with code 0; of others
    that code says that all was done before, and it is no kill."""
    process = Process(work)
    moment(process)
    at_s = time.time()
    hit = process.kill(number)
    ended = process.end(at_s if hit else None)
    if hit and (ended.code != 0 or number in obeyed):
        tally.kills[number.name] += 1
    return ended


def unharmed(work: Callable[[], int]) -> Ended:
    """The same, left alone."""
    return Process(work).end(None)


def after(seconds: float) -> Moment:
    """So long after its start."""

    def wait(process: Process) -> None:
        process.wait(seconds)

    return wait


def drawn(chance: Random, signals: tuple[signal.Signals, ...] = SIGNALS) -> signal.Signals:
    """A signal."""
    return chance.choice(signals)
