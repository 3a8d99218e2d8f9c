"""Which incidents of a page of many products count? Those of the components named, and those whose title has the words.

Plain words, no patterns: a pattern of the user's would be run on text that others write.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from wrapdetect.model.prose import quote, words


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """`components`: names as the page writes them, in any case. `title`: phrases, of which one must have all its words
    in the title, in any case and order. An empty one asks for nothing."""

    components: tuple[str, ...] = ()
    title: tuple[str, ...] = ()

    def takes(self, title: str, components: Sequence[str]) -> bool:
        """Whether such an incident counts. One that names no component may be of any, and counts.

        >>> Scope(components=("API",)).takes("Down", ["api "]), Scope(components=("API",)).takes("Down", ["Video app"])
        (True, False)
        >>> Scope(title=("gemini errors",)).takes("Errors of Vertex Gemini API", [])
        True
        """
        named = {_plain(c) for c in components}
        wanted = {_plain(c) for c in self.components}
        if named and wanted and not named & wanted:
            return False
        said = set(words(title))
        return not self.title or any(said.issuperset(words(phrase)) for phrase in self.title)

    def notes(self, told: Sequence[tuple[str, Sequence[str]]]) -> tuple[str, ...]:
        """What to say of a page's incidents (title, components): how many are left out, and where none can be named."""
        out = [(title, named) for title, named in told if not self.takes(title, named)]
        unnamed = sum(not named for _, named in told)
        notes = []
        if out:
            others = sorted({name for _, named in out for name in named})
            which = f" ({quote(', '.join(others), 120)})" if others and self.components else ""
            notes.append(f"{len(out)} of {len(told)} incidents left out, of other components or titles{which}")
        if self.components and told and unnamed == len(told):
            notes.append("this feed names no components: components = [...] changes nothing here; use title = [...]")
        elif self.components and unnamed:
            notes.append(f"{unnamed} of {len(told)} incidents name no component and count")
        return tuple(notes)


EVERYTHING = Scope()


def _plain(name: str) -> str:
    return " ".join(name.casefold().split())
