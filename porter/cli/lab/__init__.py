"""The commands `porter lab …`: they parse, call and print. Labs are made and unmade in `porter.lab`."""

from collections.abc import Mapping

import click

from porter.cli.lazy import Subcommand, lazy

COMMANDS: Mapping[str, Subcommand] = {
    "up": Subcommand(module="porter.cli.lab.up", summary="Bring up a lab and print how to talk to it."),
    "down": Subcommand(module="porter.cli.lab.down", summary="Take a lab down; after a crash too."),
    "status": Subcommand(module="porter.cli.lab.status", summary="Show labs, their nodes, and what is broken."),
    "kubeconfig": Subcommand(
        module="porter.cli.lab.kubeconfig", summary="Print the path of a lab's kubeconfig, or its content."
    ),
    "exec": Subcommand(
        module="porter.cli.lab.execute", name="execute", summary="Run a command on a node or the client."
    ),
    "fail": Subcommand(module="porter.cli.lab.breaking", summary="Break a node, or the API server."),
    "recover": Subcommand(module="porter.cli.lab.breaking", summary="Mend what was broken with fail."),
    "probe": Subcommand(
        module="porter.cli.lab.probe", summary="Send traffic at a steady rate, and tell what became of it."
    ),
    "logs": Subcommand(module="porter.cli.lab.logs", summary="Show what a node's agent printed."),
    "tutorial": Subcommand(module="porter.cli.lab.tutorial", summary="Walk the user guide, each step with a proof."),
}
"""Every subcommand, in the order of the help page."""


@click.group(cls=lazy(COMMANDS))
def lab() -> None:
    """A cluster in a box on this machine: real agents, real frames, stand-ins for the rest.

    Needs Linux, and root or user namespaces for ordinary users (most distributions allow them). Everything lives in
    network namespaces of its own; `down` leaves nothing behind.
    """
