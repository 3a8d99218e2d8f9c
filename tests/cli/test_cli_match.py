"""`wrapdetect match` and `audit --library` as processes: the same match from a table, a run and a live target.

The library holds invented models (tests/library/test_matching.py); the target is a lab bot on loopback that gives
answers of one of them.
"""

import csv
import json
import signal
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import count
from pathlib import Path

import jsonschema
import pytest

from tests.cli.test_cli import KEY, Held, complaint, start
from tests.cli.warm_cli import Commands, Done
from tests.conftest import a_pack, a_run, an_exchange, an_item, later
from tests.lab.bots import RecordedBot
from tests.library.test_matching import PROMPTS, Fleet, a_fleet
from tests.report.test_match_report import HOSTILE, schema
from wrapdetect.cli.demo.server import Served, serve
from wrapdetect.library.answers import question_id
from wrapdetect.model import AskKey, Run
from wrapdetect.runs.codec import dump_run
from wrapdetect.store import run_file

BOT = "bot-1"
Command = Callable[..., Done]


def a_table(answers: Mapping[str, Sequence[str]]) -> str:
    """JSON lines: speaker -> answers in the order of the prompts."""
    rows = [
        {"model": m, "prompt": p, "answer": a} for m, own in answers.items() for p, a in zip(PROMPTS, own, strict=True)
    ]
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


@pytest.fixture(scope="module")
def fleet() -> Fleet:
    return a_fleet()


@pytest.fixture(scope="module")
def wrapped(fleet: Fleet) -> list[str]:
    return fleet.wrapped("b0", 1)


@pytest.fixture(scope="module")
def kept(fleet: Fleet, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Commands, Path]]:
    """A warm process, and a folder with the library `lab`."""
    place = tmp_path_factory.mktemp("libraries")
    (place / "lab.jsonl").write_text(a_table(fleet.said), encoding="utf-8")
    told = ("--source", "invented", "--collected", "2026-01-05")
    with Commands() as commands:
        done = commands.run("library", "import", "lab", "lab.jsonl", *told, cwd=place, WRAPDETECT_LIBRARIES=str(place))
        assert done.code == 0, done.err
        yield commands, place


@pytest.fixture
def run(kept: tuple[Commands, Path], tmp_path: Path) -> Command:
    commands, place = kept

    def do(*argv: str, **env: str) -> Done:
        return commands.run(*argv, cwd=tmp_path, WRAPDETECT_LIBRARIES=str(place), **env)

    return do


@pytest.fixture
def copy(wrapped: list[str], tmp_path: Path) -> str:
    """The table of a wrapper of b0."""
    (tmp_path / "copy.jsonl").write_text(a_table({"shopbot": wrapped}), encoding="utf-8")
    return "copy.jsonl"


def report(done: Done, code: int = 0) -> dict[str, object]:
    """The match, held to its schema."""
    assert done.code == code, done.err
    loaded: dict[str, object] = json.loads(done.out)
    jsonschema.Draft202012Validator(schema()).validate(loaded)
    return loaded


MATCH = ("--library", "lab", "--no-embed")


# wrapdetect match


def test_a_table_is_matched_and_the_report_names_the_family_first(run: Command, copy: str) -> None:
    done = run("match", copy, *MATCH)
    assert (done.code, done.err) == (0, "")
    lines = done.out.strip().splitlines()
    assert lines[0].startswith("same_model of b0   probability of the family ")
    assert lines[1].startswith("shopbot answers as the family of b0 does")
    assert "\x1b" not in done.out


@pytest.mark.slow
def test_json_fits_its_schema_and_comes_twice_the_same(run: Command, copy: str) -> None:
    done = run("match", copy, *MATCH, "--json")
    found = report(done)
    assert (found["state"], found["nearest"], found["answers"]) == ("same_model", "b0", "shopbot")
    assert (found["library"], found["n_questions"], found["family"]) == ("lab", len(PROMPTS), ["b0", "b1"])
    assert run("match", copy, *MATCH, "--json").out == done.out


@pytest.mark.slow
def test_csv_jsonl_and_alpaca_eval_give_the_same_match(
    run: Command, copy: str, wrapped: list[str], tmp_path: Path
) -> None:
    with (tmp_path / "copy.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("prompt", "answer"), *zip(PROMPTS, wrapped, strict=True)])
    outputs = [{"instruction": p, "output": a} for p, a in zip(PROMPTS, wrapped, strict=True)]
    (tmp_path / "copy.json").write_text(json.dumps(outputs), encoding="utf-8")
    by_line = report(run("match", copy, *MATCH, "--json"))
    for file_name in ("copy.csv", "copy.json"):
        assert report(run("match", file_name, *MATCH, "--json")) == {**by_line, "answers": "copy"}


def a_run_of(wrapped: Sequence[str]) -> Run:
    items = tuple(an_item(f"q{k}", turns=(p,)) for k, p in enumerate(PROMPTS))
    asked = [an_exchange("target", AskKey("style", f"q{k}", 0, ""), a, started=later(k)) for k, a in enumerate(wrapped)]
    return replace(a_run(a_pack(*items)), exchanges=tuple(asked))


@pytest.mark.slow
def test_a_run_gives_the_match_of_its_targets_answers(
    run: Command, copy: str, wrapped: list[str], tmp_path: Path
) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "run.jsonl").write_text(dump_run(a_run_of(wrapped)), encoding="utf-8")
    by_table = report(run("match", copy, *MATCH, "--json"))
    for path in ("there/run.jsonl", "there"):
        by_run = report(run("match", path, *MATCH, "--json"))
        assert by_run == {**by_table, "answers": "target"}


def test_a_match_sends_nothing_and_needs_no_key(run: Command, wrapped: list[str], tmp_path: Path) -> None:
    whole = a_run_of(wrapped)
    with serve(RecordedBot(model=BOT, answers={})) as served:
        target = replace(whole.target, url=served.url, key_env="NOT_SET")
        gone = replace(whole, endpoints=(target, *whole.references))
        (tmp_path / "run.jsonl").write_text(dump_run(gone), encoding="utf-8")
        assert report(run("match", "run.jsonl", *MATCH, "--json"))["nearest"] == "b0"
    assert served.requests == []


@pytest.mark.slow
def test_top_says_how_many_models_are_shown(run: Command, copy: str) -> None:
    for top in (1, 3, 24):
        ranked = report(run("match", copy, *MATCH, "--json", "--top", str(top)))["ranked"]
        assert isinstance(ranked, list)
        assert len(ranked) == top


@pytest.mark.slow
def test_of_several_speakers_one_is_chosen(run: Command, fleet: Fleet, wrapped: list[str], tmp_path: Path) -> None:
    both = {"shopbot": wrapped, "other": fleet.answers("c1", 1)}
    (tmp_path / "both.jsonl").write_text(a_table(both), encoding="utf-8")
    assert "2 speakers (other, shopbot); choose one with --only NAME" in complaint(run("match", "both.jsonl", *MATCH))
    for name, nearest in (("shopbot", "b0"), ("other", "c1")):
        assert report(run("match", "both.jsonl", *MATCH, "--only", name, "--json"))["nearest"] == nearest
    assert "no answers of 'nosuch'; it holds other, shopbot" in complaint(
        run("match", "both.jsonl", *MATCH, "--only", "nosuch")
    )


@pytest.mark.parametrize(("threshold", "code"), [("0.1", 10), ("0.99", 0)])
def test_fail_at_sets_the_exit_code_and_the_match_is_printed_all_the_same(
    threshold: str, code: int, run: Command, copy: str
) -> None:
    done = run("match", copy, *MATCH, "--json", "--fail-at", threshold)
    assert report(done, code)["nearest"] == "b0"


def test_no_prompt_in_common_is_one_line_that_shows_both(run: Command, copy: str, tmp_path: Path) -> None:
    (tmp_path / "other.jsonl").write_text('{"prompt": "Who are you?", "answer": "A bot."}\n', encoding="utf-8")
    line = complaint(run("match", "other.jsonl", *MATCH))
    assert "none of its 1 prompts is in library lab" in line
    assert "“Who are you?”" in line


def test_an_unknown_library_is_one_line_that_names_those_known(run: Command, copy: str) -> None:
    line = complaint(run("match", copy, "--library", "nosuch"))
    assert "no library 'nosuch'; known are lab" in line


BAD: dict[str, tuple[str, bytes | None, str]] = {
    "no such file": ("nosuch.jsonl", None, "nosuch.jsonl"),
    "the name of a shipped run": ("feb21", None, "feb21"),
    "an empty file": ("a.jsonl", b"", "a.jsonl: no rows"),
    "a broken line": ("a.jsonl", b'{"prompt": "a", "answer": "b"}\n{\n', "a.jsonl, line 2: not JSON"),
    "no column for the answer": ("a.jsonl", b'{"prompt": "a", "said": "b"}\n', "name it by --answer-field"),
    "no text": ("a.csv", b"prompt,answer\n\xff,b\n", "a.csv, line 2: not UTF-8"),
    "a run that is none": ("a.jsonl", b'{"format":1}\n', "a.jsonl, line 1: field 'run' is missing"),
    "some bytes": ("a.bin", b"\x00\x01\x02", "a.bin: holds NUL bytes"),
}


@pytest.mark.parametrize("name", BAD)
def test_answers_that_cannot_be_read_get_one_line(name: str, run: Command, tmp_path: Path) -> None:
    file, content, message = BAD[name]
    if content is not None:
        (tmp_path / file).write_bytes(content)
    assert message in complaint(run("match", file, *MATCH))


@pytest.mark.parametrize("option", [("--top", "0"), ("--fail-at", "2"), ("--fail-at", "nan"), ("--nosuch",)])
def test_an_option_out_of_its_range_is_a_usage_error(option: tuple[str, ...], run: Command, copy: str) -> None:
    done = run("match", copy, *MATCH, *option)
    assert (done.code, done.out) == (2, "")
    assert option[0] in done.err
    assert "Traceback" not in done.err


def test_speakers_and_prompts_cannot_drive_the_terminal(run: Command, wrapped: list[str], tmp_path: Path) -> None:
    said = {f"{HOSTILE}{k}": wrapped for k in range(2)}
    (tmp_path / "evil.jsonl").write_text(a_table(said), encoding="utf-8")
    strange = json.dumps({"prompt": HOSTILE, "answer": HOSTILE})
    (tmp_path / "strange.jsonl").write_text(strange + "\n", encoding="utf-8")
    for argv in (
        ("evil.jsonl",),
        ("evil.jsonl", "--only", "nosuch"),
        ("evil.jsonl", "--only", f"{HOSTILE}1".replace("\x00", "")),
        ("strange.jsonl",),
    ):
        done = run("match", *argv, *MATCH)
        assert not {"\x1b", "\x07", "\x00", "\u202e"} & set(done.out + done.err), argv


def test_a_narrow_terminal_is_kept_to(run: Command, copy: str) -> None:
    done = run("match", copy, *MATCH, COLUMNS="60")
    assert done.code == 0
    assert max(map(len, done.out.splitlines())) <= 60


# wrapdetect audit --library


@pytest.fixture(scope="module")
def target(wrapped: list[str]) -> Iterator[Served]:
    """A wrapper of b0 that wants a key."""
    bot = RecordedBot(model=BOT, answers=dict(zip(PROMPTS, wrapped, strict=True)))
    with serve(bot, key=KEY) as served:
        yield served


def audit(served: Served, *more: str) -> tuple[str, ...]:
    return ("audit", served.url, "--model", BOT, "--key-env", "BOT_KEY", *MATCH, "--out", "run.jsonl", *more)


@pytest.fixture(scope="module")
def audited(
    kept: tuple[Commands, Path], target: Served, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Done, Path, list[str]]:
    """One whole audit with --json: how it ended, its folder, and the prompts that were sent."""
    commands, libraries = kept
    place = tmp_path_factory.mktemp("audited")
    before = len(target.requests)
    done = commands.run(*audit(target, "--json"), cwd=place, BOT_KEY=KEY, WRAPDETECT_LIBRARIES=str(libraries))
    return done, place, asked(target)[before:]


def asked(served: Served) -> list[str]:
    """The last message of each request."""
    return [str(r["body"]["messages"][-1]["content"]) for r in served.requests]  # type: ignore[index]  # JSON


@pytest.mark.slow
def test_the_target_alone_is_asked_each_prompt_of_the_library_once(audited: tuple[Done, Path, list[str]]) -> None:
    done, place, sent = audited
    assert done.code == 0, done.err
    assert sorted(sent[1:]) == sorted(PROMPTS)  # after the first hello
    recorded = run_file.load_file(place / "run.jsonl").run
    assert [e.name for e in recorded.endpoints] == ["target"]
    assert recorded.note.startswith("asked the questions of library lab (")
    assert {i.id for p in recorded.packs if p.id == "library" for i in p.items} == {
        f"q{question_id(p)}" for p in PROMPTS
    }


def test_an_audit_gives_the_match_of_its_own_recording(audited: tuple[Done, Path, list[str]], run: Command) -> None:
    done, place, _ = audited
    found = report(done)
    assert (found["state"], found["nearest"], found["n_questions"]) == ("same_model", "b0", len(PROMPTS))
    again = run("match", str(place / "run.jsonl"), *MATCH, "--json")
    assert (again.code, again.out) == (0, done.out)


def test_the_plan_is_told_before_and_the_recording_after(audited: tuple[Done, Path, list[str]]) -> None:
    lines = audited[0].err.splitlines()
    assert "against library lab (24 models)" in lines[0]
    assert lines[1] == f"plan: {len(PROMPTS)} of its {len(PROMPTS)} questions, 1 draw(s)"
    assert lines[2].startswith("at most ")
    assert lines[-1] == "recorded in run.jsonl"


def test_the_key_is_in_no_recording_and_in_no_output(audited: tuple[Done, Path, list[str]]) -> None:
    done, place, _ = audited
    assert KEY not in done.out + done.err + "".join(f.read_text() for f in place.rglob("*") if f.is_file())


def test_a_replay_of_it_ends_with_a_report_and_no_traceback(
    audited: tuple[Done, Path, list[str]], run: Command
) -> None:
    """There is no reference in it: what replay says has to be short of a verdict."""
    done = run("replay", str(audited[1] / "run.jsonl"), "--no-embed")
    assert "Traceback" not in done.err
    assert done.code in (0, 2)
    assert "insufficient" in done.out or "match" in done.err


def test_prompts_says_how_many_are_asked(run: Command, target: Served) -> None:
    before = len(asked(target))
    found = report(run(*audit(target, "--prompts", "9", "--json"), BOT_KEY=KEY))
    assert found["n_questions"] == 9
    assert len(asked(target)) - before == 10  # and the first hello


@pytest.mark.slow
def test_adaptive_stops_early_on_a_clear_case_and_says_why(run: Command, target: Served) -> None:
    before = len(asked(target))
    done = run(*audit(target, "--adaptive", "--json"), BOT_KEY=KEY)
    found = report(done)
    sent = len(asked(target)) - before - 1
    assert (found["nearest"], found["state"]) == ("b0", "same_model")
    assert found["n_questions"] == sent < len(PROMPTS)
    assert f"decided after {sent}: b0 or its family" in done.err
    assert run("match", "run.jsonl", *MATCH, "--json").out == done.out


@pytest.mark.slow
def test_adaptive_asks_the_most_where_nothing_is_decided(run: Command, fleet: Fleet) -> None:
    """Half the answers are a known model's and half a stranger's: it may be decided, but never by more questions."""
    mixed = [a if k % 3 else b for k, (a, b) in enumerate(zip(fleet.stranger(3), fleet.answers("b0", 3), strict=True))]
    with serve(RecordedBot(model=BOT, answers=dict(zip(PROMPTS, mixed, strict=True)))) as served:
        done = run("audit", served.url, "--model", BOT, *MATCH, "--adaptive", "--prompts", "12", "--json")
        n = report(done)["n_questions"]
        assert isinstance(n, int)
        assert len(asked(served)) == n + 1 <= 13


def test_dry_run_sends_nothing_and_needs_no_key(run: Command, target: Served, tmp_path: Path) -> None:
    before = len(asked(target))
    for more in ((), ("--adaptive",)):
        done = run(*audit(target, "--dry-run", *more))
        assert (done.code, done.out) == (0, "")
        assert "dry run: nothing was sent" in done.err
    assert len(asked(target)) == before
    assert list(tmp_path.iterdir()) == []


URL = ("audit", "http://127.0.0.1:9/v1", "--model", "m")
REFUSED: dict[str, tuple[tuple[str, ...], str]] = {
    "a reference": (
        (*URL, *MATCH, "--reference", "a=http://127.0.0.1:9/v1#m"),
        "asks the target only, and reference 'a'",
    ),
    "a pack": ((*URL, *MATCH, "--pack", "style"), "leave --pack out"),
    "adaptive without a library": ((*URL, "--adaptive"), "--library NAME"),
    "prompts without a library": ((*URL, "--prompts", "9"), "--library NAME"),
    "an unknown library": ((*URL, "--library", "nosuch"), "no library 'nosuch'; known are lab"),
    "too small a budget": ((*URL, *MATCH, "--max-requests", "5"), "--max-requests allows 5"),
    "nothing to resume": ((*URL, *MATCH, "--resume"), "--resume needs --out"),
    "a key variable that is not set": ((*URL, *MATCH, "--key-env", "NOT_SET"), "NOT_SET is not set"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_does_not_go_with_a_library_is_refused_in_one_line(name: str, run: Command, tmp_path: Path) -> None:
    argv, message = REFUSED[name]
    assert message in complaint(run(*argv))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_a_target_that_does_not_answer_is_named_at_the_first_hello(
    run: Command, target: Served, tmp_path: Path
) -> None:
    line = complaint(run(*audit(target), BOT_KEY="sk-another-key-0123456789"))
    assert "Incorrect API key provided" in line
    assert "sk-another" not in line
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
@pytest.mark.parametrize("adaptive", [False, True])
def test_after_kill_9_resume_asks_only_what_is_missing(
    adaptive: bool, run: Command, kept: tuple[Commands, Path], wrapped: list[str], tmp_path: Path
) -> None:
    usual = tmp_path / ".local" / "share" / "wrapdetect"
    usual.mkdir(parents=True)
    (usual / "libraries").symlink_to(kept[1])
    bot, go = RecordedBot(model=BOT, answers=dict(zip(PROMPTS, wrapped, strict=True))), threading.Event()
    with serve(Held(bot, count(), go, answered=4)) as served:
        argv = ["audit", served.url, "--model", BOT, *MATCH, "--out", "run.jsonl", "--concurrency", "1"]
        argv += ["--adaptive"] if adaptive else []
        running = start(argv, tmp_path)
        running.wait_until(lambda: (running.n_lines, len(served.requests)) == (1 + 4, 4 + 1))
        assert running.end(signal.SIGKILL).code == -signal.SIGKILL
        before = run_file.load_file(tmp_path / "run.jsonl").run.exchanges
        assert len(before) == 4
        go.set()
        sent = len(asked(served))
        done = run(*argv, "--resume", "--json")
        found = report(done)
    recorded = run_file.load_file(tmp_path / "run.jsonl").run
    assert recorded.exchanges[: len(before)] == before
    assert len(asked(served)) - sent == len(recorded.exchanges) - len(before)
    assert found["n_questions"] == len(recorded.exchanges) - 1
    assert adaptive or found["n_questions"] == len(PROMPTS)
    assert found["nearest"] == "b0"
    assert run("match", "run.jsonl", *MATCH, "--json").out == done.out
