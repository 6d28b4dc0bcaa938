"""How an agent is to run."""

from pathlib import Path

import msgspec

from porter.events.retention import Retention
from porter.model.names import NodeName
from porter.model.objects import Options
from porter.model.places import NAMESPACE


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that `porter run` can be told."""

    node: NodeName
    event_log: str
    kubeconfig: Path | None = None
    """None for the credentials of the pod that the agent runs in."""
    context: str | None = None
    namespace: str = NAMESPACE
    http: str | None = "127.0.0.1:7472"
    """Where metrics, health and status are served, `host:port`; None for nowhere."""
    lease_duration: float = 5.0
    """Seconds without a renewal after which an agent counts as silent."""
    options: Options = Options()
    gratuitous_interval: float = 0.0
    """Seconds between repeated gratuitous announcements, for switches that forget; 0 for none."""
    retention: Retention = Retention()
    """How much of the event log is kept."""
    yields_to_strangers: bool = False
    """Whether an address that a host outside the cluster insists on is left to it, and asked for again later."""
    dry_run: bool = False
    """Observe, decide and log; announce and publish nothing, and write nothing to the API."""
