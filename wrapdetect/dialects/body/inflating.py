"""What a body in gzip or deflate holds, piece by piece as it comes, and within a limit. Pure."""

import zlib

ZIPPED = frozenset({"gzip", "x-gzip", "deflate"})
"""Content encodings that are undone."""
_MEMBER = b"\x1f\x8b"  # how each member of gzip begins


class Damaged(Exception):
    """What came is no such encoding; says why in zlib's words."""


class Inflater:
    """Undoes one body; at most a byte past `limit` comes out of it, whatever it is a bomb of.

    >>> inflater = Inflater(limit=10)
    >>> inflater.take(zlib.compress(b"x" * 1000)), inflater.passed, inflater.ended
    (b'xxxxxxxxxxx', True, False)
    """

    def __init__(self, limit: int) -> None:
        self._engine = zlib.decompressobj(wbits=47)
        self._left = limit + 1

    def take(self, data: bytes) -> bytes:
        """What comes out of the next piece; nothing where the limit was passed. Raises Damaged."""
        if self.passed:
            return b""
        try:
            out = self._engine.decompress(data, self._left)
        except zlib.error as error:
            raise Damaged(str(error)) from error
        self._left -= len(out)
        return out

    @property
    def passed(self) -> bool:
        """Whether more came out than the limit allows."""
        return self._left == 0

    @property
    def ended(self) -> bool:
        """Whether the end of the body has come."""
        return self._engine.eof

    @property
    def goes_on(self) -> bool:
        """Whether another member follows, which is not read."""
        return self._engine.unused_data[: len(_MEMBER)] == _MEMBER
