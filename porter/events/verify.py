"""Hold a log against its chain of checksums: whether it is as it was written, from its first entry to its last.

    with open_source(url_or_path, stream=stream) as source:
        found = verify(source)
    for line in found.sentences():
        print(line)
    return 0 if found.holds else 1

It reads everything once, in bounded memory, and changes nothing.
"""

from collections.abc import Callable, Iterator
from typing import Protocol

import msgspec

from porter.events.chain import GENESIS, Row, checksum, missing
from porter.events.snapshots import StoredSnapshot, is_sealed

_SHOWN = 20  # breaks that are kept; of more only the number


class Verifiable(Protocol):
    """What can be verified: a log's database, or an exported file."""

    def rows(self, after: int = 0, until: int | None = None) -> Iterator[Row]:
        """Yield the rows in order."""

    def wrong_end(self, last: int, ends_with: bytes) -> str | None:
        """Say what is wrong with an end at entry `last`, 0 for none, that has this checksum; None when nothing is."""

    def snapshots(self, until: int | None = None, *, altered: bool = False) -> Iterator[StoredSnapshot]:
        """Yield the snapshots, the newest first; with `altered` also those that are not as they were written."""


class Break(msgspec.Struct, frozen=True, kw_only=True):
    """One place in which the chain does not hold."""

    seq: int
    """The first entry that is not as it was written, or not there."""
    what: str
    """A sentence."""


class Verification(msgspec.Struct, frozen=True, kw_only=True):
    """What was found. `breaks` holds the first ones, in order; `broken` counts all of them."""

    entries: int
    first: int
    last: int
    taken_out: int
    """Entries that the chain passes over: compaction has taken them out, or the export left them out."""
    unsealed: int
    """Entries of a file that carry no checksum: it was exported by a Porter that knew none, or filtered."""
    broken: int
    breaks: tuple[Break, ...]

    @property
    def holds(self) -> bool:
        """Whether nothing is wrong."""
        return not self.broken

    def sentences(self) -> list[str]:
        """Say what was found, in lines for people: the first break, then what follows."""
        out = f", {self.taken_out} others were compacted away or not exported" if self.taken_out else ""
        read = f"{self.entries} entries, {self.first} to {self.last}{out}" if self.entries else "no entries"
        if not self.breaks:
            if self.unsealed and self.unsealed == self.entries:
                return [f"{read}: they carry no checksums, only that none is missing is known"]
            return [f"{read}: the chain holds"]
        found = [f"{read}: the chain breaks", self.breaks[0].what]
        if self.broken == 1:
            after = self.last - self.breaks[0].seq
            return [*found, "all that follows holds" if after > 0 else "nothing follows"]
        found.extend(f"then: {one.what}" for one in self.breaks[1:])
        if self.broken > len(self.breaks):
            found.append(f"and {self.broken - len(self.breaks)} more")
        return found


def verify(source: Verifiable, progress: Callable[[int], None] = lambda _: None) -> Verification:
    """Read all of a log and compare. `progress` is told the number of every 4,096th entry. Raises LogError."""
    pass_ = _Pass(source)
    for row in source.rows():
        pass_.take(row)
        if pass_.entries % 4096 == 0:
            progress(row.seq)
    return pass_.result()


class _Pass:
    """One way through a log."""

    def __init__(self, source: Verifiable) -> None:
        self.entries = 0
        self._source = source
        self._snapshots = {snapshot.seq: snapshot for snapshot in source.snapshots(altered=True)}
        self._first = self._last = self._taken_out = self._unsealed = self._broken = 0
        self._previous: bytes | None = GENESIS
        """The checksum of the entry before; None where that is not known, so that the next one is believed."""
        self._breaks: list[Break] = []

    def take(self, row: Row) -> None:
        """Compare one row with the one before it."""
        if row.seq <= self._last:
            self._wrong(row.seq, f"entry {row.seq} comes after entry {self._last}: entries were put in or moved")
            self._previous = row.checksum
            return
        if row.seq != self._last + 1:
            self._pass_over(row)
        elif self.entries and row.previous is not None and row.previous != self._previous:
            self._wrong(row.seq, f"entry {row.seq} says that it follows another entry than entry {self._last}")
        self.entries, self._first, self._last = self.entries + 1, self._first or row.seq, row.seq
        if not row.checksum:
            self._unsealed += 1
        elif self._previous is not None and checksum(self._previous, row) != row.checksum:
            self._wrong(
                row.seq,
                f"entry {row.seq} ({row.kind}) is not as it was written, or does not follow entry {row.seq - 1}",
            )
        self._previous = row.checksum or None
        snapshot = self._snapshots.get(row.seq)
        if snapshot is not None and row.checksum and not is_sealed(row.checksum, snapshot):
            self._wrong(row.seq, f"the snapshot at entry {row.seq} is not as it was written")

    def result(self) -> Verification:
        """Look at the end, and say what was found."""
        wrong_end = self._source.wrong_end(self._last, self._previous or b"")
        if wrong_end is not None:
            self._wrong(self._last + 1, wrong_end)
        return Verification(
            entries=self.entries,
            first=self._first,
            last=self._last,
            taken_out=self._taken_out,
            unsealed=self._unsealed,
            broken=self._broken,
            breaks=tuple(self._breaks),
        )

    def _pass_over(self, row: Row) -> None:
        """Entries before the row are not there: that is explained by what the chain continues from, or is a break."""
        first, last = self._last + 1, row.seq - 1
        if row.previous is not None:
            self._taken_out += last - first + 1
        elif self.entries or row.checksum:
            self._wrong(first, missing(first, last))
        self._previous = row.previous or None

    def _wrong(self, seq: int, what: str) -> None:
        self._broken += 1
        if len(self._breaks) < _SHOWN:
            self._breaks.append(Break(seq=seq, what=what))
