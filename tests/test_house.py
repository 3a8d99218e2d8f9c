"""bench.house counts what is there: a made tree gives its own figures."""

import ast
from itertools import islice
from pathlib import Path

from bench.house import counted, defined_twice, names_of


def test_a_made_tree_gives_its_own_figures(tmp_path: Path) -> None:
    room = tmp_path / "wrapdetect" / "room"
    room.mkdir(parents=True)
    (tmp_path / "wrapdetect" / "__init__.py").write_text("Json = dict\n")
    (room / "__init__.py").write_text("")
    (room / "long.py").write_text("def read():\n    return 1\n" + "\n" * 400)
    (room / "short.py").write_text("class read: ...\n_own = 1\nJson: type = list\n")
    figures = dict(islice(counted(tmp_path, runs=1), 6))
    assert figures == {
        "lines of the product": "406 in 4 modules",
        "root modules": "1",
        "rooms": "1",
        "modules of the largest folder": "3 (wrapdetect/room)",
        "files over 400 lines": "1, room/long.py 402",
        "public names defined in two modules": "2",
    }
    assert defined_twice(sorted(room.glob("*.py"))) == {"read"}


def test_a_statement_that_defines_nothing_names_nothing() -> None:
    body = ast.parse("import os\nx.z = 3\na = b = 1").body
    assert [names_of(node) for node in body] == [[], [], ["a", "b"]]
