"""An endpoint <-> a JSON object, with its template or page where it has one."""

from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import get_args

from wrapdetect.endpoint import Endpoint
from wrapdetect.ways import AutoReply, Framing, Mode, Page, Poll, Request, Step, Template, When

Line = dict[str, object]
ONLY_IF_SET = ("template", "page", "hosts", "private")
"""What most endpoints do not have, and then do not name."""
TEMPLATE_ONLY_IF_SET: Mapping[str, object] = {"variables": None, "polls": (), "replies": ()}
"""What most templates do not have, and how that looks; a statement of no variables is one."""


def dump_endpoint(endpoint: Endpoint) -> Line:
    """All fields; of ONLY_IF_SET those that are set."""
    line = {k: v for k, v in asdict(endpoint).items() if v or k not in ONLY_IF_SET}
    template = line.get("template")
    if isinstance(template, dict):
        line["template"] = {
            k: v for k, v in template.items() if k not in TEMPLATE_ONLY_IF_SET or v != TEMPLATE_ONLY_IF_SET[k]
        }
    return line


def load_endpoint(line: Mapping[str, object]) -> Endpoint:
    """The inverse of dump_endpoint. Raises TypeError or ValueError for what is none."""
    template, page, hosts = line.get("template"), line.get("page"), line.get("hosts", ())
    ways: Line = {
        "template": None if template is None else load_template(_object(template, "template")),
        "page": None if page is None else _page(_object(page, "page")),
        "hosts": _texts(hosts, "hosts"),
    }
    return Endpoint(**{**line, **ways})  # type: ignore[arg-type]  # a name that is none raises, values are looked at


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
    _check_texts(template)
    parts: tuple[Request, ...] = (*template.steps, *template.polls, *template.replies)
    for part in parts:
        _check_texts(part)
    return template


def _page(line: Mapping[str, object]) -> Page:
    page = Page(**{**line, "accept": _texts(line.get("accept", ()), "accept")})  # type: ignore[arg-type]
    _check_texts(page)
    return page


def _check_texts(part: Request | Page) -> None:
    for field in fields(part):
        value = getattr(part, field.name)
        if field.type in (str, "str") and not isinstance(value, str):
            raise ValueError(f"{field.name} is {value!r}; expected a text")
        if field.type in (float, "float") and (isinstance(value, bool) or not isinstance(value, int | float)):
            raise ValueError(f"{field.name} is {value!r}; expected a number")
        if field.type in (int, "int") and (isinstance(value, bool) or not isinstance(value, int)):
            raise ValueError(f"{field.name} is {value!r}; expected a whole number")


def _pairs_of(line: Mapping[str, object]) -> Line:
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
