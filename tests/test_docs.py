"""The pages for users: every file, folder and benchmark that they name is there, and their example is true."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import ROOT
from wrapdetect.evidence.analysis import analyse
from wrapdetect.evidence.seeds import Seeds
from wrapdetect.store import run_file
from wrapdetect.store.config_file import load_config
from wrapdetect.targets.settings import Chosen

FOLDERS = ("docs", "seeds")
PAGES = ["INDEX.md", "README.md", "bench/README.md"]
PAGES += sorted(p.relative_to(ROOT).as_posix() for folder in FOLDERS for p in (ROOT / folder).glob("*.md"))
NAMES_A_PATH = re.compile(r"(?<![\w./*{:-])(?:[a-z_]+/)*[a-z_0-9*]+\.(?:py|md|toml|schema\.json|sh|yaml)(?![\w.])")
NAMES_A_FOLDER = re.compile(r"`((?:[a-z_]+/)+)`")
LINK = re.compile(r"\]\(([^)#\s]*)(?:#([^)\s]+))?\)")
USERS = {"bot.toml", "audit.toml", "monitor.toml", "wrapdetect.toml"}
"""Files of a user that the pages speak of."""


def prose(page: str) -> str:
    """A page without what is typed or printed."""
    return re.sub(r"```.*?```", "", (ROOT / page).read_text(encoding="utf-8"), flags=re.S)


def named(page: str) -> Iterator[str]:
    text = prose(page)
    yield from (m[0] for m in NAMES_A_PATH.finditer(text) if m[0] not in USERS)
    yield from (m[1] for m in NAMES_A_FOLDER.finditer(text))


def is_there(name: str, page: str) -> bool:
    """A path is told from the root, from wrapdetect/, or from the page."""
    places = (ROOT, ROOT / "wrapdetect", (ROOT / page).parent)
    return any(next(place.glob(name.rstrip("/")), None) is not None for place in places)


@pytest.mark.parametrize("page", PAGES)
def test_every_path_that_a_page_names_exists(page: str) -> None:
    assert sorted({name for name in named(page) if not is_there(name, page)}) == []


def headings(page: Path) -> set[str]:
    """As a link names them."""
    titles = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.M)
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES)
def test_every_link_leads_to_a_file_and_to_a_heading_in_it(page: str) -> None:
    links = [(to, at) for to, at in LINK.findall(prose(page)) if not to.startswith(("http:", "https:"))]
    files = [((ROOT / page).parent / to if to else ROOT / page, at) for to, at in links]
    assert [file for file, at in files if not file.is_file() or (at and at not in headings(file))] == []


@pytest.mark.parametrize("page", PAGES)
def test_every_benchmark_that_a_page_names_exists(page: str) -> None:
    asked = re.findall(r"python -m (bench(?:\.[a-z_]+)+)", (ROOT / page).read_text(encoding="utf-8"))
    files = [ROOT.joinpath(*name.split(".")) for name in asked]
    assert [f for f in files if not f.with_suffix(".py").is_file() and not (f / "__main__.py").is_file()] == []


def test_what_is_looked_for_is_found() -> None:
    assert {"library/normalise.py", "evidence/compare/ngrams.py"} <= set(named("docs/matching.md"))
    assert "ways/" in set(named("INDEX.md"))


def test_no_page_of_docs_is_out_of_reach_of_the_readme() -> None:
    linked = {to for to, _ in LINK.findall(prose("README.md"))}
    assert {p for p in PAGES if p.startswith("docs/")} - linked == set()


def test_the_config_file_of_an_audit_is_read(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "audit.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"```toml\n(.*?)```", page, re.S)
    file = tmp_path / "audit.toml"
    file.write_text(re.sub(r"^# (\w+ = \S+).*$", r"\1", block, flags=re.M), encoding="utf-8")  # what it leaves out too
    config = load_config(file)
    assert [e.role for e in config.endpoints()] == ["target", "reference"]
    assert (config.audit.draws, config.endpoints()[0].send_temperature) == (1, False)
    assert {k for k in Chosen.model_fields if f"`{k}`" not in page} == set()


def test_the_answer_on_its_way_through_the_ontology_is_a_true_one(seeds: Seeds) -> None:
    page = (ROOT / "docs" / "ontology.md").read_text(encoding="utf-8")
    (id_,) = re.findall(r"^1\. Exchange `(\S+)`", page, re.M)
    run = run_file.load_file(ROOT / "fixtures" / "runs" / "feb21").run
    analysis = analyse(run, seeds, embed=None)
    (exchange,) = (e for e in run.exchanges if e.id == id_)
    assert b'{"choices":[{"message":{"content":"The capital of Portugal is Lisbon, ' in exchange.chunks[0].data
    assert exchange.chunks[0].t_s == 2.0
    read = {o.feature: o.value for o in analysis.observations if o.exchange == id_}
    assert read["own_question"] == 0.0
    (finding,) = (f for f in analysis.findings if f.rule == "coherence_gap")
    assert (f"{finding.effect:.2f}", f"{finding.llr:.1f}", finding.n_target) == ("-1.00", "-0.1", 1)
    assert analysis.verdict.state == "likely_wrapper"
