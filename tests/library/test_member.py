"""From a distance beyond strangers to probabilities and a word: what holds whatever the seeds are fitted to."""

import itertools
import math
from typing import get_args

import pytest

from wrapdetect.evidence.seeds import Beta, Exact, Matching, Seeds
from wrapdetect.library.member import Membership, exact_ratio, member_state, membership, shares_within
from wrapdetect.model import Weights

STANDARDS = [-1000.0, -20.0, -5.0, *(x / 4 for x in range(-12, 41)), 20.0, 50.0, 1000.0]
COUNTS = (8, 16, 32, 64, 300)
OPENNESS: tuple[Weights, ...] = get_args(Weights)
FEW = Exact(same=Beta(a=1.0, b=4.0), sibling=Beta(a=1.0, b=99.0), bound=3.0)


@pytest.fixture(scope="module")
def matching(seeds: Seeds) -> Matching:
    return seeds.matching


def over_all(matching: Matching) -> list[tuple[float, int, Weights, Membership]]:
    cases = itertools.product(STANDARDS, COUNTS, (0.0, 0.1, 0.5, 1.0), OPENNESS)
    return [(x, n, o, membership(x, int(share * n), n, o, matching)) for x, n, share, o in cases]


def test_the_probabilities_are_probabilities(matching: Matching) -> None:
    for _, _, openness, found in over_all(matching):
        assert min(found) >= 0
        assert 0 <= found.same + found.sibling <= 1  # what is left is the stranger's
        assert found.passing == pytest.approx(found.same * matching.prior.passing[openness])


def test_passing_through_is_never_likelier_than_the_family(matching: Matching) -> None:
    assert all(found.passing <= found.same <= found.family for *_, found in over_all(matching))


def test_without_questions_the_priors_stand(matching: Matching) -> None:
    prior = matching.prior
    for standard, openness in itertools.product(STANDARDS, OPENNESS):
        found = membership(standard, 0, 0, openness, matching)
        assert found[:2] == pytest.approx((prior.same, prior.sibling))
        assert found.passing == pytest.approx(prior.same * prior.passing[openness])


@pytest.mark.parametrize("openness", OPENNESS)
def test_farther_beyond_strangers_is_never_less_likely_the_family(openness: Weights, matching: Matching) -> None:
    found = [membership(x, 0, 32, openness, matching) for x in STANDARDS]
    for nearer, farther in itertools.pairwise(found):
        assert farther.family >= nearer.family - 1e-12
        assert farther.passing >= nearer.passing - 1e-12
    assert found[0].family < 0.1 < 0.9 < found[-1].family


def test_no_distance_makes_certain(matching: Matching) -> None:
    """Odds of the family against a stranger move by e to the bound at most, either way."""
    bound, prior = matching.calibrator.bound, matching.prior
    for _, _, _, found in over_all(matching):
        odds = found.family / (1 - found.family) * prior.stranger / (prior.same + prior.sibling)
        assert -bound - 1e-6 <= math.log(odds) <= bound + 1e-6


def test_text_alone_parts_the_model_from_its_siblings_within_a_bound(matching: Matching) -> None:
    bound, prior = matching.calibrator.member_bound, matching.prior
    for standard, n in itertools.product(STANDARDS, COUNTS):
        found = membership(standard, 0, n, "unknown", matching)
        apart = math.log(found.same / prior.same) - math.log(found.sibling / prior.sibling)
        assert abs(apart) <= bound + 1e-6


def test_text_alone_never_says_likely_wrapper(matching: Matching) -> None:
    for standard, n, openness in itertools.product(STANDARDS, COUNTS, OPENNESS):
        assert member_state(membership(standard, 0, n, openness, matching), n, matching) in (
            "same_model",
            "unlike",
            "insufficient",
        )


def test_behaviour_never_says_wrapper(matching: Matching) -> None:
    assert "wrapper" not in {member_state(found, n, matching) for _, n, _, found in over_all(matching)}


def test_exact_answers_move_only_the_member(matching: Matching) -> None:
    """They tell members apart; whether it is a stranger is for the distance to say."""
    for standard, n in itertools.product(STANDARDS, COUNTS):
        families = [membership(standard, exact, n, "closed", matching).family for exact in (0, 1, n // 2, n)]
        assert families == pytest.approx([families[0]] * 4)


@pytest.mark.parametrize("n", COUNTS)
def test_more_exact_answers_never_speak_against_the_member(n: int, matching: Matching) -> None:
    found = [membership(6.0, exact, n, "closed", matching).same for exact in range(n + 1)]
    assert all(more >= fewer - 1e-12 for fewer, more in itertools.pairwise(found))


def test_answers_as_only_the_model_gives_them_speak_for_the_member(matching: Matching) -> None:
    seeds = matching.model_copy(update={"exact": FEW})
    text, exact = (membership(20.0, k, 32, "closed", seeds) for k in (0, 8))
    assert exact.same > text.same
    assert exact.sibling < text.sibling
    assert member_state(exact, 32, seeds) == "likely_wrapper"
    assert (
        member_state(membership(20.0, 8, 32, "open", seeds), 32, seeds) == "same_model"
    )  # open weights are no accusation


@pytest.mark.parametrize(("found", "n"), [(1, 8), (8, 8), (300, 300), (0, 300)])
def test_exact_answers_speak_within_their_bound(found: int, n: int, matching: Matching) -> None:
    assert abs(exact_ratio(found, n, matching.exact)) <= matching.exact.bound


def test_exact_answers_are_the_ratio_of_two_beta_binomials() -> None:
    """One of one: the ratio of the two mean shares."""
    assert exact_ratio(1, 1, FEW) == pytest.approx(math.log((1 / 5) / (1 / 100)))
    assert exact_ratio(0, 1, FEW) == pytest.approx(math.log((4 / 5) / (99 / 100)))


def test_the_states_come_in_their_order(matching: Matching) -> None:
    """From far below strangers to far beyond: unlike, then insufficient, then the family's name; never back."""
    said = [member_state(membership(x, 0, 32, "closed", matching), 32, matching) for x in STANDARDS]
    order = list(dict.fromkeys(said))
    assert order == ["unlike", "insufficient", "same_model"]
    assert said == sorted(said, key=order.index)


def test_few_questions_carry_no_word(matching: Matching) -> None:
    fewest = matching.states.fewest_questions
    for standard in STANDARDS:
        assert (
            member_state(membership(standard, 0, fewest - 1, "closed", matching), fewest - 1, matching)
            == "insufficient"
        )
    assert member_state(membership(50.0, 0, fewest, "closed", matching), fewest, matching) == "same_model"


def test_shares_within_a_family_sum_to_one_in_the_order_of_the_scores() -> None:
    shares = shares_within([0.0, 0.02, 0.3, 1000.0], 48, 0.9)
    assert sum(shares) == pytest.approx(1)
    assert shares == sorted(shares, reverse=True)
    assert shares_within([0.0], 48, 0.9) == [1.0]
    assert shares_within([0.0, 0.1], 400, 0.9)[0] > shares_within([0.0, 0.1], 25, 0.9)[0]  # more questions, more sure
