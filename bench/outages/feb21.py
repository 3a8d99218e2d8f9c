"""The founding outage alone, 21 February 2023, with the base rates of its month.

The bot has the falls of fixtures/runs/feb21 and is taken to be watched all month. The upstream has its published
incidents of that month, and on the day itself once the time of its status page, once that of the fixture's heartbeats.
"""

from datetime import UTC, datetime
from math import exp

import numpy as np

from bench.outages.markdown import ratio, table
from bench.outages.truth import Truth
from wrapdetect.evidence.compare.dependence.episodes import from_beats
from wrapdetect.evidence.compare.dependence.incident_ratio import COMMON, COMMON_UNSEEN, SENSITIVITY
from wrapdetect.evidence.compare.dependence.outages import Setting, dependence
from wrapdetect.model import Exchange
from wrapdetect.model.history import Beat, Dependence, Episode, Outcome, Timeline, Weighed, columns
from wrapdetect.runs.codec import load_run
from wrapdetect.store.shipped import folder

UPSTREAM = "openai"
MONTH = (datetime(2023, 2, 1, tzinfo=UTC).timestamp(), datetime(2023, 3, 1, tzinfo=UTC).timestamp())
DAY = (datetime(2023, 2, 21, tzinfo=UTC).timestamp(), datetime(2023, 2, 21, 12, tzinfo=UTC).timestamp())
CADENCE_S = 120
LOW, HIGH = 20.0, 1000.0


def print_feb21(truth: Truth) -> None:
    """Its factors, line by line."""
    print("### 21 February 2023: that single outage alone\n")
    if UPSTREAM not in truth.lines:
        print(f"no incident of {UPSTREAM} in the lists: not made\n")
        return
    rows = []
    for name, upstream, bot in _settings(truth):
        found = dependence(bot, [upstream], [], Setting())[0]
        the = next((i for i in found.incidents if DAY[0] <= i.onset_s < DAY[1]), None)
        rows.append(_row(name, found, the))
    print(table(["onset of upstream and bot", "lag", "s", "c = chance + common", "s / c", "agreement", "LR of it alone",
                 f"in {LOW:.0f} to {HIGH:,.0f}", "LR of the month", "hits of the month"], rows))  # fmt: skip
    s = sum(w * a / (a + b) for w, a, b in SENSITIVITY["down"])
    print(f"\ns is the prior's mean, {s:.2f}: nothing is known yet of how the bot falls. c holds {COMMON_UNSEEN} for a "
          f"cause that both share ({COMMON} where two unrelated providers were watched too; here there are none). "
          "Agreement: how close onsets lie within the window, and ends. LR of the month: the other published incidents "
          "of the month count as misses, if the bot was up in all of them.\n")  # fmt: skip


def heartbeats(endpoint: str, run_name: str = "feb21") -> list[Episode]:
    """Episodes of the bot or the upstream in the fixture's own heartbeats."""
    run = load_run((folder("fixtures") / "runs" / run_name / "run.jsonl").read_bytes()).run
    beats = [_beat(e) for e in run.exchanges if e.endpoint == endpoint and e.ask.probe == "heartbeat"]
    return from_beats(columns(endpoint, beats), own=np.array([]), cadence_s=CADENCE_S)[0]


def _settings(truth: Truth) -> list[tuple[str, Timeline, Timeline]]:
    published = [e for e in truth.lines[UPSTREAM].episodes if MONTH[0] <= e.onset_s < MONTH[1]]
    others = [e for e in published if not DAY[0] <= e.onset_s < DAY[1]]
    bot, twin = (_line("bot", heartbeats("bot", run)) for run in ("feb21", "feb21_twin"))
    return [
        ("both by heartbeats", _line(UPSTREAM, [*others, *heartbeats(UPSTREAM)]), bot),
        ("upstream by its status page", _line(UPSTREAM, published), bot),
        ("the twin, both by heartbeats", _line(UPSTREAM, [*others, *heartbeats(UPSTREAM)]), twin),
    ]


def _row(name: str, found: Dependence, the: Weighed | None) -> list[object]:
    if the is None:
        return [name, *["-"] * 7, ratio(found.llr), f"{found.hits} of {found.n}"]
    alone = exp(the.nats)
    chance = f"{the.chance:.4f} = {the.chance - COMMON_UNSEEN:.4f} + {COMMON_UNSEEN}"
    month = [ratio(found.llr), f"{found.hits} of {found.n}"]
    if the.lag_s is None:
        return [name, "bot stays up", "-", chance, "-", "-", f"{alone:.2f}", "-", *month]
    s = sum(w * a / (a + b) for w, a, b in SENSITIVITY[the.condition])
    return [
        name, f"{the.lag_s / 60:+.0f} min", f"{s:.2f}", chance,
        f"{s / the.chance:.1f}", f"{exp(the.detail):.2f}", f"{alone:.0f}", "yes" if LOW <= alone <= HIGH else "**no**",
        *month,
    ]  # fmt: skip


def _line(service: str, episodes: list[Episode]) -> Timeline:
    return Timeline(
        service=service,
        vendor=service,
        episodes=tuple(sorted(episodes, key=lambda e: e.onset_s)),
        watched=(MONTH,),
    )


def _beat(exchange: Exchange) -> Beat:
    at = exchange.started.timestamp()
    due = int(at // CADENCE_S) * CADENCE_S
    failed = exchange.failure
    return Beat(
        service=exchange.endpoint,
        round_s=due,
        offset_ms=int((at - due) * 1000),
        outcome=Outcome[failed.kind.name] if failed else Outcome.UP,
        latency_ms=0,
    )
