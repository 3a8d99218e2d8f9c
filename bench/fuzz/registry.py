"""All parts that are fuzzed, by name."""

from collections.abc import Mapping

from bench.fuzz import bodies, feeds, records, templates
from bench.fuzz.hunting import Part

PARTS: Mapping[str, Part] = {
    part.name: part for part in (records.CODEC, bodies.DIALECTS_PART, templates.TEMPLATES, feeds.FEEDS_PART)
}
