"""TLS connections of the process that holds them, spoken to by clients of Python's own ssl, in both event loops."""

from __future__ import annotations

import asyncio
import contextlib
import queue
import resource
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import uvloop
from hypothesis import given, settings
from hypothesis import strategies as st

from porter.lab.apiserver import tls
from porter.lab.apiserver.secure import HANDSHAKE_WITHIN, Listener
from tests.loop import Loop

_LOOPS: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {
    "asyncio": asyncio.SelectorEventLoop,
    "uvloop": uvloop.new_event_loop,
}
_PATIENCE = 10.0
_MUCH = 8 << 20  # bytes: more than lies between two sockets whose buffers are as small as here
_BUFFER = 64 << 10


class Noting(asyncio.Protocol):
    """Notes what happens to it, and sends back what comes."""

    def __init__(self, told: queue.Queue[Noting]) -> None:
        self._told = told
        self.seen: queue.Queue[str] = queue.Queue()
        self.got = bytearray()
        self.transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self._told.put(self)

    def data_received(self, data: bytes) -> None:
        self.got += data
        self.transport.write(data)
        self.seen.put("data")

    def pause_writing(self) -> None:
        self.seen.put("pause")

    def resume_writing(self) -> None:
        self.seen.put("resume")

    def connection_lost(self, exc: Exception | None) -> None:
        assert exc is None
        self.seen.put("lost")


class Server(NamedTuple):
    """A listener, where it is, and the protocols of its connections as they come."""

    loop: Loop
    where: tuple[str, int]
    trust: str
    protocols: queue.Queue[Noting]
    faults: list[Any]

    def client(self) -> ssl.SSLSocket:
        """A connection of a client that minds an end without a goodbye."""
        context = ssl.create_default_context(cadata=self.trust)
        plain = socket.create_connection(self.where, timeout=_PATIENCE)
        return context.wrap_socket(plain, server_hostname="127.0.0.1", suppress_ragged_eofs=False)

    @contextmanager
    def connected(self) -> Iterator[tuple[ssl.SSLSocket, Noting]]:
        """A client, and the protocol that it has there."""
        with self.client() as one:
            yield one, self.protocols.get(timeout=_PATIENCE)

    def do(self, work: Callable[..., object], *arguments: object) -> None:
        """Call something in the loop, and wait for it."""

        async def call() -> None:
            work(*arguments)

        self.loop.run(call())


@contextmanager
def serving(make: Callable[[], asyncio.AbstractEventLoop], place: Path, within: float) -> Iterator[Server]:
    trust = tls.certificates(place, ["127.0.0.1"]).decode()
    sock = socket.create_server(("127.0.0.1", 0))
    sock.setblocking(False)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _BUFFER)  # what it accepts inherits it
    loop, protocols, faults = Loop(make()), queue.Queue[Noting](), list[Any]()
    loop.loop.set_exception_handler(lambda _, context: faults.append(context))
    server = Server(loop, sock.getsockname(), trust, protocols, faults)

    async def listen() -> Listener:
        return Listener(sock, tls.context(place), lambda: Noting(protocols), handshake_within=within)

    listener = loop.run(listen())
    yield server
    server.do(listener.close)
    loop.run(asyncio.sleep(0))
    loop.close()


@pytest.fixture(scope="module", params=sorted(_LOOPS))
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(_LOOPS[request.param], tmp_path_factory.mktemp("tls"), HANDSHAKE_WITHIN) as made:
        yield made
        assert made.faults == []


def read(client: ssl.SSLSocket, size: int) -> bytes:
    """So many bytes, or what came before the end."""
    found = bytearray()
    while len(found) < size and (data := client.recv(65536)):
        found += data
    return bytes(found)


@settings(max_examples=15, deadline=None)
@given(sizes=st.lists(st.sampled_from((1, 100, 16384, 16385, 65536, 200_000)), min_size=1, max_size=5))
def test_what_is_written_arrives_both_ways(server: Server, sizes: list[int]) -> None:
    with server.connected() as (client, protocol):
        for number, size in enumerate(sizes):
            data = bytes([number]) * size
            client.sendall(data)
            assert read(client, size) == data
        assert len(protocol.got) == sum(sizes)


def test_a_request_that_comes_in_many_records_is_passed_on_whole(server: Server) -> None:
    with server.connected() as (client, protocol):
        server.do(protocol.transport.pause_reading)
        for size in (1, 300, 16384, 20_000):
            client.sendall(b"x" * size)
        server.loop.run(asyncio.sleep(0.05))
        server.do(protocol.transport.resume_reading)
        assert protocol.seen.get(timeout=_PATIENCE) == "data"
        assert len(protocol.got) == 36_685
        assert len(read(client, 36_685)) == 36_685


def test_a_client_that_does_not_read_pauses_its_protocol_and_misses_nothing(server: Server) -> None:
    with server.connected() as (client, protocol):
        pieces = [bytes([number]) * (_MUCH // 8) for number in range(8)]
        for piece in pieces:
            server.do(protocol.transport.write, piece)
        assert protocol.seen.get(timeout=_PATIENCE) == "pause"
        assert 0 < protocol.transport.get_write_buffer_size() <= _MUCH

        assert read(client, _MUCH) == b"".join(pieces)
        assert protocol.seen.get(timeout=_PATIENCE) == "resume"
        assert protocol.transport.get_write_buffer_size() == 0
        client.sendall(b"and on")
        assert read(client, 6) == b"and on"


def test_closing_sends_what_there_is_and_says_goodbye(server: Server) -> None:
    with server.connected() as (client, protocol):
        server.do(lambda: (protocol.transport.write(b"x" * _MUCH), protocol.transport.close()))
        server.do(protocol.transport.write, b"too late")
        assert protocol.seen.get(timeout=_PATIENCE) == "pause"
        assert len(read(client, _MUCH)) == _MUCH
        assert client.recv(1) == b""  # and not ssl.SSLEOFError
        assert protocol.transport.is_closing()
    seen = [protocol.seen.get(timeout=_PATIENCE) for _ in range(2)]
    assert seen == ["resume", "lost"]
    assert protocol.seen.empty()


def test_a_client_that_sends_on_while_its_connection_is_closed_still_gets_the_last_of_it(server: Server) -> None:
    with server.connected() as (client, protocol):
        server.do(protocol.transport.pause_reading)
        client.sendall(b"never read")
        server.do(lambda: (protocol.transport.write(b"the last"), protocol.transport.close()))
        assert read(client, 8) == b"the last"
        assert client.recv(1) == b""
    assert protocol.seen.get(timeout=_PATIENCE) == "lost"
    assert protocol.got == b""


@pytest.mark.parametrize("gracefully", [True, False])
def test_a_client_that_goes_is_lost(server: Server, *, gracefully: bool) -> None:
    with server.connected() as (client, protocol):
        if gracefully:
            client.settimeout(_PATIENCE)
            client.unwrap().close()
        else:
            client.shutdown(socket.SHUT_RDWR)
    assert protocol.seen.get(timeout=_PATIENCE) == "lost"
    server.do(protocol.transport.write, b"to nobody")
    server.do(protocol.transport.close)


def test_a_client_that_goes_in_the_middle_of_much_is_lost_once(server: Server) -> None:
    with server.connected() as (_, protocol):
        server.do(protocol.transport.write, b"x" * _MUCH)
        assert protocol.seen.get(timeout=_PATIENCE) == "pause"
    assert protocol.seen.get(timeout=_PATIENCE) == "lost"
    server.do(protocol.transport.abort)
    server.loop.run(asyncio.sleep(0.01))
    assert protocol.seen.empty()


def test_aborting_ends_it_at_once_whatever_is_to_be_sent(server: Server) -> None:
    with server.connected() as (client, protocol):
        server.do(protocol.transport.write, b"x" * _MUCH)
        server.do(protocol.transport.abort)
        assert [protocol.seen.get(timeout=_PATIENCE) for _ in range(2)] == ["pause", "lost"]
        with contextlib.suppress(ssl.SSLError, ConnectionError):  # the middle of a record, or no goodbye
            assert len(read(client, _MUCH)) < _MUCH


def test_nothing_is_read_while_reading_is_paused(server: Server) -> None:
    with server.connected() as (client, protocol):
        server.do(protocol.transport.pause_reading)
        client.sendall(b"later")
        server.loop.run(asyncio.sleep(0.05))
        assert protocol.got == b""
        server.do(protocol.transport.resume_reading)
        assert read(client, 5) == b"later"


@pytest.mark.parametrize("words", [b"GET / HTTP/1.1\r\n\r\n", b"", b"\x16\x03\x01\xff\xff" + bytes(100)])
def test_who_speaks_no_tls_is_cut_off_and_others_are_served(server: Server, words: bytes) -> None:
    wrong = socket.create_connection(server.where, timeout=_PATIENCE)
    with wrong, contextlib.suppress(OSError):  # it may be cut off already
        wrong.sendall(words)
        wrong.shutdown(socket.SHUT_WR)
        while wrong.recv(1000):
            pass
    with server.connected() as (client, _):
        client.sendall(b"right")
        assert read(client, 5) == b"right"
    assert server.protocols.empty()


def test_who_never_agrees_on_tls_is_cut_off_in_time_or_with_the_listener(tmp_path: Path) -> None:
    with serving(asyncio.SelectorEventLoop, tmp_path, 0.2) as short:
        began = time.monotonic()
        with socket.create_connection(short.where, timeout=_PATIENCE) as silent:
            assert silent.recv(1) == b""
        assert time.monotonic() - began > 0.1
        with short.connected() as (client, _):
            short.loop.run(asyncio.sleep(0.3))  # who has agreed stays
            client.sendall(b"here")
            assert read(client, 4) == b"here"
    with serving(asyncio.SelectorEventLoop, tmp_path, HANDSHAKE_WITHIN) as long:
        silent = socket.create_connection(long.where, timeout=_PATIENCE)
        with long.connected():
            pass
    with silent:
        assert silent.recv(1) == b""


def test_who_comes_when_no_descriptor_is_left_is_served_later(tmp_path: Path) -> None:
    with serving(asyncio.SelectorEventLoop, tmp_path, HANDSHAKE_WITHIN) as made:
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        context = ssl.create_default_context(cadata=made.trust)
        plain = socket.socket()
        plain.settimeout(_PATIENCE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (plain.fileno() + 1, hard))
        deadline = time.monotonic() + _PATIENCE
        try:
            plain.connect(made.where)
            while not made.faults:
                assert time.monotonic() < deadline, f"a descriptor below {plain.fileno()} is free"
                time.sleep(0.01)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        with context.wrap_socket(plain, server_hostname="127.0.0.1") as client:
            client.sendall(b"after all")
            assert read(client, 9) == b"after all"
        assert [str(fault["exception"]) for fault in made.faults] == ["[Errno 24] Too many open files"]
