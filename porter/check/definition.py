"""Is the API server new enough, and the definition of the Eip there, and of this version? Pure."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

import yaml

from porter.check.findings import Finding, named
from porter.check.survey import Survey
from porter.manifests import render

OLDEST: Final = (1, 28)
"""The oldest Kubernetes whose API server takes the definition."""
_APPLY = "porter manifests --only crd | kubectl apply -f -"


def check_server(survey: Survey, server: str) -> Iterator[Finding]:
    """Judge the API server's version."""
    shown = str(survey.version.get("gitVersion") or "of unknown version")
    what = f"Kubernetes {shown} at {server}"
    numbers = re.findall(r"\d+", f"{survey.version.get('major')}.{survey.version.get('minor')}")
    if len(numbers) >= len(OLDEST) and tuple(map(int, numbers[:2])) < OLDEST:
        oldest = ".".join(map(str, OLDEST))
        why = f"Porter is made for {oldest} and newer: an older API server may refuse the definition of the Eip"
        commands = ("porter manifests --only crd | kubectl apply --dry-run=server -f -",)
        yield Finding(check="api-server", level="warning", what=what, why=why, commands=commands)
        return
    yield Finding(check="api-server", level="ok", what=what)


def check_definition(survey: Survey) -> Iterator[Finding]:
    """Judge the definition of the kind Eip."""
    if survey.definition.problem:
        problem = survey.unread.get("eips") or survey.definition.problem
        yield Finding(check="definition", level="unknown", what=f"the definition of the Eip is not known: {problem}")
        return
    if survey.definition.value is None:
        yield _missing(survey)
        return
    found = list(_faults(survey.definition.value))
    yield from found
    if not found:
        yield Finding(check="definition", level="ok", what="the kind Eip is installed, as this version defines it")


def _missing(survey: Survey) -> Finding:
    what = "the kind Eip is not installed"
    if survey.installed:
        why = "Porter is installed, and without the kind there is no pool that it could give addresses from"
        return Finding(check="definition", level="fault", what=what, why=why, commands=(_APPLY,))
    why = "installing Porter brings it"
    return Finding(
        check="definition", level="warning", what=what, why=why, commands=("porter manifests | kubectl apply -f -",)
    )


def _faults(definition: Mapping[str, Any]) -> Iterator[Finding]:
    spec = definition.get("spec") or {}
    versions = {one.get("name"): one for one in spec.get("versions") or () if one.get("served")}
    conversion = spec.get("conversion") or {}
    if conversion.get("strategy") == "Webhook":
        what = "Eips are converted by a webhook of an older version"
        why = "every read and write of an Eip fails once the webhook's pods are gone; this version has no webhook"
        yield Finding(check="definition", level="fault", what=what, why=why, commands=(_replace(definition),))
    if "v1alpha2" not in versions:
        what = f"the kind Eip is served as {named(sorted(versions)) or 'nothing'}, and not as v1alpha2"
        why = "it is of another program or a very old version, and Porter reads no Eip"
        yield Finding(check="definition", level="fault", what=what, why=why, commands=(_APPLY,))
        return
    old = " (Porter 0.4 or OpenELB)" if "v1alpha1" in versions and not versions["v1alpha1"].get("deprecated") else ""
    lacking = sorted(_fields(_own_version()) - _fields(versions["v1alpha2"]))
    if lacking:
        what = f"the kind Eip is defined by another version{old}: it lacks {named(lacking)}"
        why = "what Porter publishes there is dropped by the API server, and wrong Eips are not refused"
        yield Finding(check="definition", level="warning", what=what, why=why, commands=(_APPLY,))
    elif old:
        what = f"the kind Eip is defined by another version{old}"
        why = "wrong Eips may not be refused"
        yield Finding(check="definition", level="warning", what=what, why=why, commands=(_APPLY,))


def _replace(definition: Mapping[str, Any]) -> str:
    """Return the command that takes the webhook away: an apply leaves what another tool wrote there."""
    name = (definition.get("metadata") or {}).get("name")
    patch = '{"spec":{"conversion":{"strategy":"None","webhook":null}}}'
    return f"kubectl patch crd {name} --type merge -p '{patch}'"


def _own_version() -> Mapping[str, Any]:
    version: Mapping[str, Any] = next(
        one for one in yaml.safe_load(render(["crd"]))["spec"]["versions"] if one["name"] == "v1alpha2"
    )
    return version


def _fields(version: Mapping[str, Any]) -> frozenset[str]:
    """Name the fields of spec and status. Where unknown ones are kept, none is lacking."""
    schema = (version.get("schema") or {}).get("openAPIV3Schema") or {}
    properties = schema.get("properties") or {}
    found: set[str] = set()
    for part in ("spec", "status"):
        inner = properties.get(part) or {}
        keeps_all = any(each.get("x-kubernetes-preserve-unknown-fields") for each in (schema, inner))
        names = (_fields_of_ours(part) if keeps_all else inner.get("properties")) or {}
        found.update(f"{part}.{name}" for name in names)
    return frozenset(found)


def _fields_of_ours(part: str) -> Mapping[str, Any]:
    ours: Mapping[str, Any] = _own_version()["schema"]["openAPIV3Schema"]["properties"][part]["properties"]
    return ours
