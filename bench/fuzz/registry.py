"""All parts that are fuzzed, by name."""

from collections.abc import Mapping

from bench.fuzz import bodies
from bench.fuzz.hunting import Part

PARTS: Mapping[str, Part] = {part.name: part for part in (*bodies.parts(),)}
