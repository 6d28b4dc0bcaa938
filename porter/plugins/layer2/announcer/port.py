"""One AF_PACKET socket on one NIC, with its filter: frames of one family, in and out. Knows not what they mean."""

import array
import errno
import socket
import struct
from collections.abc import Callable

from . import bpf
from .membership import Membership

_SO_ATTACH_FILTER = 26  # asm-generic/socket.h
_SOL_PACKET, _PACKET_STATISTICS = 263, 6
LONGEST_WAIT = 3600
"""Seconds after which `receive` raises BlockingIOError when nothing came."""
_BUFFER_BYTES = 4 << 20  # the kernel gives at most net.core.rmem_max

_SHORTEST = 128
"""A filter of so many instructions has room everywhere."""
Make = Callable[[int], bpf.Program]
"""A filter of at most so many instructions."""


class Port:
    """An open socket. Frames are exact bytes, with their Ethernet header."""

    def __init__(self, nic: str, make: Make, *, ethertype: int, longest: int, groups: frozenset[bytes]) -> None:
        """`make`: see `let_through`; `groups`: see `listen_to`.

        Raises OSError where there is no such NIC, or no right to hear it.
        """
        self.size = longest + 1
        """How many bytes of a frame are worth reading: one more than any good one has."""
        # Protocol 0 hears nothing: no frame can be queued before the filter is there and the NIC is chosen.
        self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        self._program: bpf.Program = ()
        self._lost = 0
        try:
            index = socket.if_nametoindex(nic)
            self._of_nic = bpf.of_nic(index)
            self._limit = bpf.LIMIT - len(self._of_nic)
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER_BYTES)
            # The kernel's own time limit: Python's would cost a call of poll for every frame.
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("@ll", LONGEST_WAIT, 0))
            self.let_through(make)
            self._socket.bind((nic, ethertype))
            self._membership = Membership(self._socket, index)
            self.listen_to(groups)
        except OSError:
            self._socket.close()
            raise
        self.receive = self._socket.recv
        self.send = self._socket.send

    def fileno(self) -> int:
        """Return the socket's descriptor."""
        return self._socket.fileno()

    def let_through(self, make: Make) -> None:
        """Replace the filter by what `make` makes of a number of instructions; the kernel does so at once and whole.

        Raises OSError when the kernel takes none, not even a short one; the old filter is in place then.
        """
        while True:
            try:
                return self._attach((*self._of_nic, *make(self._limit)))
            except OSError as error:
                if error.errno != errno.ENOMEM or self._limit <= _SHORTEST:
                    raise
            # net.core.optmem_max: both the old one and the new one must fit while they change places
            self._limit = max(_SHORTEST, self._limit // 2)

    def listen_to(self, groups: frozenset[bytes]) -> None:
        """Have the NIC, and switches before it, pass on what is sent to exactly these groups of IPv6.

        Raises OSError when the NIC is gone.
        """
        self._membership.set(groups)

    def let_through_nothing(self) -> None:
        """Hear nothing any more, whatever becomes of the NIC, and be in no group."""
        self._membership.close()
        try:
            self._attach(bpf.NOTHING)
        except OSError:
            return  # no memory for it: nobody answers what is heard

    def _attach(self, program: bpf.Program) -> None:
        if program == self._program:
            return
        packed = array.array("B", bpf.pack(program))
        address, _ = packed.buffer_info()
        self._socket.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, struct.pack("@HP", len(program), address))
        self._program = program

    def lost(self) -> int:
        """Return how many frames the kernel had no room for since the socket was opened."""
        # struct tpacket_stats: packets, drops; reading sets both to zero
        self._lost += struct.unpack("=II", self._socket.getsockopt(_SOL_PACKET, _PACKET_STATISTICS, 8))[1]
        return self._lost

    def close(self) -> None:
        """Hear and say nothing more. Safe to call twice."""
        self._membership.close()
        self._socket.close()
