"""What the server serves, told to clients: groups, versions, resources. It reads the kinds only."""

from __future__ import annotations

from porter.lab.apiserver.kinds import Kind, Kinds
from porter.lab.apiserver.objects import Json

AGGREGATED = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
VERSION: Json = {
    "major": "1",
    "minor": "36",
    "gitVersion": "v1.36.0+porter-lab",
    "gitCommit": "",
    "gitTreeState": "clean",
    "buildDate": "1970-01-01T00:00:00Z",
    "goVersion": "",
    "compiler": "",
    "platform": "linux/amd64",
}
_READ_WRITE = ["get", "patch", "update"]
_OTHERS: dict[str, tuple[Json, list[str]]] = {  # subresources that are a kind of their own, and what they take
    "scale": ({"group": "autoscaling", "version": "v1", "kind": "Scale"}, _READ_WRITE),
    "token": ({"group": "authentication.k8s.io", "version": "v1", "kind": "TokenRequest"}, ["create"]),
}


def paths(kinds: Kinds) -> list[str]:
    """What `/` tells: every path under which something is told or served."""
    found = ["/api", "/apis", "/healthz", "/livez", "/openapi/v2", "/openapi/v3", "/readyz", "/version"]
    for name, of_group in kinds.groups().items():
        base = f"/apis/{name}" if name else "/api"
        found += [base, *(f"{base}/{version}" for version in of_group)]
    return sorted(set(found))


def wants_aggregated(accept: str) -> bool:
    """Whether a client takes the aggregated form; kubectl 1.26 to 1.29 take v2beta1 only, which 1.36 has no more."""
    for one in accept.split(","):
        media, *parameters = (part.strip() for part in one.split(";"))
        if media == "application/json":
            return {"g=apidiscovery.k8s.io", "v=v2", "as=APIGroupDiscoveryList"} <= set(parameters)
    return False


def versions(server: str) -> Json:
    """`/api`."""
    return {
        "kind": "APIVersions",
        "versions": ["v1"],
        "serverAddressByClientCIDRs": [{"clientCIDR": "0.0.0.0/0", "serverAddress": server}],
    }


def groups(kinds: Kinds) -> Json:
    """`/apis`."""
    return {
        "kind": "APIGroupList",
        "apiVersion": "v1",
        "groups": [_group(name, found) for name, found in kinds.groups().items() if name],
    }


def group(kinds: Kinds, name: str) -> Json | None:
    """`/apis/GROUP`, or None when there is no such group."""
    found = kinds.groups().get(name)
    return {"kind": "APIGroup", "apiVersion": "v1"} | _group(name, found) if found and name else None


def resources(kinds: Kinds, name: str, version: str) -> Json | None:
    """`/api/v1` or `/apis/GROUP/VERSION`, or None when there is no such version."""
    found = kinds.of(name, version)
    if not found:
        return None
    return {
        "kind": "APIResourceList",
        "apiVersion": "v1",
        "groupVersion": found[0].api_version,
        "resources": [one for kind in found for one in _resources(kind)],
    }


def aggregated(kinds: Kinds, *, core: bool) -> Json:
    """`/api` or `/apis` in one document with all resources."""
    return {
        "kind": "APIGroupDiscoveryList",
        "apiVersion": "apidiscovery.k8s.io/v2",
        "metadata": {},
        "items": [
            {
                "metadata": {"name": name, "creationTimestamp": None} if name else {"creationTimestamp": None},
                "versions": [
                    {
                        "version": version,
                        "resources": [_aggregated(kind) for kind in kinds.of(name, version)],
                        "freshness": "Current",
                    }
                    for version in found
                ],
            }
            for name, found in kinds.groups().items()
            if (not name) == core
        ],
    }


def subresources(kind: Kind) -> list[str]:
    """The subresources of a kind that this server serves."""
    served = (("status", kind.status), ("scale", kind.scale), ("token", kind.token))
    return [name for name, there in served if there]


def _group(name: str, found: list[str]) -> Json:
    listed = [{"groupVersion": f"{name}/{version}", "version": version} for version in found]
    return {"name": name, "versions": listed, "preferredVersion": listed[0]}


def _resources(kind: Kind) -> list[Json]:
    main: Json = {
        "name": kind.plural,
        "singularName": kind.singular,
        "namespaced": kind.namespaced,
        "kind": kind.name,
        "verbs": list(kind.verbs),
    }
    if kind.short:
        main["shortNames"] = list(kind.short)
    if kind.categories:
        main["categories"] = list(kind.categories)
    if "list" in kind.verbs:
        main["storageVersionHash"] = kind.storage_hash
    found = [main]
    for name in subresources(kind):
        below = {"name": f"{kind.plural}/{name}", "singularName": "", "namespaced": kind.namespaced, "kind": kind.name}
        other, verbs = _OTHERS.get(name, ({}, _READ_WRITE))
        found.append(below | other | {"verbs": verbs})
    return found


def _aggregated(kind: Kind) -> Json:
    own = {"group": kind.group, "version": kind.version, "kind": kind.name}
    found: Json = {
        "resource": kind.plural,
        "responseKind": own,
        "scope": "Namespaced" if kind.namespaced else "Cluster",
        "singularResource": kind.singular,
        "verbs": list(kind.verbs),
    }
    if kind.short:
        found["shortNames"] = list(kind.short)
    if kind.categories:
        found["categories"] = list(kind.categories)
    below = []
    for name in subresources(kind):
        answers, verbs = _OTHERS.get(name, (own, _READ_WRITE))
        below.append({"subresource": name, "responseKind": answers, "verbs": verbs})
    return found | ({"subresources": below} if below else {})
