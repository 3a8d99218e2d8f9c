"""How a secret may be spelt where it comes back: in addresses, forms, JSON and HTML. Pure."""

import html
import json
import re
from urllib.parse import quote, quote_plus


def spellings(secret: str) -> frozenset[str]:
    """As it is, in URLs and forms, in JSON as several libraries write it, once and twice over, in HTML.

    >>> sorted(spellings("a/b"))
    ['a%2Fb', 'a%2fb', 'a/b', 'a\\\\/b', 'a\\\\\\\\/b']
    >>> spellings("sk123")
    frozenset({'sk123'})
    """
    if secret.isalnum() and secret.isascii():
        return frozenset({secret})
    quoted = {quote(secret, safe=""), quote(secret), quote_plus(secret)}
    in_json = {s for text in _json(secret) for s in (text, text.replace("/", "\\/"), *_escaped(text))}
    twice = {s for text in in_json for s in _json(text)}  # an upstream's error, put into JSON once more
    in_html = {html.escape(secret), html.escape(secret, quote=False)}
    return frozenset({secret, *quoted, *(_lower_hex(q) for q in quoted), *in_json, *twice, *in_html})


def _json(text: str) -> set[str]:
    return {json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1]}


def _escaped(text: str) -> set[str]:
    r"""
    >>> _escaped("a<b")
    {'a\\u003cb'}
    """
    return {"".join(f"\\u{ord(c):04x}" if c in chars else c for c in text) for chars in ("<>&", "<>&='")}


def _lower_hex(quoted: str) -> str:
    return re.sub("%..", lambda m: m[0].lower(), quoted)
