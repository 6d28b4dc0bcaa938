"""The kind Eip as older versions defined it: which versions and fields there were, in our own words."""

from typing import Any

OLD_FINALIZER = "finalizer.ipam.kubesphere.io/v1alpha1"
"""On every Eip of Porter 0.4 and OpenELB."""
_WORD, _FLAG, _COUNT = {"type": "string"}, {"type": "boolean"}, {"type": "integer"}
_COLUMNS = [
    {"name": name, "type": kind, "jsonPath": path}
    for name, kind, path in (
        ("cidr", "string", ".spec.address"),
        ("usage", "integer", ".status.usage"),
        ("total", "integer", ".status.poolSize"),
    )
]
_SPEC_1 = {"address": _WORD, "disable": _FLAG, "usingKnownIPs": _FLAG, "protocol": {**_WORD, "enum": ["bgp", "layer2"]}}
_STATUS_1 = {"occupied": _FLAG, "poolSize": _COUNT, "usage": _COUNT}
_SPEC_2 = _SPEC_1 | {"interface": _WORD, "protocol": {**_WORD, "enum": ["bgp", "layer2", "vip"]}}
_STATUS_2 = _STATUS_1 | {
    "firstIP": _WORD,
    "lastIP": _WORD,
    "ready": _FLAG,
    "v4": _FLAG,
    "used": {"type": "object", "additionalProperties": _WORD},
}


def _version(name: str, spec: Any, status: Any, *, storage: bool, subresources: Any) -> dict[str, Any]:
    properties = {
        "spec": {"type": "object", "required": ["address"], "properties": spec},
        "status": {"type": "object", "properties": status},
    }
    return {
        "name": name,
        "served": True,
        "storage": storage,
        "subresources": subresources,
        "additionalPrinterColumns": _COLUMNS,
        "schema": {"openAPIV3Schema": {"type": "object", "properties": properties}},
    }


def _definition(*versions: dict[str, Any]) -> dict[str, Any]:
    names = {"kind": "Eip", "listKind": "EipList", "plural": "eips", "singular": "eip", "categories": ["networking"]}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "eips.network.kubesphere.io"},
        "spec": {"group": "network.kubesphere.io", "scope": "Cluster", "names": names, "versions": list(versions)},
    }


def of_0_4() -> dict[str, Any]:
    """Both versions served, v1alpha2 stored."""
    return _definition(
        _version("v1alpha1", _SPEC_1, _STATUS_1, storage=False, subresources={}),
        _version("v1alpha2", _SPEC_2, _STATUS_2, storage=True, subresources={"status": {}}),
    )


def before_0_4() -> dict[str, Any]:
    """v1alpha1 alone."""
    return _definition(_version("v1alpha1", _SPEC_1, _STATUS_1, storage=True, subresources={"status": {}}))
