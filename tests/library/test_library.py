"""Reference libraries in memory: what is kept byte for byte, what is refused with counts, and the text form."""

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wrapdetect.errors import LibraryError
from wrapdetect.library.answers import (
    AnswersSource,
    Library,
    Row,
    build_library,
    dump_library,
    parse_head,
    parse_library,
    question_id,
    shared_questions,
)

SOURCE = AnswersSource(
    origin="scripted", collected=date(2026, 1, 5), settings="temperature 0.7,\n“none” known", licence="CC0-1.0"
)
ODD = (
    "Pourquoi « les marées » – et l’eau\u00a0?",
    "潮汐は？ 为什么",
    "\ufeff‘Quotes’ — \u201cdashes\u201d… 👩‍🚀 \u2028 end",
    "tab\there\r\nand\x00there",
    "é is not é",
)


def rows(models: int = 3, prompts: int = 10) -> list[Row]:
    return [
        Row(f"model-{m}", f"Prompt {p}?", f"Answer of {m} to {p}.", f"answers.csv, line {m * prompts + p + 2}")
        for m in range(models)
        for p in range(prompts)
    ]


def library(given: list[Row] | None = None, **more: AnswersSource) -> Library:
    return build_library("mine", rows() if given is None else given, more.get("source", SOURCE))[0]


def notes(given: list[Row]) -> str:
    return "\n".join(build_library("mine", given, SOURCE)[1])


def lines() -> list[str]:
    return list(dump_library(library()))


def refusal(given: list[Row], name: str = "mine", source: AnswersSource = SOURCE) -> str:
    with pytest.raises(LibraryError) as caught:
        build_library(name, given, source)
    assert "\n" not in str(caught.value)
    return str(caught.value)


# Building


def test_a_library_is_sorted_and_names_questions_by_their_text() -> None:
    made = library()
    assert made.models == ("model-0", "model-1", "model-2")
    assert [q.id for q in made.questions] == sorted(question_id(f"Prompt {p}?") for p in range(10))
    assert made.answers["model-1"][question_id("Prompt 7?")] == ("Answer of 1 to 7.",)
    assert (made.head.n_models, made.head.n_questions, made.head.n_answers) == (3, 10, 30)
    assert notes(rows()) == ""


def test_quotes_dashes_emoji_and_scripts_come_back_byte_for_byte() -> None:
    given = [*rows(), *(Row(f"model-{m}", odd, odd + str(m), "here") for odd in ODD for m in range(2))]
    made = library(given)
    again = parse_library(dump_library(made), "mine")
    assert again == made
    for odd in ODD:
        assert dict(again.questions)[question_id(odd)].encode() == odd.encode()
        assert again.answers["model-1"][question_id(odd)][0].encode() == (odd + "1").encode()
    assert len(made.questions) == 10 + len(ODD)  # é composed and é decomposed are two prompts


def test_the_order_of_the_rows_and_the_name_do_not_move_the_digest() -> None:
    draws = [Row("model-0", "Prompt 0?", f"Draw {n}.", "here") for n in range(5)]
    given = rows() + draws
    turned = list(reversed(given))
    assert library(given) == library(turned)
    assert build_library("other", given, SOURCE)[0].digest == library(given).digest


@pytest.mark.parametrize("change", ["answer", "prompt", "model", "source"])
def test_any_other_change_moves_the_digest(change: str) -> None:
    given = rows()
    if change == "source":
        assert library(source=replace(SOURCE, licence="MIT")).digest != library().digest
        return
    given[4] = given[4]._replace(**{change: "something else"})
    assert library(given).digest != library().digest


def test_repeats_are_counted_and_other_answers_to_the_same_prompt_are_draws() -> None:
    first = rows()[0]
    given = [*rows(), first, first, first._replace(answer="Another answer.")]
    made = library(given)
    assert set(made.answers["model-0"][question_id(first.prompt)]) == {first.answer, "Another answer."}
    assert "2 repeated rows left out: same model, prompt and answer" in notes(given)
    assert "1 further answer to a prompt already answered by that model kept as draws" in notes(given)


def test_empty_answers_are_left_out_and_counted() -> None:
    given = rows()
    given[0], given[1] = given[0]._replace(answer=""), given[1]._replace(answer=" \n ")
    assert question_id("Prompt 0?") not in library(given).answers["model-0"]
    assert notes(given).splitlines() == ["2 empty answers left out", "1 of 3 models miss 2 of 10 prompts"]


def test_a_prompt_that_nobody_answered_is_no_question() -> None:
    given = [*rows(), Row("model-0", "Unanswered?", "", "here")]
    assert question_id("Unanswered?") not in {q.id for q in library(given).questions}


def test_models_that_miss_prompts_or_are_too_thin_are_kept_and_noted() -> None:
    given = [*rows(), *(Row("few", f"Prompt {p}?", "Yes.", "here") for p in range(3)), Row("mute", "Prompt 1?", "", "")]
    assert "few" in library(given).models
    assert "1 model without any answer left out: mute" in notes(given)
    assert "1 of 4 models miss 7 of 10 prompts" in notes(given)
    assert "too thin to compare (fewer than 8 of 10 shared prompts): few (3)" in notes(given)


def test_questions_of_one_model_alone_are_kept_but_not_shared() -> None:
    made = library([*rows(), Row("model-0", "Only asked of one?", "Yes.", "here")])
    assert question_id("Only asked of one?") in {q.id for q in made.questions} - shared_questions(made)


def test_a_hostile_model_name_cannot_drive_a_terminal() -> None:
    given = [*rows(), Row("evil\x1b[31m", "Prompt 0?", "Yes.", "here")]
    assert "\x1b" not in notes(given)


# Refusing

REFUSED: dict[str, tuple[list[Row], str]] = {
    "no rows": ([], "0 rows; expected one row for each answer"),
    "empty answers only": ([r._replace(answer="") for r in rows()], "30 rows, all with empty answers"),
    "one model only": (rows(models=1), r"10 rows, all answers of one model \(model-0\); needs at least two: nothing"),
    "two prompts only": (
        rows(prompts=2),
        "6 rows, 2 prompts, of which 2 answered by at least two models; comparisons need at least 8",
    ),
    "no prompt in common": (
        [r._replace(prompt=r.model + r.prompt) for r in rows()],
        "30 prompts, of which 0 answered by at least two models",
    ),
    "a missing prompt": ([*rows(), rows()[3]._replace(prompt=" ")], "answers.csv, line 5: the prompt is empty"),
    "a missing model": ([*rows(), rows()[3]._replace(model="")], "answers.csv, line 5: the model's name is empty"),
    "half a character in an answer": (
        [rows()[3]._replace(answer="a\ud83d")],
        r"answers.csv, line 5: the answer holds half a character \('\\ud83d', position 1\)",
    ),
    "half a character in a prompt": ([rows()[3]._replace(prompt="\ud83d")], "line 5: the prompt holds half"),
    "half a character in a model": ([rows()[3]._replace(model="\ud83d")], "line 5: the model's name holds half"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_allows_no_comparison_is_refused_with_counts(name: str) -> None:
    given, message = REFUSED[name]
    assert re.search(message, refusal(given))


@pytest.mark.parametrize("prompts", [7, 8])
def test_eight_shared_prompts_are_enough_and_seven_are_not(prompts: int) -> None:
    given = rows(prompts=prompts)
    if prompts < 8:
        assert "7 answered by at least two models" in refusal(given)
    else:
        assert len(shared_questions(library(given))) == 8


@pytest.mark.parametrize("name", ["", "Mine", ".hidden", "../up", "a/b", "a b", "é", "a" * 65, "-a", "a\n", "con\x1b"])
def test_a_name_that_is_no_plain_file_name_is_refused(name: str) -> None:
    assert "is no name for a library; expected up to 64 of a-z" in refusal(rows(), name=name)


def test_provenance_that_is_no_text_is_refused() -> None:
    assert "the library's settings holds half a character" in refusal(rows(), source=AnswersSource(settings="\udcff"))


# The text form


def test_the_head_alone_tells_provenance_and_counts() -> None:
    assert parse_head(lines()[0], "mine") == library().head
    assert json.loads(lines()[0])["library"] == 1


def test_provenance_that_was_not_told_comes_back_untold() -> None:
    made = library(source=AnswersSource())
    assert parse_library(dump_library(made), "mine").source == AnswersSource(origin="", collected=None)


ANSWERS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20).filter(lambda t: t.strip() != "")


@given(st.lists(st.tuples(st.sampled_from(["a", "b", "Ωmega"]), ANSWERS, ANSWERS), max_size=20))
def test_whatever_a_library_holds_comes_back(more: list[tuple[str, str, str]]) -> None:
    made = library(rows() + [Row(*m, "here") for m in more])
    assert parse_library([line.encode() for line in dump_library(made)], "mine") == made


def damaged(name: str) -> Iterator[str]:
    good = lines()
    match name:
        case "no line":
            return
        case "no JSON":
            good[3] = good[3][:-5] + "\n"
        case "a newer format":
            good[0] = good[0].replace('"library":1', '"library":2')
        case "another file":
            good[0] = '{"format":1}\n'
        case "a lost last line":
            good.pop()
        case "a lost question":
            good.pop(1)
        case "a changed answer":
            good[-1] = good[-1].replace("Answer", "Other")
        case "a changed prompt":
            good[2] = good[2].replace("Prompt", "Other")
        case "a changed count":
            good[0] = good[0].replace('"answers":30', '"answers":31')
        case "a changed provenance":
            good[0] = good[0].replace("CC0-1.0", "MIT")
        case "a doubled question":
            good[2] = good[1]
        case "a doubled answer":
            good.append(good[-1])
        case "an unknown question":
            good[-1] = good[-1].replace('"question":"', '"question":"0')
        case "no draws":
            good[-1] = re.sub(r'"answers":\[.*?\]', '"answers":[]', good[-1])
        case "a number for an answer":
            good[-1] = re.sub(r'"answers":\[.*?\]', '"answers":[1]', good[-1])
        case "an unknown key":
            good[-1] = good[-1].replace('"model"', '"also":1,"model"')
    yield from good


DAMAGE = {
    "no line": "line 1: Invalid JSON",
    "no JSON": "line 4: Invalid JSON",
    "a newer format": r"cannot read library format 2 \(this program reads 1\); update wrapdetect",
    "another file": "line 1: library: Field required",
    "a lost last line": "line 40: its lines have digest",
    "a lost question": "line 11: question: Field required|line 11: text: Field required",
    "a changed answer": "line 41: its lines have digest",
    "a changed prompt": "line 3: question .* with another text",
    "a changed count": "line 41: its lines have digest",
    "a changed provenance": "line 41: its lines have digest",
    "a doubled question": "line 3: question .* stands there twice",
    "a doubled answer": "line 42: question .* doubled for model-2",
    "an unknown question": "line 41: question .* is unknown",
    "no draws": "line 41: answers: List should have at least 1 item",
    "a number for an answer": "line 41: answers: 0: Input should be a valid string",
    "an unknown key": "line 41: also: Extra inputs are not permitted",
}


@pytest.mark.parametrize("name", DAMAGE)
def test_a_damaged_library_is_refused_and_never_guessed_at(name: str) -> None:
    with pytest.raises(LibraryError, match=DAMAGE[name]) as caught:
        parse_library(damaged(name), "mine")
    assert str(caught.value).startswith("library mine")
    assert "\n" not in str(caught.value)
