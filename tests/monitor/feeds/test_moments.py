"""Pages that tell only what is open now: onsets stay those first told, and what is dropped has ended."""

from dataclasses import replace

from tests.monitor.feeds.test_feeds import NOW, PAGES, read, saved, span, told
from wrapdetect.monitor.feeds import FEEDS, Scope
from wrapdetect.monitor.feeds.moments import JOINED_S, continued

WIDGET = (PAGES / "incident_io_widget.json").read_bytes()


def test_an_incident_keeps_its_first_onset_when_the_page_tells_a_later_update() -> None:
    first = saved("incident_io", "incident_io_widget.json")
    later = read("incident_io", WIDGET.replace(b"10:30:00Z", b"11:30:00Z"), NOW + 600)
    page = continued(later, first.incidents, seen_s=NOW)
    assert [told(i)[:3] for i in page.incidents] == [told(i)[:3] for i in first.incidents]
    assert span(page) == (NOW, NOW + 600)


def test_an_incident_that_is_no_longer_told_has_ended() -> None:
    first = saved("incident_io", "incident_io_widget.json")
    empty = b'{"ongoing_incidents": [], "in_progress_maintenances": [], "scheduled_maintenances": []}'
    page = continued(read("incident_io", empty, NOW + 600), first.incidents, seen_s=NOW)
    ends = {told(i)[0]: i.ended_s for i in page.incidents}
    assert (ends["01KPOSTED"], ends["01KFAILOVER"]) == (NOW + 600, NOW + 600)
    assert continued(read("incident_io", empty, NOW + 900), page.incidents, seen_s=NOW + 600).incidents == ()


def test_an_outage_of_an_upptime_site_stays_one_while_its_file_is_written_anew() -> None:
    first = saved("upptime", "upptime_site.yml")
    rewritten = (PAGES / "upptime_site.yml").read_bytes().replace(b"2026-03-20T23:00:57", b"2026-03-21T05:00:57")
    page = continued(read("upptime", rewritten, NOW + 600), first.incidents, seen_s=NOW)
    assert page.incidents == first.incidents


def test_looks_far_apart_leave_the_time_between_unknown() -> None:
    page = continued(read("incident_io", WIDGET, NOW + JOINED_S + 1), (), seen_s=NOW)
    assert span(page) == (NOW + JOINED_S + 1, NOW + JOINED_S + 1)
    assert span(continued(read("incident_io", WIDGET), (), seen_s=None)) == (NOW, NOW)


def test_a_list_that_covers_weeks_is_left_as_it_is() -> None:
    page = saved("statuspage", "statuspage_incidents.json")
    other = saved("statuspage", "statuspage_summary.json").incidents
    assert continued(page, other, seen_s=NOW - 600) is page


def test_what_a_new_scope_leaves_out_is_an_outage_no_more_in_the_store() -> None:
    everything = saved("incident_io", "incident_io_incidents.json")
    page = FEEDS["incident_io"](
        (PAGES / "incident_io_incidents.json").read_bytes(),
        service="plover",
        feed="plover status",
        fetched_s=NOW,
        scope=Scope(title=("nothing of this",)),
    )
    assert page.incidents == ()
    told_again = continued(page, everything.incidents, seen_s=NOW - 600).incidents
    assert {i.id: i.severity for i in told_again} == {"01KSTATED": 0, "01KPOSTED": 0}
    assert continued(page, (), seen_s=NOW - 600) is page  # never stored: stays out


def test_an_outage_that_a_list_drops_from_the_time_it_tells_of_has_ended() -> None:
    azure = saved("rss", "azure_status.rss")
    ongoing = [i for i in azure.incidents if i.ended_s is None]
    assert [i.id for i in ongoing] == ["AB12-CD3"]
    text = (PAGES / "azure_status.rss").read_bytes()
    start, end = (
        text.index(b'<item><guid isPermaLink="false">AB12'),
        text.index(b'<item><guid isPermaLink="false">EF45'),
    )
    later = read("rss", text[:start] + text[end:], NOW + 600)
    assert later.coverage is not None
    ended = [i for i in continued(later, azure.incidents, seen_s=NOW).incidents if i.id == "AB12-CD3"]
    assert [i.ended_s for i in ended] == [NOW + 600]
    empty = read("rss", b"<rss version='2.0'><channel><title>Azure Status</title></channel></rss>", NOW + 600)
    assert [(i.id, i.ended_s) for i in continued(empty, ongoing, seen_s=NOW).incidents] == [("AB12-CD3", NOW + 600)]


def test_an_outage_before_the_time_that_a_list_tells_of_is_not_ended_by_its_silence() -> None:
    azure = saved("rss", "azure_status.rss")
    old = replace(azure.incidents[-1], id="old", began_s=NOW - 40 * 86_400)
    notice = replace(azure.incidents[-1], id="notice", severity=0)
    assert continued(azure, [*azure.incidents, old, notice], seen_s=NOW - 600) is azure
