"""Who has a file for itself: a lock that falls with the process that holds it, however that ends.

On Windows (untried) a byte far behind the file's end is locked, since a lock there keeps others from reading too.
"""

import os
import sys

FAR_BYTE = 2**62

if sys.platform == "win32":
    import msvcrt

    def _take(descriptor: int, *, wait: bool) -> None:
        place = os.lseek(descriptor, 0, os.SEEK_CUR)
        os.lseek(descriptor, FAR_BYTE, os.SEEK_SET)
        try:
            msvcrt.locking(descriptor, msvcrt.LK_LOCK if wait else msvcrt.LK_NBLCK, 1)
        finally:
            os.lseek(descriptor, place, os.SEEK_SET)
else:
    import fcntl

    def _take(descriptor: int, *, wait: bool) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)


def lock(descriptor: int, *, wait: bool = False) -> bool:
    """Take the file for this process until it closes it or ends; False where another has it and we do not wait.

    Where the file system knows no locks (some network drives), the file counts as taken by us.
    """
    try:
        _take(descriptor, wait=wait)
    except (BlockingIOError, PermissionError):
        return False
    except OSError:
        return True
    return True
