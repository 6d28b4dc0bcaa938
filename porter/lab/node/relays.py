"""Listeners that hand on what comes to them, or swallow it: connections and datagrams, in user space."""

import asyncio
import contextlib
import ctypes
import itertools
import socket
import struct

from porter.lab.carrying import carry
from porter.lab.families import socket_family
from porter.lab.node.rules import Place

Peer = tuple[str, int] | tuple[str, int, int, int]
_CHUNK = 65536
_CONNECT = 3.0  # seconds to reach an endpoint
_IDLE = 30.0  # seconds until a client that sends no datagrams is forgotten: nf_conntrack_udp_timeout
_SO_ATTACH_FILTER = 26  # asm-generic/socket.h
_TRANSPARENT = {4: (socket.IPPROTO_IP, 19), 6: (socket.IPPROTO_IPV6, 75)}  # in.h, in6.h
_RESET = struct.pack("ii", 1, 0)  # SO_LINGER: on, no time: close() sends a reset


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
        relay._server = await asyncio.start_server(relay._handle, sock=_bound(place))
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
        await carry((reader, writer), onward)


class Datagrams(asyncio.DatagramProtocol):
    """A socket that hands each client's datagrams to one target, and that target's back, until both are silent."""

    def __init__(self) -> None:
        self.targets: tuple[Place, ...] = ()
        self._turn = itertools.count()
        self._clients: dict[Peer, _Client] = {}
        self.transport: asyncio.DatagramTransport | None = None

    @classmethod
    async def open(cls, place: Place) -> "Datagrams":
        """Listen on a place."""
        loop = asyncio.get_running_loop()
        transport, made = await loop.create_datagram_endpoint(cls, sock=_bound(place))
        made.transport = transport
        return made

    def close(self) -> None:
        """Stop listening, and forget every client."""
        if self.transport is not None:
            self.transport.close()
        for client in list(self._clients.values()):
            client.end()

    def datagram_received(self, data: bytes, addr: Peer) -> None:
        """Hand on what a client has sent."""
        client = self._clients.get(addr)
        if client is None:
            target = self.targets[next(self._turn) % len(self.targets)]
            client = self._clients[addr] = _Client(self, addr, target)
        client.send(data)

    def forget(self, addr: Peer) -> None:
        """Nothing has been heard of a client for a while."""
        self._clients.pop(addr, None)


class _Client:
    """One client of a datagram relay, with a socket of its own towards its target."""

    def __init__(self, relay: Datagrams, addr: Peer, target: Place) -> None:
        self._relay, self._addr = relay, addr
        self._loop = asyncio.get_running_loop()
        self._socket = socket.socket(socket_family(target.address), socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._socket.connect((str(target.address), target.port))
        self._loop.add_reader(self._socket, self._hear)
        self._timer = self._loop.call_later(_IDLE, self.end)

    def send(self, data: bytes) -> None:
        """Towards the target."""
        self._timer.cancel()
        self._timer = self._loop.call_later(_IDLE, self.end)
        with contextlib.suppress(OSError):  # nobody listens there: the datagram is lost
            self._socket.send(data)

    def end(self) -> None:
        """Close the socket."""
        self._timer.cancel()
        self._loop.remove_reader(self._socket)
        self._socket.close()
        self._relay.forget(self._addr)

    def _hear(self) -> None:
        with contextlib.suppress(OSError):
            data = self._socket.recv(_CHUNK)
            if self._relay.transport is not None:
                self._relay.transport.sendto(data, self._addr)


def swallow(place: Place) -> socket.socket:
    """A listener whose filter lets no packet in: clients get no answer at all, not even a refusal."""
    listener = _opened(place)
    nothing = ctypes.create_string_buffer(struct.pack("HBBI", 0x06, 0, 0, 0))  # BPF: return 0 bytes
    program = struct.pack("HL", 1, ctypes.addressof(nothing))
    listener.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, program)
    listener.bind((str(place.address), place.port))
    if place.protocol == "TCP":
        listener.listen()
    return listener


def _opened(place: Place) -> socket.socket:
    kind = socket.SOCK_STREAM if place.protocol == "TCP" else socket.SOCK_DGRAM
    opened = socket.socket(socket_family(place.address), kind)
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    opened.setsockopt(*_TRANSPARENT[place.address.version], 1)  # the address may be nobody's
    opened.setblocking(False)
    return opened


def _bound(place: Place) -> socket.socket:
    opened = _opened(place)
    try:
        opened.bind((str(place.address), place.port))
    except OSError:
        opened.close()
        raise
    return opened
