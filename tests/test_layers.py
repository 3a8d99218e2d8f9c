"""The layers of INDEX.md, held by a walk over every import and every call that touches the world."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import ROOT

PACKAGE = ROOT / "wrapdetect"
PURE = {
    "errors", "ways", "endpoint", "history", "model", "feeds", "schedule",
    "codec", "codec_history", "codec_ways", "packs", "plan", "run", "seeds", "secrets", "text", "workload",
    "prose", "analysis", "matching", "adaptive", "monitoring",
    "library", "dialects", "detect", "curl", "collected", "read", "compare", "judge", "report",
}  # fmt: skip
WORLD = {
    "socket", "ssl", "subprocess", "os", "time", "pathlib", "shutil", "tempfile", "threading", "sqlite3", "http",
    "urllib.request", "httpx", "openai", "requests", "torch", "sentence_transformers", "starlette", "uvicorn",
    "secrets", "platform", "playwright", "websockets",
}  # fmt: skip
NUMERIC = {"numpy", "scipy", "sklearn"}
CLOCKS = {("datetime", "now"), ("datetime", "utcnow"), ("date", "today")}


def files() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def layer_of(file: Path) -> str:
    return file.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(file: Path) -> Iterator[tuple[str, bool]]:
    """Module names imported, and whether inside a function."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    inner = {
        id(n) for f in ast.walk(tree) if isinstance(f, ast.FunctionDef | ast.AsyncFunctionDef) for n in ast.walk(f)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((a.name, id(node) in inner) for a in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}: relative import"
            base = node.module or ""
            yield base, id(node) in inner
            yield from ((f"{base}.{a.name}", id(node) in inner) for a in node.names if base == "wrapdetect")


def tops(file: Path) -> set[str]:
    return {name.partition(".")[0] for name, _ in imports(file)}


def ours(file: Path) -> set[str]:
    """Layers of our own that a file imports."""
    return {n.split(".")[1] for n, _ in imports(file) if n.startswith("wrapdetect.")}


@pytest.mark.parametrize("file", [f for f in files() if layer_of(f) in PURE], ids=lambda f: f.name)
def test_pure_layers_touch_no_world(file: Path) -> None:
    modules = {n for n, _ in imports(file)}
    assert {m for m in modules for w in WORLD if m == w or m.startswith(f"{w}.")} == set()
    assert ours(file) & {"edge", "lab", "commands", "cli"} == set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            called = node.func
            assert not (isinstance(called, ast.Name) and called.id in ("open", "print", "input")), f"line {node.lineno}"
            if isinstance(called, ast.Attribute) and isinstance(called.value, ast.Name):
                assert (called.value.id, called.attr) not in CLOCKS, f"line {node.lineno}"
                global_chance = called.value.id == "random" and called.attr != "Random"
                assert not global_chance, f"line {node.lineno}: chance comes from an rng that is given"


def test_nouns_and_errors_import_the_standard_library_and_the_nouns_before_them_only() -> None:
    known = {
        "errors": set(),
        "ways": set(),
        "endpoint": {"ways"},
        "history": {"endpoint"},
        "model": {"endpoint", "history", "ways"},
    }
    for name, nouns in known.items():
        standard = {"array", "collections", "dataclasses", "datetime", "enum", "typing"}
        assert tops(PACKAGE / f"{name}.py") <= {*standard, "wrapdetect"}
        assert ours(PACKAGE / f"{name}.py") == nouns


def test_numbers_are_crunched_in_compare_and_judge_only() -> None:
    allowed = {"compare", "judge"}
    found = {str(f.relative_to(ROOT)) for f in files() if tops(f) & NUMERIC and layer_of(f) not in allowed}
    # vectors come from the first, the second keeps a library's arrays; the last two hand arrays from compare to judge
    allowed_files = ("edge/embed.py", "edge/libraries.py", "matching.py", "adaptive.py")
    assert found == {f"wrapdetect/{f}" for f in allowed_files}


def test_any_lives_in_codec_alone() -> None:
    users = {
        f.name
        for f in files()
        for node in ast.walk(ast.parse(f.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom) and node.module == "typing" and any(a.name == "Any" for a in node.names)
    }
    assert users == {"codec.py"}


def test_edge_does_not_judge() -> None:
    for file in files():
        if layer_of(file) == "edge":
            assert ours(file) & {"read", "compare", "judge", "report", "analysis", "commands", "lab"} == set(), file


def test_each_stage_knows_only_what_comes_before_it() -> None:
    known = {
        "read": {"model", "prose", "seeds", "dialects", "read"},
        "compare": {"model", "history", "prose", "seeds", "library", "compare"},
        "judge": {"model", "seeds", "judge"},
        "report": {"model", "history", "prose", "codec", "report"},
        "dialects": {"errors", "model", "secrets", "text", "dialects"},
        "lab": {"model", "history", "prose", "lab"},
    }
    for file in files():
        if layer_of(file) in known:
            assert ours(file) <= known[layer_of(file)], file


def test_only_the_commands_see_both_sides_and_the_lab() -> None:
    for file in files():
        if layer_of(file) not in ("commands", "__main__", "__init__") and not layer_of(file).startswith("cli"):
            assert "commands" not in ours(file), file
        if layer_of(file) not in ("commands", "lab"):
            assert "lab" not in ours(file), file


def test_imports_inside_functions_are_the_heavy_ones_in_edge_and_the_commands_in_cli() -> None:
    inner = {(str(f.relative_to(PACKAGE)), n) for f in files() for n, inside in imports(f) if inside}
    heavy = {n for place, n in inner if place == "edge/embed.py"}
    assert heavy == {"torch", "sentence_transformers", "transformers.utils"}
    assert {n for place, n in inner if place == "edge/browser.py"} == {"playwright.async_api"}
    command_lines = {"cli.py", "cli_ways.py", "cli_target.py", "cli_monitor.py"}
    assert {place for place, _ in inner} <= {"edge/embed.py", "edge/browser.py", *command_lines}
    assert all(n.startswith("wrapdetect.") for place, n in inner if place in command_lines)


def test_requests_leave_by_few_files_and_by_no_vendors_client() -> None:
    leave = {f.name for f in files() if tops(f) & {"httpx", "openai"} and layer_of(f) != "lab"}
    # questions, heartbeats, status pages, templates, looks at a URL; addresses names the error of a connection, and
    # wire is the connection that all of them use
    assert leave == {"http.py", "pulse.py", "feeds.py", "template.py", "look.py", "addresses.py", "wire.py"}
    assert {f.name for f in files() if "websockets" in tops(f) and layer_of(f) != "lab"} == {"socket.py"}
    clients = {"openai", "anthropic", "ollama", "google"}  # the vendors' own are in the tests
    assert {f.name for f in files() if tops(f) & clients} == set()
