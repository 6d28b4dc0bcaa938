"""Writes entries to the log in batches: whoever waits for an entry waits for the one commit that holds it.

Entries get their number when they are added, on the event loop; one thread of its own commits them in that order. A
log that refuses (a full disk, a database that is away) or hangs (a lock, a dead disk) keeps nobody from announcing:
entries wait in memory, in order, and are tried again, and `problem` says what is wrong. A log that turns out to be
damaged is set aside, and one begins in its place.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime

from porter.agent.upkeep import Upkeep
from porter.agent.waiting import MOST, Waiting
from porter.events.entries import Applied, Entry, LogResumed, LogSetAside, Recorded
from porter.events.errors import DamagedLogError, LogError
from porter.events.log import EventLog

_LOG = logging.getLogger(__name__)
_SPACING = 0.025  # seconds from one commit to the next in a burst: each costs a millisecond or two of a core
_PAUSE = 0.05  # seconds between two small jobs of upkeep, in which other threads get their turn
_REST = 5.0  # seconds until upkeep is asked again where nothing comes
_RETRY = 1.0  # seconds between attempts while the log refuses
_PATIENCE = 2.0  # seconds that actions wait for a commit; a takeover that waits longer is worse than one not on disk


class Recorder:
    """The one writer of an agent's log. All methods belong to the event loop's thread."""

    def __init__(
        self,
        log: EventLog,
        clock: Callable[[], datetime],
        upkeep: Upkeep | None = None,
        *,
        report: Callable[[Applied], None] | None = None,
        heard: Callable[[Recorded], None] | None = None,
        most: int = MOST,
    ) -> None:
        """`report` takes what befell the log itself, and adds it; without it that is added here.

        `heard` is told of every entry when it gets its number, before it is durable.
        """
        self._heard = heard or (lambda _record: None)
        self._log = log
        self._upkeep = upkeep
        self._clock = clock
        self._report: Callable[[Applied], object] = report or self.add
        self._next = log.last_seq + 1
        self._pending = Waiting(most)
        self._durable = log.last_seq
        self._anew = False
        """The log is a new one, which the entries before those that wait are not in."""
        self._told_let_go = 0
        self._waiting: list[asyncio.Future[None]] = []
        self._wake = asyncio.Event()
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="porter-log")
        self._refused_at = 0.0
        self.problem: str | None = None
        """Why the log takes no entries at the moment, or None."""
        self.set_aside: str | None = None
        """Where the log is that was set aside last since the start, empty where it was deleted; or None."""

    @property
    def last_seq(self) -> int:
        """The number of the newest entry that was added."""
        return self._next - 1

    @property
    def behind(self) -> int:
        """How many entries are not on disk yet."""
        return len(self._pending)

    @property
    def let_go(self) -> int:
        """How many entries of this run will not be written, since too many waited."""
        return self._pending.let_go

    def add(self, entry: Entry) -> int:
        """Number an entry and queue it. It is not durable yet; see `flushed`."""
        record = Recorded(self._next, self._clock(), entry)
        self._next += 1
        self._pending.add(record)
        self._heard(record)
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
        loop, more = asyncio.get_running_loop(), False
        next_one = loop.time()
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(_PAUSE if more else _REST):
                    await self._wake.wait()
            self._wake.clear()
            while self._pending:
                await asyncio.sleep(next_one - loop.time())
                next_one = loop.time() + _SPACING
                await self._commit()
            more = await self._keep_up()

    async def close(self) -> None:
        """Commit what is left, once, store a snapshot, and end the thread. The log itself is closed by its owner."""
        if self._pending:
            await self._commit(again=False)
        if self._pending:
            _LOG.error("%d entries could not be written to the event log and are lost", len(self._pending))
        elif self._upkeep is not None:
            await self._upkeep.snapshot(self.last_seq, self._thread)
        self._thread.shutdown()

    async def _keep_up(self) -> bool:
        if self._upkeep is None:
            return False
        try:
            return await self._upkeep.turn(self.last_seq, self._thread)
        except DamagedLogError as error:
            self._refused(str(error))
            await self._begin_anew(error)
            return True

    async def _commit(self, *, again: bool = True) -> None:
        batch, waiting = self._pending.take(), self._waiting
        self._waiting = []
        has_gap = self._anew or self._pending.let_go_through > self._durable
        appending = asyncio.get_running_loop().run_in_executor(self._thread, self._append, batch, has_gap)
        try:
            done, _ = await asyncio.wait({appending}, timeout=_PATIENCE)
            if not done:
                self._refused(f"it has not answered for {_PATIENCE:g} s")
                _release([*waiting, *self._waiting])
            await appending
        except LogError as error:
            self._pending.refused()
            self._refused(str(error))
            _release([*waiting, *self._waiting])
            if isinstance(error, DamagedLogError):
                await self._begin_anew(error)
            elif again:
                await asyncio.sleep(_RETRY)
            return
        self._written(batch[-1].seq, has_gap=has_gap)
        _release(waiting)

    def _append(self, batch: Sequence[Recorded], has_gap: bool) -> None:  # noqa: FBT001 - run_in_executor takes no names
        """Append what is not there yet: after a refusal nobody knows whether the batch was written."""
        done = self._log.last_seq
        there = tuple(self._log.read(batch[0].seq - 1, done)) if done >= batch[0].seq else ()
        if there != batch[: len(there)]:
            raise LogError("another agent writes to the same stream; give each its own --node-name or its own log")
        self._log.append(batch[len(there) :], let_go=has_gap)

    def _written(self, seq: int, *, has_gap: bool) -> None:
        """Go on after entry `seq` is on disk."""
        self._pending.written()
        self._durable, self._anew = seq, False
        if has_gap and self._upkeep is not None:
            self._upkeep.overdue()
        if self.problem is not None:
            _LOG.warning("the event log takes entries again")
            problem, self.problem = self.problem, None
            seconds = round(asyncio.get_running_loop().time() - self._refused_at, 3)
            let_go, self._told_let_go = self.let_go - self._told_let_go, self.let_go
            self._report(LogResumed(problem=problem, seconds=seconds, let_go=let_go))

    async def _begin_anew(self, error: DamagedLogError) -> None:
        """Set the damaged log aside. What waits, and what follows, is written to a new one."""
        loop = asyncio.get_running_loop()
        try:
            aside = await loop.run_in_executor(self._thread, self._log.begin_anew, self._clock())
        except LogError as refusal:
            self._refused(str(refusal))
            await asyncio.sleep(_RETRY)
            return
        if aside:
            _LOG.error("the damaged event log is now %s, and a new one begins", aside)
        else:
            _LOG.error("the event log was lost, and a new one begins: %s", error)
        self.set_aside, self._anew = aside, True
        self._report(LogSetAside(to=aside, problem=str(error)))

    def _refused(self, problem: str) -> None:
        if self.problem is None:
            self._refused_at = asyncio.get_running_loop().time()
        if self.problem != problem:
            _LOG.error("the event log takes no entries, they wait in memory: %s", problem)
            self.problem = problem


def _release(waiting: Sequence[asyncio.Future[None]]) -> None:
    for future in waiting:
        if not future.done():
            future.set_result(None)
