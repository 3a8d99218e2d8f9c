"""The error tree: what stops *us*. A failure out there is data (model.Failure), not an exception.

WrapdetectError                 exit 2
├── SpecError                   an endpoint, key or option that cannot be used as given
├── ConfigError                 a TOML config that does not fit
├── PackError                   a question pack that does not fit; names file and line
├── RunFormatError              a run file that cannot be read
├── StoreError                  a run file or monitor's store that cannot be written or read
│   └── StoreAway               for now: the same call may do later
├── BudgetError                 a plan that asks for more than the budget
├── PreflightError              an endpoint that did not answer one plain question
│   └── TargetDown              exit 3: the target, since it is down
├── SeedError                   a rules, priors or signature file of ours that does not fit
├── EmbeddingError              weights that are missing or are not the ones we know
├── LibraryError                a table or reference library that does not fit, or is not there
├── FeedError                   a status feed that cannot be fetched or read; an alert, never an outage
└── TargetSilent                exit 3: the target answered nothing of what was asked
"""

_LONGEST = 3_000
"""Characters of a message."""


class WrapdetectError(Exception):
    """Root of the tree. The message is one complete line for the user: thing, value, expected, next step."""

    exit_code = 2

    def __init__(self, message: str = "") -> None:
        """What is quoted of a hostile file may be of any length; a line for a person is not."""
        super().__init__(message if len(message) <= _LONGEST else f"{message[: _LONGEST - 1]}…")


class SpecError(WrapdetectError):
    """An endpoint, key variable or option that cannot be used as given."""


class ConfigError(WrapdetectError):
    """A TOML config file that does not fit; the message names the file and, where known, the line."""


class PackError(WrapdetectError):
    """A question pack that does not fit; the message names the file and the line."""


class RunFormatError(WrapdetectError):
    """A run file that cannot be read by this program."""


class StoreError(WrapdetectError):
    """A run file that cannot be appended to: a full disk, a lost volume."""


class StoreAway(StoreError):
    """A monitor's store that cannot be had now: a server that is gone, a lock, a full disk. Nothing was half written,
    and the same call may do later."""


class BudgetError(WrapdetectError):
    """A plan that asks for more requests or tokens than the user allowed."""


class PreflightError(WrapdetectError):
    """An endpoint that did not answer one plain question, so that nothing else was asked."""


class TargetDown(PreflightError):
    """The target did not answer one plain question, and not for how it was asked: it fails, or is not there."""

    exit_code = 3


class SeedError(WrapdetectError):
    """A seeds/ file (rules, priors, signatures) that does not fit."""


class EmbeddingError(WrapdetectError):
    """Embedding weights that are missing, or whose hash is not the known one."""


class LibraryError(WrapdetectError):
    """A table or reference library that does not fit or is not there; names the library, or the file and the line."""


class FeedError(WrapdetectError):
    """A status feed that cannot be fetched, or is not of the format named; says what was found. Never an outage."""


class TargetSilent(WrapdetectError):
    """The run was made, but the target answered nothing."""

    exit_code = 3
