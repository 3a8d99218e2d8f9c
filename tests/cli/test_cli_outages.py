"""`wrapdetect outages` as processes: the statistic on anybody's lists, one clear line for each that is none."""

import json
import random
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.cli.monitor_lab import MonitorCommands
from tests.cli.warm_cli import Done
from tests.conftest import ROOT
from tests.lab.histories import DAY_S, HOUR_S, MONDAY_S, WEEK_S, Fall, Habit, follow
from wrapdetect.model.history import Dependence, Weighed

FEEDS = ROOT / "fixtures" / "feeds"
WEEKS = 12
COVERED = ("--since", "2026-01-05", "--until", "2026-03-30")
ESCAPE = "\x1b[31mred\x1b[0m\x07\x9b2J"
UPSTREAM = [Fall(MONDAY_S + (2 * k + 0.3) * WEEK_S + k * HOUR_S, 3000.0) for k in range(6)]
OTHER = [Fall(MONDAY_S + (2 * k + 1.4) * WEEK_S + k * HOUR_S, 2000.0) for k in range(5)]


def told(at_s: float) -> str:
    return datetime.fromtimestamp(at_s, UTC).isoformat()


def a_csv(path: Path, falls: Sequence[Fall], title: str = "Down", severity: str = "major") -> Path:
    """The falls as somebody would list them."""
    lines = [f"{told(f.onset_s)},{told(sum(f))},{title},{severity}" for f in falls]
    path.write_text("\n".join(["start,end,title,severity", *lines]) + "\n", encoding="utf-8")
    return path


@pytest.fixture
def lists(tmp_path: Path) -> Path:
    """bot falls with up, and once by itself; other falls at times of its own."""
    mine = [*follow(UPSTREAM, random.Random(5), s=1.0), Fall(MONDAY_S + 20 * DAY_S, 3000.0)]
    for name, falls in (("bot", mine), ("up", UPSTREAM), ("other", OTHER)):
        a_csv(tmp_path / f"{name}.csv", falls)
    return tmp_path


def figures(done: Done) -> dict[str, dict[str, object]]:
    """By upstream."""
    assert done.code == 0, done.err
    return {str(d["upstream"]): d for d in json.loads(done.out)["upstreams"]}


def one_line(done: Done) -> str:
    """The error: one line, exit code 2, nothing on standard output."""
    assert (done.code, done.out) == (2, "")
    lines = [line for line in done.err.splitlines() if line.startswith("wrapdetect: ")]
    assert len(lines) == 1
    assert "Traceback" not in done.err
    return lines[0]


def test_a_list_that_follows_another_is_told_with_its_incidents(commands: MonitorCommands, lists: Path) -> None:
    done = commands.run("outages", "bot.csv", "up.csv", "other.csv", *COVERED, cwd=lists)
    assert done.code == 0
    assert done.out.splitlines()[1] == "bot falls with up more than chance explains."
    assert "6 of 6" in done.out
    assert "0 of 5" in done.out
    assert "6 of 7 falls of bot began with one of them" in done.out
    assert done.err == ""
    assert max(len(line) for line in done.out.splitlines()) <= 110


def test_independent_lists_name_nobody(commands: MonitorCommands, tmp_path: Path) -> None:
    for seed, name in ((1, "bot"), (2, "up"), (3, "other")):
        a_csv(tmp_path / f"{name}.csv", Habit(per_week=0.5, busy=3.0).falls(random.Random(seed), WEEKS))
    done = commands.run("outages", "bot.csv", "up.csv", "other.csv", *COVERED, cwd=tmp_path)
    assert "bot: no dependence is shown on any of 2 candidates." in done.out
    assert "dependent\n" not in done.out


def test_json_has_stable_fields_and_the_same_bytes_each_time(commands: MonitorCommands, lists: Path) -> None:
    argv = ("outages", "bot.csv", "up.csv", "other.csv", *COVERED, "--json")
    done = commands.run(*argv, cwd=lists)
    assert commands.run(*argv, cwd=lists).out == done.out
    found = figures(done)
    assert list(found) == ["up", "other"]
    assert list(found["up"]) == [str(name) for name in Dependence.__slots__]
    incidents = found["up"]["incidents"]
    assert isinstance(incidents, list)
    assert list(incidents[0]) == [str(name) for name in Weighed.__slots__]
    assert (found["up"]["named"], found["other"]["named"]) == (True, False)
    assert (found["up"]["hits"], len(incidents)) == (6, 6)


def test_csv_and_json_lines_of_the_same_incidents_weigh_the_same(commands: MonitorCommands, lists: Path) -> None:
    rows = (lists / "up.csv").read_text().splitlines()[1:]
    fields = [dict(zip(("start", "end", "title", "severity"), row.split(","), strict=True)) for row in rows]
    (lists / "up.jsonl").write_text("".join(json.dumps(f) + "\n" for f in fields))
    as_csv = figures(commands.run("outages", "bot.csv", "up.csv", *COVERED, "--json", cwd=lists))
    as_json = figures(commands.run("outages", "bot.csv", "up.jsonl", *COVERED, "--json", cwd=lists))
    assert as_csv["up"]["llr"] == as_json["up"]["llr"]


def test_a_saved_statuspage_is_read_without_being_told_its_format(commands: MonitorCommands, tmp_path: Path) -> None:
    page = {"page": {"id": "x"}, "incidents": [an_incident(k, fall) for k, fall in enumerate(UPSTREAM)]}
    (tmp_path / "status.json").write_text(json.dumps(page))
    a_csv(tmp_path / "bot.csv", UPSTREAM)
    done = commands.run("outages", "bot.csv", "up=status.json", *COVERED, "--json", cwd=tmp_path)
    assert (figures(done)["up"]["hits"], figures(done)["up"]["named"]) == (6, True)
    saved = ("statuspage_incidents.json", "statuspage_history.rss", "statuspage_history.atom", "google_incidents.json")
    for name in (*saved, "better_stack_index.json", "google_feed.atom"):
        assert commands.run("outages", "bot.csv", str(FEEDS / name), cwd=tmp_path).code == 0
    said = one_line(commands.run("outages", "bot.csv", str(FEEDS / "incident_io_incidents.json"), cwd=tmp_path))
    assert "--format" in said


def an_incident(number: int, fall: Fall) -> dict[str, object]:
    """As a Statuspage tells it."""
    start, end = told(fall.onset_s), told(sum(fall))
    return {
        "id": f"i{number}",
        "name": "Outage",
        "status": "resolved",
        "impact": "major",
        "created_at": start,
        "started_at": start,
        "resolved_at": end,
        "updated_at": end,
        "incident_updates": [],
    }


def test_a_panel_that_fell_too_takes_the_incidents_away(commands: MonitorCommands, lists: Path) -> None:
    a_csv(lists / "cloud.csv", UPSTREAM)
    done = commands.run("outages", "bot.csv", "up.csv", "--panel", "cloud.csv", *COVERED, "--json", cwd=lists)
    assert (figures(done)["up"]["named"], figures(done)["up"]["common"]) == (False, 6)


def test_a_narrow_window_sees_no_coincidence_of_far_onsets(commands: MonitorCommands, lists: Path) -> None:
    a_csv(lists / "late.csv", [Fall(f.onset_s + 1500, f.length_s) for f in UPSTREAM])
    argv = ("outages", "late.csv", "up.csv", *COVERED, "--json")
    assert figures(commands.run(*argv, cwd=lists))["up"]["hits"] == 6
    assert figures(commands.run(*argv, "--window", "15", cwd=lists))["up"]["hits"] == 0


def test_since_and_until_say_what_lists_cover_and_quiet_time_counts(commands: MonitorCommands, lists: Path) -> None:
    """Without them a list covers its first to its last incident: what lies outside cannot be compared."""
    a_csv(lists / "short.csv", UPSTREAM[2:4])
    plain = figures(commands.run("outages", "short.csv", "up.csv", "--json", cwd=lists))["up"]
    stated = figures(commands.run("outages", "short.csv", "up.csv", *COVERED, "--json", cwd=lists))["up"]
    assert (stated["hits"], stated["unknown"]) == (2, 0)
    assert isinstance(plain["unknown"], int)
    assert plain["unknown"] >= 4


def test_lists_that_do_not_overlap_are_said_so_and_tell_nothing(commands: MonitorCommands, lists: Path) -> None:
    a_csv(lists / "early.csv", [Fall(f.onset_s - 52 * WEEK_S, f.length_s) for f in UPSTREAM])
    done = commands.run("outages", "bot.csv", "early.csv", cwd=lists)
    assert done.code == 0
    assert "bot and early are both known for 0.0 days only" in done.err
    assert "--since and --until" in done.err
    assert "no incident to tell" in done.out
    assert "no dependence is shown on its one candidate" in done.out


def test_a_list_without_incidents_can_only_speak_against(commands: MonitorCommands, lists: Path) -> None:
    (lists / "calm.csv").write_text("start,end\n")
    done = commands.run("outages", "calm.csv", "up.csv", *COVERED, cwd=lists)
    assert done.code == 0
    assert "calm.csv: no incident of severity 1 or more; it can only speak against" in done.err
    assert "0 of 6" in done.out


def test_bad_times_are_named_with_their_line_and_the_rest_is_taken(commands: MonitorCommands, lists: Path) -> None:
    rows = (lists / "up.csv").read_text().splitlines()
    bad = ["2026-03-13,,A day,major", "2026-03-12T09:00:00,2026-03-12T10:00:00,No zone,major", "soon-ish,,x,major"]
    backwards = "2026-03-11T09:00:00Z,2026-03-11T08:00:00Z,Backwards,major"
    (lists / "up.csv").write_text("\n".join([rows[0], *bad, backwards, *rows[1:]]) + "\n")
    done = commands.run("outages", "bot.csv", "up.csv", *COVERED, cwd=lists)
    assert done.code == 0
    assert [line.split(": ")[:2] for line in done.err.splitlines()] == [
        ["up.csv", f"line {number}"] for number in (2, 3, 4, 5)
    ]
    assert all(line.count("left out") == 1 for line in done.err.splitlines())
    assert "6 of 6" in done.out
    assumed = commands.run("outages", "bot.csv", "up.csv", *COVERED, "--assume-utc", cwd=lists)
    assert "line 3" not in assumed.err


def test_many_bad_lines_are_counted_and_not_all_printed(commands: MonitorCommands, lists: Path) -> None:
    with (lists / "up.csv").open("a") as file:
        file.writelines(f"bad-{k:020d},,x,major\n" for k in range(1000))
    done = commands.run("outages", "bot.csv", "up.csv", *COVERED, cwd=lists)
    assert len(done.err.splitlines()) == 6
    assert "up.csv: 995 more entries make no sense and were left out" in done.err


def test_incidents_that_overlap_are_one_and_an_endless_one_lasts_not_for_ever(
    commands: MonitorCommands, lists: Path
) -> None:
    doubled = [Fall(f.onset_s + 600, f.length_s) for f in UPSTREAM]
    a_csv(lists / "up.csv", [*UPSTREAM, *doubled])
    assert figures(commands.run("outages", "bot.csv", "up.csv", *COVERED, "--json", cwd=lists))["up"]["hits"] == 6
    text = a_csv(lists / "up.csv", UPSTREAM).read_text().splitlines()
    start = text[1].split(",")[0]
    (lists / "up.csv").write_text("\n".join([text[0], f"{start},,Endless,major", *text[2:]]) + "\n")
    assert figures(commands.run("outages", "bot.csv", "up.csv", *COVERED, "--json", cwd=lists))["up"]["hits"] == 6


def test_offsets_of_summer_time_meet_in_utc(commands: MonitorCommands, tmp_path: Path) -> None:
    """The clocks of Berlin went forward at 01:00 UTC on 2026-03-29, those of New York three weeks earlier."""
    rows = "2026-03-28T23:30:00-04:00,2026-03-28T23:50:00-04:00,New York,major\n"
    (tmp_path / "bot.csv").write_text("start,end,title,severity\n" + rows)
    rows = "2026-03-29T05:31:00+02:00,2026-03-29T05:49:00+02:00,Berlin,major\n"
    (tmp_path / "up.csv").write_text("start,end,title,severity\n" + rows)
    done = commands.run(
        "outages", "bot.csv", "up.csv", "--since", "2026-03-01", "--until", "2026-04-20", "--json", cwd=tmp_path
    )
    incidents = figures(done)["up"]["incidents"]
    assert isinstance(incidents, list)
    assert [(i["hit"], i["lag_s"]) for i in incidents] == [(True, -60.0)]


def test_lists_of_one_name_are_told_apart_by_name_equals_path(commands: MonitorCommands, lists: Path) -> None:
    (lists / "b").mkdir()
    a_csv(lists / "b" / "bot.csv", UPSTREAM)
    said = one_line(commands.run("outages", "bot.csv", "b/bot.csv", cwd=lists))
    assert "two lists are called bot; name them apart: NAME=PATH" in said
    assert "mirror" in figures(commands.run("outages", "bot.csv", "mirror=b/bot.csv", "--json", cwd=lists))


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (None, "No such file or directory"),
        (b"", "an empty page (0 bytes)"),
        (b"a,b\n1,2\n", "columns a, b"),
        (bytes(range(128, 256)), "bytes that begin with"),
        (b"<html><title>Not found</title></html>", "HTML"),
        (b'{"page": {}, "incidents": 3}', "--format"),
        (b'{"a": 1}', "no entry that makes sense"),
    ],
)
def test_a_list_that_cannot_be_read_is_one_line(
    commands: MonitorCommands, lists: Path, content: bytes | None, expected: str
) -> None:
    if content is not None:
        (lists / "odd.csv").write_bytes(content)
    said = one_line(commands.run("outages", "bot.csv", "odd.csv", cwd=lists))
    assert "odd.csv" in said
    assert expected in said


def test_a_list_that_may_not_be_read_is_one_line(commands: MonitorCommands, lists: Path) -> None:
    said = one_line(commands.run("outages", "bot.csv", "x=.", cwd=lists))
    assert "cannot read .: Is a directory" in said


@pytest.mark.parametrize(
    ("argv", "expected"),
    [
        (("bot.csv", "up.csv", "--since", "2026-01-05"), "--since and --until go together"),
        (("bot.csv", "up.csv", "--since", "2026-02-05", "--until", "2026-01-05"), "is not after --since"),
        (("bot.csv", "up.csv", "--since", "soon", "--until", "later"), "--since: soon is no date"),
        (("bot.csv", "up.csv", "--format", "zip"), "--format: zip is none of statuspage"),
        (("=bot.csv", "up.csv"), "expected PATH or NAME=PATH"),
        (("bot.csv", "up="), "expected PATH or NAME=PATH"),
    ],
)
def test_an_option_that_makes_no_sense_is_one_line(
    commands: MonitorCommands, lists: Path, argv: tuple[str, ...], expected: str
) -> None:
    assert expected in one_line(commands.run("outages", *argv, cwd=lists))


def test_a_missing_upstream_and_a_window_out_of_range_are_usage_errors(commands: MonitorCommands, lists: Path) -> None:
    for argv in (("bot.csv",), ("bot.csv", "up.csv", "--window", "3")):
        done = commands.run("outages", *argv, cwd=lists)
        assert (done.code, done.out) == (2, "")
        assert "outages [OPTIONS] {target} {upstream}..." in done.err


@pytest.mark.slow
def test_names_and_titles_with_escape_codes_never_reach_the_terminal(commands: MonitorCommands, lists: Path) -> None:
    a_csv(lists / f"{ESCAPE}.csv", UPSTREAM, title=ESCAPE)
    (lists / f"{ESCAPE}bad.csv").write_text(f"start,end\n{ESCAPE},\n2025-03-12T09:00:00Z,\n")
    runs = [
        commands.run("outages", "bot.csv", f"{ESCAPE}.csv", f"{ESCAPE}bad.csv", *COVERED, cwd=lists),
        commands.run("outages", f"{ESCAPE}.csv", "other.csv", f"{ESCAPE}bad.csv", cwd=lists),
        commands.run("outages", f"{ESCAPE}.csv", "other.csv", "--json", *COVERED, cwd=lists),
        commands.run("outages", "bot.csv", f"{ESCAPE}=nix.csv", cwd=lists),
        commands.run("outages", "bot.csv", f"{ESCAPE}=up.csv", f"{ESCAPE}=other.csv", cwd=lists),
        commands.run("outages", "bot.csv", f"{ESCAPE}-nix.csv", cwd=lists),
    ]
    assert [done.code for done in runs] == [0, 0, 0, 2, 2, 2]
    for done in runs:
        assert not {"\x1b", "\x07", "\x9b"} & set(done.out + done.err), repr(done.err)
