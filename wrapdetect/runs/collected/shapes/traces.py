"""Exports of tracing tools: Langfuse, LangSmith, Phoenix. Spans that are no call of a model are left out."""

from collections.abc import Iterator, Mapping, Sequence

from wrapdetect.runs.collected.envelopes import answered_in, opened_json
from wrapdetect.runs.collected.shapes.base import (
    Context,
    Record,
    RecordedTalk,
    Shape,
    at,
    between,
    first_text,
    seconds,
    text_at,
    told_moment,
)

NO_CALL = "spans that are no call of a model"
_UNANSWERED = "rows that hold no answer (it was not saved)"


def _talk(context: Context, asked: object, answered: object, **more: object) -> Iterator[RecordedTalk]:
    """One question with its answer; nothing where the row holds none."""
    if asked in (None, "") or answered in (None, "", [], {}):
        context.left[_UNANSWERED] += 1
        return
    started, took_s, speaker = more.get("started"), more.get("took_s"), more["speaker"]
    yield RecordedTalk(
        speaker=str(speaker),
        messages=context.pair(asked, answered),
        started=told_moment(started),
        took_s=took_s if isinstance(took_s, float) else None,
    )


# Langfuse: traces or observations


LANGFUSE = ("traceId", "projectId", "htmlPath", "observations", "sessionId", "trace_id", "observation_id",
            "environment", "bookmarked", "providedModelName", "startTime")  # fmt: skip


def _is_langfuse(record: Record) -> bool:
    return "input" in record and "output" in record and any(k in record for k in LANGFUSE)


def _langfuse(record: Record, context: Context) -> Iterator[RecordedTalk]:
    held = opened_json(at(record, "observations"))
    listed = held if isinstance(held, Sequence) and not isinstance(held, str) else ()
    calls = [o for o in listed if isinstance(o, Mapping) and o.get("type") == "GENERATION"]
    if calls:
        for call in calls:
            yield from _observation(call, context)
        return
    yield from _observation(record, context)


def _observation(record: Record, context: Context) -> Iterator[RecordedTalk]:
    if record.get("type") in ("SPAN", "EVENT", "TOOL", "RETRIEVER", "EMBEDDING", "CHAIN", "AGENT", "EVALUATOR"):
        context.left[NO_CALL] += 1
        return
    begun = record.get("startTime") or record.get("start_time") or record.get("timestamp")
    ended = record.get("endTime") or record.get("end_time")
    took_s = between(told_moment(begun), told_moment(ended))
    names = ("model", "providedModelName", "modelName", "model_name")
    yield from _talk(
        context,
        at(record, "input"),
        at(record, "output"),
        speaker=first_text(*(text_at(record, n) for n in names)),
        started=begun,
        took_s=seconds(record.get("latency")) if took_s is None and "type" not in record else took_s,
    )


# LangSmith: runs


def _is_langsmith(record: Record) -> bool:
    return "inputs" in record and "outputs" in record


def _langsmith(record: Record, context: Context) -> Iterator[RecordedTalk]:
    if record.get("run_type") in ("tool", "retriever", "embedding", "prompt", "parser"):
        context.left[NO_CALL] += 1
        return
    if record.get("error"):
        context.left["runs that ended in an error"] += 1
        return
    of_extra = (
        text_at(record, "extra", "metadata", "ls_model_name"),
        text_at(record, "extra", "invocation_params", "model"),
        text_at(record, "extra", "invocation_params", "model_name"),
    )
    begun, ended = told_moment(record.get("start_time")), told_moment(record.get("end_time"))
    yield from _talk(
        context,
        at(record, "inputs"),
        at(record, "outputs"),
        speaker=first_text(*of_extra, text_at(record, "model")),
        started=record.get("start_time"),
        took_s=between(begun, ended),
    )


# Phoenix: spans of OpenInference


def _is_phoenix(record: Record) -> bool:
    return any(k == "attributes" or k.startswith("attributes.") for k in record) and any(
        at(record, "attributes", *names) is not None
        for names in (("input", "value"), ("llm", "input_messages"), ("openinference", "span", "kind"))
    )


def _phoenix(record: Record, context: Context) -> Iterator[RecordedTalk]:
    kind = first_text(text_at(record, "span_kind"), text_at(record, "attributes", "openinference", "span", "kind"))
    if kind.upper() not in ("LLM", ""):
        context.left[NO_CALL] += 1
        return
    asked = at(record, "attributes", "llm", "input_messages") or at(record, "attributes", "input", "value")
    listed = opened_json(at(record, "attributes", "llm", "output_messages"))
    answered = listed if listed and answered_in(listed) is not None else at(record, "attributes", "output", "value")
    begun, ended = record.get("start_time"), record.get("end_time")
    yield from _talk(
        context,
        asked,
        answered,
        speaker=text_at(record, "attributes", "llm", "model_name"),
        started=begun,
        took_s=between(told_moment(begun), told_moment(ended)),
    )


LANGFUSE_SHAPE = Shape("Langfuse's export", _is_langfuse, _langfuse)
LANGSMITH = Shape("LangSmith's runs", _is_langsmith, _langsmith)
PHOENIX = Shape("Phoenix's spans", _is_phoenix, _phoenix)
