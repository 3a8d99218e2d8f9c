"""`wrapdetect library` as processes: what is imported is told, what is not leaves nothing, one line for each fault."""

import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.cli.warm_cli import Commands, Done, clean_environment
from wrapdetect.cli.commands.library import import_library, list_, show_library
from wrapdetect.cli.dates import read_date
from wrapdetect.errors import LibraryError
from wrapdetect.library.answers import AnswersSource, Library
from wrapdetect.store import libraries
from wrapdetect.store.tables import Fields

TOLD = ("--source", "a lab’s own run", "--collected", "2026-01-05", "--settings", "temperature 0.7", "--licence", "MIT")
PROMPT = "Pourquoi « {} » — 潮汐? 👩‍🚀"


def a_row(model: int, prompt: int, /, **more: object) -> str:
    row = {"model": f"m{model}", "prompt": PROMPT.format(prompt), "answer": f"“{model}” on {prompt}.", **more}
    return json.dumps(row, ensure_ascii=False) + "\n"


def a_table(models: int = 3, prompts: int = 9) -> str:
    return "".join(a_row(m, p) for m in range(models) for p in range(prompts))


@pytest.fixture(scope="module")
def commands() -> Iterator[Commands]:
    with Commands() as running:
        yield running


@pytest.fixture
def run(commands: Commands, tmp_path: Path) -> Callable[..., Done]:
    """`wrapdetect library ...` in a folder of its own, with its libraries below it."""
    return lambda *argv: commands.run("library", *argv, cwd=tmp_path, WRAPDETECT_LIBRARIES=str(tmp_path / "kept"))


def written(tmp_path: Path, content: str | bytes, name: str = "answers.jsonl") -> str:
    (tmp_path / name).write_bytes(content.encode() if isinstance(content, str) else content)
    return name


def complaint(done: Done) -> str:
    """The one line there is."""
    assert (done.code, done.out, done.err.count("\n")) == (2, "", 1), done
    assert done.err.startswith("wrapdetect: ")
    return done.err


@pytest.mark.slow
def test_import_list_show_and_drop(run: Callable[..., Done], tmp_path: Path) -> None:
    done = run("import", "mine", written(tmp_path, a_table() + a_row(1, 2, answer="A draw.")), *TOLD)
    assert (done.code, done.err) == (0, "")
    assert done.out.splitlines() == [
        f"library mine: 3 models, 9 prompts, 28 answers, in {tmp_path / 'kept' / 'mine'}",
        "note: read as jsonl: 'model' is the model, 'prompt' the prompt, 'answer' the answer",
        "note: 1 further answer to a prompt already answered by that model kept as draws",
    ]
    listed = run("list").out
    assert re.fullmatch(
        r"mine +3 models, 9 prompts, 28 answers  collected: 2026-01-05 \(\d+ days old\)  a lab’s own run\n", listed
    )
    shown = run("show", "mine").out
    for told in ("source: a lab’s own run", "settings: temperature 0.7", "licence: MIT", "digest: ", "Pourquoi « "):
        assert told in shown
    assert re.search(r"^m1 +10 answers to +9 prompts$", shown, re.M)
    assert run("drop", "mine").out == "dropped library mine: 3 models, 9 prompts, 28 answers\n"
    assert run("list").out.startswith("no libraries in ")


def test_untold_provenance_is_warned_of_and_shown_as_such(run: Callable[..., Done], tmp_path: Path) -> None:
    done = run("import", "mine", written(tmp_path, a_table()))
    assert done.code == 0
    assert [line[:32] for line in done.err.splitlines()] == [
        "warning: --source is not told; m",
        "warning: --collected is not told",
    ]
    assert "source: not told\ncollected: not told\nsettings: not told\nlicence: not told\n" in run("show", "mine").out


def test_a_taken_name_needs_replace(run: Callable[..., Done], tmp_path: Path) -> None:
    table = written(tmp_path, a_table())
    assert run("import", "mine", table, *TOLD).code == 0
    before = run("show", "mine").out
    more = written(tmp_path, a_table(models=4), "more.jsonl")
    assert "library mine is there already; add --replace" in complaint(run("import", "mine", more, *TOLD))
    assert run("show", "mine").out == before
    assert run("import", "mine", more, "--replace", *TOLD).code == 0
    assert "4 models" in run("list").out


def test_columns_and_format_can_be_named(run: Callable[..., Done], tmp_path: Path) -> None:
    rows = "".join(f"h{m},m{m},Prompt {p}?,{m} {p}\n" for m in range(2) for p in range(8))
    table = written(tmp_path, f"host,model,ask,said\n{rows}", "answers.txt")
    named = ("--model-field", "host", "--prompt-field", "ask", "--answer-field", "said")
    assert run("import", "mine", table, "--format", "csv", *named).code == 0
    assert re.search(r"^h1 +8 answers", run("show", "mine").out, re.M)


GOOD = a_row(0, 0)
BAD: dict[str, tuple[str, str | bytes, tuple[str, ...], str]] = {
    "a broken line": ("a.jsonl", a_table() + '{"model"\n', (), "a.jsonl, line 28: not JSON"),
    "bad UTF-8 at the end": ("a.jsonl", a_table().encode() + b"\xff\n", (), "a.jsonl, line 28: not UTF-8"),
    "a missing prompt": ("a.jsonl", a_table() + a_row(0, 0, prompt=""), (), "a.jsonl, line 28: the prompt is empty"),
    "a null prompt": ("a.jsonl", a_table() + a_row(0, 0, prompt=None), (), "a.jsonl, line 28: 'prompt' holds nothing"),
    "half an emoji": ("a.jsonl", a_table() + GOOD.replace("on 0", "\\ud83d"), (), "line 28: the answer holds half a"),
    "one model only": ("a.jsonl", a_table(models=1), (), "needs at least two: nothing can be nearer than another"),
    "two prompts only": ("a.jsonl", a_table(prompts=2), (), "2 prompts, of which 2 answered"),
    "an empty file": ("a.jsonl", "", (), "a.jsonl: no rows"),
    "a wrong column": (
        "a.csv",
        "model,prompt,saying\na,b,c\n",
        (),
        "found model, prompt, saying: name it by --answer-field",
    ),
    "a column that is not there": ("a.jsonl", a_table(), ("--model-field", "x"), "--model-field x: no such column"),
    "parquet that is none": ("a.parquet", a_table(), (), "a.parquet: not sound parquet"),
    "a run that is none": ("a.jsonl", '{"format":1}\n', (), "a.jsonl, line 1: field 'run' is missing"),
    "an unknown format": ("a.jsonl", a_table(), ("--format", "xlsx"), "--format xlsx: no such format; expected one of"),
    "a day that is none": ("a.jsonl", a_table(), ("--collected", "2026-02-30"), "--collected '2026-02-30': expected"),
    "a day to come": ("a.jsonl", a_table(), ("--collected", "9999-01-01"), "expected a day that has been"),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", BAD)
def test_a_fault_is_one_line_and_nothing_is_half_imported(name: str, run: Callable[..., Done], tmp_path: Path) -> None:
    file, content, options, message = BAD[name]
    written(tmp_path, content, file)
    assert message in complaint(run("import", "mine", file, *options))
    assert sorted(f.name for f in tmp_path.iterdir()) == [file]  # not even the folder of the libraries


BAD_ARGUMENTS: dict[str, tuple[tuple[str, ...], str]] = {
    "no such table": (("import", "mine", "nosuch.csv"), "cannot read nosuch.csv: No such file or directory"),
    "a folder without files": (("import", "mine", "empty"), "empty: no model_outputs.json nor any other *.json"),
    "an unfit name": (("import", "../mine", "nosuch.csv"), "'../mine' is no name for a library"),
    "an unknown name to show": (("show", "nosuch"), "no library 'nosuch'; "),
    "an unknown name to drop": (("drop", "nosuch"), "no library 'nosuch'; "),
    "a path to drop": (("drop", "../empty"), "no library '../empty'; "),
}


@pytest.mark.parametrize("name", BAD_ARGUMENTS)
def test_bad_arguments_get_one_line(name: str, run: Callable[..., Done], tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    argv, message = BAD_ARGUMENTS[name]
    assert message in complaint(run(*argv))
    assert [f.name for f in tmp_path.iterdir()] == ["empty"]


# With a stand-in for the index, in this process


Arrays = Iterator[tuple[str, NDArray[np.generic]]]


def no_index(library: Library, progress: Callable[[int, int], None]) -> Arrays:
    progress(1, 1)
    yield "models", np.arange(len(library.models))


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("WRAPDETECT_LIBRARIES", str(tmp_path / "kept"))
    return tmp_path / "kept"


def import_table(path: Path, build_index: object = no_index, *, replace: bool = False) -> None:
    fields, source = Fields(), AnswersSource(origin="scripted", collected=date(2026, 1, 5))
    import_library("mine", path, format_=None, fields=fields, source=source, replace=replace, build_index=build_index)  # type: ignore[arg-type]  # a test may give one that fails


@pytest.mark.parametrize("error", [LibraryError("no index"), MemoryError(), KeyboardInterrupt()])
def test_an_index_that_fails_leaves_what_was_there(error: BaseException, kept: Path, tmp_path: Path) -> None:
    def fails(library: Library, progress: Callable[[int, int], None]) -> Arrays:
        yield from no_index(library, progress)
        raise error

    table = tmp_path / written(tmp_path, a_table())
    with pytest.raises(type(error)):
        import_table(table, fails)
    assert libraries.names() == ()
    import_table(table)
    before = libraries.load_library("mine")
    more = tmp_path / written(tmp_path, a_table(models=4))
    with pytest.raises(type(error)):
        import_table(more, fails, replace=True)
    assert libraries.load_library("mine") == before
    assert sorted(f.name for f in kept.iterdir()) == [".lock", "mine"]


def test_a_damaged_library_does_not_hide_the_others(
    kept: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import_table(tmp_path / written(tmp_path, a_table()))
    (kept / "broken").mkdir()
    (kept / "broken" / "library.jsonl").write_text("torn")
    capsys.readouterr()
    list_(date(2026, 1, 15))
    broken, mine = capsys.readouterr().out.splitlines()
    assert broken.startswith("broken               DAMAGED: library broken, line 1: ")
    assert mine == "mine                 3 models, 9 prompts, 27 answers  collected: 2026-01-05 (10 days old)  scripted"


def test_what_is_shown_cannot_drive_a_terminal(kept: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = a_table() + a_row(0, 0, model="evil\x1b[31m") + a_row(0, 0, prompt="\x1b]0;title\x07")
    import_table(tmp_path / written(tmp_path, table))
    list_(date(2026, 1, 15))
    show_library("mine", date(2026, 1, 15))
    assert not {"\x1b", "\x07"} & set(capsys.readouterr().out)


@pytest.mark.parametrize(
    "text", ["2026-13-01", "20260105", "2026-W01-1", "yesterday", "", "2026-01-08", "２０26-01-05"]
)
def test_only_a_day_that_has_been_is_taken(text: str) -> None:
    assert read_date("2026-01-07", date(2026, 1, 6)) == date(2026, 1, 7)  # it may be tomorrow already elsewhere
    with pytest.raises(LibraryError, match="expected a day that has been, as YYYY-MM-DD"):
        read_date(text, date(2026, 1, 6))


LARGE = (
    "import sys; from pathlib import Path; from tests.cli.test_cli_library import import_table;"
    "from wrapdetect.store import libraries; import_table(Path(sys.argv[1]));"
    "print(libraries.load_library('mine').head.n_answers)"
)


@pytest.mark.slow
def test_a_hundred_thousand_answers_are_imported_within_a_gigabyte(kept: Path, tmp_path: Path) -> None:
    with (tmp_path / "large.jsonl").open("w", encoding="utf-8") as file:
        file.writelines(a_row(m, p) for p in range(2000) for m in range(50))
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            f"import resource; resource.setrlimit(resource.RLIMIT_DATA, (10**9, 10**9)); {LARGE}",
            str(tmp_path / "large.jsonl"),
        ],
        cwd=Path(__file__).parents[2],
        env={**clean_environment(tmp_path), "WRAPDETECT_LIBRARIES": str(kept)},
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    assert done.stdout.splitlines()[-1] == "100000"
