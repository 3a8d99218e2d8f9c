"""Which report did the user choose? Light, so that `--help` is quick."""

import os

CHOSEN = "WRAPDETECT_REPORT"
"""Variable that names another report than the console's, such as one of a plug-in."""


def report_id(json_: bool) -> str:
    """`--json` goes before the variable."""
    return "json" if json_ else os.environ.get(CHOSEN) or "console"
