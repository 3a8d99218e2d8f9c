"""wrapdetect monitor judge, export, import: what a store knows, as runs. Sends nothing."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from wrapdetect.cli.monitor.rounds import SEED, Monitor, opened_monitor
from wrapdetect.cli.present import present_each
from wrapdetect.cli.terminal import say
from wrapdetect.errors import SpecError
from wrapdetect.model import Run
from wrapdetect.model.history import History
from wrapdetect.monitor.as_runs import run_of, seen_from, targets_of
from wrapdetect.store import run_file
from wrapdetect.ways import clock
from wrapdetect.ways.instrument import instrument


def judge(path: Path, *, since: datetime | None, target: str | None, report: str, fail_at: float | None) -> int:
    """The verdict on each target, as `replay` gives it on the exported run, in the order of the config."""
    with opened_monitor(path, claimed=False) as monitor:
        history = _history(monitor, since)
    runs = (exported(history, name, monitor.config.vantage) for name in _wanted(history, target))
    return present_each(runs, report=report, embed=False, fail_at=fail_at)


def export(path: Path, out: Path, *, since: datetime | None, target: str | None) -> None:
    """A run file for one target; with several targets and none chosen, a file for each into the folder `out`."""
    with opened_monitor(path, claimed=False) as monitor:
        history = _history(monitor, since)
    names = _wanted(history, target)
    single = len(names) == 1 and not out.is_dir()
    files = {name: out if single else out / f"{_file_name(name)}.jsonl" for name in names}
    if len(set(files.values())) < len(files):
        raise SpecError("two targets would be written to one file; export them one by one: --target NAME")
    there = next((f for f in files.values() if f.exists()), None)
    if there is not None:
        raise SpecError(f"{there} is there already; it was left as it is: name another file or folder")
    for name, file in files.items():
        run_file.write(file, exported(history, name, monitor.config.vantage))
        say(f"written: {file}; judge it anywhere with: wrapdetect replay {file}")


def import_history(path: Path, files: Sequence[Path], *, vantage: str | None = None) -> None:
    """Bring run files into the store. What is there already stays. `vantage` says whence a file was seen that does not
    name it; what our own saw lies with ours, and what others saw beside it."""
    if vantage is not None and not (vantage.strip() == vantage and vantage.isprintable()):
        raise SpecError("--vantage: the name holds a space at its end or a control character; expected such as tokyo")
    with opened_monitor(path) as monitor:
        for file in files:
            loaded = run_file.load_file(file)
            for remark in run_file.remarks(loaded, file):
                say(remark)
            if loaded.run.history is None:
                raise SpecError(f"{file} holds no history of a monitor; expected a file of wrapdetect monitor export")
            whence = vantage or loaded.run.instrument.vantage
            seen = seen_from(loaded.run.history, whence, ours=monitor.config.vantage)
            done = monitor.ledger.import_history(seen)
            for remark in done.remarks:
                say(remark)
            say(
                f"{file}: {done.beats.new:,} heartbeats, {done.incidents.new} incidents and {done.prints.new} "
                f"fingerprint answers are new; {done.beats.known:,} heartbeats were there already"
            )


def exported(history: History, target: str, vantage: str) -> Run:
    """The run of one target; its id and instrument follow from what was recorded, so that it judges the same
    anywhere."""
    last = max((b.round_s[-1] for b in history.beats if len(b.round_s)), default=0)
    return run_of(
        history,
        target,
        id_=f"monitor-{_file_name(target)}-{last}",
        instrument=instrument(vantage),
        seed=SEED,
    )


def _history(monitor: Monitor, since: datetime | None) -> History:
    """What the store knows of the config's services."""
    if since is not None and since > clock.now():
        raise SpecError(f"--since: {since:%Y-%m-%d} is still to come; expected a day that is past")
    return monitor.history(since_s=int(since.timestamp()) if since else None)


def _wanted(history: History, target: str | None) -> list[str]:
    names = targets_of(history)
    if target is None:
        if not names:
            raise SpecError("the store holds no target yet; ask a round first: wrapdetect monitor once")
        return names
    if target not in names:
        raise SpecError(f"--target: no target is called {target!r}; expected one of {', '.join(names) or 'none yet'}")
    return [target]


def _file_name(name: str) -> str:
    return "".join(c if c.isalnum() or c in "-_." else "-" for c in name)
