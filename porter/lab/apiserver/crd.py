"""CustomResourceDefinitions: their defaults and validation, and the kinds they define. No custom object is here."""

from __future__ import annotations

from collections.abc import Iterator

from porter.lab.apiserver.behaviour import Behaviour
from porter.lab.apiserver.definition_rules import definition_errors
from porter.lab.apiserver.errors import FieldError
from porter.lab.apiserver.kinds import CUSTOM_VERBS, Column, Kind
from porter.lab.apiserver.objects import Clock, Json, at, section, timestamp
from porter.lab.apiserver.store import Resource

DEFINITIONS = Resource("apiextensions.k8s.io", "customresourcedefinitions")


class DefinitionBehaviour(Behaviour):
    """A definition is accepted at once: there is nobody to dispute its names."""

    def __init__(self, now: Clock) -> None:
        self._now = now

    def fresh(self, obj: Json) -> None:
        """Set what the creation sets."""
        moment = timestamp(self._now())
        versions = at(obj, "spec.versions", [])
        obj["status"] = {
            "conditions": [
                _condition("NamesAccepted", moment, "NoConflicts", "no conflicts found"),
                _condition("Established", moment, "InitialNamesAccepted", "the initial names have been accepted"),
            ],
            "acceptedNames": dict(_names(obj)),
            "storedVersions": [one["name"] for one in versions if one.get("storage")],
        }

    def default(self, obj: Json, old: Json | None) -> None:
        """Fill in what was left out."""
        spec = section(obj, "spec")
        names = section(spec, "names")
        if names.get("kind"):
            names.setdefault("singular", names["kind"].lower())
            names.setdefault("listKind", names["kind"] + "List")
        section(spec, "conversion").setdefault("strategy", "None")
        if old is not None or "status" in obj:
            status = section(obj, "status")
            status["acceptedNames"] = dict(names)
            stored = status.setdefault("storedVersions", [])
            stored += [v["name"] for v in spec.get("versions", []) if v.get("storage") and v["name"] not in stored]

    def validate(self, obj: Json, old: Json | None) -> Iterator[FieldError]:
        """What is wrong with it."""
        return definition_errors(obj, old)


def kinds_of(definition: Json) -> list[Kind]:
    """The kinds that a definition serves, one for each version."""
    spec, names = definition["spec"], _names(definition)
    storage = next(one["name"] for one in spec["versions"] if one.get("storage"))
    return [_kind(spec, names, one, storage) for one in spec["versions"] if one.get("served")]


def _kind(spec: Json, names: Json, version: Json, storage: str) -> Kind:
    schema = at(version, "schema.openAPIV3Schema", {})
    columns = tuple(
        Column(
            name=one["name"],
            type=one["type"],
            path=one["jsonPath"],
            format=one.get("format", ""),
            priority=one.get("priority", 0),
            description=one.get("description", ""),
        )
        for one in version.get("additionalPrinterColumns", [])
    )
    return Kind(
        group=spec["group"],
        version=version["name"],
        name=names["kind"],
        plural=names["plural"],
        singular=names["singular"],
        list_name=names["listKind"],
        namespaced=spec["scope"] == "Namespaced",
        short=tuple(names.get("shortNames", ())),
        categories=tuple(names.get("categories", ())),
        verbs=CUSTOM_VERBS,
        status=at(version, "subresources.status") is not None,
        generation=True,
        unconditional=False,
        custom=True,
        stored_as="" if version["name"] == storage else f"{spec['group']}/{storage}",
        fields=frozenset(one["jsonPath"].lstrip(".") for one in version.get("selectableFields", ())),
        schema=schema,
        columns=columns,
    )


def _names(definition: Json) -> Json:
    found: Json = at(definition, "spec.names", {})
    return found


def _condition(kind: str, moment: str, reason: str, message: str) -> Json:
    return {"type": kind, "status": "True", "lastTransitionTime": moment, "reason": reason, "message": message}
