"""Answers x library -> Match: fingerprints, scores, the nearest family beyond chance, and what may be said of it."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

import numpy as np

from wrapdetect.dialects import decode
from wrapdetect.errors import LibraryError
from wrapdetect.evidence.seeds import Matching, Seeds
from wrapdetect.library.answers import Head, Row, question_id
from wrapdetect.library.fingerprint import EmbedTexts, Fingerprints, fingerprints
from wrapdetect.library.identify import (
    FEWEST_COMMON_QUESTIONS,
    Identified,
    Indices,
    Sheet,
    choose_cohort,
    exact_matches,
    identify,
    ranking,
    score_question,
)
from wrapdetect.library.index import Read, read_family, read_prints, read_rarities
from wrapdetect.library.member import Membership, member_state, membership, shares_within
from wrapdetect.library.mixture import FEWEST_MIXED_QUESTIONS as FEWEST_FOR_TWO
from wrapdetect.library.mixture import mixture
from wrapdetect.library.nearest import Scores
from wrapdetect.model import Match, Near, Run, State, TwoModels, Weights
from wrapdetect.model.prose import LONGEST_READ, quote

TWO_AT = 0.02
"""p from which on a match says that two models answer. It is a rank among the cohort: 96 reach 1/97 at the least."""

BEHAVIOUR_ONLY = (
    "Answers alone make sure of a family, hardly of a member: a fine-tune or a sibling can be as near as the model "
    "itself behind a prompt. Whether answers pass through somebody takes dependence: shared outages, slowdowns, "
    "versions."
)
SIBLINGS_ABSENT = "Only models of this library could be named; one that is not in it can be like one that is."


@dataclass(frozen=True, slots=True, kw_only=True)
class Shelf:
    """A library as a match uses it: its head, models, the questions' texts by id, and how its arrays are read."""

    name: str
    head: Head
    models: tuple[str, ...]
    questions: Mapping[str, str]
    read: Read
    embedded: bool

    def telling(self) -> dict[str, float]:
        """Question id -> by how much it separates families, those that tell most first."""
        worth = zip(self.questions, np.asarray(self.read("telling"), dtype=np.float64).tolist(), strict=True)
        return dict(sorted(worth, key=lambda q: (-q[1], q[0])))


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """A target's answers: prompt text -> draws, in the order asked; `answers` says where they come from."""

    answers: str
    draws: Mapping[str, Sequence[str]]


def hear_run(run: Run, hello: str) -> tuple[Heard, Counter[str]]:
    """The target's answers to questions of one turn, in the order asked, and its failures by kind: a failed exchange is
    no answer. `hello` is the pack of the first plain question, which is no question of a library."""
    draws: dict[str, list[str]] = {}
    failed: Counter[str] = Counter()
    for exchange in sorted(run.exchanges, key=lambda e: (e.started, e.id)):
        if exchange.endpoint != run.target.name or exchange.ask.variant or exchange.ask.probe == hello:
            continue
        turns = run.item(exchange.ask).turns
        reply = decode(exchange, run.target)
        if reply.failure is not None:
            failed[reply.failure.kind] += 1
        elif len(turns) == 1:
            draws.setdefault(turns[0], []).append(reply.text[:LONGEST_READ])
    return Heard(answers=run.target.name, draws=draws), failed


def hear_rows(rows: Iterable[Row], place: str, only: str | None) -> Heard:
    """Answers of one speaker; `only` says which where there are several, `place` is how errors call the table.

    Raises LibraryError where it is not clear whose are meant.
    """
    draws: dict[str, dict[str, list[str]]] = {}
    for row in rows:
        own = draws.setdefault(row.model, {}).setdefault(row.prompt, [])
        if row.answer not in own:
            own.append(row.answer)
    speakers = sorted(draws)
    shown = ", ".join(quote(s, 40) for s in speakers[:8])
    if only is None and len(speakers) > 1:
        raise LibraryError(f"{place} holds answers of {len(speakers)} speakers ({shown}); choose one with --only NAME")
    if only is not None and only not in draws:
        raise LibraryError(f"{place} holds no answers of {quote(only)!r}; it holds {shown}")
    name = only or speakers[0]
    return Heard(answers=name, draws=draws[name])


def refuse_strange(heard: Heard, known: Shelf, place: str) -> None:
    """Raises LibraryError where no prompt of the library was answered."""
    if any(question_id(p) in known.questions for p in heard.draws):
        return
    theirs = quote(next(iter(known.questions.values())), 60)
    ours = quote(next(iter(heard.draws), "none"), 60)
    raise LibraryError(
        f"{place}: none of its {len(heard.draws)} prompts is in library {known.name}, which compares answers to "
        f"the very same prompts (here “{ours}”, there “{theirs}”): ask the target the library's prompts"
    )


class Scored(NamedTuple):
    """One question: the target's row and the cohort's, these beside their families and without them."""

    question: str
    ours: Fingerprints
    theirs: Fingerprints  # without sketches: only for what is the same to the letter
    scores: Scores
    with_kin: Scores


AskedOfTarget = tuple[str, Fingerprints]
Each = Callable[[Callable[[AskedOfTarget], Scored], Iterable[AskedOfTarget]], Iterable[Scored]]
"""`map`, or one that works on several cores; the order stays."""


class Scorer:
    """Scores a target question by question against one library, in any order: a match at the end, or on the way."""

    def __init__(self, shelf: Shelf, seeds: Seeds, embed: EmbedTexts | None) -> None:
        self.shelf = shelf
        self.family: Indices = read_family(shelf.read)
        self.cohort: Indices = choose_cohort(len(shelf.models), seeds.matching.cohort)
        self._seeds = seeds
        self._embed = embed if shelf.embedded else None
        self._rarities = read_rarities(shelf.read)
        self._scored: list[Scored] = []

    def add(self, question: str, draws: Sequence[str]) -> bool:
        """Score the answers to the question of that id; False where they are empty."""
        return self.add_all({question: draws}) == 1

    def add_all(self, draws: Mapping[str, Sequence[str]], each: Each = map) -> int:
        """Score the answers to several questions by their ids; the number of those that were not empty."""
        asked = [(q, fingerprints([d], self._rarities, self._embed)) for q, d in draws.items()]
        heard = [(question, ours) for question, ours in asked if ours.answered[0]]
        self._scored += each(self._score, heard)
        return len(heard)

    @property
    def sheet(self) -> Sheet | None:
        """None before the first answer."""
        scores = [s.scores for s in self._scored]
        return Sheet(tuple(s.question for s in self._scored), np.stack(scores), self.cohort) if scores else None

    def sheet_with_kin(self) -> Sheet:
        """The cohort scored beside its families, as a mixture needs it: a model must see how its own kin scores."""
        scores = np.stack([s.with_kin for s in self._scored])
        return Sheet(tuple(s.question for s in self._scored), scores, self.cohort)

    def exact(self, model: int) -> int:
        """Questions on which the target's answer is that model's to the letter."""
        return exact_matches([s.ours for s in self._scored], [s.theirs for s in self._scored], model)

    def identified(self) -> Identified | None:
        """The nearest so far; None where too little is common."""
        sheet = self.sheet
        return identify(sheet, self.family, np.random.default_rng(0)) if sheet else None

    def membership(self, found: Identified, standard: float) -> Membership:
        """Probabilities at a `standard` of the nearest (its value, or an end of its interval)."""
        model = self.shelf.models[found.nearest]
        return membership(
            standard, self.exact(found.nearest), found.n_questions, self._openness(model), self._seeds.matching
        )

    def _score(self, asked: AskedOfTarget) -> Scored:
        question, ours = asked
        theirs = read_prints(question, self.shelf.read, embedded=self._embed is not None)
        weights = self._seeds.matching.weight
        return Scored(
            question,
            ours,
            theirs._replace(sketches={}),
            score_question(ours, theirs, self.cohort, weights, self.family),
            score_question(ours, theirs, self.cohort, weights),
        )

    def _openness(self, model: str) -> Weights:
        return self._seeds.vendors.of_model(model)[1]


def match(
    heard: Heard, shelf: Shelf, seeds: Seeds, *, embed: EmbedTexts | None, today: date, each: Each = map
) -> Match:
    """Whose answers are these? The same answers, library, seeds and day give the same match."""
    scorer = Scorer(shelf, seeds, embed)
    asked = {question_id(prompt): draws for prompt, draws in heard.draws.items()}
    known = {question: draws for question, draws in asked.items() if question in shelf.questions}
    empty = len(known) - scorer.add_all(known, each)
    return conclude(heard, scorer, seeds, today, _notes(len(asked) - len(known), empty, shelf))


def conclude(heard: Heard, scorer: Scorer, seeds: Seeds, today: date, notes: Sequence[str]) -> Match:
    """What may be said of all that a scorer has heard."""
    shelf, found, sheet = scorer.shelf, scorer.identified(), scorer.sheet
    n = len(sheet.questions) if sheet else 0
    age = (today - shelf.head.source.collected).days if shelf.head.source.collected else None
    if found is None or sheet is None:
        return _nothing(heard, shelf, n, age, seeds, notes)
    value, low, high = (scorer.membership(found, x) for x in (found.standard, found.low, found.high))
    passing = sorted(m.passing for m in (value, low, high))
    state = member_state(value, n, seeds.matching)
    order = ranking(found.totals)
    members = [i for i in order if scorer.family[i] == scorer.family[found.nearest]]
    nearness = float(found.totals[found.nearest])
    shares = shares_within([nearness - float(found.totals[i]) for i in members], n, seeds.matching.calibrator.within)
    alone = dict(zip(members, shares, strict=True))
    nearest = shelf.models[found.nearest]
    return Match(
        answers=heard.answers,
        library=shelf.name,
        digest=shelf.head.digest,
        age_days=age,
        state=state,
        nearest=nearest,
        family=tuple(sorted(shelf.models[i] for i in members)),
        probability=value.passing,
        low=passing[0],
        high=passing[-1],
        family_probability=value.family,
        family_low=low.family,
        family_high=high.family,
        member_probability=value.same * alone[found.nearest],
        standard=found.standard,
        strangers=found.null.n,
        n_questions=n,
        exact=scorer.exact(found.nearest),
        witness=_witness(heard, shelf, sheet, found.nearest),
        ranked=tuple(_near(scorer, sheet, found, i, alone.get(i, 0.0) * value.same) for i in order),
        two=_two(scorer, n),
        calibrator=seeds.matching.id,
        limits=tuple(_limits(state, age, seeds.matching, shelf)),
        needs=tuple(_needs(state, n, len(shelf.questions), value, seeds.matching)),
        notes=tuple(notes),
    )


def _near(scorer: Scorer, sheet: Sheet, found: Identified, model: int, probability: float) -> Near:
    family = scorer.family
    return Near(
        model=scorer.shelf.models[model],
        family=tuple(m for i, m in enumerate(scorer.shelf.models) if family[i] == family[model]),
        score=float(found.totals[model]),
        n=int(np.isfinite(sheet.scores[:, 0, model]).sum()),
        probability=probability,
    )


def _two(scorer: Scorer, n: int) -> TwoModels | None:
    """Said only where one model alone is out of the question."""
    if n < FEWEST_FOR_TWO:
        return None
    found, shelf = mixture(scorer.sheet_with_kin(), scorer.family, np.random.default_rng(0)), scorer.shelf
    if found is None or found.p_two > TWO_AT:
        return None
    return TwoModels(
        first=shelf.models[found.first],
        second=shelf.models[found.second],
        share=found.share,
        low=found.low,
        high=found.high,
        p=found.p_two,
        change=found.change,
        p_change=found.p_change,
    )


def _nothing(heard: Heard, shelf: Shelf, n: int, age: int | None, seeds: Seeds, notes: Sequence[str]) -> Match:
    """The priors stand: nothing was compared."""
    prior = membership(0.0, 0, 0, "unknown", seeds.matching)
    needs = (
        f"At least {FEWEST_COMMON_QUESTIONS} prompts of the library answered, and a library of 9 families or more "
        f"({n} prompts are common, {len(shelf.models)} models are there).",
    )
    return Match(
        answers=heard.answers,
        library=shelf.name,
        digest=shelf.head.digest,
        age_days=age,
        state="insufficient",
        nearest=None,
        family=(),
        probability=prior.passing,
        low=0.0,
        high=1.0,
        family_probability=prior.family,
        family_low=0.0,
        family_high=1.0,
        member_probability=0.0,
        standard=0.0,
        strangers=0,
        n_questions=n,
        exact=0,
        witness="",
        ranked=(),
        two=None,
        calibrator=seeds.matching.id,
        limits=tuple(_limits("insufficient", age, seeds.matching, shelf)),
        needs=needs,
        notes=tuple(notes),
    )


def _witness(heard: Heard, shelf: Shelf, sheet: Sheet, model: int) -> str:
    """The question on which the target is nearest to the model, with the beginning of its answer."""
    own = sheet.scores[:, 0, model]
    question = sheet.questions[int(np.nanargmax(own))]
    text = shelf.questions[question]
    return f"{question} “{quote(text, 80)}”: “{quote(next(iter(heard.draws[text])), 160)}”"


def _notes(unknown: int, empty: int, shelf: Shelf) -> list[str]:
    notes = []
    if unknown:
        notes.append(f"{unknown} prompts of the answers are not in library {shelf.name} and were left out")
    if empty:
        notes.append(f"{empty} empty answers were left out: they are no evidence")
    return notes


def _limits(state: State, age: int | None, seeds: Matching, shelf: Shelf) -> list[str]:
    limits = [BEHAVIOUR_ONLY] if state in ("same_model", "likely_wrapper") else []
    limits.append(SIBLINGS_ABSENT)
    if age is None:
        limits.append("It is not told when the library was collected: models behind one name change.")
    elif age > seeds.age_days:
        limits.append(
            f"The library was collected {age} days ago (more than {seeds.age_days}): models behind one name change."
        )
    if not shelf.embedded:
        limits.append("The library holds no embeddings (import it with --embed), so that none were compared.")
    return limits


def _needs(state: State, n: int, known: int, member: Membership, seeds: Matching) -> list[str]:
    if state == "same_model":
        return ["Shared outages or slowdowns with the family's API (an audit with --reference, over days)."]
    if state != "insufficient":
        return []
    needs = []
    if n < min(64, known):
        needs.append(f"More prompts of the library answered ({n} of its {known} are; 64 tell most of what there is).")
    elif n < 64:
        needs.append(f"A library of more prompts (all {known} are answered; 64 tell most of what there is).")
    if member.family > seeds.states.unlike_at:
        needs.append("A library that holds more models, the suspected ones among them, collected of late.")
    return needs
