"""Pack greetings: its text lies beside this file."""

from importlib.resources import files

PACK = files("wrapdetect_parley").joinpath("greetings.toml").read_text(encoding="utf-8")
