"""Who holds a store, and whether that process has surely ended: host, boot, process namespace, process, start.

A number alone names no process: it is given again, each container counts from 1, and containers share host names. On
Linux /proc tells the rest. Where a fact is missing, or the owner lives where we cannot look, nothing is sure and only
its lease counts.
"""

import hashlib
import os
import socket
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

FIRST_NAMESPACE = "4026531836"
"""The kernel's own number of the first process namespace (PROC_PID_INIT_INO): a machine, and no container."""
ENDED = "ZX"
"""States in which a process only waits to be counted: it writes no more."""
PARTS = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessPlace:
    """Where processes run. "" is a fact that is not known: `machine` (of this installation, hashed), `boot` (of the
    kernel), `namespace` (of process numbers)."""

    host: str
    machine: str
    boot: str
    namespace: str


Started = Callable[[int], str | None]
"""When a process of our own namespace began, in the kernel's ticks; None where there is none, "" where it is hidden."""


def here() -> ProcessPlace:
    """The place of this process."""
    machine = _read("/etc/machine-id")
    return ProcessPlace(
        host=socket.gethostname(),
        machine=hashlib.sha256(f"wrapdetect {machine}".encode()).hexdigest()[:12] if machine else "",
        boot=_read("/proc/sys/kernel/random/boot_id").replace("-", ""),
        namespace=_namespace(),
    )


def started(pid: int, *, proc: Path = Path("/proc")) -> str | None:
    """See Started. A process that is hidden from us (hidepid) is there, and its start unknown."""
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return None
    except PermissionError:
        pass
    state, *fields = _read(str(proc / str(pid) / "stat")).rpartition(")")[2].split() or [""]
    if state and state in ENDED:
        return None
    return fields[18] if len(fields) > 18 else ""


def holder_of_this_process() -> str:
    """As a store keeps it. What stands last differs for each holder, also within a process."""
    place, pid = here(), os.getpid()
    began = started(pid) or ""
    return ":".join(
        (
            place.host.replace(":", "-"),
            str(pid),
            began,
            place.namespace,
            place.boot,
            place.machine,
            uuid.uuid4().hex[:8],
        )
    )


def has_ended(holder: str, *, place: ProcessPlace, started: Started) -> bool:
    """Whether the process behind `holder` is no more, beyond doubt: it is of our boot and namespace, where no such
    process runs, or one that began at another time; or it ran on this very machine (in no container) before it was
    started anew.

    >>> a = ProcessPlace(host="a", machine="m", boot="b", namespace=FIRST_NAMESPACE)
    >>> has_ended(f"a:7:100:{FIRST_NAMESPACE}:b:m:x", place=a, started=lambda pid: "100")
    False
    >>> has_ended(f"a:7:100:{FIRST_NAMESPACE}:b:m:x", place=a, started=lambda pid: "250")
    True
    """
    parts = holder.rsplit(":", PARTS - 1)
    if len(parts) != PARTS or not parts[1].isdecimal():
        return False
    host, pid, began, namespace, boot, machine, _ = parts
    if not (boot and namespace and place.boot and place.namespace):
        return False
    if boot != place.boot:
        alone = namespace == place.namespace == FIRST_NAMESPACE
        return alone and bool(machine) and (machine, host) == (place.machine, place.host.replace(":", "-"))
    if namespace != place.namespace:
        return False
    now = started(int(pid))
    return now is None or bool(now and began and now != began)


def _namespace() -> str:
    try:
        return os.readlink("/proc/self/ns/pid").partition("[")[2].rstrip("]")
    except OSError:
        return ""


def _read(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""
