"""Errors in bodies: by the code or type inside, as HTTP would have said it, in every dialect, by status too"""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.conftest import an_endpoint, an_exchange, read_as
from wrapdetect.dialects import decode, dialect_names
from wrapdetect.dialects.body.told import is_refusal, kind_of_text, kind_told
from wrapdetect.dialects.body.unpacked import refused_by
from wrapdetect.model import AskKey, Chunk, Dialect, Exchange, Template

KEY = AskKey("style", "tides", 0)
APIS = [d for d in dialect_names() if d not in ("template", "page", "pasted")]

LIMITED: list[object] = [
    {"error": {"code": 429, "message": "slow down"}},
    {"error": {"code": "429", "message": "x"}},
    {"error": {"code": 42901, "message": "x"}},
    {"error": {"type": "insufficient_quota", "code": "insufficient_quota", "message": "x"}},
    {"error": {"type": "rate_limit_exceeded", "message": "x"}},
    {"error": {"type": "rate_limit_error", "message": "x"}, "type": "error"},
    {"error": {"status": "RESOURCE_EXHAUSTED", "message": "x"}},
    {"error": {"code": 403, "status": "RESOURCE_EXHAUSTED"}},
    {"error": {"code": 500, "message": "You exceeded your current quota"}},
    {"error": {"code": 400, "type": "invalid_request_error", "message": "Rate limit reached for m-1"}},
    {"error": {"details": [{"@type": "x/ErrorInfo", "reason": "RATE_LIMIT_EXCEEDED"}], "message": "x"}},
    {"error": "Too Many Requests", "statusCode": 429, "message": "ThrottlerException"},
    {"error": "rate limit exceeded"},
    {"error": '{"error": {"code": 429}}'},
    {"error": ["slow", {"code": 429}]},
    {"errors": [{"code": 429, "message": "x"}], "success": False},
    {"success": False, "code": 429},
    {"code": 429, "msg": "x"},
    {"code": 429},
    {"code": "Throttling.RateQuota", "message": "x"},
    {"__type": "ThrottlingException", "message": "x"},
    {"type": "RateLimitError", "message": "x"},
    {"object": "error", "message": "x", "code": 429},
    {"detail": "Rate limit exceeded: 5 per 1 minute"},
    {"detail": {"error": {"code": 429}}},
    {"message": "You are being rate limited.", "retry_after": 0.5},
    {"message": "x", "status": 429},
    {"base_resp": {"status_code": 1002, "status_msg": "rate limit"}, "choices": None},
    {"error_code": 18, "error_msg": "Open api qps request limit reached"},
    {"error": {"message": "Error code: 429 - {'error': 'busy'}"}},
    {"error": {"message": "请求过于频繁，请稍后再试"}},
    {"type": "error", "code": "rate_limit_exceeded", "message": "x"},
    {"fault": {"faultstring": "x", "detail": {"errorcode": "policies.ratelimit.QuotaViolation"}}},
    {"Response": {"Error": {"Code": "RequestLimitExceeded", "Message": "x"}}},
    {"ok": False, "error_code": 429, "description": "x"},
    {"result": "error", "error_code": "too_many_requests"},
    {"status": "RESOURCE_EXHAUSTED"},
    {"code": 429.0, "msg": "x"},
    {"type": "about:blank", "title": "Too Many Requests", "status": 429},
    {"err": {"code": 429, "msg": "x"}},
    {"data": {"error": {"code": 429, "message": "x"}}},
    {"result": {"error": {"type": "rate_limit_error"}}},
    {"exception": "RateLimitException", "message": "x"},
    {"message": "You use a trial key, which is limited to 10 API calls / minute."},
    {"message": "Limit Exceeded"},
    {"message": "Too many tokens, please wait before trying again."},
    {"header": {"code": 11202, "message": "the number of requests exceeds the limit"}},
    {"object": "error", "type": "service_tier_capacity_exceeded", "message": "x", "code": "3505"},
    {"error": {"message": "Trop de requêtes, réessayez plus tard"}},
    {"error": "Zu viele Anfragen. Bitte warten Sie."},
    {"error": "Demasiadas solicitudes"},
    {"error": True, "message": "Muitas requisições"},
    {"error": {"message": "Troppe richieste"}},
    {"error": {"message": "リクエストが多すぎます"}},
    {"error": {"message": "レート制限を超えました"}},
    {"error": "Слишком много запросов"},
    {"error": {"message": "요청이 너무 많습니다"}},
    {"error": {"code": "1302", "message": "您当前的并发数过高"}},
    {"error": {"code": "1305", "message": "当前请求过多，请稍后重试"}},
]
REFUSED: list[object] = [
    {"error": {"code": 401, "message": "No auth credentials found"}},
    {"error": {"code": 402, "message": "Insufficient credits"}},
    {"error": {"code": 402, "message": "You exceeded your current quota"}},
    {"error": {"code": "invalid_api_key", "message": "x"}},
    {"error": {"type": "authentication_error", "message": "x"}, "type": "error"},
    {"error": {"type": "permission_denied", "message": "x"}},
    {"error": {"type": "permission_error", "message": "x"}},
    {"error": {"code": "model_not_found", "message": "x"}},
    {"error": {"code": 404, "status": "NOT_FOUND"}},
    {"error": {"code": 400, "status": "INVALID_ARGUMENT", "message": "API key not valid"}},
    {"error": {"type": "invalid_request_error", "message": "x"}},
    {"error": {"code": "context_length_exceeded", "message": "the limit of your context is exceeded"}},
    {"error": "model 'm-1' not found"},
    {"error": "invalid_client", "error_description": "x"},
    {"error": {"innererror": {"code": "ContentPolicyViolation"}, "message": "x"}},
    {"code": "InvalidApiKey", "message": "x", "request_id": "1"},
    {"detail": "Not authenticated"},
    {"detail": [{"loc": ["body", "model"], "msg": "Field required", "type": "missing"}]},
    {"message": "Forbidden"},
    {"object": "error", "message": "x", "type": "BadRequestError", "code": 400},
    {"message": "Unauthorized", "statusCode": 401},
    {"success": False, "message": "invalid token"},
    {"message": "invalid api token"},
    {"errors": [{"message": "x", "extensions": {"code": "UNAUTHENTICATED"}}], "data": None},
    {"error": "You have exceeded your monthly included credits"},
]
SERVER: list[object] = [
    {"error": {"code": 502, "message": "Provider returned error"}},
    {"error": {"code": 503, "type": "invalid_request_error", "message": "x"}},
    {"error": {"type": "overloaded_error", "message": "Overloaded"}, "type": "error"},
    {"error": {"status": "UNAVAILABLE", "message": "x"}},
    {"error": {"type": "server_error", "message": "no auth was reached"}},
    {"error": {"message": "boom"}},
    {"error": "boom"},
    {"error": ["boom"]},
    {"error": True, "message": "boom"},
    {"error": 7},
    {"type": "error", "why": "boom"},
    {"code": 500, "msg": "x"},
    {"code": 50001, "message": "x"},
    {"code": 7, "message": "engine gone"},
    {"success": False, "errors": [{"code": 7003, "message": "x"}]},
    {"message": "Internal server error"},
    {"detail": "Service temporarily unavailable"},
    {"status": "error", "message": "boom"},
]
TOLD = [*(("limited", b) for b in LIMITED), *(("refused", b) for b in REFUSED), *(("server", b) for b in SERVER)]


def came(data: bytes, kind: str) -> Exchange:
    return an_exchange("bot", KEY, headers=(("content-type", kind),), chunks=(Chunk(t_s=0.1, data=data),))


def kind_in(exchange: Exchange, dialect: Dialect) -> str:
    failure = read_as(exchange, dialect).failure
    assert failure is not None
    assert "\n" not in failure.detail
    return failure.kind.value


@pytest.mark.parametrize(("kind", "body"), TOLD, ids=lambda v: json.dumps(v)[:60])
def test_an_error_in_a_200_is_what_its_status_would_have_been_in_every_dialect(kind: str, body: object) -> None:
    data = json.dumps(body).encode()
    for dialect in APIS:
        assert kind_in(came(data, "application/json"), dialect) == kind, dialect
        assert kind_in(came(b"data: " + data + b"\n\n", "text/event-stream"), dialect) == kind, dialect
        named = b"event: error\ndata: " + data + b"\n\n"
        assert kind_in(came(named, "text/event-stream"), dialect) == kind, dialect


@pytest.mark.parametrize(("kind", "body"), TOLD, ids=lambda v: json.dumps(v)[:60])
def test_a_template_without_an_answer_says_the_same(kind: str, body: object) -> None:
    data = json.dumps(body).encode()
    for template in (Template(answer="$.reply"), Template(answer="$.reply", framing="sse")):
        bot = an_endpoint("bot", dialect="template", template=template)
        lined = data if template.framing == "body" else b"data: " + data + b"\n\n"
        failure = decode(came(lined, "text/plain"), bot).failure
        assert failure is not None
        assert failure.kind == kind


def test_the_error_source_of_a_template_is_classified() -> None:
    template = Template(answer="$.reply", error="$.problem")
    bot = an_endpoint("bot", dialect="template", template=template)
    for problem, kind in (("quota exceeded", "limited"), ({"code": 401}, "refused"), ("boom", "server")):
        failure = decode(came(json.dumps({"problem": problem}).encode(), "application/json"), bot).failure
        assert failure is not None
        assert failure.kind == kind


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (429, b"", "limited"),
        (429, b'{"error": {"type": "server_error", "message": "overloaded"}}', "limited"),
        (400, b'{"error": {"message": "Rate limit reached"}}', "limited"),
        (403, b'{"error": {"code": 403, "message": "Quota exceeded for quota metric"}}', "limited"),
        (503, b'{"error": {"code": "insufficient_quota"}}', "limited"),
        (503, b"Too many requests, slow down", "limited"),
        (500, b'data: {"error": {"code": 429}}\n\n', "limited"),
        (500, b'{"error": {"code": "invalid_api_key"}}', "refused"),
        (400, b'{"error": {"type": "overloaded_error"}}', "server"),
        (401, b'{"error": {"type": "api_error", "message": "x"}}', "refused"),
        (404, b'{"error": {"type": "server_error", "message": "internal error"}}', "refused"),
        (503, b"<html>" + b"rate limit " * 9, "server"),
        (502, b"bad gateway, not found", "server"),
        (500, b"", "server"),
        (404, b"", "refused"),
        (402, b'{"error": {"message": "quota"}}', "refused"),
        (302, b"quota", "refused"),
        (400, b'{"error": {"message": "max_tokens exceeds the limit of this model"}}', "refused"),
        (503, b"\xff\xfe{" * 99, "server"),
        (503, b"[" * 50_000, "server"),
    ],
)  # fmt: skip
def test_a_status_is_corrected_by_what_its_body_says(status: int, body: bytes, kind: str) -> None:
    assert refused_by(status, "Reason", body).kind == kind


@pytest.mark.parametrize(
    "body",
    [
        {"error": None},
        {"error": {}},
        {"error": {"message": "", "type": "", "param": None, "code": None}},
        {"error": {"code": 0, "message": "success"}},
        {"errors": []},
        {"error": False},
        {"code": 0, "msg": "success"},
        {"code": 200, "message": "OK"},
        {"base_resp": {"status_code": 0, "status_msg": ""}},
        {"success": True},
        {"type": "codex.rate_limits", "limits": {}},
        {"status": "in_progress"},
        {"warnings": ["rate limit soon"]},
        {"data": {"error": None}},
        {"result": {"errors": []}},
        {"err": None},
        {"header": {"code": 0, "message": "Success"}},
    ],
)
def test_what_stands_beside_an_answer_and_says_that_all_is_fine_is_no_error(body: dict[str, object]) -> None:
    assert not is_refusal(body)
    chunk = {"choices": [{"index": 0, "delta": {"content": "Hi."}, "finish_reason": "stop"}]}
    for event in ({**chunk, **body}, {**body, **chunk}):
        data = f"data: {json.dumps(body)}\n\ndata: {json.dumps(event)}\n\ndata: [DONE]\n\n".encode()
        assert read_as(came(data, "text/event-stream"), "openai_stream").text == "Hi."


@pytest.mark.parametrize(
    "said", ["Rate limit exceeded", '{"error": {"code": 429}}', "Error code: 503", "429", "quota", "invalid_api_key"]
)
def test_what_a_bot_says_is_no_status(said: str) -> None:
    message = {"choices": [{"message": {"content": said}, "finish_reason": "stop"}]}
    assert read_as(came(json.dumps(message).encode(), "application/json"), "openai_plain").text == said
    answer = {"type": "message", "content": [{"type": "text", "text": said}], "stop_reason": "end_turn"}
    assert read_as(came(json.dumps(answer).encode(), "application/json"), "anthropic_plain").text == said
    line = {"message": {"role": "assistant", "content": said}, "done": True}
    assert read_as(came(json.dumps(line).encode(), "application/x-ndjson"), "ollama_stream").text == said


def test_half_an_answer_before_an_error_is_no_answer() -> None:
    half = b'data: {"choices": [{"delta": {"content": "Hi"}}]}\n\n'
    for error in (
        b'data: {"error": {"code": 429}}\n\n',
        b'event: error\ndata: {"code": 429}\n\n',
        b"event: error\ndata: rate limit\n\n",
        b"event: error\n\ndata: rate limit\n\n",
        b"data: Rate limit exceeded\n\n",
        b'data: {"code": 429, "msg": "x"}\n\n',
        b'data: {"choices": [{"delta": {}, "error": {"code": 429, "message": "x"}, "finish_reason": "error"}]}\n\n',
        b'data: {"choices": [{"delta": {"content": "x"}, "finish_reason": "rate_limit_error"}]}\n\n',
    ):
        reply = read_as(came(half + error + b"data: [DONE]\n\n", "text/event-stream"), "openai_stream")
        assert (reply.text, reply.failure and reply.failure.kind.value) == ("", "limited"), error


@pytest.mark.parametrize("finish", ["error", "failed", "network_error", "insufficient_system_resource", "abort"])
def test_a_finish_reason_that_is_an_error_makes_no_answer(finish: str) -> None:
    body = {"choices": [{"message": {"content": "Hi"}, "finish_reason": finish}]}
    assert kind_in(came(json.dumps(body).encode(), "application/json"), "openai_plain") == "server"


@pytest.mark.parametrize("finish", ["stop", "length", "tool_calls", "eos", "MAX_TOKENS", "end_turn", "stop_sequence"])
def test_other_reasons_leave_an_answer_one(finish: str) -> None:
    body = {"choices": [{"message": {"content": "Hi"}, "finish_reason": finish}]}
    assert read_as(came(json.dumps(body).encode(), "application/json"), "openai_plain").text == "Hi"


def test_an_answer_that_a_filter_kept_back_is_refused() -> None:
    body = {"choices": [{"message": {"content": ""}, "finish_reason": "content_filter"}]}
    assert kind_in(came(json.dumps(body).encode(), "application/json"), "openai_plain") == "refused"


def test_a_plain_text_of_a_limit_is_one() -> None:
    assert kind_in(came(b"Too many requests. Slow down.", "text/plain"), "openai_plain") == "limited"
    assert kind_in(came(b"Too many cooks.", "text/plain"), "openai_plain") == "garbled"


nested = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["error", "code", "message", "detail", "details", "errors", "status", "type", "choices"]),
            inner,
            max_size=5,
        )
    ),
    max_leaves=20,
)


@settings(derandomize=True, deadline=None, max_examples=300)
@given(nested)
def test_whatever_an_error_holds_it_has_a_kind(value: object) -> None:
    assert kind_told(value).value in ("limited", "refused", "server")
    assert kind_of_text(json.dumps(value)).value in ("limited", "refused", "server")
    if isinstance(value, dict):
        assert isinstance(is_refusal(value), bool)


@pytest.mark.parametrize(
    ("finish", "kind"),
    [
        ("error", "server"),
        ("overloaded", "server"),
        ("interrupted", "server"),
        ("connection_error", "server"),
        ("rate_limit", "limited"),
        ("quota_exceeded", "limited"),
        ("RESOURCE_EXHAUSTED", "limited"),
    ],
)
def test_half_an_answer_that_ends_by_a_fault_or_a_limit_is_none(finish: str, kind: str) -> None:
    for said in ("message", "delta"):
        body = {"choices": [{"index": 0, said: {"content": "Half of it"}, "finish_reason": finish}]}
        assert kind_in(came(json.dumps(body).encode(), "application/json"), "openai_stream") == kind


@pytest.mark.parametrize(
    "finish", ["stop", "length", "MAX_TOKENS", "max_tokens_exceeded", "end_turn", "eos", "tool_calls"]
)
def test_an_answer_that_ended_as_answers_do_is_one(finish: str) -> None:
    body = {"choices": [{"index": 0, "message": {"content": "All of it."}, "finish_reason": finish}]}
    assert read_as(came(json.dumps(body).encode(), "application/json"), "openai_plain").text == "All of it."


@pytest.mark.parametrize("place", ["message", "delta"])
def test_an_error_within_a_message_is_one(place: str) -> None:
    body = {"choices": [{"index": 0, place: {"content": "", "error": {"code": 429}}, "finish_reason": "stop"}]}
    half = {"choices": [{"index": 0, "delta": {"content": "Half"}}]}
    data = f"data: {json.dumps(half)}\n\ndata: {json.dumps(body)}\n\n".encode()
    assert kind_in(came(data, "text/event-stream"), "openai_stream") == "limited"
