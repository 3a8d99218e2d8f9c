"""Normalisation: what is taken off in front, what stays to the letter, and what counts as a refusal."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wrapdetect.library.normalise import REFUSAL_UP_TO, normalise
from wrapdetect.model.prose import strip_think


def text(answer: str) -> str:
    return normalise(answer).text


@pytest.mark.parametrize(
    "answer",
    [
        "<think>They want tea.</think>Tea is green.",
        "<thinking>hm\n\nhm</thinking>\n\nTea is green.",
        "They want tea.</think>\nTea is green.",
        "<THINK>a</THINK><reasoning>b</reasoning> Tea is green.\n",
    ],
)
def test_reasoning_is_not_compared(answer: str) -> None:
    assert text(answer) == "Tea is green."


@pytest.mark.parametrize("answer", ["", "  \n\u00a0", "<think>never closed", "<think>all</think>"])
def test_an_answer_without_text_is_empty(answer: str) -> None:
    assert normalise(answer) == ("", False)


@pytest.mark.parametrize(
    "opener",
    [
        "Sure!",
        "Sure thing! Here is a list:",
        "**Certainly!** Here’s what I found:",
        "Of course. Here are some ideas:",
        "Okay, here you go:",
        "Absolutely – let us begin.",
        "Sure - here you go:",
        "Here is a list of teas:",
        "Below are three teas:",
        "¡Claro! Aquí tienes:",
        "Bien sûr ! Voici une liste :",
        "Natürlich! Hier ist eine Liste:",
        "Конечно! Вот список:",
        "当然可以！以下是列表：",
        "好的，这是您的列表：",
        "はい、こちらです。",
    ],
)
def test_openers_are_taken_off(opener: str) -> None:
    assert text(f"{opener}\n\n- “tea” — green\n- l’eau") == "- “tea” — green\n- l’eau"


@pytest.mark.parametrize("answer", ["Sure!", "Of course.", "Here is a list:", "好的。", "Certainly"])
def test_an_answer_that_is_nothing_but_an_opener_stays(answer: str) -> None:
    assert text(answer) == answer


@pytest.mark.parametrize(
    "answer",
    [
        "“Smart quotes” — and ‘dashes’ – stay…",
        "l’eau\u00a0: «\u202fbleue\u202f»",
        "- one\n\n\n-  two\t\n```py\nx = 1\n```",
        "שלום, זה מבחן.",
        "潮汐是由月球引力造成的。",
        "Surely the tide turns.",
        "Greatness is earned.",
        "OK is a word of unknown origin. It spread fast.",
        "Here we go again: rain.\nMore rain.",
    ],
)
def test_what_is_no_boilerplate_stays_to_the_letter(answer: str) -> None:
    assert text(answer) == answer


def test_a_word_that_only_begins_like_an_opener_stays() -> None:
    assert text("Great-grandmother sang. She was born in 1900.") == "Great-grandmother sang. She was born in 1900."


def test_an_opener_takes_no_whole_paragraph_along_where_sentences_end_without_a_space() -> None:
    assert text("好的，没问题。太阳也有影响。\n\n第二段。") == "太阳也有影响。\n\n第二段。"


def test_a_long_first_line_is_no_opener() -> None:
    answer = "Sure, " + "the tide rises and falls and " * 10 + "so on.\nNext."
    assert text(answer) == answer


@given(
    st.text(st.characters(), max_size=80),
    st.sampled_from(["", "Sure! ", "Here is a list:\n", "好的，", "<think>x</think>"]),
)
def test_what_is_left_is_the_end_of_the_answer_and_never_nothing(rest: str, opener: str) -> None:
    bare, left = strip_think(opener + rest), text(opener + rest)
    assert bare.endswith(left)
    assert bool(left.strip()) == bool(bare.strip())


@pytest.mark.parametrize(
    "answer",
    [
        "I'm sorry, but I can't assist with that.",
        "I’m sorry, I cannot help with that request.",
        "I cannot provide medical advice.",
        "I can’t create that.",
        "I am unable to answer this.",
        "I'm not able to discuss that.",
        "I won't be able to help here.",
        "I apologize, but I'm not allowed to do this.",
        "Unfortunately, I do not have access to that.",
        "As an AI language model, I don't have feelings.",
        "Lo siento, pero no puedo ayudarte con eso.",
        "Je suis désolée, mais je ne peux pas répondre.",
        "Es tut mir leid, aber ich kann Ihnen dabei nicht helfen.",
        "Mi dispiace, ma non posso aiutarti.",
        "Desculpe, mas não posso ajudar.",
        "抱歉，我无法回答这个问题。",
        "很遗憾，我不能提供帮助。",
        "申し訳ありませんが、その質問にはお答えできません。",
        "<think>Is it allowed?</think>Sorry, I can't.",
    ],
)
def test_refusals_are_known_in_several_languages(answer: str) -> None:
    found = normalise(answer)
    assert found.refused
    assert found.text


@pytest.mark.parametrize(
    "answer",
    [
        "The tide is caused by the moon.",
        "Sorry seems to be the hardest word.",
        "You can't see the moon by day, and I like that.",
        "A ship cannot sail at low tide.",
        "对不起的英文是 sorry。",
        "",
    ],
)
def test_plain_answers_are_no_refusals(answer: str) -> None:
    assert not normalise(answer).refused


def test_a_long_answer_has_answered_whatever_it_began_with() -> None:
    begun = "I'm sorry, but I can't say for sure. "
    assert normalise(begun + "x" * (REFUSAL_UP_TO - len(begun))).refused
    assert not normalise(begun + "x" * (REFUSAL_UP_TO + 1 - len(begun))).refused


def test_a_refusal_deep_within_an_answer_is_none() -> None:
    assert not normalise("Tea is green and warm. " * 20 + "I'm sorry, I can't say more.").refused


@pytest.mark.parametrize(
    "answer", ["sure " * 20_000, "I'm sorry " * 10_000, "好" * 100_000, "<think>" * 15_000, " \n" * 50_000 + "x"]
)
def test_very_long_answers_are_read_to_the_end(answer: str) -> None:
    assert text(answer) == strip_think(answer)
