"""Fits seeds/match.toml: the weights of the views, the likelihood ratios, the betas of exact answers.

    python -m bench.match.fit [--data ../shared/data] [--trials FILE] [--write]

Prints what it fitted; `--write` puts it into seeds/match.toml. All data sets are used, whole: what is reported of the
instrument comes from `python -m bench.match`, which fits anew for each data set and fold from the others.
"""

import argparse
import datetime
import pickle
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import betaln, logsumexp
from sklearn.linear_model import LogisticRegression

from bench.match.sets import DATA, SETS, Recorded, load
from bench.match.trials import Trial, every
from bench.match.truth import lineages, related, same_model
from wrapdetect.evidence.seeds import Beta, Exact, Line, MatchCalibrator
from wrapdetect.library.nearest import Rows, question_scores

SEEDS = Path(__file__).resolve().parents[2] / "seeds" / "match.toml"
VIEWS = ("words", "chars", "layout", "opening", "refusal")
LINK = 0.8
RIDGE = 0.1
"""Views repeat one another: a firm ridge shares the weight among them and leaves what is found elsewhere as it is (the
area under the curve on the data set left out is the same to the third decimal from .001 to 10)."""
BOUND, MEMBER_BOUND, EXACT_BOUND = 6.0, 1.5, 3.0
FOLDS = 5
Floats = NDArray[np.float64]


class Pairs(NamedTuple):
    """Mean scores by view of pairs of speaker and model; `kin` 1 for the same model, 0 for strangers."""

    x: Floats
    kin: NDArray[np.int64]
    group: tuple[str, ...]


def pairs_of(recorded: Recorded, rng: np.random.Generator, prompts: int = 16, repeats: int = 4) -> Pairs:
    """All pairs of one model, and ten random strangers for each speaker, at several draws of prompts."""
    models = np.array([i for i, s in enumerate(recorded.speakers) if s not in recorded.targets])
    everybody = np.concatenate(
        [np.array([i for i, s in enumerate(recorded.speakers) if s in recorded.targets], int), models]
    )
    own = np.array([list(models).index(i) if i in models else -1 for i in everybody])
    first = len(everybody) - len(models)
    x, kin, group = [], [], []
    for _ in range(repeats):
        chosen = rng.permutation(len(recorded.prints))[:prompts]
        found = [
            question_scores(Rows(recorded.prints[q].rows(everybody), own), recorded.prints[q].rows(models), first)
            for q in chosen
        ]
        with np.errstate(invalid="ignore"):
            mean = np.stack([np.nan_to_num(np.stack([f[v] for f in found])).mean(axis=0) for v in VIEWS], axis=-1)  # type: ignore[index]
        for row, speaker in enumerate(everybody):
            name = recorded.speakers[speaker]
            others = [(c, recorded.speakers[m]) for c, m in enumerate(models) if m != speaker]
            same = [c for c, m in others if same_model(name, m)]
            far = [c for c, m in others if not related(name, m)]
            far = list(rng.permutation(far)[:10])
            for places, label in ((same, 1), (far, 0)):
                x += [mean[row, c] for c in places]
                kin += [label] * len(places)
                group += [min(lineages(name))] * len(places)
    return Pairs(np.array(x, dtype=np.float64), np.array(kin), tuple(group))


def fit_weights(pairs: Sequence[Pairs]) -> dict[str, float]:
    """Ridge logistic regression on all sets, each and each class with equal weight; none negative; they sum to 1."""
    x = np.concatenate([p.x for p in pairs])
    y = np.concatenate([p.kin for p in pairs])
    w = np.concatenate([_balanced(p.kin) for p in pairs])
    fitted = LogisticRegression(C=RIDGE, max_iter=1000).fit(x, y, sample_weight=w * 100 * len(pairs) / w.sum()).coef_[0]
    shares = np.maximum(fitted, 0) / np.maximum(fitted, 0).sum()
    return {v: float(s) for v, s in zip(VIEWS, shares, strict=True)}


def kind_of(trial: Trial) -> str:
    """What the nearest is, in truth: the model itself or its kin (`same`), kin of one that is absent (`sibling`), or a
    stranger: the family named would be wrong."""
    if not related(trial.target, trial.nearest):
        return "stranger"
    return trial.condition


def fit_calibrator(trials: Sequence[Trial]) -> MatchCalibrator:
    """Logistic calibration (Brümmer & du Preez 2006) of `standard`, classes and sets with equal weight."""
    kinds = np.array([kind_of(t) for t in trials])
    return MatchCalibrator(
        same=_line(trials, kinds, "same"),
        sibling=_line(trials, kinds, "sibling"),
        bound=BOUND,
        member_bound=MEMBER_BOUND,
        within=_within(trials),
    )


def fit_exact(trials: Sequence[Trial]) -> Exact:
    """Beta-binomial shares of exact answers, of the model itself and of siblings."""
    kinds = [kind_of(t) for t in trials]
    return Exact(
        same=_beta(
            [
                (t.exact, t.n)
                for t, k in zip(trials, kinds, strict=True)
                if k == "same" and same_model(t.target, t.nearest)
            ]
        ),
        sibling=_beta([(t.exact, t.n) for t, k in zip(trials, kinds, strict=True) if k == "sibling"]),
        bound=EXACT_BOUND,
    )


def cross_fitted(trials: Sequence[Trial]) -> list[MatchCalibrator]:
    """For each trial a calibrator from other data sets (other prompts) and other lineages (other targets)."""
    fold = np.array([sum(map(ord, min(lineages(t.target)))) % FOLDS for t in trials])
    sets = np.array([t.set[:2] for t in trials])  # both versions of pm_llm_benchmark are one source
    fitted: dict[tuple[str, int], MatchCalibrator] = {}
    for s in sorted(set(sets)):
        for f in range(FOLDS):
            if ((sets == s) & (fold == f)).any():
                fitted[s, f] = fit_calibrator(
                    [t for t, a, b in zip(trials, sets, fold, strict=True) if a != s and b != f]
                )
    return [fitted[s, f] for s, f in zip(sets, fold, strict=True)]


def _line(trials: Sequence[Trial], kinds: NDArray[np.str_], kind: str) -> Line:
    chosen = [i for i, k in enumerate(kinds) if k in (kind, "stranger")]
    x = np.array([[trials[i].standard] for i in chosen])
    y = np.array([kinds[i] == kind for i in chosen]).astype(int)
    names = [trials[i].set for i in chosen]
    w = np.zeros(len(y))
    for name in set(names):
        own = np.array([n == name for n in names])
        w[own] = _balanced(y[own]) * np.sqrt(
            len(np.unique([trials[i].target for i in chosen if trials[i].set == name]))
        )
    for label in (0, 1):
        w[y == label] /= w[y == label].sum()
    fitted = LogisticRegression(C=1e3).fit(x, y, sample_weight=w * len(y) / 2)
    return Line(offset=float(fitted.intercept_[0]), slope=float(fitted.coef_[0, 0]))


def _within(trials: Sequence[Trial]) -> float:
    """The weight of one member over another under which the true members are likeliest."""
    cases = []
    for t in trials:
        own = [same_model(t.target, m) for m in t.family]
        if t.condition == "same" and any(own) and not all(own):
            cases.append((np.sqrt(t.n) * np.array(t.within), np.array(own)))

    def loss(log_weight: Floats) -> float:
        w = float(np.exp(log_weight[0]))
        return -sum(float(logsumexp(-w * d[own]) - logsumexp(-w * d)) for d, own in cases)

    return float(np.exp(minimize(loss, [0.0], method="Nelder-Mead").x[0])) if cases else 1.0


def _beta(seen: Sequence[tuple[int, int]]) -> Beta:
    k, n = np.array(seen, dtype=float).T

    def loss(log: Floats) -> float:
        a, b = np.exp(log)
        return -float((betaln(a + k, b + n - k) - betaln(a, b)).sum()) + 0.01 * float((log**2).sum())

    a, b = np.exp(minimize(loss, [-2.0, 2.0], method="Nelder-Mead").x)
    return Beta(a=float(np.clip(a, 0.01, 50)), b=float(np.clip(b, 0.5, 500)))


def _balanced(y: NDArray[np.int64]) -> Floats:
    """Both classes of one set with equal weight, 1 in sum; a set with one class counts nothing."""
    if len(np.unique(y)) < 2:
        return np.zeros(len(y))
    return np.asarray(np.where(y == 1, 0.5 / (y == 1).sum(), 0.5 / (y == 0).sum()), dtype=np.float64)


def written(text: str, weights: Mapping[str, float], calibrator: MatchCalibrator, exact: Exact, data: str) -> str:
    """The seeds file with its fitted figures put in."""
    lines = {v: f"{v} = {w:.3f}" for v, w in weights.items()}
    for name, fit in (("same", calibrator.same), ("sibling", calibrator.sibling)):
        lines[f"{name} = {{ offset"] = f"{name} = {{ offset = {fit.offset:.3f}, slope = {fit.slope:.3f} }}"
    for name, beta in (("same", exact.same), ("sibling", exact.sibling)):
        lines[f"{name} = {{ a"] = f"{name} = {{ a = {beta.a:.3f}, b = {beta.b:.2f} }}"
    lines["within"] = f"within = {calibrator.within:.3f}"
    lines["data"] = f'data = "{data}"'
    lines["fitted"] = f'fitted = "{datetime.datetime.now(tz=datetime.UTC):%Y-%m-%d}"'
    for start, line in lines.items():
        pattern = rf"(?m)^{re.escape(start)}(?= = |=| ).*$"
        assert len(re.findall(pattern, text)) == 1, f"{start}: not one place in seeds/match.toml"
        text = re.sub(pattern, lambda _, line=line: line, text)  # type: ignore[misc]  # mypy cannot see the default
    return text


SOURCES = (
    "alpaca_eval cd543a1 (2025-08-09), pm_llm_benchmark 047df47 (2026-08-11), ZeroEval 8c1485e (2025-04-14), "
    "speechmap 0c084c2 (2026-08-21); the part of each that is seen in development"
)


def main() -> None:
    """Fit, print, and write where asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--trials", type=Path, help="trials of an earlier run, with weights as they were")
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    rng = np.random.default_rng(1)
    weights = fit_weights([pairs_of(load(name, options.data, 48), rng) for name in SETS])
    print("weights", {v: round(w, 3) for v, w in weights.items()})
    if options.trials:
        trials = [Trial(**t) for t in pickle.loads(options.trials.read_bytes())]
    else:
        trials = every(tuple(SETS), options.data, weights, LINK)
    calibrator, exact = fit_calibrator(trials), fit_exact(trials)
    print(calibrator, exact, sep="\n")
    if options.write:
        SEEDS.write_text(written(SEEDS.read_text(), weights, calibrator, exact, SOURCES))


if __name__ == "__main__":
    main()
