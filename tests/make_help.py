"""Writes docs/help.md, docs/config.md, and the README's help and example, from the program: `python -m
tests.make_help`."""

import re
from collections.abc import Iterator

from annotated_types import Ge, Le
from pydantic import BaseModel

from tests.conftest import ROOT
from tests.test_help import COMMANDS, run, true_help
from wrapdetect.targets.settings import Chosen

CONFIG_PAGE = """# The keys of [audit]

Written by `python -m tests.make_help` from wrapdetect/targets/settings.py; a test compares it with the program.
Each key is the option of the same name (`max_requests`: `--max-requests`); the command line goes first, then the file
given by `--config`, then the default. The keys of [target] and [[reference]]: [ways.md](ways.md).

| key | value | default | what it is |
|---|---|---|---|
"""
TOML_TYPES: dict[object, str] = {
    int: "integer",
    float: "float",
    str: "string",
    bool: "boolean",
    list[str]: "array of strings",
}


def config_page(settings: type[BaseModel] = Chosen) -> str:
    """docs/config.md."""
    return CONFIG_PAGE + "".join(f"| {' | '.join(row)} |\n" for row in _rows(settings))


def _rows(settings: type[BaseModel]) -> Iterator[tuple[str, str, str, str]]:
    for name, field in settings.model_fields.items():
        least = [f"at least {m.ge}" for m in field.metadata if isinstance(m, Ge)]
        most = [f"at most {m.le}" for m in field.metadata if isinstance(m, Le)]
        value = ", ".join([TOML_TYPES[field.annotation], *least, *most])
        default = "that of the command" if field.default == [] else f"`{field.default}`"
        yield f"`{name}`", value, default, field.description or ""


def main() -> None:
    parts = [
        "# Every command's --help\n\nWritten by `python -m tests.make_help`; a test compares it with the program.\n"
    ]
    for command in COMMANDS:
        parts.append(f"\n```\n$ wrapdetect {command + ' ' if command else ''}--help\n{true_help(command)}\n```\n")
    (ROOT / "docs" / "help.md").write_text("".join(parts), encoding="utf-8")
    (ROOT / "docs" / "config.md").write_text(config_page(), encoding="utf-8")
    for page, begin, text in (
        ("README.md", "```\n$ wrapdetect --help\n", true_help("")),
        ("docs/verdict.md", "(../seeds/feb21.md)):\n\n```\n", run("replay", "feb21", "--no-embed").strip("\n")),
    ):
        old = (ROOT / page).read_text(encoding="utf-8")
        pattern = re.compile(rf"({re.escape(begin)}).*?(?=\n```)", re.S)
        (ROOT / page).write_text(pattern.sub(lambda m, text=text: m[1] + text, old), encoding="utf-8")  # type: ignore[misc]


if __name__ == "__main__":
    main()
