"""What is read of a cluster before anything is judged: once, and only read."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import yaml

from porter.check.asking import Asker, Looked
from porter.cluster import projection, resources, wire
from porter.cluster.connection import Connection
from porter.cluster.facts import Facts
from porter.cluster.resources import Kind
from porter.errors import PorterError
from porter.events.entries import RESOURCES, ClusterObserved
from porter.model.names import EipName
from porter.model.objects import Cluster, Eip, Options
from porter.reconciler.world import World

V = TypeVar("V")
W = TypeVar("W")

_DEFINITION = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/eips.network.kubesphere.io"
_KUBE_SYSTEM = "/api/v1/namespaces/kube-system/configmaps"
_NOT_YET = "9999-12-31T23:59:59Z"  # when an Eip was made that is not applied: it is younger than all that are
_READ_EIP = msgspec.json.Decoder(wire.RawEip)


class Range(msgspec.Struct, frozen=True, kw_only=True):
    """A range of the cluster that Porter itself does not read."""

    cidr: str
    what: str


class Survey(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that was read."""

    version: Mapping[str, Any]
    definition: Looked[Any]
    proxy: Looked[Any]
    """The ConfigMap of kube-proxy."""
    workloads: Looked[Sequence[Mapping[str, Any]]]
    """The DaemonSets and Deployments of every namespace."""
    cilium_pools: Looked[tuple[bytes, ...]]
    ranges: tuple[Range, ...]
    world: World
    files: Mapping[EipName, Path]
    """The Eips that are not applied, and the file of each."""
    unread: Mapping[str, str]
    """Kinds that the world lacks because they could not be read, each with the reason."""
    installed: bool
    """Whether somebody has installed Porter here: its ServiceAccount is there, or an agent reports."""


async def survey(
    connection: Connection, *, namespace: str, options: Options, files: Mapping[Path, Sequence[Eip]]
) -> Survey:
    """Read the cluster; `files` hold Eips that are judged as if they were applied.

    Raises ClusterError when the API server cannot be asked.
    """
    asker = Asker(connection)
    version = await asker.get("/version")  # first and alone: it says in one sentence why there is no answer
    definition, account, proxy, kubeadm, calico, cilium, daemonsets, deployments = await asyncio.gather(
        asker.get(_DEFINITION),
        asker.get(f"/api/v1/namespaces/{namespace}/serviceaccounts/porter"),
        asker.get(f"{_KUBE_SYSTEM}/kube-proxy"),
        asker.get(f"{_KUBE_SYSTEM}/kubeadm-config"),
        asker.list("/apis/crd.projectcalico.org/v1/ippools"),
        _cilium_pools(asker),
        asker.list("/apis/apps/v1/daemonsets"),
        asker.list("/apis/apps/v1/deployments"),
    )
    world, unread = await _world(connection, asker, namespace)
    world.options = options
    world.eips.update({eip.name: eip for eips in files.values() for eip in eips})
    return Survey(
        version=version.value or {},
        definition=definition,
        proxy=proxy,
        workloads=_workloads(DaemonSet=daemonsets, Deployment=deployments),
        cilium_pools=cilium,
        ranges=tuple(_ranges(proxy, kubeadm, calico)),
        world=world,
        files={eip.name: file for file, eips in files.items() for eip in eips},
        unread=unread,
        installed=account.value is not None or bool(world.agents),
    )


async def _cilium_pools(asker: Asker) -> Looked[tuple[bytes, ...]]:
    """Under the name of today, else under the one before Cilium 1.18."""
    found = await asker.list("/apis/cilium.io/v2/ciliumloadbalancerippools")
    if found.value is None and not found.problem:
        return await asker.list("/apis/cilium.io/v2alpha1/ciliumloadbalancerippools")
    return found


async def _world(connection: Connection, asker: Asker, namespace: str) -> tuple[World, Mapping[str, str]]:
    unread: dict[str, str] = {}
    services, eips, nodes, namespaces, agents = await asyncio.gather(
        _read(asker, resources.services(), unread),
        _read(asker, resources.eips(), unread),
        _read(asker, resources.nodes(), unread),
        _read(asker, resources.namespaces(), unread),
        _read(asker, resources.leases(namespace), unread),
    )
    found: list[ClusterObserved] = []
    facts = Facts(connection, known=Cluster(), emit=found.append)
    await facts.read()
    if facts.error:
        unread["cluster"] = facts.error
    world = World(
        services={one.key: one for one in services},
        eips={one.name: one for one in eips},
        nodes={one.name: one for one in nodes},
        namespaces={one.name: one for one in namespaces},
        agents={one.node: one for one in agents},
        cluster=found[-1].cluster if found else Cluster(),
        listed=set(RESOURCES),
    )
    return world, unread


async def _read(asker: Asker, kind: Kind[V, W], unread: dict[str, str]) -> Sequence[V]:
    """Read all objects of a kind, and note when that cannot be."""
    read = await asker.list(kind.path)
    if read.problem:
        unread[kind.resource] = read.problem
    return list(_values(kind, read.value or ()))


def _values(kind: Kind[V, W], items: Iterable[bytes]) -> Iterable[V]:
    for item in items:
        try:
            value = kind.project(item).value
        except msgspec.ValidationError:
            continue  # no such object: the agents pass it over too
        if value is not None:
            yield value


def _workloads(**lists: Looked[tuple[bytes, ...]]) -> Looked[Sequence[Mapping[str, Any]]]:
    problem = next((each.problem for each in lists.values() if each.problem), "")
    if problem:
        return Looked(problem=problem)
    return Looked(
        value=[{"kind": kind} | msgspec.json.decode(one) for kind, all_ in lists.items() for one in all_.value or ()]
    )


def _ranges(proxy: Looked[Any], kubeadm: Looked[Any], calico: Looked[tuple[bytes, ...]]) -> Iterable[Range]:
    networking = document(kubeadm.value, "ClusterConfiguration").get("networking") or {}
    for text, what in (
        (document(proxy.value, "config.conf").get("clusterCIDR"), "pod range in kube-proxy's configuration"),
        (networking.get("podSubnet"), "pod range in the ConfigMap kubeadm-config"),
        (networking.get("serviceSubnet"), "Service range in the ConfigMap kubeadm-config"),
        *((_cidr_of(pool), "IPPool of Calico") for pool in calico.value or ()),
    ):
        for cidr in str(text or "").split(","):
            if cidr.strip():
                yield Range(cidr=cidr.strip(), what=what)


def _cidr_of(pool: bytes) -> str:
    return str((msgspec.json.decode(pool).get("spec") or {}).get("cidr") or "")


def document(config_map: Any, key: str) -> Mapping[str, Any]:
    """Read YAML that is kept under a key of a ConfigMap; nothing where there is none, or it is no mapping."""
    text = ((config_map or {}).get("data") or {}).get(key)
    try:
        read = yaml.safe_load(text) if isinstance(text, str) else None
    except yaml.YAMLError:
        return {}
    return read if isinstance(read, dict) else {}


def edit(survey: Survey, eip: EipName) -> str:
    """Return the command that changes an Eip, in the cluster or in its file."""
    file = survey.files.get(eip)
    return f"kubectl edit eip {eip}" if file is None else f"${{EDITOR:-vi}} {file}"


def read_eips(files: Iterable[Path]) -> Mapping[Path, Sequence[Eip]]:
    """Read the Eips in YAML files, as `kubectl apply -f` would find them. Raises PorterError in a sentence."""
    return {file: [_eip_of(one, file) for one in _eips_in(file)] for file in files}


def _eips_in(file: Path) -> Sequence[Mapping[str, Any]]:
    try:
        documents = list(yaml.safe_load_all(file.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError) as error:
        raise PorterError(f"{file} cannot be read: {getattr(error, 'strerror', None) or error}") from None
    except yaml.YAMLError as error:
        raise PorterError(f"{file} is not YAML: {' '.join(str(error).split())}") from None
    lists = [one["items"] for one in documents if isinstance(one, dict) and isinstance(one.get("items"), list)]
    eips = [one for one in (*documents, *chain(*lists)) if isinstance(one, dict) and one.get("kind") == "Eip"]
    if not eips:
        raise PorterError(f"there is no Eip in {file}; name a file with the pools to check")
    return eips


def _eip_of(document: Mapping[str, Any], file: Path) -> Eip:
    try:
        raw = _READ_EIP.decode(msgspec.json.encode(document))
    except (msgspec.ValidationError, TypeError) as error:
        raise PorterError(f"an Eip in {file} cannot be understood: {error}") from None
    return msgspec.structs.replace(projection.eip_of(raw), created=_NOT_YET)
