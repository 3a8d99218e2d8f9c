"""Libraries on disk: there whole or not at all, whenever the process is killed; arrays mapped and not read."""

import itertools
import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from wrapdetect.errors import LibraryError
from wrapdetect.library.answers import AnswersSource, Library, Row, build_library
from wrapdetect.store import libraries

ROOT = Path(__file__).parents[2]
INDEX: Mapping[str, NDArray[np.generic]] = {
    "words": np.arange(12, dtype=np.float32).reshape(3, 4),
    "owner": np.arange(5, dtype=np.int32),
}


def a_library(name: str = "mine", word: str = "“Yes”") -> Library:
    rows = (Row(f"m{m}", f"Prompt {p}?", f"{word} {m} {p}", "here") for m in range(3) for p in range(9))
    return build_library(name, rows, AnswersSource(origin="scripted"))[0]


def owner(name: str) -> NDArray[np.generic]:
    return libraries.array(name, "owner")


def arrays() -> set[str]:
    """Those of `mine`, each of which can be read."""
    found = {f.stem for f in libraries.libraries_folder().glob("*mine/index/*.npy")}
    assert all(libraries.array("mine", key).size for key in found)
    return found


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("WRAPDETECT_LIBRARIES", str(tmp_path / "libraries"))
    return tmp_path / "libraries"


def test_a_library_and_its_arrays_come_back(place: Path) -> None:
    assert libraries.save(a_library(), INDEX.items(), replace=False) == place / "mine"
    assert libraries.names() == ("mine",)
    assert libraries.load_library("mine") == a_library()
    assert libraries.head("mine") == a_library().head
    for key, array in INDEX.items():
        kept = libraries.array("mine", key)
        assert isinstance(kept, np.memmap)
        np.testing.assert_array_equal(kept, array)
    assert sorted(str(f.relative_to(place)) for f in place.rglob("*") if f.is_file()) == [
        ".lock",
        "mine/index/owner.npy",
        "mine/index/words.npy",
        "mine/library.jsonl",
    ]


def test_the_folder_follows_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert libraries.libraries_folder() == tmp_path / "libraries"
    monkeypatch.delenv("WRAPDETECT_LIBRARIES")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "share"))
    assert libraries.libraries_folder() == tmp_path / "share" / "wrapdetect" / "libraries"
    monkeypatch.delenv("XDG_DATA_HOME")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert libraries.libraries_folder() == tmp_path / "home" / ".local" / "share" / "wrapdetect" / "libraries"


def test_without_a_folder_there_are_no_libraries_and_none_is_made(place: Path) -> None:
    assert libraries.names() == ()
    assert not place.exists()


def test_what_is_no_library_is_not_listed(place: Path) -> None:
    libraries.save(a_library(), INDEX.items(), replace=False)
    (place / "empty").mkdir()
    (place / "a file").write_text("x")
    (place / "Upper Case").mkdir()
    (place / "Upper Case" / "library.jsonl").write_text("x")
    assert libraries.names() == ("mine",)


@pytest.mark.parametrize("name", ["nosuch", "../mine", "mine/", "", ".", ".lock", "mine/index"])
def test_an_unknown_name_is_refused_with_those_known(name: str) -> None:
    with pytest.raises(LibraryError, match="holds none: `wrapdetect library import"):
        libraries.load_library(name)
    libraries.save(a_library(), INDEX.items(), replace=False)
    libraries.save(a_library("other"), INDEX.items(), replace=False)
    for ask in (libraries.load_library, libraries.head, owner, libraries.drop_library):
        with pytest.raises(LibraryError, match=r"no library .*; known are mine, other: "):
            ask(name)
    assert libraries.names() == ("mine", "other")


def test_a_name_that_is_taken_is_kept_unless_replaced() -> None:
    libraries.save(a_library(), INDEX.items(), replace=False)
    with pytest.raises(LibraryError, match="library mine is there already; add --replace, or choose another name"):
        libraries.save(a_library(word="New"), INDEX.items(), replace=False)
    assert libraries.load_library("mine") == a_library()
    libraries.save(a_library(word="New"), [("words", INDEX["owner"])], replace=True)
    assert libraries.load_library("mine") == a_library(word="New")
    assert arrays() == {"words"}  # nothing of the old one is left


def test_a_dropped_library_is_gone_and_its_name_free(place: Path) -> None:
    libraries.save(a_library(), INDEX.items(), replace=False)
    assert libraries.drop_library("mine") == a_library().head
    assert libraries.names() == ()
    assert [f.name for f in place.iterdir()] == [".lock"]
    libraries.save(a_library(), INDEX.items(), replace=False)


def test_a_damaged_library_is_refused_named_and_can_be_dropped(place: Path) -> None:
    libraries.save(a_library(), INDEX.items(), replace=False)
    text = place / "mine" / "library.jsonl"
    text.write_bytes(text.read_bytes().replace("“Yes” 1 3".encode(), b"\xff\xfe"))
    with pytest.raises(LibraryError, match="library mine, line"):
        libraries.load_library("mine")
    text.write_bytes(b"")
    with pytest.raises(LibraryError, match="library mine, line 1"):
        libraries.head("mine")
    assert libraries.drop_library("mine") is None
    assert libraries.names() == ()


@pytest.mark.parametrize("content", [b"", b"not an array", b"\x93NUMPY"])
def test_a_damaged_array_is_named(content: bytes, place: Path) -> None:
    libraries.save(a_library(), INDEX.items(), replace=False)
    (place / "mine" / "index" / "owner.npy").write_bytes(content)
    with pytest.raises(LibraryError, match=r"library mine: cannot read owner.npy \(.*import it again with --replace"):
        owner("mine")


def test_an_array_that_is_missing_is_told_and_named(place: Path) -> None:
    libraries.save(a_library(), INDEX.items(), replace=False)
    assert libraries.has_array("mine", "owner")
    assert not libraries.has_array("mine", "marks")
    with pytest.raises(
        LibraryError, match=r"library mine: cannot read marks.npy \(No such file or directory\); import"
    ):
        libraries.array("mine", "marks")


def test_arrays_are_taken_one_by_one_and_all_or_none_is_kept(place: Path) -> None:
    def stream(error: BaseException | None) -> Iterator[tuple[str, NDArray[np.generic]]]:
        for name, array in INDEX.items():
            yield name, array
            assert len(list(place.glob(".new-mine/index/*.npy"))) == list(INDEX).index(name) + 1
        if error:
            raise error

    for error in (ValueError("no index"), KeyboardInterrupt()):
        with pytest.raises(type(error)):
            libraries.save(a_library(), stream(error), replace=False)
        assert [f.name for f in place.iterdir()] == [".lock"]
    libraries.save(a_library(), stream(None), replace=False)
    assert arrays() == INDEX.keys()


KILLED_AT = (
    "import os, sys; import numpy as np; from tests.store.test_libraries import a_library, INDEX;"
    "from wrapdetect.store import libraries\n"
    "step, seen = int(sys.argv[1]), 0\n"
    "def trace(event, args):\n"
    "    global seen\n"
    "    if event in ('open', 'os.rename', 'os.mkdir', 'os.rmdir', 'os.remove', 'shutil.rmtree') and 'libraries' in "
    "str(args[0]):\n"
    "        if seen == step: os.kill(os.getpid(), 9)\n"
    "        seen += 1\n"
    "sys.addaudithook(trace)\n"
    "libraries.drop_library('mine') if sys.argv[2] == 'drop' else "
    "libraries.save(a_library(word='New'), INDEX.items(), replace=True)"
)


def killed(step: int, what: str) -> bool:
    """Whether a process that replaces or drops `mine` was killed just before its step-th touch of the folder."""
    argv = [sys.executable, "-c", KILLED_AT, str(step), what]
    return subprocess.run(argv, check=False, timeout=60, cwd=ROOT, env=dict(os.environ)).returncode == -9


@pytest.mark.slow
@pytest.mark.parametrize("what", ["replace", "drop"])
def test_killed_at_any_step_it_leaves_the_old_one_or_what_was_asked_for(what: str, place: Path) -> None:
    old, new = a_library().digest, a_library(word="New").digest
    found = []
    for step in itertools.count():
        libraries.save(a_library(), INDEX.items(), replace=True)
        if not killed(step, what):
            break
        found.append(libraries.load_library("mine").digest if "mine" in libraries.names() else None)
        if found[-1]:
            assert arrays() == INDEX.keys()
        libraries.save(a_library("other"), INDEX.items(), replace=True)  # the next save sweeps what the kill left
        assert {f.name for f in place.iterdir()} <= {".lock", "mine", "other"}
        assert (libraries.load_library("mine").digest if "mine" in libraries.names() else None) == found[-1]
    assert set(found) == ({old, new} if what == "replace" else {old, None})
    assert len(found) >= 5


@pytest.mark.slow
def test_killed_while_a_first_library_is_written_nothing_is_listed(place: Path) -> None:
    assert killed(4, "replace")
    assert libraries.names() == ()
    assert len(list(place.iterdir())) == 2  # the lock and what was begun
    libraries.save(a_library(), INDEX.items(), replace=False)
    assert sorted(f.name for f in place.iterdir()) == [".lock", "mine"]


def test_one_that_stands_aside_is_found_and_put_back(place: Path) -> None:
    libraries.save(a_library(), INDEX.items(), replace=False)
    (place / "mine").rename(place / ".old-mine")  # as a kill between the two renames leaves it
    assert libraries.names() == ("mine",)
    assert libraries.load_library("mine") == a_library()
    assert arrays() == INDEX.keys()
    with pytest.raises(LibraryError, match="is there already"):
        libraries.save(a_library(word="New"), INDEX.items(), replace=False)
    assert (place / "mine" / "library.jsonl").is_file()


def test_an_array_that_cannot_be_kept_leaves_nothing(place: Path) -> None:
    for bad in ({"a/b": INDEX["owner"]}, {"objects": np.array([object()])}):
        with pytest.raises(ValueError, match=r"plain file name|Object arrays"):
            libraries.save(a_library(), bad.items(), replace=False)
    assert libraries.names() == ()
    assert [f.name for f in place.iterdir()] == [".lock"]


def test_a_full_disk_leaves_the_old_library(place: Path) -> None:
    libraries.save(a_library(), INDEX.items(), replace=False)
    code = (
        "import resource; from tests.store.test_libraries import a_library, INDEX;"
        "from wrapdetect.store import libraries; from wrapdetect.errors import LibraryError;"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000));"  # a write past it is refused, as on a full disk
        "\ntry:\n libraries.save(a_library(word='New'), INDEX.items(), replace=True)"
        "\nexcept LibraryError as error:\n print(error)"
    )
    env = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    argv = [sys.executable, "-c", code]
    done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=60, cwd=ROOT, env=env)
    assert (done.stderr, done.stdout.count("\n")) == ("", 1)
    assert "cannot write library mine" in done.stdout
    assert "what was there is kept" in done.stdout
    assert libraries.load_library("mine") == a_library()
    assert sorted(f.name for f in place.iterdir()) == [".lock", "mine"]


@pytest.mark.parametrize("where", ["/proc/wrapdetect", "/dev/null"])
def test_a_place_that_cannot_be_written_is_said_plainly(where: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WRAPDETECT_LIBRARIES", where)
    with pytest.raises(LibraryError, match=r"cannot (write library mine|read).*(set WRAPDETECT_LIBRARIES|expected)"):
        libraries.save(a_library(), INDEX.items(), replace=False)


def test_two_savers_at_once_take_turns(place: Path) -> None:
    made = [a_library(word=f"By {n}") for n in range(4)]
    savers = [threading.Thread(target=libraries.save, args=(m, INDEX.items()), kwargs={"replace": True}) for m in made]
    for saver in savers:
        saver.start()
    for saver in savers:
        saver.join()
    assert libraries.load_library("mine") in made
    assert sorted(f.name for f in place.iterdir()) == [".lock", "mine"]
