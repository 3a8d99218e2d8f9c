"""Pasted requests: what browsers and manuals print becomes a template, and no secret stays in it."""

import json
from dataclasses import replace
from shlex import quote as shell_quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.conftest import an_endpoint
from wrapdetect.dialects.template.filling import request_of
from wrapdetect.errors import SpecError
from wrapdetect.targets.config import parse_config
from wrapdetect.targets.curl import ImportedRequest, from_curl, from_raw, from_text
from wrapdetect.targets.curl.shell import shell_words
from wrapdetect.targets.written import dump_target

FIXED = settings(deadline=None, derandomize=True, max_examples=60)
BODY = (
    '{"messages":[{"role":"system","content":"It\\\'s {name}\\u0021"},{"role":"user","content":"hello there"}],'
    '"stream":true,"conversation_id":"9f0c5a1e-1111-2222-3333-444455556666","apiKey":"SECRET-body"}'
)
CHROME = rf"""curl 'https://bot.example/api/chat?v=2&token=SECRET-query' \
  -H 'accept: text/event-stream' \
  -H 'accept-language: de' \
  -H 'authorization: Bearer SECRET-bearer' \
  -H 'content-type: application/json' \
  -b 'sid=SECRET-cookie; theme=dark' \
  -H 'origin: https://bot.example' \
  -H 'priority: u=1, i' \
  -H 'referer: https://bot.example/chat?token=SECRET-query' \
  -H 'sec-ch-ua: "Chromium";v="131"' \
  -H 'sec-fetch-mode: cors' \
  -H 'user-agent: Mozilla/5.0' \
  --data-raw $'{BODY}' \
  --compressed"""
CHROME_CMD = (
    'curl ^"https://bot.example/api/chat?a=1^&b=2^" ^\r\n  -H ^"content-type: application/json^" ^\r\n'
    '  --data-raw ^"^{^\\^"q^\\^":^\\^"hello there^\\^",^\\^"n^\\^":1^}^"'
)
FIREFOX = (
    "curl 'https://bot.example/ask' --compressed -X POST -H 'User-Agent: Mozilla/5.0' -H 'Accept: */*'"
    " -H 'Content-Type: application/x-www-form-urlencoded' -H 'X-CSRF-Token: SECRET-csrf' -H 'DNT: 1'"
    " -H 'Cookie: sid=SECRET-cookie' --data-raw 'message=hello+there&session=%7B%22a%22%3A1%7D'"
)
MANUAL = """$ curl https://api.bot.example/v1/chat/completions \\
  -H "Authorization: Bearer $BOT_API_KEY" \\
  -H "Content-Type: application/json" \\
  -d '{
    "model": "m",
    "messages": [{"role": "user", "content": "Say this is a test!"}]
  }' | jq ."""
RAW = (
    "POST /ask?lang=en HTTP/1.1\r\nHost: bot.example:8443\r\nContent-Length: 3\r\nAuthorization: Basic SECRET-basic\r\n"
    "Content-Type: text/plain\r\n\r\nPlease: hello there\r\n"
)


def readable(found: ImportedRequest) -> str:
    """The template as TOML, which reads back to the same."""
    endpoint = replace(
        an_endpoint("target", "target", url=found.url, model="", dialect="template"), template=found.template
    )
    text = dump_target(endpoint)
    if found.prompt_found:
        assert parse_config(text, "bot.toml").endpoints() == (endpoint,)
    return text


def test_chromes_bash_command_becomes_a_template() -> None:
    found = from_text(CHROME, prompt="hello there", conversation_id="9f0c5a1e-1111-2222-3333-444455556666")
    template = found.template
    assert (found.url, template.method, template.path) == (
        "https://bot.example",
        "POST",
        "/api/chat?v=2&token={env:BOT_TOKEN}",
    )
    assert template.headers == (
        ("accept", "text/event-stream"),
        ("accept-language", "de"),
        ("authorization", "Bearer {env:BOT_AUTHORIZATION}"),
        ("content-type", "application/json"),
        ("cookie", "{env:BOT_COOKIE}"),
        ("origin", "https://bot.example"),
        ("referer", "https://bot.example/chat"),
        ("user-agent", "Mozilla/5.0"),
    )
    assert (template.framing, found.prompt_found) == ("sse", True)
    assert found.secrets == {
        "BOT_AUTHORIZATION": "SECRET-bearer",
        "BOT_COOKIE": "sid=SECRET-cookie; theme=dark",
        "BOT_TOKEN": "SECRET-query",
        "BOT_API_KEY": "SECRET-body",
    }
    assert "SECRET" not in readable(found)
    values = {
        "prompt": "Why?",
        "messages": [{"role": "user", "content": "Why?"}],
        "conversation_id": "c-1",
        "env:BOT_API_KEY": "k",
    }
    assert json.loads(request_of(template, values).body) == {
        "messages": [{"role": "system", "content": "It's {name}!"}, {"role": "user", "content": "Why?"}],
        "stream": True,
        "conversation_id": "c-1",
        "apiKey": "k",
    }


def test_chromes_cmd_command_becomes_a_template() -> None:
    found = from_text(CHROME_CMD, prompt="hello there")
    assert (found.template.path, found.template.body) == ("/api/chat?a=1&b=2", '{"q":"{prompt}","n":1}')
    assert found.prompt_found
    readable(found)


def test_firefoxs_command_with_a_form_becomes_a_template() -> None:
    found = from_text(FIREFOX, prompt="hello there")
    assert found.template.body == "message={prompt}&session=%7B%22a%22%3A1%7D"
    assert dict(found.secrets) == {"BOT_X_CSRF_TOKEN": "SECRET-csrf", "BOT_COOKIE": "sid=SECRET-cookie"}
    assert [n for n, _ in found.template.headers] == ["User-Agent", "Accept", "Content-Type", "X-CSRF-Token", "Cookie"]
    assert "SECRET" not in readable(found)


def test_a_manuals_command_keeps_the_readers_variable_and_guesses_the_question() -> None:
    found = from_text(MANUAL)
    assert found.prompt_found
    assert found.template.headers[0] == ("Authorization", "Bearer {env:BOT_API_KEY}")
    assert json.loads(found.template.body) == {"model": "m", "messages": "{messages}"}
    assert found.template.answer == "$.choices[0].message.content"
    assert any("'content' was taken for the question" in note for note in found.notes)
    readable(found)


def test_a_raw_request_becomes_a_template() -> None:
    found = from_text(RAW, prompt="hello there")
    template = found.template
    assert (found.url, template.path, template.body) == (
        "https://bot.example:8443",
        "/ask?lang=en",
        "Please: {prompt}",
    )
    assert template.headers == (("Authorization", "Basic {env:BOT_AUTHORIZATION}"), ("Content-Type", "text/plain"))
    assert found.notes[0] == "a raw request does not say http or https: https was taken"
    assert "SECRET" not in readable(found)


def test_a_browsers_copy_of_http_2_headers_is_a_raw_request() -> None:
    text = "GET /ask?q={prompt} HTTP/2\n:authority: bot.example\n:scheme: https\n:path: /ask?q={prompt}\nx-a: b\n"
    found = from_raw(text)
    assert (found.url, found.template.path, found.template.headers) == (
        "https://bot.example",
        "/ask?q={prompt}",
        (("x-a", "b"),),
    )


@pytest.mark.parametrize(
    ("command", "method", "path", "body"),
    [
        ("curl bot.example/ask?q={prompt}", "GET", "/ask?q={prompt}", ""),
        ("curl -G bot.example/ask --data-urlencode 'q=hello there'", "GET", "/ask?q={prompt}", ""),
        ("curl -G 'bot.example/ask?a=1' -d q=hello%20there", "GET", "/ask?a=1&q={prompt}", ""),
        ("curl --url bot.example -d 'hello there'", "POST", "", "{prompt}"),
        ("curl -sSLXPUT bot.example/ -d'q=hello there'", "PUT", "", "q={prompt}"),
        ("curl bot.example/x -d a=1 -d 'q=hello there'", "POST", "/x", "a=1&q={prompt}"),
        ("curl bot.example/x --json '{\"a\": \"hello there\"}'", "POST", "/x", '{"a": "{prompt}"}'),
        ("curl bot.example/say/hello%20there/now", "GET", "/say/{prompt}/now", ""),
        ("curl bot.example/x -d '{\"a\": \"Say hello there!\"}'", "POST", "/x", '{"a": "Say {prompt}!"}'),
        ("curl b.example -d '[\"hello there\", \"hello thereafter\"]'", "POST", "", '["{prompt}", "hello thereafter"]'),
        ("curl 'bot.example/x?f=%7Ba%7D&q=hello+there' > out.txt", "GET", "/x?f=%7Ba%7D&q={prompt}", ""),
        ("curl b.example -o out.json -m 5 --max-time 5 -w '%{http_code}' -d 'hello there'", "POST", "", "{prompt}"),
    ],
)  # fmt: skip
def test_options_mean_what_curl_means_by_them(command: str, method: str, path: str, body: str) -> None:
    found = from_curl(command, prompt="hello there")
    assert (found.template.method, found.template.path, found.template.body) == (method, path, body)
    assert found.prompt_found
    readable(found)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("curl -k https://bot.example", "--insecure: certificates are always checked"),
        ("curl --insecure https://bot.example", "certificates are always checked"),
        ("curl https://bot.example -F 'a=@SECRET'", "sends a file that is not here"),
        ("curl https://bot.example -H 'Content-Type: multipart/form-data; boundary=x' -d SECRET", "no whole parts"),
        ("curl https://bot.example -d @SECRET.json", "reads a file that is not here"),
        ("curl https://bot.example -b SECRET.txt", "names a file of cookies"),
        ("curl https://bot.example -H @SECRET.txt", "reads headers from a file"),
        ("curl https://bot.example --data-urlencode q@SECRET", "reads a file"),
        ("curl https://bot.example --SECRETive", "option --SECRETive is not known"),
        ("curl https://bot.example -Z", "option -Z is not known"),
        ("curl https://bot.example -d", "option --data has no value"),
        ("curl https://bot.example -d 'SECRET", "quote ' at character .* is never closed"),
        ('curl https://bot.example -d "SECRET', 'quote " at character'),
        ("curl https://bot.example -d $'SECRET", r"quote \$' at character"),
        ('curl https://bot.example -d "$(cat SECRET)"', "runs another command"),
        ("curl -d SECRET", "holds no address"),
        ("curl https://a.example https://SECRET.example", "two addresses"),
        ("curl ftp://SECRET.example", "no web address"),
        ("curl https://bot.example:SECRET/", "no web address"),
        ("curl 'https://bot.example/a b' -d '{prompt}'", "path holds a space"),
        ("curl bot.example -H 'Content-Type: application/json' -d '{\"q\": {prompt}'", "its body is not JSON"),
        ("fetch('https://bot.example', {SECRET})", "as cURL"),
        ("Invoke-WebRequest -Uri https://bot.example", "as cURL"),
        ("SECRET what is this", "neither a curl command nor a raw request"),
        ("", "neither a curl command nor a raw request"),
        ("POST /x HTTP/1.1\nX-A: 1\n\nSECRET", "no Host header"),
        ("POST /x HTTP/1.1\nHost: b.example\nSECRET\n\n", "line 3 of the raw request is no header"),
        ("POST /x HTTP/1.1\nHost: b.example\nTransfer-Encoding: chunked\n\n3", "chunked body"),
    ],
)
def test_what_cannot_be_sent_again_is_refused_in_one_line_without_its_values(text: str, said: str) -> None:
    with pytest.raises(SpecError, match=said) as caught:
        from_text(text)
    assert "\n" not in str(caught.value)
    assert "SECRET" not in str(caught.value).replace("--SECRETive", "")


def test_what_only_a_person_can_know_is_told() -> None:
    body = '{"q": "hi there", "sessionId": "abc", "msg_id": "9f0c5a1e-1111-2222-3333-444455556666"}'
    notes = " ".join(from_curl(f"curl bot.example -b a=b -x proxy:1 -d '{body}'", prompt="hi there").notes)
    for said in ("'sessionId' looks like a conversation's id", "'msg_id' holds a UUID", "cookie may carry", "proxy"):
        assert said in notes
    assert "was not found" in " ".join(from_curl("curl bot.example -d '{prompt}'", conversation_id="c-9").notes)


def test_ids_of_sessions_and_signatures_in_a_query_do_not_stay() -> None:
    ids = {"sid": "QSECRET-999888777abc", "sig": "QSIG77777ffff", "session_id": "0a1b2c3d4e5f6a7b"}
    query = "&".join(f"{k}={v}" for k, v in ids.items())
    found = from_curl(f"curl 'https://bot.example/sse?q={{prompt}}&{query}' -H 'X-Device-Fingerprint: DEVSEC-31337'")
    assert dict(found.secrets) == {f"BOT_{k.upper()}": v for k, v in ids.items()}
    assert not any(v in readable(found) for v in ids.values())
    notes = " ".join(found.notes)
    assert "'sid' was taken out" in notes
    assert "X-Device-Fingerprint stays as it was written" in notes


def test_a_session_that_is_marked_as_the_conversation_is_no_secret() -> None:
    command = "curl 'https://bot.example/ask?q={prompt}&sid=0a1b2c3d4e5f6a7b'"
    found = from_curl(command, conversation_id="0a1b2c3d4e5f6a7b")
    assert found.template.path == "/ask?q={prompt}&sid={conversation_id}"
    assert found.secrets == {}
    assert "'sid' looks like" in " ".join(from_curl("curl 'https://bot.example/ask?q={prompt}&sid=ab'").notes)


def test_a_websocket_whose_answer_nothing_ends_is_told() -> None:
    assert "quiet_s = 2" in " ".join(from_curl("curl 'wss://bot.example/ws'").notes)


def test_a_question_that_is_not_there_is_not_found_and_nothing_else_is_taken_for_it() -> None:
    found = from_curl("""curl bot.example -d '{"q": "other", "message": "words"}'""", prompt="hello there")
    assert not found.prompt_found
    assert "{prompt}" not in found.template.body
    assert from_curl("curl 'wss://bot.example/ws'").template.framing == "websocket"


def test_a_secret_is_hidden_wherever_it_comes_again() -> None:
    command = (
        "curl 'https://bot.example/SECRET-one/x' -H 'Authorization: Bearer SECRET-one' -H 'X-Trace: a SECRET-one'"
        """ -d '{"q": "{prompt}", "t": "SECRET-one", "in": "{\\"k\\": \\"SECRET-one\\"}"}'"""
    )
    found = from_curl(command)
    assert "SECRET" not in repr(found.template)
    assert found.secrets == {"BOT_AUTHORIZATION": "SECRET-one"}
    values = {"env:BOT_AUTHORIZATION": "SECRET-one", "prompt": "Q"}
    assert request_of(found.template, values).path == "/SECRET-one/x"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('a \'b c\' "d\\"e\\n" f\\ g', ["a", "b c", 'd"e\\n', "f g"]),
        ("a \\\n b\\\r\nc", ["a", "bc"]),
        (r"$'it\'s \u00e9\x41\101\t\\ \ud83d\ude00'", ["it's éAA\t\\ 😀"]),
        ("\"$A-${B} \\$C\" '$D' 5$", ["{env:A}-{env:B} $C", "$D", "5$"]),
        ("a | b", ["a"]),
        ("a 'x;y' b; rm c", ["a", "x;y", "b"]),
        ("a?b=1&c=2 d &", ["a?b=1&c=2", "d"]),
        ("''", [""]),
        ("", []),
        ('a ^"b^&c^" ^\nd', ["a", "b&c", "d"]),
    ],
)
def test_words_are_what_the_shell_would_make_of_them(text: str, expected: list[str]) -> None:
    assert shell_words(text, "{{env:{}}}".format) == expected


@FIXED
@given(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\r"), max_size=12), max_size=4))
def test_whatever_words_were_quoted_come_back(given_words: list[str]) -> None:
    text = " ".join(map(shell_quote, given_words))
    if "^\n" not in text and '^"' not in text:  # else it is taken for cmd's
        assert shell_words(text, "{{env:{}}}".format) == given_words


@FIXED
@given(
    st.text("a{}\"\\ '%&=+é😀\n:x", max_size=20),
    st.sampled_from(["json", "nested", "form", "query"]),
)
def test_what_is_not_the_question_is_sent_as_it_was_pasted(other: str, kind: str) -> None:
    bodies = {
        "json": json.dumps({"a": other, "q": "hello there"}),
        "nested": json.dumps({"in": json.dumps({"a": other, "q": "hello there"})}),
    }
    raw = {
        "form": f"--data-urlencode {shell_quote('a=' + other)} --data-urlencode 'q=hello there'",
        "query": f"-G --data-urlencode {shell_quote('a=' + other)} --data-urlencode 'q=hello there'",
    }
    options = raw[kind] if kind in raw else f"-d {shell_quote(bodies[kind])}"
    command = f"curl https://bot.example/x {options}"
    found = from_curl(command, prompt="hello there")
    sent = request_of(found.template, {"prompt": "hello there"})
    match kind:
        case "json":
            assert json.loads(sent.body) == {"a": other, "q": "hello there"}
        case "nested":
            assert json.loads(json.loads(sent.body)["in"]) == {"a": other, "q": "hello there"}
        case _:
            again = from_curl(command, prompt="nothing of the kind")
            assert request_of(again.template, {}).body.replace("+", "%20") == sent.body.replace("+", "%20")
            assert request_of(again.template, {}).path.replace("+", "%20") == sent.path.replace("+", "%20")


stretches = st.sampled_from(
    [
        *("curl ", "-H ", "-d ", "-b ", "a: b ", "https://b.example/ ", "POST / HTTP/1.1\n", "Host: b\n", "\n\n"),
        *("'", '"', "{", "}", "\\", "$'", "^\n", "="),
    ]
)


@FIXED
@given(st.text(max_size=80) | st.lists(stretches, max_size=12).map("".join))
def test_whatever_is_pasted_is_a_template_or_one_line(text: str) -> None:
    said = ""
    try:
        readable(from_text(text))
    except SpecError as error:
        said = str(error)
    assert "\n" not in said
