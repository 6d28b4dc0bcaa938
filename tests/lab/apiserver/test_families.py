"""Services of one family and of two, as Kubernetes gives out their addresses (alloc.go of the service's storage)."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_address, ip_network
from typing import Any

import pytest

from porter.lab.apiserver import ApiServer
from porter.lab.apiserver.families import settle
from tests.lab.apiserver.client import MERGE, Client
from tests.lab.apiserver.conftest import Running
from tests.loop import Loop

SERVICES = "/api/v1/namespaces/default/services"
RANGES = {"IPv4": ip_network("10.233.0.0/18"), "IPv6": ip_network("fd00:10:233::/112")}
FOUR, SIX, BOTH = ["IPv4"], ["IPv6"], ["IPv4", "IPv6"]
SINGLE, PREFER, REQUIRE = "SingleStack", "PreferDualStack", "RequireDualStack"
A4, B4, A6, B6 = "10.233.0.77", "10.233.0.78", "fd00:10:233::77", "fd00:10:233::78"


@pytest.fixture(scope="module")
def servers(loop: Loop) -> Iterator[dict[str, Client]]:
    """A cluster of either family first, and one of IPv4 alone."""
    ranges = [str(one) for one in RANGES.values()]
    cidrs = {"both": ",".join(ranges), "six first": ",".join(reversed(ranges)), "four": ranges[0]}
    made = {name: Running(loop, ApiServer(tls=False, service_cidr=cidr)) for name, cidr in cidrs.items()}
    yield {name: running.client for name, running in made.items()}
    for running in made.values():
        running.stop()


def service(**spec: Any) -> dict[str, Any]:
    return {"metadata": {"generateName": "s-"}, "spec": {"selector": {"app": "s"}, "ports": [{"port": 80}], **spec}}


def shown(spec: dict[str, Any]) -> tuple[str, list[str], list[str]]:
    """The policy, the families, and those of the addresses, each of which is in its range."""
    assert spec["clusterIP"] == spec["clusterIPs"][0]
    found = [f"IPv{ip_address(one).version}" for one in spec["clusterIPs"] if one != "None"]
    assert all(ip_address(ip) in RANGES[family] for ip, family in zip(spec["clusterIPs"], found, strict=False))
    return spec["ipFamilyPolicy"], spec["ipFamilies"], found


@pytest.mark.parametrize(
    ("cluster", "asked", "policy", "families"),
    [
        ("both", {}, SINGLE, FOUR),
        ("both", {"ipFamilies": SIX}, SINGLE, SIX),
        ("both", {"ipFamilyPolicy": PREFER}, PREFER, BOTH),
        ("both", {"ipFamilyPolicy": REQUIRE}, REQUIRE, BOTH),
        ("both", {"ipFamilyPolicy": PREFER, "ipFamilies": SIX}, PREFER, ["IPv6", "IPv4"]),
        ("both", {"ipFamilyPolicy": REQUIRE, "ipFamilies": ["IPv6", "IPv4"]}, REQUIRE, ["IPv6", "IPv4"]),
        ("both", {"clusterIP": "fd00:10:233::99"}, SINGLE, SIX),
        ("both", {"clusterIP": "fd00:10:233::98", "ipFamilyPolicy": PREFER}, PREFER, ["IPv6", "IPv4"]),
        ("six first", {}, SINGLE, SIX),
        ("six first", {"ipFamilyPolicy": PREFER}, PREFER, ["IPv6", "IPv4"]),
        ("four", {"ipFamilyPolicy": PREFER}, PREFER, FOUR),
    ],
)
def test_a_service_gets_the_families_that_it_asks_for_and_the_cluster_has(
    servers: dict[str, Client], cluster: str, asked: dict[str, Any], policy: str, families: list[str]
) -> None:
    answer = servers[cluster].ask("POST", SERVICES, service(**asked))

    assert answer.status == 201, answer.body
    assert shown(answer.body["spec"]) == (policy, families, families)


@pytest.mark.parametrize(
    ("asked", "policy", "families"),
    [
        ({"clusterIP": "None"}, SINGLE, FOUR),
        ({"clusterIP": "None", "ipFamilyPolicy": PREFER}, PREFER, FOUR),
        ({"clusterIP": "None", "selector": {}}, REQUIRE, BOTH),
        ({"clusterIP": "None", "selector": {}, "ipFamilyPolicy": SINGLE}, SINGLE, FOUR),
    ],
)
def test_a_headless_service_has_families_and_no_address(
    servers: dict[str, Client], asked: dict[str, Any], policy: str, families: list[str]
) -> None:
    spec = servers["four"].ask("POST", SERVICES, service(**asked)).body["spec"]

    assert shown(spec) == (policy, families, [])


@pytest.mark.parametrize(
    ("cluster", "asked", "said"),
    [
        (
            "four",
            {"ipFamilyPolicy": REQUIRE},
            'Invalid value: "RequireDualStack": this cluster is not configured for dual-stack services',
        ),
        ("four", {"ipFamilies": SIX}, 'spec.ipFamilies[0]: Invalid value: "IPv6": not configured on this cluster'),
        ("four", {"clusterIP": A6}, "IPv6 is not configured on this cluster"),
        ("both", {"ipFamilies": BOTH}, "must be 'RequireDualStack' or 'PreferDualStack' when multiple IP families"),
        ("both", {"clusterIP": A4, "clusterIPs": [A4, A6]}, "when multiple cluster IPs are specified"),
        ("both", {"ipFamilies": ["IPv4", "IPv4"]}, 'spec.ipFamilies[1]: Duplicate value: "IPv4"'),
        ("both", {"ipFamilies": ["IPv5"]}, 'spec.ipFamilies[0]: Unsupported value: "IPv5": supported values: "IPv4"'),
        ("both", {"ipFamilies": SIX, "clusterIP": A4}, "expected an IPv6 value as indicated by `ipFamilies[0]`"),
        ("both", {"clusterIP": A4, "clusterIPs": [A4, B4]}, "may specify no more than one IP for each IP family"),
        ("both", {"clusterIP": A4, "clusterIPs": [A4, A6, B6]}, "may only hold up to 2 values"),
        ("both", {"clusterIP": "None", "clusterIPs": ["None", A6]}, "'None' must be the first and only value"),
        ("both", {"clusterIP": "ten"}, "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"),
    ],
)
def test_what_does_not_fit_is_refused_in_kubernetes_words(
    servers: dict[str, Client], cluster: str, asked: dict[str, Any], said: str
) -> None:
    answer = servers[cluster].ask("POST", SERVICES, service(**asked))

    assert answer.status == 422
    assert said in answer.body["message"]


def test_a_service_gets_a_second_family_and_gives_it_back(servers: dict[str, Client]) -> None:
    client = servers["both"]
    made = client.ask("POST", SERVICES, service()).body
    place = f"{SERVICES}/{made['metadata']['name']}"

    def change(**spec: Any) -> Any:
        return client.ask("PATCH", place, {"spec": spec}, content_type=MERGE)

    second = change(ipFamilyPolicy=PREFER).body["spec"]
    assert shown(second) == (PREFER, BOTH, BOTH)
    assert second["clusterIP"] == made["spec"]["clusterIP"]

    kept = change(ipFamilies=FOUR, clusterIPs=[made["spec"]["clusterIP"]])
    assert kept.status == 422
    assert "must be 'SingleStack' to release the secondary cluster IP" in kept.body["message"]
    moved = change(clusterIPs=[second["clusterIP"], B6])
    assert "spec.clusterIPs[1]: Invalid value" in moved.body["message"]
    turned = change(ipFamilies=["IPv6", "IPv4"])
    assert turned.status == 422

    back = change(ipFamilyPolicy=SINGLE).body["spec"]
    assert shown(back) == (SINGLE, FOUR, FOUR)
    again = client.ask("POST", SERVICES, service(clusterIP=second["clusterIPs"][1]))
    assert again.status == 201, "the address that was given back is free"


def test_a_change_of_something_else_keeps_both_addresses(servers: dict[str, Client]) -> None:
    client = servers["both"]
    made = client.ask("POST", SERVICES, service(ipFamilyPolicy=REQUIRE)).body
    bare = {**made, "spec": {"ports": [{"port": 81}], "selector": {"app": "s"}}}

    answer = client.ask("PUT", f"{SERVICES}/{made['metadata']['name']}", bare)

    assert answer.body["spec"]["clusterIPs"] == made["spec"]["clusterIPs"]
    assert shown(answer.body["spec"]) == (REQUIRE, BOTH, BOTH)


def test_a_service_that_prefers_both_stays_as_it_is_when_the_cluster_gets_a_family() -> None:
    stored = {"ipFamilyPolicy": PREFER, "ipFamilies": FOUR, "clusterIPs": [A4], "clusterIP": A4}
    written = {**stored}

    settle({}, written, stored, cluster=BOTH)

    assert written == stored
