"""monitor.toml -> what a monitor watches, how often, within which budget, and whom it tells. No secret stands in the
file: keys, and the URLs of message services, are named by their environment variables."""

import re
from collections.abc import Sequence
from functools import partial

from wrapdetect.errors import SpecError
from wrapdetect.model import Item
from wrapdetect.model.history import Service
from wrapdetect.model.prose import words
from wrapdetect.monitor.config.place import Place
from wrapdetect.monitor.config.services import check_services, has_a_secret, public_page, site, upstream, watched
from wrapdetect.monitor.config.tables import MANY, AlertsTable, FeedTable, MonitorToml
from wrapdetect.monitor.feeds import FeedFormat, Scope
from wrapdetect.monitor.feeds.dates import zone_named
from wrapdetect.monitor.schedule import Budget, Rhythm, check_rhythm
from wrapdetect.monitor.spec import AlertSpec, FeedSpec, MonitorConfig, daily_cost, said_s
from wrapdetect.secrets.variables import check_variable
from wrapdetect.targets.toml_lines import MISSING_KEY, UNFIT, UNKNOWN_KEY, Loc, Misfit, TomlText, keys_at

FILL_IN = "FILL-IN"
"""Stands in the template wherever nobody but the user knows the value."""
FEWEST_SITES = FEWEST_PANEL = 2
NAMELESS: frozenset[FeedFormat] = frozenset({"upptime", "csv"})
"""Formats whose incidents never name a component."""


def parse_monitor(text: str, name: str, items: Sequence[Item]) -> MonitorConfig:
    """Check a text whole; `name` is how errors call its file. A store that is a file is named as the text has it.

    `items` are the questions of the fingerprint: the budget must pay for them. Raises ConfigError, one line, that names
    the file and the line, and never repeats a value.
    """
    toml = TomlText(text=text, name=name)
    place, raw = Place(toml=toml), toml.loads()
    _refuse_unfilled(raw, (), place)
    config = _config(toml.check(MonitorToml, raw, lambda misfit: place.told(misfit.loc, _said(misfit))), place)
    _check_budget(config, items, place)
    return config


def _said(misfit: Misfit) -> str:
    # The value is not repeated: a key may have been put there by mistake.
    loc = misfit.loc
    if misfit.kind == UNKNOWN_KEY:
        return f"unknown key; expected one of {', '.join(keys_at(MonitorToml, loc[:-1]))}"
    if misfit.kind == MISSING_KEY:
        return f"{loc[-1]} is missing"
    if len(loc) == 1 and loc[0] in MANY:
        return f"not a list of tables; write [[{loc[0]}]] above each"
    if misfit.kind == UNFIT:
        return misfit.message
    message = misfit.message.removeprefix("Value error, ")
    return f"{message[0].lower()}{message[1:]} (the value is not shown)"


def _refuse_unfilled(value: object, loc: Loc, place: Place) -> None:
    if isinstance(value, dict):
        for key, inner in value.items():
            _refuse_unfilled(inner, (*loc, key), place)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            _refuse_unfilled(inner, (*loc, index), place)
    elif isinstance(value, str) and FILL_IN in value:
        place.refuse(loc, f"{FILL_IN} stands there still; write your own value, or take the table out")


def _config(file: MonitorToml, place: Place) -> MonitorConfig:
    cadence = file.cadence
    targets = tuple(watched("target", table, index, place) for index, table in enumerate(file.target))
    candidates = tuple(upstream("candidate", table, index, place) for index, table in enumerate(file.candidate))
    panel = tuple(upstream("panel", table, index, place) for index, table in enumerate(file.panel))
    sites = tuple(site(table, index, place) for index, table in enumerate(file.site))
    services = (*targets, *candidates, *panel, *sites)
    check_services(services, place)
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


def _feeds(tables: list[FeedTable], services: Sequence[Service], place: Place) -> tuple[FeedSpec, ...]:
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
        url = public_page(feed.url, (*loc, "url"), place)
        scope, zone = _scope(feed, loc, place), zone_named(feed.zone) if feed.zone else None
        if feed.zone and zone is None:
            place.refuse((*loc, "zone"), "is no zone with one meaning; expected UTC, +02:00, or such as Europe/Berlin")
        feeds.append(
            FeedSpec(
                name=name, service=feed.service, url=url, format=feed.format, every_s=feed.every, scope=scope, zone=zone
            )
        )
    return tuple(feeds)


def _scope(feed: FeedTable, loc: Loc, place: Place) -> Scope:
    """What of a feed counts. Raises ConfigError for a filter that its format can never answer to."""
    if feed.components and feed.format in NAMELESS:
        place.refuse((*loc, "components"), f"pages of format {feed.format} name no components; use title")
    for phrase in feed.title or ():
        if not words(phrase):
            place.refuse((*loc, "title"), "has no word; expected plain words of the titles that count")
    return Scope(components=tuple(feed.components or ()), title=tuple(feed.title or ()))


def _urls_env(alerts: AlertsTable, place: Place) -> tuple[str, ...]:
    for index, name in enumerate(alerts.urls_env):
        loc = ("alerts", "urls_env", index)
        if "://" in name:
            place.refuse(
                loc, "a URL (not shown, it holds a key); put it in a variable and write the variable's name here"
            )
        place.check(loc, partial(check_variable, name))
    return tuple(dict.fromkeys(alerts.urls_env))


def _store(store: str, place: Place) -> str:
    """A file, or a URL: only one whose user has no password is taken."""
    if "://" not in store:
        return store
    if re.search(r"://.*:.*@", store) or has_a_secret(store.partition("?")[2]):
        place.refuse(("store",), "holds a password (not shown); leave it out and set PGPASSWORD, or write ~/.pgpass")
    if not re.match(r"(sqlite|postgresql)(\+[a-z0-9_]+)?://", store):
        place.refuse(("store",), "not a store we know; expected a file name, or postgresql+psycopg://user@host/name")
    return store


def _check_times(config: MonitorConfig, place: Place) -> None:
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


def _check_budget(config: MonitorConfig, items: Sequence[Item], place: Place) -> None:
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
