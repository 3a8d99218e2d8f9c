"""What real data can say of rule latency_together: do latencies of one host move together more than of two hosts?

    python -m bench.latency_together [--data ../shared/data] [--draws 400] [--seed 1]

No recorded data has a relay and its upstream on one clock, so models of one provider stand for them: they share what
the rule looks for, a load. Two views, neither with the seven days of heartbeats that the rule itself asks for:
  openrouter_pulse              daily p50 latency of (model, provider), 12 days; less each endpoint's mean and each
                                day's median over providers; correlation over the days of both, at least 8
  timing_prompt_caching_audit   five-minute medians of request times; less each run's median and line; runs of the
                                same service do not overlap, so that only different providers can be paired: the level
Power is the share of pairs beyond the 95 % quantile of unrelated pairs (level 0.05 by construction) in the first, the
level in the second the share of pairs beyond the 95 % quantile of their own, one shifted in circles. Intervals:
bootstrap over providers, or runs.
"""

import argparse
import sys
from collections.abc import Mapping
from itertools import combinations
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.random import Generator
from numpy.typing import NDArray

ROOT = Path(__file__).resolve().parent.parent
Floats = NDArray[np.float64]
FEWEST_DAYS, MOST_OF_ONE = 8, 8
"""Days of both; endpoints of one provider, the most asked, so that no provider is most of the pairs."""
FEWEST_REQUESTS = 50
FEWEST_BINS, BIN_S = 6, 300


class Scored(NamedTuple):
    """A pair: groups of its two series, correlation, and its correlations with one shifted."""

    a: str
    b: str
    r: float
    shifted: Floats


def main() -> int:
    """Print level and power with their intervals."""
    options = _options()
    pulse = options.data / "openrouter_pulse" / "endpoint_perf_snapshot.parquet"
    audit = options.data / "timing_prompt_caching_audit" / "requests.parquet"
    missing = [p for p in (pulse, audit) if not p.exists()]
    if missing:
        print(f"bench.latency_together: no {missing[0]}; give the folder of the recorded data with --data")
        return 2
    rng = np.random.default_rng(options.seed)
    pairs, model = _pulse_pairs(pulse)
    print(f"openrouter_pulse: {len({p.a for p in pairs} | {p.b for p in pairs})} endpoints, daily p50 latency")
    host = {name: name.split("|")[0] for p in pairs for name in (p.a, p.b)}
    kinds = {
        "same provider, other model": [p for p in pairs if host[p.a] == host[p.b] and model[p.a] != model[p.b]],
        "same model, other provider": [p for p in pairs if host[p.a] != host[p.b] and model[p.a] == model[p.b]],
        "neither": [p for p in pairs if host[p.a] != host[p.b] and model[p.a] != model[p.b]],
    }
    limit = float(np.quantile([p.r for p in kinds["neither"]], 0.95))
    for kind, some in kinds.items():
        _print(kind, some, host, options.draws, rng, limit)
    pairs = _audit_pairs(audit)
    print("timing_prompt_caching_audit: runs of different providers at the same time, five-minute medians")
    _print("different provider", pairs, {n: n for p in pairs for n in (p.a, p.b)}, options.draws, rng)
    return 0


def _print(
    kind: str, pairs: list[Scored], group: Mapping[str, str], draws: int, rng: Generator, limit: float | None = None
) -> None:
    """One line; `limit` is the correlation beyond which a pair counts, without it each pair's own shifts give it."""
    if not pairs:
        print(f"  {kind:28} no pairs")
        return
    r = np.array([p.r for p in pairs])
    beyond = np.array([p.r > (np.quantile(p.shifted, 0.95) if limit is None else limit) for p in pairs], float)
    names = sorted({group[n] for p in pairs for n in (p.a, p.b)})
    place = {n: k for k, n in enumerate(names)}
    a, b = (np.array([place[group[n]] for n in side]) for side in ([p.a for p in pairs], [p.b for p in pairs]))
    means = []
    for count in rng.multinomial(len(names), np.full(len(names), 1 / len(names)), draws):
        weight = np.where(a == b, count[a], count[a] * count[b]).astype(float)
        if weight.sum():
            means.append((np.average(r, weights=weight), np.average(beyond, weights=weight)))
    low, high = np.quantile(np.array(means), [0.025, 0.975], axis=0)
    print(
        f"  {kind:28} {len(pairs):6d} pairs of {len(names):3d} groups   mean r {r.mean():+.3f} [{low[0]:+.3f}, "
        f"{high[0]:+.3f}]   beyond 95 % {beyond.mean():.3f} [{low[1]:.3f}, {high[1]:.3f}]"
    )


def _pulse_pairs(path: Path) -> tuple[list[Scored], dict[str, str]]:
    """Pairs of endpoints, named `provider|model|id`, and the model of each."""
    rows = pd.read_parquet(path)
    rows = rows[rows.p50_latency.gt(0) & rows.stat_request_count.ge(FEWEST_REQUESTS)]
    table = rows.pivot_table(index="endpoint_id", columns="snapshot_date", values="p50_latency", aggfunc="median")
    table = np.log(table[table.notna().sum(axis=1) >= FEWEST_DAYS])
    about = rows.groupby("endpoint_id").agg(
        provider=("provider_name", "first"), model=("model_permaslug", "first"), n=("stat_request_count", "sum")
    )
    about = about.loc[table.index].sort_values("n", ascending=False)
    about = about.groupby("provider").head(MOST_OF_ONE)
    table = table.loc[about.index]
    table = table.sub(table.median(axis=1), axis=0)
    by_provider = table.groupby(about.provider).median()  # the common part: each provider speaks once
    table = table.sub(by_provider.median(axis=0), axis=1)
    names = [f"{p}|{m}|{i}" for i, p, m in zip(about.index, about.provider, about.model, strict=True)]
    lines = table.to_numpy(float)
    pairs = [_scored(names[i], names[j], lines[i], lines[j]) for i, j in combinations(range(len(names)), 2)]
    return [p for p in pairs if p is not None], dict(zip(names, about.model, strict=True))


def _audit_pairs(path: Path) -> list[Scored]:
    rows = pd.read_parquet(path, columns=["run", "provider", "sent_unix", "client_time_s", "kind"])
    rows["slot"] = (rows.sent_unix // BIN_S).astype(int)
    table = np.log(rows.pivot_table(index="run", columns="slot", values="client_time_s", aggfunc="median"))
    provider = rows.groupby("run").provider.first()
    found = []
    for a, b in combinations(table.index, 2):
        both = table.loc[[a, b]].dropna(axis=1)
        if provider[a] != provider[b] and both.shape[1] >= FEWEST_BINS:
            at = both.columns.to_numpy(float)
            x, y = (v - np.polyval(np.polyfit(at, v, 1), at) for v in both.to_numpy(float))
            scored = _scored(a, b, x, y)
            found += [scored] if scored else []
    return found


def _scored(a: str, b: str, x: Floats, y: Floats) -> Scored | None:
    """None where fewer than FEWEST_BINS moments are known of both, or one does not vary."""
    both = np.isfinite(x) & np.isfinite(y)
    x, y = x[both], y[both]
    if len(x) < FEWEST_BINS or x.std() < 1e-9 or y.std() < 1e-9:
        return None
    x, y = (x - x.mean()) / x.std(), (y - y.mean()) / y.std()
    r = np.array([np.mean(np.roll(x, k) * y) for k in range(len(x))])
    return Scored(a, b, float(r[0]), r[1:])


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.latency_together", description=__doc__)
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    parser.add_argument("--draws", type=int, default=400)
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
