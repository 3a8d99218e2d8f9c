"""Writes docs/evidence.md and seeds/rules.toml from what rules and readers say: `python -m tests.make_evidence`."""

import re
from collections.abc import Iterable, Mapping
from textwrap import fill

from tests.conftest import ROOT
from wrapdetect.evidence.compare.rule import Rule
from wrapdetect.evidence.compare.rules import RULES
from wrapdetect.evidence.read import READERS, Reader

WIDTH = 120
EVIDENCE = ROOT / "docs" / "evidence.md"
RULESET = ROOT / "seeds" / "rules.toml"


def true_evidence(text: str) -> str:
    """The page with a paragraph for each reader and each rule; packs, controls and introductions stay."""
    for heading, values in (("## Readers: what happened", READERS), ("## Rules: how it compares", RULES)):
        paragraphs = "".join(paragraph(value) for value in values.values())
        section = re.compile(rf"({re.escape(heading)}\n.*?)^### .*?(?=\n## )", re.S | re.M)
        text, n = section.subn(lambda m, new=paragraphs: m[1] + new, text)  # type: ignore[misc]
        assert n == 1, heading
    return text


def paragraph(value: Reader | Rule) -> str:
    told = fill(" ".join(value.paragraph.split()), WIDTH, break_on_hyphens=False, break_long_words=False)
    return f"### {value.id}\n{told}\n"


def true_ruleset(text: str, rules: Mapping[str, Rule] = RULES) -> str:
    """The ruleset with an entry for each rule; its id, priors, groups and states stay."""
    section = re.compile(r"^\[\[rule\]\]\n.*?(?=\n# States)", re.S | re.M)
    text, n = section.subn(lambda _: "".join(entries(rules.values())), text)
    assert n == 1
    return text


def entries(rules: Iterable[Rule]) -> Iterable[str]:
    for rule in rules:
        fields = rule.entry().model_dump(exclude_none=True)
        lines = (f'{k} = "{v}"' if isinstance(v, str) else f"{k} = {v}" for k, v in fields.items())
        yield "\n".join(["[[rule]]", *lines, ""])


def main() -> None:
    for file, true in ((EVIDENCE, true_evidence), (RULESET, true_ruleset)):
        file.write_text(true(file.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
