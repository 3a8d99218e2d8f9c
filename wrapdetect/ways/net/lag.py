"""How long our own event loop stood still while an exchange was under way; what is slow at home is said of nobody."""

import asyncio
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from wrapdetect.model import LAG_S

BEAT_S = 0.01
"""How often the loop has to answer. Twice a LAG_S, so that no lag hides between two beats."""
HAND_OVER_S = 0.001
"""How long a thread at work on bytes may keep the interpreter from the loop (Python's own 5 ms come several times for
each stamp: once for the wake-up, and once for each read)."""


class Lag:
    """Watches the loop while anything is under way, and costs nothing where nothing is."""

    def __init__(self, stopwatch: Callable[[], float]) -> None:
        self._stopwatch = stopwatch
        self._under_way, self._sum_s, self._due_s = 0, 0.0, 0.0
        self._beat: asyncio.TimerHandle | None = None

    @contextmanager
    def watched(self) -> Iterator[Callable[[], float]]:
        """Gives what tells by how much the loop has lagged since: the sum of all waits that passed LAG_S, else 0."""
        if not self._under_way:
            sys.setswitchinterval(HAND_OVER_S)
            self._due_s = self._stopwatch() + BEAT_S
            self._beat = asyncio.get_running_loop().call_later(BEAT_S, self._beaten)
        self._under_way += 1
        before_s = self._so_far_s()
        try:
            yield lambda: lag_s if (lag_s := self._so_far_s() - before_s) > LAG_S else 0.0
        finally:
            self._under_way -= 1
            if not self._under_way and self._beat is not None:
                self._beat.cancel()

    def _so_far_s(self) -> float:
        """With the wait that is not over: what ends an exchange may be handled before the beat that was due."""
        late_s = self._stopwatch() - self._due_s
        return self._sum_s + (late_s if late_s > LAG_S else 0.0)

    def _beaten(self) -> None:
        self._sum_s, self._due_s = self._so_far_s(), self._stopwatch() + BEAT_S
        self._beat = asyncio.get_running_loop().call_later(BEAT_S, self._beaten)
