"""What a write leaves alone is not copied, cleaned, defaulted or validated anew: that is seen in nothing but the time."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from porter.lab.apiserver.behaviour import Behaviour
from porter.lab.apiserver.behaviours import behaviours
from porter.lab.apiserver.builtin import BUILTIN
from porter.lab.apiserver.decoding import WriteOptions, as_kind
from porter.lab.apiserver.errors import FieldError, Refusal
from porter.lab.apiserver.kinds import Kind
from porter.lab.apiserver.objects import Json, copied, decode, encode, metadata, name_of, namespace_of, utc_now
from porter.lab.apiserver.services import ServiceBehaviour
from porter.lab.apiserver.store import Key, Store
from porter.lab.apiserver.writes import Writes
from tests.lab.apiserver.samples import UNHURRIED, an_eip, revalued, samples, spoiled

SAMPLES = [*samples(), an_eip()]
NAMESPACES = next(kind for kind in BUILTIN if kind.name == "Namespace")


class Always(Behaviour):
    """A behaviour that is called with every write."""

    def __init__(self, real: Behaviour) -> None:
        self._real = real

    def fresh(self, obj: Json) -> None:
        self._real.fresh(obj)

    def default(self, obj: Json, old: Json | None) -> None:
        self._real.default(obj, old)

    def validate(self, obj: Json, old: Json | None) -> Iterable[FieldError]:
        return self._real.validate(obj, old)

    def allocate(self, obj: Json, old: Json | None) -> None:
        self._real.allocate(obj, old)


class Server:
    """A store and what writes to it. `sharing`: as it is; else everything is done with all of an object."""

    def __init__(self, *, sharing: bool) -> None:
        def now() -> datetime:
            return datetime(2026, 1, 1, tzinfo=UTC)

        services = ServiceBehaviour((ipaddress.ip_network("10.233.0.0/18"),))
        known: Mapping[str, Behaviour] = behaviours(services, now)
        if not sharing:
            known = {name: Always(one) for name, one in known.items()}
        self.sharing, self.store = sharing, Store()
        self.store.listeners.append(services.follow)
        self.writes = Writes(self.store, known, now)
        self.writes.create(NAMESPACES, "", {"metadata": {"name": "default"}}, WriteOptions())

    def create(self, kind: Kind, obj: Json) -> Any:
        obj = copied(obj)
        metadata(obj).pop("resourceVersion", None)
        metadata(obj).pop("managedFields", None)
        try:
            return self.writes.create(kind, "default", obj, WriteOptions())
        except Refusal as refusal:
            return refused(refusal)

    def patch(self, kind: Kind, key: Key, wanted: Json, part: str) -> Any:
        """Make of a stored object what is wanted, as a patch does: what is the same stays the stored object's own."""

        def change(old: Json) -> Json:
            own = {name: old[name] if name in old and old[name] == value else value for name, value in wanted.items()}
            return own if self.sharing else copied(own)

        before = self.store.get(kind.resource, key)
        was = encode(before)
        options = WriteOptions(manager="kubectl")
        try:
            found: Any = self.writes.patch(kind, key, change, part, options)
        except Refusal as refusal:
            found = refused(refusal)
        assert encode(before) == was, "what is stored was changed in place"
        return found, options.warnings


def refused(refusal: Refusal) -> Any:
    """A refusal; the patched object that some repeat is the test's own."""
    said = refusal.message
    return {"refused": refusal.code, "why": [said.partition('"{')[0], said.rpartition('}"')[2]]}


def comparable(found: Any) -> Any:
    """What is found, without uids, which no two servers share."""
    return decode(re.sub(rb"[0-9a-f]{8}-[0-9a-f-]{27}", b"uid", encode(found)))


@pytest.fixture(scope="module", autouse=True)
def _compiled() -> None:
    """The rules of custom kinds are compiled before Hypothesis looks: that changes the limit of recursion."""
    Server(sharing=True).create(*an_eip())


@UNHURRIED
@given(st.data())
def test_a_write_is_the_same_whether_it_shares_or_not(data: st.DataObject) -> None:
    kind, sample = data.draw(st.sampled_from(SAMPLES))
    sample = sample | {"metadata": {"name": "a"} | metadata(sample) | {"namespace": "default"}}
    servers = [Server(sharing=True), Server(sharing=False)]
    made = [one.create(kind, sample) for one in servers]
    assert "refused" not in made[0]
    assert comparable(made[0]) == comparable(made[1])
    key = Key(namespace_of(made[0]), name_of(made[0]))
    for _ in range(data.draw(st.integers(1, 4))):
        stored = [one.store.get(kind.resource, key) or {} for one in servers]
        if not stored[0]:
            return
        wanted = data.draw(st.one_of(revalued(stored[0]), spoiled(stored[0], 1), st.just(stored[0])))
        part = data.draw(st.sampled_from(("", "status")))

        raw, uids = encode(wanted), [str(metadata(one)["uid"]).encode() for one in stored]
        found = [
            server.patch(kind, key, decode(raw.replace(uids[0], uid)), part)
            for server, uid in zip(servers, uids, strict=True)
        ]

        event("refused" if "refused" in found[0][0] else "taken")
        assert comparable(found[0]) == comparable(found[1])


class Counting(Behaviour):
    """Counts in an object how often it is written."""

    def default(self, obj: Json, old: Json | None) -> None:
        del old
        obj["data"]["n"] += "i"


def test_a_behaviour_that_changes_what_the_write_left_alone_does_not_change_what_is_stored() -> None:
    kind = next(one for one in BUILTIN if one.name == "ConfigMap")
    store, key = Store(), Key("default", "a")
    writes = Writes(store, {"ConfigMap": Counting()}, utc_now)
    writes.create(NAMESPACES, "", {"metadata": {"name": "default"}}, WriteOptions())
    first = writes.create(
        kind, "default", as_kind({"metadata": {"name": "a"}, "data": {"n": ""}}, kind), WriteOptions()
    )

    second = writes.patch(kind, key, lambda old: old | {"immutable": False}, "", WriteOptions())

    assert (first["data"], second["data"]) == ({"n": "i"}, {"n": "ii"})
