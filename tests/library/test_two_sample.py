"""The two-sample test: its level under the null, its power under an effect, and what it refuses."""

from itertools import combinations

import numpy as np
import pytest
from numpy.typing import NDArray

from wrapdetect.library.two_sample import mmd, mmd_from_gram, mmd_from_kernel

Floats = NDArray[np.float64]
TIMES = 2000
SIMULATION = 3.5 * np.sqrt(0.05 * 0.95 / TIMES)
"""Half a width that a true level of 5 % leaves once in 2,000 runs of TIMES tests."""
DRAWS = 199  # so that 5 % is a whole number of draws + 1, and the level can be met


def gaussian(x: Floats, y: Floats) -> Floats:
    """The kernel as a textbook writes it, pair by pair, its width the median distance."""
    rows = np.vstack([x, y])
    apart = np.array([[np.sum((a - b) ** 2) for b in rows] for a in rows])
    return np.asarray(np.exp(-apart / (2 * np.median(apart[np.triu_indices(len(rows), 1)]))))


def by_hand(kernel: Floats, n: int) -> float:
    """Unbiased MMD^2 as three means over pairs."""
    ours, theirs = range(n), range(n, len(kernel))
    within = [np.mean([kernel[a, b] for a, b in combinations(s, 2)]) for s in (ours, theirs)]
    return float(sum(within) - 2 * np.mean([kernel[a, b] for a in ours for b in theirs]))


def test_the_statistic_is_the_textbooks() -> None:
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(5, 3)), rng.normal(0.5, 1.0, size=(7, 3))
    assert mmd(x, y, rng=rng).statistic == pytest.approx(by_hand(gaussian(x, y), 5), abs=1e-12)


def test_the_statistic_over_prompts_is_their_weighted_mean() -> None:
    rng = np.random.default_rng(2)
    kernel = rng.normal(size=(12, 12))
    kernel = kernel @ kernel.T
    prompts = ["a", "a", "b", "b", "b", "a", "a", "a", "b", "b", "b", "b"]
    found = mmd_from_kernel(kernel, 5, rng=rng, strata=prompts)
    rows = {"a": [0, 1, 5, 6, 7], "b": [2, 3, 4, 8, 9, 10, 11]}
    a, b = (by_hand(kernel[np.ix_(r, r)], n) for r, n in ((rows["a"], 2), (rows["b"], 3)))
    w_a, w_b = 2 * 3 / 5, 3 * 4 / 7
    assert found.statistic == pytest.approx((w_a * a + w_b * b) / (w_a + w_b))
    assert (found.n, found.m) == (5, 7)


def test_the_agreement_is_the_product_of_two_prompts_differences() -> None:
    rng = np.random.default_rng(20)
    rows = rng.normal(size=(9, 4))
    prompts = [*"aabb", *"aabbb"]
    at_a, at_b = rows[:2].mean(0) - rows[4:6].mean(0), rows[2:4].mean(0) - rows[6:].mean(0)
    assert mmd_from_kernel(rows @ rows.T, 4, rng=rng, strata=prompts).agreement == pytest.approx(at_a @ at_b)
    assert mmd_from_kernel(rows @ rows.T, 4, rng=rng).agreement == 0.0


def test_the_p_value_is_the_share_of_all_relabellings_that_reach_what_was_seen() -> None:
    rng = np.random.default_rng(3)
    kernel = gaussian(rng.normal(size=(4, 2)), rng.normal(1.0, 1.0, size=(4, 2)))
    every = []
    for ours in combinations(range(8), 4):
        order = [*ours, *(k for k in range(8) if k not in ours)]
        every.append(by_hand(kernel[np.ix_(order, order)], 4))
    share = np.mean(np.array(every) >= every[0] - 1e-12)
    assert mmd_from_kernel(kernel, 4, rng=rng, draws=20_000).p == pytest.approx(share, abs=0.015)


def test_dense_rows_their_gram_matrix_and_their_kernel_agree() -> None:
    rng = np.random.default_rng(4)
    x, y = rng.normal(size=(6, 4)), rng.normal(0.4, 1.0, size=(9, 4))
    rows = np.vstack([x, y])
    prompts = [*"aaabbb", *"aaaabbbbb"]
    for_prompts = mmd(x, y, rng=np.random.default_rng(5), strata=prompts)
    assert mmd_from_gram(rows @ rows.T, 6, rng=np.random.default_rng(5), strata=prompts).p == for_prompts.p
    dense = mmd(x, y, rng=np.random.default_rng(5))
    gram = mmd_from_gram(rows @ rows.T, 6, rng=np.random.default_rng(5))
    kernel = mmd_from_kernel(gaussian(x, y), 6, rng=np.random.default_rng(5))
    assert dense.p == gram.p == kernel.p
    assert (gram.statistic, gram.effect) == pytest.approx((dense.statistic, dense.effect))
    assert (kernel.statistic, kernel.effect) == pytest.approx((dense.statistic, dense.effect))


@pytest.mark.parametrize(("n", "m"), [(8, 8), (6, 11)])
def test_the_level_is_5_percent_where_both_are_the_same(n: int, m: int) -> None:
    rng = np.random.default_rng(6)
    found = [
        mmd(rng.normal(size=(n, 5)), rng.normal(size=(m, 5)), rng=rng, draws=DRAWS).p <= 0.05 for _ in range(TIMES)
    ]
    assert np.mean(found) == pytest.approx(0.05, abs=SIMULATION)


def prompts_apart(rng: np.random.Generator, strata: list[int], shift: float = 0.0) -> Floats:
    """Answers to prompts whose means lie far apart; `shift` moves every answer alike."""
    means = np.array([[0.0, 0.0, 0.0], [5.0, 0.0, 0.0], [0.0, -9.0, 3.0]])
    return np.asarray(means[strata] + shift + rng.normal(size=(len(strata), 3)))


OURS, THEIRS = [0] * 6 + [1] * 3 + [2] * 2, [0] * 2 + [1] * 4 + [2] * 7


def test_the_level_is_5_percent_over_prompts_that_differ_and_counts_that_differ() -> None:
    rng = np.random.default_rng(7)
    found = []
    for _ in range(TIMES):
        x, y = prompts_apart(rng, OURS), prompts_apart(rng, THEIRS)
        found.append(mmd(x, y, rng=rng, draws=DRAWS, strata=OURS + THEIRS).p <= 0.05)
    assert np.mean(found) == pytest.approx(0.05, abs=SIMULATION)


def test_without_its_prompts_an_uneven_mix_looks_like_two_models() -> None:
    rng = np.random.default_rng(8)
    found = []
    for _ in range(100):
        x, y = prompts_apart(rng, OURS * 3), prompts_apart(rng, THEIRS * 3)
        found.append(mmd(x, y, rng=rng, draws=DRAWS).p <= 0.05)
    assert np.mean(found) > 0.9


def test_a_shift_is_found() -> None:
    rng = np.random.default_rng(9)
    found = [mmd(rng.normal(size=(40, 16)), rng.normal(0.4, 1.0, size=(40, 16)), rng=rng).p for _ in range(100)]
    assert np.mean(np.array(found) <= 0.05) > 0.95


def test_it_plays_no_part_how_far_apart_prompts_lie() -> None:
    rng = np.random.default_rng(23)
    rows, prompts = rng.normal(size=(16, 5)), [*"aaabbbbb"] * 2
    moved = rows + 100 * (np.array(prompts) == "b")[:, None]
    near, far = (mmd(r[:8], r[8:], rng=np.random.default_rng(24), strata=prompts) for r in (rows, moved))
    assert near.p == far.p
    assert (near.statistic, near.agreement) == pytest.approx((far.statistic, far.agreement))


def test_a_change_of_spread_alone_is_found() -> None:
    rng = np.random.default_rng(10)
    found = [mmd(rng.normal(size=(40, 16)), 1.5 * rng.normal(size=(40, 16)), rng=rng).p for _ in range(100)]
    assert np.mean(np.array(found) <= 0.05) > 0.95


def test_a_shift_is_found_over_prompts() -> None:
    rng = np.random.default_rng(11)
    found = []
    for _ in range(200):
        x, y = prompts_apart(rng, OURS), prompts_apart(rng, THEIRS, shift=1.5)
        found.append(mmd(x, y, rng=rng, draws=DRAWS, strata=OURS + THEIRS).p <= 0.05)
    assert np.mean(found) > 0.9


def test_a_small_habit_is_found_that_shows_at_every_prompt() -> None:
    rng = np.random.default_rng(21)
    prompts = [k // 2 for k in range(40)] * 2
    found = []
    for _ in range(100):
        means = np.tile(np.repeat(rng.normal(size=(20, 16)), 2, axis=0), (2, 1))
        rows = means + rng.normal(size=(80, 16)) + 0.35 * (np.arange(80) >= 40)[:, None]
        found.append(mmd(rows[:40], rows[40:], rng=rng, draws=DRAWS, strata=prompts).p <= 0.05)
    assert np.mean(found) > 0.9


def test_differences_are_found_that_are_each_prompts_own() -> None:
    rng = np.random.default_rng(22)
    prompts = [k // 10 for k in range(40)]
    found = []
    for _ in range(100):
        x, y = rng.normal(size=(2, 40, 16))
        y += 0.7 * rng.normal(size=(4, 16))[prompts]
        found.append(mmd(x, y, rng=rng, draws=DRAWS, strata=prompts * 2).p <= 0.05)
    assert np.mean(found) > 0.9


def test_the_p_value_is_never_0() -> None:
    rng = np.random.default_rng(12)
    found = mmd(rng.normal(size=(30, 4)), rng.normal(50.0, 1.0, size=(30, 4)), rng=rng, draws=DRAWS)
    assert found.p == 1 / (DRAWS + 1)
    assert 0.9 < found.effect <= 1.0


def test_samples_that_are_all_one_answer_are_alike() -> None:
    found = mmd(np.full((4, 3), 0.1), np.full((7, 3), 0.1), rng=np.random.default_rng(13))
    assert (found.p, found.statistic, found.effect) == (1.0, 0.0, 0.0)
    unit = np.full((11, 11), 0.1 + 0.2)  # the same through a gram matrix
    assert mmd_from_gram(unit, 4, rng=np.random.default_rng(13)).p == 1.0


def test_many_equal_answers_do_not_raise_the_level() -> None:
    rng = np.random.default_rng(14)
    found = []
    for _ in range(TIMES):
        answers = np.eye(2)[rng.integers(0, 2, 14)]
        found.append(mmd(answers[:7], answers[7:], rng=rng, draws=DRAWS).p <= 0.05)
    assert np.mean(found) <= 0.05 + SIMULATION


def test_the_effect_keeps_its_size_while_p_falls_with_n() -> None:
    rng = np.random.default_rng(15)
    few = [mmd(rng.normal(size=(10, 4)), rng.normal(0.8, 1.0, size=(10, 4)), rng=rng, draws=99) for _ in range(200)]
    many = [mmd(rng.normal(size=(80, 4)), rng.normal(0.8, 1.0, size=(80, 4)), rng=rng, draws=99) for _ in range(30)]
    assert np.mean([f.effect for f in few]) == pytest.approx(np.mean([f.effect for f in many]), rel=0.15)
    assert np.mean([f.p for f in few]) > 2 * np.mean([f.p for f in many])


def test_the_same_rng_gives_the_same_result() -> None:
    rows = np.random.default_rng(16).normal(size=(20, 6))
    once, again = (mmd(rows[:9], rows[9:], rng=np.random.default_rng(17)) for _ in range(2))
    assert once == again


GOOD = np.arange(12.0).reshape(4, 3)


@pytest.mark.parametrize(
    ("x", "y", "strata", "said"),
    [
        (GOOD[:1], GOOD, None, "1 against 4 rows"),
        (GOOD, GOOD[:0], None, "4 against 0 rows"),
        (GOOD, GOOD[:, :2], None, "x has 3 dimensions, y 2"),
        (GOOD, np.where(GOOD == 7.0, np.nan, GOOD), None, "y holds a value that is not finite in row 2"),
        (GOOD[0], GOOD, None, r"x has shape \(3,\)"),
        (GOOD, GOOD, ["a"] * 7, "strata has 7 labels for 4 \\+ 4 rows"),
        (GOOD, GOOD, [*"aaab", *"aabb"], "1 against 2 rows for prompt 'b'"),
    ],
)
def test_what_cannot_be_tested_is_refused(x: Floats, y: Floats, strata: list[str] | None, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        mmd(x, y, rng=np.random.default_rng(18), strata=strata)


def test_no_draws_and_a_lopsided_kernel_are_refused() -> None:
    rng = np.random.default_rng(19)
    with pytest.raises(ValueError, match="draws is 0"):
        mmd(GOOD, GOOD, rng=rng, draws=0)
    with pytest.raises(ValueError, match="not square and symmetric"):
        mmd_from_kernel(np.arange(16.0).reshape(4, 4), 2, rng=rng)
    with pytest.raises(ValueError, match="not square and symmetric"):
        mmd_from_gram(GOOD, 2, rng=rng)
