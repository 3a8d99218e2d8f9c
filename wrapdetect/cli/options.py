"""Which options do several commands share? Each is written once, here or as one of the settings."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from pydantic import Field

from wrapdetect.cli.chosen_report import report_id
from wrapdetect.errors import SpecError
from wrapdetect.targets.settings import ASKING, Chosen, Given, Shown, resolve

if TYPE_CHECKING:
    from wrapdetect.targets.config import Config

Format = Annotated[
    str | None,
    typer.Option("--format", metavar="FORMAT", help="jsonl, csv, parquet, alpaca_eval or run. Default: guessed."),
]
ModelField = Annotated[str | None, typer.Option(help="Column with the speaker. Default: guessed.")]
PromptField = Annotated[str | None, typer.Option(help="Column with the prompt. Default: guessed.")]
AnswerField = Annotated[str | None, typer.Option(help="Column with the answer. Default: guessed.")]
_WITH_REFERENCE = "TOML file with [[reference]] and, if wanted, [audit]."
_SAME_QUESTIONS = "NAME=URL#MODEL@KEY_VARIABLE; asked the same questions, over HTTP."
_WITHOUT_HOST = "Run file to write. Default: wrapdetect-runs/<time>-<name>.jsonl."
_AS_JSON = "Print as JSON on standard output."
_JUDGING = (*ASKING, "match", "replay")


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What the user chose. Of the settings those that were `said`; the others are open."""

    reference: Annotated[
        list[str] | None,
        Field(description="NAME=URL#MODEL@KEY_VARIABLE; once for each upstream to compare with."),
        Shown(words={"import": _SAME_QUESTIONS, "ask": _SAME_QUESTIONS}),
    ] = None
    config: Annotated[
        Path | None,
        Field(description="TOML file with [target], [[reference]] and, if wanted, [audit]."),
        Shown(words={"import": _WITH_REFERENCE, "ask": _WITH_REFERENCE}, commands=(*ASKING, "doctor")),
    ] = None
    said: Given = field(default_factory=Given)
    out: Annotated[
        Path | None,
        Field(description="Run file to write. Default: wrapdetect-runs/<time>-<host>.jsonl."),
        Shown(words={"import": _WITHOUT_HOST, "ask": _WITHOUT_HOST}),
    ] = None
    resume: Annotated[bool, Field(description="Go on with the run file in --out."), Shown(option="--resume")] = False
    dry_run: Annotated[
        bool,
        Field(description="Say what would be done; write and send nothing."),
        Shown(option="--dry-run", words={"audit": "Print the plan and its cost; send nothing."}),
    ] = False
    vantage: Annotated[str, Field(description="Your word for where this is asked from; recorded.")] = ""
    report: Annotated[
        str,
        Field(description="Print the report as JSON (v1) on standard output."),
        Shown(
            option="--json",
            kind=bool,
            read=report_id,
            words={
                "match": "Print the match as JSON (v1) on standard output.",
                "outages": "Print all figures as JSON on standard output.",
                "monitor status": _AS_JSON,
                "monitor incidents": _AS_JSON,
                "monitor judge": _AS_JSON,
            },
            commands=(*_JUDGING, "outages", "monitor status", "monitor incidents", "monitor judge"),
        ),
    ] = "console"
    embed: Annotated[
        bool | None,
        Field(description="Use the embedding view (default: where it is installed)."),
        Shown(commands=_JUDGING),
    ] = None
    fail_at: Annotated[
        float | None,
        Field(ge=0.0, le=1.0, description="Exit with 10 where the probability is at or above this."),
        Shown(commands=(*_JUDGING, "monitor judge")),
    ] = None

    @property
    def pack(self) -> list[str]:
        """The packs that were named, if any were."""
        return self.said.root.pack

    def check_resume(self) -> None:
        """Raises SpecError for --resume without the file to go on with."""
        if self.resume and self.out is None:
            raise SpecError("--resume needs --out: the run file to go on with")

    def over(self, config: "Config") -> Chosen:
        """The command line first, then the config file, then the defaults."""
        return resolve(self.said, config.audit)
