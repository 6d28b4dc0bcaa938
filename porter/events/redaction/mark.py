"""How a redacted log says that it is one. Apart from the rest, so that a replay can ask without loading it."""

from typing import Final

from porter.events.entries import AgentStarted, Recorded

MARK: Final = "redacted"
"""The local label (PEP 440) that the version of the Porter which wrote the log is given."""


def marked(version: str) -> str:
    """Return a version of Porter with the mark."""
    if MARK in version.partition("+")[2]:
        return version
    return f"{version}{'.' if '+' in version else '+'}{MARK}"


def is_redacted(first: Recorded) -> bool:
    """Tell from its first entry whether a log was redacted."""
    return isinstance(first.entry, AgentStarted) and MARK in first.entry.porter.partition("+")[2]
