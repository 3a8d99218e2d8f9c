"""Known wrappers of AlpacaEval, audited with the real command line over loopback HTTP.

    python -m bench.first_light [--data ../shared/data] [--prompts 32] [--seed 1] [--no-embed]

For each pair of pairs.csv: the wrapper as target; its true upstream and four other systems as references, each
serving its recorded answers token by token. Negative control: the upstream's seat is taken by another system.
"""

import argparse
import contextlib
import csv
import json
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from tests.lab.bots import RecordedBot
from wrapdetect.cli.demo.server import serve

ROOT = Path(__file__).resolve().parent.parent
NAMED = ("wrapper", "likely_wrapper", "same_model")
Answers = Mapping[str, Mapping[str, str]]


class Case(NamedTuple):
    """One audit: who is asked, who stands beside, and who is behind it (None in the negative control)."""

    target: str
    references: tuple[str, ...]
    upstream: str | None
    wrapping: str


class Result(NamedTuple):
    """What came out of one audit."""

    case: Case
    report: Mapping[str, object]
    seconds: float
    requests: int


def main() -> int:
    """Print the table; 0 where at least 9 in 10 upstreams are named and no negative control is called wrapper."""
    options = _options()
    data = Path(options.data) / "alpaca_eval"
    if not (data / "pairs.csv").exists():
        print(
            f"bench.first_light: {data}/pairs.csv is missing; this benchmark needs the recorded answers of AlpacaEval"
        )
        return 2
    prompts, answers, pairs = load(data)
    cases = make_cases(pairs, sorted(answers), options.seed)
    chosen = random.Random(options.seed).sample(sorted(prompts), options.prompts)
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(2) as pool:
        pack = Path(folder) / "recorded.toml"
        pack.write_text(pack_text([prompts[p] for p in chosen]), encoding="utf-8")
        jobs = [pool.submit(audit, c, answers, prompts, chosen, pack, options.embed) for c in cases]
        results = [j.result() for j in jobs]
    return report(results, options.prompts)


def load(data: Path) -> tuple[dict[str, str], dict[str, dict[str, str]], list[dict[str, str]]]:
    """Prompts by hash, answers by system and hash, and the known pairs."""
    import pandas as pd  # noqa: PLC0415  # an extra that only benchmarks need

    prompts = {r.prompt_sha: r.prompt for r in pd.read_parquet(data / "prompts.parquet").itertuples()}
    answers: dict[str, dict[str, str]] = {}
    for row in pd.read_parquet(data / "responses.parquet").itertuples():
        answers.setdefault(row.model, {})[row.prompt_sha] = row.output
    with (data / "pairs.csv").open(encoding="utf-8") as file:
        return prompts, answers, list(csv.DictReader(file))


def make_cases(pairs: Sequence[Mapping[str, str]], systems: Sequence[str], seed: int) -> list[Case]:
    """Positive and negative case of each pair; references drawn from all systems that wrap nothing known."""
    wrappers = {p["target"] for p in pairs}
    cases = []
    for pair in pairs:
        rng = random.Random(f"{seed}/{pair['target']}")
        pool = [s for s in systems if s not in wrappers and s != pair["upstream"]]
        four, other = rng.sample(pool, 4), ""
        while not other or other in four:
            other = rng.choice(pool)
        cases.append(Case(pair["target"], (pair["upstream"], *four), pair["upstream"], pair["wrapping"]))
        cases.append(Case(pair["target"], (other, *four), None, pair["wrapping"]))
    return cases


def pack_text(prompts: Sequence[str]) -> str:
    """A pack of recorded prompts; JSON strings are TOML strings once DEL is escaped."""
    head = 'id = "recorded"\nversion = 1\ntitle = "Recorded"\npurpose = "Recorded prompts."\n'
    head += "temperature = 0.7\nmax_tokens = 2000\n"
    items = (
        f'\n[[item]]\nid = "p{k}"\nlanguage = "en"\nturns = [{_toml(p)}]\npurpose = "A recorded prompt."\n'
        'readers = ["text"]\n'
        for k, p in enumerate(prompts)
    )
    return head + "".join(items)


def audit(
    case: Case, answers: Answers, prompts: Mapping[str, str], chosen: Sequence[str], pack: Path, embed: bool
) -> Result:
    """Serve the six systems and audit the target with the real command line."""
    started = time.perf_counter()
    with contextlib.ExitStack() as stack:
        served = {
            name: stack.enter_context(
                serve(RecordedBot(model=name, answers={prompts[p]: answers[name].get(p, "") for p in chosen}))
            )
            for name in (case.target, *case.references)
        }
        command = [
            sys.executable,
            "-m",
            "wrapdetect",
            "audit",
            served[case.target].url,
            "--model",
            case.target,
            "--json",
        ]
        for name in case.references:
            command += ["--reference", f"{name}={served[name].url}#{name}"]
        command += ["--pack", str(pack), "--concurrency", "8", "--max-tokens", "10000000"]
        command += ["--embed" if embed else "--no-embed"]
        command += ["--out", str(pack.with_name(f"{case.target}-{bool(case.upstream)}.jsonl"))]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise SystemExit(f"{case.target}: exit {done.returncode}: {done.stderr[-800:]}")
        requests = sum(len(s.requests) for s in served.values())
    return Result(case, json.loads(done.stdout), time.perf_counter() - started, requests)


def report(results: Sequence[Result], prompts: int) -> int:
    """The false accusations first, then the table."""
    positive = [r for r in results if r.case.upstream]
    negative = [r for r in results if not r.case.upstream]
    named = [r for r in positive if r.report["state"] in NAMED and r.report["upstream"] == r.case.upstream]
    called = {s: sum(r.report["state"] == s for r in negative) for s in ("wrapper", "likely_wrapper", "same_model")}
    print(f"negative controls called wrapper {called['wrapper']}, likely_wrapper {called['likely_wrapper']}, ", end="")
    print(f"same_model {called['same_model']}, of {len(negative)}")
    nearest = sum(_lead(r) == r.case.upstream for r in positive)
    print(f"upstream named in {len(named)} of {len(positive)} pairs; {prompts} prompts, 5 references, one draw")
    print(f"upstream nearest of the five, named or not, in {nearest} of {len(positive)}\n")
    print(
        f"{'target':30} {'wrapping':14} {'state':15} {'named':28} {'p':>5} {'lead/llr by view':>32} {'req':>5} {'s':>5}"
    )
    for r in results:
        row = (
            f"{r.case.target:30} {r.case.wrapping if r.case.upstream else '(no upstream)':14} {r.report['state']!s:15} "
        )
        row += f"{r.report['upstream'] or '-'!s:28} {r.report['probability']:5.2f} {_llrs(r):>32} "
        row += f"{r.requests:5} {r.seconds:5.1f}"
        print(row)
    right = len(named) >= 0.9 * len(positive) and called["wrapper"] == 0
    print(f"\n{'reached' if right else 'NOT reached'}: at least 9 in 10 named, no negative control called wrapper")
    return 0 if right else 1


def _lead(result: Result) -> str:
    """The reference that the report puts first."""
    findings = result.report["findings"]
    assert isinstance(findings, list)
    return str(findings[0]["upstream"]) if findings else ""


def _llrs(result: Result) -> str:
    findings, lead = result.report["findings"], _lead(result)
    assert isinstance(findings, list)
    found = [f for f in findings if f["upstream"] == lead and f["rule"].startswith("text_")]
    return " ".join(f"{f['effect']:.2f}/{f['llr']:+.1f}" for f in found)


def _toml(text: str) -> str:
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default=str(ROOT.parent / "shared" / "data"))
    parser.add_argument("--prompts", type=int, default=32)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--embed", action=argparse.BooleanOptionalAction, default=True)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
