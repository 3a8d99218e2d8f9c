"""Who holds a store: whose end is beyond doubt, and whose is not; shown over processes, kills and containers."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.store.ledger_world import START, Clock
from wrapdetect.errors import StoreError
from wrapdetect.store.ledger import Ledger
from wrapdetect.store.ledger.owner import (
    FIRST_NAMESPACE,
    ProcessPlace,
    has_ended,
    here,
    holder_of_this_process,
    started,
)

MACHINE = ProcessPlace(host="web", machine="m1", boot="b1", namespace=FIRST_NAMESPACE)
BOX = ProcessPlace(host="web", machine="m1", boot="b1", namespace="4026532500")
MAC = ProcessPlace(host="web", machine="", boot="", namespace="")
PROGRAM = "from wrapdetect.store.ledger.owner import holder_of_this_process as h; print(h(), flush=True); input()"


def held(place: ProcessPlace, pid: int = 7, began: str = "100") -> str:
    return ":".join((place.host, str(pid), began, place.namespace, place.boot, place.machine, "abcd1234"))


def other(place: ProcessPlace, **more: str) -> ProcessPlace:
    fields = {"host": place.host, "machine": place.machine, "boot": place.boot, "namespace": place.namespace}
    return ProcessPlace(**{**fields, **more})


@pytest.mark.parametrize(
    ("holder", "place", "now", "ended"),
    [
        (held(MACHINE), MACHINE, "100", False),
        (held(MACHINE), MACHINE, None, True),
        (held(MACHINE), MACHINE, "101", True),
        (held(MACHINE), MACHINE, "", False),
        (held(MACHINE, began=""), MACHINE, "100", False),
        (held(MACHINE, began=""), MACHINE, None, True),
        (held(MACHINE, pid=1), MACHINE, "100", False),
        (held(BOX, pid=1), BOX, "100", False),
        (held(BOX, pid=1), BOX, "900", True),
        (held(BOX, pid=1), other(BOX, namespace="4026532501"), None, False),
        (held(BOX, pid=1), other(BOX, namespace="4026532501"), "900", False),
        (held(BOX, pid=1), MACHINE, None, False),
        (held(MACHINE), BOX, None, False),
        (held(MACHINE), other(MACHINE, boot="b2"), None, True),
        (held(MACHINE), other(MACHINE, boot="b2"), "100", True),
        (held(MACHINE), other(MACHINE, boot="b2", host="db"), None, False),
        (held(MACHINE), other(MACHINE, boot="b2", machine="m2"), None, False),
        (held(BOX), other(BOX, boot="b2"), None, False),
        (held(other(MACHINE, machine="")), other(MACHINE, boot="b2", machine=""), None, False),
        (held(MACHINE), other(MACHINE, host="renamed"), None, True),
        (held(MAC), MAC, None, False),
        (held(MAC), MAC, "900", False),
        (held(MACHINE), MAC, None, False),
        (held(other(MACHINE, boot="")), other(MACHINE, boot=""), None, False),
        (held(other(MACHINE, namespace="")), other(MACHINE, namespace=""), None, False),
        ("web:7:abcd1234", MACHINE, None, False),
        ("", MACHINE, None, False),
        ("a:b:c:d:e:f:g", MACHINE, None, False),
        (f"x:y:z:{held(MACHINE)}", MACHINE, None, True),
    ],
)
def test_only_a_process_that_surely_ended_has_ended(
    holder: str, place: ProcessPlace, now: str | None, ended: bool
) -> None:
    assert has_ended(holder, place=place, started=lambda pid: now) is ended


def test_a_process_that_runs_is_there_and_one_that_was_killed_is_not_even_before_it_is_counted() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        holder = process.stdout.readline().strip()
        assert not has_ended(holder, place=here(), started=started)
        process.send_signal(signal.SIGKILL)
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)  # a zombie: nobody has counted it
        assert has_ended(holder, place=here(), started=started)
    assert has_ended(holder, place=here(), started=started)


def test_a_process_whose_facts_are_hidden_is_not_taken_for_ended(tmp_path: Path) -> None:
    assert started(os.getpid(), proc=tmp_path) == ""
    assert started(os.getpid())
    assert not has_ended(holder_of_this_process(), place=here(), started=lambda pid: started(pid, proc=tmp_path))


def test_no_two_holders_are_the_same_also_within_a_process() -> None:
    assert len({holder_of_this_process() for _ in range(9)}) == 9


def claimed(path: Path, holder: str, clock: Clock, place: ProcessPlace, now: Callable[[int], str | None]) -> str:
    """ "" where the store was taken over, else why not."""
    gone = lambda other: has_ended(other, place=place, started=now)  # noqa: E731  # one line reads better
    with Ledger.open(path, now=clock, holder=holder, gone=gone) as ledger:
        try:
            ledger.claim(600)
        except StoreError as error:
            return str(error)
    return ""


def test_two_containers_with_one_volume_do_not_take_pid_1_for_themselves(tmp_path: Path) -> None:
    path, clock = tmp_path / "monitor.db", Clock()
    with Ledger.open(path, now=clock, holder=held(BOX, pid=1)) as first:
        first.claim(600)
        second = other(BOX, namespace="4026532501")
        mine = held(second, pid=1, began="100")
        assert "held by the monitor web:1:" in claimed(path, mine, clock, second, lambda pid: "100")
        clock.at_s = START + 601
        assert claimed(path, mine, clock, second, lambda pid: "100") == ""


def unshared() -> bool:
    done = subprocess.run(["unshare", "--pid", "--fork", "--mount-proc", "true"], capture_output=True, check=False)
    return done.returncode == 0


@pytest.mark.skipif(not Path("/proc/self/ns/pid").exists() or not unshared(), reason="no leave for a new namespace")
def test_a_container_is_pid_1_of_its_own_namespace_and_its_end_is_not_judged_from_another() -> None:
    made = []
    for _ in range(2):
        done = subprocess.run(
            ["unshare", "--pid", "--fork", "--mount-proc", sys.executable, "-c", PROGRAM],
            cwd=ROOT, input="\n", capture_output=True, text=True, check=True,
        )  # fmt: skip
        made.append(done.stdout.strip())
    assert [holder.split(":")[1] for holder in made] == ["1", "1"]
    assert not any(has_ended(holder, place=here(), started=started) for holder in made)
