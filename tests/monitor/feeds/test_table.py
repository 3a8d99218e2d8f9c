"""Anybody's list of incidents: zones are not guessed, bad lines are named, and no bytes bring the reader down."""

from datetime import UTC

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.monitor.feeds.test_feeds import NOW, at, saved, span, told
from wrapdetect.errors import FeedError
from wrapdetect.monitor.feeds import FeedSource, Parsed
from wrapdetect.monitor.feeds.formats import table


def read(data: bytes, *, assume_utc: bool = False, since_s: int | None = None, until_s: int | None = None) -> Parsed:
    zone = UTC if assume_utc else None
    source = FeedSource(service="plover", feed="plover status", fetched_s=NOW, zone=zone)
    return table.parse(data, source, since_s=since_s, until_s=until_s)


def rows(*lines: str, header: str = "start,end,title,severity,id") -> bytes:
    return "\n".join([header, *lines]).encode()


def test_a_list_keeps_overlapping_and_endless_incidents_and_names_the_lines_it_refuses() -> None:
    page = saved("csv", "list.csv")
    assert [told(i) for i in page.incidents] == [
        ("a1", "03-08 09:40:00", 5, 5, "03-08 12:10:00", 3),  # -08:00 to -07:00 in the same night
        ("a9", "03-10 07:30:00", 5, 5, "03-10 11:00:00", 1),
        ("a2", "03-10 08:00:00", 5, 5, None, 2),
    ]
    assert [r.partition(":")[0] for r in page.refused] == [f"line {n}" for n in (5, 6, 7, 8, 9, 10)]
    for line, why in zip(page.refused, ("ends", "no zone", "a day", "no start", "ahead", "severity"), strict=True):
        assert why in line
    assert span(page) == (at("2026-03-08T09:40:00"), at("2026-03-10T11:00:00"))


def test_json_lines_are_read_as_csv_is() -> None:
    page = saved("csv", "list.jsonl")
    assert [told(i)[1:] for i in page.incidents] == [
        ("03-08 09:40:00", 5, 5, "03-08 12:10:00", 3),
        ("03-10 08:00:00", 5, 5, None, 1),
    ]
    broken = read(b'{"start": "2026-03-08T09:40:00Z"}\n{"start": \n')
    assert (len(broken.incidents), broken.refused[0].partition(":")[0]) == (1, "line 2")


def test_times_without_a_zone_are_refused_unless_the_user_says_utc() -> None:
    data = rows("2026-03-12T09:00:00,2026-03-12T10:00:00,x,1,a", "2026-03-12T09:00:00+01:00,,y,1,b")
    assert [i.id for i in read(data).incidents] == ["b"]
    both = read(data, assume_utc=True)
    assert {i.id: i.began_s for i in both.incidents} == {"a": at("2026-03-12T09:00:00"), "b": at("2026-03-12T08:00:00")}


def test_an_hour_that_comes_twice_in_autumn_is_told_apart_by_its_offset() -> None:
    page = read(rows("2025-11-02T01:30:00-07:00,2025-11-02T01:30:00-08:00,x,1,a"))
    (incident,) = page.incidents
    assert incident.ended_s is not None
    assert incident.ended_s - incident.began_s == 3600


def test_the_coverage_is_the_users_where_it_is_given() -> None:
    data = rows("2026-03-12T09:00:00Z,,x,1,a")
    assert span(read(data, since_s=at("2026-01-01T00:00:00"), until_s=NOW)) == (at("2026-01-01T00:00:00"), NOW)
    assert span(read(data)) == (at("2026-03-12T09:00:00"), at("2026-03-12T09:00:00"))
    assert read(rows()).coverage is None


@pytest.mark.parametrize("delimiter", [";", "\t"])
def test_lists_of_spreadsheets_have_other_delimiters(delimiter: str) -> None:
    data = rows(delimiter.join(("2026-03-12T09:00:00Z", "", "a, b")), header=delimiter.join(("Start", " end", "Title")))
    (incident,) = read(data).incidents
    assert incident.title == "a, b"


def test_a_list_without_a_start_column_names_the_columns_found() -> None:
    with pytest.raises(FeedError, match=r"columns date, what\); expected CSV with the columns start,end"):
        read(b"date,what\n2026-01-01,x\n")


def test_a_list_of_which_no_line_can_be_used_is_refused_with_its_first_line() -> None:
    with pytest.raises(FeedError, match=r"no entry that makes sense among 2 \(first: line 2: start .* has no zone"):
        read(rows("2026-03-12T09:00:00,,x,1,a", "2026-03-13T09:00:00,,x,1,b"))


def test_the_same_incident_without_an_id_is_kept_once_whatever_its_line() -> None:
    line = "2026-03-12T09:00:00Z,,x,1,"
    page: Parsed = read(rows("2026-03-11T09:00:00Z,,x,1,", line, line))
    assert [i.id for i in page.incidents] == ["2026-03-11T09:00:00Z x", "2026-03-12T09:00:00Z x"]
    assert "stands there twice" in page.refused[0]


CELL = st.one_of(
    st.text(max_size=20),
    st.sampled_from(["2026-03-12T09:00:00Z", "2026-03-12 09:00", '"', "1", "9999-12-31T23:59-14:00"]),
)


@settings(max_examples=200, deadline=None)
@given(cells=st.lists(st.lists(CELL, max_size=6), max_size=5), assume_utc=st.booleans())
def test_no_cells_bring_the_reader_down(cells: list[list[str]], assume_utc: bool) -> None:
    try:
        page = read(rows(*(",".join(c) for c in cells)), assume_utc=assume_utc)
    except FeedError:
        return
    assert all(i.ended_s is None or i.ended_s >= i.began_s for i in page.incidents)
