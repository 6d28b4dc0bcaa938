"""kube-proxy's part, in user space: what is for a Service comes to this node's listeners and is relayed.

A real kube-proxy does it in the kernel and keeps the client's address; here the pod sees the node's. Nothing here ever
answers ARP: with strictARP the kernel keeps silent about these addresses, and Porter speaks for them.
"""

import socket
from collections.abc import Sequence

from porter.lab.families import Address
from porter.lab.following import Cache
from porter.lab.node.locality import MODES, Ipvs, Locality
from porter.lab.node.relays import Datagrams, Relay, swallow
from porter.lab.node.rules import Place, Rule, Rules

_NOTHING = Rule((), drops=False)


class Proxy:
    """All relays of one node."""

    def __init__(self, services: Cache, slices: Cache, *, node: str, addresses: Sequence[Address]) -> None:
        self._services = services
        self._slices = slices
        self._addresses = addresses
        self._rules = Rules(node=node, addresses=addresses)
        self._served: dict[Place, Rule] = {}
        self._relays: dict[Place, Relay | Datagrams] = {}
        self._silent: dict[Place, socket.socket] = {}
        self._locality: Locality = Ipvs(addresses)

    async def use(self, mode: str) -> None:
        """Work in another manner from now on: what the one before had set up is taken away. OSError: no such mode."""
        if mode not in MODES:
            known = ", ".join(sorted(MODES)[1:])
            raise OSError(f"kube-proxy of this lab knows no mode '{mode}'; it knows {known}")
        if not isinstance(self._locality, MODES[mode]):
            await self._locality.narrow(())
            self._locality = MODES[mode](self._addresses)

    async def reconcile(self) -> None:
        """Bring packets and listeners to what the Services and EndpointSlices ask for."""
        if not (self._services.complete.is_set() and self._slices.complete.is_set()):
            return
        wanted = self._rules.of(self._services.all(), self._slices.all())
        await self._locality.extend(wanted)
        changed = [place for place, rule in wanted.items() if self._served.get(place) is not rule]
        for place in [*(place for place in self._served if place not in wanted), *changed]:
            self._close(place, wanted.get(place, _NOTHING))
        await self._locality.narrow(wanted)
        failed = [
            error
            for place in sorted(changed, key=lambda place: place.order)
            if (error := await self._serve(place, wanted[place]))
        ]
        for error in failed[:1]:
            raise error  # the others are served; this one is tried again

    def _close(self, place: Place, rule: Rule) -> None:
        """End what was done at a place, as far as its rule does not want it any more."""
        self._served.pop(place, None)
        if place in self._relays and not rule.targets:
            self._relays.pop(place).close()
        if place in self._silent and (rule.targets or not rule.drops):
            self._silent.pop(place).close()

    async def _serve(self, place: Place, rule: Rule) -> OSError | None:
        try:
            if rule.targets:
                if place not in self._relays:
                    opener = Relay.open if place.protocol == "TCP" else Datagrams.open
                    self._relays[place] = await opener(place)
                self._relays[place].targets = rule.targets
            elif rule.drops and place not in self._silent:
                self._silent[place] = swallow(place)
        except OSError as error:
            return error
        self._served[place] = rule
        return None
