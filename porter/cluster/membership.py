"""Which agents are silent, judged by this observer's own monotonic clock and never by the times in their Leases.

Pure but for the clock that it is given. While this node cannot be sure that it hears everything, nobody is judged;
after any interruption everybody has a full window again.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from porter.cluster.views import LeaseView
from porter.events.entries import AgentHeard, AgentSilent
from porter.model.names import NodeName

_SLACK = 1.0  # seconds beyond the duration: a renewal under way is not a missed one


@dataclass(kw_only=True)
class _Member:
    state: tuple[str, str]
    """The version and renewTime seen last; compared for equality only."""
    heard_at: float
    renewed: bool
    """It was renewed then; else it was seen for the first time, and may be as old as it likes."""
    duration: float
    released: bool


class Membership:
    """Judges the Leases of agents. `emit` gets AgentSilent and AgentHeard, each once a change."""

    def __init__(
        self,
        *,
        clock: Callable[[], float],
        emit: Callable[[AgentSilent | AgentHeard], None],
        silent: Iterable[NodeName] = (),
        patience: float,
        slack: float = _SLACK,
    ) -> None:
        """`patience`: seconds without a proof of freshness after which judging stops."""
        self._clock = clock
        self._emit = emit
        self._silent = set(silent)
        self._patience = patience
        self._slack = slack
        self._members: dict[NodeName, _Member] = {}
        self._fresh_since: float | None = None
        self._proved_at: float | None = None

    @property
    def silent(self) -> frozenset[NodeName]:
        """The nodes whose agents are silent."""
        return frozenset(self._silent)

    @property
    def frozen(self) -> bool:
        """Nobody is judged: this node's own hearing is not proven."""
        return self._proved_at is None or self._clock() - self._proved_at > self._patience

    def prove_fresh(self) -> None:
        """This node's own renewal has come back through the watch: it hears what is said."""
        now = self._clock()
        if self._proved_at is None or now - self._proved_at > self._patience:
            self._fresh_since = now
        self._proved_at = now

    def interrupt(self) -> None:
        """The connection is known to be broken: freeze until the next proof."""
        self._proved_at = None

    def hear(self, node: NodeName, lease: LeaseView) -> None:
        """Take in a node's Lease as the watch or a list shows it; the same twice is no sign of life."""
        state = (lease.version, lease.renewed)
        member = self._members.get(node)
        if member is not None and member.state == state:
            return
        first = member is None
        self._members[node] = _Member(
            state=state,
            heard_at=self._clock(),
            renewed=not first,
            duration=lease.duration,
            released=not lease.holder,
        )
        # A silent node's Lease that is seen for the first time in this run may be as old as its silence.
        if node in self._silent and not first and lease.holder:
            self._silent.discard(node)
            self._emit(AgentHeard(node=node))

    def forget(self, node: NodeName) -> None:
        """The node's Lease is gone: there is nothing to judge."""
        self._members.pop(node, None)
        self._silent.discard(node)

    def judge(self) -> None:
        """Look who is silent now. Call it a few times a second."""
        if self.frozen or self._fresh_since is None:
            return
        now = self._clock()
        for node, member in sorted(self._members.items()):
            if node in self._silent or member.released:
                continue
            quiet = now - max(member.heard_at, self._fresh_since)
            if quiet > member.duration + self._slack:
                self._silent.add(node)
                renewed = member.renewed and member.heard_at >= self._fresh_since
                self._emit(AgentSilent(node=node, seconds=round(quiet, 1), renewed=renewed))
