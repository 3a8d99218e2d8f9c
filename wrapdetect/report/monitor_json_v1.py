"""What a monitor knows -> JSON, version 1: fields may be added, and never change or go (docs/monitor.md names them)."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from math import isfinite

from wrapdetect.runs.codec import rounded

VERSION = 1


def moment(at_s: float | None) -> str | None:
    """Seconds since 1970 as ISO 8601, in UTC.

    >>> moment(0), moment(None)
    ('1970-01-01T00:00:00Z', None)
    """
    return None if at_s is None else f"{datetime.fromtimestamp(at_s, UTC):%Y-%m-%dT%H:%M:%S}Z"


def number(value: float | None) -> float | None:
    """JSON has no infinity: None.

    >>> number(float("inf")), number(2.0)
    (None, 2.0)
    """
    return value if value is not None and isfinite(value) else None


def dump(body: Mapping[str, object] | Sequence[object]) -> str:
    """With its newline; numbers have four decimals. ASCII: what a remote said may hold signs that drive a terminal."""
    return json.dumps(rounded(body), indent=2) + "\n"
