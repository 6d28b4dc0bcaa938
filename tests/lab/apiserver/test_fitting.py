"""The quick look at an object says yes only where the slow passes would leave it as it is."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from porter.lab.apiserver.decoding import Undecodable, WriteOptions, clean, fitting, tidied
from porter.lab.apiserver.kinds import Kind
from porter.lab.apiserver.objects import copied, encode
from porter.lab.apiserver.schemas import schema_of
from tests.lab.apiserver.samples import UNHURRIED, samples, spoiled

SAMPLES = samples()
BY_NAME = {kind.name: (kind, obj) for kind, obj in SAMPLES}


def fits(kind: Kind, obj: Any) -> bool:
    return fitting().of(schema_of(kind.name))(obj)


def outcome(do: Any) -> tuple[str, Any]:
    try:
        return "done", do()
    except Undecodable as why:
        return "refused", str(why)


@pytest.mark.parametrize("name", sorted(BY_NAME))
def test_what_clients_send_is_in_order(name: str) -> None:
    kind, obj = BY_NAME[name]

    assert fits(kind, obj)


def test_the_samples_are_of_many_kinds() -> None:
    assert set(BY_NAME) == {"EndpointSlice", "Event", "Lease", "Namespace", "Node", "Pod", "Service"}


@UNHURRIED
@given(st.data())
def test_the_quick_look_is_never_wrong(data: st.DataObject) -> None:
    kind, obj = data.draw(st.sampled_from(SAMPLES))
    wanted = data.draw(spoiled(obj, 2))
    if not isinstance(wanted.get("metadata"), dict):
        return
    quick, before = fits(kind, wanted), encode(wanted)
    event(f"in order: {quick}")
    told = outcome(lambda: tidied(wanted, kind))

    if quick:
        assert told == ("done", [])
        assert encode(wanted) == before


@UNHURRIED
@given(st.data())
def test_cleaning_is_the_same_with_and_without_a_quick_look(data: st.DataObject) -> None:
    kind, obj = data.draw(st.sampled_from(SAMPLES))
    one = data.draw(spoiled(obj, 3))
    if not isinstance(one.get("metadata"), dict):
        return
    other, options = copied(one), WriteOptions()

    first = outcome(lambda: clean(one, kind, options))
    second = outcome(lambda: tidied(other, kind))
    assert first[0] == second[0]
    if first[0] == "done":
        assert options.warnings == [f'unknown field "{path}"' for path in second[1]]
    assert encode(one) == encode(other)


@pytest.mark.parametrize(
    ("name", "path", "value"),
    [
        ("Service", "spec.nonsense", "a"),
        ("Service", "spec.type", 1),
        ("Service", "spec.type", None),
        ("Service", "metadata.labels", {}),
        ("Service", "metadata.labels.a", None),
        ("Service", "spec.ports", []),
        ("Service", "spec.allocateLoadBalancerNodePorts", 1),
        ("Lease", "spec.leaseDurationSeconds", 1.0),
        ("Lease", "spec.leaseDurationSeconds", True),
        ("Lease", "spec.renewTime", "2026-11-21T10:00:00Z"),
        ("Lease", "spec.renewTime", "2026-13-21T10:00:00.000000Z"),
        ("Service", "metadata.creationTimestamp", "2026-11-21T12:00:00+02:00"),
        ("Service", "spec.ports", [{"port": 80, "targetPort": {"a": None}}]),
    ],
)
def test_what_is_not_in_order_is_looked_at_closely(name: str, path: str, value: Any) -> None:
    kind, obj = BY_NAME[name]
    obj = copied(obj)
    *way, last = path.split(".")
    place = obj
    for step in way:
        place = place[step]
    place[last] = value

    assert not fits(kind, obj)


def test_an_empty_list_of_endpoints_is_shown_and_so_in_order() -> None:
    kind, obj = BY_NAME["EndpointSlice"]

    assert fits(kind, obj | {"endpoints": []})
    assert not fits(kind, obj | {"ports": []})


def test_a_definition_that_refers_to_itself_is_followed() -> None:
    definition = fitting().of(schema_of("CustomResourceDefinition"))
    deep = {"type": "object", "properties": {"a": {"type": "object", "properties": {"b": {"type": "string"}}}}}
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": deep}}
    names = {"kind": "A", "plural": "as"}
    obj: Any = {"spec": {"group": "x.io", "names": names, "scope": "Cluster", "versions": [version]}}

    assert definition(obj)
    deep["properties"]["a"]["properties"]["b"]["type"] = 7  # type: ignore[index]
    assert not definition(obj)
