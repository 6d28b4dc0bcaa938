"""`porter run`: the agent of one node."""

import asyncio
import re
from contextlib import suppress
from math import isfinite
from pathlib import Path
from typing import Any, Final

import click

from porter.cli.agent_log import Format, speak
from porter.cli.agreed import agreed_options
from porter.cli.options import (
    access_options,
    demand_kubeconfig,
    event_log_option,
    http_option,
    namespace_option,
    node_option,
)
from porter.cli.retention import retention_options
from porter.errors import PorterError
from porter.events.retention import Retention
from porter.model.names import NodeName
from porter.model.objects import Options

_NAME: Final = re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?")  # RFC 1123, as Kubernetes has it


class _Seconds(click.FloatRange):
    """Seconds in a range; `nan` is in none."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        seconds = float(super().convert(value, param, ctx))
        return seconds if isfinite(seconds) else self.fail(f"{value!r} is not a number of seconds.", param, ctx)


@click.command()
@access_options("the credentials of the pod that this runs in")
@node_option("--node-name", what="The Node that this agent announces for: the machine that it runs on.", required=True)
@namespace_option("Where the agents keep their Leases.")
@event_log_option()
@retention_options()
@http_option("Where to serve /metrics, /healthz, /readyz and /status; 'none' for nowhere.")
@click.option(
    "--lease-duration",
    metavar="SECONDS",
    type=_Seconds(min=1, max=600),
    envvar="PORTER_LEASE_DURATION",
    show_envvar=True,
    default=5.0,
    show_default=True,
    help="How long an agent may be silent before another node takes over. Equal on all agents.",
)
@click.option(
    "--gratuitous-interval",
    metavar="SECONDS",
    type=_Seconds(min=0, max=86_400),
    envvar="PORTER_GRATUITOUS_INTERVAL",
    show_envvar=True,
    default=0.0,
    show_default=True,
    help="Announce every address again this often, for switches that forget; 0 for never.",
)
@click.option(
    "--on-conflict",
    type=click.Choice(["go-on", "yield"]),
    envvar="PORTER_ON_CONFLICT",
    show_envvar=True,
    default="go-on",
    show_default=True,
    help="When a host outside the cluster insists on an announced address: go on answering, or yield it for now.",
)
@agreed_options()
@click.option(
    "--dry-run",
    is_flag=True,
    envvar="PORTER_DRY_RUN",
    help="Observe, decide and log; announce nothing and write nothing to the API.",
)
@click.option(
    "--log-format",
    type=click.Choice(["text", "json"]),
    envvar="PORTER_LOG_FORMAT",
    show_envvar=True,
    default="text",
    show_default=True,
    help="How to write what it says: lines for people, or a JSON object each.",
)
@click.option("-v", "--verbose", is_flag=True, envvar="PORTER_VERBOSE", help="Say more than what changes.")
def run(
    *,
    kubeconfig: Path | None,
    context: str | None,
    node_name: str,
    namespace: str,
    event_log: str,
    retention: Retention,
    http: str,
    lease_duration: float,
    gratuitous_interval: float,
    on_conflict: str,
    options: Options,
    dry_run: bool,
    log_format: Format,
    verbose: bool,
) -> None:
    """Run the agent of one node until it is told to stop.

    It watches the cluster, writes what it sees to its event log, decides from that who has which address, and answers
    ARP for the addresses that this node owns and the API says are published. One of all agents leads, and publishes.

    SIGTERM and Ctrl-C end it in order: it withdraws what it announces and releases its Leases, so that another node
    takes over at once. An API server that is away does not end it: it keeps announcing what it owns.
    """
    speak(log_format, verbose=verbose)
    if not node_name.strip():
        raise PorterError("--node-name is empty: name the Node that this agent runs on")
    for option, name in (("--node-name", node_name.strip()), ("--namespace", namespace)):
        if not _NAME.fullmatch(name):
            raise PorterError(f"{option} {name!r} cannot be a name in Kubernetes: lower-case letters, digits, '-', '.'")
    if 0 < gratuitous_interval < 1:
        raise PorterError("--gratuitous-interval is below one second: choose 0 for never, or at least 1")
    demand_kubeconfig(kubeconfig, context=context)
    # The agent brings the Kubernetes client, which `porter run --help` can do without.
    from porter.agent.agent import run_agent  # noqa: PLC0415
    from porter.agent.settings import Settings  # noqa: PLC0415
    from porter.loop import run as run_in_loop  # noqa: PLC0415

    settings = Settings(
        node=NodeName(node_name.strip()),
        event_log=event_log,
        retention=retention,
        kubeconfig=kubeconfig,
        context=context,
        namespace=namespace,
        http=None if http == "none" else http,
        lease_duration=lease_duration,
        gratuitous_interval=gratuitous_interval,
        yields_to_strangers=on_conflict == "yield",
        options=options,
        dry_run=dry_run,
    )
    with suppress(asyncio.CancelledError):  # told to stop before it had begun
        run_in_loop(run_agent(settings))
