"""Alerts: one message for each event over a real loopback server, held back where they flap, and no URL ever shown."""

import contextlib
import json
import logging
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from tests.cli.monitor_lab import answering
from wrapdetect.errors import SpecError
from wrapdetect.monitor.alert import Alert, EventKind
from wrapdetect.store.ledger import Ledger
from wrapdetect.ways.alerts import Alerts, read_alert_urls

SECRET = "hunter2secret"
QUIET_S = 6 * 3600
START_S = 1_780_000_000


@dataclass
class Inbox:
    """A service that takes messages as JSON; it answers with `status`."""

    port: int = 0
    status: int = 200
    messages: list[dict[str, str]] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"json://user:{SECRET}@127.0.0.1:{self.port}/{SECRET}-path/?+X-Token={SECRET}-header"


@contextlib.contextmanager
def an_inbox() -> Iterator[Inbox]:
    inbox = Inbox()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            if inbox.status == 200:
                inbox.messages.append(json.loads(body))
            self.send_response(inbox.status)
            if inbox.status == 302:
                self.send_header("location", "/elsewhere")
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    with answering(Handler) as inbox.port:
        yield inbox


@pytest.fixture
def inbox() -> Iterator[Inbox]:
    with an_inbox() as it:
        yield it


class Clock:
    def __init__(self) -> None:
        self.now_s = START_S

    def __call__(self) -> datetime:
        return datetime.fromtimestamp(self.now_s, UTC)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def ledger(tmp_path: Path, clock: Clock) -> Iterator[Ledger]:
    with Ledger.open(tmp_path / "monitor.db", now=clock, holder="test") as it:
        yield it


@pytest.fixture
def alerts(inbox: Inbox, ledger: Ledger, clock: Clock) -> Alerts:
    return Alerts({"MY_ALERTS": inbox.url}, memory=ledger, now=clock, quiet_s=QUIET_S)


def an_event(key: str = "k1", *, kind: EventKind = "version", subject: str = "bot", text: str = "It changed.") -> Alert:
    return Alert(key=key, kind=kind, subject=subject, text=text, at_s=START_S)


def test_an_event_is_told_once_in_words_that_name_whom_it_is_about(alerts: Alerts, inbox: Inbox) -> None:
    assert alerts.send(an_event(text="Its answers changed.\nSince Monday.")).outcome == "sent"
    assert alerts.send(an_event()).outcome == "known"
    assert [(m["title"], m["message"], m["type"]) for m in inbox.messages] == [
        ("wrapdetect: bot: version changed", "Its answers changed.\nSince Monday.", "info")
    ]


def test_what_flaps_is_held_back_and_counted_in_the_next_message(alerts: Alerts, inbox: Inbox, clock: Clock) -> None:
    outcomes = []
    for hour in range(8):
        clock.now_s = START_S + hour * 3600
        outcomes.append(alerts.send(an_event(f"k{hour}")).outcome)
    assert outcomes == ["sent", "held", "held", "held", "held", "held", "sent", "held"]
    assert inbox.messages[1]["message"].endswith("(5 more of this kind about bot held back since the last message)")
    clock.now_s += 30 * 3600
    alerts.send(an_event("k8"))
    assert "(1 more" in inbox.messages[2]["message"]


def test_another_kind_or_subject_is_not_held_back(alerts: Alerts) -> None:
    events = [an_event("a"), an_event("b", kind="feed"), an_event("c", subject="bot 2"), an_event("d", subject="bo")]
    assert [alerts.send(e).outcome for e in events] == ["sent"] * 4


def test_what_was_told_and_held_back_outlives_the_process(
    alerts: Alerts, inbox: Inbox, clock: Clock, tmp_path: Path
) -> None:
    alerts.send(an_event("k1"))
    alerts.send(an_event("k2"))
    with Ledger.open(tmp_path / "monitor.db", now=clock, holder="next") as ledger:
        later = Alerts({"MY_ALERTS": inbox.url}, memory=ledger, now=clock, quiet_s=QUIET_S)
        assert [later.send(an_event(k)).outcome for k in ("k1", "k2", "k3")] == ["known", "known", "held"]
        clock.now_s += QUIET_S
        assert later.send(an_event("k4")).outcome == "sent"
    assert "(2 more" in inbox.messages[1]["message"]


def test_a_clock_that_goes_far_back_does_not_silence_alerts(alerts: Alerts, clock: Clock) -> None:
    alerts.send(an_event("k1"))
    clock.now_s -= 10 * 86_400
    assert alerts.send(an_event("k2")).outcome == "sent"


@pytest.mark.parametrize("status", [500, 403, 302])
def test_what_was_not_delivered_is_said_in_one_line_without_the_url_and_tried_again(
    status: int, alerts: Alerts, inbox: Inbox, clock: Clock
) -> None:
    inbox.status = status
    delivery = alerts.send(an_event())
    assert not delivery
    assert delivery.outcome == "failed"
    assert delivery.trouble.startswith("alert about bot not delivered to MY_ALERTS: ")
    assert str(status) in delivery.trouble
    assert SECRET not in delivery.trouble
    assert "\n" not in delivery.trouble
    inbox.status = 200
    clock.now_s += 300
    assert alerts.send(an_event()).outcome == "sent"
    assert alerts.send(an_event()).outcome == "known"


def test_a_service_that_is_not_there_is_named_by_its_variable(ledger: Ledger, clock: Clock) -> None:
    with an_inbox() as gone:
        pass
    delivery = Alerts({"MY_ALERTS": gone.url}, memory=ledger, now=clock, quiet_s=QUIET_S).send(an_event())
    assert delivery.outcome == "failed"
    assert "MY_ALERTS" in delivery.trouble
    assert SECRET not in delivery.trouble


def test_one_service_of_two_that_fails_is_told_as_trouble_and_nothing_is_sent_twice(
    inbox: Inbox, ledger: Ledger, clock: Clock
) -> None:
    with an_inbox() as other:
        other.status = 500
        alerts = Alerts({"ONE": inbox.url, "TWO": other.url}, memory=ledger, now=clock, quiet_s=QUIET_S)
        delivery = alerts.send(an_event())
        assert (delivery.outcome, "TWO" in delivery.trouble, "ONE" in delivery.trouble) == ("sent", True, False)
        assert alerts.send(an_event()).outcome == "known"
    assert len(inbox.messages) == 1


def test_one_variable_may_hold_several_urls(inbox: Inbox, ledger: Ledger, clock: Clock) -> None:
    with an_inbox() as other:
        urls = {"BOTH": f"{inbox.url}, {other.url}"}
        assert Alerts(urls, memory=ledger, now=clock, quiet_s=QUIET_S).send(an_event()).outcome == "sent"
        assert (len(inbox.messages), len(other.messages)) == (1, 1)


def test_with_nobody_to_tell_nothing_is_remembered(inbox: Inbox, ledger: Ledger, clock: Clock) -> None:
    assert Alerts({}, memory=ledger, now=clock, quiet_s=QUIET_S).send(an_event()).outcome == "off"
    later = Alerts({"MY_ALERTS": inbox.url}, memory=ledger, now=clock, quiet_s=QUIET_S)
    assert later.send(an_event()).outcome == "sent"


def test_what_a_hostile_service_said_cannot_drive_a_terminal(alerts: Alerts, inbox: Inbox) -> None:
    alerts.send(an_event(text="It said \x1b[31mred\x07\nand more"))
    assert inbox.messages[0]["message"] == "It said ?[31mred?\nand more"


@pytest.mark.parametrize("status", [200, 500])
def test_no_log_at_any_level_shows_the_url(
    status: int, alerts: Alerts, inbox: Inbox, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    inbox.status = status
    alerts.send(an_event())
    logging.getLogger("apprise").error("could not parse %s", inbox.url)
    assert SECRET not in caplog.text
    assert SECRET not in repr(alerts)
    assert "could not parse json://" in caplog.text


@pytest.mark.parametrize("url", [f"nosuch://{SECRET}/{SECRET}", f"https://{SECRET}", f"tgram://{SECRET}/"])
def test_a_url_that_no_service_understands_is_refused_unshown(
    url: str, ledger: Ledger, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(SpecError, match="variable MY_ALERTS holds no URL that Apprise understands") as caught:
        Alerts({"MY_ALERTS": url}, memory=ledger, now=clock, quiet_s=QUIET_S)
    assert SECRET not in str(caught.value) + caplog.text


def test_urls_come_from_the_environment_and_a_variable_without_one_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_ALERTS", " json://127.0.0.1/ ")
    assert read_alert_urls(["MY_ALERTS"]) == {"MY_ALERTS": "json://127.0.0.1/"}
    with pytest.raises(SpecError, match=r"variable NO_ALERTS is not set"):
        read_alert_urls(["MY_ALERTS", "NO_ALERTS"])
    monkeypatch.setenv("MY_ALERTS", SECRET)
    with pytest.raises(SpecError, match=r"variable MY_ALERTS holds no URL") as caught:
        read_alert_urls(["MY_ALERTS"])
    assert SECRET not in str(caught.value)
