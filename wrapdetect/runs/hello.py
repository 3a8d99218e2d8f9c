"""Whether an endpoint answers the first plain question; else why not, and what to do about it."""

from collections.abc import Iterable, Sequence

from wrapdetect.dialects import decode
from wrapdetect.dialects.body.hints import next_step
from wrapdetect.dialects.body.unpacked import header_of
from wrapdetect.dialects.template.problems import ENDLESS, envelope, is_endless
from wrapdetect.errors import PreflightError, TargetDown
from wrapdetect.model import Endpoint, Exchange, Failure, FailureKind
from wrapdetect.model.prose import quote
from wrapdetect.runs.plan import HELLO
from wrapdetect.targets.config import title

NOT_FOUND = (404, 405)
_DOWN = (FailureKind.SERVER, FailureKind.CONNECT, FailureKind.TIMEOUT)


def check_hello(endpoints: Iterable[Endpoint], exchanges: Sequence[Exchange], moved: Sequence[str] = ()) -> None:
    """Raises PreflightError for endpoints that gave no answer to the first plain question; TargetDown where the target
    is one of them and all are down. `moved` says where some of them answer instead."""
    lines, advice, failed = list[str](), dict[str, None](), list[tuple[Endpoint, FailureKind]]()
    for endpoint in endpoints:
        tries = [e for e in exchanges if e.endpoint == endpoint.name and e.ask.probe == HELLO and not e.ask.variant]
        if not tries:
            continue
        last = max(tries, key=lambda e: (e.ask.draw == 0, e.attempt))
        failure = hello_failure(last, endpoint)
        if failure is not None:
            lines.append(
                f"{title(endpoint.role, endpoint.name)} at {endpoint.url}: {failure.kind}: {quote(failure.detail, 300)}"
            )
            advice[_advice(endpoint, last.status, failure)] = None
            failed.append((endpoint, failure.kind))
    if lines:
        down = any(e.role == "target" for e, _ in failed) and all(kind in _DOWN for _, kind in failed)
        raise (TargetDown if down else PreflightError)(
            f"{'; '.join(lines)}. Nothing else was asked: {'; '.join((*moved, *advice))}"
        )


def hello_failure(exchange: Exchange, endpoint: Endpoint) -> Failure | None:
    """Why an exchange holds no answer; an answer that is still wrapped in events or JSON is none."""
    reply = decode(exchange, endpoint)
    if reply.failure is not None or endpoint.template is None:
        return reply.failure
    media_type = header_of(exchange.headers, "content-type").lower()
    wrapped = envelope(endpoint.template, media_type, reply.text)
    return Failure(kind=FailureKind.GARBLED, detail=wrapped) if wrapped else None


def not_found(exchanges: Iterable[Exchange], endpoint: Endpoint) -> bool:
    """Whether the last that it said is that nothing is there."""
    statuses = [e.status for e in exchanges if e.endpoint == endpoint.name]
    return bool(statuses) and statuses[-1] in NOT_FOUND


def _advice(endpoint: Endpoint, status: int | None, failure: Failure) -> str:
    """What to do about an endpoint that did not answer the first plain question."""
    if failure.kind == FailureKind.TIMEOUT and endpoint.template is not None and is_endless(endpoint.template):
        return ENDLESS
    if step := next_step(endpoint, status, failure):
        return step
    if failure.kind in (*_DOWN, FailureKind.LIMITED):
        return "it is down or busy, or this is not its address: try again later"
    if status in (401, 403) and endpoint.key_env is None and endpoint.dialect not in ("page", "template"):
        return "give the key: --key-env VARIABLE (key_env in a TOML)"
    if endpoint.dialect in ("page", "template"):
        return "`wrapdetect target check` with its TOML shows what came (`wrapdetect target detect` writes one)"
    usual = "check the URL (often ending in /v1), --model and the key"
    if endpoint.dialect in ("openai_stream", "openai_plain") and status in (404, 405):
        return f'{usual}; it may offer another API: dialect = "responses" in the TOML'
    return usual
