"""monitor.toml -> what a monitor watches, how often, within which budget, and whom it tells. No secret stands in the
file: keys, and the URLs of message services, are named by their environment variables."""

import re
import tomllib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, NoReturn
from urllib.parse import parse_qsl, urlsplit

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from wrapdetect.errors import ConfigError, SpecError
from wrapdetect.model import Item, TokenLimit, Weights
from wrapdetect.model.history import Service, ServiceKind
from wrapdetect.model.prose import quote, words
from wrapdetect.monitor.feeds import FeedFormat, Scope
from wrapdetect.monitor.feeds.dates import zone_named
from wrapdetect.monitor.schedule import DAY_S, Budget, Rhythm, check_rhythm
from wrapdetect.monitor.spec import AlertSpec, FeedSpec, MonitorConfig, daily_cost, duration_s, said_s
from wrapdetect.secrets.names import secret_name
from wrapdetect.secrets.variables import check_variable
from wrapdetect.store.shipped import folder
from wrapdetect.targets.config import check_api, check_url, make_endpoint
from wrapdetect.targets.toml_lines import Loc, line_of

FILL_IN = "FILL-IN"
"""Stands in the template wherever nobody but the user knows the value."""
FEWEST_SITES = FEWEST_PANEL = 2
SECOND_LEVEL = frozenset({"ac", "co", "com", "edu", "gov", "net", "or", "org"})


def _short_s(value: object) -> object:
    """Seconds where nothing else is usual: a bare number, or a duration."""
    return value if isinstance(value, int) and not isinstance(value, bool) else duration_s(value)


def _listed(value: object) -> object:
    """One text, or several."""
    return [value] if isinstance(value, str) else value


_Duration = Annotated[int, BeforeValidator(duration_s)]
_Short = Annotated[int, BeforeValidator(_short_s)]
_Name = Annotated[
    str, Field(min_length=1, max_length=80, pattern=r"^[^\s\x00-\x1f\x7f-\x9f]([^\x00-\x1f\x7f-\x9f]*\S)?$")
]
_Text = Annotated[str, Field(min_length=1, max_length=500)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class _Cadence(_Strict):
    every: Annotated[_Duration, Field(ge=60, le=DAY_S)] = 300
    fingerprint_every: _Duration = DAY_S
    jitter: Annotated[_Short, Field(ge=0, le=60)] = 20
    timeout: Annotated[_Short, Field(ge=1, le=600)] = 30
    concurrency: Annotated[int, Field(ge=1, le=10_000)] = 500


class _Budget(_Strict):
    requests_per_day: Annotated[int, Field(ge=1)] = 5_000
    tokens_per_day: Annotated[int, Field(ge=1)] = 200_000


class _Chat(_Strict):
    name: _Name
    url: str
    model: _Text
    key_env: str | None = None
    vendor: Annotated[str, Field(max_length=80)] | None = None
    stream: bool = True
    weights: Weights = "unknown"
    token_limit: TokenLimit = "max_tokens"
    send_temperature: bool = True


class _Upstream(_Chat):
    """Without `url` and `model` it is not asked: its status feed alone tells of it."""

    url: str | None = None  # type: ignore[assignment] # a chat service that is asked has one
    model: _Text | None = None  # type: ignore[assignment]


class _Site(_Strict):
    name: _Name
    url: str


class _Feed(_Strict):
    service: _Name
    url: str
    format: FeedFormat
    name: _Name | None = None
    every: Annotated[_Duration, Field(ge=60)] = 600
    components: Annotated[list[_Name], Field(min_length=1, max_length=100)] | None = None
    title: Annotated[list[_Name], Field(min_length=1, max_length=100), BeforeValidator(_listed)] | None = None
    zone: _Name | None = None


class _Alerts(_Strict):
    urls_env: list[str] = []
    evidence_at: Annotated[float, Field(gt=1, allow_inf_nan=False)] = 20.0
    quiet: _Duration = 6 * 3600


class _Retention(_Strict):
    pack_after: Annotated[_Duration, Field(ge=DAY_S)] = 2 * DAY_S
    keep: Annotated[_Duration, Field(ge=DAY_S)] = 400 * DAY_S


class _Metrics(_Strict):
    port: Annotated[int, Field(ge=1, le=65535)] | None = None
    host: _Text = "127.0.0.1"


class _File(_Strict):
    store: _Text = "monitor.db"
    vantage: _Name | None = None
    cadence: _Cadence = _Cadence()
    budget: _Budget = _Budget()
    target: list[_Chat] = []
    candidate: list[_Upstream] = []
    panel: list[_Upstream] = []
    site: list[_Site] = []
    feed: list[_Feed] = []
    alerts: _Alerts = _Alerts()
    retention: _Retention = _Retention()
    metrics: _Metrics = _Metrics()


TABLES: Mapping[str, type[BaseModel]] = {
    "cadence": _Cadence, "budget": _Budget, "target": _Chat, "candidate": _Upstream, "panel": _Upstream, "site": _Site,
    "feed": _Feed, "alerts": _Alerts, "retention": _Retention, "metrics": _Metrics,
}  # fmt: skip
"""Every table of the file; those of target, candidate, panel, site and feed may stand there many times."""
NAMELESS: frozenset[FeedFormat] = frozenset({"upptime", "csv"})
"""Formats whose incidents never name a component."""
MANY = ("target", "candidate", "panel", "site", "feed")


def template() -> str:
    """The commented file that `monitor init` writes. Raises SeedError where the installation lacks it."""
    return (folder("seeds") / "monitor.toml").read_text(encoding="utf-8")


def load_monitor(path: Path, items: Sequence[Item]) -> MonitorConfig:
    """Read and check a file whole. A store that is a file name lies beside the config, wherever the command runs.

    `items` are the questions of the fingerprint: the budget must pay for them. Raises ConfigError, one line, that names
    the file and the line, and never repeats a value.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}; write one with: wrapdetect monitor init") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: not UTF-8 text (byte {error.start}); expected a TOML file") from error
    return parse_monitor(text, path, items)


def parse_monitor(text: str, path: Path, items: Sequence[Item]) -> MonitorConfig:
    """The same of a text; `path` is how errors call it, and where a store that is a file name lies."""
    try:
        raw = tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # ValueError: TOMLDecodeError, or a number of thousands of digits
        raise ConfigError(f"{path}: not TOML: {quote(str(error))}") from error
    place = _Place(path=path, text=text)
    _refuse_unfilled(raw, (), place)
    try:
        file = _File.model_validate(raw)
    except ValidationError as error:
        # A misspelt key explains a missing one.
        first = min(error.errors(), key=lambda e: e["type"] != "extra_forbidden")
        place.refuse(first["loc"], _said(first["loc"], first["type"], first["msg"]))
    config = _config(file, place)
    _check_budget(config, items, place)
    return config


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    """The file, and where each key stands in it."""

    path: Path
    text: str

    def at(self, loc: Loc) -> str:
        """File and line; the line of the table around it where the key is not written down."""
        while loc:
            line = line_of(self.text, loc)
            if line is not None:
                return f"{self.path}, line {line}"
            loc = loc[:-1]
        return str(self.path)

    def refuse(self, loc: Loc, what: str) -> NoReturn:
        raise ConfigError(f"{self.at(loc)}: {_spelt(loc)}: {what}" if loc else f"{self.path}: {what}")

    def check(self, loc: Loc, check: Callable[[str], str]) -> str:
        """What `check` gives for what is called so; its SpecError becomes a ConfigError that names the line."""
        try:
            return check(_spelt(loc))
        except SpecError as error:
            raise ConfigError(f"{self.at(loc)}: {error}") from error


def _spelt(loc: Loc) -> str:
    """How errors call a place.

    >>> _spelt(("target", 0, "url"))
    '[[target]] 1, url'
    """
    shown = [quote(p, 60) if isinstance(p, str) else str(p + 1) for p in loc]
    if len(loc) > 1 and loc[0] in MANY:
        return ", ".join([f"[[{shown[0]}]] {shown[1]}", *shown[2:]])
    return ", ".join([f"[{shown[0]}]" if loc[0] in TABLES else shown[0], *shown[1:]])


def _said(loc: Loc, kind: str, message: str) -> str:
    # The value is not repeated: a key may have been put there by mistake.
    if kind == "extra_forbidden":
        known = tuple(_File.model_fields) if len(loc) == 1 else tuple(TABLES[str(loc[0])].model_fields)
        return f"unknown key; expected one of {', '.join(known)}"
    if kind == "missing":
        return f"{loc[-1]} is missing"
    if len(loc) == 1 and loc[0] in MANY:
        return f"not a list of tables; write [[{loc[0]}]] above each"
    message = message.removeprefix("Value error, ")
    return f"{message[0].lower()}{message[1:]} (the value is not shown)"


def _refuse_unfilled(value: object, loc: Loc, place: _Place) -> None:
    if isinstance(value, dict):
        for key, inner in value.items():
            _refuse_unfilled(inner, (*loc, key), place)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            _refuse_unfilled(inner, (*loc, index), place)
    elif isinstance(value, str) and FILL_IN in value:
        place.refuse(loc, f"{FILL_IN} stands there still; write your own value, or take the table out")


def _config(file: _File, place: _Place) -> MonitorConfig:
    cadence = file.cadence
    targets = tuple(_chat("target", table, index, place) for index, table in enumerate(file.target))
    candidates = tuple(_upstream("candidate", table, index, place) for index, table in enumerate(file.candidate))
    panel = tuple(_upstream("panel", table, index, place) for index, table in enumerate(file.panel))
    sites = tuple(_site(site, index, place) for index, site in enumerate(file.site))
    services = (*targets, *candidates, *panel, *sites)
    _check_services(services, place)
    config = MonitorConfig(
        store=_store(file.store, place),
        rhythm=Rhythm(
            cadence_s=cadence.every,
            fingerprint_every_s=cadence.fingerprint_every,
            jitter_s=cadence.jitter,
            timeout_s=cadence.timeout,
            concurrency=cadence.concurrency,
        ),
        limits=Budget(requests_per_day=file.budget.requests_per_day, tokens_per_day=file.budget.tokens_per_day),
        targets=targets,
        candidates=candidates,
        panel=panel,
        sites=sites,
        feeds=_feeds(file.feed, services, place),
        alerts=AlertSpec(
            urls_env=_urls_env(file.alerts, place), evidence_at=file.alerts.evidence_at, quiet_s=file.alerts.quiet
        ),
        pack_after_s=file.retention.pack_after,
        keep_s=file.retention.keep,
        metrics_port=file.metrics.port,
        metrics_host=file.metrics.host,
        vantage=file.vantage or "",
        warnings=_warnings(targets + candidates, panel, sites),
    )
    _check_times(config, place)
    return config


def _upstream(kind: ServiceKind, table: _Upstream, index: int, place: _Place) -> Service:
    if table.url is not None and table.model is not None:
        return _chat(kind, table, index, place)
    if table.url is not None or table.model is not None:
        missing = "model" if table.model is None else "url"
        place.refuse(
            (kind, index, missing), f"{missing} is missing; expected url and model, or neither and a [[feed]] of it"
        )
    if table.key_env is not None:
        place.refuse((kind, index, "key_env"), "a service without url is not asked; leave this out")
    return Service(name=table.name, kind=kind, url="", vendor=table.vendor or table.name)


def _chat(kind: ServiceKind, table: _Chat, index: int, place: _Place) -> Service:
    place.check((kind, index, "url"), lambda where: check_api(table.url, where).url)
    key_env = table.key_env
    if key_env is not None:
        place.check((kind, index, "key_env"), partial(check_variable, key_env))
    endpoint = make_endpoint(
        name=table.name,
        role="target" if kind == "target" else "reference",
        url=table.url,
        model=table.model,
        key_env=key_env,
        dialect="openai_stream" if table.stream else "openai_plain",
        weights=table.weights,
        token_limit=table.token_limit,
        send_temperature=table.send_temperature,
    )
    vendor = vendor_of(endpoint.url) if table.vendor is None else table.vendor
    return Service(name=table.name, kind=kind, url=endpoint.url, vendor=vendor, endpoint=endpoint)


def _site(table: _Site, index: int, place: _Place) -> Service:
    url = _page(table.url, ("site", index, "url"), place)
    return Service(name=table.name, kind="site", url=url, vendor=vendor_of(url))


def vendor_of(url: str) -> str:
    """Who stands behind an address, as far as its host tells: what is registered, roughly (no list of suffixes).

    >>> vendor_of("https://api.openai.com/v1"), vendor_of("https://bot.shop.co.uk"), vendor_of("http://127.0.0.1:80")
    ('openai.com', 'shop.co.uk', '127.0.0.1')
    """
    host = (urlsplit(url).hostname or "").rstrip(".")
    labels = host.split(".")
    if ":" in host or labels[-1].isdigit():
        return host
    kept = 3 if len(labels) > 2 and len(labels[-1]) == 2 and labels[-2] in SECOND_LEVEL else 2
    return ".".join(labels[-kept:])


def _page(url: str, loc: Loc, place: _Place) -> str:
    """An address of a page, as it was given: unlike an API's base it may end in a slash, and have a query."""

    def check(where: str) -> str:
        base, _, query = url.strip().partition("?")
        check_url(base, where)
        if _has_a_secret(query) or "#" in query:
            raise SpecError(
                f"{where}: the URL has a fragment, or a query that looks like a key (not shown); "
                "expected a page that anybody may read"
            )
        return url.strip()

    return place.check(loc, check)


def _feeds(tables: list[_Feed], services: Sequence[Service], place: _Place) -> tuple[FeedSpec, ...]:
    known = [s.name for s in services]
    told = {f.service for f in tables}
    for service in services:
        if not service.url and service.name not in told:
            index = [s.name for s in services if s.kind == service.kind].index(service.name)
            place.refuse((service.kind, index), f"{service.name!r} has no url, and no [[feed]] tells of it; add either")
    seen: dict[str, int] = {}
    feeds = []
    for index, feed in enumerate(tables):
        loc: Loc = ("feed", index)
        if feed.service not in known:
            place.refuse((*loc, "service"), f"no service is called so; expected one of {', '.join(known[:12])}")
        name = feed.name or f"{feed.service} {feed.format}"
        if name in seen:
            place.refuse((*loc, "name"), f"feed {seen[name] + 1} is called {name!r} already; give this one a name")
        seen[name] = index
        url = _page(feed.url, (*loc, "url"), place)
        scope, zone = _scope(feed, loc, place), zone_named(feed.zone) if feed.zone else None
        if feed.zone and zone is None:
            place.refuse((*loc, "zone"), "is no zone with one meaning; expected UTC, +02:00, or such as Europe/Berlin")
        feeds.append(
            FeedSpec(
                name=name, service=feed.service, url=url, format=feed.format, every_s=feed.every, scope=scope, zone=zone
            )
        )
    return tuple(feeds)


def _scope(feed: _Feed, loc: Loc, place: _Place) -> Scope:
    """What of a feed counts. Raises ConfigError for a filter that its format can never answer to."""
    if feed.components and feed.format in NAMELESS:
        place.refuse((*loc, "components"), f"pages of format {feed.format} name no components; use title")
    for phrase in feed.title or ():
        if not words(phrase):
            place.refuse((*loc, "title"), "has no word; expected plain words of the titles that count")
    return Scope(components=tuple(feed.components or ()), title=tuple(feed.title or ()))


def _urls_env(alerts: _Alerts, place: _Place) -> tuple[str, ...]:
    for index, name in enumerate(alerts.urls_env):
        loc = ("alerts", "urls_env", index)
        if "://" in name:
            place.refuse(
                loc, "a URL (not shown, it holds a key); put it in a variable and write the variable's name here"
            )
        place.check(loc, partial(check_variable, name))
    return tuple(dict.fromkeys(alerts.urls_env))


def _has_a_secret(query: str) -> bool:
    return any(secret_name(name, "query") for name, _ in parse_qsl(query, keep_blank_values=True))


def _store(store: str, place: _Place) -> str:
    """A file beside the config, or the URL. Only a URL whose user has no password is taken."""
    if "://" not in store:
        return str(place.path.parent / store)
    if re.search(r"://.*:.*@", store) or _has_a_secret(store.partition("?")[2]):
        place.refuse(("store",), "holds a password (not shown); leave it out and set PGPASSWORD, or write ~/.pgpass")
    if not re.match(r"(sqlite|postgresql)(\+[a-z0-9_]+)?://", store):
        place.refuse(("store",), "not a store we know; expected a file name, or postgresql+psycopg://user@host/name")
    return store


def _check_services(services: Sequence[Service], place: _Place) -> None:
    """Raises ConfigError unless there are both targets and candidates, all of them different, each name once."""
    named: dict[str, Loc] = {}
    asked: dict[tuple[str, str], str] = {}
    count: Counter[ServiceKind] = Counter()
    for service in services:
        loc: Loc = (service.kind, count[service.kind])
        count[service.kind] += 1
        if service.name in named:
            place.refuse((*loc, "name"), f"{_spelt(named[service.name])} has this name already; expected each once")
        named[service.name] = loc
        at = (service.url, service.endpoint.model if service.endpoint else "")
        if service.kind == "target":
            asked[at] = service.name
        elif service.kind == "candidate" and service.url and at in asked:
            place.refuse(loc, f"has the URL and model of target {asked[at]!r}; expected another service")
    for kind in ("target", "candidate"):
        if not count[kind]:
            place.refuse((), f"no [[{kind}]] in it; expected at least one")


def _check_times(config: MonitorConfig, place: _Place) -> None:
    if config.rhythm.fingerprint_every_s < config.rhythm.cadence_s:
        place.refuse(("cadence", "fingerprint_every"), "shorter than every; expected it as long, or longer")
    if config.keep_s <= config.pack_after_s:
        place.refuse(("retention", "keep"), "not longer than pack_after; expected it longer")

    def check(where: str) -> str:
        try:
            check_rhythm(config.rhythm, config.asked())
        except SpecError as error:
            raise SpecError(f"{where}: {error}") from error
        return where

    place.check(("cadence",), check)


def _check_budget(config: MonitorConfig, items: Sequence[Item], place: _Place) -> None:
    cost, limits = daily_cost(config, items), config.limits
    for key, needed, allowed in (
        ("requests_per_day", cost.requests, limits.requests_per_day),
        ("tokens_per_day", cost.tokens, limits.tokens_per_day),
    ):
        if needed > allowed:
            # Heartbeats alone shrink with a longer cadence: as a first guess, all of the cost.
            longer = -(-config.rhythm.cadence_s * needed // allowed // 60) * 60
            place.refuse(
                ("budget", key),
                f"allows {allowed:,} and {len(config.asked())} services every {said_s(config.rhythm.cadence_s)} "
                f"take {needed:,}; allow that, watch less, or make [cadence] every about {said_s(longer)}",
            )


def _warnings(asked: tuple[Service, ...], panel: tuple[Service, ...], sites: tuple[Service, ...]) -> tuple[str, ...]:
    warnings = []
    if len(sites) < FEWEST_SITES:
        warnings.append(
            f"{len(sites)} [[site]] and {FEWEST_SITES} are needed to tell our own faults from outages; "
            "add plain pages of others"
        )
    others = {s.vendor or s.name for s in panel} - {s.vendor or s.name for s in asked}
    if len(others) < FEWEST_PANEL:
        warnings.append(
            f"{len(others)} [[panel]] of vendors that are neither target nor candidate, and {FEWEST_PANEL} are needed "
            "to see days on which everybody fell; add other providers"
        )
    return tuple(warnings)
