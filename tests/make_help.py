"""Writes docs/help.md from the true --help: `python -m tests.make_help`."""

from tests.conftest import ROOT
from tests.test_help import COMMANDS, run


def main() -> None:
    parts = [
        "# Every command's --help\n\nWritten by `python -m tests.make_help`; a test compares it with the program.\n"
    ]
    for command in COMMANDS:
        text = "\n".join(line.rstrip() for line in run(*command.split(), "--help").strip().splitlines())
        text = text.replace("python -m wrapdetect", "wrapdetect")
        parts.append(f"\n```\n$ wrapdetect {command + ' ' if command else ''}--help\n{text}\n```\n")
    (ROOT / "docs" / "help.md").write_text("".join(parts), encoding="utf-8")


if __name__ == "__main__":
    main()
