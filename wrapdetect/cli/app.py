"""The command line: options in, exit code out. Each command's module is loaded when the command runs, so that
`--help` is quick.

Exit codes: 0 finished; 2 usage, input or this machine (a full disk); 3 nothing could be asked of the target; 10 the
probability reaches --fail-at; 70 a fault of ours; 130 and 141 stopped by Ctrl-C or by whoever read the output.
"""

import os
import sys
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Annotated

import typer

from wrapdetect.cli import collected_app, monitor_app, target_app
from wrapdetect.cli.end import exit_code_of
from wrapdetect.cli.options import AnswerField, Format, ModelField, Options, PromptField
from wrapdetect.cli.shared import HERE, with_options
from wrapdetect.cli.terminal import say
from wrapdetect.errors import SpecError
from wrapdetect.ways.output import guard

app = typer.Typer(
    help="How likely is it that this chatbot is a pass-through of an upstream LLM?",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    rich_markup_mode=None,
)
probes_app = typer.Typer(help="The question packs.", no_args_is_help=True, rich_markup_mode=None)
app.add_typer(probes_app, name="probes")
library_app = typer.Typer(
    help="Reference libraries: recorded answers of known models.", no_args_is_help=True, rich_markup_mode=None
)
app.add_typer(library_app, name="library")
app.add_typer(target_app.app, name="target")

app.add_typer(monitor_app.app, name="monitor")


@app.command()
@with_options("audit")
def audit(
    url: Annotated[
        str | None, typer.Argument(help="Of the target: its API, such as https://bot.example/v1, or its chat page.")
    ] = None,
    *,
    model: Annotated[
        str | None, typer.Option(help="The target's model name; without it the URL is looked at first.")
    ] = None,
    key_env: Annotated[str | None, typer.Option(help="Environment variable that holds the target's key.")] = None,
    options: Options,
    plain: Annotated[bool, typer.Option("--plain", help="Do not ask for streamed answers.")] = False,
    vantage: object = HERE,
    dry_run: object = HERE,
    library: Annotated[
        str | None, typer.Option(help="Ask the questions of this library and match; no reference is needed.")
    ] = None,
    prompts: Annotated[
        int | None, typer.Option(min=8, help="Questions of the library to ask, at most. Default 48; adaptive 32.")
    ] = None,
    adaptive: Annotated[
        bool, typer.Option("--adaptive", help="With --library: choose each next question, stop when decided.")
    ] = False,
    report: object = HERE,
    embed: object = HERE,
    fail_at: object = HERE,
) -> None:
    """Ask a target and its references, record it all, and judge."""
    from wrapdetect.cli.commands.audit import run_audit
    from wrapdetect.cli.target.endpoints import gather_endpoints

    gathered = gather_endpoints(url, model, key_env, options, plain=plain)
    if library is not None:
        from wrapdetect.cli.commands.audit_library import audit_library

        raise typer.Exit(
            audit_library(
                gathered.endpoints,
                gathered.settings,
                options,
                library=library,
                prompts=prompts,
                adaptive=adaptive,
            )
        )
    if adaptive or prompts is not None:
        raise SpecError("--adaptive and --prompts go with --library NAME: the library whose questions are asked")
    raise typer.Exit(run_audit(gathered.endpoints, gathered.settings, options, looked=gathered.looked))


@app.command("match")
@with_options("match")
def match_answers(
    answers: Annotated[
        Path, typer.Argument(help="Recorded answers of one target: JSON lines, CSV, parquet, or a run file.")
    ],
    *,
    library: Annotated[str, typer.Option(help="Of `wrapdetect library list`.")],
    top: Annotated[int, typer.Option(min=1, help="Models to show.")] = 10,
    only: Annotated[str | None, typer.Option(help="Whose answers, where the table holds several speakers.")] = None,
    format_: Format = None,
    model_field: ModelField = None,
    prompt_field: PromptField = None,
    answer_field: AnswerField = None,
    options: Options,
) -> None:
    """Whose answers are these? Compare recorded answers with a library; sends nothing."""
    from wrapdetect.cli.commands.match import match_file
    from wrapdetect.store.tables import Fields

    code = match_file(
        answers,
        library,
        format_=format_,
        only=only,
        fields=Fields(model_field, prompt_field, answer_field),
        top=top,
        report=options.report,
        embed=options.embed,
        fail_at=options.fail_at,
    )
    raise typer.Exit(code)


app.command("import")(collected_app.import_answers)
app.command("ask")(collected_app.ask)


@app.command()
@with_options("replay")
def replay(
    run: Annotated[Path, typer.Argument(help="A run file, its folder, or the name of a shipped run such as feb21.")],
    options: Options,
) -> None:
    """Judge a recorded run again: same bytes in, same verdict out; sends nothing."""
    from wrapdetect.cli.commands.replay import judge_again as command

    raise typer.Exit(command(run, report=options.report, embed=options.embed, fail_at=options.fail_at))


@app.command()
@with_options("outages")
def outages(
    target: Annotated[str, typer.Argument(help="List of the target's incidents: PATH or NAME=PATH.")],
    upstream: Annotated[list[str], typer.Argument(help="Lists of the candidates' incidents, one or more.")],
    *,
    panel: Annotated[
        list[str] | None, typer.Option(help="List of an unrelated service, by which common causes are seen; repeat.")
    ] = None,
    since: Annotated[str | None, typer.Option(help="All lists cover from this day or time on (UTC).")] = None,
    until: Annotated[str | None, typer.Option(help="All lists cover up to this day or time (UTC).")] = None,
    window: Annotated[
        float,
        typer.Option(min=15, max=60, help="Minutes within which two onsets coincide; only 15 to 60 hold their level."),
    ] = 30.0,
    assume_utc: Annotated[bool, typer.Option("--assume-utc", help="Times without a zone are UTC.")] = False,
    format_: Annotated[
        str | None,
        typer.Option(
            "--format", metavar="FORMAT", help="A format of [[feed]], such as csv or statuspage. Default: guessed."
        ),
    ] = None,
    options: Options,
) -> None:
    """Do two services fall together? The statistic alone, on lists of incidents (CSV: start,end); sends nothing."""
    from wrapdetect.cli.commands.outages import judge_outages as command
    from wrapdetect.cli.commands.outages import reading_of
    from wrapdetect.ways.clock import now

    reading = reading_of(since, until, assume_utc=assume_utc, format_=format_, now=now())
    raise typer.Exit(command(target, upstream, panel or [], reading=reading, window_min=window, report=options.report))


@app.command()
@with_options("doctor")
def doctor(options: Options) -> None:
    """Say what is installed, check the weights, and list which key variables are set (never their values)."""
    from wrapdetect.cli.commands.doctor import examine as command

    raise typer.Exit(command(options.config))


@app.command()
def demo(
    seed: Annotated[int, typer.Option(help="Of the bots' sampling noise and of the plan.")] = 1,
    out: Annotated[Path, typer.Option(help="Folder for the recordings.")] = Path("wrapdetect-runs"),
) -> None:
    """Audit three loopback bots of known truth; no key, no network."""
    from wrapdetect.cli.demo.command import show_demo as command

    raise typer.Exit(command(seed=seed, out=out))


@probes_app.command("list")
def probes_list() -> None:
    """List the shipped packs."""
    from wrapdetect.cli.commands.probes import list_packs

    list_packs()


@probes_app.command("show")
def probes_show(
    id_: Annotated[str, typer.Argument(metavar="ID", help="A pack or an item.")],
) -> None:
    """Show a pack or one item in full."""
    from wrapdetect.cli.commands.probes import show_probe

    show_probe(id_)


@probes_app.command("check")
def probes_check(path: Annotated[str, typer.Argument(help="A TOML file, or the id of a shipped pack.")]) -> None:
    """Check a pack; what does not fit is named with its line."""
    from wrapdetect.cli.commands.probes import check

    check(path)


@library_app.command("import")
def library_import(
    name: Annotated[str, typer.Argument(help="Of the library: a-z, 0-9, '.', '_' and '-'.")],
    path: Annotated[Path, typer.Argument(help="A table of answers, a folder of them, or a run file.")],
    format_: Format = None,
    source: Annotated[str, typer.Option(help="Where the answers come from.")] = "",
    collected: Annotated[str | None, typer.Option(metavar="YYYY-MM-DD", help="When they were collected.")] = None,
    settings: Annotated[str, typer.Option(help="Temperature, system prompt, host, as far as known.")] = "",
    licence: Annotated[str, typer.Option(help="Of the answers.")] = "",
    model_field: Annotated[str | None, typer.Option(help="Column with the model. Default: guessed.")] = None,
    prompt_field: PromptField = None,
    answer_field: AnswerField = None,
    embed: Annotated[
        bool, typer.Option("--embed", help="Keep embeddings too (needs [embed]; about 25 answers a second).")
    ] = False,
    replace: Annotated[bool, typer.Option("--replace", help="Put it in the place of one of that name.")] = False,
) -> None:
    """Make a library of a table with one answer a row."""
    from wrapdetect.cli.commands.library import import_library
    from wrapdetect.cli.dates import read_date
    from wrapdetect.library.answers import AnswersSource
    from wrapdetect.store.libraries.shelf import index_of
    from wrapdetect.store.tables import Fields
    from wrapdetect.ways.clock import now

    day = read_date(collected, now().date())
    import_library(
        name,
        path,
        format_=format_,
        fields=Fields(model_field, prompt_field, answer_field),
        source=AnswersSource(origin=source, collected=day, settings=settings, licence=licence),
        replace=replace,
        build_index=index_of(embed),
    )


@library_app.command("list")
def library_list() -> None:
    """List the libraries, with size and age."""
    from wrapdetect.cli.commands.library import list_
    from wrapdetect.ways.clock import now

    list_(now().date())


@library_app.command("show")
def library_show(name: Annotated[str, typer.Argument(help="Of a library.")]) -> None:
    """Show where a library comes from, its models and its first prompts."""
    from wrapdetect.cli.commands.library import show_library
    from wrapdetect.ways.clock import now

    show_library(name, now().date())


@library_app.command("drop")
def library_drop(name: Annotated[str, typer.Argument(help="Of a library.")]) -> None:
    """Remove a library for good."""
    from wrapdetect.cli.commands.library import drop

    drop(name)


def _with_plug_ins(commands: typer.Typer) -> typer.Typer:
    """Each command, but not its --help, first loads what other packages add; what does not fit is one line each."""
    for command in commands.registered_commands:
        if command.callback is not None:
            command.callback = _after_loading(command.callback)
    for group in commands.registered_groups:
        if group.typer_instance is not None:
            _with_plug_ins(group.typer_instance)
    return commands


def _after_loading(command: Callable[..., object]) -> Callable[..., object]:
    @wraps(command)
    def loaded(**options: object) -> object:
        from wrapdetect.store.plugins import load_and_tell

        load_and_tell(say)
        return command(**options)

    return loaded


def run_app() -> None:
    """Run the command; whatever goes wrong is one line on standard error and an exit code."""
    # Before numpy loads: threads that wait for a busy core cost more than they save, and sums keep their order.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    guard()
    sys.exit(exit_code_of(_with_plug_ins(app)))
