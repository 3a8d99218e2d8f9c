"""Each shape of status page by its truth: began, ended, open, severity; others by the format to name."""

import json
from datetime import UTC
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.monitor.feeds.test_feeds import HTML, NOW, PAGES, at, told
from wrapdetect.errors import FeedError
from wrapdetect.model.history import Incident
from wrapdetect.monitor.feeds import FEEDS, FeedFormat, Parsed
from wrapdetect.monitor.feeds.shapes import likely

Truth = tuple[str, str, int, int, str | None, int]


class Page(NamedTuple):
    """A saved page, the time from which on it speaks, its incidents, and what its reading says of it."""

    format: FeedFormat
    name: str
    since: str
    truth: tuple[Truth, ...]
    said: tuple[str, ...] = ()


PAGES_AS_THEY_ARE = (
    Page(
        "better_stack",
        "better_stack_index.json",
        "2026-03-19T08:00:00",
        (
            ("900", "03-20 08:00:00", 5, 5, "03-20 09:30:00", 3),
            ("901", "03-21 10:00:00", 30, 0, None, 1),
            ("902", "03-22 01:00:00", 5, 5, "03-22 02:00:00", 0),  # maintenance ahead
        ),
    ),
    Page(
        "instatus",
        "instatus_summary.json",
        "2026-03-21T12:00:00",
        (
            ("cl03", "03-21 06:00:00", 30, 0, "03-21 06:40:00", 2),  # over, and still shown
            ("cl01", "03-21 09:10:00", 30, 0, None, 1),
            ("cl02", "03-21 10:00:00", 30, 0, None, 3),  # by its url: it has no id
            ("cl05", "03-21 11:00:00", 30, 0, None, 0),
        ),
        ("activeIncidents 3: no end is told", "activeIncidents 4: it has neither started nor start"),
    ),
    Page(
        "rss",
        "instatus_history.rss",
        "2026-03-19T02:00:00",
        (
            ("cm02", "03-19 02:00:00", 30, 0, "03-19 02:30:00", 0),
            ("cm01", "03-20 08:00:12", 30, 0, "03-20 09:00:05", 1),
        ),
        ("QQT - Investigating - cannot be read (its day or its zone)",),
    ),
    Page(
        "google_cloud",
        "google_incidents.json",
        "2026-03-01T10:00:00",
        (
            ("Gg7hH8iI9", "03-01 10:00:00", 30, 0, "03-01 11:00:00", 1),  # the end is its update's
            ("Dd4eE5fF6", "03-10 16:00:00", 5, 5, "03-10 18:30:00", 3),
            ("Aa1bB2cC3", "03-20 08:00:00", 5, 5, None, 2),
        ),
    ),
    Page(
        "atom",
        "google_feed.atom",
        "2026-03-10T16:30:00",
        (
            ("Aa1Bb2", "03-10 16:05:00", 5, 5, "03-10 17:40:00", 1),  # US/Pacific, summer time already
            ("Kk2Ll3", "03-21 08:00:00", 30, 0, None, 1),  # the title changed
        ),
    ),
    Page(
        "aws",
        "aws_currentevents.json",
        "2026-03-21T12:00:00",
        (
            ("AWS_EC2_2", "03-19 06:00:00", 30, 0, "03-19 08:00:00", 3),
            ("AWS_BEDROCK_1", "03-20 10:00:00", 5, 5, None, 2),
        ),
    ),
    Page(
        "rss",
        "aws_all.rss",
        "2026-03-12T09:00:00",
        (
            ("#ec2-us-east-1_1773306000", "03-12 09:00:00", 60, 0, None, 1),  # fell silent; the next is another
            ("#ec2-us-east-1_1773997200", "03-20 09:00:00", 30, 0, "03-20 11:30:00", 2),
            ("#bedrock-us-east-1_1774087200", "03-21 10:00:00", 60, 0, None, 3),
        ),
    ),
    Page(
        "rss",
        "azure_status.rss",
        "2026-03-17T20:00:00",
        (
            ("IJ78-KL9", "03-02 22:00:00", 5, 5, "03-03 00:30:00", 1),
            ("EF45-GH6", "03-20 01:10:00", 5, 5, "03-20 03:25:00", 1),
            ("AB12-CD3", "03-21 08:00:00", 5, 5, None, 1),
        ),
    ),
    Page(
        "cachet",
        "cachet_incidents.json",
        "2026-03-10T08:00:00",
        (
            ("1", "03-10 08:00:00", 30, 0, "03-10 08:45:00", 1),  # fixed at its last change at the latest
            ("3", "03-20 10:00:00", 30, 0, "03-20 11:00:00", 1),
            ("4", "03-21 09:30:00", 5, 5, None, 3),
            ("2", "03-25 02:00:00", 5, 5, None, 0),
        ),
        ("incident 4: no end is told",),
    ),
    Page(
        "status_io",
        "status_io.json",
        "2026-03-21T12:00:00",
        (("5a01", "03-21 10:05:00", 30, 0, None, 3), ("5a02", "04-01 01:00:00", 30, 0, None, 0)),
    ),
    Page(
        "sorry",
        "sorry_notices.json",
        "2026-03-01T09:00:00",
        (
            ("1", "03-10 01:05:00", 5, 5, "03-10 02:10:00", 0),
            ("2", "03-15 09:00:00", 30, 0, "03-15 09:30:00", 0),  # a false alarm
            ("3", "03-21 09:00:00", 5, 5, None, 1),
        ),
    ),
)


def read(format_: FeedFormat, data: bytes) -> Parsed:
    """As a monitor would, whose feed says zone = "UTC"."""
    return FEEDS[format_](data, service="plover", feed="plover status", fetched_s=NOW, zone=UTC)


def of(format_: FeedFormat, tree: object) -> Parsed:
    return read(format_, json.dumps(tree).encode())


def one(format_: FeedFormat, tree: object) -> Incident:
    (incident,) = of(format_, tree).incidents
    return incident


@pytest.mark.parametrize("page", PAGES_AS_THEY_ARE, ids=lambda p: p.name)
def test_a_page_is_read_as_its_truth_says(page: Page) -> None:
    parsed = read(page.format, (PAGES / page.name).read_bytes())
    assert tuple(told(i) for i in parsed.incidents) == page.truth
    assert parsed.coverage is not None
    assert (parsed.coverage.since_s, parsed.coverage.until_s) == (at(page.since), NOW)
    lines = (*parsed.notes, *parsed.refused)
    assert len(lines) == len(page.said)
    assert all(words in line for words, line in zip(page.said, lines, strict=True))


@pytest.mark.parametrize("page", PAGES_AS_THEY_ARE, ids=lambda p: p.name)
def test_a_page_named_by_another_format_is_told_by_its_own(page: Page) -> None:
    data = (PAGES / page.name).read_bytes()
    assert likely(data) == page.format
    for other in ("statuspage", "csv", "upptime"):
        with pytest.raises(FeedError) as caught:
            read(other, data)
        assert str(caught.value).endswith(f'; it looks like format = "{page.format}"')
        assert len(str(caught.value)) < 400


@pytest.mark.parametrize(
    ("format_", "name"),
    [
        ("statuspage", "statuspage_incidents.json"),
        ("statuspage", "statuspage_summary.json"),
        ("incident_io", "incident_io_impacts.json"),
        ("incident_io", "incident_io_widget.json"),
        ("rss", "incident_io.rss"),
        ("atom", "statuspage_history.atom"),
        ("upptime", "upptime_site.yml"),
        ("upptime", "upptime_issues.json"),
        ("csv", "list.csv"),
        ("csv", "list.jsonl"),
    ],
)
def test_pages_read_before_are_known_by_their_shape_too(format_: FeedFormat, name: str) -> None:
    assert likely((PAGES / name).read_bytes()) == format_


def test_a_page_for_people_is_told_by_the_feed_that_it_names() -> None:
    link = b'<link rel="alternate" type="application/atom+xml" title="x" href="https://s.example/history.atom">'
    with pytest.raises(FeedError, match=r"HTML that begins with .*names https://s.example/history.atom as its feed"):
        read("statuspage", HTML.replace(b"</head>", link + b"</head>"))
    with pytest.raises(FeedError, match=r'HTML that begins with <title>Plover.*a page for people.*format = "rss" or'):
        read("statuspage", HTML)


EMPTY: tuple[tuple[FeedFormat, bytes], ...] = (
    ("google_cloud", b"[]"),
    ("aws", "[]".encode("utf-16")),
    ("aws", b"\xfe\xff\0[\0]"),
    ("instatus", b'{"page": {"name": "P", "url": "https://p.example", "status": "UP"}}'),
    ("instatus", b'{"page": {"status": "UP"}, "activeIncidents": null}'),
    ("instatus", b'{"activeIncidents": [], "activeMaintenances": []}'),
    ("better_stack", b'{"data": {"id": "1", "type": "status_page", "attributes": {}}, "included": []}'),
    ("better_stack", b'{"data": [], "pagination": {"next": null}}'),
    ("cachet", b'{"meta": {"pagination": {"total": 0}}, "data": []}'),
    ("status_io", b'{"result": {"status_overall": {"status_code": 100}, "incidents": [], "maintenance": null}}'),
    ("sorry", b'{"notices": [], "meta": {"count": 0}}'),
    ("rss", b"<rss version='2.0'><channel><title>Azure Status</title></channel></rss>"),
    ("atom", b"<feed xmlns='http://www.w3.org/2005/Atom'><title>x</title></feed>"),
)


@pytest.mark.parametrize(("format_", "data"), EMPTY)
def test_a_page_on_which_nothing_is_open_is_no_alarm(format_: FeedFormat, data: bytes) -> None:
    page = read(format_, data)
    assert (page.incidents, page.refused, page.notes, page.said) == ((), (), (), "read")


OPENED = "2026-03-20T10:00:00Z"
ENDED = "2026-03-20T11:00:00Z"


@pytest.mark.parametrize(
    ("format_", "tree", "truth"),
    [
        (
            "google_cloud",
            [{"id": "a", "begin": OPENED, "end": ENDED, "severity": "high"}],
            ("a", "03-20 10:00:00", 30, 0, "03-20 11:00:00", 3),
        ),
        (
            "google_cloud",
            [{"number": 7, "begin": OPENED, "updates": None, "status_impact": "SERVICE_OUTAGE"}],
            ("7", "03-20 10:00:00", 30, 0, None, 3),
        ),
        (
            "instatus",
            [{"id": "b", "started": OPENED, "resolved": ENDED, "status": "RESOLVED", "impact": None}],
            ("b", "03-20 10:00:00", 30, 0, "03-20 11:00:00", 1),
        ),
        (
            "instatus",
            {"activeMaintenances": [{"name": "m", "start": OPENED, "status": "NOTSTARTEDYET", "url": "u"}]},
            ("u", "03-20 10:00:00", 30, 0, None, 0),
        ),
        (
            "aws",
            {"ec2-x": [{"service": "ec2-x", "date": "1774000800", "summary": "[RESOLVED] y"}], "s3-x": []},
            ("ec2-x 1774000800", "03-20 10:00:00", 30, 0, None, 1),  # over, and when is not told
        ),
        (
            "aws",
            [{"arn": "z", "date": 1774000800, "status": "3", "summary": "Down", "event_log": []}],
            ("z", "03-20 10:00:00", 30, 0, None, 3),
        ),
        (
            "better_stack",
            {"data": [{"id": 5, "type": "status_report", "attributes": {"starts_at": OPENED, "ends_at": ENDED}}]},
            ("5", "03-20 10:00:00", 30, 0, "03-20 11:00:00", 1),
        ),
        (
            "cachet",
            {
                "data": [
                    {
                        "id": "9",
                        "type": "incidents",
                        "attributes": {
                            "name": "v3",
                            "status": {"human": "Fixed", "value": 4},
                            "occurred": {"human": "a day ago", "string": "2026-03-20 10:00:00"},
                            "created": {"string": "2026-03-20 10:00:00"},
                            "updated": {"string": "2026-03-20 11:00:00"},
                        },
                    }
                ]
            },
            ("9", "03-20 10:00:00", 30, 0, "03-20 11:00:00", 1),
        ),
        (
            "status_io",
            {
                "result": {
                    "incidents": [
                        {
                            "_id": "c",
                            "datetime_open": OPENED,
                            "messages": [{"status": 400, "datetime": OPENED}, {"status": 100, "datetime": ENDED}],
                        }
                    ]
                }
            },
            ("c", "03-20 10:00:00", 30, 0, "03-20 11:00:00", 2),
        ),
        (
            "sorry",
            {"notice": {"id": 4, "type": "general", "began_at": OPENED, "state": None}},
            ("4", "03-20 10:00:00", 30, 0, None, 0),
        ),
        (
            "incident_io",
            {"incidents": [{"id": "d", "published_at": OPENED, "status": "resolved", "updates": [
                {"to_status": "resolved", "published_at": "2026-03-20T10:30:00Z"},
                {"to_status": "investigating", "published_at": "2026-03-20T10:40:00Z"},
                {"to_status": "resolved", "published_at": ENDED},
            ]}]},
            ("d", "03-20 10:00:00", 30, 0, "03-20 11:00:00", 1),
        ),
    ],
)  # fmt: skip
def test_missing_and_empty_fields_leave_what_is_told(format_: FeedFormat, tree: object, truth: Truth) -> None:
    assert told(one(format_, tree)) == truth


@pytest.mark.parametrize(
    ("format_", "tree"),
    [
        ("cachet", {"meta": {"pagination": {"links": {"next_page": "https://x.example?page=2"}}}, "data": [
            {"id": 1, "created_at": OPENED}, {"id": 2, "created_at": ENDED}]}),
        ("sorry", {"meta": {"next_page": "/api?page=2"}, "notices": [
            {"id": 1, "created_at": OPENED}, {"id": 2, "created_at": ENDED}]}),
        ("better_stack", {"pagination": {"next": "https://x.example?page=2"}, "data": [
            {"id": 1, "type": "status_report", "attributes": {"starts_at": OPENED}},
            {"id": 2, "type": "status_report", "attributes": {"starts_at": ENDED}}]}),
    ],
)  # fmt: skip
def test_one_page_of_many_that_begins_with_the_oldest_is_refused(format_: FeedFormat, tree: object) -> None:
    with pytest.raises(FeedError, match="the oldest incidents first; expected the newest first"):
        of(format_, tree)


def test_times_without_a_zone_are_refused_unless_the_feed_says_which() -> None:
    data = (PAGES / "cachet_incidents.json").read_bytes()
    with pytest.raises(FeedError, match=r'has no zone; .*zone = "UTC"'):
        FEEDS["cachet"](data, service="plover", feed="plover status", fetched_s=NOW)


@pytest.mark.parametrize("format_", ["google_cloud", "statuspage", "instatus"])
def test_more_entries_than_any_page_has_are_refused(format_: FeedFormat) -> None:
    entry = {"id": "a", "begin": OPENED, "created_at": OPENED, "started": OPENED}
    listed = [{**entry, "id": str(n)} for n in range(10_001)]
    with pytest.raises(FeedError, match="more than 10,000 entries"):
        of(format_, {"incidents": listed} if format_ == "statuspage" else listed)


SCRAPS = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(),
        st.text(max_size=8),
        st.sampled_from([OPENED, "0001-01-01T00:00:00+08:00", "1774000800", "resolved", "UP", "[RESOLVED] x"]),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from(
                ["id", "status", "attributes", "type", "updates", "begin", "event_log", "starts_at", "messages", "date"]
            ),
            inner,
            max_size=4,
        ),
    ),
    max_leaves=12,
)
ENTRIES = st.lists(SCRAPS, max_size=3)
FRAMES = st.one_of(
    ENTRIES,
    st.fixed_dictionaries({"activeIncidents": SCRAPS, "page": SCRAPS}),
    st.fixed_dictionaries({"data": SCRAPS, "included": ENTRIES, "meta": SCRAPS, "pagination": SCRAPS}),
    st.fixed_dictionaries({"result": st.fixed_dictionaries({"incidents": SCRAPS, "maintenance": SCRAPS})}),
    st.fixed_dictionaries({"notices": SCRAPS}),
    st.fixed_dictionaries({"incidents": SCRAPS, "scheduled_maintenances": SCRAPS}),
)


@settings(max_examples=150, deadline=None)
@given(tree=FRAMES, format_=st.sampled_from(list(FEEDS)))
def test_no_json_brings_a_reader_down(tree: object, format_: FeedFormat) -> None:
    try:
        page = of(format_, tree)
    except FeedError:
        return
    assert all(i.ended_s is None or i.ended_s >= i.began_s for i in page.incidents)
    assert all((i.id + i.title).isprintable() for i in page.incidents)
    assert page.said.isprintable()


def _report(*posts: tuple[str, str], **fields: object) -> object:
    """A Better Stack page of one report: its posts are the hour and the state of its resource."""
    updates = [
        {"id": str(n), "type": "status_update", "attributes": {
            "published_at": f"2026-03-20T{hour}:00:00Z", "status_report_id": "r",
            "affected_resources": [{"status_page_resource_id": "s", "status": state}],
        }}
        for n, (hour, state) in enumerate(posts)
    ]  # fmt: skip
    report = {"title": "API", "report_type": "manual", "starts_at": "2026-03-20T08:00:00Z", **fields}
    return {
        "data": {"id": "1", "type": "status_page", "attributes": {}},
        "included": [{"id": "r", "type": "status_report", "attributes": report}, *updates],
    }


def _issue(**fields: object) -> object:
    return [{"number": 1, "title": "API is down", "created_at": "2026-03-20T08:00:00Z", "labels": ["status"], **fields}]


NINE, TEN = "2026-03-20T09:00:00Z", "2026-03-20T10:00:00Z"


@pytest.mark.parametrize(
    ("format_", "tree", "lasts"),
    [
        ("better_stack", _report(("08", "downtime"), ends_at=None, aggregate_state="downtime"), True),
        ("better_stack", _report(("08", "resolved"), ends_at=None, aggregate_state="degraded"), True),
        ("better_stack", _report(("08", "downtime"), ("09", "resolved"), ("10", "downtime"), ends_at=NINE), True),
        ("better_stack", _report(("08", "downtime"), ("10", "degraded"), ends_at=NINE, aggregate_state=None), True),
        ("better_stack", _report(("08", "downtime"), ("09", "resolved"), ends_at=NINE), False),
        ("better_stack", _report(("08", "downtime"), ("10", "resolved"), ends_at=TEN), False),
        ("better_stack", _report(("08", "downtime"), ("09", "resolved"), ends_at=None, aggregate_state=None), False),
        ("upptime", _issue(state="open", closed_at=NINE, state_reason="reopened"), True),
        ("upptime", _issue(state="open", closed_at=None), True),
        ("upptime", _issue(state="closed", closed_at=NINE), False),
    ],
)
def test_what_was_ended_and_goes_on_again_lasts(format_: FeedFormat, tree: object, lasts: bool) -> None:
    assert (one(format_, tree).ended_s is None) == lasts


def test_a_feed_may_begin_with_an_empty_line() -> None:
    feed = b'<?xml version="1.0"?><rss version="2.0"><channel></channel></rss>'
    assert read("rss", b"\r\n \n" + feed) == read("rss", feed)
