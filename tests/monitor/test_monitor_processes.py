"""`wrapdetect monitor` as processes: reread config, a PostgreSQL server that goes and comes back, who holds the store,
alerts, lists and JSON."""

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from array import array
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from tests.cli.monitor_lab import (
    HOOK,
    MonitorCommands,
    Plan,
    World,
    rows,
    started,
    until,
    write_history,
)
from tests.cli.test_cli_monitor import STATUSPAGE, a_history, asked_again, imported, one_line
from tests.cli.warm_cli import REPOSITORY, clean_environment
from tests.store import postgres_server
from wrapdetect.model.history import Beats, History, Outcome
from wrapdetect.store import run_file
from wrapdetect.store.ledger.owner import FIRST_NAMESPACE, here, holder_of_this_process

ALERTS = 'urls_env = ["HOOK"]'


class Lines(list[str]):
    """What a process says on standard error, as it comes."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        super().__init__()
        assert process.stderr is not None
        self._source = process.stderr
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        for line in self._source:
            self.append(line.rstrip("\n"))

    def await_(self, pattern: str, *, within_s: float = 100.0) -> None:
        until(lambda: any(re.search(pattern, line) for line in list(self)), within_s=within_s)


@contextmanager
def running(folder: Path, **env: str) -> Iterator[tuple["subprocess.Popen[str]", Lines]]:
    with started("monitor", "run", cwd=folder, **env) as process:
        yield process, Lines(process)


def a_round_later(folder: Path, rounds: int = 1, every_s: int = 60) -> None:
    """As if what was asked so far had been so much earlier."""
    for table in ("round", "beat"):
        rows(folder, f"UPDATE monitor_{table} SET round_s = round_s - {rounds * every_s}")
    rows(folder, "UPDATE monitor_feed SET at_s = at_s - 86400")


def titles(world: World) -> list[str]:
    return [title.removeprefix("wrapdetect: ") for title, _ in world.told()]


@pytest.mark.slow
def test_sighup_rereads_the_config_and_says_what_changed(tmp_path: Path, world: World) -> None:
    Plan(alerts=ALERTS).write(tmp_path, world)
    with running(tmp_path, HOOK=world.hook) as (process, lines):
        until(lambda: bool(world["nova"].asked))
        other = Plan(targets={"nova": "", "luna": ""}, panel={"wren": ""}, candidates={"heron": "weights = 'open'\n"})
        other.write(tmp_path, world)
        process.send_signal(signal.SIGHUP)
        lines.await_("reread: kept")
        assert [line for line in lines if "reread" in line] == [
            "monitor.toml reread: added luna (id 7)",
            "monitor.toml reread: removed lark (id 4); what was recorded of it stays",
            "monitor.toml reread: changed service heron: endpoint changed (id 2 kept)",
            "monitor.toml reread: changed [alerts]",
            "monitor.toml reread: kept nova (id 1), wren (id 3), site-a (id 5), site-b (id 6)",
        ]
        until(lambda: bool(world["luna"].asked))
        for text, refused in (
            (
                other.text(world).replace("jitter = 0", "jiter = 0"),
                r"monitor\.toml, line \d+: .*jiter.* Refused: the config",
            ),
            (other.text(world).replace("/nova/v1", "/nova2/v1"), r"service nova: url was .* another service.* Refused"),
            (other.text(world).replace("monitor.db", "other.db"), r"store is another now.* Refused"),
            (Plan(alerts='urls_env = ["NOBODY"]').text(world), r"variable NOBODY is not set.* Refused"),
            ("][", r"monitor\.toml.* Refused"),
        ):
            (tmp_path / "monitor.toml").write_text(text)
            process.send_signal(signal.SIGHUP)
            lines.await_(refused)
        asked = len(world["luna"].asked)
        until(lambda: len(world["luna"].asked) > asked)  # the one of before goes on
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=60) == 0
    assert not (tmp_path / "other.db").exists()


@pytest.mark.slow
@pytest.mark.skipif(postgres_server.why_not() is not None, reason=postgres_server.why_not() or "")
def test_a_postgresql_server_that_goes_and_comes_back_is_waited_for_told_and_alerted(
    tmp_path: Path, world: World
) -> None:
    with tempfile.TemporaryDirectory() as name:  # not pytest's, which the user postgres cannot reach
        os.chmod(name, 0o755)
        with postgres_server.server(Path(name)) as port:
            secret = postgres_server.PASSWORD
            Plan(alerts=ALERTS, store=f"postgresql://tester@127.0.0.1:{port}/postgres").write(tmp_path, world)
            with running(tmp_path, HOOK=world.hook, PGPASSWORD=secret) as (process, lines):
                until(lambda: len(world["nova"].asked) == 6)  # a heartbeat, and five questions
                postgres_server.stop(Path(name))
                lines.await_("Waiting for it")
                until(lambda: titles(world) == ["the store: store in trouble"])
                assert process.poll() is None
                postgres_server.start(Path(name), port)
                lines.await_("the store is back")
                until(lambda: titles(world) == ["the store: store in trouble", "the store: store is back"])
                asked = len(world["nova"].asked)
                until(lambda: len(world["nova"].asked) > asked)
                process.send_signal(signal.SIGTERM)
                assert process.wait(timeout=60) == 0
            assert not any(secret in text for text in (*lines, *map(str, world.told())))


@pytest.mark.slow
def test_a_locked_store_is_waited_for_and_the_round_on_its_way_is_kept(tmp_path: Path, world: World) -> None:
    Plan(alerts=ALERTS).write(tmp_path, world)
    world["heron"].wait_s = 4
    with running(tmp_path, HOOK=world.hook) as (process, lines):
        until(lambda: bool(world["heron"].asked))
        code = (
            "import sqlite3; c = sqlite3.connect('monitor.db', isolation_level=None);"
            "c.execute('BEGIN IMMEDIATE'); print('locked', flush=True); input(); c.execute('ROLLBACK')"
        )
        with subprocess.Popen(
            [sys.executable, "-c", code], cwd=tmp_path, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as locker:
            assert locker.stdout is not None
            assert locker.stdout.readline() == "locked\n"
            lines.await_("another process holds it.* Waiting for it")
            until(lambda: titles(world) == ["the store: store in trouble"])
            locker.communicate("\n")
        lines.await_("the store is back")
        until(lambda: len(rows(tmp_path, "SELECT * FROM monitor_beat")) >= 6)
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=60) == 0
    assert len(rows(tmp_path, "SELECT DISTINCT service_id, round_s FROM monitor_beat WHERE service_id = 2")) >= 1


def in_a_container(folder: Path, *argv: str, **env: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc", sys.executable, "-m", "wrapdetect", *argv],
        cwd=folder,
        env=clean_environment(folder, PYTHONPATH=str(REPOSITORY), **env),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.slow
@pytest.mark.skipif(
    subprocess.run(["unshare", "--pid", "--fork", "--mount-proc", "true"], capture_output=True, check=False).returncode
    != 0,
    reason="no leave for a new namespace",
)
def test_two_containers_on_one_volume_are_both_pid_1_and_the_second_waits_for_the_lease(
    commands: MonitorCommands, tmp_path: Path, world: World
) -> None:
    Plan(every="1h", timeout=300).write(tmp_path, world)
    world["heron"].wait_s = 300
    with in_a_container(tmp_path, "monitor", "once") as first:
        until(lambda: bool(world["heron"].asked))
        ((holder,),) = rows(tmp_path, "SELECT holder FROM monitor_claim")
        assert str(holder).split(":")[1] == "1"
        with in_a_container(tmp_path, "monitor", "once") as second:
            assert "is held by the monitor" in second.communicate(timeout=60)[1]
            assert second.returncode == 2
        first.send_signal(signal.SIGKILL)
        first.wait()
    world.done.set()
    assert "is held by the monitor" in one_line(commands.monitor("once", cwd=tmp_path))  # it may live, for all we know
    rows(tmp_path, f"UPDATE monitor_claim SET until_s = {int(time.time()) - 1}")
    assert commands.monitor("once", cwd=tmp_path).code in (0, 3)


@pytest.mark.skipif(here().namespace != FIRST_NAMESPACE or not here().machine, reason="not on a machine of its own")
@pytest.mark.slow
def test_a_claim_of_before_the_machine_was_started_anew_holds_nobody_up(
    commands: MonitorCommands, tmp_path: Path, world: World
) -> None:
    Plan().write(tmp_path, world)
    assert commands.monitor("once", cwd=tmp_path).code == 0
    holder, later = holder_of_this_process(), int(time.time()) + 600
    for boot, code in (("0" * 32, 0), (here().boot, 2)):  # this very process runs
        before = holder.replace(here().boot, boot)
        rows(tmp_path, f"INSERT INTO monitor_claim VALUES (1, '{before}', 1, {later}, 600)")
        a_round_later(tmp_path)
        done = commands.monitor("once", cwd=tmp_path)
        assert done.code == code, done.err
    assert "is held by the monitor" in done.err


@pytest.mark.slow
def test_a_service_that_falls_and_comes_back_is_told_once_each(
    commands: MonitorCommands, tmp_path: Path, world: World
) -> None:
    Plan(alerts=ALERTS).write(tmp_path, world)
    for status, expected in (
        (503, []),
        (503, ["nova: down", "heron: down"]),
        (503, ["nova: down", "heron: down"]),
        (429, ["nova: down", "heron: down"]),
        (200, ["nova: down", "heron: down", "nova: up again", "heron: up again"]),
        (200, ["nova: down", "heron: down", "nova: up again", "heron: up again"]),
    ):
        world["nova"].status = world["heron"].status = world["wren"].status = status
        assert commands.monitor("once", cwd=tmp_path, HOOK=world.hook).code == 0
        assert titles(world) == expected
        a_round_later(tmp_path)
    assert "nova does not answer since 20" in world.told()[0][1]
    assert "overloaded" in world.told()[0][1]
    assert "It began at 20" in world.told()[2][1]


@pytest.mark.slow
def test_while_the_plain_sites_are_silent_the_fault_is_ours_and_nobody_is_told_to_be_down(
    commands: MonitorCommands, tmp_path: Path, world: World
) -> None:
    Plan(alerts=ALERTS).write(tmp_path, world)
    expected: list[str] = []
    for status, more in ((200, ""), (503, ""), (503, "the plain sites: a fault of our own"), (503, ""), (200, "over")):
        for name in ("nova", "heron", "site-a", "site-b"):
            world[name].status = status
        assert commands.monitor("once", cwd=tmp_path, HOOK=world.hook).code == 0
        expected += [more if more != "over" else "the plain sites: our own fault is over"] if more else []
        assert titles(world) == expected
        a_round_later(tmp_path)
    status_now = json.loads(commands.monitor("status", "--json", cwd=tmp_path, HOOK=world.hook).out)
    assert status_now["trouble"] == []


@pytest.mark.slow
def test_a_feed_that_breaks_and_comes_back_is_told_once_each(
    commands: MonitorCommands, tmp_path: Path, world: World
) -> None:
    feed = f'[[feed]]\nservice = "heron"\nurl = "{world.at("page")}"\nformat = "statuspage"'
    Plan(feeds=feed, alerts=ALERTS).write(tmp_path, world)
    for body in (STATUSPAGE, b"<html>", b"<html>", STATUSPAGE, STATUSPAGE):
        world["page"].body = body
        assert commands.monitor("once", cwd=tmp_path, HOOK=world.hook).code == 0
        a_round_later(tmp_path)
    assert titles(world) == ["heron statuspage: status feed broken", "heron statuspage: status feed read again"]


def test_alert_test_says_by_its_variable_which_url_took_the_message_and_shows_none(
    commands: MonitorCommands, tmp_path: Path, world: World
) -> None:
    Plan(alerts='urls_env = ["HOOK", "OTHER"]').write(tmp_path, world)
    lost = world.hook.replace("/inbox/", "/lost/")
    assert commands.monitor("alert-test", cwd=tmp_path, HOOK=world.hook, OTHER=lost).code == 0
    world["lost"].status = 500
    done = commands.monitor("alert-test", cwd=tmp_path, HOOK=world.hook, OTHER=lost)
    assert done.code == 2
    first, second = done.err.splitlines()
    assert first == "HOOK: the test message was taken"
    assert "not delivered to OTHER" in second
    assert HOOK not in done.out + done.err
    assert "127.0.0.1" not in done.out + done.err
    assert not (tmp_path / "monitor.db").exists()
    assert titles(world) == ["the monitor: test message"] * 2  # each time, whatever was told before
    assert "HOOK is not set" in one_line(commands.monitor("alert-test", cwd=tmp_path))
    Plan().write(tmp_path, world)
    assert "names nobody to tell" in one_line(commands.monitor("alert-test", cwd=tmp_path))


def seen_elsewhere(history: History, *, up: bool = False) -> History:
    """The same weeks from another place: other offsets; with `up`, no fall was seen there."""

    def other(b: Beats) -> Beats:
        outcome = bytes([Outcome.UP]) * len(b.outcome) if up else b.outcome
        return replace(
            b, offset_ms=array("i", (o + 7 for o in b.offset_ms)), outcome=outcome, said={} if up else b.said
        )

    return replace(history, beats=tuple(map(other, history.beats)))


@pytest.mark.slow
def test_a_second_vantage_keeps_its_heartbeats_and_comes_out_again(
    commands: MonitorCommands, tmp_path: Path, world: World
) -> None:
    ours = a_history(world, shared=True)
    imported(commands, tmp_path, world, ours)
    write_history(tmp_path / "tokyo.jsonl", seen_elsewhere(ours), "nova")
    said = one_line(commands.monitor("import", "tokyo.jsonl", cwd=tmp_path))
    assert "24,192 heartbeats of nova are of rounds that are here too, and other" in said
    assert "--vantage NAME" in said
    for n, there in (("96,768", "0"), ("0", "96,768")):
        done = commands.monitor("import", "tokyo.jsonl", "--vantage", "tokyo", cwd=tmp_path)
        assert f"{n} heartbeats, 0 incidents" in done.err
        assert f"{there} heartbeats were there already" in done.err
    assert commands.monitor("export", "both.jsonl", cwd=tmp_path).code == 0
    (tmp_path / "b").mkdir()
    Plan(every="300s").write(tmp_path / "b", world)
    assert commands.monitor("import", "../both.jsonl", cwd=tmp_path / "b").code == 0
    assert commands.monitor("export", "again.jsonl", cwd=tmp_path / "b").code == 0
    assert (tmp_path / "b" / "again.jsonl").read_bytes() == (tmp_path / "both.jsonl").read_bytes()
    history = run_file.load_file(tmp_path / "both.jsonl").run.history
    assert history is not None
    assert sorted({b.vantage for b in history.beats}) == ["", "tokyo"]
    judged = commands.monitor("judge", cwd=tmp_path)
    assert "Seen from 2 vantages (our own, tokyo)" in " ".join(judged.out.split())
    assert judged.out == commands.run("replay", "both.jsonl", "--no-embed", cwd=tmp_path).out


@pytest.mark.slow
def test_a_named_vantage_travels_with_its_export_and_what_one_place_alone_saw_is_no_outage(
    commands: MonitorCommands, tmp_path: Path, world: World
) -> None:
    ours = a_history(world, shared=True)
    for name, vantage, history in (("a", "berlin", ours), ("b", "tokyo", seen_elsewhere(ours, up=True))):
        (tmp_path / name).mkdir()
        plan = Plan(every="300s")
        path = plan.write(tmp_path / name, world)
        path.write_text(f'vantage = "{vantage}"\n' + path.read_text())
        write_history(tmp_path / name / "before.jsonl", history, "nova")
        assert commands.monitor("import", "before.jsonl", cwd=tmp_path / name).code == 0
        assert commands.monitor("export", "out.jsonl", cwd=tmp_path / name).code == 0
    assert "fell together in 6 of 6" in " ".join(commands.monitor("judge", cwd=tmp_path / "a").out.split())
    done = commands.monitor("import", "../b/out.jsonl", "out.jsonl", cwd=tmp_path / "a")
    assert re.findall(r"([\d,]+) heartbeats, 0 incidents", done.err) == ["96,768", "0"]  # the second are its own
    judged = commands.monitor("judge", "--json", cwd=tmp_path / "a")
    found = json.loads(judged.out)
    assert found["findings"] == []
    assert found["run"]["vantage"] == "berlin"
    assert any("Seen from 2 vantages (our own, tokyo)" in limit for limit in found["limits"])


def test_incidents_are_a_list_with_begin_end_kind_source_and_company(
    commands: MonitorCommands, tmp_path: Path, world: World
) -> None:
    imported(commands, tmp_path, world, a_history(world, shared=True))
    every = json.loads(commands.monitor("incidents", "--json", cwd=tmp_path).out)
    assert len(every) == 12
    assert set(every[0]) == {
        "service", "kind", "source", "began", "began_earliest", "ended", "ended_earliest", "shared_with", "witness",
    }  # fmt: skip
    assert [e["began"] for e in every] == sorted(e["began"] for e in every)
    mine = json.loads(commands.monitor("incidents", "--json", "--target", "nova", cwd=tmp_path).out)
    assert [e for e in every if e["service"] == "nova"] == mine
    assert {(e["kind"], e["source"], *e["shared_with"]) for e in mine} == {("down", "heartbeats", "heron")}
    assert all(re.fullmatch(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ", e[k]) for e in every for k in ("began", "ended"))
    late = json.loads(commands.monitor("incidents", "--json", "--since", mine[3]["began"][:10], cwd=tmp_path).out)
    assert len(late) == 6
    shown = commands.monitor("incidents", "--target", "nova", cwd=tmp_path).out
    assert shown.count("nova ") == 6
    assert "expected one of nova, heron" in one_line(commands.monitor("incidents", "--target", "bot", cwd=tmp_path))
    Plan(store="empty.db").write(tmp_path, world)
    assert commands.monitor("once", cwd=tmp_path).code == 0
    assert commands.monitor("incidents", cwd=tmp_path).out == "No incident is known.\n"
    assert commands.monitor("incidents", "--json", cwd=tmp_path).out == "[]\n"


def test_published_incidents_are_listed_with_their_feed(
    commands: MonitorCommands, tmp_path: Path, world: World
) -> None:
    world["page"].body = STATUSPAGE.replace(b"Elevated", b"Elev\\u001b[31m\\u202eated")
    feed = f'[[feed]]\nservice = "plover"\nurl = "{world.at("page")}"\nformat = "statuspage"\nname = "plover status"'
    Plan(feed_only=("plover",), feeds=feed).write(tmp_path, world)
    assert commands.monitor("once", cwd=tmp_path).code == 0
    found = json.loads((listed := commands.monitor("incidents", "--json", cwd=tmp_path)).out)
    assert {e["source"] for e in found} == {"plover status"}
    assert {e["service"] for e in found} == {"plover"}
    for text in (listed.out, commands.monitor("incidents", cwd=tmp_path).out):
        assert not {"\x1b", "\u202e"} & set(text)


@pytest.mark.slow
def test_judge_gives_one_report_for_one_target_and_a_list_for_several(
    commands: MonitorCommands, tmp_path: Path, world: World
) -> None:
    Plan(targets={"nova": "", "luna": ""}).write(tmp_path, world)
    assert commands.monitor("once", cwd=tmp_path).code == 0
    every = json.loads(commands.monitor("judge", "--json", cwd=tmp_path).out)
    assert [report["target"]["name"] for report in every] == ["nova", "luna"]
    one = json.loads(commands.monitor("judge", "--json", "--target", "luna", cwd=tmp_path).out)
    assert one == every[1]


def test_status_as_json_says_what_the_table_says(commands: MonitorCommands, tmp_path: Path, world: World) -> None:
    world["page"].body = b"<html>"
    feed = f'[[feed]]\nservice = "heron"\nurl = "{world.at("page")}"\nformat = "statuspage"'
    Plan(feeds=feed).write(tmp_path, world)
    world["nova"].status = 503
    assert commands.monitor("once", cwd=tmp_path).code == 0
    found = json.loads(commands.monitor("status", "--json", cwd=tmp_path).out)
    assert set(found) == {
        "status", "at", "vantage", "services", "feeds", "budget", "store", "trouble", "silent_since", "evidence",
    }  # fmt: skip
    states = {s["name"]: s["state"] for s in found["services"]}
    assert states == {"nova": "down", "heron": "up", "wren": "up", "lark": "up", "site-a": "up", "site-b": "up"}
    assert [(f["name"], f["ok"]) for f in found["feeds"]] == [("heron statuspage", False)]
    assert found["budget"]["requests"]["reserved_today"] == 26
    assert found["silent_since"] is None
    assert [(e["target"], e["upstream"], e["named"]) for e in found["evidence"]] == [("nova", "heron", False)]
    a_round_later(tmp_path, rounds=10)
    assert json.loads(commands.monitor("status", "--json", cwd=tmp_path).out)["silent_since"] is not None


@pytest.mark.slow
def test_a_kill_while_old_days_are_packed_or_evidence_is_weighed_loses_neither(
    commands: MonitorCommands, tmp_path: Path, world: World
) -> None:
    """The inbox holds the message back for as long as the kill takes."""
    plan = Plan(alerts=ALERTS, every="300s")
    imported(commands, tmp_path, world, a_history(world, shared=True), plan)
    world["inbox"].wait_s = 300
    with started("monitor", "once", cwd=tmp_path, HOOK=world.hook) as process:
        until(lambda: bool(world["inbox"].asked))
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert rows(tmp_path, "SELECT key FROM monitor_alert") == []  # nothing is marked as done
    world.done.set()
    rows(tmp_path, "DELETE FROM monitor_round")
    rows(tmp_path, "DELETE FROM monitor_beat")
    assert commands.monitor("once", cwd=tmp_path, HOOK=world.hook).code == 0
    assert titles(world) == ["nova on heron: evidence passed the threshold"] * 2  # told again: the first may be lost
    marked = {str(key).partition("/")[0] for (key,) in rows(tmp_path, "SELECT key FROM monitor_alert")}
    assert marked == {"alert", "weighed", "packed"}
    asked_again(tmp_path)
    assert commands.monitor("once", cwd=tmp_path, HOOK=world.hook).code == 0
    assert len(titles(world)) == 2
