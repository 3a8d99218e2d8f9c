"""Placeholders: whatever a value holds, it stays one value, in JSON, forms, paths and headers."""

import json
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonpath import JSONPathEnvironment

from tests.conftest import an_endpoint
from wrapdetect.dialects.template.filling import (
    FORM,
    JSON,
    TEXT,
    Outgoing,
    Values,
    fill_text,
    kept_names,
    kind_of_body,
    names_in,
    request_of,
    variables_of,
)
from wrapdetect.dialects.template.problems import envelope
from wrapdetect.dialects.template.sources import (
    NO_JSON,
    SEARCHED,
    Received,
    check_source,
    compiled,
    find,
    holds,
    span_of,
)
from wrapdetect.errors import SpecError
from wrapdetect.model import Framing, Step, Template
from wrapdetect.secrets.names import secret_name

FIXED = settings(deadline=None, derandomize=True, max_examples=60)
MESSAGES = [{"role": "user", "content": "Why?"}]
values_of_people = st.text(st.characters(codec="utf-8"), max_size=40)


def filled(body: str, kind: str = "", **values: object) -> str:
    headers = (("content-type", kind),) if kind else ()
    return request_of(Template(body=body, headers=headers), values).body


def test_a_text_that_is_only_messages_becomes_the_list() -> None:
    assert json.loads(filled('{"m": "{messages}"}', messages=MESSAGES)) == {"m": MESSAGES}


def test_messages_within_a_longer_text_stand_there_as_json() -> None:
    assert json.loads(filled('["All: {messages}"]', messages=MESSAGES)) == [f"All: {json.dumps(MESSAGES)}"]


def test_messages_after_an_object_are_items_of_its_list() -> None:
    body = '{"m": [{"role": "system", "content": "Be nice."}, "{messages}"], "n": ["{messages}"]}'
    assert json.loads(filled(body, messages=MESSAGES)) == {
        "m": [{"role": "system", "content": "Be nice."}, *MESSAGES],
        "n": [MESSAGES],
    }


def test_what_stands_around_a_placeholder_stays_to_the_letter() -> None:
    body = '{ "a":1.0,\t"b": "\\u00e9\\/",  "q" : "{prompt}", "a": 2e3 }'
    assert filled(body, prompt="x") == body.replace("{prompt}", "x")


@pytest.mark.parametrize(("kept", "sent"), [("17", 17), ("true", True), ("a7", "a7"), (None, None), ("1 2", "1 2")])
def test_a_bare_placeholder_is_filled_in_as_json(kept: object, sent: object) -> None:
    assert json.loads(filled('{"id": {sid}, "q": {prompt}}', sid=kept, prompt="17")) == {"id": sent, "q": "17"}


def test_a_name_that_is_kept_only_later_is_null_alone_and_empty_within_a_text() -> None:
    assert json.loads(filled('{"id": "{id}", "path": "a/{id}"}', id=None)) == {"id": None, "path": "a/"}


def test_json_within_a_text_of_json_or_a_form_is_filled_in_as_json() -> None:
    prompt = 'a "b" \\ &=%'
    inner = json.dumps({"q": "{prompt}"})
    body = json.dumps({"payload": json.dumps([inner])})
    found = json.loads(filled(body, prompt=prompt))
    assert json.loads(json.loads(found["payload"])[0]) == {"q": prompt}
    form = filled("f.req=%7B%22q%22%3A%22{prompt}%22%7D&n=1", prompt=prompt)
    assert json.loads(dict(parse_qsl(form))["f.req"]) == {"q": prompt}


@pytest.mark.parametrize(
    ("body", "kind", "expected"),
    [
        ('{"q": "{prompt}"}', "", JSON),
        ("[{prompt}]", "", JSON),
        ("{prompt}", "", TEXT),
        ("{prompt}", "application/json", JSON),
        ("[INST] {prompt}", "", TEXT),
        ("q={prompt}", "", FORM),
        ("q={prompt}&q", "", TEXT),
        ("a = {prompt}", "", TEXT),
        ("q={prompt}", "text/plain", TEXT),
        ('{"q": "{prompt}"}', "application/x-www-form-urlencoded; charset=utf-8", FORM),
    ],
)
def test_a_body_is_filled_in_by_its_kind(body: str, kind: str, expected: str) -> None:
    assert kind_of_body(Template(body=body, headers=(("Content-Type", kind),) if kind else ())) == expected


def test_a_content_type_is_added_only_where_a_request_has_a_body_and_names_none() -> None:
    assert request_of(Template(body="q={prompt}"), {}).headers == (("content-type", FORM),)
    assert request_of(Step(), {}).headers == ()
    assert request_of(Template(body="q=1", headers=(("Content-Type", "a/b"),)), {}).headers == (
        ("Content-Type", "a/b"),
    )
    assert request_of(Template(body="{}", framing="websocket"), {}).headers == ()


def test_doubled_braces_are_text_and_other_braces_are_themselves() -> None:
    values = {"prompt": "Q", "a": "A"}
    assert fill_text("{{prompt}} {a} { a } {} {1} {b}", values) == "{prompt} A { a } {} {1} {b}"
    assert fill_text("{a}", {"a": "{prompt}", "prompt": "never"}) == "{prompt}"


def test_a_whole_request_is_filled_in() -> None:
    part = Step(
        when="ask",
        method="POST",
        path="/c/{conversation_id}?k={env:K}",
        headers=(("X-Csrf", "{csrf}"),),
        body="{prompt}",
    )
    values: Values = {"conversation_id": "a/b", "env:K": "s&t", "csrf": "tok", "prompt": "Hi.\nThere"}
    assert request_of(part, values) == Outgoing(
        "POST", "/c/a%2Fb?k=s%26t", (("X-Csrf", "tok"), ("content-type", TEXT)), "Hi.\nThere"
    )


@FIXED
@given(values_of_people)
def test_whatever_a_question_holds_it_stays_one_text_of_json(prompt: str) -> None:
    for body in ('{"q": "{prompt}", "n": 1}', '{"q": {prompt}, "n": 1}'):
        assert json.loads(filled(body, prompt=prompt)) == {"q": prompt, "n": 1}
    nested = json.dumps({"p": json.dumps({"q": "{prompt}"})})
    assert json.loads(json.loads(filled(nested, prompt=prompt))["p"]) == {"q": prompt}


@FIXED
@given(values_of_people)
def test_whatever_a_question_holds_it_stays_one_field_of_a_form_and_of_a_query(prompt: str) -> None:
    sent = request_of(Template(path="/a/{prompt}/b?q={prompt}&n=1", body="q={prompt}&n=1"), {"prompt": prompt})
    assert parse_qsl(sent.body, keep_blank_values=True) == [("q", prompt), ("n", "1")]
    parts = urlsplit("https://bot.example" + sent.path)
    assert (parts.hostname, parts.path.count("/"), parts.fragment) == ("bot.example", 3, "")
    assert parse_qsl(parts.query, keep_blank_values=True) == [("q", prompt), ("n", "1")]


@FIXED
@given(values_of_people)
def test_no_value_can_break_out_of_its_header(value: str) -> None:
    sent = request_of(Template(headers=(("X-A", "a {v}"),)), {"v": value}).headers[0][1]
    assert sent.isascii()
    assert sent.isprintable()
    assert sent == sent.strip()


@FIXED
@given(
    st.lists(st.sampled_from(["{", "}", "a", '"', "{a}", "{{a}}", "{prompt}", "\\", "&", "=", "[", ","]), max_size=9)
)
def test_whatever_a_body_holds_filling_it_in_never_raises(letters: list[str]) -> None:
    part = Template(path="/" + "".join(letters), body="".join(letters), headers=(("X-A", "".join(letters)),))
    request_of(part, {"prompt": 'a"b', "a": None, "messages": MESSAGES})
    assert names_in(part) <= {"a", "prompt"}


def test_the_variables_of_an_endpoint_are_those_of_all_its_requests() -> None:
    template = Template(
        path="/{env:A}", body="{env:B}{key}", steps=(Step(headers=(("Cookie", "{env:C}"),), keep=(("t", "$.t"),)),)
    )
    assert variables_of(an_endpoint("bot", dialect="template", template=template)) == ("A", "B", "C")
    assert variables_of(an_endpoint("bot")) == ()
    assert kept_names(template) == {"t"}


@pytest.mark.parametrize("name", ["Authorization", "X-Api-Key", "cookie", "x-session-id", "X-CSRF-Token", "apikey"])
def test_headers_that_usually_hold_secrets_are_known(name: str) -> None:
    assert secret_name(name, "header")


@pytest.mark.parametrize("name", ["sig", "X-Amz-Signed", "sas"])
def test_signatures_are_secrets(name: str) -> None:
    assert secret_name(name, "body")


LINES = '{"t": "Hel"}\n{"t": "lo."}\n'


@pytest.mark.parametrize(
    ("framing", "kind", "text", "said"),
    [
        ("body", "text/event-stream", "data: Hello\n\n", "where the text stands"),
        ("text", "", 'event: x\ndata: {"id": "0123456789", "d": [{"c": "Hel"}]}\n', 'answer = "$.d[0].c"'),
        (
            "sse",
            "text/event-stream",
            '{"t": "Hel"}{"t": "lo."}',
            "this is JSON, not an answer: set answer to where the",
        ),
        ("body", "application/x-ndjson", LINES, 'framing = "ndjson"'),
        ("ndjson", "application/x-ndjson", LINES, 'such as answer = "$.t"'),
        ("body", "application/json", '["Hello."]', 'answer = "$[0]"'),
        ("body", "application/json", '{"ok": true}', 'answer = "$.reply.text"'),
        ("body", "text/plain", "Hello.", ""),
        ("body", "text/plain", "[1] says {so}: hello.", ""),
        ("body", "text/plain", "{hello}", ""),
        ("body", "text/plain", '{"a": 1} is JSON.', ""),
        ("sse", "text/event-stream", "Hello.", ""),
    ],
)
def test_an_answer_that_is_still_wrapped_is_known(framing: Framing, kind: str, text: str, said: str) -> None:
    found = envelope(Template(framing=framing, answer="text"), kind, text)
    assert said in found
    assert bool(found) == bool(said)
    assert envelope(Template(framing=framing, answer="$.t"), kind, text) == ""


@pytest.mark.parametrize(
    "name", ["max_tokens", "session_id", "keyword", "content-type", "accept", "tokenizer", "sort_key"]
)
def test_fields_that_hold_none_are_left_alone(name: str) -> None:
    assert not secret_name(name, "body")


@pytest.mark.parametrize(
    ("source", "text", "found"),
    [
        ("$.a.b", '{"a": {"b": "x"}}', "x"),
        ("$.a[*].b", '{"a": [{"b": "x"}, {"b": "y"}]}', "xy"),
        ("$..b", '{"a": [{"b": "x"}], "b": 7}', "7x"),
        ("$", '"x"', "x"),
        ("$", "7", "7"),
        ("$.a", '{"a": null}', None),
        ("$.a", '{"a": {"b": 1}}', '{"b": 1}'),
        ("$.a", '{"a": ["x", "y"]}', "xy"),
        ("$.a", '{"a": ""}', ""),
        ("$.a", "no json", None),
        ("$.a", '"a"', None),
        ("$.a", "[" * 3000 + "]" * 3000, None),
        ("re:b+", "abbc", "bb"),
        ("re:a(b+)", "abbc", "bb"),
        ("re:a(x)?", "abbc", ""),
        ("re:x", "abbc", None),
        ("text", "", ""),
        ("header:X-Id", "", "7"),
        ("header:x-no", "", None),
        ("cookie:sid", "", "s1"),
        ("event:end", "d", "d"),
        ("event:other", "d", None),
        ("re:^0:(.*)$ => $", '0:"a\\nb"', "a\nb"),
        ("re:^42(.*) => $[1].text", '42["m",{"text":"Hi"}]', "Hi"),
        ("re:^42(.*) => $[1].text", "2", None),
        ("event:end => $[0]", '["x"]', "x"),
        ("$.inner => $.b", '{"inner": "{\\"b\\": \\"x\\"}"}', "x"),
    ],
)
def test_a_source_finds_what_stands_there(source: str, text: str, found: str | None) -> None:
    check_source(source, "answer")
    assert find(source, text=text, headers=[("x-id", "7")], cookies={"sid": "s1"}, event="end") == found


@pytest.mark.parametrize(
    ("source", "text", "true"),
    [
        ("$.done", '{"done": true}', True),
        ("$.done", '{"done": "no"}', True),
        ("$.done", '{"done": false}', False),
        ("$.done", '{"done": 0}', False),
        ("$.done", '{"done": ""}', False),
        ("$.done", "{}", False),
        ("re:^end()$", "end", True),
        ("event:end", "", True),
        ("event:end => $.ok", '{"ok": false}', False),
        ("text", "", False),
    ],
)
def test_a_source_holds_where_it_finds_something_true(source: str, text: str, true: bool) -> None:
    assert holds(source, Received(text, event="end")) is true


NAMES = st.sampled_from(["a", "b", "_c", "length", "0"])
STEPS = st.one_of(NAMES.filter(lambda n: n != "0").map(lambda n: f".{n}"), st.integers(0, 3).map(lambda n: f"[{n}]"))
VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=3)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(NAMES, inner, max_size=4)),
    max_leaves=12,
)


@given(VALUES, st.lists(STEPS, max_size=4).map("".join))
@settings(deadline=None, derandomize=True, max_examples=300)
def test_a_plain_path_finds_what_the_library_finds(value: object, steps: str) -> None:
    expected: list[object] = []
    if isinstance(value, dict | list):
        expected = list(JSONPathEnvironment(strict=True).findall("$" + steps, value))
    elif not steps:
        expected = [value]
    assert compiled("$" + steps)(Received(json.dumps(value))) == expected


def test_a_path_of_names_finds_nothing_where_no_json_is() -> None:
    assert compiled("$.a")(Received("so")) == compiled("$")(Received("")) == []
    assert Received("so").json is NO_JSON


@pytest.mark.parametrize("source", ["$.a[01]", "$.a[9007199254740992]"])
def test_a_number_that_no_path_may_have_is_told(source: str) -> None:
    with pytest.raises(SpecError, match="no JSONPath"):
        check_source(source, "answer")


def test_a_pattern_sees_the_beginning_of_a_long_text_only() -> None:
    near, far = "-" * (SEARCHED - 5) + "<b>so", "-" * SEARCHED + "<b>so"
    assert find("re:<b>(.*)", text=near) == "so"
    assert find("re:<b>(.*)", text=far) is None
    assert span_of("re:<b>(.*)", far) is None


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("data.text", "no source; expected \\$"),
        ("", "no source"),
        ("header:", "no source"),
        ("header:a b", "no source"),
        ("$.", "no JSONPath .* expected a shorthand selector at position 2"),
        ("$.a[?@.b==", "no JSONPath"),
        ("$.a b", "no JSONPath"),
        ("re:(", "no regular expression: missing \\)"),
        ("re:a => $.", "no JSONPath"),
    ],
)
def test_a_broken_source_is_told_in_the_words_of_its_parser(source: str, said: str) -> None:
    with pytest.raises(SpecError, match=f"target, answer: .*{said}") as caught:
        check_source(source, "target, answer")
    assert "\n" not in str(caught.value)


def test_where_a_text_stands_as_it_is_can_be_told() -> None:
    assert span_of("re:<p>(.*)</p>", "a<p>b</p>") == (4, 5)
    assert span_of("text", "abc") == (0, 3)
    assert span_of("re:x", "abc") is span_of("$.a", "abc") is span_of("re:a => $", "abc") is None


def test_a_number_longer_than_any_goes_out_as_a_text() -> None:
    body = request_of(Template(body='{"n": {n}}', keep=(("n", "$.n"),)), {"n": "7" * 5_000}).body
    assert body == json.dumps({"n": "7" * 5_000})
