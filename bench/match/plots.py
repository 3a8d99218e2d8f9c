"""Pictures of the table: reliability, detection error trade-off, rank against number of prompts."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib as mpl
import numpy as np
from numpy.typing import NDArray

from bench.match.measures import calibration_error
from bench.match.ranks import Ranked

mpl.use("Agg")
import matplotlib.pyplot as plt  # after the choice of the backend

Ratios = Mapping[str, tuple[NDArray[np.float64], NDArray[np.bool_]]]


def reliability(file: Path, ratios: Ratios) -> None:
    """Probability said against share that is true, at even prior odds; dots as large as their weight."""
    figure, axes = plt.subplots(figsize=(5, 5))
    axes.plot([0, 1], [0, 1], color="grey", linewidth=1)
    for name, (llr, true) in ratios.items():
        said, found, weight = np.array(calibration_error(llr, true)[1]).T
        axes.plot(said, found, linewidth=1)
        axes.scatter(said, found, s=20 + 300 * weight, label=name, alpha=0.7)
    axes.set(xlabel="probability said", ylabel="share true", title="Reliability (even prior odds)")
    axes.legend()
    figure.savefig(file, dpi=110, bbox_inches="tight")
    plt.close(figure)


def detection(file: Path, ratios: Ratios) -> None:
    """Misses against false alarms, both axes logarithmic."""
    figure, axes = plt.subplots(figsize=(5, 5))
    for name, (llr, true) in ratios.items():
        cuts = np.unique(np.quantile(llr, np.linspace(0, 1, 400)))
        false = np.array([(llr[~true] >= c).mean() for c in cuts])
        miss = np.array([(llr[true] < c).mean() for c in cuts])
        axes.plot(np.maximum(false, 5e-4), np.maximum(miss, 5e-3), label=name)
    axes.set(xscale="log", yscale="log", xlabel="false alarms", ylabel="misses", title="Detection error trade-off")
    axes.axvline(0.01, color="grey", linewidth=1)
    axes.grid(which="both", alpha=0.3)
    axes.legend()
    figure.savefig(file, dpi=110, bbox_inches="tight")
    plt.close(figure)


def rank_curves(file: Path, ranked: Mapping[str, Sequence[Ranked]]) -> None:
    """Share of draws with the true upstream first, by number of prompts."""
    figure, axes = plt.subplots(figsize=(6, 4))
    for name, rows in ranked.items():
        lengths = sorted({r.n for r in rows})
        axes.plot(lengths, [np.mean([r.first for r in rows if r.n == n]) for n in lengths], marker="o", label=name)
    axes.set(xscale="log", xlabel="prompts", ylabel="true upstream first", ylim=(0, 1.02))
    axes.set_xticks([8, 16, 32, 64], ["8", "16", "32", "64"])
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8)
    figure.savefig(file, dpi=110, bbox_inches="tight")
    plt.close(figure)
