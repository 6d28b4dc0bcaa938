"""Which entries a command is about: by kind and word, by what they concern, and from when to when."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import click
import msgspec

from porter.cli.options import Decorator
from porter.events.chain import moment
from porter.events.codec import KINDS, kind_of, word_of
from porter.events.entries import Recorded
from porter.events.sources import Source
from porter.events.subjects import concerns_address, concerns_eip, concerns_node, concerns_service
from porter.model.addresses import Address, parse_address
from porter.replay.moments import Moment, parse_moment


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """Entries that were asked for; what is None or empty chooses nothing out."""

    kinds: tuple[str, ...] = ()
    word: str | None = None
    service: str | None = None
    eip: str | None = None
    node: str | None = None
    address: Address | None = None
    after: int = 0
    begin: Moment | None = None
    until: Moment | None = None

    def fits(self, recorded: Recorded) -> bool:
        """Tell whether an entry is of the kind, and about what was asked for. When it was is not looked at."""
        entry = recorded.entry
        return (
            (not self.kinds or kind_of(entry) in self.kinds)
            and (self.word is None or word_of(entry) == self.word)
            and (self.service is None or concerns_service(entry, self.service))
            and (self.eip is None or concerns_eip(entry, self.eip))
            and (self.node is None or concerns_node(entry, self.node))
            and (self.address is None or concerns_address(entry, self.address))
        )

    def of(self, source: Source) -> Iterator[Recorded]:
        """Yield the chosen entries of a source, the oldest first."""
        return filter(self.fits, self.within(source))

    def within(self, source: Source) -> Iterator[Recorded]:
        """Yield the entries from the first to the last that was asked for, whatever they are about."""
        after, until = self.bounds(source)
        return source.read(after, until)

    def bounds(self, source: Source) -> tuple[int, int | None]:
        """Return the entry after which to begin and the one to end with, None for the newest.

        A time is looked for from the beginning: the first entry that is not before it, the last before one after it.
        """
        begin, until = self.begin or Moment(seq=0), self.until or Moment()
        after, last = max(self.after, (begin.seq or 1) - 1), until.seq
        if begin.at is None and until.at is None:
            return after, last
        found = begin.at is None
        for row in source.rows(after, last):
            at = moment(row.at)
            if until.at is not None and at > until.at:
                return after, row.seq - 1
            found = found or at >= (begin.at or at)
            if found and until.at is None:
                return row.seq - 1, last
            after = after if found else row.seq
        return after, last


def what_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options that choose by what an entry is and concerns."""
    options: tuple[Decorator, ...] = (
        click.option(
            "--kind", "kinds", metavar="KIND", multiple=True, help="Only this kind, as service.observed. Repeatable."
        ),
        click.option(
            "--word", type=click.Choice(["observed", "decided", "applied"]), help="Only entries of this word."
        ),
        click.option("--service", metavar="NS/NAME", help="Only entries about this Service."),
        click.option("--eip", metavar="NAME", help="Only entries about this Eip, or an address of it."),
        click.option("--node", metavar="NAME", help="Only entries about this node."),
        click.option("--address", metavar="IP", help="Only entries about this address."),
    )
    for option in reversed(options):
        command = option(command)
    return command


def when_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options that choose from when to when."""
    options: tuple[Decorator, ...] = (
        click.option("--from", "begin", metavar="MOMENT", help="Begin with an entry's number, at a time, or -15m ago."),
        click.option("--until", metavar="MOMENT", help="End with an entry's number, at a time, or -15m ago."),
        click.option("--after", metavar="SEQ", type=click.IntRange(0), default=0, help="Begin after this entry."),
    )
    for option in reversed(options):
        command = option(command)
    return command


def choice_of(
    *,
    kinds: tuple[str, ...] = (),
    word: str | None = None,
    service: str | None = None,
    eip: str | None = None,
    node: str | None = None,
    address: str | None = None,
    after: int = 0,
    begin: str | None = None,
    until: str | None = None,
) -> Choice:
    """Read the options. Raises click.BadParameter, or MomentError, in a sentence."""
    for kind in kinds:
        if kind not in KINDS:
            raise click.BadParameter(f"{kind!r} is not a kind of entry. Kinds: {', '.join(KINDS)}", param_hint="--kind")
    if service is not None and service.count("/") != 1:
        raise click.BadParameter(f"{service!r} is not NAMESPACE/NAME", param_hint="--service")
    wanted = None if address is None else parse_address(address)
    if address is not None and wanted is None:
        raise click.BadParameter(f"{address!r} is not an IP address", param_hint="--address")
    now = datetime.now(UTC)
    return Choice(
        kinds=kinds,
        word=word,
        service=service,
        eip=eip,
        node=node,
        address=wanted,
        after=after,
        begin=None if begin is None else parse_moment(begin, now),
        until=None if until is None else parse_moment(until, now),
    )
