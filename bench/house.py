"""The house, counted: modules, files, names, repeated blocks, and what starting costs.

    python -m bench.house [--of COMMIT] [--runs 5]

Counts the working tree, or a commit unpacked beside it. Seconds are medians with their range, each start a process of
its own; those of the processor are the ones to read where others work on the machine. Repeated blocks are counted by
the command `duplicates`, where it is installed.
"""

import argparse
import ast
import os
import re
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).parents[1]
MOST_LINES = 400
LONGEST_S = 120
COMPARES_NOTHING: Mapping[str, tuple[str, ...]] = {
    "--help": ("--help",),
    "probes list": ("probes", "list"),
    "doctor": ("doctor",),
    "audit --dry-run": ("audit", "http://127.0.0.1:9/v1", "--model", "m", "--dry-run"),
    "monitor status": ("monitor", "status", "--config", "none.toml"),
}
"""Commands that compare nothing, and so have no use for scikit-learn."""
RUNS_A_COMMAND = """
import runpy, sys
sys.argv = ["wrapdetect", *sys.argv[1:]]
try:
    runpy.run_module("wrapdetect", run_name="__main__")
except SystemExit:
    pass
print("LOADED", *sorted({"sklearn", "scipy", "numpy"} & set(sys.modules)), file=sys.__stderr__)
"""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--of", metavar="COMMIT", help="Count this commit and not the working tree.")
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        tree = ROOT if options.of is None else unpacked(options.of, Path(folder))
        for what, figure in counted(tree, options.runs):
            print(f"{what:42} {figure}", flush=True)
    return 0


def unpacked(commit: str, folder: Path) -> Path:
    """The tree of a commit."""
    archive = folder / "tree.tar"
    subprocess.run(["git", "archive", "--output", archive, commit], cwd=ROOT, check=True)
    tree = folder / "tree"
    shutil.unpack_archive(archive, tree, filter="data")
    return tree


def counted(tree: Path, runs: int) -> Iterator[tuple[str, str]]:
    """What is counted, and the figure."""
    package = tree / "wrapdetect"
    files = sorted(package.rglob("*.py"))
    folders = Counter(f.parent.relative_to(tree).as_posix() for f in files)
    fullest, most = folders.most_common(1)[0]
    long = {f.relative_to(package).as_posix(): n for f in files if (n := lines_of(f)) > MOST_LINES}
    yield "lines of the product", f"{sum(map(lines_of, files)):,} in {len(files)} modules"
    yield "root modules", str(len(list(package.glob("*.py"))))
    yield "rooms", str(len([f for f in package.iterdir() if (f / "__init__.py").exists()]))
    yield "modules of the largest folder", f"{most} ({fullest})"
    yield f"files over {MOST_LINES} lines", f"{len(long)}{''.join(f', {name} {n}' for name, n in long.items())}"
    yield "public names defined in two modules", str(len(defined_twice(files)))
    yield "repeated blocks of six lines, product", repeated(package)
    yield "repeated blocks of six lines, whole tree", repeated(tree)
    yield "python -c 'import wrapdetect'", timed(tree, ["-c", "import wrapdetect"], runs)
    yield "wrapdetect --help", timed(tree, ["-m", "wrapdetect", "--help"], runs)
    for name, words in COMPARES_NOTHING.items():
        yield f"loaded by {name}", loaded(tree, words)


def lines_of(file: Path) -> int:
    return len(file.read_text(encoding="utf-8").splitlines())


def defined_twice(files: Sequence[Path]) -> set[str]:
    """Public functions, classes and constants that two modules define."""
    homes = defaultdict(set)
    for file in files:
        for node in ast.parse(file.read_text(encoding="utf-8")).body:
            for name in names_of(node):
                homes[name].add(file)
    return {name for name, places in homes.items() if len(places) > 1 and not name.startswith("_")}


def names_of(node: ast.stmt) -> list[str]:
    match node:
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            return [name]
        case ast.Assign(targets=targets):
            return [t.id for t in targets if isinstance(t, ast.Name)]
        case ast.AnnAssign(target=ast.Name(id=name)):
            return [name]
        case _:
            return []


def repeated(folder: Path) -> str:
    """Pairs of places that share six lines, by name or by shape."""
    program = shutil.which("duplicates")
    if program is None:
        return "not counted: no command `duplicates`"
    argv = [program, "--repo", str(folder), "--most", "1", "--seconds", str(LONGEST_S)]
    first = subprocess.run(argv, capture_output=True, text=True, check=True).stdout.partition("\n")[0]
    found = re.match(r"(\d+) pairs?", first)
    return found[1] if found else first


def timed(tree: Path, argv: Sequence[str], runs: int) -> str:
    """Seconds of each start, and of the processor, after one start that warms the disk."""
    taken, worked = [], []
    for _ in range(runs + 1):
        began, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
        started(tree, argv)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        taken.append(time.perf_counter() - began)
        worked.append(after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime)
    return f"{spread(taken[1:])}, {spread(worked[1:])} of the processor"


def started(tree: Path, argv: Sequence[str]) -> "subprocess.CompletedProcess[str]":
    """A program on this tree, without a key, away from its folder."""
    environment = {"PYTHONPATH": str(tree), "PATH": os.environ.get("PATH", ""), "OPENBLAS_NUM_THREADS": "1"}
    with tempfile.TemporaryDirectory() as folder:
        return subprocess.run(
            [sys.executable, *argv],
            cwd=folder,
            env={**environment, "HOME": folder},
            capture_output=True,
            text=True,
            check=False,
            timeout=LONGEST_S,
        )


def spread(seconds: Sequence[float]) -> str:
    return f"{statistics.median(seconds):.2f} [{min(seconds):.2f}, {max(seconds):.2f}] s"


def loaded(tree: Path, words: Sequence[str]) -> str:
    """Which of the numeric libraries a command has imported when it ends."""
    said = started(tree, ["-c", RUNS_A_COMMAND, *words]).stderr
    found = re.search(r"^LOADED(.*)$", said, re.M)
    return (found[1].strip() or "none") if found else f"failed: {said.strip()[-200:]}"


if __name__ == "__main__":
    sys.exit(main())
