"""How fast an announced address answers ARP, on one veth pair, in one run and in turns with what is compared.

    python -m benchmarks.arp --json

As root: it makes two network namespaces and removes them. Times are microseconds from a request to its reply, as the
asking process sees them: of an address of the kernel's (the limit), of a bare loop of recv and send (what a process can
reach), and of Porter's with 1 to 10,000 addresses. All are asked in turns; absolute times are this machine's, ratios
are what counts.
"""

import argparse
import contextlib
import os
import select
import socket
import statistics
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from benchmarks.arp_node import NIC, addresses
from benchmarks.memory import resident_megabytes
from benchmarks.telling import say, tell
from porter.plugins.layer2.announcer import arp
from tests.plugins.netns import Wire, inside, wire

SIZES = {"1": "10.1.0.1", "100": "10.2.0.1", "1000": "10.3.0.1", "10000": "10.4.0.1"}
"""How many addresses an announcer has, and the first of them."""
KERNEL, BARE, ASKER = "10.0.0.1", "10.0.0.2", "10.0.0.3"
FOREIGN = "10.3.0.2"
"""The first of those that lie between the addresses of the announcer that is flooded."""
ROUNDS, EACH = 40, 125
BUSY_ROUNDS = 3
OWN_RATE, FOREIGN_RATE, RATE_FOR = 10_000, 20_000, 3.0
OUTSTANDING = 64
_SO_RCVBUFFORCE = 33  # asm-generic/socket.h


class Client:
    """Who asks. Its socket hears every ARP frame on the wire."""

    def __init__(self, connection: socket.socket) -> None:
        self._socket = connection
        self._mac: bytes = connection.getsockname()[4]

    def ask(self, target: str) -> bytes:
        """Return the frame that asks for an address."""
        return arp.question(socket.inet_aton(target), mac=self._mac, sender=socket.inet_aton(ASKER)).pack()

    def times(self, targets: Sequence[str], count: int) -> list[float]:
        """Ask one after the other, each when the last was answered; microseconds each took."""
        questions = [(self.ask(each), socket.inet_aton(each)) for each in targets]
        send, receive, clock = self._socket.send, self._socket.recv, time.perf_counter_ns
        found = []
        for at in range(count):
            question, address = questions[at % len(questions)]
            begin = clock()
            send(question)
            while True:
                frame = receive(128)  # SO_RCVTIMEO ends a wait that is in vain: BlockingIOError
                if frame[28:32] == address and frame[20:22] == b"\x00\x02":
                    break
            found.append((clock() - begin) / 1000)
        return found

    def pour(self, targets: Sequence[str], *, rate: float, seconds: float) -> tuple[int, int]:
        """Ask so often a second, whatever is answered. Returns how many were asked and how many answered."""
        questions = [self.ask(each) for each in targets]
        sent = answered = 0
        begin = time.perf_counter()
        while (now := time.perf_counter() - begin) < seconds:
            for _ in range(min(int(now * rate) - sent, OUTSTANDING)):
                self._socket.send(questions[sent % len(questions)])
                sent += 1
            answered += self._drain(0.0005)
        return sent, answered + self._drain(0.5)

    def crowd(self, targets: Sequence[str], *, seconds: float) -> float:
        """Keep a number of questions unanswered at any time; answers a second."""
        questions = [self.ask(each) for each in targets]
        sent = answered = 0
        begin = time.perf_counter()
        while time.perf_counter() - begin < seconds:
            while sent - answered < OUTSTANDING:
                self._socket.send(questions[sent % len(questions)])
                sent += 1
            answered += self._drain(0.1)
        return answered / (time.perf_counter() - begin)

    def _drain(self, patience: float) -> int:
        """Count the replies that are there, or come before nothing comes for so many seconds."""
        count = 0
        while select.select([self._socket], [], [], patience)[0]:
            patience = min(patience, 0.0)
            with contextlib.suppress(BlockingIOError):
                while True:
                    count += self._socket.recv(128, socket.MSG_DONTWAIT)[20:22] == b"\x00\x02"
        return count


class Node:
    """An agent with an announcer of so many addresses."""

    def __init__(self, namespace: str, first: str, count: int) -> None:
        self.addresses = addresses(first, count)
        self._process = _start(namespace, ["-m", "benchmarks.arp_node", "agent", first, str(count)])
        self._announcer = 0

    def wait(self) -> None:
        """Return when all addresses are held."""
        word, *rest = self._line().split() or [""]
        if word != "ready":
            raise SystemExit("the agent of the benchmark did not come up")
        self._announcer = int(rest[0])

    def while_folding(self, measure: Callable[[], list[float]]) -> list[float]:
        """Have the agent fold, and measure again and again until it has."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write("fold\n")
        self._process.stdin.flush()
        found = []
        while not select.select([self._process.stdout], [], [], 0)[0]:
            found += measure()
        self._line()
        return found

    def used(self) -> tuple[float, int]:
        """Return the seconds that the announcer has computed, and how often a thread that answers went to sleep.

        Its main thread is woken by its agent, which asks every two seconds whether it is there.
        """
        seconds, sleeps = 0.0, 0
        for thread in Path(f"/proc/{self._announcer}/task").iterdir():
            seconds += int((thread / "schedstat").read_text().split()[0]) / 1e9
            if thread.name == str(self._announcer):
                continue
            for line in (thread / "status").read_text().splitlines():
                if line.startswith("voluntary_ctxt_switches"):
                    sleeps += int(line.split()[1])
        return seconds, sleeps

    def resident(self) -> float:
        """Return the announcer's resident memory in megabytes."""
        return resident_megabytes(self._announcer)

    def close(self) -> None:
        """End it."""
        _end(self._process)

    def _line(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline()


def measure(made: Wire) -> dict[str, Any]:
    """Measure everything on a wire."""
    made.on_node("addr", "add", f"{KERNEL}/8", "dev", NIC)
    with contextlib.ExitStack() as stack:
        nodes = {}
        for size, first in SIZES.items():
            nodes[size] = Node(made.node, first, int(size))
            stack.callback(nodes[size].close)
        say("taking addresses")
        for node in nodes.values():
            node.wait()
        everything = made.capture()
        while everything.heard(1.5):  # until all were announced for the last time
            pass
        everything.close()
        client = Client(inside(made.client, _listen))
        found = _times(client, nodes, made.node)
        say("asking while the agent folds")
        found |= _busy(client, nodes["1000"])
        say("pouring requests")
        found |= _rates(client, nodes["1000"])
        found["rss_mb"] = round(nodes["10000"].resident(), 1)
        return found


def _times(client: Client, nodes: dict[str, Node], namespace: str) -> dict[str, Any]:
    kernel, own, porter = [], [], {size: list[float]() for size in nodes}
    for number in range(ROUNDS):
        say(f"asking in turns: {number + 1} of {ROUNDS}")
        kernel += client.times([KERNEL], EACH)
        with _bare(namespace):
            own += client.times([BARE], EACH)
        for size, node in nodes.items():
            porter[size] += client.times(node.addresses, EACH)
    return {
        "kernel_p50_us": _percentile(kernel, 50),
        "bare_p50_us": _percentile(own, 50),
        "porter_p50_us": {size: _percentile(times, 50) for size, times in porter.items()},
        "porter_p99_us": {size: _percentile(times, 99) for size, times in porter.items()},
        "ratio_bare_p50": _ratio(porter["1000"], own),
        "growth_1_to_10000_p50": _ratio(porter["10000"], porter["1"]),
    }


def _ratio(times: Sequence[float], others: Sequence[float]) -> float:
    """Return how much slower the first are, as the median over the turns: each with what was measured next to it."""
    turns = range(0, len(times), EACH)
    medians = [[statistics.median(each[at : at + EACH]) for at in turns] for each in (times, others)]
    return round(float(statistics.median(one / other for one, other in zip(*medians, strict=True))), 2)


def _busy(client: Client, node: Node) -> dict[str, Any]:
    idle: list[float] = []
    busy: list[float] = []
    for _ in range(BUSY_ROUNDS):
        busy += node.while_folding(lambda: client.times(node.addresses, EACH))
        idle += client.times(node.addresses, 20 * EACH)
    idle_p99, busy_p99 = _percentile(idle, 99), _percentile(busy, 99)
    return {
        "idle_p99_us": idle_p99,
        "busy_p99_us": busy_p99,
        "busy_asked": len(busy),
        "busy_ratio_p99": round(busy_p99 / idle_p99, 2),
    }


def _rates(client: Client, node: Node) -> dict[str, Any]:
    sent, answered = client.pour(node.addresses, rate=OWN_RATE, seconds=RATE_FOR)
    found = {"asked_per_s": round(sent / RATE_FOR), "lost": sent - answered}
    found["answers_per_s"] = round(client.crowd(node.addresses, seconds=RATE_FOR))
    before = node.used()
    sent, _ = client.pour(addresses(FOREIGN, 1000), rate=FOREIGN_RATE, seconds=RATE_FOR)
    seconds, sleeps = (after - sooner for after, sooner in zip(node.used(), before, strict=True))
    return found | {
        "flood_per_s": round(sent / RATE_FOR),
        "flood_cpu_percent": round(100 * seconds / RATE_FOR, 2),
        "flood_wakeups": round(sleeps),
    }


def _percentile(times: Sequence[float], percent: int) -> float:
    return round(statistics.quantiles(times, n=100)[percent - 1], 1)


def _listen() -> socket.socket:
    connection = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    connection.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, 16 << 20)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("@ll", 1, 0))
    connection.bind((NIC, 0x0806))
    return connection


@contextlib.contextmanager
def _bare(namespace: str) -> Iterator[None]:
    process = _start(namespace, ["-I", "-S", str(Path(__file__).with_name("arp_node.py")), "bare", BARE])
    try:
        assert process.stdout is not None
        process.stdout.readline()
        yield
    finally:
        process.kill()
        _end(process)


def _start(namespace: str, arguments: Sequence[str]) -> subprocess.Popen[str]:
    command = ["ip", "netns", "exec", namespace, sys.executable, *arguments]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def _end(process: subprocess.Popen[str]) -> None:
    process.communicate(timeout=20)


def main() -> None:
    """Print what was measured."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="one JSON object instead of lines")
    options = parser.parse_args()
    if os.geteuid() != 0:
        raise SystemExit("network namespaces need root: run it with sudo")
    with wire() as made:
        found = measure(made)
    tell(found.items(), as_json=options.json)


if __name__ == "__main__":
    main()
