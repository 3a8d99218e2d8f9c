"""The recorded answers as this folder uses them: speakers, prompts and texts of each data set, read where they lie."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from bench.match.truth import bare
from wrapdetect.library.fingerprint import Fingerprints, fingerprints, learn_rarities

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"


class Recorded(NamedTuple):
    """One data set. `targets` may be asked about but are no models of the library (wrappers, cloaked, second draws)."""

    name: str
    speakers: tuple[str, ...]
    prompts: tuple[str, ...]
    prints: tuple[Fingerprints, ...]  # one for each prompt, rows in the order of the speakers
    targets: frozenset[str]


def alpaca(data: Path) -> tuple[pd.DataFrame, frozenset[str]]:
    """AlpacaEval: 160 systems, general prompts; ten known wrappers."""
    rows = pd.read_parquet(data / "alpaca_eval" / "responses.parquet")
    rows = rows.rename(columns={"model": "speaker", "prompt_sha": "prompt", "output": "text"})
    return rows, frozenset(alpaca_pairs(data).target)


def alpaca_pairs(data: Path) -> pd.DataFrame:
    return pd.read_csv(data / "alpaca_eval" / "pairs.csv")


def pm(version: str) -> Callable[[Path], tuple[pd.DataFrame, frozenset[str]]]:
    """pm_llm_benchmark, version 1 or 2: process mining; cloaked models and second samples as targets."""

    def read(data: Path) -> tuple[pd.DataFrame, frozenset[str]]:
        rows = pd.read_parquet(data / "pm_llm_benchmark" / "responses.parquet")
        rows = rows[rows.bench == version]
        second = rows["sample"] == 1
        speaker = rows.target.where(~second, rows.target + "@2")
        rows = pd.DataFrame({"speaker": speaker, "prompt": rows.prompt_sha, "text": rows.response})
        return rows, frozenset({*cloaked(data).target, *speaker[second]})

    return read


def cloaked(data: Path) -> pd.DataFrame:
    """target, reference_in_data of the cloaked models."""
    targets = pd.read_parquet(data / "pm_llm_benchmark" / "targets.parquet")
    return targets[targets.kind == "stealth"][["target", "reference_in_data"]]


def zeroeval(data: Path) -> tuple[pd.DataFrame, frozenset[str]]:
    """ZeroEval, every eighth question of gsm: greedy answers, some models at two hosts."""
    rows = pd.read_parquet(data / "zeroeval" / "responses.parquet")
    rows = rows.rename(columns={"generator": "speaker", "id": "prompt", "response": "text"})
    kept = sorted(rows.prompt.unique())[::8]
    return rows[rows.prompt.isin(kept)], frozenset()


def speechmap(data: Path) -> tuple[pd.DataFrame, frozenset[str]]:
    """SpeechMap: political questions that at least 20 models were asked; two cloaked models."""
    rows = pd.read_parquet(data / "speechmap_hosts" / "responses.parquet")
    rows = rows.rename(columns={"model": "speaker", "question_id": "prompt", "response": "text"})
    asked = rows.groupby("prompt").speaker.nunique()
    rows = rows[rows.prompt.isin(asked[asked >= 20].index)]
    return rows, frozenset({"openrouter/quasar-alpha", "openrouter/optimus-alpha"})


SETS: Mapping[str, Callable[[Path], tuple[pd.DataFrame, frozenset[str]]]] = {
    "alpaca": alpaca,
    "pm_v1": pm("v1"),
    "pm_v2": pm("v2"),
    "zeroeval": zeroeval,
    "speechmap": speechmap,
}
PROMPTS = 96
"""Prompts of a set that are looked at, at most (drawn with a fixed seed)."""


def load(name: str, data: Path, prompts: int = PROMPTS) -> Recorded:
    """Fingerprints of one data set. Speakers that answered fewer than half of the prompts are left out."""
    rows, targets = SETS[name](data)
    rows = rows[["speaker", "prompt", "text"]].drop_duplicates(["speaker", "prompt"])
    rows = rows.assign(text=rows.text.fillna("").astype(str))
    every = np.array(sorted(rows.prompt.unique()))
    chosen = sorted(np.random.default_rng(1).permutation(every)[:prompts])
    rows = rows[rows.prompt.isin(chosen)]
    answered = rows.groupby("speaker").prompt.nunique()
    speakers = tuple(sorted(answered[answered >= 0.5 * len(chosen)].index))
    rows = rows[rows.speaker.isin(speakers)]
    rarities = learn_rarities(rows.text.tolist()[:: max(1, len(rows) // 8000)])
    prints = []
    for _, group in rows.groupby("prompt"):
        texts = dict(zip(group.speaker, group.text, strict=True))
        prints.append(fingerprints([[texts[s]] if s in texts else [] for s in speakers], rarities))
    return Recorded(name, speakers, tuple(map(str, chosen)), tuple(prints), targets)


def is_second(speaker: str) -> bool:
    """Whether this is a second draw of a model (and not a host of it)."""
    return speaker.endswith("@2") and bare(speaker) + "@2" == speaker
