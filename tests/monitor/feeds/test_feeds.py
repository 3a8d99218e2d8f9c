"""Status feeds: onsets with their uncertainty, no end that is not told, one clear line for a page that is none."""

import contextlib
import json
from datetime import UTC, datetime
from pathlib import Path
from xml.sax.saxutils import escape

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.conftest import ROOT
from wrapdetect.errors import FeedError
from wrapdetect.model.history import Incident
from wrapdetect.monitor.feeds import FEEDS, FeedFormat, Parsed
from wrapdetect.monitor.feeds.formats.syndication import UPDATE

PAGES = ROOT / "fixtures" / "feeds"
SAVED: tuple[tuple[FeedFormat, str], ...] = (
    ("statuspage", "statuspage_incidents.json"),
    ("statuspage", "statuspage_summary.json"),
    ("incident_io", "incident_io_incidents.json"),
    ("incident_io", "incident_io_impacts.json"),
    ("incident_io", "incident_io_widget.json"),
    ("rss", "statuspage_history.rss"),
    ("rss", "incident_io.rss"),
    ("rss", "one_item_per_update.rss"),
    ("atom", "statuspage_history.atom"),
    ("upptime", "upptime_site.yml"),
    ("upptime", "upptime_issues.json"),
    ("upptime", "upptime_commits.jsonl"),
    ("csv", "list.csv"),
    ("csv", "list.jsonl"),
)
HTML = b"<!DOCTYPE html>\n<html><head><title>Plover | Sign in</title></head><body>Hello</body></html>"


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())


NOW = at("2026-03-21T12:00:00")


def read(format_: FeedFormat, data: bytes, fetched_s: int = NOW) -> Parsed:
    return FEEDS[format_](data, service="plover", feed="plover status", fetched_s=fetched_s)


def saved(format_: FeedFormat, name: str) -> Parsed:
    return read(format_, (PAGES / name).read_bytes())


def told(incident: Incident) -> tuple[str, str, int, int, str | None, int]:
    """(id, onset, minutes early, minutes late, end, severity), times as people read them."""
    began, ended = (
        None if s is None else datetime.fromtimestamp(s, UTC).strftime("%m-%d %H:%M:%S")
        for s in (incident.began_s, incident.ended_s)
    )
    assert began is not None
    last = incident.id.rpartition("/")[2]
    return last, began, incident.early_s // 60, incident.late_s // 60, ended, incident.severity


def span(page: Parsed) -> tuple[int, int]:
    assert page.coverage is not None
    assert (page.coverage.service, page.coverage.feed) == ("plover", "plover status")
    return page.coverage.since_s, page.coverage.until_s


def test_statuspage_incidents_keep_what_is_stated_and_what_is_not() -> None:
    page = saved("statuspage", "statuspage_incidents.json")
    assert [told(i) for i in page.incidents] == [
        ("backwards001", "02-01 17:00:00", 30, 0, None, 1),  # its end lies before it: not known, and said
        ("maintenance1", "02-14 09:00:00", 5, 5, "02-14 11:05:00", 0),  # planned: no outage
        ("retrospect01", "02-21 19:00:00", 30, 0, "02-21 19:00:00", 0),  # over as it began: a note
        ("backdated001", "03-08 09:40:00", 5, 5, "03-08 12:10:00", 3),  # -08:00 to -07:00 in the same night
        ("overlapping1", "03-08 12:00:00", 30, 0, "03-08 12:45:00", 1),  # the end from its update
        ("endless00001", "03-20 15:15:20", 30, 0, None, 2),  # monitoring is no end
    ]
    assert page.notes == ("incident 6: its stated end lies before its beginning: its end is not known",)
    assert span(page) == (at("2026-02-01T17:00:00"), NOW)


def test_a_summary_speaks_of_the_moment_and_keeps_maintenance_that_lies_ahead() -> None:
    page = saved("statuspage", "statuspage_summary.json")
    assert [told(i) for i in page.incidents] == [
        ("endless00001", "03-20 15:15:20", 30, 0, None, 2),
        ("ahead0000001", "04-02 01:00:00", 5, 5, None, 0),
    ]
    assert span(page) == (NOW, NOW)


def test_incident_io_onsets_are_those_of_the_first_impact() -> None:
    page = saved("incident_io", "incident_io_incidents.json")
    assert [told(i) for i in page.incidents] == [
        ("01KMAINT", "03-19 02:00:00", 5, 5, "03-19 03:00:00", 0),
        ("01KSTATED", "03-20 15:10:00", 5, 5, "03-20 16:45:00", 2),
        ("01KPOSTED", "03-21 10:00:00", 30, 0, None, 3),
    ]
    assert len(page.refused) == 1
    assert "incidents 4: it has no published_at" in page.refused[0]
    linked = saved("incident_io", "incident_io_impacts.json")
    assert [told(i) for i in linked.incidents] == [("01KSTATED", "03-20 15:10:00", 5, 5, "03-20 16:45:00", 2)]


def test_a_widget_that_tells_only_the_last_update_leaves_the_onset_wide() -> None:
    page = saved("incident_io", "incident_io_widget.json")
    assert [told(i) for i in page.incidents] == [
        ("01KFAILOVER", "03-21 09:00:00", 30, 0, None, 0),
        ("01KPOSTED", "03-21 10:30:00", 180, 0, None, 2),
        ("01KLATER", "04-21 09:00:00", 30, 0, None, 0),
    ]
    assert span(page) == (NOW, NOW)


def test_statuspage_rss_is_read_from_its_text_over_zones_summer_time_and_new_year() -> None:
    page = saved("rss", "statuspage_history.rss")
    assert [told(i) for i in page.incidents] == [
        ("newyear00001", "12-31 15:30:00", 30, 0, "01-01 00:30:00", 1),  # CST is Shanghai's here, as pubDate shows
        ("note00000001", "02-21 10:00:00", 30, 0, "02-21 10:00:00", 0),
        ("dst000000001", "03-08 09:50:00", 30, 0, "03-08 11:05:00", 1),  # 01:50 PST to 04:05 PDT: 75 minutes
        ("ahead0000001", "03-19 12:00:00", 30, 0, None, 0),
    ]
    assert page.refused == ()


def test_rss_that_tells_one_time_only_is_given_an_hour_or_three() -> None:
    page = saved("rss", "incident_io.rss")
    assert [told(i) for i in page.incidents] == [
        ("01KSTATED", "03-20 16:50:00", 180, 0, "03-20 16:50:00", 1),  # that of the resolution: kept, and no note
        ("01KPOSTED", "03-21 10:00:00", 60, 0, None, 2),
    ]
    assert page.refused == ("entry 3: it has no time that can be read (pubDate, published or updated); left out",)


def test_items_about_one_incident_are_put_together() -> None:
    (incident,) = saved("rss", "one_item_per_update.rss").incidents
    assert told(incident) == ("98765", "03-20 10:30:00", 30, 0, "03-20 11:45:00", 1)
    assert incident.title == "Database connection issues"


def test_atom_takes_the_onset_from_the_text_and_not_from_published_which_is_the_end() -> None:
    (incident,) = saved("atom", "statuspage_history.atom").incidents
    assert told(incident) == ("atom00000001", "03-18 17:04:00", 30, 0, "03-18 18:09:00", 1)


def test_upptime_issues_and_commits_are_outages_to_a_quarter_of_an_hour() -> None:
    issues = saved("upptime", "upptime_issues.json")
    assert [told(i) for i in issues.incidents] == [
        ("42", "03-05 08:00:00", 15, 0, "03-05 09:00:00", 0),
        ("43", "03-10 08:00:00", 15, 0, "03-10 08:35:00", 1),
        ("44", "03-20 22:58:11", 15, 0, None, 3),
    ]
    commits = saved("upptime", "upptime_commits.jsonl")
    assert [told(i)[1:] for i in commits.incidents] == [
        ("03-20 22:45:00", 15, 0, "03-20 23:00:57", 1),
        ("03-20 23:00:57", 15, 0, "03-20 23:40:02", 3),
    ]
    assert span(commits) == (at("2026-03-18T06:00:00"), NOW)


def test_an_upptime_site_that_is_down_now_may_have_gone_down_at_any_time_since_it_is_watched() -> None:
    page = saved("upptime", "upptime_site.yml")
    (incident,) = page.incidents
    assert incident.began_s - incident.early_s == at("2026-03-01T09:46:06")
    assert (incident.severity, incident.ended_s) == (3, None)
    up = (PAGES / "upptime_site.yml").read_bytes().replace(b"status: down", b"status: up")
    assert read("upptime", up).incidents == ()


@pytest.mark.parametrize("count", [0, 1])
def test_an_empty_statuspage_list_is_a_page_without_incidents(count: int) -> None:
    page = read("statuspage", b'{"page": {}, "incidents": []}' + b"\n" * count)
    assert page.incidents == ()
    assert span(page) == (NOW, NOW)


def test_the_oldest_of_fifty_incidents_is_where_the_coverage_begins() -> None:
    entries = ",".join(
        f'{{"id": "i{n}", "status": "resolved", "impact": "minor", "created_at": "2026-01-{n % 28 + 1:02}T10:00:00Z", '
        f'"started_at": "2025-12-01T00:00:00Z", "resolved_at": "2026-02-01T00:00:00Z"}}'
        for n in range(50)
    )
    page = read("statuspage", f'{{"incidents": [{entries}]}}'.encode())
    assert len(page.incidents) == 50
    assert span(page) == (at("2026-01-01T10:00:00"), NOW)  # of posting: backdated onsets reach further back


def test_an_incident_from_the_future_and_one_told_twice_are_refused() -> None:
    one = '{"id": "a", "status": "investigating", "impact": "major", "created_at": "2026-03-20T10:00:00Z"}'
    page = read("statuspage", f'{{"incidents": [{one}, {one}, {one}, 7]}}'.encode())
    assert [i.id for i in page.incidents] == ["a"]
    assert [r.partition(":")[0] for r in page.refused] == ["incident 2", "incident 3", "incident 4"]
    ahead = one.replace('"a"', '"b"').replace("2026", "2027")
    page = read("statuspage", f'{{"incidents": [{one}, {ahead}]}}'.encode())
    assert "lies ahead of the fetching" in page.refused[0]


@pytest.mark.parametrize("format_", FEEDS)
@pytest.mark.parametrize(
    ("data", "seen"),
    [
        (HTML, "HTML that begins with <title>Plover | Sign in"),
        (b"", "an empty page (0 bytes)"),
        (b"  \n", "an empty page"),
        (b"\x1f\x8b\x08\x00\xff\xfe", "bytes that begin with 1f 8b 08"),
        (b"null", ""),
        (b'{"message": "Not Found"}', ""),
        (b"[]x", "[]x"),
    ],
)
def test_a_page_of_another_kind_is_one_clear_line(format_: FeedFormat, data: bytes, seen: str) -> None:
    with pytest.raises(FeedError) as caught:
        read(format_, data)
    line = str(caught.value)
    assert line.startswith("feed plover status: found ")
    assert "; expected " in line
    assert "\n" not in line
    assert seen in line


@pytest.mark.parametrize(("format_", "name"), [s for s in SAVED if s[1].endswith((".json", ".rss", ".atom"))])
def test_a_page_that_breaks_off_is_refused_wherever_it_does(format_: FeedFormat, name: str) -> None:
    whole = (PAGES / name).read_bytes().rstrip()
    for length in (1, len(whole) // 3, len(whole) // 2, len(whole) - 1):
        with pytest.raises(FeedError, match="plover status"):
            read(format_, whole[:length])


@pytest.mark.parametrize(("format_", "name"), SAVED)
def test_a_byte_order_mark_and_windows_line_ends_change_nothing(format_: FeedFormat, name: str) -> None:
    data = (PAGES / name).read_bytes()
    marked = b"\xef\xbb\xbf" + data.replace(b"\n", b"\r\n")
    assert read(format_, marked).incidents == read(format_, data).incidents


def test_xml_that_unfolds_or_names_files_is_refused(tmp_path: Path) -> None:
    bomb = b'<?xml version="1.0"?><!DOCTYPE rss [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><rss><channel/></rss>'
    with pytest.raises(FeedError, match="declares entities"):
        read("rss", bomb)
    (tmp_path / "feed").write_bytes((PAGES / "incident_io.rss").read_bytes())
    with pytest.raises(FeedError, match="found text that begins with"):
        read("rss", str(tmp_path / "feed").encode())  # a path is no feed, though the parser would open it


@pytest.mark.parametrize("inner", [b"<a>" * 100 + b"</a>" * 100, b"<item/>" * 2001])
def test_xml_deeper_or_longer_than_any_feed_is_refused_at_once(inner: bytes) -> None:
    with pytest.raises(FeedError, match="more than 64 levels or 2,000 entries"):
        read("rss", b"<rss>" + inner + b"</rss>")


def test_a_feed_of_the_other_syndication_format_is_named() -> None:
    with pytest.raises(FeedError, match=r"root is <rss>; expected an Atom feed"):
        saved("atom", "incident_io.rss")


@pytest.mark.parametrize("name", ["wrong", "deep", "numbers"])
def test_json_made_to_break_a_reader_is_refused(name: str) -> None:
    data = {
        "wrong": b'{"incidents": {"a": 1}}',
        "deep": b"[" * 100_000,
        "numbers": b'{"incidents": [' + b"9" * 5000 + b"]}",
    }[name]
    for format_ in ("statuspage", "incident_io", "upptime"):
        with pytest.raises(FeedError):
            read(format_, data)


def test_no_title_can_drive_a_terminal() -> None:
    entry = {"id": "a\x1b[2J", "name": "x\n\x1b[31m\ud800", "created_at": "2026-03-20T10:00:00Z"}
    (incident,) = read("statuspage", json.dumps({"incidents": [entry]}).encode()).incidents
    assert (incident.id, incident.title) == ("a?[2J", "x ?[31m?")


SCRAPS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=12),
    st.sampled_from(
        [
            "2026-03-20T10:00:00Z",
            "0001-01-01T00:00:00Z",
            "9999-12-31T23:59:59-14:00",
            "2026-03-20T10:00:00",
            "$undefined",
        ]
    ),
    st.lists(st.integers(), max_size=2),
)
NAMES = st.sampled_from(
    ["id", "name", "status", "impact", "created_at", "started_at", "resolved_at", "scheduled_for", "incident_updates"]
)


@settings(max_examples=150, deadline=None)
@given(data=st.binary(max_size=300), format_=st.sampled_from(list(FEEDS)))
def test_no_bytes_bring_a_reader_down(data: bytes, format_: FeedFormat) -> None:
    with contextlib.suppress(FeedError):
        read(format_, data)


@settings(max_examples=100, deadline=None)
@given(
    text=st.one_of(st.text(max_size=40), st.from_regex(UPDATE, fullmatch=False)),
    stamp=st.one_of(
        st.text(max_size=20), st.sampled_from(["Sat, 21 Mar 2026 10:00:00 GMT", "Sat, 29 Feb 0004 10:00:00"])
    ),
    format_=st.sampled_from(("rss", "atom")),
)
def test_no_entry_of_a_syndicated_feed_brings_the_reader_down(text: str, stamp: str, format_: FeedFormat) -> None:
    body = f"<title>{escape(text)}</title><link>{escape(text)}</link><pubDate>{escape(stamp)}</pubDate>"
    item = f"<item>{body}<description>{escape(text)}</description></item>"
    entry = f"<entry>{body}<published>{escape(stamp)}</published><content>{escape(text)}</content></entry>"
    page = f"<rss><channel>{item}</channel></rss>" if format_ == "rss" else f"<feed>{entry}</feed>"
    with contextlib.suppress(FeedError):
        read(format_, page.encode(errors="replace"))


@settings(max_examples=150, deadline=None)
@given(entries=st.lists(st.one_of(SCRAPS, st.dictionaries(NAMES, SCRAPS)), max_size=4))
def test_no_statuspage_entry_brings_the_reader_down(entries: list[object]) -> None:
    try:
        page = read("statuspage", json.dumps({"incidents": entries}).encode())
    except FeedError:
        return
    assert len(page.incidents) + len(page.refused) == len(entries)
    assert all(i.ended_s is None or i.ended_s >= i.began_s for i in page.incidents)
