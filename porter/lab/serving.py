"""Where a lab's API is: a server of its own, with Porter installed, or one that is there already."""

import functools
from collections.abc import Callable

from porter.lab import furniture, given, installing
from porter.lab.errors import LabError
from porter.lab.examining import Found
from porter.lab.families import place
from porter.lab.kube import Access, Kube, read_access
from porter.lab.private import write_private
from porter.lab.stage import GATE, SERVER, Stage
from porter.manifests import render

_PATIENCE = 30.0  # seconds for one answer: a server that has just begun, on a machine with much to do


def begin(stage: Stage, say: Callable[[str], None], *, grace: float) -> None:
    """Start the lab's own server and the stand-ins, which wait for it. The network may still be on its way."""
    say("starting the API server, the controllers and the nodes")
    stage.start_server()
    stage.start_stand_ins(grace)


def install(stage: Stage, say: Callable[[str], None]) -> Kube:
    """Wait for the lab's own server; with agents, install Porter and start them."""
    parts = installing.parts(render(installing.PARTS)) if stage.known.agents else None  # while the server starts
    on: list[tuple[str, str | None]] = [(SERVER, None)]
    stage.wait("the API server", stage.kubeconfig().exists, on=on)
    stage.wait("the API server", stage.node_kubeconfig().exists, on=on)
    kube = Kube(read_access(stage.kubeconfig()), timeout=_PATIENCE)
    stage.wait("the API server", kube.ready, on=on)
    furniture.put_namespaces(kube)
    if parts is not None:
        say("installing Porter and starting its agents")
        rights, definitions = parts
        installing.install(kube, rights)
        _start_agents(stage, kube)  # which takes them longer than the definitions take the server
        installing.install(kube, definitions)
        stage.wait("Porter's own kind", functools.partial(installing.is_listed, kube, "Eip"), on=on)
    return kube


def join(stage: Stage, access: Access, found: Found, say: Callable[[str], None], *, grace: float) -> Kube:
    """Lead the lab's network to a server that is there and that `examine` found fit; start all the others."""
    own = "which has controllers of its own" if found.controllers else "with controllers of the lab's"
    say(f"using the API server {access.server}, {own}")
    gateway = place(stage.topology.server, stage.topology.api_port)
    outside, inside = given.kubeconfigs(access, name=f"porter-{stage.known.name}", gateway=gateway)
    write_private(stage.kubeconfig(), outside)
    write_private(stage.node_kubeconfig(), inside)
    stage.start_gate()
    stage.start_stand_ins(None if found.controllers else grace)
    kube = Kube(access, timeout=_PATIENCE)
    if stage.known.agents:
        _start_agents(stage, kube)
    return kube


def leave(stage: Stage, say: Callable[[str], None]) -> None:
    """Take away what the lab has made in a server that is not its own; where that fails, say what is left there."""
    nodes = [node.name for node in stage.topology.nodes]
    try:
        given.take_away(Kube(read_access(stage.kubeconfig())), stage.known.name, nodes)
    except FileNotFoundError:  # `up` was interrupted before it had written anything there
        return
    except LabError as error:
        say(
            f"what the lab made in {stage.known.server} is left there ({error.message}); kubectl delete node "
            f"{' '.join(nodes)}, then bring the same lab up and down there, which takes away all else"
        )


def waits_on(stage: Stage) -> list[tuple[str, str | None]]:
    """The processes without which nothing of the cluster moves, as `Stage.wait` takes them."""
    roles = (GATE, "controllers") if stage.known.server else (SERVER, "controllers")
    return [(role, None) for role in roles if stage.process(role) is not None]


def _start_agents(stage: Stage, kube: Kube) -> None:
    installing.write_kubeconfig(kube, stage.node_kubeconfig(), stage.agent_kubeconfig())
    for node in stage.topology.nodes:
        stage.start_agent(node)
