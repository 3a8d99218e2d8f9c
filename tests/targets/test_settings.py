"""A setting of an audit is one field: its option, its key in [audit], its default and its doc come of it."""

import subprocess
import sys
from pathlib import Path
from typing import Annotated

import pytest
from pydantic import Field

from tests.conftest import ROOT
from tests.make_help import keys_of_audit
from wrapdetect.cli.options import Options
from wrapdetect.cli.shared import gathered, shared_options
from wrapdetect.errors import ConfigError, SpecError
from wrapdetect.targets.config import Config, parse_config
from wrapdetect.targets.settings import ASKING, DEFAULT_PACKS, Chosen, read_given, resolve

A_FIELD = '    patience: Annotated[int, Field(ge=2, description="Hours that we wait.")] = 7\n'
"""What somebody would write for a new setting, and nothing else."""
AFTER = "    seed: Annotated["
ASKED_OF_IT = """
import io, contextlib
from typer.testing import CliRunner
from wrapdetect.cli.app import app
from wrapdetect.cli.options import Options
from wrapdetect.cli.shared import gathered
from wrapdetect.errors import WrapdetectError
from wrapdetect.targets.config import parse_config

for command in ("audit", "import", "ask", "replay"):
    said = CliRunner().invoke(app, [command, "--help"]).output
    print(command, *(" ".join(l.split()) for l in said.splitlines() if "patience" in l or "Hours" in l or "x>=2" in l))
for text in ("patience = 9", "patience = 1", "patiance = 9"):
    try:
        config = parse_config(f"[audit]\\n{text}\\n", "a.toml")
        print(gathered({}).over(config).patience, gathered({"patience": 4}).over(config).patience)
    except WrapdetectError as error:
        print(error)
print(gathered({}).over(parse_config("", "a.toml")).patience)
"""


@pytest.fixture(scope="module")
def overlay(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program as it is, but for one line in targets/settings.py."""
    home = tmp_path_factory.mktemp("one_more_setting")
    package, own = ROOT / "wrapdetect", home / "wrapdetect"
    (own / "targets").mkdir(parents=True)
    for folder in (package, package / "targets"):
        for there in folder.iterdir():
            here = own / there.relative_to(package)
            if not here.exists() and there.name != "settings.py":
                here.symlink_to(there)
    text = (package / "targets" / "settings.py").read_text(encoding="utf-8")
    assert text.count(AFTER) == 1
    (own / "targets" / "settings.py").write_text(text.replace(AFTER, A_FIELD + AFTER), encoding="utf-8")
    return home


def test_one_line_in_one_file_is_an_option_a_key_a_default_and_the_error_with_its_line(overlay: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", ASKED_OF_IT],
        cwd=overlay,
        env={"PYTHONPATH": str(overlay), "COLUMNS": "120", "TERM": "dumb", "PATH": ""},
        capture_output=True,
        text=True,
        check=True,
    )
    see = "; see the README for the keys of a config file"
    told = "--patience <int range> Hours that we wait. Default 7. [x>=2]"
    assert done.stdout.splitlines() == [
        *(f"{command} {told}" for command in ASKING),
        "replay",
        "9 4",
        f"a.toml, line 2: audit.patience: Input should be greater than or equal to 2{see}",
        f"a.toml, line 2: audit.patiance: unknown key; did you mean patience?{see}",
        "7",
    ]


def test_a_new_field_stands_in_the_table_of_keys() -> None:
    class More(Chosen):
        patience: Annotated[int, Field(ge=2, description="Hours that we wait.")] = 7

    assert (
        "| `patience` | `--patience` | integer, at least 2 | `7` | Hours that we wait. |\n"
        in keys_of_audit(More) + "\n"
    )


def test_the_keys_on_the_page_of_audits_are_those_of_the_program() -> None:
    assert f"\n\n{keys_of_audit()}\n\n" in (ROOT / "docs" / "audit.md").read_text(encoding="utf-8")


def test_every_setting_is_an_option_of_an_audit_and_a_key_of_its_config() -> None:
    options = {p.name for p in shared_options("audit")}
    assert set(Chosen.model_fields) <= options
    for name, value in Chosen().model_dump().items():
        if value != []:
            config = parse_config(f"[audit]\n{name} = {value}\n", "a.toml")
            assert config.audit.values == {name: value}


def test_what_is_said_goes_before_the_config_and_the_config_before_the_default() -> None:
    config = parse_config('[audit]\npack = ["style"]\nseed = 5\ndraws = 3\npace = 0.0\n', "a.toml")
    chosen = gathered({"seed": 0, "draws": None, "pack": None}).over(config)
    assert (chosen.seed, chosen.draws, chosen.pack, chosen.enrol) == (0, 3, ["style"], 1)
    assert Options().over(Config()) == resolve() == Chosen(pack=list(DEFAULT_PACKS))


def test_an_empty_list_of_packs_says_nothing() -> None:
    assert Options().over(parse_config("[audit]\npack = []\n", "a.toml")).pack == list(DEFAULT_PACKS)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"draws": 0}, "draws: Input should be greater than or equal to 1, found 0"),
        ({"drawz": 1}, "drawz: unknown setting; did you mean draws?"),
        ({"seed": "1"}, "seed: Input should be a valid integer, found '1'"),
    ],
)
def test_a_setting_given_in_python_that_does_not_fit_is_named(values: dict[str, object], said: str) -> None:
    with pytest.raises(SpecError) as caught:
        read_given(values)
    assert str(caught.value) == said


def test_the_command_line_and_the_config_have_the_same_bounds() -> None:
    with pytest.raises(ConfigError, match=r"a\.toml, line 2: audit\.concurrency: .*64"):
        parse_config("[audit]\nconcurrency = 65\n", "a.toml")
    (option,) = (p for p in shared_options("audit") if p.name == "concurrency")
    assert (option.default.min, option.default.max) == (1, 64)
