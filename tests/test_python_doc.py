"""docs/python.md is true: its examples run, in their order, against bots on loopback that stand for its addresses."""

import doctest
import os
import random
import re
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from tests.conftest import ROOT
from wrapdetect.cli.demo.bots import Schedule, VoiceBot
from wrapdetect.cli.demo.command import load_voices
from wrapdetect.cli.demo.server import serve

PAGE = ROOT / "docs" / "python.md"
BOTS = {
    "https://bot.example/v1": ("nova", "heron"),
    "https://upstream.example/v1": ("large-2", "heron"),
    "https://other.example/v1": ("small-1", "wren"),
}
"""Address -> model, and the voice that answers there."""


@pytest.fixture
def page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Its text, with addresses that answer."""
    monkeypatch.chdir(tmp_path)
    text, voices = PAGE.read_text(encoding="utf-8"), load_voices()
    with ExitStack() as stack:
        for number, (address, (model, voice)) in enumerate(BOTS.items()):
            schedule = Schedule(first_s=0, gap_s=0)
            bot = VoiceBot(voice=replace(voices[voice], model=model), rng=random.Random(number), schedule=schedule)
            text = text.replace(address, stack.enter_context(serve(bot)).url)
        yield text


@pytest.mark.slow
def test_the_examples_of_the_page_run(page: str) -> None:
    examples = "\n".join(re.findall(r"^```pycon\n(.*?)^```$", page, re.S | re.M))
    test = doctest.DocTestParser().get_doctest(examples, {}, PAGE.name, str(PAGE), 0)
    said = list[str]()
    found = doctest.DocTestRunner(verbose=False).run(test, out=said.append)
    assert (found.failed, found.attempted > 15) == (0, True), "".join(said)
    assert {"nova.jsonl", "one.jsonl", "two.jsonl"} <= set(os.listdir())
