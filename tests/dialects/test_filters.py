"""Filters: what was kept is sent as the other side wants it; the set is closed, and no filter is skipped in silence."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.ways.asking_templates import a_bot, an_ask, ask_all
from tests.ways.misbehaving import Peer, fixed, serving
from wrapdetect.dialects.template.filling import fill_text, names_in, request_of
from wrapdetect.dialects.template.filters import FILTERS, CannotFilter, Masked, filtered
from wrapdetect.dialects.template.problems import template_problems
from wrapdetect.errors import ConfigError
from wrapdetect.model import FailureKind, Step, Template
from wrapdetect.targets.config import parse_config
from wrapdetect.targets.written import dump_target

FIXED = settings(deadline=None, derandomize=True, max_examples=60)
FILE = "bot.toml"


@pytest.mark.parametrize(
    ("written", "value", "sent"),
    [
        ("{v | urldecode}", "eyJpdiI6IkF%2BQiI%3D", "eyJpdiI6IkF+QiI="),
        ("{v|urldecode}", "a%20b+c", "a b+c"),
        ("{v | urldecode}", "%ff%zz%", "\ufffd%zz%"),
        ("{v | urlencode}", "a b/c&é", "a%20b%2Fc%26%C3%A9"),
        ("{v | base64}", "é:x", "w6k6eA=="),
        ("{v | unbase64}", "w6k6eA==", "é:x"),
        ("{v | unbase64}", "w6k6eA", "é:x"),
        ("{v | unbase64}", "_-9-", None),
        ("{v | json}", 'a "b"\n', '"a \\"b\\"\\n"'),
        ("{v | trim}", " \t a \n", "a"),
        ("{v | lower}", "AbÉ", "abé"),
        ("{v | urldecode | unbase64 | trim | lower}", "IEEg%0A", "a"),
        ("a {v|trim}{v}", " b", "a b b"),
        ("{v | trim}", None, ""),
        ("{v | trim}", 7, "7"),
        ("{{v | trim}}", " b", "{v | trim}"),
        ("{v | }", " b", "{v | }"),
        ("{v |\ttrim}", " b", "{v |\ttrim}"),
        ("{ v | trim }", " b", "{ v | trim }"),
        ("{w | trim}", " b", "{w|trim}"),
    ],
)
def test_a_filter_gives_what_its_name_says(written: str, value: object, sent: str | None) -> None:
    if sent is None:
        with pytest.raises(CannotFilter, match="no base64"):
            fill_text(written, {"v": value})
    else:
        assert fill_text(written, {"v": value}) == sent


@FIXED
@given(st.text(st.characters(codec="utf-8")))
def test_what_is_encoded_is_decoded_to_the_same(value: str) -> None:
    for there, back in (("urlencode", "urldecode"), ("base64", "unbase64")):
        assert filtered(value, [there, back]) == value


def test_filters_are_applied_in_every_place() -> None:
    part = Step(
        method="POST",
        path="/a/{v | urldecode}?q={v | urldecode}",
        headers=(("x-v", "{v | urldecode}"), ("content-type", "application/json")),
        body='{"alone": "{v | urldecode}", "within": "<{v | urldecode}>", "bare": {n | trim}, '
        '"deep": "{\\"a\\": \\"{v|trim}\\"}"}',
    )
    assert names_in(part) == {"v", "n"}
    sent = request_of(part, {"v": "a%22b", "n": " 7 "})
    assert sent.path == "/a/a%22b?q=a%22b"
    assert dict(sent.headers)["x-v"] == 'a"b'
    assert sent.body == '{"alone": "a\\"b", "within": "<a\\"b>", "bare": 7, "deep": "{\\"a\\": \\"a%22b\\"}"}'


def test_a_masked_value_stays_masked() -> None:
    for name in FILTERS:
        assert filtered(Masked("***"), [name]) == "***"


@pytest.mark.parametrize(
    ("line", "where"),
    [
        ('headers.x-a = "{prompt | upper}"', "headers.x-a"),
        ('path = "/x?q={prompt|trim|rot13}"', "path"),
        ('body = "{prompt | b64}"', "body"),
    ],
)
def test_a_filter_that_is_unknown_is_refused_by_its_name(line: str, where: str) -> None:
    name = line.rstrip("\"}'").rpartition("|")[2].strip().rstrip('}"')
    text = f'[target]\nurl = "https://bot.example"\n[target.template]\n{line}\n'
    text += "" if line.startswith("body") else 'body = "{prompt}"\n'
    with pytest.raises(ConfigError, match=rf"line 4: target.template.{where}: .*no filter {name}; expected urldecode"):
        parse_config(text, FILE)


@pytest.mark.parametrize(
    ("table", "line", "said"),
    [
        ("[[target.template.poll]]\npath = 'x'\n", 6, "poll.0.path: begins with neither"),
        ("[[target.template.poll]]\npath = '/{nobody}'\n", 6, r"poll.0.path: \{nobody\} has no value"),
        ("[[target.template.poll]]\nuntil = 'done'\n", 6, "poll.0.until: 'done' is no source"),
        ("[[target.template.poll]]\nfailed = '$.'\n", 6, "poll.0.failed: .* no JSONPath"),
        ("[[target.template.poll]]\nevery_s = 0.0\n", 6, "poll.0.every_s: is no number of seconds"),
        ("[[target.template.poll]]\nevery_s = nan\n", 6, "poll.0.every_s: is no number of seconds"),
        ("[[target.template.poll]]\nmost_tries = 0\n", 6, "poll.0.most_tries: is no number from 1"),
        ("[[target.template.poll]]\nmost_tries = 1000000\n", 6, "poll.0.most_tries: is no number from 1"),
        ("[[target.template.poll]]\ntimes = 3\n", 6, "poll.0.times: "),
        ("[[target.template.poll]]\nheaders.authorization = 'Bearer abcdefgh'\n", 6, "poll.0.headers.authorization"),
        ("framing = 'websocket'\n[[target.template.poll]]\n", 6, "poll.0: is for answers over HTTP"),
        ("[[target.template.reply]]\nwhen = '$.a'\n", 5, "reply.0: is for framing"),
        ("framing = 'websocket'\n[[target.template.reply]]\nbody = 'x'\n", 6, "reply.0: needs one of the two"),
        ("framing = 'websocket'\n[[target.template.reply]]\nwhen = '^2$'\n", 7, "reply.0.when: .*write 're:"),
        ("framing = 'websocket'\n[[target.template.reply]]\nevery_s = 5.0\n", 6, "reply.0.body: is missing"),
        ("framing = 'websocket'\n[[target.template.reply]]\nevery_s = 0.001\nbody = 'x'\n", 7, "0.every_s: is no"),
        ("framing = 'websocket'\n[[target.template.reply]]\nevery_s = 5.0\nbody = '{found}'\n", 8, r"\{found\} has"),
        ("variables = ['A']\nheaders.x-a = '{env:B}'\n", 5, "variables: does not state B"),
        ("headers.content-type = 'multipart/form-data; boundary=x'\n", 5, "no whole parts"),
    ],
)  # fmt: skip
def test_what_cannot_be_polled_or_replied_is_named_with_its_line(table: str, line: int, said: str) -> None:
    text = '[target]\nurl = "https://bot.example"\n[target.template]\nbody = "{prompt}"\n' + table
    with pytest.raises(ConfigError, match=said) as caught:
        parse_config(text, FILE)
    assert str(caught.value).startswith(f"bot.toml, line {line}: "), str(caught.value)


def test_all_that_a_template_may_hold_is_written_and_read_back() -> None:
    text = """
[target]
url = "https://bot.example"
[target.template]
path = "/ask"
body = "{prompt} {x | trim | lower}{env:A}"
variables = ["A"]
keep.job = "$.job"
[[target.template.step]]
path = "/x"
keep.x = "cookie:X"
[[target.template.poll]]
path = "/jobs/{job}"
headers.x-a = "{x | urldecode}"
until = "$.done"
failed = "$.error"
every_s = 2
most_tries = 9
keep.y = "$.y"
[[target.template.poll]]
json = { job = "{job}" }
"""
    socket = """
[target]
url = "wss://bot.example"
[target.template]
framing = "websocket"
body = "{prompt}"
[[target.template.reply]]
when = "re:^2(.*)$"
body = "3{found}"
[[target.template.reply]]
every_s = 25
body = "2"
"""
    for given_text in (text, socket):
        (endpoint,) = parse_config(given_text, FILE).endpoints()
        assert parse_config(dump_target(endpoint), FILE).endpoints() == (endpoint,)


def xsrf(value: str) -> Template:
    step = Step(path="/csrf", keep=(("xsrf", "cookie:XSRF-TOKEN"),))
    return Template(path="/chat", headers=(("x-xsrf-token", value),), body="{prompt}", answer="$.a", steps=(step,))


def test_a_cookie_that_must_come_back_decoded_does_and_is_recorded_nowhere() -> None:
    def behave(peer: Peer) -> None:
        if "/csrf" in peer.request.head:
            fixed(b"{}", headers=("set-cookie: XSRF-TOKEN=eyJpdiI6IkF%2BQiI%3D; path=/",))(peer)
            return
        sent = next(line for line in peer.request.head.splitlines() if line.lower().startswith("x-xsrf-token"))
        fixed(f'{{"a": "I got {sent.partition(": ")[2]}"}}'.encode())(peer)

    with serving(behave, keep_open=True) as server:
        ((exchange,),) = ask_all(a_bot(server.url, xsrf("{xsrf | urldecode}")), an_ask("Why?"))
        heard = server.requests[-1].head
    assert "eyJpdiI6IkF+QiI=\r" in heard + "\r"
    assert b"eyJ" not in b"".join(c.data for c in exchange.chunks)
    assert "QiI" not in repr(exchange)


def test_what_a_filter_cannot_read_is_a_failure_of_the_other_side() -> None:
    with serving(fixed(b"{}", headers=("set-cookie: XSRF-TOKEN=abcde!!; path=/",)), keep_open=True) as server:
        ((exchange,),) = ask_all(a_bot(server.url, xsrf("{xsrf | unbase64}")), an_ask("Why?"))
    assert exchange.failure is not None
    assert exchange.failure.kind is FailureKind.GARBLED
    assert "unbase64" in exchange.failure.detail
    assert "abcde" not in exchange.failure.detail


def test_a_variable_that_another_endpoint_states_is_not_read_for_this_one() -> None:
    stated = Template(path="/a", headers=(("x-a", "{env:A}"),), body="{prompt}", variables=("A",))
    unstated = Template(path="/b", headers=(("x-a", "{env:A}"),), body="{prompt}", variables=())
    with serving(fixed(b"Hi."), keep_open=True) as server:
        for template in (stated, unstated):
            ask_all(a_bot(server.url, template), an_ask("Hi?"), variables={"A": "planted-value-1"})
        first, second = (r.head for r in server.requests)
    assert "x-a: planted-value-1" in first
    assert "x-a: {env:A}" in second


def test_more_filters_in_a_row_than_anybody_needs_are_refused() -> None:
    """Each base64 makes a third more of it: of 500 in a row no machine comes to an end."""
    of = Template(path="/a", body="{prompt|" + "|".join(["base64"] * 9) + "}", answer="$.a")
    assert any("has 9 filters; expected at most 8" in problem.what for problem in template_problems(of))
    fits = replace(of, body="{prompt|" + "|".join(["base64"] * 8) + "}")
    assert not list(template_problems(fits))


def test_more_steps_than_any_chat_needs_are_refused() -> None:
    of = Template(path="/a", body="{prompt}", answer="$.a", steps=(Step(path="/s"),) * 101)
    assert ["holds 101 steps" in problem.what for problem in template_problems(of)] == [True]
    assert not list(template_problems(replace(of, steps=of.steps[:100])))
