"""Which packs, readers, rules, dialects, feeds and reports do other packages add? Their entry points, loaded once.

A package names what it adds under the group of its kind, by its id:
    [project.entry-points."wrapdetect.rules"]
    greeting = "their_package.greeting:RULE"
The registries themselves are named in the same way, so that only those to which something is added are imported.
"""

import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, MutableMapping
from contextlib import redirect_stdout
from dataclasses import dataclass, replace
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from pkgutil import resolve_name
from threading import RLock
from typing import NamedTuple

from wrapdetect.model.prose import quote


class EntryPointGroup(NamedTuple):
    """The registry that a group adds to, the type of what it takes, and the attribute that is its id there; `names` is
    that of the names which it has for itself beside the id. With `made`, what goes into the registry is made of what is
    given, or refused."""

    registry: str
    type: str
    id: str = "id"
    names: str = ""
    made: str = ""


GROUPS: Mapping[str, EntryPointGroup] = {
    "wrapdetect.readers": EntryPointGroup(
        "wrapdetect.evidence.read:READERS", "wrapdetect.evidence.read:Reader", names="features"
    ),
    "wrapdetect.rules": EntryPointGroup(
        "wrapdetect.evidence.compare.rules:RULES", "wrapdetect.evidence.compare.rule:Rule"
    ),
    "wrapdetect.dialects": EntryPointGroup(
        "wrapdetect.dialects:DIALECTS", "wrapdetect.dialects:WireFormat", id="name", names="names"
    ),
    "wrapdetect.feeds": EntryPointGroup("wrapdetect.monitor.feeds:FEEDS", "wrapdetect.monitor.feeds:Feed", id="format"),
    "wrapdetect.reports": EntryPointGroup("wrapdetect.report:REPORTS", "wrapdetect.report.interface:Report"),
    "wrapdetect.packs": EntryPointGroup(
        "wrapdetect.store.shipped:PACKS", "builtins:str", made="wrapdetect.store.shipped:pack_of_plug_in"
    ),
}
"""In this order: a pack may name a reader that the same package adds."""
_LOADING = RLock()
"""Verbs may be called in several threads at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlugIn:
    """Something that a package adds, or would: `problem` says why it is left out, "" where it is there."""

    group: str
    id: str
    package: str
    problem: str = ""

    @property
    def warning(self) -> str:
        """One line on what is left out."""
        return f"plug-in {self.id} of {self.package} ({self.group}) is left out: {self.problem}"


def load_plugins() -> tuple[PlugIn, ...]:
    """What the installed packages add, added to the registries; later calls tell the same."""
    with _LOADING:
        return _installed()


@cache
def _installed() -> tuple[PlugIn, ...]:
    points = entry_points()
    return add_plugins(p for group in GROUPS for p in points.select(group=group))


def load_and_tell(say: Callable[[str], object]) -> None:
    """What every door does first: load them, and say in one line each what is left out."""
    for plug_in in load_plugins():
        if plug_in.problem:
            say(plug_in.warning)


def add_plugins(points: Iterable[EntryPoint], groups: Mapping[str, EntryPointGroup] = GROUPS) -> tuple[PlugIn, ...]:
    """Load each and add it to the registry of its group; what does not fit is left out, and the rest goes on."""
    order = list(groups)
    sorted_points = sorted(points, key=lambda p: (order.index(p.group), p.name, package_of(p)))
    of_name = Counter((p.group, p.name) for p in sorted_points)
    return tuple(_added(p, groups[p.group], of_name[p.group, p.name]) for p in sorted_points)


def package_of(point: EntryPoint) -> str:
    """Name and version of the package that adds it."""
    return f"{point.dist.name} {point.dist.version}" if point.dist else "a package without a name"


def _added(point: EntryPoint, group: EntryPointGroup, n_of_name: int) -> PlugIn:
    plug_in = PlugIn(group=point.group, id=point.name, package=package_of(point))
    if n_of_name > 1:
        return replace(plug_in, problem=f"{n_of_name} plug-ins have this id; uninstall all but one")
    try:
        registry: MutableMapping[str, object] = resolve_name(group.registry)
        value = _value(point, group)
        taken = {n for id_, there in registry.items() for n in _names(id_, there, group)}
        if doubled := taken & {*_names(point.name, value, group)}:
            return replace(plug_in, problem=f"{', '.join(sorted(doubled))} is there already; expected another name")
        registry[point.name] = value
    except (Exception, SystemExit) as error:  # their code: whatever it raises, the rest goes on
        return replace(plug_in, problem=quote(f"{type(error).__name__}: {error}", 300))
    return plug_in


def _value(point: EntryPoint, group: EntryPointGroup) -> object:
    """Raises TypeError and ValueError for what the group does not take, and whatever loading it raises."""
    with redirect_stdout(sys.stderr):  # standard output is for the report alone
        value = point.load()
    kind = resolve_name(group.type)
    if not isinstance(value, kind):
        raise TypeError(f"{point.value} is of type {type(value).__name__}; expected {kind.__name__}")
    if group.made:
        make: Callable[[str, object], object] = resolve_name(group.made)
        return make(point.name, value)
    if getattr(value, group.id) != point.name:
        raise ValueError(f"{point.value} has the {group.id} {getattr(value, group.id)!r}; expected {point.name!r}")
    return replace(value, origin=package_of(point)) if hasattr(value, "origin") else value


def _names(id_: str, value: object, group: EntryPointGroup) -> Iterator[str]:
    yield id_
    if group.names:
        yield from getattr(value, group.names)
