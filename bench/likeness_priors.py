"""What is known beforehand of each view: leads of unrelated models, and of one model against itself.

    python -m bench.likeness_priors [--data ../shared/data] [--no-embed] [--trials 150]

Prints the figures for seeds/likeness.toml. Unrelated: a model, five references of other families, 32 common prompts of
slop_score, m_ifeval or pm_llm_benchmark; its largest lead. Same: pairs of pm_llm_benchmark known to be one model by
another route (cloaked, web app, host, tool, quantised), and two samples of one model in persuasion_multiturn.
Nothing of alpaca_eval is used: bench.first_light reports on it.
"""

import argparse
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from wrapdetect.evidence.compare.behaviour.lead import Lead, lead
from wrapdetect.evidence.compare.behaviour.likeness import Speaker, measure
from wrapdetect.evidence.compare.behaviour.tfidf import available_views
from wrapdetect.evidence.compare.behaviour.views import View
from wrapdetect.model.prose import strip_think
from wrapdetect.store.embed import Embedder, cache_file

ROOT = Path(__file__).resolve().parent.parent
PROMPTS, REFERENCES = 32, 5
LONGEST = 2500
Answers = Mapping[str, Mapping[str, str]]
"""Model -> prompt -> answer."""


class Table(NamedTuple):
    """Answers of one data set, and the text of its prompts where it gives them."""

    answers: Answers
    prompts: Mapping[str, str]


def main() -> int:
    """Print mean, spread and quantiles of leads by view."""
    options = _options()
    data = Path(options.data)
    if not (data / "pm_llm_benchmark").exists():
        print(f"bench.likeness_priors: {data} does not hold the recorded answers; this benchmark needs them")
        return 2
    tables = {"slop_score": _slop(data), "m_ifeval": _ifeval(data), "pm_llm_benchmark": _pm(data)}
    pairs = _pm_pairs(data)
    views = available_views(Embedder(cache_file()) if options.embed else None)
    unrelated: dict[str, list[float]] = {}

    def trials_of(view_id: str) -> int:
        return int(options.trials) if view_id != "embedding" else max(int(options.trials) // 4, 10)

    for view_id, view in views.items():
        rng = np.random.default_rng(1)
        trials = trials_of(view_id)
        nulls = {name: list(_null(t, view, trials, rng)) for name, t in tables.items()}
        same = list(_same(tables["pm_llm_benchmark"], pairs, view, rng))
        resample = list(_resample(data, view, rng))
        print(f"[{view_id}]")
        for name, values in nulls.items():
            print(f"  unrelated, {name:18} n {len(values):4}  {_figures(values)}")
        every = [v for values in nulls.values() for v in values]
        unrelated[view_id] = [v for name in ("slop_score", "m_ifeval") for v in nulls[name][: trials_of("embedding")]]
        print(f"  unrelated, all                n {len(every):4}  {_figures(every)}")
        print(f"  same model, other route       n {len(same):4}  {_figures(same)}")
        print(f"  same model, second sample     n {len(resample):4}  {_figures(resample)}", flush=True)
    pairs_of_views = [(a, b) for a in unrelated for b in unrelated if a < b]
    found = [float(np.corrcoef(unrelated[a], unrelated[b])[0, 1]) for a, b in pairs_of_views]
    print(
        "correlation of unrelated leads: ",
        ", ".join(f"{a}/{b} {r:.2f}" for (a, b), r in zip(pairs_of_views, found, strict=True)),
    )
    return 0


def _null(table: Table, view: View, trials: int, rng: np.random.Generator) -> Iterator[float]:
    models = sorted(table.answers)
    for _ in range(trials):
        order = [models[k] for k in rng.permutation(len(models))]
        chosen: list[str] = []
        for model in order:
            if all(_family(model) != _family(c) for c in chosen):
                chosen.append(model)
            if len(chosen) == REFERENCES + 1:
                break
        if len(chosen) == REFERENCES + 1 and (leads := _leads(table, chosen[0], chosen[1:], view, rng)):
            yield max(found.value for found in leads.values())


def _same(table: Table, pairs: Sequence[tuple[str, str]], view: View, rng: np.random.Generator) -> Iterator[float]:
    models = sorted(table.answers)
    for target, upstream in pairs:
        for _ in range(2):
            strange = [m for m in models if _family(m) not in (_family(target), _family(upstream))]
            rest = [strange[k] for k in rng.permutation(len(strange))[: REFERENCES - 1]]
            leads = _leads(table, target, [upstream, *rest], view, rng)
            if upstream in leads:
                yield leads[upstream].value


def _resample(data: Path, view: View, rng: np.random.Generator) -> Iterator[float]:
    import pandas as pd  # noqa: PLC0415  # an extra that only benchmarks need

    frame = pd.read_parquet(data / "persuasion_multiturn" / "turns.parquet")
    frame = frame[frame.turn == frame.turn.min()]
    first: dict[str, dict[str, str]] = {}
    second: dict[str, dict[str, str]] = {}
    for (model, topic, side), group in frame.groupby(["model", "topic", "side"]):
        first.setdefault(model, {})[f"{topic}/{side}"] = group.text.iloc[0]
        second.setdefault(model, {})[f"{topic}/{side}"] = group.text.iloc[1]
    models = sorted(first)
    for model in models:
        rest = [m for m in models if m != model]
        others = [rest[k] for k in rng.permutation(len(rest))[: REFERENCES - 1]]
        leads = _leads(Table({**first, "again": second[model]}, {}), "again", [model, *others], view, rng)
        if model in leads:
            yield leads[model].value


def _leads(
    table: Table, target: str, references: Sequence[str], view: View, rng: np.random.Generator
) -> dict[str, Lead]:
    common = sorted(set.intersection(*(set(table.answers[m]) for m in (target, *references))))
    if len(common) < 16:
        return {}
    kept = [common[k] for k in rng.permutation(len(common))[:PROMPTS]]
    speakers: list[Speaker] = [(m, "") for m in (target, *references)]
    answers = {s: {p: (strip_think(table.answers[s[0]][p])[:LONGEST],) for p in kept} for s in speakers}
    like = measure(answers, {p: table.prompts.get(p, "") for p in kept}, view, learn_from=speakers)
    found = {c[0]: lead(like, speakers[0], c, [o for o in speakers[1:] if o != c], rng) for c in speakers[1:]}
    return {name: value for name, value in found.items() if value is not None}


def _family(model: str) -> str:
    """The name up to its first digit or mark: gpt, claude, qwen, ..."""
    return re.split(r"[\d\-_. ]", model.rpartition("/")[2].lower())[0]


def _slop(data: Path) -> Table:
    folder = data / "slop_score"
    answers = _table(folder / "responses.parquet", "model", "prompt_sha", "response")
    return Table(answers, _prompts(folder / "prompts.parquet", "prompt_sha"))


def _ifeval(data: Path) -> Table:
    file = data / "m_ifeval" / "responses.parquet"
    return Table(_table(file, "model", "idx", "response"), _prompts(file, "idx"))


def _pm(data: Path) -> Table:
    folder = data / "pm_llm_benchmark"
    answers = _table(folder / "responses.parquet", "target", "prompt_sha", "response")
    kept = {m: t for m, t in answers.items() if len(t) >= 20}
    return Table(kept, _prompts(folder / "prompts.parquet", "prompt_sha"))


def _prompts(file: Path, key: str) -> Mapping[str, str]:
    import pandas as pd  # noqa: PLC0415  # an extra that only benchmarks need

    frame = pd.read_parquet(file, columns=[key, "prompt"])
    return {str(k): str(p) for k, p in frame.itertuples(index=False)}


def _pm_pairs(data: Path) -> list[tuple[str, str]]:
    import pandas as pd  # noqa: PLC0415  # an extra that only benchmarks need

    relations = pd.read_parquet(data / "pm_llm_benchmark" / "relations.parquet")
    same = {"stealth", "host", "web_app_vs_api", "tool_search", "tool_code", "quant_vs_api"}
    table = _pm(data).answers
    pairs = {(r.target, r.reference) for r in relations.itertuples() if r.relation in same}
    return sorted(p for p in pairs if p[0] in table and p[1] in table)


def _table(file: Path, model: str, prompt: str, text: str) -> Answers:
    import pandas as pd  # noqa: PLC0415  # an extra that only benchmarks need

    table: dict[str, dict[str, str]] = {}
    for row in pd.read_parquet(file, columns=[model, prompt, text]).itertuples(index=False):
        if isinstance(row[2], str) and row[2].strip():
            table.setdefault(str(row[0]), {}).setdefault(str(row[1]), row[2])
    return table


def _figures(values: Sequence[float]) -> str:
    if not values:
        return "none"
    low, middle, high = np.quantile(values, (0.05, 0.5, 0.95))
    return f"mean {np.mean(values):+.3f}  sd {np.std(values):.3f}  5 % {low:+.3f}  50 % {middle:+.3f}  95 % {high:+.3f}"


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default=str(ROOT.parent / "shared" / "data"))
    parser.add_argument("--trials", type=int, default=150)
    parser.add_argument("--embed", action=argparse.BooleanOptionalAction, default=True)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
