"""Do the readers of status pages read, or refuse by name, whatever a page holds?"""

import json
from datetime import UTC
from functools import lru_cache
from pathlib import Path
from random import Random

from bench.fuzz.hunting import Part, Trial, Wrong
from bench.fuzz.mutating import json_bytes, mutated_bytes, mutated_json
from wrapdetect.errors import FeedError
from wrapdetect.model import Instrument, Run
from wrapdetect.model.history import History, Service
from wrapdetect.monitor.feeds import FEEDS, Parsed
from wrapdetect.monitor.feeds.scope import Scope
from wrapdetect.runs.codec import dump_run, load_run

FOLDER = Path(__file__).resolve().parents[2] / "fixtures" / "feeds"
FETCHED_S = 1_780_000_000
PREFIXES = {
    "statuspage": "statuspage", "incident": "incident_io", "upptime": "upptime", "list": "csv",
    "better": "better_stack",
    "instatus": "instatus", "google": "google_cloud", "aws": "aws", "cachet": "cachet", "status": "status_io",
    "sorry": "sorry",
}  # fmt: skip
SCOPES = (Scope(), Scope(), Scope(components=("API",)), Scope(title=("errors", "api down")))


@lru_cache(maxsize=1)
def pages() -> tuple[tuple[str, bytes], ...]:
    """Each saved page with the format that reads it."""
    return tuple((_format(file), file.read_bytes()) for file in sorted(FOLDER.iterdir()))


def _format(file: Path) -> str:
    suffix = file.suffix.removeprefix(".")
    if suffix in ("rss", "atom"):
        return suffix
    first, _, rest = file.stem.partition("_")
    return "statuspage" if file.stem.startswith("statuspage") else PREFIXES.get(first, rest)


def draw_feed(chance: Random) -> Trial:
    """A saved page, mutated as what it is, given to its reader or at times to another."""
    format_, data = chance.choice(pages())
    format_ = chance.choice(list(FEEDS)) if chance.randrange(12) == 0 else format_
    scope, zone = chance.choice(SCOPES), chance.choice((None, UTC))
    if chance.randrange(2) and (value := _json_of(data)) is not None:
        data = json_bytes(mutated_json(value, chance))
    else:
        data = mutated_bytes(data, chance, chance.choice(pages())[1])
    reader = FEEDS[format_]

    def run() -> None:
        check_parsed(reader(data, service="bot", feed="status", fetched_s=FETCHED_S, scope=scope, zone=zone))

    return Trial(shown=(format_, scope, zone, data), size=len(data), run=run)


def _json_of(data: bytes) -> object:
    try:
        return json.loads(data)
    except ValueError:
        return None


def check_parsed(parsed: Parsed) -> None:
    """What was read can be written to a recording and read again; what is said of it fits on a line."""
    for text in (parsed.said, *parsed.refused, *parsed.notes):
        text.encode()
        if "\n" in text or "\x1b" in text or len(text) > 4_000:
            raise Wrong(f"a note that is no line: {text[:120]!r}")
    history = History(
        cadence_s=300,
        services=(Service(name="bot", kind="site", url="http://127.0.0.1:1/"),),
        incidents=parsed.incidents + parsed.left_out,
        coverage=() if parsed.coverage is None else (parsed.coverage,),
    )
    run = Run(
        id="r", note="", instrument=Instrument(versions=(), host="", vantage=""), endpoints=(), packs=(), variants=(),
        draws=0, seed=1, history=history,
    )  # fmt: skip
    read = load_run(dump_run(run).encode()).run.history
    if read is None or (read.incidents, read.coverage) != (history.incidents, history.coverage):
        raise Wrong("recorded, its incidents are read as others")
    for one in history.incidents:
        if one.early_s < 0 or one.late_s < 0 or (one.ended_s is not None and one.ended_s < one.began_s - one.early_s):
            raise Wrong(f"an incident that makes no sense: {one}")


FEEDS_PART = Part(name="feeds", draw=draw_feed, own=(FeedError,))
