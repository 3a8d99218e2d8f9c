"""A small record of each shape in which tools export conversations: where the fuzzing of exports starts."""

ASKED, SAID = "Where does the river end?", "In the sea, at last."
USER, BOT = {"role": "user", "content": ASKED}, {"role": "assistant", "content": SAID}
_NODES = {
    "a": {"id": "a", "parent": None, "message": None},
    "b": {
        "id": "b", "parent": "a",
        "message": {
            "author": {"role": "user"}, "content": {"content_type": "text", "parts": [ASKED]}, "create_time": 1.7e9,
        },
    },
    "c": {
        "id": "c", "parent": "b",
        "message": {
            "author": {"role": "assistant"}, "content": {"content_type": "text", "parts": [SAID]},
            "metadata": {"model_slug": "m"}, "recipient": "all",
        },
    },
}  # fmt: skip
EXPORTS: tuple[dict[str, object], ...] = (
    {"title": "t", "mapping": _NODES, "current_node": "c", "default_model_slug": "m"},
    {"uuid": "u", "name": "t", "chat_messages": [
        {"uuid": "1", "sender": "human", "text": ASKED, "content": [{"type": "text", "text": ASKED}],
         "created_at": "2026-01-05T12:00:00Z"},
        {"uuid": "2", "sender": "assistant", "text": SAID, "content": [{"type": "text", "text": SAID}]},
    ]},
    {"traceId": "t", "type": "GENERATION", "input": [USER], "output": BOT, "model": "m", "latency": 1.5,
     "startTime": "2026-01-05T12:00:00Z", "endTime": "2026-01-05T12:00:01Z"},
    {"id": "t", "projectId": "p", "input": {"messages": [USER]}, "output": {"choices": [{"message": BOT}]},
     "observations": [{"type": "GENERATION", "input": [USER], "output": BOT, "model": "m"}]},
    {"inputs": {"messages": [USER]}, "outputs": {"output": SAID}, "run_type": "llm",
     "start_time": "2026-01-05T12:00:00", "end_time": "2026-01-05T12:00:02"},
    {"results": {"version": 3, "results": [
        {"prompt": {"raw": ASKED}, "provider": {"id": "x:m"}, "response": {"output": SAID}, "latencyMs": 7},
    ]}},
    {"eval": {"model": "m"}, "samples": [
        {"id": 1, "input": ASKED, "messages": [USER, BOT], "output": {"completion": SAID}},
    ]},
    {"model_a": "a", "model_b": "b", "winner": "tie", "conversation_a": [USER, BOT], "conversation_b": [USER, BOT]},
    {"custom_id": "1", "response": {"status_code": 200, "body": {"model": "m", "choices": [{"message": BOT}]}}},
    {"doc_id": 1, "doc": {"question": ASKED}, "arguments": [[ASKED, {}]], "resps": [[SAID]], "filtered_resps": [SAID]},
)  # fmt: skip
"""ChatGPT, Claude, Langfuse (an observation, a trace), LangSmith, promptfoo, inspect_ai, an arena, a batch, lm-eval."""
