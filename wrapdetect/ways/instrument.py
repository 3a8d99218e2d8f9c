"""What measures: Python, the packages that a recording depends on, the kind of host; and where it stands."""

import platform
from importlib.metadata import PackageNotFoundError, version

from wrapdetect.model import Instrument

RECORDED_VERSIONS = ("wrapdetect", "httpx", "websockets", "playwright")


def instrument(vantage: str) -> Instrument:
    """This program on this machine; `vantage` is the user's word for where it asks from."""
    versions = (("python", platform.python_version()), *((p, _version(p)) for p in RECORDED_VERSIONS))
    return Instrument(versions=versions, host=platform.platform(terse=True), vantage=vantage)


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"
