"""A remote's text where bytes become text: storable, and in no file raw what drives a terminal."""

import json
import tomllib
from collections.abc import Iterator

import pytest

from tests.conftest import an_endpoint, an_exchange
from wrapdetect.dialects.template import kept_in
from wrapdetect.dialects.template.sources import find
from wrapdetect.model import AskKey, Chunk, Template
from wrapdetect.runs.codec import dump_exchange
from wrapdetect.targets.detect.base import Look, Seen
from wrapdetect.targets.written import dump_target

ODD = [
    "\ud800",
    "\udfff",
    "\x1b]0;x\x07",
    "\x9b31m",
    "\x7f",
    "\u202e",
    "\u2066",
    "\u2028",
    "\ufeff",
    "\U000e0041",
    "'''",
]


def leaves(value: object) -> Iterator[str]:
    """All texts in some JSON."""
    match value:
        case str():
            yield value
        case dict():
            for held in value.values():
                yield from leaves(held)
        case list():
            for held in value:
                yield from leaves(held)


HALVES = ["\ud800", "\udfff", "\udfff\ud800", "a\ud83d"]


@pytest.mark.parametrize("odd", ODD, ids=ascii)
def test_a_toml_parses_and_holds_no_control(odd: str) -> None:
    text = dump_target(an_endpoint("target", "target", model=f'm{odd}\n[target]\nurl = "x"'))
    assert all(c.isprintable() or c == "\n" for c in text)
    assert tomllib.loads(text)["target"]["url"] == an_endpoint("target", "target").url


@pytest.mark.parametrize("odd", ODD, ids=ascii)
def test_a_recording_holds_no_control_raw_and_reads_back_the_same(odd: str) -> None:
    chunks = (Chunk(t_s=0.1, data=f"said {odd}".encode("utf-8", "surrogatepass")),)
    exchange = an_exchange("bot", AskKey("style", "tides", 0), "", chunks=chunks, headers=(("x-said", odd),))
    line = dump_exchange(exchange)
    assert all(c.isprintable() for c in line.strip())
    assert odd in leaves(json.loads(line))


@pytest.mark.parametrize("half", HALVES, ids=ascii)
def test_what_is_kept_or_detected_can_be_sent_and_stored(half: str) -> None:
    body = json.dumps({"csrf": f"x{half}y", f"k{half}": [half]})
    found = find("$.csrf", text=body)
    template = Template(answer="$.a", keep=(("csrf", "$.csrf"),))
    exchange = an_exchange("bot", AskKey("style", "tides", 0), "", chunks=(Chunk(t_s=0.1, data=body.encode()),))
    for text in (
        found,
        *kept_in(template, exchange, {}).values(),
        json.dumps(Seen(look=Look(name="a", url=""), text=body).json),
    ):
        assert text is not None
        assert json.dumps(text, ensure_ascii=False).encode()
        assert "\\ud8" not in text
        assert "\\udf" not in text
