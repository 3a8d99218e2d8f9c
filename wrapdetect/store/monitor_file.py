"""monitor.toml on the disk: read and checked, or written anew from the commented one that is shipped."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from wrapdetect.model import Item
from wrapdetect.monitor.config import parse_monitor
from wrapdetect.monitor.spec import MonitorConfig
from wrapdetect.store.config_file import read_toml
from wrapdetect.store.shipped import folder


def template() -> str:
    """The commented file that `monitor init` writes. Raises SeedError where the installation lacks it."""
    return (folder("seeds") / "monitor.toml").read_text(encoding="utf-8")


def load_monitor(path: Path, items: Sequence[Item]) -> MonitorConfig:
    """Read and check a file whole. A store that is a file name lies beside the config, wherever the command runs.

    Raises ConfigError as parse_monitor does, and where the file cannot be read.
    """
    text = read_toml(path, "write one with: wrapdetect monitor init")
    config = parse_monitor(text, str(path), items)
    return config if "://" in config.store else replace(config, store=str(path.parent / config.store))
