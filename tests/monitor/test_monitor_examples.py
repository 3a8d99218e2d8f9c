"""docs/monitor: the shipped examples are what systemd, cron and Kubernetes read, and their commands are ours."""

import re
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import TypeVar

import pytest
import typer
import yaml
from typer.core import TyperGroup

from tests.conftest import ROOT
from wrapdetect.cli import app

EXAMPLES = ROOT / "docs" / "monitor"
UNITS = ("wrapdetect-monitor.service", "wrapdetect-monitor.timer", "wrapdetect-monitor-run.service")
PROGRAM = "/opt/wrapdetect/bin/wrapdetect"
ROUND_S = 300
T = TypeVar("T")


def example(name: str) -> str:
    return (EXAMPLES / name).read_text(encoding="utf-8")


def unit(name: str) -> dict[str, list[str]]:
    """Settings of a unit file, each with its values in order."""
    found: dict[str, list[str]] = {}
    for line in example(name).splitlines():
        if line and line[0] not in "#[":
            key, _, value = line.partition("=")
            found.setdefault(key, []).append(value)
    return found


def manifests() -> dict[str, object]:
    """By kind."""
    return {str(m["kind"]): m for m in yaml.safe_load_all(example("cronjob.yaml"))}


def inside(value: object, *path: str | int, kind: type[T]) -> T:
    """What stands at the end of a path of keys and places."""
    for part in path:
        if isinstance(value, list) and isinstance(part, int):
            value = value[part]
        else:
            assert isinstance(value, dict), (path, part)
            value = value[part]
    assert isinstance(value, kind), path
    return value


def cron_line() -> str:
    lines = [line for line in example("crontab").splitlines() if re.match(r"[*\d]", line)]
    assert len(lines) == 1
    return lines[0]


POD = ("spec", "jobTemplate", "spec", "template", "spec")


def commands() -> dict[str, list[str]]:
    """The command of each example, as words."""
    return {
        "service": shlex.split(unit("wrapdetect-monitor.service")["ExecStart"][0]),
        "run": shlex.split(unit("wrapdetect-monitor-run.service")["ExecStart"][0]),
        "crontab": shlex.split(cron_line().partition(" exec ")[2]),
        "cronjob": inside(manifests()["CronJob"], *POD, "containers", 0, "command", kind=list),
    }


@pytest.mark.parametrize("where", ["service", "crontab", "cronjob"])
def test_every_example_runs_one_round_with_a_config(where: str) -> None:
    program, *words = commands()[where]
    assert program.rpartition("/")[2] == "wrapdetect"
    assert words[:3] == ["monitor", "once", "--config"]
    assert words[3].endswith("/monitor.toml")
    assert len(words) == 4


@pytest.mark.parametrize("where", ["service", "run", "crontab", "cronjob"])
def test_the_command_and_its_options_are_there(where: str) -> None:
    words = commands()[where][1:]
    command = typer.main.get_command(app.app)
    while isinstance(command, TyperGroup) and not words[0].startswith("-"):
        assert words[0] in command.commands
        command = command.commands[words.pop(0)]
    options = {o for p in command.params for o in p.opts}
    assert {w for w in words if w.startswith("-")} <= options


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="no systemd-analyze on this machine")
def test_systemd_takes_service_and_timer_without_a_word(tmp_path: Path) -> None:
    for name in UNITS:
        # The program must be there for systemd to look at: any will do.
        (tmp_path / name).write_text(example(name).replace(PROGRAM, shutil.which("true") or "/bin/true"))
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *(str(p) for p in sorted(tmp_path.iterdir()))],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert [line for line in done.stderr.splitlines() if "wrapdetect" in line] == []
    assert done.returncode == 0


def test_the_service_may_write_to_its_own_folder_only_and_reads_keys_from_a_file() -> None:
    found = unit("wrapdetect-monitor.service")
    assert found["Type"] == ["oneshot"]
    assert found["DynamicUser"] == found["NoNewPrivileges"] == found["ProtectHome"] == ["yes"]
    assert found["ProtectSystem"] == ["strict"]
    assert found["StateDirectory"] == ["wrapdetect"]
    assert found["CapabilityBoundingSet"] == [""]
    assert found["EnvironmentFile"] == ["/etc/wrapdetect/keys.env"]
    assert int(found["TimeoutStartSec"][0]) < ROUND_S


def test_the_service_of_run_comes_back_rereads_its_config_and_is_confined_as_that_of_a_round_is() -> None:
    found, once = unit("wrapdetect-monitor-run.service"), unit("wrapdetect-monitor.service")
    assert commands()["run"][1:3] == ["monitor", "run"]
    assert found["Restart"] == ["on-failure"]
    assert found["ExecReload"] == ["/bin/kill -HUP $MAINPID"]
    assert found["StartLimitIntervalSec"] == ["0"]
    assert found["WantedBy"] == ["multi-user.target"]
    own = {"Type", "ExecStart", "TimeoutStartSec", "Description", "Wants", "After"}
    assert {k: v for k, v in once.items() if k not in own} == {k: found.get(k) for k in once if k not in own}


def test_the_timer_makes_no_missed_round_up() -> None:
    found = unit("wrapdetect-monitor.timer")
    assert found["OnCalendar"] == ["*-*-* *:00/5:00 UTC"]
    assert found["Persistent"] == ["false"]
    assert found["WantedBy"] == ["timers.target"]


FIELD = re.compile(r"(\*|\d+(-\d+)?)(/\d+)?(,(\*|\d+(-\d+)?)(/\d+)?)*")
RANGES = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))


def fits(field: str, low: int, high: int) -> bool:
    """Whether cron takes a field whose numbers run from `low` to `high`; see crontab(5)."""
    steps = [int(n) for n in re.findall(r"/(\d+)", field)]
    numbers = [int(n) for n in re.findall(r"\d+", re.sub(r"/\d+", "", field))]
    return bool(FIELD.fullmatch(field)) and all(low <= n <= high for n in numbers) and all(0 < n <= high for n in steps)


@pytest.mark.parametrize(
    ("field", "taken"), [("*/5", True), ("1,3-7/2", True), ("*/0", False), ("60", False), ("", False)]
)
def test_a_field_of_cron_is_read_by_its_rule(field: str, taken: bool) -> None:
    assert fits(field, 0, 59) == taken


def test_cron_takes_every_line() -> None:
    for line in example("crontab").splitlines():
        variable = re.fullmatch(r"[A-Z]+=\S+", line)
        assert line.startswith("#") or variable or line == cron_line(), line
    *fields, command = cron_line().split(maxsplit=5)
    assert len(fields) == 5
    assert [fits(f, *r) for f, r in zip(fields, RANGES, strict=True)] == [True] * 5
    assert "%" not in command  # cron would take it for a line break
    assert len(cron_line()) < 998
    assert example("crontab").endswith("\n")  # without, cron leaves the last line out


def test_the_shell_takes_the_command_of_cron(tmp_path: Path) -> None:
    """It runs with a stand-in for the program, with the variables of the file and nothing else."""
    (tmp_path / ".config" / "wrapdetect").mkdir(parents=True)
    (tmp_path / ".config" / "wrapdetect" / "keys.env").write_text("A_KEY=secret\n")
    program = tmp_path / "wrapdetect"
    program.write_text('#!/bin/sh\necho "$A_KEY" "$@"\n')
    program.chmod(0o755)
    done = subprocess.run(
        ["/bin/sh", "-c", cron_line().split(maxsplit=5)[5]],
        env={"HOME": str(tmp_path), "PATH": f"{tmp_path}:/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=10,
    )
    assert done.stdout == f"secret monitor once --config {tmp_path}/.config/wrapdetect/monitor.toml\n"
    assert done.stderr == ""


def test_the_cron_job_runs_one_round_at_a_time_and_asks_nothing_twice() -> None:
    job = manifests()["CronJob"]
    assert inside(job, "apiVersion", kind=str) == "batch/v1"
    fields = inside(job, "spec", "schedule", kind=str).split()
    assert [fits(f, *r) for f, r in zip(fields, RANGES, strict=True)] == [True] * 5
    assert inside(job, "spec", "concurrencyPolicy", kind=str) == "Forbid"
    assert inside(job, "spec", "startingDeadlineSeconds", kind=int) < ROUND_S
    assert inside(job, "spec", "jobTemplate", "spec", "backoffLimit", kind=int) == 0
    assert inside(job, "spec", "jobTemplate", "spec", "activeDeadlineSeconds", kind=int) < ROUND_S
    assert inside(job, *POD, "restartPolicy", kind=str) == "Never"


def test_the_cron_job_takes_keys_from_secrets_and_keeps_its_store() -> None:
    job = manifests()["CronJob"]
    container = inside(job, *POD, "containers", 0, kind=dict)
    for variable in inside(container, "env", kind=list):
        assert set(variable) == {"name", "valueFrom"}
        assert inside(variable, "valueFrom", "secretKeyRef", "name", kind=str) == "wrapdetect-keys"
    volumes = {v["name"]: v for v in inside(job, *POD, "volumes", kind=list)}
    mounts = {m["name"]: m for m in inside(container, "volumeMounts", kind=list)}
    assert set(mounts) == set(volumes)
    claim = inside(manifests()["PersistentVolumeClaim"], "metadata", "name", kind=str)
    assert inside(volumes["store"], "persistentVolumeClaim", "claimName", kind=str) == claim
    assert mounts["store"]["mountPath"] == "/var/lib/wrapdetect"
    assert mounts["config"]["readOnly"] is True
    assert inside(job, *POD, "securityContext", "runAsNonRoot", kind=bool)
    assert inside(container, "securityContext", "readOnlyRootFilesystem", kind=bool)


@pytest.mark.parametrize("name", [*UNITS, "crontab", "cronjob.yaml"])
def test_no_example_holds_a_key(name: str) -> None:
    assert not re.search(r"sk-\w|_KEY=[^.\s]", example(name))
