"""Options that several commands share, with one name, one meaning and one environment variable each."""

from collections.abc import Callable
from typing import Any, Final

import click

DEFAULT_EVENT_LOG: Final = "sqlite:////var/lib/porter/porter.db"
"""Where the DaemonSet of `porter manifests` keeps a node's log."""

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


def event_log_option() -> Decorator:
    """Give a command `--event-log`, passed as `event_log`."""
    return click.option(
        "--event-log",
        metavar="URL",
        envvar="PORTER_EVENT_LOG",
        default=DEFAULT_EVENT_LOG,
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
