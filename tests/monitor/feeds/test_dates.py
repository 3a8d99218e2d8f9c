"""Times as pages spell them; what cannot be read is refused by name."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from tests.monitor.feeds.test_feeds import at, read
from wrapdetect.monitor.feeds.dates import EntryError, instant, zone_named
from wrapdetect.monitor.feeds.wording import stated

TEN = at("2026-11-10T10:00:00")


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-10T10:00:00Z",
        "2026-11-10T10:00:00.000Z",
        "2026-11-10 10:00:00+00:00",
        "2026-11-10T02:00:00.000-08:00",
        "2026-11-10T10:00Z",
        "2026-11-10 10:00:00 UTC",
        "2026-11-10 10:00:00 +0000",
        "2026-11-10 02:00:00 PST",
        "2026-11-10 02:00 US/Pacific",
        "Tue, 10 Nov 2026 10:00:00 GMT",
        "Tue, 10 Nov 2026 10:00:00 +0000 (UTC)",
        "Tue, 10 Nov 2026 02:00:00 -0800 (Pacific Standard Time)",
        "Tue Nov 10 2026 10:00:00 GMT+0000 (Coordinated Universal Time)",
        "2026-11-10T10:00:00Z[UTC]",
        "2026-11-10T11:00:00+01:00[Europe/Berlin]",
        "2026-11-10 10:00:00 +0000 UTC",
        "2026-11-10 02:00:00.123456789 -0800 PST m=+0.01",
        "2026-11-10t10:00:00z",
        "Tue Nov 10 10:00:00 UTC 2026",
        "Tue Nov 10 02:00:00 PST 2026",
        "November 10, 2026 at 10:00 AM UTC",
        "Tue, 10 Nov 2026 10:00:00 Z",
        "Tue, 10 Nov 2026 10:00:00 UT",
        "Tue, 10 Nov 2026 10:00:00 +0000",
        "Tue, 10 Nov 2026 10:00:00 -0000",
        "Tue, 10 Nov 2026 10:00:00 GMT+0",
        "Tue, 10 Nov 2026 02:00:00 GMT-8",
        "Tue, 10 Nov 2026 02:00:00 PST",
        "Tue, 10 Nov 2026 02:00:00 (PST)",
        "Tue, 10 Nov 2026 02:00:00 US/Pacific",
        "Tue, 10 Nov 2026 04:00:00 CST",  # RFC 822: Chicago's
        "Tue, 10 Nov 2026 15:30:00 +05:30",
        "10 Nov 2026 10:00 UTC",
        "Tuesday, 10-Nov-26 10:00:00 GMT",
        "Nov 10, 2026 10:00 AM UTC",
        "November 10th, 2026 2:00 am PST",
        "1794304800",
        "1794304800000",
        1794304800,
        1794304800.75,
        1794304800000,
        "1794304800.5",
    ],
)
def test_one_moment_in_many_spellings(text: object) -> None:
    assert instant(text, "start") == TEN


@pytest.mark.parametrize(
    "text", [None, "", 0, "0", "$undefined", "0001-01-01T00:00:00Z", "0001-01-01T00:00:00", "1970-01-01T00:00:00Z"]
)
def test_no_time_is_none(text: object) -> None:
    assert instant(text, "start") is None


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("soon", "expected ISO 8601"),
        ("2026-11-10T10:00:00", "has no zone"),
        ("2026-11-10", "has no zone"),
        ("Tue, 10 Nov 2026 10:00:00", "has no zone"),
        ("Tue, 10 Nov 2026 10:00:00 (local)", "is not known"),
        ("2026-11-10T10:00:00 (UTC or so)", "expected ISO 8601"),
        ("Tue, 10 Nov 2026 10:00:00 XYZ", "the zone XYZ is not known"),
        ("2026-11-10 10:00:00 IST", "may be any of +5.5 h, +1 h, +2 h"),
        ("Tue, 10 Nov 2026 10:00:00 BST", "may be any of"),
        ("2026-11-10 10:00:00 Mars/Olympus", "is not known"),
        ("Tue, 10 Nov 2026 10:00:00 GMT+25", "is not known"),
        ("Sun, 29 Feb 2026 10:00:00 GMT", "expected ISO 8601"),
        ("Tue, 10 Nov 2026 25:00:00 GMT", "expected ISO 8601"),
        ("Nov 10, 2026 13:00 PM UTC", "expected ISO 8601"),
        ("2026-02-30T10:00:00Z", "expected ISO 8601"),
        ("2206-11-10T10:00:00Z", "before 2100"),
        ("9999-12-31T23:59:59-14:00", "expected ISO 8601"),
        ("1926-11-10T10:00:00Z", "after 1999"),
        ("Tue, 10 Nov 1026 10:00:00 GMT", "after 1999"),
        (-1, "after 1999"),
        (12, "after 1999"),
        (10**16, "before 2100"),
        (10**30, "expected ISO 8601"),
        (float("nan"), "expected ISO 8601"),
        (float("inf"), "expected ISO 8601"),
        (True, "expected a time"),
        ([], "expected ISO 8601"),
        ({"string": "x"}, "expected ISO 8601"),
        ("2026-11-10T10:00:00Z" + " " * 100, "expected ISO 8601"),
        ("9" * 5000, "expected ISO 8601"),
    ],
)
def test_what_cannot_be_read_is_refused_by_name(text: object, why: str) -> None:
    with pytest.raises(EntryError) as caught:
        instant(text, "resolved_at")
    assert "resolved_at" in str(caught.value)
    assert why in str(caught.value)


def test_the_zone_of_the_page_counts_only_where_the_time_has_none() -> None:
    berlin = zone_named("Europe/Berlin")
    assert instant("2026-11-10 11:00:00", "start", berlin) == TEN
    assert instant("2026-07-10 12:00:00", "start", berlin) == at("2026-07-10T10:00:00")  # summer time
    assert instant("2026-11-10T10:00:00Z", "start", berlin) == TEN
    assert instant("Tue, 10 Nov 2026 02:00:00 PST", "start", berlin) == TEN


@pytest.mark.parametrize(
    ("zone", "found"),
    [
        ("UTC", UTC),
        ("+02:00", timezone(timedelta(hours=2))),
        ("GMT-8", timezone(timedelta(hours=-8))),
        ("../etc/passwd", None),
        ("CST", None),
        ("", None),
        ("Nowhere/Atall", None),
    ],
)
def test_a_zone_has_one_meaning_or_none(zone: str, found: timezone | None) -> None:
    assert zone_named(zone) == found


@pytest.mark.parametrize(
    ("text", "began", "ended"),
    [
        ("Incident began at 2026-03-10 01:00 and ended at 2026-03-10 02:00 (all times are US/Pacific).", 8, 9),
        ("The issue began at 2026-03-10 08:00 and ended at 2026-03-10 09:00 (all times are UTC).", 8, 9),
        ("Incident began at 2026-03-10 01:00 (all times are US/Pacific).", 8, None),
        ("Impact Statement: Starting at 08:00 UTC on 10 Mar 2026, errors.", 8, None),
        ("Starting at approximately 08:00 UTC on 10 March 2026", 8, None),
        ("Between 08:00 and 09:00 UTC on 10 March 2026, some failed", 8, 9),
        ("between 08:00 UTC and 09:00 UTC on 10 March 2026", 8, 9),
        ("Between 08:00 UTC on 10 March 2026 and 09:00 UTC on 10 March 2026", 8, 9),
        ("between 08:00 UTC on 31 February 2026 and 09:00 UTC on 10 March 2026", None, None),
        ("began at 2026-03-10 01:00 and ended at 2026-03-10 02:00 (all times are Mars/Olympus).", None, None),
        ("Starting at 08:00 on Tuesday", None, None),
        ("between 08:00 and 09:00 we looked", None, None),
        ("", None, None),
    ],
)
def test_a_text_states_its_beginning_and_end_with_their_zone(text: str, began: int | None, ended: int | None) -> None:
    day = at("2026-03-10T00:00:00")
    assert stated(text) == (
        None if began is None else day + began * 3600,
        None if ended is None else day + ended * 3600,
    )


def rss(text: str, pub: str = "Tue, 10 Mar 2026 09:00:00 GMT") -> bytes:
    """A feed with one incident."""
    item = f"<item><title>x</title><link>https://s.example/incidents/x1</link><pubDate>{pub}</pubDate>"
    return f"<rss><channel>{item}<description><![CDATA[{text}]]></description></item></channel></rss>".encode()


@pytest.mark.parametrize(
    "text",
    [
        "Mar 10, 09:00 UTC Resolved - ok. Mar 10, 08:00 UTC Investigating - bad.",
        "Mar 10, 2026, 09:00 UTC Resolved - ok. Mar 10, 2026, 08:00 UTC Investigating - bad.",
        "Mar <var data-var='date'>10</var>, 2026, <var data-var='time'>09:00</var> UTC<br><b>Resolved</b> - ok."
        "<p>Mar <var data-var='date'>10</var>, 2026, <var data-var='time'>08:00</var> UTC<b>Investigating</b> - x",
        "Mar 10, 08:00:00 GMT+0 - Investigating - bad. Mar 10, 09:00:00 GMT+0 - Resolved - ok.",
        "Mar 10, 00:00:00 GMT-8 - Investigating - bad. Mar 10, 01:00:00 GMT-8 - Resolved - ok.",
        "Mar 10, 01:00 PDT Investigating - bad. Mar 10, 02:00 PDT Resolved - ok.",
        "Mar 10, 01:00 US/Pacific Investigating - bad. Mar 10, 02:00 US/Pacific Resolved - ok.",
        "Mar 10, 13:30 +05:30 Investigating - bad. Mar 10, 14:30 +05:30 Resolved - ok.",
        "10 Mar 2026, 08:00 UTC - Investigating: bad. 10 Mar 2026, 09:00 UTC - Resolved: ok.",
        "March 10, 2026 at 8:00 AM UTC Investigating – bad. March 10, 2026 at 9:00 AM UTC Resolved – ok.",
        "Mar 10, 08:00 (UTC) Investigating - bad. Mar 10, 09:00 (UTC) Resolved - ok. Mar 12, 10:00 UTC Postmortem - x",
    ],
)
def test_updates_are_read_from_the_text_in_every_dress(text: str) -> None:
    (incident,) = read("rss", rss(text)).incidents
    assert (incident.began_s, incident.ended_s) == (at("2026-03-10T08:00:00"), at("2026-03-10T09:00:00"))


@pytest.mark.parametrize("zone", ["XYZ ", "Mars/Olympus ", "", "GMT+99 "])
def test_an_entry_whose_updates_cannot_be_dated_is_refused_by_name(zone: str) -> None:
    good = "<item><title>y</title><link>https://s.example/incidents/y1</link><pubDate>Tue, 10 Mar 2026 09:00:00 GMT"
    bad = rss(f"Mar 10, 09:00 {zone}Resolved - ok.").replace(b"<item>", f"{good}</pubDate></item><item>".encode(), 1)
    page = read("rss", bad)
    assert len(page.incidents) == 1
    assert "entry 2: the time of its update Mar 10, 09:00" in page.refused[0]


@pytest.mark.parametrize("pub", ["Tue, 32 Mar 2026 09:00:00 GMT", "Tue, 10 Mar 2026 09:00:00", "x", "10.03.2026 09:00"])
def test_an_entry_whose_own_time_cannot_be_read_is_refused_by_name(pub: str) -> None:
    both = rss("").replace(b"<channel>", b"<channel>" + rss("", pub)[14:-16].replace(b"x1", b"x2"))
    page = read("rss", both)
    assert len(page.incidents) == 1
    assert "entry 1: published" in page.refused[0]


POSTED = 1_795_176_000  # 2026-11-20 12:00 UTC, 04:00 in PST


@pytest.mark.parametrize(
    ("text", "began", "ended"),
    [
        ("Between 1:10 AM and 3:20 AM PST, we saw errors.", "11-20 09:10", "11-20 11:20"),
        ("between 11:50 PM and 3:20 AM PST errors", "11-20 07:50", "11-20 11:20"),
        ("Between 9:00 PM and 10:00 PM PST", "11-20 05:00", "11-20 06:00"),
        ("Between November 18 at 11:10 PM and November 19 at 1:20 AM PST", "11-19 07:10", "11-19 09:20"),
        ("Between 3:10 AM PST and 3:50 AM PST", "11-20 11:10", "11-20 11:50"),
        ("Between 1:10 AM and 3:20 AM IST", None, None),  # of several zones
        ("Between 1:10 and 3:20", None, None),
        ("Between 13:10 AM and 3:20 AM PST", None, None),
        ("Between February 30 at 1:10 AM and 3:20 AM PST", None, None),
    ],
)
def test_a_time_of_day_alone_is_the_last_before_the_post(text: str, began: str | None, ended: str | None) -> None:
    found = stated(text, POSTED)
    shown = [None if s is None else datetime.fromtimestamp(s, UTC).strftime("%m-%d %H:%M") for s in found]
    assert shown == [began, ended]
    assert stated(text) == (None, None)
