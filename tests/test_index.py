"""INDEX.md names every file; docs/evidence.md has a paragraph for every rule, reader, pack and control."""

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


def indexed() -> list[str]:
    return re.findall(r"^- `([^`]+)`", (ROOT / "INDEX.md").read_text(encoding="utf-8"), re.M)


def test_index_names_every_file_and_no_other() -> None:
    assert sorted(indexed()) == sorted(tracked())


def test_every_line_of_the_index_says_something() -> None:
    lines = [line for line in (ROOT / "INDEX.md").read_text(encoding="utf-8").splitlines() if line.startswith("- `")]
    assert [line for line in lines if not re.match(r"- `[^`]+` .{8,}", line)] == []


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
