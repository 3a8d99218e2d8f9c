"""[target] tables: every dialect, templates and pages; each mistake named with its line; written back to the same."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.conftest import an_endpoint
from wrapdetect.dialects.template.problems import template_problems
from wrapdetect.errors import ConfigError, SpecError
from wrapdetect.model import Dialect, Endpoint, Page, Step, Template
from wrapdetect.store.config_file import load_config
from wrapdetect.targets.config import check_way, parse_config
from wrapdetect.targets.written import dump_target

SECRET = "hunter2secret"
FILE = "bot.toml"
TARGET = '[target]\nurl = "https://bot.example"\n'
TEMPLATE = TARGET + "[target.template]\n"
ASKING = TEMPLATE + 'body = \'{"q": "{prompt}"}\'\n'


def endpoint_of(text: str) -> Endpoint:
    return parse_config(text, FILE).endpoints()[0]


@pytest.mark.parametrize("way", ["openai", "responses", "anthropic", "ollama", "gemini"])
def test_each_api_is_asked_streamed_or_plain(way: str) -> None:
    text = f'{TARGET}model = "m"\ndialect = "{way}"\n'
    assert endpoint_of(text).dialect == f"{way}_stream"
    assert endpoint_of(text + "stream = false\n").dialect == f"{way}_plain"


def test_a_template_is_read_with_its_steps_and_what_is_left_out_has_its_default() -> None:
    text = """
[target]
url = "wss://bot.example/"
key_env = "BOT_KEY"
hosts = ["auth.bot.example:8443"]
private = true

[target.template]
path = "/ws"
framing = "websocket"
json = { q = "{prompt}", k = "{key}", s = "{session}" }
answer = "$.text"
done = "$.end"
error = "$.error"
quiet_s = 2
keep = { turn = "$.turn" }

[[target.template.step]]
when = "run"
path = "/token?app=1"
headers = { "X-App" = "{env:APP}" }
keep = { token = "$.token" }

[[target.template.step]]
method = "SEND"
json = ["{token}"]

[[target.template.step]]
method = "RECEIVE"
keep = { session = "$.session" }
"""
    assert endpoint_of(text) == Endpoint(
        name="target",
        role="target",
        url="https://bot.example",
        model="",
        dialect="template",
        key_env="BOT_KEY",
        hosts=("auth.bot.example:8443",),
        private=True,
        template=Template(
            method="GET",
            path="/ws",
            body='{"q": "{prompt}", "k": "{key}", "s": "{session}"}',
            framing="websocket",
            answer="$.text",
            done="$.end",
            error="$.error",
            quiet_s=2.0,
            keep=(("turn", "$.turn"),),
            steps=(
                Step(
                    when="run",
                    path="/token?app=1",
                    headers=(("X-App", "{env:APP}"),),
                    keep=(("token", "$.token"),),
                ),
                Step(method="SEND", body='["{token}"]'),
                Step(method="RECEIVE", keep=(("session", "$.session"),)),
            ),
        ),
    )


def test_a_page_and_a_template_need_no_model_and_references_may_be_either() -> None:
    text = """
[target]
url = "https://bot.example/#/chat"
dialect = "page"

[[reference]]
url = "https://other.example/chat?lang=en"
[reference.page]
input = "textarea"
accept = ["text=Accept"]

[[reference]]
url = "https://third.example"
[reference.template]
path = "/ask?q={prompt}"
"""
    target, page, template = parse_config(text, FILE).endpoints()
    assert (target.url, target.page) == ("https://bot.example/#/chat", Page())
    assert (page.name, page.page) == ("other.example", Page(input="textarea", accept=("text=Accept",)))
    assert (template.name, template.template) == ("third.example", Template(method="GET", path="/ask?q={prompt}"))


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        (TARGET, 1, "target.model: Field required"),
        (TARGET + 'dialect = "soap"\n', 3, "target.dialect: "),
        (TARGET + 'dialect = "template"\n', 3, r"target.dialect: .*needs a table \[target.template\]"),
        (TARGET + 'model = "m"\ndialect = "ollama"\n[target.page]\n', 5, "target.page: does not go with"),
        (ASKING.replace("[target.t", 'dialect = "page"\n[target.t'), 4, "target.template: does not go with"),
        (TARGET + "stream = true\n[target.page]\n", 3, "target.stream: .*no meaning with a page"),
        (TARGET + 'key_env = "K"\n[target.page]\n', 3, "target.key_env: .*no meaning with a page"),
        (TARGET + "[target.page]\nquiet_s = 0\n", 4, "target.page.quiet_s: "),
        (TARGET + '[target.page]\naccept = "x"\n', 4, "target.page.accept: .*list"),
        (TARGET + 'hosts = ["https://a.example/x"]\n[target.page]\n', 3, "target.hosts.0: .*no name of a host"),
        (TARGET + "private = 1\n[target.page]\n", 3, "target.private: "),
        (TEMPLATE, 3, r"target.template: holds neither \{prompt\} nor \{messages\}"),
        (TEMPLATE + 'body = "{{prompt}}"\n', 3, r"is the text \{prompt\} itself"),
        (TEMPLATE + '[[target.template.step]]\nbody = "{prompt}"\n', 3, "holds neither"),
        (ASKING + 'framing = "xml"\n', 5, "target.template.framing: "),
        (ASKING + "quiet_s = nan\n", 5, "target.template.quiet_s: "),
        (ASKING + "quiet_s = 1\n", 5, 'is for framing = "websocket"'),
        (ASKING + "bodies = 1\n", 5, "target.template.bodies: unknown key"),
        (ASKING + 'framming = "sse"\n', 5, r"framming: unknown key; did you mean framing\?; see docs/ways.md"),
        (ASKING + "jsn = {}\n", 5, r"unknown key; did you mean json\?; see docs/ways.md"),
        (ASKING + "[[target.template.step]]\nwen = 1\n", 6, r"step.0.wen: unknown key; did you mean when\?"),
        (TARGET + '[target.page]\nimput = "#q"\n', 4, r"target.page.imput: unknown key; did you mean input\?"),
        (ASKING + "[[target.template.step]]\nwho = 1\n", 6, "target.template.step.0.who: unknown key"),
        (ASKING + "json = { a = 1 }\n", 5, "target.template.json: stands beside body"),
        (TEMPLATE + 'json = { q = "{prompt}", at = 2026-01-01 }\n', 4, "target.template.json: holds a TOML date"),
        (TEMPLATE + 'body = \'{"q": "{prompt}"\'\n', 4, "target.template.body: is not JSON: Expecting ',' delimiter"),
        (ASKING + 'method = "post"\n', 5, "target.template.method: 'post' is no method"),
        (ASKING + 'path = "chat"\n', 5, "target.template.path: begins with neither"),
        (ASKING + 'path = ".evil.example/"\n', 5, "target.template.path: begins with neither"),
        (ASKING + 'path = "//evil.example/"\n', 5, "target.template.path: begins with neither"),
        (ASKING + 'path = "{prompt}"\n', 5, "target.template.path: begins with neither"),
        (ASKING + 'path = "/a b"\n', 5, "target.template.path: holds a space"),
        (ASKING + f'path = "/a?api_key={SECRET}"\n', 5, "target.template.path: .*looks like a secret"),
        (TEMPLATE + f'body = \'{{"q": "{{prompt}}", "token": "{SECRET}"}}\'\n', 4, "template.body: .*for token"),
        (TEMPLATE + f"body = 'q={{prompt}}&token={SECRET}'\n", 4, "template.body: .*for token"),
        (ASKING + f'headers.Authorization = "Bearer {SECRET}"\n', 5, "headers.Authorization: looks like a secret"),
        (ASKING + f'headers.cookie = "sid={SECRET}; q={{prompt}}"\n', 5, "headers.cookie: looks like a secret"),
        (ASKING + f'headers.X-Api-Key = "{SECRET}"\n', 5, "headers.X-Api-Key: looks like a secret"),
        (ASKING + f'headers.X-A = "a\\r\\nX-B: {SECRET}"\n', 5, "headers.X-A: holds a line break"),
        (ASKING + 'headers."X A" = "b"\n', 5, "headers.X A: is no name of a header"),
        (ASKING + 'headers.Host = "b"\n', 5, "headers.Host: is wrapdetect's own"),
        (ASKING + 'headers.X-A = "b"\nheaders.x-a = "c"\n', 5, "headers.X-A: stands there twice"),
        (ASKING + 'headers.content-type = "multipart/form-data"\n', 5, "multipart"),
        (ASKING + "headers.X-A = 1\n", 5, "target.template.headers.X-A: .*string"),
        (ASKING + 'answer = "$.a["\n', 5, "target.template.answer: .*no JSONPath"),
        (ASKING + 'answer = "re:("\n', 5, "target.template.answer: .*no regular expression"),
        (ASKING + 'answer = "header:x"\n', 5, "target.template.answer: "),
        (ASKING + 'answer = ""\n', 5, "target.template.answer: .*no source"),
        (ASKING + 'done = "$."\n', 5, "target.template.done: .*no JSONPath"),
        (ASKING + 'error = "oops"\n', 5, "target.template.error: .*no source"),
        (ASKING + 'model = "oops"\n', 5, "target.template.model: .*no source"),
        (ASKING + 'framing = "text"\nmode = "replace"\n', 6, "target.template.mode: "),
        (TEMPLATE + 'body = "{promt} {prompt}"\n', 4, r"target.template.body: \{promt\} has no value"),
        (ASKING + 'path = "/{sid}"\n', 5, r"target.template.path: \{sid\} has no value"),
        (ASKING + 'headers.X-A = "{sid}"\n', 5, r"target.template.headers: \{sid\} has no value"),
        (ASKING + 'keep.prompt = "$.a"\n', 5, r"target.template.keep.prompt: \{prompt\} has its value already"),
        (ASKING + 'keep."a b" = "$.a"\n', 5, "target.template.keep.a b: is no name"),
        (ASKING + 'keep.a = "b"\n', 5, "target.template.keep.a: .*no source"),
        (
            ASKING + '[[target.template.step]]\nkeep.a = "$.a"\n[[target.template.step]]\nkeep.a = "$.a"\n',
            8,
            "target.template.step.1.keep.a: is kept by an earlier step",
        ),
        (
            ASKING
            + '[[target.template.step]]\nwhen = "run"\npath = "/{a}"\n[[target.template.step]]\nkeep.a = "$.a"\n',
            7,
            r"target.template.step.0.path: \{a\} is kept only later",
        ),
        (ASKING + '[[target.template.step]]\nmethod = "SEND"\nbody = "a"\n', 6, "method: SEND is for framing"),
        (
            ASKING + 'framing = "websocket"\n[[target.template.step]]\nmethod = "SEND"\nbody = "a"\nkeep.a = "$.a"\n',
            9,
            "step.0.keep: a SEND gets no answer",
        ),
        (ASKING + 'framing = "websocket"\n[[target.template.step]]\nmethod = "SEND"\n', 6, "step.0.body: a SEND needs"),
        (
            ASKING + 'framing = "websocket"\n[[target.template.step]]\nmethod = "RECEIVE"\nwhen = "run"\n',
            8,
            "step.0.when: a RECEIVE needs a connection",
        ),
        (TEMPLATE + 'body = "{prompt} {key}"\n', 3, r"target.template: holds \{key\}, and there is no key_env"),
        (TEMPLATE + 'body = "{prompt} {model}"\n', 3, r"target.template: holds \{model\}, and there is no model"),
        (ASKING.replace("[target.t", 'key_env = "K"\n[target.t'), 3, "target.key_env: .*would never be sent"),
        (
            '[[reference]]\nurl = "https://a.example"\nmodel = "m"\n[[reference]]\nurl = "https://b.example"\n'
            '[reference.template]\nbody = "x"\n',
            6,
            "reference.1.template: holds neither",
        ),
    ],
)
def test_whatever_cannot_be_used_is_named_with_file_line_and_key(text: str, line: int, said: str) -> None:
    with pytest.raises(ConfigError, match=said) as caught:
        parse_config(text, FILE)
    message = str(caught.value)
    assert message.startswith(f"bot.toml, line {line}: "), message
    assert SECRET not in message
    assert "\n" not in message


@pytest.mark.parametrize(
    "line",
    [
        'headers.Authorization = "Bearer {env:BOT_TOKEN}"',
        'headers.Cookie = "theme=dark; sid={env:SID}"',
        'headers.X-CSRF-Token = "{csrf}"\n[[target.template.step]]\nkeep.csrf = "re:csrf=(\\\\w+)"',
        'path = "/chat?key={env:KEY}&max_tokens=5"',
        'done = "[DONE]"',
        'done = "it is over"',
        'answer = "event:complete => $[0]"',
        'keep.parent = "$.id"\npath = "/chat/{parent}"',
        'keep.conversation_id = "$.id"\npath = "/chat/{conversation_id}"',
        'path = "/graph?query={{id}}"',
        '[[target.template.step]]\nwhen = "ask"\nmethod = "POST"\nbody = "{prompt}"',
    ],
)
def test_what_can_be_used_is_taken(line: str) -> None:
    assert parse_config(ASKING + line + "\n", FILE).endpoints()


def test_a_bots_toml_is_read_from_disk_and_a_missing_file_is_said(tmp_path: Path) -> None:
    path = tmp_path / "bot.toml"
    path.write_text(ASKING + 'path = "oops"\n')
    with pytest.raises(ConfigError) as caught:
        load_config(path)
    assert str(caught.value).startswith(f"{path}, line 5: target.template.path: ")


@pytest.mark.parametrize(
    ("url", "dialect", "taken"),
    [
        ("https://bot.example/v1/chat/completions", "openai_stream", "https://bot.example/v1"),
        ("https://bot.example/v1/chat/completions/", "template", "https://bot.example/v1/chat/completions"),
        ("ws://127.0.0.1:80/a/", "template", "http://127.0.0.1:80/a"),
        (" https://bot.example/chat?bot=3#new ", "page", "https://bot.example/chat?bot=3#new"),
    ],
)
def test_an_address_is_what_its_dialect_needs(url: str, dialect: Dialect, taken: str) -> None:
    assert check_way(url, "target", dialect) == taken


@pytest.mark.parametrize(
    ("url", "dialect"),
    [
        (f"https://bot.example/?token={SECRET}", "page"),
        (f"https://bot.example/#/chat?access_token={SECRET}", "page"),
        (f"https://bot.example/#access_token={SECRET}", "page"),
        (f"https://u:{SECRET}@bot.example/", "page"),
        (f"https://bot.example/?a={SECRET}", "template"),
        (f"wss://u:{SECRET}@bot.example/", "template"),
        ("ws://bot.example", "openai_plain"),
        ("ws://bot.example", "page"),
        ("file:///etc/passwd", "page"),
    ],
)
def test_an_address_that_cannot_be_used_is_refused_without_its_secret(url: str, dialect: Dialect) -> None:
    with pytest.raises(SpecError) as caught:
        check_way(url, "target", dialect)
    assert SECRET not in str(caught.value)


def test_a_target_is_written_with_the_variables_to_set_and_never_a_value() -> None:
    endpoint = an_endpoint(
        "target", "target", url="https://bot.example", model="", dialect="template", key_env="BOT_KEY"
    )
    template = Template(headers=(("Authorization", "Bearer {key}"), ("Cookie", "{env:BOT_COOKIE}")), body="{prompt}")
    text = dump_target(replace(endpoint, template=template))
    assert "BOT_KEY, BOT_COOKIE" in text.splitlines()[0]
    assert endpoint_of(text) == replace(endpoint, template=template)


API: tuple[Dialect, ...] = (
    "openai_stream", "openai_plain", "responses_stream", "responses_plain", "anthropic_stream", "anthropic_plain",
    "ollama_stream", "ollama_plain", "gemini_stream", "gemini_plain",
)  # fmt: skip
texts = st.text(st.characters(codec="utf-8", exclude_characters="\r"), max_size=12)
names = st.from_regex(r"[a-z]{5,6}", fullmatch=True)
header_names = st.from_regex(r"[A-Za-z0-9!.-]{1,8}", fullmatch=True)
printable = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=12)
bodies = texts | st.builds("'{}' \"{{prompt}}\"\n{}".format, texts, texts)
sources = st.sampled_from(["$.a", '$["it\'s"]', "re:\\d'\"+", "text", "event:a b"])
pairs = st.dictionaries(header_names, printable, max_size=3).map(lambda d: tuple(d.items()))
kept = st.dictionaries(names, sources, max_size=2).map(lambda d: tuple(d.items()))
paths = st.just("") | st.text(st.characters(codec="ascii", min_codepoint=0x21, exclude_characters="#\\\x7f/")).map(
    lambda t: "/" + t
)


@st.composite
def templates(draw: st.DrawFn) -> Template:
    """Most of them can be used."""
    framing = draw(st.sampled_from(["body", "sse", "ndjson", "text", "websocket"]))
    frame = framing == "websocket"
    step = st.builds(
        Step,
        when=st.sampled_from(["run", "conversation", "ask"]),
        method=st.sampled_from(["GET", "POST"]),
        path=paths,
        headers=pairs,
        body=bodies,
        keep=kept,
    )
    frames = st.builds(Step, method=st.just("SEND"), body=texts.map("x{}".format)) | st.builds(
        Step, when=st.just("ask"), method=st.just("RECEIVE"), keep=kept
    )
    return Template(
        method=draw(st.sampled_from(["GET", "POST", "PUT"])),
        path=draw(paths),
        headers=draw(pairs),
        body=draw(bodies.map("{{prompt}} {}".format) | st.just('{"q": "{prompt}"}')),
        framing=framing,  # type: ignore[arg-type]
        answer=draw(sources),
        mode="add" if framing == "text" else draw(st.sampled_from(["add", "replace"])),
        done=draw(st.just("") | sources | texts),
        error=draw(st.just("") | sources),
        model=draw(st.just("") | sources),
        quiet_s=draw(st.floats(0, 1e9)) if frame else 0.0,
        keep=draw(kept),
        steps=tuple(draw(st.lists(step | frames if frame else step, max_size=2))),
    )


pages = st.builds(
    Page,
    input=texts,
    send=texts,
    answer=texts,
    new_chat=texts,
    accept=st.lists(texts, max_size=2).map(tuple),
    quiet_s=st.floats(0.001, 1e9),
)
hosts = st.lists(st.from_regex(r"[a-z]{1,5}\.example(:80)?", fullmatch=True), max_size=2).map(tuple)


@st.composite
def endpoints(draw: st.DrawFn) -> Endpoint:
    dialect = draw(st.sampled_from([*API, "template", "page"]))
    api = dialect in API
    template = draw(templates()) if dialect == "template" else None
    role = draw(st.sampled_from(["target", "reference"]))
    return Endpoint(
        name=draw(texts.filter(bool)),
        role=role,  # type: ignore[arg-type]
        url="https://bot.example/a",
        model=draw(texts.filter(bool)) if api else draw(texts),
        dialect=dialect,
        key_env=draw(st.none() | st.just("BOT_KEY")) if api else None,
        weights=draw(st.sampled_from(["open", "closed", "unknown"])),
        token_limit=draw(st.sampled_from(["max_tokens", "omit"])) if api else "max_tokens",
        send_temperature=draw(st.booleans()) if api else True,
        template=template,
        page=draw(pages) if dialect == "page" else None,
        hosts=draw(hosts),
        private=draw(st.booleans()),
    )


@settings(deadline=None, derandomize=True, max_examples=120)
@given(endpoints())
def test_an_endpoint_that_is_written_is_read_back_the_same_or_would_be_refused(endpoint: Endpoint) -> None:
    text = dump_target(endpoint)
    template = endpoint.template
    if template is not None and list(template_problems(template)):
        with pytest.raises(ConfigError):
            parse_config(text, FILE)
        return
    assert parse_config(text, FILE).endpoints() == (endpoint,)
