"""Keeps an agent's log in shape while it is written: snapshots of the state, so that a start is short.

Each job is small, and is given to the thread that commits entries only when none waits there.
"""

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import Executor
from datetime import datetime

from porter.events.errors import LogError
from porter.events.log import EventLog
from porter.reconciler.resuming import packed
from porter.reconciler.snapshot import Snapshot

_LOG = logging.getLogger(__name__)
EVERY = 10_000
"""Entries between snapshots: so many are folded at a start, in about a tenth of a second."""


class Upkeep:
    """Belongs to the event loop's thread; see `Recorder`, which calls it."""

    def __init__(
        self,
        log: EventLog,
        *,
        state: Callable[[], Snapshot],
        clock: Callable[[], datetime],
        snapshot: int = 0,
        every: int = EVERY,
    ) -> None:
        """`state` gives what follows from all entries that were added; `snapshot` is the newest that there is."""
        self._log = log
        self._state = state
        self._clock = clock
        self._snapshot = snapshot
        self._every = every

    async def after_commit(self, seq: int, thread: Executor) -> None:
        """Store a snapshot when it is time. All entries up to `seq` are on disk, and no other was added yet."""
        if seq - self._snapshot >= self._every:
            await self.snapshot(seq, thread)

    async def snapshot(self, seq: int, thread: Executor) -> None:
        """Store a snapshot of the state as it is, which is that after entry `seq`."""
        if seq == self._snapshot:
            return
        self._snapshot = seq  # also when it fails: it only saves time, and is tried again after as many entries
        state, at = self._state(), self._clock()
        loop = asyncio.get_running_loop()
        stored = await loop.run_in_executor(None, lambda: packed(state, seq=seq, at=at))
        try:
            await loop.run_in_executor(thread, self._log.store_snapshot, stored)
        except LogError as error:
            _LOG.warning("no snapshot of the state was stored: %s", error)
