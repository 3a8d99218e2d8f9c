"""A HAR file on disk -> Collection, with every secret of it masked before anything else sees it."""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from wrapdetect.errors import SpecError
from wrapdetect.model import Endpoint, Run
from wrapdetect.model.prose import quote
from wrapdetect.runs.collected import Collection
from wrapdetect.runs.collected.calls import SeenCalls, collect_calls, find_calls
from wrapdetect.runs.collected.har import read_entries
from wrapdetect.runs.collected.masking import Mask, secrets_in
from wrapdetect.runs.collected.templated import collect_templated
from wrapdetect.ways.keyring import Keyring

_LARGEST = 500_000_000
"""Bytes of a file; more would not fit into memory with all that is made of it."""
_SHOWN = 6
"""Places (host and path) named in one message."""


def is_har(path: Path, format_: str | None) -> bool:
    """Whether a file is to be read as HAR: by the format given, its suffix, or its start."""
    if format_ is not None or path.is_dir():
        return format_ == "har"
    if path.suffix.lower() == ".har":
        return True
    try:
        with path.open("rb") as file:
            start = file.read(200)
    except OSError:
        return False  # the reader of tables says what is wrong
    packed = b"".join(start.removeprefix(b"\xef\xbb\xbf").split())
    return packed.startswith((b'{"log":{', b'{"har":{"log":{'))


def read_har(path: Path, bot: Endpoint | None) -> Collection:
    """The chat calls of an archive: those of a known API, or those that the template of `bot` describes.

    Raises SpecError where the file cannot be read, is no HAR, or holds no such call.
    """
    archive = _load(path)
    entries = read_entries(archive, path.name)
    mask = Mask(secrets_in(archive, path.name))
    if bot is not None:
        found = collect_templated(entries, bot)
        if not found.conversations:
            others = Counter(f"{e.host}{e.path}" for e in entries)
            raise SpecError(
                f"{path}: no call that the template describes; of {len(entries)} entries there are "
                f"{_places(others, mask)}: check the template's path and body against one of them"
            )
        seen = SeenCalls((), Counter(), Counter(), Counter())
    else:
        seen = find_calls(entries)
        if not seen.calls:
            raise SpecError(f"{path}: {_nothing(seen, mask)}")
        found = collect_calls(seen.calls)
    masked = tuple(mask.conversation(c) for c in found.conversations)
    speakers = tuple(mask.speaker(s) for s in found.speakers)
    return Collection(speakers=speakers, conversations=masked, notes=(*found.notes, *_notes(seen, mask)))


def without_tokens(run: Run) -> Run:
    """The run with those headers masked that carry tokens whatever they hold, as in every recording."""
    keyring = Keyring({})
    return replace(run, exchanges=tuple(keyring.clean(e) for e in run.exchanges))


def _load(path: Path) -> object:
    try:
        size = path.stat().st_size
        if size > _LARGEST:
            raise SpecError(
                f"{path}: {size:,} bytes, and at most {_LARGEST:,} are read; save the chat's requests only "
                "(filter the network panel before saving)"
            )
        data = path.read_bytes()
    except OSError as error:
        raise SpecError(f"cannot read {path}: {error.strerror}; expected a HAR file") from error
    try:
        archive: object = json.loads(data.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise SpecError(f"{path}: not UTF-8 (byte {error.start}); expected a HAR as a browser saves it") from error
    except (ValueError, RecursionError) as error:
        raise SpecError(f"{path}: not JSON ({error}); expected a HAR as a browser saves it") from error
    return archive


def _nothing(seen: SeenCalls, mask: Mask) -> str:
    if seen.bodiless:
        return (
            f"no answer is in it, though {_places(seen.bodiless, mask)} was asked; save the HAR with content, "
            "after the answers are complete"
        )
    if seen.unread:
        return (
            f"the answers of {_places(seen.unread, mask)} are of no API that is known; "
            "describe them with a template: --template bot.toml"
        )
    if not seen.others:
        return "no entries; record the network panel while you chat, and save it then"
    return (
        f"no chat call found; there were {_places(seen.others, mask)}: describe the chat's own with a template "
        "(--template bot.toml)"
    )


def _notes(seen: SeenCalls, mask: Mask) -> Iterator[str]:
    if seen.bodiless:
        yield (
            f"left out, for the archive holds no answer: {_places(seen.bodiless, mask)} (not saved, or not all of it)"
        )
    if untimed := sum(c.entry.started is None for c in seen.calls):
        yield f"of {untimed} answers the archive tells no time that can be read: their times are not used"
    if seen.unread:
        yield f"left out, for no API that is known answers so: {_places(seen.unread, mask)} (--template reads them)"


def _places(places: Counter[str], mask: Mask) -> str:
    shown = [f"{quote(mask.text(place), 80)}" + (f" ({n})" if n > 1 else "") for place, n in places.most_common(_SHOWN)]
    return ", ".join(shown) + (f" and {len(places) - _SHOWN} more" if len(places) > _SHOWN else "")
