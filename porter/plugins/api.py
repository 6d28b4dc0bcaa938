"""The interface of a protocol plugin. Layer 2 ships with Porter and uses nothing that is not on this page.

A plugin is a module or object with one hook, found through the entry-point group `porter`:

    from porter.plugins.api import hookimpl, Host, ProtocolPlugin

    @hookimpl
    def porter_protocol() -> ProtocolPlugin:
        return MyProtocol()

The hook is called once when Porter starts and must be cheap: import what touches the network in `start`.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Final, Protocol, runtime_checkable

import pluggy

from porter.model.assignment import Announcement
from porter.model.names import NodeName
from porter.model.objects import Eip, Nic
from porter.model.protocol import PlacementRequest

PROJECT: Final = "porter"
"""The name of the entry-point group and of the pluggy project."""

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


class Host(Protocol):
    """What a plugin gets when it is started. Every method may be called from any thread and returns at once."""

    @property
    def node(self) -> NodeName:
        """The node that this agent runs on."""

    @property
    def nics(self) -> Sequence[Nic]:
        """This node's NICs as last reported."""

    @property
    def gratuitous_interval(self) -> float:
        """Seconds between repeated gratuitous announcements for switches that forget; 0 for none."""

    @property
    def yields_to_strangers(self) -> bool:
        """Whether an address that a host outside the cluster insists on is left to it; else it is defended for ever."""

    @property
    def peers(self) -> Mapping[str, NodeName]:
        """The MACs of the other nodes' NICs, in lower case, each with its node."""

    @property
    def weak_peers(self) -> Collection[str]:
        """Those MACs of `peers` whose kernel answers ARP for addresses of the node's other NICs too (no strictARP)."""

    @property
    def forbidden(self) -> Mapping[str, str]:
        """Addresses that nobody may announce, each with what it is: a node's, a gateway's, the API server's."""

    def announced(self, announcement: Announcement, *, mac: str) -> None:
        """Report that this node answers for the address from now on."""

    def withdrawn(self, address: str, *, nic: str) -> None:
        """Report that this node no longer answers for the address."""

    def claimed(self, address: str, *, nic: str, mac: str, defended: bool) -> None:
        """Report that another host claims the address; `defended`: it was told that the address is this node's."""

    def failed(self, address: str, error: str) -> None:
        """Report that the address cannot be announced, in one sentence; `apply` may be called again at any time."""


class ProtocolPlugin(Protocol):
    """A protocol. `validate` and `place` are pure and called by the fold; the others act, in the plugin's own thread.

    `start`, `apply` and `stop` are never called at the same time. They may block; one that takes longer than the time
    limit of the agent, raises, or calls sys.exit is logged as failed and is shown in the status, and the agent and the
    other plugins go on.
    """

    @property
    def name(self) -> str:
        """The protocol's name, as in `Eip.spec.protocol`. Lower case, unique among all plugins."""

    @property
    def version(self) -> str:
        """The version of the plugin, for the log."""

    @property
    def stub(self) -> str | None:
        """Why this protocol cannot announce anything yet; None for a protocol that works."""

    @property
    def stable(self) -> bool:
        """Whether `place` keeps `request.current` whichever other nodes come and go. False is always safe, and slower.

        With True the fold asks again only when the node that announces is lost; a protocol that announces from several
        nodes, or moves an address to a better one, says False.
        """

    def validate(self, eip: Eip) -> Sequence[str]:
        """Return what is wrong with the Eip for this protocol, a sentence each. Pure."""

    def place(self, request: PlacementRequest) -> Sequence[NodeName]:
        """Return which of `request.eligible` announce the address: one, some or all. Pure and deterministic."""

    def start(self, host: Host) -> None:
        """Begin. Called before the first `apply`; again, after a pause, when it raised."""

    def apply(self, announcements: Sequence[Announcement]) -> None:
        """Announce exactly these addresses on this node and no others.

        The whole set every time; called again when it changed, and possibly when it did not. What is new is reported
        through `host.announced` once it is answered for, what is no longer wanted through `host.withdrawn`.
        """

    def stop(self) -> None:
        """Withdraw everything and end. Safe to call when `start` failed, and twice."""


@runtime_checkable
class Counting(Protocol):
    """What a plugin may have besides: counts that show in the agent's metrics."""

    def counters(self) -> Mapping[str, int]:
        """Return counts that only grow while the plugin runs, by short names such as `answered`.

        Called in another thread than the rest, at any time, also before `start`; may block for a moment.
        """


class Hooks:
    """The hooks that Porter calls. `PluginManager.check_pending` refuses hooks that are not here."""

    @hookspec
    def porter_protocol(self) -> ProtocolPlugin:  # type: ignore[empty-body]
        """Return the protocol that this plugin provides. Called once, at start, before anything is connected."""
