"""[target] and [[reference]] of a TOML file: every dialect's keys, and what they become."""

import json
import math
import re
from collections.abc import Iterable, Iterator
from datetime import date, time
from typing import Annotated, Self, TypedDict

from pydantic import AfterValidator, BaseModel, BeforeValidator, Field, model_validator

from wrapdetect.dialects import DIALECTS
from wrapdetect.dialects.address import is_secret
from wrapdetect.dialects.template.filling import names_in, parts_of
from wrapdetect.dialects.template.problems import OWN_HEADERS, Problem, template_problems
from wrapdetect.dialects.template.sources import TOKEN
from wrapdetect.model import Dialect, Endpoint, Framing, Mode, Page, Step, Template, TokenLimit, Weights
from wrapdetect.model.template import AutoReply, PageStep, Poll, When
from wrapdetect.targets.one_of import one_of
from wrapdetect.targets.toml_lines import STRICT, refuse_unfit


def _dialect(value: object) -> str:
    """Raises PydanticKnownError for what no config can name."""
    return one_of(value, (name for name, wire in DIALECTS.items() if not wire.by_hand))


Way = Annotated[str, BeforeValidator(_dialect)]
"""The name of a dialect, as a config has it."""
API_ONLY = ("stream", "token_limit", "send_temperature", "headers", "query")
LIKE_A_SECRET = "looks like a secret (value not shown)"
_BY_ENV = "write {env:NAME}, and set that variable"
_HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(:\d{1,5})?")


class Strict(BaseModel):
    """A table. Whatever in it has the right shape and cannot be used as written is one of its `problems`."""

    model_config = STRICT

    @model_validator(mode="after")
    def _fits(self) -> Self:
        refuse_unfit(self.problems())
        return self

    def problems(self) -> Iterator[Problem]:
        yield from ()


def _host(host: str) -> str:
    if not _HOST.fullmatch(host):
        refuse_unfit([((), "is no name of a host; expected one such as api.bot.example, without a path")])
    return host


def _some_seconds(seconds: float) -> float:
    if not (math.isfinite(seconds) and seconds > 0):
        refuse_unfit([((), "is no number of seconds above 0")])
    return seconds


def _seconds_or_never(seconds: float) -> float:
    if not (math.isfinite(seconds) and seconds >= 0):
        refuse_unfit([((), "is no number of seconds; expected 0 (never) or more")])
    return seconds


def _header_problem(name: str, value: str) -> str:
    """Why a header cannot go out, or may not stand in a file; no value is shown."""
    if not TOKEN.fullmatch(name) or name.lower() in OWN_HEADERS:
        return "is no header that may be set here; expected one such as x-title"
    if not value.isprintable():
        return "holds a character that no header has"
    return f"{LIKE_A_SECRET}; {_BY_ENV}" if is_secret(name, value, header=True) else ""


class _RequestFields(TypedDict):
    """What every request of a template has."""

    method: str
    path: str
    headers: tuple[tuple[str, str], ...]
    body: str
    keep: tuple[tuple[str, str], ...]


class _RequestTable(Strict):
    method: str | None = None
    path: str = ""
    headers: dict[str, str] = {}
    body: str = ""
    json_body: dict[str, object] | list[object] | None = Field(default=None, alias="json")
    keep: dict[str, str] = {}

    def problems(self) -> Iterator[Problem]:
        if self.json_body is not None and self.body:
            yield Problem(("json",), "stands beside body; leave out one of the two")
        elif _holds_a_date(self.json_body):
            yield Problem(("json",), "holds a TOML date or a number that JSON has not; write it as a text")

    def text(self) -> str:
        return self.body if self.json_body is None else json.dumps(self.json_body, ensure_ascii=False)

    def request(self, *, method: str | None = None) -> _RequestFields:
        """For its noun; `method` is what a request with nothing said of it has, else GET, or POST with a body."""
        return _RequestFields(
            method=self.method or method or ("POST" if self.text() else "GET"),
            path=self.path,
            headers=tuple(self.headers.items()),
            body=self.text(),
            keep=tuple(self.keep.items()),
        )


class StepTable(_RequestTable):
    """[[target.template.step]]"""

    when: When = "conversation"


class PollTable(_RequestTable):
    """[[target.template.poll]]"""

    until: str = ""
    failed: str = ""
    every_s: float = 1.0
    most_tries: int = 120


class ReplyTable(Strict):
    """[[target.template.reply]]"""

    when: str = ""
    every_s: float = 0.0
    body: str = ""


class TemplateTable(_RequestTable):
    """[target.template]"""

    framing: Framing = "body"
    answer: str = "text"
    mode: Mode = "add"
    done: str = ""
    error: str = ""
    model: str = ""
    quiet_s: Annotated[float, AfterValidator(_seconds_or_never)] = 0.0
    variables: list[str] | None = None
    step: list[StepTable] = []
    poll: list[PollTable] = []
    reply: list[ReplyTable] = []


class LoginTable(Strict):
    """[[target.page.login]]"""

    fill: str = ""
    text: str = ""
    press: str = ""
    wait: str = ""

    def problems(self) -> Iterator[Problem]:
        if sum(map(bool, (self.fill, self.press, self.wait))) != 1:
            yield Problem((), "needs exactly one of fill, press and wait, with a selector")
        if bool(self.fill) != bool(self.text):
            yield Problem((), 'fill and text go together: fill = "#user", text = "{env:USER}"')


class PageTable(Strict):
    """[target.page]"""

    input: str = ""
    send: str = ""
    answer: str = ""
    new_chat: str = ""
    accept: list[str] = []
    quiet_s: Annotated[float, AfterValidator(_some_seconds)] = 1.0
    open: str = ""
    login: list[LoginTable] = []


class EndpointTable(Strict):
    """[target] or one [[reference]]."""

    url: str
    model: Annotated[str, Field(min_length=1)] | None = None
    name: Annotated[str, Field(min_length=1)] | None = None
    dialect: Way | None = None
    key_env: str | None = None
    stream: bool = True
    weights: Weights = "unknown"
    token_limit: TokenLimit = "max_tokens"
    send_temperature: bool = True
    headers: dict[str, str] = {}
    query: dict[str, str] = {}
    hosts: list[Annotated[str, AfterValidator(_host)]] = []
    private: bool = False
    storage_state: str = ""
    template: TemplateTable | None = None
    page: PageTable | None = None

    @property
    def way(self) -> Way:
        return self.dialect or ("template" if self.template else "page" if self.page else "openai")

    def problems(self) -> Iterator[Problem]:
        yield from _of_another_way(self)
        if self.template is not None and self.way == "template":
            built = template_of(self.template)
            yield from (Problem(("template", *p.loc), p.what) for p in template_problems(built))
            yield from _placeholder_needs(self, built)
        yield from _sent_problems(self.headers.items(), self.query.items())


def endpoint_problems(endpoint: Endpoint) -> Iterator[Problem]:
    """What a table's own would be, of an endpoint that was made without one."""
    if endpoint.template is not None:
        yield from (Problem(("template", *p.loc), p.what) for p in template_problems(endpoint.template))
    elif endpoint.dialect == "template":
        yield Problem(("dialect",), "'template' needs a template")
    yield from _sent_problems(endpoint.headers, endpoint.query)


def _sent_problems(headers: Iterable[tuple[str, str]], query: Iterable[tuple[str, str]]) -> Iterator[Problem]:
    """What of that which goes out with every call cannot, or may not stand in a file."""
    for name, value in headers:
        if what := _header_problem(name, value):
            yield Problem(("headers", name), what)
    for name, value in query:
        if is_secret(name, value):
            yield Problem(("query", name), f"{LIKE_A_SECRET}; {_BY_ENV}")


def dialect_of(table: EndpointTable) -> Dialect:
    """The dialect with its manner: streamed or plain."""
    return DIALECTS[table.way].manner(stream=table.stream)


def template_of(given: TemplateTable) -> Template:
    """The template of its table."""
    return Template(
        **given.request(method="GET" if given.framing == "websocket" else None),
        framing=given.framing,
        answer=given.answer,
        mode=given.mode,
        done=given.done,
        error=given.error,
        model=given.model,
        quiet_s=given.quiet_s,
        variables=None if given.variables is None else tuple(given.variables),
        steps=tuple(Step(when=step.when, **step.request()) for step in given.step),
        polls=tuple(
            Poll(
                **poll.request(),
                until=poll.until,
                failed=poll.failed,
                every_s=poll.every_s,
                most_tries=poll.most_tries,
            )
            for poll in given.poll
        ),
        replies=tuple(AutoReply(when=r.when, every_s=r.every_s, body=r.body) for r in given.reply),
    )


def page_of(table: EndpointTable) -> Page | None:
    """The page, where the way is one; its table may be left out."""
    if table.way != "page":
        return None
    given = table.page or PageTable()
    return Page(
        input=given.input,
        send=given.send,
        answer=given.answer,
        new_chat=given.new_chat,
        accept=tuple(given.accept),
        quiet_s=given.quiet_s,
        open=given.open,
        login=tuple(PageStep(fill=s.fill, text=s.text, press=s.press, wait=s.wait) for s in given.login),
    )


def _of_another_way(table: EndpointTable) -> Iterator[Problem]:
    """Keys that its way does not know, or lacks."""
    way = table.way
    is_api = DIALECTS[way].is_api
    if table.model is None and is_api:
        yield Problem(("model",), "Field required: the name of the model, as its API expects it")
    if table.template is not None and way != "template":
        yield Problem(("template",), f'does not go with dialect = "{way}"; leave out one of the two')
    if table.page is not None and way != "page":
        yield Problem(("page",), f'does not go with dialect = "{way}"; leave out one of the two')
    if way == "template" and table.template is None:
        yield Problem(("dialect",), 'dialect = "template" needs a table [target.template], or [reference.template]')
    for key in API_ONLY:
        if not is_api and key in table.model_fields_set:
            yield Problem((key,), f"is for APIs, and has no meaning with a {way}; leave it out")
    if way == "page" and table.key_env is not None:
        yield Problem(("key_env",), "has no meaning with a page; log in by storage_state or [[target.page.login]]")
    if table.storage_state and is_api:
        yield Problem(("storage_state",), f'is for pages and templates, and has no meaning with dialect = "{way}"')


def _holds_a_date(value: object) -> bool:
    if isinstance(value, dict | list):
        return any(map(_holds_a_date, value.values() if isinstance(value, dict) else value))
    return isinstance(value, date | time) or (isinstance(value, float) and not math.isfinite(value))


def _placeholder_needs(table: EndpointTable, template: Template) -> Iterator[Problem]:
    used = {name for part in parts_of(template) for name in names_in(part)}
    if "key" in used and table.key_env is None:
        yield Problem(("template",), "holds {key}, and there is no key_env: the variable that holds it")
    if "key" not in used and table.key_env is not None:
        yield Problem(("key_env",), "is given, and {key} stands nowhere in the template: the key would never be sent")
    if "model" in used and table.model is None:
        yield Problem(("template",), "holds {model}, and there is no model")
