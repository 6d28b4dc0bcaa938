"""Objects of several kinds as clients send them, and ways to spoil them: for tests of what is done with any object."""

from __future__ import annotations

from typing import Any

import yaml
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from benchmarks import apiserver_cluster as cluster
from porter.lab.apiserver.asking import target
from porter.lab.apiserver.builtin import BUILTIN
from porter.lab.apiserver.crd import kinds_of
from porter.lab.apiserver.decoding import as_kind
from porter.lab.apiserver.kinds import Kind, Kinds
from porter.lab.apiserver.objects import copied
from porter.manifests import render

_MANAGED = {
    "manager": "kubectl",
    "operation": "Update",
    "apiVersion": "v1",
    "time": "2026-11-21T10:00:00Z",
    "fieldsType": "FieldsV1",
    "fieldsV1": {"f:metadata": {"f:labels": {"f:a": {}}}, "f:spec": {}},
}


def an_eip() -> tuple[Kind, Any]:
    """An Eip with a status, and its kind: a custom one."""
    kind = next(one for one in kinds_of(yaml.safe_load(render(["crd"]))) if one.version == "v1alpha2")
    path, obj = next((path, obj) for path, obj in cluster.objects(1) if "kubesphere" in path)
    status = next(one for one in cluster.traffic(1) if one.seen_at == path).body(path, "sent", "")["status"]
    return kind, copied(as_kind(obj, kind)) | {"status": status}


UNHURRIED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
"""A busy machine is no failure."""


def samples() -> list[tuple[Kind, Any]]:
    """One object of each kind of the benchmark's cluster, with what a server adds to its metadata."""
    kinds, found = Kinds(BUILTIN), dict[str, tuple[Kind, Any]]()
    bodies = [(one.paths[0], one.body(one.paths[0], "sent", "7")) for one in cluster.traffic(1)]
    for path, body in [*cluster.objects(1), *bodies]:
        asked = target(kinds, path) if "kubesphere" not in path else None
        if asked is None or (asked.kind.name in found and not body.get("metadata", {}).get("resourceVersion")):
            continue
        obj = copied(as_kind(body, asked.kind))
        obj["metadata"] = obj.get("metadata", {}) | {
            "creationTimestamp": "2026-11-21T10:00:00Z",
            "uid": "6a9f",
            "labels": {"a": "b"},
            "managedFields": [_MANAGED],
        }
        found[asked.kind.name] = (asked.kind, obj)
    return list(found.values())


_TIMES = ("2026-11-21T10:00:00Z", "2026-11-21T12:00:00+02:00", "2026-13-21T10:00:00Z", "2026-11-21T10:00:00.000000Z")
_PLAIN = (None, "", "a", 0, 1, -1, 1.0, 1.5, True)
_DEEP: tuple[Any, ...] = ([], {}, [None], {"a": None}, [{}], {"a": {}}, {"a": "b"}, [1], ["a"])
JUNK: st.SearchStrategy[Any] = st.sampled_from([*_PLAIN, *_DEEP, *_TIMES])


@st.composite
def spoiled(draw: st.DrawFn, obj: Any, times: int) -> Any:
    """An object with up to so many of its values, anywhere, replaced, taken out, or joined by one more."""
    obj = copied(obj)
    for _ in range(draw(st.integers(0, times))):
        place = obj
        while True:
            deeper = [one for one in _inside(place) if isinstance(one, (dict, list)) and one]
            if not deeper or draw(st.booleans()):
                break
            place = draw(st.sampled_from(deeper))
        if isinstance(place, dict):
            key = draw(st.sampled_from([*place, "name", "labels", "conditions", "nonsense"]))
            if key in place and draw(st.integers(0, 3)) == 0:
                del place[key]
            else:
                place[key] = copied(draw(JUNK))
        elif place:
            place[draw(st.integers(0, len(place) - 1))] = copied(draw(JUNK))
    return obj


@st.composite
def revalued(draw: st.DrawFn, obj: Any) -> Any:
    """An object with one value replaced by a plain one, and no field more or less."""
    obj = copied(obj)
    place = obj
    while True:
        keys = list(place) if isinstance(place, dict) else list(range(len(place)))
        key = draw(st.sampled_from(keys))
        if not isinstance(place[key], (dict, list)) or not place[key]:
            place[key] = draw(st.sampled_from(("p", "q", 3, False)))
            return obj
        place = place[key]


def _inside(value: Any) -> list[Any]:
    return list(value.values()) if isinstance(value, dict) else list(value)


def definition(schema: dict[str, Any]) -> dict[str, Any]:
    """A CustomResourceDefinition of Things, in one version."""
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    names = {"kind": "Thing", "plural": "things", "shortNames": ["th"]}
    spec = {"group": "example.com", "scope": "Namespaced", "names": names, "versions": [version]}
    return {"metadata": {"name": "things.example.com"}, "spec": spec}
