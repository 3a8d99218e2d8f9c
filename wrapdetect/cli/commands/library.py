"""wrapdetect library: reference libraries imported from tables, listed, shown and dropped."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

from wrapdetect.cli.terminal import say
from wrapdetect.errors import LibraryError
from wrapdetect.library.answers import AnswersSource, Head, Library, build_library, check_name
from wrapdetect.model.prose import quote
from wrapdetect.store import libraries
from wrapdetect.store.tables import Fields, Table, read_table

BuildIndex = Callable[[Library, Callable[[int, int], None]], libraries.Index]
"""The library and a call for progress (done, of how many) -> its arrays, made while they are saved."""

UNTOLD = "not told"
FIRST_PROMPTS = 5
WIDEST = 40
"""Characters of a model's name in a line of a list."""
_LONGEST = 2000
"""Characters of one piece of provenance."""


def import_library(
    name: str,
    path: Path,
    *,
    format_: str | None,
    fields: Fields,
    source: AnswersSource,
    replace: bool,
    build_index: BuildIndex,
) -> None:
    """Make a library of a table. Raises LibraryError for the first thing that does not fit; then nothing is kept."""
    check_name(name)
    if not replace:
        libraries.refuse_known(name)
    table = read_table(path, format_, fields)
    library, notes = build_library(name, table.rows, source)
    with _progress() as progress:
        place = libraries.save(library, build_index(library, progress), replace=replace)
    print(f"library {name}: {_counts(library.head)}, in {place}")
    for note in (*_reading(table), *notes):
        print(f"note: {note}")
    for option in _untold(source):
        say(f"warning: --{option} is not told; months later nobody knows how far these answers can be trusted")


def list_(today: date) -> None:
    """One line a library; a damaged one is named and the others still listed."""
    known = libraries.names()
    if not known:
        print(f"no libraries in {libraries.libraries_folder()}; `wrapdetect library import NAME PATH` makes one")
    for name in known:
        try:
            head = libraries.head(name)
        except LibraryError as error:
            print(f"{name:20} DAMAGED: {error}")
        else:
            print(f"{name:20} {_counts(head)}  {_collected(head.source, today)}  {quote(head.source.origin, WIDEST)}")


def show_library(name: str, today: date) -> None:
    """Provenance, models and the first prompts. Raises LibraryError for an unknown name."""
    library = libraries.load_library(name)
    source = library.source
    print(f"{name}: {_counts(library.head)}\ndigest: {library.digest}\nsource: {_shown(source.origin)}")
    print(f"{_collected(source, today)}\nsettings: {_shown(source.settings)}")
    print(f"licence: {_shown(source.licence)}\n")
    for model in library.models:
        draws = library.answers[model]
        answers = sum(len(d) for d in draws.values())
        print(f"{quote(model, WIDEST):{WIDEST}} {answers:6} answers to {len(draws):6} prompts")
    print(f"\nfirst prompts of {len(library.questions)}:")
    for question in library.questions[:FIRST_PROMPTS]:
        print(f"{question.id}  {quote(question.text, 90)}")


def drop(name: str) -> None:
    """Remove a library for good. Raises LibraryError for an unknown name."""
    head = libraries.drop_library(name)
    print(f"dropped library {name}: {_counts(head) if head else 'it was damaged'}")


def _reading(table: Table) -> Iterator[str]:
    columns = table.columns
    yield (
        f"read as {table.format}: {columns.model!r} is the model, {columns.prompt!r} the prompt, "
        f"{columns.answer!r} the answer"
    )
    if table.format == "run":
        yield "of a run, only the references' answers to questions of one turn without neutral system prompt are kept"


def _untold(source: AnswersSource) -> list[str]:
    told = {"source": source.origin, "collected": source.collected}
    return [option for option, value in told.items() if not value]


def _counts(head: Head) -> str:
    return f"{head.n_models} models, {head.n_questions} prompts, {head.n_answers} answers"


def _collected(source: AnswersSource, today: date) -> str:
    if source.collected is None:
        return f"collected: {UNTOLD}"
    return f"collected: {source.collected} ({(today - source.collected).days} days old)"


def _shown(text: str) -> str:
    return quote(text, _LONGEST) or UNTOLD


@contextmanager
def _progress() -> Iterator[Callable[[int, int], None]]:
    """Per cent done, on a terminal only."""
    on_terminal = sys.stderr.isatty()

    def show_share(done: int, total: int) -> None:
        if on_terminal:
            print(f"\rindex: {100 * done // max(total, 1):3} %", end="", file=sys.stderr, flush=True)

    try:
        yield show_share
    finally:
        if on_terminal:
            print(file=sys.stderr)
