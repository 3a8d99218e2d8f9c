"""Sources from a recording or a config that somebody else wrote: none can take long, and each refusal is told"""

import json

import pytest

from wrapdetect.dialects.template.source_cost import MOST_HITS
from wrapdetect.dialects.template.sources import LONGEST, SEARCHED, check_source, find
from wrapdetect.errors import SpecError

BACKTRACKERS = ("(a+)+$", "(a|aa)+$", "^(a|a?)+$", "(.*a){25}$", r"^(\w+\s?)*$", "(x+x+)+y", "([a-z]+)*1$", "(?:a*)*b")
"""Patterns on which an engine that backtracks takes longer than anybody lives."""


@pytest.mark.parametrize("pattern", BACKTRACKERS)
def test_no_pattern_backtracks(pattern: str) -> None:
    assert find(f"re:{pattern}", text="a" * (SEARCHED - 1) + "!") is None


@pytest.mark.parametrize(
    ("source", "said"),
    [
        (r"re:(?<=a)b", "no regular expression"),
        (r"re:(?=a)b", "no regular expression"),
        (r"re:(a)\1", "no regular expression"),
        ("re:(((a{900}){900}){900})", "no regular expression"),
        ("re:" + "a" * LONGEST, "characters"),
        ("re:a" + " => re:a" * 9, "parts"),
        ("$..a..b", "descends"),
        ("$..*..*..*..*", "descends"),
        ("$" + "[*,*]" * 12, "selectors"),
        ("$['a','a','a','a','a']['a','a','a','a']", "selectors"),
        ("$[?@..a]", "searches"),
        ("$[?@[?@.a]]", "searches"),
        ("$[?$..a]", "searches"),
        ("$[?@.*]", "searches"),
        ("$[?count(@.*) > 1]", "searches"),
        ("$[?match(@.a, '(a+)+')]", "match"),
        ("$[?search(@.a, '(a+)+')]", "search"),
        ("$[?@.a][?@.a][?@.a][?@.a]", "filters"),
    ],
)
def test_what_could_multiply_its_work_is_refused_by_name(source: str, said: str) -> None:
    with pytest.raises(SpecError, match=said):
        check_source(source, "answer")


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("$.choices[0].text", "Hi"),
        ("$.choices[*].text", "Hi."),
        ("$..text", "Hi."),
        ("$.choices[?@.index == 1].text", "."),
        ("$.choices[?@.index == 1 && @.kind != 'x'].text", "."),
        ("$.choices[?length(@.text) == 2].text", "Hi"),
        ("$.choices[-1].text", "."),
        ("$.choices[0:2].text", "Hi."),
        ("$['choices'][0,1]['text']", "Hi."),
        ('re:"text": "(..)"', "Hi"),
        ("re:(?s)choices.*(\\.)", "."),
        ("re:(?i)TEXT", "text"),
    ],
)
def test_what_people_write_still_reads(source: str, found: str) -> None:
    text = json.dumps({"choices": [{"index": 0, "text": "Hi"}, {"index": 1, "text": "."}]})
    assert find(source, text=text) == found


def test_a_number_without_end_is_no_fault_of_ours() -> None:
    with pytest.raises(SpecError, match="no JSONPath"):
        check_source("$.items[?1e999 > @.n]", "answer")


def test_a_path_that_finds_too_much_finds_nothing() -> None:
    assert find("$[*]", text=json.dumps(list(range(MOST_HITS)))) is not None
    assert find("$[*]", text=json.dumps(list(range(MOST_HITS + 1)))) is None


def test_a_row_of_paths_cannot_multiply_what_is_handed_on() -> None:
    nested = "x" * 5_000
    for _ in range(400):
        nested = [nested]  # type: ignore[assignment]
    assert find("$..* => $..* => $..*", text=json.dumps(nested)) is None


@pytest.mark.parametrize("text", ["a\ud800b", "\udfff", "ab"])
def test_half_a_surrogate_stops_no_pattern(text: str) -> None:
    assert find("re:.", text=text) is not None
