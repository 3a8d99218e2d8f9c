"""Our own lag: measured by the stopwatch while anything is under way, and used by nothing that compares times."""

import asyncio
from datetime import UTC, datetime

import pytest

from wrapdetect.model import LAG_S, AskKey, Exchange, Failure, FailureKind
from wrapdetect.ways.net.lag import BEAT_S, Lag


class Hand:
    """A stopwatch moved by hand."""

    def __init__(self) -> None:
        self.at_s = 5.0

    def __call__(self) -> float:
        return self.at_s


def measured(*stalls_s: float, beat_between: bool = False) -> float:
    """What is told of an exchange during which the loop stood still for so long, each time."""
    hand = Hand()
    lag = Lag(hand)

    async def go() -> float:
        with lag.watched() as lagged_s:
            for stall_s in stalls_s:
                hand.at_s += BEAT_S + stall_s
                if beat_between:
                    await asyncio.sleep(BEAT_S * 2)
            return lagged_s()

    return asyncio.run(go())


@pytest.mark.parametrize(
    ("stalls_s", "lag_s"), [((), 0.0), ((LAG_S / 2,), 0.0), ((0.5,), 0.5), ((LAG_S * 1.5,), LAG_S * 1.5)]
)
def test_only_what_passes_the_limit_is_a_lag(stalls_s: tuple[float, ...], lag_s: float) -> None:
    assert measured(*stalls_s) == pytest.approx(lag_s)


def test_lags_of_one_exchange_add_up() -> None:
    assert measured(0.5, 0.25, beat_between=True) == pytest.approx(0.75)


def test_a_lag_before_an_exchange_is_not_its_own() -> None:
    hand = Hand()
    lag = Lag(hand)

    async def go() -> tuple[float, float]:
        with lag.watched() as first_s:
            hand.at_s += 1.0
            await asyncio.sleep(BEAT_S * 2)
            with lag.watched() as second_s:
                return first_s(), second_s()

    first, second = asyncio.run(go())
    assert first > 0.9
    assert second == 0.0


def an_exchange(lag_s: float, ended_s: float = 10.0) -> Exchange:
    return Exchange(
        endpoint="bot",
        ask=AskKey("style", "tides", 0),
        turn=0,
        attempt=0,
        started=datetime(2026, 3, 1, tzinfo=UTC),
        sent="",
        status=None,
        headers=(),
        chunks=(),
        ended_s=ended_s,
        failure=None,
        lag_s=lag_s,
    )


@pytest.mark.parametrize(
    ("kind", "lag_s", "ours"),
    [
        ("timeout", 0.0, False),
        ("timeout", 0.05, False),
        ("timeout", 0.5, True),
        ("cut_off", 0.5, True),
        ("cut_off", 0.0, False),
        ("server", 0.5, False),
        ("connect", 0.5, False),
        ("garbled", 0.5, False),
        ("limited", 0.5, False),
    ],
)
def test_a_failure_by_time_may_be_ours_where_the_lag_is_a_share_of_it(kind: str, lag_s: float, ours: bool) -> None:
    failure = Failure(kind=FailureKind(kind), detail="x")
    assert an_exchange(lag_s).may_be_ours(failure) is ours
    assert not an_exchange(lag_s).may_be_ours(None)
