"""Files as people's tools export them: read as meant, or refused in one line that says what they are. All scripted."""

import csv
import io
import json
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wrapdetect.errors import WrapdetectError
from wrapdetect.runs.collected import Collection
from wrapdetect.runs.collected.rows import conversation_of
from wrapdetect.runs.collected.shapes import SHAPES, Context, recognise
from wrapdetect.store.answers import More, read_answers
from wrapdetect.store.tables import LARGEST, Fields
from wrapdetect.store.texts import SNIFFED

Json = dict[str, object]
Talks = list[tuple[str, list[str], list[str]]]
Q, A = "Who baked the bread?", "The miller's aunt."
U, B = {"role": "user", "content": Q}, {"role": "assistant", "content": A}
S = {"role": "system", "content": "Answer in brief."}
CHAT = {"id": "c1", "model": "rye-2", "choices": [{"index": 0, "message": B, "finish_reason": "stop"}]}


def lines(*rows: object) -> bytes:
    return "".join(json.dumps(r) + "\n" for r in rows).encode()


def pretty(value: object) -> bytes:
    return json.dumps(value, indent=2).encode()


def sheet(*rows: list[object]) -> bytes:
    """Cells that are no text stand there as JSON."""
    out = io.StringIO()
    csv.writer(out).writerows([[c if isinstance(c, str) else json.dumps(c) for c in row] for row in rows])
    return out.getvalue().encode()


def lc(name: str, content: object) -> Json:
    return {"lc": 1, "type": "constructor", "id": ["langchain", "schema", name], "kwargs": {"content": content}}


def node(key: str, parent: str | None, role: str, parts: list[object], **more: object) -> tuple[str, Json]:
    kind = more.pop("kind", "text")
    message = {
        "author": {"role": role},
        "content": {"content_type": kind, "parts": parts},
        "create_time": 1.7e9,
        **more,
    }
    return key, {"id": key, "parent": parent, "message": message}


def tree(current: str | None, *nodes: tuple[str, Json]) -> Json:
    held: Json = {"root": {"id": "root", "parent": None, "message": None}} | dict(nodes)
    return {"title": "t", "mapping": held, "current_node": current}


TREE = (
    node("u", "root", "user", [Q]),
    node("old", "u", "assistant", ["A fox."], metadata={"model_slug": "rye-1"}),
    node("think", "u", "assistant", ["Hm."], kind="thoughts"),
    node("tool", "think", "assistant", ["search()"], recipient="browser"),
    node("new", "tool", "assistant", [A], metadata={"model_slug": "rye-2"}),
)
DOTTED = {
    "attributes.openinference.span.kind": "LLM",
    "attributes.llm.model_name": "rye-2",
    "attributes.llm.input_messages": [{"message.role": "user", "message.content": Q}],
    "attributes.llm.output_messages": [{"message.role": "assistant", "message.content": A}],
    "start_time": "2026-01-05T12:00:00+00:00",
    "end_time": "2026-01-05T12:00:02+00:00",
}
OBSERVED = {"traceId": "t", "type": "GENERATION", "input": [S, U], "output": B, "model": "rye-2"}
RESULT = {"prompt": {"raw": Q, "label": "p"}, "provider": {"id": "mill:rye"}, "response": {"output": A}}
SAMPLE = {"id": 1, "input": Q, "messages": [S, U, {"role": "tool", "content": "flour"}, B]}
RUN = {"inputs": {"messages": [S, U]}, "outputs": {"generations": [[{"text": A, "message": lc("AIMessage", A)}]]}}
BATTLE = {"model_a": "rye", "model_b": "oat", "winner": "tie"}

READ: dict[str, tuple[str, bytes, Talks, str]] = {
    "Langfuse, CSV": (
        "l.csv",
        sheet(["id", "input", "output", "model"], ["1", [S, U], B, "rye"]),
        [("rye", [Q], [A])],
        "",
    ),
    "Langfuse, CSV, a question in a wrapper": (
        "l.csv",
        sheet(["id", "input", "output"], ["1", {"question": Q}, {"answer": A}]),
        [("l", [Q], [A])],
        "",
    ),
    "Langfuse, lines of traces": (
        "l.jsonl",
        lines({"id": "1", "projectId": "p", "input": [U], "output": CHAT}),
        [("l", [Q], [A])],
        "Langfuse",
    ),
    "Langfuse, observations beside spans": (
        "l.jsonl",
        lines(OBSERVED, {**OBSERVED, "type": "SPAN", "output": {"rows": 3}}),
        [("rye-2", [Q], [A])],
        "no call of a model: 1",
    ),
    "Langfuse, observations within a trace": (
        "l.json",
        pretty([{"id": "1", "input": None, "output": None, "observations": [OBSERVED]}]),
        [("rye-2", [Q], [A])],
        "Langfuse",
    ),
    "Langfuse, an output that was not saved": (
        "l.jsonl",
        lines(OBSERVED, {**OBSERVED, "output": None}),
        [("rye-2", [Q], [A])],
        "no answer (it was not saved): 1",
    ),
    "LangSmith, generations": ("s.jsonl", lines(RUN), [("s", [Q], [A])], "LangSmith"),
    "LangSmith, LangChain's serialisation": (
        "s.jsonl",
        lines(
            {
                "inputs": {"messages": [[lc("SystemMessage", "x"), lc("HumanMessage", Q)]]},
                "outputs": {"output": lc("AIMessage", [{"type": "text", "text": A}])},
            }
        ),
        [("s", [Q], [A])],
        "LangSmith",
    ),
    "LangSmith, plain inputs and a tool's run": (
        "s.jsonl",
        lines(
            {"inputs": {"question": Q}, "outputs": {"answer": A}},
            {"run_type": "tool", "inputs": {"x": 1}, "outputs": {"y": 2}},
        ),
        [("s", [Q], [A])],
        "no call of a model: 1",
    ),
    "LangSmith, CSV": (
        "s.csv",
        sheet(["inputs", "outputs"], [{"input": Q}, {"output": A}]),
        [("s", [Q], [A])],
        "LangSmith",
    ),
    "LangSmith, an agent's messages": (
        "s.jsonl",
        lines({"inputs": {"messages": [["human", Q]]}, "outputs": {"messages": [U, B]}}),
        [("s", [Q], [A])],
        "",
    ),
    "Phoenix, dotted": ("p.jsonl", lines(DOTTED), [("rye-2", [Q], [A])], "Phoenix"),
    "Phoenix, nested": (
        "p.jsonl",
        lines(
            {
                "span_kind": "LLM",
                "attributes": {
                    "llm": {
                        "model_name": "rye",
                        "input_messages": [{"message": U}],
                        "output_messages": [{"message": B}],
                    }
                },
            }
        ),
        [("rye", [Q], [A])],
        "Phoenix",
    ),
    "Phoenix, CSV of values": (
        "p.csv",
        sheet(
            ["span_kind", "attributes.input.value", "attributes.output.value"],
            ["LLM", {"messages": [U]}, CHAT],
            ["CHAIN", "x", "y"],
        ),
        [("p", [Q], [A])],
        "no call of a model: 1",
    ),
    "promptfoo 3": (
        "r.json",
        pretty(
            {"evalId": "e", "results": {"version": 3, "results": [RESULT, {**RESULT, "response": {"error": "no"}}]}}
        ),
        [("mill:rye", [Q], [A])],
        "failed): 1",
    ),
    "promptfoo 2, a prompt of messages": (
        "r.json",
        pretty(
            {"results": {"version": 2, "results": [{**RESULT, "prompt": {"raw": json.dumps([S, U])}}], "table": {}}}
        ),
        [("mill:rye", [Q], [A])],
        "promptfoo",
    ),
    "promptfoo, a result a line": ("r.jsonl", lines(RESULT), [("mill:rye", [Q], [A])], "promptfoo"),
    "promptfoo, an answer that is JSON": (
        "r.jsonl",
        lines({**RESULT, "response": {"output": '{"who": "aunt"}'}}),
        [("mill:rye", [Q], ['{"who": "aunt"}'])],
        "answers that are JSON",
    ),
    "inspect_ai": (
        "log.json",
        pretty(
            {"version": 2, "eval": {"model": "mill/rye"}, "samples": [SAMPLE, {"id": 2, "error": {"message": "x"}}]}
        ),
        [("mill/rye", [Q], [A])],
        "error: 1",
    ),
    "inspect_ai, one line, output only": (
        "log.json",
        json.dumps({"eval": {"model": "m"}, "samples": [{"input": [U], "output": CHAT}]}).encode(),
        [("m", [Q], [A])],
        "inspect_ai",
    ),
    "lm-eval": (
        "s.jsonl",
        lines({"doc": {}, "arguments": [[Q, {}]], "resps": [[A, "A fox."]], "filtered_resps": [A]}),
        [("s", [Q], [A]), ("s", [Q], ["A fox."])],
        "lm-eval",
    ),
    "lm-eval, named arguments": (
        "s.jsonl",
        lines({"doc": {}, "arguments": {"gen_args_0": {"arg_0": Q, "arg_1": {}}}, "resps": [[A]]}),
        [("s", [Q], [A])],
        "",
    ),
    "ChatGPT, a tree with a regeneration": (
        "c.json",
        pretty([tree("new", *TREE)]),
        [("rye-2", [Q], [A])],
        "other branches",
    ),
    "ChatGPT, a picture beside the text": (
        "c.json",
        pretty(
            [
                tree(
                    "b",
                    node("a", "root", "user", [{"asset_pointer": "x"}, Q], kind="multimodal_text"),
                    node("b", "a", "assistant", [A]),
                )
            ]
        ),
        [("c", [Q], [A])],
        "ChatGPT",
    ),
    "ChatGPT, parents in a ring": (
        "c.json",
        pretty([tree("b", node("a", "b", "user", [Q]), node("b", "a", "assistant", [A]))]),
        [("c", [Q], [A])],
        "",
    ),
    "Claude.ai": (
        "c.json",
        pretty(
            [
                {"uuid": "u", "chat_messages": [{"sender": "human", "text": Q}, {"sender": "assistant", "text": A}]},
                {"uuid": "v", "chat_messages": []},
            ]
        ),
        [("c", [Q], [A])],
        "without a question: 1",
    ),
    "Claude.ai, parts with thinking": (
        "c.json",
        pretty(
            [
                {
                    "chat_messages": [
                        {"sender": "human", "text": "", "content": [{"type": "text", "text": Q}]},
                        {
                            "sender": "assistant",
                            "text": "Hm." + A,
                            "content": [{"type": "thinking", "thinking": "Hm."}, {"type": "text", "text": A}],
                        },
                    ]
                }
            ]
        ),
        [("c", [Q], [A])],
        "",
    ),
    "ShareGPT with tools": (
        "g.json",
        pretty(
            [
                {
                    "conversations": [
                        {"from": "human", "value": Q},
                        {"from": "function_call", "value": "{}"},
                        {"from": "observation", "value": "x"},
                        {"from": "gpt", "value": A},
                    ]
                }
            ]
        ),
        [("g", [Q], [A])],
        "",
    ),
    "an arena": (
        "a.jsonl",
        lines({**BATTLE, "conversation_a": [U, B], "conversation_b": [U, {**B, "content": "A fox."}]}),
        [("rye", [Q], [A]), ("oat", [Q], ["A fox."])],
        "arena",
    ),
    "an arena, lists in cells": (
        "a.csv",
        sheet(
            ["model_a", "model_b", "prompt", "response_a", "response_b"],
            ["rye", "oat", [Q, "And?"], [A, "No."], ["A fox.", "Yes."]],
        ),
        [("rye", [Q, "And?"], [A, "No."]), ("oat", [Q, "And?"], ["A fox.", "Yes."])],
        "arena",
    ),
    "an arena, rounds": (
        "a.jsonl",
        lines({**BATTLE, "full_conversation": [{"user": U, "model_side_a": B, "model_side_b": B}]}),
        [("rye", [Q], [A]), ("oat", [Q], [A])],
        "arena",
    ),
    "fine-tuning": ("f.jsonl", lines({"messages": [S, U, B]}), [("f", [Q], [A])], ""),
    "messages beside an answer": ("f.jsonl", lines({"messages": [U], "response": A}), [("f", [Q], [A])], ""),
    "a last turn without an answer": (
        "f.jsonl",
        lines({"messages": [U, B, U]}),
        [("f", [Q], [A])],
        "last turns without an answer (it is not in the file): 1",
    ),
    "AnythingLLM, CSV": (
        "w.csv",
        sheet(["id", "prompt", "response", "sent_at"], ["1", Q, A, "2026-01-05 12:00:00"]),
        [("w", [Q], [A])],
        "",
    ),
    "AnythingLLM, an object for an answer": (
        "w.csv",
        sheet(["prompt", "response"], [Q, {"text": A, "sources": [], "type": "chat"}]),
        [("w", [Q], [A])],
        "",
    ),
    "a log of calls": (
        "g.jsonl",
        lines({"request": {"model": "x", "messages": [U]}, "response": CHAT}),
        [("rye-2", [Q], [A])],
        "log of calls",
    ),
    "parts with reasoning": (
        "v.jsonl",
        lines(
            {
                "messages": [
                    U,
                    {
                        "role": "assistant",
                        "content": [{"type": "reasoning", "text": "Hm."}, {"type": "text", "text": A}],
                    },
                ]
            }
        ),
        [("v", [Q], [A])],
        "",
    ),
    "a refusal": (
        "v.jsonl",
        lines({"messages": [U, {"role": "assistant", "content": None, "refusal": "I will not."}]}),
        [("v", [Q], ["I will not."])],
        "",
    ),
    "a number for content": (
        "v.jsonl",
        lines({"messages": [U, {"role": "assistant", "content": 4}]}),
        [("v", [Q], ["4"])],
        "",
    ),
    "a number of many digits": (
        "v.jsonl",
        lines({"messages": [U, {"role": "assistant", "content": 10**400}]}),
        [("v", [Q], [str(10**400)])],
        "",
    ),
    "an answer that is JSON, to plain words": (
        "j.csv",
        sheet(["prompt", "answer"], [Q, '{"who": ["aunt"]}']),
        [("j", [Q], ['{"who": ["aunt"]}'])],
        "answers that are JSON",
    ),
    "brackets that are no JSON": (
        "j.csv",
        sheet(["prompt", "answer"], ["[sic] who?", "{so} it is"]),
        [("j", ["[sic] who?"], ["{so} it is"])],
        "",
    ),
    "Alpaca, an instruction with its input": (
        "a.json",
        pretty([{"instruction": "Who baked", "input": "the bread?", "output": A}]),
        [("a", ["Who baked\n\nthe bread?"], [A])],
        "",
    ),
    "Alpaca, no input": ("a.json", pretty([{"instruction": Q, "input": "", "output": A}]), [("a", [Q], [A])], ""),
    "an error in the place of an answer": (
        "e.jsonl",
        lines({"prompt": Q, "answer": "", "error": "429"}, {"prompt": Q, "answer": A, "error": None}),
        [("e", [Q], [A])],
        "rows with an error and no answer: 1",
    ),
    "sep=;": ("e.csv", f"sep=;\r\nprompt;answer\r\n{Q};{A}\r\n".encode(), [("e", [Q], [A])], ""),
    "UTF-16 with its mark, tabs": (
        "e.txt.csv",
        f"prompt\tanswer\r\n{Q}\tZwölf.\r\n".encode("utf-16"),
        [("e.txt", [Q], ["Zwölf."])],
        "",
    ),
    "UTF-16 of JSON lines": (
        "e.jsonl",
        b"\xfe\xff" + lines({"prompt": Q, "answer": A}).decode().encode("utf-16-be"),
        [("e", [Q], [A])],
        "",
    ),
    "UTF-8 with its mark": ("e.csv", b"\xef\xbb\xbfprompt,answer\nWho?,Me.\n", [("e", ["Who?"], ["Me."])], ""),
}


def zipped(*names: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name in names:
            archive.writestr(name, "x" * 10)
    return out.getvalue()


REFUSED: dict[str, tuple[str, bytes, str]] = {
    "a batch's output": (
        "b.jsonl",
        lines({"custom_id": "1", "response": {"status_code": 200, "body": CHAT}}),
        "questions are in the batch's input file: give it by --questions",
    ),
    "a batch's input": (
        "b.jsonl",
        lines({"custom_id": "1", "method": "POST", "body": {"messages": [U]}}),
        "holds questions only",
    ),
    "MT-Bench's answers": (
        "m.jsonl",
        lines({"question_id": 1, "model_id": "x", "choices": [{"index": 0, "turns": [A]}]}),
        "question.jsonl",
    ),
    "an arena's votes": ("a.jsonl", lines(BATTLE), "conversation_a"),
    "lm-eval, likelihoods": (
        "s.jsonl",
        lines({"doc": {}, "arguments": [[Q, " x"]], "resps": [[[-1.5, False]]]}),
        "scored by likelihood, which hold no answer: 1",
    ),
    "inspect_ai without samples": ("log.json", pretty({"eval": {"model": "x"}, "plan": {}}), "without samples"),
    "a list for a question": (
        "q.csv",
        sheet(["prompt", "answer"], [["a", "b"], A]),
        "line 2: 'prompt' holds str .*expected a question",
    ),
    "a list of one text for a question": ("q.jsonl", lines({"prompt": [Q], "answer": A}), "expected a question"),
    "an object for a question": ("q.csv", sheet(["prompt", "answer"], [{"rows": 3}, A]), "expected a question"),
    "an object for an answer": ("q.jsonl", lines({"prompt": Q, "answer": {"rows": 3}}), "the answer holds dict"),
    "structure on both sides": ("q.csv", sheet(["input", "output"], [[U], {"rows": 3}]), "the answer holds"),
    "messages without an answer": ("q.jsonl", lines({"messages": [S, U]}), "no answer to what the user asked"),
    "a part whose text is none": (
        "q.jsonl",
        lines({"messages": [U, {"role": "assistant", "content": [{"type": "advert", "text": {"a": 1}}]}]}),
        "parts of known types",
    ),
    "a row of another shape": (
        "s.jsonl",
        lines(RUN, {"prompt": Q, "answer": A}),
        "line 2: not of the shape of the first, LangSmith's runs",
    ),
    "gzip": ("x.csv", b"\x1f\x8b\x08\0\0", "packed by gzip"),
    "gzip of lines": ("x.jsonl.gz", b"\x1f\x8b\x08\0\0", "packed by gzip"),
    "Excel": ("x.xlsx", zipped("[Content_Types].xml", "xl/workbook.xml"), "an Excel workbook"),
    "Excel called CSV": ("x.csv", zipped("xl/workbook.xml"), "an Excel workbook"),
    "old Excel": ("x.xls", b"\xd0\xcf\x11\xe0\xa1\xb1", "old Excel"),
    "inspect_ai's .eval": ("x.eval", zipped("_journal/start.json", "samples/1.json"), "an inspect_ai log"),
    "another zip": ("x.zip", zipped("conversations.json"), "a zip archive"),
    "Windows-1252": ("x.csv", "prompt,answer\nWer?,Müller – er.\n".encode("cp1252"), "line 2: not UTF-8 .*iconv"),
    "UTF-16 without its mark": ("x.csv", "prompt,answer\nWer?,Er.\n".encode("utf-16-le"), "NUL bytes"),
    "half of UTF-16": ("x.csv", "prompt,answer\nWer?,Er.\n".encode("utf-16")[:-1], "not sound UTF-16"),
    "SQLite": ("x.db", b"SQLite format 3\0", "an SQLite database"),
    "messages within messages without end": (
        "x.jsonl",
        b'{"messages": [' + b'{"message": ' * 400 + b'{"role": "user", "content": "x"}' + b"}" * 400 + b"]}\n",
        "message 1",
    ),
    "a time before all times": (
        "x.jsonl",
        lines({"prompt": Q, "answer": A, "time": "0001-01-01T00:00:00+14:00", "latency": 1}),
        "expected a time",
    ),
    "a latency without end": ("x.jsonl", lines({"prompt": Q, "answer": A, "latency": 10**400}), "expected seconds"),
    "nesting without end": ("x.json", b'{"a":\n' + b"[" * 200_000, "not JSON"),
    "wrappers without end": (
        "x.jsonl",
        b'{"prompt": ' + b'{"input": ' * 60 + b'"x"' + b"}" * 60 + b', "answer": "a"}\n',
        "expected a question",
    ),
}


def read(tmp_path: Path, name: str, content: bytes, questions: bytes | None = None) -> Collection:
    path = tmp_path / name
    path.write_bytes(content)
    beside = None if questions is None else tmp_path / "questions.jsonl"
    if beside is not None and questions is not None:
        beside.write_bytes(questions)
    return read_answers(path, None, Fields(), More(), speaker=path.stem, questions=beside)


def talks(found: Collection) -> Talks:
    return [(c.speaker, list(c.turns), [s.data.decode() for s in c.said]) for c in found.conversations]


@pytest.mark.parametrize("name", READ)
def test_a_file_is_read_as_it_is_meant(name: str, tmp_path: Path) -> None:
    file, content, expected, note = READ[name]
    found = read(tmp_path, file, content)
    assert talks(found) == expected
    assert note in " | ".join(found.notes)


@pytest.mark.parametrize("name", REFUSED)
def test_a_file_that_cannot_be_read_is_told_what_it_is(name: str, tmp_path: Path) -> None:
    file, content, message = REFUSED[name]
    with pytest.raises(WrapdetectError, match=message) as caught:
        read(tmp_path, file, content)
    assert "\n" not in str(caught.value)
    assert file in str(caught.value)


def test_a_batch_is_joined_with_its_questions(tmp_path: Path) -> None:
    asked = lines(*({"custom_id": n, "method": "POST", "body": {"messages": [S, U]}} for n in ("1", "2", "3")))
    good = {"custom_id": "1", "response": {"status_code": 200, "body": CHAT}, "error": None}
    bad = {"custom_id": "2", "response": {"status_code": 429, "body": {"error": {}}}, "error": None}
    other = {**good, "custom_id": "9"}
    claude = {
        "custom_id": "3",
        "result": {
            "type": "succeeded",
            "message": {"role": "assistant", "model": "oat", "content": [{"type": "text", "text": A}]},
        },
    }
    found = read(tmp_path, "b.jsonl", lines(good, bad, other, claude), asked)
    assert talks(found) == [("rye-2", [Q], [A]), ("oat", [Q], [A])]
    assert "failed in the batch: 1" in found.notes[-1]
    assert "not in the file of questions: 1" in found.notes[-1]


def test_times_are_taken_where_the_file_tells_both_with_a_zone(tmp_path: Path) -> None:
    told = read(tmp_path, "p.jsonl", lines(DOTTED)).conversations[0].said[0]
    assert ("times" in told.missing, told.chunks[0].t_s) == (False, 2.0)
    naive = lines(DOTTED | {"start_time": "2026-01-05T12:00:00", "end_time": "2026-01-05T12:00:02"})
    unknown = read(tmp_path, "p.jsonl", naive).conversations[0].said[0]
    assert ("times" in unknown.missing, unknown.started) == (True, None)


@pytest.mark.parametrize("shape", SHAPES)
def test_no_shape_takes_a_plain_row_for_its_own(shape: str) -> None:
    assert not SHAPES[shape].recognise({"prompt": Q, "answer": A, "model": "x", "latency": 1})


def test_every_shape_is_the_first_that_recognises_a_file_of_its_own() -> None:
    found = set()
    for content in (c for c in [*(r[1] for r in READ.values()), *(r[1] for r in REFUSED.values())] if c[:1] in b"{["):
        try:
            records = [json.loads(content)]
        except (ValueError, RecursionError):
            try:
                records = [json.loads(line) for line in content.splitlines()]
            except (ValueError, RecursionError):
                continue
        record = records[0][0] if isinstance(records[0], list) else records[0]
        if (shape := recognise(record)) is not None:
            found.add(shape.called)
    assert found == {s.called for s in SHAPES.values()}


NAMES = (
    "mapping",
    "message",
    "current_node",
    "parent",
    "chat_messages",
    "sender",
    "text",
    "content",
    "parts",
    "model_a",
    "model_b",
    "conversation_a",
    "prompt",
    "custom_id",
    "response",
    "body",
    "eval",
    "samples",
    "results",
    "provider",
    "doc",
    "resps",
    "arguments",
    "inputs",
    "outputs",
    "input",
    "output",
    "role",
    "observations",
    "traceId",
    "attributes",
    "llm",
    "input_messages",
    "request",
    "type",
    "kwargs",
    "lc",
)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(NAMES),
                inner,
                max_size=6,
            )
        ),
        max_leaves=24,
    )
)
def test_no_junk_brings_a_shape_down(junk: object) -> None:
    record = junk if isinstance(junk, dict) else {"mapping": junk}
    for shape in SHAPES.values():
        if shape.recognise(record):
            context = Context(place="it", questions={})
            try:
                for talk in shape.read(record, context):
                    conversation_of(talk, context, "bot")
            except WrapdetectError:
                continue  # what is refused is refused in one line; any other exception is a bug


def test_questions_go_with_a_batch_only(tmp_path: Path) -> None:
    asked = lines({"custom_id": "1", "body": {"messages": [U]}})
    with pytest.raises(WrapdetectError, match="--questions goes with the output of a batch"):
        read(tmp_path, "f.jsonl", lines({"messages": [U, B]}), asked)


def test_one_value_too_large_for_memory_is_refused(tmp_path: Path) -> None:
    for name in ("x.json", "y.json"):
        with (tmp_path / name).open("wb") as file:
            file.write((b"[\n" if name == "x.json" else b'{"a":\n') + b" " * SNIFFED)
            file.truncate(LARGEST + 1)  # holes, no bytes on the disk
        with pytest.raises(WrapdetectError, match="at most 500,000,000 are read") as caught:
            read_answers(tmp_path / name, "alpaca_eval" if name == "x.json" else None, Fields(), More(), speaker="x")
        assert "split it" in str(caught.value)
