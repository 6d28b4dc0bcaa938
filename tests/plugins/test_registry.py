import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from porter.events.entries import PluginInfo
from porter.model.assignment import Announcement
from porter.model.names import NodeName
from porter.model.objects import Eip
from porter.model.protocol import PlacementRequest
from porter.plugins.api import Host
from porter.plugins.registry import Registry
from porter.plugins.shipped import shipped_version
from tests.plugins.packages import install, sound

SHIPPED = ["bgp", "layer2", "vip"]


class Everywhere:
    version = "1"
    stub: str | None = None
    stable = False

    def __init__(self, name: str = "everywhere", stub: str | None = None) -> None:
        self.name = name
        self.stub = stub

    def validate(self, eip: Eip) -> Sequence[str]:
        return () if eip.address else ("no address",)

    def place(self, request: PlacementRequest) -> Sequence[NodeName]:
        return request.eligible

    def start(self, host: Host) -> None: ...

    def apply(self, announcements: Sequence[Announcement]) -> None: ...

    def stop(self) -> None: ...


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


def the_problem(registry: Registry, distribution: str) -> str:
    (problem,) = [each for each in registry.problems if each.distribution == distribution]
    return problem.sentence


def test_the_shipped_protocols_are_found_sorted_by_name() -> None:
    registry = Registry.discover()

    shipped = [info for info in registry.infos if info.distribution == "porter-lb"]
    assert [(info.name, info.stub) for info in shipped] == [("bgp", True), ("layer2", False), ("vip", True)]
    assert {info.version for info in shipped} == {shipped_version()}
    assert list(registry.protocols) == sorted(registry.protocols)
    assert registry.rules == registry.protocols


@pytest.mark.parametrize("name", ["bgp", "vip"])
def test_a_stub_says_that_it_is_one_and_places_nothing(name: str) -> None:
    stub = Registry.discover().protocols[name]

    assert stub.stub is not None
    assert "only a stub" in stub.stub
    assert stub.place(PlacementRequest(address="192.0.2.1", eligible=(NodeName("n1"),))) == ()
    assert stub.validate(Eip(name="e", uid="u", created="", address="192.0.2.1")) == ()  # type: ignore[arg-type]
    stub.stop()


def test_a_third_partys_protocol_is_found_with_its_version_and_its_distribution(site: Path) -> None:
    install(site, "acme-anycast", sound("anycast"))

    registry = Registry.discover()

    assert PluginInfo(name="anycast", version="3.2.1", distribution="acme-anycast") in registry.infos
    assert not registry.problems


def test_a_real_plugin_replaces_the_stub_of_its_name(site: Path) -> None:
    install(site, "acme-bgp", sound("bgp"))

    registry = Registry.discover()

    assert registry.protocols["bgp"].stub is None
    assert [info.distribution for info in registry.infos if info.name == "bgp"] == ["acme-bgp"]
    assert not registry.problems


def test_of_two_real_plugins_of_one_name_the_first_by_distribution_is_kept(site: Path) -> None:
    install(site, "zeta", sound("anycast"))
    install(site, "acme", sound("anycast"))

    registry = Registry.discover()

    assert [info.distribution for info in registry.infos if info.name == "anycast"] == ["acme"]
    assert the_problem(registry, "zeta") == ("protocol 'anycast' is already provided by acme; uninstall one of the two")


HOOK = "from porter.plugins.api import hookimpl\n@hookimpl\n"
BROKEN = {
    "import error": ("import no_such_module", "cannot be loaded: ModuleNotFoundError"),
    "syntax error": ("def :", "cannot be loaded: SyntaxError"),
    "raises on import": ("raise RuntimeError('no luck\\nat all')", "cannot be loaded: RuntimeError: no luck"),
    "exits on import": ("import sys; sys.exit(7)", "cannot be loaded: SystemExit: 7"),
    "hook raises": (HOOK + "def porter_protocol(): 1/0", "cannot be loaded: ZeroDivisionError"),
    "hook exits": (HOOK + "def porter_protocol(): raise SystemExit", "cannot be loaded: SystemExit: no message"),
    "no hook": ("x = 1", "refused: it implements no hook porter_protocol, or the hook returned None"),
    "hook returns None": (HOOK + "def porter_protocol(): return None", "or the hook returned None"),
    "misspelt hook": (sound("x") + "@hookimpl\ndef porter_protocols(): ...", "unknown hook 'porter_protocols'"),
    "wrong arguments": (HOOK + "def porter_protocol(config): ...", "refused"),
    "wrong type": (HOOK + "def porter_protocol(): return 42", "refused: int lacks name, version, stub"),
    "a class": (sound("x").replace("return Protocol()", "return Protocol"), "returned the class Protocol"),
    "invalid name": (sound("Any Cast"), "its name 'Any Cast' is not one"),
    "no version": (sound("x").replace('"3.2.1"', "None"), "its version None is not a text"),
    "wrong stub": (sound("x", ""), "its stub '' is neither"),
    "coroutine": (sound("x").replace("def apply", "async def apply"), "its apply is a coroutine"),
    "wrong method": (sound("x").replace("apply(self, announcements)", "apply(self)"), "does not take 1 argument"),
    "no method": (sound("x").replace("def stop(self): pass", "stop = 5"), "its stop is not a method"),
    "raising attribute": (
        sound("x").replace("stub = None", "stub = property(lambda self: 1/0)"),
        "cannot be loaded: ZeroDivisionError",
    ),
}


@pytest.mark.parametrize(("source", "sentence"), BROKEN.values(), ids=BROKEN.keys())
def test_a_broken_plugin_is_a_problem_and_disturbs_no_other(site: Path, source: str, sentence: str) -> None:
    install(site, "broken", source)
    install(site, "zzz-sound", sound("anycast"))

    registry = Registry.discover()

    assert sentence in the_problem(registry, "broken")
    assert "\n" not in the_problem(registry, "broken")
    assert {*SHIPPED, "anycast"} <= registry.protocols.keys()
    assert len(registry.problems) == 1


def test_given_plugins_are_checked_as_installed_ones_are() -> None:
    registry = Registry.of(Everywhere("b"), Everywhere("a"), Everywhere("a"), object())  # type: ignore[arg-type]

    assert list(registry.protocols) == ["a", "b"]
    assert len(registry.problems) == 2


def test_a_real_plugin_is_kept_before_a_stub_whatever_their_order() -> None:
    real, stub = Everywhere("a"), Everywhere("a", stub="not yet")

    assert Registry.of(real, stub).protocols["a"] is real
    assert Registry.of(stub, real).protocols["a"] is real
    assert not Registry.of(stub, real).problems


def test_finding_all_shipped_plugins_imports_nothing_that_touches_the_network() -> None:
    program = """
import sys
from porter.plugins.registry import Registry
assert len(Registry.discover().infos) >= 3
for name in ("pyroute2", "kubernetes", "aiohttp", "sqlalchemy", "asyncio", "subprocess", "ctypes"):
    if name in sys.modules: print(name)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)

    assert done.stdout == ""
