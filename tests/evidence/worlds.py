"""Synthetic worlds for the statistical tests: models as word distributions, and endpoints as up-and-down histories."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import NamedTuple

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from tests.conftest import START, a_pack, a_run, an_endpoint, an_exchange, an_item, failed
from wrapdetect.evidence.compare.samples import Samples, SignOfLife, collect
from wrapdetect.evidence.seeds import Seeds
from wrapdetect.model import AskKey, Exchange, Run, Weights

Floats = NDArray[np.float64]
VARIANT = ("shop", "You are the friendly assistant of a small shop.")
SYLLABLES = [a + b for a in "bdfgklmnprstv" for b in ("a", "e", "i", "o", "u")]
WORDS = np.array([SYLLABLES[i % 65] + SYLLABLES[(i * 7 + i // 65) % 65] + ("n" if i % 3 else "r") for i in range(1500)])
OPENERS = ("Happy to help with that.", "Great question, let us see.", "Here is what we found for you.")


class Model(NamedTuple):
    """What sets one model apart: a taste for words everywhere, and a taste for words prompt by prompt."""

    taste: Floats  # (words,)
    by_prompt: Floats  # (prompts, words)


class World(NamedTuple):
    """Topics that all models share; `rng` draws whatever is drawn."""

    topics: Floats  # (prompts, words), log weights
    rng: Generator

    def model(self, *, kin: Model | None = None, own: float = 0.9) -> Model:
        """A model of its own, or a sibling of `kin` with which it shares most of its tastes."""
        n, w = self.topics.shape
        fresh = Model(own * self.rng.standard_normal((w,)), own * self.rng.standard_normal((n, w)))
        if kin is None:
            return fresh
        old, new = 0.6**0.5, 0.4**0.5
        return Model(old * kin.taste + new * fresh.taste, old * kin.by_prompt + new * fresh.by_prompt)

    def prompted(self, model: Model, strength: float = 0.6) -> Model:
        """The same model behind a system prompt: its tastes everywhere move a little."""
        return Model(model.taste + strength * self.rng.standard_normal(len(model.taste)), model.by_prompt)

    def answers(self, model: Model) -> list[str]:
        """One answer of about 80 words to each prompt."""
        weights = self.topics + model.taste + model.by_prompt
        shares = np.exp(weights - weights.max(axis=1, keepdims=True))
        shares /= shares.sum(axis=1, keepdims=True)
        sizes = self.rng.integers(65, 95, len(shares))
        return [
            prose([str(w) for w in self.rng.choice(WORDS, n, p=p)], self.rng)
            for n, p in zip(sizes, shares, strict=True)
        ]

    def restyled(self, answers: Sequence[str], replaced: float = 0.2, dropped: float = 0.15) -> list[str]:
        """Some words replaced, some sentences dropped, an opener before."""
        opener = OPENERS[int(self.rng.integers(len(OPENERS)))]
        return [f"{opener} {self._rewritten(a, replaced, dropped)}" for a in answers]

    def _rewritten(self, answer: str, replaced: float, dropped: float) -> str:
        kept = [s for s in answer.split(". ") if self.rng.random() >= dropped] or [answer]
        words = " . ".join(kept).split()
        return " ".join(
            str(self.rng.choice(WORDS)) if w != "." and self.rng.random() < replaced else w for w in words
        ).replace(" .", ".")


def a_world(seed: int, prompts: int) -> World:
    """Zipf-like common words, and a topic of its own for each prompt."""
    rng = np.random.default_rng(seed)
    common = -1.0 * np.log(np.arange(len(WORDS)) + 3.0)
    topical = 3.5 * (rng.random((prompts, len(WORDS))) < 0.03)
    return World(common + topical, rng)


def prose(words: Sequence[str], rng: Generator) -> str:
    """Words in sentences of 6 to 14."""
    parts: list[str] = []
    start = 0
    while start < len(words):
        size = int(rng.integers(6, 15))
        parts.append(" ".join(words[start : start + size]).capitalize())
        start += size
    return ". ".join(parts) + "."


def text_run(
    target: Sequence[str],
    references: Sequence[Sequence[str]],
    behind: Sequence[Sequence[str]] = (),
    *,
    weights: Weights = "unknown",
    seed: int = 1,
) -> Run:
    """A run whose k-th prompt got the k-th answers; an empty answer is a request that timed out."""
    items = tuple(an_item(f"i{k:02d}", turns=(f"Question {k}?",)) for k in range(len(target)))
    spoken: list[tuple[str, str, Sequence[str]]] = [("target", "", target)]
    spoken += [(f"ref{r}", "", a) for r, a in enumerate(references)]
    spoken += [(f"ref{r}", VARIANT[0], a) for r, a in enumerate(behind)]
    exchanges = [
        an_exchange(name, AskKey("style", items[k].id, 0, variant), text or None, **_when(k, text))
        for name, variant, answers in spoken
        for k, text in enumerate(answers)
    ]
    endpoints = [an_endpoint("target", "target", weights=weights)]
    endpoints += [an_endpoint(f"ref{r}", weights=weights) for r in range(len(references))]
    return a_run(
        a_pack(*items),
        exchanges=tuple(exchanges),
        endpoints=tuple(endpoints),
        variants=(VARIANT,) if behind else (),
        seed=seed,
    )


def _when(k: int, text: str) -> dict[str, object]:
    started = START + timedelta(seconds=30 * k)
    return {"started": started} if text else {"started": started, "failure": failed("timeout"), "status": None}


Outage = tuple[float, float]
"""From, to; seconds."""


def beats_of(
    outages: Sequence[Outage], *, span_s: float, step_s: float = 120.0, spoke: bool = True
) -> list[SignOfLife]:
    """A heartbeat every `step_s`, down within the outages."""
    times = np.arange(0.0, span_s, step_s)
    down = np.zeros(len(times), dtype=bool)
    for first, last in outages:
        down |= (times >= first) & (times < last)
    return [
        SignOfLife(t_s=float(t), down=bool(d), spoke=spoke, witness=f"t+{t:.0f}")
        for t, d in zip(times, down, strict=True)
    ]


def outages(rng: Generator, *, span_s: float, mean_n: float, mean_s: float, bursty: bool = False) -> list[Outage]:
    """Poisson outages of exponential length; bursty ones come in clumps of three within half a day."""
    onsets = rng.uniform(0, span_s, rng.poisson(mean_n / 3 if bursty else mean_n))
    if bursty:
        onsets = np.concatenate([o + rng.uniform(0, 43_200, 3) for o in onsets]) if len(onsets) else onsets
    return [(float(o), float(o + 240 + rng.exponential(mean_s))) for o in sorted(onsets) if o < span_s]


def lived(beats: Mapping[str, Sequence[SignOfLife]], seeds: Seeds, hosts: Mapping[str, str] | None = None) -> Samples:
    """Samples that hold nothing but signs of life, of `target` and any references named."""
    names = [n for n in beats if n != "target"]
    endpoints = [an_endpoint("target", "target")]
    endpoints += [an_endpoint(n, url=(hosts or {}).get(n, f"http://{n}.example/v1")) for n in names]
    samples = collect(a_run(endpoints=tuple(endpoints)), (), seeds)
    return Samples(**{f: getattr(samples, f) for f in samples.__dataclass_fields__ if f != "beats"}, beats=beats)


def both_answer(n: int, gap_s: float = 60.0) -> tuple[Exchange, ...]:
    """Target and one reference answering n times, one after the other."""
    return tuple(
        an_exchange(name, AskKey("style", "tides", k), started=START + timedelta(seconds=gap_s * k))
        for k in range(n)
        for name in ("target", "ref0")
    )
