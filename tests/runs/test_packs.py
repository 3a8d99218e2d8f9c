"""Question packs: every shipped one parses and holds what it promises, and every mistake is named with its line."""

import hashlib
import re
from collections import Counter

import pytest

from wrapdetect.errors import PackError
from wrapdetect.evidence.read import READERS, named_readers
from wrapdetect.evidence.read.identity import vendor_pattern
from wrapdetect.evidence.seeds import Seeds
from wrapdetect.model import Item, Pack
from wrapdetect.runs.packs import parse_pack as parse
from wrapdetect.runs.packs import refuse_doubled_packs
from wrapdetect.store.shipped import load_pack, shipped_packs
from wrapdetect.targets.settings import DEFAULT_PACKS

GOOD = """\
id = "tiny"
version = 1
title = "A test"
purpose = "For a test."
temperature = 0.7
max_tokens = 200

[[item]]
id = "one"
language = "en"
turns = ["Hello?"]
purpose = "First."
readers = ["text"]

[[item]]
id = "two"
language = "zh-Hans"
turns = [
    "你好？",
    "真的吗？",
]
purpose = "Second."
readers = ["coherence", "timing"]
expects = ["a"]
rejects = ["b"]
temperature = 0
max_tokens = 5
"""
SHIPPED = sorted(shipped_packs())


def parse_pack(text: str, *, name: str) -> Pack:
    return parse(text, name=name, readers=named_readers())


def refusal(text: str) -> str:
    with pytest.raises(PackError) as caught:
        parse_pack(text, name="my.toml")
    return str(caught.value)


def changed(old: str, new: str) -> str:
    assert GOOD.count(old) >= 1
    return GOOD.replace(old, new, 1)


def test_an_item_takes_the_packs_temperature_and_length_unless_it_has_its_own() -> None:
    pack = parse_pack(GOOD, name="my.toml")
    assert [(i.id, i.temperature, i.max_tokens) for i in pack.items] == [("one", 0.7, 200), ("two", 0.0, 5)]
    assert pack.items[1] == Item(
        id="two",
        language="zh-Hans",
        turns=("你好？", "真的吗？"),
        purpose="Second.",
        readers=("coherence", "timing"),
        expects=("a",),
        rejects=("b",),
        temperature=0.0,
        max_tokens=5,
    )


def test_the_digest_is_of_the_text_itself() -> None:
    assert parse_pack(GOOD, name="x").digest == hashlib.sha256(GOOD.encode()).hexdigest()
    assert parse_pack(GOOD + "# more\n", name="x").digest != parse_pack(GOOD, name="x").digest


@pytest.mark.parametrize(
    ("old", "new", "line", "said"),
    [
        ('title = "A test"', 'titel = "A test"', 3, "unknown key 'titel'; expected one of id, version, title"),
        ('title = "A test"\n', "", 1, "title is missing"),
        ("version = 1", 'version = "1"', 2, "integer"),
        ("version = 1", "version = 0", 2, "greater than or equal to 1, found 0"),
        ("version = 1", "version = true", 2, "integer"),
        ('id = "tiny"', 'id = "Tiny Pack"', 1, "found 'Tiny Pack'"),
        ('title = "A test"', 'title = "  "', 3, "found '  '"),
        ("temperature = 0.7", "temperature = 2.5", 5, "found 2.5"),
        ("temperature = 0.7", "temperature = nan", 5, "found nan"),
        ("temperature = 0.7", 'temperature = "warm"', 5, "found 'warm'"),
        ("max_tokens = 200", "max_tokens = 1.5", 6, "found 1.5"),
        ("max_tokens = 200", "max_tokens = 100001", 6, "found 100001"),
        ('turns = ["Hello?"]', 'turn = ["Hello?"]', 11, "unknown key 'turn'; expected one of id, language, turns"),
        ('turns = ["Hello?"]\n', "", 8, "turns is missing"),
        ('turns = ["Hello?"]', 'turns = "Hello?"', 11, "list"),
        ('turns = ["Hello?"]', "turns = []", 11, "at least 1 item"),
        ('turns = ["Hello?"]', 'turns = ["a", "b", "c", "d", "e", "f"]', 11, "at most 5 items"),
        ('turns = ["Hello?"]', 'turns = ["a", 5]', 11, "turns[1]"),
        ('language = "en"', 'language = "English"', 10, "found 'English'"),
        ('readers = ["text"]', 'readers = ["smell"]', 13, "found 'smell'"),
        ('readers = ["text"]', "readers = []", 13, "at least 1 item"),
        ('expects = ["a"]', 'expects = [""]', 24, "expects[0]"),
        ("max_tokens = 5", "max_tokens = 0", 27, "item 2, max_tokens"),
        ('rejects = ["b"]', 'reject = ["b"]', 25, "unknown key 'reject'"),
        ('id = "two"', 'id = "one"', 16, "item id 'one' stands there already (line 9); expected each id once"),
    ],
)
def test_a_mistake_is_named_with_file_and_line(old: str, new: str, line: int, said: str) -> None:
    message = refusal(changed(old, new))
    assert message.startswith(f"my.toml, line {line}: ")
    assert said in message
    assert "\n" not in message


@pytest.mark.parametrize(
    "text",
    ['[[item]]\nid = "one"\nlanguage = "en"\n', '[item]\nid = "one"\n', 'item = ["a"]\n'],
    ids=["items_only", "item_as_table", "item_as_texts"],
)
def test_a_head_that_is_missing_is_not_looked_for_in_an_item(text: str) -> None:
    message = refusal(text)
    assert message.startswith("my.toml, line 1: ")
    assert "\n" not in message


def test_a_key_in_a_text_of_several_lines_is_not_taken_for_the_key() -> None:
    text = changed('purpose = "First."', 'purpose = """\nFirst.\nreaders = here\n"""').replace('["text"]', '["smell"]')
    assert refusal(text).startswith("my.toml, line 16: ")


@pytest.mark.parametrize("empty", ["", "item = []\n"])
def test_a_pack_without_items_is_refused(empty: str) -> None:
    assert refusal(GOOD[: GOOD.index("[[item]]")] + empty).startswith("my.toml: the pack holds no [[item]]")


def test_text_that_is_not_toml_is_refused_with_its_line() -> None:
    message = refusal(changed("version = 1", "version = = 1"))
    assert message.startswith("my.toml: not TOML: ")
    assert "line 2" in message


@pytest.mark.parametrize("value", ["[" * 5000, "9" * 5000, "2026-13-45"], ids=["nested", "digits", "date"])
def test_a_value_that_toml_cannot_hold_is_refused_and_names_the_file(value: str) -> None:
    assert refusal(changed("version = 1", f"version = {value}")).startswith("my.toml")


def test_a_pack_named_twice_is_refused() -> None:
    pack = parse_pack(GOOD, name="x")
    with pytest.raises(PackError, match="pack tiny is named twice"):
        refuse_doubled_packs([pack, load_pack("hello"), pack])


def test_the_readers_a_pack_may_name_are_the_readers_there_are() -> None:
    assert set(named_readers()) == set(READERS) - {"failure"}


@pytest.fixture(scope="module")
def packs() -> dict[str, Pack]:
    return {name: load_pack(name) for name in SHIPPED}


@pytest.mark.parametrize("name", SHIPPED)
def test_every_shipped_pack_parses_under_its_files_name(name: str, packs: dict[str, Pack]) -> None:
    assert packs[name].id == name


def test_the_default_packs_are_shipped() -> None:
    assert set(DEFAULT_PACKS) < set(SHIPPED)


def test_identity_asks_in_many_ways_and_languages(packs: dict[str, Pack]) -> None:
    items = packs["identity"].items
    languages = {i.language for i in items}
    assert len(items) >= 24
    assert len(languages) >= 6
    assert "zh" in languages
    assert all("identity" in i.readers for i in items)


def test_coherence_holds_conversations_only(packs: dict[str, Pack]) -> None:
    items = packs["coherence"].items
    assert len(items) >= 16
    assert {len(i.turns) for i in items} <= {2, 3, 4, 5}
    assert all("coherence" in i.readers for i in items)


def test_a_planted_fact_is_in_an_earlier_turn_and_not_in_the_last(packs: dict[str, Pack]) -> None:
    planted = [i for i in packs["coherence"].items if i.expects]
    assert planted
    for item in planted:
        before, last = " ".join(item.turns[:-1]).lower(), item.turns[-1].lower()
        assert any(e.lower() in before for e in item.expects), item.id
        assert not any(e.lower() in last for e in item.expects), item.id
        assert all(r.lower() in before for r in item.rejects), item.id


def test_timing_has_enough_questions_of_a_fixed_answer(packs: dict[str, Pack]) -> None:
    items = packs["timing"].items
    assert len(items) >= 12
    assert all("timing" in i.readers and i.temperature == 0 for i in items)


def test_style_is_long_and_never_about_identity(packs: dict[str, Pack], seeds: Seeds) -> None:
    items = packs["style"].items
    asks_who = re.compile(
        r"who (are|made) you|your (name|maker|model|instructions)|language model|\bAI\b|你是谁|模型", re.I
    )
    assert len(items) >= 32
    assert all("text" in i.readers and "identity" not in i.readers for i in items)
    for turn in (t for i in items for t in i.turns):
        assert not asks_who.search(turn), turn
        assert not vendor_pattern(seeds.vendors).search(turn), turn


def test_ids_are_unique_over_all_packs_but_short(packs: dict[str, Pack]) -> None:
    ids = Counter(i.id for name, p in packs.items() if name != "short" for i in p.items)
    assert [i for i, n in ids.items() if n > 1] == []


def test_every_question_of_short_is_that_of_its_home_pack(packs: dict[str, Pack]) -> None:
    homes = {i.id: i for name, p in packs.items() if name != "short" for i in p.items}
    for item in packs["short"].items:
        assert item == homes[item.id]
