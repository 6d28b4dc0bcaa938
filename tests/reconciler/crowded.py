"""Crowded worlds: pools of a few addresses, more Services than that, few nodes, and holders from the beginning.

Random events that hardly ever meet test nothing; here nearly every example has Services that want the same address.
"""

from typing import Any

import msgspec
from hypothesis import strategies as st

from porter.events.entries import ServiceObserved
from porter.model.names import EipName
from porter.model.objects import Agent, Eip, Endpoints, Namespace, Node, Service
from porter.reconciler.fold import Reconciler
from porter.reconciler.wishes import families_of
from tests.worlds import Thing, agent, eip, endpoints, nic, node, ports, published, service

NODES = ["node1", "node2", "node3"]
POOLS = ["a", "b", "c", "six"]
SERVICES = [f"{namespace}/s{number}" for namespace in ("x", "y") for number in range(5)]
FOURS = [f"192.168.0.{number}" for number in range(11, 19)]
"""Of these .11 to .13 are the nodes' own."""
SIXES = [f"fd00::{number}" for number in range(11, 15)]

AROUND: list[dict[str, Any]] = [{}] * 12
"""Most objects have nothing special about them."""

MANNERS: list[dict[str, Any]] = [
    *AROUND,
    {"disable": True},
    {"default": True},
    {"using_known_ips": True},
    {"priority": 1},
    {"namespaces": ("x",)},
    {"namespaces": ("y",), "priority": 1},
    {"namespace_selector": (("env", "prod"),)},
    {"foreign": True},
    {"deleting": True},
    {"address": "x"},
]
WISHES: list[dict[str, Any]] = [
    *AROUND,
    *[{"wanted_address": text} for text in [*FOURS[3:6] * 4, SIXES[0], "x", FOURS[1], f"{FOURS[5]},{SIXES[2]}"]],
    *[{"wanted_eip": name} for name in POOLS],
    *[{"wanted_protocol": name} for name in ("layer2", "everywhere")],
    {"claimed_by": "metallb"},
]
KINDS: list[dict[str, Any]] = [
    {"ports": ports(port), "policy": policy, "selector": (("app", "web"),)}
    for port in (80, 81, 82)
    for policy in ("Cluster", "Cluster", "Local")
]
FAMILIES = [("IPv4",)] * 4 + [("IPv6",), ("IPv4", "IPv6"), ("IPv6", "IPv4")]


@st.composite
def eips(draw: st.DrawFn) -> Eip:
    name = draw(st.sampled_from(POOLS))
    numbers = SIXES if name == "six" else FOURS
    first = draw(st.integers(0, len(numbers) - 1))
    last = min(first + draw(st.integers(0, 3)), len(numbers) - 1)
    fields = {
        "address": f"{numbers[first]}-{numbers[last]}",
        "age": draw(st.integers(0, 2)),
        "protocol": "everywhere" if name == "c" else "layer2",
        **draw(st.sampled_from(MANNERS)),
    }
    return eip(name, **fields)


@st.composite
def services(draw: st.DrawFn, *, holding: bool = True) -> Service:
    families = draw(st.sampled_from(FAMILIES))
    found = service(
        draw(st.sampled_from(SERVICES)),
        age=draw(st.integers(0, 3)),
        ip_families=families,
        ip_family_policy=draw(st.sampled_from(["PreferDualStack", "RequireDualStack"]))
        if len(families) > 1
        else "SingleStack",
        **draw(st.sampled_from(KINDS)),
        **draw(st.sampled_from(WISHES)),
    )
    held = draw(st.integers(-len(FOURS), len(FOURS) - 1))
    if not holding or held < 0:
        return found
    texts = [FOURS[held] if family == "IPv4" else SIXES[held % len(SIXES)] for family in families]
    shown = published(
        found,
        *texts,
        node=draw(st.sampled_from([None, *NODES])),
        pool=draw(st.sampled_from([None, None, *POOLS])),
    )
    return msgspec.structs.replace(shown, written_protocol=draw(st.sampled_from([None, None, "layer2", "everywhere"])))


some_nodes: st.SearchStrategy[Node] = st.builds(
    lambda number, fields: node(f"node{number}", f"192.168.0.{10 + number}", **fields),
    st.integers(1, len(NODES)),
    st.sampled_from([*AROUND[:6], {"ready": False}, {"excluded": True}, {"network_unavailable": True}]),
)
agents: st.SearchStrategy[Agent] = st.builds(
    lambda number, fields, more: agent(
        f"node{number}", nic("eth0", f"192.168.0.{10 + number}/24", "fd00::1/64", **more), **fields
    ),
    st.integers(1, len(NODES)),
    st.sampled_from([*AROUND[:6], {"leaving": True}]),
    st.sampled_from([*AROUND[:6], {"carrier": False}, {"up": False}]),
)
slices: st.SearchStrategy[Endpoints] = st.builds(
    lambda key, ready, serving: endpoints(key, *ready, serving=serving),
    st.sampled_from(SERVICES),
    st.sampled_from([NODES, NODES[:1], NODES[1:], []]),
    st.sampled_from([[], NODES[:2]]),
)
namespaces: st.SearchStrategy[Namespace] = st.builds(
    Namespace,
    name=st.sampled_from(["x", "y"]),
    labels=st.sampled_from([(), (("env", "prod"),)]),
)


def key_of(thing: Thing) -> tuple[type[Thing], str]:
    """Return what tells the object from others of the world."""
    match thing:
        case Service() | Endpoints():
            return type(thing), thing.key
        case Eip() | Node() | Namespace():
            return type(thing), thing.name
        case Agent():
            return type(thing), thing.node
        case _:
            return type(thing), ""


def unlike(things: st.SearchStrategy[Any], least: int, most: int) -> st.SearchStrategy[list[Any]]:
    return st.lists(things, min_size=least, max_size=most, unique_by=key_of)


@st.composite
def worlds(draw: st.DrawFn) -> list[Thing]:
    """Draw the objects of a crowded world, each once."""
    things = [
        *draw(unlike(eips(), 2, 4)),
        *draw(unlike(services(), 5, 10)),
        *draw(unlike(namespaces, 0, 2)),
        *draw(unlike(some_nodes, 2, 3)),
        *draw(unlike(agents, 2, 3)),
    ]
    unserved, elsewhere = draw(st.sampled_from(SERVICES)), draw(st.sampled_from(SERVICES))
    things += [endpoints(key, *(NODES[1:] if key == elsewhere else NODES)) for key in SERVICES if key != unserved]
    return things


def publishing(reconciler: Reconciler) -> list[ServiceObserved]:
    """Return the Services as the API shows them once the leader has written everything that is decided."""
    entries = []
    for key in sorted({key for key, _ in reconciler.decisions.assignments}):
        known = reconciler.world.services[key]
        given = {a.family: a for a in reconciler.assignments_of(key) if a.address is not None}
        first = next((given[family] for family in families_of(known) if family in given), None)
        texts = [given[family].address or "" for family in families_of(known) if family in given]
        owner = first.nodes[0] if first is not None and len(first.nodes) == 1 else known.written_node
        eip_name: EipName | None = first.eip if first is not None else None
        shown = published(known, *texts, node=owner if texts else None, pool=eip_name)
        got = (known.written_protocol, None if first is None else first.protocol)
        asked = known.wanted_protocol if texts and known.wanted_protocol in got else None
        entries.append(ServiceObserved(service=msgspec.structs.replace(shown, written_protocol=asked)))
    return entries


def labelling(reconciler: Reconciler) -> list[ServiceObserved]:
    """Return them as they are between: labels and the annotation are written first, and then an address that is new.

    Those that show an address of another program's are not among them: a label would say that it is Porter's, and so
    that address is replaced first.
    """
    entries = []
    for entry in publishing(reconciler):
        shown = reconciler.world.services[entry.service.key].addresses
        if set(shown) <= set(entry.service.addresses):
            entries.append(ServiceObserved(service=msgspec.structs.replace(entry.service, addresses=shown)))
    return entries
