"""Which question of a library to put to a target next, and when the answers are enough; how a survey asks them."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import islice
from typing import NamedTuple

import numpy as np

from wrapdetect.evidence.seeds import Seeds
from wrapdetect.library.answers import question_id
from wrapdetect.library.fingerprint import EmbedTexts
from wrapdetect.library.identify import Identified, Indices
from wrapdetect.library.index import read_prints
from wrapdetect.library.matching import Scorer, Shelf, hear_run
from wrapdetect.library.nearest import Rows, Scores, combined, question_scores
from wrapdetect.library.sequential import Pace, Pool, StopRule, alive_models, learn_rule, next_questions
from wrapdetect.model import Item, Pack
from wrapdetect.runs.collected.gather import MAX_TOKENS, TEMPERATURE
from wrapdetect.runs.plan import HELLO, LIBRARY_PACK, Slot
from wrapdetect.runs.survey import Asker

POOL = 64
"""Questions that may be asked: those that tell most."""
STEP = 2
"""Questions asked between two looks; the rule's error holds for this many or more."""


class CourseStanding(NamedTuple):
    """Where an audit stands: whether it is decided, and why (one line); `named` where a family is."""

    decided: bool
    why: str
    named: bool = False


class Course:
    """An audit that asks one question after the other. Nothing here sends: it is told the answers.

    `pool` holds the questions that may be asked, the most telling first; `choices` what the cohort scores on them;
    `rule` is None for a library too small to stop early; `found` is the nearest so far.
    """

    def __init__(self, shelf: Shelf, seeds: Seeds, *, most: int | None, embed: EmbedTexts | None) -> None:
        self._shelf, self._seeds = shelf, seeds
        self._embedded = shelf.embedded and embed is not None
        self.scorer = Scorer(shelf, seeds, embed)
        self.pool = dict(islice(shelf.telling().items(), POOL))
        self._places = {question: place for place, question in enumerate(self.pool)}
        self._told: dict[str, bool] = {}
        self.found: Identified | None = None
        rule = seeds.matching.sequential
        self.most = min(most or rule.most, len(self.pool))
        # Before as many answers as a state takes, the match at the end would say `insufficient` all the same.
        self._fewest = max(rule.fewest, seeds.matching.states.fewest_questions)
        self.choices = Pool(
            np.stack([self._cohort_scores(question) for question in self.pool]),
            np.array(list(self.pool.values()), np.float32),
            self.scorer.cohort,
            self.scorer.family,
        )
        pace = Pace(STEP, self._fewest, self.most)
        self.rule: StopRule | None = learn_rule(self.choices, pace, alpha=rule.alpha)

    def tell(self, question: str, draws: Sequence[str]) -> None:
        """The answers to one question; without any it counts as asked. Raises ValueError for one told before."""
        if question in self._told:
            raise ValueError(f"question {question} was told before; tell each once, with all of its draws")
        self._told[question] = bool(draws) and self.scorer.add(question, draws)
        if self._told[question]:
            self.found = self.scorer.identified()

    def ask_next(self, n: int) -> list[str]:
        """The next questions, none where the most were asked."""
        left = [place for question, place in self._places.items() if question not in self._told]
        room = max(0, min(n, self.most - len(self._told)))
        chosen = next_questions(self.choices, left, self._alive(), room)
        return [question for question, place in self._places.items() if place in chosen]

    def standing(self) -> CourseStanding:
        """Decided when a family is named within the rule's error, or none is left; else what is missing.

        Named takes both: the rule, whose error holds for strangers as the library groups them, and a calibrated
        probability, which knows that unrelated models can be alike (bench/match/adaptive.py).
        """
        n, found = sum(self._told.values()), self.found
        if self.rule is None:
            return CourseStanding(False, f"{n} answers: the library has too few families to stop early")
        if found is None or n < self._fewest:
            return CourseStanding(False, f"{n} answers: too few to look at (at least {self._fewest})")
        probability, states = self.scorer.membership(found, found.standard).family, self._seeds.matching.states
        nearest = self._shelf.models[found.nearest]
        beyond = f"{found.standard:.1f} standard deviations beyond strangers (more than {self.rule.threshold:.1f} asked"
        if found.standard > self.rule.threshold and probability >= states.family_at:
            error = f"error under {self._seeds.matching.sequential.alpha:g} where families are as grouped"
            return CourseStanding(True, f"decided after {n}: {nearest} or its family, {beyond}, {error})", named=True)
        if probability <= states.unlike_at:
            return CourseStanding(True, f"decided after {n}: like no family of this library")
        chance = f"probability {probability:.3f} (at least {states.family_at:g} asked)"
        return CourseStanding(False, f"{n} answers: {nearest} is nearest, {beyond}), {chance}")

    def _alive(self) -> Indices:
        """The best model of each family still alive."""
        found = self.found
        if found is None:
            return np.zeros(0, np.intp)
        return alive_models(found.totals, found.null.sd, self.scorer.family)

    def _cohort_scores(self, question: str) -> Scores:
        prints = read_prints(question, self._shelf.read, embedded=self._embedded)
        cohort = Rows(prints.rows(self.scorer.cohort), self.scorer.cohort, self.scorer.family)
        return combined(question_scores(cohort, prints), self._seeds.matching.weight)


async def ask_in_turn(asker: Asker, slots: Sequence[Slot], course: Course, known: Shelf) -> None:
    """Ask, listen, and ask what separates best what is left, until it is decided or the most are asked."""
    for question, draws in _answers(asker, known).items():
        course.tell(question, draws)  # of a run that is taken up again
    standing = course.standing()
    while not standing.decided and (wanted := course.ask_next(STEP)):
        await asker.ask([s for s in slots if question_id(s.ask.turns[0]) in wanted])
        answers = _answers(asker, known)
        for question in wanted:
            course.tell(question, answers.get(question, ()))
        standing = course.standing()
        asker.say(standing.why)


def _answers(asker: Asker, known: Shelf) -> dict[str, list[str]]:
    """Question id -> draws, of all that was answered so far."""
    so_far = replace(asker.run, exchanges=tuple(asker.exchanges))
    draws = hear_run(so_far, HELLO)[0].draws
    return {i: list(d) for text, d in draws.items() if (i := question_id(text)) in known.questions}


def pack_of(known: Shelf, questions: Sequence[str]) -> Pack:
    """Questions of a library, by id, as a pack that is asked like any other."""
    items = tuple(
        Item(
            id=f"q{question}",
            language="und",
            turns=(known.questions[question],),
            purpose=f"a question of library {known.name}",
            readers=("text",),
            temperature=TEMPERATURE,
            max_tokens=MAX_TOKENS,
        )
        for question in questions
    )
    return Pack(
        id=LIBRARY_PACK,
        version=1,
        digest=known.head.digest,
        title=f"Questions of library {known.name}",
        purpose="whose answers are these?",
        items=items,
    )
