"""Whose Service is it? (COMPAT: Services, "Ours")"""

from typing import Any

import pytest

from porter.events.entries import AssignmentEnded, ServiceGone, ServiceObserved
from porter.model.names import ServiceKey
from porter.model.objects import Options
from porter.model.reasons import Reason
from tests.worlds import addresses, decided, eip, fold, folded, nodes, service

POOL = eip("pool", "192.168.0.91-192.168.0.93")
CLASS = "porter.kubesphere.io/porter"

OURS = {
    "annotation porter": {"claimed_by": "porter"},
    "annotation openelb": {"claimed_by": "openelb", "keys": "openelb"},
    "our class and no annotation": {"claimed_by": None, "load_balancer_class": CLASS},
    "our class and a foreign annotation": {"claimed_by": "metallb", "load_balancer_class": CLASS},
}
NOT_OURS = {
    "neither annotation nor class": ({"claimed_by": None}, "neither the annotation"),
    "another program's annotation": ({"claimed_by": "metallb"}, "'metallb'"),
    "annotation in another case": ({"claimed_by": "Porter"}, "'Porter'"),
    "empty annotation": ({"claimed_by": ""}, "''"),
    "foreign class": ({"claimed_by": None, "load_balancer_class": "io.cilium/l2"}, "io.cilium/l2"),
    "foreign class, whatever the annotation": ({"load_balancer_class": "io.cilium/l2"}, "io.cilium/l2"),
    "empty class, whatever the annotation": ({"load_balancer_class": ""}, "loadBalancerClass"),
    "ClusterIP": ({"type": "ClusterIP"}, "ClusterIP"),
    "NodePort of our class": ({"type": "NodePort", "load_balancer_class": CLASS}, "NodePort"),
    "being deleted": ({"deleting": True}, "being deleted"),
}


@pytest.mark.parametrize("fields", OURS.values(), ids=OURS.keys())
def test_a_service_is_ours(fields: dict[str, Any]) -> None:
    decisions = decided(*nodes(), POOL, service("default/web", **fields))

    assert addresses(decisions) == {"default/web": "192.168.0.91"}


@pytest.mark.parametrize(("fields", "why"), NOT_OURS.values(), ids=NOT_OURS.keys())
def test_a_service_is_not_ours(fields: dict[str, Any], why: str) -> None:
    ours = service("default/web", addresses=("192.168.0.91",))
    reconciler = folded(*nodes(), POOL, ours)

    (ended,) = fold(reconciler, ServiceObserved(service=service("default/web", **fields)))

    assert not reconciler.decisions.assignments
    assert isinstance(ended, AssignmentEnded)
    assert ended.previous_address == "192.168.0.91"
    assert ended.reason.reason is Reason.NOT_OURS
    assert why in ended.reason.sentence


def test_the_class_that_is_ours_can_be_configured() -> None:
    options = Options(load_balancer_class="example.com/lb")
    mine = service("default/mine", claimed_by=None, load_balancer_class="example.com/lb")
    usual = service("default/usual", claimed_by="porter", load_balancer_class=CLASS)

    assert addresses(decided(options, *nodes(), POOL, mine, usual)) == {"default/mine": "192.168.0.91"}


def test_a_service_that_is_gone_has_nothing_and_says_so() -> None:
    reconciler = folded(*nodes(), POOL, service("default/web"))

    (ended,) = fold(reconciler, ServiceGone(service=ServiceKey("default/web")))

    assert isinstance(ended, AssignmentEnded)
    assert ended.reason.sentence == "not a Service of Porter's: it is gone"


def test_a_service_that_is_not_ours_takes_no_address_from_ours() -> None:
    foreign = service("default/foreign", age=0, claimed_by=None)

    assert addresses(decided(*nodes(), POOL, foreign, service("default/web", age=1)))["default/web"] == "192.168.0.91"
