"""The world's time: the only place that reads it."""

import time
from datetime import UTC, datetime

stopwatch = time.perf_counter
"""Seconds since some moment, monotonic."""


def now() -> datetime:
    """This moment, in UTC."""
    return datetime.now(UTC)
