"""wrapdetect match: whose answers are these? Offline: recorded answers against a library, nothing is sent."""

import gc
from pathlib import Path

from wrapdetect.cli.reporting import fail_at_code, screen, show
from wrapdetect.cli.terminal import say
from wrapdetect.errors import LibraryError
from wrapdetect.library.matching import Heard, hear_rows, hear_run, refuse_strange
from wrapdetect.model import Match, Run
from wrapdetect.report.nouns import Matched
from wrapdetect.store import run_file
from wrapdetect.store.libraries.shelf import match_shelf, shelf
from wrapdetect.store.shipped import HELLO
from wrapdetect.store.tables import Fields, guess_format, read_table
from wrapdetect.ways import clock


def match_file(
    path: Path,
    library: str,
    *,
    format_: str | None,
    only: str | None,
    fields: Fields,
    top: int,
    report: str,
    embed: bool | None,
    fail_at: float | None,
) -> int:
    """Match the answers of a table or the target's of a run file; returns the exit code. Raises LibraryError."""
    gc.disable()  # one pass over facts, then the end
    known = shelf(library)
    kind = format_ or guess_format(path)
    if only is not None and kind == "run":
        raise LibraryError(f"{path} is a run file: its target is matched; leave --only out")
    heard = heard_in_run(_recording(path)) if kind == "run" else _heard_in_table(path, format_, only, fields)
    refuse_strange(heard, known, str(path))
    found = match_shelf(heard, known, embed=embed, today=clock.now().date())
    return show_match(found, top=top, report=report, fail_at=fail_at)


def show_match(found: Match, *, top: int, report: str, fail_at: float | None) -> int:
    """Print a match; gives the exit code: 10 where the probability reaches `fail_at`, else 0."""
    show(report, lambda form: form.match(Matched(match=found, top=top), screen()))
    return fail_at_code(found.probability, fail_at)


def _recording(path: Path) -> Run:
    loaded = run_file.load_file(path)
    for remark in run_file.remarks(loaded, path):
        say(remark)
    return loaded.run


def heard_in_run(run: Run, *, quiet: bool = False) -> Heard:
    """The target's answers to questions of one turn; failed exchanges are told of."""
    heard, failed = hear_run(run, HELLO)
    if failed and not quiet:
        say("not answered: " + ", ".join(f"{n} {kind}" for kind, n in sorted(failed.items())))
    return heard


def _heard_in_table(path: Path, format_: str | None, only: str | None, fields: Fields) -> Heard:
    return hear_rows(read_table(path, format_, fields, speaker=path.stem).rows, str(path), only)
