"""What lasts is told when it begins and when it ends, each once: also over flapping, kills and an inbox that fails."""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from tests.cli.monitor_lab import Plan, World, a_world
from tests.store.ledger_world import START, Clock, an_incident
from tests.ways.test_alerts import Inbox, an_inbox
from wrapdetect.errors import StoreAway
from wrapdetect.model.history import Beat, Outcome
from wrapdetect.monitor.alert import EventKind, PassingMemory
from wrapdetect.monitor.config import parse_monitor
from wrapdetect.monitor.rounds import Done
from wrapdetect.monitor.standing import LastingState, Standing, lasting_state, states_of
from wrapdetect.monitor.upkeep import Upkeep
from wrapdetect.store.ledger import Ledger
from wrapdetect.store.shipped import load_seeds
from wrapdetect.ways.alerts import Alerts
from wrapdetect.ways.status_pages import open_pages

QUIET_S = 3600
PLOVER = '[[feed]]\nservice = "plover"\nurl = "http://127.0.0.1:1/page"\nformat = "statuspage"'


def beats(outcomes: str) -> list[Beat]:
    """A round of a minute each: u up, d down, r refused, l limited, o down in a round that was our own fault."""
    kinds = {"u": Outcome.UP, "d": Outcome.SERVER, "r": Outcome.REFUSED, "l": Outcome.LIMITED, "o": Outcome.CONNECT}
    return [
        Beat(service="bot", round_s=60 * k, offset_ms=0, outcome=kinds[c], latency_ms=0, said=f"HTTP {k}")
        for k, c in enumerate(outcomes)
    ]


@pytest.mark.parametrize(
    ("outcomes", "since"),
    [
        ("", "unknown"), ("u", "up"), ("d", "unknown"), ("dd", 0), ("ud", "unknown"), ("udd", 60), ("uddd", 60),
        ("ddu", "up"), ("dudd", 120), ("dud", "unknown"), ("r", "unknown"), ("rrrr", "unknown"), ("drd", 0),
        ("ddr", 0), ("ddl", 0), ("ur", "up"), ("ul", "up"), ("lld", "unknown"), ("oo", "unknown"), ("ood", "unknown"),
        ("odd", 60), ("ddo", 0), ("uoo", "up"), ("dod", 0), ("ldrd", 60),
    ],
)  # fmt: skip
def test_a_service_is_down_after_two_failures_and_up_after_one_answer(outcomes: str, since: int | str) -> None:
    own = {60 * k for k, c in enumerate(outcomes) if c == "o"}
    state = lasting_state("bot", beats(outcomes), own)
    found = "unknown" if state is None else "up" if state.since_s is None else state.since_s
    assert found == since


@dataclass
class Desk:
    """Somebody who is told, with a clock that is set."""

    inbox: Inbox
    clock: Clock
    path: Path
    said: list[str] = field(default_factory=list)

    @contextmanager
    def standing(self) -> Iterator[Standing]:
        """As of a process that was just started."""
        with Ledger.open(self.path, now=self.clock, holder="test") as ledger:
            alerts = Alerts({"HOOK": self.inbox.url}, memory=ledger, now=self.clock, quiet_s=QUIET_S)
            yield Standing(alerts=alerts, say=self.said.append, now_s=lambda: self.clock.at_s)

    def sees(self, *names: str, down: bool = True, kind: EventKind = "down") -> None:
        with self.standing() as standing:
            standing.settle(kind, [LastingState(n, self.clock.at_s if down else None, f"{n} is bad") for n in names])

    def titles(self) -> list[str]:
        return [m["title"].removeprefix("wrapdetect: ") for m in self.inbox.messages]


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with an_inbox() as inbox:
        yield Desk(inbox, Clock(), tmp_path / "monitor.db")


@pytest.mark.parametrize(
    ("kind", "titles"),
    [
        ("down", ["bot: down", "bot: up again"]),
        ("feed", ["bot: status feed broken", "bot: status feed read again"]),
        ("own", ["bot: a fault of our own", "bot: our own fault is over"]),
        ("store", ["bot: store in trouble", "bot: store is back"]),
    ],
)
def test_what_begins_and_ends_is_one_message_each_however_often_it_is_seen(
    desk: Desk, kind: EventKind, titles: list[str]
) -> None:
    desk.sees("bot", down=False, kind=kind)  # what never began has no end
    for _ in range(3):
        desk.sees("bot", kind=kind)
        desk.clock.at_s += 60
    for _ in range(3):
        desk.sees("bot", down=False, kind=kind)
        desk.clock.at_s += 60
    assert desk.titles() == titles


def test_what_flaps_is_held_back_and_told_once_the_quiet_time_is_over_if_it_lasts(desk: Desk) -> None:
    for _ in range(10):  # 50 minutes of flapping
        desk.sees("bot")
        desk.clock.at_s += 120
        desk.sees("bot", down=False)
        desk.clock.at_s += 180
    assert desk.titles() == ["bot: down", "bot: up again"]
    for _ in range(70):  # and down for good
        desk.sees("bot")
        desk.clock.at_s += 60
    assert desk.titles() == ["bot: down", "bot: up again", "bot: down"]
    assert "held back since the last message" in desk.inbox.messages[2]["message"]


def test_many_that_fall_at_once_share_one_message_and_so_do_those_that_come_back(desk: Desk) -> None:
    names = [f"bot{n}" for n in range(40)]
    desk.sees(*names)
    desk.clock.at_s += 60
    desk.sees(*names[:30], down=False)
    desk.sees(*names[30:33], down=False)
    assert desk.titles()[:2] == ["many services: down", "many services: up again"]
    assert sorted(desk.titles()[2:]) == [f"bot{n}: up again" for n in (30, 31, 32)]
    assert "40 at once: bot0, bot1" in desk.inbox.messages[0]["message"]
    assert "and 20 more" in desk.inbox.messages[0]["message"]


def test_a_message_that_was_not_taken_is_sent_again_until_it_is(desk: Desk) -> None:
    desk.inbox.status = 500
    for _ in range(3):
        desk.sees("bot")
        desk.clock.at_s += 60
    assert len(desk.said) == 3
    desk.inbox.status = 200
    desk.sees("bot")
    desk.sees("bot")
    assert desk.titles() == ["bot: down"]


class Killed(Exception):
    """The process is gone."""


class KilledAt(PassingMemory):
    """A memory whose process is killed at the n-th time that it is to write."""

    def __init__(self, stop: int) -> None:
        super().__init__()
        self.left = stop

    def _write(self) -> None:
        self.left -= 1
        if self.left == 0:
            raise Killed

    def first_time(self, key: str, at_s: int) -> bool:
        self._write()
        return super().first_time(key, at_s)

    def note_event(self, key: str, at_s: int, text: str) -> None:
        self._write()
        super().note_event(key, at_s, text)

    def stand(self, key: str, since_s: int | None) -> None:
        self._write()
        super().stand(key, since_s)


def told_over_kills(inbox: Inbox, stop: int, states: Sequence[LastingState]) -> int:
    """Settle each state until it is done, killed on the way; gives how often."""
    memory, kills = KilledAt(stop), 0
    alerts = Alerts({"HOOK": inbox.url}, memory=memory, now=Clock(), quiet_s=QUIET_S)
    for state in states:
        for _ in range(3):
            try:
                Standing(alerts=alerts, say=print, now_s=lambda: START).settle("down", [state])
            except Killed:
                kills += 1
    return kills


@pytest.mark.parametrize("stop", range(1, 8))
def test_a_kill_at_any_moment_loses_no_message(stop: int) -> None:
    with an_inbox() as inbox:
        kills = told_over_kills(inbox, stop, [LastingState("bot", START, "HTTP 503"), LastingState("bot", None, "")])
        told = [m["title"].rpartition(": ")[2] for m in inbox.messages]
        assert kills == (1 if stop <= 6 else 0)  # three are written for each of two messages
        assert sorted(set(told)) == ["down", "up again"]
        assert len(told) <= 3  # twice where the kill came between telling and writing that it was told


def test_nothing_stands_where_nobody_is_told(tmp_path: Path) -> None:
    with Ledger.open(tmp_path / "monitor.db", now=Clock(), holder="test") as ledger:
        alerts = Alerts({}, memory=ledger, now=Clock(), quiet_s=QUIET_S)
        Standing(alerts=alerts, say=print, now_s=lambda: START).settle("down", [LastingState("bot", START, "")])
        assert ledger.standing() == {}


def test_a_store_that_is_away_is_told_without_it() -> None:
    class Away(PassingMemory):
        def standing(self) -> dict[str, int]:
            raise StoreAway("gone")

    with an_inbox() as inbox:
        alerts = Alerts({"HOOK": inbox.url}, memory=Away(), now=Clock(), quiet_s=QUIET_S).with_memory(PassingMemory())
        Standing(alerts=alerts, say=print, now_s=lambda: START).settle(
            "store", [LastingState("the store", START, "gone")]
        )
        assert [m["title"] for m in inbox.messages] == ["wrapdetect: the store: store in trouble"]


def kept_up(desk: Desk, ledger: Ledger, plan: Plan, world: World) -> Upkeep:
    alerts = Alerts({"HOOK": desk.inbox.url}, memory=ledger, now=desk.clock, quiet_s=QUIET_S)
    config = parse_monitor(plan.text(world), "monitor.toml", ())
    return Upkeep(
        config=config,
        ledger=ledger,
        alerts=alerts,
        metrics=None,
        pages=open_pages,
        seeds=load_seeds,
        now=desk.clock,
        say=desk.said.append,
    )


def test_faults_of_our_own_are_told_once_each_way_at_once_and_by_the_next_round(desk: Desk) -> None:
    async def go(upkeep: Upkeep) -> None:
        for kind, text in (
            ("clock", ""), ("lag", ""), ("lag", "late"), ("lag", "later"), ("clock", "was set"), ("lag", ""),
            ("store", "gone"), ("store", "gone"), ("clock", ""), ("store", ""), ("store", ""),
        ):  # fmt: skip
            upkeep.fault(kind, text)  # type: ignore[arg-type]  # of a closed set, spelt out above
            await upkeep.after(Done(round_s=START, skipped="for the test"))  # tells again what is not told: nothing
            await upkeep.finish()
            desk.clock.at_s += 60

    with Ledger.open(desk.path, now=desk.clock, holder="test") as ledger, a_world() as world:
        upkeep = kept_up(desk, ledger, Plan(), world)
        ledger.set_services(upkeep.config.services())
        asyncio.run(go(upkeep))
        assert [e.text.partition(" from ")[0] for e in ledger.events() if e.key == "store"] == ["was away"]
        assert ledger.standing() == {}
    assert desk.titles() == [
        "the rounds: a fault of our own",
        "the clock: a fault of our own",
        "the rounds: our own fault is over",
        "the store: store in trouble",
        "the clock: our own fault is over",
        "the store: store is back",
    ]
    assert desk.inbox.messages[0]["message"] == "late"


@pytest.mark.parametrize("stop", ["pack", "retain", "first_time"])
def test_what_was_cut_off_beside_a_round_is_done_after_the_next(desk: Desk, stop: str) -> None:
    """A store that fails once in mid-work stands for a kill: what is not marked is done again."""

    class Failing(Ledger):
        failed = False
        packed = 0

        def _fail(self, at: str) -> None:
            if at == stop and not self.failed:
                self.failed = True
                raise StoreAway("the disk is full")

        def pack(self, before_s: int) -> int:
            self._fail("pack")
            self.packed += 1
            return super().pack(before_s)

        def retain(self, before_s: int) -> int:
            self._fail("retain")
            return super().retain(before_s)

        def first_time(self, key: str, at_s: int) -> bool:
            self._fail("first_time")
            return super().first_time(key, at_s)

    async def go(upkeep: Upkeep) -> int:
        faults = 0
        for _ in range(3):
            await upkeep.after(Done(round_s=START, skipped="for the test"))
            try:
                await upkeep.finish()
            except StoreAway:
                faults += 1
        return faults

    with Failing.open(desk.path, now=desk.clock, holder="test") as ledger, a_world() as world:
        upkeep = kept_up(desk, ledger, Plan(), world)
        ledger.set_services(upkeep.config.services())
        assert asyncio.run(go(upkeep)) == 1
        assert ledger.packed == (2 if stop == "retain" else 1)
        assert ledger.marked(f"packed/{START // 86_400}")
        assert ledger.marked(f"weighed/{START // 3600}")


def test_a_candidate_that_is_not_asked_is_down_while_its_page_has_a_major_incident_open(desk: Desk) -> None:
    incident = an_incident(service="plover", feed="plover status", title="Login \x1b[31mfails", severity=2)
    with Ledger.open(desk.path, now=desk.clock, holder="test") as ledger, a_world() as world:
        upkeep = kept_up(desk, ledger, Plan(feed_only=("plover",), feeds=PLOVER), world)
        ledger.set_services(upkeep.config.services())
        for some, since in (
            (replace(incident, severity=1), None),
            (incident, START + 600),
            (replace(incident, ended_s=START + 900), None),
            (replace(incident, began_s=START - 30 * 86_400), None),
        ):
            ledger.add_incidents([some])
            states, _ = states_of(upkeep.config, ledger, START + 1200)
            assert [(s.subject, s.since_s) for s in states] == [("plover", since)]
