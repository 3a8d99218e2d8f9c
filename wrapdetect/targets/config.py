"""Endpoints as the user gives them: name=url#model@KEY on the command line, or tables of a TOML file."""

import tomllib
from collections.abc import Iterator
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import SplitResult, parse_qsl, urlsplit

import idna
from pydantic import Field, ValidationError

from wrapdetect.dialects import DIALECTS
from wrapdetect.dialects.address import ApiPlace, is_secret, place_of
from wrapdetect.dialects.azure import Pairs
from wrapdetect.dialects.template.problems import OWN_HEADERS, Problem
from wrapdetect.dialects.template.sources import TOKEN
from wrapdetect.errors import ConfigError, SpecError
from wrapdetect.model import TARGET, Dialect, Endpoint, Page, Role, Template, TokenLimit, Weights
from wrapdetect.model.prose import quote
from wrapdetect.secrets.names import secret_name
from wrapdetect.targets.tables import (
    EndpointTable,
    LoginTable,
    PageTable,
    StepTable,
    Strict,
    TemplateTable,
    dialect_of,
    page_of,
    problems,
    template_of,
)
from wrapdetect.targets.toml_lines import Loc, line_of
from wrapdetect.ways.keyring import check_variable

OF_WAYS = {"template", "page", "hosts", "private", "dialect", "headers", "query"}
"""Keys that docs/ways.md tells of, and not the README."""
NO_API = ("template", "page", "pasted")
LIKE_A_SECRET = "looks like a secret (value not shown)"
AFTER_THE_PATH = (
    "the URL has a query or fragment (not shown, it may hold a key); "
    "expected the base address of the API only, such as https://bot.example/v1"
)
KEYS_THEMSELVES = {"key", "api_key", "apikey", "token", "api_token", "access_token", "secret", "password"}


class _AuditTable(Strict):
    pack: list[str] | None = None
    draws: Annotated[int, Field(ge=1)] | None = None
    seed: int | None = None
    max_requests: Annotated[int, Field(ge=1)] | None = None
    max_tokens: Annotated[int, Field(ge=1)] | None = None
    concurrency: Annotated[int, Field(ge=1)] | None = None
    pace: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = None
    timeout: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    enrol: Annotated[int, Field(ge=0)] | None = None


class Config(Strict):
    """A config file: [target], [[reference]] and, where options stand in it, [audit]."""

    target: EndpointTable | None = None
    reference: list[EndpointTable] = Field(default_factory=list)
    audit: _AuditTable = _AuditTable()

    def endpoints(self) -> tuple[Endpoint, ...]:
        """Raises SpecError for an address, key variable or name that cannot be used."""
        return tuple(_endpoint(table, "target" if loc[0] == "target" else "reference") for loc, table in self.tables())

    def tables(self) -> Iterator[tuple[Loc, EndpointTable]]:
        """Each table of an endpoint, and where it stands."""
        if self.target is not None:
            yield ("target",), self.target
        yield from ((("reference", index), table) for index, table in enumerate(self.reference))


_TABLES: dict[str, type[Strict]] = {
    "target": EndpointTable,
    "reference": EndpointTable,
    "template": TemplateTable,
    "page": PageTable,
    "login": LoginTable,
    "step": StepTable,
    "audit": _AuditTable,
}


def _endpoint(table: EndpointTable, role: Role) -> Endpoint:
    host = (urlsplit(table.url).hostname or "") if table.way in ("template", "page") else ""
    return make_endpoint(
        name=table.name or (TARGET if role == "target" else table.model or host),
        role=role,
        url=table.url,
        model=table.model or "",
        key_env=table.key_env,
        dialect=dialect_of(table) if table.dialect or table.way != "openai" else None,
        stream=table.stream,
        weights=table.weights,
        token_limit=table.token_limit,
        send_temperature=table.send_temperature,
        template=template_of(table),
        page=page_of(table),
        hosts=tuple(table.hosts),
        private=table.private,
        headers=tuple(table.headers.items()),
        query=tuple(table.query.items()),
        storage_state=table.storage_state,
    )


def api_problems(table: EndpointTable) -> Iterator[Problem]:
    """Headers and query values that cannot go out, or may not stand in a file; no value is shown."""
    for name, value in table.headers.items():
        if not TOKEN.fullmatch(name) or name.lower() in OWN_HEADERS:
            yield Problem(("headers", name), "is no header that may be set here; expected one such as x-title")
        elif not value.isprintable():
            yield Problem(("headers", name), "holds a character that no header has")
        elif is_secret(name, value, header=True):
            yield Problem(("headers", name), f"{LIKE_A_SECRET}; write {{env:NAME}}, and set that variable")
    for name, value in table.query.items():
        if is_secret(name, value):
            yield Problem(("query", name), f"{LIKE_A_SECRET}; write {{env:NAME}}, and set that variable")


def load_config(path: Path) -> Config:
    """Raises ConfigError, one line, naming the file, the line and the key."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(
            f"cannot read {path}: {error.strerror}; expected a TOML file with [target] and [[reference]]"
        ) from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: not UTF-8 text (byte {error.start}); expected a TOML file") from error
    return parse_config(text, path)


def parse_config(text: str, path: Path) -> Config:
    """The same of a text; `path` is how errors call it."""
    try:
        raw = tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # ValueError: TOMLDecodeError, or a number of thousands of digits
        raise ConfigError(f"{path}: not TOML: {error}") from error
    try:
        config = Config.model_validate(raw)
    except ValidationError as error:
        # A misspelt key explains a missing one.
        first = min(error.errors(), key=lambda e: e["type"] != "extra_forbidden")
        # The value is not repeated: a key may have been put there by mistake.
        raise _refusal(path, text, first["loc"], _said(first["loc"], first["type"], first["msg"])) from error
    for at, table in config.tables():
        for loc, what in (*problems(table), *api_problems(table)):
            raise _refusal(path, text, (*at, *loc), what)
    return config


def _refusal(path: Path, text: str, loc: Loc, what: str) -> ConfigError:
    lines = (line_of(text, loc[:length]) for length in range(len(loc), 0, -1))
    line = next((n for n in lines if n is not None), None)
    where = str(path) if line is None else f"{path}, line {line}"
    spelt = ".".join(" ".join(str(p).split()) for p in loc)
    page = "docs/ways.md" if OF_WAYS & set(loc) else "the README"
    return ConfigError(f"{where}: {spelt}: {what}; see {page} for the keys of a config file")


def _said(loc: Loc, kind: str, message: str) -> str:
    return f"unknown key{_meant(loc)}" if kind == "extra_forbidden" else " ".join(message.split())


def _meant(loc: Loc) -> str:
    """What an unknown key may have been meant to be, from a semicolon on; "" where nothing is like it.

    >>> _meant(("target", "template", "framming"))
    '; did you mean framing?'
    """
    *tables, key = (part for part in loc if isinstance(part, str))
    table = _TABLES.get(tables[-1], Config) if tables else Config
    if table is EndpointTable and key.lower().replace("-", "_") in KEYS_THEMSELVES:
        return '; a key never stands in a file: key_env = "VARIABLE" names the variable that holds it'
    known = [field.alias or name for name, field in table.model_fields.items()]
    close = get_close_matches(key, known, n=1)
    return f"; did you mean {close[0]}?" if close else ""


def parse_reference(text: str) -> Endpoint:
    """NAME=URL#MODEL or NAME=URL#MODEL@KEY_VARIABLE. Raises SpecError saying which part is missing.

    >>> e = parse_reference("openai=https://api.openai.com/v1#gpt-4o-mini@OPENAI_API_KEY")
    >>> e.name, e.url, e.model, e.key_env
    ('openai', 'https://api.openai.com/v1', 'gpt-4o-mini', 'OPENAI_API_KEY')
    """
    name, equals, rest = text.partition("=")
    url, hash_sign, tail = rest.partition("#")
    model, at, key_env = tail.rpartition("@")
    if not at:
        model, key_env = tail, ""
    if not (equals and hash_sign and name and model):
        raise SpecError(
            "--reference: expected NAME=URL#MODEL or NAME=URL#MODEL@KEY_VARIABLE, "
            "such as openai=https://api.openai.com/v1#gpt-4o-mini@OPENAI_API_KEY"
            f" (missing: {'the name and =' if not (equals and name) else '# and the model'})"
        )
    if at and not key_env:
        raise SpecError(f"--reference {name}: no key variable after @; expected a name such as OPENAI_API_KEY")
    return make_endpoint(name=name, role="reference", url=url, model=model, key_env=key_env or None)


def make_endpoint(
    *,
    name: str,
    role: Role,
    url: str,
    model: str,
    key_env: str | None,
    dialect: Dialect | None = None,
    stream: bool = True,
    weights: Weights = "unknown",
    token_limit: TokenLimit = "max_tokens",
    send_temperature: bool = True,
    template: Template | None = None,
    page: Page | None = None,
    hosts: tuple[str, ...] = (),
    private: bool = False,
    headers: Pairs = (),
    query: Pairs = (),
    storage_state: str = "",
) -> Endpoint:
    """An endpoint whose address and key variable were looked at; without a dialect it is that of the address, or
    OpenAI's. Raises SpecError."""
    where = title(role, name)
    if key_env is not None:
        check_variable(key_env, f"{where}, key variable")
    if dialect in NO_API:
        base = check_way(url, where, dialect)
    else:
        place = check_api(url, where)
        base, query, model = place.url, (*place.query, *query), model or place.model
        dialect = dialect or DIALECTS[place.family or "openai"].manner(stream=stream)
    return Endpoint(
        name=name,
        role=role,
        url=base,
        model=model,
        key_env=key_env,
        dialect=dialect,
        weights=weights,
        token_limit=token_limit,
        send_temperature=send_temperature,
        template=template,
        page=page,
        hosts=hosts,
        private=private,
        headers=headers,
        query=query,
        storage_state=storage_state,
    )


def title(role: Role, name: str) -> str:
    """How errors call an endpoint: "target", or "reference openai"."""
    return role if name == role else f"{role} {name}"


def check_way(url: str, where: str, dialect: Dialect) -> str:
    """The address as its dialect wants it: of an API its base, of a template what paths are joined to, of a page all.

    A template's ws: and wss: become http: and https:, of which each way makes its own. Raises SpecError.

    >>> check_way("wss://bot.example/", "target", "template"), check_way("https://bot.example/#/chat", "target", "page")
    ('https://bot.example', 'https://bot.example/#/chat')
    """
    if dialect == "page":
        return _check_page(url.strip(), where)
    if dialect != "template":
        return check_url(url, where)
    scheme, colon, rest = url.strip().partition(":")
    return _checked({"ws": "http", "wss": "https"}.get(scheme.lower(), scheme) + colon + rest, where)


def check_api(url: str, where: str) -> ApiPlace:
    """Where the API at an address stands, however the address is written. Raises SpecError where it is none, or carries
    a secret.

    >>> check_api("https://bot.example/v1/chat/completions/#", "target").url
    'https://bot.example/v1'
    """
    parts = _split(url, where)
    if parts.fragment:
        raise SpecError(f"{where}: {AFTER_THE_PATH}")
    place = place_of(url)
    for name, value in place.query:
        if is_secret(name, value):
            raise SpecError(
                f"{where}: the URL holds a value for {quote(name, 40)!r} (not shown), which looks like a secret; "
                "give a key by --key-env (key_env in a TOML), or write {env:NAME} in its place"
            )
    return place


def check_url(url: str, where: str) -> str:
    """The base address of an API, without a trailing slash. Raises SpecError where it is none, or carries a secret."""
    return _checked(url, where).removesuffix("/chat/completions")


def _checked(url: str, where: str) -> str:
    parts = _split(url, where)
    if parts.query or parts.fragment:
        raise SpecError(f"{where}: {AFTER_THE_PATH}")
    return f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}"


def _check_page(url: str, where: str) -> str:
    parts = _split(url, where)
    fields = [*parse_qsl(parts.query), *parse_qsl(parts.fragment.partition("?")[2] or parts.fragment)]
    secret = next((name for name, _ in fields if secret_name(name, "query")), None)
    if secret is not None:
        raise SpecError(
            f"{where}: the page's URL holds a value for {secret!r} (not shown), which looks like a secret; "
            "leave it out: what stands behind a login is not asked"
        )
    return url


def _split(url: str, where: str) -> SplitResult:
    """Raises SpecError for what is no web address, or holds a user name or password."""
    try:
        parts = urlsplit(url.strip())
        port_fits = parts.port is None or 0 < parts.port < 65536
    except ValueError as error:
        raise SpecError(
            f"{where}: not a web address (not shown); expected one such as https://bot.example/v1"
        ) from error
    shown = "the text given (not shown, it may hold a key)" if set(url) & set("@?#") else repr(url)
    if parts.username or parts.password:
        raise SpecError(f"{where}: the URL holds a user name or password (not shown); give a key by --key-env instead")
    if parts.scheme not in ("http", "https") or not port_fits or not _may_be_asked(url.strip(), parts.hostname):
        raise SpecError(f"{where}: {shown} is not a web address; expected one such as https://bot.example/v1")
    return parts


def _may_be_asked(url: str, host: str | None) -> bool:
    """Whether every character can go out, and the host's name can be looked up.

    >>> _may_be_asked("https://bücher.example", "bücher.example"), _may_be_asked("http://①.1", "①.1")
    (True, False)
    """
    if not host or not url.isprintable() or any(map(str.isspace, url)):
        return False
    try:
        return host.isascii() or bool(idna.encode(host))
    except idna.IDNAError:
        return False


def check_names(endpoints: tuple[Endpoint, ...], *, references: bool = True) -> None:
    """Raises SpecError unless there is a target, no reference (where `references` is False), and no name twice."""
    names = [e.name for e in endpoints]
    doubled = sorted({n for n in names if names.count(n) > 1})
    roles: list[Literal["target", "reference"]] = [e.role for e in endpoints]
    if "target" not in roles:
        raise SpecError("no target: give its URL and --model, or a [target] table in --config")
    if not references and "reference" in roles:
        raise SpecError(
            f"--library asks the target only, and reference {names[roles.index('reference')]!r} is given; "
            "leave out one of the two, and make an audit of each"
        )
    if doubled:
        raise SpecError(f"the name {doubled[0]!r} is used twice; expected each endpoint to have its own")
