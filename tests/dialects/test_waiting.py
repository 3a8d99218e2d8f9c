"""Waiting as asked: every spelling of "how long" that servers use, and what is none waits as ever"""

from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.conftest import START, an_exchange, failed
from wrapdetect.dialects.body.waiting import wait_asked_s
from wrapdetect.model import AskKey, Chunk, Exchange

LATER = "Mon, 05 Jan 2026 12:00:30 GMT"  # 30 s after START
EPOCH = int(START.timestamp())


def limited(headers: dict[str, str], body: str = "") -> Exchange:
    chunks = tuple(Chunk(t_s=0.1, data=bytes([b])) for b in body.encode())
    kind = failed("limited")
    return an_exchange(
        "bot", AskKey("p", "i", 0), status=429, headers=tuple(headers.items()), chunks=chunks, failure=kind
    )


@pytest.mark.parametrize(
    ("headers", "waits_s"),
    [
        ({"retry-after": "7"}, 7.0),
        ({"Retry-After": " 0.4 "}, 0.4),
        ({"retry-after": "1s"}, 1.0),
        ({"retry-after": "1m30s"}, 90.0),
        ({"retry-after": "1h0m1.5s"}, 3601.5),
        ({"retry-after": "250ms"}, 0.25),
        ({"retry-after": "45 seconds"}, 45.0),
        ({"retry-after-ms": "300"}, 0.3),
        ({"retry-after-ms": "1500.5", "retry-after": "2"}, 1.5005),
        ({"X-MS-Retry-After-MS": "300"}, 0.3),
        ({"retry-after-ms": "soon", "retry-after": "2"}, 2.0),
        ({"x-retry-after": "3"}, 3.0),
        ({"retry-after": LATER}, 30.0),
        ({"retry-after": LATER, "date": "Mon, 05 Jan 2026 12:00:10 GMT"}, 20.0),
        ({"retry-after": "Mon, 05 Jan 2026 11:00:00 GMT"}, None),
        ({"retry-after": LATER, "date": "no date"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "-5"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "1e3"}, None),
        ({"retry-after": ""}, None),
        ({}, None),
        ({"x-ratelimit-reset-requests": "1s"}, 1.0),
        ({"x-ratelimit-reset-requests": "1s", "x-ratelimit-reset-tokens": "6m0s"}, 360.0),
        (
            {
                "x-ratelimit-reset-requests": "6m0s",
                "x-ratelimit-remaining-requests": "12",
                "x-ratelimit-reset-tokens": "2s",
                "x-ratelimit-remaining-tokens": "0",
            },
            2.0,
        ),
        ({"x-ratelimit-reset": str(EPOCH + 15)}, 15.0),
        ({"X-RateLimit-Reset": str((EPOCH + 15) * 1000)}, 15.0),
        ({"ratelimit-reset": "9"}, 9.0),
        ({"anthropic-ratelimit-requests-reset": "2026-01-05T12:00:12Z"}, 12.0),
        ({"x-ratelimit-reset": str(EPOCH - 15)}, None),
        ({"x-ratelimit-reset": "never"}, None),
        ({"x-ratelimit-reset": "2026-01-05"}, None),
        ({"retry-after": "2", "x-ratelimit-reset-requests": "6m0s"}, 2.0),
        ({"retry-after": str(EPOCH + 15)}, 15.0),
        ({"retry-after": str((EPOCH + 15) * 1000)}, 15.0),
        ({"retry-after": str(EPOCH - 15)}, None),
        ({"retry-after": "2026-01-05T12:00:12Z"}, 12.0),
        ({"retry-after": "2026-01-05T13:00:12+01:00"}, 12.0),
        ({"retry-after": "Mon Jan  5 12:00:30 2026"}, 30.0),
        ({"retry-after": "Monday, 05-Jan-26 12:00:30 GMT"}, 30.0),
    ],
)
def test_headers_say_how_long(headers: dict[str, str], waits_s: float | None) -> None:
    assert wait_asked_s(limited(headers)) == (None if waits_s is None else pytest.approx(waits_s))


@pytest.mark.parametrize(
    ("body", "waits_s"),
    [
        ('{"error": {"details": [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "17s"}]}}', 17.0),
        ('{"error": {"details": [{"retryDelay":"17.5s"}]}}', 17.5),
        ('{"message": "You are being rate limited.", "retry_after": 0.5}', 0.5),
        ('{"retry_after_ms": 1500}', 1.5),
        ('{"retryAfter": "3"}', 3.0),
        ('{"error": {"message": "Rate limit reached. Please try again in 1.5s. Visit us."}}', 1.5),
        ('{"error": {"message": "Please try again in 6m0s."}}', 360.0),
        ('{"error": {"message": "Please retry in 20ms."}}', 0.02),
        ('{"error": {"message": "Try again in 20 seconds"}}', 20.0),
        ('{"error": {"message": "Please retry after 5 minutes."}}', 300.0),
        ('{"error": {"message": "Try again in a while"}}', None),
        ('{"retryAfterMs": 250}', 0.25),
        ('{"retry_after_seconds": 5}', 5.0),
        ('{"detail": "Request was throttled. Expected available in 86 seconds."}', 86.0),
        ('{"message": "Too many requests. Please wait 20s."}', 20.0),
        ('{"retryDelay": null}', None),
        ("x" * 50_000 + '{"retryDelay": "17s"}', None),
    ],
)
def test_a_body_says_how_long(body: str, waits_s: float | None) -> None:
    assert wait_asked_s(limited({}, body)) == (None if waits_s is None else pytest.approx(waits_s))
    assert wait_asked_s(limited({"retry-after": "2"}, body)) == 2.0


@settings(derandomize=True, deadline=None, max_examples=200)
@given(
    st.sampled_from(["retry-after", "retry-after-ms", "x-ratelimit-reset", "date"]),
    st.text(max_size=30) | st.from_regex(r"[0-9.]{1,30}[smhd]{0,3}", fullmatch=True),
    st.text(max_size=40),
)
def test_nothing_that_they_say_stops_us(name: str, value: str, body: str) -> None:
    asked = wait_asked_s(limited({name: value, "retry-after": value}, body))
    assert asked is None or asked >= 0.0


def test_our_own_clock_is_that_of_the_exchange() -> None:
    late = limited({"retry-after": LATER})
    moved = an_exchange(
        "bot", AskKey("p", "i", 0), headers=late.headers, started=START + timedelta(seconds=10), failure=late.failure
    )
    assert wait_asked_s(moved) == pytest.approx(20.0)
