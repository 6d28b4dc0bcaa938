"""A cluster in a box: network namespaces, an embedded API server, stand-ins for nodes, and real `porter run` agents.

Nothing outside this package imports it, and it imports nothing of Porter: the agent under test is the command.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from porter.lab.lab import Lab

__all__ = ["Lab"]


def __getattr__(name: str) -> Any:
    """Load `Lab` when it is asked for: the stand-ins start without it."""
    if name == "Lab":
        from porter.lab.lab import Lab  # noqa: PLC0415 - see above

        return Lab
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
