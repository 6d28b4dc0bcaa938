"""The two processes that load the API server: one holds all watches, the other writes at a steady rate.

The first notes when bytes came, and deciphers them when all is over: it is there to see, and leaves the cores to what
is measured. Nothing of an event is decoded but when its write was sent.
"""

import gc
import itertools
import random
import re
import select
import ssl
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from typing import TypeAlias

from benchmarks.apiserver_client import VERSION, Answer, Asker, Place, Tapped
from benchmarks.apiserver_cluster import SENT, Traffic, encoded

_MARK = re.compile(SENT.format(0).replace("0" * 19, "([0-9]{19})").encode())
_TAIL = len(SENT.format(0)) - 1  # bytes that may hold all but the end of a mark
_MOST = 65536  # bytes that are read at once
_QUIET = 2_000_000_000  # nanoseconds without an event after which no more is to come
Read: TypeAlias = tuple[int, int, bytes]
"""By which watch, when, and the bytes as they came."""


@dataclass(kw_only=True)
class Seen:
    """What the watches saw: when each event was sent, of each watch; and of all when sent and when seen, in ns."""

    by_watch: list[list[int]]
    sent: list[int] = field(default_factory=list)
    seen: list[int] = field(default_factory=list)
    cpu_s: float = 0.0


def watch(place: Place, paths: Sequence[str], *, at_once: bool, told: Connection) -> None:
    """Open all watches, say so, read until the word comes and nothing more arrives; then send a `Seen`."""
    poll, watches, streams = select.epoll(), list[Tapped](), dict[int, tuple[int, Callable[[memoryview], int]]]()
    for number, path in enumerate(paths):
        one = Tapped(place)
        one.send(place.request("GET", path))
        head = b""
        while b"\r\n\r\n" not in head:
            head += one.deciphered(one.receive())
        if not head.startswith(b"HTTP/1.1 200 "):
            raise RuntimeError(f"{path}: {head.decode(errors='replace')}")
        one.socket.setblocking(False)
        poll.register(one.socket.fileno(), select.EPOLLIN)
        streams[one.socket.fileno()] = (number, one.socket.recv_into)
        watches.append(one)
    told.send("ready")
    buffer = memoryview(bytearray(_MOST))
    clock, read = time.monotonic_ns, list[Read]()
    began, last, cpu_s, ending = time.process_time(), time.monotonic_ns(), 0.0, False
    gc.disable()  # all that is read is kept, and none of it in circles
    while not (ending and time.monotonic_ns() - last > _QUIET):
        for descriptor, _ in poll.poll(0.1):
            number, receive = streams[descriptor]
            size = receive(buffer)
            raw = watches[number].deciphered(bytes(buffer[:size])) if at_once else bytes(buffer[:size])
            last = clock()
            read.append((number, last, raw))
            if not size:
                poll.unregister(descriptor)  # the server has closed it: what comes no more is lost
        if not ending and told.poll():
            told.recv()
            ending = True
            cpu_s = time.process_time() - began
    deciphers = [bytes if at_once else one.deciphered for one in watches]
    told.send(what_was_seen(deciphers, read, cpu_s))


def what_was_seen(deciphers: Sequence[Callable[[bytes], bytes]], read: Iterable[Read], cpu_s: float) -> Seen:
    """Decipher what each watch has read, and find when it was sent."""
    found, tails = Seen(by_watch=[[] for _ in deciphers], cpu_s=cpu_s), [b""] * len(deciphers)
    for number, at, raw in read:
        text = tails[number] + deciphers[number](raw)
        marks = [int(mark) for mark in _MARK.findall(text)]
        found.by_watch[number] += marks
        found.sent += marks
        found.seen += [at] * len(marks)
        tails[number] = text[-_TAIL:]  # too short for a mark
    return found


@dataclass(kw_only=True)
class Written:
    """What was written: when what was accepted had been sent, how long it took, both in ns, and what was refused."""

    accepted: dict[tuple[str, str], list[int]] = field(default_factory=dict)
    """When sent, by where it is seen and by name."""
    sent: list[int] = field(default_factory=list)
    took: list[int] = field(default_factory=list)
    refused: int = 0
    why: str = ""
    cpu_s: float = 0.0


class _Writer:
    """Connections and objects that are free, and what is on its way. No object is written twice at a time."""

    def __init__(self, place: Place, traffic: Sequence[Traffic], connections: int) -> None:
        self._place, self._poll = place, select.epoll()
        self._objects = [deque(one.paths) for one in traffic]
        self._traffic = traffic
        self._versions = dict[str, str]()
        self._under_way = dict[int, tuple[ssl.SSLSocket, int, str, int, Answer]]()
        self.free = [place.connect() for _ in range(connections)]
        self.found = Written()
        for connection in self.free:
            connection.setblocking(False)
            self._poll.register(connection.fileno(), select.EPOLLIN)
        with Asker(place) as asker:
            for path in (path for one in traffic if one.method == "PUT" for path in one.paths):
                found = VERSION.search(asker.ask("GET", path))
                self._versions[path] = found[1].decode() if found else ""

    def send(self, sort: int) -> bool:
        """Send a write of a sort; False when everything that it would need is under way."""
        one, free = self._traffic[sort], self._objects[sort]
        if not self.free or not free:
            return False
        connection, path = self.free.pop(), free[0]
        if one.method != "POST":  # what is made anew is never under way already
            free.popleft()
        now = time.monotonic_ns()
        body = encoded(one.body(path.removesuffix("/status"), SENT.format(now), self._versions.get(path, "")))
        connection.sendall(self._place.request(one.method, path, body, one.media))
        self._under_way[connection.fileno()] = (connection, sort, path, now, Answer())
        return True

    def take(self, patience: float) -> None:
        """Take the answers that are there, or come within so many seconds."""
        for descriptor, _ in self._poll.poll(max(0.0, patience)):
            connection, sort, path, sent, answer = self._under_way.get(descriptor) or self._idle(descriptor)
            try:
                answer.add(connection.recv(65536))
            except ssl.SSLWantReadError:  # a session ticket, or half a record
                continue
            if not answer.done:
                continue
            del self._under_way[descriptor]
            self.free.append(connection)
            if (one := self._traffic[sort]).method != "POST":
                self._objects[sort].append(path)
            if not answer.accepted:
                self.found.refused += 1
                self.found.why = answer.body.decode(errors="replace")
                continue
            self._versions[path] = answer.version
            what = one.seen_at, path.removesuffix("/status").rpartition("/")[2]
            self.found.accepted.setdefault(what, []).append(sent)
            self.found.sent.append(sent)
            self.found.took.append(time.monotonic_ns() - sent)

    def _idle(self, descriptor: int) -> tuple[ssl.SSLSocket, int, str, int, Answer]:
        connection = next(one for one in self.free if one.fileno() == descriptor)
        return connection, 0, "", 0, Answer()

    def drain(self) -> None:
        """Wait for the answers that are still to come."""
        deadline = time.monotonic() + 30
        while self._under_way and time.monotonic() < deadline:
            self.take(0.1)


def write(
    place: Place, traffic: Sequence[Traffic], *, rate: float, seconds: float, connections: int, told: Connection
) -> None:
    """Say that all is ready, wait for a word, write at the rate (0: as fast as answers come), and send a `Written`."""
    writer = _Writer(place, traffic, connections)
    order = _order(traffic)
    told.send("ready")
    told.recv()
    begin, began, count = time.monotonic(), time.process_time(), 0

    def due() -> float:
        return begin + count / rate if rate else 0.0

    sort = next(order)
    while (now := time.monotonic()) < begin + seconds:
        if due() <= now and writer.send(sort):
            count, sort = count + 1, next(order)
            continue
        writer.take(due() - now if writer.free and due() > now else 0.1)
    writer.drain()
    writer.found.cpu_s = time.process_time() - began
    told.send(writer.found)


def _order(traffic: Sequence[Traffic]) -> "itertools.cycle[int]":
    shares = [number for number, one in enumerate(traffic) for _ in range(one.share)]
    random.Random(0).shuffle(shares)
    return itertools.cycle(shares)
