"""May the agents do what they must, or, before they are there, may who asks install them? By reviews of rights.

The rights in question are those that `porter manifests` grants, read from there.
"""

import asyncio
from collections.abc import Iterator, Sequence

import msgspec
import yaml

from porter.check.asking import Asker
from porter.check.findings import Finding, named
from porter.manifests import render

ACCOUNT = "system:serviceaccount:{}:porter"


class Right(msgspec.Struct, frozen=True, kw_only=True, order=True):
    """One verb on one kind, in all namespaces or in one."""

    verb: str
    group: str
    resource: str
    subresource: str = ""
    namespace: str = ""

    def __str__(self) -> str:
        kind = f"{self.resource}/{self.subresource}" if self.subresource else self.resource
        return f"{self.verb} {kind}" + (f".{self.group}" if self.group else "")


def granted(namespace: str) -> tuple[Right, ...]:
    """Return every right that the manifests grant to the agents."""
    found: set[Right] = set()
    for role in yaml.safe_load_all(render(["rbac"], namespace=namespace)):
        where = namespace if role["kind"] == "Role" else ""
        for rule in role.get("rules", ()):
            for group in rule["apiGroups"]:
                for name in rule["resources"]:
                    resource, _, subresource = name.partition("/")
                    found.update(
                        Right(verb=verb, group=group, resource=resource, subresource=subresource, namespace=where)
                        for verb in rule["verbs"]
                    )
    return tuple(sorted(found))


def needed_to_install(namespace: str) -> tuple[Right, ...]:
    """Return what installing takes: to create each object, and to hold whatever the roles grant (RBAC demands that)."""
    rbac = "rbac.authorization.k8s.io"
    created = (
        Right(verb="create", group="", resource="namespaces"),
        Right(verb="create", group="apiextensions.k8s.io", resource="customresourcedefinitions"),
        Right(verb="create", group=rbac, resource="clusterroles"),
        Right(verb="create", group=rbac, resource="clusterrolebindings"),
        Right(verb="create", group=rbac, resource="roles", namespace=namespace),
        Right(verb="create", group=rbac, resource="rolebindings", namespace=namespace),
        Right(verb="create", group="", resource="serviceaccounts", namespace=namespace),
        Right(verb="create", group="apps", resource="daemonsets", namespace=namespace),
    )
    return (*created, *granted(namespace))


async def check_rights(asker: Asker, *, namespace: str, installed: bool) -> Sequence[Finding]:
    """Have the rights reviewed: the agents' where there are some, else one's own. Raises ClusterError."""
    account = ACCOUNT.format(namespace)
    me = await asker.review("SelfSubjectReview", {})
    name = str(((me.value or {}).get("userInfo") or {}).get("username") or "")
    if name == account:
        refused = await _refused(asker, granted(namespace), {})
        return list(_of_agents(account, refused))
    if installed:
        groups = ["system:serviceaccounts", f"system:serviceaccounts:{namespace}", "system:authenticated"]
        refused = await _refused(asker, granted(namespace), {"user": account, "groups": groups})
        return list(_of_agents(account, refused))
    everything = Right(verb="*", group="*", resource="*")
    if await _refused(asker, [everything], {}) == ([], ""):
        return [Finding(check="rights", level="ok", what=f"{name or 'you'} may install Porter")]
    return list(_of_installer(name, await _refused(asker, needed_to_install(namespace), {})))


_Refused = tuple[list[Right], str]
"""The rights that are refused, and why some could not be reviewed."""


async def _refused(asker: Asker, rights: Sequence[Right], who: dict[str, object]) -> _Refused:
    kind = "SubjectAccessReview" if who else "SelfSubjectAccessReview"
    answers = await asyncio.gather(
        *(asker.review(kind, {**who, "resourceAttributes": msgspec.to_builtins(right)}) for right in rights)
    )
    problem = next((answer.problem for answer in answers if answer.problem), "")
    refused = [
        right
        for right, answer in zip(rights, answers, strict=True)
        if answer.value is not None and answer.value.get("allowed") is not True
    ]
    return refused, problem


def _of_agents(account: str, found: _Refused) -> Iterator[Finding]:
    refused, problem = found
    if problem:
        yield Finding(check="rights", level="unknown", what=f"the rights of {account} are not known: {problem}")
    if refused:
        yield Finding(
            check="rights",
            level="fault",
            what=f"{account} may not {named(map(str, refused))}",
            why="an agent that may not read what it decides from, or write what it decided, waits",
            commands=("porter manifests --only rbac | kubectl apply -f -",),
        )
    elif not problem:
        yield Finding(check="rights", level="ok", what=f"{account} may do all that it must")


def _of_installer(name: str, found: _Refused) -> Iterator[Finding]:
    refused, problem = found
    if problem:
        yield Finding(check="rights", level="unknown", what=f"your rights are not known: {problem}")
    if refused:
        who = name or "you"
        yield Finding(
            check="rights",
            level="fault",
            what=f"{who} may not {named(map(str, refused))}",
            why="installing takes it: to create the objects, and to hold every right that is granted to the agents",
            commands=(f"kubectl auth can-i {refused[0].verb} {refused[0].resource} --all-namespaces",),
        )
    elif not problem:
        yield Finding(check="rights", level="ok", what=f"{name or 'you'} may install Porter")
