"""The options that decisions rest on, so that all agents, and whoever foretells them, must be given the same."""

from collections.abc import Callable
from functools import wraps
from typing import Any

import click

from porter.cli.options import Decorator
from porter.model.objects import LOAD_BALANCER_CLASS, Options


def agreed_options() -> Decorator:
    """Give a command `--load-balancer-class` and `--ignore-exclude-label`, passed as one `options`."""

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(command)
        def with_options(*args: Any, load_balancer_class: str, ignore_exclude_label: bool, **rest: Any) -> Any:
            options = Options(load_balancer_class=load_balancer_class, honour_exclude_label=not ignore_exclude_label)
            return command(*args, options=options, **rest)

        return _LOAD_BALANCER_CLASS(_IGNORE_EXCLUDE_LABEL(with_options))

    return decorate


_LOAD_BALANCER_CLASS = click.option(
    "--load-balancer-class",
    metavar="NAME",
    envvar="PORTER_LOAD_BALANCER_CLASS",
    show_envvar=True,
    default=LOAD_BALANCER_CLASS,
    show_default=True,
    help="The spec.loadBalancerClass that is Porter's. Equal on all agents.",
)
_IGNORE_EXCLUDE_LABEL = click.option(
    "--ignore-exclude-label",
    is_flag=True,
    envvar="PORTER_IGNORE_EXCLUDE_LABEL",
    help="Announce from nodes labelled exclude-from-external-load-balancers too. Equal on all agents.",
)
