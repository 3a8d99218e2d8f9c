"""What bench.fuzz and bench.kills try for minutes, in brief; and each fault that they found stays mended"""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from random import Random

import pytest

from bench.fuzz.hunting import Hunt, Part, Trial, Wrong, limit_s
from bench.fuzz.registry import PARTS
from bench.kills.killing import Process, Tally
from tests.conftest import ROOT
from wrapdetect.dialects.template.filling import JSON, kind_of_body, unwrapped
from wrapdetect.dialects.template.sources import check_source
from wrapdetect.errors import FeedError, LibraryError, RunFormatError, SpecError
from wrapdetect.model import Exchange, Instrument, Run, Template
from wrapdetect.monitor.feeds import FEEDS
from wrapdetect.runs.codec import dump_run, load_run
from wrapdetect.runs.collected.shapes.base import told_moment
from wrapdetect.store import run_file
from wrapdetect.store.answers import More, read_answers
from wrapdetect.store.har import read_har
from wrapdetect.store.tables import Fields
from wrapdetect.targets.curl import from_text

NOW = datetime(2026, 1, 5, 12, tzinfo=UTC)
FORMATS = sorted((ROOT / "fixtures" / "formats").glob("*.jsonl"))


@pytest.mark.parametrize("name", PARTS)
def test_a_short_fuzz_of_each_part_finds_nothing(name: str) -> None:
    hunt = Hunt(PARTS[name], seed=7)
    hunt.batch(0, inputs=25)
    assert hunt.tried >= 25
    assert not hunt.faults, [(f.what, f.where, f.shown[:500]) for f in hunt.faults.values()]


def _fall(data: bytes) -> None:
    if b"!" in data:
        raise KeyError("a bug")


def test_a_fault_is_found_named_and_made_small() -> None:
    def draw(chance: Random) -> Trial:
        data = bytes(chance.choice(b"abc!") for _ in range(chance.randrange(30)))
        return Trial(shown=data, size=len(data), run=lambda: _fall(data))

    hunt = Hunt(Part(name="falls", draw=draw), seed=1)
    hunt.batch(0)
    [fault] = hunt.faults.values()
    assert (fault.shown, fault.what) == ("b'!'", "KeyError: \"'a bug'\"")


def test_work_out_of_proportion_is_stopped_and_told() -> None:
    def endless() -> None:
        while True:
            pass

    hunt = Hunt(Part(name="hangs", draw=lambda chance: Trial(shown=0, size=0, run=endless)), seed=1, hung=0.5)
    hunt.batch(0, inputs=1)
    assert ["TooSlow" in f.what for f in hunt.faults.values()] == [True]
    assert limit_s(10**6) < 10


def test_an_own_refusal_is_no_fault_and_a_wrong_result_is_one() -> None:
    def refuse() -> None:
        raise SpecError("no")

    def wrong() -> None:
        raise Wrong("other than it was")

    for run, faults in ((refuse, 0), (wrong, 1)):
        trial = Trial(shown=0, size=0, run=run)
        hunt = Hunt(Part(name="x", draw=partial(_always, trial), own=(SpecError,)), seed=1)
        hunt.batch(0, inputs=3)
        assert len(hunt.faults) == faults


def _always(trial: Trial, _: Random) -> Trial:
    return trial


def changed(path: Path, **fields: object) -> bytes:
    """A shipped run whose first endpoint has other values."""
    first, *rest = path.read_bytes().splitlines(keepends=True)
    head = json.loads(first)
    head["endpoints"][0] |= fields
    return json.dumps(head).encode() + b"\n" + b"".join(rest)


@pytest.mark.parametrize(
    "fields",
    [
        {"url": ["a"]}, {"url": 7}, {"url": None}, {"model": {"a": 1}}, {"model": False}, {"key_env": 3},
        {"send_temperature": "no"}, {"send_temperature": 1}, {"private": 0}, {"url": json.loads("[" * 400 + "]" * 400)},
    ],
    ids=lambda fields: json.dumps(fields)[:30],
)  # fmt: skip
@pytest.mark.parametrize("path", FORMATS, ids=lambda path: path.stem)
def test_an_endpoint_of_a_run_holds_what_its_noun_says(path: Path, fields: dict[str, object]) -> None:
    with pytest.raises(RunFormatError, match="expected"):
        load_run(changed(path, **fields))


@pytest.mark.parametrize("path", FORMATS, ids=lambda path: path.stem)
@pytest.mark.parametrize("half", [b"\xed\xa0\x80", b"\xed\xbf\xbf", b"a\xed\xb0\x80b"])
def test_half_a_character_in_the_bytes_of_a_run_is_damage(path: Path, half: bytes) -> None:
    with pytest.raises(RunFormatError, match="line 1"):
        load_run(path.read_bytes().replace(b'"run":"', b'"run":"' + half, 1))


@pytest.mark.parametrize("field", ["name" * 10_000, "x" * 100_000, "\x1b[31m" * 1000])
def test_a_refusal_of_a_run_is_short_whatever_the_file_says(field: str) -> None:
    with pytest.raises(RunFormatError) as told:
        load_run(changed(FORMATS[-1], **{field: 1}), name="run.jsonl")
    assert len(str(told.value)) < 1000
    assert "\x1b" not in str(told.value)


@pytest.mark.parametrize("source", ["$[1e999]", "$[-1e999:]", "$[1e999'a b']", "re:(" + "a" * 2000, "$." + "." * 3000])
def test_a_source_that_is_none_is_refused_in_one_short_line(source: str) -> None:
    with pytest.raises(SpecError) as told:
        check_source(source, "answer")
    assert len(str(told.value)) < 600


@pytest.mark.parametrize("frame", ["4" * 200_000, "4" * 100_000 + "[", "/," * 100_000, "٤" * 200_000])
def test_an_envelope_of_any_length_is_looked_for_once(frame: str) -> None:
    assert unwrapped(frame) in (frame, "[")


def test_a_pasted_body_of_many_placeholders_is_refused_in_one_pass() -> None:
    body = '{"a": "b"' + ' {prompt}"x": "{n}' * 5_000
    with pytest.raises(SpecError, match="not JSON"):
        from_text(f"POST /x HTTP/1.1\r\nHost: bot.example\r\n\r\n{body}"[:240_000])


@pytest.mark.parametrize("word", ["'" + "\n" * 100_000 + "a'", "x" * 200_000, "-" + "y" * 200_000 + "'"])
def test_the_word_of_a_here_document_is_looked_for_once(word: str) -> None:
    with pytest.raises(SpecError):
        from_text(f"curl https://bot.example/ -d @- <<{word} {{}}")


@pytest.mark.parametrize("body", ["[7{prompt}]", '{"a": -1{n}}', "[1.{prompt}]", "[{prompt}1]"])
def test_a_placeholder_is_no_part_of_a_number(body: str) -> None:
    assert kind_of_body(Template(body=body, headers=(("content-type", "application/json"),))) != JSON


@pytest.mark.parametrize("start", ["# a\n", "```\n", "~~~ sh\n  ", "$ ", "x\n"])
@pytest.mark.parametrize("blank", ["\n", " \n", "\t", "#\n", "```\n"])
def test_what_stands_before_a_pasted_command_is_looked_through_once(start: str, blank: str) -> None:
    with pytest.raises(SpecError):
        from_text(start + blank * 20_000 + "x" + blank * 20_000)


@pytest.mark.parametrize("host", ["bo t", "b" * 300, "bo\\t", "b\x00t"])
def test_a_host_that_is_none_is_refused(host: str) -> None:
    with pytest.raises(SpecError):
        from_text(f"POST /x HTTP/1.1\nHost: {host}\n\n{{prompt}}")


@pytest.mark.parametrize("blank", [b"\n", b"\r\n", b" \n", b"\t"])
def test_a_feed_with_a_long_way_to_its_first_element_is_refused(blank: bytes) -> None:
    data = b"<?xml version='1.0'?><!-- x" + blank * 100_000 + b"--><feed></feed>"
    with pytest.raises(FeedError, match="before its first element"):
        FEEDS["atom"](data, service="bot", feed="status", fetched_s=1_780_000_000)


@pytest.mark.parametrize("url", ["https://[::1/x", "http://]/", "https://[v/chat", ""])
@pytest.mark.parametrize("when", ["0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "1850-01-01T00:00:00Z"])
def test_an_archive_of_odd_addresses_and_dates_is_no_fault_of_ours(tmp_path: Path, url: str, when: str) -> None:
    entry = {"startedDateTime": when, "request": {"method": "POST", "url": url}, "response": {"status": 10**9}}
    path = tmp_path / "odd.har"
    path.write_text(json.dumps({"log": {"entries": [entry]}}), encoding="utf-8")
    with pytest.raises((SpecError, LibraryError)):
        read_har(path, None)


@pytest.mark.parametrize("when", ["1850-01-01T00:00:00Z", "1969-12-31T23:59:59Z", "2500-01-01T00:00:00Z"])
def test_a_time_of_a_year_that_no_run_can_hold_is_refused_or_unknown(tmp_path: Path, when: str) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(json.dumps({"prompt": "Why?", "answer": "So.", "time": when}) + "\n", encoding="utf-8")
    with pytest.raises(LibraryError, match="expected a time"):
        read_answers(path, None, Fields(), More(), speaker="bot")
    assert told_moment(when) is None


@pytest.mark.parametrize("name", ["x\ud800", "\udc00", "a\ud83d\ude00"])
@pytest.mark.parametrize("key", ["model", "generator"])
def test_a_speaker_of_half_characters_is_recorded_and_read_again(tmp_path: Path, name: str, key: str) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(json.dumps({key: name, "prompt": "Why?", "answer": "So."}) + "\n", encoding="utf-8")
    found = read_answers(path, None, Fields(), More(), speaker="bot")
    run = found.run(
        found.speakers[0].name, [], run_id="r", now=NOW, instrument=Instrument(versions=(), host="", vantage="")
    )
    assert load_run(dump_run(run).encode()).run == run


class Dying(tuple[Exchange, ...]):
    """Exchanges, of which reading the last kills the process: part of the file is written then."""

    def __iter__(self) -> Iterator[Exchange]:
        yield from list(super().__iter__())[:-1]
        os.kill(os.getpid(), signal.SIGKILL)


def _write_and_die(out: Path, run: Run) -> int:
    run_file.write(out, replace(run, exchanges=Dying(run.exchanges)))
    return 0


def test_a_killed_import_leaves_no_half_of_what_was_collected(tmp_path: Path) -> None:
    run = load_run(FORMATS[-1].read_bytes()).run
    out = tmp_path / "run.jsonl"

    process = Process(lambda: _write_and_die(out, run))
    assert process.end(None).code == -signal.SIGKILL
    assert not out.exists()
    run_file.write(out, run)
    assert out.read_text(encoding="utf-8") == dump_run(run)
    assert [p.name for p in tmp_path.iterdir()] == ["run.jsonl"]
    with pytest.raises(SpecError, match="there already"):
        run_file.write(out, run)
    assert out.read_text(encoding="utf-8") == dump_run(run)


def test_codes_and_tracebacks_that_no_document_names_are_counted() -> None:
    tally = Tally(name="x")
    for work, faults in ((lambda: 0, 0), (lambda: 3, 1), (lambda: 1 // 0, 2)):
        tally.note(Process(work).end(None), frozenset({0, 70}))
        assert len(tally.faults) == faults


@pytest.mark.slow
@pytest.mark.parametrize("part", ["audit", "import", "monitor", "packing"])
def test_a_few_kills_lose_and_double_nothing(part: str) -> None:
    command = [sys.executable, "-m", "bench.kills", "--kills", "4", "--only", part]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
    assert " 0 faults" in done.stdout
