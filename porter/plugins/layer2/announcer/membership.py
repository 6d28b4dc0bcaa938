"""The multicast groups that one NIC listens to: joined so that the NIC, and switches, pass on what is sent to them.

Twice: as the NIC's own addresses through the packet socket, which works whatever the kernel thinks of IPv6; and as
IPv6 groups, where IPv6 is on, since then the kernel tells switches that watch for it (MLD, RFC 2710 and RFC 4541).
Both need no right but that to the packet socket, and end when the sockets are closed.
"""

import socket
import struct

from .ndp import multicast_mac

_SOL_PACKET, _PACKET_ADD_MEMBERSHIP, _PACKET_DROP_MEMBERSHIP = 263, 1, 2  # linux/if_packet.h
_PACKET_MR_MULTICAST = 0


class Membership:
    """The groups of one NIC. Of the main thread."""

    def __init__(self, packets: socket.socket, nic: int) -> None:
        """`nic`: its index."""
        self._packets = packets
        self._index = nic
        self._hosts: list[socket.socket] = []
        """A socket has room for some hundreds of groups."""
        self._joined: dict[bytes, socket.socket | None] = {}
        """By group, the socket that has joined it; None where IPv6 is off."""

    def set(self, groups: frozenset[bytes]) -> None:
        """Be in exactly these groups, IPv6 addresses of 16 bytes. Raises OSError when the NIC takes one in not."""
        for group in sorted(self._joined.keys() - groups):
            self._leave(group)
        for group in sorted(groups - self._joined.keys()):
            self._packets.setsockopt(_SOL_PACKET, _PACKET_ADD_MEMBERSHIP, self._ethernet(group))
            self._joined[group] = self._join(group)

    def close(self) -> None:
        """Leave all groups. Safe to call twice; the packet socket is closed by whoever has it."""
        for host in self._hosts:
            host.close()
        self._hosts.clear()
        self._joined.clear()

    def _ethernet(self, group: bytes) -> bytes:
        mac = multicast_mac(group)
        return struct.pack("@iHH8s", self._index, _PACKET_MR_MULTICAST, len(mac), mac)  # struct packet_mreq

    def _ipv6(self, group: bytes) -> bytes:
        return struct.pack("@16si", group, self._index)  # struct ipv6_mreq

    def _join(self, group: bytes) -> socket.socket | None:
        for host in self._hosts[-1:]:
            if self._takes(host, group):
                return host
        try:
            host = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
        except OSError:
            return None  # a kernel without IPv6
        if self._takes(host, group):
            self._hosts.append(host)
            return host
        host.close()
        return None

    def _takes(self, host: socket.socket, group: bytes) -> bool:
        try:
            host.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, self._ipv6(group))
        except OSError:
            return False  # no room, or IPv6 is off on this NIC
        return True

    def _leave(self, group: bytes) -> None:
        host = self._joined.pop(group)
        try:
            self._packets.setsockopt(_SOL_PACKET, _PACKET_DROP_MEMBERSHIP, self._ethernet(group))
            if host is not None:
                host.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_LEAVE_GROUP, self._ipv6(group))
        except OSError:
            return  # the NIC is gone, and its groups with it
