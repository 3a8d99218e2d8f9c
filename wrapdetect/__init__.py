"""How likely is it that this chatbot is a pass-through of an upstream LLM?"""

from wrapdetect.errors import WrapdetectError
from wrapdetect.model import (
    Ask,
    AskKey,
    Control,
    Endpoint,
    Exchange,
    Failure,
    FailureKind,
    Finding,
    Item,
    Match,
    Observation,
    Pack,
    Run,
    Verdict,
)
from wrapdetect.runs.codec import FORMAT, dump_run, load_run

__version__ = "0.1.0"

__all__ = [
    "FORMAT",
    "Ask",
    "AskKey",
    "Control",
    "Endpoint",
    "Exchange",
    "Failure",
    "FailureKind",
    "Finding",
    "Item",
    "Match",
    "Observation",
    "Pack",
    "Run",
    "Verdict",
    "WrapdetectError",
    "dump_run",
    "load_run",
]
