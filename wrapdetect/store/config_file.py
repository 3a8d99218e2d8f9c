"""Which config does a file hold? The one place where a TOML file of the user's is read."""

from pathlib import Path

from wrapdetect.errors import ConfigError
from wrapdetect.targets.config import Config, parse_config


def load_config(path: Path) -> Config:
    """Raises ConfigError, one line, naming the file, the line and the key."""
    return parse_config(read_toml(path, "expected a TOML file with [target] and [[reference]]"), str(path))


def read_toml(path: Path, advice: str) -> str:
    """The text of a file. Raises ConfigError, with the advice, for one that cannot be read."""
    try:
        return path.read_text(encoding="utf-8-sig")  # some editors put a mark before the first line
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}; {advice}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: not UTF-8 text (byte {error.start}); expected a TOML file") from error
