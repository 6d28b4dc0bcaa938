"""The whole check: what is looked at where, in which order. It changes nothing, neither in the cluster nor here."""

import asyncio
import platform
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import get_args

import msgspec

from porter.check.asking import Asker
from porter.check.definition import check_definition, check_server
from porter.check.disk import check_disk
from porter.check.findings import Check, Finding, Report
from porter.check.kube_proxy import check_kube_proxy, check_reported
from porter.check.machine import check_arp_settings, check_identity, check_raw_sockets, noticed
from porter.check.nodes import check_agents, check_nodes
from porter.check.others import check_others
from porter.check.pools import case_of, check_nics, check_pools
from porter.check.rights import check_rights
from porter.check.scan import Progress, ask, check_strangers, plan_of
from porter.check.survey import Survey, read_eips, survey
from porter.cluster.connection import Connection
from porter.errors import PorterError
from porter.model.names import NodeName
from porter.model.objects import Agent, Nic, Options
from porter.model.places import NAMESPACE
from porter.plugins.nics import read_nics
from porter.plugins.registry import Registry
from porter.reconciler.decide import Rules
from porter.reconciler.explaining.case import Case

_ORDER: Sequence[Check] = get_args(Check)


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """What to check."""

    kubeconfig: Path | None = None
    context: str | None = None
    namespace: str = NAMESPACE
    node: NodeName | None = None
    """Which node this machine is; None to notice it."""
    files: tuple[Path, ...] = ()
    """YAML files with Eips that are judged as if they were applied."""
    event_log: str
    options: Options = Options()
    scan: bool = False
    """Ask the segment, by ARP, who answers for the pools' addresses."""
    scan_limit: int = 1024


def check(request: Request, progress: Progress) -> Report:
    """Look at everything. Raises PorterError in a sentence when the API server cannot be asked at all."""
    here = read_nics() if platform.system() == "Linux" else ()  # a workstation may be anything
    read = asyncio.run(_read(request))
    found = read.survey
    node = request.node or noticed(found.world.nodes, here)
    if node is None and request.scan:
        raise PorterError("--scan asks on a node's own segment, and this machine is no node: name one with --node")
    findings = [*check_server(found, read.url), *read.rights, *_of_cluster(found, request.namespace, node)]
    if node is not None and node not in found.world.agents:  # from here on as if an agent ran here
        found.world.agents[node] = Agent(node=node, nics=here, api_servers=read.servers)
    case = case_of(found, Rules(protocols=Registry.discover().rules))
    findings += [*check_pools(found, case), *check_nics(found, case)]
    if node is not None:
        findings += _of_machine(found, node, here, request.event_log)
        findings += _of_segment(found, case, node, request, progress) if request.scan else ()
    findings.sort(key=lambda finding: _ORDER.index(finding.check))
    return Report(server=read.url, node=node, findings=tuple(findings))


class _Read(msgspec.Struct, frozen=True, kw_only=True):
    """What the API server said."""

    survey: Survey
    rights: Sequence[Finding]
    servers: tuple[str, ...]
    url: str


async def _read(request: Request) -> _Read:
    files = read_eips(request.files)
    async with await Connection.open(request.kubeconfig, request.context) as connection:
        found = await survey(connection, namespace=request.namespace, options=request.options, files=files)
        rights = await check_rights(Asker(connection), namespace=request.namespace, installed=found.installed)
        return _Read(survey=found, rights=rights, servers=await connection.server_addresses(), url=connection.server)


def _of_cluster(found: Survey, namespace: str, node: NodeName | None) -> Iterator[Finding]:
    yield from check_definition(found)
    yield from check_kube_proxy(found)
    yield from check_reported(found, but=node)
    yield from check_nodes(found)
    yield from check_agents(found, namespace=namespace)
    yield from check_others(found)


def _of_machine(found: Survey, node: NodeName, here: Sequence[Nic], event_log: str) -> Iterator[Finding]:
    yield from check_identity(found, node, here)
    yield from check_arp_settings(found)
    yield from check_raw_sockets()
    yield from check_disk(event_log)


def _of_segment(found: Survey, case: Case, node: NodeName, request: Request, progress: Progress) -> Iterator[Finding]:
    plan = plan_of(case, node, limit=request.scan_limit)
    try:
        heard = ask(plan, progress)
    except OSError as error:
        what = f"the segment cannot be asked: {error.strerror or error}"
        yield Finding(check="strangers", level="unknown", what=what)
    else:
        yield from check_strangers(found, case, plan, heard)
