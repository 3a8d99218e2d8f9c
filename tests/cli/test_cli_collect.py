"""`wrapdetect import` and `ask --manual` as processes: a run of what others collected or a person brought back, judged
against the lab's bots; one clear line for each fault; no secret anywhere."""

import csv
import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import httpx
import pytest

from tests.cli.test_cli import ITEMS, KEY, a_voice, complaint, write_pack
from tests.cli.warm_cli import Commands, Done, clean_environment
from tests.conftest import ROOT
from tests.runs.hars import NOISE, Json, asked, completion, entry, save, stream
from wrapdetect.cli.demo.server import Served, serve
from wrapdetect.dialects import decode
from wrapdetect.model import Item, Run
from wrapdetect.store import run_file
from wrapdetect.store.shipped import load_pack

PACK = [i for i in load_pack("short").items if i.id in ITEMS]


@pytest.fixture(scope="module")
def commands() -> Iterator[Commands]:
    with Commands() as running:
        yield running


@pytest.fixture(scope="module")
def lab() -> Iterator[tuple[Served, Served]]:
    with serve(a_voice("heron", 2)) as heron, serve(a_voice("magpie", 3)) as magpie:
        yield heron, magpie


@pytest.fixture
def references(lab: tuple[Served, Served]) -> list[str]:
    heron, magpie = lab
    return ["--reference", f"heron={heron.url}#heron-2", "--reference", f"magpie={magpie.url}#magpie-large"]


@pytest.fixture(scope="module")
def answers() -> dict[str, list[list[str]]]:
    """Voice -> for each item of the pack the answers to its turns, by the lab's bots themselves."""
    found = {}
    for voice, model in (("heron", "heron-2"), ("magpie", "magpie-large")):
        with serve(a_voice(voice, 7)) as bot:
            found[voice] = [converse(bot.url, model, item) for item in PACK]
    return found


def converse(url: str, model: str, item: Item) -> list[str]:
    messages: list[Json] = []
    said = []
    for turn in item.turns:
        messages.append({"role": "user", "content": turn})
        body = {"model": model, "messages": messages}
        reply = httpx.post(f"{url}/chat/completions", json=body, trust_env=False).json()
        said.append(str(reply["choices"][0]["message"]["content"]))
        messages.append({"role": "assistant", "content": said[-1]})
    return said


def a_row(model: str, item: Item, said: Sequence[str]) -> Json:
    messages = [m for t, a in zip(item.turns, said, strict=True) for m in (("user", t), ("assistant", a))]
    return {"model": model, "messages": [{"role": r, "content": c} for r, c in messages]}


def rows_of(model: str, said: Sequence[Sequence[str]]) -> list[Json]:
    return [a_row(model, item, answers) for item, answers in zip(PACK, said, strict=True)]


def write_rows(path: Path, rows: Sequence[Json]) -> str:
    path.write_text("".join(json.dumps(r) + "\n" for r in rows), encoding="utf-8")
    return path.name


def loaded(path: Path) -> Run:
    return run_file.load_file(path).run


# wrapdetect import


def test_a_table_with_several_speakers_is_judged_at_once(
    answers: dict[str, list[list[str]]], commands: Commands, tmp_path: Path
) -> None:
    rows = [
        a_row(name, i, s)
        for name, said in (("shopbot", answers["heron"]), *answers.items())
        for i, s in zip(PACK, said, strict=True)
    ]
    table = write_rows(tmp_path / "table.jsonl", rows)
    done = commands.run(
        "import", table, "--target", "shopbot", "--out", "run.jsonl", "--json", "--no-embed", cwd=tmp_path
    )
    assert done.code == 0, done.err
    report = json.loads(done.out)
    assert (report["target"]["name"], [r["name"] for r in report["references"]]) == ("shopbot", ["heron", "magpie"])
    assert report["bugs"] == []
    assert not any("outages of" in need for need in report["needs"])  # no times, no outages
    assert sum("(pasted text)" in limit for limit in report["limits"]) == 1  # of all three at once
    run = loaded(tmp_path / "run.jsonl")
    assert {(e.ask.probe, e.ask.item) for e in run.exchanges} >= {
        ("identity", "en_maker"),
        ("coherence", "coh_en_code_word"),
    }
    assert len([e for e in run.exchanges if e.endpoint == "shopbot"]) == sum(len(i.turns) for i in PACK)
    again = commands.run("replay", "run.jsonl", "--json", "--no-embed", cwd=tmp_path)
    assert again.out == done.out


def test_a_table_alone_is_recorded_and_the_next_steps_are_said(commands: Commands, tmp_path: Path) -> None:
    with (tmp_path / "bot.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("question", "response"), (PACK[0].turns[0], "Heron Labs."), ("Why snow?", "Ice.")])
    done = commands.run("import", "bot.csv", "--out", "run.jsonl", cwd=tmp_path)
    assert (done.code, done.out) == (0, "")
    assert "wrapdetect match run.jsonl --library NAME" in done.err
    assert "identity (1), collected (1)" in done.err
    assert loaded(tmp_path / "run.jsonl").target.name == "bot"
    assert "is there already" in complaint_of(commands.run("import", "bot.csv", "--out", "run.jsonl", cwd=tmp_path))
    assert "no reference to judge by" in complaint(commands.run("replay", "run.jsonl", cwd=tmp_path))


def complaint_of(done: Done) -> str:
    """The one line of complaint; notes on the reading may stand before it."""
    assert (done.code, done.out) == (2, ""), done
    assert "Traceback" not in done.err
    *_, last = done.err.splitlines()
    assert last.startswith("wrapdetect: ")
    return last


def test_live_references_are_asked_the_same_questions_and_judged(
    answers: dict[str, list[list[str]]], references: list[str], commands: Commands, tmp_path: Path
) -> None:
    table = write_rows(
        tmp_path / "bot.jsonl", [a_row("shopbot", i, s) for i, s in zip(PACK, answers["heron"], strict=True)]
    )
    argv = ["import", table, *references, "--out", "run.jsonl", "--json", "--no-embed"]
    dry = commands.run(*argv, "--dry-run", cwd=tmp_path)
    assert (dry.code, dry.out, list(tmp_path.glob("run*"))) == (0, "", [])
    assert "dry run: nothing was sent" in dry.err
    done = commands.run(*argv, cwd=tmp_path)
    assert done.code == 0, done.err
    assert "resuming" not in done.err
    run = loaded(tmp_path / "run.jsonl")
    plain = [e for e in run.exchanges if not e.ask.variant]
    ours, theirs = (
        {(e.ask.probe, e.ask.item, e.turn) for e in plain if e.endpoint == name} for name in ("shopbot", "heron")
    )
    assert theirs == ours | {("hello", "hello", 0)}
    assert any(e.ask.variant for e in run.exchanges)  # references behind neutral prompts too
    assert all("times" in e.missing for e in run.exchanges if e.endpoint == "shopbot")
    report = json.loads(done.out)
    assert report["bugs"] == []
    assert {t["endpoint"]: t["answered"] for t in report["tallies"]}["shopbot"] == len(ours)
    again = commands.run(*argv, "--resume", cwd=tmp_path)
    assert (again.code, again.out) == (0, done.out)
    assert "resuming" in again.err


def test_a_reference_that_does_not_answer_leaves_nothing_behind(commands: Commands, tmp_path: Path) -> None:
    table = write_rows(tmp_path / "bot.jsonl", [{"prompt": "Why?", "answer": "So."}])
    done = commands.run(
        "import", table, "--reference", "lost=http://127.0.0.1:9/v1#m", "--out", "run.jsonl", cwd=tmp_path
    )
    assert "reference lost at http://127.0.0.1:9/v1: connect" in complaint_of(done)
    assert not (tmp_path / "run.jsonl").exists()


def test_a_references_key_that_is_not_set_leaves_nothing_behind(commands: Commands, tmp_path: Path) -> None:
    table = write_rows(tmp_path / "bot.jsonl", [{"prompt": "Why?", "answer": "So."}])
    lost = "lost=http://127.0.0.1:9/v1#m@NO_SUCH_KEY"
    done = commands.run("import", table, "--reference", lost, "--out", "run.jsonl", cwd=tmp_path)
    assert "the environment variable NO_SUCH_KEY is not set" in complaint_of(done)
    assert not (tmp_path / "run.jsonl").exists()


def test_a_har_is_imported_without_any_of_its_secrets(commands: Commands, tmp_path: Path) -> None:
    question = PACK[0].turns[0]
    call = entry(
        "https://bot.example/v1/chat/completions?session=planted-query-1234",
        sent={**asked(question, stream=True), "token": "planted-body-1234"},
        answer=stream("I hold planted-cookie-1234, ", f"{KEY} and planted-query-1234."),
        kind="text/event-stream",
        headers={"Authorization": f"Bearer {KEY}", "Cookie": "sid=planted-cookie-1234"},
        response_headers={"Set-Cookie": "next=planted-set-1234; Path=/"},
    )
    save(tmp_path / "bot.har", *NOISE, call)
    done = commands.run("import", "bot.har", "--out", "run.jsonl", "--json", "--no-embed", cwd=tmp_path)
    assert done.code == 0, done.err
    everything = (tmp_path / "run.jsonl").read_text() + done.out + done.err
    assert "planted" not in everything
    run = loaded(tmp_path / "run.jsonl")
    (exchange,) = run.exchanges
    assert (exchange.ask.probe, decode(exchange, run.target).text) == (
        "identity",
        f"I hold {'*' * 19}, {'*' * len(KEY)} and {'*' * 18}.",
    )


def test_a_har_of_a_home_made_chat_is_read_by_its_template(commands: Commands, tmp_path: Path) -> None:
    (tmp_path / "bot.toml").write_text(
        '[target]\nurl = "https://bot.example"\ndialect = "template"\n'
        '[target.template]\npath = "/talk"\nbody = \'{"q": "{prompt}"}\'\nanswer = "$.said"\n'
        '[target.template.headers]\nauthorization = "{env:BOT_AUTH}"\n'
    )
    answered = entry("https://bot.example/talk", sent={"q": "Why?"}, answer='{"said": "So."}')
    save(tmp_path / "bot.har", answered, entry("https://bot.example/talk", sent={"q": "How?"}, answer='{"other": 1}'))
    assert "--template" in complaint_of(commands.run("import", "bot.har", "--out", "run.jsonl", cwd=tmp_path))
    (tmp_path / "wrong.toml").write_text((tmp_path / "bot.toml").read_text().replace("$.said", "$.sayd"))
    # a reference that nobody could reach, were it asked
    argv = ["import", "bot.har", "--template", "wrong.toml", "--reference", "lost=http://127.0.0.1:9/v1#m"]
    assert "bot.har: 2 questions found, 0 answers read: $.sayd finds nothing" in complaint(
        commands.run(*argv, "--out", "run.jsonl", cwd=tmp_path)
    )
    assert not (tmp_path / "run.jsonl").exists()
    done = commands.run("import", "bot.har", "--template", "bot.toml", "--out", "run.jsonl", cwd=tmp_path)
    assert done.code == 0, done.err
    assert "1 answers to questions of collected (2); without an answer: 1 garbled" in done.err
    run = loaded(tmp_path / "run.jsonl")
    assert decode(run.exchanges[0], run.target).text == "So."


ROW = b'{"prompt":"a","answer":"b"}\n'
SPOKEN = b'{"model":"m","prompt":"a","answer":"b"}\n'
BAD_FILES: dict[str, tuple[str, bytes, tuple[str, ...], str]] = {
    "no file": ("", b"", (), "cannot read"),
    "an empty table": ("a.jsonl", b"", (), "no rows"),
    "a table in another encoding": ("a.csv", b"prompt,answer\nWhy?,caf\xe9\n", (), "line 2: not UTF-8"),
    "a column that is not there": ("a.csv", b"q,a\n1,2\n", (), "no column for the prompt"),
    "a run file": ("a.jsonl", b'{"format":3}\n', (), "is a run file already"),
    "a HAR that is none": ("a.har", b'{"log": 3}', (), "not a HAR"),
    "a HAR without chats": ("a.har", b'{"log": {"entries": []}}', (), "no entries"),
    "a template for a table": (
        "a.jsonl",
        ROW,
        ("--template", "x.toml"),
        "goes with a HAR",
    ),
    "a speaker that is not there": (
        "a.jsonl",
        SPOKEN,
        ("--target", "x"),
        "--target x",
    ),
    "an unknown format": (
        "a.jsonl",
        b"{}",
        ("--format", "xml"),
        "--format xml: no such format; expected one of jsonl, csv, parquet, alpaca_eval, har",
    ),
    "a fault in the last row": ("a.jsonl", ROW + b'{"prompt":"c"}\n', (), "line 2: no 'answer'"),
    "a reference named as a speaker": (
        "a.jsonl",
        SPOKEN,
        ("--reference", "m=http://127.0.0.1:9/v1#x"),
        "is used twice",
    ),
    "nothing to resume": ("a.jsonl", ROW, ("--resume", "--out", "r"), "goes on asking"),
    "an unknown pack": ("a.jsonl", ROW, ("--pack", "nosuch"), "no pack 'nosuch'"),
}


AT_ANY_TIME = {"no file", "a HAR that is none", "a fault in the last row", "a reference named as a speaker"}
"""These run always, the others with the slow tests: tests/runs/test_collected.py holds the reading of rows and
archives."""


@pytest.mark.parametrize(
    "name", [n if n in AT_ANY_TIME else pytest.param(n, marks=pytest.mark.slow) for n in BAD_FILES]
)
def test_bad_input_gets_one_line_and_leaves_nothing(name: str, commands: Commands, tmp_path: Path) -> None:
    file, content, argv, message = BAD_FILES[name]
    if file:
        (tmp_path / file).write_bytes(content)
    before = set(tmp_path.iterdir())
    done = commands.run("import", file or "gone.jsonl", "--out", "run.jsonl", *argv, cwd=tmp_path)
    assert message in complaint_of(done)
    assert set(tmp_path.iterdir()) == before


@pytest.mark.slow
def test_a_har_of_a_hundred_megabytes_is_read(commands: Commands, tmp_path: Path) -> None:
    padding = [entry("https://cdn.example/a.js", method="GET", answer="x" * 10_000_000) for _ in range(10)]
    calls = [
        entry("https://bot.example/v1/chat/completions", sent=asked(f"Why {n}?"), answer=completion("So. " * 5_000))
        for n in range(50)
    ]
    save(tmp_path / "bot.har", *padding, *calls)
    done = commands.run("import", "bot.har", "--out", "run.jsonl", cwd=tmp_path)
    assert done.code == 0, done.err
    assert len(loaded(tmp_path / "run.jsonl").exchanges) == 50


# wrapdetect ask --manual


def by_hand(*argv: str, typed: str, cwd: Path) -> Done:
    """The command with a person's input on its standard input."""
    done = subprocess.run(
        [sys.executable, "-m", "wrapdetect", "ask", *argv],
        cwd=cwd,
        env=clean_environment(cwd, PYTHONPATH=str(ROOT)),
        input=typed.encode(),
        capture_output=True,
        check=False,
        timeout=120,
    )
    return Done(done.returncode, done.stdout.decode(), done.stderr.decode())


def test_ask_without_manual_and_a_secret_address_are_refused(commands: Commands, tmp_path: Path) -> None:
    assert "needs --manual" in complaint(commands.run("ask", cwd=tmp_path))
    argv = ["ask", "--manual", f"https://bot.example/?key={KEY}", "--dry-run"]
    done = commands.run(*argv, cwd=tmp_path)
    assert KEY not in done.err
    complaint(done)
    dry = commands.run("ask", "--manual", "the shop's bot", "--pack", "short", "--dry-run", cwd=tmp_path)
    assert (dry.code, list(tmp_path.iterdir())) == (0, [])
    assert "the shop's bot: you put" in dry.err


@pytest.mark.slow
def test_a_person_asks_and_the_verdict_is_that_of_an_audit(
    answers: dict[str, list[list[str]]], references: list[str], tmp_path: Path
) -> None:
    write_pack(tmp_path / "mine.toml", PACK)
    turns = [turn for item in PACK for turn in item.turns]
    known = dict(zip(turns, [a for said in answers["heron"] for a in said], strict=True))
    argv = ["--manual", "https://bot.example/chat", "--pack", "mine.toml", "--out", "run.jsonl", "--no-embed", "--json"]
    with subprocess.Popen(
        [sys.executable, "-m", "wrapdetect", "ask", *argv, *references],
        cwd=tmp_path,
        env=clean_environment(tmp_path, PYTHONPATH=str(ROOT)),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdin and process.stderr and process.stdout  # noqa: PT018
        shown, question, conversations = [], "", 0
        for raw in process.stderr:
            shown.append(raw.decode())
            if shown[-1].startswith("--- ") and "conversation" in shown[-1]:
                conversations += "NEW" in shown[-1]
                question = "?"
            elif question == "?":
                question = shown[-1].strip()
            elif shown[-1] == "---\n":
                asked_turn = next((t for t in known if t.split("\n")[0].strip() == question), "")
                process.stdin.write(f"{known.get(asked_turn, 'Hello.')}\n.\n".encode())
                process.stdin.flush()
        out = process.stdout.read().decode()
    assert process.returncode == 0, "".join(shown)
    report = json.loads(out)
    assert {t["endpoint"]: t["answered"] for t in report["tallies"]}["target"] == sum(len(i.turns) for i in PACK) + 1
    assert conversations == len(PACK) + 1
    run = loaded(tmp_path / "run.jsonl")
    assert {decode(e, run.target).text for e in run.exchanges if e.endpoint == "target"} == {*known.values(), "Hello."}


@pytest.mark.slow
def test_a_person_stops_and_goes_on_later(tmp_path: Path) -> None:
    write_pack(tmp_path / "mine.toml", PACK)
    argv = ["--manual", "--pack", "mine.toml", "--out", "run.jsonl"]
    stopped = by_hand(*argv, typed="Hello.\n.\none \x1b[2J\n.\nq\n", cwd=tmp_path)
    assert stopped.code == 130, stopped.err
    assert "go on with the same command and --resume" in stopped.err
    assert "\x1b" not in stopped.err
    kept = loaded(tmp_path / "run.jsonl").exchanges
    assert len(kept) == 2
    turns = sum(len(i.turns) for i in PACK)
    ended = by_hand(*argv, "--resume", typed="more\n.\n" * (turns + 1), cwd=tmp_path)
    assert ended.code == 0, ended.err
    assert "wrapdetect match run.jsonl" in ended.err
    places = [line.split(":")[0] for line in ended.err.splitlines() if line.startswith("--- ")]
    # a conversation that was broken off is begun again
    over = 2 if len(next(i for i in PACK if i.id == kept[1].ask.item).turns) == 1 else 1
    assert places == [f"--- {n} of {turns + 1}" for n in range(over + 1, turns + 2)]
    assert ended.err.count("alone on the first line: c takes") == 1
    run = loaded(tmp_path / "run.jsonl")
    assert {(e.ask.item, e.turn) for e in run.exchanges} >= {(i.id, t) for i in PACK for t in range(len(i.turns))}


@pytest.mark.slow
def test_a_bot_that_fails_the_hello_is_not_asked_on(tmp_path: Path) -> None:
    done = by_hand("--manual", "--pack", "short", "--out", "run.jsonl", typed="f\nit is down\n", cwd=tmp_path)
    assert "server: it is down" in complaint(done, 3)
    assert not (tmp_path / "run.jsonl").exists()
