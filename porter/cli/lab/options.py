"""What several of the lab's commands take, and how they speak and end."""

import signal

import click

name_option = click.option("--name", default="lab", show_default=True, help="Which lab, if there are several.")


def say(line: str) -> None:
    """Tell how it goes."""
    click.echo(f"  {line}", err=True)


def interruptible() -> None:
    """End by SIGTERM and SIGHUP as by Ctrl-C: what was begun is taken down."""

    def interrupt(_number: int, _frame: object) -> None:
        raise KeyboardInterrupt

    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interrupt)
