"""Audit and import, killed and resumed: is each exchange there once, and nothing asked again but what was in flight?"""

import importlib
import json
import os
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random

from bench.kills.killing import Moment, Process, Tally, after, by_signals, drawn, killed, unharmed
from bench.kills.serving import asked_in, served
from wrapdetect.cli import main
from wrapdetect.model import Run
from wrapdetect.runs.codec import load_run
from wrapdetect.runs.collected.against import slots_against
from wrapdetect.runs.plan import Slot, make_plan

AT_ONCE = 4
"""Conversations in flight: the most that a kill may have asked again."""
CODES = by_signals(0, 130)
QUESTIONS, DRAWS = 40, 8
PACK = """id = "kills"
version = 1
title = "Kills"
purpose = "Questions of this benchmark."
temperature = 0.7
max_tokens = 40
"""
ITEM = """
[[item]]
id = "q{n}"
language = "en"
turns = [{turns}]
purpose = "a question"
readers = ["text"]
"""


def audit(folder: Path, kills: int, chance: Random) -> Tally:
    """A target and two references, some questions of several turns."""
    pack = folder / "kills.toml"
    turns = [[f"Question {n}, part {part}?" for part in range(1 + (n % 5 == 0) * 2)] for n in range(QUESTIONS)]
    items = (ITEM.format(n=n, turns=json.dumps(t)[1:-1]) for n, t in enumerate(turns))
    pack.write_text(PACK + "".join(items), encoding="utf-8")
    draws = max(1, DRAWS * kills // 50)
    more = ["--pack", str(pack), "--draws", str(draws), "--plain"]
    return _run(
        "audit", folder, kills, chance, lambda port: ["audit", f"http://127.0.0.1:{port}/v1", "--model", "m", *more]
    )


def import_(folder: Path, kills: int, chance: Random) -> Tally:
    """Collected answers, whose questions two references are asked."""
    table = folder / "answers.jsonl"
    numbers = range(12 * kills)
    rows = ({"model": "bot", "prompt": f"Question {n} of the tides?", "answer": f"So {n}."} for n in numbers)
    table.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return _run("import", folder, kills, chance, lambda port: ["import", str(table)], len(numbers))


def _run(
    name: str, folder: Path, kills: int, chance: Random, begin: Callable[[int], list[str]], answers: int = 0
) -> Tally:
    tally, out, log = Tally(name=name), folder / "run.jsonl", folder / "asked.jsonl"
    with served(log, 0.25) as port:
        references = [a for n in "ab" for a in ("--reference", f"{n}=http://127.0.0.1:{port}/{n}/v1#{n}")]
        limits = [
            "--concurrency",
            str(AT_ONCE),
            "--pace",
            "0.02",
            "--max-requests",
            "100000",
            "--max-tokens",
            "100000000",
        ]
        argv = [*begin(port), *references, *limits, "--no-embed", "--out", str(out), "--resume"]
        before = b""
        while tally.kills.total() < kills:
            ended = killed(lambda: command(argv), _moment(out, chance), drawn(chance), tally)
            tally.note(ended, CODES)
            before = _check_kept(tally, out, before)
            if ended.killed_s is None:
                break  # all was asked: more kills would hit nothing
        last = unharmed(lambda: command(argv))
        tally.note(last, frozenset({0}))
        _check_kept(tally, out, before)
    _check_all(tally, load_run(out.read_bytes()).run, log, answers=answers)
    return tally


def command(argv: Sequence[str]) -> int:
    """The command line, in this process."""
    os.environ["OPENBLAS_NUM_THREADS"] = "1"
    sys.argv = ["wrapdetect", *argv]
    # They end with the process.
    sys.stdin = open(os.devnull, encoding="utf-8")  # noqa: SIM115
    sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    try:
        main()
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else 1
    return 0


def _moment(out: Path, chance: Random) -> Moment:
    """While it starts, or some time after it has recorded something new."""
    if chance.random() < 0.25:
        return after(chance.uniform(0, 1.2))
    size, later_s = _size(out), chance.uniform(0, 0.5)

    def grown(process: Process) -> None:
        while _size(out) <= size and not process.wait(0):
            process.wait(0.02)
        process.wait(later_s)

    return grown


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _check_kept(tally: Tally, out: Path, before: bytes) -> bytes:
    """Every line that was whole stays; gives what stands there now."""
    data = out.read_bytes() if out.exists() else b""
    whole = before[: before.rfind(b"\n") + 1]
    tally.expect(data.startswith(whole), f"lost: {len(whole):,} bytes of whole lines, {len(data):,} now")
    return data


def _check_all(tally: Tally, run: Run, log: Path, *, answers: int) -> None:
    """All that was planned is there, once, and the `answers` that were collected; nothing was asked again but what was
    in flight at a kill."""
    times = Counter(e.id for e in run.exchanges)
    planned = {f"{s.endpoint.name}/{s.ask.key}/t{t}a0" for s in _planned(run) for t in range(len(s.ask.turns))}
    asked = [e for e in run.exchanges if not answers or e.endpoint != run.target.name]
    requests = len(asked_in(log))
    came = len(run.exchanges) - len(asked)
    tally.expect(came == answers, f"lost: {answers - came} of {answers} collected answers")
    tally.expect(times.total() == len(times), f"doubled: {times.total() - len(times)} exchanges")
    tally.expect(planned <= times.keys(), f"lost: {len(planned - times.keys())} of {len(planned)} planned exchanges")
    again = requests - len(asked)
    most = AT_ONCE * tally.kills.total()
    tally.expect(0 <= again <= most, f"{again} requests were made again; at most {most} were in flight")
    tally.figures = {
        "planned": len(planned), "there": len(times), "requests": requests, "asked again": again, "at most": most,
        "starts": tally.codes.total(),
    }  # fmt: skip


def _planned(run: Run) -> list[Slot]:
    """Of collected answers: their questions, for the references."""
    if run.draws:
        return list(make_plan(run))
    return slots_against(run, run.references, 1)


def warm() -> None:
    """All that the commands import, before anything is forked."""
    os.environ["OPENBLAS_NUM_THREADS"] = "1"
    for name in ("commands.audit", "commands.collect", "present", "commands.asking"):
        importlib.import_module(f"wrapdetect.cli.{name}")
