"""What an agent tells of itself on its node's Lease, and how a Lease is read.

Pure. A Lease that claims to be another node's is nobody's; a report that somebody spoilt is as good as none.
"""

import hashlib
import re

import msgspec

from porter.cluster import wire
from porter.cluster.views import LeaseView
from porter.model import keys
from porter.model.names import NodeName
from porter.model.objects import Agent, Nic, Rival, Way

LEASE_PREFIX = "porter-node-"
_LONGEST_NAME = 200  # of a node in a Lease's name, which may have 253 characters


class AgentReport(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What an agent tells of itself on its Lease, in an annotation."""

    node: NodeName
    nics: tuple[Nic, ...] = ()
    api_servers: tuple[str, ...] = ()
    ways: tuple[Way, ...] = ()
    rivals: tuple[Rival, ...] = ()


_REPORT = msgspec.json.Decoder(AgentReport)
_NAME = re.compile(r"[a-z0-9]([-a-z0-9.]*[a-z0-9])?")


def lease_name(node: NodeName) -> str:
    """Return the name of a node's Lease: valid whatever the node is called, and never that of two nodes."""
    plain = _NAME.fullmatch(node) and len(node) <= _LONGEST_NAME and ".." not in node
    if plain and not node.startswith("x-"):
        return LEASE_PREFIX + node
    return f"{LEASE_PREFIX}x-{hashlib.sha256(node.encode()).hexdigest()[:40]}"


def report_text(agent: Agent) -> str:
    """Write an agent's report as the annotation's text; equal reports give equal texts."""
    report = AgentReport(
        node=agent.node,
        nics=agent.nics,
        api_servers=agent.api_servers,
        ways=agent.ways,
        rivals=agent.rivals,
    )
    return msgspec.json.encode(report).decode()


def agent_of(raw: wire.RawLease) -> Agent | None:
    """Return the agent that a Lease tells of, or None when it is no agent's Lease."""
    meta, holder = raw.metadata, raw.spec.holder_identity or ""
    if not meta.name.startswith(LEASE_PREFIX):
        return None
    text = (meta.annotations or {}).get(keys.AGENT_REPORT, "")
    try:
        report = _REPORT.decode(text)
    except msgspec.DecodeError:  # somebody edited it: the Lease still says that the agent lives
        report = AgentReport(node=NodeName(holder))
    if lease_name(report.node) != meta.name:
        return None
    return Agent(
        node=report.node,
        nics=report.nics,
        api_servers=report.api_servers,
        ways=report.ways,
        rivals=report.rivals,
        leaving=not holder,
    )


def lease_view(raw: wire.RawLease) -> LeaseView:
    """Take what is needed to judge and to renew a Lease."""
    meta, spec = raw.metadata, raw.spec
    return LeaseView(
        name=meta.name,
        uid=meta.uid,
        version=meta.resource_version,
        holder=spec.holder_identity or "",
        renewed=spec.renew_time or "",
        duration=float(spec.lease_duration_seconds or 15),
        transitions=spec.lease_transitions or 0,
    )
