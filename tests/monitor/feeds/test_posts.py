"""Which entries of a feed are one incident: never by a link that all share."""

from typing import NamedTuple

import pytest

from tests.monitor.feeds.test_feeds import at, read
from wrapdetect.monitor.feeds.posts import is_incident_page
from wrapdetect.monitor.feeds.titles import marked

ALL = "https://status.example/en-us/status"
MONTH = "https://s.example/history/2026-03"
ONE = "https://status.example/incidents/i1"
TWO = "https://status.example/incidents/i2"


class E(NamedTuple):
    """An entry on 10 March: `clock` is its pubDate."""

    clock: str
    title: str
    link: str = ""
    guid: str = ""
    text: str = ""
    day: int = 10


def feed(*entries: E) -> bytes:
    items = "".join(
        f"<item><title>{e.title}</title>"
        + (f"<link>{e.link}</link>" if e.link else "")
        + (f"<guid isPermaLink='false'>{e.guid}</guid>" if e.guid else "")
        + f"<pubDate>{e.day:02} Mar 2026 {e.clock}:00 GMT</pubDate><description>{e.text}</description></item>"
        for e in entries
    )
    return f"<rss version='2.0'><channel><title>S</title><link>{ALL}</link>{items}</channel></rss>".encode()


def stamped(stream: str, day: int, clock: str) -> str:
    return f"https://status.example/#{stream}_{at(f'2026-03-{day:02}T{clock}:00')}"


def incidents(*entries: E) -> list[tuple[str, str | None]]:
    """(began, ended) of each, as day and clock."""
    page = read("rss", feed(*entries))

    def said(at_s: int) -> str:
        day, second = divmod(at_s - at("2026-03-01T00:00:00"), 86_400)
        return f"{day + 1} {second // 3600:02}:{second % 3600 // 60:02}"

    return [(said(i.began_s), None if i.ended_s is None else said(i.ended_s)) for i in page.incidents]


@pytest.mark.parametrize(
    ("entries", "truth"),
    [
        pytest.param(
            (E("08:00", "Active - A - East", ALL, "g1"), E("05:00", "Mitigated - B - West", ALL, "g2")),
            [("10 05:00", "10 05:00"), ("10 08:00", None)],
            id="one link for all, an id each",
        ),
        pytest.param(
            (E("08:00", "A", ALL, "g1"), E("05:00", "A", ALL, "g2")),
            [("10 05:00", None), ("10 08:00", None)],
            id="one link, one title, an id each",
        ),
        pytest.param(
            (E("08:00", "A", ALL), E("05:00", "B", ALL)),
            [("10 05:00", None), ("10 08:00", None)],
            id="one link, no ids, two titles",
        ),
        pytest.param(
            (E("08:00", "A", ALL, ALL), E("05:00", "B", ALL, ALL)),
            [("10 05:00", None), ("10 08:00", None)],
            id="an id that is the link of all",
        ),
        pytest.param(
            (E("09:00", "RESOLVED: A", ONE, "t:i1.2"), E("08:00", "UPDATE: A", ONE, "t:i1.1")),
            [("10 08:00", "10 09:00")],
            id="an entry for each update, the link is the incident",
        ),
        pytest.param(
            (E("09:00", "RESOLVED: A in the west", ONE, "t:i1.2"), E("08:00", "UPDATE: A", ONE, "t:i1.1")),
            [("10 08:00", "10 09:00")],
            id="renamed on the way",
        ),
        pytest.param(
            (E("09:00", "RESOLVED: A", TWO, "t:i2.1"), E("08:00", "UPDATE: A", ONE, "t:i1.1")),
            [("10 08:00", None), ("10 09:00", "10 09:00")],
            id="one title, two incident pages",
        ),
        pytest.param(
            (E("09:00", "A", f"{ONE}#u2", "x2", "Status: Resolved"), E("08:00", "A", f"{ONE}#u1", "x1")),
            [("10 08:00", "10 09:00")],
            id="fragments of one page",
        ),
        pytest.param(
            (E("09:00", "[Resolved] A", ALL, "g2"), E("08:00", "[Investigating] A", ALL, "g1")),
            [("10 08:00", "10 09:00")],
            id="one link for all, one title, each says its status",
        ),
        pytest.param(
            (E("09:00", "A", f"{ONE}/updates/2", "2", "Status: Resolved"), E("08:00", "A", f"{ONE}/updates/1", "1")),
            [("10 08:00", "10 09:00")],
            id="pages of updates behind the incident's",
        ),
        pytest.param(
            (E("09:00", "A - Resolved", "https://s.example/p/2"), E("08:00", "A - Investigating", "https://s.example/p/1")),
            [("10 08:00", None), ("10 09:00", "10 09:00")],
            id="no ids and two pages",
        ),
        pytest.param(
            (
                E("11:00", "Resolved: A", ALL, "g4", day=12),
                E("10:00", "Investigating: A", ALL, "g3", day=12),
                E("09:00", "Resolved: A", ALL, "g2"),
                E("08:00", "Investigating: A", ALL, "g1"),
            ),
            [("10 08:00", "10 09:00"), ("12 10:00", "12 11:00")],
            id="the same title again, after the first was over",
        ),
        pytest.param(
            (
                E("10:00", "Service disruption: Y", ALL, stamped("ec2", 10, "10:00")),
                E("09:00", "Service is operating normally: [RESOLVED] X", ALL, stamped("s3", 10, "09:00")),
                E("08:30", "Performance issues: X, worse", ALL, stamped("s3", 10, "08:30")),
                E("08:00", "Informational message: X", ALL, stamped("s3", 10, "08:00")),
            ),
            [("10 08:00", "10 09:00"), ("10 10:00", None)],
            id="ids that end in the time of their post are streams",
        ),
        pytest.param(
            (
                E("08:00", "Informational message: X", ALL, stamped("s3", 14, "08:00"), day=14),
                E("08:00", "Informational message: X", ALL, stamped("s3", 10, "08:00")),
            ),
            [("10 08:00", None), ("14 08:00", None)],
            id="a stream that was silent for days tells of another",
        ),
        pytest.param(
            (E("09:00", "A", ALL, "same", "Status: Resolved"), E("08:00", "A", ALL, "same", "Status: Identified")),
            [("10 08:00", "10 09:00")],
            id="one id twice",
        ),
        pytest.param(
            (
                E("15:00", "Post Incident Review (PIR) - A", ALL, "g3"),
                E("09:00", "Mitigated - A", ALL, "g2"),
                E("08:00", "Active - A", ALL, "g1"),
            ),
            [("10 08:00", "10 09:00")],
            id="a review is no new incident",
        ),
        pytest.param(
            (
                E("13:00", "RESOLVED: A", ONE, "t:4"),
                E("10:00", "Investigating: A", ONE, "t:3"),
                E("09:00", "RESOLVED: A", ONE, "t:2"),
                E("08:00", "Investigating: A", ONE, "t:1"),
            ),
            [("10 08:00", "10 13:00")],
            id="reopened on its page",
        ),
        pytest.param(
            (E("09:00", "A", MONTH, "g2"), E("08:00", "B", MONTH, "g1")),
            [("10 08:00", None), ("10 09:00", None)],
            id="a page of a month is nobody's",
        ),
    ],
)  # fmt: skip
def test_entries_are_told_together_by_what_is_theirs(
    entries: tuple[E, ...], truth: list[tuple[str, str | None]]
) -> None:
    assert incidents(*entries) == truth
    assert incidents(*reversed(entries)) == truth


def test_an_incident_keeps_its_id_while_others_come_and_go() -> None:
    alone = read("rss", feed(E("08:00", "Active - A", ALL, "g1"))).incidents
    among = read("rss", feed(E("09:00", "Active - B", ALL, "g2"), E("08:00", "Active - A", ALL, "g1"))).incidents
    assert [i.id for i in alone] == ["g1"]
    assert [i.id for i in among] == ["g1", "g2"]


def test_an_incident_whose_id_is_the_page_of_all_is_not_replaced_by_the_next() -> None:
    ids = [
        read("rss", feed(E(clock, f"Active - {name}", ALL, ALL))).incidents[0].id
        for clock, name in (("08:00", "A"), ("09:00", "B"))
    ]
    assert ALL not in ids
    assert len(set(ids)) == 2


def test_posts_that_it_lasts_are_believed_before_a_text_that_says_it_was_over() -> None:
    text = "Incident began at 2026-03-10 01:00 and ended at 2026-03-10 02:00 (all times are UTC)."
    page = read("rss", feed(E("09:00", "RESOLVED: A", ONE, "2", text), E("08:00", "UPDATE: A", ONE, "1")))
    assert [(i.began_s, i.ended_s) for i in page.incidents] == [(at("2026-03-10T08:00:00"), at("2026-03-10T09:00:00"))]
    assert "the posts count" in page.said


@pytest.mark.parametrize(
    "text",
    [
        "Between 01:00 and 02:00 UTC on 12 March 2026 we shall look again.",
        "Mar 10, 09:00 UTC Resolved - As on 3 March: between 01:00 and 02:00 UTC on 03 March 2026. "
        "Mar 10, 08:00 UTC Investigating - bad.",
    ],
)
def test_a_text_that_speaks_of_another_time_moves_nothing(text: str) -> None:
    (incident,) = read("rss", feed(E("09:00", "Resolved: A", ONE, "1", text))).incidents
    assert incident.ended_s == at("2026-03-10T09:00:00")


def test_an_entry_without_any_status_is_told_to_be_open_for_all_that_is_known() -> None:
    page = read("rss", feed(E("08:00", "A", ONE, ONE, "We had trouble.")))
    assert [i.ended_s for i in page.incidents] == [None]
    assert "no status is told: whether it is over is not known" in page.said


@pytest.mark.parametrize(
    ("page", "guid", "is_one"),
    [
        ("https://s.example/incidents/x1y2", "", True),
        ("https://s.example/incident/slow-api", "", True),
        ("https://s.example/pages/incident/51f6/5d12", "", True),
        ("https://s.example/notices/abc-slow", "", True),
        ("https://s.example/incidents", "", False),
        ("https://s.example/incidents/", "", False),
        ("https://s.example/incidents/history", "", False),
        ("https://s.example/history.rss", "", False),
        ("https://s.example/", "https://s.example/#x_1", False),
        ("https://s.example/en-us/status", "https://s.example/en-us/status#VT60", False),
        ("https://s.example/r/98765", "tag:98765.u1", True),
        ("https://s.example/2026/03/10", "2026/03/10", False),
        ("http://[bad", "", False),
        ("", "", False),
    ],
)
def test_a_link_names_an_incident_or_a_page_of_all(page: str, guid: str, is_one: bool) -> None:
    assert is_incident_page(page, guid) is is_one


@pytest.mark.parametrize(
    ("title", "bare", "status"),
    [
        ("RESOLVED: Errors", "Errors", "RESOLVED"),
        ("UPDATE: Errors", "Errors", "UPDATE"),
        ("[Resolved] Errors", "Errors", "Resolved"),
        ("(Resolved) Errors", "Errors", "Resolved"),
        ("Errors [Resolved]", "Errors", "Resolved"),
        ("Errors - Resolved", "Errors", "Resolved"),
        ("Errors – Investigating", "Errors", "Investigating"),
        ("Resolved – Errors - East", "Errors - East", "Resolved"),
        ("Service disruption: [RESOLVED] Errors", "Errors", "RESOLVED"),
        ("Preliminary Post Incident Review (PIR) – Net", "Net", "Preliminary Post Incident Review (PIR)"),
        ("Errors", "Errors", ""),
        ("API: errors", "API: errors", ""),
        ("Chat - errors", "Chat - errors", ""),
        ("Resolved", "Resolved", ""),
        ("[Resolved]", "[Resolved]", ""),
        ("", "", ""),
    ],
)
def test_a_title_is_read_without_its_marks(title: str, bare: str, status: str) -> None:
    assert marked(title)[:2] == (bare, status)
