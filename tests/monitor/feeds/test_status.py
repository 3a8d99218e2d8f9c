"""The newest status decides whether an incident is open, reopened or over, and since when."""

import json

import pytest

from tests.monitor.feeds.test_feeds import NOW, at, read
from wrapdetect.monitor.feeds import Parsed
from wrapdetect.monitor.feeds.status import Update, end_of, is_planned, letters, never_was, phase, severity_of

T = "2026-03-18T"


def page(**fields: object) -> Parsed:
    """A Statuspage with one incident that began at 10:00."""
    begun = {"id": "a", "created_at": f"{T}10:00:00Z", "started_at": f"{T}10:00:00Z", "impact": "major"}
    return read("statuspage", json.dumps({"incidents": [{**begun, **fields}]}).encode())


def posts(*told: tuple[str, str]) -> list[dict[str, str]]:
    """Updates, the newest first, as the page gives them."""
    return [{"status": status, "display_at": f"{T}{clock}:00Z"} for clock, status in reversed(told)]


FIRST = ("10:00", "investigating")
OVER = ("11:00", "resolved")
AGAIN = ("11:30", "investigating")
TWICE = ("13:00", "resolved")
REVIEW = ("15:00", "postmortem")


@pytest.mark.parametrize(
    ("status", "resolved", "told", "ended", "doubt"),
    [
        ("resolved", "11:00", (FIRST, OVER), "11:00", ""),
        ("resolved", None, (FIRST, OVER), "11:00", ""),
        ("resolved", "10:50", (FIRST, OVER), "10:50", ""),  # backdated end
        ("investigating", None, (FIRST,), None, ""),
        ("monitoring", None, (FIRST, ("10:30", "monitoring")), None, ""),
        ("investigating", "11:00", (FIRST, OVER, AGAIN), None, ""),  # reopened, its old end still there
        ("monitoring", None, (FIRST, OVER, AGAIN), None, ""),
        ("resolved", "11:00", (FIRST, OVER, AGAIN), None, "a newer post says that it lasts"),  # against the page's word
        ("resolved", "12:00", (FIRST, OVER, AGAIN), "12:00", ""),  # over again, without a post
        ("resolved", "11:00", (FIRST,), "11:00", ""),
        ("resolved", "11:00", (FIRST, OVER, AGAIN, TWICE), "13:00", ""),
        ("resolved", None, (FIRST, OVER, AGAIN, TWICE), "13:00", ""),
        ("resolved", "13:00", (FIRST, OVER, AGAIN, TWICE), "13:00", ""),
        ("postmortem", "11:00", (FIRST, OVER, REVIEW), "11:00", ""),
        ("postmortem", None, (FIRST, OVER, REVIEW), "11:00", ""),
        ("postmortem", None, (FIRST, OVER, AGAIN, TWICE, REVIEW), "13:00", ""),
        ("postmortem", None, (FIRST, REVIEW), "15:00", "latest that it can be"),
        (None, None, (FIRST, OVER), "11:00", ""),  # no word of the page: that of the newest update
        (None, None, (FIRST, OVER, AGAIN), None, ""),
        (None, "11:00", (), "11:00", ""),
        (None, None, (), None, ""),
        ("update", None, (FIRST, OVER), "11:00", ""),  # a word that tells nothing new
        ("RESOLVED", None, (("10:00", "INVESTIGATING"), ("11:00", "RESOLVED")), "11:00", ""),
        ("resolved", "09:00", (FIRST, ("10:00", "resolved")), None, "before its beginning"),
        ("resolved", "09:00", (FIRST, OVER), "11:00", ""),
        ("resolved", None, (), None, "its end is not known"),
        ("resolved", None, (FIRST, ("10:40", "monitoring"), ("10:40", "resolved")), "10:40", ""),  # the same minute
        ("resolved", None, (FIRST, OVER, ("12:00", "resolved")), "11:00", ""),  # said twice
    ],
)
def test_an_end_is_that_of_the_newest_status(
    status: str | None, resolved: str | None, told: tuple[tuple[str, str], ...], ended: str | None, doubt: str
) -> None:
    stated = f"{T}{resolved}:00Z" if resolved else None
    parsed = page(status=status, resolved_at=stated, incident_updates=posts(*told))
    (incident,) = parsed.incidents
    assert incident.ended_s == (at(f"{T}{ended}:00") if ended else None)
    assert incident.severity == 2
    assert [doubt in note for note in parsed.notes] == [True] * bool(doubt)


@pytest.mark.parametrize(
    "wrong",
    ["soon", "2206-03-18T11:00:00Z", "2026-03-18T11:00:00", "2026-13-18T11:00:00Z", "1926-03-18T11:00:00Z", [], True],
)
def test_an_end_that_cannot_be_read_is_said_and_is_never_no_end(wrong: object) -> None:
    parsed = page(status="resolved", resolved_at=wrong, updated_at=f"{T}18:00:00Z")
    assert [i.ended_s for i in parsed.incidents] == [None]
    assert "incident 1: resolved_at" in parsed.notes[0]
    assert "its end is not known" in parsed.notes[0]
    by_update = page(status="resolved", resolved_at=wrong, incident_updates=posts(FIRST, OVER))
    assert [i.ended_s for i in by_update.incidents] == [at(f"{T}11:00:00")]
    assert "resolved_at" in by_update.said


def test_an_incident_told_in_hindsight_keeps_its_stated_times() -> None:
    late = [{"status": s, "created_at": f"2026-03-20T10:0{n}:00Z"} for n, s in ((5, "resolved"), (0, "investigating"))]
    (incident,) = page(
        created_at="2026-03-20T10:00:00Z",
        started_at=f"{T}08:00:00Z",
        resolved_at=f"{T}09:00:00Z",
        status="resolved",
        incident_updates=late,
    ).incidents
    assert (incident.began_s, incident.ended_s) == (at(f"{T}08:00:00"), at(f"{T}09:00:00"))


@pytest.mark.parametrize("status", ["scheduled", "in_progress", "verifying", "completed", "Maintenance scheduled"])
def test_maintenance_is_no_outage_in_any_of_its_states(status: str) -> None:
    assert is_planned(status)
    assert [i.severity for i in page(status=status).incidents] == [0]


@pytest.mark.parametrize("status", ["false alarm", "false_alarm", "False positive", "FALSE-ALARM"])
def test_a_false_alarm_is_over_and_no_outage(status: str) -> None:
    parsed = page(status=status, incident_updates=posts(FIRST, ("11:00", status)))
    assert [(i.severity, i.ended_s) for i in parsed.incidents] == [(0, at(f"{T}11:00:00"))]


def test_an_update_that_takes_a_false_alarm_back_makes_it_one_again() -> None:
    told = [Update(1, "false alarm"), Update(2, "investigating")]
    assert (never_was(told), never_was(told[:1])) == (False, True)
    assert end_of(told, began_s=0).at_s is None


@pytest.mark.parametrize(
    ("word", "severity"),
    [
        ("MAJOROUTAGE", 3), ("Major outage", 3), ("major_outage", 3), ("Partial Outage", 2), ("MINOROUTAGE", 1),
        ("DEGRADEDPERFORMANCE", 1), ("SERVICE_DISRUPTION", 2), ("high", 3), ("none", 0), ("UNDERMAINTENANCE", 0),
        ("", 1), ("purple", 1), (" critical ", 3),
    ],
)  # fmt: skip
def test_gravity_is_read_from_the_letters_of_a_word(word: str, severity: int) -> None:
    assert severity_of(word) == severity


def test_every_word_is_looked_up_as_letters() -> None:
    for word in ("Post-Mortem", "in progress", "IN_PROGRESS", "Service is operating normally"):
        assert phase(word) is not None
        assert letters(word).isalpha()
    assert NOW > 0
