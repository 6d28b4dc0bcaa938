import copy
from ipaddress import IPv4Address, IPv6Address
from typing import Any

import pytest

from porter.lab.controllers.endpoints import slices_of
from porter.lab.node.rules import Place, Rule, Rules
from tests.lab import objects

BALANCER = Place(IPv4Address("192.168.0.91"), 80)
NODE_PORT = Place(IPv4Address("192.168.0.2"), 30080)
NODE_PORT6 = Place(IPv6Address("2001:db8::2"), 30080)
CLUSTER = Place(IPv4Address("10.233.0.7"), 80)
HERE = Place(IPv4Address("10.244.1.2"), 8080)
THERE = Place(IPv4Address("10.244.2.2"), 8080)
PODS = [objects.pod("web-1", on="node1", ip="10.244.1.2"), objects.pod("web-2", on="node2", ip="10.244.2.2")]


def table(service: dict[str, Any], pods: list[dict[str, Any]], *, node: str = "node1") -> dict[Place, Rule]:
    return kept(node).of([service], slices_of(service, pods))


def kept(node: str = "node1") -> Rules:
    return Rules(node=node, addresses=[NODE_PORT.address, NODE_PORT6.address])


def test_cluster_policy_reaches_every_ready_pod_from_every_node() -> None:
    found = table(objects.service(), PODS, node="node3")

    assert found == {place: Rule((HERE, THERE), drops=False) for place in (BALANCER, NODE_PORT, CLUSTER)}


def test_local_policy_reaches_the_nodes_own_pods_from_outside_and_all_from_inside() -> None:
    found = table(objects.service(policy="Local"), PODS)

    assert found[BALANCER] == found[NODE_PORT] == Rule((HERE,), drops=True)
    assert found[CLUSTER] == Rule((HERE, THERE), drops=False)


def test_local_policy_without_a_pod_here_drops() -> None:
    assert table(objects.service(policy="Local"), PODS, node="node3")[BALANCER] == Rule((), drops=True)


@pytest.mark.parametrize("policy", ["Cluster", "Local"])
def test_without_any_ready_pod_connections_are_refused(policy: str) -> None:
    """Everywhere: kube-proxy drops only what a pod elsewhere would have answered."""
    unready = [objects.pod(f"web-{n}", on=f"node{n}", ip=f"10.244.{n}.2", ready=False) for n in (1, 2)]
    pods = [unready[0], objects.leaving(unready[1])]
    service = objects.service(policy=policy)
    service["spec"]["internalTrafficPolicy"] = policy

    found = table(service, pods)

    assert found[BALANCER] == found[NODE_PORT] == found[CLUSTER] == Rule((), drops=False)


def test_with_local_policy_endpoints_of_another_family_are_none() -> None:
    service = objects.service(policy="Local")
    service["spec"] |= {"clusterIPs": ["10.233.0.7", "fd00:10:233::7"], "ipFamilies": ["IPv4", "IPv6"]}

    found = table(service, PODS, node="node3")

    assert (found[NODE_PORT], found[NODE_PORT6]) == (Rule((), drops=True), Rule((), drops=False))


def test_a_node_of_one_family_serves_that_alone() -> None:
    service = objects.service()
    service["spec"] |= {"clusterIPs": ["10.233.0.7", "fd00:10:233::7"], "ipFamilies": ["IPv4", "IPv6"]}
    service["status"]["loadBalancer"]["ingress"].append({"ip": "2001:db8::91"})
    rules = Rules(node="node1", addresses=[NODE_PORT.address])

    assert set(rules.of([service], slices_of(service, PODS))) == {BALANCER, NODE_PORT, CLUSTER}


def test_pods_that_end_have_no_connections_while_there_is_a_ready_one() -> None:
    assert table(objects.service(), [PODS[0], objects.leaving(PODS[1])])[BALANCER].targets == (HERE,)


def test_pods_that_end_have_the_connections_when_there_is_no_ready_one() -> None:
    """KEP-1669."""
    unready = objects.pod("web-1", on="node1", ip="10.244.1.2", ready=False)

    assert table(objects.service(), [unready, objects.leaving(PODS[1])])[BALANCER].targets == (THERE,)


def test_with_local_policy_a_nodes_own_pods_that_end_serve_although_others_are_ready() -> None:
    pods = [objects.leaving(PODS[0]), PODS[1]]
    found = table(objects.service(policy="Local"), pods)

    assert found[BALANCER] == Rule((HERE,), drops=True)
    assert found[CLUSTER] == Rule((THERE,), drops=False)


@pytest.mark.parametrize(
    ("conditions", "targets"),
    [
        ({}, (HERE,)),
        ({"ready": False}, ()),
        ({"ready": False, "serving": True}, ()),
        ({"ready": False, "terminating": True}, (HERE,)),
        ({"ready": False, "serving": False, "terminating": True}, ()),
    ],
)
def test_what_somebody_leaves_out_of_an_endpoint(conditions: dict[str, bool], targets: tuple[Place, ...]) -> None:
    slices = slices_of(objects.service(), PODS[:1])
    slices[0]["endpoints"][0]["conditions"] = conditions

    assert kept().of([objects.service()], slices)[BALANCER].targets == targets


def test_the_target_port_is_kept_even_when_nobody_listens_on_it() -> None:
    found = table(objects.service(target=80), PODS)

    assert [target.port for target in found[BALANCER].targets] == [80, 80]


def test_a_service_without_address_has_no_rule_for_one() -> None:
    assert set(table(objects.service(ingress=None), PODS)) == {CLUSTER, NODE_PORT}


def test_a_port_of_udp_leads_to_ports_of_udp_alone() -> None:
    service = objects.service()
    service["spec"]["ports"].append(
        {"name": "dns", "port": 80, "protocol": "UDP", "targetPort": 8080, "nodePort": 30081}
    )

    found = table(service, PODS)

    assert {target.protocol for target in found[BALANCER].targets} == {"TCP"}
    assert found[BALANCER._replace(protocol="UDP")].targets == (
        HERE._replace(protocol="UDP"),
        THERE._replace(protocol="UDP"),
    )


def test_a_place_leads_to_endpoints_of_its_own_family() -> None:
    service = objects.service(policy="Local")
    service["spec"] |= {"clusterIPs": ["10.233.0.7", "fd00:10:233::7"], "ipFamilies": ["IPv4", "IPv6"]}
    service["status"]["loadBalancer"]["ingress"].append({"ip": "2001:db8::91"})
    six = Place(IPv6Address("fd00:10:244:1::2"), 8080)
    pods = [objects.pod("web-1", on="node1", ip=f"10.244.1.2,{six.address}"), PODS[1]]

    found = table(service, pods)

    assert found[BALANCER] == found[NODE_PORT] == Rule((HERE,), drops=True)
    assert found[Place(IPv6Address("2001:db8::91"), 80)] == found[NODE_PORT6] == Rule((six,), drops=True)
    assert found[Place(IPv6Address("fd00:10:233::7"), 80)] == Rule((six,), drops=False)
    assert found[CLUSTER] == Rule((HERE, THERE), drops=False)


def test_a_service_of_ipv6_alone_has_no_place_in_ipv4() -> None:
    service = objects.service()
    service["spec"] |= {"clusterIPs": ["fd00:10:233::7"], "ipFamilies": ["IPv6"]}

    assert set(table(service, PODS)) == {Place(IPv6Address("fd00:10:233::7"), 80), NODE_PORT6}


def test_what_has_not_changed_is_the_same_rule_again_and_what_has_is_made_anew() -> None:
    web, other = objects.service(), copy.deepcopy(objects.service())
    other["metadata"]["name"] = "zweb"
    other["spec"] |= {"clusterIPs": ["10.233.0.8"]}
    slices = [*slices_of(web, PODS), *slices_of(other, PODS)]
    rules = kept()
    before = rules.of([web, other], slices)

    changed = copy.deepcopy(web)
    changed["spec"]["externalTrafficPolicy"] = "Local"
    after = rules.of([changed, other], slices)
    fewer = rules.of([changed, other], slices_of(changed, PODS))
    without = rules.of([other], slices)

    untouched = Place(IPv4Address("10.233.0.8"), 80)
    assert after[untouched] is before[untouched]
    assert (before[BALANCER].targets, after[BALANCER].targets) == ((HERE, THERE), (HERE,))
    assert fewer[untouched].targets == ()
    assert CLUSTER not in without
    assert without[BALANCER].targets == (HERE, THERE)  # the other has named it all along
