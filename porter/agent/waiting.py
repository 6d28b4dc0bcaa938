"""Entries that wait to be written: bounded, so that a log that refuses for days does not take the machine's memory.

What waits is then compacted as a log is: observations go, and what was decided and applied stays as long as it can. A
snapshot of the state has to be stored after what is left, since nobody could fold over what went.
"""

from porter.events.codec import kind_of
from porter.events.compaction import is_noise
from porter.events.entries import Recorded

MOST = 20_000
"""So many wait at most: some 20 MB, a minute of a very busy cluster or days of a calm one."""


class Waiting:
    """The entries that are not known to be on disk, in order. Not safe to share between threads."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._records: list[Recorded] = []
        self._in_flight = 0
        self.let_go = 0
        """So many entries went."""
        self.let_go_through = 0
        """The last that went; 0 for none."""

    def __len__(self) -> int:
        return len(self._records)

    def add(self, record: Recorded) -> None:
        """Take in an entry."""
        self._records.append(record)
        if len(self._records) - self._in_flight > self._most:
            self._let_go()

    def take(self) -> tuple[Recorded, ...]:
        """Return all that waits, to be written. Until `written` or `refused` none of it goes."""
        self._in_flight = len(self._records)
        return tuple(self._records)

    def written(self) -> None:
        """Forget what was taken."""
        del self._records[: self._in_flight]
        self._in_flight = 0

    def refused(self) -> None:
        """Go on with all of it."""
        self._in_flight = 0

    def _let_go(self) -> None:
        """Drop the noise of what was not taken; where that is not enough, the older half of the story too."""
        new = self._records[self._in_flight :]
        kinds = [*(kind_of(record.entry) for record in new), ""]
        # The newest stays whatever it is: the log ends with it, and its number is known.
        story = [record for record, follower in zip(new[:-1], kinds[1:], strict=False) if not _goes(record, follower)]
        story = story[-(self._most // 2) :]
        self._records[self._in_flight :] = [*story, new[-1]]
        self.let_go += len(new) - len(story) - 1
        kept = {record.seq for record in story}
        self.let_go_through = max(record.seq for record in new[:-1] if record.seq not in kept)


def _goes(record: Recorded, follower: str) -> bool:
    return is_noise(kind_of(record.entry), follower)
