"""Addresses, forms and JSON without the values that are secret by the names beside them. Pure."""

import re
from urllib.parse import unquote_plus

from wrapdetect.secrets.names import like_a_secret, secret_name

_LONG_VALUE = 20
"""A value in a URL's query that is as long as this, with digits and letters and no space, is taken for a token."""
_NAMED = re.compile(r'("(?P<name>[\w-]{2,40})"\s*:\s*")(?P<value>[^"\\]{8,})(?=")')
_FORM = re.compile(r"(?P<before>(?:^|[&?])(?P<name>[\w.-]{2,40})=)(?P<value>[^&\s]{4,})")


def clean_url(url: str, shortest: int = _LONG_VALUE) -> str:
    """The address with the names in its query, and without values that are like secrets: by their names, or mixed of
    digits and letters and no shorter than `shortest`.

    >>> clean_url("https://bot.example/a?lang=en&token=s3cr3t#x")
    'https://bot.example/a?lang=en&token=******#x'
    """
    head, mark, query = url.partition("?")
    query, hash_sign, fragment = query.partition("#")
    pairs = [pair.partition("=") for pair in query.split("&")]
    shown = "&".join(
        f"{n}{e}{'*' * len(v) if _is_secret(unquote_plus(n), unquote_plus(v), shortest) else v}" for n, e, v in pairs
    )
    return f"{head}{mark}{shown}{hash_sign}{fragment if '=' not in fragment else '*' * len(fragment)}"


def _is_secret(name: str, value: str, shortest: int) -> bool:
    mixed = any(c.isdigit() for c in value) and any(c.isalpha() for c in value)
    long = len(value) >= shortest and mixed and not any(c.isspace() for c in value)
    return long or secret_name(name, "query")


def mask_query(url: str) -> str:
    """The address without its fragment, and with all values of its query masked.

    >>> mask_query("https://bot.example/ask?id=42&k=#top")
    'https://bot.example/ask?id=**&k='
    """
    head, mark, query = url.partition("#")[0].partition("?")
    pairs = [p.partition("=") for p in query.split("&")]
    return f"{head}{mark}{'&'.join(f'{n}{e}' + '*' * len(v) for n, e, v in pairs)}"


def mask_named(text: str) -> str:
    """JSON or a form, with the values masked that are secret by their names and look like it; as long as before.

    >>> mask_named('{"access_token": "a1b2c3d4e5", "token": "gravity", "q": "why not"}')
    '{"access_token": "**********", "token": "gravity", "q": "why not"}'
    """

    def mask(found: re.Match[str]) -> str:
        value = found["value"]
        if secret_name(found["name"], "header") and like_a_secret(value):
            return found[0][: -len(value)] + "*" * len(value)
        return found[0]

    masked = _NAMED.sub(mask, text)
    return masked if text[:1] in "{[" else _FORM.sub(mask, masked)
