"""The announcer as a process: killed, orphaned, stopped, loaded, and without rights that it does not need."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from socket import inet_aton, inet_ntoa

import pytest

from porter.events.entries import Announced, Withdrawn
from porter.model.names import NodeName
from porter.plugins.layer2.announcer import arp
from porter.plugins.layer2.plugin import Layer2
from porter.plugins.registry import Registry
from porter.plugins.reports import Reported
from porter.plugins.runner import Runner
from tests.plugins.bench import ADDRESS, ASKER, BURST_OVER, CLIENT, WEB, Bench, on, running
from tests.plugins.netns import inside, settle, wire

pytestmark = pytest.mark.root


def test_a_killed_announcer_is_silent_and_then_started_again_with_everything(bench: Bench) -> None:
    bench.hold("192.168.0.91")
    pid = bench.announcing.pid
    assert pid is not None

    os.kill(pid, signal.SIGKILL)
    settle(lambda: bench.host.count("announced") == 2)

    assert ("withdrawn", "192.168.0.91", "eth0") in bench.host.reports
    assert ("failed", "192.168.0.91", "the announcer ended (signal 9); it is started again") in bench.host.reports
    assert bench.announcing.pid != pid
    assert bench.ask() is not None


AGENT = """
import os, sys, time
from porter.plugins.layer2.announcing import Announcing
from tests.plugins.bench import Host, on
announcing = Announcing(Host())
announcing.want(on("eth0", "192.168.0.91"))
while announcing.pid is None: time.sleep(0.01)
heir = os.fork() if sys.argv[1] == "fork" else 0
if heir or sys.argv[1] != "fork":
    print(announcing.pid, heir, flush=True)
time.sleep(60)
"""


@pytest.mark.parametrize("heir", ["none", "fork"])
def test_when_the_agent_is_killed_nobody_answers_any_more(heir: str) -> None:
    # A fork of the agent holds the agent's end of the socket open: the announcer must not take it for the agent.
    with wire() as made:
        client = made.capture()
        agent = subprocess.Popen(
            ["ip", "netns", "exec", made.node, sys.executable, "-c", AGENT, heir],
            cwd=Path(__file__).parents[2],
            stdout=subprocess.PIPE,
        )
        assert agent.stdout is not None
        try:
            announcer, fork = map(int, agent.stdout.readline().split())
            client.first(10, where=lambda frame: arp.parse(frame).is_gratuitous)
        finally:
            agent.kill()
            agent.wait()
            agent.stdout.close()

        settle(lambda: not running(announcer))
        client.heard(0.1)
        client.send(arp.question(ADDRESS, mac=CLIENT, sender=ASKER).pack())
        assert client.heard(0.5) == []
        if fork:
            assert running(fork)
            os.kill(fork, signal.SIGKILL)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_to_the_whole_group_does_not_end_the_announcer_before_its_agent(
    bench: Bench, number: signal.Signals
) -> None:
    bench.hold("192.168.0.91")
    pid = bench.announcing.pid
    assert pid is not None

    os.kill(pid, number)

    assert bench.ask() is not None
    assert bench.announcing.pid == pid
    assert bench.host.count("failed") == 0
    bench.announcing.stop()
    assert not running(pid)
    assert bench.ask() is None


def test_after_stop_nothing_is_answered_and_no_process_is_left(bench: Bench) -> None:
    bench.hold("192.168.0.91")
    pid = bench.announcing.pid
    assert pid is not None

    bench.announcing.stop()

    assert not running(pid)
    assert bench.host.reports[-1] == ("withdrawn", "192.168.0.91", "eth0")
    assert bench.ask() is None
    bench.announcing.stop()


def test_a_thousand_addresses_are_all_answered_within_two_seconds_and_none_of_their_frames_is_lost(
    bench: Bench,
) -> None:
    addresses = [inet_ntoa((0x0A000000 + 7 * number).to_bytes(4, "big")) for number in range(1000)]
    began = time.monotonic()

    bench.announcing.want(on("eth0", *addresses))
    settle(lambda: bench.host.count("announced") == 1000)
    assert time.monotonic() - began < 2
    heard = bench.client.heard(BURST_OVER + 1)

    said = [arp.parse(frame) for frame in heard]
    assert len([each for each in said if each.is_probe]) == 3000
    assert len([each for each in said if each.is_gratuitous]) == 6000
    for address in random.Random(1).sample(addresses, 50):
        assert bench.ask(inet_aton(address)) is not None


def test_the_announcer_keeps_no_right_but_raw_sockets(bench: Bench) -> None:
    bench.hold("192.168.0.91")

    status = Path(f"/proc/{bench.announcing.pid}/status").read_text()

    rights = {line.split(":")[0]: line.split()[1] for line in status.splitlines() if line.startswith(("Cap", "NoNew"))}
    assert {rights[name] for name in ("CapPrm", "CapEff", "CapBnd")} == {"0000000000002000"}
    assert rights["NoNewPrivs"] == "1"


def test_in_the_runner_what_is_announced_becomes_entries() -> None:
    with wire() as made:
        reports: list[Reported] = []
        runner = inside(made.node, lambda: in_the_runner(reports))
        client = made.capture()
        try:
            for _ in range(10):
                runner.apply({"layer2": on("eth0", "192.168.0.91")})
            client.first(where=lambda frame: arp.parse(frame).is_gratuitous)
            settle(lambda: bool(reports))
            runner.again()
        finally:
            runner.stop(5)

        mac = "02:00:00:00:01:01"
        assert reports == [
            Announced(address="192.168.0.91", protocol="layer2", nic="eth0", mac=mac, services=(WEB,)),
            Withdrawn(address="192.168.0.91", protocol="layer2", nic="eth0"),
        ]
        assert runner.failures == {}


def in_the_runner(reports: list[Reported]) -> Runner:
    runner = Runner(Registry.of(Layer2()), node=NodeName("node1"), nics=tuple, report=reports.append)
    runner.start()
    return runner
