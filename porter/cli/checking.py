"""A report of `porter check` as text, 80 columns wide. Commands are not wrapped: they are there to be copied."""

from collections.abc import Iterator
from textwrap import wrap
from typing import Final

import click

from porter.check.findings import Finding, Level, Report

_WIDTH: Final = 80
_MARKS: Final[dict[Level, str]] = {"fault": "FAULT", "warning": "warning", "unknown": "unknown", "ok": "ok"}
_COLOURS: Final[dict[Level, str]] = {"fault": "red", "warning": "yellow", "unknown": "cyan", "ok": "green"}
_INDENT: Final = 11


def lines(report: Report) -> Iterator[str]:
    """Say first whether it will work, and then every finding, in the order in which things are looked at."""
    yield from wrap(f"{_verdict(report)}.", _WIDTH)
    place = f"node {report.node}" if report.node else "a workstation"
    yield from wrap(f"Seen from {place}, of {report.server}.", _WIDTH, break_long_words=False)
    for check in dict.fromkeys(finding.check for finding in report.findings):
        yield ""
        yield click.style(check, bold=True)
        for finding in report.findings:
            if finding.check == check:
                yield from _finding(finding)


def _verdict(report: Report) -> str:
    counts = ", ".join(
        f"{number} {word}{'s' if number > 1 and word != 'unknown' else ''}"
        for word in ("fault", "warning", "unknown")
        if (number := sum(one.level == word for one in report.findings))
    )
    said = "Nothing keeps Porter from working here" if report.works else "Porter will not work here"
    return f"{said}: {counts}" if counts else said


def _finding(finding: Finding) -> Iterator[str]:
    mark = f"  {_MARKS[finding.level]:<{_INDENT - 2}}"
    first, *more = wrap(finding.what, _WIDTH - _INDENT, break_on_hyphens=False)
    yield click.style(mark, fg=_COLOURS[finding.level]) + first
    for line in more:
        yield " " * _INDENT + line
    if finding.why:
        for line in wrap(f"because {finding.why}", _WIDTH - _INDENT - 2, break_on_hyphens=False):
            yield " " * (_INDENT + 2) + line
    for command in finding.commands:
        yield " " * (_INDENT + 2) + f"$ {command}"
