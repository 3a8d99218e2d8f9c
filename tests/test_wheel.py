"""The wheel carries its data: installed away from the checkout, it replays the founding case."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.conftest import ROOT

pytestmark = pytest.mark.slow

LIGHT = """
import importlib.metadata as metadata, re, sys
from importlib.machinery import PathFinder
def required(name, found):
    if name not in found:
        found.add(name)
        for line in metadata.requires(name) or ():
            if "extra ==" not in line:
                try:
                    required(re.match(r"[\\w.-]+", line)[0].lower().replace("_", "-"), found)
                except metadata.PackageNotFoundError:
                    pass  # of another platform or version
    return found
kept = required("wrapdetect", set())
homes = metadata.packages_distributions()
class Light(PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        owners = {h.lower().replace("_", "-") for h in homes.get(name, ())}
        return None if owners and not owners & kept else super().find_spec(name, path, target)
sys.meta_path[:] = [Light if f is PathFinder else f for f in sys.meta_path]
"""
"""Does not find modules of packages that are not required without an extra."""


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


@pytest.fixture(scope="module")
def place(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the wheel is installed, and nothing else."""
    site = tmp_path_factory.mktemp("site")
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(site), str(wheel)]
    subprocess.run(install, check=True, capture_output=True)
    return site


@pytest.fixture(scope="module")
def light(place: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """An environment in which Python finds the wheel and what it requires, as if no extra were installed."""
    folder = tmp_path_factory.mktemp("light")
    (folder / "sitecustomize.py").write_text(LIGHT, encoding="utf-8")
    return {**os.environ, "PYTHONPATH": os.pathsep.join((str(folder), str(place)))}


def test_the_wheel_holds_packs_seeds_fixtures_and_the_schema(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    for name in (
        "wrapdetect/_shipped/probes/style.toml",
        "wrapdetect/_shipped/seeds/rules.toml",
        "wrapdetect/_shipped/fixtures/voices/heron.toml",
        "wrapdetect/_shipped/fixtures/runs/feb21/run.jsonl",
        "wrapdetect/report/json_v1.schema.json",
        "wrapdetect/py.typed",
    ):
        assert name in names
    assert not [n for n in names if n.startswith(("tests/", "bench/"))]


def test_installed_elsewhere_it_judges_as_the_checkout_does(place: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "wrapdetect", "replay", "feb21", "--json", "--no-embed"]
    env = {**os.environ, "PYTHONPATH": str(place)}
    where = [sys.executable, "-c", "import wrapdetect; print(wrapdetect.__file__)"]
    said = subprocess.run(where, env=env, cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    assert said.startswith(str(place))
    there = subprocess.run(command, env=env, cwd=tmp_path, capture_output=True, check=True).stdout
    here = subprocess.run(command, cwd=ROOT, capture_output=True, check=True).stdout
    assert there == here


@pytest.mark.parametrize(
    "argv",
    [
        ["--help"],
        ["doctor"],
        ["probes", "list"],
        ["replay", "feb21", "--json"],
        ["audit", "http://127.0.0.1:9/v1", "--model", "m", "--dry-run"],
        ["monitor", "--help"],
    ],
    ids=" ".join,
)
def test_a_light_installation_does_it(argv: list[str], light: dict[str, str], tmp_path: Path) -> None:
    command = [sys.executable, "-m", "wrapdetect", *argv]
    done = subprocess.run(command, env=light, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr.count("Traceback")) == (0, 0), done.stderr
    assert done.stdout or "dry run" in done.stderr


@pytest.mark.parametrize(
    ("argv", "package", "extra"),
    [(["demo"], "uvicorn", "demo"), (["monitor", "status", "--config", "none.toml"], "sqlalchemy", "monitor")],
)
def test_what_a_light_installation_lacks_is_said_in_one_line(
    argv: list[str], package: str, extra: str, light: dict[str, str], tmp_path: Path
) -> None:
    command = [sys.executable, "-m", "wrapdetect", *argv]
    done = subprocess.run(command, env=light, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr == f"wrapdetect: {package} is not installed; pip install 'wrapdetect[{extra}]'\n"


def test_python_has_the_verbs_in_a_light_installation_and_type_checkers_see_them(
    light: dict[str, str], place: Path, tmp_path: Path
) -> None:
    (tmp_path / "mine.py").write_text(MINE, encoding="utf-8")
    run = subprocess.run([sys.executable, "mine.py"], env=light, cwd=tmp_path, capture_output=True, text=True)
    assert (run.returncode, run.stdout) == (0, "likely_wrapper openai\n"), run.stderr
    mypy = [sys.executable, "-m", "mypy", "--strict", "--cache-dir", str(tmp_path / "cache"), "mine.py"]
    env = {**os.environ, "MYPYPATH": "", "PYTHONPATH": str(place)}
    done = subprocess.run(mypy, env=env, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


MINE = """
from openai import AsyncAzureOpenAI, OpenAI

from wrapdetect import Run, VerdictReport, audit, audit_async, judge, load_run, match, replay

verdict: VerdictReport = replay("feb21", embed=False)
run: Run = load_run("feb21")
rows: list[dict[str, object]] = verdict.rows()
print(verdict.state, verdict.upstream)


def ask(client: OpenAI, azure: AsyncAzureOpenAI) -> float:
    return audit(client, {"up": (azure, "gpt-x"), "b": "b=https://b.example/v1#m"}, model="m", draws=2).probability


async def wait(client: OpenAI) -> VerdictReport:
    ranked: list[dict[str, object]] = match([{"prompt": "a", "answer": "b"}], "library").rows()
    print(judge(run), ranked)
    return await audit_async(client, model="m", say=print)
"""
"""A user's file."""
