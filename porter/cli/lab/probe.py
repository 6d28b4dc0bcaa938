"""`porter lab probe`: traffic from a lab's client, and what became of it."""

import contextlib
import json
import re
import sys
from collections.abc import Callable, Iterator
from datetime import datetime
from ipaddress import ip_address
from pathlib import Path
from typing import Any, ClassVar, TextIO

import click
import msgspec

from porter.cli.lab.options import name_option
from porter.lab.families import Address
from porter.lab.lab import Lab
from porter.lab.probing import PROTOCOLS, Attempt, Prober, Report


class Seconds(click.ParamType[float]):
    """A duration: `30s`, `500ms`, `2m`, or a number of seconds."""

    name = "duration"
    _UNITS: ClassVar = {"ms": 0.001, "s": 1.0, "m": 60.0, "": 1.0}

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Seconds."""
        if isinstance(value, float):
            return value
        written = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)(ms|s|m|)", value)
        seconds = float(written[1]) * self._UNITS[written[2]] if written else 0.0
        if seconds <= 0:
            self.fail(f"{value!r} is not a duration such as 30s, 500ms or 2m", param, ctx)
        return seconds


class Target(click.ParamType[Address]):
    """An address of IPv4 or IPv6."""

    name = "address"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Address:
        """The address."""
        try:
            return ip_address(value)
        except ValueError:
            self.fail(f"{value!r} is not an address", param, ctx)


@click.command()
@name_option
@click.option("--duration", type=Seconds(), default=10.0, metavar="TIME", help="How long.  [default: 10s]")
@click.option("--interval", type=Seconds(), default=0.1, metavar="TIME", help="How often.  [default: 100ms]")
@click.option("--timeout", type=Seconds(), default=1.0, metavar="TIME", help="Later is lost.  [default: 1s]")
@click.option("--protocol", type=click.Choice(list(PROTOCOLS)), default="icmp", show_default=True)
@click.option("--port", type=click.IntRange(1, 65535), default=80, show_default=True, help="For udp, tcp and http.")
@click.option("--write", type=click.Path(dir_okay=False, writable=True, path_type=Path), help="A line of JSON each.")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
@click.argument("address", type=Target())
def probe(
    name: str,
    *,
    duration: float,
    interval: float,
    timeout: float,
    protocol: str,
    port: int,
    write: Path | None,
    form: str,
    address: Address,
) -> None:
    """Send traffic to ADDRESS from the client at a steady rate, and tell what was lost, when, and who answered.

    icmp: an echo each. udp: a datagram that must come back. tcp: a connection each. http: a GET each, answered when the
    whole answer is there. Ctrl-C ends it early. Exit code 1 when something was lost.
    """
    if protocol != "icmp" and interval < 0.01:  # noqa: PLR2004 - each is a socket, or several packets
        raise click.UsageError(f"--interval is too short for {protocol}; 10ms is the least")
    lab = Lab(name)
    with _telling(write) as tell:
        prober = lab.traffic(
            address,
            protocol,
            port=port,
            interval=interval,
            patience=timeout,
            duration=duration,
            tell=tell,
        )
        report = _run(prober)
    click.echo(json.dumps(_plain(report)) if form == "json" else "\n".join(lines(report)))
    sys.exit(1 if report.lost else 0)


def lines(report: Report) -> list[str]:
    """The report for people, at most 80 columns wide."""
    sent = len(report.attempts)
    found = [f"sent {sent}, answered {sent - report.lost}, lost {report.lost}"]
    median, most = report.quantile(50), report.quantile(99)
    if median is not None and most is not None:
        found.append(f"answered after {median * 1000:.1f} ms (median), {most * 1000:.1f} ms (99 %)")
    found += [f"{_clock(at)}  answered by {who}" for at, who in report.owners]
    for gap in report.gaps:
        length = f"{gap.length:.3f} s" if gap.length is not None else "until the end"
        hosts = f", then by {gap.after}" if gap.after and gap.before and gap.after != gap.before else ""
        found.append(f"{_clock(gap.begin)}  nothing for {length}: {gap.lost} lost{hosts}")
    errors = sorted({attempt.error for attempt in report.attempts if attempt.error})
    return found + [f"error: {error}" for error in errors]


@contextlib.contextmanager
def _telling(path: Path | None) -> Iterator[Callable[[Attempt], None]]:
    """Write each attempt to a file as it ends, and to a terminal how it goes."""
    lost, shown = 0, sys.stderr.isatty()
    with _opened(path) if path is not None else contextlib.nullcontext() as file:

        def tell(attempt: Attempt) -> None:
            nonlocal lost
            lost += attempt.after is None
            if file is not None:
                file.write(msgspec.json.encode(attempt).decode() + "\n")
                file.flush()
            if shown:
                said = "lost" if attempt.after is None else f"{attempt.after * 1000:.1f} ms by {attempt.by}"
                click.echo(f"\r\033[K{attempt.number + 1} sent, {lost} lost; the last: {said}", err=True, nl=False)

        try:
            yield tell
        finally:
            if shown:
                click.echo("\r\033[K", err=True, nl=False)


def _opened(path: Path) -> TextIO:
    try:
        return path.open("w", encoding="utf-8")
    except OSError as error:
        raise click.FileError(str(path), hint=error.strerror) from None


def _run(prober: Prober) -> Report:
    prober.start()
    try:
        return prober.wait()
    except KeyboardInterrupt:
        return prober.stop()


def _plain(report: Report) -> dict[str, Any]:
    sent = len(report.attempts)
    return {
        "sent": sent,
        "answered": sent - report.lost,
        "lost": report.lost,
        "p50_s": report.quantile(50),
        "p99_s": report.quantile(99),
        "longest_gap_s": report.longest_gap,
        "owners": [{"since": at, "host": who} for at, who in report.owners],
        "gaps": [{**msgspec.to_builtins(gap), "length": gap.length} for gap in report.gaps],
    }


def _clock(at: float) -> str:
    return datetime.fromtimestamp(at).astimezone().strftime("%H:%M:%S.%f")[:-3]
