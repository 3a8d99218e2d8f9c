"""The rooms of INDEX.md, held by a walk over every import and every call that touches the world."""

import ast
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.conftest import ROOT

PACKAGE = ROOT / "wrapdetect"
ROOMS = (
    "errors", "model", "secrets", "dialects", "targets", "runs", "evidence", "library", "monitor", "report",
    "ways", "store", "verbs", "cli",
)  # fmt: skip
"""From the nouns up: each imports itself and the ones before it."""
TOUCH_THE_WORLD = {"ways", "store", "cli"}
ROOTS = {"__init__", "__main__", "errors", "verbs"}
MOST_ROOMS = 12
MOST_MODULES = 14
MOST_LINES = 400
WORLD = {
    "socket", "ssl", "subprocess", "os", "time", "pathlib", "shutil", "tempfile", "threading", "sqlite3", "http",
    "urllib.request", "httpx", "openai", "requests", "torch", "sentence_transformers", "starlette", "uvicorn",
    "secrets", "signal", "platform", "playwright", "websockets", "sqlalchemy", "alembic", "apprise",
    "prometheus_client",
}  # fmt: skip
NUMERIC = {"numpy", "scipy", "sklearn"}
CLOCKS = {("datetime", "now"), ("datetime", "utcnow"), ("date", "today")}


def files() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def place_of(file: Path) -> str:
    return file.relative_to(PACKAGE).as_posix()


def room_of(file: Path) -> str:
    return file.relative_to(PACKAGE).parts[0].removesuffix(".py")


@cache
def tree_of(file: Path) -> ast.Module:
    return ast.parse(file.read_text(encoding="utf-8"))


@cache
def imports(file: Path) -> tuple[tuple[str, bool], ...]:
    """Module names imported, and whether inside a function."""
    return tuple(_imports(file))


def _imports(file: Path) -> Iterator[tuple[str, bool]]:
    tree = tree_of(file)
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
    """Rooms of our own that a file imports."""
    return {n.split(".")[1] for n, _ in imports(file) if n.startswith("wrapdetect.")}


PURE = [f for f in files() if room_of(f) in ROOMS and room_of(f) not in {*TOUCH_THE_WORLD, "verbs"}]


def test_the_house_is_small_enough_to_be_known() -> None:
    folders = {f.parent for f in files()}
    assert {f.stem for f in PACKAGE.glob("*.py")} <= ROOTS
    assert {room_of(f) for f in files() if f.parent != PACKAGE} == {*ROOMS} - {"errors", "verbs"}
    assert len({*ROOMS} - {"errors", "verbs"}) <= MOST_ROOMS
    assert {f for f in folders if len(list(f.glob("*.py"))) > MOST_MODULES} == set()
    sources = [*files(), *PACKAGE.rglob("*.js")]
    assert {place_of(f) for f in sources if len(f.read_text(encoding="utf-8").splitlines()) > MOST_LINES} == set()


@pytest.mark.parametrize("file", files(), ids=place_of)
def test_imports_lead_downward_only(file: Path) -> None:
    room = room_of(file)
    if room in ROOMS:  # __init__ and __main__ are the doors
        above = set(ROOMS[ROOMS.index(room) + 1 :])
        assert ours(file) & above == set()


@pytest.mark.parametrize("file", PURE, ids=place_of)
def test_pure_rooms_touch_no_world(file: Path) -> None:
    modules = {n for n, _ in imports(file)}
    assert {m for m in modules for w in WORLD if m == w or m.startswith(f"{w}.")} == set()
    for node in ast.walk(tree_of(file)):
        if isinstance(node, ast.Call):
            called = node.func
            assert not (isinstance(called, ast.Name) and called.id in ("open", "print", "input")), f"line {node.lineno}"
            if isinstance(called, ast.Attribute) and isinstance(called.value, ast.Name):
                assert (called.value.id, called.attr) not in CLOCKS, f"line {node.lineno}"
                global_chance = called.value.id == "random" and called.attr != "Random"
                assert not global_chance, f"line {node.lineno}: chance comes from an rng that is given"


def test_nouns_and_errors_import_the_standard_library_and_one_another_only() -> None:
    standard = {"array", "collections", "dataclasses", "datetime", "enum", "re", "textwrap", "typing", "unicodedata"}
    for file in files():
        if room_of(file) in ("errors", "model"):
            assert tops(file) <= {*standard, "wrapdetect"}, file
            assert ours(file) <= {"model"}, file


def test_numbers_are_crunched_where_answers_are_compared_only() -> None:
    found = {place_of(f) for f in files() if tops(f) & NUMERIC and room_of(f) not in ("evidence", "library")}
    # vectors come from the first, the second keeps a library's arrays
    assert found == {"store/embed.py", "store/libraries/__init__.py"}


def test_any_lives_in_codec_alone() -> None:
    users = {
        place_of(f)
        for f in files()
        for node in ast.walk(tree_of(f))
        if isinstance(node, ast.ImportFrom) and node.module == "typing" and any(a.name == "Any" for a in node.names)
    }
    assert users == {"runs/codec/stages.py"}


def test_what_goes_out_and_what_is_kept_does_not_judge() -> None:
    for file in files():
        if room_of(file) in ("ways", "store"):
            stages = ("evidence.read", "evidence.judge", "evidence.analysis", "report")
            found = {n for n, _ in imports(file) if n.startswith(tuple(f"wrapdetect.{n}" for n in stages))}
            # a pack says what its answers are read for, by the readers' names
            assert found <= ({"wrapdetect.evidence.read"} if place_of(file) == "store/shipped.py" else set()), file


def test_each_stage_of_the_evidence_knows_only_what_comes_before_it() -> None:
    stages = ("read", "compare", "judge")
    for stage, before in zip(stages, ("dialects", "", ""), strict=True):
        for file in (PACKAGE / "evidence" / stage).rglob("*.py"):
            known = {f"wrapdetect.evidence.{stage}", "wrapdetect.evidence.seeds", "wrapdetect.model"}
            known |= {f"wrapdetect.{before}"} if before else set()
            names = {n for n, _ in imports(file) if n.startswith("wrapdetect.")}
            assert {n for n in names if not any(n == k or n.startswith(f"{k}.") for k in known)} == set(), file


def test_imports_inside_functions_are_the_heavy_ones_and_what_a_command_or_a_verb_needs() -> None:
    inner = {(place_of(f), n) for f in files() for n, inside in imports(f) if inside}
    heavy = {n for place, n in inner if place == "store/embed.py"}
    assert heavy == {"torch", "sentence_transformers", "transformers.utils"}
    assert {n for place, n in inner if place == "ways/page/browser.py"} == {"playwright.async_api"}
    commands = {"cli/__init__.py", "cli/app.py", "cli/collected_app.py", "cli/target_app.py", "cli/monitor_app.py"}
    commands |= {"cli/present.py"}  # what compares is loaded once something is to be judged
    doors = {"verbs.py", *commands}
    assert {place for place, _ in inner} <= {"store/embed.py", "ways/page/browser.py", *doors}
    assert all(n.startswith("wrapdetect.") for place, n in inner if place in commands)
    verbs = {n for place, n in inner if place == "verbs.py" and not n.startswith("wrapdetect.")}
    assert verbs == {"threadpoolctl"}


def test_requests_leave_by_few_files_and_by_no_vendors_client() -> None:
    leave = {place_of(f) for f in files() if tops(f) & {"httpx", "openai"} and "cli/demo" not in place_of(f)}
    # questions, heartbeats, status pages, templates, looks at a URL; client sends nothing, but listens to what a
    # user's own would send; addresses names the error of a connection, failures those of an exchange, lines and wire
    # are the connections that all of them use, tape stamps what came
    assert leave == {
        f"ways/{name}.py"
        for name in (
            *("client", "http", "heartbeat", "status_pages", "template/sender", "look"),
            *("net/addresses", "net/failures", "net/lines", "net/tape", "net/wire"),
        )
    }  # fmt: skip
    sockets = {place_of(f) for f in files() if "websockets" in tops(f) and "cli/demo" not in place_of(f)}
    assert sockets == {"ways/net/socket.py"}
    clients = {"openai", "anthropic", "ollama", "google"}  # the vendors' own are in the tests
    assert {place_of(f) for f in files() if tops(f) & clients} == set()


def test_one_survey_asks_and_whoever_wants_one_hands_it_the_world() -> None:
    def users(*names: str) -> set[str]:
        wanted = {f"wrapdetect.runs.{n}" for n in names}
        return {
            place_of(f)
            for f in files()
            for node in ast.walk(ast.parse(f.read_text(encoding="utf-8")))
            if isinstance(node, ast.ImportFrom)
            if any(f"{node.module}.{a.name}" in wanted for a in node.names)
        }

    assert users("ask.run_slots", "plan.check_budget", "hello.check_hello", "recording.open_recording") == {
        "runs/survey.py"
    }
    assert users("survey.survey") == {"cli/commands/asking.py", "verbs.py"}


PLUG_INS = {
    "read", "compare", "parse", "render", "RULE", "READER", "DIALECT", "SHAPE", "app",
    "upgrade", "revision", "down_revision", "branch_labels", "depends_on",
}  # fmt: skip
"""Names that each plug-in of a registry defines (alembic's migrations are one), with one meaning for all of them."""


VERBS = {"audit", "replay", "match", "judge", "load_run"}
"""Names of Python's verbs (verbs.py), which the command, or the engine beneath, has too: the meaning is the same."""


def test_no_public_name_has_two_meanings() -> None:
    homes = defaultdict(set)
    for file in files():
        for name in public(tree_of(file)):
            homes[name].add(place_of(file))
    twice = {name: places for name, places in homes.items() if len(places) > 1 and name not in PLUG_INS | VERBS}
    assert twice == {}


def public(tree: ast.Module) -> Iterator[str]:
    """Names that a module defines for others."""
    for node in tree.body:
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                names = [name]
            case ast.Assign(targets=targets):
                names = [t.id for t in targets if isinstance(t, ast.Name)]
            case ast.AnnAssign(target=ast.Name(id=name)):
                names = [name]
            case _:
                names = []
        yield from (n for n in names if not n.startswith("_"))
