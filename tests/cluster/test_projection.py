from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from porter.cluster import resources, wire
from porter.cluster.projection import eip_of
from porter.cluster.reports import agent_of, lease_name, report_text
from porter.model import keys
from porter.model.names import EipName, NodeName
from porter.model.objects import Agent, Eip, Endpoints, KeyFamily, Namespace, Nic, Node, Port, Service, Way
from porter.model.text import LONGEST


def raw(name: str = "web", *, meta: dict[str, Any] | None = None, **parts: Any) -> bytes:
    metadata = {
        "name": name,
        "namespace": "default",
        "uid": "u1",
        "resourceVersion": "7",
        "creationTimestamp": "2026-01-01T00:00:00Z",
    } | (meta or {})
    return msgspec.json.encode({"metadata": metadata, **parts})


def service(data: bytes) -> Service | None:
    return resources.services().project(data).value


def balancer(**meta: Any) -> Service:
    value = service(raw(meta=meta, spec={"type": "LoadBalancer"}))
    assert value is not None
    return value


def test_a_service_keeps_what_the_fold_reads_and_nothing_else() -> None:
    data = raw(
        meta={
            "annotations": {
                keys.CLAIM: "porter",
                keys.wanted_eip("porter"): "pool-a",
                keys.wanted_protocol("porter"): "layer2",
                keys.wanted_address("porter"): "192.168.0.91",
                keys.layer2_node("porter"): "node1",
                "noise": "x",
            },
            "labels": {
                keys.written_eip("porter"): "pool-a",
                keys.written_protocol("porter"): "layer2",
                "noise": "x",
            },
            "finalizers": ["finalizer.lb.kubesphere.io/v1alpha1", "example.com/mine"],
            "managedFields": [{"manager": "kubectl"}],
        },
        spec={
            "type": "LoadBalancer",
            "externalTrafficPolicy": "Local",
            "ports": [{"port": 443, "targetPort": 8443}, {"port": 53, "protocol": "UDP", "nodePort": 30000}],
            "selector": {"b": "2", "a": "1"},
            "ipFamilies": ["IPv6", "IPv4"],
            "ipFamilyPolicy": "PreferDualStack",
            "loadBalancerIP": "192.168.0.99",
            "clusterIP": "10.0.0.1",
        },
        status={"loadBalancer": {"ingress": [{"ip": "192.168.0.91", "ipMode": "VIP"}, {"hostname": "x"}]}},
    )

    assert service(data) == Service(
        namespace="default",
        name="web",
        uid="u1",
        created="2026-01-01T00:00:00Z",
        type="LoadBalancer",
        claimed_by="porter",
        wanted_eip="pool-a",
        wanted_protocol="layer2",
        wanted_address="192.168.0.91",
        load_balancer_ip="192.168.0.99",
        policy="Local",
        ports=(Port(protocol="TCP", port=443), Port(protocol="UDP", port=53)),
        selector=(("a", "1"), ("b", "2")),
        ip_families=("IPv6", "IPv4"),
        ip_family_policy="PreferDualStack",
        written_node=NodeName("node1"),
        written_eip=EipName("pool-a"),
        written_protocol="layer2",
        addresses=("192.168.0.91",),
        leftover_finalizers=("finalizer.lb.kubesphere.io/v1alpha1",),
    )


@pytest.mark.parametrize(
    ("meta", "kind", "known"),
    [
        pytest.param({}, "ClusterIP", False, id="plain"),
        pytest.param({"annotations": {keys.CLAIM: "porter"}}, "ClusterIP", False, id="claimed, no load balancer"),
        pytest.param({}, "LoadBalancer", True, id="load balancer"),
        pytest.param({"labels": {keys.written_eip("porter"): "a"}}, "ClusterIP", True, id="our label"),
        pytest.param({"annotations": {keys.layer2_node("openelb"): "a"}}, "ClusterIP", True, id="our annotation"),
        pytest.param({"finalizers": sorted(keys.OLD_FINALIZERS)[:1]}, "NodePort", True, id="an old finalizer"),
    ],
)
def test_only_load_balancers_and_what_carries_our_traces_is_known(meta: Any, kind: str, known: bool) -> None:  # noqa: FBT001
    assert (service(raw(meta=meta, spec={"type": kind})) is not None) is known


@pytest.mark.parametrize(
    ("annotations", "labels", "family"),
    [
        pytest.param({}, {}, "porter", id="nothing"),
        pytest.param({keys.CLAIM: "openelb"}, {}, "openelb", id="claim"),
        pytest.param({keys.CLAIM: "porter", keys.wanted_eip("openelb"): "a"}, {}, "openelb", id="wish before claim"),
        pytest.param({keys.wanted_eip("openelb"): "a", keys.wanted_address("porter"): "b"}, {}, "porter", id="both"),
        pytest.param({}, {keys.written_eip("openelb"): "a"}, "openelb", id="written"),
    ],
)
def test_a_service_has_the_keys_that_it_uses(annotations: Any, labels: Any, family: KeyFamily) -> None:
    assert balancer(annotations=annotations, labels=labels).keys == family


def test_keys_of_the_other_family_are_aliases_and_blank_ones_are_none() -> None:
    value = balancer(
        annotations={
            keys.wanted_eip("openelb"): "pool-b",
            keys.wanted_address("porter"): "  ",
            keys.wanted_address("openelb"): "1.2.3.4",
        },
    )

    assert (value.wanted_eip, value.wanted_address) == ("pool-b", "1.2.3.4")


def test_an_eip_of_odd_types_becomes_a_value_that_can_be_reported() -> None:
    data = raw(
        "pool-a",
        meta={"annotations": {"eip.openelb.kubesphere.io/is-default-eip": "True"}, "labels": {keys.cni("porter"): ""}},
        spec={
            "address": 5,
            "protocol": ["x"],
            "interface": None,
            "disable": "yes",
            "usingKnownIPs": True,
            "priority": 2**80,
            "namespaces": "default",
            "namespaceSelector": {"a": 1},
        },
    )

    assert resources.eips().project(data).value == Eip(
        name=EipName("pool-a"),
        uid="u1",
        created="2026-01-01T00:00:00Z",
        address="5",
        protocol='["x"]',
        using_known_ips=True,
        priority=2**31 - 1,
        namespace_selector=(("a", "1"),),
        default=True,
        foreign=True,
    )


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
FIELDS = st.sampled_from(
    ("address", "protocol", "interface", "disable", "priority", "namespaces", "namespaceSelector", "usingKnownIPs"),
)


@given(spec=st.dictionaries(FIELDS, JSON) | JSON)
def test_nothing_in_an_eip_raises(spec: Any) -> None:
    value = eip_of(wire.RawEip(metadata=wire.Meta(name="a"), spec=spec))

    assert msgspec.json.decode(msgspec.json.encode(value), type=Eip) == value


@pytest.mark.parametrize(
    ("conditions", "ready", "unavailable"),
    [
        (None, True, False),
        ([{"type": "MemoryPressure", "status": "True"}], True, False),
        ([{"type": "Ready", "status": "True", "lastHeartbeatTime": "now"}], True, False),
        ([{"type": "Ready", "status": "Unknown"}], False, False),
        ([{"type": "Ready", "status": "False"}, {"type": "NetworkUnavailable", "status": "True"}], False, True),
    ],
)
def test_a_node_without_a_condition_is_ready(conditions: Any, ready: bool, unavailable: bool) -> None:  # noqa: FBT001
    value = resources.nodes().project(raw("n", status={"conditions": conditions})).value

    assert value == Node(name=NodeName("n"), ready=ready, network_unavailable=unavailable)


def test_a_node_keeps_its_addresses_ranges_and_marks() -> None:
    data = raw(
        "orion",
        meta={
            "labels": {keys.EXCLUDE_NODE: ""},
            "annotations": {keys.layer2_node("openelb"): "10.13.15.200"},
            "deletionTimestamp": "2026-01-01T00:00:00Z",
        },
        spec={"podCIDR": "10.244.0.0/24", "podCIDRs": ["fd00::/64", "10.244.0.0/24"]},
        status={
            "addresses": [
                {"type": "Hostname", "address": "orion"},
                {"type": "InternalIP", "address": "10.13.15.200"},
                {"type": "ExternalIP", "address": "1.2.3.4"},
            ],
        },
    )

    assert resources.nodes().project(data).value == Node(
        name=NodeName("orion"),
        addresses=("1.2.3.4", "10.13.15.200"),
        excluded=True,
        layer2_address="10.13.15.200",
        pod_ranges=("10.244.0.0/24", "fd00::/64"),
        deleting=True,
    )


def endpoint(node: str | None, **conditions: bool) -> dict[str, Any]:
    return {"addresses": ["10.0.0.1"], "conditions": conditions} | ({"nodeName": node} if node else {})


@pytest.mark.parametrize(
    ("endpoints", "ready", "serving", "unplaced"),
    [
        pytest.param(None, (), (), False, id="none"),
        pytest.param([endpoint("b"), endpoint("a", ready=True), endpoint("a")], ("a", "b"), (), False, id="absent"),
        pytest.param([endpoint("a", ready=False)], (), (), False, id="not ready"),
        pytest.param([endpoint("a", ready=False, serving=True)], (), (), False, id="serving, not terminating"),
        pytest.param([endpoint("a", ready=False, serving=True, terminating=True)], (), ("a",), False, id="terminating"),
        pytest.param(
            [endpoint("a", ready=False, serving=True, terminating=True), endpoint("a", ready=True)],
            ("a",),
            (),
            False,
            id="ready beats terminating",
        ),
        pytest.param([endpoint(None, ready=True)], (), (), True, id="no node"),
    ],
)
def test_endpoints_are_reduced_to_nodes(endpoints: Any, ready: Any, serving: Any, unplaced: bool) -> None:  # noqa: FBT001
    data = raw("web-x", meta={"labels": {keys.SERVICE_OF_SLICE: "web"}}, endpoints=endpoints)

    assert resources.endpointslices().project(data).value == Endpoints(
        namespace="default",
        name="web-x",
        service="web",
        ready=ready,
        serving=serving,
        unplaced=unplaced,
    )


def test_a_slice_without_a_service_is_not_known() -> None:
    assert resources.endpointslices().project(raw("x", endpoints=[endpoint("a")])).value is None


def test_a_namespace_keeps_its_labels_sorted() -> None:
    data = raw("default", meta={"labels": {"b": "2", "a": "1"}})

    assert resources.namespaces().project(data).value == Namespace(name="default", labels=(("a", "1"), ("b", "2")))


REPORT = Agent(
    node=NodeName("node1"),
    nics=(Nic(name="eth0", mac="52:54:00:00:00:01", networks=("192.168.0.2/24",), gateways=("192.168.0.1",)),),
    api_servers=("192.168.0.1",),
    ways=(Way(to="10.9.1.1", nic="eth0"),),
)


def lease(name: str, holder: str | None, report: str = "") -> wire.RawLease:
    annotations = {keys.AGENT_REPORT: report} if report else None
    return wire.RawLease(
        metadata=wire.Meta(name=name, annotations=annotations),
        spec=wire.RawLeaseSpec(holder_identity=holder),
    )


def test_an_agents_report_comes_back_from_its_lease() -> None:
    text = report_text(REPORT)

    assert agent_of(lease("porter-node-node1", "node1", text)) == REPORT
    released = agent_of(lease("porter-node-node1", "", text))
    assert released is not None
    assert released.leaving


@pytest.mark.parametrize(
    ("name", "holder", "report"),
    [
        pytest.param("porter-leader", "node1", "", id="the leader's"),
        pytest.param("porter-node-node2", "node1", report_text(REPORT), id="another node's name"),
        pytest.param("porter-node-node1", None, "no JSON", id="nobody's"),
    ],
)
def test_a_lease_that_is_no_agents_is_not_known(name: str, holder: str | None, report: str) -> None:
    assert agent_of(lease(name, holder, report)) is None


def test_a_report_that_somebody_spoilt_still_shows_that_the_agent_lives() -> None:
    assert agent_of(lease("porter-node-node1", "node1", "{")) == Agent(node=NodeName("node1"))


@given(st.text(min_size=1, max_size=253), st.text(min_size=1, max_size=253))
def test_every_node_has_a_lease_name_of_its_own_that_is_valid(one: str, other: str) -> None:
    name = lease_name(NodeName(one))

    assert len(name) <= 253
    assert all(part and part.strip("-") == part and part.isascii() for part in name.split("."))
    assert name == name.lower()
    assert (name == lease_name(NodeName(other))) == (one == other)


def test_text_that_could_forge_a_screen_or_fill_a_disk_is_made_fit_to_show() -> None:
    forged = "\x1b]0;forged\x07" + "x" * 300_000
    annotations = {keys.wanted_eip("porter"): forged, keys.wanted_protocol("porter"): forged, keys.CLAIM: forged}

    found = balancer(annotations=annotations)

    for text in (found.wanted_eip, found.wanted_protocol, found.claimed_by):
        assert text is not None
        assert text.isprintable()
        assert len(text) <= LONGEST
