"""What a JSONPath may ask for, so that reading by it takes a few looks at each value and no more.

RFC 9535 lets a path multiply its work: a descent within a descent visits each value as often as it is deep, doubled
selectors double their hits, a filter that searches does so for every value. A path that came with a recording could
hold up whoever replays it.
"""

from collections.abc import Iterator
from math import prod

from jsonpath import CompoundJSONPath, JSONPath
from jsonpath.filter import BaseExpression, FilterQuery, FunctionExtension
from jsonpath.segments import JSONPathRecursiveDescentSegment
from jsonpath.selectors import Filter, IndexSelector, NameSelector

from wrapdetect.errors import SpecError
from wrapdetect.model.text import one_line

MOST_HITS = 20_000
"""Values that one path may find; where it finds more, it finds nothing."""
MOST_DOUBLED = 16
"""Product of the numbers of selectors within brackets."""
_MOST_FILTERS = 3
SEARCHING = frozenset({"match", "search"})
"""Functions that run a pattern of their own, by an engine without a limit."""


def check_path(path: JSONPath | CompoundJSONPath, source: str) -> None:
    """Raises SpecError for a path whose work is not bounded by a few times the size of what it reads.

    >>> from jsonpath import compile
    >>> check_path(compile("$.choices[?@.index == 0]..text"), "")
    >>> check_path(compile("$..a..b"), "$..a..b")
    Traceback (most recent call last):
    wrapdetect.errors.SpecError: '$..a..b' cannot be used: it descends (..) 2 times; expected once at most
    """
    for problem in _problems(path) if isinstance(path, JSONPath) else ("it joins two paths",):
        raise SpecError(f"{one_line(source[:160])!r} cannot be used: {problem}")


def _problems(path: JSONPath) -> Iterator[str]:
    descents = sum(isinstance(s, JSONPathRecursiveDescentSegment) for s in path.segments)
    if descents > 1:
        yield f"it descends (..) {descents} times; expected once at most"
    if prod(len(s.selectors) for s in path.segments) > MOST_DOUBLED:
        yield f"its brackets hold too many selectors; expected a product of {MOST_DOUBLED} at most"
    filters = [s for segment in path.segments for s in segment.selectors if isinstance(s, Filter)]
    if len(filters) > _MOST_FILTERS:
        yield f"it has {len(filters)} filters; expected {_MOST_FILTERS} at most"
    for expression in (e for f in filters for e in _all(f.expression)):
        if isinstance(expression, FunctionExtension) and expression.name in SEARCHING:
            yield f"{expression.name}() runs a pattern without a limit; write re: behind => for it"
        if isinstance(expression, FilterQuery) and not _goes_straight(expression.path):
            yield "a filter searches in it; expected names and indexes only, such as [?@.type == 'text']"


def _all(expression: BaseExpression) -> Iterator[BaseExpression]:
    waiting = [expression]
    while waiting:
        yield (one := waiting.pop())
        waiting += one.children()


def _goes_straight(path: JSONPath) -> bool:
    """Names and indexes only: one step each."""
    return all(
        not isinstance(s, JSONPathRecursiveDescentSegment)
        and len(s.selectors) == 1
        and isinstance(s.selectors[0], NameSelector | IndexSelector)
        for s in path.segments
    )
