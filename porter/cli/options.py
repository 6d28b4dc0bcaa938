"""Options that several commands share, with one name, one meaning and one environment variable each."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from porter.errors import PorterError
from porter.model.places import EVENT_LOG, NAMESPACE

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


def access_options(otherwise: str) -> Decorator:
    """Give a command `--kubeconfig` and `--context`: how to reach the API server, `otherwise` where nothing says."""
    kubeconfig = click.option(
        "--kubeconfig",
        type=click.Path(path_type=Path, readable=False),
        envvar=["PORTER_KUBECONFIG", "KUBECONFIG"],
        show_envvar=True,
        help=f"How to reach the API server; without it, {otherwise}.",
    )
    context = click.option(
        "--context", metavar="NAME", envvar="PORTER_CONTEXT", help="A context of the kubeconfig other than its own."
    )
    return lambda command: kubeconfig(context(command))


def demand_kubeconfig(kubeconfig: Path | None, *, context: str | None) -> None:
    """Raise PorterError for a context without the kubeconfig that it is in."""
    if context is not None and kubeconfig is None:
        raise PorterError("--context names a context of a kubeconfig, and none is given: add --kubeconfig FILE")


def namespace_option(what: str) -> Decorator:
    """Give a command `--namespace`: that of the agents. `what` says what it is for."""
    return click.option(
        "--namespace",
        metavar="NAME",
        envvar="PORTER_NAMESPACE",
        show_envvar=True,
        default=NAMESPACE,
        show_default=True,
        help=what,
    )


def node_option(name: str, *, what: str, required: bool = False) -> Decorator:
    """Give a command an option of this name for the Node that this machine is. `what` says what it is for."""
    return click.option(
        name,
        metavar="NODE",
        envvar=["PORTER_NODE_NAME", "NODE_NAME"],
        show_envvar=True,
        required=required,
        help=what,
    )


def http_option(what: str) -> Decorator:
    """Give a command `--http`: where an agent's pages are. `what` says what it is for."""
    return click.option(
        "--http",
        metavar="HOST:PORT",
        envvar="PORTER_HTTP",
        default="127.0.0.1:7472",
        show_default=True,
        show_envvar=True,
        help=what,
    )


def event_log_option() -> Decorator:
    """Give a command `--event-log`, passed as `event_log`."""
    return click.option(
        "--event-log",
        metavar="URL",
        envvar="PORTER_EVENT_LOG",
        default=EVENT_LOG,
        show_default=True,
        show_envvar=True,
        help="The event log: a database URL, or the path of an SQLite file.",
    )


def stream_option() -> Decorator:
    """Give a command `--stream`, passed as `stream`: empty unless several agents share the database."""
    return click.option(
        "--stream",
        metavar="NODE",
        envvar="PORTER_STREAM",
        default="",
        show_envvar=True,
        help="Whose log to read where several agents share one database.",
    )


def format_option(*more: str) -> Decorator:
    """Give a command `--format`, passed as `output_format`: text for people, json for programs, and `more`."""
    return click.option(
        "--format",
        "output_format",
        type=click.Choice(["text", "json", *more]),
        envvar="PORTER_FORMAT",
        default="text",
        show_default=True,
        show_envvar=True,
        help="Text is for people and may change; json is stable.",
    )
