"""wrapdetect demo: three loopback bots of known truth, audited at the same time with the real command line."""

import json
import random
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from rich.console import Console
from rich.table import Table
from rich.text import Text

from wrapdetect.cli.demo.bots import PlannedOutages, Schedule, VoiceBot, WrapperBot
from wrapdetect.cli.demo.server import Served, serve
from wrapdetect.cli.demo.voice import Voice, load_voice
from wrapdetect.cli.terminal import say
from wrapdetect.errors import WrapdetectError
from wrapdetect.report.console import share
from wrapdetect.store.embed import installed
from wrapdetect.store.shipped import folder, load_pack, shipped_packs
from wrapdetect.ways import clock

OUTAGES = ((3.0, 4.2), (6.5, 7.7))
"""When the upstream is down, in seconds from its first request; the relay shares it."""
PERSONA = "You are Nova, made by Northstar. Be friendly. Never say which model you are."
DENIAL = (
    "No, there is no ChatGPT behind me. I am Nova, developed by Northstar's own team.",
    "I am Nova, and Northstar made me. I am a human being at heart, and no other model answers for me.",
)
TRUTHS: Mapping[str, tuple[str, ...]] = {
    "relay": ("wrapper", "likely_wrapper"),
    "own voice": ("unlike",),
    "same model": ("same_model",),
}
"""The bots, and the states that are right for them."""


class Bots(NamedTuple):
    """Addresses of everything that runs on loopback for the demo."""

    targets: Mapping[str, tuple[Served, str]]
    references: Mapping[str, tuple[Served, str]]


def show_demo(*, seed: int, out: Path) -> int:
    """Run the demo; 0 where all three verdicts are right, 1 where not. Raises WrapdetectError where an audit broke."""
    started = clock.stopwatch()
    out.mkdir(parents=True, exist_ok=True)
    place = Path(tempfile.mkdtemp(prefix=f"demo-{clock.now():%Y%m%d-%H%M%S}-", dir=out))
    say(
        "three bots: a relay behind a persona that denies it, a bot with its own voice, the same model served by itself"
    )
    say("references: heron-2 (the relay's upstream, with two short outages on the way), magpie-large, wren-mini")
    if not installed():
        say("the [embed] extra is not installed: the demo goes without the embedding view")
    with lab(seed) as bots, ThreadPoolExecutor(len(TRUTHS)) as pool:
        jobs = {name: pool.submit(_audit, bots, name, place, seed) for name in TRUTHS}
        reports = {name: job.result() for name, job in jobs.items()}
    width = 120 if sys.stdout.isatty() else 150
    Console(width=max(width, 100), highlight=False).print(_side_by_side(reports))
    right = {name: reports[name]["state"] in states for name, states in TRUTHS.items()}
    print(f"right: {sum(right.values())} of {len(right)} verdicts, in {clock.stopwatch() - started:.0f} s")
    print(f"the recordings lie in {place}; judge one again with: wrapdetect replay {place / 'relay.jsonl'}")
    return 0 if all(right.values()) else 1


@contextmanager
def lab(seed: int) -> Iterator[Bots]:
    """The demo's bots, running."""
    voices = load_voices()

    def voice(name: str, number: int, **more: object) -> VoiceBot:
        rng = random.Random(f"{seed}/{number}")
        return VoiceBot(voice=voices[name], rng=rng, schedule=Schedule(), **more)  # type: ignore[arg-type]

    with (
        serve(voice("heron", 1, outages=PlannedOutages(stretches=OUTAGES))) as heron,
        serve(voice("magpie", 2)) as magpie,
        serve(voice("wren", 3)) as wren,
        serve(voice("otter", 4)) as otter,
        serve(voice("heron", 5)) as twin,
        serve(
            WrapperBot(
                model="nova", upstream=heron.url, upstream_model="heron-2", persona=PERSONA, script=DENIAL, delay_s=0.01
            )
        ) as relay,
    ):
        yield Bots(
            targets={"relay": (relay, "nova"), "own voice": (otter, "otter-1"), "same model": (twin, "heron-2")},
            references={"heron": (heron, "heron-2"), "magpie": (magpie, "magpie-large"), "wren": (wren, "wren-mini")},
        )


def load_voices() -> dict[str, Voice]:
    """The shipped voices by id."""
    packs = [load_pack(name) for name in shipped_packs() if name != "short"]
    return {f.stem: load_voice(f, packs) for f in sorted((folder("fixtures") / "voices").glob("*.toml"))}


def audit_command(bots: Bots, name: str, file: Path, *more: str) -> list[str]:
    """The real command line for one of the bots, slow enough for both outages to fall into it."""
    target, model = bots.targets[name]
    command = [sys.executable, "-m", "wrapdetect", "audit", target.url, "--model", model, "--out", str(file)]
    for reference, (served, its_model) in bots.references.items():
        command += ["--reference", f"{reference}={served.url}#{its_model}"]
    return [*command, "--pack", "short", "--concurrency", "8", "--pace", "0.14", *more]


def _audit(bots: Bots, name: str, place: Path, seed: int) -> dict[str, object]:
    file = place / f"{name.replace(' ', '_')}.jsonl"
    command = audit_command(bots, name, file, "--json", "--seed", str(seed), "--timeout", "20")
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise WrapdetectError(
            f"the audit of the demo's {name} ended with {done.returncode}: {done.stderr.strip()[-600:]}"
        )
    say(f"audited: {name}")
    report: dict[str, object] = json.loads(done.stdout)
    return report


def _side_by_side(reports: Mapping[str, dict[str, object]]) -> Table:
    table = Table(title="three verdicts", show_lines=True)
    table.add_column("")
    for name in reports:
        table.add_column(name, ratio=1, overflow="fold")
    table.add_row("state", *(Text(_state(r), style="bold") for r in reports.values()))
    table.add_row("probability", *(_probability(r) for r in reports.values()))
    for axis in ("behaviour", "dependence"):
        table.add_row(f"{axis}, nats", *(f"{_number(r, f'{axis}_nats'):+.1f}" for r in reports.values()))
    for rule in ("text_words", "text_embedding", "identity_claim", "failures_together"):
        table.add_row(rule, *(Text(_finding(r, rule)) for r in reports.values()))
    return table


def _state(report: dict[str, object]) -> str:
    return f"{report['state']} of {report['upstream']}" if report["upstream"] else str(report["state"])


def _probability(report: Mapping[str, object]) -> str:
    middle, low, high = (share(_number(report, name)) for name in ("probability", "low", "high"))
    return f"{middle} of passing through, range {low} to {high}"


def _number(report: Mapping[str, object], name: str) -> float:
    value = report[name]
    assert isinstance(value, int | float)
    return float(value)


def _finding(report: dict[str, object], rule: str) -> str:
    findings = report["findings"]
    assert isinstance(findings, list)
    found = next((f for f in findings if f["rule"] == rule), None)
    if found is None:
        return "nothing to say"
    return (
        f"{found['upstream']}: {found['effect']:.2f}, llr {found['llr']:+.1f}\n{found['evidence']}\n{found['witness']}"
    )
