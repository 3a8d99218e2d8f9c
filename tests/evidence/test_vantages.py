"""What several vantages saw, as one record: down where all who could tell saw it down."""

import pytest

from wrapdetect.evidence.compare.dependence.episodes import own_faults, timelines
from wrapdetect.evidence.compare.dependence.vantages import how, one_view, own_view, vantages_of
from wrapdetect.model.history import Beat, Beats, History, Outcome, Print, Service, ServiceKind, columns

KINDS = {"u": Outcome.UP, "d": Outcome.SERVER, "r": Outcome.REFUSED, "l": Outcome.LIMITED, "t": Outcome.TIMEOUT}
DAY = 86_400


def seen(service: str, outcomes: str, vantage: str, start: int = 0) -> Beats:
    """A round every five minutes; "-" where nobody looked."""
    made = [
        Beat(
            service=service,
            round_s=start + 300 * k,
            offset_ms=1000 * len(vantage),
            outcome=KINDS[c],
            latency_ms=len(vantage) if c == "u" else 0,
            said="" if c == "u" else f"{c} from {vantage or 'here'}",
        )
        for k, c in enumerate(outcomes)
        if c != "-"
    ]
    found = columns(service, made)
    return Beats(
        service=service, round_s=found.round_s, offset_ms=found.offset_ms, outcome=found.outcome,
        latency_ms=found.latency_ms, said=found.said, vantage=vantage,
    )  # fmt: skip


def a_history(*beats: Beats, prints: tuple[Print, ...] = ()) -> History:
    kinds: dict[str, ServiceKind] = {"bot": "target", "site-a": "site", "site-b": "site"}
    names = sorted({b.service for b in beats})
    services = tuple(Service(name=n, kind=kinds.get(n, "candidate"), url=f"http://{n}") for n in names)
    return History(cadence_s=300, services=services, beats=beats, prints=prints)


def told(beats: Beats) -> str:
    letters = {v: k for k, v in KINDS.items()}
    by_round = {r // 300: letters[Outcome(o)] for r, o in zip(beats.round_s, beats.outcome, strict=True)}
    return "".join(by_round.get(k, "-") for k in range(max(by_round, default=-1) + 1))


@pytest.mark.parametrize(
    ("here", "tokyo", "together"),
    [
        ("uuu", "uuu", "uuu"),
        ("udu", "uuu", "uuu"),
        ("uuu", "udu", "uuu"),
        ("udu", "udu", "udu"),
        ("udu", "utu", "udu"),
        ("udd", "uud", "uud"),
        ("uru", "udu", "udu"),
        ("udu", "uru", "udu"),
        ("ulu", "uru", "ulu"),
        ("uru", "uuu", "uuu"),
        ("u-u", "udu", "udu"),
        ("udu", "u-u", "udu"),
        ("u-u", "u-u", "u-u"),
        ("", "udd", "udd"),
        ("udd", "", "udd"),
        ("uuuu", "--dd", "uuuu"),
        ("uu", "uudd", "uudd"),
        ("dddd", "dddd", "dddd"),
        ("lll", "lll", "lll"),
    ],
)
def test_a_round_is_down_where_all_who_could_tell_saw_it_down(here: str, tokyo: str, together: str) -> None:
    every = [
        seen("bot", here, ""),
        seen("bot", tokyo, "tokyo"),
        seen("other", "u" * 4, ""),
        seen("other", "u" * 4, "tokyo"),
    ]
    history = a_history(*(b for b in every if b.outcome))
    found = {b.service: b for b in one_view(history, own_faults).beats}
    assert told(found["bot"]) == together
    assert all(
        found["bot"].said.get(r, "") for r, o in zip(found["bot"].round_s, found["bot"].outcome, strict=True) if o
    )
    assert not any(b.vantage for b in found.values())


def test_three_vantages_are_needed_to_be_silent_together_and_the_first_tells_the_latency() -> None:
    history = a_history(seen("bot", "ud", "oslo"), seen("bot", "ud", "tokyo"), seen("bot", "uu", "lima"))
    (found,) = one_view(history, own_faults).beats
    assert told(found) == "uu"
    assert list(found.latency_ms) == [4, 4]  # lima, the first by name, and the only one that got an answer
    assert "Seen from 3 vantages (lima, oslo, tokyo)" in how(history)


def test_a_round_that_was_a_vantages_own_fault_is_told_by_the_other() -> None:
    """Here the sites fail with everything: our own fault. Tokyo saw the bot fall for real a little later."""
    here = [seen("bot", "uudduu", ""), seen("site-a", "uudduu", ""), seen("site-b", "uudduu", "")]
    there = [seen("bot", "uuuudd", "tokyo"), seen("site-a", "uuuuuu", "tokyo"), seen("site-b", "uuuuuu", "tokyo")]
    found = {b.service: b for b in one_view(a_history(*here, *there), own_faults).beats}
    assert told(found["bot"]) == "uuuuuu"
    alone = [seen("bot", "uudd--", ""), *here[1:]]
    found = {b.service: b for b in one_view(a_history(*alone, *there), own_faults).beats}
    assert told(found["bot"]) == "uuuudd"


def test_a_fall_that_one_place_alone_saw_is_no_episode() -> None:
    steady = seen("other", "u" * 400, "")
    fell = seen("bot", "u" * 100 + "d" * 20 + "u" * 280, "")
    saw = seen("bot", "u" * 400, "tokyo")
    assert len(timelines(a_history(fell, steady))["bot"].episodes) == 1
    both = one_view(a_history(fell, steady, saw), own_faults)
    assert timelines(both)["bot"].episodes == ()


def test_one_vantage_changes_nothing_whatever_its_name() -> None:
    plain = a_history(seen("bot", "udu", ""), prints=(Print(service="bot", at_s=1, item="x", text="y"),))
    assert one_view(plain, own_faults) is plain
    assert own_view(plain) is plain
    assert how(plain) == ""
    named = a_history(
        seen("bot", "udu", "tokyo"), prints=(Print(service="bot", at_s=1, item="x", text="y", vantage="tokyo"),)
    )
    assert vantages_of(named) == ["tokyo"]
    assert told(one_view(named, own_faults).beats[0]) == "udu"
    assert [p.vantage for p in one_view(named, own_faults).prints] == [""]


def test_prints_of_two_places_do_not_mix() -> None:
    prints = tuple(Print(service="bot", at_s=DAY, item="x", text=v or "here", vantage=v) for v in ("", "tokyo"))
    history = a_history(seen("bot", "u", ""), seen("bot", "u", "tokyo"), prints=prints)
    assert [p.text for p in one_view(history, own_faults).prints] == ["here"]
