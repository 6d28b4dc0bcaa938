"""Where things are unless somebody says otherwise."""

from typing import Final

NAMESPACE: Final = "porter-system"
"""Where the agents run, and keep their Leases."""

EVENT_LOG: Final = "sqlite:////var/lib/porter/porter.db"
"""A node's log, as the DaemonSet of `porter manifests` has it."""
