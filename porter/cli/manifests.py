"""`porter manifests`: the YAML that installs Porter, on standard output. It reads no cluster and writes no file."""

from typing import cast

import click

from porter.cli.options import namespace_option
from porter.manifests import PARTS, Part, default_image, render


@click.command()
@click.option("--only", "parts", type=click.Choice(PARTS), multiple=True, help="Only this part. Repeatable.")
@namespace_option("Where the agents run.")
@click.option("--image", metavar="IMAGE", default=default_image, help="The agents' image.  [default: this version's]")
def manifests(*, parts: tuple[str, ...], namespace: str, image: str) -> None:
    """Print the YAML that installs Porter, for 'kubectl apply -f -'.

    The Namespace, the definition of the Eip, the rights of the agents, and the DaemonSet that runs one on each node.
    """
    chosen = cast("tuple[Part, ...]", parts) or PARTS
    click.echo(render(chosen, namespace=namespace, image=image), nl=False)
