"""Endpoints as the user gives them: name=url#model@KEY on the command line, or tables of a TOML file."""

from dataclasses import fields
from typing import Literal
from urllib.parse import SplitResult, parse_qsl, urlsplit

import idna
from pydantic import Field

from wrapdetect.dialects import DIALECTS
from wrapdetect.dialects.address import ApiPlace, is_secret, place_of
from wrapdetect.dialects.azure import Pairs
from wrapdetect.errors import SpecError
from wrapdetect.model import TARGET, Dialect, Endpoint, Page, Role, Template, TokenLimit, Weights
from wrapdetect.model.prose import quote
from wrapdetect.secrets.names import secret_name
from wrapdetect.secrets.variables import check_variable
from wrapdetect.targets.settings import Given
from wrapdetect.targets.tables import (
    EndpointTable,
    Strict,
    dialect_of,
    endpoint_problems,
    page_of,
    template_of,
)
from wrapdetect.targets.toml_lines import UNKNOWN_KEY, Loc, Misfit, TomlText, did_you_mean, keys_at, table_at

OF_WAYS = {"template", "page", "hosts", "private", "dialect", "headers", "query"}
"""Keys that docs/ways.md tells of, and not the README."""
NO_API = ("template", "page", "pasted")
AFTER_THE_PATH = (
    "the URL has a query or fragment (not shown, it may hold a key); "
    "expected the base address of the API only, such as https://bot.example/v1"
)
KEYS_THEMSELVES = {"key", "api_key", "apikey", "token", "api_token", "access_token", "secret", "password"}


class Config(Strict):
    """A config file: [target], [[reference]] and, where options stand in it, [audit]."""

    target: EndpointTable | None = None
    reference: list[EndpointTable] = Field(default_factory=list)
    audit: Given = Given()

    def endpoints(self) -> tuple[Endpoint, ...]:
        """Raises SpecError for an address, key variable or name that cannot be used."""
        target = (endpoint_of(self.target, "target"),) if self.target is not None else ()
        return (*target, *(endpoint_of(table, "reference") for table in self.reference))


def endpoint_of(table: EndpointTable, role: Role) -> Endpoint:
    """Raises SpecError for an address, key variable or name that cannot be used."""
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
        template=template_of(table.template) if table.template else None,
        page=page_of(table),
        hosts=tuple(table.hosts),
        private=table.private,
        headers=tuple(table.headers.items()),
        query=tuple(table.query.items()),
        storage_state=table.storage_state,
    )


def parse_config(text: str, name: str) -> Config:
    """`name` is how errors call the text. Raises ConfigError, one line, naming the file, the line and the key."""
    toml = TomlText(text=text, name=name)
    return toml.check(Config, toml.loads(), lambda misfit: _refusal(toml, misfit))


def _refusal(toml: TomlText, misfit: Misfit) -> str:
    """The value is not repeated: a key may have been put there by mistake."""
    spelt = ".".join(" ".join(str(p).split()) for p in misfit.loc)
    what = f"unknown key{_meant(misfit.loc)}" if misfit.kind == UNKNOWN_KEY else misfit.message
    page = "docs/ways.md" if OF_WAYS & set(misfit.loc) else "the README"
    return f"{toml.at(misfit.loc)}: {spelt}: {what}; see {page} for the keys of a config file"


def _meant(loc: Loc) -> str:
    """What an unknown key may have been meant to be, from a semicolon on; "" where nothing is like it.

    >>> _meant(("target", "template", "framming"))
    '; did you mean framing?'
    """
    table, key = table_at(Config, loc[:-1]), str(loc[-1])
    if table is EndpointTable and key.lower().replace("-", "_") in KEYS_THEMSELVES:
        return '; a key never stands in a file: key_env = "VARIABLE" names the variable that holds it'
    return did_you_mean(key, keys_at(Config, loc[:-1]))


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


def check_endpoint(endpoint: Endpoint) -> Endpoint:
    """One that was made without a table, looked at as a table is, with its address as make_endpoint has it. Raises
    SpecError."""
    for loc, what in endpoint_problems(endpoint):
        place = quote(".".join(map(str, loc)), 80)
        raise SpecError(f"{title(endpoint.role, endpoint.name)}: {place}: {what}")
    return make_endpoint(**{f.name: getattr(endpoint, f.name) for f in fields(endpoint)})


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
