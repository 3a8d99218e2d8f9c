"""wrapdetect import: answers that others collected -> a run; judged against speakers of the same table, or against
references that are asked the same questions now."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from wrapdetect.cli.commands.asking import check_resume, conduct, recorded_at
from wrapdetect.cli.options import Options
from wrapdetect.cli.present import present
from wrapdetect.cli.terminal import say
from wrapdetect.dialects import decode
from wrapdetect.errors import SpecError
from wrapdetect.model import TARGET, Endpoint, Run
from wrapdetect.model.prose import quote
from wrapdetect.report import CONSOLE
from wrapdetect.runs.collected import Collection, asked_together, without_times
from wrapdetect.runs.plan import Cost, Slot, make_plan
from wrapdetect.runs.survey import SurveyPlan
from wrapdetect.store import run_file
from wrapdetect.store.answers import More, read_answers
from wrapdetect.store.config_file import load_config
from wrapdetect.store.har import is_har, read_har, without_tokens
from wrapdetect.store.shipped import HELLO, load_packs, neutral_prompts, with_hello
from wrapdetect.store.tables import TABLE_FORMATS, Fields
from wrapdetect.targets.config import Config, check_names, parse_reference
from wrapdetect.targets.settings import DEFAULT_PACKS, Chosen
from wrapdetect.ways import clock
from wrapdetect.ways.instrument import instrument

MATCHED_PACKS = (*DEFAULT_PACKS, "fingerprint")
"""Shipped packs whose questions are looked for among the collected ones; `short` is a selection of these."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HowToRead:
    """How a file of answers is to be read; None is guessed, or not wanted."""

    format_: str | None
    fields: Fields
    more: More
    target: str | None
    only: str | None
    template: Path | None
    questions: Path | None = None


def make_run(
    path: Path, references: tuple[Endpoint, ...], config: Config, options: Options, *, reading: HowToRead
) -> int:
    """Make the run, ask the references if there are any, and judge where there is something to compare with; gives
    the exit code. Raises WrapdetectError for what cannot be done; then nothing is written."""
    check_resume(options)
    chosen = options.over(config)
    target, collection = _collection(path, reading)
    packs = load_packs([*options.pack, *(p for p in MATCHED_PACKS if p not in options.pack)])
    now = clock.now()
    run = collection.run(
        target,
        packs,
        run_id=f"{now:%Y%m%dT%H%M%S.%fZ}-{path.stem}",
        now=now,
        instrument=instrument(options.vantage),
    )
    run = replace(without_tokens(run), note=f"imported from {path.name}", seed=chosen.seed)
    _refuse_unread(run, str(path))
    for note in (*collection.notes, _counts(run)):
        say(note)
    if run.references and not asked_together(run):
        run = without_times(run)
        say("times are not compared: the speakers were not asked in the same minutes")
    if references:
        return _against(run, references, chosen, options)
    if options.resume:
        raise SpecError("--resume goes on asking references, and none is given; add --reference, or leave it out")
    if options.dry_run:
        say("dry run: nothing was written")
        return 0
    out = recorded_at(run, options)
    run_file.write(out, run)
    say(f"recorded in {out}")
    if run.references or options.report != CONSOLE:
        return present(run, report=options.report, embed=options.embed, fail_at=options.fail_at)
    say(next_steps(out))
    return 0


def references_of(options: Options) -> tuple[tuple[Endpoint, ...], Config]:
    """Those of the config file and of the command line; a target in the file is not asked. Raises SpecError or
    ConfigError."""
    settings = load_config(options.config) if options.config is not None else Config()
    of_file = tuple(e for e in settings.endpoints() if e.role == "reference")
    return (*of_file, *(parse_reference(t) for t in options.reference or ())), settings


def next_steps(out: Path) -> str:
    """What can be done with a run that has no references."""
    return (
        "nothing to compare with yet. Next: `wrapdetect match "
        f"{out} --library NAME` compares with recorded models; the same command with --reference "
        "NAME=URL#MODEL@KEY_VARIABLE and another --out asks references the same questions and judges"
    )


def _collection(path: Path, reading: HowToRead) -> tuple[str, Collection]:
    """The target's name, and what is kept."""
    if reading.format_ is not None and reading.format_ not in (*TABLE_FORMATS, "har"):
        known = ", ".join((*(f for f in TABLE_FORMATS if f != "run"), "har"))
        raise SpecError(f"--format {reading.format_}: no such format; expected one of {known}")
    if is_har(path, reading.format_):
        if reading.questions is not None:
            raise SpecError(f"--questions goes with the output of a batch, and {path} is a HAR; leave it out")
        found = read_har(path, None if reading.template is None else _bot(reading.template))
    elif reading.template is not None:
        raise SpecError(f"--template goes with a HAR, and {path} is none; leave it out, or add --format har")
    else:
        found = read_answers(
            path,
            reading.format_,
            reading.fields,
            reading.more,
            speaker=reading.target or path.stem or TARGET,
            questions=reading.questions,
        )
    return found.of(reading.target, reading.only, str(path))


def _bot(file: Path) -> Endpoint:
    bot = next((e for e in load_config(file).endpoints() if e.role == "target"), None)
    if bot is None or bot.template is None:
        raise SpecError(f"{file}: no [target.template]; --template needs the target TOML of a bot that has one")
    return bot


def _against(run: Run, references: tuple[Endpoint, ...], chosen: Chosen, options: Options) -> int:
    """Ask the references what the target was asked, and judge."""
    whole = replace(
        without_times(run),
        endpoints=(*run.endpoints, *references),
        packs=(*with_hello([]), *run.packs),
        variants=neutral_prompts(chosen.enrol),
    )
    check_names(whole.endpoints)
    plan = SurveyPlan(
        run=whole, slots=_slots(whole, references, chosen.draws), limits=chosen.limits, words=_words(references, chosen)
    )
    judge = partial(present, report=options.report, embed=options.embed, fail_at=options.fail_at)
    return conduct(plan, options, timeout_s=chosen.timeout_s, judge=judge)


def _slots(run: Run, references: tuple[Endpoint, ...], draws: int) -> list[Slot]:
    """The target's questions to each reference, with the hello before all."""
    asked = {(e.ask.probe, e.ask.item) for e in run.exchanges if e.endpoint == run.target.name}
    names = {e.name for e in references}
    return [
        s
        for s in make_plan(replace(run, draws=draws))
        if s.endpoint.name in names and (s.ask.key.probe == HELLO or (s.ask.key.probe, s.ask.key.item) in asked)
    ]


def _words(references: tuple[Endpoint, ...], chosen: Chosen) -> Callable[[Run, Cost], str]:
    names = ", ".join(f"{quote(e.name, 40)} ({quote(e.model, 40)})" for e in references)
    return lambda run, cost: (
        f"target {quote(run.target.name, 40)}, as collected, against {names}, asked now; so times are not compared\n"
        f"plan: its questions, {chosen.draws} draw(s), {len(run.variants)} neutral prompt(s), seed {run.seed}\n"
        f"at most {cost.requests:,} requests and about {cost.tokens:,} tokens over all references"
    )


def _refuse_unread(run: Run, place: str) -> None:
    """Raises SpecError where no answer of the target can be read: nobody is asked for the sake of none."""
    replies = [decode(e, run.target) for e in run.exchanges if e.endpoint == run.target.name]
    failures = [r.failure for r in replies if r.failure is not None]
    if len(failures) == len(replies):
        why = f": {quote(failures[0].detail, 300)}" if failures else ""
        raise SpecError(f"{place}: {len(replies)} questions found, 0 answers read{why}")


def _counts(run: Run) -> str:
    own = [e for e in run.exchanges if e.endpoint == run.target.name]
    failed = Counter(f.kind for e in own if (f := decode(e, run.target).failure) is not None)
    unread = ", ".join(f"{n} {kind}" for kind, n in sorted(failed.items()))
    known = {(e.ask.probe, e.ask.item) for e in own}
    packs = ", ".join(f"{p.id} ({n})" for p in run.packs if (n := sum(probe == p.id for probe, _ in known)))
    without = f"; without an answer: {unread}" if unread else ""
    others = f"; {len(run.references)} references in the same file" if run.references else ""
    return f"{quote(run.target.name, 40)}: {len(own) - failed.total()} answers to questions of {packs}{without}{others}"
