"""`wrapdetect monitor` as processes against a loopback world: what it asks, tells and keeps, what it says when
something is wrong, and that no key shows anywhere."""

import contextlib
import json
import random
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from array import array
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.cli.monitor_lab import (
    CADENCE_S,
    HOOK,
    KEY,
    MonitorCommands,
    Plan,
    World,
    a_service,
    clear_of_the_hour,
    constant_beats,
    rows,
    services,
    started,
    until,
    write_history,
)
from tests.cli.warm_cli import Done, clean_environment
from tests.conftest import ROOT
from tests.lab.histories import DAY_S, HOUR_S, MONDAY_S, WEEK_S, Fall, beats, follow
from wrapdetect.model.history import Beats, History, Outcome

WEEKS = 12
FALLS = [Fall(MONDAY_S + (2 * k + 0.3) * WEEK_S + k * HOUR_S, 3000.0) for k in range(6)]
STATUSPAGE = (ROOT / "fixtures" / "feeds" / "statuspage_incidents.json").read_bytes()
CONTROLS = {"\x1b", "\x07", "\x9b"}


def one_line(done: Done) -> str:
    """The error: one line, exit code 2, nothing on standard output."""
    assert (done.code, done.out) == (2, "")
    assert len(done.err.splitlines()) == 1, done.err
    assert done.err.startswith("wrapdetect: ")
    return done.err


def asked_again(folder: Path) -> None:
    """As if the last round, the last weighing and the last look at the feeds were long ago."""
    rows(folder, "DELETE FROM monitor_round")
    rows(folder, "DELETE FROM monitor_beat")
    rows(folder, "DELETE FROM monitor_alert WHERE key LIKE 'weighed/%'")
    rows(folder, "UPDATE monitor_feed SET at_s = at_s - 86400")


def a_history(world: World, *, shared: bool, sites: bool = False) -> History:
    """Twelve weeks up to a few days ago. The target falls with heron, or at times of its own; the panel never. With
    `sites`, two plain pages fall whenever heron does."""
    # In whole weeks, so that the clock of the day on which this runs changes nothing.
    shift = int((time.time() - 2 * DAY_S - MONDAY_S - WEEKS * WEEK_S) // WEEK_S * WEEK_S)
    own = [Fall(f.onset_s + 0.37 * WEEK_S, f.length_s) for f in FALLS]
    mine = follow(FALLS, random.Random(3), s=1.0) if shared else own
    pages = tuple(a_service(name, "site", world.at(name)) for name in ("site-a", "site-b") if sites)
    falls = {"nova": mine, "heron": FALLS, "wren": [], "lark": [], "site-a": FALLS, "site-b": FALLS}
    kept = (*services(world), *pages)
    return History(
        cadence_s=300,
        services=kept,
        beats=tuple(moved(beats(s.name, falls[s.name], WEEKS), shift) for s in kept),
    )


def moved(some: Beats, by_s: int) -> Beats:
    return replace(some, round_s=array("q", (r + by_s for r in some.round_s)))


def imported(commands: MonitorCommands, folder: Path, world: World, history: History, plan: Plan | None = None) -> Done:
    """A store that holds the history of a run file."""
    (plan or Plan(every=f"{history.cadence_s}s")).write(folder, world)
    done = commands.monitor("import", str(write_history(folder / "before.jsonl", history, "nova")), cwd=folder)
    assert done.code == 0, done.err
    return done


def report(done: Done) -> dict[str, object]:
    assert done.code == 0, done.err
    found = json.loads(done.out)
    assert isinstance(found, dict)
    return found


@pytest.mark.slow
def test_init_writes_a_config_once_and_says_what_a_day_takes(commands: MonitorCommands, tmp_path: Path) -> None:
    done = commands.monitor("init", cwd=tmp_path)
    assert (done.code, done.out) == (0, "")
    assert re.search(r"a day takes at most [\d,]+ requests .* allowed are 5,000 and 200,000", done.err)
    text = (tmp_path / "monitor.toml").read_text()
    (tmp_path / "monitor.toml").write_text(text + "# mine\n")
    assert "is there already; it was left as it is" in one_line(commands.monitor("init", cwd=tmp_path))
    assert (tmp_path / "monitor.toml").read_text() == text + "# mine\n"
    said = one_line(commands.monitor("once", cwd=tmp_path))
    assert re.match(r"wrapdetect: monitor\.toml, line \d+: .* FILL-IN", said)
    assert "cannot write no/such.toml" in one_line(commands.monitor("init", "--config", "no/such.toml", cwd=tmp_path))


@pytest.mark.slow
def test_a_round_is_asked_once_however_often_it_is_called(
    commands: MonitorCommands, tmp_path: Path, world: World
) -> None:
    Plan(every="1h").write(tmp_path, world)
    clear_of_the_hour()
    first = commands.monitor("once", cwd=tmp_path)
    asked = {name: len(world[name].asked) for name in ("nova", "heron", "wren", "lark", "site-a", "site-b")}
    again = commands.monitor("once", cwd=tmp_path)
    assert (first.code, again.code) == (0, 3)
    assert re.fullmatch(r"round of 20..-..-.. ..:.. UTC: 6 of 6 up\n", first.err)
    assert again.err == "nothing was asked: it was begun before\n"
    assert asked == {"nova": 6, "heron": 6, "wren": 6, "lark": 6, "site-a": 1, "site-b": 1}
    assert {name: len(world[name].asked) for name in asked} == asked
    assert len(rows(tmp_path, "SELECT * FROM monitor_beat")) == 6


@pytest.mark.slow
def test_status_shows_services_feeds_and_budget_and_sends_nothing(
    commands: MonitorCommands, tmp_path: Path, world: World
) -> None:
    world["page"].body = STATUSPAGE
    feed = f'[[feed]]\nservice = "plover"\nurl = "{world.at("page")}"\nformat = "statuspage"'
    Plan(feed_only=("plover",), feeds=feed).write(tmp_path, world)
    world["nova"].status = 503
    world["nova"].said = "x\x1b[31mred\x9b2J\x07"
    assert commands.monitor("once", cwd=tmp_path).code == 0
    asked = len(world["heron"].asked)
    done = commands.monitor("status", cwd=tmp_path)
    assert (done.code, done.err) == (0, "")
    lines = {line.split()[0]: line for line in done.out.splitlines() if line.strip()}
    assert "down" in lines["nova"]
    assert "target      down" in done.out
    assert "feed only" in done.out
    assert "nobody asks any more" not in done.out
    assert "a day takes at most" in done.out
    assert "reserved today (UTC): 26 requests" in done.out
    assert not CONTROLS & set(done.out)
    assert len(world["heron"].asked) == asked


@pytest.mark.slow
def test_a_wrapper_that_falls_with_its_upstream_is_told_with_incidents_as_witnesses(
    commands: MonitorCommands, tmp_path: Path, world: World
) -> None:
    done = imported(commands, tmp_path, world, a_history(world, shared=True))
    assert "96,768 heartbeats" in done.err
    judged = commands.monitor("judge", cwd=tmp_path)
    assert judged.out.splitlines()[1].startswith("likely_wrapper of heron")
    assert "fell together in 6 of 6 incidents" in " ".join(judged.out.split())
    found = report(commands.monitor("judge", "--json", cwd=tmp_path))
    findings = found["findings"]
    assert isinstance(findings, list)
    witness = next(f["witness"] for f in findings if f["rule"] == "outages_together")
    assert re.search(r"heron: 20.* UTC down.*; nova, [+-]\d+ min: 20.* UTC down", witness)
    assert commands.monitor("judge", "--fail-at", "0.5", cwd=tmp_path).code == 10
    status = commands.monitor("status", cwd=tmp_path).out
    assert "nova falls with heron more than chance explains." in status
    assert "target      unknown" in status  # what was up a week ago is not up now
    assert "nobody asks any more" in status


@pytest.mark.slow
def test_services_that_fall_apart_give_no_verdict(commands: MonitorCommands, tmp_path: Path, world: World) -> None:
    imported(commands, tmp_path, world, a_history(world, shared=False))
    found = report(commands.monitor("judge", "--json", cwd=tmp_path))
    assert (found["state"], found["upstream"]) == ("insufficient", None)
    assert "insufficient" in commands.monitor("judge", cwd=tmp_path).out.splitlines()[1]


def test_when_all_sites_are_down_too_the_round_says_nothing(
    commands: MonitorCommands, tmp_path: Path, world: World
) -> None:
    imported(commands, tmp_path, world, a_history(world, shared=True, sites=True))
    found = report(commands.monitor("judge", "--json", cwd=tmp_path))
    assert (found["state"], found["findings"]) == ("insufficient", [])


@pytest.mark.slow
def test_judge_says_byte_for_byte_what_replay_says_of_the_export(
    commands: MonitorCommands, tmp_path: Path, world: World
) -> None:
    imported(commands, tmp_path, world, a_history(world, shared=True))
    assert commands.monitor("export", "out.jsonl", cwd=tmp_path).code == 0
    judged = commands.monitor("judge", "--json", cwd=tmp_path)
    replayed = commands.run("replay", "out.jsonl", "--json", "--no-embed", cwd=tmp_path)
    assert judged.code == replayed.code == 0
    assert judged.out == replayed.out
    assert commands.monitor("judge", cwd=tmp_path).out == commands.run("replay", "out.jsonl", cwd=tmp_path).out


@pytest.mark.slow
def test_an_export_brought_into_an_empty_store_comes_out_the_same(
    commands: MonitorCommands, tmp_path: Path, world: World
) -> None:
    world["page"].body = STATUSPAGE
    feed = f'[[feed]]\nservice = "plover"\nurl = "{world.at("page")}"\nformat = "statuspage"'
    plan = Plan(feed_only=("plover",), feeds=feed)
    plan.write(tmp_path, world)
    assert commands.monitor("once", cwd=tmp_path).code == 0
    assert commands.monitor("export", "one.jsonl", cwd=tmp_path).code == 0
    (tmp_path / "b").mkdir()
    plan.write(tmp_path / "b", world)
    for _ in range(2):
        done = commands.monitor("import", "../one.jsonl", cwd=tmp_path / "b")
    assert "0 heartbeats, 0 incidents and 0 fingerprint answers are new; 6 heartbeats were there already" in done.err
    assert commands.monitor("export", "two.jsonl", cwd=tmp_path / "b").code == 0
    assert (tmp_path / "b" / "two.jsonl").read_bytes() == (tmp_path / "one.jsonl").read_bytes()
    assert "plover" in (tmp_path / "one.jsonl").read_text()
    said = one_line(commands.monitor("export", "one.jsonl", cwd=tmp_path))
    assert "is there already" in said
    assert "--resume" not in said


@pytest.mark.slow
def test_since_leaves_older_days_out(commands: MonitorCommands, tmp_path: Path, world: World) -> None:
    imported(commands, tmp_path, world, a_history(world, shared=True))
    day = time.strftime("%Y-%m-%d", time.gmtime(time.time() - 35 * DAY_S))
    for since in (day, "35d"):
        judged = commands.monitor("judge", "--since", since, cwd=tmp_path)
        assert judged.code == 0
        assert "fell together in 6 of 6" not in " ".join(judged.out.split())
    assert commands.monitor("export", "part.jsonl", "--since", "35d", cwd=tmp_path).code == 0
    assert commands.monitor("export", "all.jsonl", cwd=tmp_path).code == 0
    assert 0 < (tmp_path / "part.jsonl").stat().st_size < (tmp_path / "all.jsonl").stat().st_size / 2
    for since in ("2026-13-01", "soon", "999999999d", "d"):
        assert "--since" in one_line(commands.monitor("judge", "--since", since, cwd=tmp_path))


@pytest.mark.slow
def test_several_targets_are_exported_into_a_folder(commands: MonitorCommands, tmp_path: Path, world: World) -> None:
    Plan(targets={"nova": "", "luna": ""}).write(tmp_path, world)
    assert commands.monitor("once", cwd=tmp_path).code == 0
    assert commands.monitor("export", "all", cwd=tmp_path).code == 0
    assert sorted(p.name for p in (tmp_path / "all").iterdir()) == ["luna.jsonl", "nova.jsonl"]
    assert "luna" not in (tmp_path / "all" / "nova.jsonl").read_text()
    assert commands.monitor("export", "luna.jsonl", "--target", "luna", cwd=tmp_path).code == 0
    assert (tmp_path / "luna.jsonl").read_bytes() == (tmp_path / "all" / "luna.jsonl").read_bytes()
    assert "expected one of nova, luna" in one_line(commands.monitor("judge", "--target", "bot", cwd=tmp_path))


@pytest.mark.slow
def test_a_feed_that_breaks_is_one_alert_and_never_an_outage(
    commands: MonitorCommands, tmp_path: Path, world: World
) -> None:
    world["page"].body = b"<html><title>We moved \x1b[31m</title></html>"
    feed = f'[[feed]]\nservice = "heron"\nurl = "{world.at("page")}"\nformat = "statuspage"'
    Plan(feeds=feed, alerts='urls_env = ["HOOK"]').write(tmp_path, world)
    for _ in range(2):
        done = commands.monitor("once", cwd=tmp_path, HOOK=world.hook)
        assert done.code == 0, done.err
        assert "6 of 6 up" in done.err
        asked_again(tmp_path)
    assert len(world["page"].asked) == 2
    assert [title for title, _ in world.told()] == ["wrapdetect: heron statuspage: status feed broken"]
    assert "HTML" in world.told()[0][1]
    assert not CONTROLS & set(world.told()[0][1])
    assert rows(tmp_path, "SELECT * FROM monitor_incident") == []
    status = commands.monitor("status", cwd=tmp_path)
    assert "BROKEN" in status.out
    assert not CONTROLS & set(status.out)


@pytest.mark.slow
def test_a_page_of_many_products_counts_for_the_components_named_and_says_what_it_left_out(
    commands: MonitorCommands, tmp_path: Path, world: World
) -> None:
    world["page"].body = (ROOT / "fixtures" / "feeds" / "better_stack_index.json").read_bytes()
    page = f'[[feed]]\nservice = "heron"\nurl = "{world.at("page")}"\nformat = "better_stack"\nevery = "1d"'
    world["page"].etag = '"as-it-was"'
    graded: list[list[tuple[object, ...]]] = []
    for scope in ("", '\ncomponents = ["api"]', '\ncomponents = ["api"]'):
        Plan(feeds=page + scope).write(tmp_path, world)
        assert commands.monitor("once", cwd=tmp_path).code == 0
        graded.append(rows(tmp_path, "SELECT title, severity FROM monitor_incident ORDER BY title"))
        asked_again(tmp_path)
    assert graded[0] == [("API errors", 3), ("New database", 0), ("Video stutters", 1)]
    assert graded[1] == [("API errors", 3), ("New database", 0), ("Video stutters", 0)]  # no business of the API's
    assert [a["if-none-match"] for a in world["page"].asked] == ["", "", '"as-it-was"']
    said = " ".join(commands.monitor("status", cwd=tmp_path).out.split())
    assert "1 of 3" in said  # also after a page that did not change


@pytest.mark.slow
def test_evidence_is_alerted_once(commands: MonitorCommands, tmp_path: Path, world: World) -> None:
    plan = Plan(alerts='urls_env = ["HOOK"]', every="300s")
    imported(commands, tmp_path, world, a_history(world, shared=True), plan)
    for _ in range(2):
        done = commands.monitor("once", cwd=tmp_path, HOOK=world.hook)
        assert done.code == 0, done.err
        asked_again(tmp_path)
    assert [title for title, _ in world.told()] == ["wrapdetect: nova on heron: evidence passed the threshold"]
    assert "fell together in 6 of 6 incidents" in world.told()[0][1]


@pytest.mark.slow
def test_a_target_that_refuses_for_days_blocks_us_which_is_no_outage(
    commands: MonitorCommands, tmp_path: Path, world: World
) -> None:
    until_s = int(time.time() // CADENCE_S * CADENCE_S)
    history = History(
        cadence_s=CADENCE_S,
        services=services(world),
        beats=tuple(
            constant_beats(
                s.name,
                until_s=until_s,
                n=3 * 1440,
                outcome=Outcome.REFUSED if s.kind == "target" else Outcome.UP,
                said="HTTP 401: no" if s.kind == "target" else "",
                cadence_s=CADENCE_S,
            )
            for s in services(world)
        ),
    )
    imported(commands, tmp_path, world, history, Plan(alerts='urls_env = ["HOOK"]'))
    world["nova"].status = 401
    done = commands.monitor("once", cwd=tmp_path, HOOK=world.hook)
    assert done.code == 0, done.err
    assert [title for title, _ in world.told()] == ["wrapdetect: nova: the monitor is blocked"]
    assert "This is no outage" in world.told()[0][1]
    assert "target      unknown" in commands.monitor("status", cwd=tmp_path).out
    found = report(commands.monitor("judge", "--json", cwd=tmp_path))
    assert found["findings"] == []
    limits = found["limits"]
    assert isinstance(limits, list)
    assert any("blocks us, which is no outage" in limit for limit in limits)


def test_when_the_budget_is_spent_nothing_is_asked_and_it_is_told_once(
    commands: MonitorCommands, tmp_path: Path, world: World
) -> None:
    history = replace(a_history(world, shared=False), beats=())
    plan = Plan(alerts='urls_env = ["HOOK"]', every="300s")
    imported(commands, tmp_path, world, history, plan)
    day = int(time.time() // DAY_S)
    rows(tmp_path, f"INSERT INTO monitor_spend (day, requests, tokens) VALUES ({day}, 199999, 10)")
    for _ in range(2):
        done = commands.monitor("once", cwd=tmp_path, HOOK=world.hook)
        assert done.code == 3
        assert "nothing was asked: the day's budget (200,000 requests, 9,000,000 tokens) has no room" in done.err
    assert [title for title, _ in world.told()] == ["wrapdetect: the monitor: budget of the day spent"]
    assert set(world) == {"inbox"}


@pytest.mark.slow
def test_a_round_in_which_everything_is_down_still_ends_well(
    commands: MonitorCommands, tmp_path: Path, world: World
) -> None:
    Plan().write(tmp_path, world)
    for name in ("nova", "heron", "wren", "lark", "site-a", "site-b"):
        world[name].status = 503
    done = commands.monitor("once", cwd=tmp_path)
    assert done.code == 0
    assert "0 of 6 up" in done.err
    assert report(commands.monitor("judge", "--json", cwd=tmp_path))["state"] == "insufficient"


@pytest.mark.parametrize(
    ("plan", "expected"),
    [
        (Plan(more="[alerts]\nevidence_att = 3"), r"monitor\.toml, line \d+: .*evidence_att"),
        (Plan(more='[[site]]\nname = "x"\nurls = "y"'), r"monitor\.toml, line \d+: "),
        (Plan(every="5"), r"monitor\.toml, line 3: .*every"),
        (Plan(candidates={}), r"no \[\[candidate\]\] in it"),
        (Plan(budget="requests_per_day = 10"), r"monitor\.toml, line \d+: .*requests_per_day.* allows 10 "),
        (Plan(alerts='urls_env = ["HOOK"]'), "environment variable HOOK is not set"),
        (Plan(targets={"nova": 'key_env = "NOVA_KEY"\n'}), "NOVA_KEY"),
        (Plan(more="]["), r"monitor\.toml, line \d+|monitor\.toml"),
    ],
)
def test_a_config_that_does_not_fit_is_one_line(
    commands: MonitorCommands, tmp_path: Path, world: World, plan: Plan, expected: str
) -> None:
    plan.write(tmp_path, world)
    assert re.search(expected, one_line(commands.monitor("once", cwd=tmp_path)))
    assert not world


def test_without_a_config_or_a_store_there_is_one_clear_line(
    commands: MonitorCommands, tmp_path: Path, world: World
) -> None:
    for command in ("once", "run", "status", "judge"):
        assert "wrapdetect monitor init" in one_line(commands.monitor(command, cwd=tmp_path))
    Plan().write(tmp_path, world)
    for argv in (("status",), ("judge",), ("export", "x.jsonl")):
        said = one_line(commands.monitor(*argv, cwd=tmp_path))
        assert "there is no store monitor.db; `wrapdetect monitor once` makes one" in said
    assert not (tmp_path / "monitor.db").exists()


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "cannot read"),
        (b"no json\n", "line 1"),
        ((ROOT / "fixtures" / "runs" / "feb21" / "run.jsonl").read_bytes(), "holds no history of a monitor"),
    ],
)
def test_what_is_no_export_is_not_imported(
    commands: MonitorCommands, tmp_path: Path, world: World, content: bytes, expected: str
) -> None:
    Plan().write(tmp_path, world)
    (tmp_path / "odd.jsonl").write_bytes(content)
    assert expected in one_line(commands.monitor("import", "odd.jsonl", cwd=tmp_path)) or content == b""
    assert rows(tmp_path, "SELECT * FROM monitor_beat") == []


@pytest.mark.slow
def test_a_read_only_store_is_read_but_not_written(commands: MonitorCommands, tmp_path: Path, world: World) -> None:
    """By SQLite's own mode, which holds for root too."""
    Plan().write(tmp_path, world)
    assert commands.monitor("once", cwd=tmp_path).code == 0
    Plan(store="sqlite:///file:monitor.db?immutable=1&uri=true").write(tmp_path, world)
    asked = len(world["nova"].asked)
    assert "may only be read" in one_line(commands.monitor("once", cwd=tmp_path))
    assert len(world["nova"].asked) == asked
    for command in ("status", "judge"):
        assert commands.monitor(command, cwd=tmp_path).code == 0


def test_a_store_that_is_something_else_is_refused(commands: MonitorCommands, tmp_path: Path, world: World) -> None:
    Plan().write(tmp_path, world)
    (tmp_path / "monitor.db").write_bytes(b"a letter to my aunt\n" * 100)
    assert "expected a store made by wrapdetect" in one_line(commands.monitor("once", cwd=tmp_path))
    assert (tmp_path / "monitor.db").read_bytes() == b"a letter to my aunt\n" * 100


def test_a_postgresql_server_that_is_not_there_is_one_line(
    commands: MonitorCommands, tmp_path: Path, world: World
) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        Plan(store=f"postgresql://monitor@127.0.0.1:{free.getsockname()[1]}/monitor").write(tmp_path, world)
        done = commands.monitor("once", cwd=tmp_path, PGPASSWORD=KEY)
    assert "cannot open the store postgresql" in one_line(done) or "cannot read the store" in done.err
    assert KEY not in done.err
    Plan(store=f"postgresql://monitor:{KEY}@127.0.0.1/monitor").write(tmp_path, world)
    said = one_line(commands.monitor("once", cwd=tmp_path))
    assert "PGPASSWORD" in said
    assert KEY not in said


@pytest.mark.slow
def test_without_psycopg_a_postgresql_store_says_what_to_install(tmp_path: Path, world: World) -> None:
    Plan(store="postgresql://monitor@127.0.0.1/monitor").write(tmp_path, world)
    program = (
        "import sys; sys.modules['psycopg'] = None; sys.argv = ['wrapdetect', 'monitor', 'once'];"
        "from wrapdetect.cli import main; main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        env=clean_environment(tmp_path),
        capture_output=True,
        text=True,
        check=False,
    )
    assert "wrapdetect[postgres]" in one_line(Done(done.returncode, done.stdout, done.stderr))


@pytest.mark.slow
def test_no_key_shows_anywhere(commands: MonitorCommands, tmp_path: Path, world: World) -> None:
    """The target and a feed quote what they were sent; the webhook refuses."""
    world["nova"].status, world["nova"].said = 401, f"Incorrect API key provided: {KEY}"
    world["page"].body = f"<html>{KEY}</html>".encode()
    world["inbox"].status = 500
    feed = f'[[feed]]\nservice = "heron"\nurl = "{world.at("page")}"\nformat = "statuspage"'
    plan = Plan(targets={"nova": 'key_env = "NOVA_KEY"\n'}, feeds=feed, alerts='urls_env = ["HOOK"]')
    plan.write(tmp_path, world)
    done = [commands.monitor("once", cwd=tmp_path, NOVA_KEY=KEY, HOOK=world.hook)]
    assert world["nova"].keys == [f"Bearer {KEY}"]
    assert not any(KEY in key for name in ("heron", "wren", "site-a") for key in world[name].keys)
    assert "not delivered to HOOK" in done[0].err
    for argv in (("status",), ("judge",), ("judge", "--json"), ("export", "x.jsonl")):
        done.append(commands.monitor(*argv, cwd=tmp_path, NOVA_KEY=KEY, HOOK=world.hook))
    assert [d.code for d in done] == [0] * 5
    world["page"].body = b"<html></html>"
    for text in (*(d.out + d.err for d in done), *(p.read_bytes().decode("latin-1") for p in tmp_path.iterdir())):
        assert HOOK not in text
        assert KEY not in text.replace("<html>" + KEY, "")  # what a public page says of itself is no key of ours


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_run_asks_is_scraped_and_ends_at_a_signal_with_its_store_released(
    tmp_path: Path, world: World, number: signal.Signals
) -> None:
    plan = Plan(targets={"nova": 'key_env = "NOVA_KEY"\n'}, alerts='urls_env = ["HOOK"]')
    plan.write(tmp_path, world)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    argv = ("monitor", "run", "--metrics-port", str(port))
    with started(*argv, cwd=tmp_path, NOVA_KEY=KEY, HOOK=world.hook) as process:
        until(lambda: 'wrapdetect_up{service="nova"} 1.0' in scraped(port))
        page = scraped(port)
        assert len(rows(tmp_path, "SELECT * FROM monitor_claim")) == 1
        process.send_signal(number)
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (0, "")
    assert f"metrics on http://127.0.0.1:{port}/metrics" in err
    assert err.endswith("stopped; what was answered is stored\n")
    assert rows(tmp_path, "SELECT * FROM monitor_claim") == []
    assert len(rows(tmp_path, "SELECT * FROM monitor_beat")) == 6
    for text in (page, err, (tmp_path / "monitor.db").read_bytes().decode("latin-1")):
        assert KEY not in text
        assert HOOK not in text


def scraped(port: int) -> str:
    """The metrics page, "" while there is none."""
    with contextlib.suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as page:
        return str(page.read().decode())
    return ""


@pytest.mark.slow
def test_a_metrics_port_that_is_taken_is_one_line(commands: MonitorCommands, tmp_path: Path, world: World) -> None:
    Plan().write(tmp_path, world)
    done = commands.monitor("run", "--metrics-port", str(world.port), cwd=tmp_path)
    assert f"cannot serve metrics on 127.0.0.1, port {world.port}" in one_line(done)
    assert rows(tmp_path, "SELECT * FROM monitor_claim") == []


@contextlib.contextmanager
def in_mid_round(folder: Path, world: World) -> Iterator[subprocess.Popen[str]]:
    """A monitor that waits for heron's answer, with time left in the hour."""
    Plan(every="1h", timeout=300).write(folder, world)
    world["heron"].wait_s = 300
    clear_of_the_hour()
    with started("monitor", "once", cwd=folder) as process:
        until(lambda: bool(world["heron"].asked))
        yield process


@pytest.mark.slow
def test_a_second_monitor_on_one_store_is_refused_with_the_id_of_the_first(
    commands: MonitorCommands, tmp_path: Path, world: World
) -> None:
    with in_mid_round(tmp_path, world) as first:
        said = one_line(commands.monitor("once", cwd=tmp_path))
        assert f"is held by the monitor {socket.gethostname()}:{first.pid}:" in said
        assert commands.monitor("status", cwd=tmp_path).code == 0
        first.send_signal(signal.SIGTERM)
        assert first.wait(timeout=60) == 0
    assert rows(tmp_path, "SELECT * FROM monitor_claim") == []


@pytest.mark.slow
def test_a_kill_in_mid_round_loses_no_answer_that_was_stored_and_doubles_none(
    commands: MonitorCommands, tmp_path: Path, world: World
) -> None:
    with in_mid_round(tmp_path, world) as first:
        until(lambda: bool(rows(tmp_path, "SELECT * FROM monitor_beat")))
        first.send_signal(signal.SIGKILL)
        first.wait()
    before = rows(tmp_path, "SELECT * FROM monitor_beat")
    world.done.set()
    world["heron"].wait_s = 0
    # The dead one's claim holds nobody up: its process is gone.
    again = commands.monitor("once", cwd=tmp_path)
    assert (again.code, again.err) == (3, "nothing was asked: it was begun before\n")
    assert rows(tmp_path, "SELECT * FROM monitor_beat") == before
    rows(tmp_path, "UPDATE monitor_round SET round_s = round_s - 3600")  # the next round
    rows(tmp_path, "UPDATE monitor_beat SET round_s = round_s - 3600")
    assert commands.monitor("once", cwd=tmp_path).code == 0
    assert len(rows(tmp_path, "SELECT * FROM monitor_beat")) == len(before) + 6


@pytest.mark.slow
def test_a_full_disk_is_one_line_and_leaves_a_sound_store(
    commands: MonitorCommands, tmp_path: Path, world: World
) -> None:
    small = tmp_path / "small"
    small.mkdir()
    mount = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(small)], capture_output=True, check=False
    )
    if mount.returncode:
        pytest.skip("no leave to mount a small disk")
    config = ("--config", "small/monitor.toml")
    try:
        Plan().write(small, world)
        assert commands.monitor("once", *config, cwd=tmp_path).code == 0
        written = rows(small, "SELECT * FROM monitor_beat")
        asked_again(small)
        with contextlib.suppress(OSError), (small / "filler").open("wb", buffering=0) as filler:
            while True:
                filler.write(bytes(4096))
        done = commands.monitor("once", *config, cwd=tmp_path)
        assert "disk is full" in one_line(done) or "the disk refused" in done.err
        (small / "filler").unlink()
        asked_again(small)
        assert commands.monitor("once", *config, cwd=tmp_path).code == 0
        assert len(rows(small, "SELECT * FROM monitor_beat")) == len(written)
    finally:
        subprocess.run(["umount", str(small)], check=True)
