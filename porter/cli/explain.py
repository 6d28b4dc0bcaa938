"""`porter explain`: why is it as it is, from the log alone."""

import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from textwrap import wrap

import click
import msgspec

from porter.cli.options import event_log_option, format_option, stream_option
from porter.errors import PorterError
from porter.events.entries import Recorded
from porter.events.sources import open_source
from porter.model.names import ServiceKey
from porter.reconciler.explain import FamilyExplanation, ServiceExplanation, explain_service
from porter.replay.moments import parse_moment
from porter.replay.reading import installed_rules, records_until, shown_progress
from porter.replay.refold import Refold
from porter.replay.story import Story, tell
from porter.replay.text import WIDTH, clock


@click.group()
def explain() -> None:
    """Say why something is as it is, now or at any moment of the log."""


@explain.command("service")
@click.argument("service", metavar="NS/NAME")
@click.option("--at", metavar="MOMENT", help="As it was at an entry's number, at a time, or -15m ago.")
@event_log_option()
@stream_option()
@format_option()
def explain_one_service(*, service: str, at: str | None, event_log: str, stream: str, output_format: str) -> None:
    """Say which node has a Service's address, since when and why, and what keeps it from traffic if anything does.

    The gates are passed in order: is it ours? has it an address? is that published? has it an owner? Below them every
    node and every pool that was considered, with its reason. It is read from the event log; no cluster is asked.
    """
    if service.count("/") != 1 or not all(service.split("/")):
        raise click.BadParameter(f"{service!r} is not NAMESPACE/NAME", param_hint="NS/NAME")
    moment = parse_moment(at, datetime.now(UTC)) if at is not None else None
    refold = Refold(installed_rules())
    with (
        open_source(event_log, stream=stream) as source,
        shown_progress(records_until(source, moment), source.last_seq) as records,
    ):
        story = tell(_checked(records), refold, service=service)
    explanation = explain_service(refold.reconciler, ServiceKey(service))
    if output_format == "json":
        sys.stdout.write(msgspec.json.format(msgspec.json.encode(explanation), indent=2).decode() + "\n")
        return
    for line in _lines(explanation, story):
        click.echo(line)


def _checked(records: Iterator[Recorded]) -> Iterator[Recorded]:
    """Pass the records on; refuse to explain from nothing."""
    empty = True
    for record in records:
        empty = False
        yield record
    if empty:
        raise PorterError("there is no entry in the log up to that moment: nothing can be explained")


def _lines(explanation: ServiceExplanation, story: Story) -> Iterator[str]:
    assert story.at is not None
    yield f"{explanation.service}, as of entry {story.seq}, {clock(story.at)}"
    for family in explanation.families:
        yield ""
        yield from _family_lines(family, story)


def _family_lines(family: FamilyExplanation, story: Story) -> Iterator[str]:
    for gate in family.gates:
        mark = "yes" if gate.passed else "NO"
        yield from wrap(f"{mark:>5}  {gate.name:<10} {gate.sentence}", WIDTH, subsequent_indent=" " * 18)
    for standing in story.assignments:
        if standing.address is not None and standing.address == family.address:
            yield f"       since      entry {standing.since}, {clock(standing.since_at)}"
    if family.candidates:
        yield ""
        yield "  Nodes"
    for candidate in family.candidates:
        mark = "owner" if candidate.node in family.nodes else "yes" if candidate.eligible else "no"
        yield from wrap(f"{mark:>9}  {candidate.node}: {candidate.sentence}", WIDTH, subsequent_indent=" " * 13)
    if family.pools:
        yield ""
        yield "  Eips"
    for pool in family.pools:
        mark = "chosen" if pool.chosen else "-"
        yield from wrap(f"{mark:>10} {pool.eip}: {pool.sentence}", WIDTH, subsequent_indent=" " * 13)
