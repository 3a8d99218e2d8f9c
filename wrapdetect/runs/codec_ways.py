"""An endpoint <-> a JSON object, with its template or page where it has one."""

from collections.abc import Mapping
from dataclasses import asdict, fields
from math import isfinite
from types import UnionType
from typing import NamedTuple, get_args

from wrapdetect.model import Endpoint, Item, Pack
from wrapdetect.model.prose import quote
from wrapdetect.model.template import AutoReply, Framing, Mode, Page, PageStep, Poll, Request, Step, Template, When

_Line = dict[str, object]


class Due(NamedTuple):
    """What a field's annotation asks for, and how that is said."""

    kind: type | UnionType
    said: str


PLAIN: Mapping[object, Due] = {
    str: Due(str, "a text"),
    str | None: Due(str | None, "a text or null"),
    float: Due(int | float, "a number"),
    int: Due(int, "a whole number"),
    bool: Due(bool, "true or false"),
}
"""By the annotations of fields that hold one plain value."""
ONLY_IF_SET = ("template", "page", "hosts", "private", "headers", "query", "storage_state")
"""What most endpoints do not have, and then do not name."""
TEMPLATE_ONLY_IF_SET: Mapping[str, object] = {"variables": None, "polls": (), "replies": ()}
"""What most templates do not have, and how that looks; a statement of no variables is one."""


def dump_endpoint(endpoint: Endpoint) -> _Line:
    """All fields; of ONLY_IF_SET those that are set."""
    line = {k: v for k, v in asdict(endpoint).items() if v or k not in ONLY_IF_SET}
    template = line.get("template")
    if isinstance(template, dict):
        line["template"] = {
            k: v for k, v in template.items() if k not in TEMPLATE_ONLY_IF_SET or v != TEMPLATE_ONLY_IF_SET[k]
        }
    if endpoint.page is not None:
        line["page"] = {k: v for k, v in asdict(endpoint.page).items() if v or k not in ("open", "login")}
    return line


def load_endpoint(line: Mapping[str, object]) -> Endpoint:
    """The inverse of dump_endpoint. Raises TypeError or ValueError for what is none."""
    template, page, hosts = line.get("template"), line.get("page"), line.get("hosts", ())
    ways: _Line = {
        "template": None if template is None else load_template(_object(template, "template")),
        "page": None if page is None else _page(_object(page, "page")),
        "hosts": _texts(hosts, "hosts"),
        **{name: _pairs(line.get(name, ()), name) for name in ("headers", "query")},
    }
    endpoint = Endpoint(**{**line, **ways})  # type: ignore[arg-type]  # a name that is none raises, values are looked at
    check_values(endpoint)
    return endpoint


def load_template(line: Mapping[str, object]) -> Template:
    """A template as dump_endpoint wrote it. Raises TypeError or ValueError."""
    template = Template(
        **{  # type: ignore[arg-type]
            **line,
            **_pairs_of(line),
            "variables": None if line.get("variables") is None else _texts(line["variables"], "variables"),
            "steps": tuple(Step(**{**s, **_pairs_of(s)}) for s in _objects(line, "steps")),  # type: ignore[arg-type]
            "polls": tuple(Poll(**{**p, **_pairs_of(p)}) for p in _objects(line, "polls")),  # type: ignore[arg-type]
            "replies": tuple(AutoReply(**r) for r in _objects(line, "replies")),  # type: ignore[arg-type]
        }
    )
    for value, allowed in (
        (template.framing, Framing),
        (template.mode, Mode),
        *((s.when, When) for s in template.steps),
    ):
        if value not in get_args(allowed):
            raise ValueError(f"template: {value!r} is none of {', '.join(get_args(allowed))}")
    check_values(template)
    parts: tuple[Request, ...] = (*template.steps, *template.polls, *template.replies)
    for part in parts:
        check_values(part)
    return template


def _page(line: Mapping[str, object]) -> Page:
    steps = line.get("login", ())
    if not isinstance(steps, list | tuple):
        raise ValueError(f"login is {steps!r}; expected a list")
    login = tuple(PageStep(**_object(s, "login")) for s in steps)  # type: ignore[arg-type]
    page = Page(**{**line, "accept": _texts(line.get("accept", ()), "accept"), "login": login})  # type: ignore[arg-type]
    check_values(page)
    for step in login:
        check_values(step)
    return page


def check_values(noun: Endpoint | Request | Page | PageStep | Pack | Item) -> None:
    """Raises ValueError where a plain field holds another kind of value than its noun says, or no finite number."""
    for field in fields(noun):
        value, due = getattr(noun, field.name), PLAIN.get(field.type)
        if due is not None and not (isinstance(value, due.kind) and isinstance(value, bool) == (due.kind is bool)):
            raise ValueError(f"{field.name} is {quote(repr(value))}; expected {due.said}")
        if isinstance(value, float) and not isfinite(value):
            raise ValueError(f"{field.name} is {value}; expected a finite number")


def _pairs_of(line: Mapping[str, object]) -> _Line:
    return {name: _pairs(line.get(name, ()), name) for name in ("headers", "keep")}


def _pairs(value: object, name: str) -> tuple[tuple[str, str], ...]:
    match value:
        case list() | tuple() if all(
            isinstance(p, list | tuple) and len(p) == 2 and all(isinstance(t, str) for t in p) for p in value
        ):
            return tuple((k, v) for k, v in value)
        case _:
            raise ValueError(f"{name} is {value!r}; expected a list of pairs of texts")


def _texts(value: object, name: str) -> tuple[str, ...]:
    if not isinstance(value, list | tuple) or not all(isinstance(v, str) for v in value):
        raise ValueError(f"{name} is {value!r}; expected a list of texts")
    return tuple(value)


def _objects(line: Mapping[str, object], name: str) -> list[Mapping[str, object]]:
    value = line.get(name, ())
    if not isinstance(value, list | tuple):
        raise ValueError(f"{name} is {value!r}; expected a list")
    return [_object(v, name) for v in value]


def _object(value: object, name: str) -> Mapping[str, object]:
    if not isinstance(value, dict):
        raise ValueError(f"{name} is {value!r}; expected an object")
    return value
