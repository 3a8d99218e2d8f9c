"""Tables of answers on disk: every format gives the same rows, and whatever does not fit is named with its line."""

import csv
import importlib
import json
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from tests.conftest import a_pack, a_run, an_exchange, an_item, failed
from wrapdetect.errors import LibraryError, RunFormatError
from wrapdetect.model import AskKey
from wrapdetect.runs.codec import dump_run
from wrapdetect.store.tables import TABLE_FORMATS, Fields, guess_format, read_table

Said = tuple[str, str, str]
ODD = '“Ça va ?” — 潮汐は？ 👩‍🚀\u00a0\u2028 \\n é é,\n\tsecond "line"\r\nend'
SAID: list[Said] = [("a", "Why, “tides”?", ODD), ("b", ODD, "Because."), ("b", "Why, “tides”?", "")]


def write_jsonl(path: Path, said: Sequence[Said]) -> Path:
    lines = [json.dumps(dict(zip(("model", "prompt", "answer"), s, strict=True)), ensure_ascii=False) for s in said]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8", newline="\n")
    return path


def write_csv(path: Path, said: Sequence[Said]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("speaker", "question", "response"), *said])
    return path


def write_parquet(path: Path, said: Sequence[Said], **more: Sequence[object]) -> Path:
    arrow, parquet = importlib.import_module("pyarrow"), importlib.import_module("pyarrow.parquet")
    columns = dict(zip(("model", "prompt", "response"), map(list, zip(*said, strict=True)), strict=True))
    parquet.write_table(arrow.table({"other": list(range(len(said))), **columns, **more}), path)
    return path


def write_alpaca_eval(path: Path, said: Sequence[Said]) -> Path:
    for model in {m for m, _, _ in said}:
        (path / model).mkdir(parents=True)
        own = [{"instruction": p, "output": a, "dataset": "x"} for m, p, a in said if m == model]
        (path / model / "model_outputs.json").write_text(json.dumps(own), encoding="utf-8")
        (path / model / "leaderboard.json").write_text('{"not": "answers"}')
    return path


def write_run(path: Path, said: Sequence[Said]) -> Path:
    prompts = list(dict.fromkeys(p for _, p, _ in said))
    items = [an_item(f"q{n}", turns=(p,)) for n, p in enumerate(prompts)]
    two_turns = an_item("two", turns=("One.", "Two."))
    names = {m: f"ref{n}" for n, m in enumerate(sorted({m for m, _, _ in said}))}
    exchanges = [an_exchange(names[m], AskKey("style", f"q{prompts.index(p)}", 0), a) for m, p, a in said]
    exchanges += [
        an_exchange("target", AskKey("style", "q0", 0), "The target's."),
        an_exchange("ref0", AskKey("style", "q0", 1), None, status=503, failure=failed("server")),
        an_exchange("ref0", AskKey("style", "q0", 2, "plain"), "Behind a prompt."),
        an_exchange("ref0", AskKey("style", "two", 0), "Of two turns."),
    ]
    run = a_run(a_pack(*items, two_turns), exchanges=tuple(exchanges), variants=(("plain", "Be plain."),))
    path.write_text(dump_run(run), encoding="utf-8", newline="\n")
    return path


WRITERS: dict[str, tuple[str, Callable[[Path, Sequence[Said]], Path]]] = {
    "jsonl": ("answers.jsonl", write_jsonl),
    "csv": ("answers.csv", write_csv),
    "parquet": ("answers.parquet", write_parquet),
    "alpaca_eval": ("results", write_alpaca_eval),
    "run": ("run.jsonl", write_run),
}


def read(path: Path, format_: str | None = None, **fields: str) -> list[Said]:
    return [(r.model, r.prompt, r.answer) for r in read_table(path, format_, Fields(**fields)).rows]


def refusal(path: Path, format_: str | None = None, **fields: str) -> str:
    with pytest.raises(LibraryError) as caught:
        read(path, format_, **fields)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def given(tmp_path: Path, name: str, content: bytes | str) -> Path:
    path = tmp_path / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


# What is read


@pytest.mark.parametrize("format_", TABLE_FORMATS)
def test_every_format_gives_each_answer_byte_for_byte(format_: str, tmp_path: Path) -> None:
    name, write = WRITERS[format_]
    path = write(tmp_path / name, SAID)
    expected = sorted(SAID)
    if format_ == "run":  # by endpoint; an empty answer is a failed exchange there
        expected = sorted((f"ref{'ab'.index(m)}", p, a) for m, p, a in SAID if a)
    assert guess_format(path) == format_
    assert sorted(read(path)) == expected == sorted(read(path, format_))


@pytest.mark.parametrize("format_", TABLE_FORMATS)
def test_every_row_names_its_place(format_: str, tmp_path: Path) -> None:
    name, write = WRITERS[format_]
    path = write(tmp_path / name, SAID)
    places = [r.place for r in read_table(path, None, Fields()).rows]
    assert len(set(places)) == len(places)
    assert all(p.startswith(str(path)) for p in places)


def test_lines_are_counted_as_an_editor_counts_them(tmp_path: Path) -> None:
    jsonl = write_jsonl(tmp_path / "a.jsonl", SAID)
    jsonl.write_text("\n" + jsonl.read_text("utf-8"), encoding="utf-8", newline="\n")
    assert [r.place[-6:] for r in read_table(jsonl, None, Fields()).rows] == ["line 2", "line 3", "line 4"]
    table = write_csv(tmp_path / "a.csv", SAID)  # a cell of three lines stands in each of the first two rows
    assert [r.place[-6:] for r in read_table(table, None, Fields()).rows] == ["line 2", "line 5", "line 8"]


@pytest.mark.parametrize("format_", ["jsonl", "csv"])
def test_a_byte_order_mark_is_no_part_of_the_first_name(format_: str, tmp_path: Path) -> None:
    name, write = WRITERS[format_]
    path = write(tmp_path / name, SAID)
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert read(path) == SAID


@pytest.mark.parametrize("between", [",", ";", "\t"])
def test_cells_are_parted_by_what_parts_the_first_line(between: str, tmp_path: Path) -> None:
    said = [("m", "One, two; three?", "Four\tfive, six;\n“seven”")]
    path = tmp_path / "excel.csv"
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        csv.writer(file, delimiter=between).writerows([("model", "message", "reply"), *said])
    assert read(path) == said
    assert read_table(path, None, Fields()).columns == ("model", "message", "reply")


def test_columns_can_be_named_and_the_table_says_which_it_reads(tmp_path: Path) -> None:
    path = given(tmp_path, "a.csv", "model,host,prompt,text,answer\nm,h,p,t,a\n")
    assert read(path) == [("m", "p", "a")]
    assert read(path, model="host", answer="text") == [("h", "p", "t")]
    assert read_table(path, None, Fields(model="host")).columns == ("host", "prompt", "answer")


@pytest.mark.parametrize(
    ("name", "content", "format_"),
    [
        ("answers.json", '[{"generator": "m"}]', "alpaca_eval"),
        ("answers.json", '{"model": "m"}\n', "jsonl"),
        ("answers.ndjson", "", "jsonl"),
        ("answers", '{"model": "m"}\n', "jsonl"),
        ("answers", '{"format":1,"run":"x"}\n', "run"),
        ("answers", "PAR1...", "parquet"),
        ("ANSWERS.CSV", "", "csv"),
    ],
)
def test_the_format_is_told_from_suffix_and_content(name: str, content: str, format_: str, tmp_path: Path) -> None:
    assert guess_format(given(tmp_path, name, content)) == format_


def test_a_folder_with_a_run_is_a_run_and_any_other_alpaca_eval(tmp_path: Path) -> None:
    assert guess_format(tmp_path) == "alpaca_eval"
    write_run(tmp_path / "run.jsonl", SAID)
    assert guess_format(tmp_path) == "run"
    assert read(tmp_path) == read(tmp_path / "run.jsonl")


def test_alpaca_eval_takes_the_generator_then_the_folder_then_the_file_for_the_model(tmp_path: Path) -> None:
    one = '[{"instruction": "p", "output": "a"}]'
    named = '[{"instruction": "p", "output": "a", "generator": "own-name"}]'
    (tmp_path / "some-folder").mkdir()
    assert read(given(tmp_path / "some-folder", "model_outputs.json", one)) == [("some-folder", "p", "a")]
    assert read(given(tmp_path / "some-folder", "gpt.json", one)) == [("gpt", "p", "a")]
    assert read(given(tmp_path / "some-folder", "model_outputs.json", named)) == [("own-name", "p", "a")]


def test_a_folder_without_model_outputs_gives_all_its_json_files(tmp_path: Path) -> None:
    (tmp_path / "deeper").mkdir()
    given(tmp_path, "m1.json", '[{"instruction": "p", "output": "a"}]')
    given(tmp_path / "deeper", "m2.json", '[{"instruction": "p", "output": "b"}]')
    assert sorted(read(tmp_path)) == [("m1", "p", "a"), ("m2", "p", "b")]


@pytest.mark.parametrize("format_", ["jsonl", "csv", "parquet"])
def test_without_a_column_for_the_model_all_rows_are_the_speakers(format_: str, tmp_path: Path) -> None:
    name, write = WRITERS[format_]
    whole = write(tmp_path / name, SAID)
    assert [r[:3] for r in read_table(whole, None, Fields(), speaker="me").rows] == SAID  # the column goes first
    arrow, parquet = importlib.import_module("pyarrow"), importlib.import_module("pyarrow.parquet")
    match format_:
        case "jsonl":
            path = given(tmp_path, "b.jsonl", '{"prompt":"p","answer":"a"}\n')
        case "csv":
            path = given(tmp_path, "b.csv", "prompt,answer\np,a\n")
        case _:
            path = tmp_path / "b.parquet"
            parquet.write_table(arrow.table({"prompt": ["p"], "answer": ["a"]}), path)
    assert [r[:3] for r in read_table(path, None, Fields(), speaker="me").rows] == [("me", "p", "a")]
    assert "no column for the model" in refusal(path)
    with pytest.raises(LibraryError, match="--model-field host: no such column"):
        read_table(path, None, Fields(model="host"), speaker="me")


def test_an_answer_that_is_null_is_an_empty_answer(tmp_path: Path) -> None:
    assert read(given(tmp_path, "a.jsonl", '{"model":"m","prompt":"p","answer":null}\n')) == [("m", "p", "")]


def test_a_cell_longer_than_the_standard_limit_is_read_whole(tmp_path: Path) -> None:
    said = [("m", "p", "long " * 100_000)]
    assert read(write_csv(tmp_path / "a.csv", said)) == said


def test_rows_are_read_one_at_a_time(tmp_path: Path) -> None:
    for name, write in (WRITERS["jsonl"], WRITERS["csv"]):
        path = write(tmp_path / name, SAID * 2000)
        path.write_bytes(path.read_bytes() + b"\xff\xfe broken\n")  # at the end: the rows before it come first
        rows = read_table(path, None, Fields()).rows
        assert [next(rows)[:3] for _ in range(3)] == SAID


# What is refused

ROW = '{"model":"m","prompt":"p","answer":"a"}\n'
BAD: dict[str, tuple[str, bytes, str]] = {
    "an empty jsonl": ("a.jsonl", b"", "a.jsonl: no rows; expected one row for each answer"),
    "a blank jsonl": ("a.jsonl", b"\n\n \n", "a.jsonl: no rows"),
    "an empty csv": ("a.csv", b"", "a.csv: no rows"),
    "a csv of a header": ("a.csv", b"model,prompt,answer\n", "a.csv: no rows"),
    "an empty list": ("a.json", b"[]", "a.json: no rows"),
    "an empty file": ("a", b"", "a: neither its suffix nor its start tells the format; add --format jsonl|csv|"),
    "a page": ("a.html", b"<html>", "a.html: neither its suffix nor its start tells the format"),
    "an empty json": ("a.json", b"", "a.json: not JSON"),
    "a broken line": (
        "a.jsonl",
        f'{ROW}{{"model":"m","prom\n'.encode(),
        "a.jsonl, line 2: not JSON .*; mend or remove",
    ),
    "a list for a line": ("a.jsonl", f"{ROW}[1]\n".encode(), "a.jsonl, line 2: list where a JSON object with model"),
    "a line nested without end": ("a.jsonl", ROW.encode() + b"[" * 100_000 + b"\n", "a.jsonl, line 2: not JSON"),
    "bad UTF-8 in jsonl": (
        "a.jsonl",
        ROW.encode() + b'{"model":"caf\xe9"}\n',
        r"a.jsonl, line 2: not UTF-8 \(byte 13 is 0xe9\); save the file as UTF-8",
    ),
    "bad UTF-8 in csv": ("a.csv", b"model,prompt,answer\nm,p,a\nm,p,\xe9\n", "a.csv, line 3: not UTF-8"),
    "bad UTF-8 in json": ("a.json", b'[\n{"output":"\xe9"}]', "a.json, line 2: not UTF-8"),
    "UTF-16 without its mark": ("a.csv", "model,prompt,answer\n".encode("utf-16-le"), "NUL bytes: UTF-16 without"),
    "a wrong column in csv": (
        "a.csv",
        b"model,prompt,said\nm,p,a\n",
        "a.csv, line 1: no column for the answer .*; found model, prompt, said: name it by --answer-field",
    ),
    "a comma too many among semicolons": ("a.csv", b"model;prompt,answer\nm;p,a\n", "found model;prompt, answer: "),
    "a short row of semicolons": (
        "a.csv",
        b"model;prompt;answer\nm;p\n",
        "a.csv, line 2: 2 cells where the first line names 3",
    ),
    "a doubled column": ("a.csv", b"model,prompt,answer,answer\nm,p,a,b\n", "line 1: a column stands there twice"),
    "a short row": (
        "a.csv",
        b"model,prompt,answer\nm,p,a\nm,p\n",
        "a.csv, line 3: 2 cells where the first line names 3",
    ),
    "a quote that never closes": ("a.csv", b'model,prompt,answer\nm,p,"a\n', "a.csv, line 2: not CSV"),
    "old line ends": ("a.csv", b"model,prompt,answer\rm,p,a\r", "a.csv, line 1: not CSV"),
    "a missing key": (
        "a.jsonl",
        f'{ROW}{{"model":"m","prompt":"p"}}\n'.encode(),
        "a.jsonl, line 2: no 'answer'; found model, prompt",
    ),
    "a number for an answer": (
        "a.jsonl",
        f'{ROW}{{"model":"m","prompt":"p","answer":3}}\n'.encode(),
        "a.jsonl, line 2: 'answer' holds int; expected text",
    ),
    "null for a prompt": (
        "a.jsonl",
        f'{ROW}{{"model":"m","prompt":null,"answer":"a"}}\n'.encode(),
        r"a.jsonl, line 2: 'prompt' holds nothing \(null\); expected text",
    ),
    "a list for a prompt": ("a.jsonl", b'{"model":"m","prompt":["p"],"answer":"a"}\n', "line 1: 'prompt' holds list"),
    "no list in json": ("a.json", b'"answers"', "a.json: str where a list of objects is due"),
    "text in the list": ("a.json", b'["answer"]', "a.json, row 1: str where a JSON object"),
    "no answer in the list": ("a.json", b'[{"instruction":"p"}]', "a.json, row 1: no column for the answer"),
    "parquet that is none": ("a.parquet", b"model,prompt,answer\nm,p,a\n", r"a.parquet: not sound parquet \("),
    "empty parquet": ("a.parquet", b"", r"a.parquet: not sound parquet \("),
    "torn parquet": (
        "a.parquet",
        b"PAR1" + b"\0" * 50 + b"PAR1",
        r"a.parquet: not sound parquet|cannot read .*a.parquet",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_what_does_not_fit_is_named_with_its_line(name: str, tmp_path: Path) -> None:
    file, content, message = BAD[name]
    assert re.search(message, refusal(given(tmp_path, file, content)))


def test_a_column_named_by_the_user_must_be_there(tmp_path: Path) -> None:
    path = given(tmp_path, "a.csv", "model,prompt,answer\nm,p,a\n")
    assert "--prompt-field Prompt: no such column; found model, prompt, answer" in refusal(path, prompt="Prompt")


def test_hostile_column_names_cannot_drive_a_terminal(tmp_path: Path) -> None:
    assert "\x1b" not in refusal(given(tmp_path, "a.csv", "\x1b[31mmodel,prompt\nm,p\n"))


def test_an_unknown_format_is_refused(tmp_path: Path) -> None:
    path = given(tmp_path, "a.csv", "x")
    assert refusal(path, "xlsx").startswith("--format xlsx: no such format; expected one of jsonl, csv, parquet, ")


@pytest.mark.parametrize("format_", [None, "jsonl", "csv", "parquet", "alpaca_eval"])
def test_a_path_that_is_not_there_is_said_plainly(format_: str | None, tmp_path: Path) -> None:
    message = refusal(tmp_path / "nosuch", format_)
    assert message == f"cannot read {tmp_path / 'nosuch'}: No such file or directory; expected a table of answers"


@pytest.mark.parametrize("format_", ["jsonl", "csv", "parquet"])
def test_a_folder_is_no_table(format_: str, tmp_path: Path) -> None:
    assert "Is a directory" in refusal(tmp_path, format_)


def test_a_folder_without_files_is_refused(tmp_path: Path) -> None:
    (tmp_path / "deeper").mkdir()
    assert "no model_outputs.json nor any other *.json below this folder" in refusal(tmp_path)


def test_a_run_file_that_is_none_is_refused_by_its_codec(tmp_path: Path) -> None:
    with pytest.raises(RunFormatError, match="line 1"):
        read(given(tmp_path, "run.jsonl", '{"format":1}\n'))


def test_a_parquet_row_of_the_wrong_type_is_named(tmp_path: Path) -> None:
    path = write_parquet(tmp_path / "a.parquet", SAID, response=[1, 2, 3])
    assert "a.parquet, row 1: 'response' holds int" in refusal(path)
    path = write_parquet(tmp_path / "b.parquet", SAID, model=["a", None, "b"])
    assert "b.parquet, row 2: 'model' holds nothing (null)" in refusal(path)
    path = write_parquet(tmp_path / "c.parquet", SAID)
    assert "c.parquet: --model-field nosuch: no such column; found other, model, prompt" in refusal(
        path, model="nosuch"
    )


def test_parquet_with_bad_utf8_names_its_row(tmp_path: Path) -> None:
    arrow, parquet = importlib.import_module("pyarrow"), importlib.import_module("pyarrow.parquet")
    bad = arrow.array([b"fine", b"caf\xe9"], arrow.binary()).view(arrow.string())
    path = tmp_path / "a.parquet"
    parquet.write_table(arrow.table({"model": ["a", "b"], "prompt": ["p", "p"], "answer": bad}), path)
    assert re.search(r"a.parquet, row 2: not sound parquet \('utf-8' codec", refusal(path))


def test_without_pyarrow_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_parquet(tmp_path / "a.parquet", SAID)
    monkeypatch.setitem(sys.modules, "pyarrow", None)  # what a machine without it looks like
    assert "reading parquet needs pyarrow; pip install 'wrapdetect[parquet]'" in refusal(path)
