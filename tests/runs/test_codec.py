"""The run file: whatever a run holds comes back byte for byte, and a damaged file is refused and never guessed at."""

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from itertools import pairwise
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.conftest import START, a_pack, a_run, an_exchange, an_item, failed, later
from tests.make_goldens import findings_to_json, observations_to_json
from wrapdetect.errors import RunFormatError
from wrapdetect.model import AskKey, Chunk, Exchange, Failure, FailureKind, Finding, Hop, Missing, Observation, Run
from wrapdetect.runs.codec import (
    CONVERTERS,
    FORMAT,
    Loaded,
    dump_exchange,
    dump_head,
    dump_run,
    key_from_text,
    load_run,
    rounded,
    upgraded,
)
from wrapdetect.runs.codec.lines import parse_line

SHIPPED = Path(__file__).parents[2] / "fixtures" / "formats"

FIXED = settings(derandomize=True, deadline=None, max_examples=120)
KEY = AskKey("style", "tides", 0)
ODD_TEXTS = ["a\u2028b\u2029c\x85d", "\x00\x1b[31m\x7f", "\ufeff", '"\\\n\r\t', "潮汐 😀 é"]

texts = st.text(max_size=30) | st.sampled_from(ODD_TEXTS)
seconds = st.floats(0, 1e6).map(lambda t: round(t, 6))
moments = st.datetimes(datetime(1990, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001  # hypothesis wants naive bounds
chunks = st.builds(Chunk, t_s=seconds, data=st.binary(max_size=40) | texts.map(str.encode))
failures = st.builds(Failure, kind=st.sampled_from(FailureKind), detail=texts)
hops = st.builds(
    Hop,
    t_s=st.floats(-1e6, 1e6).map(lambda t: round(t, 6)),
    method=texts,
    url=texts,
    sent=texts,
    status=st.none() | st.integers(100, 599),
    headers=st.lists(st.tuples(texts, texts), max_size=2).map(tuple),
    chunks=st.lists(chunks, max_size=2).map(tuple),
)
keys = st.builds(AskKey, st.just("style"), st.just("tides"), st.integers(0, 10**6), st.sampled_from(["", "shop"]))
exchanges = st.builds(
    Exchange,
    endpoint=st.sampled_from(["target", "ref0", "ref1"]),
    ask=keys,
    turn=st.just(0),
    attempt=st.integers(0, 2),
    started=moments,
    sent=texts,
    status=st.none() | st.integers(100, 599),
    headers=st.lists(st.tuples(texts, texts), max_size=3).map(tuple),
    chunks=st.lists(chunks, max_size=4).map(tuple),
    ended_s=seconds,
    failure=st.none() | failures,
    missing=st.lists(st.sampled_from(get_args(Missing)), unique=True).map(tuple),
    hops=st.lists(hops, max_size=2).map(tuple),
    screenshot=st.binary(max_size=20),
)
runs = st.builds(
    lambda note, system, draws, seed, found: a_run(
        note=note, variants=(("shop", system),), draws=draws, seed=seed, exchanges=tuple(found)
    ),
    texts,
    texts,
    st.integers(1, 9),
    st.integers(-(2**70), 2**70),
    st.lists(exchanges, max_size=5, unique_by=lambda e: e.id),
)


def a_small_run() -> Run:
    """Three exchanges: text of two bytes a letter, bytes that are no text, and a failure."""
    return a_run(
        exchanges=(
            an_exchange("target", KEY, "Ébb ünd flöw\u2028潮"),
            an_exchange("ref0", KEY, chunks=(Chunk(t_s=0.25, data=b"\xff\x00\xfe"),)),
            an_exchange("ref1", KEY, None, status=None, failure=failed("timeout")),
        )
    )


def with_bad_line(**fields: object) -> bytes:
    """A head, a line with `fields` put wrong, and a good line after it."""
    run = a_run(variants=(("shop", "Be nice."),))
    bad = {**json.loads(dump_exchange(an_exchange("target", KEY))), **fields}
    return (dump_head(run) + json.dumps(bad) + "\n" + dump_exchange(an_exchange("ref0", KEY))).encode()


@FIXED
@given(runs)
def test_every_run_comes_back_as_it_was(run: Run) -> None:
    assert load_run(dump_run(run).encode()) == Loaded(run, b"", len(dump_run(run).encode()))


@FIXED
@given(st.binary(max_size=60), st.lists(st.integers(0, 60), max_size=4))
def test_chunks_keep_their_bytes_wherever_a_letter_is_cut(data: bytes, cuts: list[int]) -> None:
    whole = data + "潮汐😀".encode()
    ends = sorted({0, *cuts, len(whole)})
    parts = tuple(Chunk(t_s=float(i), data=whole[a:b]) for i, (a, b) in enumerate(pairwise(ends)))
    run = a_run(exchanges=(an_exchange("target", KEY, chunks=parts),))
    assert load_run(dump_run(run).encode()).run.exchanges[0].chunks == parts


def test_each_exchange_is_one_line_even_with_line_separators_in_it() -> None:
    run = a_run(exchanges=tuple(an_exchange("target", KEY._replace(draw=n), t) for n, t in enumerate(ODD_TEXTS)))
    assert dump_run(run).encode().count(b"\n") == 1 + len(ODD_TEXTS)


def test_text_stays_legible_and_other_bytes_are_base64() -> None:
    line = dump_exchange(
        an_exchange("target", KEY, chunks=(Chunk(t_s=0, data="潮".encode()), Chunk(t_s=1, data=b"\xff")))
    )
    assert json.loads(line)["chunks"] == [[0, "潮"], [1, {"b64": "/w=="}]]
    assert "潮" in line


def test_moments_are_written_in_utc() -> None:
    east = START.astimezone(timezone(timedelta(hours=8)))
    line = dump_exchange(an_exchange("target", KEY, started=east))
    assert json.loads(line)["started"] == "2026-01-05T12:00:00.000000Z"


@pytest.mark.parametrize("kind", FailureKind)
def test_every_kind_of_failure_comes_back(kind: FailureKind) -> None:
    run = a_run(exchanges=(an_exchange("target", KEY, None, failure=failed(kind.value)),))
    assert load_run(dump_run(run).encode()).run == run


def test_a_file_cut_at_any_byte_gives_a_prefix_of_the_exchanges_or_is_refused() -> None:
    run = a_small_run()
    data = dump_run(run).encode()
    head_end = data.index(b"\n") + 1
    for cut in range(len(data)):
        part = data[:cut]
        if cut < head_end:
            with pytest.raises(RunFormatError, match="no complete first line"):
                load_run(part)
            continue
        good = part.rindex(b"\n") + 1
        loaded = load_run(part)
        assert loaded.run == replace(run, exchanges=run.exchanges[: part.count(b"\n") - 1]), cut
        assert (loaded.good_bytes, loaded.torn) == (good, part[good:]), cut


@pytest.mark.parametrize(
    "last",
    [b"\x00\x00\x00\n", b'{"endpoint":"tar\n', b"\n", b"[]\n", b'{"endpoint":"target"}\n'],
    ids=["zeros", "half", "blank", "list", "fields_missing"],
)
def test_a_last_line_that_is_no_exchange_is_set_aside(last: bytes) -> None:
    data = dump_run(a_small_run()).encode()
    assert load_run(data + last) == Loaded(a_small_run(), last, len(data))


@pytest.mark.parametrize("byte", [b"\x00", b"\xff", b"}", b"9", b"\n"])
def test_a_changed_byte_anywhere_is_read_or_refused(byte: bytes) -> None:
    data = dump_run(a_small_run()).encode()
    outcomes = set()
    for place in range(len(data)):
        outcomes.add(_outcome(data[:place] + byte + data[place + 1 :]))
    assert outcomes == {"loaded", "refused"}


def _outcome(data: bytes) -> str:
    try:
        load_run(data)
    except RunFormatError:
        return "refused"
    return "loaded"


def _places(value: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in inside:
        yield (*at, key)
        yield from _places(child, (*at, key))


def _put(line: dict[str, Any], place: tuple[Any, ...], value: object) -> str:
    copy: Any = json.loads(json.dumps(line))
    inner = copy
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = value
    return json.dumps(copy)


@pytest.mark.parametrize(
    "odd",
    [None, True, -1, 0.5, float("inf"), float("nan"), "", "x", [], {}, [["a"]], {"a": 1}],
    ids=repr,
)
def test_any_field_of_any_type_is_read_or_refused(odd: object) -> None:
    head, first, second, _, _ = dump_run(a_small_run()).split("\n")
    refused = 0
    for place in _places(json.loads(head)):
        refused += _outcome("\n".join([_put(json.loads(head), place, odd), first, ""]).encode()) == "refused"
    for place in _places(json.loads(first)):
        refused += _outcome("\n".join([head, _put(json.loads(first), place, odd), second, ""]).encode()) == "refused"
    assert refused


def test_deep_nesting_in_a_line_is_refused() -> None:
    head = dump_head(a_run()).encode()
    data = head + b"[" * 100_000 + b"\n" + dump_exchange(an_exchange("target", KEY)).encode()
    with pytest.raises(RunFormatError, match="line 2"):
        load_run(data)


@pytest.mark.parametrize("damage", [b"", b"{", b"\xff\xfe", b"[1]", b'{"endpoint":"target"}'])
def test_a_damaged_middle_line_is_refused_with_its_number(damage: bytes) -> None:
    lines = dump_run(a_small_run()).encode().split(b"\n")
    lines[2] = damage
    with pytest.raises(RunFormatError, match=r"^my\.jsonl, line 3: "):
        load_run(b"\n".join(lines), name="my.jsonl")


@pytest.mark.parametrize(
    "fields",
    [
        {"endpoint": "nobody"},
        {"ask": "style/nothing#0"},
        {"ask": "other/tides#0"},
        {"ask": "style/tides#0@nowhere"},
        {"turn": 7},
        {"turn": -1},
        {"attempt": 1.7},
        {"started": "2026-01-05T12:00:00"},
        {"started": "yesterday"},
        {"ended_s": float("nan")},
        {"chunks": [[0.1, {"b64": "?"}]]},
        {"chunks": [[0.1, "\ud800"]]},
        {"failure": {"kind": "bored", "detail": ""}},
        {"headers": [["a"]]},
    ],
    ids=lambda f: next(f"{k}={v}" for k, v in f.items()).encode("ascii", "replace").decode(),
)
def test_an_exchange_that_does_not_fit_its_run_is_refused_with_its_line(fields: dict[str, object]) -> None:
    with pytest.raises(RunFormatError, match="line 2"):
        load_run(with_bad_line(**fields))


def test_an_exchange_without_a_field_is_refused_by_the_fields_name() -> None:
    line = json.loads(dump_exchange(an_exchange("target", KEY)))
    del line["sent"]
    data = dump_head(a_run()) + json.dumps(line) + "\n" + dump_exchange(an_exchange("ref0", KEY))
    with pytest.raises(RunFormatError, match="line 2: field 'sent' is missing"):
        load_run(data.encode())


@pytest.mark.parametrize("doubled_last", [True, False])
def test_of_an_exchange_that_stands_there_twice_the_first_is_kept(doubled_last: bool) -> None:
    one, again, other = (
        an_exchange(name, KEY, said) for name, said in (("target", "A"), ("target", "B"), ("ref0", "C"))
    )
    run = a_run(exchanges=(one, again) if doubled_last else (one, again, other))
    loaded = load_run(dump_run(run).encode())
    assert loaded.run.exchanges == ((one,) if doubled_last else (one, other))
    assert (loaded.twice, loaded.torn) == (1, b"")


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"draws": 10**18}, "draws is 1,?000,?000"),
        ({"draws": -1}, "draws is -1"),
        ({"draws": 1e300}, "is no whole number"),
        ({"draws": True}, "is no whole number"),
        ({"draws": 10**4000}, "too large"),
        ({"seed": 1e300}, "is no whole number"),
        ({"seed": 10**400}, "too large"),
        ({"draws": 10_000, "variants": {str(n): "x" for n in range(1000)}}, "it plans"),
        ({"note": "\ud800"}, "surrogates not allowed"),
        ({"run": "../\udfff"}, "surrogates not allowed"),
        ({"endpoints": []}, "role target"),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_a_first_line_that_nobody_wrote_is_refused_at_once(fields: dict[str, object], said: str) -> None:
    head = json.dumps({**json.loads(dump_head(a_run())), **fields}).encode() + b"\n"
    with pytest.raises(RunFormatError, match=said):
        load_run(head)


@pytest.mark.parametrize(
    "fields",
    [
        {"status": 10**400},
        {"status": -1},
        {"status": True},
        {"ended_s": 1e300},
        {"chunks": [[-1e308, "x"], [1e308, "y"]]},
        {"started": "0001-01-01T00:00:00.000000Z"},
        {"started": "9999-12-31T23:59:59.999999-14:00"},
        {"attempt": 10**60},
        {"headers": [["\ud800", "\udfff"]]},
        {"failure": {"kind": "server", "detail": "\ud800"}},
    ],
    ids=lambda value: repr(value)[:40],
)
def test_an_exchange_that_nobody_recorded_is_refused_with_its_line(fields: dict[str, object]) -> None:
    with pytest.raises(RunFormatError, match="line 2"):
        load_run(with_bad_line(**fields))


def test_a_newer_format_is_refused_with_the_next_step() -> None:
    newer = dump_run(a_small_run()).replace(f'"format":{FORMAT}', f'"format":{FORMAT + 1}', 1)
    with pytest.raises(RunFormatError) as caught:
        load_run(newer.encode(), name="new.jsonl")
    assert str(caught.value) == (
        f"new.jsonl: cannot read run format {FORMAT + 1} (this program reads up to {FORMAT}); update wrapdetect"
    )


@pytest.mark.parametrize("odd", ["0", "-1", "true", '"1"', "null", "1.0", "[1]"])
def test_a_format_that_is_no_format_is_refused_with_the_value(odd: str) -> None:
    data = dump_run(a_small_run()).replace(f'"format":{FORMAT}', f'"format":{odd}', 1)
    with pytest.raises(RunFormatError) as caught:
        load_run(data.encode())
    assert f"line 1: format is {json.loads(odd)!r}; expected 1 to {FORMAT}" in str(caught.value)


@pytest.mark.parametrize("data", [b"", b"\n", b"{}", b"hello\n", b"{}\n", b"[]\n", b"\xff\n"])
def test_what_is_no_run_file_is_refused(data: bytes) -> None:
    with pytest.raises(RunFormatError, match=r"^photo\.jpg"):
        load_run(data, name="photo.jpg")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('"role":"target"', '"role":"reference"', "not exactly one endpoint"),
        ('"role":"reference"', '"role":"target"', "not exactly one endpoint"),
        ('"name":"ref0"', '"name":"ref1"', "share a name"),
        ('"dialect":"openai_plain"', '"dialect":"telex"', "telex"),
        ('"weights":"unknown"', '"weights":"heavy"', "heavy"),
        ('"name":"ref0"', '"nom":"ref0"', "nom"),
    ],
)
def test_endpoints_that_do_not_fit_are_refused_on_line_1(old: str, new: str, said: str) -> None:
    head = dump_head(a_run())
    assert old in head
    with pytest.raises(RunFormatError, match=f"line 1: .*{said}"):
        load_run(head.replace(old, new, 1).encode())


@pytest.mark.parametrize(
    ("place", "value", "said"),
    [
        (("endpoints", 0, "private"), "yes", "endpoints.0.private is 'yes'; expected true or false"),
        (("endpoints", 0, "url"), None, "endpoints.0.url is None; expected a text"),
        (("endpoints", 0, "hosts"), "a.example", "endpoints.0.hosts is no list"),
        (("endpoints", 0, "template"), {"quiet_s": "1"}, "endpoints.0.template.quiet_s is '1'; expected a number"),
        (("endpoints", 0, "page"), {"login": [{"was": ""}]}, "unknown field endpoints.0.page.login.0.was"),
        (("note",), 7, "note is 7; expected a text"),
        (("was",), 7, "unknown field was"),
        (("instrument", "was"), 7, "unknown field instrument.was"),
        (("packs", 0, "items", 0, "max_tokens"), 9.0, "packs.0.items.0.max_tokens is 9.0; expected a whole number"),
        (("packs", 0, "items", 0, "was"), 7, "unknown field packs.0.items.0.was"),
    ],
)
def test_a_first_line_is_taken_strictly_and_without_unknown_keys(
    place: tuple[str | int, ...], value: object, said: str
) -> None:
    head = _put(json.loads(dump_head(a_run())), place, value)
    with pytest.raises(RunFormatError, match=f"line 1: {re.escape(said)}"):
        load_run(head.encode() + b"\n")


@pytest.mark.parametrize("name", ["id", "purpose", "expects", "rejects"])
def test_an_item_names_each_of_its_fields_in_a_file_though_a_noun_has_defaults(name: str) -> None:
    head = json.loads(dump_head(a_run()))
    del head["packs"][0]["items"][0][name]
    with pytest.raises(RunFormatError, match=f"line 1: field '{name}' is missing"):
        load_run(json.dumps(head).encode() + b"\n")


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"was": 1}, "unknown field was"),
        ({"sent": 7}, "sent is 7; expected a text"),
        ({"ended_s": "0"}, "ended_s is '0'; expected a number"),
        ({"headers": [["a", 1]]}, "headers.0.1 is 1; expected a text"),
        ({"headers": [["a"]]}, "headers.0 is ['a']; expected 2 values at least"),
        ({"headers": [["a", "b", "c"]]}, "headers.0 is ['a', 'b', 'c']; expected 2 values at most"),
        ({"chunks": [[True, "x"]]}, "chunks.0.0 is True; expected a number"),
        ({"chunks": [[0.1, {"b64": "/w==", "was": 1}]]}, "unknown field chunks.0.1."),
        ({"failure": {"kind": "server", "detail": 5}}, "failure.detail is 5; expected a text"),
        ({"hops": [{"url": "x"}]}, "field 't_s' is missing"),
        ({"missing": ["sleep"]}, "missing.0 'sleep' is none of request, status,"),
        ({"screenshot": None}, "screenshot is None; expected a text"),
    ],
)
def test_an_exchange_is_taken_strictly_and_without_unknown_keys(fields: dict[str, object], said: str) -> None:
    with pytest.raises(RunFormatError, match=f"line 2: {re.escape(said)}"):
        load_run(with_bad_line(**fields))


def test_a_line_with_more_faults_than_anybody_makes_is_refused_and_not_told_one_by_one() -> None:
    head = json.loads(dump_head(a_run()))
    head["packs"][0]["items"] = [1] * 20_000
    with pytest.raises(RunFormatError, match="line 1: 20,000 of its values are not what is due"):
        load_run(json.dumps(head).encode() + b"\n")
    with pytest.raises(RunFormatError, match=r"line 2: chunks\.0\.0 is True; expected a number"):
        load_run(with_bad_line(chunks=[[True, "x"]] * 20_000))


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
    | st.sampled_from(ODD_TEXTS),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@settings(FIXED, suppress_health_check=[HealthCheck.too_slow])  # a machine's load is no fault of the parser
@given(st.dictionaries(st.text(max_size=5), JSON, max_size=4), st.booleans(), st.sampled_from([0, 1, 5]))
def test_a_line_is_parsed_as_pythons_own_json_parses_it(value: dict[str, Any], escaped: bool, cut: int) -> None:
    raw = json.dumps(value, ensure_ascii=escaped).encode()
    raw = raw[: len(raw) - cut]
    try:
        due = json.loads(raw)
    except ValueError as error:
        with pytest.raises(RunFormatError, match=re.escape(f"line 1: not JSON ({error})")):
            parse_line(raw, "run", 1)
        return
    line = parse_line(raw, "run", 1)
    assert (line, repr(line)) == (due, repr(due))  # 1.0 is not 1, and -0.0 not 0.0


def test_there_is_a_converter_for_every_older_format_and_for_no_other() -> None:
    assert set(CONVERTERS) == set(range(1, FORMAT))


def test_format_1_gains_a_history_of_nothing_and_its_exchanges_stay_as_they_were() -> None:
    head, exchange = (json.loads(line) for line in dump_run(a_small_run()).split("\n")[:2])
    old = {key: value for key, value in head.items() if key != "history"} | {"format": 1}
    assert list(upgraded(old, 1, to=2).items()) == list({**head, "format": 2}.items())
    assert upgraded(exchange, 1, to=2) == exchange


def test_format_2_lacks_nothing_and_its_other_lines_stay_as_they_were() -> None:
    head, exchange = (json.loads(line) for line in dump_run(a_small_run()).split("\n")[:2])
    assert upgraded(exchange, 2, to=3) == exchange
    assert upgraded({**head, "format": 2}, 2, to=3) == {**head, "format": 3}
    assert upgraded({"incident": {"service": "bot"}}, 2, to=3) == {"incident": {"service": "bot"}}


@pytest.mark.parametrize(("found", "steps"), [(1, [1, 2, 3]), (3, [3]), (4, [])])
def test_a_line_walks_through_every_converter_from_its_own_format(found: int, steps: list[int]) -> None:
    def converter(step: int) -> Any:
        return lambda line: {"walked": [*line["walked"], step]}

    converters = {n: converter(n) for n in (1, 2, 3)}
    assert upgraded({"walked": []}, found, converters=converters, to=4) == {"walked": steps}


@FIXED
@given(keys)
def test_the_text_of_an_ask_gives_the_ask_back(key: AskKey) -> None:
    assert key_from_text(str(key)) == key


@pytest.mark.parametrize(
    "text", ["", "style", "style/tides", "/tides#0", "style/#0", "style/tides#", "style/tides#-1", "a/b#x@c"]
)
def test_a_text_that_is_no_ask_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="probe/item#draw"):
        key_from_text(text)


def test_an_exchange_of_another_draw_or_variant_or_attempt_is_no_double() -> None:
    found = tuple(
        an_exchange("ref0", KEY._replace(draw=d, variant=v), attempt=a, started=later(a))
        for d in (0, 1)
        for v in ("", "shop")
        for a in (0, 1)
    )
    run = a_run(a_pack(an_item()), exchanges=found, variants=(("shop", "Be nice."),), draws=2)
    assert load_run(dump_run(run).encode()).run.exchanges == found


def test_observations_are_one_a_line_with_rounded_numbers() -> None:
    one = Observation(
        exchange="target/style/tides#0/t0a0",
        endpoint="target",
        ask=KEY,
        turn=0,
        feature="first_s",
        value=1 / 3,
        reader="timing",
    )
    text = observations_to_json([one, replace(one, feature="answer", value="a\nb", reader="text")])
    assert text.count("\n") == 4
    assert json.loads(text) == [[one.exchange, "first_s", 0.3333, "timing"], [one.exchange, "answer", "a\nb", "text"]]


def test_findings_keep_every_field() -> None:
    finding = Finding(
        rule="text_words",
        axis="behaviour",
        target="target",
        upstream="ref0",
        effect=0.123456,
        low=-0.00001,
        high=1.0,
        unit="share",
        llr=1.0,
        llr_low=0.0,
        llr_high=2.0,
        n_target=3,
        n_upstream=4,
        evidence="e",
        witness="w",
    )
    (row,) = json.loads(findings_to_json([finding]))
    assert set(row) == set(Finding.__dataclass_fields__)
    assert (row["effect"], str(row["low"])) == (0.1235, "0.0")


@pytest.mark.parametrize("value", [True, False, None, 7, "0.123456"])
def test_rounding_leaves_what_is_no_float_alone(value: object) -> None:
    assert rounded(value) is value


def test_a_file_that_was_copied_behind_itself_still_opens() -> None:
    data = (SHIPPED / "3.jsonl").read_bytes()
    lines = data.splitlines(keepends=True)
    for again in (data, lines[0], lines[0] * 3, b"".join(lines[3:])):
        loaded = load_run(data + again)
        assert loaded.run == load_run(data).run
        assert loaded.twice == len(again.splitlines())


def test_another_recording_in_the_same_file_is_named() -> None:
    first, other = ((SHIPPED / name).read_bytes() for name in ("3.jsonl", "2.jsonl"))
    with pytest.raises(RunFormatError, match=f"line {len(first.splitlines()) + 1}: another recording begins here"):
        load_run(first + other)


def test_more_endpoints_than_any_audit_asks_are_refused_and_not_compared() -> None:
    head, *rest = dump_run(a_run()).encode().splitlines(keepends=True)
    line = json.loads(head)
    line["endpoints"] += [{**line["endpoints"][-1], "name": f"r{n}"} for n in range(1_000)]
    with pytest.raises(RunFormatError, match="endpoints; expected at most 1,000"):
        load_run(json.dumps(line).encode() + b"\n" + b"".join(rest))
