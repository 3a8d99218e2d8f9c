"""The README shows the true --help, and importing the package stays light."""

import re
import subprocess
import sys

import pytest

from tests.conftest import ROOT

COMMANDS = (
    "", "audit", "match", "import", "ask", "target", "target detect", "target check",
    "target import", "library", "library import", "replay", "doctor", "demo", "probes", "outages",
    "monitor", "monitor init", "monitor once", "monitor run", "monitor status", "monitor judge", "monitor export",
    "monitor import", "monitor incidents", "monitor alert-test",
)  # fmt: skip


def run(*words: str) -> str:
    env = {"COLUMNS": "100", "TERM": "dumb", "PATH": ""}
    done = subprocess.run(
        [sys.executable, "-m", "wrapdetect", *words], capture_output=True, text=True, check=True, env=env
    )
    return done.stdout


def true_help(command: str) -> str:
    text = "\n".join(line.rstrip() for line in run(*command.split(), "--help").strip().splitlines())
    return text.replace("python -m wrapdetect", "wrapdetect")


def shown_helps(page: str) -> dict[str, str]:
    text = (ROOT / page).read_text(encoding="utf-8")
    return {
        name: shown.strip()
        for name, shown in re.findall(r"```\n\$ wrapdetect ?([\w -]*?) ?--help\n(.*?)```", text, re.S)
    }


@pytest.mark.parametrize("command", COMMANDS)
def test_docs_show_the_true_help(command: str) -> None:
    assert shown_helps("docs/help.md")[command] == true_help(command)


def test_the_readme_shows_the_true_help() -> None:
    assert shown_helps("README.md") == {"": true_help("")}


def test_the_page_on_verdicts_shows_the_true_one_of_the_founding_case() -> None:
    page = (ROOT / "docs" / "verdict.md").read_text(encoding="utf-8")
    assert run("replay", "feb21", "--no-embed").strip("\n") in page


def test_the_page_on_audits_names_every_option_of_audit() -> None:
    options = set(re.findall(r"^  (--[a-z-]+)\b", run("audit", "--help"), re.M)) - {"--help"}
    page = (ROOT / "docs" / "audit.md").read_text(encoding="utf-8")
    assert options
    assert {o for o in options if not re.search(rf"(?<!\w){o}(?![\w-])", page)} == set()


def test_importing_wrapdetect_loads_nothing_heavy_and_opens_no_socket() -> None:
    code = (
        "import socket, sys\n"
        "def refuse(*a, **k): raise AssertionError('a socket')\n"
        "socket.socket.__init__ = refuse\n"
        "import wrapdetect, wrapdetect.cli\n"
        "heavy = {'torch', 'sklearn', 'numpy', 'openai', 'httpx', 'sentence_transformers'} & set(sys.modules)\n"
        "print(sorted(heavy))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_public_names_are_at_most_twenty_and_all_there() -> None:
    import wrapdetect  # noqa: PLC0415  # the test is about this import

    assert len(wrapdetect.__all__) <= 20
    assert [n for n in wrapdetect.__all__ if not hasattr(wrapdetect, n)] == []
