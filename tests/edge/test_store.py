"""Run files on disk: each line durable when written, torn ends set aside, nothing overwritten."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from tests.conftest import a_run, an_exchange
from wrapdetect.codec import FORMAT, dump_exchange, dump_head
from wrapdetect.edge import store
from wrapdetect.errors import RunFormatError, SpecError
from wrapdetect.model import AskKey, Exchange

RUN = a_run()


def numbered(draw: int) -> Exchange:
    return an_exchange("target", AskKey("style", "tides", draw), f"Answer {draw}: a moon, “quoted”.")


def written(path: Path, count: int) -> Path:
    with store.create(path, RUN) as file:
        for draw in range(count):
            file.append(numbered(draw))
    return path


def test_each_line_is_on_disk_before_the_next_is_written(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    with store.create(path, RUN) as file:
        assert path.read_text() == dump_head(RUN)
        for draw in range(3):
            file.append(numbered(draw))
            assert store.load(path).run.exchanges == tuple(numbered(n) for n in range(draw + 1))


def test_a_process_killed_between_two_lines_loses_neither(tmp_path: Path) -> None:
    code = (
        "import os, sys; from pathlib import Path; from tests.edge.test_store import RUN, numbered;"
        "from wrapdetect.edge import store; f = store.create(Path(sys.argv[1]), RUN);"
        "f.append(numbered(0)); f.append(numbered(1)); os.kill(os.getpid(), 9)"
    )
    path = tmp_path / "run.jsonl"
    done = subprocess.run(
        [sys.executable, "-c", code, str(path)], check=False, timeout=60, cwd=Path(__file__).parents[2]
    )
    assert done.returncode == -9
    assert store.load(path) == (replace(RUN, exchanges=(numbered(0), numbered(1))), b"", path.stat().st_size)


@pytest.mark.parametrize("keep", [1, 40, -2])
def test_a_torn_tail_is_moved_aside_and_cut_off(keep: int, tmp_path: Path) -> None:
    path = written(tmp_path / "run.jsonl", 2)
    torn = dump_exchange(numbered(2)).encode()[:keep]
    with path.open("ab") as file:
        file.write(torn)
    loaded = store.load(path)
    assert (len(loaded.run.exchanges), loaded.torn) == (2, torn)
    with store.reopen(path, loaded) as again:
        again.append(numbered(2))
    assert path.with_name("run.jsonl.torn").read_bytes() == torn + b"\n"
    assert store.load(path).torn == b""
    assert [e.ask.draw for e in store.load(path).run.exchanges] == [0, 1, 2]


def test_a_second_torn_tail_is_added_to_the_first(tmp_path: Path) -> None:
    path = written(tmp_path / "run.jsonl", 1)
    for torn in (b'{"a', b'{"b'):
        with path.open("ab") as file:
            file.write(torn)
        store.reopen(path, store.load(path)).__exit__(None, None, None)
    assert path.with_name("run.jsonl.torn").read_bytes() == b'{"a\n{"b\n'


def test_a_whole_file_is_reopened_without_a_torn_one(tmp_path: Path) -> None:
    path = written(tmp_path / "run.jsonl", 1)
    before = path.read_bytes()
    with store.reopen(path, store.load(path)):
        pass
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_that_is_there_is_never_overwritten(tmp_path: Path) -> None:
    path = written(tmp_path / "run.jsonl", 1)
    before = path.read_bytes()
    with pytest.raises(SpecError, match="is there already; add --resume"):
        store.create(path, RUN)
    assert path.read_bytes() == before


def test_folders_on_the_way_are_made(tmp_path: Path) -> None:
    path = written(tmp_path / "a" / "b" / "run.jsonl", 0)
    assert store.load(path).run == RUN
    assert store.load(path.parent).run == RUN  # a folder stands for its run.jsonl


def in_a_file(tmp_path: Path) -> Path:
    (tmp_path / "file").write_text("not a folder")
    return tmp_path / "file" / "run.jsonl"


def in_below_a_file(tmp_path: Path) -> Path:
    (tmp_path / "file").write_text("not a folder")
    return tmp_path / "file" / "deeper" / "run.jsonl"


def in_proc(_: Path) -> Path:
    return Path("/proc/wrapdetect/run.jsonl")


def too_long(tmp_path: Path) -> Path:
    return tmp_path / ("x" * 300)


@pytest.mark.parametrize("place", [in_a_file, in_below_a_file, in_proc, too_long], ids=lambda f: f.__name__)
def test_a_place_that_cannot_be_written_is_said_plainly(place: object, tmp_path: Path) -> None:
    assert callable(place)
    with pytest.raises(SpecError, match=r"cannot write .*choose another place"):
        store.create(place(tmp_path), RUN)


def test_a_folder_is_not_taken_for_a_run_to_resume(tmp_path: Path) -> None:
    path = written(tmp_path / "run.jsonl", 1)
    with path.open("ab") as file:
        file.write(b'{"torn')
    with pytest.raises(SpecError, match="cannot write"):
        store.reopen(tmp_path, store.load(tmp_path))


def test_a_full_disk_leaves_no_file_that_blocks_a_second_try(tmp_path: Path) -> None:
    code = (
        "import resource, sys; from pathlib import Path; from tests.edge.test_store import RUN;"
        "from wrapdetect.edge import store; from wrapdetect.errors import SpecError;"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100));"  # a write past it is refused, as on a full disk
        "\ntry:\n store.create(Path(sys.argv[1]), RUN)\nexcept SpecError as error:\n print(error)"
    )
    path = tmp_path / "run.jsonl"
    done = subprocess.run(
        [sys.executable, "-c", code, str(path)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        cwd=Path(__file__).parents[2],
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
    )
    assert "Traceback" not in done.stderr
    assert "cannot write" in done.stdout
    assert not path.exists()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "cannot read .*run.jsonl: No such file"),
        (b"", "no complete first line in 0 bytes"),
        (b'{"format": 1, "run"', "no complete first line"),
        (b"hello\n", "line 1: not JSON"),
        (b"[]\n", "line 1: list where a JSON object"),
        (b'{"run": "x"}\n', "format is None"),
        (f'{{"format": {FORMAT + 1}}}\n'.encode(), f"cannot read run format {FORMAT + 1} .*update wrapdetect"),
        (b"\xff\xfe\n", "line 1: not JSON"),
        (b"[" * 100_000 + b"\n", "line 1"),
    ],
)
def test_what_is_no_run_file_is_refused_with_name_and_reason(
    content: bytes | None, message: str, tmp_path: Path
) -> None:
    path = tmp_path / "run.jsonl"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(RunFormatError, match=message) as caught:
        store.load(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
