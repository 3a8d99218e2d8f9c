"""Match -> JSON, match report version 1. Its schema (match_json_v1.schema.json, beside this file) is frozen: fields may
never change or go; a new shape is match_json_v2. Numbers have four decimals: the same answers give the same bytes."""

import json
from dataclasses import asdict

from wrapdetect.model import Match
from wrapdetect.runs.codec import rounded

_VERSION = 1


def render(match: Match, *, top: int) -> str:
    """The report with its newline; `top` models in `ranked`."""
    body = {"match_report": _VERSION, **asdict(match)}
    body["ranked"] = body["ranked"][:top]
    return json.dumps(rounded(body), ensure_ascii=False, indent=2) + "\n"
