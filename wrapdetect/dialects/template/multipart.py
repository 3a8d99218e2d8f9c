"""Bodies of several parts (multipart/form-data, RFC 7578): taken apart and put together again."""

import re
from collections.abc import Callable

Part = tuple[str, str]
"""Its headers as they are written, and its content."""

_BOUNDARY = re.compile(r'boundary="?([^";,\s]+)', re.IGNORECASE)
_GAP = re.compile(r"\r?\n\r?\n")
_NAME = re.compile(r'\bname="((?:[^"\\]|\\.)*)"', re.IGNORECASE)


def boundary_of(content_type: str) -> str:
    """
    >>> boundary_of("multipart/form-data; boundary=----x1")
    '----x1'
    """
    found = _BOUNDARY.search(content_type)
    return found[1] if found else ""


def parts_in(body: str) -> list[Part] | None:
    """The parts of a body, whose first line is its boundary; None where it is none, or is not whole.

    >>> parts_in('--b\\r\\nContent-Disposition: form-data; name="q"\\r\\n\\r\\nHi\\r\\n--b--\\r\\n')
    [('Content-Disposition: form-data; name="q"', 'Hi')]
    """
    first = re.escape(body.partition("\n")[0].strip())
    if not first.startswith(re.escape("--")) or first == re.escape("--"):
        return None
    within, *end = re.split(rf"\r?\n{first}--(?:\r?\n|$)", "\n" + body, maxsplit=1)
    split = [_GAP.split(part, maxsplit=1) for part in re.split(rf"\r?\n{first}\r?\n", within)[1:]]
    whole = bool(end) and all(len(part) == 2 and _NAME.search(part[0]) for part in split)
    return [(head.replace("\r\n", "\n"), content) for head, content in split] if whole else None


def body_of(parts: list[Part], boundary: str) -> str:
    """The inverse, with the line ends that the standard wants."""
    made = (f"--{boundary}\r\n" + head.replace("\n", "\r\n") + f"\r\n\r\n{content}\r\n" for head, content in parts)
    return "".join(made) + f"--{boundary}--\r\n"


def map_parts(body: str, change: Callable[[str, str], str]) -> str:
    """With each content changed by its field's name; those of files stay as they are."""
    parts = parts_in(body) or []
    new = [
        (head, content if "filename" in head.lower() else change(field_name(head), content)) for head, content in parts
    ]
    return body if new == parts else body_of(new, body.partition("\n")[0].strip()[2:])


def field_name(head: str) -> str:
    """The field's name in a part's headers."""
    found = _NAME.search(head)
    return found[1] if found else ""


def unlike_all(boundary: str, contents: list[str]) -> str:
    """A boundary that stands in none of them."""
    while any(boundary in content for content in contents):
        boundary += "x"
    return boundary
