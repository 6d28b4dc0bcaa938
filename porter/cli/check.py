"""`porter check`: will Porter work here? Before installing, from a workstation, and on a node."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import click
import msgspec

from porter.cli.agreed import agreed_options
from porter.cli.options import (
    access_options,
    demand_kubeconfig,
    event_log_option,
    format_option,
    namespace_option,
    node_option,
)
from porter.model.names import NodeName
from porter.model.objects import Options


@click.command()
@access_options("the credentials of the pod that this runs in, or ~/.kube/config")
@namespace_option("Where the agents run, or will.")
@node_option(
    "--node", what="Which node this machine is; without it, the one whose address this machine carries, if any."
)
@click.option(
    "-f",
    "--filename",
    "files",
    type=click.Path(path_type=Path, dir_okay=False),
    multiple=True,
    help="Check the Eips of this YAML file as if they were applied. Repeatable.",
)
@click.option("--scan", is_flag=True, help="Ask the segment, by ARP, who answers for the pools' addresses. On a node.")
@click.option(
    "--scan-limit",
    metavar="N",
    type=click.IntRange(1, 65_536),
    default=1024,
    show_default=True,
    help="The most addresses to ask for; each costs two frames and 8 ms.",
)
@event_log_option()
@agreed_options()
@format_option()
def check(
    *,
    kubeconfig: Path | None,
    context: str | None,
    namespace: str,
    node: str | None,
    files: tuple[Path, ...],
    scan: bool,
    scan_limit: int,
    event_log: str,
    options: Options,
    output_format: Literal["text", "json"],
) -> int:
    """Say whether Porter will work here, and what to mend. It changes nothing.

    From a workstation it looks at the cluster: the API server and the kind Eip, rights, kube-proxy, nodes and agents,
    pools, and other load balancers. On a node also at this machine: ARP settings, raw sockets, NICs, the log's disk,
    and with --scan at who answers for the pools' addresses already.

    Exits with 1 when something will not work.
    """
    # The Kubernetes client, which `porter check --help` can do without.
    from porter.check.checking import Request  # noqa: PLC0415
    from porter.check.checking import check as look  # noqa: PLC0415
    from porter.cli.checking import lines  # noqa: PLC0415

    chosen = kubeconfig or _usual_kubeconfig()
    demand_kubeconfig(chosen, context=context)
    request = Request(
        kubeconfig=chosen,
        context=context,
        namespace=namespace,
        node=NodeName(node) if node else None,
        files=files,
        event_log=event_log,
        options=options,
        scan=scan,
        scan_limit=scan_limit,
    )
    with _progress() as progress:
        report = look(request, progress)
    if output_format == "json":
        shown = {"works": report.works} | msgspec.to_builtins(report)
        click.echo(msgspec.json.format(msgspec.json.encode(shown), indent=2).decode())
    else:
        for line in lines(report):
            click.echo(line)
    return 0 if report.works else 1


def _usual_kubeconfig() -> Path | None:
    """Return kubectl's own place, where nothing else says who one is."""
    usual = Path("~/.kube/config").expanduser()
    return usual if "KUBERNETES_SERVICE_HOST" not in os.environ and usual.is_file() else None


@contextmanager
def _progress() -> Iterator["_Shown"]:
    """Show how far a scan is, on standard error, if somebody is there to see it."""
    shown = _Shown(on=sys.stderr.isatty())
    try:
        yield shown
    finally:
        shown.clear()


class _Shown:
    """A line that is written over and over."""

    def __init__(self, *, on: bool) -> None:
        self._on = on
        self._length = 0

    def __call__(self, done: int, total: int) -> None:
        """Show that so many of so many probes were sent."""
        if self._on and (done % 50 == 0 or done == total):
            text = f"asking by ARP: {done:,} of {total:,} probes"
            self._length = max(self._length, len(text))
            click.echo(f"\r{text}", nl=False, err=True)

    def clear(self) -> None:
        """Take the line away."""
        if self._length:
            click.echo(f"\r{' ' * self._length}\r", nl=False, err=True)
