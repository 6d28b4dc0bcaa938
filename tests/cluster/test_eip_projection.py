"""How the marks and fields of an Eip are read, in both families of keys. (COMPAT: The Eip)"""

from typing import Any

import msgspec
import pytest

from porter.cluster import resources
from porter.model import keys
from porter.model.objects import Eip


def eip(spec: dict[str, Any] | None = None, **meta: Any) -> Eip:
    raw = {"metadata": {"name": "pool", "uid": "u", **meta}, "spec": {"address": "192.168.0.91", **(spec or {})}}
    value = resources.eips().project(msgspec.json.encode(raw)).value
    assert value is not None
    return value


@pytest.mark.parametrize("family", ["porter", "openelb"])
@pytest.mark.parametrize(
    ("text", "default"),
    [("true", True), ("True", True), (" TRUE ", True), ("false", False), ("yes", False), ("", False)],
)
def test_the_default_pool_is_marked_in_both_families_and_in_any_case(family: Any, text: str, *, default: bool) -> None:
    assert eip(annotations={keys.default_eip(family): text}).default is default


@pytest.mark.parametrize("family", ["porter", "openelb"])
@pytest.mark.parametrize("text", ["", "true", "false"])
def test_another_programs_pool_is_known_by_its_label_whatever_that_says(family: Any, text: str) -> None:
    assert eip(labels={keys.cni(family): text}).foreign
    assert not eip(annotations={keys.cni(family): text}).foreign


READ: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "no protocol is bgp": ({}, {"protocol": "bgp"}),
    "an empty protocol is bgp": ({"protocol": ""}, {"protocol": "bgp"}),
    "layer2": ({"protocol": "layer2"}, {"protocol": "layer2"}),
    "a protocol that no plugin may have": ({"protocol": "ospf"}, {"protocol": "ospf"}),
    "no interface": ({}, {"interface": None}),
    "an empty interface is none": ({"interface": ""}, {"interface": None}),
    "an interface": ({"interface": "eth0"}, {"interface": "eth0"}),
    "can_reach": ({"interface": "can_reach:192.168.0.1"}, {"interface": "can_reach:192.168.0.1"}),
    "not disabled": ({}, {"disable": False}),
    "disabled": ({"disable": True}, {"disable": True}),
    "known IPs skipped": ({}, {"using_known_ips": False}),
    "known IPs used": ({"usingKnownIPs": True}, {"using_known_ips": True}),
    "no priority is 0": ({}, {"priority": 0}),
    "a priority": ({"priority": -3}, {"priority": -3}),
    "namespaces": ({"namespaces": ["b", "a"]}, {"namespaces": ("a", "b")}),
    "a namespace selector": ({"namespaceSelector": {"env": "prod"}}, {"namespace_selector": (("env", "prod"),)}),
}


@pytest.mark.parametrize(("spec", "fields"), READ.values(), ids=READ.keys())
def test_a_field_of_an_eip_is_read(spec: dict[str, Any], fields: dict[str, Any]) -> None:
    found = eip(spec)

    assert {name: getattr(found, name) for name in fields} == fields
