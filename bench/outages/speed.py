"""How long a year of five-minute heartbeats of one target and 40 candidates takes."""

import random
import statistics
import time
from collections.abc import Callable
from dataclasses import replace

from bench.outages.markdown import table
from tests.lab.histories import Fall, Habit, beats, follow
from wrapdetect.evidence.analysis import analyse
from wrapdetect.evidence.compare.dependence.episodes import timelines
from wrapdetect.evidence.compare.dependence.outages import dependence
from wrapdetect.evidence.compare.dependence.together import checks, compare, outages_of
from wrapdetect.evidence.seeds import Seeds
from wrapdetect.model import Endpoint, Run
from wrapdetect.model.history import History, Service, ServiceKind
from wrapdetect.runs.codec import load_run
from wrapdetect.store.shipped import folder, load_seeds

WEEKS, CANDIDATES, CADENCE_S, RUNS = 52, 40, 300, 3
REACH_S = 2.0
HABIT = Habit(per_week=1.0, busy=4, burst=0.5)


def print_speed() -> None:
    """Medians of three with their range, on whatever else the machine does."""
    print("### Speed\n")
    seeds, history = load_seeds(), year()
    run = _run(history)
    parts: dict[str, Callable[[], object]] = {
        "timelines and dependence": lambda: _core(history),
        "the same with its control by shifted weeks, findings and words": lambda: _rule(history, seeds),
        "the whole judgement of a run with this history (every rule, no text)": lambda: analyse(run, seeds, embed=None),
    }
    rows = []
    for name, part in parts.items():
        spent = [_seconds(part) for _ in range(RUNS)]
        rows.append([name, f"{statistics.median(spent):.2f} s ({min(spent):.2f} to {max(spent):.2f})"])
    print(table(["a year of five-minute heartbeats, one target, 40 candidates", f"median of {RUNS} (range)"], rows))
    print(f"\n{sum(len(b.round_s) for b in history.beats):,} heartbeats. Reach: {REACH_S:.0f} s for correlating.\n")


def year() -> History:
    """The target follows the first candidate at s .5; all fall about once a week, with weekly pattern and bursts."""
    rng = random.Random(40)
    names = [f"candidate_{k:02}" for k in range(CANDIDATES)]
    falls: dict[str, list[Fall]] = {n: HABIT.falls(rng, WEEKS) for n in names}
    falls["target"] = HABIT.falls(rng, WEEKS) + follow(falls[names[0]], rng, s=0.5)
    return History(
        cadence_s=CADENCE_S,
        services=tuple(_service(n, "target" if n == "target" else "candidate") for n in falls),
        beats=tuple(
            beats(n, f, WEEKS, cadence_s=CADENCE_S, offset_ms=40 * k) for k, (n, f) in enumerate(falls.items())
        ),
    )


def _service(name: str, kind: ServiceKind) -> Service:
    return Service(name=name, kind=kind, url=f"https://{name.replace('_', '-')}.example/v1")


def _run(history: History) -> Run:
    """A run that holds the history and nothing else, as a monitor judges it."""
    shell = load_run((folder("fixtures") / "runs" / "feb21" / "run.jsonl").read_bytes()).run
    endpoints = tuple(
        Endpoint(name=s.name, role="target" if s.kind == "target" else "reference", url=s.url, model=s.name)
        for s in history.services
    )
    return replace(shell, endpoints=endpoints, packs=(), exchanges=(), history=history)


def _core(history: History) -> object:
    lines = timelines(history)
    return dependence(lines["target"], [line for name, line in lines.items() if name != "target"], [])


def _rule(history: History, seeds: Seeds) -> object:
    found = outages_of(history, "target", seeds)
    return found and (list(compare(found)), checks(found))


def _seconds(part: Callable[[], object]) -> float:
    begun = time.perf_counter()
    part()
    return time.perf_counter() - begun
