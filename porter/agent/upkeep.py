"""Keeps an agent's log in shape while it is written: snapshots, so that a start is short, and compaction.

Each job is small, and is given to the thread that commits entries when none waits there; so an entry that comes
meanwhile waits for a few milliseconds of work at most.
"""

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import Executor
from datetime import datetime

from porter.events.errors import DamagedLogError, LogError
from porter.events.log import EventLog
from porter.events.retention import DEFAULT, Retention
from porter.reconciler.resuming import packed
from porter.reconciler.snapshot import Snapshot

_LOG = logging.getLogger(__name__)
EVERY = 10_000
"""Entries between snapshots: so many are folded at a start, in about a tenth of a second."""
_HURRY = 1_000  # or so many, while the log is larger than it is to be
_LONGEST = 6 * 3600.0  # seconds between snapshots, so that what is old can go also where little happens
_LOOK = 60.0  # seconds between looks whether there is anything to take out
_LOOK_ENTRIES = 1_000  # or so many entries
_PAGES = 64  # of 4 KiB: how many are given back to the disk in one step


class Upkeep:
    """Belongs to the event loop's thread; see `Recorder`, which calls it."""

    def __init__(
        self,
        log: EventLog,
        *,
        state: Callable[[], Snapshot],
        clock: Callable[[], datetime],
        snapshot: int | None = 0,
        retention: Retention = DEFAULT,
        every: int = EVERY,
    ) -> None:
        """`state` gives what follows from all entries that were added; `snapshot` is the entry of the newest snapshot.

        None for a state that no entry or snapshot in the log leads to: then one is stored at once.
        """
        self._log = log
        self._state = state
        self._clock = clock
        self._snapshot = snapshot or 0
        self._overdue = snapshot is None
        self._snapshot_at = asyncio.get_running_loop().time()
        self._retention = retention
        self._every = min(every, retention.entries // 8)
        self._looked = (float("-inf"), 0)
        self._compacting = self._too_large = False
        self._storing = asyncio.Lock()

    async def turn(self, seq: int, thread: Executor) -> bool:
        """Do one small job if one is due, and tell whether there is more to do now.

        All entries up to `seq` are on disk, and no other was added yet. Raises DamagedLogError.
        """
        loop = asyncio.get_running_loop()
        due = (
            seq - self._snapshot >= (_HURRY if self._too_large else self._every)
            or loop.time() - self._snapshot_at > _LONGEST
        )
        if due or self._overdue:
            await self.snapshot(seq, thread)
        looked_at, looked_seq = self._looked
        if self._compacting or loop.time() - looked_at >= _LOOK or seq - looked_seq >= _LOOK_ENTRIES:
            self._looked = (loop.time(), seq)
            try:
                self._compacting = await loop.run_in_executor(thread, self._compact)
                self._too_large = await loop.run_in_executor(thread, self._log.exceeds, self._retention)
            except DamagedLogError:
                raise
            except LogError as error:
                self._compacting = False
                _LOG.warning("the event log was not compacted: %s", error)
            except Exception:  # noqa: BLE001 - a bug in what tidies up must not end what announces
                self._compacting = False
                _LOG.exception("the event log was not compacted")
        return self._compacting

    def overdue(self) -> None:
        """Store a snapshot in the next turn: nobody could fold up to here without it."""
        self._overdue = True

    async def snapshot(self, seq: int, thread: Executor) -> None:
        """Store a snapshot of the state as it is, which is that after entry `seq`.

        One at a time: who asks while one is stored waits until it is there, or was given up.
        """
        async with self._storing:
            await self._store(seq, thread)

    async def _store(self, seq: int, thread: Executor) -> None:
        loop = asyncio.get_running_loop()
        self._snapshot_at = loop.time()
        if seq == self._snapshot and not self._overdue:
            return
        before = self._snapshot, self._overdue
        self._overdue = False
        self._snapshot = seq  # also when it fails: it only saves time, and is tried again after as many entries
        state, at = self._state(), self._clock()
        try:
            stored = await loop.run_in_executor(None, lambda: packed(state, seq=seq, at=at))
            await loop.run_in_executor(thread, self._log.store_snapshot, stored)
        except LogError as error:
            _LOG.warning("no snapshot of the state was stored: %s", error)
        except asyncio.CancelledError:  # the agent stops, and asks for one at its end: perhaps this one is not there
            self._snapshot, self._overdue = before
            raise

    def _compact(self) -> bool:
        return self._log.compact(self._retention, self._clock()) or self._log.give_back(_PAGES)
