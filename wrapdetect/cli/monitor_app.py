"""The commands under `wrapdetect monitor`: options in, exit code out. Each loads its module when it runs."""

import signal
from pathlib import Path
from typing import Annotated

import typer

from wrapdetect.cli.options import Options
from wrapdetect.cli.shared import with_options

app = typer.Typer(
    help="Watch targets and candidates for weeks: outages, slowdowns and versions that go together.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

MonitorFile = Annotated[Path, typer.Option("--config", help="Of the monitor; `monitor init` writes one.")]
Since = Annotated[str | None, typer.Option(help="From this day on, such as 2026-05-01, or the last days, such as 30d.")]
Target = Annotated[str | None, typer.Option(help="One target by name. Default: all.")]


@app.command("init")
def monitor_init(config: MonitorFile = Path("monitor.toml")) -> None:
    """Write a commented monitor.toml, and say what a day would take."""
    from wrapdetect.cli.monitor.rounds import init

    init(config)


@app.command("once")
def monitor_once(config: MonitorFile = Path("monitor.toml")) -> None:
    """Ask one round and end: for cron, systemd timers, Kubernetes CronJobs (examples in docs/monitor)."""
    from wrapdetect.cli.monitor.rounds import ask_once

    raise typer.Exit(ask_once(config))


@app.command("run")
def monitor_run(
    config: MonitorFile = Path("monitor.toml"),
    metrics_port: Annotated[
        int | None, typer.Option(min=1, max=65535, help="Serve figures for Prometheus on loopback. Default: off.")
    ] = None,
) -> None:
    """Ask round after round, until stopped. SIGHUP has the config read again."""
    # Until the config is read there is nothing to read again: a reload meanwhile must not end the process.
    if hasattr(signal, "SIGHUP"):
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
    from wrapdetect.cli.monitor.rounds import run

    raise typer.Exit(run(config, metrics_port=metrics_port))


@app.command("status")
@with_options("monitor status")
def monitor_status(config: MonitorFile = Path("monitor.toml"), *, options: Options) -> None:
    """Up or down now, the day's budget, the feeds, and the evidence so far. Sends nothing."""
    from wrapdetect.cli.monitor.status import status

    raise typer.Exit(status(config, report=options.report))


@app.command("incidents")
@with_options("monitor incidents")
def monitor_incidents(
    config: MonitorFile = Path("monitor.toml"),
    *,
    options: Options,
    target: Annotated[str | None, typer.Option(help="Of one service by name. Default: all but plain pages.")] = None,
    since: Since = None,
) -> None:
    """Every outage that was seen or published: when, how bad, by whom told, and who fell with it. Sends nothing."""
    from wrapdetect.cli.dates import since_of
    from wrapdetect.cli.monitor.incidents import show_incidents
    from wrapdetect.ways.clock import now

    show_incidents(config, target=target, since=since_of(since, now()), report=options.report)


@app.command("alert-test")
def monitor_alert_test(config: MonitorFile = Path("monitor.toml")) -> None:
    """Send one test message to each alert URL, and say by its variable which took it. Exit code 2 where one did not."""
    from wrapdetect.cli.monitor.alert_test import alert_test

    raise typer.Exit(alert_test(config))


@app.command("judge")
@with_options("monitor judge")
def monitor_judge(
    config: MonitorFile = Path("monitor.toml"),
    since: Since = None,
    target: Target = None,
    *,
    options: Options,
) -> None:
    """The verdict on each target by what was watched, with the incidents as witnesses. Sends nothing."""
    from wrapdetect.cli.dates import since_of
    from wrapdetect.cli.monitor.judge import judge
    from wrapdetect.ways.clock import now

    raise typer.Exit(
        judge(config, since=since_of(since, now()), target=target, report=options.report, fail_at=options.fail_at)
    )


@app.command("export")
def monitor_export(
    out: Annotated[Path, typer.Argument(help="Run file to write; with several targets, a folder.")],
    config: MonitorFile = Path("monitor.toml"),
    since: Since = None,
    target: Target = None,
) -> None:
    """Write the history as run files, which `wrapdetect replay` judges anywhere."""
    from wrapdetect.cli.dates import since_of
    from wrapdetect.cli.monitor.judge import export
    from wrapdetect.ways.clock import now

    export(config, out, since=since_of(since, now()), target=target)


@app.command("import")
def monitor_import(
    files: Annotated[list[Path], typer.Argument(help="Run files of `wrapdetect monitor export`.")],
    config: MonitorFile = Path("monitor.toml"),
    vantage: Annotated[
        str | None,
        typer.Option(help="Whence these were seen; they are kept beside our own. Default: as the files say."),
    ] = None,
) -> None:
    """Bring exported histories into the store; what is there already stays as it is."""
    from wrapdetect.cli.monitor.judge import import_history

    import_history(config, files, vantage=vantage)
