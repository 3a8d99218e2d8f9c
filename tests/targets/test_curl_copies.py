"""Requests as browsers, shells and manuals copy them, on whatever system: the body is what was sent."""

import json
import re
from urllib.parse import parse_qsl, urlsplit

import pytest

from tests.conftest import an_endpoint
from wrapdetect.dialects.template.filling import request_of, variables_of
from wrapdetect.dialects.template.multipart import parts_in
from wrapdetect.errors import SpecError
from wrapdetect.model import Template
from wrapdetect.targets.curl import from_text

URL = "https://b.example/chat?a=1&b=2"
ASKED = 'Is "2 + 2" 4 in 100% of cases?\nSay it.'


def chrome_cmd(body: str, kind: str = "application/json", *, end: str = "\r\n") -> str:
    """As Chrome escapes for cmd since 2024."""

    def escaped(text: str) -> str:
        out = "".join(
            c if c.isalnum() or c in " \n_-:=+~'/.,?;()*`" else f"^{c}"
            for c in text.replace("\\", "\\\\").replace('"', '\\"')
        )
        out = re.sub(r"%(?=\w)", "%^", out)  # else cmd would look for a variable
        return '^"' + out.replace("\n", f"^{end}{end}") + '^"'

    given = {"-H": f"content-type: {kind}", "--data-raw": body}
    options = [f"{name} {escaped(value)}" for name, value in given.items()]
    return f" ^{end}  ".join([f"curl {escaped(URL)}", *options, "--compressed"])


def older_chrome_cmd(body: str) -> str:
    """The same up to 2023, with plain quotes around."""
    return chrome_cmd(body).replace('curl ^"', 'curl "').replace(' ^"', ' "').replace('^" ^', '" ^')


def firefox_cmd(body: str) -> str:
    """As Firefox did before 2023: quotes doubled, percent signs outside quotes."""

    def escaped(text: str) -> str:
        return '"' + text.replace("\\", "\\\\").replace('"', '""').replace("%", '"%"').replace("\n", '"^\n"') + '"'

    return f'curl "{URL}" -H "Content-Type: application/json" --data-raw {escaped(body)}'


BODY = {"q": ASKED, "n": [1, "a&b|c^d>e", "{x}", "é😀"]}
JSON = json.dumps(BODY, ensure_ascii=False)


def power(text: str) -> str:
    """A body as one writes it in PowerShell, whose programs want a backslash before each quote."""
    out, run = "", 0
    for letter in text:
        if letter == "\\":
            run += 1
            continue
        out += "\\" * (run * 2 + 1 if letter == '"' else run) + letter
        run = 0
    return out + "\\" * run


@pytest.mark.parametrize(
    "command",
    [
        chrome_cmd(JSON),
        chrome_cmd(JSON, end="\n"),
        chrome_cmd(JSON, kind="application/json; charset=utf-8"),
        chrome_cmd(JSON, kind="text/plain;charset=UTF-8"),
        "C:\\Users\\me>" + chrome_cmd(JSON),
        firefox_cmd(JSON),
        older_chrome_cmd(JSON),
        f"curl.exe -X POST '{URL}' `\n -H 'Content-Type: application/json' `\r\n -d '{power(JSON)}'",
        f"PS C:\\x> curl.exe 'https://b.example/chat?a=1&b=2' --json '{power(JSON)}'",
        f'curl.exe "https://b.example/chat?a=1&b=2" `\n --json "{power(JSON).replace(chr(34), "`" + chr(34))}"',
        f'curl "https://b.example/chat?a=1&b=2" ^\n -H "Content-Type: application/json" ^\n -d "{power(JSON)}"',
        f"curl 'https://b.example/chat?a=1&b=2' -H 'content-type: application/json' -d @- <<'EOF'\n{JSON}\nEOF\n",
        f"curl 'https://b.example/chat?a=1&b=2' --json @- <<EOF | jq .\n{JSON}\nEOF",
        f'curl "{URL}" --data-binary @- <<-"END_1" -H "content-type: application/json"\n{JSON}\n\tEND_1',
        f"curl 'https://b.example/chat?a=1' --url-query b=2 --json '{JSON}'",
        f"$ curl --request POST --url '{URL}' --header 'content-type: application/json' --data '{JSON}'",
    ],
)  # fmt: skip
def test_a_copied_body_of_json_is_what_the_browser_sent(command: str) -> None:
    found = from_text(command, prompt=ASKED)
    assert (found.url, found.template.method, found.template.path) == ("https://b.example", "POST", "/chat?a=1&b=2")
    sent = request_of(found.template, {"prompt": 'The "other" \\ one'})
    assert json.loads(sent.body) == BODY | {"q": 'The "other" \\ one'}


@pytest.mark.parametrize(
    ("command", "prompt", "body"),
    [
        (chrome_cmd("first line\n100% right", "text/plain"), "first line\n100% right", "{prompt}"),
        (chrome_cmd("q=a%20b&s=x", "application/x-www-form-urlencoded"), "a b", "q={prompt}&s=x"),
        ('curl "https://b.example" -d "{""q"":""Why, 100%?"",""n"":""""}"', "Why, 100%?", '{"q":"{prompt}","n":""}'),
        ('curl "https://b.example" -d "{""q"":""Why 100"%"?""}"', "Why 100%?", '{"q":"{prompt}"}'),
        ('curl https://b.example -d "{\\"q\\": \\"Why?\\"}" & echo', "Why?", '{"q": "{prompt}"}'),
        ("curl b.example --json '{\"q\": \"it'\\''s `\n ^\n^\\\" so\"}'", "it's `\n ^\n^\" so", '{"q": "{prompt}"}'),
        ("curl b.example -d 'a <<EOF\nb'", "a <<EOF\nb", "{prompt}"),
        ('curl.exe b.example -d "say `"hi`" $env:X `$5"', "none", 'say "hi" {env:X} $5'),
        ("curl.exe b.example -d 'it''s'", "it's", "{prompt}"),
    ],
)
def test_each_shell_is_read_by_its_own_rules(command: str, prompt: str, body: str) -> None:
    assert from_text(command, prompt=prompt).template.body == body


@pytest.mark.parametrize(
    ("options", "fields"),
    [
        ("-F 'q=Why?' -F lang=en", [("q", "Why?"), ("lang", "en")]),
        ("--form-string 'q=Why?' --form-string 'at=@me'", [("q", "Why?"), ("at", "@me")]),
        ('-F \'data={"inputs": "Why?"};type=application/json\'', [("data", '{"inputs": "Why?"}')]),
        ("-F 'q=\"Why?\"' -F 'say \"x\"=1'", [("q", "Why?"), ('say \\"x\\"', "1")]),
        (
            "-H 'content-type: multipart/form-data; boundary=--b' "
            "--data-raw $'----b\\r\\nContent-Disposition: form-data; "
            'name="q"\\r\\n\\r\\nWhy?\\r\\n----b\\r\\nContent-Disposition: form-data; name="f"; filename=""\\r\\n'
            "Content-Type: application/octet-stream\\r\\n\\r\\n\\r\\n----b--\\r\\n'",
            [("q", "Why?"), ("f", "")],
        ),
    ],
)
def test_a_form_of_several_parts_is_sent_part_by_part(options: str, fields: list[tuple[str, str]]) -> None:
    template = from_text(f"curl https://b.example/ask {options}", prompt="Why?").template
    for asked in ('A "b"?', "two\r\nlines", "--wrapdetect\r\n----b--\r\n------------------------wrapdetect--"):
        sent = request_of(template, {"prompt": asked})
        boundary = {n.lower(): v for n, v in sent.headers}["content-type"].partition("boundary=")[2]
        assert sent.body.startswith(f"--{boundary}\r\n")
        parts = parts_in(sent.body)
        assert parts is not None
        assert len(parts) == len(fields)
        for (head, content), (name, value) in zip(parts, fields, strict=True):
            assert f'name="{name}"' in head
            expected = value.replace("Why?", json.dumps(asked)[1:-1] if value.startswith("{") else asked)
            assert content == expected


@pytest.mark.parametrize(
    ("options", "query"),
    [
        ("-G --url-query 'q=Why so?' https://b.example/ask", [("q", "Why so?")]),
        ("--url-query 'q=Why so?' --url-query +n=%31 'https://b.example/ask?a=b'",
         [("a", "b"), ("q", "Why so?"), ("n", "1")]),
        ("-G -d n=1 --data-urlencode 'q=Why so?' https://b.example/ask", [("n", "1"), ("q", "Why so?")]),
        ("--get 'https://b.example/ask' --data-urlencode 'q=Why so?'", [("q", "Why so?")]),
    ],
)  # fmt: skip
def test_what_curl_puts_into_the_query_stands_there(options: str, query: list[tuple[str, str]]) -> None:
    template = from_text(f"curl {options}", prompt="Why so?").template
    assert "{prompt}" in template.path
    sent = request_of(template, {"prompt": "Why so?"})
    assert (sent.method, sent.body) == ("GET", "")
    assert parse_qsl(urlsplit(sent.path).query) == query


@pytest.mark.parametrize(
    ("value", "variable", "told"),
    [
        ("Bearer <YOUR_API_KEY>", "BOT_AUTHORIZATION", True),
        ("Bearer YOUR_API_KEY", "BOT_AUTHORIZATION", True),
        ("Bearer sk-...", "BOT_AUTHORIZATION", True),
        ("Bearer {{apiKey}}", "BOT_AUTHORIZATION", True),
        ("Bearer [your token]", "BOT_AUTHORIZATION", True),
        ("Bearer xxxxxxxx", "BOT_AUTHORIZATION", True),
        ("Bearer $OPENAI_API_KEY", "OPENAI_API_KEY", False),
        ("Bearer ${OPENAI_API_KEY}", "OPENAI_API_KEY", False),
        ("Bearer sk-proj-1234567890abcdef", "BOT_AUTHORIZATION", False),
    ],
)
def test_what_manuals_print_in_place_of_a_key_is_no_key(value: str, variable: str, *, told: bool) -> None:
    found = from_text(f'curl b.example -H "Authorization: {value}" -d "{{prompt}}"')
    assert dict(found.template.headers)["Authorization"] == f"Bearer {{env:{variable}}}"
    endpoint = an_endpoint("b", dialect="template", template=found.template)
    assert variables_of(endpoint) == (variable,)
    assert any("set BOT_AUTHORIZATION to your own" in note for note in found.notes) is told


PART = '{"role": "user", "content": [{"type": "text", "text": "Why?"}]}'


@pytest.mark.parametrize(
    ("path", "messages", "expected"),
    [
        ("/v1/chat/completions", f"[{PART}]", '"{messages}"'),
        ("/v1/messages", f"[{PART}]", '"{messages}"'),
        ("/v1/chat/completions", f'[{{"role": "system", "content": "x"}}, {PART}]',
         '[{"role": "system", "content": "x"}, "{messages}"]'),
        ("/v1/chat/completions",
         f'[{{"role": "user", "content": "x"}}, {{"role": "assistant", "content": "y"}}, {PART}]',
         '"{messages}"'),
        ("/api/own", f"[{PART}]", f"[{PART.replace('Why?', '{prompt}')}]"),
    ],
)  # fmt: skip
def test_messages_in_parts_hold_the_conversation_where_the_api_is_known(
    path: str, messages: str, expected: str
) -> None:
    found = from_text(f"""curl b.example{path} --json '{{"messages": {messages}}}'""", prompt="Why?")
    assert found.template.body == f'{{"messages": {expected}}}'


@pytest.mark.parametrize(
    ("text", "said"),
    [
        *((start, "as cURL") for start in (
            "fetch('https://b.example')", "await fetch(\"x\", {})", "$session = New-Object Microsoft.X",
            "irm b.example", "Invoke-RestMethod -Uri b.example", "wget b.example", "http POST b.example",
            "import requests\nrequests.post()", "const r = await fetch('x')", "axios.post('x')",
        )),
        ("curl b.example -F 'f=<a.txt'", "sends a file"),
        ("curl b.example -F 'f=1' -d x", "both -F and -d"),
        ("curl b.example -F f", "no name=content"),
        ("curl b.example -d @- <<EOF\nhello", "never ends by a line EOF"),
        ("curl b.example -d @-", "reads a file"),
        ('curl b.example -u "$USER:$PASS" -d "{prompt}"', "-u holds a variable"),
        ("curl.exe b.example -d 'a", "never closed"),
        ('curl ^"b.example', "never closed"),
        ("x" * 2_000_001, "were pasted"),
        ("curl b.example -H 'content-type: multipart/mixed; boundary=x' -d x", "is not supported"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_refused_by_its_name(text: str, said: str) -> None:
    with pytest.raises(SpecError, match=said) as caught:
        from_text(text)
    assert "\n" not in str(caught.value)


def test_a_long_paste_is_read_in_time_that_grows_with_it() -> None:
    for text in (
        "curl b.example -d '" + "\\" * 400_000 + "'",
        'curl b.example ^\n -d "' + "\\" * 400_000 + '"',
        'curl b.example -d "' + '\\"' * 200_000,
        "curl b.example" + " <<a\n" * 50_000,
        "curl b.example --json '{" + '"\\"' * 100_000 + "'",
    ):
        try:
            template = from_text(text).template
        except SpecError:
            continue
        assert isinstance(template, Template)


BARE = 'curl https://bot.example/ask --json \'{"q": "Hi?"}\''


@pytest.mark.parametrize(
    "pasted",
    [
        f"% {BARE}",
        f"me@host ~ % {BARE}",
        f"root@host:~# {BARE}",
        f"[me@host dir]$ {BARE}",
        f"me@host ~> {BARE}",  # fish
        f"❯ {BARE}",
        f"PS C:\\Users\\me> {BARE}",
        f"$ sudo {BARE}",
        f"# ask it\n\n# twice\n{BARE}",
        f"```bash\n{BARE}\n```",
        f"~~~\n{BARE}\n~~~\n",
        BARE.replace(" --json", " \\  \n  --json"),
        BARE.replace(" --json", " \\\t\n  --json"),
        f"{BARE} # asks",
    ],
)
def test_what_stands_around_a_command_in_a_terminal_or_a_manual_is_left_out(pasted: str) -> None:
    found = from_text(pasted, prompt="Hi?")
    assert (found.url, found.template.path, found.template.body) == ("https://bot.example", "/ask", '{"q": "{prompt}"}')


@pytest.mark.parametrize(
    ("pasted", "why"),
    [
        ('curl https://bot.example/a -H "X-Key: ${KEY:-none}" -d q=Hi', "no plain variable"),
        ('curl https://bot.example/a -d "q=${Q:0:3}"', "no plain variable"),
        ("curl.exe 'https://bot.example/a' -H \"X-Key: $(Get-Content k)\" -d q=Hi", "runs another command"),
        ("curl https://{prompt}.bot.example/a", "holds a placeholder"),
        ("curl 'https://{{base}}/a' -d q=Hi", "holds a placeholder"),
        ("POST /a HTTP/1.1\nHost: {env:HOST}.example\n\nq=Hi", "web address"),
    ],
)
def test_what_nobody_here_can_fill_in_is_refused(pasted: str, why: str) -> None:
    with pytest.raises(SpecError, match=why):
        from_text(pasted, prompt="Hi")


@pytest.mark.parametrize("stand_in", ["%MY_KEY%", "$env:MY_KEY", "${MY_KEY}", "<key>"])
def test_a_name_where_a_key_should_stand_is_said(stand_in: str) -> None:
    found = from_text(f"curl https://bot.example/a -H 'X-Api-Key: {stand_in}' -d q=Hi", prompt="Hi")
    assert any("holds no key but" in note for note in found.notes)


def test_a_question_may_be_a_querys_only_word() -> None:
    assert from_text("curl https://bot.example/a --url-query 'Hi there?'", prompt="Hi there?").template.path == (
        "/a?{prompt}"
    )
