"""A reference library of the disk as a match uses it, and an index for one that is imported."""

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date

from wrapdetect.errors import LibraryError
from wrapdetect.evidence.compare.arrays import Array
from wrapdetect.library.answers import Library, question_id
from wrapdetect.library.index import build_index, read_texts
from wrapdetect.library.matching import Heard, Shelf, match
from wrapdetect.library.same_settings import LEAST_DRAWS, settings_note
from wrapdetect.model import Match
from wrapdetect.store import libraries
from wrapdetect.store.embed import Embedder, cache_file, embedder
from wrapdetect.store.shipped import load_seeds

CORES = min(4, os.cpu_count() or 1)
"""Threads that score questions: arrays are worked on outside the interpreter's lock."""


def shelf(name: str) -> Shelf:
    """Raises LibraryError for an unknown library, or one whose arrays are of another version of this program."""
    head = libraries.head(name)

    def read(key: str) -> Array:
        return libraries.array(name, key)

    try:
        models, questions = read_texts("models", read), read_texts("questions", read)
    except LibraryError as error:
        raise LibraryError(f"library {name} was made by another version ({error}); import it again") from error
    ids = [question_id(text) for text in questions]
    return Shelf(
        name=name,
        head=head,
        models=tuple(models),
        questions=dict(zip(ids, questions, strict=True)),
        read=read,
        embedded=libraries.has_array(name, f"embedding_{ids[0]}"),
    )


def index_of(embed: bool) -> Callable[[Library, Callable[[int, int], None]], Iterator[tuple[str, Array]]]:
    """What makes the arrays of a library, with the shipped seeds; `embed` adds embeddings (25 answers a second)."""
    seeds = load_seeds().matching
    embeds = Embedder(cache_file()) if embed else None

    def arrays(library: Library, progress: Callable[[int, int], None]) -> Iterator[tuple[str, Array]]:
        return build_index(library, progress, weights=seeds.weight, link=seeds.link, embed=embeds)

    return arrays


def with_settings(found: Match, heard: Heard) -> Match:
    """Where the target answered prompts several times: whether it could be the nearest model with the same settings."""
    if found.nearest is None or all(len(draws) < LEAST_DRAWS for draws in heard.draws.values()):
        return found
    note = settings_note(heard, found.nearest, libraries.load_library(found.library).answers[found.nearest])
    return replace(found, notes=(*found.notes, note)) if note else found


def match_shelf(heard: Heard, known: Shelf, *, embed: bool | None, today: date) -> Match:
    """What was heard, held against a library of the disk; `embed` None takes embeddings where they are installed."""
    with ThreadPoolExecutor(CORES) as pool:
        found = match(heard, known, load_seeds(), embed=embedder(embed), today=today, each=pool.map)
    return with_settings(found, heard)
