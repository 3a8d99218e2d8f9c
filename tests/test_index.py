"""INDEX.md names every room and every file says what it is for; docs/evidence.md has a paragraph for every id."""

import ast
import re
import subprocess

from tests.conftest import ROOT
from wrapdetect.evidence.compare.rules import RULES
from wrapdetect.evidence.read import READERS
from wrapdetect.evidence.seeds import Seeds
from wrapdetect.store.shipped import shipped_packs


def tracked() -> set[str]:
    """Files of the project: those git knows and the new ones it does not ignore."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return {f for f in listed.stdout.splitlines() if (ROOT / f).is_file()}


def test_index_is_one_screen_and_names_every_room() -> None:
    text = (ROOT / "INDEX.md").read_text(encoding="utf-8")
    rooms = {f"{p.name}/" for p in (ROOT / "wrapdetect").iterdir() if (p / "__init__.py").exists()}
    listed = re.findall(r"^\| `([a-z_./]+)` \| .*->.* \| (?:pure|world) \|$", text, re.M)
    assert sorted(listed) == sorted({*rooms, "verbs.py"})
    assert len(text.splitlines()) <= 70


def test_the_tests_of_a_room_lie_in_its_folder() -> None:
    rooms = {p.name for p in (ROOT / "wrapdetect").iterdir() if (p / "__init__.py").exists()}
    folders = {p.name for p in (ROOT / "tests").iterdir() if (p / "__init__.py").exists()}
    assert folders == {*rooms, "catalogue", "real", "lab"}


def test_every_file_says_first_what_it_is_for() -> None:
    silent = []
    for name in sorted(tracked()):
        if name.endswith(".py") and (ROOT / name).stat().st_size:  # an empty one only makes a folder a package
            docstring = ast.get_docstring(ast.parse((ROOT / name).read_text(encoding="utf-8"))) or ""
            first = docstring.partition("\n")[0]
            silent += [name] if len(first) < 8 else []
    assert silent == []


def test_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_bytes()) <= 6000


def test_evidence_has_a_paragraph_for_everything_that_has_an_id(seeds: Seeds) -> None:
    text = (ROOT / "docs" / "evidence.md").read_text(encoding="utf-8")
    anchors = re.findall(r"^### (\w+)$", text, re.M)
    wanted = {*RULES, *READERS, *shipped_packs(), "a_a", "shuffled_reference", "parrot", "week_shift"}
    assert set(anchors) == wanted
    assert {r.id for r in seeds.ruleset.rule} == set(RULES)


def test_evidence_names_every_feature_that_is_read() -> None:
    text = (ROOT / "docs" / "evidence.md").read_text(encoding="utf-8")
    sources = [
        (ROOT / "wrapdetect" / "evidence" / "read" / f"{name}.py").read_text(encoding="utf-8") for name in READERS
    ]
    features = {f for s in sources for f in re.findall(r'\.observe\(\s*"(\w+)"', s)}
    assert features
    assert {f for f in features if f"`{f}`" not in text} == set()


def test_no_path_of_one_machine_and_no_registry_host_is_in_the_tree() -> None:
    telling = re.compile(r"(?<![\w.])/(?:work|farm|root)/\w|py" + r"thonhosted|py" + r"pi\.org|download\.py" + r"torch")
    found = []
    for name in tracked():
        if name.endswith((".py", ".md", ".toml", ".txt", ".sh", "run")):
            text = (ROOT / name).read_text(encoding="utf-8")
            found += [name] if telling.search(text) else []
    assert found == []
