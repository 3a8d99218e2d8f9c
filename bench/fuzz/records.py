"""Is a run file read as it was written, or refused with its line, however it is damaged?"""

import json
from functools import lru_cache
from pathlib import Path
from random import Random

from bench.fuzz.bodies import check_reply
from bench.fuzz.hunting import Part, Trial, Wrong
from bench.fuzz.mutating import json_bytes, mutated_bytes, mutated_json
from wrapdetect.dialects import decode
from wrapdetect.errors import RunFormatError, SpecError
from wrapdetect.runs.codec import dump_run, load_run

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures"
LINES = 5
"""Lines of a file that are taken beside the first."""


@lru_cache(maxsize=1)
def files() -> tuple[tuple[bytes, ...], ...]:
    """The lines of each file that ships: every format there was, and real runs."""
    paths = [*sorted((FIXTURES / "formats").glob("*.jsonl")), *sorted(FIXTURES.glob("runs/lab_*/run.jsonl"))]
    return tuple(tuple(path.read_bytes().splitlines(keepends=True)[:400]) for path in paths)


def draw_run(chance: Random) -> Trial:
    """A file's first line and a few others, with the JSON of one, the order of lines or any bytes changed."""
    lines = list(chance.choice(files()))
    rest = lines[1:]
    at = chance.randrange(max(1, len(rest) - LINES))
    kept = [lines[0], *rest[at : at + LINES]]
    match chance.randrange(8):
        case 0:
            data = mutated_bytes(b"".join(kept), chance, b"".join(chance.choice(files())[1:4]))
        case 1:
            kept.insert(chance.randrange(1, len(kept) + 1), chance.choice(kept))
            data = b"".join(kept)
        case _:
            n = chance.randrange(len(kept))
            kept[n] = json_bytes(mutated_json(json.loads(kept[n]), chance)) + b"\n"
            data = b"".join(kept)
    return Trial(shown=data, size=len(data), run=lambda: check_run(data))


def check_run(data: bytes) -> None:
    """What was read can be written, is then read as the same, and each of its exchanges has its reading."""
    run = load_run(data, name="run.jsonl").run
    text = dump_run(run)
    try:
        again = load_run(text.encode(), name="again.jsonl")
    except RunFormatError as refusal:
        raise Wrong(f"written again, a run is refused: {refusal}") from refusal
    if again.torn or dump_run(again.run) != text:
        raise Wrong("written again, a run is read as another")
    endpoints = {e.name: e for e in run.endpoints}
    for exchange in run.exchanges:
        check_reply(decode(exchange, endpoints[exchange.endpoint]))


CODEC = Part(name="codec", draw=draw_run, own=(RunFormatError, SpecError))
