"""Layer 2: one node answers ARP or NDP for an address.

A plugin like any other; its acting half is imported when it starts.
"""

from porter.plugins.api import ProtocolPlugin, hookimpl
from porter.plugins.layer2.plugin import Layer2


@hookimpl
def porter_protocol() -> ProtocolPlugin:
    """Return the protocol `layer2`."""
    return Layer2()
