"""Who may see a change is found by one field of it: nobody is passed over who would have been shown something."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from porter.lab.apiserver.asking import PLAIN, list_options
from porter.lab.apiserver.builtin import BUILTIN
from porter.lab.apiserver.changes import Change
from porter.lab.apiserver.followers import Followers, Following
from porter.lab.apiserver.kinds import Kinds
from porter.lab.apiserver.objects import utc_now
from porter.lab.apiserver.watch import View
from porter.lab.apiserver.ways import Alone, Place

KIND = Kinds(BUILTIN).find("", "v1", "pods")
_NAMES, _NODES, _NAMESPACES = ("a", "b"), ("", "n", "m"), ("x", "y")
_FIELDS = (
    *("", "spec.nodeName=n", "spec.nodeName!=n", "spec.nodeName=", "metadata.name=a", "metadata.namespace=x"),
    *("spec.nodeName=m,metadata.name=b", "metadata.name!=a,spec.nodeName=n", "spec.hostNetwork=false"),
)


def view(fields: str, namespace: str) -> View:
    assert KIND is not None
    options = list_options({"fieldSelector": fields, "watch": "true"}, KIND)
    return View(kind=KIND, namespace=namespace, options=options, form=PLAIN, now=utc_now, after=0)


WAY = Alone(bytes.isascii)
VIEWS = [view(fields, namespace) for fields in _FIELDS for namespace in ("", *_NAMESPACES)]


def pod(name: str, namespace: str, node: str) -> Any:
    return {"metadata": {"name": name, "namespace": namespace}, "spec": {"nodeName": node} if node else {}}


@st.composite
def changes(draw: st.DrawFn) -> Change:
    name, namespace = draw(st.sampled_from(_NAMES)), draw(st.sampled_from(_NAMESPACES))
    was, now = draw(st.sampled_from((None, *_NODES))), draw(st.sampled_from(_NODES))
    return Change(
        revision=1,
        namespace=namespace,
        name=name,
        object=pod(name, namespace, now),
        previous=None if was is None else pod(name, namespace, was),
        deleted=was is not None and draw(st.booleans()),
    )


def following(views: Iterable[View], loop: asyncio.AbstractEventLoop) -> tuple[Followers, list[Following]]:
    followers = Followers()
    found = [Following(view=one, place=Place(WAY, n), behind=loop.create_future()) for n, one in enumerate(views)]
    for one in found:
        followers.add(one)
    return followers, found


@given(st.lists(changes(), min_size=1, max_size=3), st.lists(st.sampled_from(VIEWS), min_size=1, max_size=8))
def test_who_would_be_shown_something_is_asked(some: list[Change], views: list[View]) -> None:
    loop = asyncio.new_event_loop()
    followers, found = following(views, loop)
    asked = [one for alike in followers.of(some) for one in alike]
    loop.close()

    for one in found:
        assert one in asked or not one.view.shown(some), one.view.key
    assert len(asked) == len({id(one) for one in asked})


def test_of_many_that_watch_one_node_each_only_its_own_is_asked() -> None:
    loop = asyncio.new_event_loop()
    followers, found = following([view(f"spec.nodeName=n{n}", "") for n in range(9)], loop)
    moved = Change(
        revision=1, namespace="x", name="a", object=pod("a", "x", "n3"), previous=pod("a", "x", "n5"), deleted=False
    )
    asked = [one for alike in followers.of([moved]) for one in alike]
    loop.close()

    assert sorted(map(id, asked)) == sorted(map(id, (found[3], found[5])))


class Sealed(dict[str, Any]):
    """An object that nobody may look into."""

    def get(self, *_: object) -> Any:
        raise AssertionError("somebody looks")


def test_who_has_left_is_not_there_and_leaves_nothing() -> None:
    loop = asyncio.new_event_loop()
    followers, found = following([VIEWS[0], VIEWS[3], VIEWS[3], VIEWS[4]], loop)
    loop.close()

    for one in found:
        assert followers
        assert one in list(followers)
        followers.remove(one)
        assert one not in list(followers)
    assert not followers
    assert followers.all() == []
    assert (
        followers.of([Change(revision=1, namespace="", name="", object=Sealed(), previous=None, deleted=False)]) == []
    )
