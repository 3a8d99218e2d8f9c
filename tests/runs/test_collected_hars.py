"""Archives as browsers and tools save them: what is not in the file is said, and never an empty answer or a guess."""

import base64
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.conftest import an_endpoint
from tests.runs.hars import Json, asked, completion, entry, frame, har, save, stream
from wrapdetect.dialects import decode
from wrapdetect.errors import SpecError
from wrapdetect.model import AskKey, Endpoint, Template
from wrapdetect.runs.collected import Collection
from wrapdetect.store.har import is_har, read_har

CHAT = "https://mill.example/v1/chat/completions"
EVENTS = "text/event-stream"
WHOLE = stream("The ", "aunt.")
GOOD = entry(CHAT, sent=asked("Who baked?"), answer=completion("A fox."))


def call(content: Json | None = None, *, kind: str = EVENTS, answer: str | None = WHOLE, **more: object) -> Json:
    """The call whose content or other fields are changed."""
    made = entry(CHAT, sent=asked("Why?", stream=kind == EVENTS), answer=answer, kind=kind)
    if content is not None:
        made["response"]["content"] = {"mimeType": kind, **content}  # type: ignore[index]
    return made | more


def messages(*data: str, name: str = "message") -> list[Json]:
    return [{"time": 1.0, "eventName": name, "eventId": "", "data": d} for d in data]


def events() -> list[Json]:
    return messages(*(line.removeprefix("data: ") for line in WHOLE.split("\n\n") if line))


def answers(found: Collection) -> list[str]:
    ends = {s.name: s for s in found.speakers}
    return [
        decode(said.exchange(c.speaker, AskKey("p", "i", 0), datetime(2026, 1, 1, tzinfo=UTC)), ends[c.speaker]).text
        for c in found.conversations
        for said in c.said
    ]


UNSAVED: dict[str, Json] = {
    "a size and no text": call({"size": 812}),
    "size 0 and no text, of a stream": call({"size": 0}),
    "size 0 and no text, of JSON": call({"size": 0}, kind="application/json"),
    "no size and no text": call({}),
    "an empty text with a size": call({"size": 812, "text": ""}),
    "an empty text of a stream": call({"size": 0, "text": ""}),
    "an empty text, size not known": call({"size": -1, "text": ""}, kind="application/json"),
    "a file elsewhere": call({"size": 812, "_file": "5d.txt"}),
    "a comment: truncated": call({"size": 812, "text": WHOLE[:60], "comment": "Response body is truncated"}),
    "a comment: not included": call({"text": WHOLE[:60], "comment": "content not included"}),
    "the start of a stream": call({"text": stream("The ", done=False)}),
    "events without their end": call({"size": 0}, _eventSourceMessages=events()[:1]),
    "an aborted call": entry(CHAT, sent=asked("Why?"), answer="", status=0),
    "no content at all": {**call(), "response": {"status": 200, "headers": []}},
}


@pytest.mark.parametrize("name", UNSAVED)
def test_an_answer_that_was_not_saved_is_said_and_left_out(name: str, tmp_path: Path) -> None:
    found = read_har(save(tmp_path / "a.har", GOOD, UNSAVED[name]), None)
    assert answers(found) == ["A fox."]
    assert any("holds no answer: mill.example" in n for n in found.notes)
    with pytest.raises(SpecError, match="no answer is in it"):
        read_har(save(tmp_path / "b.har", UNSAVED[name]), None)


SAVED: dict[str, Json] = {
    "plain": call(),
    "events that Chromium took apart": call({"size": 0}, _eventSourceMessages=events()),
    "base64": call({"text": base64.b64encode(WHOLE.encode()).decode(), "encoding": "base64"}),
    "base64 in lines": call({"text": base64.encodebytes(WHOLE.encode()).decode(), "encoding": "base64"}),
    "base64 without its padding": call(
        {"text": base64.b64encode(WHOLE.encode()).decode().rstrip("="), "encoding": "BASE64"}
    ),
    "a comment of another kind": call({"text": WHOLE, "comment": "seen by the proxy"}),
    "pseudo headers": call(),
    "a form with a JSON field": call(),
}
SAVED["pseudo headers"]["response"]["headers"] = [{"name": ":status", "value": "200"}]  # type: ignore[index]
SAVED["a form with a JSON field"]["request"]["postData"] = {  # type: ignore[index]
    "mimeType": "multipart/form-data; boundary=x9",
    "text": '--x9\r\nContent-Disposition: form-data; name="data"\r\n\r\n'
    '{"messages": [{"role": "user", "content": "Why?"}]}\r\n--x9--\r\n',
}


@pytest.mark.parametrize("name", SAVED)
def test_an_answer_that_was_saved_is_read(name: str, tmp_path: Path) -> None:
    found = read_har(save(tmp_path / "a.har", SAVED[name]), None)
    assert answers(found) == ["The aunt."]
    assert [k for c in found.conversations for s in c.said for k, _ in s.headers if k.startswith(":")] == []


def test_a_server_that_says_it_sent_nothing_answered_with_nothing(tmp_path: Path) -> None:
    empty = call({"size": 0, "text": ""}, kind="application/json")
    empty["response"]["headers"] = [{"name": "Content-Length", "value": "0"}]  # type: ignore[index]
    template = Template(path="/chat/completions", body='{"messages": "{messages}"}', answer="$.x")
    bot = an_endpoint("t", "target", url="https://mill.example/v1", dialect="template", template=template)
    (only,) = read_har(save(tmp_path / "a.har", empty), bot).conversations
    assert (only.said[0].data, only.said[0].status) == (b"", 200)


@pytest.mark.parametrize(
    ("at", "hour"),
    [
        ("2026-01-05T12:00:00.000Z", 12),
        ("2026-01-05T13:00:00.000+0100", 12),
        ("2026-01-05T13:00:00.000000+01:00", 12),
        ("2026-01-05 06:30:00-05:30", 12),
        ("", None),
        ("2026-01-05T12:00:00", None),
        ("noon", None),
        ("1970-13-01T00:00:00Z", None),
        ("9999-12-31T23:59:59.999Z", None),
    ],
)
def test_a_time_that_cannot_be_read_is_missing_and_said(at: str, hour: int | None, tmp_path: Path) -> None:
    made = entry(CHAT, sent=asked("Why?"), answer=completion("So."), at=at)
    found = read_har(save(tmp_path / "a.har", made), None)
    (said,) = found.conversations[0].said
    assert (said.started and said.started.astimezone(UTC).hour) == hour
    assert ("times" in said.missing) is (hour is None)
    assert any("no time that can be read" in n for n in found.notes) is (hour is None)


SOCKET = Template(body='{"q": "{prompt}"}', framing="websocket", answer="$.t", done="$.end")
EPOCH = 1767614400.0


@pytest.mark.parametrize(
    ("times", "stamps"),
    [
        ((EPOCH, EPOCH + 0.5, EPOCH + 0.75), [0.5, 0.75]),
        ((EPOCH * 1e3, EPOCH * 1e3 + 500, EPOCH * 1e3 + 750), [0.5, 0.75]),
        ((EPOCH * 1e6, EPOCH * 1e6 + 500_000, EPOCH * 1e6 + 750_000), [0.5, 0.75]),
        ((8123.1, 8123.6, 8123.7), None),
        ((8123100.0, 8123600.0, 8123700.0), None),
        ((0, 0, 0), None),
        ((None, None, None), None),
        ((EPOCH, None, EPOCH + 1), None),
        ((EPOCH, "", EPOCH + 1), None),
        ((EPOCH, EPOCH - 1, EPOCH + 1), None),
        ((EPOCH, EPOCH + 1, EPOCH + 0.5), None),
        ((EPOCH, 12.5, EPOCH + 1), None),
        ((True, True, True), None),
    ],
)
def test_frames_are_stamped_only_by_a_clock_that_is_known(
    times: tuple[object, ...], stamps: list[float] | None, tmp_path: Path
) -> None:
    frames = [
        frame("send", 0, {"q": "Why?"}) | {"time": times[0]},
        frame("receive", 0, {"t": "So."}) | {"time": times[1]},
        frame("receive", 0, {"end": True}) | {"time": times[2]},
    ]
    bot = an_endpoint("t", "target", url="wss://mill.example/ws", dialect="template", template=SOCKET)
    held = entry("wss://mill.example/ws", method="GET", status=101, answer="", frames=frames)
    found = read_har(save(tmp_path / "a.har", held), bot)
    (said,) = found.conversations[0].said
    assert answers(found) == ["So."]
    assert ("times" in said.missing) is (stamps is None)
    assert [c.t_s for c in said.chunks] == pytest.approx(stamps or [0.0, 0.0], abs=1e-3)


def test_a_stream_whose_connection_broke_is_cut_off_only_where_the_file_says_so(tmp_path: Path) -> None:
    half = call({"text": stream("The ", done=False)})
    found = read_har(save(tmp_path / "a.har", half | {"_error": "net::ERR_CONNECTION_RESET"}), None)
    (said,) = found.conversations[0].said
    failure = decode(said.exchange("x", AskKey("p", "i", 0), datetime.now(UTC)), found.speakers[0]).failure
    assert failure is not None
    assert str(failure.kind) == "cut_off"


def by_query(question: str, content: Json) -> Json:
    made = entry(f"https://mill.example/ask?q={question}", method="GET", answer=None, kind=EVENTS)
    made["response"]["content"] = {"mimeType": EVENTS, **content}  # type: ignore[index]
    return made


@pytest.mark.parametrize("content", [{"size": 0}, {"size": 300}, {"size": 0, "text": ""}, {"_file": "x.txt"}])
def test_a_template_says_how_many_answers_the_file_lacks(content: Json, tmp_path: Path) -> None:
    template = Template(method="GET", path="/ask?q={prompt}", body="", framing="sse", answer="$.t")
    bot: Endpoint = an_endpoint("t", "target", url="https://mill.example", dialect="template", template=template)
    whole = by_query("Who", {"text": 'data: {"t": "The aunt."}\n\n'})
    found = read_har(save(tmp_path / "a.har", by_query("Why", content), whole), bot)
    assert answers(found) == ["The aunt."]
    assert any("or not all of it: 1 calls" in n for n in found.notes)


def test_a_preflight_beside_a_call_is_no_call(tmp_path: Path) -> None:
    preflight = entry(CHAT, method="OPTIONS", status=204, answer="")
    found = read_har(save(tmp_path / "a.har", preflight, GOOD), None)
    assert (answers(found), found.notes) == (["A fox."], ())


@pytest.mark.parametrize("wrap", [lambda h: {"har": h}, lambda h: {"data": {"har": h}}, lambda h: h])
def test_wrappers_around_the_log_are_opened(wrap: object, tmp_path: Path) -> None:

    assert callable(wrap)
    path = tmp_path / "a.har"
    path.write_text(json.dumps(wrap(har(GOOD))), encoding="utf-8")
    assert is_har(path, None)
    assert answers(read_har(path, None)) == ["A fox."]


def test_a_multipart_question_is_read_by_a_template_and_its_secrets_are_masked(tmp_path: Path) -> None:
    body = (
        '--x\r\nContent-Disposition: form-data; name="data"\r\n\r\n{"inputs": "Why?"}\r\n'
        '--x\r\nContent-Disposition: form-data; name="api_key"\r\n\r\nplanted-key-77\r\n--x--\r\n'
    )
    made = entry("https://mill.example/c/7", sent=body, answer='{"t": "So."}')
    made["request"]["postData"]["mimeType"] = "multipart/form-data; boundary=x"  # type: ignore[index]
    template = Template(path="/c/7", body='{"inputs": "{prompt}"}', answer="$.t")
    bot = an_endpoint("t", "target", url="https://mill.example", dialect="template", template=template)
    found = read_har(save(tmp_path / "a.har", made), bot)
    assert (answers(found), found.conversations[0].turns) == (["So."], ("Why?",))
    assert "planted" not in found.conversations[0].said[0].sent
