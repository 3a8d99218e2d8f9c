"""wrapdetect match: whose answers are these? Offline: recorded answers against a library, nothing is sent."""

import gc
import os
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from wrapdetect.cli.commands.shelf import shelf
from wrapdetect.cli.present import embedder
from wrapdetect.cli.reporting import fail_at_code, screen, show
from wrapdetect.cli.terminal import say
from wrapdetect.dialects import decode
from wrapdetect.errors import LibraryError
from wrapdetect.library.answers import question_id
from wrapdetect.library.matching import Heard, Shelf, match, settings_note
from wrapdetect.library.same_settings import LEAST_DRAWS
from wrapdetect.model import Match, Run
from wrapdetect.model.prose import LONGEST_READ, quote
from wrapdetect.report import report_of
from wrapdetect.report.nouns import Matched
from wrapdetect.store import libraries, run_file
from wrapdetect.store.shipped import HELLO, load_seeds
from wrapdetect.store.tables import Fields, guess_format, read_table
from wrapdetect.ways import clock

CORES = min(4, os.cpu_count() or 1)
"""Threads that score questions: arrays are worked on outside the interpreter's lock."""


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
    _refuse_strange(heard, known, path)
    with ThreadPoolExecutor(CORES) as pool:
        found = match(heard, known, load_seeds(), embed=embedder(embed), today=clock.now().date(), each=pool.map)
    return show_match(with_settings(found, heard), top=top, report=report, fail_at=fail_at)


def with_settings(found: Match, heard: Heard) -> Match:
    """Where the target answered prompts several times: whether it could be the nearest model with the same settings."""
    if found.nearest is None or all(len(draws) < LEAST_DRAWS for draws in heard.draws.values()):
        return found
    note = settings_note(heard, found.nearest, libraries.load_library(found.library).answers[found.nearest])
    return replace(found, notes=(*found.notes, note)) if note else found


def show_match(found: Match, *, top: int, report: str, fail_at: float | None) -> int:
    """Print a match; gives the exit code: 10 where the probability reaches `fail_at`, else 0."""
    show(report_of(report).match(Matched(match=found, top=top), screen()))
    return fail_at_code(found.probability, fail_at)


def _recording(path: Path) -> Run:
    loaded = run_file.load_file(path)
    for remark in run_file.remarks(loaded, path):
        say(remark)
    return loaded.run


def heard_in_run(run: Run, *, quiet: bool = False) -> Heard:
    """The target's answers to questions of one turn, in the order asked; failed exchanges are no answers."""
    draws: dict[str, list[str]] = {}
    failed: Counter[str] = Counter()
    for exchange in sorted(run.exchanges, key=lambda e: (e.started, e.id)):
        if exchange.endpoint != run.target.name or exchange.ask.variant or exchange.ask.probe == HELLO:
            continue
        turns = run.item(exchange.ask).turns
        reply = decode(exchange, run.target)
        if reply.failure is not None:
            failed[reply.failure.kind] += 1
        elif len(turns) == 1:
            draws.setdefault(turns[0], []).append(reply.text[:LONGEST_READ])
    if failed and not quiet:
        say("not answered: " + ", ".join(f"{n} {kind}" for kind, n in sorted(failed.items())))
    return Heard(answers=run.target.name, draws=draws)


def _heard_in_table(path: Path, format_: str | None, only: str | None, fields: Fields) -> Heard:
    """Answers of one speaker; `only` says which where the table holds several."""
    draws: dict[str, dict[str, list[str]]] = {}
    for row in read_table(path, format_, fields, speaker=path.stem).rows:
        own = draws.setdefault(row.model, {}).setdefault(row.prompt, [])
        if row.answer not in own:
            own.append(row.answer)
    speakers = sorted(draws)
    shown = ", ".join(quote(s, 40) for s in speakers[:8])
    if only is None and len(speakers) > 1:
        raise LibraryError(f"{path} holds answers of {len(speakers)} speakers ({shown}); choose one with --only NAME")
    if only is not None and only not in draws:
        raise LibraryError(f"{path} holds no answers of {quote(only)!r}; it holds {shown}")
    name = only or speakers[0]
    return Heard(answers=name, draws=draws[name])


def _refuse_strange(heard: Heard, known: Shelf, path: Path) -> None:
    """Raises LibraryError where no prompt of the library was answered."""
    if any(question_id(p) in known.questions for p in heard.draws):
        return
    theirs = quote(next(iter(known.questions.values())), 60)
    ours = quote(next(iter(heard.draws), "none"), 60)
    raise LibraryError(
        f"{path}: none of its {len(heard.draws)} prompts is in library {known.name}, which compares answers to "
        f"the very same prompts (here “{ours}”, there “{theirs}”): ask the target the library's prompts"
    )
