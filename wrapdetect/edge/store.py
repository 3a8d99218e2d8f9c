"""Run files on disk: made new, appended to line by line, loaded, and taken up again after a kill."""

import os
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Self

from wrapdetect.codec import Loaded, dump_exchange, dump_head, dump_lines, load_run
from wrapdetect.errors import RunFormatError, SpecError, StoreError
from wrapdetect.model import Exchange, Run


class RunFile:
    """An open run file. Each exchange is one write of one whole line, so a kill loses at most the one in flight."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self.path, self.descriptor = path, descriptor

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self.descriptor)

    def append(self, exchange: Exchange) -> None:
        """Raises StoreError where the disk is full; what was appended before stays whole."""
        try:
            _write(self.descriptor, dump_exchange(exchange))
        except OSError as error:
            raise StoreError(
                f"cannot append to {self.path}: {error.strerror}; what was answered is kept: make room, then --resume"
            ) from error


def create(path: Path, run: Run) -> RunFile:
    """A new run file with its first line. Raises SpecError where the file is there already or cannot be made."""
    try:
        _make_folder(path.parent)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o644)
    except FileExistsError as error:
        raise SpecError(f"{path} is there already; add --resume to go on with it, or choose another --out") from error
    except OSError as error:
        raise SpecError(f"cannot write {path}: {error.strerror}; choose another place (--out)") from error
    try:
        _write(descriptor, dump_head(run))
    except OSError as error:
        os.close(descriptor)
        path.unlink()
        raise SpecError(f"cannot write {path}: {error.strerror}; choose another place (--out)") from error
    return RunFile(path, descriptor)


def write(path: Path, run: Run) -> None:
    """A whole run at once, there whole or not at all. Raises SpecError where the file is there already or cannot be
    made."""
    with create(path, run) as file:
        try:
            for line in islice(dump_lines(run), 1, None):
                _write(file.descriptor, line)
        except OSError as error:
            path.unlink()
            raise SpecError(f"cannot write {path}: {error.strerror}; make room, or choose another place") from error


def reopen(path: Path, loaded: Loaded) -> RunFile:
    """Append to a run file just loaded. What was torn off its end is kept beside it as <name>.torn, then cut off."""
    if path.is_dir():
        raise SpecError(f"cannot write {path}: it is a folder; --resume needs the run file itself")
    if loaded.torn:
        with path.with_name(path.name + ".torn").open("ab") as aside:
            aside.write(loaded.torn + b"\n")
        os.truncate(path, loaded.good_bytes)
    try:
        return RunFile(path, os.open(path, os.O_WRONLY | os.O_APPEND))
    except OSError as error:
        raise SpecError(f"cannot write {path}: {error.strerror}; --resume needs to append to it") from error


def broken_off(path: Path) -> bool:
    """Whether this is a run file that was killed within its first line (and not a file of another kind)."""
    start = b'{"format":'
    data = path.read_bytes() if path.is_file() else b"\n"
    return b"\n" not in data and (data.startswith(start) or start.startswith(data))


def load(path: Path) -> Loaded:
    """Load a run file, or the run.jsonl of a folder. Raises RunFormatError where it cannot be read."""
    file = path / "run.jsonl" if path.is_dir() else path
    try:
        data = file.read_bytes()
    except OSError as error:
        raise RunFormatError(
            f"cannot read {file}: {error.strerror}; expected a run file or a folder with run.jsonl"
        ) from error
    return load_run(data, name=str(file))


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except FileExistsError as error:
        raise NotADirectoryError(error.errno, f"{error.filename} is a file and not a folder") from error


def _write(descriptor: int, text: str) -> None:
    data = text.encode()
    while data:
        data = data[os.write(descriptor, data) :]
