from typing import Any

import msgspec
import pytest

from porter.cluster.conditions import camel_case
from porter.cluster.eip_publication import MOST_USED, EipPublication, plan_eip
from porter.cluster.publication import Patch, plan_service
from porter.cluster.views import ConditionView, EipView, IngressView, ServiceView
from porter.model import keys
from porter.model.addresses import parse_range
from porter.model.assignment import Assignment, PoolState
from porter.model.names import EipName, ServiceKey
from porter.model.objects import Service
from porter.model.reasons import Reason, Verdict
from tests.cluster.cluster import assigned

NOW, BEFORE = "2026-01-02T00:00:00Z", "2026-01-01T00:00:00Z"
SERVICE = Service(namespace="default", name="web", uid="u", created=BEFORE, type="LoadBalancer")
DUAL = Service(
    namespace="default",
    name="web",
    uid="u",
    created=BEFORE,
    type="LoadBalancer",
    ip_families=("IPv6", "IPv4"),
    keys="openelb",
)
HELD = assigned("web", "192.168.0.91", "node1", reason=Reason.HELD)
SIX = assigned("web", "fd00::1", "node1", family="IPv6")


NAMED = "protocol.porter.kubesphere.io/v1alpha1"


def view(**fields: Any) -> ServiceView:
    return ServiceView(**({"namespace": "default", "name": "web", "uid": "u", "version": "1"} | fields))


def ours(**fields: Any) -> ServiceView:
    shown: dict[str, Any] = {
        "ingress": (IngressView(ip="192.168.0.91", ip_mode="VIP"),),
        "labels": ((keys.written_eip("porter"), "pool-a"),),
        "annotations": ((keys.layer2_node("porter"), "node1"),),
        "conditions": (
            ConditionView(
                type=keys.CONDITION_ASSIGNED,
                status="True",
                reason="FirstFree",
                message="192.168.0.91 of Eip pool-a",
                since=BEFORE,
            ),
        ),
    }
    return view(**(shown | fields))


def plan(shown: ServiceView, *assignments: Assignment, service: Service | None = SERVICE) -> tuple[Patch, ...]:
    return tuple(plan_service(shown, service, assignments, now=NOW))


def test_nothing_is_written_where_nothing_differs() -> None:
    assert plan(ours(), HELD) == ()


def test_a_server_that_leaves_out_the_mode_shows_the_same() -> None:
    assert plan(ours(ingress=(IngressView(ip="192.168.0.91"),)), HELD) == ()


def test_both_families_are_shown_in_the_order_of_the_service_under_the_keys_that_it_uses() -> None:
    metadata, status = plan(view(), assigned("web", "192.168.0.91", "node1"), SIX, service=DUAL)

    assert metadata.body == {
        "metadata": {
            "labels": {keys.written_eip("openelb"): "pool-a"},
            "annotations": {keys.layer2_node("openelb"): "node1"},
        },
    }
    assert status.body["status"]["loadBalancer"] == {
        "ingress": [{"ip": "fd00::1", "ipMode": "VIP"}, {"ip": "192.168.0.91", "ipMode": "VIP"}],
    }


PROTOCOLS: dict[str, tuple[str | None, str | None, str | None, dict[str, str | None] | None]] = {
    "asked for, and had": ("layer2", None, "layer2", {NAMED: "layer2"}),
    "asked for, and had, as is written": ("layer2", "layer2", "layer2", None),
    "asked for when the address was given, and its Eip is of another one now": ("layer2", "layer2", "bgp", None),
    "asked for since, as nobody has decided yet": ("bgp", None, "layer2", None),
    "asked for instead of the one that is written": ("bgp", "layer2", "bgp", {NAMED: "bgp"}),
    "not asked for": (None, None, "layer2", None),
    "not asked for any more": (None, "layer2", "layer2", {NAMED: None}),
    "no text for a label": ("x y", None, "x y", None),
    "no text for a label, being too long": ("x" * 64, None, "x" * 64, None),
}


@pytest.mark.parametrize(("wanted", "written", "has", "label"), PROTOCOLS.values(), ids=PROTOCOLS.keys())
def test_the_protocol_that_a_service_asked_for_and_got_is_written_on_it(
    wanted: str | None, written: str | None, has: str | None, label: dict[str, str | None] | None
) -> None:
    shown = ours(labels=(*ours().labels, *([] if written is None else [(NAMED, written)])))
    service = msgspec.structs.replace(SERVICE, wanted_protocol=wanted, written_protocol=written)

    patches = plan(shown, msgspec.structs.replace(HELD, protocol=has), service=service)

    assert [patch.body for patch in patches] == ([] if label is None else [{"metadata": {"labels": label}}])


def test_the_protocol_goes_with_the_address() -> None:
    shown = ours(labels=(*ours().labels, (NAMED, "layer2")))
    service = msgspec.structs.replace(SERVICE, wanted_protocol="layer2", written_protocol="layer2")

    metadata, _ = plan(shown, assigned("web", None, reason=Reason.POOL_EXHAUSTED), service=service)

    assert metadata.body["metadata"]["labels"] == {keys.written_eip("porter"): None, NAMED: None}


SAID = ConditionView(
    type=keys.CONDITION_ANNOUNCED,
    status="True",
    reason="Announced",
    message="node1 answers for 192.168.0.91 on eth0 with 02:00:00:00:01:01",
    since=BEFORE,
)
FAILED = msgspec.structs.replace(SAID, status="False", reason="AnnouncementFailed", message="node1 cannot announce it")
NOBODY = msgspec.structs.replace(SAID, status="False", reason="NoEligibleNode", message="no node may announce it: x")


def announced_in(shown: ConditionView | None, *nodes: str) -> dict[str, str] | None:
    """What is written of the announcement, where this is shown and these nodes are to announce."""
    base = ours()
    conditions = (*base.conditions, *(() if shown is None else (shown,)))
    patches = plan(ours(conditions=conditions), assigned("web", "192.168.0.91", *nodes, reason=Reason.HELD))
    written = [one for patch in patches for one in patch.body.get("status", {}).get("conditions", [])]
    return next((one for one in written if one["type"] == keys.CONDITION_ANNOUNCED), None)


@pytest.mark.parametrize("shown", [SAID, FAILED, NOBODY], ids=["True", "False", "nobody"])
def test_when_another_node_is_to_announce_it_is_unknown_until_that_one_has_said(shown: ConditionView) -> None:
    assert announced_in(shown, "node2") == {
        "type": keys.CONDITION_ANNOUNCED,
        "status": "Unknown",
        "reason": "OwnerChanged",
        "message": "node2 is to announce it, and has not said yet that it does",
        "lastTransitionTime": NOW,
    }


@pytest.mark.parametrize(
    ("shown", "nodes"),
    [(SAID, ["node1"]), (FAILED, ["node1"]), (SAID, ["node1", "node2"]), (SAID, ["node2", "node1"]), (None, ["node1"])],
    ids=["it announces", "it cannot", "one of two", "the other of two", "it has not said yet"],
)
def test_what_a_node_that_is_to_announce_has_said_is_its_own(shown: ConditionView | None, nodes: list[str]) -> None:
    assert announced_in(shown, *nodes) is None


def test_a_change_of_owner_is_written_once() -> None:
    written = announced_in(SAID, "node2")
    assert written is not None
    shown = ConditionView(**{name: written[name] for name in ("type", "status", "reason", "message")})

    assert announced_in(shown, "node2") is None
    assert announced_in(shown, "node3") is not None


def test_a_family_that_waits_is_told_beside_the_one_that_has_an_address() -> None:
    waiting = assigned("web", None, family="IPv6", reason=Reason.POOL_EXHAUSTED)

    *_, status = plan(ours(), HELD, waiting)

    assert status.body == {
        "status": {
            "conditions": [
                {
                    "type": keys.CONDITION_ASSIGNED,
                    "status": "True",
                    "reason": "Held",
                    "message": "192.168.0.91 of Eip pool-a; no IPv6 address: no address is free in Eip pool-a",
                    "lastTransitionTime": BEFORE,
                },
            ],
        },
    }
    assert status.notes == ()


def test_keys_of_the_other_family_are_taken_off_when_the_service_changes_its_keys() -> None:
    (metadata,) = plan(
        ours(),
        HELD,
        service=Service(**({f: getattr(SERVICE, f) for f in SERVICE.__struct_fields__} | {"keys": "openelb"})),
    )

    assert metadata.body["metadata"] == {
        "labels": {keys.written_eip("openelb"): "pool-a", keys.written_eip("porter"): None},
        "annotations": {keys.layer2_node("openelb"): "node1", keys.layer2_node("porter"): None},
    }
    assert metadata.notes == ()


def test_the_node_is_written_for_a_single_owner_only_and_the_last_one_stays_while_there_is_none() -> None:
    several = plan(ours(), assigned("web", "192.168.0.91", "node1", "node2", reason=Reason.HELD))
    nobody = plan(ours(), assigned("web", "192.168.0.91", reason=Reason.HELD))

    assert [patch.body for patch in several] == [{"metadata": {"annotations": {keys.layer2_node("porter"): None}}}]
    (status,) = nobody
    assert status.body["status"]["conditions"][0]["type"] == keys.CONDITION_ANNOUNCED
    assert status.body["status"]["conditions"][0]["status"] == "False"


def test_an_address_that_is_lost_is_taken_off_with_all_that_belongs_to_it() -> None:
    metadata, status = plan(ours(), assigned("web", None, reason=Reason.ADDRESS_RESERVED))

    assert metadata.body["metadata"] == {
        "labels": {keys.written_eip("porter"): None},
        "annotations": {keys.layer2_node("porter"): None},
    }
    assert status.body["status"]["loadBalancer"] == {"ingress": None}
    assert [note.reason for note in status.notes] == ["AddressLost"]
    assert status.notes[0].message.startswith("192.168.0.91: the address is never handed out")


def test_a_pool_whose_name_fits_no_label_is_left_unwritten() -> None:
    (metadata, _) = plan(view(), assigned("web", "192.168.0.91", "node1", eip=EipName("a" * 64)))

    assert "labels" not in metadata.body["metadata"]


def test_another_programs_address_is_left_alone_while_the_service_waits() -> None:
    patches = plan(view(ingress=(IngressView(ip="10.9.9.9"),)), assigned("web", None, reason=Reason.NO_POOL))

    assert all("loadBalancer" not in patch.body.get("status", {}) for patch in patches)


def test_another_programs_address_is_replaced_before_a_label_says_that_it_is_porters() -> None:
    shown = view(ingress=(IngressView(ip="10.9.9.9"),))

    status, metadata = plan(shown, HELD)

    assert status.body["status"]["loadBalancer"] == {"ingress": [{"ip": "192.168.0.91", "ipMode": "VIP"}]}
    assert metadata.body["metadata"]["labels"] == {keys.written_eip("porter"): "pool-a"}


def test_an_address_that_is_kept_gets_its_label_first() -> None:
    metadata, status = plan(view(ingress=(IngressView(ip="192.168.0.91"), IngressView(hostname="x"))), HELD)

    assert metadata.body["metadata"]["labels"] == {keys.written_eip("porter"): "pool-a"}
    assert status.body["status"]["loadBalancer"] == {"ingress": [{"ip": "192.168.0.91", "ipMode": "VIP"}]}


def test_what_an_older_version_published_is_taken_off_by_its_label() -> None:
    status, metadata = plan(ours(conditions=()), service=None)

    assert status.body == {"status": {"loadBalancer": {"ingress": None}}}
    assert set(metadata.body["metadata"]) == {"labels", "annotations"}


def test_a_service_that_never_was_ours_is_not_touched() -> None:
    assert plan(view(ingress=(IngressView(ip="10.9.9.9"), IngressView(hostname="x")))) == ()


@pytest.mark.parametrize("reason", list(Reason))
def test_every_reason_is_a_word_that_a_condition_may_have(reason: Reason) -> None:
    assert camel_case(reason).isalnum()
    assert camel_case(reason)[0].isupper()


def publication(**fields: Any) -> EipPublication:
    pool = PoolState(eip=EipName("pool-a"), ready=True, reason=Verdict(reason=Reason.POOL_READY))
    return EipPublication(**({"pool": pool, "range": parse_range("10.0.0.0/24")} | fields))


def eip(status: Any) -> EipView:
    return EipView(name="pool-a", uid="u", version="1", status=status)


def merged(status: Any, patch: Patch | None) -> Any:
    assert patch is not None
    result = dict(status)
    for key, value in patch.body["status"].items():
        if key == "used":
            result["used"] = {k: v for k, v in {**result.get("used", {}), **value}.items() if v is not None}
        elif value is None:
            result.pop(key, None)
        else:
            result[key] = value
    return result


def test_an_eip_that_shows_it_all_is_not_written_again() -> None:
    wanted = publication(used=(("10.0.0.1", (ServiceKey("a/b"),)),))

    status = merged({}, plan_eip(eip({}), wanted, now=BEFORE))

    assert plan_eip(eip(status), wanted, now=NOW) is None


def test_used_addresses_are_patched_one_by_one() -> None:
    status = merged({}, plan_eip(eip({}), publication(used=(("10.0.0.1", (ServiceKey("a/b"),)),)), now=BEFORE))

    patch = plan_eip(eip(status), publication(used=(("10.0.0.2", (ServiceKey("a/b"),)),)), now=NOW)

    assert patch is not None
    assert patch.body == {"status": {"used": {"10.0.0.1": None, "10.0.0.2": "a/b"}}}


def test_too_many_used_addresses_are_cut_and_said() -> None:
    used = tuple((f"10.0.{n // 256}.{n % 256}", (ServiceKey("a/b"),)) for n in range(MOST_USED + 1))

    status = merged({}, plan_eip(eip({}), publication(used=used), now=NOW))

    assert len(status["used"]) == MOST_USED
    assert status["usage"] == MOST_USED + 1
    assert status["conditions"][-1]["message"].startswith("status.used names 1000 of 1001 addresses")


def test_an_eip_whose_range_cannot_be_read_shows_none_and_the_conditions_of_others_stay() -> None:
    other = {"type": "Other", "status": "True"}
    status = merged({"conditions": [other]}, plan_eip(eip({"conditions": [other]}), publication(), now=BEFORE))
    bad = PoolState(eip=EipName("pool-a"), ready=False, reason=Verdict(reason=Reason.POOL_INVALID, detail="bad"))

    status = merged(status, plan_eip(eip(status), publication(pool=bad, range=None), now=NOW))

    assert "firstIP" not in status
    assert "poolSize" not in status
    ready = next(one for one in status["conditions"] if one["type"] == "Ready")
    assert (ready["status"], ready["reason"], ready["lastTransitionTime"]) == ("False", "PoolInvalid", NOW)
    assert other in status["conditions"]


def test_a_pool_larger_than_a_number_and_odd_data_in_its_status_do_no_harm() -> None:
    odd = {"used": "x", "conditions": [1, {"type": 2}], "poolSize": "many"}

    patch = plan_eip(eip(odd), publication(range=parse_range("fd00::/8")), now=NOW)

    assert patch is not None
    assert patch.body["status"]["poolSize"] == 2**63 - 1


def test_a_pool_outside_the_subnets_carries_a_warning_while_it_is() -> None:
    shown = EipView(name="pool-a", uid="u", version="1", status={})
    warned = plan_eip(shown, publication(beyond="not all of it lies in the subnet of eth0 of node1"), now=NOW)
    assert warned is not None
    (condition,) = [one for one in warned.body["status"]["conditions"] if one["type"] == "OutsideSubnet"]

    assert (condition["status"], condition["reason"]) == ("True", "NoSubnetHoldsIt")
    assert condition["message"] == "not all of it lies in the subnet of eth0 of node1: hosts there need a route to it"

    mended = plan_eip(msgspec.structs.replace(shown, status=warned.body["status"]), publication(), now=NOW)
    assert mended is not None
    assert [one["type"] for one in mended.body["status"]["conditions"]] == ["Ready", "Reserved"]
