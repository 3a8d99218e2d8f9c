"""Which environment variables are named, and is a text the name of one?"""

import re

from wrapdetect.errors import SpecError
from wrapdetect.model.template import PageStep

FILLED_IN = re.compile(r"\{env:([A-Za-z_][A-Za-z0-9_]*)\}")
"""A variable's place in what a step of a login fills in."""
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def check_variable(name: str, where: str) -> str:
    """The name itself. Raises SpecError, without repeating the text: it may be a key given by mistake."""
    if not _NAME.fullmatch(name) or name.startswith(("sk_", "sk-")):
        raise SpecError(
            f"{where}: not the name of an environment variable (text not shown, in case it is a key); "
            f"expected letters, digits and underscores, such as OPENAI_API_KEY"
        )
    return name


def login_variables(steps: tuple[PageStep, ...]) -> tuple[str, ...]:
    """Names of the variables that the steps of a page's login want.

    >>> login_variables((PageStep(fill="#u", text="{env:USER_NAME}"), PageStep(press="#go")))
    ('USER_NAME',)
    """
    return tuple(dict.fromkeys(name for step in steps for name in FILLED_IN.findall(step.text)))
