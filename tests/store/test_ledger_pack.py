"""Packed days: small, unpacked as they were, and whole whenever the packing is killed."""

import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text

from tests.store.ledger_world import (
    DAY,
    SERVICES,
    START,
    Clock,
    beats_of,
    check_integrity,
    expected,
    kept,
    killed_at,
    opened,
)
from wrapdetect.model.history import Beat, Outcome, Service, columns
from wrapdetect.store.ledger import Ledger, packing

PACKER = """
import sys
from tests.store.ledger_world import START, Clock, step, stepwise
from wrapdetect.store.ledger import Ledger
with Ledger.open(sys.argv[1], now=Clock(START + 90 * 86_400), holder="host:1:a", wait_s=30) as ledger:
    stepwise(ledger)
    tidy = ledger._database.tidy
    ledger._database.tidy = lambda: (step("tidy"), tidy())
    ledger.pack(START + 90 * 86_400)
    ledger.retain(START)
"""


@pytest.mark.slow
def test_killed_while_packing_it_has_every_heartbeat_once(tmp_path: Path) -> None:
    path, rng, sizes = tmp_path / "monitor.db", random.Random(5), [0]
    rounds = range(START, START + 90 * DAY, 1_200)
    with opened(path) as ledger:
        ledger.set_services(SERVICES)
        with ledger._database.writing() as conn:
            for round_s in rounds:
                packing.store(conn, round_s, list(enumerate(beats_of(round_s), start=1)))
    stops: list[int | str] = [rng.randint(2, 8) for _ in range(10)]  # of 90 days, a commit each
    for stop in [*stops, "tidy", "tidy"]:
        killed_at(stop, PACKER, str(path), after_s=rng.uniform(0, 0.02))
        check_integrity(path)
        with opened(path) as ledger:
            assert kept(ledger) == expected(rounds)
            with ledger._database.reading() as conn:
                sizes.append(conn.execute(text("SELECT count(*) FROM monitor_packed_beat")).scalar_one())
    assert sizes[:11] == sorted(set(sizes[:11]))  # each went on where the one before was killed
    assert sizes[11:] == [2 * 90] * 2


def test_a_shrunken_store_gives_its_room_back(tmp_path: Path) -> None:
    path, clock = tmp_path / "monitor.db", Clock(START + DAY)
    names = tuple(f"s{n}" for n in range(40))
    with Ledger.open(path, now=clock, holder="h") as ledger:
        ledger.set_services([Service(name=name, kind="site", url="http://127.0.0.1/") for name in names])
        for round_s in range(START, START + DAY, 300):
            ledger.record(round_s, beats_of(round_s, names))
        loose = ledger.bytes_on_disk()
        assert ledger.pack(clock.at_s) == 288 * 40
        packed = ledger.bytes_on_disk()
        assert packed / (288 * 40) < 20
        assert packed < loose / 3
        assert packed == path.stat().st_size
        ledger.retain(clock.at_s)
        assert ledger.bytes_on_disk() < 150_000


ints = st.integers(-(2**31), 2**31 - 1)


@given(
    st.dictionaries(
        st.integers(0, DAY - 1),
        st.tuples(ints, ints, st.text(st.characters(exclude_characters="\0", codec="utf-8"), max_size=5)),
        min_size=1,
        max_size=50,
    )
)
def test_whatever_a_day_holds_is_unpacked_as_it_was(rows: dict[int, tuple[int, int, str]]) -> None:
    beats = columns(
        "bot",
        [
            Beat(service="bot", round_s=START + s, offset_ms=o, outcome=Outcome(n % 8), latency_ms=lat, said=said)
            for n, (s, (o, lat, said)) in enumerate(rows.items())
        ],
    )
    day = START // DAY
    assert packing.unpack("bot", day, packing.pack(beats, day)) == beats
    assert list(packing.days(beats)) == [(day, beats)]
