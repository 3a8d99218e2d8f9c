"""A package of somebody else is built, installed and used: tests/example_plugin adds one of each kind."""

import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.conftest import ROOT

pytestmark = pytest.mark.slow
EXAMPLE = ROOT / "tests" / "example_plugin"
ADDED = ("readers marks", "rules same_marks", "dialects parley", "feeds downlist", "reports line", "packs greetings")


class Parley(BaseHTTPRequestHandler):
    """A bot that is delighted by whatever is said with a mark."""

    def do_POST(self) -> None:
        line = json.loads(self.rfile.read(int(self.headers["content-length"])))["line"]
        said = json.dumps({"said": "How lovely!" if line.endswith("!") else "I see."}).encode()
        self.send_response(200 if self.path == "/parley" else 404)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)

    def log_message(self, format: str, *args: object) -> None:
        """Standard error is for failures."""


@pytest.fixture(scope="module")
def bot() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Parley)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example, built and installed apart from this environment."""
    source, place = tmp_path_factory.mktemp("source") / "example", tmp_path_factory.mktemp("site")
    shutil.copytree(EXAMPLE, source, ignore=shutil.ignore_patterns("__pycache__"))
    alone = ("--no-deps", "--no-build-isolation", "--no-index", "--target")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", *alone, str(place), str(source)]
    subprocess.run(pip, check=True, capture_output=True)
    return place


def python(*args: str, site: Path, cwd: Path, report: str = "") -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(site), str(ROOT)]), "WRAPDETECT_REPORT": report}
    return subprocess.run([sys.executable, *args], env=env, cwd=cwd, capture_output=True, text=True, check=False)


def wrapdetect(*args: str, site: Path, cwd: Path, report: str = "") -> subprocess.CompletedProcess[str]:
    return python("-m", "wrapdetect", *args, site=site, cwd=cwd, report=report)


@pytest.fixture(scope="module")
def run_file(installed: Path, bot: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An audit in the package's dialect, with its pack."""
    cwd = tmp_path_factory.mktemp("audit")
    tables = [
        f'[{table}]\nname = "{name}"\nurl = "{bot}"\nmodel = "{name}"\ndialect = "parley"\n'
        for table, name in (("target", "bot"), ("[reference]", "heron"), ("[reference]", "magpie"))
    ]
    (cwd / "wrapdetect.toml").write_text("\n".join(tables), encoding="utf-8")
    out = cwd / "run.jsonl"
    options = ("--config", "wrapdetect.toml", "--pack", "greetings", "--no-embed", "--out", str(out))
    done = wrapdetect("audit", *options, site=installed, cwd=cwd, report="line")
    assert (done.returncode, done.stdout) == (0, "bot: insufficient, p 0.16\n"), done.stderr
    return out


def test_doctor_lists_what_the_package_adds(installed: Path, tmp_path: Path) -> None:
    said = wrapdetect("doctor", site=installed, cwd=tmp_path).stdout.splitlines()
    assert [line for line in said if "wrapdetect-parley" in line] == [
        f"{added:22} wrapdetect-parley 0.3.1: loaded" for added in ADDED
    ]
    assert "greetings" in wrapdetect("probes", "list", site=installed, cwd=tmp_path).stdout
    assert [line.endswith(", greetings v1") for line in said if line.startswith("packs   ")] == [True]


def test_its_rule_is_named_in_the_report_with_its_package(installed: Path, run_file: Path, tmp_path: Path) -> None:
    done = wrapdetect("replay", str(run_file), "--json", "--no-embed", site=installed, cwd=tmp_path)
    report = json.loads(done.stdout)
    found = [f for f in report["findings"] if f["rule"] == "same_marks"]
    assert {(f["upstream"], f["effect"], f["llr"]) for f in found} == {("heron", 1.0, 0.1), ("magpie", 1.0, 0.1)}
    assert "Rule same_marks is no rule of ours: it comes with wrapdetect-parley 0.3.1." in report["limits"]
    assert report["bugs"] == []


def test_the_verbs_of_python_load_it_too(installed: Path, run_file: Path, tmp_path: Path) -> None:
    script = f"from wrapdetect import replay; print(replay({str(run_file)!r}, embed=False).limits)"
    assert "it comes with wrapdetect-parley 0.3.1." in python("-c", script, site=installed, cwd=tmp_path).stdout


def test_its_report_comes_out_in_its_format(installed: Path, run_file: Path, tmp_path: Path) -> None:
    done = wrapdetect("replay", str(run_file), "--no-embed", site=installed, cwd=tmp_path, report="line")
    assert (done.returncode, done.stdout) == (0, "bot: insufficient, p 0.16\n")


def test_its_feed_is_read_by_name(installed: Path, tmp_path: Path) -> None:
    for name in ("bot", "up"):
        (tmp_path / name).write_text("2026-01-05T08:00Z 2026-01-05T09:30Z down\n2026-02-05T08:00Z 2026-02-05T09:30Z\n")
    done = wrapdetect("outages", "bot", "u=up", "--format", "downlist", "--json", site=installed, cwd=tmp_path)
    assert "are the same list" in done.stderr
    (tmp_path / "up").write_text("2026-01-05T08:05Z 2026-01-05T09:30Z down\n2026-02-07T08:00Z 2026-02-07T09:30Z\n")
    done = wrapdetect("outages", "bot", "u=up", "--format", "downlist", "--json", site=installed, cwd=tmp_path)
    assert [u["upstream"] for u in json.loads(done.stdout)["upstreams"]] == ["u"], done.stderr


def test_without_the_package_its_run_says_what_is_missing_and_all_else_is_as_it_was(
    run_file: Path, installed: Path, tmp_path: Path
) -> None:
    nowhere = tmp_path / "empty"
    nowhere.mkdir()
    without = wrapdetect("replay", str(run_file), "--no-embed", site=nowhere, cwd=tmp_path)
    assert (without.returncode, without.stdout) == (2, "")
    assert "parley" in without.stderr
    feb21 = ("replay", "feb21", "--json", "--no-embed")
    here, there = (wrapdetect(*feb21, site=site, cwd=tmp_path).stdout for site in (nowhere, installed))
    assert here == there


def test_a_package_that_breaks_is_one_line_and_all_else_works(installed: Path, tmp_path: Path) -> None:
    torn = tmp_path / "torn"
    shutil.copytree(installed, torn)
    (torn / "wrapdetect_parley" / "same_marks.py").write_text("RULE = 1 / 0\n", encoding="utf-8")
    done = wrapdetect("replay", "feb21", "--no-embed", site=torn, cwd=tmp_path)
    whole = wrapdetect("replay", "feb21", "--no-embed", site=installed, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (whole.returncode, whole.stdout)
    assert done.stderr == (
        "plug-in same_marks of wrapdetect-parley 0.3.1 (wrapdetect.rules) is left out: "
        "ZeroDivisionError: division by zero\n"
    )
    assert wrapdetect("doctor", site=torn, cwd=tmp_path).returncode == 2
    assert wrapdetect("replay", "--help", site=torn, cwd=tmp_path).stderr == ""
