"""Groups of commands that import only the one that is called: none pays for the libraries of another."""

import importlib
from collections.abc import Mapping
from dataclasses import dataclass

import click

from porter.errors import PorterError


@dataclass(frozen=True, kw_only=True)
class Subcommand:
    """Where a subcommand is, what the list says of it, and the extra whose packages it needs."""

    module: str
    summary: str
    extra: str | None = None
    name: str | None = None
    """Of the click command in the module, where it is not that of the subcommand."""


class _LazyGroup(click.Group):
    """A group that lists its subcommands from a table and imports only the one that is called."""

    table: Mapping[str, Subcommand] = {}

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return list(self.table)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's signature
        known = self.table.get(cmd_name)
        if known is None:
            return None
        try:
            command = getattr(importlib.import_module(known.module), known.name or cmd_name)
        except ModuleNotFoundError as error:
            if known.extra is None or (error.name or "").partition(".")[0] == "porter":
                raise
            raise PorterError(
                f"'porter {cmd_name}' needs the Python module {error.name!r}: pip install 'porter-lb[{known.extra}]'",
            ) from None
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl([(name, known.summary) for name, known in self.table.items()])


def lazy(table: Mapping[str, Subcommand]) -> type[click.Group]:
    """Return the class of a group with these subcommands, in the order of its help page."""
    return type("LazyGroup", (_LazyGroup,), {"table": table})
