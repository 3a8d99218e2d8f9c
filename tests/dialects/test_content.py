"""What is said: one reader of content in every dialect, pieces by their choice, snapshots for what they added"""

import json

import pytest

from tests.conftest import an_exchange, read_as
from wrapdetect.dialects import Reply
from wrapdetect.dialects.body.content import said_in
from wrapdetect.dialects.body.unpacked import BodyError
from wrapdetect.model import AskKey, Chunk, Dialect

KEY = AskKey("style", "tides", 0)
SAID: list[tuple[object, str]] = [
    ("Hi.", "Hi."),
    (None, ""),
    (42, "42"),
    (1.5, "1.5"),
    (0, "0"),
    ([], ""),
    (["Hi", "."], "Hi."),
    ([{"type": "text", "text": "Hi"}, {"type": "text", "text": "."}], "Hi."),
    ([{"type": "output_text", "text": "Hi."}], "Hi."),
    ([{"text": "Hi."}], "Hi."),
    (["It is ", 42, None, {"type": "text", "text": "."}], "It is 42."),
    ([{"type": "text", "text": 42}], "42"),
    ([{"type": "text", "text": None}], ""),
    ([{"type": "text", "text": {"value": "Hi.", "annotations": []}}], "Hi."),
    ([{"type": "refusal", "refusal": "I cannot."}], "I cannot."),
    ([{"type": "refusal", "text": "I cannot."}], "I cannot."),
    ([{"type": "reasoning", "text": "Hm. "}, {"type": "text", "text": "Hi."}], "Hi."),
    ([{"type": "thinking", "thinking": "Hm."}, {"type": "text", "text": "Hi."}], "Hi."),
    ([{"type": "thinking", "thinking": [{"type": "text", "text": "Hm."}]}, {"type": "text", "text": "Hi."}], "Hi."),
    ([{"type": "redacted_thinking", "data": "x"}, "Hi."], "Hi."),
    ([{"type": "reasoning_content", "text": "Hm."}, "Hi."], "Hi."),
    ([{"text": "Hm.", "thought": True}, {"text": "Hi.", "thought": False}], "Hi."),
    ([{"type": "image_url", "image_url": {"url": "x"}}, {"type": "text", "text": "Hi."}], "Hi."),
    ([{"type": "tool_use", "input": {}}, {"type": "text", "text": "Hi."}], "Hi."),
    ([{"functionCall": {"name": "x"}}, {"text": "Hi."}], "Hi."),
    ([["Hi"], "."], "Hi."),
    ([{"type": "text", "content": "Hi"}, {"type": "text", "text": "."}], "Hi."),
    ([{"type": "output", "value": "Hi."}], "Hi."),
]
UNREADABLE: list[object] = [
    True,
    False,
    {"a": 1},
    {},
    {"type": "text", "text": "Hi."},
    [True],
    [{"type": "text", "text": True}],
    [{"type": "text", "text": {"a": 1}}],
    [[[[[[[[[["deep"]]]]]]]]]],
]


def came(dialect: Dialect, *bodies: object) -> Reply:
    data = "".join(f"data: {json.dumps(b)}\n\n" for b in bodies) if len(bodies) > 1 else json.dumps(bodies[0])
    return read_as(an_exchange("bot", KEY, chunks=(Chunk(t_s=0.1, data=data.encode()),)), dialect)


def delta(**said: object) -> dict[str, object]:
    return {"choices": [{"index": 0, "delta": said}]}


def choice(index: object, text: str, finish: str | None = None) -> dict[str, object]:
    return {"choices": [{"index": index, "delta": {"content": text}, "finish_reason": finish}]}


STOP = {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}


@pytest.mark.parametrize(("content", "text"), SAID, ids=lambda v: json.dumps(v)[:60])
def test_content_is_read_alike_in_every_dialect(content: object, text: str) -> None:
    assert said_in(content) == text
    message = {"role": "assistant", "content": content}
    for reply in (
        came("openai_plain", {"choices": [{"message": message, "finish_reason": "stop"}]}),
        came("openai_stream", delta(**message), STOP),
        came("anthropic_plain", {"type": "message", "content": content}),
        came("responses_plain", {"output": [{"type": "message", "content": content}]}),
        came("ollama_plain", {"message": message, "done": True}),
    ):
        assert reply.text == text
        assert (reply.failure is None) == bool(text)


@pytest.mark.parametrize("content", UNREADABLE, ids=lambda v: json.dumps(v)[:60])
def test_content_that_is_no_text_fails_by_name(content: object) -> None:
    with pytest.raises(BodyError, match=r"content.* is (true or false|an object|a nest), where text"):
        said_in(content)
    for reply in (
        came("openai_plain", {"choices": [{"message": {"content": content}}]}),
        came("openai_stream", delta(content="Hi"), delta(content=content), STOP),
        came("ollama_plain", {"message": {"content": content}, "done": True}),
    ):
        assert reply.failure is not None
        assert (reply.text, reply.failure.kind) == ("", "garbled")
        assert "where text" in reply.failure.detail


@pytest.mark.parametrize(
    ("message", "text"),
    [
        ({"content": None, "refusal": "I cannot."}, "I cannot."),
        ({"content": "", "refusal": "I cannot."}, "I cannot."),
        ({"refusal": "I cannot."}, "I cannot."),
        ({"content": "I cannot.", "refusal": "I cannot."}, "I cannot."),
        ({"content": "Well. ", "refusal": "I cannot."}, "Well. I cannot."),
        ({"content": "Hi.", "refusal": None}, "Hi."),
        ({"content": "Hi.", "reasoning_content": "Hm."}, "Hi."),
        ({"content": "Hi.", "reasoning": "Hm.", "reasoning_details": [{"text": "Hm."}]}, "Hi."),
        ({"content": "Hi.", "tool_calls": [{"id": "x"}]}, "Hi."),
    ],
)
def test_the_words_of_a_refusal_count_and_those_of_reasoning_do_not(message: dict[str, object], text: str) -> None:
    assert came("openai_plain", {"choices": [{"message": message}]}).text == text
    assert came("openai_stream", delta(**message), STOP).text == text


def test_thinking_is_not_said_in_the_streams_of_other_apis() -> None:
    start, end = {"type": "message_start", "message": {"model": "m"}}, {"type": "message_stop"}
    blocks = [
        {"type": "content_block_start", "content_block": {"type": "thinking", "thinking": "Hm."}},
        {"type": "content_block_delta", "delta": {"type": "thinking_delta", "thinking": "Hm."}},
        {"type": "content_block_delta", "delta": {"type": "signature_delta", "signature": "x"}},
        {"type": "content_block_delta", "delta": {"type": "text_delta", "text": "Hi."}},
    ]
    assert came("anthropic_stream", start, *blocks, end).text == "Hi."
    parts = [{"text": "Hm.", "thought": True}, {"text": "Hi."}]
    candidate = {"candidates": [{"content": {"parts": parts}, "finishReason": "STOP"}]}
    assert came("gemini_plain", candidate).text == "Hi."
    thought = {"type": "response.reasoning_text.delta", "delta": "Hm."}
    said = {"type": "response.output_text.delta", "delta": "Hi."}
    done = {"type": "response.completed", "response": {"status": "completed"}}
    assert came("responses_stream", thought, said, done).text == "Hi."


@pytest.mark.parametrize(
    ("events", "text"),
    [
        ([choice(0, "Hi"), choice(1, "NO"), choice(0, ".")], "Hi."),
        ([choice(1, "NO"), choice(0, "Hi"), choice(1, "NO"), choice(0, ".")], "Hi."),
        ([choice(1, "NO", "stop"), choice(0, "Hi.")], "Hi."),
        ([choice(None, "Hi"), choice(None, ".")], "Hi."),
        ([choice(0, "It is ", "stop"), choice(0, "so."), choice(0, "", "stop")], "It is so."),
        ([choice(0, "It is "), choice(0, "", "stop"), choice(0, "so."), choice(0, "", "stop")], "It is so."),
        ([{"choices": [choice(1, "NO")["choices"][0], choice(0, "Hi.")["choices"][0]]}], "Hi."),  # type: ignore[index]
    ],
)
def test_the_first_choice_is_read_in_whatever_order_they_come(events: list[object], text: str) -> None:
    assert came("openai_stream", *events, STOP).text == text
    assert came("openai_stream", choice(1, "Hi"), choice(1, ".", "stop")).text == "Hi."  # the only one there is


def test_the_first_choice_of_a_plain_answer_is_read_too() -> None:
    choices = [{"index": n, "message": {"content": t}} for n, t in ((2, "c"), (0, "a"), (1, "b"))]
    assert came("openai_plain", {"choices": choices}).text == "a"
    assert came("openai_plain", {"choices": choices[2:]}).text == "b"
    candidates = [
        {"index": n, "content": {"parts": [{"text": t}]}, "finishReason": "STOP"} for n, t in ((1, "b"), (0, "a"))
    ]
    assert came("gemini_plain", {"candidates": candidates}).text == "a"


def test_an_empty_model_or_id_never_blocks_a_later_one() -> None:
    first = {"id": "", "model": "", "choices": [], "prompt_filter_results": []}
    named = {"id": "cc-7", "model": "m-1", "system_fingerprint": "fp_1", **delta(content="Hi.")}
    other = {"id": "cc-8", "model": "m-2", **delta(content=" You.")}
    reply = came("openai_stream", first, named, other, {**STOP, "id": "", "model": " "})
    assert (reply.text, reply.model) == ("Hi. You.", "m-1")
    assert dict(reply.fields) == {"id": "cc-7", "system_fingerprint": "fp_1"}


@pytest.mark.parametrize(
    ("pieces", "text"),
    [
        (["It", "It is", "It is so."], "It is so."),
        (["It", "It is", "It is so.", "It is so."], "It is so."),
        (["I", "It", "It ", "It i", "It is"], "It is"),
        (["ha", "ha", "ha"], "hahaha"),
        (["ha", "haha"], "hahaha"),
        (["It", "It is", " so."], "ItIt is so."),
        (["It", "It is", "It was", "It was so."], "ItIt isIt wasIt was so."),
        (["a", "ab", "ab", "abc"], "aababab" + "c"),
        (["Hi."], "Hi."),
        (["1", "2", "3"], "123"),
    ],
)
def test_snapshots_are_taken_for_what_each_added_only_where_each_extends_all_before_it(
    pieces: list[str], text: str
) -> None:
    reply = came("openai_stream", *(delta(content=p) for p in pieces), STOP)
    assert reply.text == text
    assert "".join(p.text for p in reply.pieces) == text
