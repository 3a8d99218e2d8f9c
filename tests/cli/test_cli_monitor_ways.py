"""`wrapdetect monitor` as processes that watch what is no API: every command, and a config that is read again."""

import json
import signal
from pathlib import Path

import pytest

from tests.cli.monitor_lab import KEY, MonitorCommands, Plan, World, clear_of_the_hour, rows, until
from tests.cli.test_cli_monitor import one_line, report
from tests.monitor.test_monitor_processes import running

TEMPLATE = """\
[[target]]
name = "{name}"
url = "{url}"
key_env = "CHAT_KEY"
[target.template]
path = "/ask"
body = '{{"question": "{{prompt}}", "chat": "{{chat}}"}}'
headers.authorization = "Bearer {{key}}"
answer = "text"
[[target.template.step]]
path = "/new"
keep.chat = "text"
"""


@pytest.fixture
def world(world: World) -> World:
    world["chat"].body = b"chat-17"
    return world


def with_a_template(world: World, name: str = "chat", **more: str) -> Plan:
    return Plan(targets={}, more=TEMPLATE.format(name=name, url=world.at(name)), **more)  # type: ignore[arg-type]  # texts


def questions(world: World) -> list[dict[str, object]]:
    return [asked for asked in world["chat"].asked if "question" in asked]


@pytest.mark.slow
def test_a_template_is_asked_shown_judged_and_carried_from_store_to_store(
    commands: MonitorCommands, tmp_path: Path, world: World
) -> None:
    with_a_template(world, every="1h").write(tmp_path, world)
    assert "CHAT_KEY is not set" in one_line(commands.monitor("once", cwd=tmp_path))
    clear_of_the_hour()
    done = commands.monitor("once", cwd=tmp_path, CHAT_KEY=KEY)
    assert (done.code, "6 of 6 up" in done.err) == (0, True)
    assert len(questions(world)) == 6  # the heartbeat and the fingerprint
    assert {asked["chat"] for asked in questions(world)} == {"chat-17"}
    assert world["chat"].keys.count(f"Bearer {KEY}") == 6
    status = report(commands.monitor("status", "--json", cwd=tmp_path))
    services = status["services"]
    assert isinstance(services, list)
    assert [s["state"] for s in services if s["name"] == "chat"] == ["up"]
    assert report(commands.monitor("judge", "--json", cwd=tmp_path))["state"] == "insufficient"

    assert commands.monitor("export", "one.jsonl", cwd=tmp_path).code == 0
    text = (tmp_path / "one.jsonl").read_text()
    assert '"answer": "text"' in text or '"answer":"text"' in text
    assert KEY not in text
    assert commands.run("replay", "one.jsonl", "--no-embed", cwd=tmp_path).code == 0
    (tmp_path / "b").mkdir()
    with_a_template(world, every="1h").write(tmp_path / "b", world)
    assert "6 heartbeats" in commands.monitor("import", "../one.jsonl", cwd=tmp_path / "b").err
    assert commands.monitor("export", "two.jsonl", cwd=tmp_path / "b").code == 0
    assert (tmp_path / "b" / "two.jsonl").read_bytes() == (tmp_path / "one.jsonl").read_bytes()


@pytest.mark.slow
def test_a_template_that_fails_is_down_and_one_that_refuses_us_is_unknown(
    commands: MonitorCommands, tmp_path: Path, world: World
) -> None:
    with_a_template(world, every="1h").write(tmp_path, world)
    clear_of_the_hour()
    for status, state in ((503, "down"), (403, "unknown")):
        world["chat"].status = status
        assert commands.monitor("once", cwd=tmp_path, CHAT_KEY=KEY).code == 0
        shown = json.loads(commands.monitor("status", "--json", cwd=tmp_path).out)["services"]
        assert [(s["state"], f"HTTP {status}" in s["said"]) for s in shown if s["name"] == "chat"] == [(state, True)]
        rows(tmp_path, "DELETE FROM monitor_round")
        rows(tmp_path, "DELETE FROM monitor_beat")


@pytest.mark.slow
def test_without_a_browser_nothing_is_asked_where_a_page_is_watched(
    commands: MonitorCommands, tmp_path: Path, world: World
) -> None:
    page = f'[[target]]\nname = "page"\nurl = "{world.at("page")}"\ndialect = "page"\n'
    Plan(more=page, every="1h").write(tmp_path, world)
    said = one_line(commands.monitor("once", cwd=tmp_path, WRAPDETECT_CHROMIUM=str(tmp_path / "none")))
    assert "no program is there; set it to the path of a Chromium" in said
    assert not any(place.asked for place in world.values())


@pytest.mark.slow
def test_sighup_takes_in_a_template_and_refuses_a_page_that_is_asked_too_often(tmp_path: Path, world: World) -> None:
    Plan().write(tmp_path, world)
    with running(tmp_path, CHAT_KEY=KEY) as (process, lines):
        until(lambda: bool(world["nova"].asked))
        page = f'[[target]]\nname = "page"\nurl = "{world.at("page")}"\ndialect = "page"\n'
        (tmp_path / "monitor.toml").write_text(Plan(more=page).text(world))
        process.send_signal(signal.SIGHUP)
        lines.await_(r"\[cadence\]: page is a page, and every 60 s is too often.* Refused: the config of before goes")
        (tmp_path / "monitor.toml").write_text(
            Plan(more=TEMPLATE.format(name="chat", url=world.at("chat"))).text(world)
        )
        process.send_signal(signal.SIGHUP)
        lines.await_(r"reread: added chat \(id 7\)")
        until(lambda: bool(questions(world)))
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=60) == 0
