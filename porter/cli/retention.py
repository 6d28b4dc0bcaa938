"""The options that say how much of a log is kept, for the agent and for compaction by hand."""

import re
from collections.abc import Callable
from datetime import timedelta
from functools import wraps
from typing import Any, Final

import click

from porter.cli.options import Decorator
from porter.events.retention import FEWEST_ENTRIES, SMALLEST_SIZE, Retention

_AGE: Final = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)(s|m|h|d)")
_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_SIZE: Final = re.compile(r"(\d{1,15})([KMGT]?)", re.IGNORECASE)
_POWERS: Final = {"": 0, "K": 10, "M": 20, "G": 30, "T": 40}


class _Age(click.ParamType[timedelta]):
    """A length of time, as `36h` or `7d`."""

    name = "age"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        if isinstance(value, timedelta):
            return value
        found = _AGE.fullmatch(str(value).strip())
        try:
            age = timedelta(**{_UNITS[found[2]]: float(found[1])}) if found else None
        except OverflowError:
            age = timedelta.max
        return age or self.fail(f"{value!r} is no age: write a number and s, m, h or d, as in 36h or 7d", param, ctx)


class _Size(click.ParamType[int]):
    """A number of bytes, as `64M` or `2G`."""

    name = "size"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if isinstance(value, int):
            return value
        found = _SIZE.fullmatch(str(value).strip())
        size = int(found[1]) << _POWERS[found[2].upper()] if found else 0
        if size < SMALLEST_SIZE:
            self.fail(f"{value!r} is no size of at least {SMALLEST_SIZE >> 20}M: write 64M or 2G", param, ctx)
        return size


def retention_options() -> Decorator:
    """Give a command the four `--keep-…` options, passed as one `retention`."""

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(command)
        def with_retention(
            *args: Any, keep_age: timedelta, keep_decisions: timedelta, keep_entries: int, keep_size: int, **rest: Any
        ) -> Any:
            retention = Retention(age=keep_age, story_age=keep_decisions, entries=keep_entries, size=keep_size)
            return command(*args, retention=retention, **rest)

        found: Callable[..., Any] = with_retention
        for option in reversed(_OPTIONS):
            found = option(found)
        return found

    return decorate


_OPTIONS: Final = (
    click.option(
        "--keep-age",
        metavar="AGE",
        type=_Age(),
        envvar="PORTER_KEEP_AGE",
        show_envvar=True,
        default="7d",
        show_default=True,
        help="How long observations stay in the event log, as 36h or 7d.",
    ),
    click.option(
        "--keep-decisions",
        metavar="AGE",
        type=_Age(),
        envvar="PORTER_KEEP_DECISIONS",
        show_envvar=True,
        default="90d",
        show_default=True,
        help="How long what was decided and applied stays, and what it was caused by.",
    ),
    click.option(
        "--keep-entries",
        metavar="N",
        type=click.IntRange(FEWEST_ENTRIES),
        envvar="PORTER_KEEP_ENTRIES",
        show_envvar=True,
        default=1_000_000,
        show_default=True,
        help="At most about so many entries stay; decisions may be half of them.",
    ),
    click.option(
        "--keep-size",
        metavar="SIZE",
        type=_Size(),
        envvar="PORTER_KEEP_SIZE",
        show_envvar=True,
        default="512M",
        show_default=True,
        help="At most about so many bytes stay on disk, as 64M or 2G; decisions may take half of them.",
    ),
)
