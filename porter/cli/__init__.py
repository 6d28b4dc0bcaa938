"""The command `porter`: finds the subcommand, and turns what went wrong into one line and an exit code.

A subcommand's module is imported when it is called, so that one command never pays for another's libraries.
"""

import os
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import click

from porter.cli.collector import collect_seldom
from porter.cli.lazy import Subcommand, lazy
from porter.errors import PorterError

COMMANDS: Mapping[str, Subcommand] = {
    "run": Subcommand(module="porter.cli.run", summary="Run the agent of one node."),
    "explain": Subcommand(module="porter.cli.explain", summary="Say why a Service, an Eip or a node is as it is."),
    "status": Subcommand(module="porter.cli.status", summary="Show what an agent has and does now."),
    "replay": Subcommand(module="porter.cli.replay", summary="Fold a recorded log again: who had which address when."),
    "log": Subcommand(module="porter.cli.log", summary="Look into an event log, verify it, take it elsewhere."),
    "plugins": Subcommand(module="porter.cli.plugins", summary="List the protocols that plugins provide."),
    "check": Subcommand(module="porter.cli.check", summary="Say whether Porter will work here, and what to mend."),
    "manifests": Subcommand(module="porter.cli.manifests", summary="Print the YAML that installs Porter."),
    "lab": Subcommand(
        module="porter.cli.lab", summary="A cluster in a box on this machine, to try Porter.", extra="lab"
    ),
}
"""Every subcommand, in the order of the help page. Each module has a click command of the subcommand's name; what the
command returns, where it is a number, is the exit code."""


@click.group(cls=lazy(COMMANDS), context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="porter-lb", message="porter %(version)s")
def porter() -> None:
    """Give the LoadBalancer Services of a bare-metal cluster their addresses, and say why.

    An Eip is a pool of addresses; a Service gets one of them, and one node answers ARP for it. Whatever Porter sees,
    decides and does is in an event log on each node, so it can always say which node had an address, since when, and
    why that one.

    \b
      porter check                              will it work here
      porter manifests | kubectl apply -f -     install it
      porter explain service default/web        why is this Service as it is
      porter replay --service default/web       its whole story
      porter lab tutorial                       see it work on this machine

    Every option can also come from the environment: 'porter run --node-name' from PORTER_RUN_NODE_NAME, and the options
    that several commands share from the shorter name that their help shows.
    """  # noqa: D301 - the backslash is click's mark for text to leave as it is


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code.

    0 is success, 1 an error that the user can mend (one line on stderr), 2 wrong usage, 130 Ctrl-C. A bug of ours
    is not caught here: it keeps its traceback.
    """
    collect_seldom()
    try:
        result = _call(arguments)
        sys.stdout.flush()
    except BrokenPipeError:  # the reader has seen enough: `porter log show | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        return 130
    return result


def _call(arguments: Sequence[str] | None) -> int:
    try:
        result: Any = porter.main(
            args=None if arguments is None else list(arguments),
            prog_name="porter",
            standalone_mode=False,
            auto_envvar_prefix="PORTER",
        )
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        return error.exit_code
    except click.UsageError as error:
        _complain(error.format_message())
        if error.ctx is not None:
            click.echo(f"Try '{error.ctx.command_path} --help'.", err=True)
        return error.exit_code
    except click.ClickException as error:
        _complain(error.format_message())
        return error.exit_code
    except PorterError as error:
        _complain(str(error))
        return 1
    except click.Abort:
        return 130
    return result if isinstance(result, int) else 0


def _complain(sentence: str) -> None:
    click.echo(f"porter: {sentence}", err=True)
