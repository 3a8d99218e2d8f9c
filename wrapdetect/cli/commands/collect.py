"""wrapdetect import: answers that others collected -> a run; judged against speakers of the same table, or against
references that are asked the same questions now."""

from dataclasses import dataclass, replace
from pathlib import Path

from wrapdetect.cli.commands.asking import check_resume, conduct, judged_where_comparable, recorded_at
from wrapdetect.cli.options import Options
from wrapdetect.cli.terminal import say
from wrapdetect.errors import SpecError
from wrapdetect.model import TARGET, Endpoint, Run
from wrapdetect.runs.collected import Collection, asked_together, without_times
from wrapdetect.runs.collected.against import refuse_unread, slots_against, what_was_read, words_against
from wrapdetect.runs.survey import SurveyPlan
from wrapdetect.store import run_file
from wrapdetect.store.answers import More, read_answers
from wrapdetect.store.config_file import load_config
from wrapdetect.store.har import is_har, read_har, without_tokens
from wrapdetect.store.shipped import load_packs, neutral_prompts, with_hello
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
    refuse_unread(run, str(path))
    for note in (*collection.notes, what_was_read(run)):
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
    return judged_where_comparable(run, options)


def references_of(options: Options) -> tuple[tuple[Endpoint, ...], Config]:
    """Those of the config file and of the command line; a target in the file is not asked. Raises SpecError or
    ConfigError."""
    settings = load_config(options.config) if options.config is not None else Config()
    of_file = tuple(e for e in settings.endpoints() if e.role == "reference")
    return (*of_file, *(parse_reference(t) for t in options.reference or ())), settings


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
        run=whole,
        slots=slots_against(whole, references, chosen.draws),
        limits=chosen.limits,
        words=words_against(references, chosen.draws),
    )
    return conduct(plan, options, timeout_s=chosen.timeout_s)
