"""A node with an announcer in one network namespace, and in another a client that hears every frame."""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from socket import inet_aton

from porter.model.assignment import Announcement
from porter.model.names import EipName, NodeName, ServiceKey
from porter.model.objects import Nic
from porter.plugins.layer2.announcer import arp
from porter.plugins.layer2.announcer.arp import Frame
from porter.plugins.layer2.announcing import Announcing
from tests.plugins.netns import Capture, Wire, inside, settle

NODE, CLIENT, STRANGER = (bytes.fromhex(each) for each in ("020000000101", "020000000202", "020000000303"))
ADDRESS, OTHER, ASKER = inet_aton("192.168.0.91"), inet_aton("192.168.0.92"), inet_aton("192.168.0.50")
WEB = ServiceKey("default/web")
BURST_OVER = 3.0  # seconds: three probes, then announcements at 0, 1.1 and 2.2


def on(nic: str, *addresses: str) -> list[Announcement]:
    return [Announcement(address=each, nic=nic, services=(WEB,), eip=EipName("edge")) for each in addresses]


class Host:
    node = NodeName("node1")
    gratuitous_interval = 0.0
    yields_to_strangers = False

    def __init__(self, *nics: Nic) -> None:
        self.nics: Sequence[Nic] = nics
        self.peers: Mapping[str, NodeName] = {}
        self.weak_peers: Collection[str] = ()
        self.forbidden: Mapping[str, str] = {}
        self.reports: list[tuple[str, ...]] = []
        self.claims: list[tuple[str, str, str, bool]] = []

    def announced(self, announcement: Announcement, *, mac: str) -> None:
        self.reports.append(("announced", announcement.address, announcement.nic, mac))

    def withdrawn(self, address: str, *, nic: str) -> None:
        self.reports.append(("withdrawn", address, nic))

    def claimed(self, address: str, *, nic: str, mac: str, defended: bool) -> None:
        self.claims.append((address, nic, mac, defended))

    def failed(self, address: str, error: str) -> None:
        self.reports.append(("failed", address, error))

    def count(self, kind: str) -> int:
        return sum(1 for each in self.reports if each[0] == kind)


class Bench:
    """A node with an announcer, and a client that listens."""

    def __init__(self, made: Wire, *nics: Nic, client: Capture | None = None) -> None:
        self.wire = made
        self.host = Host(*nics)
        self.client = client or made.capture()
        self.announcing = inside(made.node, lambda: Announcing(self.host))

    def hold(self, *addresses: str, nic: str = "eth0") -> None:
        """Announce these, and wait until they are held. The burst goes on."""
        self.announcing.want(on(nic, *addresses))
        settle(lambda: self.host.count("announced") >= len(addresses))

    def hold_quietly(self, *addresses: str) -> None:
        """Announce these, and let the burst go by: what is heard from now on is news."""
        self.hold(*addresses)
        self.client.heard(BURST_OVER - 0.4)

    def ask(self, target: bytes = ADDRESS, client: Capture | None = None) -> Frame | None:
        """Ask who has the address, as a kernel does, and return the first reply."""
        client = client or self.client
        client.send(arp.question(target, mac=CLIENT, sender=ASKER).pack())
        try:
            return arp.parse(client.first(0.4, where=is_reply))
        except TimeoutError:
            return None

    def replies(self, seconds: float) -> list[bytes]:
        """Every answer to one station within the time; gratuitous frames go to all."""
        return [frame for frame in self.client.heard(seconds) if is_reply(frame)]

    def send(self, frame: Frame | bytes) -> None:
        self.client.send(frame if isinstance(frame, bytes) else frame.pack())


def is_reply(frame: bytes) -> bool:
    return frame[20:22] == b"\x00\x02" and frame[0:6] != arp.BROADCAST


def running(pid: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
