"""The lab's relay gets the same state through every way in, and a bot with its own voice is accused through none."""

from pathlib import Path

import pytest

from bench.ways.audits import Outcome, audited
from bench.ways.lab import Truth
from bench.ways.table import ACCUSED
from wrapdetect.ways.page.browser import find_chromium

pytestmark = pytest.mark.slow
STATE = "likely_wrapper"
WAYS = (
    "openai_stream",
    "anthropic_stream",
    "template_json",
    "template_sse",
    "template_websocket",
    "page",
    "pasted_import",
    "pasted_by_hand",
)
"""One of each kind; `./run bench ways` tries them all."""


def outcome(truth: Truth, way: str, folder: Path) -> Outcome:
    if way == "page" and find_chromium() is None:
        pytest.skip("no Chromium here")
    found = audited(truth, way, 1, folder, weights="closed")
    assert found.bugs == ()
    return found


@pytest.mark.parametrize("way", WAYS)
def test_a_relay_gets_the_same_state_by_every_way(way: str, tmp_path: Path) -> None:
    found = outcome("relay", way, tmp_path)
    assert (found.state, found.upstream) == (STATE, "heron"), found


@pytest.mark.parametrize("way", WAYS)
def test_a_bot_with_its_own_voice_is_accused_by_no_way(way: str, tmp_path: Path) -> None:
    found = outcome("own voice", way, tmp_path)
    assert found.state not in ACCUSED, found
