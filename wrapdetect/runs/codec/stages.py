"""What each stage of the evidence found -> JSON: the goldens, and numbers rounded as reports have them."""

import json
from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from wrapdetect.model import Finding, Observation, Verdict
from wrapdetect.runs.codec.lines import line_text


def observations_to_json(observations: Iterable[Observation]) -> str:
    """One JSON list, one observation a line: the golden of the reading stage."""
    rows = [[o.exchange, o.feature, o.value, o.reader] for o in observations]
    return "[\n" + ",\n".join(line_text(rounded(r)) for r in rows) + "\n]\n"


def findings_to_json(findings: Iterable[Finding]) -> str:
    """One JSON list, one finding a line: the golden of the comparing stage."""
    return "[\n" + ",\n".join(line_text(rounded(asdict(f))) for f in findings) + "\n]\n"


def verdict_to_json(verdict: Verdict) -> str:
    """The verdict as indented JSON: the golden of the judging stage."""
    return json.dumps(rounded(asdict(verdict)), ensure_ascii=False, indent=1) + "\n"


def rounded(value: Any, digits: int = 4) -> Any:
    """Floats to `digits` decimals throughout, -0.0 as 0.0, so that reports do not move with the last bit.

    >>> rounded({"a": [0.123456, -0.00001]})
    {'a': [0.1235, 0.0]}
    """
    match value:
        case bool() | int() | str() | None:
            return value
        case float():
            return round(value, digits) + 0.0
        case dict():
            return {k: rounded(v, digits) for k, v in value.items()}
        case _:
            return [rounded(v, digits) for v in value]
