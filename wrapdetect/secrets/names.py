"""Which names of headers, cookies, fields and query values hold secrets, and which values look like one."""

import re
from typing import Literal

_Place = Literal["header", "answer", "query", "body"]
"""Where a name stands: a header that is sent, a header of an answer, an address's query, a field of a body."""

SHORTEST_MASKED = 6
"""A shorter key cannot be told from ordinary text, so it is not looked for in answers."""
SHORTEST_LEARNT = 8
"""The same of what a server hands out (cookies, tokens): not all of it is secret, and some of it is short."""
LONGEST_WORD = 15
"""Letters alone up to here are a word ("anonymous"), which may stand in an answer by right."""

TOKEN_HEADERS = frozenset(
    {"set-cookie", "set-cookie2", "cookie", "authorization", "proxy-authorization", "x-api-key", "x-goog-api-key"}
)
"""Headers that hold nothing but a secret."""

_WORDS = frozenset(
    {
        "auth", "authorization", "bearer", "cookie", "cookies", "credential", "credentials", "csrf", "jwt", "passwd",
        "password", "passphrase", "pwd", "sas", "secret", "sig", "signature", "signed", "token", "xsrf", "apikey",
    }
)  # fmt: skip
_SESSION = frozenset({"session", "sessionid", "sid"})  # in a body they name a conversation
_TICKETS = frozenset({"code", "ticket"})
_BEFORE_KEY = frozenset({"access", "api", "auth", "private", "secret", "subscription", "x"})
_WRITTEN_AS_ONE = re.compile(
    r"(token|secret|passwor[dt]|passwd|passphrase|(api|access|secret|private|auth)key|sess(ion)?id|signature"
    r"|credentials?)$"
)
_KEY_FORMATS = re.compile(
    r"(?<![A-Za-z0-9])(?:sk-[A-Za-z0-9_-]{16,}|(?:gsk|hf|r8|xai|pplx|tgp|nvapi)[_-][A-Za-z0-9_-]{20,}"
    r"|AIza[A-Za-z0-9_-]{30,}|gh[opsu]_[A-Za-z0-9]{20,}|xox[abprs]-[A-Za-z0-9-]{10,}|AKIA[A-Z0-9]{16}"
    r"|eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{5,})"
)
_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")


def secret_name(name: str, place: _Place) -> bool:
    """Whether what is called so usually holds a secret.

    An answer's header may speak of keys and of authorisation without holding any (`x-litellm-key-spend`).

    >>> [n for n in ("api_key", "accessToken", "max_tokens", "sort_key", "X-CSRF") if secret_name(n, "body")]
    ['api_key', 'accessToken', 'X-CSRF']
    >>> [secret_name(n, "answer") for n in ("X-CSRF-Token", "x-ratelimit-remaining-tokens", "x-litellm-key-spend")]
    [True, False, False]
    >>> [secret_name("session", p) for p in ("header", "body")], secret_name("phpsessid", "body")
    ([True, False], True)
    """
    words = {w.lower() for w in _WORD.findall(name)}
    written_as_one = re.sub(r"[^a-z]", "", name.lower())
    if words & _WORDS or (_WRITTEN_AS_ONE.search(written_as_one) and not words & _SESSION):
        return True
    if place != "body" and words & _SESSION:
        return True
    if place == "query" and words & _TICKETS:
        return True
    if place == "answer" or "key" not in words:
        return False
    return place != "body" or len(words) == 1 or bool(words & _BEFORE_KEY)


def keys_in(text: str) -> frozenset[str]:
    """What is written as the keys of well-known services are, wherever it stands.

    >>> sorted(keys_in("send sk-proj-Ab12Cd34Ef56Gh78 with AIzaSyA1234567890abcdefghijklmnopqrstu; risk-free"))
    ['AIzaSyA1234567890abcdefghijklmnopqrstu', 'sk-proj-Ab12Cd34Ef56Gh78']
    """
    return frozenset(m[0] for m in _KEY_FORMATS.finditer(text))


def like_a_secret(value: str) -> bool:
    """Whether a value that a server handed out is masked wherever it appears.

    >>> [like_a_secret(v) for v in ("a1b2c3", "anonymous", "3f9a77c01b", "a long title")]
    [False, False, True, False]
    """
    word = len(value) <= LONGEST_WORD and value.isalpha()
    return len(value) >= SHORTEST_LEARNT and not word and not any(c.isspace() for c in value)
