"""Matching from the outside: a library of invented models, and targets that are one of them or none."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from string import ascii_lowercase

import numpy as np
import pytest

from tests.evidence.worlds import Model, World, a_world
from wrapdetect.evidence.seeds import Seeds
from wrapdetect.library.answers import AnswersSource, Library, Row, build_library
from wrapdetect.library.index import build_index
from wrapdetect.library.matching import SIBLINGS_ABSENT, TWO_AT, Heard, Shelf, match
from wrapdetect.model import Match
from wrapdetect.report import match_json_v1

SUBJECTS = ("tides", "onions", "rainbows", "trains", "bread", "chess", "bees", "rust")
FORMS = ("Why are there {}?", "Tell a child about {}.", "用中文解释 {}。", "Qu’est-ce que « {} » veut dire ?")
PROMPTS = tuple(form.format(subject) for subject in SUBJECTS for form in FORMS)
COLLECTED = date(2026, 5, 1)
TODAY = date(2026, 6, 1)


@dataclass(frozen=True, kw_only=True)
class Fleet:
    """Invented models by name, and what each `said` for the library. New answers are drawn with a seed of their own."""

    world: World
    models: Mapping[str, Model]
    said: Mapping[str, Sequence[str]]

    def drawn(self, seed: int) -> World:
        return self.world._replace(rng=np.random.default_rng(seed))

    def answers(self, name: str, seed: int) -> list[str]:
        return self.drawn(seed).answers(self.models[name])

    def behind_a_prompt(self, name: str, seed: int) -> list[str]:
        world = self.drawn(seed)
        return world.answers(world.prompted(self.models[name]))

    def wrapped(self, name: str, seed: int) -> list[str]:
        """An opener before each answer, some words replaced, some sentences dropped."""
        world = self.drawn(seed)
        return world.restyled(world.answers(self.models[name]))

    def stranger(self, seed: int) -> list[str]:
        world = self.drawn(seed)
        return world.answers(world.model())

    def rows(self) -> list[Row]:
        return [Row(m, p, a, "") for m, own in self.said.items() for p, a in zip(PROMPTS, own, strict=True)]


def a_fleet(seed: int = 1, *, families: int = 4, alone: int = 16) -> Fleet:
    """Families of two (a0 and a1, b0 and b1, ...), and models without kin."""
    world = a_world(seed, len(PROMPTS))
    models: dict[str, Model] = {}
    for letter in ascii_lowercase[:families]:
        models[f"{letter}0"] = world.model()
        models[f"{letter}1"] = world.model(kin=models[f"{letter}0"])
    models |= {f"lone{k:02d}": world.model() for k in range(alone)}
    return Fleet(world=world, models=models, said={m: world.answers(model) for m, model in models.items()})


def a_library(fleet: Fleet, collected: date | None = COLLECTED) -> Library:
    return build_library("lab", fleet.rows(), AnswersSource(origin="scripted", collected=collected))[0]


def a_shelf(library: Library, seeds: Seeds) -> Shelf:
    weights, link = seeds.matching.weight, seeds.matching.link
    arrays = dict(build_index(library, lambda done, of: None, weights=weights, link=link))
    return Shelf(
        name=library.name,
        head=library.head,
        models=library.models,
        questions={q.id: q.text for q in library.questions},
        read=arrays.__getitem__,
        embedded=False,
    )


def heard(answers: Sequence[str], prompts: Sequence[str] = PROMPTS) -> Heard:
    return Heard(answers="bot", draws={p: [a] for p, a in zip(prompts, answers, strict=True)})


Matched = Callable[..., Match]


@pytest.fixture(scope="module")
def fleet() -> Fleet:
    return a_fleet()


@pytest.fixture(scope="module")
def shelf(fleet: Fleet, seeds: Seeds) -> Shelf:
    return a_shelf(a_library(fleet), seeds)


@pytest.fixture
def matched(shelf: Shelf, seeds: Seeds) -> Matched:
    """Answers, in the order of the prompts, matched with the fleet's library."""
    return lambda answers, prompts=PROMPTS, on=TODAY: match(heard(answers, prompts), shelf, seeds, embed=None, today=on)


@pytest.fixture(scope="module")
def copy_answers(fleet: Fleet) -> list[str]:
    """A wrapper of b0."""
    return fleet.wrapped("b0", 1)


# Who is named, and who is not


def test_a_noisy_copy_is_named_with_its_family(copy_answers: list[str], matched: Matched) -> None:
    found = matched(copy_answers)
    assert (found.state, found.nearest, found.family) == ("same_model", "b0", ("b0", "b1"))
    assert found.family_probability > 0.95
    assert found.low <= found.probability <= found.high <= found.family_probability
    assert found.n_questions == len(PROMPTS)
    assert found.needs[0].startswith("Shared outages or slowdowns")


def test_the_nearest_comes_first_and_probabilities_are_for_its_family_alone(
    copy_answers: list[str], matched: Matched
) -> None:
    found = matched(copy_answers)
    assert [n.model for n in found.ranked[:2]] == ["b0", "b1"]
    scores = [n.score for n in found.ranked]
    assert scores == sorted(scores, reverse=True)
    assert {n.model for n in found.ranked if n.probability > 0} <= {"b0", "b1"}
    assert found.ranked[0].probability == found.member_probability
    assert sum(n.probability for n in found.ranked) <= found.family_probability + 1e-9
    assert all(n.model in n.family for n in found.ranked)


@pytest.mark.slow
def test_a_model_of_no_library_is_not_named(fleet: Fleet, matched: Matched) -> None:
    """Ten strangers: a name takes .97, so that one by chance is let pass."""
    found = [matched(fleet.stranger(seed)) for seed in range(10)]
    assert sum(m.state in ("same_model", "likely_wrapper") for m in found) <= 1
    assert np.median([m.family_probability for m in found]) < 0.75  # the prior is .5, and ten are few


@pytest.mark.slow
def test_a_model_of_the_library_is_named_behind_a_prompt_too(fleet: Fleet, matched: Matched) -> None:
    """Six others, each behind a system prompt of its own: five named at least, nobody else's name."""
    names = ("a0", "a1", "c0", "d1", "lone03", "lone11")
    found = [matched(fleet.behind_a_prompt(m, seed)) for seed, m in enumerate(names)]
    assert sum(m.state == "same_model" for m in found) >= 5
    assert [name in m.family for name, m in zip(names, found, strict=True)] == [True] * len(names)


@pytest.mark.slow
def test_strangers_are_hardly_ever_named_whatever_the_size_of_the_library(seeds: Seeds) -> None:
    """12 to 24 models, with kin and without, 8 strangers each: at most 2 of 40 are named (.05)."""
    named = 0
    for seed, families, alone in ((2, 0, 12), (3, 8, 0), (4, 4, 8), (5, 0, 20), (6, 8, 8)):
        fleet = a_fleet(seed, families=families, alone=alone)
        shelf = a_shelf(a_library(fleet), seeds)
        for stranger in range(8):
            found = match(heard(fleet.stranger(stranger)), shelf, seeds, embed=None, today=TODAY)
            named += found.state in ("same_model", "likely_wrapper")
    assert named <= 2


# What is no evidence


def test_empty_answers_are_no_evidence(copy_answers: list[str], matched: Matched) -> None:
    found = matched(["" if k % 2 else a for k, a in enumerate(copy_answers)])
    assert found == replace(matched(copy_answers[::2], PROMPTS[::2]), notes=found.notes)
    assert found.n_questions == len(PROMPTS) // 2
    assert any(note.startswith(f"{len(PROMPTS) // 2} empty answers were left out") for note in found.notes)


def test_only_empty_answers_leave_the_priors(matched: Matched, seeds: Seeds) -> None:
    found = matched([" \n" for _ in PROMPTS])
    assert (found.state, found.nearest, found.n_questions, found.ranked) == ("insufficient", None, 0, ())
    assert found.family_probability == pytest.approx(seeds.matching.prior.same + seeds.matching.prior.sibling)
    assert (found.low, found.high, found.family_low, found.family_high) == (0.0, 1.0, 0.0, 1.0)


def test_prompts_that_the_library_does_not_hold_are_noted_and_left_out(
    copy_answers: list[str], matched: Matched
) -> None:
    found = matched([*copy_answers, "Who knows?", "Nobody."], (*PROMPTS, "Who are you?", PROMPTS[0].lower()))
    assert found == replace(matched(copy_answers), notes=found.notes)
    assert [note[:28] for note in found.notes] == ["2 prompts of the answers are"]


def test_too_few_prompts_carry_no_name(copy_answers: list[str], matched: Matched) -> None:
    found = matched(copy_answers[:7], PROMPTS[:7])
    assert (found.state, found.n_questions) == ("insufficient", 7)
    assert found.needs[0].startswith("More prompts of the library")


def test_a_library_of_three_models_measures_no_strangers_and_says_what_it_takes(seeds: Seeds) -> None:
    fleet = a_fleet(families=1, alone=1)
    found = match(heard(fleet.answers("a0", 1)), a_shelf(a_library(fleet), seeds), seeds, embed=None, today=TODAY)
    assert (found.state, found.nearest, found.standard, found.strangers) == ("insufficient", None, 0.0, 0)
    (need,) = found.needs
    assert "3 models are there" in need


# What is said beside it


def test_the_same_answers_give_the_same_bytes(copy_answers: list[str], matched: Matched) -> None:
    assert match_json_v1.render(matched(copy_answers), top=10) == match_json_v1.render(matched(copy_answers), top=10)


def test_the_order_of_the_answers_hardly_matters(copy_answers: list[str], matched: Matched) -> None:
    """Only the bootstrap over questions and the search for a change see it."""
    back = matched(copy_answers[::-1], PROMPTS[::-1])
    forth = matched(copy_answers)
    assert (back.nearest, back.family, back.state, back.exact) == (
        forth.nearest,
        forth.family,
        forth.state,
        forth.exact,
    )
    assert back.standard == pytest.approx(forth.standard, rel=1e-4)
    assert back.family_probability == pytest.approx(forth.family_probability, abs=1e-4)


@pytest.mark.parametrize(("days", "warned"), [(180, False), (181, True), (2000, True)])
def test_an_old_library_is_warned_of(days: int, warned: bool, copy_answers: list[str], matched: Matched) -> None:
    found = matched(copy_answers, on=COLLECTED + timedelta(days=days))
    assert found.age_days == days
    assert any(f"collected {days} days ago" in limit for limit in found.limits) is warned


def test_a_library_of_no_date_is_warned_of(
    fleet: Fleet, shelf: Shelf, copy_answers: list[str], matched: Matched, seeds: Seeds
) -> None:
    undated = replace(shelf, head=replace(shelf.head, source=AnswersSource(origin="scripted")))
    found = match(heard(copy_answers), undated, seeds, embed=None, today=TODAY)
    assert found.age_days is None
    assert any("not told when the library was collected" in limit for limit in found.limits)


def test_embeddings_that_are_not_there_are_told(copy_answers: list[str], matched: Matched) -> None:
    assert any("holds no embeddings" in limit for limit in matched(copy_answers).limits)


def test_models_that_are_not_in_the_library_are_always_a_limit(
    fleet: Fleet, copy_answers: list[str], matched: Matched
) -> None:
    assert all(SIBLINGS_ABSENT in matched(a).limits for a in (copy_answers, fleet.stranger(1), ["" for _ in PROMPTS]))


def test_the_witness_is_a_prompt_and_the_beginning_of_its_answer(copy_answers: list[str], matched: Matched) -> None:
    witness = matched(copy_answers).witness
    told = next(a for p, a in zip(PROMPTS, copy_answers, strict=True) if f"“{p}”" in witness)
    assert told[:60] in witness


def test_answers_to_the_letter_are_counted(fleet: Fleet, matched: Matched) -> None:
    """Half of the answers are those of the library's own b0, the others new draws of it."""
    fresh = fleet.answers("b0", 1)
    found = matched([old if k % 2 else fresh[k] for k, old in enumerate(fleet.said["b0"])])
    assert (found.nearest, found.exact) == ("b0", len(PROMPTS) // 2)


def test_two_models_can_be_told_at_all(seeds: Seeds) -> None:
    """p of one model alone is a rank among the cohort: it never falls below 1 / (cohort + 1)."""
    assert 1 / (seeds.matching.cohort + 1) <= TWO_AT


@pytest.mark.slow
def test_a_target_that_changes_in_the_middle_is_told_as_two_models(seeds: Seeds) -> None:
    """What one model alone looks like is measured on models with kin, of which this library holds 52."""
    fleet = a_fleet(7, families=26, alone=0)
    shelf = a_shelf(a_library(fleet), seeds)
    half = len(PROMPTS) // 2
    answers = fleet.answers("a0", 1)
    alone, swapped = (
        match(heard(a), shelf, seeds, embed=None, today=TODAY).two
        for a in (answers, answers[:half] + fleet.answers("d0", 2)[half:])
    )
    assert alone is None
    assert swapped is not None
    assert {swapped.first[0], swapped.second[0]} == {"a", "d"}
    assert swapped.low <= 0.5 <= swapped.high
    assert swapped.change is not None
    assert abs(swapped.change - half) <= 2
