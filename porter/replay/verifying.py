"""Hold this version against the decisions of one log, a long one in parts that are folded at the same time.

Each part begins with a snapshot that the agent has stored in its log, and none is taken on trust: what comes of a part
counts only where the part before it ended in that very state. Else it is folded again from there. So what is told, and
in which order, is what one fold of the whole log tells.
"""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Final

import msgspec

from porter.events.closing import Closing
from porter.events.entries import Recorded
from porter.events.redaction.mark import is_redacted
from porter.events.sources import Source
from porter.events.sqlite_source import SqliteSource
from porter.reconciler.fold import Reconciler
from porter.reconciler.snapshot import Snapshot
from porter.replay.counting import STEP, counted
from porter.replay.moments import Moment
from porter.replay.parts import Folded, Helper, Part, cut
from porter.replay.reading import begun, read_on, records_to_fold, records_until
from porter.replay.refold import Difference, Refold

FEWEST: Final = 100_000
"""Entries that a part has at least: to begin one costs about as much as to fold a third as many."""

_AT_ONCE: Final = 4
"""Parts that are folded at once unless more are asked for: each needs the memory of the whole state."""


class Verification(Closing):
    """One log being verified. Iterate over `differences` once; close it, or use it in a `with`."""

    def __init__(
        self,
        source: Source,
        moment: Moment | None = None,
        *,
        jobs: int | None = None,
        fewest: int = FEWEST,
        progress: Callable[[int], None] = lambda _done: None,
        step: int = STEP,
    ) -> None:
        """Up to `moment`. `jobs` is how many parts are folded at once; None: as many as are of use, four at most.

        Of use is a part of `fewest` entries. `progress` is told every `step` entries how many are behind it, with those
        that were taken out.
        Raises PorterError where nothing can be folded.
        """
        self._source = source
        self._moment = moment
        self._progress, self._step = progress, step
        bounds = _bounds(source, moment, jobs, fewest) if isinstance(source, SqliteSource) else ()
        self._refold, self._records = _begun(source, moment, bounds)
        if bounds and self._refold.after >= bounds[0]:  # the snapshot that it was to begin with cannot be read
            bounds = ()
            self._refold, self._records = _begun(source, moment, bounds)
        self.after = self.seq = self._refold.after
        """The entry after which decisions are compared, 0 for the first; and the last that was read."""
        self._rules = self._refold.reconciler.rules
        self._own = 0
        """How many entries were folded in this process."""
        self._helpers = (
            [Helper(*source.place, part) for part in _parts(bounds, moment)] if isinstance(source, SqliteSource) else []
        )

    @property
    def jobs(self) -> int:
        """How many parts are folded at once."""
        return 1 + len(self._helpers)

    def differences(self) -> Iterator[Difference]:
        """Yield where this version and the record part, in the order of the entries."""
        stands: Refold | Folded = self._refold
        yield from self._fold(self._refold, self._records, is_last=not self._helpers)
        for helper in self._helpers:
            while helper.heard(None):
                self._tell(0)
            folded, part = helper.folded, helper.part
            if folded is not None and _leads_to(stands, folded.began):
                stands = folded if folded.cause is not None else msgspec.structs.replace(folded, cause=stands.cause)
                yield from folded.differences
                self.seq = folded.seq
                continue
            helper.done = 0
            stands = self._continued(stands)
            records = read_on(self._source, stands, part.after, part.until)
            yield from self._fold(stands, records, is_last=helper is self._helpers[-1])

    def close(self) -> None:
        """End what is under way. Safe to call twice."""
        for helper in self._helpers:
            helper.close()

    def _fold(self, refold: Refold, records: Iterable[Recorded], *, is_last: bool) -> Iterator[Difference]:
        before = self.seq
        is_cut = is_last and self._moment is not None
        for step in refold.steps(counted(records, before, self._tell, self._step), is_cut=is_cut, goes_on=not is_last):
            if isinstance(step, Difference):
                yield step
        self.seq = max(refold.seq, before)
        self._own += self.seq - before

    def _continued(self, stands: Refold | Folded) -> Refold:
        """Return the fold of this process where all that is behind it is in it."""
        if isinstance(stands, Refold):
            return stands
        reconciler = Reconciler.restore(self._rules, stands.ended)
        return Refold(self._rules, reconciler=reconciler, after=stands.seq, cause=stands.cause)

    def _tell(self, done: int) -> None:
        for helper in self._helpers:
            helper.heard(0)
        self._progress(self.after + self._own + done + sum(helper.done for helper in self._helpers))


def _bounds(source: SqliteSource, moment: Moment | None, jobs: int | None, fewest: int) -> Sequence[int]:
    """Return the entries whose snapshots part the log; none where it is folded in one piece."""
    if moment is not None and moment.seq is None:
        return ()  # which entries are before it is known when they are read
    last = source.last_seq if moment is None or moment.seq is None else min(source.last_seq, moment.seq)
    seqs, gap = source.snapshot_seqs(), source.whole_after
    after = min((seq for seq in seqs if seq >= gap), default=last) if gap else 0
    count = jobs or min(_AT_ONCE, len(os.sched_getaffinity(0)), (last - after) // fewest)
    if count < 2 or _is_redacted(source):  # noqa: PLR2004 - one part is the whole
        return ()
    return cut(seqs, after, last, count)


def _is_redacted(source: Source) -> bool:
    """Tell whether lots were drawn by other names: then they are taken from the record, in one piece."""
    first = next(source.read(), None)
    return first is not None and is_redacted(first)


def _begun(source: Source, moment: Moment | None, bounds: Sequence[int]) -> tuple[Refold, Iterator[Recorded]]:
    records = records_to_fold(source, bounds[0]) if bounds else records_until(source, moment)
    return begun(source, records, moment, skims=True, tells=False)


def _parts(bounds: Sequence[int], moment: Moment | None) -> Iterator[Part]:
    """Yield what is left to others: from each bound to the next, and to the end."""
    for after, until in pairwise((*bounds, None)):
        assert after is not None
        is_cut = until is None and moment is not None
        yield Part(after=after, until=moment.seq if is_cut and moment is not None else until, is_cut=is_cut)


def _leads_to(stands: Refold | Folded, began: Snapshot) -> bool:
    """Tell whether what was folded last ended in the state that the next part began with."""
    if isinstance(stands, Folded):
        return stands.ended.is_same_state(began)
    return stands.is_settled and stands.reconciler.snapshot().is_same_state(began)
