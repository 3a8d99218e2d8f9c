"""Texts of templates are data: whatever a remote says of itself or was pasted is sent to the letter.

Nothing in it is live but what we or the user wrote.
"""

import json
from collections.abc import Iterator
from dataclasses import replace
from shlex import quote as shell_quote
from typing import cast
from urllib.parse import parse_qsl, unquote, urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.conftest import an_endpoint
from wrapdetect.dialects.template.filling import Outgoing, names_in, parts_of, request_of, variables_of
from wrapdetect.dialects.template.slots import (
    MOST_DEPTH,
    MOST_VALUES,
    PROMPT,
    TemplateSlot,
    Unfit,
    env,
    joined,
    json_of,
    member,
    names_of,
    parse_slots,
    path_of,
    segments_of,
    spelled,
)
from wrapdetect.dialects.template.sources import check_source, find
from wrapdetect.errors import ConfigError, SpecError
from wrapdetect.model import Endpoint, Step, Template
from wrapdetect.secrets.names import secret_name
from wrapdetect.targets.config import parse_config
from wrapdetect.targets.curl import from_text
from wrapdetect.targets.detect import Seen, detect, next_looks
from wrapdetect.targets.detect.apis import MOST_MODELS
from wrapdetect.targets.detect.apps import MOST_ENDPOINTS, MOST_PARAMETERS
from wrapdetect.targets.written import dump_target

FIXED = settings(deadline=None, derandomize=True, max_examples=80)
HOST = "https://bot.example"
PIECES = (
    *("{", "}", "{{", "}}", "{env:HOME}", "{{env:HOME}}", "{prompt}", "{key}", "{event_id}", "{messages}", "{_}"),
    *("{env:HOME | trim}", "env:HOME", "\\u007b", "\\u007d", "%7B", "%7Benv:HOME%7D", "[", "]", '"', "'", "\\", ":"),
    *("a", " ", "|", "$HOME", "${HOME}", "`", "\n", "é", "😀", "&", "=", "?", "#", "/", "..", "@", "//", "=>", "$.."),
)
hostile = st.lists(st.sampled_from(PIECES), max_size=8).map("".join) | st.text(max_size=12)
slots = st.sampled_from([PROMPT, TemplateSlot("n"), TemplateSlot("n", ("trim", "lower")), env("A")])
SECRET = "THE-SECRET-OF-THIS-MACHINE"


class Everything(dict[str, object]):
    """A value for whatever is asked for: what should not be live shows."""

    def __missing__(self, name: str) -> object:
        return SECRET

    def __contains__(self, name: object) -> bool:
        return True


OURS = Everything(prompt="QQ", conversation_id="CC", event_id="EE", key="KK")


@FIXED
@given(st.lists(hostile | slots, max_size=6))
def test_what_is_built_parses_into_the_same_literals_and_slots(parts: list[str | TemplateSlot]) -> None:
    assert parse_slots(spelled(parts)) == joined(parts)


@FIXED
@given(st.lists(st.sampled_from([*PIECES, "messages", "{messages", " | trim", "|trim}", "}"]), max_size=6).map("".join))
def test_whether_messages_are_live_is_seen_by_the_noun_as_by_the_reader(text: str) -> None:
    assert Template(body=text).holds_history == ("messages" in names_of(text))


json_values = st.recursive(
    hostile | st.none() | st.booleans() | st.integers(-9, 9) | hostile.map(lambda t: json.dumps({"a": t, t: [t]})),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(hostile, inner, max_size=3),
    max_leaves=8,
)


@FIXED
@given(json_values, hostile, hostile)
def test_a_body_of_json_carries_every_literal_to_the_letter(value: object, before: str, after: str) -> None:
    body = json_of({"data": [PROMPT, value, (before, PROMPT, after)]})
    part = Template(body=body, headers=(("content-type", "application/json"),))
    assert names_in(part) == {"prompt"}
    sent = json.loads(request_of(part, OURS).body)["data"]
    assert sent[:2] == ["QQ", value]
    if (before + after)[:1] not in ("[", "{"):  # JSON within a text is filled in as JSON
        assert sent[2] == before + "QQ" + after


@FIXED
@given(st.lists(hostile.filter(lambda t: t not in ("", ".", "..")), min_size=1, max_size=3))
def test_a_path_stays_on_its_host_whatever_its_segments_hold(segments: list[str]) -> None:
    path = path_of(*segments, TemplateSlot("event_id"))
    part = Step(path=path)
    assert names_in(part) == {"event_id"}
    parts = urlsplit(HOST + request_of(part, OURS).path)
    assert (parts.netloc, parts.query, parts.fragment) == ("bot.example", "", "")
    assert [unquote(s) for s in parts.path.split("/")[1:]] == [
        s.encode(errors="replace").decode() for s in (*segments, "EE")
    ]


@FIXED
@given(hostile.map(lambda name: "".join(c for c in name if c.isprintable())))  # the library has no other names
def test_a_name_in_a_path_of_json_finds_that_name(name: str) -> None:
    source = "$" + member(name)
    check_source(source, "answer")
    assert find(source, text=json.dumps({name: "here", "other": 1})) == "here"


@pytest.mark.parametrize(
    "said",
    [
        *("http://other.example", "@other.example/x", "//other.example", "\\\\other.example", "/\\other.example"),
        *("/a//b", "/..", "/a/../b", "/.", "a", "/a?b", "/a#b", "/a;b", "/@other.example", "/a:1", "/%2e%2e", "/a\tb"),
        *("/a\n", "/gradio_api?leak={env:HOME}", "/" + "a" * 300, "?x", "javascript:1", ":8080", ".other.example"),
    ],
)
def test_what_is_no_path_of_this_host_is_refused_by_name(said: str) -> None:
    with pytest.raises(Unfit, match="is no path on this host"):
        segments_of(said)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ([0] * (MOST_VALUES + 1), "values"),
        (json.loads("[" * (MOST_DEPTH + 2) + "]" * (MOST_DEPTH + 2)), "deep"),
        ("a" * 200_000, "characters"),
        (float("nan"), "no number"),
        ({"a": float("inf")}, "no number"),
    ],
)
def test_a_remote_cannot_describe_without_end(value: object, said: str) -> None:
    with pytest.raises(Unfit, match=said):
        json_of(value)


# Detection: whatever a program says of itself


def seen_of(pages: dict[str, object], *, key: str = "K") -> tuple[str, ...]:
    """TOML of what is detected at a host with these JSON answers; none where there is no template."""
    seen: list[Seen] = []
    while looks := next_looks(HOST, seen, has_key=bool(key)):
        for look in looks:
            assert look.url.startswith(HOST + "/") or look.url == HOST, "asked another host"
            path = look.url.removeprefix(HOST)
            body = next((v for end, v in pages.items() if path.endswith(end)), None)
            status = 404 if body is None else 200
            text = '{"detail":"Not Found"}' if body is None else json.dumps(body)
            seen.append(Seen(look=look, status=status, headers=(("content-type", "application/json"),), text=text))
        assert len(seen) < 40
    endpoint = detect(HOST, tuple(seen), key_env=key or None).endpoint
    if endpoint is None or endpoint.dialect == "page":
        return ()
    text = dump_target(endpoint)
    assert parse_config(text, "bot.toml").endpoints() == (endpoint,)
    assert urlsplit(endpoint.url).netloc == "bot.example"
    check_template(endpoint)
    return (text,)


def check_template(endpoint: Endpoint) -> None:
    template = endpoint.template
    if template is None:
        return
    assert template.variables == ()
    assert variables_of(endpoint) == ()
    live = {name for part in parts_of(template) for name in names_in(part)}
    assert live <= {"prompt", "conversation_id", "event_id", "key"}
    for part in parts_of(template):
        assert SECRET not in repr(request_of(part, OURS))


described = st.fixed_dictionaries(
    {
        "component": st.sampled_from(["Textbox", "Json", "Markdown"]),
        "parameter_has_default": st.booleans(),
        "parameter_default": json_values,
    }
)


@FIXED
@given(hostile | st.sampled_from(["", "/gradio_api"]), hostile | st.just("/chat"), st.lists(described, max_size=4))
def test_whatever_a_gradio_app_says_of_itself_only_our_places_are_live(
    prefix: str, name: str, parameters: list[dict[str, object]]
) -> None:
    asked = [{"component": "Textbox", "parameter_has_default": False}, *parameters]
    info = {"named_endpoints": {name: {"parameters": asked, "returns": [{"component": "Textbox"}]}}}
    seen_of({"/config": {"version": prefix, "dependencies": [], "api_prefix": prefix}, "/info": info})


def test_a_gradio_apps_defaults_are_sent_to_the_letter() -> None:
    default = {"{env:HOME}": ['{"a": "{\\u007benv:HOME}", "b": "{x}"}', "{{prompt}}", "{key}"]}
    parameters = [
        {"component": "Textbox", "parameter_has_default": False},
        {"component": "Json", "parameter_has_default": True, "parameter_default": default},
    ]
    info = {"named_endpoints": {"/chat": {"parameters": parameters, "returns": [{"component": "Textbox"}]}}}
    (text,) = seen_of({"/config": {"version": "6", "dependencies": [], "api_prefix": "/g"}, "/info": info})
    template = parse_config(text, "bot.toml").endpoints()[0].template
    assert template is not None
    assert json.loads(request_of(template.steps[0], OURS).body)["data"] == ["QQ", default]


def test_an_endpoint_that_takes_more_than_a_chat_does_is_none() -> None:
    more = {"component": "Json", "parameter_has_default": True, "parameter_default": 1}
    parameters = [{"component": "Textbox"}, *[more] * MOST_PARAMETERS]
    info = {"named_endpoints": {"/chat": {"parameters": parameters, "returns": [{"component": "Textbox"}]}}}
    assert seen_of({"/config": {"version": "6", "dependencies": [], "api_prefix": "/g"}, "/info": info}) == ()


def test_of_endless_endpoints_and_models_the_first_are_looked_at() -> None:
    nothing: dict[str, object] = {"parameters": [], "returns": []}
    chat = {"parameters": [{"component": "Textbox"}], "returns": [{"component": "Textbox"}]}
    config = {"version": "6", "dependencies": [], "api_prefix": "/g"}
    for before, found in ((MOST_ENDPOINTS - 1, 1), (MOST_ENDPOINTS, 0)):
        endpoints = {**{f"/n{n}": nothing for n in range(before)}, "/chat": chat}
        assert len(seen_of({"/config": config, "/info": {"named_endpoints": endpoints}})) == found
    models = [{"id": f"embed-{n}", "object": "model"} for n in range(MOST_MODELS)]
    (text,) = seen_of({"/models": {"object": "list", "data": [*models, {"id": "chat-1", "object": "model"}]}})
    assert 'model = "embed-0"' in text


def described_as(**components: tuple[str, str]) -> dict[str, object]:
    """Endpoints by name with the components they take and give, each as one word for each."""
    return {
        f"/{name}": {
            "parameters": [{"component": c} for c in takes.split()],
            "returns": [{"component": c} for c in gives.split()],
        }
        for name, (takes, gives) in components.items()
    }


@pytest.mark.parametrize(
    ("endpoints", "path"),
    [
        (described_as(submit=("Textbox Chatbot", "Textbox Chatbot"), bot=("Chatbot", "Chatbot")), None),
        (described_as(user=("Textbox", "Textbox"), bot=("Chatbot", "Chatbot")), None),
        (described_as(user=("Textbox", "Textbox Chatbot")), None),
        (described_as(chat=("Textbox", "Textbox Chatbot")), None),
        (described_as(chat=("Textbox", "Json"), clear=("", "Chatbot")), "/g/call/chat"),
        (described_as(predict=("Textbox", "Textbox"), clear=("", "Textbox")), "/g/call/predict"),
        (described_as(clear=("Textbox", "Textbox"), ask=("Textbox", "Markdown")), "/g/call/ask"),
    ],
)
def test_an_endpoint_that_only_empties_the_box_is_never_taken_for_the_chat(
    endpoints: dict[str, object], path: str | None
) -> None:
    config = {"version": "6", "dependencies": [], "api_prefix": "/g"}
    texts = seen_of({"/config": config, "/info": {"named_endpoints": endpoints}})
    assert [f'path = "{path}"' in text for text in texts] == ([True] if path else [])


@FIXED
@given(st.lists(st.tuples(hostile, json_values, json_values), max_size=4))
def test_whatever_a_dify_app_asks_for_only_our_places_are_live(fields: list[tuple[str, object, object]]) -> None:
    form = [{"text-input": {"variable": n, "default": d, "required": True, "options": o}} for n, d, o in fields]
    (text,) = seen_of({"/parameters": {"user_input_form": form}})
    endpoint = parse_config(text, "bot.toml").endpoints()[0]
    assert endpoint.template is not None
    sent = json.loads(request_of(endpoint.template, OURS).body)
    assert sent["query"] == "QQ"
    inputs = cast("dict[str, object]", sent["inputs"])
    assert not inputs or set(inputs) == {n for n, _, _ in fields if n}  # left out where one nests a likely secret
    assert all(
        inputs[n] == d
        for n, d in {n: d for n, d, _ in fields if n}.items()
        if d and n in inputs and not secret_name(n, "body")
    )


@FIXED
@given(st.lists(hostile, min_size=1, max_size=3), hostile)
def test_whatever_lists_of_models_hold_no_template_comes_of_them(names: list[str], other: str) -> None:
    shapes: Iterator[dict[str, object]] = iter(
        [
            {"/models": {"object": "list", "data": [{"id": n, "object": "model", "owned_by": other} for n in names]}},
            {"/api/tags": {"models": [{"name": n, "digest": other} for n in names]}, "/version": {"version": other}},
            {"/models": {"models": [{"name": f"models/{n}"} for n in names]}},
            {"/models": {"data": [{"type": "model", "id": n, "display_name": other} for n in names]}},
            {"/api/config": {"status": True, "name": f"Open WebUI {other}", "version": other, "features": {"auth": 1}}},
        ]
    )
    for shape in shapes:
        seen_of(shape)


# What was pasted


def sent_of(command: str, **given: str) -> tuple[Outgoing, Template]:
    found = from_text(command, **given)
    template = found.template
    endpoint = replace(an_endpoint("b", "target", url=found.url, dialect="template", model=""), template=template)
    wants = set(variables_of(endpoint))
    assert wants == set(template.variables or ()) == set(found.secrets)
    assert all(name.startswith("BOT_") for name in wants)
    live = {n for n in names_in(template) if not n.startswith("env:")}
    assert live <= {"prompt", "messages", "conversation_id", "system", "uuid"}
    values = {f"env:{n}": v for n, v in found.secrets.items()}
    return request_of(template, Everything(OURS | values)), template


PASTED_KINDS = ("json", "key", "nested", "form", "query", "path", "header", "cookie", "text", "multipart", "raw", "cmd")


@FIXED
@given(hostile, st.sampled_from(PASTED_KINDS))
def test_whatever_a_site_put_into_a_request_is_sent_as_it_stood_there(other: str, kind: str) -> None:
    other = other.replace("hello", "").replace("\n", " ").encode(errors="replace").decode()
    plain = "".join(c for c in other if c.isascii() and c.isprintable()).strip()
    ask = "hello there"
    inner = json.dumps({"a": other, "q": ask})
    multipart = f'--b0\r\nContent-Disposition: form-data; name="a"\r\n\r\n{other}\r\n'
    multipart += f'--b0\r\nContent-Disposition: form-data; name="q"\r\n\r\n{ask}\r\n--b0--\r\n'
    options = {
        "json": ["--json", json.dumps({"a": other, "q": ask})],
        "key": ["--json", json.dumps({other: 1, "q": ask})],
        "nested": ["--json", json.dumps({"in": inner})],
        "form": ["--data-urlencode", f"a={other}", "--data-urlencode", f"q={ask}"],
        "query": ["-G", "--data-urlencode", f"a={other}", "--data-urlencode", f"q={ask}"],
        "header": ["-H", f"x-a: {plain}", "-d", f"q={ask}"],
        "cookie": ["-b", f"a={plain}", "-d", f"q={ask}"],
        "text": ["-H", "content-type: text/plain", "--data-raw", f"{other} {ask}"],
        "multipart": ["-H", "content-type: multipart/form-data; boundary=b0", "--data-raw", multipart],
    }
    match kind:
        case "path":
            plain = plain.replace("?", "").replace("#", "")
            command = f"curl {shell_quote(f'{HOST}/{plain}x/hello%20there')}"
        case "raw":
            body = json.dumps({"a": other, "q": ask})
            command = f"POST /x HTTP/1.1\nHost: bot.example\nContent-Type: application/json\n\n{body}"
        case "cmd":
            quoted = json.dumps({"a": plain, "q": ask}).replace("\\", "\\\\").replace('"', '\\"')
            escaped = "".join(c if c.isalnum() or c in " _-:=+~'/.,?;()*`" else f"^{c}" for c in quoted)
            command = f'curl ^"{HOST}/x^" ^\r\n  -H ^"content-type: application/json^" ^\r\n  --data-raw ^"{escaped}^"'
        case _:
            command = " ".join(map(shell_quote, ["curl", f"{HOST}/x", *options[kind]]))
    try:
        sent, _ = sent_of(command, prompt=ask)
    except SpecError:
        assert kind in ("path", "header")  # what no path or header may hold
        return
    assert SECRET not in repr(sent)
    match kind:
        case "json" | "raw":
            assert json.loads(sent.body) == {"a": other, "q": "QQ"}
        case "cmd":
            assert json.loads(sent.body) == {"a": plain, "q": "QQ"}
        case "key":
            assert json.loads(sent.body) == {other: 1, "q": "QQ"}
        case "nested":
            assert json.loads(json.loads(sent.body)["in"]) == {"a": other, "q": "QQ"}
        case "form":
            assert parse_qsl(sent.body, keep_blank_values=True) == [("a", other), ("q", "QQ")]
        case "query":
            query = urlsplit(HOST + sent.path).query
            assert parse_qsl(query, keep_blank_values=True) == [("a", other), ("q", "QQ")]
        case "header":
            assert dict(sent.headers).get("x-a", "") == plain
        case "cookie":
            assert dict(sent.headers)["cookie"] == f"a={plain}"
        case "text":
            assert sent.body == f"{other} QQ" or sent.body.strip() == "QQ"
        case "multipart":
            assert f'name="a"\r\n\r\n{other}\r\n--' in sent.body
            assert 'name="q"\r\n\r\nQQ\r\n--' in sent.body
        case _:
            assert sent.path.endswith("/QQ")


@pytest.mark.parametrize(
    ("text", "prompt"),
    [
        ('{"q": "{hello there}"}', "hello there"),
        ('{"q": "{{hello there}}"}', "hello there"),
        ('{"q": "hello there {{env:HOME}"}', "hello there"),
        ('{"q": "{hello there}}", "b": "}"}', "}"),
        ('{"q": "hello there", "k": "AAAAAAAA{env:HOME}", "api_key": "AAAAAAAA{"}', "hello there"),
        ('{"q": "hello there", "k": "AAAAAAAA{\\u007benv:HOME}", "token": "AAAAAAAA{"}', "hello there"),
        ('{"q": "{\\u007bhello there\\u007d}"}', "hello there"),
    ],
)
def test_what_stands_beside_a_place_never_makes_or_unmakes_one(text: str, prompt: str) -> None:
    sent, template = sent_of(f"curl {HOST}/x -H 'content-type: application/json' -d {shell_quote(text)}", prompt=prompt)
    assert "prompt" in names_in(template)
    expected = json.loads(json.dumps(json.loads(text), ensure_ascii=False).replace(prompt, "QQ", 1))
    if prompt != "}":
        assert json.loads(sent.body) == expected
    assert SECRET not in sent.body


def test_a_variable_of_the_shell_is_stated_and_one_in_braces_is_text() -> None:
    command = f"""curl {HOST}/x -H "x-app: $APP" -H 'x-b: {{env:HOME}}' -H 'x-c: $HOME' -d "q={{prompt}}" """
    found = from_text(command)
    assert found.template.variables == ("APP",)
    values = Everything(OURS | {"env:APP": "mine"})
    headers = dict(request_of(found.template, values).headers)
    assert (headers["x-app"], headers["x-b"], headers["x-c"]) == ("mine", "{env:HOME}", "$HOME")


def test_a_variable_cannot_name_the_host() -> None:
    with pytest.raises(SpecError, match="holds a variable of the shell"):
        from_text('curl "https://$HOST/x" -d "{prompt}"')


# The statement


ASKING = '[target]\nurl = "https://bot.example"\n[target.template]\nbody = "{prompt} {env:A}"\n'


def test_a_template_reads_no_variable_beyond_its_statement() -> None:
    with pytest.raises(ConfigError, match=r"line 5: target.template.variables: does not state A") as caught:
        parse_config(ASKING + "variables = ['B']\n", "bot.toml")
    assert "add it" in str(caught.value)
    template = Template(body="{prompt} {env:A} {env:B}", variables=("B",))
    assert variables_of(an_endpoint("bot", dialect="template", template=template)) == ("B",)


def test_what_a_person_wrote_is_that_persons_word() -> None:
    (endpoint,) = parse_config(ASKING, "bot.toml").endpoints()
    assert variables_of(endpoint) == ("A",)
