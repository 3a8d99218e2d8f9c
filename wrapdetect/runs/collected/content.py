"""A message's content, as APIs and their users' tools have it -> its text, or nothing where it has none. Pure."""

from collections.abc import Mapping

from wrapdetect.dialects.body.content import said_in
from wrapdetect.dialects.body.unpacked import BodyError


def text_of_content(content: object) -> str | None:
    """What dialects.content reads in it, and in a lone part; None for what it cannot read.

    >>> text_of_content([{"type": "text", "text": "Hi"}, {"type": "image"}, {"type": "thinking", "thinking": "Hm."}])
    'Hi'
    >>> text_of_content(4), text_of_content({"a": 1}), text_of_content({"type": "text", "text": "Hi"})
    ('4', None, 'Hi')
    """
    alone = isinstance(content, Mapping) and isinstance(content.get("type"), str)
    try:
        return said_in([content] if alone else content)
    except BodyError:
        return None
