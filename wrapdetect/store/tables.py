"""Tables of recorded answers on disk -> rows: JSON lines, CSV, parquet, AlpacaEval's files, run files of ours.

Every reader streams, and gives each record with its place ("answers.csv, line 3") for messages.
"""

import csv
import importlib
import importlib.util
import json
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path
from typing import NamedTuple

from wrapdetect.dialects import decode
from wrapdetect.errors import LibraryError
from wrapdetect.library.answers import Row
from wrapdetect.model import Item
from wrapdetect.model.prose import listed
from wrapdetect.runs.collected.rows import text_cell
from wrapdetect.store import run_file
from wrapdetect.store.texts import MARK, SNIFFED, UTF_16, text_encoding, text_lines

LONGEST_CELL = 1 << 28
"""Characters of one CSV cell; the standard library's own limit of 131,072 is shorter than some answers."""
LARGEST = 500_000_000
"""Bytes of a file that is one JSON value: it is read whole."""
_BATCH = 256
"""Rows of a parquet file held at a time."""


class Fields(NamedTuple):
    """Columns by name: as the user gives them, None where they are to be guessed."""

    model: str | None = None
    prompt: str | None = None
    answer: str | None = None


class _Columns(NamedTuple):
    """Columns by name, as they are read; `model` is None where all rows are one speaker's."""

    model: str | None
    prompt: str
    answer: str


TableRow = tuple[str, Mapping[str, object]]
Records = Generator[TableRow, None, None]
"""Place, and the cells by column."""
Choice = Callable[[Sequence[str], str], Sequence[str | None]]
"""The columns found, and their place, -> those to read."""

USUAL = {
    "model": ("model", "generator", "target", "speaker"),
    "prompt": ("prompt", "instruction", "question", "input", "message"),
    "answer": ("answer", "output", "response", "completion", "text", "reply", "bot"),
}
"""Names of each column that are looked for, the first one found is taken."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table about to be read: how, from which columns, and its rows, which can be taken once."""

    format: str
    columns: _Columns
    rows: Iterator[Row]


def read_table(path: Path, format_: str | None, fields: Fields, *, speaker: str | None = None) -> Table:
    """Look at the first record, and give all rows; `format_` None is told from the suffix, else from the content.

    `speaker` stands for the model where no column is found for it; None refuses such a table.

    Raises LibraryError, at once or on the way, with the file and the line of whatever cannot be read; RunFormatError
    for a run file that is none.
    """
    with _readable(path):
        kind = format_ or guess_format(path)
        _refuse_unknown(kind)
        choice = partial(choose, fields=fields, speaker=speaker)
        records = TABLE_FORMATS[kind](path, choice)
        first = next(records, None)
    if first is None:
        raise LibraryError(f"{path}: no rows; expected one row for each answer of each model")
    try:
        columns = choice(list(first[1]), place_of_names(path, kind, first[0]))
    except LibraryError:
        records.close()
        raise
    return Table(format=kind, columns=columns, rows=_rows(path, columns, speaker or "", first, records))


def read_records(path: Path, kind: str) -> Iterator[TableRow]:
    """All cells of every record of a table, with its place.

    Raises LibraryError, at once or on the way, with the file and the line of whatever cannot be read.
    """
    _refuse_unknown(kind)
    with _readable(path), closing(TABLE_FORMATS[kind](path, lambda found, _: found)) as records:
        yield from records


def place_of_names(path: Path, kind: str, first: str) -> str:
    """Where a table names its columns: a CSV in its first line, others in the first record, whose place is `first`."""
    return f"{path}, line 1" if kind == "csv" else first


def guess_format(path: Path) -> str:
    """Raises LibraryError where neither suffix nor content tells, or the file cannot be read."""
    if path.is_dir():
        return "run" if (path / "run.jsonl").is_file() else "alpaca_eval"
    with _readable(path), path.open("rb") as file:
        start = file.read(SNIFFED)
    suffix = path.suffix.lower()
    if start.startswith(b"PAR1") or suffix == ".parquet":
        return "parquet"
    if text_encoding(path, start) == UTF_16:
        start = start[: len(start) // 2 * 2].decode("utf-16", "ignore").encode()
    start = start.removeprefix(MARK.encode()).lstrip()
    if suffix in (".csv", ".tsv"):
        return "csv"
    if suffix in (".jsonl", ".ndjson") or start.startswith(b"{"):
        return "run" if start.startswith(b'{"format":') else "jsonl"
    if suffix == ".json" or start.startswith(b"["):
        return "alpaca_eval"
    if start.lower().startswith(b"sep="):
        return "csv"
    raise LibraryError(
        f"{path}: neither its suffix nor its start tells the format; add --format {'|'.join(TABLE_FORMATS)}"
    )


def _refuse_unknown(kind: str) -> None:
    if kind not in TABLE_FORMATS:
        raise LibraryError(f"--format {kind}: no such format; expected one of {', '.join(TABLE_FORMATS)}")


def choose(found: Sequence[str], place: str, *, fields: Fields, speaker: str | None = None) -> _Columns:
    """The columns to read among those found. Raises LibraryError naming those found and the option to use.

    >>> choose(["generator", "instruction", "output"], "a.csv, line 1", fields=Fields())
    _Columns(model='generator', prompt='instruction', answer='output')
    """
    unspoken = speaker is not None and fields.model is None and not set(USUAL["model"]) & set(found)
    return _Columns(
        model=None if unspoken else _column(found, "model", fields.model, place),
        prompt=_column(found, "prompt", fields.prompt, place),
        answer=_column(found, "answer", fields.answer, place),
    )


def _column(found: Sequence[str], part: str, wanted: str | None, place: str) -> str:
    for name in USUAL[part] if wanted is None else (wanted,):
        if name in found:
            return name
    seen = listed(found) or "none"
    if wanted is not None:
        raise LibraryError(f"{place}: --{part}-field {wanted}: no such column; found {seen}")
    raise LibraryError(
        f"{place}: no column for the {part} ({', '.join(USUAL[part])}); found {seen}: name it by --{part}-field"
    )


def _rows(path: Path, columns: _Columns, speaker: str, first: TableRow, records: Records) -> Iterator[Row]:
    with _readable(path), closing(records):
        for place, record in chain([first], records):
            answer = record.get(columns.answer, "")
            yield Row(
                model=speaker if columns.model is None else text_cell(record, columns.model, place),
                prompt=text_cell(record, columns.prompt, place),
                answer="" if answer is None and columns.answer in record else text_cell(record, columns.answer, place),
                place=place,
            )


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        what = error.strerror or str(error).partition("\n")[0]
        raise LibraryError(f"cannot read {error.filename or path}: {what}; expected a table of answers") from error


def _json(text: str, place: str) -> object:
    try:
        value: object = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise LibraryError(f"{place}: not JSON ({error}); mend or remove it") from error
    return value


def _object(value: object, place: str) -> Mapping[str, object]:
    if not isinstance(value, dict):
        raise LibraryError(f"{place}: {type(value).__name__} where a JSON object with model, prompt and answer is due")
    return value


def _read_jsonl(path: Path, choice: Choice) -> Records:
    """An object a line; where the first line is none by itself, the file may be one object over many lines."""
    with closing(text_lines(path)) as lines:
        for number, line in enumerate(lines, start=1):
            if line.strip():
                place = f"{path}, line {number}"
                if number == 1 and _goes_on(line) and (document := _document(path)) is not None:
                    yield str(path), document
                    return
                yield place, _object(_json(line, place), place)


def _goes_on(line: str) -> bool:
    try:
        json.loads(line)
    except (ValueError, RecursionError):
        return line.lstrip().startswith("{")
    return False


def _refuse_large(path: Path) -> None:
    size = path.stat().st_size
    if size > LARGEST:
        raise LibraryError(f"{path}: {size:,} bytes of one JSON value, and at most {LARGEST:,} are read; split it")


def _document(path: Path) -> Mapping[str, object] | None:
    """The one JSON object that a file is, if it is one. Raises LibraryError where it is too large to be read whole."""
    _refuse_large(path)
    try:
        value = json.loads("".join(text_lines(path)))
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _read_csv(path: Path, choice: Choice) -> Records:
    csv.field_size_limit(LONGEST_CELL)
    with closing(text_lines(path)) as lines:
        first, before = next(lines, ""), 0
        told = _told_delimiter(first)
        if told is not None:
            first, before = next(lines, ""), 1
        delimiter = told or _delimiter(first)
        reader = csv.reader(chain([first], lines), delimiter=delimiter, strict=True)
        names = f"{path}, line {1 + before}"
        header = _csv_row(reader, names) or []
        _refuse_doubled(header, names)
        while True:
            place = f"{path}, line {reader.line_num + 1 + before}"
            row = _csv_row(reader, place)
            if row is None:
                return
            if len(row) not in (0, len(header)):  # 0: a blank line
                raise LibraryError(f"{place}: {len(row)} cells where the first line names {len(header)}; mend it")
            if row:
                yield place, dict(zip(header, row, strict=True))


def _told_delimiter(first: str) -> str | None:
    """What a first line for Excel says of the rest.

    >>> _told_delimiter("sep=;"), _told_delimiter('"sep=|"'), _told_delimiter("sep,answer")
    (';', '|', None)
    """
    line = first.rstrip("\r\n").strip('"')
    return line[4] if len(line) == 5 and line.lower().startswith("sep=") else None


def _delimiter(first: str) -> str:
    """What parts the cells of the first line: a comma, unless it holds none that does; Excel writes semicolons where
    the comma is for decimals.

    >>> _delimiter("prompt;answer"), _delimiter("prompt\\tanswer"), _delimiter("prompt,a;b"), _delimiter("prompt")
    (';', '\\t', ',', ',')
    """
    try:
        return next((d for d in ",;\t" if len(next(csv.reader([first], delimiter=d), [])) > 1), ",")
    except csv.Error:  # said with its line by the reader of rows
        return ","


def _refuse_doubled(header: Sequence[str], place: str) -> None:
    if len(set(header)) != len(header):
        raise LibraryError(f"{place}: a column stands there twice; expected each name once: {listed(header)}")


def _csv_row(reader: Iterator[list[str]], place: str) -> list[str] | None:
    try:
        return next(reader, None)
    except csv.Error as error:
        raise LibraryError(
            f"{place}: not CSV ({error}); expected commas (or semicolons, or tabs), and quotes doubled within quotes"
        ) from error


def _read_parquet(path: Path, choice: Choice) -> Records:
    if importlib.util.find_spec("pyarrow") is None:
        raise LibraryError(
            f"{path}: reading parquet needs pyarrow; pip install 'wrapdetect[parquet]', or import CSV or JSON lines"
        )
    parquet = importlib.import_module("pyarrow.parquet")
    number = 0
    try:
        with path.open("rb") as raw, parquet.ParquetFile(raw) as file:
            _refuse_doubled(file.schema_arrow.names, str(path))
            columns = [c for c in choice(file.schema_arrow.names, str(path)) if c is not None]
            for batch in file.iter_batches(batch_size=_BATCH, columns=columns):
                cells = [batch.column(name) for name in columns]
                for n in range(batch.num_rows):
                    number += 1
                    yield f"{path}, row {number}", {c: v[n].as_py() for c, v in zip(columns, cells, strict=True)}
    except ValueError as error:  # what pyarrow raises for other bytes, and for bytes that are not UTF-8
        what = str(error).splitlines()[0] if str(error) else type(error).__name__
        place = f"{path}, row {number}" if number else str(path)
        raise LibraryError(f"{place}: not sound parquet ({what}); make the file again") from error


def _read_alpaca_eval(path: Path, choice: Choice) -> Records:
    if not path.is_dir():
        yield from _read_outputs(path)
        return
    files = sorted(path.rglob("model_outputs.json")) or sorted(path.rglob("*.json"))
    if not files:
        raise LibraryError(
            f"{path}: no model_outputs.json nor any other *.json below this folder; expected a table or such a folder"
        )
    for file in files:
        yield from _read_outputs(file)


def _read_outputs(file: Path) -> Records:
    """A list of objects; where they name no generator, the folder does, or a file of another name."""
    speaker = file.resolve().parent.name if file.stem == "model_outputs" else file.stem
    _refuse_large(file)
    outputs = _json("".join(text_lines(file)), str(file))
    if not isinstance(outputs, list):
        raise LibraryError(
            f"{file}: {type(outputs).__name__} where a list of objects is due; for one object a line use --format jsonl"
        )
    for number, output in enumerate(outputs, start=1):
        place = f"{file}, row {number}"
        yield place, {"generator": speaker, **_object(output, place)}


def _read_run(path: Path, choice: Choice) -> Records:
    """The references' answers to questions of one turn without a system prompt; the target is nobody known."""
    run = run_file.load_file(path).run
    references = {e.name: e for e in run.references}
    for exchange in run.exchanges:
        if exchange.endpoint in references and not exchange.ask.variant and exchange.failure is None:
            item: Item = run.item(exchange.ask)
            reply = decode(exchange, references[exchange.endpoint])
            if len(item.turns) == 1 and reply.failure is None:
                record = {"model": exchange.endpoint, "prompt": item.turns[0], "answer": reply.text}
                yield f"{path}, {exchange.id}", record


TABLE_FORMATS: Mapping[str, Callable[[Path, Choice], Records]] = {
    "jsonl": _read_jsonl,
    "csv": _read_csv,
    "parquet": _read_parquet,
    "alpaca_eval": _read_alpaca_eval,
    "run": _read_run,
}
