"""Where a survey is recorded: begun anew, or taken up again where it was broken off. The file itself is handed in."""

from collections.abc import Iterator
from typing import NamedTuple, Protocol

from wrapdetect.errors import SpecError
from wrapdetect.model import Exchange, Run
from wrapdetect.runs.codec import Loaded

CHOSEN_BEFORE = ("endpoints", "packs", "variants", "draws", "seed")
"""What of a run was chosen before it was begun, and stays."""


class Say(Protocol):
    """Takes a line for the user."""

    def __call__(self, text: str, /) -> object: ...


class Recording(Protocol):
    """An open recording, ours alone. Only `mend` and `begin` change what stands in it."""

    def append(self, exchange: Exchange) -> object:
        """Raises StoreError where it cannot be kept."""

    def load(self) -> Loaded:
        """All that stands in it. Raises RunFormatError where that is no run."""

    def begun(self) -> bool:
        """Whether its first line is whole."""

    def begin(self, run: Run) -> object:
        """Its first line, over whatever stands there. Raises SpecError."""

    def mend(self, loaded: Loaded) -> str:
        """Cut off a torn last line; gives the name under which that is kept. Raises SpecError."""

    def close(self) -> object: ...


class RunPlace(Protocol):
    """Where a recording is, or is to be; `name` is how messages call it."""

    @property
    def name(self) -> str: ...

    def exists(self) -> bool: ...

    def create(self, run: Run) -> Recording:
        """A new one, with what the run holds already. Raises SpecError where one is there."""

    def resume(self) -> Recording:
        """The one that is there. Raises SpecError where it cannot be had."""

    def remove(self) -> object: ...


class Opened(NamedTuple):
    """A run as it stands in its recording; `fresh` where that was made new."""

    run: Run
    recording: Recording
    fresh: bool


def open_recording(place: RunPlace, run: Run, *, resume: bool, say: Say) -> Opened:
    """Begun anew; or taken up again, where `resume` says so and one is there. Raises SpecError for one that was begun
    with other options, RunFormatError for one that cannot be read."""
    if not resume or not place.exists():
        return Opened(run, place.create(run), fresh=True)
    recording = place.resume()
    try:
        if not recording.begun():
            say(f"{place.name}: broken off before its first line was whole; begun anew")
            recording.begin(run)
            return Opened(run, recording, fresh=True)
        return Opened(_taken_up(recording, run, place.name, say), recording, fresh=False)
    except BaseException:
        recording.close()
        raise


def remarks(loaded: Loaded, name: object) -> Iterator[str]:
    """What a user should know of a recording that was read: lines that are torn, lines that stand there twice."""
    if loaded.torn:
        yield f"{name}: the last line is torn ({len(loaded.torn)} bytes) and was left out"
    if loaded.twice:
        lines = "line stands" if loaded.twice == 1 else "lines stand"
        yield f"{name}: {loaded.twice} {lines} there twice; the first was kept"


def _taken_up(recording: Recording, run: Run, name: str, say: Say) -> Run:
    loaded = recording.load()
    _check_same(name, loaded.run, run)
    aside = recording.mend(loaded)
    if loaded.torn:
        say(f"{name}: the last line was torn ({len(loaded.torn)} bytes); kept in {aside} and asked again")
    for remark in remarks(loaded._replace(torn=b""), name):
        say(remark)
    say(f"resuming: {len(loaded.run.exchanges)} exchanges are there already")
    return loaded.run


def _check_same(name: str, begun: Run, run: Run) -> None:
    """Raises SpecError where a recording was begun with other options."""
    for what in CHOSEN_BEFORE:
        if getattr(begun, what) != getattr(run, what):
            raise SpecError(
                f"{name} was begun with other {what}; give the same options to --resume it, or another --out"
            )
