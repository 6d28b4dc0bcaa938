"""What is supposed, as people write it on the command line: `node-lost=node2`."""

from collections.abc import Callable, Mapping
from typing import Any, Final

import click

from porter.model.names import EipName, NodeName
from porter.reconciler.explaining.hypotheses import Hypothesis, NodeDrained, NodeLost, PoolDisabled

KINDS: Final[Mapping[str, Callable[[str], Hypothesis]]] = {
    "node-lost": lambda name: NodeLost(NodeName(name)),
    "node-drained": lambda name: NodeDrained(NodeName(name)),
    "pool-disabled": lambda name: PoolDisabled(EipName(name)),
}


def parse_hypothesis(text: str) -> Hypothesis:
    """Read `KIND=NAME`."""
    kind, _, name = text.partition("=")
    if kind not in KINDS or not name:
        raise click.BadParameter(f"{text!r} is none of {', '.join(f'{kind}=NAME' for kind in KINDS)}")
    return KINDS[kind](name)


def what_if_option() -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Give a command `--what-if`, passed as `supposing`, a tuple."""
    return click.option(
        "--what-if",
        "supposing",
        multiple=True,
        type=parse_hypothesis,
        metavar="KIND=NAME",
        help=f"As it would be if this happened; may be repeated. KIND is {', '.join(KINDS)}.",
    )
