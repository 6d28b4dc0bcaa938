"""What an agent knows of its own node: the NICs, the ways to what pools must reach, where the API server is.

It follows the kernel, and tells the whole whenever any of it changes. It announces nothing.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection
from contextlib import suppress

from porter.model.names import NodeName
from porter.model.objects import Agent as AgentReport
from porter.model.objects import Nic, Rival, Way
from porter.plugins.nic_watcher import NicWatcher
from porter.plugins.nics import read_nics, read_ways

_LOG = logging.getLogger("porter.agent")
_LOOK_UP = 5.0  # seconds until a name that does not resolve is looked up again


class OwnNode:
    """One node from the inside. Belongs to the event loop; the kernel is asked in other threads."""

    def __init__(
        self,
        node: NodeName,
        *,
        targets: Collection[str],
        rivals: Callable[[], tuple[Rival, ...]],
        look_up: Callable[[], Awaitable[tuple[str, ...]]],
        tell: Callable[[AgentReport], None],
        on_nics: Callable[[bool], None],
    ) -> None:
        """`targets` are the addresses that pools name after `can_reach:`; `tell` is given the newest report.

        `look_up` returns the addresses of the API server, none while they cannot be found; `on_nics` is called
        when the NICs are other ones, with whether one of them has carrier that had none.
        """
        self._node = node
        self._targets = targets
        self._rivals = rivals
        self._look_up = look_up
        self._tell = tell
        self._on_nics = on_nics
        self._loop = asyncio.get_running_loop()
        self._nics: tuple[Nic, ...] | None = None
        self._ways: tuple[Way, ...] = ()
        self._api_servers: tuple[str, ...] = ()
        self._watcher = NicWatcher(self._look)
        self.announced: Collection[str] = ()
        """Addresses that are this node's only because it announces them; they say nothing of its networks."""

    @property
    def nics(self) -> tuple[Nic, ...]:
        """The NICs as they were read last."""
        return self._nics or ()

    async def start(self) -> None:
        """Follow the NICs from now on; they are known when this returns."""
        self._watcher.start()
        self._took(*await self._loop.run_in_executor(None, self._read))

    def stop(self) -> None:
        """Follow nothing any more. Safe to call twice."""
        self._watcher.stop()

    def reach(self, targets: Collection[str]) -> None:
        """Ask the kernel again when other addresses are named after `can_reach:`."""
        if targets != self._targets:
            self._targets = targets
            self._watcher.look_again()

    async def find_api_servers(self) -> None:
        """Look up the API server's name, however long that takes: announcing never waits for a resolver."""
        while not self._api_servers:
            self._api_servers = await self._look_up()
            if self._api_servers:
                self.report()
            else:
                await asyncio.sleep(_LOOK_UP)

    def report(self) -> None:
        """Tell all of it."""
        report = AgentReport(
            node=self._node,
            nics=self.nics,
            api_servers=self._api_servers,
            ways=self._ways,
            rivals=self._rivals(),
        )
        self._tell(report)

    def _look(self) -> None:
        """Read all anew, in the thread that noticed a change."""
        found = self._read()
        with suppress(RuntimeError):  # the loop has ended, and with it everything that could care
            self._loop.call_soon_threadsafe(self._took, *found)

    def _read(self) -> tuple[tuple[Nic, ...], tuple[Way, ...]]:
        """Read the NICs. Never on the event loop: pyroute2 brings a loop of its own."""
        nics = read_nics(leave_out=self.announced)
        return nics, read_ways(self._targets, nics, leave_out=self.announced)

    def _took(self, nics: tuple[Nic, ...], ways: tuple[Way, ...]) -> None:
        if ways != self._ways:
            self._ways = ways
            _LOG.info("can_reach: %s", ", ".join(f"{way.to} over {way.nic or 'no NIC'}" for way in ways) or "nothing")
            if nics == self._nics:
                self.report()
        if nics == self._nics:
            return
        had_carrier = {nic.name for nic in self.nics if nic.carrier}
        self._nics = nics
        _LOG.info("NICs: %s", ", ".join(_shown(nic) for nic in nics) or "none")
        self.report()
        self._on_nics(any(nic.carrier and nic.name not in had_carrier for nic in nics))


def _shown(nic: Nic) -> str:
    state = " (down)" if not nic.up else " (no carrier)" if not nic.carrier else "" if nic.arp else " (no ARP)"
    return f"{nic.name} {' '.join(nic.networks)}{state}"
