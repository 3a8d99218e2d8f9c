"""Components and titles that count, and what is said of those left out."""

import json

import pytest

from tests.monitor.feeds.test_feeds import NOW, PAGES, at, span
from wrapdetect.monitor.feeds import FEEDS, FeedFormat, Parsed, Scope


def incident(id_: str, day: int, *components: str) -> dict[str, object]:
    return {
        "id": id_,
        "name": id_,
        "status": "resolved",
        "impact": "major",
        "created_at": f"2026-03-{day:02}T08:00:00Z",
        "resolved_at": f"2026-03-{day:02}T09:00:00Z",
        "components": [{"id": name, "name": name} for name in components],
    }


def statuspage(*incidents: dict[str, object], scope: Scope) -> Parsed:
    data = json.dumps({"incidents": incidents}).encode()
    return FEEDS["statuspage"](data, service="plover", feed="plover status", fetched_s=NOW, scope=scope)


MANY = (
    incident("API down", 10, "API"),
    incident("Video down", 12, "Video app"),
    incident("Both down", 14, "Video app", "api"),
    incident("Something down", 16),
)


@pytest.mark.parametrize(
    ("scope", "kept", "said"),
    [
        (Scope(), "API Video Both Something", "read"),
        (Scope(components=("API",)), "API Both Something", "1 of 4 incidents left out"),
        (Scope(components=(" api  ",)), "API Both Something", "(Video app)"),
        (Scope(components=("API", "Video app")), "API Video Both Something", "1 of 4 incidents name no component"),
        (Scope(components=("Login",)), "Something", "3 of 4 incidents left out"),
        (Scope(title=("down",)), "API Video Both Something", "read"),
        (Scope(title=("DOWN video",)), "Video", "3 of 4 incidents left out"),
        (Scope(title=("api", "both")), "API Both", "2 of 4 incidents left out"),
        (Scope(title=("ap",)), "", "4 of 4 incidents left out"),
        (Scope(title=("a.*",)), "", "4 of 4 incidents left out"),
        (Scope(components=("Video app",), title=("both",)), "Both", "3 of 4 incidents left out"),
    ],
)
def test_what_is_out_of_scope_is_left_out_and_counted(scope: Scope, kept: str, said: str) -> None:
    page = statuspage(*MANY, scope=scope)
    assert [i.title.split()[0] for i in page.incidents] == kept.split()
    assert said in page.said
    assert span(page) == (at("2026-03-10T08:00:00"), NOW)  # the page speaks of all its time


def test_a_feed_that_names_no_components_is_told_so() -> None:
    page = statuspage(incident("API down", 10), scope=Scope(components=("API",)))
    assert len(page.incidents) == 1
    assert "this feed names no components: components = [...] changes nothing here; use title" in page.said


def test_an_incident_out_of_scope_with_a_doubt_says_nothing() -> None:
    doubtful = {**incident("Video down", 12, "Video app"), "resolved_at": "soon"}
    page = statuspage(MANY[0], doubtful, scope=Scope(components=("API",)))
    assert len(page.notes) == 1
    assert "soon" not in page.said


@pytest.mark.parametrize(
    ("format_", "name", "component", "ids"),
    [
        ("incident_io", "incident_io_incidents.json", "Nobody", None),
        ("better_stack", "better_stack_index.json", "API", ["900", "902"]),
        ("google_cloud", "google_incidents.json", "Cloud Run", ["Gg7hH8iI9", "Aa1bB2cC3"]),
        ("aws", "aws_currentevents.json", "Amazon Bedrock", ["AWS_BEDROCK_1"]),
        ("aws", "aws_currentevents.json", "bedrock-us-east-1", ["AWS_BEDROCK_1"]),
        ("status_io", "status_io.json", "API", ["5a01", "5a02"]),
        ("sorry", "sorry_notices.json", "Accounts", ["1", "2", "3"]),
        ("rss", "instatus_history.rss", "Web app", ["cm02", "cm01"]),
        ("rss", "instatus_history.rss", "Webhooks", ["cm02"]),
        ("rss", "incident_io.rss", "Files", ["01KPOSTED"]),
        ("rss", "azure_status.rss", "Storage", ["IJ78-KL9", "EF45-GH6"]),
    ],
)
def test_components_are_read_where_a_page_names_them(
    format_: FeedFormat, name: str, component: str, ids: list[str] | None
) -> None:
    page = FEEDS[format_](
        (PAGES / name).read_bytes(),
        service="plover",
        feed="plover status",
        fetched_s=NOW,
        scope=Scope(components=(component,)),
    )
    if ids is None:
        assert "left out, of other components or titles" in page.said or "names no components" in page.said
    else:
        assert [i.id.rpartition("/")[2] for i in page.incidents] == ids
