"""The command line: options in, exit code out. One of the three rooms that touch the world."""


def main() -> None:
    """The entry point; the commands are loaded here, so that what else lies in this room can be imported alone."""
    from wrapdetect.cli.app import run_app

    run_app()
