"""A monitor's history in a run file: comes back byte for byte, and damage is refused with its line."""

import json
from array import array
from collections.abc import Iterator
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.conftest import ROOT, a_run, an_endpoint, an_exchange
from tests.make_fixtures import small_history
from wrapdetect.errors import RunFormatError
from wrapdetect.model import AskKey, Run
from wrapdetect.model.history import Beat, Beats, Coverage, History, Incident, Outcome, Print, Service, columns
from wrapdetect.runs.codec import Loaded, dump_exchange, dump_head, dump_lines, dump_run, load_run
from wrapdetect.store import run_file

FIXED = settings(derandomize=True, deadline=None, max_examples=150)
NAMES = ("bot", "openai", "page")
DAY_S = 86_400
MONDAY = 1_767_571_200  # 2026-01-05 in UTC

texts = st.text(max_size=20) | st.sampled_from(["a\u2028b\x85c", "\x00\x1b\x7f", '"\\\n\r\t', "潮汐 😀 é"])
names = st.sampled_from(NAMES)
seconds = st.integers(-(2**33), 2**33)
# rounds from 1902 to 2106, close to one another and far apart, so that days are shared, skipped and touched at midnight
rounds = st.integers(-(2**31), 2**32) | st.integers(-5, 5).map(lambda k: MONDAY + k) | st.just(MONDAY + DAY_S - 1)


@st.composite
def heartbeats(draw: st.DrawFn, service: str) -> Beats:
    return columns(
        service,
        [
            Beat(
                service=service,
                round_s=round_s,
                offset_ms=draw(st.integers(-(2**31), 2**31 - 1)),
                outcome=outcome,
                latency_ms=draw(st.integers(0, 2**31 - 1)),
                said=draw(texts) if outcome else "",
            )
            for round_s in draw(st.lists(rounds, min_size=1, max_size=6, unique=True))
            for outcome in (draw(st.sampled_from(Outcome)),)
        ],
    )


services = st.builds(
    Service,
    name=st.just(""),
    kind=st.sampled_from(["target", "candidate", "panel", "site"]),
    url=texts,
    vendor=texts,
    endpoint=st.none() | st.builds(an_endpoint, texts, st.sampled_from(["target", "reference"]), key_env=texts),
)
incidents = st.builds(
    Incident,
    service=names,
    feed=texts,
    id=texts,
    title=texts,
    began_s=seconds,
    early_s=seconds,
    late_s=seconds,
    ended_s=st.none() | seconds,
    severity=st.integers(0, 3),
)
coverage = st.builds(Coverage, service=names, feed=texts, since_s=seconds, until_s=seconds)
vantages = st.sampled_from(["", "", "tokyo", "潮 \u2028"])
prints = st.builds(Print, service=names, at_s=seconds, item=texts, text=texts, vantage=vantages)


@st.composite
def histories(draw: st.DrawFn) -> History:
    return History(
        cadence_s=draw(st.integers(1, 10**6)),
        services=tuple(replace(draw(services), name=name) for name in NAMES),
        beats=tuple(
            replace(draw(heartbeats(name)), vantage=vantage)
            for name, vantage in draw(st.lists(st.tuples(names, vantages), max_size=4, unique=True))
        ),
        incidents=tuple(draw(st.lists(incidents, max_size=3, unique=True))),
        coverage=tuple(draw(st.lists(coverage, max_size=3, unique=True))),
        prints=tuple(draw(st.lists(prints, max_size=3, unique=True))),
    )


def a_watching_run() -> Run:
    return a_run(exchanges=(an_exchange("target", AskKey("style", "tides", 0)),), history=small_history())


def written() -> list[bytes]:
    return dump_run(a_watching_run()).encode().splitlines(keepends=True)


def place_of(kind: str) -> int:
    """The index of the first line of that kind."""
    return next(n for n, line in enumerate(written()) if next(iter(json.loads(line))) == kind)


def changed(kind: str, **fields: object) -> bytes:
    """The file with fields of the first line of a kind put wrong."""
    lines, place = written(), place_of(kind)
    line: dict[str, Any] = json.loads(lines[place])
    inner = line if kind in ("beats", "format") else line[kind]
    inner.update(fields)
    lines[place] = json.dumps(line).encode() + b"\n"
    return b"".join(lines)


def refusal(data: bytes) -> str:
    with pytest.raises(RunFormatError) as caught:
        load_run(data, name="months.jsonl")
    assert "\n" not in str(caught.value)
    return str(caught.value)


@FIXED
@given(histories())
def test_every_history_comes_back_as_it_was_and_is_written_as_it_stood(history: History) -> None:
    run = a_run(history=history)
    data = dump_run(run).encode()
    assert load_run(data) == Loaded(run, b"", len(data))
    assert dump_run(load_run(data).run).encode() == data


@FIXED
@given(heartbeats("bot"))
def test_each_utc_day_of_a_service_is_one_line(beats: Beats) -> None:
    run = a_run(history=replace(small_history(), beats=(beats,), incidents=(), coverage=(), prints=()))
    days = [day for day, _ in groupby(r // DAY_S for r in beats.round_s)]
    assert len(list(dump_lines(run))) == 1 + len(days)


def test_a_line_of_beats_is_legible() -> None:
    line = json.loads(written()[place_of("beats")])
    assert (line["beats"], line["day"], line["outcome"]) == ("bot", "2023-02-20", "0123")
    assert (line["round_s"], line["latency_ms"]) == ([85200, 85500, 85800, 86100], [640, 0, 0, 0])
    assert line["said"]["85500"].startswith("scripted connect")


def test_a_vantage_is_written_only_where_another_than_the_files_saw_it() -> None:
    plain = small_history()
    assert b"vantage" not in b"".join(dump_run(a_run(history=plain)).encode().splitlines(keepends=True)[1:])
    both = replace(plain, beats=(*plain.beats, replace(plain.beats[0], vantage="tokyo")))
    days = [json.loads(line) for line in dump_run(a_run(history=both)).splitlines() if line.startswith('{"beats"')]
    assert {day.get("vantage") for day in days} == {None, "tokyo"}
    assert load_run(dump_run(a_run(history=both)).encode()).run.history == both


def test_a_run_without_history_says_so_in_its_first_line_and_nowhere_else() -> None:
    assert json.loads(dump_head(a_run()))["history"] is None
    assert load_run(dump_run(a_run()).encode()).run.history is None


def test_a_history_of_services_alone_is_a_history() -> None:
    history = History(cadence_s=60, services=small_history().services)
    assert load_run(dump_run(a_run(history=history)).encode()).run.history == history


def test_days_may_stand_in_any_order_among_exchanges_and_other_services() -> None:
    head, *rest = written()
    assert load_run(b"".join([head, *reversed(rest)])).run.history == replace(
        small_history(),
        beats=tuple(reversed(small_history().beats)),
        incidents=tuple(reversed(small_history().incidents)),
    )


def test_a_monitor_that_asks_no_questions_needs_no_endpoints() -> None:
    run = a_run(endpoints=(), history=small_history())
    assert load_run(dump_run(run).encode()).run == run
    assert "not exactly one endpoint has the role target" in refusal(dump_run(a_run(endpoints=())).encode())


@pytest.mark.parametrize(
    ("kind", "fields", "said"),
    [
        ("beats", {"beats": "nobody"}, "the first line holds no service 'nobody'"),
        ("beats", {"beats": 7}, "beats is 7; expected a text"),
        ("beats", {"day": "2026-13-05"}, "month must be in"),
        ("beats", {"day": "20260105"}, "day '20260105' is not of the form"),
        ("beats", {"round_s": [0, 300, 600], "said": {}}, "columns of bot differ in length: [3, 4]"),
        ("beats", {"round_s": [0, 300, 300, 600]}, "round_s is not rising"),
        ("beats", {"round_s": [0, 300, 600, 86400]}, "round_s is not rising from 0 to 86399"),
        ("beats", {"round_s": [-1, 300, 600, 900]}, "round_s is not rising from 0"),
        ("beats", {"round_s": [0, 300, 600, 900.0]}, "round_s is no list of whole numbers"),
        ("beats", {"round_s": []}, "with one round at least"),
        ("beats", {"offset_ms": [0, 1, 2]}, "columns of bot differ in length: [3, 4]"),
        ("beats", {"offset_ms": [0, 1, 2, True]}, "offset_ms is no list of whole numbers"),
        ("beats", {"offset_ms": [0, 1, 2, 2**31]}, "greater than maximum"),
        ("beats", {"outcome": "00"}, "columns of bot differ in length: [2, 4]"),
        ("beats", {"outcome": "0080"}, "outcome '8' is none of 0, 1, 2, 3, 4, 5, 6, 7"),
        ("beats", {"outcome": "00٣0"}, "outcome '٣' is none of"),
        ("beats", {"latency_ms": "fast"}, "latency_ms is no list of whole numbers"),
        ("beats", {"said": {"85501": "x"}}, "said in round '85501', in which there is no beat"),
        ("beats", {"said": {"085500": "x"}}, "said in round '085500'"),
        ("beats", {"said": {"85500": None}}, "85500 is None; expected a text"),
        ("beats", {"said": []}, "list where a JSON object is due"),
        ("incident", {"service": "nobody"}, "the first line holds no service 'nobody'"),
        ("incident", {"began_s": "yesterday"}, "began_s is 'yesterday'; expected a whole number"),
        ("incident", {"ended_s": 1.5}, "ended_s is 1.5; expected a whole number"),
        ("incident", {"began_s": 10**17}, "began_s lies more than 272 years from 1970"),
        ("coverage", {"since_s": -(10**15)}, "since_s lies more than"),
        ("print", {"at_s": 10**40}, "at_s lies more than"),
        ("incident", {"title": "\ud800"}, "surrogates not allowed"),
        ("coverage", {"service": "nobody"}, "the first line holds no service 'nobody'"),
        ("coverage", {"until_s": None}, "until_s is None; expected a whole number"),
        ("print", {"service": "nobody"}, "the first line holds no service 'nobody'"),
        ("print", {"text": 5}, "text is 5; expected a text"),
        ("beats", {"was": 5}, "unknown field 'was'"),
        ("incident", {"was": 5}, "unknown field incident.was"),
        ("print", {"vantage": None}, "vantage is None; expected a text"),
    ],
    ids=lambda v: repr(v).encode("ascii", "replace").decode() if isinstance(v, dict) else "",
)
def test_a_line_of_history_that_does_not_fit_is_refused_with_its_number(
    kind: str, fields: dict[str, object], said: str
) -> None:
    message = refusal(changed(kind, **fields))
    assert message.startswith(f"months.jsonl, line {place_of(kind) + 1}: ")
    assert said in message


def test_of_a_day_that_stands_there_twice_the_first_is_kept() -> None:
    lines, place = written(), place_of("beats")
    again = {**json.loads(lines[place]), "said": {}}
    loaded = load_run(b"".join([*lines, json.dumps(again).encode() + b"\n"]))
    assert loaded.twice == 1
    assert loaded.run.history == load_run(b"".join(lines)).run.history


@pytest.mark.parametrize("kind", ["beats", "incident", "coverage", "print"])
def test_a_line_of_history_without_a_field_is_refused_by_the_fields_name(kind: str) -> None:
    lines, place = written(), place_of(kind)
    line = json.loads(lines[place])
    missing = list(line if kind == "beats" else line[kind])[-1]
    del (line if kind == "beats" else line[kind])[missing]
    lines[place] = json.dumps(line).encode() + b"\n"
    assert f"line {place + 1}: field '{missing}' is missing; expected a line of {kind} of" in refusal(b"".join(lines))


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('"cadence_s":300', '"cadence_s":0', "cadence_s is 0; expected at least 1"),
        ('"cadence_s":300', '"cadence_s":"often"', "cadence_s is 'often'; expected a whole number"),
        ('"cadence_s":300,', "", "field 'cadence_s' is missing"),
        ('"name":"page"', '"name":"other"', "two services share a name"),
        ('"name":"page"', '"name":null', "name is None; expected a text"),
        ('"kind":"site"', '"kind":"sight"', "kind 'sight' is none of target, candidate, panel, site"),
        ('"history":{', '"history":[],"was":{', "list indices"),
        ('"services":[', '"services":{},"was":[', "services is no list"),
    ],
)
def test_services_that_do_not_fit_are_refused_on_line_1(old: str, new: str, said: str) -> None:
    head = dump_head(a_watching_run())
    assert old in head
    message = refusal(head.replace(old, new, 1).encode())
    assert message.startswith("months.jsonl, line 1: ")
    assert said in message


@pytest.mark.parametrize("name", ["name", "kind", "url", "vendor", "endpoint"])
def test_a_service_without_a_field_is_refused_by_the_fields_name(name: str) -> None:
    head = json.loads(dump_head(a_watching_run()))
    del head["history"]["services"][0][name]
    assert f"line 1: field '{name}' is missing" in refusal(json.dumps(head).encode() + b"\n")


def test_an_endpoint_of_a_service_is_checked_like_any_other() -> None:
    head = json.loads(dump_head(a_watching_run()))
    head["history"]["services"][0]["endpoint"]["dialect"] = "telex"
    assert "line 1: endpoint bot: 'telex' is none of" in refusal(json.dumps(head).encode() + b"\n")


def test_a_line_of_history_in_a_run_without_history_is_refused() -> None:
    head, line = dump_head(a_run()).encode(), written()[place_of("beats")]
    assert "line 2: the first line holds no history" in refusal(head + line)


def test_a_file_cut_at_any_byte_keeps_its_whole_lines_and_sets_the_rest_aside() -> None:
    lines = written()
    data = b"".join(lines)
    for cut in range(len(lines[0]), len(data)):
        loaded = load_run(data[:cut])
        good = data[:cut].rindex(b"\n") + 1
        assert (loaded.good_bytes, loaded.torn) == (good, data[good:cut])
        assert loaded.run.history == load_run(data[:good]).run.history


@pytest.mark.parametrize("last", [b'{"beats":"bot"}\n', b'{"incident":{}}\n', b'{"print":null}\n', b"{}\n"])
def test_a_last_line_of_history_that_is_damaged_is_set_aside(last: bytes) -> None:
    data = b"".join(written())
    assert load_run(data + last) == Loaded(a_watching_run(), last, len(data))


def _places(value: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in inside:
        yield (*at, key)
        yield from _places(child, (*at, key))


def _refused(data: bytes) -> bool:
    try:
        load_run(data)
    except RunFormatError:
        return True
    return False


@pytest.mark.parametrize("odd", [None, True, -1, 0.5, float("nan"), "", "x", 10**400, [], {}, [["a"]], {"a": 1}])
@pytest.mark.parametrize("kind", ["format", "beats", "incident", "coverage", "print"])
def test_any_field_of_any_type_is_read_or_refused(kind: str, odd: object) -> None:
    lines, number = written(), place_of(kind)
    refused = 0
    for place in _places(json.loads(lines[number])):
        line: Any = json.loads(lines[number])
        inner = line
        for key in place[:-1]:
            inner = inner[key]
        inner[place[-1]] = odd
        refused += _refused(b"".join([*lines[:number], json.dumps(line).encode() + b"\n", *lines[number + 1 :]]))
    assert refused


def test_beats_that_could_not_be_read_again_are_not_written() -> None:
    beats = columns("bot", [Beat(service="bot", round_s=MONDAY, offset_ms=0, outcome=Outcome.UP, latency_ms=1)])
    for odd, said in (
        (replace(beats, outcome=b"\x09"), "bot: outcome 9 is none of 0, 1,"),
        (replace(beats, said={MONDAY + 1: "x"}), f"bot: something is said in round {MONDAY + 1}"),
    ):
        with pytest.raises(ValueError, match=said):
            dump_run(a_run(history=replace(small_history(), beats=(odd,))))


def test_a_run_of_format_1_taken_up_again_stays_what_it_was(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    before = (ROOT / "fixtures" / "formats" / "1.jsonl").read_bytes()
    path.write_bytes(before)
    loaded = run_file.load_file(path)
    more = replace(loaded.run.exchanges[-1], attempt=1)
    with run_file.resume(path) as file:
        file.append(more)
    assert path.read_bytes() == before + dump_exchange(more).encode()
    assert run_file.load_file(path).run == replace(loaded.run, exchanges=(*loaded.run.exchanges, more))


def test_a_month_of_forty_one_services_comes_back() -> None:
    count = 30 * 288
    round_s = array("q", range(MONDAY, MONDAY + 300 * count, 300))
    watched = tuple(Service(name=f"s{k}", kind="candidate", url="https://s.example") for k in range(41))
    beats = tuple(
        Beats(
            service=s.name,
            round_s=round_s,
            offset_ms=array("i", (k % 30_000 for k in range(count))),
            outcome=bytes(k % 8 for k in range(count)),
            latency_ms=array("i", range(count)),
        )
        for s in watched
    )
    run = a_run(history=History(cadence_s=300, services=watched, beats=beats))
    data = dump_run(run).encode()
    assert load_run(data).run == run
    assert len(data) < 25 * 41 * count  # bytes a beat
