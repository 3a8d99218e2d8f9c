"""Run files on disk: made new, appended to line by line, loaded, and taken up again after a kill.

One process at a time has a file for itself (store/locks). Only its owner may read it: it holds all that was said.
"""

import os
import stat
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import NoReturn, Self

from wrapdetect.errors import RunFormatError, SpecError, StoreError
from wrapdetect.model import Exchange, Run
from wrapdetect.runs.codec import Loaded, dump_exchange, dump_lines, load_run
from wrapdetect.runs.recording import remarks as remarks
from wrapdetect.store.locks import lock

_LARGEST = 4 * 2**30
"""Bytes of a run file that is read; no audit or export comes near."""
BEGINNING = b'{"format":'
PRIVATE = 0o600
NO_WAITING = getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
"""A named pipe that nobody reads would hold up whoever opens it; Windows would change line ends."""


class RunFile:
    """An open run file, ours alone. Each exchange is one write of one whole line, so a kill loses at most the one in
    flight."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self.path, self.descriptor = path, descriptor
        self._line = Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let others have it."""
        os.close(self.descriptor)

    def append(self, exchange: Exchange) -> None:
        """Raises StoreError where the disk is full; what was appended before stays whole."""
        try:
            line = dump_exchange(exchange)
            with self._line:  # large answers are written by a thread
                _write(self.descriptor, line)
        except OSError as error:
            raise StoreError(
                f"cannot append to {self.path}: {error.strerror}; what was answered is kept: make room, then --resume"
            ) from error

    def load(self) -> Loaded:
        """What it holds. Raises RunFormatError where it cannot be read."""
        os.lseek(self.descriptor, 0, os.SEEK_SET)
        return load_run(_read(self.descriptor, self.path), name=str(self.path))

    def begun(self) -> bool:
        """Whether its first line is whole; a kill within it leaves a file in which nothing was asked yet."""
        os.lseek(self.descriptor, 0, os.SEEK_SET)
        return not _broken_off(_read(self.descriptor, self.path))

    def begin(self, run: Run) -> None:
        """Its first line, and what the run holds already, over whatever stands there. Raises SpecError where the disk
        is full; then it is gone."""
        try:
            os.ftruncate(self.descriptor, 0)
            for line in dump_lines(run):
                _write(self.descriptor, line)
        except OSError as error:
            self.path.unlink()
            _cannot(self.path, error, "choose another place (--out)")

    def mend(self, loaded: Loaded) -> str:
        """Keep what was torn off its end beside it as <name>.torn, which it gives, then cut it off.

        Raises SpecError where that cannot be written; then the file stays as it was.
        """
        aside = self.path.with_name(self.path.name + ".torn")
        if not loaded.torn:
            return aside.name
        try:
            with open(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_APPEND, PRIVATE), "ab") as file:
                file.write(loaded.torn + b"\n")
            os.ftruncate(self.descriptor, loaded.good_bytes)
        except OSError as error:
            _cannot(aside, error, "its last line is torn, and is kept there before --resume goes on: make room")
        return aside.name


def usual_place(run: Run) -> Path:
    """Where a run is recorded, if nobody says where."""
    return Path("wrapdetect-runs") / f"{run.id}.jsonl"


@dataclass(frozen=True, slots=True)
class RunFileAt:
    """Where a run is recorded, as a survey wants it (runs/recording.RunPlace)."""

    path: Path

    @property
    def name(self) -> str:
        return str(self.path)

    def exists(self) -> bool:
        return self.path.exists()

    def create(self, run: Run) -> RunFile:
        """What the run holds already is there whole, or not at all."""
        if not run.exchanges:
            return create(self.path, run)
        write(self.path, run)
        return resume(self.path)

    def resume(self) -> RunFile:
        return resume(self.path)

    def remove(self) -> None:
        self.path.unlink()


def create(path: Path, run: Run) -> RunFile:
    """A new run file with its first line. Raises SpecError where the file is there already or cannot be made."""
    try:
        _make_folder(path.parent)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_APPEND | NO_WAITING, PRIVATE)
    except FileExistsError:
        _refuse_taken(path)
    except OSError as error:
        _cannot(path, error, "choose another place (--out)")
    file = _ours(path, descriptor)
    try:
        file.begin(run)
    except SpecError:
        os.close(descriptor)
        raise
    return file


def write(path: Path, run: Run) -> None:
    """A whole run at once, there whole or not at all, whenever it is killed: until then its lines stand beside it, in
    .NAME.part, which the next writing begins anew. Raises SpecError where the file is there already or cannot be made.
    """
    if os.path.lexists(path):
        _refuse_taken(path)
    part = path.with_name(f".{path.name[:200]}.part")
    try:
        _make_folder(path.parent)
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | getattr(os, "O_NOFOLLOW", 0) | NO_WAITING
        descriptor = os.open(part, flags, PRIVATE)
    except OSError as error:
        _cannot(path, error, "choose another place (--out)")
    with _ours(part, descriptor):
        try:
            os.ftruncate(descriptor, 0)
            for line in dump_lines(run):
                _write(descriptor, line)
            _name(part, path)
        except FileExistsError:
            _refuse_taken(path)
        except OSError as error:
            _cannot(path, error, "make room, or choose another place")
        finally:
            part.unlink(missing_ok=True)


def _name(part: Path, path: Path) -> None:
    """Raises FileExistsError where something of that name came meanwhile."""
    try:
        os.link(part, path)
    except FileExistsError:
        raise
    except OSError:  # a file system without links
        part.rename(path)


def resume(path: Path) -> RunFile:
    """A run file that is there, to be read and appended to. Raises SpecError where it cannot be, or another has it."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_APPEND | NO_WAITING)
    except OSError as error:
        if path.is_dir():
            raise SpecError(f"cannot write {path}: it is a folder; --resume needs the run file itself") from error
        _cannot(path, error, "--resume needs to append to it")
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise SpecError(f"{path} is no plain file; a recording needs one: choose another --out")
    return _ours(path, descriptor)


def broken_off(path: Path) -> bool:
    """Whether this is a run file that was killed within its first line (and not a file of another kind)."""
    return path.is_file() and _broken_off(path.read_bytes())


def _broken_off(data: bytes) -> bool:
    return b"\n" not in data and (data.startswith(BEGINNING) or BEGINNING.startswith(data))


def load_file(path: Path) -> Loaded:
    """Load a run file, or the run.jsonl of a folder. Raises RunFormatError where it cannot be read."""
    file = path / "run.jsonl" if path.is_dir() else path
    try:
        descriptor = os.open(file, os.O_RDONLY | getattr(os, "O_BINARY", 0))
    except OSError as error:
        raise RunFormatError(
            f"cannot read {file}: {error.strerror}; expected a run file or a folder with run.jsonl"
        ) from error
    try:
        return load_run(_read(descriptor, file), name=str(file))
    finally:
        os.close(descriptor)


def _read(descriptor: int, path: Path) -> bytes:
    found = os.fstat(descriptor)
    if stat.S_ISCHR(found.st_mode) or stat.S_ISBLK(found.st_mode):
        raise RunFormatError(f"{path} is a device; expected a run file made by wrapdetect")
    parts, size = list[bytes](), 0
    try:
        while data := os.read(descriptor, 2**24):
            parts.append(data)
            if (size := size + len(data)) > _LARGEST:
                raise RunFormatError(
                    f"{path} is larger than {_LARGEST:,} bytes; expected a run file made by wrapdetect"
                )
    except OSError as error:
        raise RunFormatError(f"cannot read {path}: {error.strerror}; expected a run file made by wrapdetect") from error
    return b"".join(parts)


def _ours(path: Path, descriptor: int) -> RunFile:
    if not lock(descriptor):
        os.close(descriptor)
        raise SpecError(f"{path} is being written by another wrapdetect; wait for its end, or choose another --out")
    return RunFile(path, descriptor)


def _refuse_taken(path: Path) -> NoReturn:
    if path.is_symlink() and not path.exists():
        raise SpecError(f"{path} is a link that leads nowhere; remove it, or choose another --out")
    if path.exists() and not path.is_file():
        raise SpecError(f"{path} is no plain file; a recording needs one: choose another --out")
    raise SpecError(f"{path} is there already; add --resume to go on with it, or choose another --out")


def _cannot(path: Path, error: OSError, advice: str) -> NoReturn:
    raise SpecError(f"cannot write {path}: {error.strerror}; {advice}") from error


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except FileExistsError as error:
        raise NotADirectoryError(error.errno, f"{error.filename} is a file and not a folder") from error


def _write(descriptor: int, text: str) -> None:
    data = text.encode()
    while data:
        data = data[os.write(descriptor, data) :]
