"""Print the story of a log, or whether this version decides as was recorded, while the log is read."""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import click
import msgspec

from porter.cli.replaying.output import Spool, print_object
from porter.events.entries import Recorded
from porter.replay.refold import Refold
from porter.replay.story import Change, Disagreement
from porter.replay.telling import Teller, disagreement_of
from porter.replay.text import change_lines, disagreement_lines, note_lines, standing_lines, verdict_line

if TYPE_CHECKING:
    from porter.replay.verifying import Verification

Check = Callable[[], None]
"""Called before an empty story is printed: raises PorterError where it is empty by a slip of the pen."""


def print_story(teller: Teller, refold: Refold, records: Iterable[Recorded], *, check: Check) -> None:
    """Print what stands and then the story, in text."""
    differences = 0
    with Spool() as changes:
        for told in _all(teller, records):
            if isinstance(told, Change):
                changes.add_lines(change_lines(told))
            else:
                differences += 1
        standing = list(teller.standing())
        if not changes.count and not standing:
            check()
        for line in standing_lines(refold.seq, refold.at, standing):
            click.echo(line)
        if refold.at is None:
            return
        click.echo("\nThe story:" if changes.count else "\nThe story: nothing has changed.")
        changes.print()
        for line in note_lines(differences):
            click.echo(line)


def print_json(teller: Teller, refold: Refold, records: Iterable[Recorded], *, check: Check) -> int:
    """Print the story as one JSON object, an item a line. Return in how many decisions this version differs."""
    with Spool() as changes, Spool() as differences:
        for told in _all(teller, records):
            (changes if isinstance(told, Change) else differences).add_item(told)
        standing = list(teller.standing())
        if not changes.count and not standing:
            check()
        print_object(
            [
                ("seq", refold.seq),
                ("at", refold.at),
                ("assignments", standing),
                ("timeline", changes),
                ("differences", differences),
                ("compared", None if refold.seq <= refold.after else {"first": refold.after + 1, "last": refold.seq}),
            ],
        )
        return differences.count


def print_verdict(verification: "Verification") -> int:
    """Print each difference as it is found, in text, then the verdict. Return how many there are."""
    differences = 0
    for found in verification.differences():
        differences += 1
        for line in disagreement_lines(disagreement_of(found)):
            click.echo(line)
    click.echo(verdict_line(verification.seq, differences, after=verification.after))
    return differences


class Follower:
    """Prints changes as they come, in text or as a JSON object a line; what waits for deeds when nothing else comes."""

    def __init__(self, *, as_json: bool) -> None:
        self._as_json = as_json
        self._teller: Teller | None = None

    def follow(self, teller: Teller, records: Iterable[Recorded]) -> None:
        """Print what is told of the records, as long as they come."""
        self._teller = teller
        for told in teller.tell(records):
            if isinstance(told, Change):
                self._show(told)

    def idle(self) -> None:
        """Print what waits: nothing more is recorded at the moment."""
        if self._teller is not None:
            for change in self._teller.flush():
                self._show(change)

    def _show(self, change: Change) -> None:
        if self._as_json:
            click.echo(msgspec.json.encode(change))
        else:
            for line in change_lines(change):
                click.echo(line)


def _all(teller: Teller, records: Iterable[Recorded]) -> Iterable[Change | Disagreement]:
    yield from teller.tell(records)
    yield from teller.flush()
