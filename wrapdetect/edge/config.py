"""Endpoints as the user gives them: name=url#model@KEY on the command line, or tables of a TOML file."""

import tomllib
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from wrapdetect.edge.secrets import check_variable
from wrapdetect.errors import ConfigError, SpecError
from wrapdetect.model import Dialect, Endpoint, Role, TokenLimit, Weights

TARGET = "target"


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class _EndpointTable(_Strict):
    url: str
    model: str
    name: str | None = None
    key_env: str | None = None
    stream: bool = True
    weights: Weights = "unknown"
    token_limit: TokenLimit = "max_tokens"
    send_temperature: bool = True


class _AuditTable(_Strict):
    pack: list[str] | None = None
    draws: Annotated[int, Field(ge=1)] | None = None
    seed: int | None = None
    max_requests: Annotated[int, Field(ge=1)] | None = None
    max_tokens: Annotated[int, Field(ge=1)] | None = None
    concurrency: Annotated[int, Field(ge=1)] | None = None
    pace: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = None
    timeout: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    enrol: Annotated[int, Field(ge=0)] | None = None


class Config(_Strict):
    """A config file: [target], [[reference]] and, where options stand in it, [audit]."""

    target: _EndpointTable | None = None
    reference: list[_EndpointTable] = []
    audit: _AuditTable = _AuditTable()

    def endpoints(self) -> tuple[Endpoint, ...]:
        """Raises SpecError for an address, key variable or name that cannot be used."""
        tables = [*([(self.target, "target")] if self.target else []), *((r, "reference") for r in self.reference)]
        return tuple(
            make_endpoint(
                name=table.name or (TARGET if role == "target" else table.model),
                role="target" if role == "target" else "reference",
                url=table.url,
                model=table.model,
                key_env=table.key_env,
                dialect="openai_stream" if table.stream else "openai_plain",
                weights=table.weights,
                token_limit=table.token_limit,
                send_temperature=table.send_temperature,
            )
            for table, role in tables
        )


def load_config(path: Path) -> Config:
    """Raises ConfigError, one line, naming the file and the key."""
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(
            f"cannot read {path}: {error.strerror}; expected a TOML file with [target] and [[reference]]"
        ) from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: not UTF-8 text (byte {error.start}); expected a TOML file") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}: not TOML: {error}") from error
    try:
        return Config.model_validate(raw)
    except ValidationError as error:
        first = min(error.errors(), key=lambda e: e["type"] != "extra_forbidden")
        where = ".".join(str(p) for p in first["loc"])
        # The value is not repeated: a key may have been put there by mistake.
        what = "unknown key" if first["type"] == "extra_forbidden" else first["msg"]
        raise ConfigError(f"{path}: {where}: {what}; see the README for the keys of a config file") from error


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
    dialect: Dialect = "openai_stream",
    weights: Weights = "unknown",
    token_limit: TokenLimit = "max_tokens",
    send_temperature: bool = True,
) -> Endpoint:
    """An endpoint whose address and key variable were looked at. Raises SpecError."""
    where = title(role, name)
    if key_env is not None:
        check_variable(key_env, f"{where}, key variable")
    return Endpoint(
        name=name,
        role=role,
        url=check_url(url, where),
        model=model,
        key_env=key_env,
        dialect=dialect,
        weights=weights,
        token_limit=token_limit,
        send_temperature=send_temperature,
    )


def title(role: Role, name: str) -> str:
    """How errors call an endpoint: "target", or "reference openai"."""
    return role if name == role else f"{role} {name}"


def check_url(url: str, where: str) -> str:
    """The address without a trailing slash. Raises SpecError where it is none, or carries a secret."""
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
    if parts.scheme not in ("http", "https") or not parts.hostname or not port_fits:
        raise SpecError(f"{where}: {shown} is not a web address; expected one such as https://bot.example/v1")
    if parts.query or parts.fragment:
        raise SpecError(
            f"{where}: the URL has a query or fragment (not shown, it may hold a key); "
            "expected the base address of the API only, such as https://bot.example/v1"
        )
    return f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/').removesuffix('/chat/completions')}"


def check_names(endpoints: tuple[Endpoint, ...], *, references: bool = True) -> None:
    """Raises SpecError unless there is one target, at least one reference (with `references`; else none), and every
    name is used once."""
    names = [e.name for e in endpoints]
    doubled = sorted({n for n in names if names.count(n) > 1})
    roles: list[Literal["target", "reference"]] = [e.role for e in endpoints]
    if "target" not in roles:
        raise SpecError("no target: give its URL and --model, or a [target] table in --config")
    if references and "reference" not in roles:
        raise SpecError(
            "no reference to compare with: give at least one --reference NAME=URL#MODEL@KEY_VARIABLE, better three, "
            "or a --library of recorded answers"
        )
    if not references and "reference" in roles:
        raise SpecError(
            f"--library asks the target only, and reference {names[roles.index('reference')]!r} is given; "
            "leave out one of the two, and make an audit of each"
        )
    if doubled:
        raise SpecError(f"the name {doubled[0]!r} is used twice; expected each endpoint to have its own")
