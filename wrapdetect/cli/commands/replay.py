"""wrapdetect replay: a stored run judged again. Opens no socket."""

import gc
from pathlib import Path

from wrapdetect.cli.present import present
from wrapdetect.cli.terminal import say
from wrapdetect.store import run_file
from wrapdetect.verbs import check_judgeable, recording_at


def judge_again(path: Path, *, report: str, embed: bool | None, fail_at: float | None) -> int:
    """`path` is a run file, a folder with run.jsonl, or the name of a shipped run. Raises RunFormatError;
    SpecError for a run of a library's questions or of collected answers, which has no references."""
    gc.disable()  # one pass over facts, then the end: collecting takes a seventh of the time and frees nothing
    loaded = recording_at(path)
    for remark in run_file.remarks(loaded, path):
        say(remark)
    check_judgeable(loaded.run, str(path))
    return present(loaded.run, report=report, embed=embed, fail_at=fail_at)
