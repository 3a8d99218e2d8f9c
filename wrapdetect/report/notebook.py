"""A verdict or a match as Python's verbs give it: the noun itself, which a notebook shows, with its tables."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from typing import Self

from wrapdetect.model import Match, Run, Verdict
from wrapdetect.report.html import match_html, verdict_html
from wrapdetect.report.json_v1 import render as verdict_json
from wrapdetect.report.match_json_v1 import render as match_json
from wrapdetect.report.rows import PlainRow, VerdictTable, match_rows, verdict_rows


@dataclass(frozen=True, slots=True, kw_only=True)
class VerdictReport(Verdict):
    """A verdict with the run that it was given on; a notebook shows it as a table."""

    recording: Run = field(repr=False, compare=False)
    remarks: tuple[str, ...] = ()
    """What of the run's file could not be read."""

    @classmethod
    def on(cls, verdict: Verdict, run: Run, said: Iterable[str] = ()) -> Self:
        return cls(**_values(verdict), recording=run, remarks=tuple(said))  # type: ignore[arg-type]  # its own fields

    def to_dict(self) -> dict[str, object]:
        """What the JSON report of version 1 holds."""
        body: dict[str, object] = json.loads(verdict_json(self, self.recording))
        return body

    def rows(self, table: VerdictTable = "findings") -> list[PlainRow]:
        """A table as pandas.DataFrame takes it: findings, controls, tallies, or the answers of the run."""
        return verdict_rows(table, self, self.recording)

    def _repr_html_(self) -> str:
        return verdict_html(self, self.recording, self.remarks)


@dataclass(frozen=True, slots=True, kw_only=True)
class MatchReport(Match):
    """A match that a notebook shows as a table."""

    @classmethod
    def on(cls, match: Match) -> Self:
        return cls(**_values(match))  # type: ignore[arg-type]  # its own fields

    def to_dict(self) -> dict[str, object]:
        """What the JSON report of a match, version 1, holds, with all models ranked."""
        body: dict[str, object] = json.loads(match_json(self, top=len(self.ranked)))
        return body

    def rows(self) -> list[PlainRow]:
        """A row for each model of the library, as pandas.DataFrame takes them."""
        return match_rows(self)

    def _repr_html_(self) -> str:
        return match_html(self)


def _values(noun: Verdict | Match) -> dict[str, object]:
    return {f.name: getattr(noun, f.name) for f in fields(noun)}
