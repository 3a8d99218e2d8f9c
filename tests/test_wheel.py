"""The wheel carries its data: installed away from the checkout, it replays the founding case."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.conftest import ROOT

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    build = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--quiet",
        "--no-deps",
        "--no-build-isolation",
        "-w",
        str(folder),
        str(ROOT),
    ]
    subprocess.run(build, check=True, capture_output=True)
    return next(folder.glob("*.whl"))


def test_the_wheel_holds_packs_seeds_fixtures_and_the_schema(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    for name in (
        "wrapdetect/_shipped/probes/style.toml",
        "wrapdetect/_shipped/seeds/rules.toml",
        "wrapdetect/_shipped/fixtures/voices/heron.toml",
        "wrapdetect/_shipped/fixtures/runs/feb21/run.jsonl",
        "wrapdetect/report/json_v1.schema.json",
    ):
        assert name in names
    assert not [n for n in names if n.startswith(("tests/", "bench/"))]


def test_installed_elsewhere_it_judges_as_the_checkout_does(wheel: Path, tmp_path: Path) -> None:
    place = tmp_path / "site"
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(place), str(wheel)]
    subprocess.run(install, check=True, capture_output=True)
    command = [sys.executable, "-m", "wrapdetect", "replay", "feb21", "--json", "--no-embed"]
    env = {**os.environ, "PYTHONPATH": str(place)}
    where = [sys.executable, "-c", "import wrapdetect; print(wrapdetect.__file__)"]
    said = subprocess.run(where, env=env, cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    assert said.startswith(str(place))
    there = subprocess.run(command, env=env, cwd=tmp_path, capture_output=True, check=True).stdout
    here = subprocess.run(command, cwd=ROOT, capture_output=True, check=True).stdout
    assert there == here
