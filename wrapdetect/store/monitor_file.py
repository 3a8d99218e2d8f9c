"""monitor.toml on the disk: read and checked, or written anew from the commented one that is shipped."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from wrapdetect.errors import ConfigError
from wrapdetect.model import Item
from wrapdetect.monitor.config import parse_monitor
from wrapdetect.monitor.spec import MonitorConfig
from wrapdetect.store.shipped import folder


def template() -> str:
    """The commented file that `monitor init` writes. Raises SeedError where the installation lacks it."""
    return (folder("seeds") / "monitor.toml").read_text(encoding="utf-8")


def load_monitor(path: Path, items: Sequence[Item]) -> MonitorConfig:
    """Read and check a file whole. A store that is a file name lies beside the config, wherever the command runs.

    Raises ConfigError as parse_monitor does, and where the file cannot be read.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}; write one with: wrapdetect monitor init") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: not UTF-8 text (byte {error.start}); expected a TOML file") from error
    config = parse_monitor(text, str(path), items)
    return config if "://" in config.store else replace(config, store=str(path.parent / config.store))
