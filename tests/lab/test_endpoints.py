from porter.lab.controllers.endpoints import MANAGED_BY, differs, slices_of
from porter.lab.node.rules import SERVICE_NAME
from tests.lab import objects

PODS = [objects.pod("web-1", on="node1", ip="10.244.1.2"), objects.pod("web-2", on="node2", ip="10.244.2.2")]


def test_a_slice_says_which_pod_is_where() -> None:
    (piece,) = slices_of(objects.service(), [*PODS, objects.pod("other", on="node1", ip="10.244.1.9", app="db")])

    assert piece["metadata"]["labels"][SERVICE_NAME] == "web"
    assert piece["metadata"]["labels"][MANAGED_BY] == "endpointslice-controller.k8s.io"
    assert [(e["addresses"], e["nodeName"]) for e in piece["endpoints"]] == [
        (["10.244.1.2"], "node1"),
        (["10.244.2.2"], "node2"),
    ]
    assert piece["ports"] == [{"name": "http", "port": 8080, "protocol": "TCP"}]


def test_ready_serving_and_terminating_are_told_apart() -> None:
    pods = [
        PODS[0],
        objects.pod("web-2", on="node2", ip="10.244.2.2", ready=False),
        objects.leaving(objects.pod("web-3", on="node3", ip="10.244.3.2")),
    ]

    (piece,) = slices_of(objects.service(), pods)

    conditions = [tuple(endpoint["conditions"].values()) for endpoint in piece["endpoints"]]
    assert conditions == [(True, True, False), (False, False, False), (False, True, True)]


def test_who_wants_endpoints_that_are_not_ready_has_them_as_ready_and_is_told_how_they_are() -> None:
    service = objects.service()
    service["spec"]["publishNotReadyAddresses"] = True
    pods = [objects.pod("web-1", on="node1", ip="10.244.1.2", ready=False), objects.leaving(PODS[1])]

    (piece,) = slices_of(service, pods)

    conditions = [tuple(endpoint["conditions"].values()) for endpoint in piece["endpoints"]]
    assert conditions == [(True, False, False), (True, True, True)]


def test_a_named_target_port_is_looked_up_in_the_pod() -> None:
    (piece,) = slices_of(objects.service(target="web"), PODS)

    assert piece["ports"] == [{"name": "http", "port": 8080, "protocol": "TCP"}]


def test_a_changed_target_port_keeps_the_slices_name() -> None:
    (before,) = slices_of(objects.service(target=80), PODS)
    (after,) = slices_of(objects.service(target=8080), PODS)

    assert before["metadata"]["name"] == after["metadata"]["name"]
    assert differs(after, before)


def test_the_order_of_the_pods_does_not_matter() -> None:
    (one,) = slices_of(objects.service(), PODS)
    (other,) = slices_of(objects.service(), list(reversed(PODS)))

    assert not differs(one, other)


def test_pods_without_address_are_left_out_but_the_slice_is_there() -> None:
    waiting = {**PODS[0], "status": {"phase": "Pending"}}

    (piece,) = slices_of(objects.service(), [waiting])

    assert piece["endpoints"] == []


def test_a_service_without_selector_or_on_its_way_out_gets_no_slices() -> None:
    bare = objects.service()
    bare["spec"]["selector"] = {}

    assert slices_of(bare, PODS) == []
    assert slices_of(objects.leaving(objects.service()), PODS) == []


def test_many_pods_are_spread_over_several_slices() -> None:
    pods = [objects.pod(f"web-{n:03}", on="node1", ip=f"10.244.1.{n}") for n in range(2, 252)]

    pieces = slices_of(objects.service(), pods)

    assert [len(piece["endpoints"]) for piece in pieces] == [100, 100, 50]
    assert len({piece["metadata"]["name"] for piece in pieces}) == 3


def test_a_service_of_two_families_has_slices_of_each_with_the_pods_that_have_it() -> None:
    service = objects.service()
    service["spec"]["ipFamilies"] = ["IPv6", "IPv4"]
    pods = [objects.pod("web-1", on="node1", ip="10.244.1.2,fd00:10:244:1::2"), PODS[1]]

    six, four = slices_of(service, pods)

    assert (six["addressType"], four["addressType"]) == ("IPv6", "IPv4")
    assert [e["addresses"] for e in six["endpoints"]] == [["fd00:10:244:1::2"]]
    assert [e["addresses"] for e in four["endpoints"]] == [["10.244.1.2"], ["10.244.2.2"]]
    assert six["metadata"]["name"] != four["metadata"]["name"]


def test_without_pods_the_slice_is_of_the_services_family() -> None:
    service = objects.service()
    service["spec"]["ipFamilies"] = ["IPv6"]

    (piece,) = slices_of(service, [])

    assert piece["addressType"] == "IPv6"
