"""Reference libraries: recorded answers of known models to the same prompts, their checks and their text form.

The text form is JSON lines: a head with provenance, counts and digest; one line a question; one line for each model
and question with its draws. Draws stand in the order of their SHA-256: neither a table's order nor the alphabet
decides which comes first, and the same answers give the same digest.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Annotated, NamedTuple, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from wrapdetect.errors import LibraryError
from wrapdetect.model.prose import quote

_FORMAT = 1
LEAST_QUESTIONS = 8
"""Questions that at least two models must have answered; with fewer no comparison of theirs says anything."""
NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_SHOWN = 5
"""Models named in one note."""

_Answers = Mapping[str, Mapping[str, tuple[str, ...]]]
"""Model -> question id -> draws."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswersSource:
    """Where the answers come from, in the user's words; "" and None say that it was not told."""

    origin: str = ""
    collected: date | None = None
    settings: str = ""
    licence: str = ""


class _Question(NamedTuple):
    """One prompt; `id` is question_id(text)."""

    id: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """The first line of a library: provenance and counts."""

    source: AnswersSource
    digest: str
    n_models: int
    n_questions: int
    n_answers: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Library:
    """`questions` are sorted by id, `models` by name; a model may lack questions.

    `digest` is the SHA-256 of all but the name.
    """

    name: str
    source: AnswersSource
    questions: tuple[_Question, ...]
    models: tuple[str, ...]
    answers: _Answers
    digest: str

    @property
    def head(self) -> Head:
        return Head(
            source=self.source,
            digest=self.digest,
            n_models=len(self.models),
            n_questions=len(self.questions),
            n_answers=_count(self.answers),
        )


class Row(NamedTuple):
    """One recorded answer; `place` is the file and line (or row) as errors call it."""

    model: str
    prompt: str
    answer: str
    place: str


def question_id(text: str) -> str:
    """The first 16 hex digits of the SHA-256 of the text, exactly as given.

    >>> question_id("Why are there tides?")
    '8bc59a34cb033de0'
    """
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def check_name(name: str) -> None:
    """Raises LibraryError for a name that is no plain file name."""
    if not NAME.fullmatch(name):
        raise LibraryError(
            f"{quote(name)!r} is no name for a library; expected up to 64 of a-z, 0-9, '.', '_' and '-', "
            "with a letter or digit first"
        )


def build_library(name: str, rows: Iterable[Row], source: AnswersSource) -> tuple[Library, tuple[str, ...]]:
    """A library of the rows, and notes for the user: what was left out, and which models miss prompts.

    Raises LibraryError for an unfit name or text, no rows, one model only, or fewer than LEAST_QUESTIONS questions
    that two models answered.
    """
    check_name(name)
    for option in ("origin", "settings", "licence"):
        _check_text(getattr(source, option), f"the library's {option}")
    pile = _Pile()
    for row in rows:
        pile.add(row)
    answers = {m: {q: _ordered(d) for q, d in draws.items()} for m, draws in pile.draws.items()}
    answered = {q for by_question in answers.values() for q in by_question}
    library = _library(name, source, [_Question(q, t) for t, q in pile.ids.items() if q in answered], answers)
    _refuse_thin(library, pile)
    return library, tuple(_notes(library, pile))


def shared_questions(library: Library) -> frozenset[str]:
    """Ids of the questions that at least two models answered."""
    once: set[str] = set()
    shared: set[str] = set()
    for by_question in library.answers.values():
        shared |= once & by_question.keys()
        once |= by_question.keys()
    return frozenset(shared)


def dump_library(library: Library) -> Iterator[str]:
    """The lines of the text form, each with its newline."""
    lines = _content(library.source, library.questions, library.models, library.answers)
    head = {"library": _FORMAT, "digest": library.digest, **next(lines)}
    yield _dump(head)
    yield from map(_dump, lines)


def parse_head(line: str | bytes, name: str) -> Head:
    """The first line alone. Raises LibraryError for one that is damaged or of another format."""
    head = _parse(_HeadLine, line, name, 1)
    if head.library != _FORMAT:
        raise LibraryError(
            f"library {name}: cannot read library format {head.library} (this program reads {_FORMAT}); "
            "update wrapdetect, or import it again with --replace"
        )
    return Head(
        source=AnswersSource(
            origin=head.origin, collected=head.collected, settings=head.settings, licence=head.licence
        ),
        digest=head.digest,
        n_models=len(head.models),
        n_questions=head.questions,
        n_answers=head.answers,
    )


def parse_library(lines: Iterable[str | bytes], name: str) -> Library:
    """The inverse of dump_library. Raises LibraryError, naming the line, for any damage; nothing is guessed at."""
    numbered = enumerate(lines, start=1)
    _, first = next(numbered, (1, ""))
    head = parse_head(first, name)
    questions: dict[str, str] = {}
    answers: dict[str, dict[str, tuple[str, ...]]] = {}
    number = 1
    for number, line in numbered:
        if len(questions) < head.n_questions:
            asked = _parse(_QuestionLine, line, name, number)
            if question_id(asked.text) != asked.question or asked.question in questions:
                raise _damaged(name, number, f"question {asked.question} stands there twice or with another text")
            questions[asked.question] = asked.text
        else:
            said = _parse(_AnswerLine, line, name, number)
            if said.question not in questions or said.question in answers.get(said.model, {}):
                raise _damaged(name, number, f"question {said.question} is unknown, or doubled for {quote(said.model)}")
            answers.setdefault(said.model, {})[said.question] = tuple(said.answers)
    library = _library(name, head.source, [_Question(*q) for q in questions.items()], answers)
    if library.head != head:
        raise _damaged(name, number, f"its lines have digest {library.digest[:12]}…, its head says {head.digest[:12]}…")
    return library


@dataclass(slots=True)
class _Pile:
    """Rows as they come, and what was counted on the way."""

    ids: dict[str, str] = field(default_factory=dict)  # prompt -> question id
    draws: dict[str, dict[str, dict[str, None]]] = field(default_factory=dict)
    seen: dict[str, None] = field(default_factory=dict)  # models of all rows, silent ones too
    n_rows: int = 0
    n_empty: int = 0
    n_repeated: int = 0

    def add(self, row: Row) -> None:
        self.n_rows += 1
        if row.model not in self.seen:
            _check_text(row.model, f"{row.place}: the model's name", filled=True)
            self.seen[row.model] = None
        if row.prompt not in self.ids:
            _check_text(row.prompt, f"{row.place}: the prompt", filled=True)
            self.ids[row.prompt] = question_id(row.prompt)
        if not row.answer.strip():
            self.n_empty += 1
            return
        _check_text(row.answer, f"{row.place}: the answer")
        draws = self.draws.setdefault(row.model, {}).setdefault(self.ids[row.prompt], {})
        self.n_repeated += row.answer in draws
        draws[row.answer] = None


def _check_text(text: str, what: str, *, filled: bool = False) -> None:
    """Raises LibraryError for half a character (a lone surrogate), and where `filled`, for white space only."""
    if filled and not text.strip():
        raise LibraryError(f"{what} is empty; expected text: fill it in or leave the row out")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise LibraryError(
            f"{what} holds half a character ({text[error.start]!a}, position {error.start}); expected text that "
            "UTF-8 can hold: mend it or leave the row out"
        ) from error


def _ordered(draws: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(draws, key=lambda text: hashlib.sha256(text.encode()).digest()))


def _refuse_thin(library: Library, pile: _Pile) -> None:
    start = f"library {library.name}: {pile.n_rows} rows"
    if not pile.n_rows:
        raise LibraryError(f"{start}; expected one row for each answer of each model")
    if not library.models:
        raise LibraryError(f"{start}, all with empty answers; expected text: look at the answer column")
    if len(library.models) == 1:
        raise LibraryError(
            f"{start}, all answers of one model ({quote(library.models[0])}); needs at least two: "
            "nothing can be nearer than another"
        )
    shared = len(shared_questions(library))
    if shared < LEAST_QUESTIONS:
        raise LibraryError(
            f"{start}, {len(library.questions)} prompts, of which {shared} answered by at least two models; "
            f"comparisons need at least {LEAST_QUESTIONS}: add answers to the same prompts"
        )


def _notes(library: Library, pile: _Pile) -> Iterator[str]:
    shared, n_questions = shared_questions(library), len(library.questions)
    n_further = _count(library.answers) - sum(len(a) for a in library.answers.values())
    silent = [quote(m) for m in pile.seen if m not in library.answers]
    missing = [n_questions - len(a) for a in library.answers.values() if len(a) < n_questions]
    thin = {quote(m): n for m, a in library.answers.items() if (n := len(a.keys() & shared)) < LEAST_QUESTIONS}
    if pile.n_empty:
        yield f"{_number(pile.n_empty, 'empty answer')} left out"
    if silent:
        yield f"{_number(len(silent), 'model')} without any answer left out: {_listed(silent)}"
    if pile.n_repeated:
        yield f"{_number(pile.n_repeated, 'repeated row')} left out: same model, prompt and answer"
    if n_further:
        yield f"{_number(n_further, 'further answer')} to a prompt already answered by that model kept as draws"
    if missing:
        low, high = min(missing), max(missing)
        span = f"{low}" if low == high else f"{low} to {high}"
        yield f"{len(missing)} of {_number(len(library.models), 'model')} miss {span} of {n_questions} prompts"
    if thin:
        named = _listed([f"{m} ({n})" for m, n in thin.items()])
        yield f"kept, but too thin to compare (fewer than {LEAST_QUESTIONS} of {len(shared)} shared prompts): {named}"


def _number(n: int, noun: str) -> str:
    return f"{n} {noun}{'' if n == 1 else 's'}"


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more


def _count(answers: _Answers) -> int:
    return sum(len(draws) for by_question in answers.values() for draws in by_question.values())


def _library(name: str, source: AnswersSource, questions: Sequence[_Question], answers: _Answers) -> Library:
    models = tuple(sorted(answers))
    digest = hashlib.sha256()
    for line in _content(source, questions, models, answers):
        digest.update(_dump(line).encode())
    return Library(
        name=name,
        source=source,
        questions=tuple(sorted(questions)),
        models=models,
        answers=answers,
        digest=digest.hexdigest(),
    )


def _content(
    source: AnswersSource, questions: Sequence[_Question], models: Sequence[str], answers: _Answers
) -> Iterator[Mapping[str, object]]:
    """All but name, format and digest: what the digest is taken of."""
    yield {
        "origin": source.origin,
        "collected": source.collected.isoformat() if source.collected else None,
        "settings": source.settings,
        "licence": source.licence,
        "models": list(models),
        "questions": len(questions),
        "answers": _count(answers),
    }
    yield from ({"question": q.id, "text": q.text} for q in sorted(questions))
    for model in models:
        yield from ({"model": model, "question": q, "answers": list(d)} for q, d in sorted(answers[model].items()))


def _dump(line: Mapping[str, object]) -> str:
    return json.dumps(line, ensure_ascii=False, separators=(",", ":")) + "\n"


class _Line(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


_Hash = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
_Count = Annotated[int, Field(ge=1)]


class _HeadLine(_Line):
    model_config = ConfigDict(extra="ignore", strict=True)  # a newer format may hold more: its number is looked at

    library: _Count
    digest: _Hash
    origin: str
    collected: date | None
    settings: str
    licence: str
    models: list[str]
    questions: _Count
    answers: _Count


class _QuestionLine(_Line):
    question: str
    text: str


class _AnswerLine(_Line):
    model: str
    question: str
    answers: Annotated[list[str], Field(min_length=1)]


_Kind = TypeVar("_Kind", bound=_Line)


def _parse(kind: type[_Kind], line: str | bytes, name: str, number: int) -> _Kind:
    try:
        return kind.model_validate_json(line)
    except ValidationError as error:
        first = error.errors()[0]
        where = "".join(f"{p}: " for p in first["loc"])
        raise _damaged(name, number, f"{where}{first['msg']}") from error


def _damaged(name: str, number: int, what: str) -> LibraryError:
    return LibraryError(f"library {name}, line {number}: {what}; the file is damaged: import it again with --replace")
