"""TOML is read, checked and placed by one module, whatever file it stands in."""

import ast
from collections.abc import Iterator

import pytest
from pydantic import BaseModel, Field

from tests.conftest import ROOT
from wrapdetect.errors import PackError
from wrapdetect.targets.config import Config
from wrapdetect.targets.tables import LoginTable, TemplateTable
from wrapdetect.targets.toml_lines import STRICT, UNFIT, Loc, Misfit, TomlText, keys_at, refuse_unfit, table_at

TEXT = """\
title = "t"

[[tree]]
height = 3
[[tree]]
leaves = [
  "a",
  "b",
]
"""


class Tree(BaseModel):
    model_config = STRICT

    height: int = Field(default=1, alias="tall")
    leaves: list[str] = Field(default_factory=list)


class Wood(BaseModel):
    model_config = STRICT

    title: str
    tree: list[Tree] = Field(default_factory=list)


def words(misfit: Misfit) -> str:
    return f"{misfit.loc} {misfit.kind} {misfit.more}"


def refused(text: str) -> str:
    toml = TomlText(text=text, name="wood.toml", refusal=PackError)
    with pytest.raises(PackError) as caught:
        toml.check(Wood, toml.loads(), words)
    return str(caught.value)


@pytest.mark.parametrize(
    ("loc", "where"),
    [
        (("title",), "wood.toml, line 1"),
        (("tree", 1, "leaves", 1), "wood.toml, line 6"),
        (("tree", 1, "height"), "wood.toml, line 5"),
        (("tree",), "wood.toml, line 3"),
        (("roots",), "wood.toml"),
        ((), "wood.toml"),
    ],
)
def test_what_is_not_written_down_is_placed_in_the_table_around_it(loc: Loc, where: str) -> None:
    assert TomlText(text=TEXT, name="wood.toml").at(loc) == where


@pytest.mark.parametrize("text", ["a = ", "a = " + "9" * 5000, "a = " + "[" * 5000])
def test_what_is_no_toml_is_the_callers_error_with_the_files_name(text: str) -> None:
    with pytest.raises(PackError, match=r"^wood\.toml: not TOML: "):
        TomlText(text=text, name="wood.toml", refusal=PackError).loads()


def test_a_misspelt_key_goes_before_the_one_that_is_missing_for_it() -> None:
    assert refused("titel = 't'\n") == "('titel',) extra_forbidden 1"
    assert refused("title = 3\n[[tree]]\ntall = 'x'\n") == "('title',) string_type 1"


def test_what_is_of_the_wrong_shape_goes_before_what_only_does_not_fit() -> None:
    class Planted(Wood):
        def model_post_init(self, context: object) -> None:
            refuse_unfit([(("tree", 0), "stands in the shade"), (("title",), "is taken")])

    class Park(BaseModel):
        wood: list[Planted]

    toml = TomlText(text="", name="park.toml", refusal=PackError)
    with pytest.raises(PackError, match=r"^\('wood', 1, 'title'\) string_type 2$"):
        toml.check(Park, {"wood": [{"title": "a"}, {"title": 3}]}, words)
    with pytest.raises(PackError, match=rf"^\('wood', 0, 'tree', 0\) {UNFIT} 1$"):
        toml.check(Park, {"wood": [{"title": "a"}]}, words)


def test_the_keys_of_a_table_are_found_through_lists_choices_and_other_names() -> None:
    assert keys_at(Wood, ("tree", 0)) == ("tall", "leaves")
    assert keys_at(Wood, ("title",)) == keys_at(Wood, ("nothing", "such")) == ()
    assert table_at(Config, ("target", "template")) is TemplateTable
    assert table_at(Config, ("reference", 3, "page", "login", 0)) is LoginTable
    assert "enrol" in keys_at(Config, ("audit",))


def imported(source: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def test_one_module_reads_toml() -> None:
    package = ROOT / "wrapdetect"
    readers = {
        file.relative_to(package).as_posix()
        for file in package.rglob("*.py")
        if "tomllib" in imported(file.read_text(encoding="utf-8"))
    }
    assert readers == {"targets/toml_lines.py"}
