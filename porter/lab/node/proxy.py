"""kube-proxy's part, in user space: Service addresses are local to this node, their connections are relayed.

A real kube-proxy does it in the kernel and keeps the client's address; here the pod sees the node's. Nothing here ever
answers ARP: with strictARP the kernel keeps silent about these addresses, and Porter speaks for them.
"""

import asyncio
import contextlib
import ctypes
import itertools
import logging
import socket
import struct
from ipaddress import IPv4Address

from porter.lab.following import Cache
from porter.lab.network import SERVICE_LINK
from porter.lab.node import addresses
from porter.lab.node.rules import Place, Rule, rules, service_addresses

_CHUNK = 65536
_CONNECT = 3.0  # seconds to reach an endpoint
_SO_ATTACH_FILTER = 26  # asm-generic/socket.h
_RESET = struct.pack("ii", 1, 0)  # SO_LINGER: on, no time: close() sends a reset
_log = logging.getLogger(__name__)


class Proxy:
    """All relays of one node."""

    def __init__(self, services: Cache, slices: Cache, *, node: str, address: IPv4Address) -> None:
        self._services = services
        self._slices = slices
        self._node = node
        self._address = address
        self._relays: dict[Place, Relay] = {}
        self._silent: dict[Place, socket.socket] = {}
        self._addresses: frozenset[IPv4Address] = frozenset()

    async def reconcile(self) -> None:
        """Bring addresses and listeners to what the Services and EndpointSlices ask for."""
        if not (self._services.complete.is_set() and self._slices.complete.is_set()):
            return
        wanted = rules(self._services.all(), self._slices.all(), node=self._node, address=self._address)
        own = service_addresses(wanted, address=self._address)
        await addresses.change(SERVICE_LINK, add=own - self._addresses)
        for place in [place for place in self._relays if not wanted.get(place, Rule((), drops=False)).targets]:
            self._relays.pop(place).close()
        for place in [place for place in self._silent if place not in wanted or not _is_silent(wanted[place])]:
            self._silent.pop(place).close()
        await addresses.change(SERVICE_LINK, remove=self._addresses - own)
        self._addresses = own
        failed = [error for place in sorted(wanted) if (error := await self._serve(place, wanted[place]))]
        for error in failed[:1]:
            raise error  # the others are served; this one is tried again

    async def _serve(self, place: Place, rule: Rule) -> OSError | None:
        try:
            if rule.targets:
                if place not in self._relays:
                    self._relays[place] = await Relay.open(place)
                self._relays[place].targets = rule.targets
            elif rule.drops and place not in self._silent:
                self._silent[place] = swallow(place)
        except OSError as error:
            return error
        return None


def _is_silent(rule: Rule) -> bool:
    return rule.drops and not rule.targets


class Relay:
    """A listener that hands each connection to the next target. One try each: if it fails, so does the connection."""

    def __init__(self) -> None:
        self.targets: tuple[Place, ...] = ()
        self._turn = itertools.count()
        self._server: asyncio.Server | None = None

    @classmethod
    async def open(cls, place: Place) -> "Relay":
        """Listen on a place, whose address is local."""
        relay = cls()
        relay._server = await asyncio.start_server(relay._handle, str(place.address), place.port)
        return relay

    def close(self) -> None:
        """Stop listening: connections are refused from now on; those that stand go on."""
        if self._server is not None:
            self._server.close()

    async def _handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            target = self.targets[next(self._turn) % len(self.targets)]
            onward = await asyncio.wait_for(asyncio.open_connection(str(target.address), target.port), _CONNECT)
        except (OSError, TimeoutError):
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            writer.close()
            return
        with contextlib.suppress(OSError):
            await asyncio.gather(_pump(reader, onward[1]), _pump(onward[0], writer))
        for end in (writer, onward[1]):
            end.close()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Copy one direction to its end, then say so to the other side."""
    while data := await reader.read(_CHUNK):
        writer.write(data)
        await writer.drain()
    writer.write_eof()


def swallow(place: Place) -> socket.socket:
    """A listener whose filter lets no packet in: clients get no answer at all, not even a refusal."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    nothing = ctypes.create_string_buffer(struct.pack("HBBI", 0x06, 0, 0, 0))  # BPF: return 0 bytes
    program = struct.pack("HL", 1, ctypes.addressof(nothing))
    listener.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, program)
    listener.bind((str(place.address), place.port))
    listener.listen()
    return listener
