"""The node of the ARP benchmark: an agent that announces so many addresses and folds on demand, and the bare loop.

    python -m benchmarks.arp_node agent FIRST COUNT
    python benchmarks/arp_node.py bare ADDRESS

Both say on standard output when they are ready, and end when their standard input is closed. `agent` folds a list of
10,000 Services for every line that it reads, and answers with the seconds that took.
"""

import socket
import sys
import threading
import time
from collections.abc import Callable

NIC = "eth0"
FOLDED = 10_000


def addresses(first: str, count: int) -> list[str]:
    """Return so many addresses, none of which has a neighbour: the filter cannot make one range of them."""
    start = int.from_bytes(socket.inet_aton(first), "big")
    return [socket.inet_ntoa((start + 2 * number).to_bytes(4, "big")) for number in range(count)]


def bare(address: str) -> None:
    """Answer for one address: a loop of recv and send and nothing else, the limit of what a process can reach."""
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0) as connection:
        connection.bind((NIC, 0x0806))
        mac = connection.getsockname()[4]
        ours = socket.inet_aton(address)
        receive, send = connection.recv, connection.send
        middle = mac + b"\x08\x06\x00\x01\x08\x00\x06\x04\x00\x02" + mac + ours
        print("ready", flush=True)
        while True:
            frame = receive(128)
            if frame[38:42] == ours and frame[20:22] == b"\x00\x01":
                asker = frame[22:28]
                send(asker + middle + asker + frame[28:32])


def agent(first: str, count: int) -> None:
    """Announce addresses as an agent does, by an announcer of its own, and fold when told to."""
    from benchmarks.reconcile import Cluster  # noqa: PLC0415 - the bare loop imports nothing
    from porter.cli.collector import collect_seldom  # noqa: PLC0415
    from porter.events.entries import Announced  # noqa: PLC0415
    from porter.model.assignment import Announcement  # noqa: PLC0415
    from porter.model.names import NodeName  # noqa: PLC0415
    from porter.plugins.layer2.announcing import Announcing  # noqa: PLC0415
    from porter.plugins.reports import PluginHost, Reported  # noqa: PLC0415
    from porter.reconciler.surroundings import Surroundings  # noqa: PLC0415

    collect_seldom()  # as the agent does
    announced: set[str] = set()
    complete = threading.Event()

    def take_note(entry: Reported) -> None:
        if isinstance(entry, Announced):
            announced.add(entry.address)
            if len(announced) == count:
                complete.set()

    host = PluginHost(
        protocol="layer2",
        node=NodeName("node1"),
        nics=tuple,
        surroundings=Surroundings,
        gratuitous_interval=0.0,
        report=take_note,
    )
    announcing = Announcing(host)
    try:
        announcing.want([Announcement(address=each, nic=NIC, services=()) for each in addresses(first, count)])
        if not complete.wait(60):
            raise SystemExit(f"only {len(announced)} of {count} addresses are announced after 60 s")
        print(f"ready {announcing.pid}", flush=True)
        for _ in sys.stdin:
            print(f"{_seconds(lambda: Cluster(FOLDED, 100)):.3f}", flush=True)
    finally:
        announcing.stop()


def _seconds(call: Callable[[], object]) -> float:
    begin = time.perf_counter()
    call()
    return time.perf_counter() - begin


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["bare", address]:
            bare(address)
        case ["agent", first, count]:
            agent(first, int(count))
        case _:
            raise SystemExit(__doc__)
