"""The command line as processes: exit codes, one clear line for bad input, recordings that survive, no key anywhere.

The bots are the lab's, on loopback, with packs of a few questions.
"""

import asyncio
import itertools
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import jsonschema
import pytest

from tests.cli.warm_cli import Commands, Done, clean_environment, cold
from tests.ways.misbehaving import BEHAVIOURS, Behaviour, fixed, serving
from wrapdetect.cli.demo.bots import Bot, Down, Schedule, VoiceBot
from wrapdetect.cli.demo.command import load_voices
from wrapdetect.cli.demo.server import Served, serve
from wrapdetect.cli.demo.voice import Messages
from wrapdetect.model import Failure, FailureKind, Item, Run
from wrapdetect.runs.codec import FORMAT, dump_run
from wrapdetect.runs.plan import make_plan
from wrapdetect.store import run_file
from wrapdetect.store.shipped import load_pack

SCHEMA = Path(__file__).parents[2] / "wrapdetect" / "report" / "json_v1.schema.json"
VOICES = load_voices()
AT_ONCE = Schedule(first_s=0.0, gap_s=0.0)
KEY = "sk-planted-0123456789abcdef"
ITEMS = ("en_maker", "coh_en_code_word", "sty_explain_rainbow", "sty_explain_tides", "sty_explain_onions")


@pytest.fixture(scope="module")
def commands() -> Iterator[Commands]:
    with Commands() as running:
        yield running


@dataclass(kw_only=True)
class Fickle:
    """Answers with a voice, but is down wherever `down` says so."""

    inner: VoiceBot
    down: Callable[[Messages], bool]
    asked: list[str] = field(default_factory=list)

    @property
    def model(self) -> str:
        return self.inner.model

    async def reply(self, messages: Messages, max_tokens: int) -> AsyncIterator[str]:
        self.asked.append(messages[-1]["content"])
        if self.down(messages):
            raise Down(500)
        async for piece in self.inner.reply(messages, max_tokens):
            yield piece


def a_voice(name: str, number: int = 0) -> VoiceBot:
    return VoiceBot(voice=VOICES[name], rng=random.Random(number), schedule=AT_ONCE)


@dataclass(frozen=True)
class Lab:
    """Bots that run for all tests: the target is another serving of heron's voice."""

    target: Served
    heron: Served
    magpie: Served

    @property
    def references(self) -> list[str]:
        return [
            *("--reference", f"heron={self.heron.url}#heron-2"),
            *("--reference", f"magpie={self.magpie.url}#magpie-large"),
        ]

    def against(self, url: str, model: str = "heron-2") -> list[str]:
        return ["audit", url, "--model", model, *self.references, "--no-embed"]

    @property
    def plain_audit(self) -> list[str]:
        return self.against(self.target.url)


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with (
        serve(a_voice("heron", 1)) as target,
        serve(a_voice("heron", 2)) as heron,
        serve(a_voice("magpie", 3)) as magpie,
    ):
        yield Lab(target, heron, magpie)


@pytest.fixture
def pack(tmp_path: Path) -> str:
    """Five questions of the shipped packs, as a pack of the user's own."""
    return str(write_pack(tmp_path / "mine.toml", [i for i in load_pack("short").items if i.id in ITEMS]))


def write_pack(path: Path, items: list[Item]) -> Path:
    lines = [
        'id = "mine"',
        "version = 1",
        'title = "Mine"',
        'purpose = "For a test."',
        "temperature = 0.7",
        "max_tokens = 300",
    ]
    for item in items:
        lines += ["[[item]]", 'purpose = "For a test."']
        for key in ("id", "language", "turns", "readers", "expects"):
            lines.append(f"{key} = {json.dumps(getattr(item, key), ensure_ascii=False)}")
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def complaint(done: Done, code: int = 2) -> str:
    """The one line of complaint; all else on standard error is the plan and the progress."""
    lines = done.err.splitlines()
    ours = [line for line in lines if line.startswith("wrapdetect: ")]
    assert "Traceback" not in done.err, done.err
    assert (done.code, len(ours), done.out) == (code, 1, ""), done
    assert lines[-1] == ours[0]
    return ours[0]


# Bad input: one line, exit code 2, nothing left that blocks a second try

ANSWERS_BADLY = {
    "html_page": "HTML page where JSON is due",
    "unauthorized": "HTTP 401",
    "unknown_model": "HTTP 404",
    "never_ending": "timeout",
    "one_byte_a_second": "timeout",
    "one_gigabyte": "passes 2,000,000 bytes",
    "gzip_bomb": "grows past",
    "invalid_utf8": "invalid UTF-8",
    "empty_answer": "an empty answer",
    "empty_body": "an empty body",
    "truncated_chunked": "connection broke",
    "no_done": "without [DONE]",
    "error_mid_stream": "upstream is gone",
    "moved": "redirects to https://elsewhere.example/v1",
    "broken_server": "HTTP 500",
    "hangs_up": "connection broke",
    "not_http": "connection broke",
    "deeply_nested_json": "garbled",
}


AT_ANY_TIME = {"html_page", "unauthorized", "unknown_model", "never_ending", "no_done", "deeply_nested_json"}
"""These run always, the others with the slow tests: tests/ways/test_http.py holds them all to their failures."""


@pytest.mark.parametrize(
    "name", [n if n in AT_ANY_TIME else pytest.param(n, marks=pytest.mark.slow) for n in ANSWERS_BADLY]
)
def test_an_endpoint_that_answers_badly_is_named_at_the_first_hello(
    name: str, lab: Lab, pack: str, commands: Commands, tmp_path: Path
) -> None:
    argv = [*("--pack", pack, "--out", "run.jsonl", "--timeout", "0.5")]
    with serving(BEHAVIOURS[name]) as server:
        done = commands.run(*lab.against(server.url), *argv, "--key-env", "BOT_KEY", cwd=tmp_path, BOT_KEY=KEY)
    down = re.search(r": (server|connect|timeout): ", done.err)
    line = complaint(done, 3 if down else 2)
    assert ANSWERS_BADLY[name] in line
    assert f"target at {server.url}" in line
    assert len(server.requests) == 1
    assert KEY not in done.err
    assert not (tmp_path / "run.jsonl").exists()


@pytest.mark.slow
def test_an_unreachable_host_is_named(lab: Lab, pack: str, commands: Commands, tmp_path: Path) -> None:
    with serving(fixed(b"")) as server:
        gone = server.url
    assert "connect: " in complaint(commands.run(*lab.against(gone), "--pack", pack, cwd=tmp_path), 3)


@pytest.mark.slow
def test_a_wrong_model_and_a_wrong_key_are_told_by_the_endpoint(
    lab: Lab, pack: str, commands: Commands, tmp_path: Path
) -> None:
    done = commands.run(*lab.against(lab.target.url, "no-such-model"), "--pack", pack, cwd=tmp_path)
    assert "The model no-such-model does not exist" in complaint(done)
    with serve(a_voice("heron"), key="right") as guarded:
        done = commands.run(*lab.against(guarded.url), "--pack", pack, "--key-env", "K", cwd=tmp_path, K=KEY)
    assert "Incorrect API key provided" in complaint(done)
    assert KEY not in done.err


@pytest.mark.slow
def test_a_reference_that_does_not_answer_is_named_too(lab: Lab, pack: str, commands: Commands, tmp_path: Path) -> None:
    with serving(fixed(b"")) as server:
        gone = server.url
    done = commands.run(*lab.plain_audit, "--reference", f"lost={gone}#x", "--pack", pack, cwd=tmp_path)
    assert f"reference lost at {gone}: connect" in complaint(done)


@pytest.mark.slow
def test_after_a_bad_start_the_same_command_works(lab: Lab, pack: str, commands: Commands, tmp_path: Path) -> None:
    turns: Iterator[Behaviour] = iter([BEHAVIOURS["broken_server"]])
    out = ["--pack", pack, "--out", "run.jsonl"]
    with serving(lambda peer: next(turns)(peer)) as server:
        complaint(commands.run(*lab.against(server.url), *out, cwd=tmp_path), code=3)
    assert commands.run(*lab.plain_audit, *out, cwd=tmp_path).code == 0


REFERENCE = "a=http://127.0.0.1:9/v1#m"
TARGET = ("audit", "http://127.0.0.1:9/v1", "--model", "m")
BAD_ARGUMENTS: dict[str, tuple[tuple[str, ...], str]] = {
    "no target": (("audit",), "no target"),
    "no model, and nothing may be sent": (("audit", "http://127.0.0.1:9/v1", "--dry-run"), "--dry-run sends nothing"),
    "a model without a target": (("audit", "--model", "m", "--reference", REFERENCE), "the URL is missing"),
    "a url without a scheme": (("audit", "bot.example", "--model", "m", "--reference", REFERENCE), "not a web address"),
    "a secret in the url": (
        ("audit", f"https://u:{KEY}@bot.example", "--model", "m", "--reference", REFERENCE),
        "user name or password",
    ),
    "a reference without a model": ((*TARGET, "--reference", "a=http://127.0.0.1:9/v1"), "# and the model"),
    "a reference named as the target": ((*TARGET, "--reference", f"target{REFERENCE[1:]}"), "is used twice"),
    "a reference given twice": ((*TARGET, "--reference", REFERENCE, "--reference", REFERENCE), "is used twice"),
    "a key for its variable": ((*TARGET, "--reference", REFERENCE, "--key-env", KEY), "text not shown"),
    "a key variable that is not set": (
        (*TARGET, "--reference", REFERENCE, "--key-env", "NOT_SET"),
        "NOT_SET is not set",
    ),
    "an unknown pack": ((*TARGET, "--reference", REFERENCE, "--pack", "nosuch"), "no pack 'nosuch'"),
    "a pack named twice": ((*TARGET, "--reference", REFERENCE, "--pack", "style,style"), "pack style is named twice"),
    "no pack in --pack": ((*TARGET, "--reference", REFERENCE, "--pack", " , "), "--pack"),
    "a pack above the requests": (
        (*TARGET, "--reference", REFERENCE, "--max-requests", "5"),
        "--max-requests allows 5",
    ),
    "a pack above the tokens": ((*TARGET, "--reference", REFERENCE, "--max-tokens", "5"), "--max-tokens allows 5"),
    "more neutral prompts than there are": ((*TARGET, "--reference", REFERENCE, "--enrol", "999"), "--enrol 999"),
    "nothing to resume": ((*TARGET, "--reference", REFERENCE, "--resume"), "--resume needs --out"),
    "no config file": (("audit", "--config", "nosuch.toml"), "cannot read nosuch.toml"),
    "no run file": (("replay", "nosuch.jsonl"), "cannot read nosuch.jsonl"),
    "a folder without a run": (("replay", "."), "cannot read run.jsonl"),
    "an unknown probe": (("probes", "show", "nosuch"), "no pack or item 'nosuch'"),
    "no pack file": (("probes", "check", "nosuch.toml"), "no pack 'nosuch.toml'"),
    "a folder for a pack": (("probes", "check", "."), "Is a directory"),
}


@pytest.mark.parametrize("name", BAD_ARGUMENTS)
def test_bad_arguments_get_one_line(name: str, commands: Commands, tmp_path: Path) -> None:
    argv, message = BAD_ARGUMENTS[name]
    done = commands.run(*argv, cwd=tmp_path)
    assert message in complaint(done)
    assert KEY not in done.err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "option",
    [
        ("--draws", "0"),
        ("--concurrency", "0"),
        ("--concurrency", "65"),
        ("--timeout", "0"),
        ("--timeout", "nan"),
        ("--timeout", "inf"),
        ("--pace", "-1"),
        ("--pace", "nan"),
        ("--fail-at", "1.5"),
        ("--fail-at", "nan"),
        ("--max-requests", "many"),
        ("--nosuch",),
    ],
)
def test_an_option_out_of_its_range_is_a_usage_error(
    option: tuple[str, ...], commands: Commands, tmp_path: Path
) -> None:
    done = commands.run(*TARGET, "--reference", REFERENCE, *option, "--dry-run", cwd=tmp_path)
    assert (done.code, done.out) == (2, "")
    assert "Traceback" not in done.err
    assert option[0] in done.err


BAD_FILES: dict[str, tuple[str, bytes, str]] = {
    "a run of a newer format": (
        "replay",
        f'{{"format":{FORMAT + 1}}}\n'.encode(),
        f"cannot read run format {FORMAT + 1}",
    ),
    "an empty run": ("replay", b"", "no complete first line"),
    "a run that is a page": ("replay", b"<html>\n</html>\n", "line 1: not JSON"),
    "a run nested without end": ("replay", b"[" * 100_000 + b"\n", "line 1"),
    "an empty pack": ("probes check", b"", "the pack holds no [[item]]"),
    "a pack with an unknown key": ("probes check", b'id = "a"\ncolour = 3\n[[item]]\n', "line 2: colour: unknown key"),
    "a pack that is no TOML": ("probes check", b"id = \n", "not TOML"),
    "a pack that is no text": ("probes check", b"\xff\xfe", "not UTF-8"),
    "a config with an unknown key": (
        "audit --config",
        b"[target]\napi_key = 'sk-planted'\n",
        "target.api_key: unknown key",
    ),
    "a config that is no TOML": ("doctor --config", b"[", "not TOML"),
}


@pytest.mark.parametrize("name", BAD_FILES)
def test_a_bad_file_is_named_with_its_fault(name: str, commands: Commands, tmp_path: Path) -> None:
    command, content, message = BAD_FILES[name]
    (tmp_path / "given").write_bytes(content)
    done = commands.run(*command.split(), "given", cwd=tmp_path)
    lines = done.err.splitlines()
    assert (done.code, len(lines)) == (2, 1), done.err
    assert lines[0].startswith("wrapdetect: given")
    assert message in lines[0]
    assert "sk-planted" not in lines[0]


@pytest.mark.parametrize("file", ["run.jsonl", "there/run.jsonl"])
def test_a_recording_is_never_overwritten(file: str, lab: Lab, pack: str, commands: Commands, tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / file).write_text("precious\n")
    done = commands.run(*lab.plain_audit, "--pack", pack, "--out", file, cwd=tmp_path)
    assert "is there already; add --resume" in complaint(done)
    assert (tmp_path / file).read_text() == "precious\n"


@pytest.mark.slow
def test_a_disk_that_fills_up_ends_with_one_line_and_a_file_to_resume(lab: Lab, pack: str, tmp_path: Path) -> None:
    argv = [*lab.plain_audit, "--pack", pack, "--out", "run.jsonl"]
    code = (
        "import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000));"
        "from wrapdetect.cli import main; sys.argv = ['wrapdetect', *sys.argv[1:]]; main()"
    )
    env = clean_environment(tmp_path, PYTHONDONTWRITEBYTECODE="1")
    done = subprocess.run(
        [sys.executable, "-c", code, *argv],
        cwd=tmp_path,
        env=env,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (tmp_path / "run.jsonl").stat().st_size == 20_000
    complaint(Done(done.returncode, done.stdout, done.stderr))
    assert cold(*argv, "--resume", cwd=tmp_path).code == 0


# What an audit does


@pytest.fixture(scope="module")
def audited(lab: Lab, commands: Commands, tmp_path_factory: pytest.TempPathFactory) -> tuple[Done, Path]:
    """One whole audit with --json, whose recording several tests read."""
    place = tmp_path_factory.mktemp("audited")
    write_pack(place / "mine.toml", [i for i in load_pack("short").items if i.id in ITEMS])
    argv = [*lab.plain_audit, "--pack", "mine.toml", "--out", "run.jsonl", "--json", "--vantage", "a test"]
    return commands.run(*argv, cwd=place), place / "run.jsonl"


def test_json_on_standard_output_is_the_report_and_fits_its_schema(audited: tuple[Done, Path]) -> None:
    done, _ = audited
    assert done.code == 0, done.err
    report = json.loads(done.out)
    jsonschema.Draft202012Validator(json.loads(SCHEMA.read_text())).validate(report)
    assert (report["report"], report["run"]["vantage"], report["bugs"]) == (1, "a test", [])
    assert {t["endpoint"]: t["answered"] for t in report["tallies"]}["target"] == len(ITEMS) + 2  # hello, a second turn


def test_every_ask_of_the_plan_is_recorded_once(audited: tuple[Done, Path]) -> None:
    assert_whole(run_file.load_file(audited[1]).run)


def assert_whole(run: Run) -> None:
    """Every turn of every ask is there once, and nothing else."""
    planned = Counter((s.endpoint.name, s.ask.key, turn) for s in make_plan(run) for turn in range(len(s.ask.turns)))
    assert Counter((e.endpoint, e.ask, e.turn) for e in run.exchanges) == planned


def test_the_replay_of_a_recording_gives_the_same_bytes(
    audited: tuple[Done, Path], commands: Commands, tmp_path: Path
) -> None:
    done, recording = audited
    for path in (str(recording), str(recording.parent)):
        again = commands.run("replay", path, "--json", "--no-embed", cwd=tmp_path)
        assert (again.code, again.out, again.err) == (0, done.out, "")


@pytest.mark.slow
def test_a_report_that_nobody_knows_is_one_line_and_nothing_is_asked(commands: Commands, tmp_path: Path) -> None:
    replay = ("replay", "lab_relay", "--no-embed")
    for argv in (replay, ("audit", "http://127.0.0.1:1/v1", "--model", "m", "--dry-run")):
        done = commands.run(*argv, cwd=tmp_path, WRAPDETECT_REPORT="pdf")
        assert complaint(done) == "wrapdetect: no report is called 'pdf'; expected one of console, json"
    chosen = commands.run(*replay, cwd=tmp_path, WRAPDETECT_REPORT="json")
    assert chosen.out == commands.run(*replay, "--json", cwd=tmp_path, WRAPDETECT_REPORT="pdf").out
    assert json.loads(chosen.out)["report"] == 1


def test_replay_opens_no_socket_and_starts_no_process(audited: tuple[Done, Path], tmp_path: Path) -> None:
    code = (
        "import sys\n"
        "def watch(event, args):\n"
        "    if event.startswith(('socket.', 'subprocess.', 'os.system', 'os.fork', 'os.exec', 'urllib.')):\n"
        "        print('FORBIDDEN', event, args, file=sys.__stderr__, flush=True); import os; os._exit(99)\n"
        "sys.addaudithook(watch)\n"
        "from wrapdetect.cli import main\n"
        "sys.argv = ['wrapdetect', 'replay', sys.argv[1], '--json', '--no-embed']\n"
        "main()\n"
    )
    argv = [sys.executable, "-c", code, str(audited[1])]
    env = clean_environment(tmp_path)
    done = subprocess.run(argv, cwd=tmp_path, env=env, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == audited[0].out


def test_replay_reports_a_torn_line_and_goes_on(audited: tuple[Done, Path], commands: Commands, tmp_path: Path) -> None:
    path = tmp_path / "torn.jsonl"
    path.write_bytes(audited[1].read_bytes() + b'{"endpoint":"tar')
    done = commands.run("replay", "torn.jsonl", "--json", "--no-embed", cwd=tmp_path)
    assert (done.code, done.out) == (0, audited[0].out)
    assert "the last line is torn (16 bytes)" in done.err


def test_the_report_for_people_names_state_and_probability_first(
    audited: tuple[Done, Path], commands: Commands, tmp_path: Path
) -> None:
    done = commands.run("replay", str(audited[1]), "--no-embed", cwd=tmp_path)
    report = json.loads(audited[0].out)
    assert done.code == 0
    assert report["state"].replace("_", " ") in done.out.replace("_", " ")[:400].lower()
    assert "\x1b" not in done.out  # no colours into a file


def test_dry_run_prints_the_plan_and_sends_nothing(pack: str, commands: Commands, tmp_path: Path) -> None:
    with serving(fixed(b"")) as server:
        argv = ["audit", server.url, "--model", "m", "--reference", f"a={server.url}#m", "--key-env", "NOT_SET"]
        done = commands.run(*argv, "--pack", pack, "--dry-run", "--out", "run.jsonl", cwd=tmp_path)
    assert done.code == 0
    assert re.search(r"at most \d+ requests and about [\d,]+ tokens", done.err)
    assert "nothing was sent" in done.err
    assert server.requests == []
    assert [p.name for p in tmp_path.iterdir()] == ["mine.toml"]


@pytest.mark.slow
def test_the_plan_stands_before_the_first_request(lab: Lab, pack: str, commands: Commands, tmp_path: Path) -> None:
    done = commands.run(*lab.plain_audit, "--pack", pack, cwd=tmp_path)
    lines = done.err.splitlines()
    assert lines[0].startswith(f"target {lab.target.url}")
    assert "requests and about" in lines[2]
    assert [line for line in lines if line.startswith("asked 100 %")]
    assert lines.index(next(line for line in lines if line.startswith("asked"))) > 2
    (written,) = (tmp_path / "wrapdetect-runs").iterdir()
    assert lines[-1] == f"recorded in {written.relative_to(tmp_path)}"


@pytest.mark.parametrize(("threshold", "code"), [("0", 10), ("1", 0)])
def test_fail_at_sets_the_exit_code_and_the_report_is_printed_all_the_same(
    threshold: str, code: int, audited: tuple[Done, Path], commands: Commands, tmp_path: Path
) -> None:
    done = commands.run("replay", str(audited[1]), "--json", "--no-embed", "--fail-at", threshold, cwd=tmp_path)
    assert (done.code, done.out) == (code, audited[0].out)


@pytest.mark.slow
def test_an_audit_takes_fail_at_too(lab: Lab, pack: str, commands: Commands, tmp_path: Path) -> None:
    assert commands.run(*lab.plain_audit, "--pack", pack, "--fail-at", "0", cwd=tmp_path).code == 10


def test_a_target_that_says_hello_and_then_nothing_is_exit_3(
    lab: Lab, pack: str, commands: Commands, tmp_path: Path
) -> None:
    silent = Fickle(inner=a_voice("heron"), down=lambda messages: "hello" not in messages[-1]["content"])
    with serve(silent) as served:
        done = commands.run(*lab.against(served.url), "--pack", pack, "--out", "run.jsonl", "--json", cwd=tmp_path)
    assert "answered the first hello and then nothing" in complaint(done, code=3)
    run = run_file.load_file(tmp_path / "run.jsonl").run
    assert {e.status for e in run.exchanges if e.endpoint == "target" and e.ask.probe == "mine"} == {500}


def test_a_target_that_fails_some_asks_is_judged_and_the_verdict_counts_it(
    lab: Lab, pack: str, commands: Commands, tmp_path: Path
) -> None:
    moody = Fickle(inner=a_voice("heron"), down=lambda messages: "tides" in messages[-1]["content"])
    with serve(moody) as served:
        done = commands.run(*lab.against(served.url), "--pack", pack, "--json", cwd=tmp_path)
    assert done.code == 0, done.err
    tallies = {t["endpoint"]: t for t in json.loads(done.out)["tallies"]}
    assert tallies["target"]["failures"] == {"server": 1}
    assert tallies["target"]["answered"] == tallies["target"]["planned"] - 1
    assert tallies["heron"]["failures"] == {}


@pytest.mark.parametrize(
    "name",
    [
        "deeply_nested_json",
        *(
            pytest.param(n, marks=pytest.mark.slow)
            for n in ("invalid_utf8", "no_done", "error_mid_stream", "truncated_chunked")
        ),
    ],
)
def test_a_broken_answer_in_the_middle_ends_no_audit(
    name: str, lab: Lab, pack: str, commands: Commands, tmp_path: Path
) -> None:
    hello = fixed(b'{"choices": [{"message": {"content": "Hello."}}]}')
    turns: dict[bool, Behaviour] = {True: hello, False: BEHAVIOURS[name]}
    with serving(lambda peer: turns[b"hello" in peer.request.body or b"rainbow" in peer.request.body](peer)) as server:
        done = commands.run(*lab.against(server.url), "--pack", pack, "--json", cwd=tmp_path)
    assert done.code == 0, done.err
    target = next(t for t in json.loads(done.out)["tallies"] if t["endpoint"] == "target")
    assert target["answered"] == 2
    assert sum(target["failures"].values()) == len(ITEMS) - 1


# Stopping and going on

ANSWERED, AT_A_TIME = 9, 4
"""How many are answered before the lab holds its answers back; how many an audit asks at a time."""


@dataclass
class Held:
    """Of all that share `taken`, the first `answered` questions are answered; the rest wait for `go`."""

    inner: Bot
    taken: Iterator[int]
    go: threading.Event
    answered: int = ANSWERED

    @property
    def model(self) -> str:
        return self.inner.model

    async def reply(self, messages: Messages, max_tokens: int) -> AsyncIterator[str]:
        number = next(self.taken)
        while number >= self.answered and not self.go.is_set():
            await asyncio.sleep(0.01)
        async for piece in self.inner.reply(messages, max_tokens):
            yield piece


@dataclass
class Running:
    """A real process in the middle of an audit."""

    process: subprocess.Popen[str]
    file: Path

    @property
    def n_lines(self) -> int:
        return self.file.read_bytes().count(b"\n") if self.file.exists() else 0

    def wait_until(self, true: Callable[[], bool]) -> None:
        until = time.monotonic() + 60
        while not true():
            assert self.process.poll() is None, self.process.communicate()
            assert time.monotonic() < until
            time.sleep(0.01)  # there is no other sign of progress that a process could wait for

    def end(self, sign: signal.Signals) -> Done:
        self.process.send_signal(sign)
        out, err = self.process.communicate(timeout=60)
        return Done(self.process.returncode, out, err)


@dataclass(frozen=True)
class HeldLab(Lab):
    """After ANSWERED answers it answers no more, until `go`."""

    go: threading.Event

    @property
    def n_asked(self) -> int:
        return sum(len(s.requests) for s in (self.target, self.heron, self.magpie))


@pytest.fixture
def held_lab() -> Iterator[HeldLab]:
    taken, go = itertools.count(), threading.Event()
    bots: list[Bot] = [Held(a_voice(n, k), taken, go) for k, n in enumerate(("heron", "heron", "magpie"))]
    with serve(bots[0]) as target, serve(bots[1]) as heron, serve(bots[2]) as magpie:
        yield HeldLab(target, heron, magpie, go)
        go.set()


def start(argv: list[str], place: Path) -> Running:
    process = subprocess.Popen(
        [sys.executable, "-m", "wrapdetect", *argv],
        cwd=place,
        env=clean_environment(place),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # A job in the background is started with Ctrl-C ignored, and would hand that on; a user's terminal does not.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    return Running(process, place / "run.jsonl")


@pytest.mark.slow
def test_after_kill_9_resume_asks_only_what_is_missing(held_lab: HeldLab, pack: str, tmp_path: Path) -> None:
    argv = [*held_lab.plain_audit, "--pack", pack, "--out", "run.jsonl"]
    running = start(argv, tmp_path)
    running.wait_until(lambda: (running.n_lines, held_lab.n_asked) == (1 + ANSWERED, ANSWERED + AT_A_TIME))
    assert running.end(signal.SIGKILL).code == -signal.SIGKILL
    before = run_file.load_file(tmp_path / "run.jsonl").run.exchanges
    assert len(before) == ANSWERED
    held_lab.go.set()
    sent = held_lab.n_asked
    with (tmp_path / "run.jsonl").open("ab") as file:
        file.write(b'{"endpoint":"target","ask"')  # as if the kill had met a write
    done = cold(*argv, "--resume", "--json", cwd=tmp_path)
    assert done.code == 0, done.err
    assert "the last line was torn (26 bytes)" in done.err
    run = run_file.load_file(tmp_path / "run.jsonl").run
    assert_whole(run)
    assert run.exchanges[: len(before)] == before
    assert held_lab.n_asked - sent == len(run.exchanges) - len(before)
    assert cold("replay", "run.jsonl", "--json", "--no-embed", cwd=tmp_path).out == done.out


@pytest.mark.slow
def test_ctrl_c_ends_with_130_and_a_whole_file(held_lab: HeldLab, pack: str, tmp_path: Path) -> None:
    running = start([*held_lab.plain_audit, "--pack", pack, "--out", "run.jsonl", "--json"], tmp_path)
    running.wait_until(lambda: (running.n_lines, held_lab.n_asked) == (1 + ANSWERED, ANSWERED + AT_A_TIME))
    done = running.end(signal.SIGINT)
    assert (done.code, done.out) == (130, "")
    assert "Traceback" not in done.err
    assert "go on with the same command and --resume" in done.err.splitlines()[-1]
    loaded = run_file.load_file(tmp_path / "run.jsonl")
    assert loaded.torn == b""
    assert len(loaded.run.exchanges) == ANSWERED
    assert {e.failure for e in loaded.run.exchanges} == {None}  # what we broke off is no failure of theirs


CHANGES = {
    "the seed": (["--seed", "2"], "seed"),
    "the draws": (["--draws", "2"], "draws"),
    "the neutral prompts": (["--enrol", "0"], "variants"),
    "the packs": (["--pack", "timing"], "packs"),
    "the references": (["--reference", "more=http://127.0.0.1:9/v1#m"], "endpoints"),
    "streaming": (["--plain"], "endpoints"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_resume_with_other_options_is_refused(
    name: str, lab: Lab, audited: tuple[Done, Path], commands: Commands, tmp_path: Path
) -> None:
    options, what = CHANGES[name]
    for file in ("run.jsonl", "mine.toml"):
        shutil.copy(audited[1].parent / file, tmp_path)
    before = (tmp_path / "run.jsonl").read_bytes()
    argv = [*lab.plain_audit, "--pack", "mine.toml", "--out", "run.jsonl", *options, "--resume"]
    assert f"was begun with other {what}" in complaint(commands.run(*argv, cwd=tmp_path))
    assert (tmp_path / "run.jsonl").read_bytes() == before


def resume(lab: Lab, audited: tuple[Done, Path], commands: Commands, place: Path, content: bytes) -> Done:
    """--resume, with the file that `content` gives."""
    shutil.copy(audited[1].parent / "mine.toml", place)
    (place / "run.jsonl").write_bytes(content)
    argv = [*lab.plain_audit, "--pack", "mine.toml", "--out", "run.jsonl", "--resume", "--json"]
    return commands.run(*argv, cwd=place)


def test_resume_of_a_finished_run_sends_nothing_and_says_the_same(
    lab: Lab, audited: tuple[Done, Path], commands: Commands, tmp_path: Path
) -> None:
    before = len(lab.target.requests)
    done = resume(lab, audited, commands, tmp_path, audited[1].read_bytes())
    assert (done.code, done.out, len(lab.target.requests)) == (0, audited[0].out, before)


@pytest.mark.parametrize("kept", [0, 100])
def test_resume_of_a_file_killed_at_its_first_line_begins_anew(
    kept: int, lab: Lab, audited: tuple[Done, Path], commands: Commands, tmp_path: Path
) -> None:
    done = resume(lab, audited, commands, tmp_path, audited[1].read_bytes()[:kept])
    assert done.code == 0, done.err
    assert_whole(run_file.load_file(tmp_path / "run.jsonl").run)


@pytest.mark.slow
def test_resume_without_a_file_begins_one(lab: Lab, pack: str, commands: Commands, tmp_path: Path) -> None:
    done = commands.run(*lab.plain_audit, "--pack", pack, "--out", "new.jsonl", "--resume", cwd=tmp_path)
    assert done.code == 0, done.err
    assert_whole(run_file.load_file(tmp_path / "new.jsonl").run)


def test_a_hello_that_failed_before_the_kill_is_said_again_on_resume(
    lab: Lab, audited: tuple[Done, Path], commands: Commands, tmp_path: Path
) -> None:
    run = run_file.load_file(audited[1]).run
    hello = next(e for e in run.exchanges if e.endpoint == "magpie" and e.ask.probe == "hello")
    gone = replace(hello, status=None, chunks=(), failure=Failure(kind=FailureKind.CONNECT, detail="it was down"))
    done = resume(lab, audited, commands, tmp_path, dump_run(replace(run, exchanges=(gone,))).encode())
    assert done.code == 0, done.err


# Configuration, keys, and the smaller commands


def test_a_config_file_gives_the_same_audit_as_the_command_line(
    lab: Lab, audited: tuple[Done, Path], commands: Commands, tmp_path: Path
) -> None:
    shutil.copy(audited[1].parent / "mine.toml", tmp_path)
    (tmp_path / "audit.toml").write_text(
        f'[target]\nurl = "{lab.target.url}"\nmodel = "heron-2"\n'
        f'[[reference]]\nname = "heron"\nurl = "{lab.heron.url}"\nmodel = "heron-2"\n'
        f'[[reference]]\nname = "magpie"\nurl = "{lab.magpie.url}"\nmodel = "magpie-large"\n'
        '[audit]\npack = ["mine.toml"]\nseed = 1\ndraws = 1\nenrol = 1\n'
    )
    done = commands.run("audit", "--config", "audit.toml", "--no-embed", "--out", "run.jsonl", cwd=tmp_path)
    assert done.code == 0, done.err
    by_file, by_line = run_file.load_file(tmp_path / "run.jsonl").run, run_file.load_file(audited[1]).run
    instrument = replace(by_line.instrument, vantage="")
    assert replace(by_file, id="", exchanges=()) == replace(by_line, id="", exchanges=(), instrument=instrument)
    assert {(e.endpoint, e.ask, e.turn, e.sent) for e in by_file.exchanges if e.turn == 0} == {
        (e.endpoint, e.ask, e.turn, e.sent) for e in by_line.exchanges if e.turn == 0
    }


def test_the_command_line_stands_above_the_config_file(lab: Lab, commands: Commands, tmp_path: Path) -> None:
    (tmp_path / "audit.toml").write_text(
        '[target]\nurl = "http://other.example/v1"\nmodel = "other"\n'
        f'[[reference]]\nurl = "{lab.heron.url}"\nmodel = "heron-2"\n'
        '[audit]\npack = ["style"]\nseed = 5\ndraws = 3\n'
    )
    argv = ["audit", "http://mine.example/v1", "--model", "mine", "--config", "audit.toml", "--seed", "0"]
    done = commands.run(*argv, "--pack", "timing", "--dry-run", cwd=tmp_path)
    assert done.code == 0, done.err
    assert "target http://mine.example/v1 (mine) against heron-2 (heron-2)" in done.err
    assert "timing (14); 3 draw(s), 1 neutral prompt(s) for references, seed 0" in done.err


@pytest.mark.slow
@pytest.mark.parametrize("debug", ["", "debug"])
def test_a_key_appears_nowhere_whatever_the_endpoints_do(debug: str, lab: Lab, pack: str, tmp_path: Path) -> None:
    hello = b'{"choices": [{"message": {"content": "Hello."}}]}'
    echo = b'{"choices": [{"message": {"content": "Your key is %s"}}]}' % KEY.encode()
    ways: list[Behaviour] = [
        fixed(echo),
        fixed(echo, headers=(f"x-key: {KEY}", f"set-cookie: k={KEY}; path=/")),
        BEHAVIOURS["unauthorized"],
        fixed(b"", status="302 Found", headers=(f"location: https://x.example/?k={KEY}",)),
    ]

    def behave(peer: object) -> None:
        body = peer.request.body  # type: ignore[attr-defined]  # a Peer
        way = fixed(hello) if b"hello" in body else ways[len(body) % len(ways)]
        way(peer)  # type: ignore[arg-type]  # a Peer

    with serving(behave) as server:
        argv = [*lab.against(server.url), "--key-env", "BOT_KEY", "--pack", pack, "--out", "run.jsonl"]
        env = {"BOT_KEY": KEY, "OPENAI_API_KEY": KEY + "2"} | ({"OPENAI_LOG": debug} if debug else {})
        done = cold(*argv, cwd=tmp_path, **env)
    assert any(f"Bearer {KEY}" in heard.head for heard in server.requests)  # it did go where it belongs
    assert not any(KEY in str(request) for s in (lab.heron, lab.magpie) for request in s.requests)
    for written in (done.out, done.err, *(p.read_text() for p in tmp_path.rglob("*") if p.is_file())):
        assert "planted" not in written
    assert done.code == 0, done.err


def test_doctor_says_set_or_not_set_and_never_the_value(commands: Commands, tmp_path: Path) -> None:
    (tmp_path / "audit.toml").write_text('[target]\nurl = "http://a.example"\nmodel = "m"\nkey_env = "BOT_KEY"\n')
    env = {"BOT_KEY": KEY, "OPENAI_API_KEY": KEY, "GEMINI_API_KEY": ""}
    done = commands.run("doctor", "--config", "audit.toml", cwd=tmp_path, **env)
    said = dict(line.split(maxsplit=1) for line in done.out.splitlines())
    assert (done.code, done.err) == (0, "")
    assert KEY not in done.out
    assert {k: said[k] for k in (*env, "MISTRAL_API_KEY")} == {
        **{"BOT_KEY": "set", "OPENAI_API_KEY": "set"},
        **{"GEMINI_API_KEY": "not set", "MISTRAL_API_KEY": "not set"},
    }
    assert said["wrapdetect"] == "0.1.0"


def test_probes_are_listed_shown_and_checked(pack: str, commands: Commands, tmp_path: Path) -> None:
    listed = commands.run("probes", "list", cwd=tmp_path)
    assert {"identity", "coherence", "timing", "style"} <= {line.split()[0] for line in listed.out.splitlines()}
    shown = commands.run("probes", "show", "style", cwd=tmp_path)
    assert shown.out.startswith(f"style v1: {load_pack('style').title}\n")
    assert all(item.id in shown.out for item in load_pack("style").items)
    one = commands.run("probes", "show", "coherence/coh_en_code_word", cwd=tmp_path)
    assert "expects: plumvorax" in one.out
    assert "turn 2: Which code word" in one.out
    checked = commands.run("probes", "check", pack, cwd=tmp_path)
    assert checked.out.startswith(f"{pack}: fits. mine v1: {len(ITEMS)} items, {len(ITEMS) + 1} turns")
    assert [d.code for d in (listed, shown, one, checked)] == [0] * 4


def test_the_module_starts_as_a_user_starts_it(tmp_path: Path) -> None:
    done = cold("--help", cwd=tmp_path)
    assert done.code == 0
    for command in ("audit", "replay", "probes", "doctor", "demo"):
        assert re.search(rf"^\s+{command}\b", done.out, re.M)
    refused = cold("probes", "show", "nosuch", cwd=tmp_path)
    assert "no pack or item 'nosuch'" in complaint(refused)
    assert os.listdir(tmp_path) == []
