"""The monitor's store: nothing lost or doubled, whenever it is killed; packing changes nothing.

`LedgerContract` holds for SQLite here and for PostgreSQL in test_ledger_postgres.py.
"""

import random
import subprocess
import sys
import threading
from array import array
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import text

from tests.store.ledger_world import (
    BOT,
    DAY,
    SERVICES,
    START,
    Clock,
    a_round,
    an_incident,
    beats_of,
    check_integrity,
    expected,
    kept,
    killed_at,
)
from wrapdetect.errors import StoreError
from wrapdetect.model.history import Coverage, History, Outcome, Print, Service, columns
from wrapdetect.monitor.outside import Spend
from wrapdetect.store.ledger import Ledger
from wrapdetect.store.ledger.database import Database
from wrapdetect.store.ledger.schema import META, REVISION, VERSION_TABLE


def two_days_packed(ledger: Ledger, clock: Clock, *, of: int) -> range:
    """The rounds of so many days, one every two hours, after the end of the second of them."""
    rounds = range(START, START + of * DAY, 7_200)
    for round_s in rounds:
        a_round(ledger, round_s)
    clock.at_s = START + 2 * DAY
    ledger.pack(clock.at_s)
    return rounds


class LedgerContract:
    """What every store keeps to, whatever database it is in. `url` is that of an empty one."""

    @pytest.fixture
    def clock(self) -> Clock:
        return Clock()

    @pytest.fixture
    def ledger(self, url: str, clock: Clock) -> Iterator[Ledger]:
        with self.opened(url, clock) as ledger:
            ledger.claim(600)
            ledger.set_services(SERVICES)
            yield ledger

    def opened(self, url: str, clock: Clock, holder: str = "host:1:a") -> Ledger:
        return Ledger.open(url, now=clock, holder=holder, wait_s=1)

    def test_what_is_put_in_comes_out_after_opening_again(self, ledger: Ledger, url: str, clock: Clock) -> None:
        rounds = range(START, START + 3_000, 300)
        for round_s in rounds:
            a_round(ledger, round_s)
        prints = (Print(service="bot", at_s=START, item="count", text="1\n“2” 🌊"),)
        coverage = (Coverage(service="bot", feed="status", since_s=START - DAY, until_s=START + 900),)
        ledger.add_prints(prints)
        ledger.add_incidents([an_incident()], coverage)
        ledger.set_cadence(300)
        with self.opened(url, clock, "host:2:b") as again:
            history = again.history()
        assert history.services == SERVICES
        assert history.cadence_s == 300
        assert history.beats == tuple(columns(name, beats) for name, beats in expected(rounds).items())
        assert (history.incidents, history.coverage, history.prints) == ((an_incident(),), coverage, prints)

    def test_a_history_of_some_time_and_services_holds_nothing_else(self, ledger: Ledger, clock: Clock) -> None:
        rounds = two_days_packed(ledger, clock, of=3)
        ledger.add_incidents(
            [
                an_incident(),
                an_incident(id="over", ended_s=START + 700),
                an_incident(id="late", began_s=START + 3 * DAY),
            ],
            [Coverage(service="bot", feed="status", since_s=0, until_s=START + 9 * DAY)],
        )
        low, high = START + DAY + 3_600, START + 2 * DAY + 7_200
        history = ledger.history(low, high, ["bot"])
        wanted = [b for b in expected(rounds)["bot"] if low <= b.round_s < high]
        assert history.beats == (columns("bot", wanted),)
        assert [s.name for s in history.services] == ["bot"]
        assert [i.id for i in history.incidents] == ["i1"]
        assert [(c.since_s, c.until_s) for c in history.coverage] == [(low, high)]
        with pytest.raises(StoreError, match="no service 'nobody' in the store; known are bot, plain"):
            ledger.history(services=["nobody"])

    def test_a_round_is_begun_once_and_charged_once_to_its_day(self, ledger: Ledger) -> None:
        late = START + DAY - 300
        assert ledger.last_round() is None
        assert ledger.begin_round(late, requests=3, tokens=40)
        assert not ledger.begin_round(late, requests=3, tokens=40)
        assert ledger.begin_round(late + 300, requests=5, tokens=50)
        assert ledger.spent(date(2026, 1, 1)) == Spend(3, 40)
        assert ledger.spent(date(2026, 1, 2)) == Spend(5, 50)
        assert ledger.spent(date(2026, 1, 3)) == Spend(0, 0)
        assert ledger.unfinished() == [late, late + 300]
        ledger.finish_round(late)
        assert ledger.unfinished() == [late + 300]
        assert ledger.last_round() == late + 300
        with pytest.raises(StoreError, match="round 7 was never begun"):
            ledger.finish_round(7)

    def test_a_heartbeat_recorded_twice_stays_as_it_was(self, ledger: Ledger) -> None:
        first = beats_of(START)
        ledger.record(START, first[:1])
        ledger.record(START, [replace(first[0], latency_ms=9), first[1]])
        assert kept(ledger) == {"bot": first[:1], "plain": first[1:]}

    def test_heartbeats_are_stored_all_or_none(self, ledger: Ledger) -> None:
        stranger = replace(beats_of(START)[0], service="nobody")
        with pytest.raises(StoreError, match="no service 'nobody'"):
            ledger.record(START, [*beats_of(START), stranger])
        with pytest.raises(ValueError, match="among those of round"):
            ledger.record(START, beats_of(START + 300))
        assert kept(ledger) == {}

    def test_packing_changes_nothing_but_the_size(self, ledger: Ledger, clock: Clock) -> None:
        rounds = range(START, START + 2 * DAY + 3_600, 3_600)
        for round_s in rounds:
            a_round(ledger, round_s)
        before = ledger.history()
        clock.at_s = rounds[-1]
        assert ledger.pack(clock.at_s) == 96
        assert ledger.pack(clock.at_s + 9 * DAY) == 0  # today is not over
        assert ledger.history() == before
        assert ledger.last_round() == rounds[-1]
        assert not ledger.begin_round(START, requests=1, tokens=1)
        ledger.finish_round(START)
        assert ledger.unfinished() == []

    def test_what_comes_late_for_a_packed_day_is_taken_once(self, ledger: Ledger, clock: Clock) -> None:
        rounds = range(START, START + DAY, 7_200)
        for round_s in rounds[:-1]:
            a_round(ledger, round_s)
        ledger.begin_round(rounds[-1], requests=1, tokens=1)
        clock.at_s = START + DAY
        ledger.pack(clock.at_s)
        assert ledger.unfinished() == [rounds[-1]]
        ledger.record(rounds[3], [replace(b, latency_ms=1) for b in beats_of(rounds[3])])
        ledger.record(rounds[-1], beats_of(rounds[-1]))
        ledger.finish_round(rounds[-1])
        assert kept(ledger) == expected(rounds)
        assert ledger.pack(clock.at_s) == 2
        assert kept(ledger) == expected(rounds)
        assert ledger.last_round() == rounds[-1]
        assert not any(ledger.begin_round(r, requests=1, tokens=1) for r in rounds)

    def test_the_latest_are_told_by_service_across_packed_days(self, ledger: Ledger, clock: Clock) -> None:
        assert ledger.latest() == {"bot": [], "plain": []}
        rounds = range(START + DAY - 900, START + DAY + 600, 300)
        for round_s in rounds:
            a_round(ledger, round_s)
        clock.at_s = START + DAY + 600
        ledger.pack(clock.at_s)
        assert ledger.latest(n=4) == expected(rounds[-4:])

    def test_a_second_monitor_is_refused_until_the_lease_has_run_out(
        self, ledger: Ledger, url: str, clock: Clock
    ) -> None:
        with self.opened(url, clock, "host:2:b") as other:
            clock.at_s += 599
            with pytest.raises(StoreError) as caught:
                other.claim(600)
            assert "held by the monitor host:1:a since 2026-01-01 00:00:00Z" in str(caught.value)
            assert "until 2026-01-01 00:10:00Z" in str(caught.value)
            a_round(ledger, START + 300)  # renews the lease
            clock.at_s += 599
            with pytest.raises(StoreError, match="held by the monitor"):
                other.claim(600)
            clock.at_s += 1
            other.claim(600)
            with pytest.raises(StoreError, match="held by the monitor host:2:b"):
                ledger.begin_round(START + 600, requests=1, tokens=1)
            ledger.release()  # not ours any more: the other keeps it
            with pytest.raises(StoreError, match="host:2:b"):
                ledger.claim(600)

    def test_a_store_that_was_released_is_free(self, ledger: Ledger, url: str, clock: Clock) -> None:
        ledger.claim(60)  # again: only renewed
        ledger.release()
        with pytest.raises(StoreError, match="without a claim"):
            ledger.begin_round(START, requests=1, tokens=1)
        with self.opened(url, clock, "host:2:b") as other:
            other.claim(600)
        ledger.claim(600)

    def test_a_clock_that_went_back_is_stated_and_blocks_nobody(self, ledger: Ledger, url: str, clock: Clock) -> None:
        clock.at_s -= 3_600
        with self.opened(url, clock, "host:2:b") as other:
            with pytest.raises(StoreError, match=r"renewed 3600 s ahead of our clock: a clock went back"):
                other.claim(600)
            a_round(ledger, START - 3_600)  # ours goes on, with a lease of the clock as it is now
            with pytest.raises(StoreError, match=r"runs until 2025-12-31 23:10:00Z; one monitor"):
                other.claim(600)
            other.claim(600, force=True)
            a_round(other, START - 3_300)

    def test_incidents_are_replaced_and_coverage_joined(self, ledger: Ledger) -> None:
        spans = [(0, 100), (300, 400), (100, 200)]
        cover = [Coverage(service="bot", feed="status", since_s=s, until_s=u) for s, u in spans]
        assert ledger.add_incidents([an_incident()], cover[:2]) == (1, 0)
        done = an_incident(title="Errors, resolved", ended_s=START + 900)
        both = [done, an_incident(service="plain")]
        assert ledger.add_incidents(both, cover[2:]) == (1, 1)
        assert ledger.history().incidents == tuple(both)
        assert [(c.since_s, c.until_s) for c in ledger.history().coverage] == [(0, 200), (300, 400)]

    def test_a_service_that_changed_keeps_its_history_and_it_is_said(self, ledger: Ledger) -> None:
        a_round(ledger, START)
        moved = replace(SERVICES[0], vendor="others")
        assert ledger.set_services(SERVICES) == ()
        said = ledger.set_services([moved])
        assert said == ("service bot: vendor was bots, is others",)
        assert [(e.key, e.text) for e in ledger.events()] == [("service bot", said[0])]
        assert ledger.services() == (moved, SERVICES[1])
        assert kept(ledger) == expected(range(START, START + 1))

    def test_another_service_is_not_judged_by_the_past_of_its_namesake(self, ledger: Ledger) -> None:
        a_round(ledger, START)
        other = replace(SERVICES[0], url="http://127.0.0.1:9/v1", endpoint=replace(BOT, model="m2"))
        with pytest.raises(StoreError, match=r"url was .*:1/v1, is .*:9/v1; model was m, is m2: another service"):
            ledger.set_services([other])
        theirs = replace(ledger.history(), services=(other, SERVICES[1]))
        with pytest.raises(StoreError, match=r"another service of the same name.*nothing was imported"):
            ledger.import_history(theirs)
        assert ledger.services() == SERVICES
        assert kept(ledger) == expected(range(START, START + 1))

    def test_what_is_still_to_come_is_not_imported(self, ledger: Ledger, clock: Clock) -> None:
        a_round(ledger, START)
        clock.at_s = START - 3 * DAY
        with pytest.raises(StoreError, match="still to come; nothing was imported"):
            ledger.import_history(ledger.history())

    def test_feeds_alerts_and_events_are_remembered(self, ledger: Ledger) -> None:
        ledger.note_feed("status", 100, ok=True, detail="", etag="“e”", last_modified="Thu")
        ledger.note_feed("status", 200, ok=False, detail="HTML instead of JSON")
        ledger.note_feed("status", 300, ok=False, detail="HTTP 500")
        (state,) = ledger.feed_states()
        assert (state.at_s, state.ok, state.since_s, state.detail) == (300, False, 200, "HTTP 500")
        assert (state.etag, state.last_modified) == ("“e”", "Thu")
        assert [ledger.first_time(key, 5) for key in ("a", "b", "a")] == [True, True, False]
        for at_s in (30, 10, 10):
            ledger.note_event("budget", at_s, f"spent at {at_s}")
        assert [e.at_s for e in ledger.events()] == [10, 30]
        assert [e.text for e in ledger.events(since_s=11)] == ["spent at 30"]

    def test_retention_drops_whole_days_and_no_alert(self, ledger: Ledger, clock: Clock) -> None:
        rounds = two_days_packed(ledger, clock, of=4)
        ledger.add_incidents([an_incident(), an_incident(id="old", ended_s=START + 900)])
        ledger.add_prints([Print(service="bot", at_s=START + n * DAY, item="x", text="y") for n in range(4)])
        ledger.first_time("told", START)
        assert ledger.retain(START + DAY + 5) == 24
        assert ledger.retain(START + 3 * DAY + 5) == 48
        assert kept(ledger) == expected(rounds[36:])
        history = ledger.history()
        assert [p.at_s for p in history.prints] == [START + 3 * DAY]
        assert [i.id for i in history.incidents] == ["i1"]  # without an end it may last still
        assert ledger.spent(date(2026, 1, 3)) == Spend(0, 0)
        assert ledger.last_round() == rounds[-1]
        assert not ledger.first_time("told", START)

    def test_an_import_twice_is_as_once(self, ledger: Ledger, clock: Clock) -> None:
        rounds = range(START, START + 3 * DAY, 3_600)
        for round_s in [*rounds[5:9], *rounds[60:]]:  # of these, the first are packed and the last are not
            ledger.record(round_s, beats_of(round_s))
        clock.at_s = START + DAY
        ledger.pack(clock.at_s)
        clock.at_s = START + 2 * DAY  # the end of what is imported is less than a day ahead of our clock
        other = replace(SERVICES[1], vendor="others")
        beats = tuple(columns(name, found) for name, found in expected(rounds).items())
        theirs = History(
            cadence_s=60,
            services=(*SERVICES[:1], other, Service(name="third", kind="panel", url="http://127.0.0.1:4/")),
            beats=beats,
            incidents=(an_incident(),),
            coverage=(Coverage(service="third", feed="f", since_s=1, until_s=2),),
            prints=(Print(service="third", at_s=START, item="x", text="y"),),
        )
        first = ledger.import_history(theirs)
        assert (first.beats, first.incidents, first.prints) == ((144 - 32, 32), (1, 0), (1, 0))
        assert first.remarks == ("service plain: vendor here -, there others; ours is kept",)
        after = ledger.history()
        assert after.beats == beats
        assert after.cadence_s == 60  # nobody had said
        assert [s.url[-2:] for s in after.services] == ["v1", "2/", "4/"]
        again = ledger.import_history(theirs)
        assert (again.beats, again.incidents, again.prints) == ((0, 144), (0, 1), (0, 1))
        ledger.record(rounds[0], beats_of(rounds[0]))
        clock.at_s = START + 3 * DAY
        ledger.pack(clock.at_s)
        assert ledger.history() == after

    def test_a_history_moves_from_store_to_store(self, ledger: Ledger) -> None:
        history = History(
            cadence_s=60, services=SERVICES, beats=(columns("bot", expected(range(START, START + DAY, 600))["bot"]),)
        )
        ledger.import_history(history)
        assert ledger.history() == history
        assert ledger.history(beats=False) == replace(history, beats=())
        with pytest.raises(StoreError, match="no service 'nobody'"):
            ledger.import_history(replace(history, beats=(replace(history.beats[0], service="nobody"),)))

    def test_what_another_vantage_saw_lies_beside_ours_and_survives_packing(self, ledger: Ledger, clock: Clock) -> None:
        ledger.set_cadence(3_600)
        rounds = range(START, START + DAY, 3_600)
        for round_s in rounds:
            a_round(ledger, round_s)
        ledger.add_prints([Print(service="bot", at_s=START, item="x", text="here")])
        ours = ledger.history()
        theirs = tuple(replace(b, latency_ms=array("i", [7] * 24), vantage="tokyo") for b in ours.beats)
        other = replace(ours, beats=theirs, prints=(replace(ours.prints[0], text="there", vantage="tokyo"),))
        assert ledger.import_history(other).beats == (48, 0)
        assert ledger.import_history(other)[:3] == ((0, 48), (0, 0), (0, 1))
        whole = replace(ours, beats=ours.beats + theirs, prints=ours.prints + other.prints)
        assert ledger.history() == whole
        assert ledger.history(services=["bot"]).beats == (ours.beats[0], theirs[0])
        clock.at_s = START + 2 * DAY
        ledger.pack(clock.at_s)
        assert ledger.history() == whole
        assert ledger.latest(2) == expected(rounds[-2:])  # of ours
        new = Service(name="late", kind="site", url="http://127.0.0.1:9/")
        ledger.set_services([new])
        assert len(set(ledger.ids().values())) == 3
        assert ledger.history() == replace(whole, services=(*SERVICES, new))  # its number was not taken by another
        with pytest.raises(StoreError, match=r"24 heartbeats of bot are of rounds that are here too.* --vantage NAME"):
            ledger.import_history(replace(other, beats=tuple(replace(b, vantage="") for b in theirs)))
        assert ledger.retain(START + DAY) == 96

    def test_what_was_begun_to_be_told_and_the_fingerprints_moment_are_remembered(self, ledger: Ledger) -> None:
        assert (ledger.standing(), ledger.last_prints(), ledger.marked("a")) == ({}, None, False)
        ledger.stand("down/a_b", 5)
        ledger.stand("down/a%b/\u202e", 6)
        ledger.stand("down/a_b", 7)
        ledger.prints_taken(300)
        ledger.prints_taken(600)
        ledger.first_time("a", 5)
        assert ledger.standing() == {"down/a%b/\u202e": 6, "down/a_b": 7}
        assert (ledger.last_prints(), ledger.marked("a")) == (600, True)
        ledger.stand("down/a_b", None)
        ledger.stand("down/never", None)
        assert list(ledger.standing()) == ["down/a%b/\u202e"]

    def test_a_store_of_the_first_schema_is_upgraded_and_keeps_all(
        self, ledger: Ledger, url: str, clock: Clock
    ) -> None:
        a_round(ledger, START)
        before = ledger.history()
        with ledger._database.writing() as conn:
            conn.execute(text("DROP TABLE monitor_vantage"))
            conn.execute(text(f"UPDATE {VERSION_TABLE} SET version_num = '0001'"))
        with self.opened(url, clock, "host:2:b") as again:
            assert again.history() == before

    def test_texts_that_no_database_holds_are_kept_as_far_as_can_be(self, ledger: Ledger, clock: Clock) -> None:
        bad = "a\0b\ud800c'\";--%s"
        beat = replace(beats_of(START)[0], outcome=Outcome.SERVER, said=bad)
        ledger.record(START, [beat])
        ledger.import_history(
            History(cadence_s=60, services=SERVICES, beats=(columns("plain", [replace(beat, service="plain")]),))
        )
        ledger.add_prints([Print(service="bot", at_s=1, item="x", text=bad)])
        ledger.note_event("k", 1, bad)
        clock.at_s = START + DAY
        ledger.pack(clock.at_s)
        good = "a\ufffdb\ufffdc'\";--%s"
        history = ledger.history()
        assert [b.said for b in history.beats] == [{START: good}, {START: good}]
        assert [history.prints[0].text, ledger.events()[0].text] == [good, good]

    def test_the_schema_made_is_the_schema_used(self, ledger: Ledger) -> None:
        with ledger._database.reading() as conn:
            context = MigrationContext.configure(conn, opts={"version_table": VERSION_TABLE, "compare_type": True})
            assert compare_metadata(context, META) == []
            assert context.get_current_revision() == REVISION

    def test_a_newer_schema_is_refused(self, ledger: Ledger, url: str, clock: Clock) -> None:
        with ledger._database.writing() as conn:
            conn.execute(text(f"UPDATE {VERSION_TABLE} SET version_num = '9999'"))
        with pytest.raises(StoreError, match=r"has schema 9999 \(this program knows up to 0002\); update wrapdetect"):
            self.opened(url, clock)

    def test_many_may_open_and_write_at_once(self, url: str, clock: Clock) -> None:
        faults: list[BaseException] = []
        names = tuple(f"s{n}" for n in range(8))

        def work(name: str) -> None:
            try:
                with Ledger.open(url, now=clock, holder=name, wait_s=30) as ledger:
                    ledger.set_services([Service(name=name, kind="site", url="http://127.0.0.1/")])
                    for round_s in range(START, START + 1_500, 300):
                        ledger.record(round_s, beats_of(round_s, (name,)))
            except BaseException as error:
                faults.append(error)

        threads = [threading.Thread(target=work, args=(name,)) for name in names]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert faults == []
        with self.opened(url, clock) as ledger:
            assert {len(b.outcome) for b in ledger.history().beats} == {5}
            assert sorted(s.name for s in ledger.services()) == list(names)

    def test_a_writer_that_does_not_end_is_told_and_not_waited_for(
        self, ledger: Ledger, url: str, clock: Clock
    ) -> None:
        with self.opened(url, clock) as other:
            with ledger._database.writing(), pytest.raises(StoreError, match="another process holds it; wait for it"):
                other.note_event("k", 1, "x")
            other.note_event("k", 1, "x")

    @pytest.mark.slow
    def test_killed_at_any_moment_it_loses_and_doubles_no_round(self, url: str, tmp_path: Path) -> None:
        told, rng = tmp_path / "told", random.Random(4)
        stops = [rng.randint(1, 48) for _ in range(22)]
        for stop in stops:
            killed_at(stop, WORKER, url, str(told), after_s=rng.uniform(0, 0.02))
            self.sound(url)
            finished = {int(line) for line in told.read_text().split()} if told.exists() else set()
            with self.opened(url, Clock(2**33), "host:2:b") as ledger:
                found, last, open_rounds = kept(ledger), ledger.last_round(), ledger.unfinished()
                spent = ledger.spent(date(2026, 1, 1)).requests + ledger.spent(date(2026, 1, 2)).requests
            begun = range(START, START if last is None else last + 1, 3_600)
            assert open_rounds in ([], list(begun[-1:]))
            assert finished <= set(begun) - set(open_rounds)
            assert spent == min(48, len(begun)) * 2
            for name, beats in expected(begun).items():
                there = found.get(name, [])
                assert there == beats[: len(there)]
                assert len(beats) - len(there) <= len(open_rounds)
        assert len(finished) >= sum(stop > 4 for stop in stops)  # a round takes four commits

    def sound(self, url: str) -> None:
        """The database's own check."""


WORKER = """
import sys
from tests.store.ledger_world import START, SERVICES, Clock, beats_of, stepwise
from wrapdetect.store.ledger import Ledger
clock = Clock(START)
with Ledger.open(sys.argv[1], now=clock, holder="host:1:a", wait_s=30) as ledger, open(sys.argv[2], "a") as told:
    ledger.claim(600, force=True)
    ledger.set_services(SERVICES)
    last = ledger.last_round()
    for round_s in ledger.unfinished():
        ledger.record(round_s, beats_of(round_s))
        ledger.finish_round(round_s)
    stepwise(ledger)
    round_s = START if last is None else last + 3_600
    while True:
        clock.at_s = round_s
        assert ledger.begin_round(round_s, requests=2, tokens=9)
        first, second = beats_of(round_s)
        ledger.record(round_s, [first])
        ledger.record(round_s, [second])
        ledger.finish_round(round_s)
        told.write(f"{round_s}\\n")
        told.flush()
        if round_s % 86_400 == 0:
            ledger.pack(round_s)
        round_s += 3_600
"""


class TestOnSqlite(LedgerContract):
    @pytest.fixture
    def url(self, tmp_path: Path) -> str:
        return str(tmp_path / "new folder" / "monitor.db")

    def sound(self, url: str) -> None:
        check_integrity(url)


def test_the_newest_revision_is_the_one_wanted() -> None:
    config = Config()
    config.set_main_option("script_location", "wrapdetect.store.ledger:migrations")
    assert ScriptDirectory.from_config(config).get_current_head() == REVISION


def test_a_store_is_made_from_any_folder_and_leaves_no_other_file(tmp_path: Path) -> None:
    code = "from wrapdetect.store.ledger.database import Database; Database('m.db', make=True, wait_s=1).close()"
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True, timeout=60)
    assert [p.name for p in tmp_path.iterdir()] == ["m.db"]
    Database(tmp_path / "m.db", make=False, wait_s=1).close()
