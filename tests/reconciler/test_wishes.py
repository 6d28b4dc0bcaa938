"""What a Service may ask for by name: an address, a pool, a protocol. (COMPAT: Services and Allocation 2, 3)"""

from typing import Any

import pytest

from porter.model.reasons import Reason
from tests.worlds import decided, eip, nodes, of, service

POOLS = (
    eip("pool", "192.168.0.91-192.168.0.93"),
    eip("other", "192.168.0.96/28"),
    eip("everywhere", "192.168.0.200", protocol="everywhere"),
    eip("off", "192.168.0.210", disable=True),
    eip("broken", "192.168.0.300"),
    eip("team", "192.168.0.220", namespaces=("team",)),
    eip("six", "fd00::10-fd00::1f"),
)
HOLDER = service("default/holder", age=0, wanted_address="192.168.0.92", addresses=("192.168.0.92",))

GRANTED = {
    "an address": ({"wanted_address": "192.168.0.93"}, "192.168.0.93"),
    "with spaces around": ({"wanted_address": "  192.168.0.93 "}, "192.168.0.93"),
    "spec.loadBalancerIP": ({"load_balancer_ip": "192.168.0.93"}, "192.168.0.93"),
    "the annotation wins over spec.loadBalancerIP": (
        {"wanted_address": "192.168.0.93", "load_balancer_ip": "192.168.0.91"},
        "192.168.0.93",
    ),
    "a list of which one is of its family": ({"wanted_address": "fd00::12,192.168.0.93"}, "192.168.0.93"),
    "under the OpenELB keys": ({"keys": "openelb", "wanted_address": "192.168.0.93"}, "192.168.0.93"),
    "an address of a pool bound to another namespace": ({"wanted_address": "192.168.0.220"}, "192.168.0.220"),
    "a pool": ({"wanted_eip": "other"}, "192.168.0.97"),
    "a pool bound to another namespace": ({"wanted_eip": "team"}, "192.168.0.220"),
    "a pool and an address in it": ({"wanted_eip": "pool", "wanted_address": "192.168.0.93"}, "192.168.0.93"),
    "a protocol": ({"wanted_protocol": "everywhere"}, "192.168.0.200"),
    "a protocol and a pool of it": ({"wanted_protocol": "everywhere", "wanted_eip": "everywhere"}, "192.168.0.200"),
    "empty annotation": ({"wanted_address": " "}, "192.168.0.200"),
}
REFUSED = {
    "not an address": ({"wanted_address": "web.example.com"}, Reason.ADDRESS_INVALID, "'web.example.com'"),
    "four numbers too large": ({"wanted_address": "192.168.0.256"}, Reason.ADDRESS_INVALID, "192.168.0.256"),
    "Unicode": ({"wanted_address": "١٩٢.168.0.91 \N{SNOWMAN}"}, Reason.ADDRESS_INVALID, "\N{SNOWMAN}"),
    "a CIDR": ({"wanted_address": "192.168.0.0/24"}, Reason.ADDRESS_INVALID, "192.168.0.0/24"),
    "scoped": ({"wanted_address": "fe80::1%eth0"}, Reason.ADDRESS_INVALID, "fe80::1%eth0"),
    "one of a list is none": ({"wanted_address": "192.168.0.93,x"}, Reason.ADDRESS_INVALID, "'x'"),
    "spec.loadBalancerIP is none": ({"load_balancer_ip": "x"}, Reason.ADDRESS_INVALID, "'x'"),
    "outside every pool": ({"wanted_address": "192.168.0.1"}, Reason.ADDRESS_OUTSIDE, "192.168.0.1 "),
    "one before the pool": ({"wanted_address": "192.168.0.90"}, Reason.ADDRESS_OUTSIDE, "192.168.0.90 "),
    "one behind the pool": ({"wanted_address": "192.168.0.94"}, Reason.ADDRESS_OUTSIDE, "192.168.0.94 "),
    "outside the pool that it names": (
        {"wanted_eip": "other", "wanted_address": "192.168.0.93"},
        Reason.ADDRESS_OUTSIDE,
        "192.168.0.93",
    ),
    "in use": ({"wanted_address": "192.168.0.92"}, Reason.ADDRESS_IN_USE, "in use by default/holder"),
    "reserved": ({"wanted_address": "192.168.0.96"}, Reason.ADDRESS_RESERVED, "network address of 192.168.0.96/28"),
    "wrong family": ({"wanted_address": "fd00::12"}, Reason.FAMILY_MISMATCH, "it names no IPv4 address"),
    "in a disabled pool": ({"wanted_address": "192.168.0.210"}, Reason.POOL_DISABLED, "Eip off is disabled"),
    "of another protocol": (
        {"wanted_address": "192.168.0.91", "wanted_protocol": "everywhere"},
        Reason.PROTOCOL_MISMATCH,
        "everywhere, and Eip pool is of protocol layer2",
    ),
    "a pool that does not exist": ({"wanted_eip": "nowhere"}, Reason.POOL_UNKNOWN, "Eip nowhere, which does not exist"),
    "a pool with a name of nothing": ({"wanted_eip": ""}, Reason.POOL_UNKNOWN, "does not exist"),
    "a pool that is not ready": ({"wanted_eip": "broken"}, Reason.POOL_NOT_READY, "'192.168.0.300'"),
    "a disabled pool": ({"wanted_eip": "off"}, Reason.POOL_DISABLED, "Eip off is disabled"),
    "a pool of another family": ({"wanted_eip": "six"}, Reason.FAMILY_MISMATCH, "Eip six holds IPv6"),
    "a pool of another protocol": (
        {"wanted_eip": "pool", "wanted_protocol": "everywhere"},
        Reason.PROTOCOL_MISMATCH,
        "Eip pool is of protocol layer2",
    ),
    "a protocol that no pool has": ({"wanted_protocol": "vip"}, Reason.NO_POOL, "no IPv4 Eip of protocol vip"),
}


@pytest.mark.parametrize(("fields", "address"), GRANTED.values(), ids=GRANTED.keys())
def test_a_service_gets_what_it_asks_for(fields: dict[str, Any], address: str) -> None:
    decisions = decided(*nodes(), *POOLS, HOLDER, service("default/web", age=1, **fields))

    assert of(decisions, "default/web").address == address


@pytest.mark.parametrize(("fields", "reason", "sentence"), REFUSED.values(), ids=REFUSED.keys())
def test_a_service_waits_and_says_why(fields: dict[str, Any], reason: Reason, sentence: str) -> None:
    decisions = decided(*nodes(), *POOLS, HOLDER, service("default/web", age=1, **fields))

    waiting = of(decisions, "default/web")
    assert waiting.address is None
    assert waiting.nodes == ()
    assert waiting.reason.reason is reason
    assert sentence in waiting.sentence


def test_a_wish_of_any_size_gives_a_short_sentence_and_disturbs_nobody() -> None:
    huge = service("default/huge", age=0, wanted_address="9" * 1_000_000)
    many = service("default/many", age=0, wanted_address=",".join(["192.168.0.91"] * 100_000), wanted_eip="x" * 1000)
    decisions = decided(*nodes(), *POOLS, huge, many, service("default/web", age=1, wanted_eip="pool"))

    assert of(decisions, "default/huge").reason.reason is Reason.ADDRESS_INVALID
    assert len(of(decisions, "default/huge").sentence) < 200
    assert of(decisions, "default/many").reason.reason is Reason.ADDRESS_OUTSIDE
    assert of(decisions, "default/web").address == "192.168.0.91"


def test_the_reason_of_a_granted_wish_names_the_pool() -> None:
    decisions = decided(*nodes(), *POOLS, service("default/web", wanted_address="192.168.0.93"))

    assert of(decisions, "default/web").reason.reason is Reason.WANTED_ADDRESS
    assert of(decisions, "default/web").eip == "pool"


def test_a_first_free_address_names_its_pool() -> None:
    decisions = decided(*nodes(), *POOLS, service("default/web", wanted_eip="pool"))

    assert of(decisions, "default/web").reason.sentence == "first free address of Eip pool"
