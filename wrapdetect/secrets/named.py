"""What a page sent or got, without the values that are secret by the names beside them. Pure."""

import re

from wrapdetect.secrets.names import like_a_secret, secret_name

_NAMED = re.compile(r'("(?P<name>[\w-]{2,40})"\s*:\s*")(?P<value>[^"\\]{8,})(?=")')
_FORM = re.compile(r"(?P<before>(?:^|[&?])(?P<name>[\w.-]{2,40})=)(?P<value>[^&\s]{4,})")


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
