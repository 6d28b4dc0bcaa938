"""What the store lists: at every revision within its window, whatever came and went meanwhile."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from porter.lab.apiserver.objects import Json, metadata
from porter.lab.apiserver.store import FIRST_REVISION, Key, Resource, Store

PODS = Resource("", "pods")
NAMESPACES = ("", "a", "a-b", "ab", "b")
keys = st.builds(Key, st.sampled_from(NAMESPACES), st.sampled_from(["x", "x-1", "y"]))


def named(found: list[Json]) -> list[Key]:
    return [Key(metadata(one)["namespace"], metadata(one)["name"]) for one in found]


@given(st.lists(keys, max_size=12), st.lists(keys, max_size=3), st.data())
def test_a_list_is_sorted_and_complete_at_every_revision(
    turned: list[Key], listed_at: list[Key], data: st.DataObject
) -> None:
    """Each key comes, or goes if it is there; lists are asked for now and then, as clients do."""
    store, there = Store(), set[Key]()
    known: list[set[Key]] = [set()]
    for key in turned:
        if key in there:
            store.remove(PODS, key)
        else:
            store.put(PODS, {"metadata": {"namespace": key.namespace, "name": key.name}})
        there ^= {key}
        known.append(set(there))
        if key in listed_at:
            assert named(store.all(PODS)) == sorted(there)
    store.put(Resource("", "nodes"), {"metadata": {"name": "n"}})  # a revision of which the pods know nothing

    asked = data.draw(st.integers(0, len(known)))
    namespace = data.draw(st.sampled_from(NAMESPACES))
    after = data.draw(st.none() | keys)

    wanted = [
        key
        for key in sorted(known[min(asked, len(known) - 1)])
        if (not namespace or key.namespace == namespace) and (after is None or key > after)
    ]
    assert named(store.at_revision(PODS, namespace, FIRST_REVISION + asked, after)) == wanted
    if asked >= len(turned):
        assert named(store.all(PODS, namespace, after)) == wanted
