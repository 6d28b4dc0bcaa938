"""Under which key a real server stores an object: one of its sentences shows it. Nothing is stored under it here."""

from __future__ import annotations

from porter.lab.apiserver.kinds import Kind
from porter.lab.apiserver.store import Key

_OTHERWISE = {"endpoints": "services/endpoints", "nodes": "minions", "services": "services/specs"}


def registry_key(kind: Kind, key: Key) -> str:
    """The key in etcd, from /registry on."""
    grouped = kind.custom or kind.plural == "customresourcedefinitions"
    place = f"{kind.group}/{kind.plural}" if grouped else _OTHERWISE.get(kind.plural, kind.plural)
    return "/".join(filter(None, ("/registry", place, key.namespace, key.name)))
