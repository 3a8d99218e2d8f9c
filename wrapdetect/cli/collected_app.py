"""The commands for answers that no API gives: collected by others, or put to a bot by hand."""

from pathlib import Path
from typing import Annotated

import typer

from wrapdetect.cli.chosen_report import report_id
from wrapdetect.errors import SpecError

_Json = Annotated[bool, typer.Option("--json", help="Print the report as JSON (v1) on standard output.")]
_Embed = Annotated[
    bool | None, typer.Option("--embed/--no-embed", help="Use the embedding view (default: where it is installed).")
]
_FailAt = Annotated[
    float | None, typer.Option(min=0.0, max=1.0, help="Exit with 10 where the probability is at or above this.")
]
References = Annotated[
    list[str] | None, typer.Option(help="NAME=URL#MODEL@KEY_VARIABLE; asked the same questions, over HTTP.")
]
_ConfigFile = Annotated[
    Path | None, typer.Option("--config", help="TOML file with [[reference]] and, if wanted, [audit].")
]
Out = Annotated[Path | None, typer.Option(help="Run file to write. Default: wrapdetect-runs/<time>-<name>.jsonl.")]
_Draws = Annotated[int | None, typer.Option(min=1, help="How often each question is asked. Default 1.")]
Enrol = Annotated[
    int | None, typer.Option(min=0, help="Neutral system prompts behind which references are asked too. Default 1.")
]
MaxRequests = Annotated[int | None, typer.Option(min=1, help="Hard limit over all endpoints. Default 3000.")]
MaxTokens = Annotated[int | None, typer.Option(min=1, help="Hard limit, estimated. Default 2000000.")]
Timeout = Annotated[
    float | None, typer.Option(min=0.1, max=86_400, help="Seconds for one whole answer of a reference. Default 60.")
]
Seed = Annotated[int | None, typer.Option(help="Of the order and of every random draw. Default 1.")]
Resume = Annotated[bool, typer.Option("--resume", help="Go on with the run file in --out.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be done; write and send nothing.")]
Vantage = Annotated[str, typer.Option(help="Your word for where this is asked from; recorded.")]


def import_answers(
    answers: Annotated[
        Path, typer.Argument(help="A table (JSON lines, CSV, parquet, JSON list) or a HAR saved by a browser.")
    ],
    out: Out = None,
    target: Annotated[
        str | None, typer.Option(help="Whose answers are judged, where there are several speakers.")
    ] = None,
    only: Annotated[str | None, typer.Option(help="The same, and leave the others out.")] = None,
    reference: References = None,
    config: _ConfigFile = None,
    template: Annotated[
        Path | None, typer.Option(help="Of a HAR: target TOML whose template says where question and answer stand.")
    ] = None,
    pack: Annotated[
        str | None, typer.Option(help="Further packs, by id or path, whose questions may have been asked.")
    ] = None,
    format_: Annotated[
        str | None,
        typer.Option("--format", metavar="FORMAT", help="jsonl, csv, parquet, alpaca_eval or har. Default: guessed."),
    ] = None,
    model_field: Annotated[str | None, typer.Option(help="Column with the speaker. Default: guessed.")] = None,
    prompt_field: Annotated[str | None, typer.Option(help="Column with the prompt. Default: guessed.")] = None,
    answer_field: Annotated[str | None, typer.Option(help="Column with the answer. Default: guessed.")] = None,
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
    draws: _Draws = None,
    enrol: Enrol = None,
    max_requests: MaxRequests = None,
    max_tokens: MaxTokens = None,
    concurrency: Annotated[int | None, typer.Option(min=1, max=64, help="Conversations at a time. Default 4.")] = None,
    pace: Annotated[
        float | None,
        typer.Option(min=0.0, max=86_400, help="Least seconds between two requests to one reference. Default 0."),
    ] = None,
    timeout: Timeout = None,
    seed: Seed = None,
    resume: Resume = False,
    dry_run: DryRun = False,
    vantage: Vantage = "",
    json_: _Json = False,
    embed: _Embed = None,
    fail_at: _FailAt = None,
) -> None:
    """Make a run of answers that were collected elsewhere, and judge it; sends nothing but to --reference."""
    from wrapdetect.cli.commands.asking import Options
    from wrapdetect.cli.commands.audit import pack_names
    from wrapdetect.cli.commands.collect import HowToRead, references_of
    from wrapdetect.cli.commands.collect import make_run as command
    from wrapdetect.store.answers import More
    from wrapdetect.store.tables import Fields

    references, settings = references_of(reference or [], config)
    options = Options(
        pack=pack_names(pack) if pack is not None else None,
        draws=draws,
        seed=seed,
        max_requests=max_requests,
        max_tokens=max_tokens,
        concurrency=concurrency,
        pace=pace,
        timeout=timeout,
        enrol=enrol,
        out=out,
        resume=resume,
        dry_run=dry_run,
        report=report_id(json_),
        embed=embed,
        fail_at=fail_at,
        vantage=vantage,
    )
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


def ask(
    bot: Annotated[str | None, typer.Argument(help="Address or name of the bot; recorded, never asked.")] = None,
    manual: Annotated[
        bool, typer.Option("--manual", help="You put each question to the bot and bring back its answer.")
    ] = False,
    reference: References = None,
    config: _ConfigFile = None,
    pack: Annotated[str | None, typer.Option(help="Packs by id or path, with commas. Default: short.")] = None,
    draws: _Draws = None,
    enrol: Enrol = None,
    max_requests: MaxRequests = None,
    max_tokens: MaxTokens = None,
    timeout: Timeout = None,
    seed: Seed = None,
    out: Out = None,
    resume: Resume = False,
    dry_run: DryRun = False,
    vantage: Vantage = "",
    json_: _Json = False,
    embed: _Embed = None,
    fail_at: _FailAt = None,
) -> None:
    """Audit a bot that nothing can drive: each question is shown, and you bring back the answer."""
    from wrapdetect.cli.commands.ask import ask_by_hand
    from wrapdetect.cli.commands.asking import Options
    from wrapdetect.cli.commands.audit import pack_names
    from wrapdetect.cli.commands.collect import references_of

    if not manual:
        raise SpecError("ask needs --manual: you put the questions; `wrapdetect audit` asks by itself")
    references, settings = references_of(reference or [], config)
    options = Options(
        pack=pack_names(pack) if pack is not None else None,
        draws=draws,
        seed=seed,
        max_requests=max_requests,
        max_tokens=max_tokens,
        timeout=timeout,
        enrol=enrol,
        out=out,
        resume=resume,
        dry_run=dry_run,
        report=report_id(json_),
        embed=embed,
        fail_at=fail_at,
        vantage=vantage,
    )
    raise typer.Exit(ask_by_hand(bot, references, settings, options))
