"""Collected answers: rows, conversations and browsers' archives become the run that asking would have made."""

import json
from base64 import b64encode
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import START, a_pack, an_endpoint, an_item
from tests.runs.hars import NOISE, Json, asked, completion, entry, frame, har, save, stream
from wrapdetect.dialects import decode
from wrapdetect.errors import SpecError, WrapdetectError
from wrapdetect.model import Chunk, Endpoint, Instrument, Pack, Run, Template
from wrapdetect.runs.codec import dump_run, load_run
from wrapdetect.runs.collected import Collection, Conversation, Said, asked_together, without_times
from wrapdetect.runs.collected.calls import find_calls
from wrapdetect.runs.collected.har import read_entries
from wrapdetect.runs.collected.masking import Mask, secrets_in
from wrapdetect.runs.collected.templated import read_back
from wrapdetect.store.answers import More, read_answers
from wrapdetect.store.har import is_har, read_har, without_tokens
from wrapdetect.store.tables import Fields

HERE = Instrument(versions=(), host="test", vantage="")
GUESSED, MORE = Fields(), More()
CODE_WORD = an_item("word", turns=("Remember: heron.", "What was it?"), readers=("coherence",))
PACKS = (a_pack(an_item("tides", turns=("Why are there tides?",))), a_pack(CODE_WORD, pack_id="coherence"))


def a_run_of(collection: Collection, target: str | None = None, packs: tuple[Pack, ...] = PACKS) -> Run:
    name, kept = collection.of(target, None, "it")
    run = without_tokens(kept.run(name, packs, run_id="r", now=START, instrument=HERE))
    assert load_run(dump_run(run).encode()).run == run  # whatever was collected can be recorded
    return run


def rows(tmp_path: Path, *given: Json, fields: Fields = GUESSED, more: More = MORE) -> Collection:
    path = tmp_path / "bot.jsonl"
    path.write_text("".join(json.dumps(r) + "\n" for r in given), encoding="utf-8")
    return read_answers(path, None, fields, more, speaker="bot")


def a_row(prompt: str, answer: str, **more: object) -> Json:
    return {"prompt": prompt, "answer": answer, **more}


def said(run: Run) -> list[tuple[str, str, int, str]]:
    """Speaker, question, turn, answer, in the run's order."""
    endpoints = {e.name: e for e in run.endpoints}
    return [(e.endpoint, str(e.ask), e.turn, decode(e, endpoints[e.endpoint]).text) for e in run.exchanges]


# Tables


def test_a_question_of_a_pack_is_that_packs_and_others_make_a_pack(tmp_path: Path) -> None:
    run = a_run_of(
        rows(
            tmp_path,
            {"prompt": "Why are there tides?", "answer": "Moon."},
            {"prompt": "And why snow?", "answer": "Ice."},
        )
    )
    (first, second) = run.exchanges
    assert str(first.ask) == "style/tides#0"
    assert (second.ask.probe, run.item(second.ask).turns) == ("collected", ("And why snow?",))
    assert [p.id for p in run.packs] == ["style", "collected"]
    assert run.item(second.ask).readers == ("text",)
    assert (run.draws, run.target.dialect, run.target.name) == (0, "pasted", "bot")
    assert set(first.missing) >= {"request", "status", "times", "temperature", "token_counts"}


def test_repeats_are_draws_in_their_order_and_the_same_row_twice_is_one(tmp_path: Path) -> None:
    found = rows(tmp_path, *(a_row("Why?", a) for a in ("one", "two", "one", "three")))
    run = a_run_of(found)
    assert [(e.ask.draw, e.chunks[0].data) for e in run.exchanges] == [(0, b"one"), (1, b"two"), (2, b"three")]
    assert any("taken once: 1" in n for n in found.notes)
    assert [e.started for e in run.exchanges] == sorted({e.started for e in run.exchanges})


def test_an_empty_answer_is_kept_as_empty(tmp_path: Path) -> None:
    found = rows(tmp_path, {"prompt": "Why?", "answer": ""}, {"prompt": "How?", "answer": None})
    run = a_run_of(found)
    failures = [decode(e, run.target).failure for e in run.exchanges]
    assert [f and f.detail for f in failures] == ["an empty answer", "an empty answer"]
    assert any("kept as empty: 2" in n for n in found.notes)


def test_times_count_only_where_both_are_told(tmp_path: Path) -> None:
    told: Json = {"prompt": "Why?", "answer": "So.", "time": "2026-01-04T10:00:00+01:00", "latency_s": 1.25}
    found = rows(tmp_path, told, {**told, "prompt": "How?", "latency_s": ""}, {**told, "prompt": "Who?", "time": None})
    run = a_run_of(found)
    first, second, third = run.exchanges
    assert (first.started, first.chunks[0].t_s) == (datetime(2026, 1, 4, 9, tzinfo=UTC), 1.25)
    assert ["times" in e.missing for e in (first, second, third)] == [False, True, True]
    assert all("times" in e.missing for e in without_times(run).exchanges)


@pytest.mark.parametrize(("minute", "together"), [("09", True), ("11", False)])
def test_times_can_be_compared_only_where_all_were_asked_in_the_same_minutes(
    minute: str, together: bool, tmp_path: Path
) -> None:
    told = [
        a_row("Why?", m, model=m, time=f"2026-01-05T12:{t}:00Z", latency=1) for m, t in (("a", "00"), ("b", minute))
    ]
    assert asked_together(a_run_of(rows(tmp_path, *told), "a")) is together


def test_a_conversation_is_an_item_with_its_turns(tmp_path: Path) -> None:
    turns = ("Remember: heron.", "Noted.", "What was it?", "Heron.")
    listed = [{"role": "system", "content": "Be kind."}, *asked(*turns)["messages"]]  # type: ignore[misc]
    shared = [{"from": "human", "value": "Hi"}, {"from": "gpt", "value": [{"type": "text", "text": "Hello"}]}]
    run = a_run_of(rows(tmp_path, {"messages": listed}, {"messages": json.dumps(shared)}))
    assert [(s[1], s[2], s[3]) for s in said(run)][:2] == [
        ("coherence/word#0", 0, "Noted."),
        ("coherence/word#0", 1, "Heron."),
    ]
    assert said(run)[2][3] == "Hello"


def test_several_speakers_are_a_target_and_its_references(tmp_path: Path) -> None:
    found = rows(tmp_path, *(a_row("Why?", m, model=m) for m in ("bot-1", "heron", "magpie")))
    with pytest.raises(SpecError, match=r"3 speakers .*--target NAME"):
        found.of(None, None, "a.jsonl")
    run = a_run_of(found, "heron")
    assert (run.target.name, [e.name for e in run.references]) == ("heron", ["bot-1", "magpie"])
    name, kept = found.of(None, "magpie", "a.jsonl")
    assert (name, [s.name for s in kept.speakers], len(kept.conversations)) == ("magpie", ["magpie"], 1)
    with pytest.raises(SpecError, match="no answers of that name; there are bot-1"):
        found.of("crow", None, "a.jsonl")


BAD_ROWS: dict[str, tuple[Json, str]] = {
    "no prompt": ({"answer": "So."}, "no column for the prompt"),
    "an empty prompt": ({"prompt": " ", "answer": "So."}, "expected the question"),
    "a number for an answer": ({"prompt": "Why?", "answer": 3}, "holds int; expected text"),
    "a time without zone": ({"prompt": "Why?", "answer": "x", "time": "2026-01-05 12:00"}, "time with its zone"),
    "a time of another kind": ({"prompt": "Why?", "answer": "x", "timestamp": 1767614400}, "--time-field none"),
    "a negative latency": ({"prompt": "Why?", "answer": "x", "latency": -1}, "expected seconds"),
    "a conversation of one text": ({"messages": "hello"}, "not JSON"),
    "a conversation that is empty": ({"messages": []}, "expected a list"),
    "a conversation without a user": ({"messages": [{"role": "assistant", "content": "Hi"}]}, "no turn of the user"),
    "an unknown role": ({"messages": [{"role": "parrot", "content": "Hi"}]}, "'parrot'; expected user"),
    "no speaker": ({"prompt": "Why?", "answer": "x", "model": ""}, "expected the speaker's name"),
}


@pytest.mark.parametrize("name", BAD_ROWS)
def test_a_bad_row_is_named_with_its_place(name: str, tmp_path: Path) -> None:
    row, message = BAD_ROWS[name]
    with pytest.raises(WrapdetectError, match=message) as caught:
        rows(tmp_path, row)
    assert "bot.jsonl, line 1" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_columns_can_be_named_or_left_out(tmp_path: Path) -> None:
    row: Json = {"q": "Why?", "a": "So.", "who": "crow", "time": "yesterday", "messages": "no JSON"}
    found = rows(tmp_path, row, fields=Fields("who", "q", "a"), more=More(time="none"))
    assert said(a_run_of(found))[0][::3] == ("crow", "So.")
    with pytest.raises(WrapdetectError, match="--latency-field took: no such column"):
        rows(tmp_path, row, fields=Fields("who", "q", "a"), more=More(time="none", latency="took"))


def test_half_a_surrogate_pair_is_recorded_all_the_same(tmp_path: Path) -> None:
    run = a_run_of(rows(tmp_path, {"prompt": "Why \ud83d?", "answer": "So \udc00."}))
    assert said(run)[0][3] == "So \ufffd."


# Archives of browsers


CHAT = "https://bot.example/v1/chat/completions"


def seen(tmp_path: Path, *entries: Json, bot: Endpoint | None = None) -> Collection:
    return read_har(save(tmp_path / "bot.har", *NOISE, *entries), bot)


def test_a_plain_call_is_an_exchange_with_its_times(tmp_path: Path) -> None:
    run = a_run_of(seen(tmp_path, entry(CHAT, sent=asked("Why are there tides?"), answer=completion("Moon."))))
    (exchange,) = run.exchanges
    assert said(run) == [("bot.example", "style/tides#0", 0, "Moon.")]
    assert (run.target.dialect, run.target.model, run.target.url) == ("openai_plain", "gpt-x", CHAT)
    assert (exchange.status, json.loads(exchange.sent)["model"]) == (200, "gpt-x")
    assert exchange.started == datetime(2026, 1, 5, 12, 0, 0, 100_000, tzinfo=UTC)  # after 40 + 60 ms before sending
    assert exchange.ended_s == pytest.approx(0.5)
    assert exchange.missing == ("temperature", "token_limit")
    assert decode(exchange, run.target).model == "gpt-x"


def test_a_stream_is_read_and_its_times_are_unknown(tmp_path: Path) -> None:
    call = entry(CHAT, sent=asked("Why?", stream=True), answer=stream("Mo", "on."), kind="text/event-stream")
    run = a_run_of(seen(tmp_path, call))
    assert said(run)[0][3] == "Moon."
    assert (run.target.dialect, "times" in run.exchanges[0].missing) == ("openai_stream", True)


def test_base64_content_and_unknown_paths_are_read_by_their_shape(tmp_path: Path) -> None:
    call = entry(
        "https://chat.example/backend/ask",
        sent=asked("Why?"),
        answer=stream("Möwe 月"),
        kind="text/event-stream",
        encoded=True,
    )
    assert said(a_run_of(seen(tmp_path, call)))[0][3] == "Möwe 月"


ANTHROPIC = {
    "id": "m",
    "type": "message",
    "role": "assistant",
    "model": "c",
    "content": [{"type": "text", "text": "A."}],
}
FAMILIES: dict[str, tuple[str, Json, Json]] = {
    "anthropic_plain": (
        "https://a.example/v1/messages",
        {"model": "c", "max_tokens": 9, "messages": [{"role": "user", "content": [{"type": "text", "text": "Why?"}]}]},
        {**ANTHROPIC, "stop_reason": "end_turn"},
    ),
    "ollama_plain": (
        "http://localhost:11434/api/chat",
        {"model": "c", "messages": [{"role": "user", "content": "Why?"}], "stream": False},
        {"model": "c", "message": {"role": "assistant", "content": "A."}, "done": True, "done_reason": "stop"},
    ),
    "gemini_plain": (
        "https://g.example/v1beta/models/c:generateContent?key=planted-key-0123",
        {"contents": [{"parts": [{"text": "Why?"}]}]},
        {"candidates": [{"content": {"parts": [{"text": "A."}], "role": "model"}, "finishReason": "STOP"}]},
    ),
    "responses_plain": (
        "https://r.example/v1/responses",
        {"model": "c", "input": "Why?"},
        {
            "id": "r1",
            "object": "response",
            "status": "completed",
            "model": "c",
            "output": [
                {
                    "type": "message",
                    "role": "assistant",
                    "status": "completed",
                    "content": [{"type": "output_text", "text": "A."}],
                }
            ],
        },
    ),
}


@pytest.mark.parametrize("dialect", FAMILIES)
def test_each_api_is_recognised(dialect: str, tmp_path: Path) -> None:
    url, request, answer = FAMILIES[dialect]
    run = a_run_of(seen(tmp_path, entry(url, sent=request, answer=json.dumps(answer))))
    assert (run.target.dialect, run.target.model, said(run)[0][3]) == (dialect, "c", "A.")
    assert "planted" not in dump_run(run)


def test_calls_that_go_on_are_one_conversation_and_a_regenerated_answer_is_a_draw(tmp_path: Path) -> None:
    first, later = "Remember: heron.", "What was it?"
    run = a_run_of(
        seen(
            tmp_path,
            entry(CHAT, sent=asked(first), answer=completion("Noted."), at="2026-01-05T12:00:00Z"),
            entry(CHAT, sent=asked(first, "Noted.", later), answer=completion("Heron."), at="2026-01-05T12:01:00Z"),
            entry(CHAT, sent=asked(first, "Noted.", later), answer=completion("A heron."), at="2026-01-05T12:02:00Z"),
        )
    )
    assert [s[1:] for s in said(run)] == [
        ("coherence/word#0", 0, "Noted."),
        ("coherence/word#0", 1, "Heron."),
        ("coherence/word#1", 1, "A heron."),
    ]


def test_an_error_status_is_a_failure_and_so_is_a_stream_that_breaks_off(tmp_path: Path) -> None:
    run = a_run_of(
        seen(
            tmp_path,
            entry(CHAT, sent=asked("a"), answer='{"error": "busy"}', status=503),
            entry(CHAT, sent=asked("b"), answer="slow down", status=429),
            entry(CHAT, sent=asked("c"), answer=stream("Mo", done=False), kind="text/event-stream")
            | {"_error": "net::ERR_INCOMPLETE_CHUNKED_ENCODING"},
            entry(CHAT, sent=asked("d"), answer=completion("Fine.")),
        )
    )
    failures = [decode(e, run.target).failure for e in run.exchanges]
    assert [f and str(f.kind) for f in failures] == ["server", "limited", "cut_off", None]
    assert len(run.endpoints) == 1  # plain and streamed answers of one bot are one bot's


def test_what_cannot_be_read_is_named_and_is_no_failure_of_the_bot(tmp_path: Path) -> None:
    found = seen(
        tmp_path,
        entry(CHAT, sent=asked("a"), answer=completion("A.")),
        entry(CHAT, sent=asked("b"), answer=None),
        entry(CHAT, sent=asked("e"), answer="", status=0),
        entry("https://other.example/api/chat", sent=asked("c"), answer='0:"Hello"\n', kind="text/plain"),
    )
    assert len(found.conversations) == 1
    assert any("holds no answer: bot.example/v1/chat/completions (2)" in n for n in found.notes)
    assert any("other.example/api/chat" in n for n in found.notes)


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ((), "no entries"),
        (NOISE, "no chat call found; there were bot.example/, cdn.example/app.js, telemetry.example/collect"),
        ((*NOISE, entry(CHAT, sent=asked("b"), answer=None)), "save the HAR with content"),
        ((entry(CHAT, sent=asked("b"), answer="<p>"),), "--template"),
    ],
)
def test_an_archive_without_a_chat_call_says_what_was_there(
    entries: tuple[Json, ...], message: str, tmp_path: Path
) -> None:
    with pytest.raises(SpecError, match=message):
        read_har(save(tmp_path / "bot.har", *entries), None)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "not JSON"),
        (b"\xff\xfe{}", "not UTF-8"),
        (b"[]", "not a HAR"),
        (b'{"log": {"entries": [3]}}', "not a HAR"),
        (b'{"log": {"entries": [{}]}}', "no chat call found"),
        (b"[" * 100_000, "not JSON"),
        (json.dumps({"har": {"log": {"entries": []}}}).encode(), "no entries"),
    ],
)
def test_what_is_no_archive_is_refused(data: bytes, message: str, tmp_path: Path) -> None:
    (tmp_path / "bot.har").write_bytes(data)
    with pytest.raises(SpecError, match=message) as caught:
        read_har(tmp_path / "bot.har", None)
    assert "\n" not in str(caught.value)


def test_content_that_is_not_the_base64_it_says_is_refused(tmp_path: Path) -> None:
    bad = entry(CHAT, sent=asked("a"), answer="x")
    bad["response"]["content"] = {"text": "%%%", "encoding": "base64"}  # type: ignore[index]
    with pytest.raises(SpecError, match="not base64"):
        seen(tmp_path, bad)


def test_an_archive_is_told_from_a_table(tmp_path: Path) -> None:
    assert is_har(save(tmp_path / "a.json", *NOISE), None)
    (tmp_path / "b.jsonl").write_text('{"prompt": "log"}\n')
    assert not is_har(tmp_path / "b.jsonl", None)
    assert is_har(tmp_path / "b.jsonl", "har")
    assert not is_har(tmp_path / "nothing", None)


junk = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(("request", "response", "headers", "content", "text", "postData", "url", "status", "name",
                             "value", "messages", "role", "timings", "wait", "cookies", "_webSocketMessages", "data")),
            inner, max_size=4,
        )
    ),
    max_leaves=12,
)  # fmt: skip


@given(
    st.lists(
        st.dictionaries(st.sampled_from(("request", "response", "timings", "_webSocketMessages")), junk), max_size=2
    )
)
def test_no_junk_in_an_entry_brings_the_reader_down(entries: list[Json]) -> None:
    archive = har(*({**e, "startedDateTime": "2026-01-05T12:00:00Z"} for e in entries))
    try:
        mask = Mask(secrets_in(archive, "it"))
        for call in find_calls(read_entries(archive, "it")).calls:
            mask.data(call.said.data)
    except SpecError:
        return  # what is refused is refused in one line; any other exception is a bug


# Templates read backwards


@pytest.mark.parametrize(
    ("template", "target", "body", "expected"),
    [
        (Template(body='{"a": {"q": "{prompt}"}}'), "", '{"a": {"q": "Why?", "z": 1}, "b": []}', {"prompt": "Why?"}),
        (Template(body='{"a": {"q": "{prompt}"}}'), "", '{"a": {"z": 1}}', None),
        (Template(body='{"q": "Q: {prompt}!"}'), "", '{"q": "Q: Why\\nso?!"}', {"prompt": "Why\nso?"}),
        (
            Template(body="q={prompt}&id={conversation_id}"),
            "",
            "id=7&q=Why+so%3F",
            {"prompt": "Why so?", "conversation_id": "7"},
        ),
        (Template(path="/ask?q={prompt}", body=""), "/ask?lang=en&q=Why%20so%3F", "", {"prompt": "Why so?"}),
        (Template(path="/ask?q={prompt}", body=""), "/tell?q=Why", "", None),
        (
            Template(path="/c/{conversation_id}", body='["{prompt}"]'),
            "/c/x1",
            '["Why?"]',
            {"prompt": "Why?", "conversation_id": "x1"},
        ),
        (Template(body='{"q": "{prompt}"}'), "", "no JSON", None),
        (Template(body='{"q": "{prompt}"}'), "", '{"q": ""}', None),
        (Template(body='{"q": "{prompt}"}'), "", '{"q": 3}', None),
        (Template(body="ask: {prompt}"), "", "ask: Why?", {"prompt": "Why?"}),
    ],
)
def test_a_template_is_read_backwards(template: Template, target: str, body: str, expected: Json | None) -> None:
    assert read_back(template, target=target, body=body) == expected


def a_bot(template: Template, url: str = "https://bot.example/api") -> Endpoint:
    return an_endpoint("target", "target", url=url, dialect="template", template=template)


def test_a_home_made_chat_is_read_by_its_template(tmp_path: Path) -> None:
    template = Template(
        path="/talk", headers=(("authorization", "{env:BOT_AUTH}"),), body='{"q": "{prompt}"}', answer="$.said"
    )
    call = entry(
        "https://bot.example/api/talk?s=abcdefgh", sent={"q": "Why are there tides?"}, answer='{"said": "Moon."}'
    )
    other = entry("https://else.example/api/talk", sent={"q": "No"}, answer='{"said": "No"}')
    run = a_run_of(seen(tmp_path, call, other, bot=a_bot(template)))
    assert said(run) == [("target", "style/tides#0", 0, "Moon.")]
    assert set(run.exchanges[0].missing) >= {"fresh_chat", "token_counts"}
    assert "BOT_AUTH" not in dump_run(run)  # nobody asks again, so no variable is wanted
    with pytest.raises(SpecError, match="no call that the template describes"):
        seen(tmp_path, other, bot=a_bot(template))


def test_an_archive_saved_without_bodies_is_not_laid_to_the_template(tmp_path: Path) -> None:
    bot = a_bot(Template(path="/talk", body='{"q": "{prompt}"}', answer="$.said"))
    bare = [entry("https://bot.example/api/talk", sent={"q": f"Why {n}?"}, answer=None) for n in range(5)]
    other = entry("https://bot.example/api/talk", sent={"other": 1}, answer=None)
    with pytest.raises(
        SpecError, match=r'entry \d+: calls that the template describes: 5.*save it again "with content"'
    ):
        seen(tmp_path, other, *bare, bot=bot)
    with pytest.raises(SpecError, match="no call that the template describes"):
        seen(tmp_path, other, bot=bot)
    whole = entry("https://bot.example/api/talk", sent={"q": "Why?"}, answer='{"said": "So."}')
    assert said(a_run_of(seen(tmp_path, *bare, whole, bot=bot)))[0][3] == "So."


def test_history_in_the_messages_makes_turns(tmp_path: Path) -> None:
    template = Template(path="/talk", body='{"m": "{messages}"}', answer="$.said")
    sent = {"m": asked("Remember: heron.", "Noted.", "What was it?")["messages"]}
    run = a_run_of(
        seen(
            tmp_path, entry("https://bot.example/api/talk", sent=sent, answer='{"said": "Heron."}'), bot=a_bot(template)
        )
    )
    assert said(run) == [("target", "coherence/word#0", 1, "Heron.")]
    assert "fresh_chat" not in run.exchanges[0].missing


def test_frames_of_a_websocket_are_stamped_by_the_browser(tmp_path: Path) -> None:
    template = Template(body='{"q": "{prompt}"}', framing="websocket", answer="$.t", done="$.end")
    frames = [
        frame("receive", 1767614400.0, {"hello": 1}),
        frame("send", 1767614401.0, {"q": "Why are there tides?"}),
        frame("receive", 1767614401.5, {"t": "Mo"}),
        frame("receive", 1767614402.0, {"t": "on."}),
        frame("receive", 1767614402.1, {"end": True}),
        frame("send", 1767614403.0, {"ping": 1}),
        frame("send", 1767614404.0, {"q": "And snow?"}),
        frame("receive", 1767614404.25, {"t": "Ice."}),
        frame("receive", 1767614404.5, {"end": True}),
    ]
    call = entry("wss://bot.example/socket", method="GET", status=101, answer="", frames=frames)
    run = a_run_of(seen(tmp_path, call, bot=a_bot(template, "wss://bot.example/socket")))
    assert [s[3] for s in said(run)] == ["Moon.", "Ice."]
    first, second = run.exchanges
    assert first.started == datetime.fromtimestamp(1767614401, UTC)
    assert [c.t_s for c in first.chunks] == pytest.approx([0.5, 1.0, 1.1])
    assert [p.t_s for p in decode(second, run.target).pieces] == pytest.approx([0.25])
    assert "times" not in first.missing


def test_a_websocket_on_which_nothing_was_asked_is_passed_over(tmp_path: Path) -> None:
    template = Template(body='{"q": "{prompt}"}', framing="websocket", answer="$.t", done="$.end")
    silent = [frame("receive", 1767614400.0, {"hello": 1}), frame("send", 1767614403.0, {"ping": 1})]
    asking = [
        frame("send", 1767614404.0, {"q": "And snow?"}),
        frame("receive", 1767614404.25, {"t": "Ice."}),
        frame("receive", 1767614404.5, {"end": True}),
    ]
    calls = [entry("wss://bot.example/socket", method="GET", status=101, answer="", frames=f) for f in (silent, asking)]
    run = a_run_of(seen(tmp_path, *calls, bot=a_bot(template, "wss://bot.example/socket")))
    assert [s[3] for s in said(run)] == ["Ice."]


# Secrets


def planted(n: int) -> str:
    return f"planted-{n}/Zx+9=secret{n}"


def test_no_secret_of_an_archive_reaches_the_run(tmp_path: Path) -> None:
    every = [planted(n) for n in range(12)]
    echo = "You are " + " and ".join(every) + ", sir."
    call = entry(
        f"{CHAT}?token={every[0].replace('+', '%2B')}&v=1",
        sent={**asked(f"Who am I, {every[11]}?"), "accessToken": every[1], "auth": {"api_key": every[2]}},
        answer=completion(echo, session_token=every[3]),
        headers={
            "Authorization": f"Bearer {every[4]}",
            "X-Custom": every[5],
            "Cookie": f"a={every[6]}; b=short",
            "Referer": f"https://bot.example/?s={every[7].replace('+', '%2B')}",
        },
        cookies={"sid": every[8]},
        query={"token": every[0]},
        response_headers={"Set-Cookie": f"fresh={every[9]}; Path=/", "X-Echo": every[4]},
    )
    elsewhere = entry(
        "https://bot.example/login", sent={"password": every[10]}, answer="{}", headers={"X-Api-Key": every[11]}
    )
    run = a_run_of(seen(tmp_path, call, elsewhere))
    text = dump_run(run)
    assert [s for s in every if s in text or json.dumps(s)[1:-1] in text] == []
    assert "planted-" not in text
    answer = said(run)[0][3]
    assert len(answer) == len(echo)  # byte for byte, so that lengths stay
    assert answer.startswith("You are ***")
    assert answer.endswith(", sir.")
    names = [k.lower() for k, _ in run.exchanges[0].headers]
    assert "authorization" not in names
    assert "cookie" not in names
    assert dict(run.exchanges[0].headers)["Set-Cookie"] == "fresh=[masked]; Path=/"


@pytest.mark.parametrize(
    "content",
    [
        {"mimeType": "text/event-stream", "text": 'data: {"session_token": "BODY-secret-778899aa"}\n\n'},
        {"mimeType": "application/x-ndjson", "text": '{"a": 1}\n{"api_key": "BODY-secret-778899aa"}\n'},
        {"mimeType": "application/json", "text": '[\n{\n"api_key": "BODY-secret-778899aa"}\n]'},
        {"encoding": "base64", "text": b64encode(b'{"api_key": "BODY-secret-778899aa"}').decode()},
    ],
    ids=["events", "lines", "several lines", "base64"],
)
def test_a_field_that_is_secret_by_its_name_is_found_in_any_framing(content: dict[str, str]) -> None:
    entry = {"request": {"url": "https://bot.example/"}, "response": {"content": content}}
    assert secrets_in({"log": {"entries": [entry]}}, "a.har") == {"BODY-secret-778899aa"}


def test_a_key_that_is_told_by_its_looks_is_found_where_no_field_names_it() -> None:
    said = "The key sk-planted-0123456789abcdef is yours; be risk-free-and-happy-always."
    entry = {"request": {"url": "https://bot.example/", "headers": [None]}, "response": {"content": {"text": said}}}
    assert secrets_in({"log": {"entries": [entry]}}, "a.har") == {"sk-planted-0123456789abcdef"}


def test_words_that_carry_an_answer_are_no_secrets(tmp_path: Path) -> None:
    call = entry(
        CHAT,
        sent=asked("Explain tides, please"),
        answer=completion("Explain tides, please: the assistant says keep-alive, text/event-stream and Mozilla/5.0."),
        headers={
            "X-Kind": "assistant", "X-Path": "messages", "Connection": "keep-alive", "User-Agent": "Mozilla/5.0",
            "Accept": "text/event-stream", "X-Field": "choices",
        },
        query={"q": "Explain tides, please"},
    )  # fmt: skip
    assert "*" not in said(a_run_of(seen(tmp_path, call)))[0][3]


def test_secrets_are_found_however_they_are_spelled() -> None:
    mask = Mask(['a/b+c d"ü€%41long'])
    for spelled in (
        'a/b+c d"ü€%41long',
        "a%2Fb%2Bc%20d%22%C3%BC%E2%82%AC%2541long",
        'a\\/b+c d\\"ü€%41long',
        'a/b+c d\\"\\u00fc\\u20ac%41long',
    ):
        masked = mask.text(f"<{spelled}>")
        assert masked.strip("<>*") == "", spelled
        assert len(masked.encode()) == len(spelled.encode()) + 2


def test_a_secret_across_two_frames_is_masked_and_the_cut_stays() -> None:
    found = seen_frames("geheimnis-123")
    masked = Mask(["geheimnis-123"]).conversation(found)
    assert [c.data for c in masked.said[0].chunks] == [b"x *****", b"******** y"]


def seen_frames(secret: str) -> Conversation:
    chunks = (Chunk(t_s=0.1, data=f"x {secret[:5]}".encode()), Chunk(t_s=0.2, data=f"{secret[5:]} y".encode()))
    return Conversation(speaker="b", turns=("q",), said=(Said(turn=0, chunks=chunks),), place="")


@given(st.binary(max_size=60), st.lists(st.text(min_size=8, max_size=12), max_size=4))
def test_masking_keeps_every_length(data: bytes, secrets: list[str]) -> None:
    mask = Mask([s.encode("utf-8", "replace").decode() for s in secrets])
    assert len(mask.data(data)) == len(data)


@pytest.mark.parametrize(
    ("template", "sent"),
    [
        (
            Template(
                headers=(("content-type", "multipart/form-data; boundary=b"),),
                body='--b\r\nContent-Disposition: form-data; name="d"\r\n\r\n{"q": "{prompt}"}\r\n--b--\r\n',
            ),
            '--zz\r\nContent-Disposition: form-data; name="x"\r\n\r\n1\r\n'
            '--zz\r\nContent-Disposition: form-data; name="d"\r\n\r\n{"n": 1, "q": "Why \\"so\\"?"}\r\n--zz--\r\n',
        ),
        (Template(framing="websocket", body='42["ask",{"q":"{prompt}"}]'), '42["ask",{"q":"Why \\"so\\"?"}]'),
        (Template(body='{"q": "{prompt | trim}"}'), '{"q": "Why \\"so\\"?"}'),
    ],
)
def test_a_question_is_read_back_whatever_envelope_it_stands_in(template: Template, sent: str) -> None:
    assert read_back(template, target="", body=sent) == {"prompt": 'Why "so"?'}
