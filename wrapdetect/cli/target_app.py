"""The commands under `wrapdetect target`: options in, exit code out. Each loads its module when it runs."""

from pathlib import Path
from typing import Annotated

import typer

from wrapdetect.cli.options import Options
from wrapdetect.cli.shared import with_options
from wrapdetect.targets.settings import resolve

app = typer.Typer(
    help="What stands at a URL, how to talk to it, and whether that works.", no_args_is_help=True, rich_markup_mode=None
)


@app.command("detect")
def target_detect(
    url: Annotated[str, typer.Argument(help="Of an API or a chat page.")],
    key_env: Annotated[str | None, typer.Option(help="Environment variable that holds a key, if there is one.")] = None,
    model: Annotated[str | None, typer.Option(help="Model to ask, where there are several.")] = None,
    out: Annotated[Path | None, typer.Option(help="File to write. Default: standard output.")] = None,
) -> None:
    """Look at a URL by a dozen harmless requests; write the target TOML. No question is asked."""
    from wrapdetect.cli.target.command import detect_target

    raise typer.Exit(detect_target(url, key_env=key_env, model=model, out=out))


@app.command("check")
@with_options("target check")
def target_check(
    config: Annotated[Path, typer.Argument(help="TOML file with [target].")],
    *,
    prompt: Annotated[str | None, typer.Option(help="Question to ask. Default: that of the pack hello.")] = None,
    options: Options,
) -> None:
    """Ask a target one question; show the request, the answer and what was read of it."""
    from wrapdetect.cli.target.command import check_target

    raise typer.Exit(check_target(config, prompt=prompt, timeout_s=resolve(options.said).timeout_s))


@app.command("login")
def target_login(
    url: Annotated[str, typer.Argument(help="Of the chat page, or of its login.")],
    state: Annotated[Path | None, typer.Option(help="File to write (0600). Default: HOST.state.json.")] = None,
    host: Annotated[list[str] | None, typer.Option(help="Another host whose cookies are kept; repeat.")] = None,
) -> None:
    """Log in yourself in a browser window; keep cookies and storage in a file for `storage_state`."""
    from wrapdetect.cli.target.login import login_target

    raise typer.Exit(login_target(url, state=state, hosts=host or []))


@app.command("import")
def target_import(
    source: Annotated[str, typer.Argument(help="File with a curl command or a raw HTTP request; - is standard input.")],
    prompt: Annotated[str, typer.Option(help="The question in it, word for word; or put {prompt} there.")] = "",
    conversation: Annotated[
        str, typer.Option(help="The conversation's id in it, word for word; or put {conversation_id} there.")
    ] = "",
) -> None:
    """Make a target TOML of a copied request (in the browser: network panel). Sends nothing."""
    from wrapdetect.cli.target.command import import_target

    raise typer.Exit(import_target(source, prompt=prompt, conversation_id=conversation))
