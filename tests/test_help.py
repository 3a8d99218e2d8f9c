"""The README shows the true --help, and importing the package stays light."""

import re
import subprocess
import sys

import pytest

from tests.conftest import ROOT

COMMANDS = ("", "audit", "replay", "doctor", "demo", "probes")


def run(*words: str) -> str:
    env = {"COLUMNS": "100", "TERM": "dumb", "PATH": ""}
    done = subprocess.run(
        [sys.executable, "-m", "wrapdetect", *words], capture_output=True, text=True, check=True, env=env
    )
    return done.stdout


@pytest.mark.parametrize("command", COMMANDS)
def test_docs_show_the_true_help(command: str) -> None:
    shown = re.findall(r"```\n\$ wrapdetect ?(\w*) --help\n(.*?)```", (ROOT / "docs" / "help.md").read_text(), re.S)
    helps = {name: "\n".join(line.rstrip() for line in text.strip().splitlines()) for name, text in shown}
    true = "\n".join(line.rstrip() for line in run(*command.split(), "--help").strip().splitlines())
    assert helps[command] == true.replace("python -m wrapdetect", "wrapdetect")


def test_readme_names_every_option_of_audit() -> None:
    options = set(re.findall(r"^  (--[a-z-]+)", run("audit", "--help"), re.M)) - {"--help"}
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert options
    assert {o for o in options if f"`{o}" not in readme and f"[{o}" not in readme} == set()


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
