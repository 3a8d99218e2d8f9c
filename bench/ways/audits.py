"""One bot audited by one way in, by the real command line: audit, import of a table, or ask --manual."""

import json
import random
import re
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import httpx

from bench.ways.lab import WAYS, Pasted, Truth, placed
from wrapdetect.model import Endpoint, Item, Weights
from wrapdetect.store import run_file
from wrapdetect.store.shipped import load_pack
from wrapdetect.targets.written import dump_target

PACK = "short"
ASKING = ("--concurrency", "8", "--pace", "0.14", "--timeout", "20")
"""As in the demo."""
TOGETHER = 4
"""Conversations at a time of whoever fills a table."""
SHOWN = re.compile(r"\n--- [^\n]*?: (start a NEW|same) conversation[^\n]* ---\n(.*?)\n---\n", re.S)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What was said of a bot by one way. `llr` is by rule, in nats, against the reference that is nearest; `missing`
    is what the target's exchanges lack; `seconds` is of the whole command, and of filling the table before it."""

    truth: Truth
    way: str
    seed: int
    state: str
    upstream: str | None
    probability: float
    low: float
    high: float
    behaviour: float
    dependence: float
    llr: Mapping[str, float]
    planned: int
    answered: int
    failures: Mapping[str, int]
    missing: tuple[str, ...]
    bugs: tuple[str, ...]
    seconds: float


def audited(
    truth: Truth, name: str, seed: int, folder: Path, *, weights: Weights = "unknown", embed: bool = False
) -> Outcome:
    """Begin the lab, audit, read the report and the run. Raises RuntimeError where the command did not end well."""
    way, begun = WAYS[name], time.perf_counter()
    run = folder / f"{truth.replace(' ', '_')}-{name}-{seed}.jsonl"
    common = ["--pack", PACK, "--seed", str(seed), "--out", str(run), "--json", "--embed" if embed else "--no-embed"]
    with placed(truth, way, seed, weights) as place:
        config = run.with_suffix(".toml")
        asked = place.references if isinstance(way, Pasted) else (place.target, *place.references)
        config.write_text("\n".join(dump_target(e) for e in asked), encoding="utf-8")
        common += ["--config", str(config)]
        match way:
            case Pasted("import"):
                items = random.Random(seed).sample(load_pack(PACK).items, k=len(load_pack(PACK).items))
                text = _imported(place.target, items, run.with_suffix(".table.jsonl"), common)
            case Pasted("by hand"):
                text = _by_hand(place.target, common)
            case _:
                text = _finished(["audit", *ASKING, *common])
    return _outcome(truth, name, seed, json.loads(text), run, time.perf_counter() - begun)


def _outcome(truth: Truth, way: str, seed: int, report: dict[str, object], run: Path, seconds: float) -> Outcome:
    def number(key: str) -> float:
        return float(str(report[key]))

    findings, tallies, bugs = report["findings"], report["tallies"], report["bugs"]
    assert isinstance(findings, list)
    assert isinstance(tallies, list)
    assert isinstance(bugs, list)
    nearest = findings[0]["upstream"] if findings else None
    tally = next(t for t in tallies if t["endpoint"] == "target")
    exchanges = [e for e in run_file.load_file(run).run.exchanges if e.endpoint == "target"]
    return Outcome(
        truth=truth,
        way=way,
        seed=seed,
        state=str(report["state"]),
        upstream=None if report["upstream"] is None else str(report["upstream"]),
        probability=number("probability"),
        low=number("low"),
        high=number("high"),
        behaviour=number("behaviour_nats"),
        dependence=number("dependence_nats"),
        llr={f["rule"]: f["llr"] for f in findings if f["upstream"] == nearest},
        planned=tally["planned"],
        answered=tally["answered"],
        failures=tally["failures"],
        missing=tuple(sorted({m for e in exchanges for m in e.missing})),
        bugs=tuple(map(str, bugs)),
        seconds=seconds,
    )


def _imported(bot: Endpoint, items: Sequence[Item], table: Path, common: Sequence[str]) -> str:
    """Ask for each conversation, write down those that were answered to their end, import the table."""
    with ThreadPoolExecutor(TOGETHER) as pool:
        told = list(pool.map(lambda item: _conversation(bot, item), items))
    table.write_text("".join(json.dumps({"messages": m}) + "\n" for m in told if m), encoding="utf-8")
    return _finished(["import", str(table), "--target", "target", *ASKING, *common])


def _conversation(bot: Endpoint, item: Item) -> list[dict[str, str]]:
    """Empty where the bot failed."""
    messages: list[dict[str, str]] = []
    for turn in item.turns:
        messages.append({"role": "user", "content": turn})
        answer = _answer(bot, messages)
        if answer is None:
            return []
        messages.append({"role": "assistant", "content": answer})
    return messages


def _answer(bot: Endpoint, messages: list[dict[str, str]]) -> str | None:
    """What a person would see; None where the bot is down."""
    body = {"model": bot.model, "messages": messages, "max_tokens": 400}
    reply = httpx.post(f"{bot.url}/chat/completions", json=body, timeout=60, trust_env=False)
    return str(reply.json()["choices"][0]["message"]["content"]) if reply.status_code == 200 else None


def _by_hand(bot: Endpoint, common: Sequence[str]) -> str:
    """A person who reads what is shown, asks the bot, and pastes what it says."""
    command = _command(["ask", "--manual", "the bot", *common])
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as person:
        assert person.stdin
        assert person.stdout
        assert person.stderr
        with ThreadPoolExecutor(1) as pool:
            report = pool.submit(person.stdout.read)  # else a long report would fill the pipe
            said = _converse(bot, person.stdin, person.stderr)
            text = report.result().decode()
    if person.returncode != 0:
        raise RuntimeError(f"ask --manual ended with {person.returncode}: {said[-600:]}")
    return text


def _converse(bot: Endpoint, typed: IO[bytes], shown: IO[bytes]) -> str:
    """Answer each question that is shown, until nothing more is; gives what was shown last."""
    messages: list[dict[str, str]] = []
    rest, everything = b"", ""
    while piece := shown.read1():  # type: ignore[attr-defined]  # a pipe of Popen is buffered
        rest += piece
        everything += piece.decode(errors="replace")
        while found := SHOWN.search(rest.decode(errors="ignore")):
            rest = rest.decode(errors="ignore")[found.end() :].encode()
            messages = [] if found[1] != "same" else messages
            messages.append({"role": "user", "content": found[2]})
            answer = _answer(bot, messages)
            typed.write(b"f\nit said that it is down\n" if answer is None else _typed(answer))
            typed.flush()
            messages.append({"role": "assistant", "content": answer or ""})
    return everything


def _typed(answer: str) -> bytes:
    r"""As it is pasted: to the single ".".

    >>> _typed("c")
    b'\\c\n.\n'
    """
    first, _, _ = answer.partition("\n")
    return (("\\" if first.strip() in ("c", "s", "f", "q") else "") + answer + "\n.\n").encode()


def _finished(arguments: Sequence[str]) -> str:
    done = subprocess.run(_command(arguments), capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(arguments[:3])} ended with {done.returncode}: {done.stderr.strip()[-600:]}")
    return done.stdout


def _command(arguments: Sequence[str]) -> list[str]:
    return [sys.executable, "-m", "wrapdetect", *arguments]
