"""What detection speaks of: what an address is, and the endpoint that is made of it. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from urllib.parse import urlsplit, urlunsplit

from wrapdetect.dialects.sight import KeyHeader as KeyHeader  # what detection speaks of besides
from wrapdetect.dialects.sight import Look as Look
from wrapdetect.dialects.sight import Seen as Seen
from wrapdetect.dialects.sight import Sight as Sight
from wrapdetect.dialects.template.filling import names_in, parts_of
from wrapdetect.dialects.template.problems import template_problems
from wrapdetect.dialects.template.slots import KEY, Unfit
from wrapdetect.model import TARGET, Dialect, Endpoint, Page, Template

NO_MODEL = "MODEL"
"""Stands in a TOML for a model whose name nobody told."""
NEEDED_KEY = "BOT_KEY"
"""The variable that a TOML names where a key is needed and the user named none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Detection:
    """What a URL is and how to talk to it, in words; `endpoint` None where no way was found.

    `missing` is what must still be given before anything can be asked; `notes` what is good to know.
    """

    found: str
    why: str
    how: str = ""
    endpoint: Endpoint | None = None
    missing: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def target_at(
    sight: Sight,
    url: str,
    dialect: Dialect,
    model: str = "",
    *,
    needs_key: bool = False,
    template: Template | None = None,
    page: Page | None = None,
) -> Endpoint:
    """The target at `url`; a key goes with whatever takes one, by a variable of our choice where one is needed."""
    key_env = sight.key_env or (NEEDED_KEY if needs_key else None)
    takes_key = dialect != "page" and (template is None or uses_key(template))
    return Endpoint(
        name=TARGET,
        role="target",
        url=url.rstrip("/"),
        model=model,
        dialect=dialect,
        key_env=key_env if takes_key else None,
        template=template,
        page=page,
    )


def lacking_key(sight: Sight) -> str:
    """What is missing where a key is wanted, or another one."""
    if sight.key_env:
        return f"another key: it refuses the one in {sight.key_env}"
    return f"a key: --key-env VARIABLE, or set {NEEDED_KEY}, which the TOML names"


def with_unused_key(sight: Sight, detection: Detection) -> Detection:
    """With a word on a key that is not used."""
    unused = sight.key_env is not None and detection.endpoint is not None and detection.endpoint.key_env is None
    note = f"the key in {sight.key_env} is not used: nothing here takes one"
    return replace(detection, notes=(*detection.notes, note)) if unused else detection


def uses_key(template: Template) -> bool:
    """Whether a template sends the key."""
    return any(KEY.name in names_in(part) for part in parts_of(template))


def usable(template: Template) -> Template:
    """The template itself. Raises Unfit for what no config may hold, though a remote described it."""
    for _, what in template_problems(template):
        raise Unfit(what)
    return template


def origin(url: str) -> str:
    """Scheme and host of an address.

    >>> origin("https://bot.example/chat/v1")
    'https://bot.example'
    """
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc, "", "", ""))


def first_few(names: Sequence[str], limit: int = 8) -> str:
    """Names with commas, the first few of them.

    >>> first_few(["a", "b", "c"], 2)
    'a, b and 1 more'
    """
    more = f" and {len(names) - limit} more" if len(names) > limit else ""
    return ", ".join(names[:limit]) + more
