"""The pure half of a stranger's plugin, made safe for the fold: it never raises and never names a wrong node.

Adds nothing of its own: what a sound plugin answers passes through unchanged.
"""

from collections.abc import Sequence

from porter.model.names import NodeName
from porter.model.objects import Eip
from porter.model.protocol import PlacementRequest
from porter.plugins.api import ProtocolPlugin


class GuardedRules:
    """`ProtocolRules` of a plugin. A fault in `validate` becomes a sentence on the Eip; one in `place`, no node."""

    def __init__(self, plugin: ProtocolPlugin) -> None:
        self._plugin = plugin
        self._name = plugin.name
        self._stub = plugin.stub

    @property
    def name(self) -> str:
        """The protocol's name, as it was when the plugin was found."""
        return self._name

    @property
    def stub(self) -> str | None:
        """Why the protocol cannot announce anything yet, as it was when the plugin was found."""
        return self._stub

    def validate(self, eip: Eip) -> Sequence[str]:
        """Return what is wrong with the Eip, a sentence each."""
        try:
            return tuple(str(sentence) for sentence in self._plugin.validate(eip))
        except Exception as error:  # noqa: BLE001 - a stranger's code must not end the fold
            return (f"plugin {self._name} failed to validate it: {type(error).__name__}: {error}",)
        except SystemExit as error:
            return (f"plugin {self._name} failed to validate it: it called sys.exit({error.code!r})",)

    def place(self, request: PlacementRequest) -> Sequence[NodeName]:
        """Return the nodes that announce the address, each once, sorted by name, all of them eligible."""
        try:
            chosen = frozenset(self._plugin.place(request))
        except (Exception, SystemExit):  # noqa: BLE001 - a stranger's code must not end the fold
            return ()
        return tuple(node for node in request.eligible if node in chosen)
