"""Which question of a library to put to a target next, and when the answers are enough."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from wrapdetect.compare.fingerprint import Embed, Fingerprints
from wrapdetect.compare.identify import Identified, ranking
from wrapdetect.compare.library_index import read_prints
from wrapdetect.compare.nearest import Rows, Scores, combined, question_scores
from wrapdetect.compare.sequential import StopRule, learn_rule, next_questions
from wrapdetect.matching import Scorer, Shelf
from wrapdetect.seeds import Seeds

POOL = 64
"""Questions that may be asked: those that tell most."""
ALIVE = 6
"""Families that the next question is to separate, at most."""
ALIVE_WITHIN = 1.5
"""Standard deviations behind the nearest up to which a family is alive."""


class Standing(NamedTuple):
    """Where an audit stands: whether it is decided, and why (one line)."""

    decided: bool
    why: str


class Course:
    """An audit that asks one question after the other. Nothing here sends: it is told the answers."""

    def __init__(self, shelf: Shelf, seeds: Seeds, *, most: int | None, embed: Embed | None) -> None:
        self._shelf, self._seeds = shelf, seeds
        self.scorer = Scorer(shelf, seeds, embed)
        telling = np.asarray(shelf.read("telling"), dtype=np.float64)
        by_worth = sorted(zip(shelf.questions, telling.tolist(), strict=True), key=lambda q: (-q[1], q[0]))
        self.pool = dict(by_worth[:POOL])
        self._told: dict[str, bool] = {}
        self._prints = {q: read_prints(q, shelf.read, embedded=False) for q in self.pool}
        rule = seeds.matching.sequential
        self.rule: StopRule | None = learn_rule(
            np.stack([self._cohort_scores(p) for p in self._prints.values()]),
            self.scorer.cohort,
            self.scorer.family,
            alpha=rule.alpha,
            fewest=rule.fewest,
            most=most or rule.most,
            rng=np.random.default_rng(0),
        )
        self.most = min(most or rule.most, len(self.pool))

    def tell(self, question: str, draws: Sequence[str]) -> None:
        """The answers to one question; without any it counts as asked."""
        self._told[question] = bool(draws) and self.scorer.add(question, draws)

    def ask_next(self, n: int) -> list[str]:
        """The next questions, none where the most were asked."""
        left = [q for q in self.pool if q not in self._told]
        room = max(0, min(n, self.most - len(self._told)))
        return next_questions(left, self.pool, self._alive(left), room)

    def standing(self) -> Standing:
        """Decided when a family is named within the rule's error, or none is left; else what is missing."""
        found = self.scorer.identified()
        n = sum(self._told.values())
        if found is None or n < self._seeds.matching.sequential.fewest:
            return Standing(False, f"{n} answers: too few to look at")
        nearest = self._shelf.models[found.nearest]
        value = self.scorer.membership(found, found.standard)
        states = self._seeds.matching.states
        if self.rule and found.standard >= self.rule.threshold and value.family >= states.family_at:
            return Standing(
                True,
                f"decided after {n}: {nearest} or its family, {found.standard:.1f} standard deviations beyond "
                f"strangers (at least {self.rule.threshold:.1f} asked, "
                f"error under {self._seeds.matching.sequential.alpha:g})",
            )
        if n >= states.fewest_questions and value.family <= states.unlike_at:
            return Standing(True, f"decided after {n}: like no family of this library")
        return Standing(False, self._missing(found, n))

    def _missing(self, found: Identified, n: int) -> str:
        nearest = self._shelf.models[found.nearest]
        if self.rule is None:
            return f"{n} answers: the library has too few families to stop early; {nearest} is nearest"
        return (
            f"{n} answers: {nearest} is nearest with {found.standard:.1f} of the {self.rule.threshold:.1f} standard "
            "deviations that it takes"
        )

    def _alive(self, left: Sequence[str]) -> dict[str, Fingerprints]:
        """By question, the fingerprints of the best model of each family still alive."""
        found = self.scorer.identified()
        if found is None:
            return {}
        best: dict[int, int] = {}
        for model in ranking(found.totals):
            behind = float(found.totals[found.nearest] - found.totals[model]) / found.null.sd
            if behind <= ALIVE_WITHIN or len(best) < 2:
                best.setdefault(int(self.scorer.family[model]), model)
        chosen = np.array(list(best.values())[:ALIVE], dtype=np.intp)
        return {q: self._prints[q].rows(chosen) for q in left}

    def _cohort_scores(self, prints: Fingerprints) -> Scores:
        cohort = self.scorer.cohort
        return combined(question_scores(Rows(prints.rows(cohort), cohort), prints), self._seeds.matching.weight)
