"""A match as JSON and for a terminal: its schema is frozen, its words are true to it, and no name drives a terminal."""

import hashlib
import json
import random
from dataclasses import fields, replace

import jsonschema
import pytest
from rich.cells import cell_len

from tests.conftest import ROOT
from wrapdetect.model import Match, Near, State, TwoModels
from wrapdetect.report import match_json_v1
from wrapdetect.report.console import match as match_console
from wrapdetect.report.console import share

SCHEMA = ROOT / "wrapdetect" / "report" / "match_json_v1.schema.json"
FROZEN = "c652ce258517a16099a01ac80ef0d397c1b6ae275b725f1ed15dd1135f039a0e"
STATES: tuple[State, ...] = ("likely_wrapper", "same_model", "unlike", "insufficient")
TWO = TwoModels(first="a0", second="d0", share=0.25, low=0.11, high=0.4, p=0.0103, change=16, p_change=0.001)
HOSTILE = "\x1b]0;owned\x07\x1b[2J[bold red]markup[/]\u202e\x00\r"


def a_match(**more: object) -> Match:
    """Two of a family of two, then strangers."""
    ranked = [
        Near(model=f"a{k}", family=("a0", "a1"), score=1.2 - k / 3, n=32, probability=0.6 - k / 4) for k in (0, 1)
    ]
    ranked += [Near(model=f"m{k}", family=(f"m{k}",), score=0.3 - k / 9, n=31, probability=0.0) for k in range(8)]
    made: dict[str, object] = {
        "answers": "bot",
        "library": "lab",
        "digest": "0123456789abcdef" * 4,
        "age_days": 31,
        "state": "same_model",
        "nearest": "a0",
        "family": ("a0", "a1"),
        "probability": 0.49,
        "low": 0.31,
        "high": 0.52,
        "family_probability": 0.97,
        "family_low": 0.91,
        "family_high": 0.98,
        "member_probability": 0.6,
        "standard": 5.4,
        "strangers": 24,
        "n_questions": 32,
        "exact": 3,
        "witness": "0123456789abcdef “Why are there tides?”: “The Moon.”",
        "ranked": tuple(ranked),
        "two": None,
        "calibrator": "2026-11-match",
        "limits": ("A limit that is told.", "Another."),
        "needs": ("What would decide it, in a sentence.",),
        "notes": ("2 prompts of the answers were left out",),
    }
    return Match(**{**made, **more})  # type: ignore[arg-type]  # a test may override any field


NOTHING = a_match(
    **{"state": "insufficient", "nearest": None, "family": (), "ranked": (), "witness": "", "age_days": None},
    **{"standard": 0.0, "strangers": 0, "n_questions": 0, "exact": 0, "member_probability": 0.0, "notes": ()},
)
"""What is said where nothing could be compared."""


def schema() -> dict[str, object]:
    loaded: dict[str, object] = json.loads(SCHEMA.read_text(encoding="utf-8"))
    return loaded


def spoken(match: Match, *, top: int = 10, width: int = 100, colour: bool = False) -> str:
    """The report for a terminal, its lines joined."""
    return " ".join(match_console.render(match, top=top, width=width, colour=colour).split())


# JSON


def test_the_schema_of_match_report_v1_is_frozen() -> None:
    assert hashlib.sha256(SCHEMA.read_bytes()).hexdigest() == FROZEN, "v1 may not change: a new shape is v2"


@pytest.mark.parametrize("match", [a_match(), a_match(two=TWO), NOTHING, a_match(answers=HOSTILE)])
def test_a_match_fits_its_schema_and_holds_every_field(match: Match) -> None:
    text = match_json_v1.render(match, top=10)
    report = json.loads(text)
    jsonschema.Draft202012Validator(schema()).validate(report)
    assert list(report) == ["match_report", *(f.name for f in fields(Match))]
    assert (report["state"], report["nearest"], report["answers"]) == (match.state, match.nearest, match.answers)
    assert text.endswith("}\n")
    assert not set(map(chr, [*range(10), *range(11, 32)])) & set(text)  # JSON escapes what could drive a terminal


def test_the_schema_names_each_field_as_due() -> None:
    held = schema()
    assert set(held["required"]) == set(held["properties"])  # type: ignore[call-overload]  # a list and a mapping


@pytest.mark.parametrize("change", ["more", "less", "near", "certain", "word"])
def test_another_shape_does_not_fit_the_schema(change: str) -> None:
    report = json.loads(match_json_v1.render(a_match(two=TWO), top=10))
    match change:
        case "more":
            report["more"] = 1
        case "less":
            del report["needs"]
        case "near":
            del report["ranked"][0]["family"]
        case "certain":
            report["probability"] = 1.1
        case _:
            report["state"] = "guilty"
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(report, schema())


def test_numbers_have_four_decimals() -> None:
    report = json.loads(match_json_v1.render(a_match(probability=0.123456789, standard=-0.00001), top=10))
    assert (report["probability"], report["standard"]) == (0.1235, 0.0)


@pytest.mark.parametrize("top", [1, 3, 10, 99])
def test_top_cuts_the_list_and_nothing_else(top: int) -> None:
    whole, cut = (json.loads(match_json_v1.render(a_match(), top=t)) for t in (99, top))
    assert len(cut["ranked"]) == min(top, 10)
    assert {**cut, "ranked": whole["ranked"]} == whole


# For a terminal


def test_state_name_and_probability_come_first() -> None:
    first = match_console.render(a_match(), top=10).strip().splitlines()[0]
    assert first == "same_model of a0   probability of the family .97, range .91 to .98"


@pytest.mark.parametrize("state", STATES)
def test_every_state_has_its_words(state: State) -> None:
    text = spoken(a_match(state=state))
    assert match_console.MATCH_SAYS[state].format(u="a0") in text
    named = state in ("likely_wrapper", "same_model")
    assert text.startswith(f"{state}{' of a0' if named else ''} probability of the family")


@pytest.mark.parametrize("state", STATES)
def test_the_first_sentence_is_one(state: State) -> None:
    """Whose answers they are is its subject, and it has one subject only."""
    match = a_match(state=state, answers="shopbot")
    sentence = match_console.render(match, top=1, width=200).strip().splitlines()[1]
    assert "shopbot" in sentence
    assert "shopbot the evidence" not in sentence


def test_all_that_a_match_holds_is_said() -> None:
    match = a_match(two=TWO)
    text = spoken(match, width=130)
    for told in (*match.limits, *match.needs, *match.notes, *(n.model for n in match.ranked), match.witness):
        assert told in text
    for p in (match.probability, match.low, match.high, match.family_low, match.member_probability):
        assert share(p) in text
    for told in (
        "library lab (0123456789ab, 31 days old), 32 prompts; calibrator 2026-11-match",
        "+5.4 standard deviations beyond what 24 strangers reach",
        "3 answers the same to the letter",
        "two models seem to answer: a0 and, with a share of 0.25 (0.11 to 0.40), d0, from question 17 on",
    ):
        assert told in text


def test_a_change_that_may_be_chance_is_not_said() -> None:
    assert "from question" not in spoken(a_match(two=replace(TWO, p_change=0.2)), width=130)
    assert "from question" not in spoken(a_match(two=replace(TWO, change=None, p_change=1.0)), width=130)


def test_nothing_compared_names_nobody_and_says_what_it_takes() -> None:
    text = spoken(NOTHING)
    assert text.startswith("insufficient probability of the family")
    assert "nearest" not in text
    assert "age not told" in text
    assert NOTHING.needs[0] in text


def test_top_cuts_the_table() -> None:
    text = spoken(a_match(), top=3)
    assert "m0" in text
    assert "m1" not in text


def test_only_members_of_the_nearest_family_have_a_probability_in_the_table() -> None:
    lines = match_console.render(a_match(), top=10).splitlines()
    rows = {row[1]: row for row in (line.split() for line in lines) if row and row[0].isdecimal()}
    assert rows["a0"][4:] == [".60", "a1"]
    assert rows["a1"][4:] == [".35", "a0"]
    assert rows["m0"][4:] == []


def test_a_large_family_is_named_in_part() -> None:
    family = tuple(f"member{k}" for k in range(40))
    near = tuple(Near(model=m, family=family, score=1.0, n=32, probability=0.02) for m in family)
    text = spoken(a_match(family=family, nearest="member0", ranked=near), top=2)
    assert "and 34 more" in text
    assert "member39" not in text


@pytest.mark.parametrize("colour", [False, True])
def test_no_name_and_no_answer_can_drive_the_terminal(colour: bool) -> None:
    near = tuple(replace(n, model=HOSTILE + n.model, family=(HOSTILE + n.model, HOSTILE)) for n in a_match().ranked)
    two = replace(TWO, first=HOSTILE, second=HOSTILE)
    match = a_match(
        **{"answers": HOSTILE, "nearest": HOSTILE, "family": (HOSTILE, HOSTILE), "ranked": near, "two": two},
        **{"witness": HOSTILE, "limits": (HOSTILE,), "needs": (HOSTILE,), "notes": (HOSTILE,)},
    )
    text = match_console.render(match, top=10, width=120, colour=colour)
    assert "\x1b]" not in text
    assert "\x1b[2J" not in text
    assert not {"\x07", "\x00", "\r", "\u202e"} & set(text)
    assert "[bold red]markup[/]" in text


@pytest.mark.parametrize("width", [40, 60, 80, 130])
@pytest.mark.parametrize("name", ["m", "maker/a-model-with-a-long-name-" * 8, "模型" * 80, "x" * 300])
def test_lines_fit_the_width(name: str, width: int) -> None:
    match = a_match(
        answers=name,
        nearest=name,
        family=(name, "a1"),
        ranked=tuple(
            replace(n, model=f"{k}{name}", family=(f"{k}{name}", "a1")) for k, n in enumerate(a_match().ranked)
        ),
        two=replace(TWO, first=name),
    )
    lines = match_console.render(match, top=10, width=width).splitlines()
    assert [line for line in lines if cell_len(line) > width] == []


@pytest.mark.parametrize("width", [40, 60])
def test_numbers_stay_whole_on_a_narrow_terminal(width: int) -> None:
    """A long name folds; the columns of numbers keep their heads and their figures."""
    long = tuple(replace(n, model=f"{n.model}-{'long-name-' * 6}") for n in a_match().ranked)
    lines = match_console.render(a_match(ranked=long), top=10, width=width).splitlines()
    first = next(line for line in lines if line.lstrip().startswith("1 "))
    assert {"+1.20", "32", ".60"} <= set(first.split())


def test_nothing_is_ever_shown_as_certain() -> None:
    rng = random.Random(1)
    for p in (0.0, 1.0, *(rng.random() for _ in range(20))):
        text = spoken(a_match(family_probability=p, family_low=0.0, family_high=1.0))
        assert "1.00" not in text.split("library")[0]
        assert "range under .01 to over .99" in text
