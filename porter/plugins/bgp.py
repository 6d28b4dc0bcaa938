"""Protocol `bgp`: a stub. It holds the name, which Eips of older versions carry, until a real plugin replaces it."""

from porter.plugins.api import ProtocolPlugin, hookimpl
from porter.plugins.stub import StubProtocol


@hookimpl
def porter_protocol() -> ProtocolPlugin:
    """Return the stub."""
    return StubProtocol("bgp", "BGP")
