"""Run files on disk: each line durable when written, torn ends set aside, nothing overwritten."""

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.conftest import ROOT, a_run, an_exchange
from wrapdetect.errors import RunFormatError, SpecError
from wrapdetect.model import AskKey, Exchange
from wrapdetect.runs.codec import FORMAT, dump_exchange, dump_head
from wrapdetect.store import run_file

RUN = a_run()


def numbered(draw: int) -> Exchange:
    return an_exchange("target", AskKey("style", "tides", draw), f"Answer {draw}: a moon, “quoted”.")


def written(path: Path, count: int) -> Path:
    with run_file.create(path, RUN) as file:
        for draw in range(count):
            file.append(numbered(draw))
    return path


def test_each_line_is_on_disk_before_the_next_is_written(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    with run_file.create(path, RUN) as file:
        assert path.read_text() == dump_head(RUN)
        for draw in range(3):
            file.append(numbered(draw))
            assert run_file.load_file(path).run.exchanges == tuple(numbered(n) for n in range(draw + 1))


def test_a_process_killed_between_two_lines_loses_neither(tmp_path: Path) -> None:
    code = (
        "import os, sys; from pathlib import Path; from tests.store.test_run_file import RUN, numbered;"
        "from wrapdetect.store import run_file; f = run_file.create(Path(sys.argv[1]), RUN);"
        "f.append(numbered(0)); f.append(numbered(1)); os.kill(os.getpid(), 9)"
    )
    path = tmp_path / "run.jsonl"
    done = subprocess.run([sys.executable, "-c", code, str(path)], check=False, timeout=60, cwd=ROOT)
    assert done.returncode == -9
    assert run_file.load_file(path) == (replace(RUN, exchanges=(numbered(0), numbered(1))), b"", path.stat().st_size, 0)


@pytest.mark.parametrize("keep", [1, 40, -2])
def test_a_torn_tail_is_moved_aside_and_cut_off(keep: int, tmp_path: Path) -> None:
    path = written(tmp_path / "run.jsonl", 2)
    torn = dump_exchange(numbered(2)).encode()[:keep]
    with path.open("ab") as file:
        file.write(torn)
    loaded = run_file.load_file(path)
    assert (len(loaded.run.exchanges), loaded.torn) == (2, torn)
    with run_file.resume(path) as again:
        again.mend(again.load())
        again.append(numbered(2))
    assert path.with_name("run.jsonl.torn").read_bytes() == torn + b"\n"
    assert run_file.load_file(path).torn == b""
    assert [e.ask.draw for e in run_file.load_file(path).run.exchanges] == [0, 1, 2]


def test_a_second_torn_tail_is_added_to_the_first(tmp_path: Path) -> None:
    path = written(tmp_path / "run.jsonl", 1)
    for torn in (b'{"a', b'{"b'):
        with path.open("ab") as file:
            file.write(torn)
        with run_file.resume(path) as again:
            again.mend(again.load())
    assert path.with_name("run.jsonl.torn").read_bytes() == b'{"a\n{"b\n'


def test_a_whole_file_is_reopened_without_a_torn_one(tmp_path: Path) -> None:
    path = written(tmp_path / "run.jsonl", 1)
    before = path.read_bytes()
    with run_file.resume(path) as again:
        again.mend(again.load())
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_that_is_there_is_never_overwritten(tmp_path: Path) -> None:
    path = written(tmp_path / "run.jsonl", 1)
    before = path.read_bytes()
    with pytest.raises(SpecError, match="is there already; add --resume"):
        run_file.create(path, RUN)
    assert path.read_bytes() == before


def test_folders_on_the_way_are_made(tmp_path: Path) -> None:
    path = written(tmp_path / "a" / "b" / "run.jsonl", 0)
    assert run_file.load_file(path).run == RUN
    assert run_file.load_file(path.parent).run == RUN  # a folder stands for its run.jsonl


def test_only_its_owner_may_read_a_recording(tmp_path: Path) -> None:
    mask = os.umask(0)
    try:
        path = written(tmp_path / "run.jsonl", 1)
        with path.open("ab") as file:
            file.write(b'{"torn')
        with run_file.resume(path) as again:
            again.mend(again.load())
    finally:
        os.umask(mask)
    assert [f.stat().st_mode & 0o777 for f in sorted(tmp_path.iterdir())] == [0o600, 0o600]


def test_a_file_that_is_being_written_is_nobody_elses(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    with run_file.create(path, RUN) as file:
        with pytest.raises(SpecError, match=r"run.jsonl is being written by another wrapdetect; wait for its end"):
            run_file.resume(path)
        file.append(numbered(0))
    with run_file.resume(path) as again:
        assert len(again.load().run.exchanges) == 1
        with pytest.raises(SpecError, match="is being written by another"):
            run_file.resume(path)


def test_a_lock_falls_with_the_process_that_held_it(tmp_path: Path) -> None:
    path = written(tmp_path / "run.jsonl", 1)
    code = (
        "import os, sys, time; from pathlib import Path; from wrapdetect.store import run_file;"
        "f = run_file.resume(Path(sys.argv[1])); print('held', flush=True); time.sleep(600)"
    )
    holder = subprocess.Popen([sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE, cwd=ROOT)
    assert holder.stdout is not None
    with holder:
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(SpecError, match="is being written"):
            run_file.resume(path)
        holder.kill()
    run_file.resume(path).close()


def test_a_line_that_stands_there_twice_is_told_and_the_first_is_kept(tmp_path: Path) -> None:
    path = written(tmp_path / "run.jsonl", 2)
    other = dump_exchange(an_exchange("target", AskKey("style", "tides", 1), "Said by another."))
    path.write_text(path.read_text() + other + dump_exchange(numbered(0)))
    loaded = run_file.load_file(path)
    assert loaded.run.exchanges == (numbered(0), numbered(1))
    assert list(run_file.remarks(loaded, path)) == [f"{path}: 2 lines stand there twice; the first was kept"]


def a_pipe(folder: Path) -> Path:
    os.mkfifo(folder / "pipe")
    return folder / "pipe"


def a_device(_: Path) -> Path:
    return Path("/dev/zero")


def a_full_device(_: Path) -> Path:
    return Path("/dev/full")


@pytest.mark.parametrize("make", [a_pipe, a_device, a_full_device], ids=lambda f: f.__name__)
def test_pipes_and_devices_are_no_recordings(make: Callable[[Path], Path], tmp_path: Path) -> None:
    path = make(tmp_path)
    with pytest.raises(SpecError, match="is no plain file"):
        run_file.create(path, RUN)
    with pytest.raises(SpecError, match="is no plain file"):
        run_file.resume(path)


def test_a_device_is_not_read_for_ever() -> None:
    with pytest.raises(RunFormatError, match="is a device"):
        run_file.load_file(Path("/dev/zero"))


def test_a_link_that_leads_nowhere_is_told(tmp_path: Path) -> None:
    (tmp_path / "run.jsonl").symlink_to(tmp_path / "gone" / "run.jsonl")
    with pytest.raises(SpecError, match="is a link that leads nowhere"):
        run_file.create(tmp_path / "run.jsonl", RUN)


def test_a_torn_end_that_cannot_be_kept_is_not_cut_off(tmp_path: Path) -> None:
    path = written(tmp_path / "run.jsonl", 1)
    with path.open("ab") as file:
        file.write(b'{"torn')
    path.with_name("run.jsonl.torn").mkdir()
    before = path.read_bytes()
    with run_file.resume(path) as again, pytest.raises(SpecError, match=r"cannot write .*\.torn: Is a directory"):
        again.mend(again.load())
    assert path.read_bytes() == before


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
        run_file.create(place(tmp_path), RUN)


def test_a_folder_is_not_taken_for_a_run_to_resume(tmp_path: Path) -> None:
    written(tmp_path / "run.jsonl", 1)
    with pytest.raises(SpecError, match=r"cannot write .*it is a folder"):
        run_file.resume(tmp_path)


def test_a_full_disk_leaves_no_file_that_blocks_a_second_try(tmp_path: Path) -> None:
    code = (
        "import resource, sys; from pathlib import Path; from tests.store.test_run_file import RUN;"
        "from wrapdetect.store import run_file; from wrapdetect.errors import SpecError;"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100));"  # a write past it is refused, as on a full disk
        "\ntry:\n run_file.create(Path(sys.argv[1]), RUN)\nexcept SpecError as error:\n print(error)"
    )
    path = tmp_path / "run.jsonl"
    done = subprocess.run(
        [sys.executable, "-c", code, str(path)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        cwd=ROOT,
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
        run_file.load_file(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
