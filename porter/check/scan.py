"""Who on this segment answers for addresses of a pool already? By ARP probes (RFC 5227, 2.1.1), which change no cache.

Paced and bounded: a scan is broadcast, and every host on the segment must look at each probe. It asks twice, since one
frame may be lost, and then listens a moment longer.
"""

import select
import socket
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from ipaddress import IPv4Address
from itertools import islice
from typing import Final

import msgspec

from porter.check.findings import Finding, named
from porter.check.survey import Survey, edit
from porter.model.addresses import Address, AddressRange
from porter.model.names import NodeName
from porter.plugins.layer2.announcer import arp
from porter.plugins.layer2.announcer.rights import take_up_raw_sockets
from porter.reconciler.explaining.case import Case
from porter.reconciler.explaining.room import room_in
from porter.reconciler.nics import choose_nic
from porter.reconciler.pools import Pool

PACE: Final = 0.004
"""Seconds between two probes: 250 a second, about 170 kbit/s on the wire."""
_ROUNDS: Final = 2
_LISTEN: Final = 0.5  # seconds after the last probe
_LONGEST_FRAME: Final = 2048
_OURS: Final = frozenset({0, 1, 2})  # linux/if_packet.h: PACKET_HOST, _BROADCAST, _MULTICAST

Progress = Callable[[int, int], None]
"""Called with how many probes were sent, and of how many."""


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What to ask: addresses by the NIC on which they would be announced."""

    addresses: Mapping[str, tuple[IPv4Address, ...]]
    left_out: int
    """How many more the pools have than the bound allows."""

    @property
    def total(self) -> int:
        """How many addresses are asked for."""
        return sum(map(len, self.addresses.values()))


def plan_of(case: Case, node: NodeName, *, limit: int) -> Plan:
    """Return what to ask from a node: each pool's addresses on its NIC, without those that are never handed out."""
    agent = case.world.agents.get(node)
    chosen: dict[str, list[IPv4Address]] = {}
    left, left_out = limit, 0
    for pool in case.pools:
        if agent is None or pool.range is None or pool.range.version != 4 or pool.eip.foreign:  # noqa: PLR2004
            continue
        nic = choose_nic(agent, case.world.nodes.get(node), pool.eip, pool.range.first_address).nic
        if nic is None:
            continue
        taken = list(islice(_askable(case, pool, pool.range), left))
        chosen.setdefault(nic.name, []).extend(taken)
        left -= len(taken)
        room = room_in(case, pool)
        left_out += room.size - room.reserved - len(taken)
    return Plan(addresses={nic: tuple(dict.fromkeys(some)) for nic, some in chosen.items()}, left_out=left_out)


def _askable(case: Case, pool: Pool, addresses: AddressRange) -> Iterator[IPv4Address]:
    """Yield what may be handed out, in order; reserved networks are jumped over."""
    blocks = case.reserved.blocks(4)
    number = addresses.first
    while number <= addresses.last:
        end = max((last for first, last in blocks if first <= number <= last), default=None)
        if end is not None:
            number = end + 1
            continue
        address = IPv4Address(number)
        if case.reserved.why(address, pool.eip) is None:
            yield address
        number += 1


def ask(plan: Plan, progress: Progress) -> Mapping[IPv4Address, frozenset[str]]:
    """Ask, and return every address for which somebody answers, with the MACs. Blocks for about 8 ms an address.

    Raises OSError without CAP_NET_RAW, and for a NIC that is not there.
    """
    take_up_raw_sockets()  # where it is only permitted, as in an agent's pod
    heard: dict[IPv4Address, set[str]] = {}
    done = 0
    for nic, addresses in plan.addresses.items():
        if not addresses:
            continue
        with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0) as connection:
            connection.bind((nic, arp.ETHERTYPE))
            mac: bytes = connection.getsockname()[4]
            due = time.monotonic()
            for address in addresses * _ROUNDS:
                connection.send(arp.probe(address.packed, mac=mac).pack())
                due += PACE
                _listen(connection, due, frozenset(addresses), heard)
                done += 1
                progress(done, _ROUNDS * plan.total)
            _listen(connection, time.monotonic() + _LISTEN, frozenset(addresses), heard)
    return {address: frozenset(heard[address]) for address in sorted(heard)}


def check_strangers(
    survey: Survey, case: Case, plan: Plan, heard: Mapping[IPv4Address, frozenset[str]]
) -> Iterator[Finding]:
    """Judge the answers: from a node of the cluster, or from a stranger."""
    known = {nic.mac: agent.node for agent in case.world.agents.values() for nic in agent.nics}
    for address, macs in heard.items():
        strangers = sorted(mac for mac in macs if mac not in known)
        nodes = sorted({known[mac] for mac in macs if mac in known})
        holders = [str(service.key) for service in case.holders(address)]
        pool = case.pools.holding(address)
        command = edit(survey, pool.eip.name) if pool is not None else f"ip neigh show {address}"
        yield from _of_strangers(address, strangers, holders, command)
        yield from _of_nodes(address, nodes, holders)
    where = named(f"{len(some):,} addresses on {nic}" for nic, some in plan.addresses.items() if some)
    if plan.left_out:
        what = f"asked for {where}; {plan.left_out:,} more are beyond the bound (--scan-limit)"
        yield Finding(check="strangers", level="unknown", what=what)
    elif not plan.total:
        what = "there was no address to ask for: no Eip of IPv4 has a NIC on this node"
        yield Finding(check="strangers", level="unknown", what=what)
    elif not heard:
        yield Finding(check="strangers", level="ok", what=f"asked for {where}: nobody answers")


def _of_strangers(
    address: Address, strangers: Sequence[str], holders: Sequence[str], command: str
) -> Iterator[Finding]:
    if strangers:
        held = f", which {named(holders)} has" if holders else ""
        why = "clients reach that host instead of the Service" if holders else "Porter would find out when it takes it"
        yield Finding(
            check="strangers",
            level="fault" if holders else "warning",
            what=f"a host that is no node ({named(strangers)}) answers for {address}{held}",
            why=f"{why}; take the address from the host, or out of the Eip",
            commands=(command,),
        )


def _of_nodes(address: Address, nodes: Sequence[str], holders: Sequence[str]) -> Iterator[Finding]:
    if len(nodes) > 1 or (nodes and not holders):
        yield Finding(
            check="strangers",
            level="fault",
            what=f"{named(nodes)} {'answer' if len(nodes) > 1 else 'answers'} for {address}",
            why="only the node that owns an address answers for it; a kernel that does too lacks strictARP",
            commands=("sysctl net.ipv4.conf.all.arp_ignore",),
        )


def _listen(
    connection: socket.socket,
    until: float,
    asked: frozenset[IPv4Address],
    heard: dict[IPv4Address, set[str]],
) -> None:
    while (left := until - time.monotonic()) > 0:
        if not select.select([connection], [], [], left)[0]:
            return
        frame, (_, _, kind, *_) = connection.recvfrom(_LONGEST_FRAME)
        if kind in _OURS:
            for address, mac in _told(frame):
                if address in asked:
                    heard.setdefault(address, set()).add(mac)


def _told(frame: bytes) -> Iterable[tuple[IPv4Address, str]]:
    """Return whose address a frame says whose MAC is: its sender's, in questions as in answers."""
    try:
        packet = arp.parse(frame)
    except arp.MalformedFrameError:
        return ()
    return ((IPv4Address(packet.sender), packet.sender_mac.hex(":")),)
