"""Writes docs/help.md, and the help, the example and the keys of other pages, from the program: `python -m
tests.make_help`."""

import re
from collections.abc import Iterator

from annotated_types import Ge, Le
from pydantic import BaseModel

from tests.conftest import ROOT
from tests.test_help import COMMANDS, run, true_help
from wrapdetect.targets.settings import Chosen

KEYS = "| key | option | value | default | what it is |\n|---|---|---|---|---|\n"
"""How the table of [audit] begins."""
TOML_TYPES: dict[object, str] = {
    int: "integer", float: "float", str: "string", bool: "boolean", list[str]: "array of strings",
}  # fmt: skip


def keys_of_audit(settings: type[BaseModel] = Chosen) -> str:
    """The table of [audit] in docs/audit.md."""
    return (KEYS + "".join(f"| {' | '.join(row)} |\n" for row in _rows(settings))).strip()


def _rows(settings: type[BaseModel]) -> Iterator[tuple[str, ...]]:
    for name, field in settings.model_fields.items():
        least = [f"at least {m.ge}" for m in field.metadata if isinstance(m, Ge)]
        most = [f"at most {m.le}" for m in field.metadata if isinstance(m, Le)]
        value = ", ".join([TOML_TYPES[field.annotation], *least, *most])
        default = "that of the command" if field.default == [] else f"`{field.default}`"
        yield f"`{name}`", f"`--{name.replace('_', '-')}`", value, default, field.description or ""


def main() -> None:
    parts = [
        "# Every command's --help\n\nWritten by `python -m tests.make_help`; a test compares it with the program.\n"
    ]
    for command in COMMANDS:
        parts.append(f"\n```\n$ wrapdetect {command + ' ' if command else ''}--help\n{true_help(command)}\n```\n")
    (ROOT / "docs" / "help.md").write_text("".join(parts), encoding="utf-8")
    for page, begin, end, text in (
        ("README.md", "```\n$ wrapdetect --help\n", "```", true_help("")),
        ("docs/verdict.md", "(../seeds/feb21.md)):\n\n```\n", "```", run("replay", "feb21", "--no-embed").strip("\n")),
        ("docs/audit.md", KEYS.splitlines()[0] + "\n", "\n", keys_of_audit().partition("\n")[2]),
    ):
        old = (ROOT / page).read_text(encoding="utf-8")
        pattern = re.compile(rf"({re.escape(begin)}).*?(?=\n{end})", re.S)
        (ROOT / page).write_text(pattern.sub(lambda m, text=text: m[1] + text, old), encoding="utf-8")  # type: ignore[misc]


if __name__ == "__main__":
    main()
