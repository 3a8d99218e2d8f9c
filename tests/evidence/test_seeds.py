"""seeds/: what ships fits together, and what does not fit is refused by file."""

import re

import pytest

from wrapdetect.errors import SeedError
from wrapdetect.evidence.read.identity import vendor_pattern
from wrapdetect.evidence.seeds import FILES, Seeds, parse_seeds
from wrapdetect.model import State, Weights
from wrapdetect.store.shipped import folder, load_seeds


def the_texts(**changed: str) -> dict[str, str]:
    """The shipped files by name, some parts (vendors, ...) put in their place."""
    texts = {name: (folder("seeds") / name).read_text(encoding="utf-8") for name in FILES.values()}
    return texts | {FILES[part]: text for part, text in changed.items()}


def test_the_shipped_seeds_load_and_hold_every_file(seeds: Seeds) -> None:
    assert load_seeds() == seeds
    assert {p.name for p in folder("seeds").glob("*.toml")} >= set(FILES.values())


@pytest.mark.parametrize("part", FILES)
@pytest.mark.parametrize("damage", ["\nodd_key = 1\n", "= nothing\n"], ids=["unknown_key", "not_toml"])
def test_a_seed_file_that_does_not_fit_is_named(part: str, damage: str) -> None:
    with pytest.raises(SeedError, match=rf"seeds/{re.escape(FILES[part])}: "):
        parse_seeds(the_texts(**{part: damage + the_texts()[FILES[part]]}))


@pytest.mark.parametrize(
    ("part", "old", "new"),
    [
        ("vendors", 'weights = "open"', 'weights = "heavy"'),
        ("vendors", 'pattern = "claude"', 'pattern = "claude("'),
        ("ruleset", 'axis = "behaviour"', 'axis = "vertical"'),
        ("ruleset", "bound = 4.0", "bound = -4.0"),
        ("ruleset", "wrapper = 0.20", "wrapper = 0.0"),
        ("ruleset", "wrapper = 0.20", "wrapper = 0.60"),
        ("ruleset", 'id = "likely_wrapper"', 'id = "perhaps"'),
        ("ruleset", 'id = "text_chars"', 'id = "text_words"'),
        ("ruleset", "unknown = {", "unheard = {"),
        ("likenesses", "null_sd = ", "null_sd = -"),
        ("likenesses", "[view.words]", "[view.smells]"),
        ("variants", 'id = "shop"', 'id = "Shop@1"'),
    ],
    ids=lambda v: str(v).replace(" ", ""),
)
def test_a_value_that_does_not_fit_is_refused(part: str, old: str, new: str) -> None:
    text = the_texts()[FILES[part]]
    assert old in text
    with pytest.raises(SeedError, match=FILES[part]):
        parse_seeds(the_texts(**{part: text.replace(old, new, 1)}))


@pytest.mark.parametrize("weights", ["open", "closed", "unknown"])
def test_every_kind_of_weights_has_a_prior_that_sums_to_one(weights: Weights, seeds: Seeds) -> None:
    prior = seeds.ruleset.prior[weights]
    assert prior.wrapper + prior.same_model + prior.neither == pytest.approx(1.0)


def test_ids_are_unique_within_each_file(seeds: Seeds) -> None:
    for ids in (
        [v.id for v in seeds.vendors.vendor],
        [v.id for v in seeds.variants.variant],
        [r.id for r in seeds.ruleset.rule],
    ):
        assert len(set(ids)) == len(ids) > 0


def test_no_name_belongs_to_two_vendors(seeds: Seeds) -> None:
    names = [n.lower() for v in seeds.vendors.vendor for n in {n.lower() for n in v.names}]
    assert len(names) == len(set(names))


def test_states_are_tried_from_the_gravest_and_end_in_none_by_default(seeds: Seeds) -> None:
    order: list[State] = ["wrapper", "likely_wrapper", "likely_wrapper", "same_model", "unlike"]
    assert [s.id for s in seeds.ruleset.state] == order


def test_the_gravest_word_needs_both_axes_and_two_incidents(seeds: Seeds) -> None:
    wrapper = next(s for s in seeds.ruleset.state if s.id == "wrapper")
    assert wrapper.min_p >= 0.95
    assert wrapper.min_behaviour > 0
    assert wrapper.min_dependence > 0
    assert wrapper.min_incidents >= 2
    assert wrapper.min_references >= 2


def test_what_a_bot_says_it_is_counts_for_little(seeds: Seeds) -> None:
    assert seeds.ruleset.rule_of("identity_claim").bound <= 0.7  # 0.3 decades


def test_a_rule_that_is_not_there_is_a_key_error(seeds: Seeds) -> None:
    with pytest.raises(KeyError, match="no_such_rule"):
        seeds.ruleset.rule_of("no_such_rule")


def test_what_is_known_of_a_view_is_in_order(seeds: Seeds) -> None:
    assert set(seeds.likenesses.view) == {"words", "chars", "embedding"}
    for view in seeds.likenesses.view.values():
        assert 0 < view.null_mean < view.self_low < view.self_high <= 1.5


def test_neutral_prompts_name_no_vendor(seeds: Seeds) -> None:
    named = vendor_pattern(seeds.vendors)
    for variant in seeds.variants.variant:
        assert variant.text.strip()
        assert not named.search(variant.text)


@pytest.mark.parametrize(
    ("model", "vendor", "weights"),
    [
        ("gpt-4o", "openai", "closed"),
        ("gpt-3.5-turbo-0125", "openai", "closed"),
        ("openai/gpt-5-mini", "openai", "closed"),
        ("o1-mini", "openai", "closed"),
        ("o3", "openai", "closed"),
        ("chatgpt-4o-latest", "openai", "closed"),
        ("openai/gpt-oss-120b", "openai", "open"),
        ("GPT-4", "openai", "closed"),
        ("claude-sonnet-4-5", "anthropic", "closed"),
        ("anthropic/claude-3.5-haiku", "anthropic", "closed"),
        ("gemini-2.5-pro", "google", "closed"),
        ("google/gemma-3-27b-it", "google", "open"),
        ("meta-llama/Llama-3.3-70B-Instruct", "meta", "open"),
        ("mistral-large-latest", "mistral", "unknown"),
        ("open-mixtral-8x7b", "mistral", "open"),
        ("deepseek-chat", "deepseek", "open"),
        ("qwen-max", "alibaba", "closed"),
        ("Qwen/Qwen2.5-72B-Instruct", "alibaba", "open"),
        ("kimi-k2", "moonshot", "open"),
        ("glm-4.5", "zhipu", "open"),
        ("grok-4", "xai", "closed"),
        ("command-r-plus", "cohere", "open"),
        ("phi-4", "microsoft", "open"),
        ("dolphin-2.6", None, "unknown"),
        ("gpt-j-6b", None, "unknown"),
        ("foo1-mini", None, "unknown"),
        ("", None, "unknown"),
    ],
)
def test_a_model_name_tells_vendor_and_weights(model: str, vendor: str | None, weights: Weights, seeds: Seeds) -> None:
    found, kind = seeds.vendors.of_model(model)
    assert (found.id if found else None, kind) == (vendor, weights)


def test_every_vendor_is_found_by_each_of_its_own_names(seeds: Seeds) -> None:
    for vendor in seeds.vendors.vendor:
        for name in vendor.names:
            assert vendor_pattern(seeds.vendors).fullmatch(name), name
