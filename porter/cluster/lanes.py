"""A queue that is fair: jobs wait in lanes, and the lanes take turns, so that a burst in one holds up no other.

It also keeps jobs apart that touch the same thing. It does no work itself.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable
from typing import Generic, TypeVar

Job = TypeVar("Job", bound=Hashable)


class Lanes(Generic[Job]):
    """Jobs in lanes. A job is in the queue once, and under way once; put again meanwhile, it comes again afterwards."""

    def __init__(self, *, lane: Callable[[Job], Hashable], locks: Callable[[Job], Iterable[Hashable]]) -> None:
        """`lane` says where a job waits, `locks` what it touches; both are asked when it matters."""
        self._lane = lane
        self._locks = locks
        self._lanes: OrderedDict[Hashable, OrderedDict[Job, None]] = OrderedDict()
        self._queued: dict[Job, Hashable] = {}
        self._running: dict[Job, frozenset[Hashable]] = {}
        self._again: set[Job] = set()
        self._blocked: OrderedDict[Job, None] = OrderedDict()
        self._held: set[Hashable] = set()
        self._ready = asyncio.Event()

    def __len__(self) -> int:
        return len(self._queued) + len(self._blocked) + len(self._running)

    def put(self, job: Job) -> None:
        """Queue the job, unless it waits already."""
        if job in self._running:
            self._again.add(job)
        elif job not in self._queued and job not in self._blocked:
            self._enqueue(job)

    def clear(self, unwanted: Callable[[Job], bool]) -> None:
        """Drop waiting jobs; those under way go on."""
        for job in [one for one in (*self._queued, *self._blocked) if unwanted(one)]:
            self._unqueue(job)
            self._blocked.pop(job, None)
        self._again = {job for job in self._again if not unwanted(job)}

    def settle(self, job: Job) -> None:
        """What the job was put again for, while under way, is done by now: it need not come again."""
        self._again.discard(job)

    async def take(self) -> Job:
        """Wait for a job that touches nothing that is being worked on; give it back with `done`."""
        while True:
            job = self._next()
            if job is not None:
                return job
            self._ready.clear()
            await self._ready.wait()

    def done(self, job: Job) -> None:
        """The job is no longer under way."""
        self._held -= self._running.pop(job)
        blocked, self._blocked = self._blocked, OrderedDict()
        for one in blocked:
            self._enqueue(one)
        if job in self._again:
            self._again.discard(job)
            self.put(job)

    def _enqueue(self, job: Job) -> None:
        lane = self._lane(job)
        self._lanes.setdefault(lane, OrderedDict())[job] = None
        self._queued[job] = lane
        self._ready.set()

    def _unqueue(self, job: Job) -> None:
        name = self._queued.pop(job, None)
        lane = self._lanes.get(name) if name is not None else None
        if lane is not None:
            lane.pop(job, None)
            if not lane:
                del self._lanes[name]

    def _next(self) -> Job | None:
        while self._lanes:
            name, lane = next(iter(self._lanes.items()))
            job = next(iter(lane))
            self._unqueue(job)
            if name in self._lanes:
                self._lanes.move_to_end(name)
            locks = frozenset(self._locks(job))
            if locks & self._held:
                self._blocked[job] = None
                continue
            self._held |= locks
            self._running[job] = locks
            return job
        return None
