"""docs/ways.md: every config in it is one that the program reads."""

import re
from pathlib import Path

import pytest

from tests.conftest import ROOT
from wrapdetect.store.config_file import load_config

BLOCKS = re.findall(r"```toml\n(.*?)```", (ROOT / "docs" / "ways.md").read_text(encoding="utf-8"), re.DOTALL)


@pytest.mark.parametrize("block", BLOCKS)
def test_every_config_of_the_page_is_read(block: str, tmp_path: Path) -> None:
    file = tmp_path / "bot.toml"
    file.write_text(block, encoding="utf-8")
    (target,) = load_config(file).endpoints()
    assert target.role == "target"


def test_the_page_shows_an_api_a_template_and_a_page() -> None:
    shown = {kind for block in BLOCKS for kind in re.findall(r"^dialect = \"(\w+)\"", block, re.MULTILINE)}
    assert shown >= {"anthropic", "template", "page"}
    for table in ("step", "poll", "reply"):
        assert any(f"[[target.template.{table}]]" in block for block in BLOCKS)
    assert any("[[target.page.login]]" in block for block in BLOCKS)
    assert any("storage_state" in block for block in BLOCKS)
