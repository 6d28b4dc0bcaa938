import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence

import pytest

from porter.events.entries import AddressClaimed, Announced, AnnouncementFailed, PluginFailed, Withdrawn
from porter.events.sentences import sentence
from porter.model.assignment import Announcement
from porter.model.names import EipName, NodeName, ServiceKey
from porter.model.objects import Eip, Nic
from porter.model.protocol import PlacementRequest
from porter.plugins.api import Host
from porter.plugins.registry import Registry
from porter.plugins.reports import Reported
from porter.plugins.runner import Runner
from porter.reconciler.surroundings import Surroundings
from tests.plugins.netns import settle

NICS = (Nic(name="eth0", mac="02:00:00:00:01:01"),)
WEB, API = ServiceKey("default/web"), ServiceKey("default/api")


def wanted(address: str, *services: ServiceKey, nic: str = "eth0") -> Announcement:
    return Announcement(address=address, nic=nic, services=services or (WEB,), eip=EipName("pool"))


class Recorder:
    """A protocol that notes every call, and does in each what the test says."""

    version = "2.0"
    stub: str | None = None
    stable = False

    def __init__(
        self,
        name: str,
        *,
        on_start: Callable[[], object] = lambda: None,
        on_apply: Callable[[], object] = lambda: None,
        on_stop: Callable[[], object] = lambda: None,
    ) -> None:
        self.name = name
        self.calls: list[object] = []
        self.host: Host | None = None
        self._on = {"start": on_start, "apply": on_apply, "stop": on_stop}
        self._busy = threading.Lock()

    def validate(self, eip: Eip) -> Sequence[str]:
        return () if eip.address else ("no address",)

    def place(self, request: PlacementRequest) -> Sequence[NodeName]:
        return request.eligible

    def start(self, host: Host) -> None:
        self.host = host
        self._note("start", "start")

    def apply(self, announcements: Sequence[Announcement]) -> None:
        self._note("apply", [each.address for each in announcements])

    def stop(self) -> None:
        self._note("stop", "stop")

    def _note(self, what: str, call: object) -> None:
        assert self._busy.acquire(blocking=False), "start, apply and stop are never called at the same time"
        try:
            self.calls.append(call)
            self._on[what]()
        finally:
            self._busy.release()


class Trouble:
    """Goes wrong until it is mended."""

    def __init__(self, wrong: Callable[[], None]) -> None:
        self._wrong = wrong
        self.mended = False

    def __call__(self) -> None:
        if not self.mended:
            self._wrong()


Reports = list[Reported]
Run = Callable[..., tuple[Runner, Reports]]


@pytest.fixture
def run() -> Iterator[Run]:
    runners: list[Runner] = []

    def start(*plugins: Recorder, time_limit: float = 10.0) -> tuple[Runner, Reports]:
        reports: Reports = []
        registry = Registry.of(*plugins)
        assert not registry.problems
        runner = Runner(
            registry,
            node=NodeName("node1"),
            nics=lambda: NICS,
            report=reports.append,
            time_limit=time_limit,
        )
        runner.start()
        runners.append(runner)
        return runner, reports

    yield start
    for runner in runners:
        runner.stop(2)


def raising() -> None:
    raise RuntimeError("no luck")


def leaving() -> None:
    sys.exit(3)


def test_a_plugin_is_started_once_and_told_its_whole_set(run: Run) -> None:
    plugin = Recorder("one")
    runner, reports = run(plugin)

    runner.apply({"one": [wanted("192.0.2.2"), wanted("192.0.2.1")]})

    settle(lambda: plugin.calls == ["start", ["192.0.2.1", "192.0.2.2"]])
    assert plugin.host is not None
    assert (plugin.host.node, plugin.host.nics, plugin.host.gratuitous_interval) == ("node1", NICS, 0.0)
    assert reports == []
    assert runner.failures == {}


def test_a_protocol_with_nothing_to_announce_and_an_unchanged_set_are_no_calls(run: Run) -> None:
    busy, idle = Recorder("busy"), Recorder("idle")
    runner, _ = run(busy, idle)

    for _ in range(100):
        runner.apply({"busy": [wanted("192.0.2.1")], "idle": []})
    runner.again()
    settle(lambda: len(busy.calls) >= 2)
    runner.stop(2)

    assert idle.calls == ["start", "stop"]
    assert busy.calls[:2] == ["start", ["192.0.2.1"]]
    assert len(busy.calls) <= 4  # once, perhaps once again, and stop


def test_a_set_that_became_empty_is_applied(run: Run) -> None:
    plugin = Recorder("one")
    runner, _ = run(plugin)
    runner.apply({"one": [wanted("192.0.2.1")]})
    settle(lambda: len(plugin.calls) == 2)

    runner.apply({})

    settle(lambda: plugin.calls[2:] == [[]])


def test_again_applies_the_same_set_once_more(run: Run) -> None:
    plugin = Recorder("one")
    runner, _ = run(plugin)
    runner.apply({"one": [wanted("192.0.2.1")]})
    settle(lambda: len(plugin.calls) == 2)

    runner.again()

    settle(lambda: plugin.calls[2:] == [["192.0.2.1"]])


def test_only_the_newest_set_is_applied_after_a_long_call(run: Run) -> None:
    go_on = threading.Event()
    plugin = Recorder("slow", on_apply=lambda: go_on.wait(5))
    runner, _ = run(plugin)
    runner.apply({"slow": [wanted("192.0.2.1")]})
    settle(lambda: len(plugin.calls) == 2)

    for last in range(2, 50):
        runner.apply({"slow": [wanted(f"192.0.2.{last}")]})
    go_on.set()

    settle(lambda: plugin.calls[2:] == [["192.0.2.49"]])


@pytest.mark.parametrize("what", ["on_start", "on_apply"])
@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [(raising, "raised RuntimeError: no luck"), (leaving, "called sys.exit(3)")],
    ids=["raises", "exits"],
)
def test_a_failing_plugin_is_reported_once_tried_again_and_disturbs_no_other(
    run: Run,
    what: str,
    wrong: Callable[[], None],
    sentence: str,
) -> None:
    trouble = Trouble(wrong)
    bad, good = Recorder("bad", **{what: trouble}), Recorder("good")
    runner, reports = run(bad, good)
    runner.apply({"bad": [wanted("192.0.2.1")], "good": [wanted("192.0.2.2")]})
    settle(lambda: len([call for call in bad.calls if call != "start" or what == "on_start"]) >= 3)

    assert good.calls == ["start", ["192.0.2.2"]]
    error = f"{what.removeprefix('on_')} {sentence}"
    assert reports == [PluginFailed(plugin="bad", version="2.0", error=error)]
    assert runner.failures == {"bad": error}

    runner.apply({"bad": [wanted("192.0.2.9")], "good": [wanted("192.0.2.2")]})
    trouble.mended = True

    settle(lambda: bad.calls[-1] == ["192.0.2.9"], 10)
    settle(lambda: runner.failures == {})


def test_a_plugin_that_hangs_is_reported_once_while_others_go_on(run: Run) -> None:
    go_on = threading.Event()
    hanging, good = Recorder("hanging", on_apply=lambda: go_on.wait(30)), Recorder("good")
    runner, reports = run(hanging, good, time_limit=0.1)
    runner.apply({"hanging": [wanted("192.0.2.1")]})
    settle(lambda: bool(reports))

    runner.apply({"hanging": [wanted("192.0.2.3")], "good": [wanted("192.0.2.2")]})
    settle(lambda: good.calls == ["start", ["192.0.2.2"]])
    time.sleep(0.3)

    assert reports == [PluginFailed(plugin="hanging", version="2.0", error="apply hangs: no end after 0.1 s")]
    assert runner.failures.keys() == {"hanging"}

    go_on.set()
    settle(lambda: hanging.calls == ["start", ["192.0.2.1"], ["192.0.2.3"]])
    settle(lambda: runner.failures == {})


def test_stop_withdraws_everywhere_and_does_not_wait_for_ever(run: Run) -> None:
    go_on = threading.Event()
    hanging, good = Recorder("hanging", on_apply=lambda: go_on.wait(30)), Recorder("good")
    runner, reports = run(hanging, good)
    runner.apply({"hanging": [wanted("192.0.2.1")], "good": [wanted("192.0.2.2")]})
    settle(lambda: len(hanging.calls) == len(good.calls) == 2)
    began = time.monotonic()

    unfinished = runner.stop(0.2)

    assert time.monotonic() - began < 1
    assert unfinished == ("hanging",)
    assert good.calls[-1] == "stop"
    assert runner.failures == {"hanging": "it did not stop within 0.2 s"}
    before = list(reports)
    assert hanging.host is not None
    hanging.host.failed("192.0.2.1", "too late")
    assert reports == before
    go_on.set()


def test_a_plugin_that_fails_to_stop_holds_up_nobody(run: Run) -> None:
    bad, good = Recorder("bad", on_stop=leaving), Recorder("good")
    runner, reports = run(bad, good)

    assert runner.stop(2) == ("bad",)
    assert runner.stop(2) == ("bad",)

    assert bad.calls[-1] == good.calls[-1] == "stop"
    assert reports == [PluginFailed(plugin="bad", version="2.0", error="stop called sys.exit(3)")]


def test_an_address_of_a_protocol_that_is_not_there_or_a_stub_fails_in_words(run: Run) -> None:
    stub = Recorder("stub")
    stub.stub = "not written yet"
    runner, reports = run(stub)

    for _ in range(3):
        runner.apply({"stub": [wanted("192.0.2.1")], "other": [wanted("192.0.2.2")]})

    assert [(each.address, each.protocol) for each in reports if isinstance(each, AnnouncementFailed)] == [
        ("192.0.2.2", "other"),
        ("192.0.2.1", "stub"),
    ]
    assert stub.calls == []


def test_what_is_reported_twice_is_one_entry(run: Run) -> None:
    plugin = Recorder("one")
    runner, reports = run(plugin)
    settle(lambda: plugin.host is not None)
    host = plugin.host
    assert host is not None
    runner.apply({"one": [wanted("192.0.2.1")]})
    mac, other = "02:00:00:00:01:01", "02:00:00:00:01:02"
    entry = Announced(address="192.0.2.1", protocol="one", nic="eth0", mac=mac, services=(WEB,))

    host.withdrawn("192.0.2.1", nic="eth0")  # never announced
    for _ in range(3):
        host.announced(wanted("192.0.2.1"), mac=mac)
    host.announced(wanted("192.0.2.1"), mac=other)
    host.announced(wanted("192.0.2.1", WEB, API), mac=other)
    for _ in range(3):
        host.failed("192.0.2.1", "NIC eth0 is down")
    host.announced(wanted("192.0.2.1"), mac=mac)
    host.failed("192.0.2.1", "NIC eth0 is down")
    host.announced(wanted("192.0.2.1"), mac=mac)
    host.withdrawn("192.0.2.1", nic="eth0")
    host.withdrawn("192.0.2.1", nic="eth0")

    assert reports == [
        entry,
        Announced(address="192.0.2.1", protocol="one", nic="eth0", mac=other, services=(WEB,)),
        Announced(address="192.0.2.1", protocol="one", nic="eth0", mac=other, services=(WEB, API)),
        AnnouncementFailed(address="192.0.2.1", protocol="one", error="NIC eth0 is down"),
        entry,
        AnnouncementFailed(address="192.0.2.1", protocol="one", error="NIC eth0 is down"),
        entry,
        Withdrawn(address="192.0.2.1", protocol="one", nic="eth0"),
    ]


def test_a_failure_may_be_reported_again_once_the_address_was_not_wanted(run: Run) -> None:
    plugin = Recorder("one")
    runner, reports = run(plugin)
    settle(lambda: plugin.host is not None)
    assert plugin.host is not None
    runner.apply({"one": [wanted("192.0.2.1")]})
    plugin.host.failed("192.0.2.1", "no")

    runner.apply({})
    runner.apply({"one": [wanted("192.0.2.1")]})
    plugin.host.failed("192.0.2.1", "no")

    assert len(reports) == 2


def test_another_host_that_claims_an_address_is_told_once_with_the_node_that_it_is() -> None:
    reports: list[Reported] = []
    around = Surroundings(
        peers={"02:00:00:00:00:02": NodeName("node2")},
        weak=frozenset(["02:00:00:00:00:02"]),
        forbidden={"192.0.2.9": "a gateway"},
    )
    plugin = Recorder("one")
    runner = Runner(
        Registry.of(plugin),
        node=NodeName("node1"),
        nics=tuple,
        report=reports.append,
        surroundings=lambda: around,
    )
    runner.start()
    try:
        settle(lambda: plugin.host is not None)
        assert plugin.host is not None
        host = plugin.host
        runner.apply({"one": [wanted("192.0.2.1")]})
        assert (host.peers, host.weak_peers, host.forbidden) == (around.peers, around.weak, around.forbidden)

        for _ in range(2):
            host.claimed("192.0.2.1", mac="02:00:00:00:00:02", nic="eth0", defended=False)
            host.claimed("192.0.2.1", mac="02:00:00:00:00:03", nic="eth0", defended=False)
        host.announced(wanted("192.0.2.1"), mac="")
        host.claimed("192.0.2.1", mac="02:00:00:00:00:03", nic="eth0", defended=True)
        for number in range(100):
            host.claimed("192.0.2.1", mac=f"06:00:00:00:00:{number:02x}", nic="eth0", defended=False)
        host.withdrawn("192.0.2.1", nic="eth0")  # it insisted, and gets the address
        for _ in range(2):
            host.claimed("192.0.2.1", mac="02:00:00:00:00:03", nic="eth0", defended=False)
        runner.apply({})
        runner.apply({"one": [wanted("192.0.2.1")]})
        host.claimed("192.0.2.1", mac="02:00:00:00:00:03", nic="eth0", defended=False)
    finally:
        runner.stop(2)

    claims = [(each.mac, each.peer, each.held, each.defended) for each in reports if isinstance(each, AddressClaimed)]
    assert claims[:3] == [
        ("02:00:00:00:00:02", "node2", False, False),
        ("02:00:00:00:00:03", None, False, False),
        ("02:00:00:00:00:03", None, True, True),
    ]
    weak = {each.mac for each in reports if isinstance(each, AddressClaimed) and each.weak}
    assert weak == around.weak
    assert len(claims) == 3 + 15 + 1 + 1
    assert claims[-2:] == [("02:00:00:00:00:03", None, False, False)] * 2


def test_the_node_itself_that_claims_over_its_other_nic_is_told_as_a_node_that_is_weak() -> None:
    reports: list[Reported] = []
    own, strict, strange = "02:00:00:00:01:0a", "02:00:00:00:01:03", "02:00:00:00:03:03"
    plugin = Recorder("one")
    runner = Runner(
        Registry.of(plugin),
        node=NodeName("node1"),
        nics=lambda: (
            Nic(name="eth1", mac=own.upper(), arp_ignore=0),
            Nic(name="eth2", mac=strict, arp_ignore=1),
        ),
        report=reports.append,
    )
    runner.start()
    try:
        settle(lambda: plugin.host is not None)
        assert plugin.host is not None
        for mac in (own, strict, strange):
            plugin.host.claimed("192.0.2.1", mac=mac, nic="eth0", defended=True)
    finally:
        runner.stop(2)

    told = [(each.mac, each.peer, each.weak) for each in reports if isinstance(each, AddressClaimed)]
    assert told == [(own, "node1", True), (strict, "node1", False), (strange, None, False)]
    assert isinstance(reports[0], AddressClaimed)
    assert "node1's kernel answers for addresses of its other NICs too (arp_ignore is 0)" in sentence(reports[0])


class Counted(Recorder):
    def counters(self) -> Mapping[str, int]:
        return {"answered": 1 // (self.name != "broken")}


def test_what_plugins_count_is_asked_for_and_one_that_fails_to_counts_nothing(run: Run) -> None:
    runner, reports = run(Counted("broken"), Recorder("silent"), Counted("well"))
    assert runner.counts == {}

    runner.count()

    assert runner.counts == {"broken": {}, "silent": {}, "well": {"answered": 1}}
    assert runner.failures == {}
    assert reports == []
