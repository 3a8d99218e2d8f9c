"""A rule is one file and one line: docs and ruleset follow from it; what no ruleset names keeps to its own bound."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

import pytest

from tests.conftest import ROOT, a_run
from tests.evidence.test_analysis import a_full_run
from tests.make_evidence import EVIDENCE, RULESET, true_evidence, true_ruleset
from wrapdetect.evidence.analysis import analyse
from wrapdetect.evidence.compare.comparison import compare_samples
from wrapdetect.evidence.compare.rule import Prepared, Rule
from wrapdetect.evidence.compare.rules import RULES
from wrapdetect.evidence.compare.samples import Samples, collect
from wrapdetect.evidence.read import READERS, Background, Reader, Reading, named_readers, read_run
from wrapdetect.evidence.seeds import Seeds
from wrapdetect.model import Finding, Observation


def a_finding(samples: Samples, _: Prepared) -> Iterator[Finding]:
    yield GREETING.finding(
        samples.target,
        samples.references[0].name,
        effect=(1.0, 1.0, 1.0),
        unit="share",
        llr=(9.0, 9.0, 9.0),
        n=(1, 1),
        evidence="both say hello",
        witness="",
    )


GREETING = Rule(id="greeting", axis="behaviour", group="greeting", bound=0.5, compare=a_finding, paragraph="Hello.")


@pytest.fixture
def one_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(RULES, "greeting", replace(GREETING, origin="wrapdetect-greeting 0.3"))


def test_the_docs_say_what_rules_and_readers_say_of_themselves() -> None:
    text = EVIDENCE.read_text(encoding="utf-8")
    assert text == true_evidence(text), "run: python -m tests.make_evidence"


def test_the_ruleset_says_what_the_rules_say_of_themselves(seeds: Seeds) -> None:
    text = RULESET.read_text(encoding="utf-8")
    assert text == true_ruleset(text), "run: python -m tests.make_evidence"
    assert seeds.ruleset.rule == [rule.entry() for rule in RULES.values()]


def test_a_new_rule_gets_its_paragraph_and_its_entry(one_more: None) -> None:
    assert "### greeting\nHello.\n\n## Controls" in true_evidence(EVIDENCE.read_text(encoding="utf-8"))
    entry = '[[rule]]\nid = "greeting"\naxis = "behaviour"\ngroup = "greeting"\nbound = 0.5\n\n# States'
    assert entry in true_ruleset(RULESET.read_text(encoding="utf-8"))


def test_ids_are_keys() -> None:
    assert [r.id for r in RULES.values()] == list(RULES)
    assert [r.id for r in READERS.values()] == list(READERS)


@pytest.mark.parametrize("reader", READERS.values(), ids=READERS)
def test_a_reader_tells_its_features_and_observes_no_others(reader: Reader) -> None:
    source = (ROOT / "wrapdetect" / "evidence" / "read" / f"{reader.id}.py").read_text(encoding="utf-8")
    assert set(re.findall(r'\.observe\(\s*"(\w+)"', source)) == set(reader.features)
    assert [f for f in reader.features if f"`{f}`" not in reader.paragraph] == []


def test_a_reader_that_observes_what_is_not_its_own_is_named(seeds: Seeds, monkeypatch: pytest.MonkeyPatch) -> None:
    def read(readings: Sequence[Reading], _: Background) -> Iterator[Observation]:
        yield readings[0].observe("outcome", "ok", "marks")

    marks = Reader(id="marks", features=("marks",), read=read, paragraph="`marks`.", always=True)
    run = a_full_run()
    before, _ = read_run(run, seeds.vendors)
    monkeypatch.setitem(READERS, "marks", marks)
    assert read_run(run, seeds.vendors) == (before, ("reader marks: ValueError: observes outcome; expected marks",))


def test_failure_is_read_of_every_exchange_and_need_not_be_named() -> None:
    assert set(named_readers()) == set(READERS) - {"failure"}


def test_a_rule_that_the_ruleset_does_not_name_keeps_to_its_own_bound_and_is_named_with_its_package(
    seeds: Seeds, one_more: None
) -> None:
    verdict = analyse(a_full_run(), seeds, embed=None).verdict
    assert [f.llr for f in verdict.findings if f.rule == "greeting"] == [0.5]
    assert "Rule greeting is no rule of ours: it comes with wrapdetect-greeting 0.3." in verdict.limits


def test_a_rule_of_a_plug_in_that_finds_nothing_leaves_the_report_as_it_is(
    seeds: Seeds, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = analyse(a_full_run(), seeds, embed=None).verdict
    silent = replace(GREETING, compare=lambda *_: iter(()), origin="wrapdetect-greeting 0.3")
    monkeypatch.setitem(RULES, "greeting", silent)
    assert analyse(a_full_run(), seeds, embed=None).verdict == before


@pytest.mark.parametrize(
    ("finding", "told"),
    [
        ({"rule": "text_words"}, "a finding of text_words on behaviour; expected greeting on behaviour"),
        ({"axis": "dependence"}, "a finding of greeting on dependence; expected greeting on behaviour"),
        ({"llr": float("nan")}, "the llr of ref0 is nan; expected finite nats"),
    ],
)
def test_a_rule_speaks_in_its_own_name_and_in_numbers(
    seeds: Seeds, monkeypatch: pytest.MonkeyPatch, finding: dict[str, object], told: str
) -> None:
    def wrong(samples: Samples, prepared: Prepared) -> Iterator[Finding]:
        yield from (replace(f, **finding) for f in a_finding(samples, prepared))  # type: ignore[arg-type]

    monkeypatch.setitem(RULES, "greeting", replace(GREETING, compare=wrong, origin="wrapdetect-greeting 0.3"))
    comparison = compare_samples(collect(a_run(references=1), (), seeds), embed=None)
    assert comparison.bugs == (f"rule greeting (wrapdetect-greeting 0.3): ValueError: {told}",)
    assert comparison.findings == ()


@pytest.mark.parametrize("wrong", [{"bound": 0.0}, {"axis": "vertical"}, {"bound": "much"}])
def test_a_rule_without_sense_is_refused_where_it_is_defined(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="RuleEntry"):
        replace(GREETING, **wrong)  # type: ignore[arg-type]
