"""Writes entries to the log in batches: whoever waits for an entry waits for the one commit that holds it.

Entries get their number when they are added, on the event loop; one thread of its own commits them in that order. A
log that refuses (a full disk, a database that is away) or hangs (a lock, a dead disk) keeps nobody from announcing:
entries wait in memory, in order, and are tried again, and `problem` says what is wrong.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime

from porter.agent.upkeep import Upkeep
from porter.events.entries import Entry, Recorded
from porter.events.errors import LogError
from porter.events.log import EventLog

_LOG = logging.getLogger(__name__)
_PAUSE = 0.05  # seconds between two small jobs of upkeep, in which other threads get their turn
_REST = 5.0  # seconds until upkeep is asked again where nothing comes
_RETRY = 1.0  # seconds between attempts while the log refuses
_PATIENCE = 2.0  # seconds that actions wait for a commit; a takeover that waits longer is worse than one not on disk


class Recorder:
    """The one writer of an agent's log. All methods belong to the event loop's thread."""

    def __init__(self, log: EventLog, clock: Callable[[], datetime], upkeep: Upkeep | None = None) -> None:
        self._log = log
        self._upkeep = upkeep
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
        """Wait until everything added so far is durable; while the log refuses or hangs, do not wait."""
        if not self._pending or self.problem is not None:
            return
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(future)
        self._wake.set()
        await future

    async def run(self) -> None:
        """Commit what is added, for as long as the agent runs. Cancel it after `close`."""
        more = False
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(_PAUSE if more else _REST):
                    await self._wake.wait()
            self._wake.clear()
            while self._pending:
                await self._commit()
            more = self._upkeep is not None and await self._upkeep.turn(self.last_seq, self._thread)

    async def close(self) -> None:
        """Commit what is left, once, store a snapshot, and end the thread. The log itself is closed by its owner."""
        if self._pending:
            await self._commit(again=False)
        if self._upkeep is not None and not self._pending:
            await self._upkeep.snapshot(self.last_seq, self._thread)
        if self._pending:
            _LOG.error("%d entries could not be written to the event log and are lost", len(self._pending))
        self._thread.shutdown()

    async def _commit(self, *, again: bool = True) -> None:
        batch, waiting = tuple(self._pending), self._waiting
        self._waiting = []
        appending = asyncio.get_running_loop().run_in_executor(self._thread, self._append, batch)
        try:
            done, _ = await asyncio.wait({appending}, timeout=_PATIENCE)
            if not done:
                self._refused(f"it has not answered for {_PATIENCE:g} s")
                _release([*waiting, *self._waiting])
            await appending
        except LogError as error:
            self._refused(str(error))
            _release([*waiting, *self._waiting])
            if again:
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
        there = tuple(self._log.read(batch[0].seq - 1, done)) if done >= batch[0].seq else ()
        if there != batch[: len(there)]:
            raise LogError("another agent writes to the same stream; give each its own --node-name or its own log")
        self._log.append(batch[len(there) :])

    def _refused(self, problem: str) -> None:
        if self.problem != problem:
            _LOG.error("the event log takes no entries, they wait in memory: %s", problem)
            self.problem = problem


def _release(waiting: Sequence[asyncio.Future[None]]) -> None:
    for future in waiting:
        if not future.done():
            future.set_result(None)
