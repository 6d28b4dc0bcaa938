"""Writes entries to the log in batches: whoever waits for an entry waits for the one commit that holds it.

Entries get their number when they are added, on the event loop; one thread of its own commits them in that order. A
log that refuses (a full disk, a database that is away) keeps nobody from announcing: entries wait in memory, in order,
and are tried again, and `problem` says what is wrong.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

from porter.events.entries import Entry, Recorded
from porter.events.errors import LogError
from porter.events.log import EventLog

_LOG = logging.getLogger(__name__)
_RETRY = 1.0  # seconds between attempts while the log refuses


class Recorder:
    """The one writer of an agent's log. All methods belong to the event loop's thread."""

    def __init__(self, log: EventLog, clock: Callable[[], datetime]) -> None:
        self._log = log
        self._clock = clock
        self._next = log.last_seq + 1
        self._pending: list[Recorded] = []
        self._waiting: list[asyncio.Future[None]] = []
        self._wake = asyncio.Event()
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="porter-log")
        self.problem: str | None = None
        """Why the log takes no entries at the moment, or None."""

    @property
    def last_seq(self) -> int:
        """The number of the newest entry that was added."""
        return self._next - 1

    @property
    def behind(self) -> int:
        """How many entries are not on disk yet."""
        return len(self._pending)

    def add(self, entry: Entry) -> int:
        """Number an entry and queue it. It is not durable yet; see `flushed`."""
        record = Recorded(self._next, self._clock(), entry)
        self._next += 1
        self._pending.append(record)
        self._wake.set()
        return record.seq

    async def flushed(self) -> None:
        """Wait until everything added so far is durable, or until the log has refused it once."""
        if not self._pending:
            return
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(future)
        self._wake.set()
        await future

    async def run(self) -> None:
        """Commit what is added, for as long as the agent runs. Cancel it after `close`."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._pending:
                await self._commit()

    async def close(self) -> None:
        """Commit what is left and end the thread. The log itself is closed by its owner."""
        if self._pending:
            await self._commit()
        self._thread.shutdown()

    async def _commit(self) -> None:
        batch, waiting = tuple(self._pending), self._waiting
        self._waiting = []
        try:
            await asyncio.get_running_loop().run_in_executor(self._thread, self._append, batch)
        except LogError as error:
            self._refused(str(error))
            _release(waiting)
            await asyncio.sleep(_RETRY)
            return
        del self._pending[: len(batch)]
        if self.problem is not None:
            _LOG.warning("the event log takes entries again")
            self.problem = None
        _release(waiting)

    def _append(self, batch: Sequence[Recorded]) -> None:
        """Append what is not there yet: after a refusal nobody knows whether the batch was written."""
        done = self._log.last_seq
        self._log.append([record for record in batch if record.seq > done])

    def _refused(self, problem: str) -> None:
        if self.problem != problem:
            _LOG.error("the event log takes no entries, they wait in memory: %s", problem)
            self.problem = problem


def _release(waiting: Sequence[asyncio.Future[None]]) -> None:
    for future in waiting:
        if not future.done():
            future.set_result(None)
