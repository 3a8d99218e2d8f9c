"""A flood beside an innocent reference: what is recorded of the innocent is what is recorded without the flood"""

from pathlib import Path

import pytest

from bench.floods import endpoint, floods, run, serving
from wrapdetect.dialects import decode
from wrapdetect.model import Exchange

ASKS = 12
KINDS = (
    "one_byte_chunks", "template_one_byte_chunks", "small_events", "tiny_headers", "early_hints", "cookies",
    "empty_frames", "pings", "wide_json", "gzip_bomb",
)  # fmt: skip


def told(exchange: Exchange) -> tuple[int, int | None, object, bool]:
    """Of the innocent's answer all but the moment that it tells."""
    reply = decode(exchange, endpoint("innocent", 1, "openai_plain"))
    return exchange.ask.draw, exchange.status, exchange.failure, reply.text.startswith("sent at ")


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_an_innocent_reference_is_recorded_as_without_the_flood(kind: str, tmp_path: Path) -> None:
    with serving("", 1.0) as port, serving(kind, 10.0) as hostile_port:
        innocent = endpoint("innocent", port, "openai_plain")
        hostile = endpoint("hostile", hostile_port, floods()[kind].way)
        alone, _ = run((innocent,), {"innocent": ASKS}, tmp_path)
        both, _ = run((hostile, innocent), {"innocent": ASKS, "hostile": 2}, tmp_path)
    beside = sorted(told(e) for e in both if e.endpoint == "innocent")
    assert beside == sorted(map(told, alone))
    assert [e for e in both if e.endpoint == "hostile" and e.failure is None and not decode(e, hostile).failure] == []
