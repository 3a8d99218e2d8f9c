"""Where reference libraries live: one folder each, with library.jsonl and index/<array name>.npy.

A library appears whole or not at all. It is written to `.new-NAME` and renamed; one that is replaced stands aside as
`.old-NAME` for the moment between two renames, and is found there after a kill in that moment. Writers take turns by
a lock on the folder; readers need none.
"""

import os
import re
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from wrapdetect.errors import LibraryError
from wrapdetect.evidence.compare.arrays import Array
from wrapdetect.library.answers import NAME, Head, Library, check_name, dump_library, parse_head, parse_library
from wrapdetect.store.locks import lock

Index = Iterable[tuple[str, Array]]
"""Arrays, never of Python objects, each with its name ([a-z0-9_]+); taken one by one, so that none need be held."""

TEXT = "library.jsonl"
INDEX = "index"
NEW, OLD = ".new-", ".old-"


def libraries_folder() -> Path:
    """$WRAPDETECT_LIBRARIES, else $XDG_DATA_HOME/wrapdetect/libraries, by default under ~/.local/share."""
    own = os.environ.get("WRAPDETECT_LIBRARIES")
    base = os.environ.get("XDG_DATA_HOME") or str(Path.home() / ".local" / "share")
    return Path(own) if own else Path(base) / "wrapdetect" / "libraries"


def names() -> tuple[str, ...]:
    """All libraries, sorted. Raises LibraryError where the folder cannot be read."""
    try:
        entries = list(libraries_folder().iterdir())
    except FileNotFoundError:
        return ()
    except OSError as error:
        raise LibraryError(
            f"cannot read {libraries_folder()}: {error.strerror}; expected the folder of the libraries"
        ) from error
    found = {e.name.removeprefix(OLD) for e in entries if (e / TEXT).is_file()}
    return tuple(sorted(n for n in found if NAME.fullmatch(n)))


def head(name: str) -> Head:
    """Provenance and counts, from the first line alone. Raises LibraryError."""
    with _text(name) as lines:
        return parse_head(next(lines, b""), name)


def load_library(name: str) -> Library:
    """Raises LibraryError for an unknown name, naming those known, and for a damaged file, naming the line."""
    with _text(name) as lines:
        return parse_library(lines, name)


def array(name: str, key: str) -> Array:
    """One array of a library, mapped from disk and not read. Raises LibraryError where it is missing or damaged."""
    file = _file(name, key)
    try:
        found: Array = np.load(file, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        what = error.strerror if isinstance(error, OSError) else str(error).partition("\n")[0]
        raise LibraryError(
            f"library {name}: cannot read {file.name} ({what}); import it again with --replace"
        ) from error
    return found


def has_array(name: str, key: str) -> bool:
    """Raises LibraryError for an unknown library."""
    return _file(name, key).is_file()


def refuse_known(name: str) -> None:
    """Raises LibraryError where that name is taken."""
    if name in names():
        raise LibraryError(f"library {name} is there already; add --replace, or choose another name")


def save(library: Library, index: Index, *, replace: bool) -> Path:
    """Write a library and its arrays; gives its folder. Killed at any moment, it leaves the old one or the new.

    So does whatever `index` raises on the way. Raises LibraryError where the name is taken and not to be replaced, or
    the disk does not let us.
    """
    check_name(library.name)
    with _writing(library.name) as root:
        if not replace:
            refuse_known(library.name)
        new, old, place = root / f"{NEW}{library.name}", root / f"{OLD}{library.name}", root / library.name
        try:
            _write(new, library, index)
            if place.exists():
                place.rename(old)
            new.rename(place)
        finally:
            shutil.rmtree(new, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)
    return place


def drop_library(name: str) -> Head | None:
    """Remove a library; gives what its head said, None where that was damaged. Raises LibraryError if unknown."""
    _place(name)
    with _writing(name) as root:
        try:
            said = head(name)
        except LibraryError:
            said = None
        gone = root / f"{NEW}{name}"
        (root / name).rename(gone)
        shutil.rmtree(gone)
    return said


def _place(name: str) -> Path:
    known = names()
    if name not in known:
        told = f"known are {', '.join(known)}" if known else f"{libraries_folder()} holds none"
        raise LibraryError(f"no library {name!r}; {told}: `wrapdetect library import NAME PATH` makes one")
    place = libraries_folder() / name
    return place if (place / TEXT).is_file() else libraries_folder() / f"{OLD}{name}"


@contextmanager
def _text(name: str) -> Iterator[Iterator[bytes]]:
    place = _place(name) / TEXT
    try:
        with place.open("rb") as file:
            yield iter(file)
    except OSError as error:
        raise LibraryError(f"cannot read {place}: {error.strerror}; import the library again") from error


def _file(name: str, key: str) -> Path:
    return _place(name) / INDEX / f"{key}.npy"


def _write(place: Path, library: Library, index: Index) -> None:
    (place / INDEX).mkdir(parents=True)
    with (place / TEXT).open("w", encoding="utf-8", newline="\n") as file:
        file.writelines(dump_library(library))
    for key, made in index:
        if not re.fullmatch(r"[a-z0-9_]+", key):
            raise ValueError(f"array name {key!r} is no plain file name")
        np.save(place / INDEX / f"{key}.npy", made, allow_pickle=False)


@contextmanager
def _writing(name: str) -> Iterator[Path]:
    """The folder of all libraries, made where missing, swept of what a kill left, and ours alone until the end."""
    root = libraries_folder()
    try:
        root.mkdir(parents=True, exist_ok=True)
        with (root / ".lock").open("w") as file:
            lock(file.fileno(), wait=True)
            _sweep(root)
            yield root
    except OSError as error:
        raise LibraryError(
            f"cannot write library {name} in {root}: {error.strerror}; what was there is kept: "
            "make room, or set WRAPDETECT_LIBRARIES to another folder"
        ) from error


def _sweep(root: Path) -> None:
    for left in root.glob(f"{OLD}*"):
        whole = root / left.name.removeprefix(OLD)
        if whole.exists():
            shutil.rmtree(left)
        else:
            left.rename(whole)
    for left in root.glob(f"{NEW}*"):
        shutil.rmtree(left)
