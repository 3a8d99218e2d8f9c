"""How is a mistake in monitor.toml told? By its file, line, table and key, and never by a value."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NoReturn

from wrapdetect.errors import ConfigError, SpecError
from wrapdetect.model.prose import quote
from wrapdetect.monitor.config.tables import MANY, TABLES
from wrapdetect.targets.toml_lines import Loc, TomlText


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """The file, as whoever checks its values sees it."""

    toml: TomlText

    def told(self, loc: Loc, what: str) -> str:
        return f"{self.toml.at(loc)}: {spelt(loc)}: {what}" if loc else f"{self.toml.name}: {what}"

    def refuse(self, loc: Loc, what: str) -> NoReturn:
        raise ConfigError(self.told(loc, what))

    def check(self, loc: Loc, check: Callable[[str], str]) -> str:
        """What `check` gives for what is called so; its SpecError becomes a ConfigError that names the line."""
        try:
            return check(spelt(loc))
        except SpecError as error:
            raise ConfigError(f"{self.toml.at(loc)}: {error}") from error


def spelt(loc: Loc) -> str:
    """How errors call a place.

    >>> spelt(("target", 0, "url"))
    '[[target]] 1, url'
    """
    shown = [quote(p, 60) if isinstance(p, str) else str(p + 1) for p in loc]
    if len(loc) > 1 and loc[0] in MANY:
        return ", ".join([f"[[{shown[0]}]] {shown[1]}", *shown[2:]])
    return ", ".join([f"[{shown[0]}]" if loc[0] in TABLES else shown[0], *shown[1:]])
