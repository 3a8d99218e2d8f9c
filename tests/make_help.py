"""Writes docs/help.md, and the README's help and example, from the program: `python -m tests.make_help`."""

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
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for begin, text in (
        ("```\n$ wrapdetect --help\n", true_help("")),
        ("(seeds/feb21.md)):\n\n```\n", run("replay", "feb21", "--no-embed").strip("\n")),
    ):
        pattern = re.compile(rf"({re.escape(begin)}).*?(?=\n```)", re.S)
        readme = pattern.sub(lambda m, text=text: m[1] + text, readme)  # type: ignore[misc]
    (ROOT / "README.md").write_text(readme, encoding="utf-8")


if __name__ == "__main__":
    main()
