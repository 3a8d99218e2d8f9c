"""wrapdetect replay: a stored run judged again. Opens no socket."""

import gc
from pathlib import Path

from wrapdetect.cli.present import present
from wrapdetect.cli.terminal import say
from wrapdetect.errors import SpecError
from wrapdetect.model.prose import quote
from wrapdetect.store import run_file
from wrapdetect.store.shipped import folder

LIBRARY = "library"
"""Pack of a run that asked the questions of a library, as `audit --library` names it."""


def judge_again(path: Path, *, report: str, embed: bool | None, fail_at: float | None) -> int:
    """`path` is a run file, a folder with run.jsonl, or the name of a shipped run. Raises RunFormatError;
    SpecError for a run of a library's questions or of collected answers, which has no references."""
    gc.disable()  # one pass over facts, then the end: collecting takes a seventh of the time and frees nothing
    shipped = folder("fixtures") / "runs" / path
    loaded = run_file.load_file(path if path.exists() or not shipped.is_dir() else shipped)
    for remark in run_file.remarks(loaded, path):
        say(remark)
    if not loaded.run.references and loaded.run.history is not None:
        raise SpecError(f"{path} holds the history of a monitor without a target and candidates; nothing can be judged")
    if not loaded.run.references and (loaded.run.draws == 0 or any(p.id == LIBRARY for p in loaded.run.packs)):
        note = f" ({quote(loaded.run.note)})" if loaded.run.note else ""
        raise SpecError(
            f"{path} holds no reference to judge by{note}; "
            f"match it with a library: wrapdetect match {path} --library NAME"
        )
    return present(loaded.run, report=report, embed=embed, fail_at=fail_at)
