"""Which nodes may announce addresses, by the reconciler's own judgement, and on which no agent reports. Pure."""

from collections.abc import Iterator

from porter.check.findings import Finding, named
from porter.check.survey import Survey
from porter.model.keys import EXCLUDE_NODE
from porter.model.names import NodeName
from porter.model.reasons import Reason, Verdict
from porter.reconciler.eligibility import of_itself
from porter.reconciler.nics import shortened

_OF_AGENT = frozenset({Reason.AGENT_MISSING, Reason.AGENT_SILENT, Reason.AGENT_LEAVING})


def check_nodes(survey: Survey) -> Iterator[Finding]:
    """Judge the Nodes themselves: the exclude label, readiness, their network."""
    problem = survey.unread.get("nodes")
    if problem:
        yield Finding(check="nodes", level="unknown", what=f"the nodes are not known: {problem}")
        return
    names = sorted(survey.world.nodes)
    refused = {name: verdict for name in names if (verdict := _of_node(survey, name)) is not None}
    if not names:
        commands = ("kubectl get nodes",)
        why = "nobody can announce an address"
        yield Finding(check="nodes", level="fault", what="there is no Node", why=why, commands=commands)
        return
    excluded = [name for name, verdict in refused.items() if verdict.reason is Reason.NODE_EXCLUDED]
    if excluded:
        everybody = len(refused) == len(names)
        label = f"{EXCLUDE_NODE}, to announce nothing"
        yield Finding(
            check="nodes",
            level="fault" if everybody else "ok",
            what=f"{_counted(len(excluded), len(names))} labelled {label}: {named(excluded)}",
            why="no other node is fit, so no address is announced" if everybody else "",
            commands=(f"kubectl label nodes {' '.join(excluded)} {EXCLUDE_NODE}-",) if everybody else (),
        )
    unwell = [(name, verdict) for name, verdict in refused.items() if verdict.reason is not Reason.NODE_EXCLUDED]
    if unwell:
        yield Finding(
            check="nodes",
            level="fault" if len(unwell) == len(names) else "warning",
            what=shortened([f"{name}: {verdict.sentence}" for name, verdict in unwell]),
            why="it announces no address" if len(unwell) == 1 else "they announce no address",
            commands=(f"kubectl describe node {unwell[0][0]}",),
        )
    fit = len(names) - len(refused)
    if fit:
        yield Finding(check="nodes", level="ok", what=f"{_counted(fit, len(names))} fit to announce addresses")


def check_agents(survey: Survey, *, namespace: str) -> Iterator[Finding]:
    """Judge which nodes have an agent that reports, where Porter is installed."""
    problem = survey.unread.get("leases")
    if problem:
        yield Finding(check="agents", level="unknown", what=f"the agents are not known: {problem}")
        return
    if not survey.installed:
        yield Finding(check="agents", level="ok", what=f"Porter is not installed in namespace {namespace} yet")
        return
    missing = {
        name: verdict
        for name in sorted(survey.world.nodes)
        if (verdict := of_itself(survey.world, name)) is not None and verdict.reason in _OF_AGENT
    }
    reporting = len(survey.world.nodes) - len(missing)
    if missing:
        yield Finding(
            check="agents",
            level="warning" if reporting else "fault",
            what=shortened([f"{name}: {verdict.sentence}" for name, verdict in missing.items()]),
            why="addresses are announced only from nodes with an agent" if reporting else "no address is announced",
            commands=(f"kubectl get pods -n {namespace} -o wide", f"kubectl logs -n {namespace} daemonset/porter"),
        )
    else:
        yield Finding(check="agents", level="ok", what=f"an agent reports from each of {len(survey.world.nodes)} nodes")


def _of_node(survey: Survey, name: NodeName) -> Verdict | None:
    verdict = of_itself(survey.world, name)
    return None if verdict is None or verdict.reason in _OF_AGENT else verdict


def _counted(some: int, all_: int) -> str:
    return f"{some} of {all_} nodes {'is' if some == 1 else 'are'}"
