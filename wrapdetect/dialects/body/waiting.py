"""How long an answer that says "limited" asks to wait: by its headers, by what its body says, in every usual spelling.

RFC 9110, 10.2.3 (seconds, or a date); milliseconds and fractions of OpenAI and Azure; "1m30s" and the times at which a
spent limit is reset; google.rpc.RetryInfo.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from wrapdetect.model import Exchange

_READ = 20_000
"""Bytes of a body that are looked at."""
_UNITS: Mapping[float, str] = {
    0.001: "ms millisecond milliseconds",
    1.0: "s sec secs second seconds",
    60.0: "m min mins minute minutes",
    3600.0: "h hr hour hours",
    86400.0: "d day days",
}
_UNIT_S: Mapping[str, float] = {unit: seconds for seconds, units in _UNITS.items() for unit in units.split()}
EPOCH_S, EPOCH_MS, LAST_MS = 1e9, 1e12, 1e13
"""A reset later than these is a moment, in seconds or milliseconds since 1970."""

_NUMBER = re.compile(r"\d{1,18}(?:\.\d{0,18})?")
_SPAN = re.compile(
    rf"(?:\d{{1,18}}(?:\.\d{{1,18}})?(?:{'|'.join(sorted(_UNIT_S, key=len, reverse=True))})){{1,5}}", re.I
)
_STEP = re.compile(r"(\d+(?:\.\d+)?)([a-z]+)", re.IGNORECASE)
_IN_BODY = re.compile(
    r'"(?:retry_?delay|retry-?_?after(_?ms)?(?:_?s|_?seconds)?)"\s{0,9}:\s{0,9}"?([0-9.]{1,20}[a-z0-9.]{0,20})'
    r"|(?:(?:try again|retry) (?:in|after)|available in|please wait) (?P<said>[0-9.]{1,20} ?[a-z0-9.]{0,20})",
    re.IGNORECASE,
)


def wait_asked_s(exchange: Exchange) -> float | None:
    """Seconds to wait from the exchange's end; None where nothing usable says so."""
    headers: dict[str, str] = {}
    for name, value in exchange.headers:
        headers.setdefault(name.lower(), value.strip())
    asked = (*_by_headers(headers, exchange), *_by_body(exchange), *_by_resets(headers, exchange))
    return next(iter(asked), None)


def span_s(text: str) -> float | None:
    """Seconds of a number or a span, such as 2, 0.4, 45s, 1m30s, 500ms; None for any other.

    >>> [span_s(t) for t in ("2", "0.4", "6m0s", "500ms", "1 s", "soon", "-5")]
    [2.0, 0.4, 360.0, 0.5, 1.0, None, None]
    """
    text = text.strip().replace(" ", "").rstrip(".")
    if _NUMBER.fullmatch(text):
        return float(text)
    return sum(float(n) * _UNIT_S[u.lower()] for n, u in _STEP.findall(text)) if _SPAN.fullmatch(text) else None


def _by_headers(headers: Mapping[str, str], exchange: Exchange) -> Iterator[float]:
    for name in ("retry-after-ms", "x-ms-retry-after-ms"):
        if _NUMBER.fullmatch(headers.get(name, "")):
            yield float(headers[name]) / 1000
    value = headers.get("retry-after", headers.get("x-retry-after", ""))
    span = float(value) if value.isdecimal() else span_s(value)  # digits, however many
    if span is not None and EPOCH_S <= span < LAST_MS:
        yield from _reset_s(value, exchange)
    elif span is not None:
        yield span
    elif value:
        yield from _until(value, headers.get("date"), exchange)


def _until(value: str, date: str | None, exchange: Exchange) -> Iterator[float]:
    """By the server's clock where it shows it, else by ours; a moment that is past by ours alone says nothing."""
    try:
        moment = _moment(value)
        if date is not None:
            yield max((moment - parsedate_to_datetime(date)).total_seconds(), 0.0)
        elif (wait := (moment - exchange.started).total_seconds()) > 0:
            yield wait
    except (TypeError, ValueError, OverflowError):
        return


def _moment(value: str) -> datetime:
    """A date of HTTP, in each of its three forms, or one as ISO 8601 writes it; UTC where it says no zone.

    Raises ValueError for what is none, and for -0000, which says that its zone is not known (RFC 5322, 3.3).
    """
    if value.endswith("-0000"):
        raise ValueError("a date without a zone")
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        moment = datetime.fromisoformat(value)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _by_body(exchange: Exchange) -> Iterator[float]:
    parts, left = list[bytes](), _READ
    for chunk in exchange.chunks:
        parts.append(chunk.data[:left])
        left -= len(parts[-1])
        if left <= 0:
            break
    for found in _IN_BODY.finditer(b"".join(parts).decode(errors="replace")):
        span = span_s(found["said"] or found[2])
        if span is not None:
            yield span / 1000 if found[1] else span


def _by_resets(headers: Mapping[str, str], exchange: Exchange) -> Iterator[float]:
    """The latest reset of a limit that is spent, or of the one there is."""
    waits = []
    for name, value in headers.items():
        if "ratelimit" not in name or "reset" not in name:
            continue
        if headers.get(name.replace("reset", "remaining"), "0") in ("0", ""):
            waits += _reset_s(value, exchange)
    yield from [max(waits)] if waits else []


def _reset_s(value: str, exchange: Exchange) -> list[float]:
    span = span_s(value)
    try:
        if span is None:
            moment = datetime.fromisoformat(value)
        elif span < EPOCH_S:
            return [span]
        else:
            moment = datetime.fromtimestamp(span / 1000 if span >= EPOCH_MS else span, UTC)
        wait = (moment - exchange.started).total_seconds()
    except (TypeError, ValueError, OverflowError, OSError):
        return []
    return [wait] if wait > 0 else []
