"""An Eip explained: its room without a scan, its holders, what is reserved, who is next."""

from typing import Any

import pytest
from hypothesis import given, settings

from porter.model.names import EipName
from porter.model.objects import Cluster
from porter.reconciler.explaining.eip import explain_eip
from porter.reconciler.explaining.room import Room
from porter.reconciler.explaining.unknown import UnknownError
from tests.reconciler.crowded import worlds
from tests.reconciler.explained import case_of, eip_of
from tests.worlds import Thing, eip, nodes, ports, published, served, service


def test_a_pool_is_counted_with_holders_and_reserved_addresses() -> None:
    held = published(service("default/web"), "192.168.0.14", node="node2")

    found = eip_of(case_of(*nodes(), eip("pool", "192.168.0.12-192.168.0.16"), *served(held)))

    assert found.room == Room(size=5, used=1, reserved=2, free=2)
    assert found.verdict == "It hands out addresses"
    assert [(one.address, one.services, one.nodes) for one in found.holders] == [
        ("192.168.0.14", ("default/web",), ("node2",)),
    ]
    assert [(one.range, one.sentence) for one in found.reserved] == [
        ("192.168.0.12", "address of node node2"),
        ("192.168.0.13", "address of node node3"),
    ]


@settings(max_examples=80, deadline=None)
@given(worlds())
def test_the_count_is_that_of_asking_for_every_address(things: list[Thing]) -> None:
    case = case_of(*things)

    for pool in case.pools:
        room = explain_eip(case, pool.eip.name).room
        every = (
            [pool.range.address(number) for number in range(pool.range.first, pool.range.last + 1)]
            if pool.range
            else []
        )
        reserved = [address for address in every if case.reserved.why(address, pool.eip) is not None]
        free = [address for address in every if address not in case.held and address not in reserved]

        assert (room.size, room.reserved, room.free) == (len(every), len(reserved), len(free))
        assert room.used == len(case.held.keys() & set(every))


@pytest.mark.parametrize(
    ("address", "size", "families"),
    [("10.0.0.0/8", 2**24, ("IPv4",)), ("fd00:1::/48", 2**80, ("IPv6",)), ("::/0", 2**128, ("IPv6",))],
)
def test_a_vast_pool_is_counted_like_a_small_one(address: str, size: int, families: tuple[str, ...]) -> None:
    found = eip_of(case_of(*nodes(), eip("pool", address), service("default/web", ip_families=families)))

    assert found.room.size == size
    assert found.room.used == 1
    assert found.room.free == size - found.room.reserved - 1


def test_a_reserved_network_around_a_pool_leaves_it_no_room() -> None:
    cluster = Cluster(service_ranges=("10.96.0.0/12",))

    found = eip_of(case_of(*nodes(), cluster, eip("pool", "10.97.0.0/24")))

    assert found.room == Room(size=256, used=0, reserved=256, free=0)
    assert [one.range for one in found.reserved] == ["10.96.0.0/12", "10.97.0.0", "10.97.0.255"]


def test_a_service_that_waits_in_two_families_waits_in_its_own_order() -> None:
    web = service("default/web", ip_families=("IPv6", "IPv4"))

    found = eip_of(case_of(*nodes(), eip("pool", "x"), web))

    assert [one.family for one in found.waiting] == ["IPv6", "IPv4"]


def test_an_address_kept_outside_the_range_is_held_and_takes_no_room() -> None:
    held = published(service("default/web"), "192.168.0.99", node="node1")

    found = eip_of(case_of(*nodes(), eip("pool", "192.168.0.91"), *served(held)))

    assert [(one.address, one.in_range) for one in found.holders] == [("192.168.0.99", False)]
    assert found.room == Room(size=1, used=0, reserved=0, free=1)


def test_those_who_share_an_address_are_one_holder_the_oldest_first() -> None:
    fields: dict[str, Any] = {"wanted_address": "192.168.0.91"}
    shared = [service("x/b", 1, ports=ports(1), **fields), service("x/a", 2, ports=ports(2), **fields)]

    found = eip_of(case_of(*nodes(), eip("pool", "192.168.0.91"), *served(*shared)))

    assert [one.services for one in found.holders] == [("x/b", "x/a")]


def test_who_waits_is_listed_in_the_order_in_which_they_are_served() -> None:
    waiting = [
        service("x/a-young", 30),
        service("x/z-old", 20),
        service("x/wishing", 25, wanted_address="192.168.0.91"),
        service("x/elsewhere", 5, wanted_eip="other"),
        service("x/outside", 6, wanted_address="10.0.0.1"),
        service("x/six", 7, ip_families=("IPv6",)),
    ]

    found = eip_of(case_of(*nodes(), eip("pool", "192.168.0.91"), service("x/holder"), *waiting))

    assert [(one.service, one.wants) for one in found.waiting] == [
        ("x/z-old", None),
        ("x/wishing", "192.168.0.91"),
        ("x/a-young", None),
    ]
    assert found.waiting[0].sentence == "no address is free in Eip pool"


@pytest.mark.parametrize(
    ("fields", "verdict"),
    [
        ({"disable": True}, "It hands out no address: Eip pool is disabled (spec.disable)"),
        ({"address": "192.168.0.11"}, "It hands out no address: no address is free in Eip pool"),
        ({"address": "x"}, "It hands out no address: 'x' in spec.address 'x' is not an IP address"),
    ],
)
def test_a_pool_that_hands_out_nothing_says_why_and_who_waits_for_it(fields: dict[str, Any], verdict: str) -> None:
    pool = eip("pool", **{"address": "192.168.0.91", **fields})

    found = eip_of(case_of(*nodes(), pool, service("default/web")))

    assert found.verdict == verdict
    assert [one.service for one in found.waiting] == ["default/web"]


def test_an_eip_that_is_not_there_is_an_error_that_names_similar_ones() -> None:
    with pytest.raises(UnknownError, match=r"no Eip 'pol' at that moment; similar: pool$"):
        explain_eip(case_of(eip("pool", "10.0.0.1")), EipName("pol"))
    with pytest.raises(UnknownError, match=r"no Eip 'zz' at that moment; it knows 1, none of a similar name$"):
        explain_eip(case_of(eip("pool", "10.0.0.1")), EipName("zz"))
