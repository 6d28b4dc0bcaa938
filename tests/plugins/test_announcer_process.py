"""The announcer as a process: killed, orphaned, stopped, loaded, and without rights that it does not need."""

import os
import random
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from socket import inet_aton, inet_ntoa

import pytest

from porter.events.entries import Announced, Withdrawn
from porter.model.assignment import Announcement
from porter.model.names import NodeName
from porter.plugins.layer2 import announcer
from porter.plugins.layer2.announcer import arp
from porter.plugins.layer2.plugin import Layer2
from porter.plugins.registry import Registry
from porter.plugins.reports import Reported
from porter.plugins.runner import Runner
from tests.plugins.bench import ADDRESS, ASKER, BURST_OVER, CLIENT, WEB, Bench, on, running
from tests.plugins.netns import Wire, inside, settle, wire

pytestmark = pytest.mark.root


def test_a_killed_announcer_is_silent_and_then_started_again_with_everything(bench: Bench) -> None:
    bench.hold("192.168.0.91")
    pid = bench.announcing.pid
    assert pid is not None

    bench.client.heard(BURST_OVER)
    os.kill(pid, signal.SIGKILL)
    heard = bench.client.heard(BURST_OVER + 1)

    assert len(heard) == 9  # three probes, then three times both gratuitous forms
    assert bench.host.count("announced") == 2
    assert ("withdrawn", "192.168.0.91", "eth0") in bench.host.reports
    assert ("failed", "192.168.0.91", "the announcer ended (signal 9); it is started again") in bench.host.reports
    assert bench.announcing.pid != pid
    assert bench.ask() is not None


def test_an_announcer_that_stands_still_is_killed_and_started_again_with_everything(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    bench.hold("192.168.0.91")
    pid = bench.announcing.pid
    assert pid is not None

    os.kill(pid, signal.SIGSTOP)
    settle(lambda: bench.ask() is None)
    assert bench.host.count("withdrawn") == 0
    settle(lambda: bench.host.count("announced") == 2, 30)

    assert not running(pid)
    assert bench.ask() is not None
    withdrawn, (failed, _, why) = bench.host.reports[1:3]
    assert (withdrawn, failed) == (("withdrawn", "192.168.0.91", "eth0"), "failed")
    # one beat more where it was stopped while it answered
    assert re.fullmatch(r"the announcer ended \(it gave no answer for [68] s\); it is started again", why)
    logged = [
        vars(record)["pause"] for record in caplog.records if "the announcer ended: it gave no answer" in record.message
    ]
    assert logged == [0.2]  # not as one that lived for long: it said nothing since its start


AGENT = """
import os, sys, time
from porter.plugins.layer2.announcing import Announcing
from tests.plugins.bench import Host, on
host = Host()
announcing = Announcing(host)
announcing.want(on("eth0", "192.168.0.91"))
while announcing.pid is None: time.sleep(0.01)
heir = os.fork() if sys.argv[1] == "fork" else 0
if heir or sys.argv[1] != "fork":
    print(announcing.pid, heir, flush=True)
while not host.count("failed"): time.sleep(0.01)
print(*host.reports[-1], flush=True)
time.sleep(60)
"""


def start_agent(made: Wire, *wrapper: str, heir: str = "none") -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        ["ip", "netns", "exec", made.node, *wrapper, sys.executable, "-c", AGENT, heir],
        cwd=Path(__file__).parents[2],
        stdout=subprocess.PIPE,
    )


def end(agent: subprocess.Popen[bytes]) -> None:
    agent.kill()
    agent.wait()
    assert agent.stdout is not None
    agent.stdout.close()


@pytest.mark.parametrize("heir", ["none", "fork"])
def test_when_the_agent_is_killed_nobody_answers_any_more(heir: str) -> None:
    # A fork of the agent holds the agent's end of the socket open: the announcer must not take it for the agent.
    with wire() as made:
        client = made.capture()
        agent = start_agent(made, heir=heir)
        assert agent.stdout is not None
        try:
            announcer, fork = map(int, agent.stdout.readline().split())
            client.first(10, where=lambda frame: arp.parse(frame).is_gratuitous)
        finally:
            end(agent)

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


def rights_of(thread: Path) -> dict[str, str]:
    lines = (thread / "status").read_text().splitlines()
    return {line.split(":")[0]: line.split()[1] for line in lines if line.startswith(("Cap", "NoNew", "Uid"))}


def test_no_thread_of_the_announcer_keeps_a_right_but_raw_sockets(bench: Bench) -> None:
    bench.hold("192.168.0.91")

    threads = [rights_of(each) for each in Path(f"/proc/{bench.announcing.pid}/task").iterdir()]

    assert len(threads) == 2  # one claims and announces, one answers
    for rights in threads:
        assert {rights[name] for name in ("CapPrm", "CapEff", "CapBnd")} == {RAW_SOCKETS}
        assert {rights[name] for name in ("CapInh", "CapAmb")} == {"0000000000000000"}
        assert rights["NoNewPrivs"] == "1"


RAW_SOCKETS = "0000000000002000"


def nobody(*capabilities: str) -> list[str]:
    """Run as an ordinary user. It may look into all folders: the Python of a test may lie where only root can go."""
    more = ",".join(f"+{each}" for each in ("dac_read_search", *capabilities))
    user = ["--reuid=65534", "--regid=65534", "--clear-groups"]
    return ["setpriv", *user, f"--bounding-set=-all,{more}", f"--inh-caps={more}", f"--ambient-caps={more}"]


def test_without_root_it_runs_where_the_one_capability_is_ambient() -> None:
    with wire() as made:
        client = made.capture()
        agent = start_agent(made, *nobody("net_raw"))
        assert agent.stdout is not None
        try:
            announcer = int(agent.stdout.readline().split()[0])
            client.first(10, where=lambda frame: arp.parse(frame).is_gratuitous)

            rights = rights_of(Path(f"/proc/{announcer}"))
            assert (rights["Uid"], rights["CapEff"], rights["CapPrm"]) == ("65534", RAW_SOCKETS, RAW_SOCKETS)
            client.heard(0.1)
            client.send(arp.question(ADDRESS, mac=CLIENT, sender=ASKER).pack())
            answer = client.first(5, where=lambda frame: frame[20:22] == b"\x00\x02" and frame[:6] == CLIENT)
            assert arp.parse(answer).sender == ADDRESS
        finally:
            end(agent)


def test_without_the_capability_it_says_so() -> None:
    with wire() as made:
        agent = start_agent(made, *nobody())
        assert agent.stdout is not None
        try:
            agent.stdout.readline()

            sentence = "no raw socket on eth0: Operation not permitted. The agent needs CAP_NET_RAW"
            assert agent.stdout.readline() == f"failed 192.168.0.91 {sentence}\n".encode()
        finally:
            end(agent)


def test_an_announcer_that_dies_again_and_again_is_started_ever_more_seldom(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(3):
        settle(lambda: bench.announcing.pid is not None)
        pid = bench.announcing.pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        settle(lambda pid=pid: bench.announcing.pid not in {None, pid})  # type: ignore[misc]

    pauses = [vars(record)["pause"] for record in caplog.records if "the announcer ended" in record.message]
    assert pauses == [0.2, 0.4, 0.8]


def test_a_report_that_cannot_be_handled_does_not_leave_the_node_without_an_announcer(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    failures = iter([OSError("first"), ValueError("then")])

    def announced(announcement: Announcement, *, mac: str) -> None:
        for failure in failures:
            raise failure
        bench.host.reports.append(("announced", announcement.address, announcement.nic, mac))

    monkeypatch.setattr(bench.host, "announced", announced)
    bench.hold("192.168.0.91")

    assert bench.ask() is not None


def test_what_the_announcer_imports_is_the_standard_librarys_and_little_of_that() -> None:
    folder = Path(announcer.__file__).parent.parent
    boot = "import sys; sys.path.append(sys.argv.pop()); from announcer import program; print(*sys.modules)"
    said = subprocess.run(
        [sys.executable, "-I", "-S", "-c", boot, str(folder)], check=True, capture_output=True, text=True
    )

    imported = {name.partition(".")[0] for name in said.stdout.split()}
    assert imported - sys.stdlib_module_names == {"__main__", "announcer"}
    assert not imported & {"asyncio", "dataclasses", "inspect", "ipaddress", "logging", "random", "subprocess"}


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
