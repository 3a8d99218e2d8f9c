"""The plan: balanced, in an order that only the seed decides, and never dearer than it says."""

import random
from collections import Counter
from dataclasses import replace
from itertools import groupby

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.conftest import a_pack, a_run, an_exchange, an_item
from wrapdetect.errors import BudgetError, PackError
from wrapdetect.model import Ask, AskKey, Run
from wrapdetect.runs.plan import Cost, check_budget, estimate_cost, estimate_tokens, make_plan

FIXED = settings(derandomize=True, deadline=None, max_examples=60)
VARIANTS = (("shop", "Be nice."), ("desk", "Be calm."))

runs = st.builds(
    lambda style, other, references, draws, n, seed: a_run(
        a_pack(*(an_item(f"s{k}") for k in range(style))),
        a_pack(*(an_item(f"c{k}", readers=("coherence",), turns=("A?", "B?")) for k in range(other)), pack_id="other"),
        references=references,
        draws=draws,
        variants=VARIANTS[:n],
        seed=seed,
    ),
    st.integers(1, 4),
    st.integers(0, 3),
    st.integers(1, 3),
    st.integers(1, 3),
    st.integers(0, 2),
    st.integers(0, 2**64),
)


def a_mixed_run(*, seed: int = 1, variants: tuple[tuple[str, str], ...] = VARIANTS) -> Run:
    return a_run(
        a_pack(*(an_item(f"s{k}") for k in range(6))),
        a_pack(*(an_item(f"c{k}", readers=("coherence",)) for k in range(4)), pack_id="other"),
        variants=variants,
        draws=2,
        seed=seed,
    )


@FIXED
@given(runs)
def test_every_endpoint_gets_every_plain_ask_once_a_draw_and_references_the_variants_of_text_items(run: Run) -> None:
    items = [(p.id, i) for p in run.packs for i in p.items]
    plain = [(e.name, AskKey(p, i.id, d)) for e in run.endpoints for p, i in items for d in range(run.draws)]
    behind = [
        (e.name, AskKey(p, i.id, d, v))
        for e in run.references
        for p, i in items
        if "text" in i.readers
        for v, _ in run.variants
        for d in range(run.draws)
    ]
    assert Counter((s.endpoint.name, s.ask.key) for s in make_plan(run)) == Counter([*plain, *behind])


@FIXED
@given(runs)
def test_the_same_ask_to_all_endpoints_stands_together(run: Run) -> None:
    keys = [key for key, _ in groupby(make_plan(run), key=lambda s: s.ask.key)]
    assert len(keys) == len(set(keys))


def ask_for(run: Run, key: AskKey) -> Ask:
    """The ask that a key of this run stands for."""
    item, system = run.item(key), dict(run.variants)[key.variant] if key.variant else ""
    return Ask(key=key, turns=item.turns, system=system, temperature=item.temperature, max_tokens=item.max_tokens)


def test_an_ask_carries_its_turns_its_system_prompt_and_its_settings() -> None:
    run = a_run(a_pack(an_item(turns=("A?", "B?"), temperature=0.3, max_tokens=9)), variants=VARIANTS[:1])
    for slot in make_plan(run):
        assert (slot.ask.turns, slot.ask.temperature, slot.ask.max_tokens) == (("A?", "B?"), 0.3, 9)
        assert slot.ask.system == ("Be nice." if slot.ask.key.variant else "")
        assert slot.ask == ask_for(run, slot.ask.key)


def test_the_same_seed_gives_the_same_order_whatever_else_went_on() -> None:
    run = a_mixed_run(seed=5)
    first = make_plan(run)
    random.seed(99)
    again = replace(run, id="another", note="n", exchanges=(an_exchange("target", AskKey("style", "s0", 0)),))
    assert make_plan(again) == first


def test_another_seed_gives_another_order_of_the_same_slots() -> None:
    plans = [make_plan(a_mixed_run(seed=seed)) for seed in range(20)]
    assert len(set(plans)) == 20
    assert all(Counter(p) == Counter(plans[0]) for p in plans)


def test_planning_leaves_the_global_randomness_alone() -> None:
    random.seed(7)
    before = random.getstate()
    make_plan(a_mixed_run())
    assert random.getstate() == before


def test_no_endpoint_is_favoured_with_the_first_place() -> None:
    plans = [make_plan(a_mixed_run(seed=seed, variants=())) for seed in range(50)]
    firsts = Counter(next(g).endpoint.name for p in plans for _, g in groupby(p, key=lambda s: s.ask.key))
    # 1,000 groups, 3 endpoints: 1/3 each, standard deviation 0.015; the tolerance is four of them.
    assert all(abs(n / firsts.total() - 1 / 3) < 0.06 for n in firsts.values())
    assert len(firsts) == 3


def test_the_packs_are_mixed_and_not_asked_one_after_the_other() -> None:
    probes = [s.ask.key.probe for s in make_plan(a_mixed_run())]
    assert len([p for p, _ in groupby(probes)]) > 2


@pytest.mark.parametrize("run", [a_run(a_pack()), a_run(draws=0)], ids=["no_items", "no_draws"])
def test_a_plan_of_nothing_is_refused_with_the_next_step(run: Run) -> None:
    with pytest.raises(PackError, match="--pack"):
        make_plan(run)


def test_the_cost_counts_a_request_a_turn_and_the_history_before_it() -> None:
    run = a_run(a_pack(an_item(turns=("aaaa", "bbbbbbbb"), max_tokens=10)), references=0)
    # Turn 1: 1 + 10. Turn 2: 1 (aaaa) + 10 (the answer) + 2 (bbbbbbbb) + 10.
    assert estimate_cost(make_plan(run)) == Cost(requests=2, tokens=11 + 23)


@FIXED
@given(st.data())
def test_the_cost_is_never_below_what_answers_of_allowed_length_take(data: st.DataObject) -> None:
    turns = tuple(data.draw(st.lists(st.text(min_size=1, max_size=40), min_size=1, max_size=5)))
    max_tokens = data.draw(st.integers(1, 50))
    run = a_run(a_pack(an_item(turns=turns, max_tokens=max_tokens)), variants=VARIANTS, references=1)
    plan = make_plan(run)
    requests = tokens = 0
    for _, ask in plan:
        answers: list[str] = []
        for n in range(len(turns)):
            said = "x" * data.draw(st.integers(0, 4 * max_tokens))
            texts = [ask.system, *ask.turns[: n + 1], *answers, said]
            requests += 1
            tokens += sum(map(estimate_tokens, texts))
            answers.append(said)
    cost = estimate_cost(plan)
    assert requests == cost.requests
    assert tokens <= cost.tokens


@pytest.mark.parametrize(("text", "tokens"), [("", 0), ("a", 1), ("abcd", 1), ("abcde", 2), ("潮汐", 2)])
def test_tokens_are_bytes_over_four_rounded_up(text: str, tokens: int) -> None:
    assert estimate_tokens(text) == tokens


@pytest.mark.parametrize(
    ("requests", "tokens", "said"),
    [
        (1234, 10, "up to 1,234 requests and --max-requests allows 1,000; .* allow --max-requests 1234$"),
        (10, 50_001, "up to 50,001 tokens and --max-tokens allows 50,000; .* allow --max-tokens 50001$"),
    ],
)
def test_a_plan_beyond_the_budget_is_refused_with_the_numbers(requests: int, tokens: int, said: str) -> None:
    with pytest.raises(BudgetError, match=said):
        check_budget(Cost(requests, tokens), max_requests=1000, max_tokens=50_000)


def test_a_plan_that_no_memory_holds_is_refused_before_it_is_made() -> None:
    with pytest.raises(BudgetError, match=r"^up to [0-9,]+ questions, and a plan holds 1,000,000; lower --draws"):
        make_plan(replace(a_mixed_run(), draws=10**21))


def test_a_plan_that_just_fits_is_allowed() -> None:
    check_budget(Cost(1000, 50_000), max_requests=1000, max_tokens=50_000)
    with pytest.raises(BudgetError):
        check_budget(Cost(1000, 50_000), max_requests=1000, max_tokens=49_999)


@pytest.mark.parametrize("key", [AskKey("style", "none", 0), AskKey("none", "s0", 0), AskKey("style", "s0", 0, "none")])
def test_an_ask_of_no_item_or_variant_of_the_run_is_a_key_error(key: AskKey) -> None:
    with pytest.raises(KeyError, match="none"):
        ask_for(a_mixed_run(), key)
