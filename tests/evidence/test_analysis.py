"""Run -> Verdict: the same facts give the same words, whatever their order; one broken part leaves the rest."""

import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from functools import cache
from typing import NoReturn

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.conftest import START, a_pack, a_run, an_endpoint, an_exchange, an_item, failed
from tests.evidence.worlds import a_world, both_answer, text_run
from wrapdetect.evidence.analysis import analyse
from wrapdetect.evidence.compare.comparison import compare_samples, control_checks
from wrapdetect.evidence.compare.samples import SignOfLife, collect
from wrapdetect.evidence.judge import Calibrator
from wrapdetect.evidence.read import read_run
from wrapdetect.evidence.seeds import Seeds
from wrapdetect.model import AskKey, Exchange, Run

DRAWS = 3
ACCUSED = ("wrapper", "likely_wrapper")


@cache
def a_full_run() -> Run:
    """Text in several draws, an identity question, a conversation, times, and one outage of target and ref0."""
    world = a_world(11, 10)
    models = [world.model() for _ in range(4)]
    items = [an_item(f"i{k:02d}", turns=(f"Question {k}?",), readers=("text", "timing")) for k in range(10)]
    items += [an_item(i, turns=("Which model are you?",), readers=("identity",)) for i in ("who", "which")]
    items += [an_item("thread", turns=("My locker is 7394.", "Which one?"), readers=("coherence",), expects=("7394",))]
    exchanges = []
    for name, model in zip(("target", "ref0", "ref1", "ref2"), models, strict=True):
        for draw in range(DRAWS):
            for k, text in enumerate(world.answers(model)):
                exchanges.append(told(name, AskKey("style", f"i{k:02d}", draw), 1000 * draw + 60 * k, text))
        exchanges.append(told(name, AskKey("style", "who", 0), 3600, "I am ChatGPT, made by OpenAI."))
        for turn, text in enumerate(("Noted.", "Your locker is 7394.")):
            exchanges.append(told(name, AskKey("style", "thread", 0), 3700 + 10 * turn, text, turn=turn))
        for k in range(10):
            down = name in ("target", "ref0") and 3 <= k < 6
            exchanges.append(
                told(name, AskKey("style", ("who", "which")[k % 2], k + 1), 5000 + 60 * k, None if down else "No idea.")
            )
    endpoints = [an_endpoint("target", "target"), *(an_endpoint(f"ref{k}", model="gpt-4o") for k in range(3))]
    return a_run(a_pack(*items), exchanges=tuple(exchanges), endpoints=tuple(endpoints), draws=DRAWS)


def told(name: str, key: AskKey, at_s: float, text: str | None, turn: int = 0) -> Exchange:
    more: dict[str, object] = {"started": START + timedelta(seconds=at_s), "turn": turn}
    if text is None:
        more |= {"failure": failed("server"), "status": 503}
    return an_exchange(name, key, text, **more)


def test_the_same_run_twice_gives_the_same_analysis(seeds: Seeds) -> None:
    assert analyse(a_full_run(), seeds, embed=None) == analyse(a_full_run(), seeds, embed=None)


def test_every_rule_found_something_in_the_full_run(seeds: Seeds) -> None:
    """Else the tests below would show nothing."""
    verdict = analyse(a_full_run(), seeds, embed=None).verdict
    assert verdict.bugs == ()
    assert {f.rule for f in verdict.findings} == {
        "text_words",
        "text_chars",
        "identity_claim",
        "coherence_gap",
        "timing_paired",
        "failures_together",
    }


@pytest.mark.parametrize("seed", range(3))
def test_the_order_of_exchanges_in_the_file_changes_nothing(seeds: Seeds, seed: int) -> None:
    run = a_full_run()
    order = np.random.default_rng(seed).permutation(len(run.exchanges))
    fields = {f: getattr(run, f) for f in run.__dataclass_fields__}
    shuffled = Run(**{**fields, "exchanges": tuple(run.exchanges[k] for k in order)})
    assert analyse(shuffled, seeds, embed=None).verdict == analyse(run, seeds, embed=None).verdict


SCRIPT = (
    "from tests.evidence.test_analysis import a_full_run; from wrapdetect.evidence.analysis import analyse;"
    "from wrapdetect.store.shipped import load_seeds; print(analyse(a_full_run(), load_seeds(), embed=None).verdict)"
)


@pytest.mark.slow
def test_another_hash_seed_of_the_interpreter_changes_nothing() -> None:
    verdicts = {
        subprocess.run(
            [sys.executable, "-c", SCRIPT], capture_output=True, check=True, env={"PYTHONHASHSEED": str(k)}
        ).stdout
        for k in range(4)
    }
    assert len(verdicts) == 1


def test_a_finding_of_the_verdict_lies_within_its_rule_s_bound(seeds: Seeds) -> None:
    for f in analyse(a_full_run(), seeds, embed=None).findings:
        bound = seeds.ruleset.rule_of(f.rule).bound
        assert -bound <= f.llr_low <= f.llr <= f.llr_high <= bound


def test_a_view_that_raises_is_named_and_the_rest_goes_on(seeds: Seeds) -> None:
    def broken(texts: object) -> NDArray[np.float32]:
        raise ValueError("no such model")

    whole, broke = analyse(a_full_run(), seeds, embed=None), analyse(a_full_run(), seeds, embed=broken)
    assert broke.verdict.bugs == ("view embedding: ValueError: no such model",)
    assert {f.rule for f in broke.findings} == {f.rule for f in whole.findings}


class Broken(dict[str, Sequence[SignOfLife]]):
    """Signs of life that nobody can read."""

    def get(self, *_: object) -> NoReturn:
        raise ValueError("no such life")


def test_a_rule_that_raises_is_named_and_the_rest_goes_on(seeds: Seeds) -> None:
    run = a_full_run()
    samples = collect(run, read_run(run, seeds.vendors)[0], seeds)
    broke = compare_samples(replace(samples, beats=Broken()), embed=None)
    assert broke.bugs == ("rule failures_together: ValueError: no such life",)
    whole = compare_samples(samples, embed=None)
    assert list(broke.findings) == [f for f in whole.findings if f.rule != "failures_together"]


def test_a_control_that_raises_is_named_and_the_other_views_go_on(seeds: Seeds) -> None:
    run = a_full_run()
    comparison = compare_samples(collect(run, read_run(run, seeds.vendors)[0], seeds), embed=None)
    whole, none = control_checks(comparison, "ref0")
    words = comparison.tests["text_words"]
    silent = words._replace(like=words.like._replace(speakers=()))
    left, bugs = control_checks(replace(comparison, tests={**comparison.tests, "text_words": silent}), "ref0")
    assert none == ()
    assert [b.partition(":")[0] for b in bugs] == ["controls of words"]
    assert left == tuple(c for c in whole if not c.id.endswith(":words"))


def test_a_run_without_exchanges_is_insufficient_and_no_bug(seeds: Seeds) -> None:
    verdict = analyse(a_run(references=2), seeds, embed=None).verdict
    assert (verdict.state, verdict.behaviour, verdict.dependence, verdict.bugs) == ("insufficient", 0.0, 0.0, ())


def test_a_few_answers_leave_all_weights_at_exactly_nothing(seeds: Seeds) -> None:
    run = a_run(references=2, exchanges=both_answer(2), draws=2)
    verdict = analyse(run, seeds, embed=None).verdict
    assert (verdict.state, verdict.behaviour, verdict.dependence) == ("insufficient", 0.0, 0.0)


@pytest.mark.slow
@pytest.mark.parametrize("weights", ["open", "closed"])
@pytest.mark.parametrize("seed", [1, 2])
def test_one_more_unrelated_reference_turns_no_innocent_into_an_accused(seeds: Seeds, seed: int, weights: str) -> None:
    world = a_world(seed, 12)
    target = world.answers(world.model())
    answers = [world.answers(world.model()) for _ in range(4)]
    states = [
        analyse(text_run(target, answers[:k], weights=weights), seeds, embed=None).verdict.state  # type: ignore[arg-type]
        for k in (1, 2, 3, 4)
    ]
    assert not set(states) & set(ACCUSED)


def test_one_more_unrelated_reference_does_not_clear_a_copy(seeds: Seeds) -> None:
    world = a_world(4, 16)
    answers = [world.answers(world.model()) for _ in range(4)]
    verdicts = [
        analyse(text_run(answers[0], answers[:k], weights="closed"), seeds, embed=None).verdict for k in (2, 3, 4)
    ]
    assert [max(v.findings, key=lambda f: f.llr).upstream for v in verdicts] == ["ref0"] * 3
    assert all(v.behaviour > 0 for v in verdicts)


def test_a_copy_of_the_only_reference_is_not_accused_by_its_words(seeds: Seeds) -> None:
    world = a_world(4, 16)
    answers = world.answers(world.model())
    verdict = analyse(text_run(answers, [answers], weights="closed"), seeds, embed=None).verdict
    assert verdict.behaviour == 0.0
    assert verdict.state == "insufficient"


def test_the_interval_of_the_verdict_holds_its_probability(seeds: Seeds) -> None:
    verdict = analyse(a_full_run(), seeds, embed=None).verdict
    assert 0 <= verdict.low <= verdict.probability <= verdict.high <= 1


def test_an_uncalibrated_verdict_says_so(seeds: Seeds) -> None:
    verdict = analyse(a_full_run(), seeds, embed=None).verdict
    assert verdict.calibrator == "none"
    assert any("calibrated" in limit for limit in verdict.limits)


def test_a_calibrated_verdict_does_not_call_itself_uncalibrated(seeds: Seeds) -> None:
    fitted = Calibrator(id="fitted", slope={"text": 0.8})
    verdict = analyse(a_full_run(), seeds, embed=None, calibrator=fitted).verdict
    assert verdict.calibrator == "fitted"
    assert not any("Nothing is calibrated" in limit for limit in verdict.limits)


def test_only_an_accusation_or_a_likeness_names_an_upstream(seeds: Seeds) -> None:
    world = a_world(6, 12)
    target, *answers = (world.answers(world.model()) for _ in range(4))
    verdict = analyse(text_run(target, answers), seeds, embed=None).verdict
    assert verdict.state in ("unlike", "insufficient")
    assert verdict.upstream is None


def test_two_failed_turns_at_one_bad_question_are_no_outage(seeds: Seeds) -> None:
    """Every endpoint is asked the same: what fails on a question, draw after draw, is the question's doing."""
    exchanges = []
    for k in range(60):
        for name in ("target", "ref0"):
            bad = k in (30, 31)
            key = AskKey("style", "long" if bad else "tides", k)
            exchanges.append(told(name, key, 60 * k, None if bad else "Because of the moon."))
    run = a_run(a_pack(an_item(), an_item("long")), references=1, exchanges=tuple(exchanges), draws=60)
    assert analyse(run, seeds, embed=None).verdict.dependence <= 0
