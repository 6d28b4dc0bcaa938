"""Where only values change, managedFields come out as from the long way."""

from __future__ import annotations

from typing import Any

from hypothesis import event, given
from hypothesis import strategies as st

from porter.lab.apiserver.fields import Writer, after_update, leaves
from porter.lab.apiserver.kinds import Kind
from porter.lab.apiserver.objects import Json, copied
from porter.lab.apiserver.same_shape import after_same_shape
from porter.lab.apiserver.schemas import definitions, schema_for
from tests.lab.apiserver.samples import UNHURRIED, an_eip, revalued, samples, spoiled

SAMPLES = [*((kind, obj) for kind, obj in samples() if kind.name != "Namespace"), an_eip()]
WRITERS = [
    Writer(manager=name, operation="Update", api_version="v1", subresource=part)
    for name, part in (("kubectl", ""), ("kubelet", "status"), ("porter", ""))
]
TIME = "2026-11-21T11:00:00Z"


def the_long_way(managed: list[Json], writer: Writer, old: Json, new: Json, kind: Kind) -> list[Json]:
    before, after = (leaves(one, schema_for(kind), definitions()) for one in (old, new))
    return after_update(managed, writer, before=before, after=after, time=TIME)


def at_a_glance(managed: list[Json], writer: Writer, old: Json, new: Json, kind: Kind) -> list[Json] | None:
    return after_same_shape(
        managed, writer, old=old, new=new, schema=schema_for(kind), definitions=definitions(), time=TIME
    )


@UNHURRIED
@given(st.data())
def test_it_is_the_same_as_the_long_way_or_left_to_it(data: st.DataObject) -> None:
    kind, first = data.draw(st.sampled_from(SAMPLES))
    managed = the_long_way([], WRITERS[0], {}, first, kind)
    old = first
    for writer in data.draw(st.lists(st.sampled_from(WRITERS), max_size=3)):
        new = data.draw(spoiled(old, 2))
        if not isinstance(new.get("metadata"), dict):
            return
        managed, old = the_long_way(managed, writer, old, new, kind), new
    writer = data.draw(st.sampled_from(WRITERS))
    new = data.draw(st.one_of(revalued(old), spoiled(old, 1)))
    if not isinstance(new.get("metadata"), dict):
        return

    found = at_a_glance(copied(managed), writer, old, new, kind)
    event(f"at a glance: {found is not None}, changed: {old != new}")
    assert found in (None, the_long_way(managed, writer, old, new, kind))


def changed(kind: str, edit: Any) -> tuple[Kind, Json, Json]:
    found, old = next((one, obj) for one, obj in SAMPLES if one.name == kind)
    new = copied(old)
    edit(new)
    return found, old, new


def test_a_new_value_of_a_field_of_ones_own_is_seen_at_a_glance() -> None:
    def edit(slice_: Json) -> None:
        slice_["metadata"]["labels"]["a"] = "c"
        slice_["endpoints"][0]["conditions"]["ready"] = False

    kind, old, new = changed("EndpointSlice", edit)
    managed = the_long_way([], WRITERS[0], {}, old, kind)

    found = at_a_glance(managed, WRITERS[0], old, new, kind)

    assert found is not None
    assert found == the_long_way(managed, WRITERS[0], old, new, kind)
    assert found[-1]["time"] == TIME


def test_a_field_that_another_owned_is_left_to_the_long_way() -> None:
    kind, old, new = changed("Service", lambda service: service["spec"].update(type="NodePort"))
    managed = the_long_way([], WRITERS[0], {}, old, kind)
    more = copied(old) | {"status": {"loadBalancer": {}}}
    managed = the_long_way(managed, WRITERS[2], old, more, kind)

    assert at_a_glance(managed, WRITERS[2], more, new | {"status": {"loadBalancer": {}}}, kind) is None


def test_a_field_that_is_applied_is_left_to_the_long_way() -> None:
    kind, old, new = changed("Service", lambda service: service["metadata"]["labels"].update(a="c"))
    managed = the_long_way([], WRITERS[0], {}, old, kind)
    assert at_a_glance(managed, WRITERS[0], old, new, kind) is not None
    applied = {"manager": "helm", "operation": "Apply", "fieldsV1": {"f:spec": {"f:type": {}}}}

    assert at_a_glance([applied, *managed], WRITERS[0], old, new, kind) is None


def test_a_new_value_in_a_custom_object_is_seen_at_a_glance() -> None:
    kind, old, new = changed("Eip", lambda eip: eip["status"].update(usage=4))
    managed = the_long_way([], WRITERS[0], {}, old, kind)

    found = at_a_glance(managed, WRITERS[0], old, new, kind)

    assert found is not None
    assert found == the_long_way(managed, WRITERS[0], old, new, kind)
