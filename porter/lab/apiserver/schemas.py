"""Schemas of the built-in kinds: each field, its type, whether it is required and what it means. It serves nothing.

They are in schemas.json, which models.py makes of the Kubernetes client's own models: to read those takes a second.
"""

from __future__ import annotations

from functools import cache
from importlib import resources

from porter.lab.apiserver.kinds import Kind
from porter.lab.apiserver.objects import Json, decode

PREFIX = "#/components/schemas/"
_OTHERWISE = {"TokenRequest": "AuthenticationTokenRequest"}  # two groups have one each


@cache
def definitions() -> Json:
    """Every schema that a built-in kind can reach, by name; shared, never to be changed."""
    found: Json = decode((resources.files(__package__) / "schemas.json").read_bytes())
    return found


def schema_of(kind_name: str) -> str:
    """The name, within `definitions()`, of the schema of a built-in kind."""
    return _OTHERWISE.get(kind_name, kind_name)


def for_kind(kind: Kind) -> Json:
    """A schema that refers to the kind's."""
    return {"$ref": PREFIX + schema_of(kind.name)}


def schema_for(kind: Kind) -> Json:
    """The schema by which objects of any kind are read and their fields owned."""
    return kind.schema if kind.custom else for_kind(kind)
