"""What Python can do with wrapdetect: audit, replay, match, judge, load_run. Each verb loads what it needs when it is
called; it prints nothing, unless `say=print` is given, and raises WrapdetectError.

A verb is called plainly or awaited (`audit_async`). Where an event loop runs already, as in a notebook, the plain one
works in a thread of its own.
"""

import asyncio
import os
from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import partial, wraps
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Never, ParamSpec, Protocol, TypeVar

from wrapdetect.errors import LibraryError, RunFormatError, SpecError
from wrapdetect.model import Run, Verdict
from wrapdetect.model.prose import quote
from wrapdetect.report.notebook import MatchReport, VerdictReport
from wrapdetect.runs import codec
from wrapdetect.runs.plan import LIBRARY_PACK
from wrapdetect.runs.recording import Say, remarks
from wrapdetect.store import run_file
from wrapdetect.store.plugins import load_and_tell
from wrapdetect.store.shipped import HELLO, folder, load_seeds

if TYPE_CHECKING:  # they load what compares, or what asks
    from wrapdetect.library.answers import Row
    from wrapdetect.library.matching import Heard
    from wrapdetect.store.tables import Fields
    from wrapdetect.ways.client import Askable

_BYTES = "the bytes given"

SPEAKER = "the answers given"
"""Of rows that name nobody."""

_JUDGING = Lock()
"""The number of threads is the whole process's: two that set it and set it back at a time would leave it wrong."""

P = ParamSpec("P")
Result = TypeVar("Result")


class Readable(Protocol):
    """An open file, or what reads like one."""

    def read(self) -> bytes: ...


Source = str | os.PathLike[str] | bytes | Readable
"""A run file: its path or its folder's, the name of a shipped run such as feb21, its bytes, or an open file."""
Matchable = str | os.PathLike[str] | Run | Iterable[Mapping[str, object]]
"""A table or a run file, a run, or rows."""


def _silent(text: str, /) -> None:
    pass


def load_run(source: Source, *, say: Say = _silent) -> Run:
    """A recording, whatever format it has. Raises RunFormatError where it cannot be read."""
    load_and_tell(say)
    loaded, name = _loaded(source)
    for remark in remarks(loaded, name):
        say(remark)
    return loaded.run


def judge(run: Run, *, embed: bool | None = None) -> VerdictReport:
    """The verdict on a run in memory. `embed` None takes the embedding view where it is installed.

    Raises RunFormatError for a run that no file could hold, EmbeddingError for weights that are not those known.
    """
    load_and_tell(_silent)
    codec.check_run(run)
    return VerdictReport.on(_verdict(run, embed), run)


def replay(source: Source, *, embed: bool | None = None, say: Say = _silent) -> VerdictReport:
    """Judge a recording again: the same bytes in, the same verdict out; sends nothing.

    Raises RunFormatError where it cannot be read, SpecError where it holds nothing to judge by.
    """
    load_and_tell(say)
    loaded, name = _loaded(source)
    said = tuple(remarks(loaded, name))
    for remark in said:
        say(remark)
    check_judgeable(loaded.run, name)
    return VerdictReport.on(_verdict(loaded.run, embed), loaded.run, said)


def match(
    answers: Matchable,
    library: str,
    *,
    only: str | None = None,
    model_field: str | None = None,
    prompt_field: str | None = None,
    answer_field: str | None = None,
    embed: bool | None = None,
    say: Say = _silent,
) -> MatchReport:
    """Whose answers are these, among the models of a library? Sends nothing.

    `answers` is a table or a run file, a run, or rows: mappings with a prompt and an answer (and, where there are
    several speakers, a model, of which `only` chooses one). Raises LibraryError for what does not fit.
    """
    from wrapdetect.library.matching import refuse_strange
    from wrapdetect.store.libraries.shelf import match_shelf, shelf
    from wrapdetect.store.tables import Fields
    from wrapdetect.ways.clock import now

    load_and_tell(say)
    known = shelf(library)
    heard, name = _heard(answers, Fields(model_field, prompt_field, answer_field), only, say)
    refuse_strange(heard, known, name)
    with _on_one_thread():
        return MatchReport.on(match_shelf(heard, known, embed=embed, today=now().date()))


def _heard(answers: Matchable, fields: "Fields", only: str | None, say: Say) -> tuple["Heard", str]:
    """What a target said, and how errors call the place. Raises LibraryError, RunFormatError."""
    from wrapdetect.library.matching import hear_rows, hear_run
    from wrapdetect.store.tables import guess_format, read_table

    name = SPEAKER
    if isinstance(answers, str | os.PathLike):
        path = Path(answers)
        name = str(path)
        if guess_format(path) != "run":
            return hear_rows(read_table(path, None, fields, speaker=path.stem).rows, name, only), name
        answers = load_run(path, say=say)
    if not isinstance(answers, Run):
        return hear_rows(_rows(answers, fields), name, only), name
    if only is not None:
        raise LibraryError(f"{name}: a run, of which the target is matched; leave only={only!r} out")
    heard, failed = hear_run(answers, HELLO)
    if failed:
        say("not answered: " + ", ".join(f"{n} {kind}" for kind, n in sorted(failed.items())))
    return heard, name


def _rows(records: Iterable[Mapping[str, object]], fields: "Fields") -> "Iterator[Row]":
    """Raises LibraryError for the first that lacks a column, or holds no text there."""
    from wrapdetect.library.answers import Row
    from wrapdetect.store.tables import choose

    columns = None
    for number, record in enumerate(records, start=1):
        place = f"row {number}"
        if columns is None:
            columns = choose(list(record), place, fields=fields, speaker="")
        cells = [SPEAKER if name is None else record.get(name) for name in columns]
        for name, cell in zip(columns, cells, strict=True):
            if not isinstance(cell, str):
                raise LibraryError(f"{place}: {name!r} holds {type(cell).__name__}; expected text")
        model, prompt, answer = map(str, cells)
        yield Row(model, prompt, answer, place)
    if columns is None:
        raise LibraryError("no rows; expected a mapping with a prompt and an answer for each answer")


async def audit_async(
    target: "Askable",
    references: "Sequence[Askable] | Mapping[str, Askable]" = (),
    *,
    model: str = "",
    key_env: str | None = None,
    out: str | os.PathLike[str] | None = None,
    resume: bool = False,
    vantage: str = "",
    embed: bool | None = None,
    say: Say = _silent,
    **settings: object,
) -> VerdictReport:
    """Ask a target and its references, record it all, and judge.

    Each is a URL, an Endpoint, a configured client of openai, or a pair of one of these and the model's name; a
    reference may be NAME=URL#MODEL@KEY_VARIABLE as well, and a mapping gives references their names. `model` and
    `key_env` (the variable that holds the key) go with a target without them. `settings` are those of
    `wrapdetect audit` by their names: pack (a list), draws, max_requests, pace and so on. What was asked stands in the
    run file `out`; `resume` goes on with one.

    Raises SpecError, BudgetError, PreflightError where it cannot be done, TargetSilent where the target said nothing.
    """
    from wrapdetect.runs.audit import audit_words, packs_to_ask
    from wrapdetect.runs.plan import make_plan
    from wrapdetect.runs.survey import SurveyPlan, World, new_run, survey
    from wrapdetect.store.shipped import neutral_prompts, with_hello
    from wrapdetect.targets.config import check_names
    from wrapdetect.targets.settings import Given, read_given, resolve
    from wrapdetect.ways import clock
    from wrapdetect.ways.client import gather_asked
    from wrapdetect.ways.instrument import instrument
    from wrapdetect.ways.keyring import read_keys
    from wrapdetect.ways.send import ways_to

    load_and_tell(say)
    endpoints, handed = await gather_asked(target, references, model, key_env)
    check_names(endpoints)
    if resume and out is None:
        raise SpecError("resume=True needs out: the run file to go on with")
    given = read_given(settings)
    chosen = resolve(given, Given())
    run = new_run(
        endpoints,
        packs=with_hello(packs_to_ask(endpoints, chosen.pack, named="pack" in given.values)),
        variants=neutral_prompts(chosen.enrol),
        draws=chosen.draws,
        seed=chosen.seed,
        instrument=instrument(vantage),
        now=clock.now(),
    )
    path = run_file.usual_place(run) if out is None else Path(out)
    world = World(
        ways=partial(ways_to, say=say, timeout_s=chosen.timeout_s, keys=partial(read_keys, handed=handed)),
        place=run_file.RunFileAt(path),
        stopwatch=clock.stopwatch,
        say=say,
    )
    plan = SurveyPlan(run=run, slots=make_plan(run), limits=chosen.limits, words=audit_words)
    made = await survey(plan, world, resume=resume)
    assert made is not None  # it was no dry run
    return VerdictReport.on(await asyncio.to_thread(_verdict, made, embed), made)


def check_judgeable(run: Run, name: str) -> None:
    """Raises SpecError for a run of a library's questions or of collected answers, which has no references, and for a
    history without candidates; `name` is how errors call it."""
    if run.references:
        return
    if run.history is not None:
        raise SpecError(f"{name} holds the history of a monitor without a target and candidates; nothing can be judged")
    if run.draws == 0 or any(p.id == LIBRARY_PACK for p in run.packs):
        note = f" ({quote(run.note)})" if run.note else ""
        raise SpecError(
            f"{name} holds no reference to judge by{note}; "
            f"match it with a library: wrapdetect match {name} --library NAME"
        )


def recording_at(path: Path) -> codec.Loaded:
    """A run file, a folder with run.jsonl, or a shipped run by its name. Raises RunFormatError."""
    shipped = folder("fixtures") / "runs" / path
    return run_file.load_file(path if path.exists() or not shipped.is_dir() else shipped)


def _loaded(source: Source) -> tuple[codec.Loaded, str]:
    """A recording, and how errors call it."""
    if isinstance(source, str | os.PathLike):
        try:
            return recording_at(Path(source)), str(source)
        except (OSError, ValueError) as error:  # too long, or with a character that no path has
            what = error.strerror if isinstance(error, OSError) else error
            raise RunFormatError(
                f"{quote(str(source), 60)!r} is no path ({what}); expected one, or a run's text as bytes"
            ) from error
    if not isinstance(source, bytes) and not hasattr(source, "read"):
        kind = type(source).__name__
        raise RunFormatError(f"{kind} is no recording; expected a path, bytes or an open file (judge takes a Run)")
    data = source if isinstance(source, bytes) else source.read()
    if not isinstance(data, bytes):
        raise RunFormatError(f"{_BYTES}: {type(data).__name__} and not bytes; open the file with mode 'rb'")
    return codec.load_run(data, name=_BYTES), _BYTES


def _verdict(run: Run, embed: bool | None) -> Verdict:
    from wrapdetect.evidence.analysis import analyse
    from wrapdetect.store.embed import embedder

    with _on_one_thread():
        return analyse(run, load_seeds(), embed=embedder(embed)).verdict


@contextmanager
def _on_one_thread() -> Iterator[None]:
    """Sums as the command line makes them: in another order the last digits move, and threads that wait for a busy core
    cost more than they save (a match took nine times as long)."""
    from threadpoolctl import threadpool_limits

    with _JUDGING, threadpool_limits(limits=1):
        yield


def _plain(verb: Callable[P, Coroutine[object, Never, Result]]) -> Callable[P, Result]:
    """The same, called without await."""

    @wraps(verb)
    def plain(*args: P.args, **named: P.kwargs) -> Result:
        return _finished(partial(verb, *args, **named))

    plain.__name__ = plain.__qualname__ = verb.__name__.removesuffix("_async")
    return plain


def _finished(job: Callable[[], Coroutine[object, Never, Result]]) -> Result:
    """What it gives; in a thread of its own where this one's event loop runs, as a notebook's does."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(job())
    running = Future[tuple[asyncio.AbstractEventLoop, asyncio.Task[Result]]]()

    async def stoppable() -> Result:
        task = asyncio.ensure_future(job())
        running.set_result((asyncio.get_running_loop(), task))
        return await task

    with ThreadPoolExecutor(1) as pool:
        done = pool.submit(lambda: asyncio.run(stoppable()))
        try:
            return done.result()
        except KeyboardInterrupt:  # a notebook's stop comes here, and not to that thread
            loop, task = running.result()
            with suppress(RuntimeError):  # it ended meanwhile, and its loop is closed
                loop.call_soon_threadsafe(task.cancel)
            raise


def _awaited(verb: Callable[P, Result]) -> Callable[P, Coroutine[object, Never, Result]]:
    """The same, worked off in a thread, so that the event loop goes on."""

    @wraps(verb)
    async def awaited(*args: P.args, **named: P.kwargs) -> Result:
        return await asyncio.to_thread(verb, *args, **named)

    awaited.__name__ = awaited.__qualname__ = f"{verb.__name__}_async"
    return awaited


audit = _plain(audit_async)
replay_async = _awaited(replay)
judge_async = _awaited(judge)
match_async = _awaited(match)
load_run_async = _awaited(load_run)
