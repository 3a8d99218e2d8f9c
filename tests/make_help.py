"""Writes docs/help.md, and the help and the example of other pages, from the program: `python -m tests.make_help`."""

import re

from tests.conftest import ROOT
from tests.test_help import COMMANDS, run, true_help


def main() -> None:
    parts = [
        "# Every command's --help\n\nWritten by `python -m tests.make_help`; a test compares it with the program.\n"
    ]
    for command in COMMANDS:
        parts.append(f"\n```\n$ wrapdetect {command + ' ' if command else ''}--help\n{true_help(command)}\n```\n")
    (ROOT / "docs" / "help.md").write_text("".join(parts), encoding="utf-8")
    for page, begin, text in (
        ("README.md", "```\n$ wrapdetect --help\n", true_help("")),
        ("docs/verdict.md", "(../seeds/feb21.md)):\n\n```\n", run("replay", "feb21", "--no-embed").strip("\n")),
    ):
        old = (ROOT / page).read_text(encoding="utf-8")
        pattern = re.compile(rf"({re.escape(begin)}).*?(?=\n```)", re.S)
        (ROOT / page).write_text(pattern.sub(lambda m, text=text: m[1] + text, old), encoding="utf-8")  # type: ignore[misc]


if __name__ == "__main__":
    main()
