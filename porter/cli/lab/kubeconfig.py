"""`porter lab kubeconfig`."""

import click

from porter.cli.lab.options import name_option
from porter.lab.lab import Lab


@click.command()
@name_option
@click.option("--print", "content", is_flag=True, help="Print the content, not the path.")
def kubeconfig(name: str, *, content: bool) -> None:
    """Print the path of a lab's kubeconfig, or its content."""
    path = Lab(name).kubeconfig
    click.echo(path.read_text(encoding="utf-8") if content else path, nl=not content)
