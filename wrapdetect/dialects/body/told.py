"""What an error that stands in a body means: limited, refused or down, as the status of HTTP would have said it.

By what stands in the places of an error only (its codes, types and messages), never by what a bot says. Shapes: errors
of OpenAI, Anthropic, Google (google.rpc.Status), Ollama, Azure, AWS, FastAPI and of the gateways before them.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from wrapdetect.dialects.body.remote_json import parse_json
from wrapdetect.model import FailureKind

_READ = 64_000
"""Most bytes of a refusal's body that are looked at; an error object is a few hundred."""
_LONGEST_SAID = 1000
"""Most characters of a plain text, or of a message, that are searched for words."""
DEEPEST, WIDEST = 5, 40

CODES = frozenset(
    {
        *("code", "type", "status", "reason", "error", "kind", "name", "statuscode", "errorcode", "errcode", "errno"),
        *("err", "exception"),
        *("httpcode", "httpstatus", "httpstatuscode", "errortype", "retcode", "statustext"),
    }
)
TYPES = frozenset({"type", "kind", "name", "errortype"})
MESSAGES = frozenset(
    {
        *("err", "exception"),
        *("message", "msg", "detail", "details", "error", "errormsg", "errormessage", "errmsg", "description", "title"),
        *("errordescription", "statusmsg", "statusmessage", "faultstring", "reason"),
    }
)
WRAPS = ("data", "result")
"""Keys under which some gateways put whatever an upstream said."""
WITHIN = frozenset(
    {
        "error",
        "errors",
        "detail",
        "details",
        "innererror",
        "fault",
        "baseresp",
        "header",
        *WRAPS,
        "cause",
        "exception",
        *("message", "response", "err", "extensions", "metadata"),
    }
)
"""Keys of an error, and of what stands around one; without case, dashes and underscores."""
ANSWERS = ("choices", "output", "candidates", "content", "delta", "response", "content_block", "part", "item")
"""Keys under which an answer, or a piece of one, stands in one API or another."""
FINE = frozenset({"", "0", "200", "ok", "success", "succeeded", "null", "none", "false", "normal"})
"""What stands in the place of an error where there is none."""

FAILED = frozenset({"error", "failed", "failure", "fail"})

LIMITED = re.compile(
    r"rate_?limit|too_many|quota|throttl|resource_exhausted|usage_limit|slow_down|requests_exceeded|tier_capacity"
)
ANY_LIMIT = re.compile(r"limit_(?:exceeded|reached)|exceeded_limit|exceeds_limit")
OF_THE_QUESTION = re.compile(r"context|token|length|size|char|input|output|prompt")
"""Such a limit is passed by the question itself, and no waiting helps."""
_REFUSED = re.compile(
    r"api_?key|unauth|authenticat|authoriz|invalid_(?:token|grant|client|key|model)|token_(?:expired|invalid)|permission"
    r"|forbidden|denied|not_found|not_exist|no_such|billing|payment|balance|credit|arrear|deactivat|suspend|disabled"
    r"|terminated|country|region|unsupported|not_supported|not_allowed|content_(?:policy|filter)|moderation"
    r"|context_length|too_large|too_long"
)
_DOWN = re.compile(
    r"overload|unavailable|bad_gateway|time_?out|timed_?out|deadline|capacity|no_healthy|connection|not_ready|busy"
    r"|maintenance|insufficient_system_resource"
)
INVALID = re.compile(
    r"invalid|bad_request|validation|missing|unprocessable|precondition|out_of_range|malformed|unknown_(?:model|param)"
)
INTERNAL = re.compile(r"server|internal|upstream|api_error|exception|unknown")
STOPPED = re.compile(
    r"(?:^|_)(?:error|failed|failure|aborted|abort|cancell?ed|interrupted)$|^insufficient_system_resource$|time_?out"
)
"""Codes, in lower case with underscores between their words; STOPPED are reasons for which an answer ended half."""

LIMITED_SAID = re.compile(
    r"rate[\s_-]?limit|too many (?:requests|concurrent)|quota|throttl|(?:requests?|tokens?) per (?:sec|min|hour|day)"
    r"|\b[rt]p[md]\b|(?:usage|daily|hourly|weekly|monthly|request|account|plan|message|concurren\w{1,10}) limit"
    r"|limit of \d{1,9} (?:requests|messages)|limited to \d{1,9} |slow down|resource (?:has been )?exhausted"
    r"|too many tokens, |^limit exceeded|number of (?:requests|calls) exceed|requests? exceed|频繁|限流|额度|配额|速率"
    r"|并发|请求(?:过|太)多|限额|請求過多|頻繁|リクエストが多|レート制限|回数制限|요청이 너무|요청 한도|사용량 한도"
    r"|(?:trop de|zu viele|demasiad[ao]s|muit[ao]s|troppe|te veel|för många|zbyt wiele|слишком (?:много|часто)"
    r"|забагато|çok fazla|quá nhiều|terlalu banyak)\s.{0,12}"
    r"(?:requ|anfrag|solicit|petic|pedid|richiest|verzoek|förfråg|żąda|запрос|запит|istek|yêu cầu|permintaan)"
    r"|(?:limite|límite) de (?:taxa|tasa|débit|velocidad|requ|solicit|petic)|превышен.{0,12}(?:лимит|квот)"
    r"|anfragelimit|ratenbegrenzung",
    re.IGNORECASE,
)
REFUSED_SAID = re.compile(
    r"api[\s_-]?key|unauthori[sz]ed|not authori[sz]ed|authenticat|no auth"
    r"|invalid (?:api )?(?:token|key|credential|model)|exceeded your .{0,30}credit|out of credit"
    r"|unknown model|no such|does not exist|permission|forbidden|access denied|not found|billing|payment required"
    r"|insufficient (?:credit|balance|fund)|credit balance|deactivated|suspended|not supported|unsupported"
    r"|does not support|must be verified|余额|欠费|令牌|密钥|未授权|field required",
    re.IGNORECASE,
)
DOWN_SAID = re.compile(
    r"overload|unavailable|internal (?:server )?error|bad gateway|time-?out|timed out|try again|temporar|upstream"
    r"|server error|unexpected error|something went wrong|connection (?:refused|reset|error|closed)|capacity",
    re.IGNORECASE,
)
CODE_SAID = re.compile(r"\b(?:code|status|http)\b\W{0,4}(?:code|status)?\W{0,4}([45]\d\d)\b", re.IGNORECASE)

_BORDER = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|[^A-Za-z0-9]+")
_DATA = re.compile(r"^data:\s*(\{.*)$", re.MULTILINE)
_MARKUP = re.compile(r"\s*<")


@dataclass(slots=True)
class _Evidence:
    """What stands in the places of an error: codes in words, codes in numbers, messages."""

    words: list[str] = field(default_factory=list)
    codes: list[str] = field(default_factory=list)  # of the words those that are no mere type
    numbers: list[int] = field(default_factory=list)
    said: list[str] = field(default_factory=list)

    def any_word(self, pattern: re.Pattern[str]) -> bool:
        return any(pattern.search(w) for w in self.words)

    def any_said(self, pattern: re.Pattern[str]) -> bool:
        return any(pattern.search(s) for s in self.said)

    @property
    def limited(self) -> bool:
        """Whether it is our rate or quota, and not the endpoint's state."""
        by_code = any(LIMITED.search(w) or (ANY_LIMIT.search(w) and not OF_THE_QUESTION.search(w)) for w in self.words)
        return by_code or 429 in self.numbers or self.any_said(LIMITED_SAID)


def kind_of(status: int) -> FailureKind:
    """What a status of 300 or more means.

    >>> [kind_of(s).value for s in (429, 503, 403)]
    ['limited', 'server', 'refused']
    """
    if status == 429:
        return FailureKind.LIMITED
    return FailureKind.SERVER if status >= 500 else FailureKind.REFUSED


def kind_told(error: object, status: int | None = None) -> FailureKind:
    """What an error means, whether it is an object, a list or a text; `status` is that of its response, of 300 or more.

    A limit of ours goes before all else, but for 402: no waiting helps who has to pay. Then a code that leaves no
    doubt, then a number, then the status; then codes that mean little, and the words of its message. What says nothing
    is the server's fault.

    >>> kind_told({"error": {"code": 401, "message": "no"}}).value, kind_told("Quota exceeded", 503).value
    ('refused', 'limited')
    >>> kind_told({"error": {"type": "overloaded_error"}}).value, kind_told({"error": "boom"}).value
    ('server', 'server')
    """
    found = _evidence(error)
    numbers = [*found.numbers, *([status] if status else [])]
    if status == 429 or (found.limited and 402 not in numbers):
        return FailureKind.LIMITED
    if found.any_word(_REFUSED):
        return FailureKind.REFUSED
    if found.any_word(_DOWN):
        return FailureKind.SERVER
    if numbers:
        return kind_of(numbers[0])
    if found.any_word(INVALID):
        return FailureKind.REFUSED
    if found.any_word(INTERNAL):
        return FailureKind.SERVER
    said = [int(m[1]) for s in found.said for m in CODE_SAID.finditer(s)]
    if said:
        return FailureKind.LIMITED if 429 in said else kind_of(said[0])
    return FailureKind.REFUSED if found.any_said(REFUSED_SAID) else FailureKind.SERVER


OVERLOADED = re.compile(r"overload|unavailable|capacity|busy", re.I)


def kind_of_refusal(status: int, body: bytes) -> FailureKind:
    """What a response with a status of 300 or more means, by its status and by what its body says of it.

    >>> kind_of_refusal(400, b'{"error": {"type": "rate_limit_error"}}').value, kind_of_refusal(404, b"<p>quota").value
    ('limited', 'refused')
    """
    if status < 400:
        return kind_of(status)
    said = body[:_READ].decode(errors="replace")
    told = kind_told(_value_in(said), status)
    # A 4xx that is no overload is no outage, whatever it says of trouble at home (a gateway without its database).
    blames_us = status < 500 and told is FailureKind.SERVER and not OVERLOADED.search(said)
    return kind_of(status) if blames_us else told


def kind_of_text(text: str) -> FailureKind:
    """The same of an error that came as a text, which may be JSON.

    >>> kind_of_text('{"code": 429}').value, kind_of_text("boom").value
    ('limited', 'server')
    """
    return kind_told(_value_in(text[:_READ]))


def is_error(body: Mapping[str, object]) -> bool:
    """Whether an object says that it is an error, by that name.

    >>> is_error({"error": "no"}), is_error({"type": "error"}), is_error({"error": {"message": "", "code": None}})
    (True, True, False)
    """
    if body.get("type") == "error" or body.get("object") == "error":
        return True
    return any(_is_set(body[name]) for name in ("error", "errors", "err") if body.get(name))


def is_refusal(body: Mapping[str, object]) -> bool:
    """Whether an object in which an answer is due is an error in whatever dress: by name, by a code, or in words.

    >>> is_refusal({"code": 429, "msg": "slow down"}), is_refusal({"code": 0, "msg": "success"})
    (True, False)
    >>> is_refusal({"detail": "Not authenticated"}), is_refusal({"choices": [{"text": "429"}], "code": 429})
    (True, False)
    """
    if is_error(body) or any(is_error(b) for n in WRAPS if isinstance(b := body.get(n), dict)):
        return True
    if body.get("choices") or any(body.get(name) for name in ANSWERS) or isinstance(body.get("message"), dict):
        return False
    if body.get("success") is False or body.get("ok") is False:
        return True
    found = _evidence(body)
    told = bool(found.said) and not all(s.strip().lower() in FINE for s in found.said)
    state = any(str(body.get(name, ""))[:9].lower() in FAILED for name in ("status", "state", "result"))
    if state or any(400 <= n <= 599 for n in found.numbers) or (told and any(w.endswith("error") for w in found.words)):
        return True
    if any(p.search(w) for p in (LIMITED, _REFUSED) for w in found.codes):
        return True
    by_code = any(found.any_word(p) for p in (LIMITED, ANY_LIMIT, _REFUSED, _DOWN, INVALID)) or _odd_code(body)
    return told and (by_code or any(found.any_said(p) for p in (LIMITED_SAID, REFUSED_SAID, DOWN_SAID)))


def is_stop_by_error(finish: str) -> bool:
    """Whether a reason to finish says that the answer broke off.

    >>> [is_stop_by_error(f) for f in ("error", "network_error", "stop", "length", "content_filter")]
    [True, True, False, False, False]
    """
    code = _code(finish)
    return any(p.search(code) for p in (STOPPED, LIMITED, _DOWN))


def says_trouble(text: str) -> bool:
    """Whether a short text that is no part of the protocol tells an error and no mere sign of life."""
    short = text[:_LONGEST_SAID]
    patterns = (LIMITED_SAID, REFUSED_SAID, DOWN_SAID)
    return any(p.search(short) for p in patterns) or "error" in short.lower()


def is_limit(text: str) -> bool:
    """Whether a whole body of plain text speaks of a limit: short, and no page.

    >>> is_limit("Too many requests, slow down."), is_limit("<p>Too many requests")
    (True, False)
    """
    return len(text) <= _LONGEST_SAID and not _MARKUP.match(text) and LIMITED_SAID.search(text) is not None


def _evidence(value: object) -> _Evidence:
    found = _Evidence()
    _gather(found, value, 0)
    return found


def _gather(found: _Evidence, value: object, depth: int) -> None:
    if depth > DEEPEST:
        return
    if isinstance(value, str):
        _gather_text(found, value, depth)
    elif isinstance(value, list):
        for item in value[:WIDEST]:
            _gather(found, item, depth + 1)
    elif isinstance(value, dict):
        for key, inner in _first(value.items()):
            _gather_field(found, re.sub(r"[_-]", "", str(key)[:40].lower()), inner, depth)


def _gather_field(found: _Evidence, key: str, value: object, depth: int) -> None:
    if isinstance(value, dict | list):
        if key in WITHIN:
            _gather(found, value, depth + 1)
        return
    if key in CODES:
        _gather_code(found, key, value)
    if key in MESSAGES and isinstance(value, str):
        _gather_text(found, value, depth)


def _gather_text(found: _Evidence, text: str, depth: int) -> None:
    """A message; one that is JSON itself is that of an upstream, handed on."""
    found.said.append(text[:_LONGEST_SAID])
    if text.lstrip()[:1] == "{" and len(text) <= _READ:
        inner = _json_of(text)
        if isinstance(inner, dict):
            _gather(found, inner, depth + 1)


def _gather_code(found: _Evidence, key: str, value: object) -> None:
    if isinstance(value, str) and not value.strip().isdecimal():
        if len(value) <= 100 and " " not in value.strip():
            found.words.append(_code(value))
            if key not in TYPES:
                found.codes.append(found.words[-1])
        return
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int | str):
        return
    digits = str(value).strip()[:6] if isinstance(value, str) or abs(value) < 1_000_000 else ""
    number = int(digits[:3]) if digits.isascii() and digits.isdecimal() and len(digits) in (3, 5) else 0
    if 400 <= number <= 599:  # 42901 and its like begin with the status
        found.numbers.append(number)


def _odd_code(body: Mapping[str, object]) -> bool:
    """Whether it has a code that says that something is not fine, in numbers of its own."""
    codes = [body.get(name) for name in ("code", "error_code", "errcode", "status_code", "statusCode", "errorCode")]
    for around, name in (("base_resp", "status_code"), ("header", "code")):
        inner = body.get(around)
        codes += [inner.get(name)] if isinstance(inner, dict) else []
    return any(isinstance(c, int) and not isinstance(c, bool) and c not in (0, 200) for c in codes)


def _code(text: str) -> str:
    """A code's words in lower case, underscores between.

    >>> _code("RateLimitError"), _code("Throttling.RateQuota"), _code("RESOURCE_EXHAUSTED")
    ('rate_limit_error', 'throttling_rate_quota', 'resource_exhausted')
    """
    return "_".join(w.lower() for w in _BORDER.split(text[:200]) if w)


def _is_set(value: object, depth: int = 0) -> bool:
    """Whether something stands in the place of an error; many servers send one that is empty, or says that all is
    fine."""
    if isinstance(value, str):
        return value.strip().lower() not in FINE
    if depth > DEEPEST or not isinstance(value, dict | list):
        return bool(value)
    if isinstance(value, list):
        return any(_is_set(v, depth + 1) for v in value[:WIDEST])
    code = value.get("code", value.get("status"))
    if code is not None and str(code).strip().lower()[:20] in FINE - {""}:
        return False
    return any(_is_set(v, depth + 1) for _, v in _first(value.items()))


def _first(items: Iterable[tuple[object, object]]) -> Iterator[tuple[object, object]]:
    return (pair for pair, _ in zip(items, range(WIDEST), strict=False))


def _value_in(text: str) -> object:
    """A body's JSON, or that of its first server-sent event, or a short text; nothing of a page."""
    start = text.lstrip("\ufeff \t\r\n")
    if start[:1] in ("{", "["):
        value = _json_of(start)
        return start[:_LONGEST_SAID] if value is None else value
    data = _DATA.search(start)
    if data is not None:
        return _json_of(data[1]) or data[1]
    return "" if start.startswith("<") or len(start) > _LONGEST_SAID else start


def _json_of(text: str) -> object:
    try:
        return parse_json(text)
    except ValueError:
        return None
