"""What is every way in given? The keys, the world's time, and how long it may wait."""

from collections.abc import Callable
from datetime import datetime
from typing import TypedDict

from wrapdetect.ways.keyring import Keyring


class Means(TypedDict):
    """Arguments by name of whatever makes a sender."""

    keyring: Keyring
    now: Callable[[], datetime]
    stopwatch: Callable[[], float]
    timeout_s: float
