"""Which processes a lab that goes takes with it by the namespace they live in, and which are somebody else's."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from porter.lab import Lab, namespaces, pins, state
from tests.lab import labs

pytestmark = pytest.mark.root

NAME = f"p{os.getpid()}"


@pytest.fixture(autouse=True)
def home() -> Iterator[Path]:
    with labs.home() as path:
        yield path


def sleeper(netns: str) -> subprocess.Popen[bytes]:
    """A process that lives in a namespace and bears no lab's mark."""
    started = subprocess.Popen(["ip", "netns", "exec", netns, "sleep", "60"])
    while Path(f"/proc/{started.pid}/ns/net").stat().st_ino != namespaces.inode(netns):
        time.sleep(0.01)
    return started


def test_what_a_user_left_running_in_a_node_is_ended_too() -> None:
    lab = Lab.up(NAME, nodes=1, agents=False)
    left = sleeper(lab.namespace("node1"))

    lab.down()

    assert left.wait(timeout=5) == -signal.SIGKILL


def test_who_lives_in_a_later_namespace_with_the_number_of_the_labs_is_left_alone() -> None:
    """The kernel gives a number again as soon as it is free; here the state says one that is somebody else's."""
    lab = Lab.up(NAME, nodes=1, agents=False)
    foreign = f"{NAME}-foreign"
    namespaces.ip("netns", "add", foreign, env=os.environ)
    other = sleeper(foreign)
    try:
        known = state.load(lab.directory)
        number = namespaces.inode(foreign) or 0
        known.namespaces = [*known.namespaces, state.Namespace(name=f"{NAME}-gone", inode=number)]
        state.save(lab.directory, known)

        lab.down()

        assert other.poll() is None
    finally:
        other.kill()
        other.wait()
        namespaces.ip("netns", "del", foreign, env=os.environ)


def test_a_namespace_without_a_name_is_the_labs_while_a_process_of_the_lab_lives_in_it() -> None:
    lab = Lab.up(NAME, nodes=1, agents=False)
    left = sleeper(lab.namespace("node1"))
    namespaces.ip("netns", "del", lab.namespace("node1"), env=os.environ)

    lab.down()

    assert left.wait(timeout=5) == -signal.SIGKILL


def test_no_later_namespace_gets_the_number_of_one_that_is_held() -> None:
    first = f"{NAME}-first"
    namespaces.add(first)
    known = state.Namespace(name=first, inode=namespaces.inode(first) or 0)

    with pins.by_name([known, state.Namespace(name=f"{NAME}-none", inode=1)]) as inodes:
        namespaces.ip("netns", "del", first, env=os.environ)
        later = set()
        for number in range(20):  # the kernel puts one away in the background
            namespaces.add(f"{NAME}-later{number}")
            later.add(namespaces.inode(f"{NAME}-later{number}"))
            time.sleep(0.01)
        for number in range(20):
            namespaces.ip("netns", "del", f"{NAME}-later{number}", env=os.environ)

    assert inodes == {known.inode}
    assert known.inode not in later
