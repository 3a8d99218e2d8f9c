"""Identity and coherence: what little they say, in which direction, and nothing where nothing was seen."""

from collections.abc import Mapping

import numpy as np
import pytest

from tests.conftest import a_pack, a_run, an_endpoint, an_item
from wrapdetect.evidence.compare.behaviour import coherence, identity
from wrapdetect.evidence.compare.samples import Samples, collect
from wrapdetect.evidence.compare.shares import log_marginal
from wrapdetect.evidence.judge import NO_CALIBRATOR, bounded
from wrapdetect.evidence.seeds import Seeds
from wrapdetect.model import AskKey, Finding, Observation

OURS, OTHERS = "gpt-4o", "claude-3"


def observation(endpoint: str, item: str, feature: str, value: str | float | bool) -> Observation:
    return Observation(
        exchange=f"{endpoint}/{item}",
        endpoint=endpoint,
        ask=AskKey("probe", item, 0),
        turn=0,
        feature=feature,
        value=value,
        reader="test",
    )


def spoken(seeds: Seeds, said: Mapping[str, list[str]], n: int) -> Samples:
    """The target was asked n identity questions; `said` gives feature -> vendors, question by question."""
    observations = [observation("target", f"i{k}", "said", "I am …") for k in range(n)]
    observations += [
        observation("target", f"i{k}", feature, vendor)
        for feature, vendors in said.items()
        for k, vendor in enumerate(vendors)
    ]
    endpoints = (
        an_endpoint("target", "target"),
        an_endpoint("ours", model=OURS),
        an_endpoint("theirs", model=OTHERS),
        an_endpoint("nobody", model="no-known-model"),
    )
    items = a_pack(*(an_item(f"i{k}") for k in range(n)), pack_id="probe")
    return collect(a_run(items, endpoints=endpoints), observations, seeds)


def by_upstream(seeds: Seeds, said: Mapping[str, list[str]], n: int = 8) -> dict[str, Finding]:
    return {f.upstream: f for f in identity.compare(spoken(seeds, said, n))}


def test_claims_speak_for_the_vendor_named_and_for_no_other(seeds: Seeds) -> None:
    found = by_upstream(seeds, {"claims": ["openai"] * 6})
    assert found["ours"].llr > 0
    assert found["theirs"].llr == 0.0


@pytest.mark.parametrize("said", [{}, {"denies": ["openai"] * 8}, {"human": ["yes"] * 8}])
def test_silence_a_denial_and_a_claim_to_be_human_weigh_nothing(seeds: Seeds, said: dict[str, list[str]]) -> None:
    finding = by_upstream(seeds, said)["ours"]
    assert (finding.llr, finding.llr_low) == (0.0, 0.0)


def test_more_claims_never_weigh_less(seeds: Seeds) -> None:
    weights = [by_upstream(seeds, {"claims": ["openai"] * k})["ours"].llr for k in range(9)]
    assert weights == sorted(weights)


@pytest.mark.parametrize("n", [1, 8, 60])
def test_an_identity_claim_stays_within_a_factor_of_two(seeds: Seeds, n: int) -> None:
    finding = by_upstream(seeds, {"claims": ["openai"] * n}, n)["ours"]
    assert 0 < bounded(finding, seeds.ruleset, NO_CALIBRATOR).value <= 0.69


def test_no_identity_answer_gives_no_identity_finding(seeds: Seeds) -> None:
    assert not by_upstream(seeds, {}, 0)


def test_a_reference_of_no_known_vendor_gathers_no_claims(seeds: Seeds) -> None:
    assert "nobody" not in by_upstream(seeds, {"claims": ["openai"] * 8})


@pytest.mark.parametrize("n", [3, 12, 36])
def test_identity_gathers_little_from_models_that_claim_falsely(n: int) -> None:
    """Silence weighs 0 and not less, so the expected factor lies a little above 1; the cap keeps it below 1.25."""
    rng = np.random.default_rng(4)
    counts = rng.binomial(n, rng.beta(*identity.CLAIMING_FALSELY, 3000), 3000)
    factor = [
        np.exp(
            np.clip(
                log_marginal(int(k), n, *identity.CLAIMING) - log_marginal(int(k), n, *identity.CLAIMING_FALSELY),
                0,
                0.69,
            )
        )
        for k in counts
    ]
    assert np.mean(factor) <= 1.25


def threads(seeds: Seeds, target: list[bool], upstreams: list[list[bool]]) -> Samples:
    observations = [
        observation(name, f"i{k}", "planted", kept)
        for name, all_kept in (("target", target), *((f"ref{r}", u) for r, u in enumerate(upstreams)))
        for k, kept in enumerate(all_kept)
    ]
    items = a_pack(*(an_item(f"i{k}") for k in range(max(len(target), 1))), pack_id="probe")
    return collect(a_run(items, references=len(upstreams)), observations, seeds)


def kept(n_kept: int, n: int) -> list[bool]:
    return [True] * n_kept + [False] * (n - n_kept)


@pytest.mark.parametrize(("ours", "theirs"), [(12, 2), (10, 0), (12, 6)])
def test_keeping_the_thread_better_than_the_upstream_speaks_against(seeds: Seeds, ours: int, theirs: int) -> None:
    (finding,) = coherence.compare(threads(seeds, kept(ours, 12), [kept(theirs, 12)]))
    assert finding.llr < 0 < finding.effect


def test_a_relay_that_drops_the_history_loses_at_most_half(seeds: Seeds) -> None:
    """Half of the relays may drop it, so the factor against, before any bound, cannot pass two."""
    (finding,) = coherence.compare(threads(seeds, kept(0, 12), [kept(12, 12)]))
    assert finding.llr >= -np.log(2) - 0.01
    assert "probe/i0" in finding.witness


@pytest.mark.parametrize("ours", range(0, 13, 3))
@pytest.mark.parametrize("theirs", [0, 6, 12])
def test_a_kept_thread_stays_within_a_factor_of_two(seeds: Seeds, ours: int, theirs: int) -> None:
    (finding,) = coherence.compare(threads(seeds, kept(ours, 12), [kept(theirs, 12)]))
    weight = bounded(finding, seeds.ruleset, NO_CALIBRATOR)
    assert -0.69 <= weight.low <= weight.value <= weight.high <= 0.69


@pytest.mark.parametrize(("target", "upstream"), [([], kept(3, 3)), (kept(3, 3), [])])
def test_no_common_conversation_gives_no_coherence_finding(
    seeds: Seeds, target: list[bool], upstream: list[bool]
) -> None:
    assert not list(coherence.compare(threads(seeds, target, [upstream])))


def test_keeping_the_thread_as_everybody_does_accuses_nobody(seeds: Seeds) -> None:
    """Where all references keep every thread, so does an unrelated bot: that tells no upstream from another."""
    findings = list(coherence.compare(threads(seeds, kept(12, 12), [kept(12, 12)] * 3)))
    assert [bounded(f, seeds.ruleset, NO_CALIBRATOR).value for f in findings] == pytest.approx([0, 0, 0], abs=0.1)


@pytest.mark.parametrize("skill", [(1, 1), (8, 1), (20, 1)])
def test_coherence_gathers_nothing_on_average_from_unrelated_models(skill: tuple[int, int], seeds: Seeds) -> None:
    """Models whose skills are drawn from one population: the expected factor towards any one of them is at most 1."""
    rng = np.random.default_rng(6)
    factors = []
    for _ in range(150):
        ours, *theirs = (kept(int(rng.binomial(12, s)), 12) for s in rng.beta(*skill, 4))
        findings = coherence.compare(threads(seeds, ours, theirs))
        factors += [np.exp(bounded(f, seeds.ruleset, NO_CALIBRATOR).value) for f in findings]
    assert np.mean(factors) <= 1.1
