"""`porter lab up`."""

import time
from pathlib import Path

import click

from porter.cli.lab.options import interruptible, name_option, say
from porter.lab import topology
from porter.lab.families import Family
from porter.lab.lab import GRACE, Lab


@click.command()
@name_option
@click.option("--nodes", type=int, default=None, help="How many nodes the guide's network has.  [default: 3]")
@click.option("--dual-stack", is_flag=True, help="IPv6 beside IPv4 in the guide's network.")
@click.option("--ipv6-only", is_flag=True, help="IPv6 in place of IPv4 in the guide's network.")
@click.option("--topology", "plan", metavar="NAME|FILE", help="Another network: orion, or a YAML file.")
@click.option("--no-agents", is_flag=True, help="Do not start porter run on the nodes.")
@click.option("--lease-duration", type=click.FloatRange(min=1, max=600), help="Passed on to porter run, in seconds.")
@click.option("--clocks", is_flag=True, help="Let the agents' clocks step while they run: see the fault clock.")
@click.option(
    "--grace",
    type=click.FloatRange(min=1.5),
    default=GRACE,
    show_default=True,
    help="Seconds of silence until a Node is NotReady.",
)
@click.option(
    "--kubeconfig",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Use the API server that is there already instead of one of the lab's own. As its administrator.",
)
@click.option("--strict-arp/--no-strict-arp", default=True, help="As kube-proxy's ConfigMap has it.  [default: on]")
def up(
    name: str,
    *,
    nodes: int | None,
    dual_stack: bool,
    ipv6_only: bool,
    plan: str | None,
    no_agents: bool,
    lease_duration: float | None,
    clocks: bool,
    grace: float,
    kubeconfig: Path | None,
    strict_arp: bool,
) -> None:
    """Bring up a lab and print how to talk to it."""
    if nodes is not None and plan is not None:
        raise click.UsageError("--nodes and --topology exclude each other: a topology names its nodes")
    if dual_stack and ipv6_only:
        raise click.UsageError("--dual-stack and --ipv6-only exclude each other")
    if (dual_stack or ipv6_only) and plan is not None:
        option = "--dual-stack" if dual_stack else "--ipv6-only"
        raise click.UsageError(f"{option} and --topology exclude each other: a topology says 'ipv6' itself")
    if plan is not None:
        network = topology.load(plan)
    else:
        families: tuple[Family, ...] = ("IPv6",) if ipv6_only else ("IPv4", "IPv6") if dual_stack else ("IPv4",)
        network = topology.guide(3 if nodes is None else nodes, families=families)
    interruptible()
    begin = time.monotonic()
    up_lab = Lab.up(
        name,
        network=network,
        agents=not no_agents,
        lease_duration=lease_duration or 0.0,
        clocks=clocks,
        grace=grace,
        strict_arp=strict_arp,
        kubeconfig=kubeconfig,
        say=say,
    )
    option = "" if name == "lab" else f" --name {name}"
    say(f"up after {time.monotonic() - begin:.1f} s")
    click.echo(f"export KUBECONFIG={up_lab.kubeconfig}")
    first = network.nodes[0].name
    say("try:  kubectl get nodes -o wide")
    for words in (f"exec{option} client -- ip neigh", f"fail{option} {first}", f"status{option}", f"down{option}"):
        say(f"      porter lab {words}")
