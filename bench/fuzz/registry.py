"""All parts that are fuzzed, by name."""

from collections.abc import Mapping

from bench.fuzz import bodies, feeds, gathered, pasted, records, sights, templates
from bench.fuzz.hunting import Part

PARTS: Mapping[str, Part] = {
    part.name: part
    for part in (
        records.CODEC,
        bodies.DIALECTS_PART,
        templates.TEMPLATES,
        pasted.CURL,
        gathered.HAR,
        gathered.COLLECTED,
        feeds.FEEDS_PART,
        sights.DETECT,
    )
}
