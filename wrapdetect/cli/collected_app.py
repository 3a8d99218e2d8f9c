"""The commands for answers that no API gives: collected by others, or put to a bot by hand."""

from pathlib import Path
from typing import Annotated

import typer

from wrapdetect.cli.options import AnswerField, ModelField, Options, PromptField
from wrapdetect.cli.shared import HERE, with_options
from wrapdetect.errors import SpecError


@with_options("import")
def import_answers(
    answers: Annotated[
        Path, typer.Argument(help="A table (JSON lines, CSV, parquet, JSON list) or a HAR saved by a browser.")
    ],
    *,
    out: object = HERE,
    target: Annotated[
        str | None, typer.Option(help="Whose answers are judged, where there are several speakers.")
    ] = None,
    only: Annotated[str | None, typer.Option(help="The same, and leave the others out.")] = None,
    reference: object = HERE,
    config: object = HERE,
    template: Annotated[
        Path | None, typer.Option(help="Of a HAR: target TOML whose template says where question and answer stand.")
    ] = None,
    pack: object = HERE,
    format_: Annotated[
        str | None,
        typer.Option("--format", metavar="FORMAT", help="jsonl, csv, parquet, alpaca_eval or har. Default: guessed."),
    ] = None,
    model_field: ModelField = None,
    prompt_field: PromptField = None,
    answer_field: AnswerField = None,
    conversation_field: Annotated[
        str | None, typer.Option(help="Column with a list of {role, content}, for several turns. Default: guessed.")
    ] = None,
    time_field: Annotated[
        str | None, typer.Option(help="Column with the time of asking (ISO 8601 with zone); none leaves it out.")
    ] = None,
    latency_field: Annotated[
        str | None, typer.Option(help="Column with the seconds until the answer; none leaves it out.")
    ] = None,
    questions: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Input of the batch whose output the answers are.")
    ] = None,
    options: Options,
) -> None:
    """Make a run of answers that were collected elsewhere, and judge it; sends nothing but to --reference."""
    from wrapdetect.cli.commands.collect import HowToRead, references_of
    from wrapdetect.cli.commands.collect import make_run as command
    from wrapdetect.store.answers import More
    from wrapdetect.store.tables import Fields

    references, settings = references_of(options)
    reading = HowToRead(
        format_=format_,
        fields=Fields(model_field, prompt_field, answer_field),
        more=More(conversation_field, time_field, latency_field),
        target=target,
        only=only,
        template=template,
        questions=questions,
    )
    raise typer.Exit(command(answers, references, settings, options, reading=reading))


@with_options("ask")
def ask(
    bot: Annotated[str | None, typer.Argument(help="Address or name of the bot; recorded, never asked.")] = None,
    *,
    manual: Annotated[
        bool, typer.Option("--manual", help="You put each question to the bot and bring back its answer.")
    ] = False,
    options: Options,
) -> None:
    """Audit a bot that nothing can drive: each question is shown, and you bring back the answer."""
    from wrapdetect.cli.commands.ask import ask_by_hand
    from wrapdetect.cli.commands.collect import references_of

    if not manual:
        raise SpecError("ask needs --manual: you put the questions; `wrapdetect audit` asks by itself")
    references, settings = references_of(options)
    raise typer.Exit(ask_by_hand(bot, references, settings, options))
