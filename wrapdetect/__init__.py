"""How likely is it that this chatbot is a pass-through of an upstream LLM? The verbs and nouns for Python."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from wrapdetect.errors import WrapdetectError
    from wrapdetect.model import Endpoint, Exchange, Finding, Match, Run, Verdict
    from wrapdetect.report.notebook import MatchReport, VerdictReport
    from wrapdetect.runs.codec import dump_run
    from wrapdetect.verbs import (
        audit,
        audit_async,
        judge,
        judge_async,
        load_run,
        load_run_async,
        match,
        match_async,
        replay,
        replay_async,
    )

__version__ = "0.1.0"

__all__ = [
    "Endpoint",
    "Exchange",
    "Finding",
    "Match",
    "MatchReport",
    "Run",
    "Verdict",
    "VerdictReport",
    "WrapdetectError",
    "audit",
    "audit_async",
    "dump_run",
    "judge",
    "judge_async",
    "load_run",
    "load_run_async",
    "match",
    "match_async",
    "replay",
    "replay_async",
]

_HOMES = {
    "WrapdetectError": "wrapdetect.errors",
    "dump_run": "wrapdetect.runs.codec",
    **dict.fromkeys(("MatchReport", "VerdictReport"), "wrapdetect.report.notebook"),
    **dict.fromkeys(("Endpoint", "Exchange", "Finding", "Match", "Run", "Verdict"), "wrapdetect.model"),
}


def __getattr__(name: str) -> object:
    """Loads what is asked for, so that importing the package costs next to nothing."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES.get(name, "wrapdetect.verbs")), name)


def __dir__() -> list[str]:
    return [*globals(), *__all__]
