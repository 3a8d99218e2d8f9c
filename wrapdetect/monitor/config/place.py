"""Where in monitor.toml something stands, and how a mistake there is told: file, line, table and key, never a value."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NoReturn

from wrapdetect.errors import ConfigError, SpecError
from wrapdetect.model.prose import quote
from wrapdetect.monitor.config.tables import MANY, TABLES
from wrapdetect.targets.toml_lines import Loc, line_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """The file, and where each key stands in it."""

    name: str
    text: str

    def at(self, loc: Loc) -> str:
        """File and line; the line of the table around it where the key is not written down."""
        while loc:
            line = line_of(self.text, loc)
            if line is not None:
                return f"{self.name}, line {line}"
            loc = loc[:-1]
        return self.name

    def refuse(self, loc: Loc, what: str) -> NoReturn:
        raise ConfigError(f"{self.at(loc)}: {spelt(loc)}: {what}" if loc else f"{self.name}: {what}")

    def check(self, loc: Loc, check: Callable[[str], str]) -> str:
        """What `check` gives for what is called so; its SpecError becomes a ConfigError that names the line."""
        try:
            return check(spelt(loc))
        except SpecError as error:
            raise ConfigError(f"{self.at(loc)}: {error}") from error


def spelt(loc: Loc) -> str:
    """How errors call a place.

    >>> spelt(("target", 0, "url"))
    '[[target]] 1, url'
    """
    shown = [quote(p, 60) if isinstance(p, str) else str(p + 1) for p in loc]
    if len(loc) > 1 and loc[0] in MANY:
        return ", ".join([f"[[{shown[0]}]] {shown[1]}", *shown[2:]])
    return ", ".join([f"[{shown[0]}]" if loc[0] in TABLES else shown[0], *shown[1:]])
