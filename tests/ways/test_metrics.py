"""Metrics: scraped over loopback as Prometheus does it, and nothing in them but names from the config."""

import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from prometheus_client import REGISTRY
from prometheus_client.parser import text_string_to_metric_families

from wrapdetect.errors import SpecError
from wrapdetect.model.history import Beat, Outcome
from wrapdetect.ways.metrics import Metrics, serve_metrics

Sample = tuple[str, tuple[tuple[str, str], ...]]


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


@pytest.fixture
def port(metrics: Metrics) -> Iterator[int]:
    with serve_metrics(metrics, 0) as it:
        yield it


def scraped(port: int) -> dict[Sample, float]:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as page:
        text = page.read().decode()
    return {
        (s.name, tuple(sorted(s.labels.items()))): s.value
        for family in text_string_to_metric_families(text)
        for s in family.samples
    }


def a_beat(outcome: Outcome, latency_ms: int = 0) -> Beat:
    said = "" if outcome is Outcome.UP else "key sk-hunter2secret is wrong"
    return Beat(service="bot", round_s=300, offset_ms=5, outcome=outcome, latency_ms=latency_ms, said=said)


def test_heartbeats_are_counted_by_outcome_and_answers_timed(metrics: Metrics, port: int) -> None:
    for beat in (a_beat(Outcome.UP, 80), a_beat(Outcome.UP, 700), a_beat(Outcome.TIMEOUT)):
        metrics.beat(beat)
    found = scraped(port)
    bot = ("service", "bot")
    assert found["wrapdetect_beats_total", (("outcome", "up"), bot)] == 2
    assert found["wrapdetect_beats_total", (("outcome", "timeout"), bot)] == 1
    assert found["wrapdetect_latency_seconds_count", (bot,)] == 2
    assert found["wrapdetect_latency_seconds_sum", (bot,)] == pytest.approx(0.78)
    assert found["wrapdetect_latency_seconds_bucket", (("le", "0.1"), bot)] == 1
    assert found["wrapdetect_up", (bot,)] == 0


@pytest.mark.slow
@pytest.mark.parametrize("outcome", Outcome)
def test_up_is_told_of_the_service_and_never_of_our_account(outcome: Outcome, metrics: Metrics, port: int) -> None:
    metrics.beat(a_beat(outcome))
    value = scraped(port)["wrapdetect_up", (("service", "bot"),)]
    expected = {Outcome.UP: 1.0, Outcome.REFUSED: float("nan"), Outcome.LIMITED: float("nan")}.get(outcome, 0.0)
    assert value == pytest.approx(expected, nan_ok=True)


def test_evidence_budget_feeds_and_lateness_are_there(metrics: Metrics, port: int) -> None:
    metrics.evidence("bot", "up", 3.5)
    metrics.budget({"requests": 0.25, "tokens": 1.0})
    metrics.feed("up rss", False)
    metrics.feed("up statuspage", True)
    metrics.lateness(0.125)
    found = scraped(port)
    assert found["wrapdetect_evidence_nats", (("candidate", "up"), ("target", "bot"))] == 3.5
    assert found["wrapdetect_budget_spent", (("kind", "requests"),)] == 0.25
    assert found["wrapdetect_budget_spent", (("kind", "tokens"),)] == 1
    assert found["wrapdetect_feed_ok", (("feed", "up rss"),)] == 0
    assert found["wrapdetect_feed_ok", (("feed", "up statuspage"),)] == 1
    assert found["wrapdetect_round_lateness_seconds", ()] == 0.125


def test_a_store_that_is_away_shows_and_a_service_that_is_watched_no_more_does_not(metrics: Metrics, port: int) -> None:
    assert scraped(port)["wrapdetect_store_ok", ()] == 1
    metrics.store(False)
    metrics.beat(a_beat(Outcome.UP, 80))
    assert scraped(port)["wrapdetect_store_ok", ()] == 0
    assert ("wrapdetect_up", (("service", "bot"),)) in scraped(port)
    metrics.forget(["bot", "never"])
    assert ("wrapdetect_up", (("service", "bot"),)) not in scraped(port)


def test_no_text_that_a_service_said_becomes_a_figure(metrics: Metrics, port: int) -> None:
    metrics.beat(a_beat(Outcome.REFUSED))
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as page:
        assert "hunter2secret" not in page.read().decode()


def test_a_name_with_quotes_and_breaks_stays_one_label(metrics: Metrics, port: int) -> None:
    odd = 'a"b\\c\nd{e="f"} 1'
    metrics.feed(odd, True)
    assert scraped(port)["wrapdetect_feed_ok", (("feed", odd),)] == 1


def test_two_monitors_in_one_process_keep_their_figures_apart(metrics: Metrics, port: int) -> None:
    other = Metrics()
    other.lateness(9.0)
    metrics.lateness(1.0)
    assert scraped(port)["wrapdetect_round_lateness_seconds", ()] == 1
    assert "wrapdetect_round_lateness_seconds" not in {m.name for m in REGISTRY.collect()}


def test_a_port_in_use_is_said_in_one_line(metrics: Metrics, port: int) -> None:
    with pytest.raises(SpecError, match=rf"port {port}: Address already in use; give a free --metrics-port") as caught:
        ExitStack().enter_context(serve_metrics(metrics, port))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("host", "port"), [("127.0.0.1", 70_000), ("192.0.2.1", 0)])
def test_an_address_that_is_not_ours_is_said_in_one_line(host: str, port: int, metrics: Metrics) -> None:
    with pytest.raises(SpecError, match=f"cannot serve metrics on {host}, port {port}: "):
        ExitStack().enter_context(serve_metrics(metrics, port, host))


def test_the_port_is_free_again_behind_the_block(metrics: Metrics) -> None:
    with serve_metrics(metrics, 0) as port:
        scraped(port)
    with pytest.raises(urllib.error.URLError):
        scraped(port)
    with serve_metrics(metrics, port):
        scraped(port)
