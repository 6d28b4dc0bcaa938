"""The way out of a lab: what is said to it inside is said to the server outside, in whichever family."""

import os
import socket
import subprocess
from collections.abc import Iterator
from ipaddress import ip_address

import pytest

from porter.lab import namespaces
from porter.lab.families import socket_family
from porter.lab.processes import python
from tests.lab.labs import until

pytestmark = pytest.mark.root

PORT = 6443


@pytest.fixture
def netns() -> Iterator[str]:
    name = f"e{os.getpid()}-inside"
    namespaces.add(name)
    try:
        namespaces.ip("link", "set", "lo", "up", netns=name, env=os.environ)
        yield name
    finally:
        namespaces.ip("netns", "del", name, env=os.environ)


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_a_connection_is_handed_on_from_either_family(netns: str, address: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        to = ["--to", "127.0.0.1", str(server.getsockname()[1])]
        command = python("porter.lab.gate", "--netns", netns, "--listen", address, str(PORT), *to)
        family = socket_family(ip_address(address))
        with (
            subprocess.Popen(command) as gate,
            namespaces.inside(netns, lambda: socket.socket(family, socket.SOCK_STREAM)) as client,
        ):
            try:
                until("the gate", lambda: client.connect_ex((address, PORT)) == 0 or gate.poll() is not None)
                server.settimeout(10)
                there, _ = server.accept()
                with there:
                    client.sendall(b"asked")
                    assert there.recv(16) == b"asked"
                    there.sendall(b"answered")
                    assert client.recv(16) == b"answered"
            finally:
                gate.kill()
