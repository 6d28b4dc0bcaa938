"""The version of the plugins that ship with Porter: that of Porter itself."""

from functools import cache
from importlib.metadata import PackageNotFoundError, version

DISTRIBUTION = "porter-lb"


@cache
def shipped_version() -> str:
    """Return the version of the installed Porter; `0` where Porter runs from a tree that was never installed."""
    try:
        return version(DISTRIBUTION)
    except PackageNotFoundError:
        return "0"
