"""Plain handling of text: nothing but white space is lost in cutting, and nothing unprintable is quoted."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wrapdetect.model.prose import quote, sentences, strip_think, words

FIXED = settings(derandomize=True, deadline=None, max_examples=200)
TEXTS = st.text(max_size=60) | st.text(alphabet="ab .!?…\"')”。！\n", max_size=40)


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("Yes.", "Yes."),
        ("<think>I am GPT.</think>\n\nYes.", "Yes."),
        ("<THINKING>a\nb</THINKING>Yes.", "Yes."),
        ("<reasoning>a</reasoning>Yes.<think>b</think> No.", "Yes. No."),
        ("<think>never closed", ""),
        ("Yes. <think>never closed", "Yes."),
        ("<think></think>", ""),
        ("<think>a</thinking> b</think>Yes.", "Yes."),
        ("1 < 2 and <b>bold</b>", "1 < 2 and <b>bold</b>"),
        ("The template opened the block.\n</think>\n\nYes.", "Yes."),
    ],
)
def test_inline_reasoning_is_stripped(text: str, left: str) -> None:
    assert strip_think(text) == left


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("One. Two! Three? Four… Five", ["One.", "Two!", "Three?", "Four…", "Five"]),
        ("我是。你是！他是？她是；完", ["我是。", "你是！", "他是？", "她是；", "完"]),
        ("One\nTwo\n\n\nThree", ["One", "Two", "Three"]),
        ("It costs 3.50 at example.com today.", ["It costs 3.50 at example.com today."]),
        ("", []),
        (" \n ", []),
    ],
)
def test_text_is_cut_at_the_ends_of_sentences(text: str, parts: list[str]) -> None:
    assert sentences(text) == parts


@FIXED
@given(TEXTS)
def test_cutting_into_sentences_loses_nothing_but_white_space(text: str) -> None:
    assert "".join("".join(sentences(text)).split()) == "".join(text.split())


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Don't STOP, café!", ["don't", "stop", "café"]),
        ("潮汐表", ["潮汐", "汐表"]),
        ("潮", ["潮"]),
        ("ひらがな", ["ひら", "らが", "がな"]),
        ("ＡＢＣ １２", ["abc", "12"]),
        ("", []),
    ],
)
def test_words_are_lower_case_and_pairs_where_no_spaces_are_put(text: str, found: list[str]) -> None:
    assert words(text) == found


@FIXED
@given(TEXTS)
def test_a_quote_is_one_printable_line_of_limited_length(text: str) -> None:
    line = quote(text, 20)
    assert line.isprintable()
    assert len(line) <= 20


@pytest.mark.parametrize("char", ["\x1b", "\x00", "\x9b", "\u202e", "\u200b", "\ud800"], ids=ascii)
def test_what_could_drive_a_terminal_is_replaced(char: str) -> None:
    assert quote(f"a{char}b") == "a?b"


@pytest.mark.parametrize(("length", "line"), [(5, "abcde"), (6, "abcd…")])
def test_a_quote_that_is_cut_says_so(length: int, line: str) -> None:
    assert quote("abcdef"[:length], 5) == line
