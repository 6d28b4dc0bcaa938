"""`porter explain`: why is it as it is, and what would be if, from the log alone."""

from collections.abc import Callable, Sequence
from typing import Any

import click

from porter.cli.explaining.answers import tell
from porter.cli.explaining.eip import eip_lines
from porter.cli.explaining.node import node_lines
from porter.cli.explaining.reading import Asked, read_case
from porter.cli.explaining.service import service_lines
from porter.cli.explaining.supposing import KINDS, what_if_option
from porter.cli.explaining.what_if import what_if_lines
from porter.cli.options import event_log_option, format_option, stream_option
from porter.model.names import EipName, NodeName, ServiceKey
from porter.reconciler.explaining.eip import explain_eip
from porter.reconciler.explaining.hypotheses import Hypothesis
from porter.reconciler.explaining.node import explain_node
from porter.reconciler.explaining.service import explain_service
from porter.reconciler.explaining.what_if import what_if

_Command = Callable[..., Any]


def _log_options(command: _Command) -> _Command:
    """Give a command the options that say which log, up to when, and how to print."""
    at = click.option("--at", metavar="MOMENT", help="As it was at an entry's number, at a time, or -15m ago.")
    for option in (format_option(), stream_option(), event_log_option(), at):
        command = option(command)
    return command


@click.group()
def explain() -> None:
    """Say why something is as it is, now or at any moment of the log.

    It is read from the event log; no cluster is asked, and nothing is changed.
    """


@explain.command("service")
@click.argument("service", metavar="NS/NAME")
@what_if_option()
@_log_options
def explain_one_service(
    *,
    service: str,
    supposing: Sequence[Hypothesis],
    at: str | None,
    event_log: str,
    stream: str,
    output_format: str,
) -> None:
    """Say what keeps a Service from traffic, if anything does; else who answers for its address, since when and why.

    The gates are passed in order: is it ours? has it an address? is that published? has it an owner? does that answer?
    Below them every node and every Eip that was considered, with its reason.
    """
    if service.count("/") != 1 or not all(service.split("/")):
        raise click.BadParameter(f"{service!r} is not NAMESPACE/NAME", param_hint="NS/NAME")
    asked = read_case(event_log, stream=stream, at=at, supposing=supposing)
    tell(asked, explain_service(asked.case, ServiceKey(service)), service_lines, output_format=output_format)


@explain.command("eip")
@click.argument("eip", metavar="NAME")
@what_if_option()
@_log_options
def explain_one_eip(
    *,
    eip: str,
    supposing: Sequence[Hypothesis],
    at: str | None,
    event_log: str,
    stream: str,
    output_format: str,
) -> None:
    """Say whether an Eip hands out addresses, who has them, which it never hands out, and who waits for one."""
    asked = read_case(event_log, stream=stream, at=at, supposing=supposing)
    tell(asked, explain_eip(asked.case, EipName(eip)), eip_lines, output_format=output_format)


@explain.command("node")
@click.argument("node", metavar="NAME")
@what_if_option()
@_log_options
def explain_one_node(
    *,
    node: str,
    supposing: Sequence[Hypothesis],
    at: str | None,
    event_log: str,
    stream: str,
    output_format: str,
) -> None:
    """Say whether a node may announce addresses, which it owns, and why it does not own the others."""
    asked = read_case(event_log, stream=stream, at=at, supposing=supposing)
    tell(asked, explain_node(asked.case, NodeName(node)), node_lines, output_format=output_format)


@explain.command("what-if")
@click.option("--node-lost", metavar="NODE", multiple=True, help="The node falls silent, and its pods with it.")
@click.option("--node-drained", metavar="NODE", multiple=True, help="Its pods are evicted; Porter's agent stays.")
@click.option("--pool-disabled", metavar="EIP", multiple=True, help="The Eip hands out no further address.")
@_log_options
def explain_what_if(
    *,
    node_lost: Sequence[str],
    node_drained: Sequence[str],
    pool_disabled: Sequence[str],
    at: str | None,
    event_log: str,
    stream: str,
    output_format: str,
) -> None:
    """Say which addresses would move and where, and which Services would be left without a node or an address.

    Each option may be repeated: all that is given is supposed to happen together.
    """
    given = {"node-lost": node_lost, "node-drained": node_drained, "pool-disabled": pool_disabled}
    supposing = [KINDS[kind](name) for kind, names in given.items() for name in names]
    if not supposing:
        raise click.UsageError(f"nothing is supposed: give one of {', '.join(f'--{kind}' for kind in KINDS)}")
    asked = read_case(event_log, stream=stream, at=at)
    consequences = what_if(asked.case, supposing)
    shown = Asked(case=asked.case, when=asked.when, supposed=consequences.supposed)
    tell(shown, consequences, what_if_lines, output_format=output_format)
