"""Results of evaluations: promptfoo, inspect_ai, lm-eval; MT-Bench (questions elsewhere) is refused by name."""

from collections.abc import Iterator, Mapping, Sequence

from wrapdetect.errors import LibraryError
from wrapdetect.runs.collected.envelopes import messages_of, opened_json
from wrapdetect.runs.collected.shapes.base import (
    Context,
    Record,
    RecordedTalk,
    Shape,
    at,
    first_text,
    seconds,
    text_at,
    told_moment,
)


def _objects(value: object) -> list[Record]:
    listed = value if isinstance(value, Sequence) and not isinstance(value, str) else ()
    return [v for v in listed if isinstance(v, Mapping)]


# promptfoo: results.json of versions 2 and 3, or one result a line


def _is_promptfoo(record: Record) -> bool:
    results = record.get("results")
    nested = at(results, "results") if isinstance(results, Mapping) else results
    first = next(iter(_objects(nested)), None)
    return _is_result(record) or (first is not None and _is_result(first))


def _is_result(record: Record) -> bool:
    return (
        "provider" in record
        and ("prompt" in record or "response" in record)
        and isinstance(record.get("prompt") or record.get("response"), Mapping)
    )


def _promptfoo(record: Record, context: Context) -> Iterator[RecordedTalk]:
    results = record.get("results")
    nested = at(results, "results") if isinstance(results, Mapping) else results
    for result in [record] if _is_result(record) else _objects(nested):
        output = at(result, "response", "output")
        if output is None:
            context.left["results without an answer (the provider failed)"] += 1
            continue
        asked = at(result, "prompt", "raw") or at(result, "prompt", "display") or result.get("prompt")
        provider = result.get("provider")
        cached = at(result, "response", "cached") is True
        yield RecordedTalk(
            speaker=provider if isinstance(provider, str) else text_at(result, "provider", "id"),
            messages=[*context.asked("prompt.raw", asked), context.answer(output)],
            took_s=None if cached else seconds(result.get("latencyMs"), of=1000),
        )


# inspect_ai: log.json


def _is_inspect(record: Record) -> bool:
    return isinstance(record.get("eval"), Mapping) and ("samples" in record or "plan" in record)


def _inspect(record: Record, context: Context) -> Iterator[RecordedTalk]:
    samples = _objects(record.get("samples"))
    if not samples:
        raise LibraryError(f"{context.place}: an inspect_ai log without samples; expected one that holds them")
    for sample in samples:
        listed = messages_of(sample.get("messages")) if sample.get("messages") else None
        if sample.get("error"):
            context.left["samples that ended in an error"] += 1
        elif listed is not None and any(role == "assistant" for role, _ in listed):
            yield RecordedTalk(speaker=_inspected(record, sample), messages=listed)
        else:
            output = at(sample, "output", "choices") or at(sample, "output", "completion")
            asked = context.asked("input", sample.get("input"))
            yield RecordedTalk(speaker=_inspected(record, sample), messages=[*asked, context.answer(output)])


def _inspected(record: Record, sample: Record) -> str:
    return first_text(text_at(record, "eval", "model"), text_at(sample, "output", "model"))


# lm-eval: samples_*.jsonl


def _is_lm_eval(record: Record) -> bool:
    return "doc" in record and ("resps" in record or "filtered_resps" in record) and "arguments" in record


def _lm_eval(record: Record, context: Context) -> Iterator[RecordedTalk]:
    arguments = at(record, "arguments")
    if isinstance(arguments, Mapping):
        asked = at(arguments, "gen_args_0", "arg_0")
    else:
        first = arguments[0] if isinstance(arguments, Sequence) and arguments else None
        asked = first[0] if isinstance(first, Sequence) and first and not isinstance(first, str) else first
    draws = at(record, "resps") or at(record, "filtered_resps")
    listed = draws[0] if isinstance(draws, Sequence) and draws and not isinstance(draws[0], str) else draws
    texts = [t for t in listed if isinstance(t, str)] if isinstance(listed, Sequence) else []
    if not texts:
        context.left["samples scored by likelihood, which hold no answer"] += 1
    for text in texts:
        yield RecordedTalk(speaker="", messages=[*context.asked("arguments", asked), ("assistant", text)])


# MT-Bench: model_answer/*.jsonl


def _is_mt_bench(record: Record) -> bool:
    return "question_id" in record and isinstance(record.get("choices"), Sequence) and "messages" not in record


def _mt_bench(record: Record, context: Context) -> Iterator[RecordedTalk]:
    raise LibraryError(
        f"{context.place}: MT-Bench's answers, whose questions are in question.jsonl; join the two by question_id into "
        "rows of messages"
    )


# Logs of calls: a request beside its response (gateways, proxies)


def _is_call(record: Record) -> bool:
    return any(isinstance(opened_json(at(record, k)), Mapping) for k in ("request", "request_body")) and any(
        at(record, k) is not None for k in ("response", "response_body")
    )


def _call(record: Record, context: Context) -> Iterator[RecordedTalk]:
    request = opened_json(record.get("request", record.get("request_body")))
    response = opened_json(record.get("response", record.get("response_body")))
    asked = at(request, "body") if isinstance(request, Mapping) and "body" in request else request
    answered = at(response, "body") if isinstance(response, Mapping) and "body" in response else response
    model = text_at(answered, "model") if isinstance(answered, Mapping) else ""
    yield RecordedTalk(
        speaker=first_text(model, text_at(asked, "model") if isinstance(asked, Mapping) else ""),
        messages=context.pair(asked, answered),
        started=told_moment(record.get("created_at")) or told_moment(record.get("timestamp")),
    )


PROMPTFOO = Shape("promptfoo's results", _is_promptfoo, _promptfoo)
INSPECT = Shape("an inspect_ai log", _is_inspect, _inspect)
LM_EVAL = Shape("lm-eval's samples", _is_lm_eval, _lm_eval)
MT_BENCH = Shape("MT-Bench's answers", _is_mt_bench, _mt_bench)
CALLS = Shape("a log of calls, a request beside its response", _is_call, _call)
