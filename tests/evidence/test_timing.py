"""Timing: only a target that is reliably faster than the upstream speaks, and only a little, against it."""

from collections.abc import Sequence

import numpy as np
import pytest

from tests.conftest import a_pack, a_run, an_endpoint, an_item
from wrapdetect.evidence.compare.dependence.timing import AGAINST, FEWEST_PAIRS, compare
from wrapdetect.evidence.compare.samples import Samples, collect
from wrapdetect.evidence.seeds import Seeds
from wrapdetect.model import AskKey, Finding, Observation


def timed(seeds: Seeds, target: Sequence[float], reference: Sequence[float]) -> Samples:
    run = a_run(a_pack(*(an_item(f"i{k}") for k in range(len(target)))), references=1)
    observations = [
        Observation(
            exchange=f"{name}/{k}",
            endpoint=name,
            ask=AskKey("style", f"i{k}", 0),
            turn=0,
            feature="first_s",
            value=float(s),
            reader="timing",
        )
        for name, seconds in (("target", target), ("ref0", reference))
        for k, s in enumerate(seconds)
    ]
    return collect(run, observations, seeds)


def found(seeds: Seeds, target: Sequence[float], reference: Sequence[float]) -> Finding:
    (finding,) = compare(timed(seeds, target, reference), np.random.default_rng(1))
    return finding


def share_against(seeds: Seeds, slower: float, trials: int, n: int = 20, spread: float = 0.5) -> float:
    rng = np.random.default_rng(7)
    against = 0
    for _ in range(trials):
        reference = np.exp(rng.normal(0, spread, n))
        target = slower * np.exp(rng.normal(0, spread, n))
        against += found(seeds, list(target), list(reference)).llr < 0
    return against / trials


@pytest.mark.parametrize(("slower", "at_most"), [(1.0, 0.05), (2.0, 0.0)])
def test_a_target_that_is_not_faster_is_hardly_ever_called_so(seeds: Seeds, slower: float, at_most: float) -> None:
    assert share_against(seeds, slower, trials=100) <= at_most


def test_a_target_three_times_as_fast_is_told_in_most_runs(seeds: Seeds) -> None:
    assert share_against(seeds, 1 / 3, trials=60) >= 0.95


def test_being_slower_proves_nothing(seeds: Seeds) -> None:
    finding = found(seeds, [5.0] * 12, [0.5] * 12)
    assert (finding.llr, finding.llr_low, finding.llr_high) == (0.0, 0.0, 0.0)


def test_one_quick_answer_among_many_is_not_reliably_faster(seeds: Seeds) -> None:
    assert found(seeds, [0.01] + [1.0] * 11, [1.0] * 12).llr == 0.0


def test_too_few_pairs_say_nothing(seeds: Seeds) -> None:
    few = FEWEST_PAIRS - 1
    assert not list(compare(timed(seeds, [0.1] * few, [1.0] * few), np.random.default_rng(1)))


def test_the_interval_of_the_ratio_covers_the_truth(seeds: Seeds) -> None:
    rng = np.random.default_rng(3)
    covered = 0
    for _ in range(80):
        reference, noise = np.exp(rng.normal(0, 0.4, 24)), np.exp(rng.normal(0, 0.4, 24))
        finding = found(seeds, list(1.5 * reference * noise), list(reference))
        covered += finding.low <= 1.5 <= finding.high
    assert covered >= 0.88 * 80  # 95 % nominal; the bootstrap of a median of 24 gives a little less


def test_the_weight_against_stays_within_the_rule_s_bound(seeds: Seeds) -> None:
    finding = found(seeds, [0.01] * 12, [1.0] * 12)
    assert finding.llr == AGAINST >= -seeds.ruleset.rule_of("timing_paired").bound


def test_draws_of_one_question_are_one_unit(seeds: Seeds) -> None:
    run = a_run(a_pack(*(an_item(f"i{k}") for k in range(8))), references=1, draws=5)
    observations = [
        Observation(
            exchange=f"{name}/{k}/{draw}",
            endpoint=name,
            ask=AskKey("style", f"i{k}", draw),
            turn=0,
            feature="first_s",
            value=1.0 + draw,
            reader="timing",
        )
        for name in ("target", "ref0")
        for k in range(8)
        for draw in range(5)
    ]
    (finding,) = compare(collect(run, observations, seeds), np.random.default_rng(1))
    assert (finding.n_target, finding.n_upstream) == (8, 8)


def test_a_plain_reference_is_not_outrun_by_a_streaming_target(seeds: Seeds) -> None:
    """A plain answer has its first word at its end: its time to the first word cannot be compared with a stream's."""
    samples = timed(seeds, [0.2] * 12, [3.0] * 12)
    stream = an_endpoint("target", "target", dialect="openai_stream")
    run = a_run(*samples.run.packs, endpoints=(stream, an_endpoint("ref0", dialect="openai_plain")))
    fields = {f: getattr(samples, f) for f in samples.__dataclass_fields__}
    findings = list(compare(Samples(**{**fields, "run": run}), np.random.default_rng(1)))
    assert all(f.llr == 0.0 for f in findings)
