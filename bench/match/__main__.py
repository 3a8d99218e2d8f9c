"""Whose answers are these: the whole table, false accusations first.

    python -m bench.match [--data ../shared/data] [--trials FILE] [--out FOLDER]

Every probability comes from a calibrator fitted on other data sets (other prompts) and other lineages (other targets)
than the trial at hand. Intervals are of 95 %, drawn by target. --trials keeps the trials in a file and takes them from
there the next time (they take most of the time); --out takes the plots. The two-sample test, the mixture, the adaptive
audit and speed have commands of their own beside this one.
"""

import argparse
import pickle
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bench.match import plots
from bench.match.fit import FOLDS, LINK, cross_fitted, kind_of
from bench.match.measures import calibration_error, cllr, cllr_min, clustered, true_positives, upper_bound
from bench.match.ranks import Ranked, Verification, everyone, ranks, telling_order, verification
from bench.match.sets import DATA, SETS, alpaca_pairs, cloaked, load
from bench.match.trials import Trial, every, library_scores
from bench.match.truth import lineages, related
from wrapdetect.evidence.seeds import Seeds
from wrapdetect.library.index import families
from wrapdetect.library.member import member_state, membership
from wrapdetect.model import State
from wrapdetect.store.shipped import load_seeds

ACCUSED = ("wrapper", "likely_wrapper")
NAMED = (*ACCUSED, "same_model")
VERIFIED_AT = 32


class Judged(NamedTuple):
    """A trial and what was said of it."""

    trial: Trial
    state: State
    family: float
    llr: float  # of the family against a stranger, prior odds taken off

    @property
    def named(self) -> bool:
        return self.state in NAMED

    @property
    def right(self) -> bool:
        return related(self.trial.target, self.trial.nearest)


def judge(trials: Sequence[Trial], seeds: Seeds) -> list[Judged]:
    """Each by a calibrator that has seen neither its prompts nor its lineage."""
    judged = []
    prior = seeds.matching.prior
    odds = np.log((prior.same + prior.sibling) / prior.stranger)
    for trial, calibrator in zip(trials, cross_fitted(trials), strict=True):
        own = seeds.matching.model_copy(update={"calibrator": calibrator})
        member = membership(trial.standard, trial.exact, trial.n, seeds.vendors.of_model(trial.nearest)[1], own)
        llr = float(np.log(member.family / (1 - member.family)) - odds)
        judged.append(Judged(trial, member_state(member, trial.n, own), member.family, llr))
    return judged


def share(rows: Sequence[Judged], what: Callable[[Judged], bool]) -> str:
    """k of n (trials), share, interval by target."""
    if not rows:
        return "none"
    hit = np.array([what(r) for r in rows])
    value, low, high = clustered(lambda i: float(hit[i].mean()), [f"{r.trial.set} {r.trial.target}" for r in rows])
    return f"{hit.sum():5} of {len(rows):5}  {value:.3f}  ({low:.3f} to {high:.3f})"


def accusations(judged: Sequence[Judged]) -> None:
    """The first lines: honest speakers, whose own model is not in the library."""
    honest = [j for j in judged if j.trial.condition != "same"]
    names = [j.trial.target for j in honest]
    bound = upper_bound([j.state in ACCUSED for j in honest], names)
    print("honest non-wrappers (own model not in the library; siblings and fine-tunes of it are, or nobody of its kin)")
    print(f"  called wrapper or likely_wrapper   {share(honest, lambda j: j.state in ACCUSED)}")
    print(f"    upper end of the exact interval over {len(set(names))} targets: {bound:.3f}")
    wrong = [j for j in honest if j.trial.condition == "stranger"]
    print(f"  strangers: a family named at all   {share(wrong, lambda j: j.named)}")
    for name in sorted({j.trial.set for j in wrong}):
        for n in sorted({j.trial.n for j in wrong if j.trial.set == name}):
            rows = [j for j in wrong if j.trial.set == name and j.trial.n == n]
            print(f"    {name:10} {n:3} prompts             {share(rows, lambda j: j.named)}")
    worst = Counter((j.trial.target, j.trial.nearest) for j in wrong if j.named)
    for (target, nearest), k in worst.most_common(12):
        print(f"    {target} as {nearest}: {k}")


def naming(judged: Sequence[Judged], kin: Mapping[str, Mapping[str, frozenset[str]]]) -> None:
    """Right families named where somebody of the family is there."""
    print("\nright family named (truth by name: same lineage; nearest is of another lineage: wrong)")
    for condition, what in (("same", "own model in the library"), ("sibling", "only its generation's siblings there")):
        for name in sorted({j.trial.set for j in judged}):
            for n in (16, 32):
                rows = [j for j in judged if (j.trial.set, j.trial.condition, j.trial.n) == (name, condition, n)]
                if rows:
                    print(f"  {what:37} {name:10} {n:3}  right {share(rows, lambda j: j.named and j.right)}")
                    print(f"  {'':37} {'':10} {'':3}  wrong {share(rows, lambda j: j.named and not j.right)}")
    print("right family named (truth by data: targets that the whole library groups with others)")
    for name, groups in kin.items():
        for n in (16, 32):
            best: dict[str, Judged] = {}
            for j in judged:
                t = j.trial
                if (t.set, t.n) != (name, n) or t.condition == "stranger" or not groups.get(t.target):
                    continue
                if t.target not in best or t.condition == "same":  # the fuller library of the two
                    best[t.target] = j
            rows = list(best.values())
            own = [j.trial.nearest in groups[j.trial.target] for j in rows]
            right = {id(j): o for j, o in zip(rows, own, strict=True)}
            print(f"  {name:10} {n:3}  named   {share(rows, lambda j, r=right: j.named and r[id(j)])}")  # type: ignore[misc]
            print(f"  {'':10} {'':3}  nearest {share(rows, lambda j, r=right: r[id(j)])}")  # type: ignore[misc]


def wrappers(judged: Sequence[Judged], truth: Mapping[str, str]) -> None:
    """What is said of the known wrappers, one by one, with their upstream there and with all its kin away."""
    print("\nknown wrappers: state at 16, 32 and most prompts; kin away")
    for target, upstream in truth.items():
        own = [j for j in judged if j.trial.target == target and j.trial.set in ("alpaca", "pm_v2")]
        there = {
            j.trial.n: f"{j.state} ({j.trial.nearest}, {j.family:.2f})" for j in own if j.trial.condition == "same"
        }
        away = {j.trial.n: j.state for j in own if j.trial.condition == "stranger"}
        said = "; ".join(f"{n}: {there[n]}" for n in sorted(there) if n != 8)
        print(f"  {target} (of {upstream}): {said}; away: {'; '.join(f'{n}: {s}' for n, s in sorted(away.items()))}")


def likelihood_ratios(judged: Sequence[Judged]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Of the nearest among all: its family is right, or the target is a stranger to it."""
    own = [j for j in judged if kind_of(j.trial) != "sibling"]
    llr = np.array([j.llr for j in own])
    true = np.array([kind_of(j.trial) == "same" for j in own])
    print_ratios("identification: the nearest of all, own model in the library against strangers", llr, true,
                 [j.trial.target for j in own])  # fmt: skip
    return llr, true


def print_ratios(what: str, llr: NDArray[np.float64], true: NDArray[np.bool_], targets: Sequence[str]) -> None:
    print(f"\n{what} ({true.sum()} true, {(~true).sum()} false)")
    for name, measure in (
        ("Cllr", cllr),
        ("Cllr_min", cllr_min),
        ("ECE", lambda x, y: calibration_error(x, y)[0]),
        ("true positives at 1 % false", lambda x, y: true_positives(x, y, 0.01)),
        ("true positives at 2 % false", lambda x, y: true_positives(x, y, 0.02)),
    ):
        value, low, high = clustered(lambda i, m=measure: m(llr[i], true[i]), targets, draws=200)  # type: ignore[misc]
        print(f"  {name:28} {value:.3f}  ({low:.3f} to {high:.3f})")


def verify(found: Mapping[str, Verification]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Pairs: one model, or another family; logistic calibration from the other sets and lineages."""
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415

    names = [n for n, v in found.items() for _ in v.target]
    targets = [t for v in found.values() for t in v.target]
    score = np.concatenate([v.score for v in found.values()])
    true = np.concatenate([v.true for v in found.values()])
    source = np.array([n[:2] for n in names])
    fold = np.array([sum(map(ord, min(lineages(t)))) % FOLDS for t in targets])
    llr = np.zeros(len(score))
    for s in set(source):
        for f in range(FOLDS):
            test = (source == s) & (fold == f)
            train = (source != s) & (fold != f)
            if test.any():
                model = LogisticRegression(class_weight="balanced").fit(score[train, None], true[train])
                llr[test] = np.clip(model.decision_function(score[test, None]), -7, 7)
    for name in found:
        own = np.array([n == name for n in names])
        if true[own].sum() >= 5:
            value, low, high = clustered(
                lambda i, o=own: true_positives(score[o][i], true[o][i], 0.01),  # type: ignore[misc]
                [t for t, k in zip(targets, own, strict=True) if k],
                draws=200,
            )
            print(f"  verification {name:10} true positives at 1 % false {value:.3f} ({low:.3f} to {high:.3f})")
    print_ratios(f"verification: wrapper against other families, pairs, {VERIFIED_AT} prompts", llr, true, targets)
    return llr, true


def print_ranks(what: str, found: Sequence[Ranked]) -> None:
    """Share of draws with the true upstream first, by number of prompts."""
    print(f"\n{what}")
    for n in sorted({r.n for r in found}):
        own = [r for r in found if r.n == n]
        first = np.array([r.first for r in own])
        value, low, high = clustered(lambda i, f=first: float(f[i].mean()), [r.target for r in own])  # type: ignore[misc]
        always = int((first == 1).sum())
        print(f"  {n:3} prompts  {value:.3f}  ({low:.3f} to {high:.3f})   in every draw {always} of {len(own)}")
    longest = max(r.n for r in found)
    for r in found:
        if r.n in (16, longest) and r.first < 1:
            instead = ", ".join(f"{m} {k}" for m, k in sorted(r.instead.items(), key=lambda x: -x[1])[:3])
            print(f"    {r.target} at {r.n}: first in {r.first:.2f} of draws; instead {instead}")


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--trials", type=Path)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    if not (options.data / "pm_llm_benchmark").is_dir():
        print(f"bench.match: {options.data} is missing; this benchmark needs the recorded answers of ../shared/data")
        return 2
    seeds = load_seeds()
    weights = seeds.matching.weight
    judged = judge(_trials(options.trials, options.data, weights), seeds)
    pairs, masks = alpaca_pairs(options.data), cloaked(options.data)
    truth = dict(zip(pairs.target, pairs.upstream, strict=True)) | dict(
        zip(masks.target, masks.reference_in_data, strict=True)
    )
    verified: dict[str, Verification] = {}
    kin: dict[str, dict[str, frozenset[str]]] = {}
    ranked: dict[str, list[Ranked]] = {}
    for name in SETS:
        recorded = load(name, options.data)
        all_ = everyone(recorded, weights, targets_too=False)
        verified[name] = verification(all_, VERIFIED_AT)
        if name in ("alpaca", "pm_v2"):
            models = [i for i, s in enumerate(recorded.speakers) if s not in recorded.targets]
            group = families(library_scores(recorded, models, weights), LINK)
            names = [recorded.speakers[i] for i in models]
            kin[name] = {
                m: frozenset(o for o, g in zip(names, group, strict=True) if g == group[i] and o != m)
                for i, m in enumerate(names)
            }
        if name == "alpaca":
            asked = list(zip(pairs.target, pairs.upstream, strict=True))
            aside = frozenset(pairs.target)
            everybody = everyone(recorded, weights, targets_too=True)
            ranked["AlpacaEval pairs, among all other systems"] = ranks(everybody, asked, (8, 16, 32, 64))
            ranked["AlpacaEval pairs, other known wrappers set aside"] = ranks(all_, asked, (8, 16, 32, 64), aside)
            first = telling_order(all_, dict(zip(names, group.tolist(), strict=True)))
            ranked["the same, prompts that tell most"] = ranks(all_, asked, (8, 16, 32, 64), aside, first)
        if name == "pm_v2":
            asked = list(zip(masks.target, masks.reference_in_data, strict=True))
            ranked["cloaked models, among 249"] = ranks(all_, asked, (8, 16, 32, len(all_.scores)))
            first = telling_order(all_, dict(zip(names, group.tolist(), strict=True)))
            ranked["cloaked models, prompts that tell most"] = ranks(all_, asked, (8, 16, 32), order=first)
    accusations(judged)
    naming(judged, kin)
    wrappers(judged, truth)
    for what, rows in ranked.items():
        print_ranks(f"upstream at rank 1: {what}", rows)
    print()
    pair_llr = verify(verified)
    near_llr = likelihood_ratios(judged)
    if options.out:
        options.out.mkdir(parents=True, exist_ok=True)
        plots.reliability(options.out / "reliability.png", {"verification": pair_llr, "identification": near_llr})
        plots.detection(options.out / "det.png", {"verification": pair_llr, "identification": near_llr})
        plots.rank_curves(options.out / "rank.png", ranked)
        print(f"\nplots in {options.out}")
    return 0


def _trials(kept: Path | None, data: Path, weights: Mapping[str, float]) -> list[Trial]:
    if kept and kept.exists():
        return [Trial(**t) for t in pickle.loads(kept.read_bytes())]
    found = every(tuple(SETS), data, weights, LINK)
    if kept:
        kept.write_bytes(pickle.dumps([t._asdict() for t in found]))
    return found


if __name__ == "__main__":
    raise SystemExit(main())
