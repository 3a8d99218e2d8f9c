"""Lists of incidents that were compared -> JSON, version 1: fields may be added, and never change or go."""

import json
from dataclasses import asdict

from wrapdetect.report.nouns import ListsCompared
from wrapdetect.runs.codec import rounded


def render(compared: ListsCompared) -> str:
    """With its newline; all candidates of the target, as they came. Numbers have six decimals."""
    body = {
        "window_min": compared.window_min,
        "panel": list(compared.panel),
        "target": compared.target.service,
        "upstreams": [rounded(asdict(d), 6) for d in compared.found],
    }
    return json.dumps(body, indent=1) + "\n"
