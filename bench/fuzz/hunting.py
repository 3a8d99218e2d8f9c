"""Whether a part holds against what chance draws for it: tries inputs, and keeps the smallest of each kind of fault."""

import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from wrapdetect.errors import WrapdetectError

BATCH = 200
"""Inputs that one seed makes."""
FIXED_S, BYTE_S = 0.4, 4e-6
"""CPU seconds that an input may take: as such, and for each of its bytes (a sound reader takes a tenth of it)."""
HUNG = 8.0
"""How many times as long it is waited for at most."""
FRAMES = 900
"""Frames of recursion that an input finds, as in a program of its own (Python gives 1,000 in all)."""
SHRINK_S = 20.0
"""Seconds spent on making the input of one fault smaller; none on slow ones, each try of which takes long."""


class Wrong(Exception):
    """What came out is not what must come out."""


class TooSlow(BaseException):
    """Not an Exception: no part may catch it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """An input ready to be tried: what is shown of it, its bytes, and the work; `run` raises Wrong for a bad result."""

    shown: object
    size: int
    run: Callable[[], object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What is fuzzed. `own` are the errors by which it may refuse an input."""

    name: str
    draw: Callable[[Random], Trial]
    own: tuple[type[Exception], ...] = ()


@dataclass(slots=True, kw_only=True)
class Fault:
    """A kind of fault: where, the smallest input that shows it, and in which batch."""

    what: str
    where: str
    shown: str
    batch: int
    times: int = 1


@dataclass(slots=True)
class Hunt:
    """One part, batch after batch."""

    part: Part
    seed: int
    hung: float = HUNG
    tried: int = 0
    refused: int = 0
    slowest: float = 0.0
    faults: dict[tuple[str, str], Fault] = field(default_factory=dict)
    _known: set[tuple[str, str]] = field(default_factory=set)

    def batch(self, number: int, *, inputs: int = BATCH) -> None:
        """The same inputs for the same seed and number; a fault known before is counted, and not made smaller."""
        begun = time.monotonic()

        @seed(f"{self.seed}/{self.part.name}/{number}")
        @settings(
            max_examples=inputs,
            database=None,
            deadline=None,
            phases=[Phase.generate, Phase.shrink],
            suppress_health_check=list(HealthCheck),
            print_blob=False,
        )
        @given(st.randoms(use_true_random=False))
        def one(chance: Random) -> None:
            found = self._try(chance, number)
            if found is None or found in self._known:
                return
            if found[0] != TooSlow.__name__ and time.monotonic() - begun < SHRINK_S:
                raise Wrong(found)

        with suppress(Exception):  # hypothesis tells again of what stands in faults
            one()
        self._known |= self.faults.keys()

    def _try(self, chance: Random, batch: int) -> tuple[str, str] | None:
        trial = self.part.draw(chance)
        self.tried += 1
        try:
            took_s = self._timed(trial)
        except Exception as error:
            return self._note(type(error).__name__, error, trial, batch)
        except TooSlow as error:
            return self._note("TooSlow", error, trial, batch)
        self.slowest = max(self.slowest, took_s / limit_s(trial.size))
        return None

    def _timed(self, trial: Trial) -> float:
        """CPU seconds, the least of three where once was too long: others use this machine."""
        took = [self._once(trial)]
        while took[-1] > limit_s(trial.size) and len(took) < 3:
            took.append(self._once(trial, again=True))
        if min(took) > limit_s(trial.size):
            raise TooSlow(f"{min(took):.1f} s of CPU for {trial.size:,} bytes; limit {limit_s(trial.size):.1f} s")
        return min(took)

    def _once(self, trial: Trial, *, again: bool = False) -> float:
        start = time.process_time()
        with stopped_after(self.hung * limit_s(trial.size), f"{trial.size:,} bytes"), few_frames():
            try:
                trial.run()
            except self.part.own as refusal:
                self.refused += not again
                check_refusal(refusal)
        return time.process_time() - start

    def _note(self, name: str, error: BaseException, trial: Trial, batch: int) -> tuple[str, str]:
        where = place_of(error)
        what, shown = f"{name}: {str(error)[:200]!r}", repr(trial.shown)
        key = name, where
        known = self.faults.get(key)
        if known is None:
            self.faults[key] = Fault(what=what, where=where, shown=shown, batch=batch)
        else:
            known.times += 1
            if len(shown) < len(known.shown):
                known.what, known.shown, known.batch = what, shown, batch
        return key


def limit_s(size: int) -> float:
    """CPU seconds that an input of so many bytes may take."""
    return FIXED_S + BYTE_S * size


def check_refusal(error: Exception) -> None:
    """A refusal of ours is a text that can be written anywhere. Raises Wrong."""
    try:
        str(error).encode()
    except UnicodeEncodeError as bad:
        raise Wrong("a refusal holds half a surrogate pair") from bad
    if isinstance(error, WrapdetectError) and len(str(error)) > 4_000:
        raise Wrong(f"a refusal of {len(str(error)):,} characters")


def place_of(error: BaseException) -> str:
    """The innermost of our own frames: file and function."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [f for f in frames if "/wrapdetect/" in f.filename] or [f for f in frames if "/bench/" in f.filename]
    return f"{Path(ours[-1].filename).parent.name}/{Path(ours[-1].filename).name} {ours[-1].name}" if ours else "?"


@contextmanager
def stopped_after(seconds: float, what: str) -> Iterator[None]:
    """Raises TooSlow in the midst of work that takes so much CPU."""

    def stop(number: int, frame: object) -> None:
        raise TooSlow(f"not done after {seconds:.0f} s of CPU: {what}")

    before = signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


@contextmanager
def few_frames() -> Iterator[None]:
    """As many frames as a program has that calls the part from near its start, however deep it is called here."""
    before, frame, depth = sys.getrecursionlimit(), sys._getframe(), 0
    while frame.f_back is not None:
        frame, depth = frame.f_back, depth + 1
    sys.setrecursionlimit(depth + FRAMES)
    try:
        yield
    finally:
        sys.setrecursionlimit(before)
