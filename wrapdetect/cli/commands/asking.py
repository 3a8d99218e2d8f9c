"""Slots put to endpoints and recorded: what every kind of audit does, whatever it asks and however it judges.

Everything asked is in the run file before it is judged.
"""

import asyncio
import platform
import sys
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, contextmanager
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from urllib.parse import urlsplit

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from wrapdetect.cli.target.elsewhere import answers_with_version, not_found
from wrapdetect.cli.target.endpoints import tell_variables
from wrapdetect.cli.target.login import tell_logins
from wrapdetect.cli.terminal import say
from wrapdetect.dialects import decode
from wrapdetect.dialects.body.hints import next_step
from wrapdetect.dialects.body.unpacked import header_of
from wrapdetect.dialects.template.problems import ENDLESS, envelope, is_endless
from wrapdetect.errors import PreflightError, SpecError, TargetDown, TargetSilent
from wrapdetect.model import Endpoint, Exchange, Failure, FailureKind, Instrument, Pack, Run
from wrapdetect.model.prose import quote
from wrapdetect.report import report_of
from wrapdetect.runs.ask import Limits, Send, run_slots
from wrapdetect.runs.plan import Slot
from wrapdetect.store import run_file
from wrapdetect.store.shipped import DEFAULT_PACKS, HELLO, load_seeds
from wrapdetect.targets.config import Config, title
from wrapdetect.ways import clock
from wrapdetect.ways.keyring import Keyring, read_keys
from wrapdetect.ways.send import Sender, open_ways

INTERRUPTED_EXIT = 130
_DOWN = (FailureKind.SERVER, FailureKind.CONNECT, FailureKind.TIMEOUT)
RECORDED_VERSIONS = ("wrapdetect", "httpx", "websockets", "playwright")
MAX_REQUESTS, MAX_TOKENS = 3000, 2_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What the user chose; None takes the config file's value, or else the default below."""

    pack: list[str] | None = None
    draws: int | None = None
    seed: int | None = None
    max_requests: int | None = None
    max_tokens: int | None = None
    concurrency: int | None = None
    pace: float | None = None
    timeout: float | None = None
    enrol: int | None = None
    out: Path | None = None
    resume: bool = False
    dry_run: bool = False
    report: str = "console"
    embed: bool | None = None
    fail_at: float | None = None
    vantage: str = ""

    def over(self, config: Config) -> "Chosen":
        """The command line first, then the config file, then the defaults."""
        given = config.audit
        return Chosen(
            pack=self.pack or given.pack or list(DEFAULT_PACKS),
            draws=self.draws or given.draws or 1,
            seed=next((s for s in (self.seed, given.seed) if s is not None), 1),
            limits=Limits(
                concurrency=self.concurrency or given.concurrency or 4,
                pace_s=next((p for p in (self.pace, given.pace) if p is not None), 0.0),
                max_requests=self.max_requests or given.max_requests or MAX_REQUESTS,
                max_tokens=self.max_tokens or given.max_tokens or MAX_TOKENS,
            ),
            timeout_s=self.timeout or given.timeout or 60.0,
            enrol=next((n for n in (self.enrol, given.enrol) if n is not None), 1),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """Options with nothing left open."""

    pack: list[str]
    draws: int
    seed: int
    limits: Limits
    timeout_s: float
    enrol: int


class Asker:
    """Puts slots to the endpoints of a run; remembers all that was said."""

    def __init__(
        self,
        run: Run,
        send: Send,
        record: Callable[[Exchange], None],
        limits: Limits,
        *,
        keyring: Keyring,
        timeout_s: float,
    ) -> None:
        self.run = run
        self.exchanges = list(run.exchanges)
        self._send, self._record, self._limits = send, record, limits
        self._keyring, self._timeout_s = keyring, timeout_s

    async def ask(self, slots: Sequence[Slot], progress: Callable[[int, int], None] = lambda done, of: None) -> None:
        """Those that are not answered yet."""
        outcome = await run_slots(
            slots,
            done=list(self.exchanges),
            send=self._send,
            record=self._keep,
            stopwatch=clock.stopwatch,
            sleep=asyncio.sleep,
            limits=self._limits,
            progress=progress,
        )
        for note in outcome.notes:
            say(note)

    async def hello(self, slots: Sequence[Slot]) -> list[Slot]:
        """Ask the first plain question; gives the other slots. Raises PreflightError where nobody answers it."""
        before, hellos = len(self.exchanges), [s for s in slots if s.ask.key.probe == HELLO]
        await self.ask(hellos)
        said = self.exchanges[before:]
        lost = {s.endpoint.name: s for s in hellos if not_found(said, s.endpoint)}
        may_try = len(self.exchanges) + len(lost) <= self._limits.max_requests
        moved = [await self._elsewhere(slot) for slot in lost.values()] if may_try else []
        _check_hello(self.run, said, [m for m in moved if m])
        return [s for s in slots if s.ask.key.probe != HELLO]

    async def _elsewhere(self, slot: Slot) -> str:
        """Where an endpoint answers instead, in words; "" where that is not known."""
        answers = await answers_with_version(slot.endpoint, slot.ask, keyring=self._keyring, timeout_s=self._timeout_s)
        return f"{title(slot.endpoint.role, slot.endpoint.name)}: {answers}" if answers else ""

    def _keep(self, exchange: Exchange) -> None:
        self._record(exchange)
        self.exchanges.append(exchange)


def new_run(
    endpoints: tuple[Endpoint, ...],
    chosen: Chosen,
    vantage: str,
    *,
    packs: tuple[Pack, ...],
    variants: tuple[tuple[str, str], ...] = (),
    note: str = "",
) -> Run:
    """The run to be made, with no exchange yet."""
    target = next(e for e in endpoints if e.role == "target")
    host = (urlsplit(target.url).hostname or "target").replace(":", "-")
    return Run(
        id=f"{clock.now():%Y%m%dT%H%M%S.%fZ}-{host}",
        note=note,
        instrument=Instrument(versions=recorded_versions(), host=platform.platform(terse=True), vantage=vantage),
        endpoints=endpoints,
        packs=packs,
        variants=variants,
        draws=chosen.draws,
        seed=chosen.seed,
    )


def neutral_prompts(n: int) -> tuple[tuple[str, str], ...]:
    """The first n neutral prompts. Raises SpecError where there are fewer."""
    known = load_seeds().variants.variant
    if n > len(known):
        raise SpecError(f"--enrol {n}: there are {len(known)} neutral prompts; expected 0 to {len(known)}")
    return tuple((v.id, v.text) for v in known[:n])


def check_resume(options: Options) -> None:
    """Raises SpecError for --resume without the file to go on with, and for a report that nobody knows: before
    anything is asked."""
    report_of(options.report)
    if options.resume and options.out is None:
        raise SpecError("--resume needs --out: the run file to go on with")


def recorded(
    run: Run,
    options: Options,
    chosen: Chosen,
    ask: Callable[[Asker], Awaitable[None]],
    *,
    person: AbstractAsyncContextManager[Sender] | None = None,
    quiet: bool = False,
) -> Run | None:
    """Open the run file, ask, and give the run as it was recorded; None where the user stopped it. `person` answers for
    an endpoint whose answers are pasted; `quiet` says nothing of what the file holds already.

    Raises WrapdetectError for what cannot be done; TargetSilent where the target answered nothing.
    """
    tell_logins(run.endpoints)
    keyring = read_keys(run.endpoints)
    tell_variables(run.endpoints)
    path = options.out or Path("wrapdetect-runs") / f"{run.id}.jsonl"
    run, file, fresh = _open(path, run, options.resume, quiet=quiet)

    async def go() -> None:
        async with open_ways(
            run.endpoints,
            keyring=keyring,
            now=clock.now,
            stopwatch=clock.stopwatch,
            timeout_s=chosen.timeout_s,
            person=person,
        ) as send:
            await ask(Asker(run, send, file.append, chosen.limits, keyring=keyring, timeout_s=chosen.timeout_s))

    with file:
        try:
            asyncio.run(go())
        except KeyboardInterrupt:
            say(f"stopped; what was answered is in {path}; go on with the same command and --resume")
            return None
        except PreflightError:
            if fresh:
                path.unlink()
            raise
        except ExceptionGroup as group:  # of the task group: the first is the cause
            raise group.exceptions[0] from group
        run = file.load().run
    say(f"recorded in {path}")
    _refuse_silence(run)
    return run


def _check_hello(run: Run, exchanges: list[Exchange], moved: Sequence[str] = ()) -> None:
    """Raises PreflightError for endpoints that gave no answer to the first plain question; TargetDown where the target
    is one of them and all are down. `moved` says where some of them answer instead."""
    lines, advice, failed = list[str](), dict[str, None](), list[tuple[Endpoint, FailureKind]]()
    for endpoint in run.endpoints:
        tries = [e for e in exchanges if e.endpoint == endpoint.name and e.ask.probe == HELLO and not e.ask.variant]
        if not tries:
            continue
        last = max(tries, key=lambda e: (e.ask.draw == 0, e.attempt))
        failure = hello_failure(last, endpoint)
        if failure is not None:
            lines.append(
                f"{title(endpoint.role, endpoint.name)} at {endpoint.url}: {failure.kind}: {quote(failure.detail, 300)}"
            )
            advice[_advice(endpoint, last.status, failure)] = None
            failed.append((endpoint, failure.kind))
    if lines:
        down = any(e.role == "target" for e, _ in failed) and all(kind in _DOWN for _, kind in failed)
        raise (TargetDown if down else PreflightError)(
            f"{'; '.join(lines)}. Nothing else was asked: {'; '.join((*moved, *advice))}"
        )


def hello_failure(exchange: Exchange, endpoint: Endpoint) -> Failure | None:
    """Why an exchange holds no answer; an answer that is still wrapped in events or JSON is none."""
    reply = decode(exchange, endpoint)
    if reply.failure is not None or endpoint.template is None:
        return reply.failure
    media_type = header_of(exchange.headers, "content-type").lower()
    wrapped = envelope(endpoint.template, media_type, reply.text)
    return Failure(kind=FailureKind.GARBLED, detail=wrapped) if wrapped else None


def _advice(endpoint: Endpoint, status: int | None, failure: Failure) -> str:
    """What to do about an endpoint that did not answer the first plain question."""
    if failure.kind == FailureKind.TIMEOUT and endpoint.template is not None and is_endless(endpoint.template):
        return ENDLESS
    if step := next_step(endpoint, status, failure):
        return step
    if failure.kind in (*_DOWN, FailureKind.LIMITED):
        return "it is down or busy, or this is not its address: try again later"
    if status in (401, 403) and endpoint.key_env is None and endpoint.dialect not in ("page", "template"):
        return "give the key: --key-env VARIABLE (key_env in a TOML)"
    if endpoint.dialect in ("page", "template"):
        return "`wrapdetect target check` with its TOML shows what came (`wrapdetect target detect` writes one)"
    usual = "check the URL (often ending in /v1), --model and the key"
    if endpoint.dialect in ("openai_stream", "openai_plain") and status in (404, 405):
        return f'{usual}; it may offer another API: dialect = "responses" in the TOML'
    return usual


def _open(path: Path, run: Run, resume: bool, *, quiet: bool = False) -> tuple[Run, run_file.RunFile, bool]:
    if not resume or not path.exists():
        return run, run_file.create(path, run), True
    file = run_file.resume(path)
    try:
        if not file.begun():
            say(f"{path}: broken off before its first line was whole; begun anew")
            file.begin(run)
            return run, file, True
        loaded = file.load()
        _check_same(path, loaded.run, run)
        file.mend(loaded)
    except BaseException:
        file.close()
        raise
    if loaded.torn:
        say(f"{path}: the last line was torn ({len(loaded.torn)} bytes); kept in {path.name}.torn and asked again")
    for remark in run_file.remarks(loaded._replace(torn=b""), path):
        say(remark)
    if not quiet:
        say(f"resuming: {len(loaded.run.exchanges)} exchanges are there already")
    return loaded.run, file, False


def _check_same(path: Path, begun: Run, run: Run) -> None:
    """Raises SpecError where a file was begun with other options."""
    for what in ("endpoints", "packs", "variants", "draws", "seed"):
        if getattr(begun, what) != getattr(run, what):
            raise SpecError(
                f"{path} was begun with other {what}; give the same options to --resume it, or another --out"
            )


def _refuse_silence(run: Run) -> None:
    """Raises TargetSilent where the target was asked more than the hello and answered none of that."""
    target = run.target
    said = [e for e in run.exchanges if e.endpoint == target.name]
    rest = [e for e in said if e.ask.probe != HELLO]
    if not rest or any(decode(e, target).failure is None for e in rest):
        return
    if len(rest) == len(said):  # collected: nobody asked it a hello
        raise TargetSilent(f"{target.url}: no answer could be read in what was collected of it; see the recording")
    raise TargetSilent(f"{target.url} answered the first hello and then nothing; the failures are in the recording")


@contextmanager
def progress_shown(total: int) -> Iterator[Callable[[int, int], None]]:
    """A bar on a terminal, a line for each tenth elsewhere; on standard error."""
    if sys.stderr.isatty():
        columns = (TextColumn("asking"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
            task = bar.add_task("asking", total=total)
            yield lambda done, _: bar.update(task, completed=done)
        return
    shown = 0

    def line(done: int, of: int) -> None:
        nonlocal shown
        if done * 10 // of > shown:
            shown = done * 10 // of
            say(f"asked {shown * 10} % ({done} of {of})")

    yield line


def recorded_versions() -> tuple[tuple[str, str], ...]:
    """Of Python and the packages that a recording depends on."""
    found = [("python", platform.python_version())]
    for package in RECORDED_VERSIONS:
        try:
            found.append((package, version(package)))
        except PackageNotFoundError:
            found.append((package, "not installed"))
    return tuple(found)
