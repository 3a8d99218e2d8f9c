"""What other packages add by entry points: each is checked, added, or named with what is wrong; the rest goes on."""

import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from importlib.metadata import Distribution, EntryPoint
from os import PathLike
from pathlib import Path
from pkgutil import resolve_name

import pytest

from tests.conftest import ROOT
from tests.evidence.test_rules import GREETING
from wrapdetect.dialects import DIALECTS
from wrapdetect.evidence.compare.rule import Rule
from wrapdetect.evidence.read import READERS, Reader
from wrapdetect.model import Pack
from wrapdetect.runs.packs import parse_pack
from wrapdetect.store.plugins import GROUPS, EntryPointGroup, PlugIn, add_plugins
from wrapdetect.store.shipped import pack_of_plug_in

PACK = """\
id = "greetings"
version = 1
title = "Greetings"
purpose = "For a test."
temperature = 0.7
max_tokens = 50

[[item]]
id = "hello"
language = "en"
turns = ["Hello?"]
purpose = "First."
readers = ["text"]
"""
FAREWELL = replace(GREETING, id="farewell")
OURS = replace(GREETING, id="ours")
NO_RULE = 7
SHIPPED_PACK = PACK.replace("greetings", "style")
TORN_PACK = PACK.replace("version", "versio")
RULES_HERE: dict[str, Rule] = {}
PACKS_HERE: dict[str, Pack] = {}
RULES_GROUP, PACKS_GROUP = "wrapdetect.rules", "wrapdetect.packs"
HERE: Mapping[str, EntryPointGroup] = {
    RULES_GROUP: GROUPS[RULES_GROUP]._replace(registry="tests.store.test_plugins:RULES_HERE"),
    PACKS_GROUP: GROUPS[PACKS_GROUP]._replace(registry="tests.store.test_plugins:PACKS_HERE"),
}


class Package(Distribution):
    """An installed package that holds nothing but its metadata."""

    def __init__(self, name: str, version: str, entry_points: str) -> None:
        self._files = {"METADATA": f"Name: {name}\nVersion: {version}\n", "entry_points.txt": entry_points}

    def read_text(self, filename: str) -> str | None:
        return self._files.get(filename)

    def locate_file(self, path: str | PathLike[str]) -> Path:
        return Path(path)


class LeaveAll:
    """Ends the program where it is looked at."""

    @property
    def now(self) -> Rule:
        raise SystemExit("of their own accord")


leave_all = LeaveAll()


class Talkative:
    """Prints where it is looked at."""

    @property
    def greeting(self) -> Rule:
        print("loaded, and proud of it")  # noqa: T201  # as packages do
        return GREETING


talkative = Talkative()


def points(*lines: str, group: str = RULES_GROUP, package: str = "parley", version: str = "0.3") -> list[EntryPoint]:
    return list(Package(package, version, "\n".join([f"[{group}]", *lines])).entry_points)


@pytest.fixture(autouse=True)
def _nothing_added_before() -> None:
    RULES_HERE.clear()
    PACKS_HERE.clear()
    RULES_HERE["ours"] = OURS


def test_what_fits_is_added_and_knows_its_package() -> None:
    (added,) = add_plugins(points("greeting = tests.evidence.test_rules:GREETING"), HERE)
    assert added == PlugIn(group=RULES_GROUP, id="greeting", package="parley 0.3")
    assert RULES_HERE["greeting"] == replace(GREETING, origin="parley 0.3")


def test_what_a_plug_in_prints_is_kept_out_of_the_report(capsys: pytest.CaptureFixture[str]) -> None:
    (added,) = add_plugins(points("greeting = tests.store.test_plugins:talkative.greeting"), HERE)
    assert added.problem == ""
    said = capsys.readouterr()
    assert (said.out, said.err) == ("", "loaded, and proud of it\n")


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        (
            "greeting = tests.store.test_plugins:NO_RULE",
            "TypeError: tests.store.test_plugins:NO_RULE is of type int;",
        ),
        (
            "greeting = tests.store.test_plugins:FAREWELL",
            "ValueError: tests.store.test_plugins:FAREWELL has the id 'farewell';",
        ),
        (
            "greeting = tests.store.test_plugins:NOT_THERE",
            "AttributeError: module 'tests.store.test_plugins' has no attribute",
        ),
        ("greeting = no_such_package:RULE", "ModuleNotFoundError: No module named 'no_such_package'"),
        ("greeting = tests.store.test_plugins:points.nothing", "AttributeError: 'function' object has no attribute"),
        ("greeting = tests.store.test_plugins:leave_all.now", "SystemExit: of their own accord"),
        ("ours = tests.store.test_plugins:OURS", "ours is there already; expected another name"),
    ],
)
def test_what_does_not_fit_is_named_in_one_line_and_the_rest_is_added(line: str, problem: str) -> None:
    broken, whole = add_plugins(points(line, "zz = tests.store.test_plugins:ZZ"), HERE)
    assert broken.warning.startswith(
        f"plug-in {line.split()[0]} of parley 0.3 (wrapdetect.rules) is left out: {problem}"
    )
    assert "\n" not in broken.warning
    assert whole.problem == ""
    assert set(RULES_HERE) == {"ours", "zz"}
    assert RULES_HERE["ours"].origin == ""


ZZ = replace(GREETING, id="zz")


MASKED = Reader(id="masked", features=("masked", "claim_free"), read=lambda *_: iter(()), paragraph="`masked`.")
SHADOW = replace(DIALECTS["page"], name="openai_stream")


@pytest.mark.parametrize(
    ("group", "line", "problem"),
    [
        ("wrapdetect.readers", "masked = tests.store.test_plugins:MASKED", "claim_free is there already"),
        ("wrapdetect.dialects", "openai_stream = tests.store.test_plugins:SHADOW", "openai_stream is there already"),
    ],
)
def test_a_feature_and_the_name_in_a_run_file_are_its_own_too(group: str, line: str, problem: str) -> None:
    before = dict(resolve_name(GROUPS[group].registry))
    (left_out,) = add_plugins(points(line, group=group))
    assert left_out.problem == f"{problem}; expected another name"
    assert resolve_name(GROUPS[group].registry) == before


def test_of_two_of_one_id_none_is_added() -> None:
    both = [
        *points("greeting = tests.evidence.test_rules:GREETING"),
        *points("greeting = x:Y", package="other", version="2"),
    ]
    found = add_plugins(both, HERE)
    assert [p.package for p in found] == ["other 2", "parley 0.3"]
    assert {p.problem for p in found} == {"2 plug-ins have this id; uninstall all but one"}
    assert set(RULES_HERE) == {"ours"}


def test_a_pack_of_a_plug_in_is_a_text_and_becomes_a_pack() -> None:
    (added,) = add_plugins(points("greetings = tests.store.test_plugins:PACK", group=PACKS_GROUP), HERE)
    assert added.problem == ""
    assert PACKS_HERE["greetings"] == parse_pack(PACK, name="greetings", readers=["text"])


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("style = tests.store.test_plugins:SHIPPED_PACK", "PackError: style is there already; expected another name"),
        (
            "salute = tests.store.test_plugins:PACK",
            "PackError: salute: the pack's id is 'greetings'; expected 'salute'",
        ),
        (
            "greetings = tests.store.test_plugins:TORN_PACK",
            "PackError: greetings, line 2: versio: unknown key 'versio'",
        ),
        (
            "greetings = tests.store.test_plugins:NO_RULE",
            "TypeError: tests.store.test_plugins:NO_RULE is of type int;",
        ),
    ],
)
def test_a_pack_that_is_none_is_left_out(line: str, problem: str) -> None:
    (left_out,) = add_plugins(points(line, group=PACKS_GROUP), HERE)
    assert left_out.problem.startswith(problem)
    assert PACKS_HERE == {}


def test_a_pack_may_name_a_reader_that_is_added_beside_it(monkeypatch: pytest.MonkeyPatch) -> None:
    marks = Reader(id="marks", features=("marks",), read=lambda readings, background: iter(()), paragraph="Marks.")
    monkeypatch.setitem(READERS, "marks", marks)
    assert pack_of_plug_in("greetings", PACK.replace('"text"', '"marks"')).items[0].readers == ("marks",)
    assert list(GROUPS).index("wrapdetect.readers") < list(GROUPS).index("wrapdetect.packs")


@pytest.mark.parametrize("name", GROUPS)
def test_a_group_names_a_registry_whose_values_are_what_it_takes(name: str) -> None:
    group = GROUPS[name]
    registry, kind = resolve_name(group.registry), resolve_name(group.type)
    if not group.made:
        assert registry
        assert {getattr(value, group.id): value for value in registry.values()} == registry
        assert all(isinstance(value, kind) for value in registry.values())


def test_the_docs_name_every_group_with_its_type_and_its_id() -> None:
    text = (ROOT / "docs" / "plugins.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| `(wrapdetect\.\w+)` \| (.*) \|$", text, re.M))
    assert set(rows) == set(GROUPS)
    for name, group in GROUPS.items():
        assert rows[name].endswith(f"`{group.id}`" if not group.made else "`id` in the text")
        named = re.search(r"`(wrapdetect[\w.]+)\.(\w+)`", rows[name])
        assert group.made or (named and resolve_name(f"{named[1]}:{named[2]}") is resolve_name(group.type))


def test_finding_none_imports_no_registry() -> None:
    script = (
        "import sys; from wrapdetect.store.plugins import add_plugins; add_plugins([]);"
        "rooms = ('wrapdetect.evidence', 'wrapdetect.monitor', 'wrapdetect.report', 'numpy');"
        "print([m for m in sys.modules if m.startswith(rooms)])"
    )
    said = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    assert said == "[]\n"
