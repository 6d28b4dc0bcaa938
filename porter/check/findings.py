"""What a check finds: a fact, why it matters, and what mends it."""

from collections.abc import Iterable
from typing import Literal

import msgspec

from porter.model.names import NodeName

Check = Literal[
    "api-server",
    "definition",
    "rights",
    "kube-proxy",
    "nodes",
    "agents",
    "pools",
    "other-load-balancers",
    "nics",
    "arp-settings",
    "raw-sockets",
    "log-disk",
    "strangers",
]
"""What is looked at; in the order in which it is shown."""

Level = Literal["fault", "warning", "unknown", "ok"]
"""A fault keeps Porter from working; `unknown` could not be looked at."""


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One finding. Sentences have no full stop."""

    check: Check
    level: Level
    what: str
    why: str = ""
    """Why it matters; empty where all is well."""
    commands: tuple[str, ...] = ()
    """What mends it, or shows more, a command each."""


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that was found."""

    server: str
    """The API server's URL."""
    node: NodeName | None
    """The node that this machine is; None on a workstation."""
    findings: tuple[Finding, ...]

    @property
    def works(self) -> bool:
        """Whether nothing was found that keeps Porter from working."""
        return not any(finding.level == "fault" for finding in self.findings)


def named(names: Iterable[str], most: int = 4) -> str:
    """Join names, and only count those past the first few."""
    every = list(names)
    rest = len(every) - most
    return ", ".join(every[:most]) + (f" and {rest} more" if rest > 0 else "")
