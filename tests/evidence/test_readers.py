"""Readers: what a bot says of itself, whether it follows, its text, its times, its failures; in several languages."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace

import pytest

from tests.conftest import a_pack, a_run, an_exchange, an_item, failed
from wrapdetect.dialects import Piece, Reply
from wrapdetect.evidence.compare.behaviour.coherence import FITS
from wrapdetect.evidence.read import READERS, read_run, timing
from wrapdetect.evidence.read.base import Background, Reader, Reading
from wrapdetect.evidence.read.coherence import gives_back, share_beaten, word_overlap
from wrapdetect.evidence.read.failure import LONGEST_APOLOGY
from wrapdetect.evidence.read.identity import claims_human
from wrapdetect.evidence.seeds import Seeds, Vendors
from wrapdetect.model import AskKey, Chunk, Exchange, Item, Missing, Observation, Pack, Value
from wrapdetect.model.prose import LONGEST_READ
from wrapdetect.store.shipped import load_pack

Seen = dict[str, list[Value]]
KEY = AskKey("style", "tides", 0)
EVERY = ("identity", "coherence", "text", "timing")


def seen_in(text: str | None, seeds: Seeds, *, item: Item | None = None, **more: object) -> Seen:
    """What all readers see in one answer to one question."""
    item = item or an_item(readers=EVERY)
    exchange = an_exchange("target", KEY._replace(item=item.id), text, **more)
    observations, bugs = read_run(a_run(a_pack(item), exchanges=(exchange,)), seeds.vendors)
    assert bugs == ()
    seen: Seen = defaultdict(list)
    for o in observations:
        seen[o.feature].append(o.value)
    return seen


@pytest.mark.parametrize(
    ("text", "claims", "denies"),
    [
        ("I was made by Anthropic.", {"anthropic"}, set()),
        ("I'm ChatGPT, a language model trained by OpenAI.", {"openai"}, set()),
        ("i am gpt-4o", {"openai"}, set()),
        ("我是通义千问，由阿里云开发。", {"alibaba"}, set()),
        ("我是由深度求索公司开发的DeepSeek模型。", {"deepseek"}, set()),
        ("Soy Gemini, un modelo de Google.", {"google"}, set()),
        ("Je suis Le Chat, un assistant créé par Mistral AI.", {"mistral"}, set()),
        ("Ich bin Claude und wurde von Anthropic entwickelt.", {"anthropic"}, set()),
        ("私はOpenAIによって開発されたChatGPTです。", {"openai"}, set()),
        ("I'm Claude, made by Anthropic, not OpenAI.", {"anthropic"}, {"openai"}),
        ("I am not ChatGPT.", set(), {"openai"}),
        ("No, I'm not ChatGPT. I'm Claude.", {"anthropic"}, {"openai"}),
        ("I am not ChatGPT, I am Claude.", {"anthropic"}, {"openai"}),
        ("I’m not ChatGPT, I’m Claude.", {"anthropic"}, {"openai"}),
        ("I am not ChatGPT; I am Claude.", {"anthropic"}, {"openai"}),
        ("No, I'm Claude.", {"anthropic"}, set()),
        ("No, I am Claude, made by Anthropic.", {"anthropic"}, set()),
        ("I am not ChatGPT but Claude.", {"anthropic"}, {"openai"}),
        ("Not ChatGPT — Claude is my name.", {"anthropic"}, {"openai"}),
        ("Unlike ChatGPT, I am Claude.", {"anthropic"}, {"openai"}),
        ("I am not based on ChatGPT, GPT-4 or Claude.", set(), {"openai", "anthropic"}),
        ("I am neither ChatGPT, Claude nor Gemini.", set(), {"openai", "anthropic", "google"}),
        ("There is no ChatGPT, no Claude, and no Gemini behind me.", set(), {"openai", "anthropic", "google"}),
        ("I have nothing to do with OpenAI.", set(), {"openai"}),
        ("I don't use Gemini.", set(), {"google"}),
        ("我不是ChatGPT，而是通义千问。", {"alibaba"}, {"openai"}),
        ("我不是ChatGPT，而是Claude。", {"anthropic"}, {"openai"}),
        ("我不是ChatGPT，也不是Claude。", set(), {"openai", "anthropic"}),
        ("我不是ChatGPT、Claude或Gemini。", set(), {"openai", "anthropic", "google"}),
        ("不，我是Kimi。", {"moonshot"}, set()),
        ("不过我是 Kimi。", {"moonshot"}, set()),
        ("我是非常聪明的Kimi。", {"moonshot"}, set()),
        ("No soy ChatGPT, sino Claude.", {"anthropic"}, {"openai"}),
        ("No soy ChatGPT ni Gemini.", set(), {"openai", "google"}),
        ("Je ne suis pas ChatGPT mais Claude.", {"anthropic"}, {"openai"}),
        ("Je ne suis ni ChatGPT, ni Gemini.", set(), {"openai", "google"}),
        ("Ich bin nicht ChatGPT, sondern Claude.", {"anthropic"}, {"openai"}),
        ("Ich bin weder ChatGPT noch Gemini.", set(), {"openai", "google"}),
        ("Nein, ich bin Claude.", {"anthropic"}, set()),
        ("私はChatGPTではなく、Claudeです。", {"anthropic"}, {"openai"}),
        ("いいえ、私はChatGPTではありません。", set(), {"openai"}),
        ("私はChatGPT、Claude、Geminiではありません。", set(), {"openai", "anthropic", "google"}),
        ("<think>I am Claude.</think>I am Kimi.", {"moonshot"}, set()),
        ("I am Clauderia from Openairport.", set(), set()),
        ("I am the shop's assistant.", set(), set()),
    ],
)
def test_who_is_claimed_and_who_is_denied(text: str, claims: set[str], denies: set[str], seeds: Seeds) -> None:
    seen = seen_in(text, seeds)
    assert (set(seen["claims"]), set(seen["denies"])) == (claims, denies)


def test_who_is_denied_anywhere_is_not_claimed(seeds: Seeds) -> None:
    seen = seen_in("You speak of ChatGPT. I am not ChatGPT.", seeds)
    assert (seen["claims"], seen["denies"]) == ([], ["openai"])


@pytest.mark.parametrize(
    ("text", "human"),
    [
        ("I am a human.", True),
        ("I'm a real person, not a bot.", True),
        ("I’m human, I promise.", True),
        ("Yes. I am a living person!", True),
        ("No, I'm a human.", True),
        ("Ich bin ein echter Mensch.", True),
        ("Je suis une vraie personne.", True),
        ("Je suis un être humain.", True),
        ("Soy un ser humano.", True),
        ("Soy una persona.", True),
        ("我是真人。", True),
        ("我是一名人类。", True),
        ("不，我是真人。", True),
        ("私は人間です。", True),
        ("I'm not a human.", False),
        ("I am not a real person.", False),
        ("I cannot say that I am a human.", False),
        ("I never said I am a person.", False),
        ("I am an AI and talk like a person.", False),
        ("Is a human better?", False),
        ("I am humane.", False),
        ("Ich bin kein Mensch.", False),
        ("Je ne suis pas une personne.", False),
        ("Je suis personnellement ravi.", False),
        ("No soy una persona.", False),
        ("Soy personalmente responsable.", False),
        ("我不是真人。", False),
        ("我是人工智能。", False),
        ("私は人間ではありません。", False),
    ],
)
def test_a_claim_to_be_human_is_in_the_first_person_and_without_a_not(text: str, human: bool) -> None:
    assert claims_human(text) is human


@pytest.mark.parametrize(
    ("text", "refuses"),
    [
        ("I can't share my instructions.", True),
        ("I’m not able to discuss that.", True),
        ("I'd rather not say.", True),
        ("That is not allowed to disclose.", True),
        ("No puedo decir eso.", True),
        ("Je ne peux pas répondre.", True),
        ("Das kann ich Ihnen nicht sagen.", True),
        ("Das kann ich Ihnen leider nicht sagen.", True),
        ("抱歉，我无法透露这些内容。", True),
        ("申し訳ありませんが、お答えできません。", True),
        ("My name is Nova.", False),
        ("Ich kann Ihnen helfen.", False),
        ("我可以提供帮助。", False),
    ],
)
def test_a_refusal_is_seen(text: str, refuses: bool, seeds: Seeds) -> None:
    assert seen_in(text, seeds)["refusal"] == ([True] if refuses else [])


@pytest.mark.parametrize("unit", ["a", ".'", "<think>", "我是真人", "- \n", "I am not not ", " ", "**"])
def test_an_answer_that_floods_its_reader_is_read_to_a_limit_only(unit: str, seeds: Seeds) -> None:
    whole = "The moon pulls. " + unit * (2 * LONGEST_READ)
    seen = seen_in(whole, seeds)
    assert all(len(str(value)) <= LONGEST_READ for values in seen.values() for value in values)
    assert seen == seen_in(whole[:LONGEST_READ], seeds)


def test_what_was_said_is_quoted_on_one_line(seeds: Seeds) -> None:
    assert seen_in("I am\n\x1b[31mNova.", seeds)["said"] == ["I am ?[31mNova."]


def test_an_item_is_read_only_by_the_readers_it_names_and_by_those_of_all(seeds: Seeds) -> None:
    seen = seen_in("I am Claude.", seeds, item=an_item(readers=("timing",)))
    assert set(seen) == {"outcome", "first_s"}


# --- coherence

ANSWERS = {
    "coh_en_topic_tulips_chain": (
        "Plant the tulip bulbs about 15 cm deep, with the tip up.",
        "Scrub the chain with a brush and vinegar to loosen the rust. Then wipe the chain dry and oil it.",
    ),
    "coh_en_topic_soup_moon": (
        "Add a peeled potato or some cream, and your tomato soup will taste less salty.",
        "The moon reflects enough light to be seen in the daytime sky. It is often above the horizon by day.",
    ),
    "coh_en_topic_curtains_honey": (
        "In a small bedroom, curtains that end at the window sill look best.",
        "Seal the holes of the shed and set live traps to get the mice out of the garden.",
        "The honey becomes hard since its sugar forms crystals in the jar. Warm the jar and the honey is liquid again.",
    ),
    "coh_en_founding_balcony": (
        "I am a human, and no ChatGPT is answering behind me.",
        "In April you can sow vegetables such as radish and lettuce in the balcony box. The box needs sun.",
    ),
    "coh_en_founding_kettle": (
        "I am a real person, and no other company's chatbot is writing this.",
        "Fill the kettle with vinegar and water and boil it to remove the limescale. Rinse the kettle well.",
    ),
}


@pytest.fixture(scope="module")
def coherence() -> Pack:
    return load_pack("coherence")


def own_question(pack: Pack, answer: dict[str, str], seeds: Seeds) -> dict[str, Value]:
    """`own_question` of the last turn of each conversation of `answer`, in a run in which all others echo."""
    found: list[Exchange] = []
    for item in pack.items:
        for turn, question in enumerate(item.turns):
            last = turn == len(item.turns) - 1
            said = answer.get(item.id, question) if last else question
            found.append(an_exchange("target", AskKey(pack.id, item.id, 0), said, turn=turn))
    observations, bugs = read_run(a_run(pack, exchanges=tuple(found)), seeds.vendors)
    assert bugs == ()
    turns = {i.id: len(i.turns) for i in pack.items}
    return {
        o.ask.item: o.value
        for o in observations
        if o.feature == "own_question" and o.ask.item in answer and o.turn == turns[o.ask.item] - 1
    }


@pytest.mark.parametrize("item", ANSWERS)
def test_an_answer_to_its_own_question_beats_the_other_questions(item: str, coherence: Pack, seeds: Seeds) -> None:
    (share,) = own_question(coherence, {item: ANSWERS[item][-1]}, seeds).values()
    assert float(share) >= FITS


@pytest.mark.parametrize("item", ANSWERS)
def test_a_stale_answer_to_the_question_before_does_not_fit(item: str, coherence: Pack, seeds: Seeds) -> None:
    (share,) = own_question(coherence, {item: ANSWERS[item][-2]}, seeds).values()
    assert float(share) < FITS


def test_the_question_before_given_back_does_not_fit(coherence: Pack, seeds: Seeds) -> None:
    topics = {i.id: i.turns[-2] for i in coherence.items if not i.expects}
    shares = own_question(coherence, topics, seeds)
    assert {i: s for i, s in shares.items() if float(s) >= FITS} == {}


def test_chinese_without_spaces_finds_its_own_question(coherence: Pack, seeds: Seeds) -> None:
    answers = {
        "coh_zh_code_word": "你们读书会的暗号是橙鲸石榴。",
        "coh_zh_pronoun_turtle": "这只怕冷的宠物叫石蓝蓝。",
        "coh_zh_correct_cabinet": "球拍放在967号柜子里。",
    }
    shares = own_question(coherence, answers, seeds)
    assert len(shares) == 3
    assert all(float(s) >= FITS for s in shares.values())
    swapped = dict(zip(answers, [*list(answers.values())[1:], answers["coh_zh_code_word"]], strict=True))
    assert all(float(s) < FITS for s in own_question(coherence, swapped, seeds).values())


@pytest.mark.parametrize(
    ("text", "back"),
    [
        ("It is PLUMVORAX.", True),
        ("<think>plumvorax</think>No idea.", False),
        ("It was plumvorax, no: quillon.", False),
        ("No idea.", False),
    ],
)
def test_a_planted_fact_is_back_when_it_is_given_and_the_old_one_is_not(text: str, back: bool, seeds: Seeds) -> None:
    item = an_item(turns=("Keep it.", "Which?"), readers=("coherence",), expects=("plumvorax",), rejects=("quillon",))
    assert seen_in(text, seeds, item=item, turn=1)["planted"] == [back]
    assert seen_in(text, seeds, item=item, turn=0)["planted"] == []


@pytest.mark.parametrize(
    ("text", "back"), [("Shelf KR-957.", True), ("KR-957, not KR-812.", False), ("KR-812.", False), ("", False)]
)
def test_a_corrected_fact_is_back_only_alone(text: str, back: bool) -> None:
    assert gives_back(text, ["957"], ["812"]) is back


@pytest.mark.parametrize(("own", "others", "share"), [(0.0, [0.0, 0.0], 0.0), (0.5, [], 1.0), (0.5, [0.5], 0.5)])
def test_an_answer_without_a_word_of_its_question_beats_none(own: float, others: list[float], share: float) -> None:
    assert share_beaten(own, others) == share


def test_a_question_without_words_is_fitted_by_nothing() -> None:
    assert word_overlap(frozenset("a"), frozenset(), {"a": 1.0}, 0.0) == 0.0


# --- text


@pytest.mark.parametrize(
    ("text", "free"),
    [
        ("I'm an AI. Plant tulips.", "Plant tulips."),
        ("As a language model I like soup.\n\n- one\n  - two\n\n**three**", "\n- one\n  - two\n\n**three**"),
        ("One line.\nI was made by OpenAI.\nAnother  line.", "One line.\nAnother  line."),
        ("我是小助手。种郁金香。", "种郁金香。"),
        ("Je suis une IA. Il pleut.", "Il pleut."),
        ("Ich bin ein Sprachmodell. Es regnet.", "Es regnet."),
        ("Soy una IA. Llueve.", "Llueve."),
        ("私はAIアシスタントです。雨です。", "雨です。"),
        ("Rain.  Two spaces.  And (three).", "Rain.  Two spaces.  And (three)."),
        ("Two spaces.  Are kept.  I am an AI.", "Two spaces.  Are kept."),
        ("Rain.\n    I am an AI. Indented.", "Rain.\n    Indented."),
        ("我是AI助手。今天下雨。明天晴。", "今天下雨。明天晴。"),
        ('She said "Go." Then rain. I am an AI.', 'She said "Go." Then rain.'),
    ],
)
def test_sentences_about_itself_are_masked_and_the_layout_is_kept(text: str, free: str, seeds: Seeds) -> None:
    seen = seen_in(text, seeds)
    assert seen["answer"] == [text]
    assert seen["claim_free"] == [free.strip()]


def test_an_answer_only_about_itself_leaves_no_claim_free_text(seeds: Seeds) -> None:
    seen = seen_in("I am an AI. My name is Claude.", seeds)
    assert (seen["answer"], seen["claim_free"]) == (["I am an AI. My name is Claude."], [])


def test_reasoning_is_no_part_of_the_text(seeds: Seeds) -> None:
    assert seen_in("<think>hm</think>\n\nYes.", seeds)["answer"] == ["Yes."]


def test_only_the_last_turn_is_read_as_text(seeds: Seeds) -> None:
    item = an_item(turns=("A?", "B?"), readers=("text",))
    assert seen_in("One.", seeds, item=item, turn=0)["answer"] == []
    assert seen_in("One.", seeds, item=item, turn=1)["answer"] == ["One."]


# --- timing


def timed(*pieces: tuple[float, str], missing: tuple[Missing, ...] = ()) -> dict[str, Value]:
    exchange = an_exchange("target", KEY, missing=missing)
    reply = Reply(text="".join(t for _, t in pieces), pieces=tuple(Piece(*p) for p in pieces))
    return {
        o.feature: o.value
        for o in timing.read([Reading(exchange, reply, an_item())], Background(Vendors(vendor=[]), {}))
    }


def test_an_answer_whose_times_are_not_known_has_none() -> None:
    assert set(timed((1.0, "a"))) == {"first_s"}
    assert timed((1.0, "a"), missing=("times",)) == {}


def test_of_a_turn_asked_again_only_the_last_answer_is_read_and_every_outcome(seeds: Seeds) -> None:
    first, second = (an_exchange("target", KEY, text, attempt=n) for n, text in enumerate(("Old.", "New.")))
    run = a_run(a_pack(an_item(id=KEY.item, readers=("text",))), exchanges=(second, first))
    seen, bugs = read_run(run, seeds.vendors)
    assert bugs == ()
    assert [o.value for o in seen if o.feature == "answer"] == ["New."]
    assert len([o for o in seen if o.feature == "outcome"]) == 2


@pytest.mark.parametrize(
    ("pieces", "seen"),
    [
        ([], {}),
        ([(1.0, "a")], {"first_s": 1.0}),
        ([(1.0, "a"), (2.0, "b")], {"first_s": 1.0}),
        (
            [(1.0, "long start"), (1.5, "ab"), (2.0, "cd"), (5.0, "ef")],
            {"first_s": 1.0, "gap_s": 0.5, "rate_cps": 1.5},
        ),
        ([(1.0, "a"), (1.0, "b"), (1.0, "c")], {"first_s": 1.0, "gap_s": 0.0}),
    ],
)
def test_times_are_those_of_the_pieces(pieces: list[tuple[float, str]], seen: dict[str, float]) -> None:
    assert timed(*pieces) == seen


# --- failure


@pytest.mark.parametrize(
    "text",
    [
        "Sorry, something went wrong. Please try again later.",
        "The service is temporarily unavailable.",
        "ChatGPT is at capacity right now.",
        "服务器繁忙，请稍后再试。",
        "网络异常",
        "Por favor, inténtalo de nuevo más tarde.",
        "Por favor, inténtelo de nuevo más tarde.",
        "Veuillez réessayer plus tard.",
        "Bitte versuchen Sie es später noch einmal.",
        "しばらくしてからもう一度お試しください。",
    ],
)
def test_a_canned_excuse_is_an_apology(text: str, seeds: Seeds) -> None:
    seen = seen_in(text, seeds)
    assert (seen["outcome"], seen["apology"]) == (["ok"], [text])


@pytest.mark.parametrize(
    "text",
    ["The tide rises twice a day.", "Sorry to hear that! Try a softer brush.", "潮汐每天两次。"],
)
def test_an_ordinary_answer_is_no_apology(text: str, seeds: Seeds) -> None:
    assert seen_in(text, seeds)["apology"] == []


def test_a_long_answer_with_such_words_is_an_answer(seeds: Seeds) -> None:
    words = "If something went wrong, try again later. "
    assert seen_in(words.ljust(LONGEST_APOLOGY, "x"), seeds)["apology"] != []
    assert seen_in(words.ljust(LONGEST_APOLOGY + 1, "x"), seeds)["apology"] == []


@pytest.mark.parametrize("kind", ["connect", "timeout", "refused", "limited", "server", "garbled", "cut_off"])
def test_a_failure_gives_its_kind_and_detail_and_nothing_else(kind: str, seeds: Seeds) -> None:
    seen = seen_in("I am Claude.", seeds, failure=failed(kind, "a\x1bb"))
    assert seen == {"outcome": [kind], "detail": ["a?b"]}


def test_bytes_that_no_dialect_can_read_are_garbled(seeds: Seeds) -> None:
    seen = seen_in(None, seeds, chunks=(Chunk(t_s=0.1, data=b"\xff"),))
    assert seen["outcome"] == ["garbled"]
    assert "0xff" in str(seen["detail"][0])


# --- all of them


def test_a_reader_that_breaks_is_named_and_the_others_go_on(seeds: Seeds) -> None:
    item = an_item(readers=EVERY)
    good = an_exchange("target", KEY, "I am Claude.")
    # A turn that the item does not have breaks the reader that looks for its question.
    observations, bugs = read_run(a_run(a_pack(item), exchanges=(good, replace(good, turn=7))), seeds.vendors)
    assert len(bugs) == 1
    assert bugs[0].startswith("reader coherence: ")
    assert {o.reader for o in observations} == set(READERS) - {"coherence"}
    assert sum(o.feature == "outcome" for o in observations) == 2


def test_every_observation_names_its_exchange_and_a_known_reader(seeds: Seeds) -> None:
    items = [an_item(f"i{n}", readers=EVERY, turns=(f"Why tides {n}?",)) for n in range(3)]
    found = tuple(
        an_exchange(e, AskKey("style", i.id, 0), f"I am Claude. Tides {n}.")
        for e in ("target", "ref0")
        for n, i in enumerate(items)
    )
    observations, _ = read_run(a_run(a_pack(*items), exchanges=found), seeds.vendors)
    by_id = {e.id: e for e in found}
    for o in observations:
        exchange = by_id[o.exchange]
        assert (o.endpoint, o.ask, o.turn) == (exchange.endpoint, exchange.ask, exchange.turn)
    assert {o.reader for o in observations} == set(READERS)


def test_a_reader_of_a_package_that_breaks_is_named_with_its_package(
    seeds: Seeds, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> Iterator[Observation]:
        raise ValueError("no marks")

    marks = Reader(id="marks", features=("marks",), read=broken, paragraph="`marks`.", always=True, origin="parley 0.3")
    monkeypatch.setitem(READERS, "marks", marks)
    _, bugs = read_run(a_run(a_pack()), seeds.vendors)
    assert bugs == ("reader marks (parley 0.3): ValueError: no marks",)
