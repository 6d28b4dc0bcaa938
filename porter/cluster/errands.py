"""Jobs that are tried until they succeed: fairly, a few at once, later again after a failure, each failure told once.

It knows nothing of what a job does.
"""

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Iterable
from typing import Literal, TypeAlias

from porter.cluster.backoff import Backoff
from porter.cluster.errors import ClusterError, MendableError, ThrottledError
from porter.cluster.lanes import Lanes
from porter.cluster.timings import PublishTimings

Job: TypeAlias = tuple[Literal["service", "eip", "announced"], str]


class Errands:
    """Runs jobs. `do` raises a ClusterError when the job must be tried again."""

    def __init__(
        self,
        *,
        do: Callable[[Job], Awaitable[None]],
        may: Callable[[Job], bool],
        lane: Callable[[Job], Hashable],
        locks: Callable[[Job], Iterable[Hashable]],
        complain: Callable[[Job, str], None],
        throttled: Callable[[Job, float], None],
        timings: PublishTimings,
    ) -> None:
        """`may` tells whether a job may be done at all now; one that may not is dropped, not kept.

        `throttled` is called with the seconds that the server asks to wait, and the job that it refused.
        """
        self._do = do
        self._may = may
        self._complain = complain
        self._throttled = throttled
        self._timings = timings
        self._lanes: Lanes[Job] = Lanes(lane=lane, locks=locks)
        self._later: dict[Job, asyncio.TimerHandle] = {}
        self._waits: dict[Job, Backoff] = {}
        self._told: dict[Job, str] = {}

    @property
    def busy(self) -> bool:
        """Something waits, or is being done."""
        return bool(len(self._lanes) or self._later)

    @property
    def at_work(self) -> bool:
        """Something is being done, or will be as soon as its turn comes."""
        return bool(len(self._lanes))

    def put(self, job: Job) -> None:
        """Do the job soon."""
        self._cancel(job)
        if self._may(job):
            self._lanes.put(job)

    def put_later(self, job: Job, wait: float) -> None:
        """Do the job after some seconds, unless it is put before."""
        self._cancel(job)
        self._later[job] = asyncio.get_running_loop().call_later(wait, self.put, job)

    def drop(self, unwanted: Callable[[Job], bool]) -> None:
        """Forget jobs that wait; those under way end by themselves."""
        self._lanes.clear(unwanted)
        for job in [one for one in self._later if unwanted(one)]:
            self._cancel(job)

    def tell(self, job: Job, sentence: str) -> None:
        """Complain about a job, once for each distinct sentence."""
        if self._told.get(job) != sentence:
            self._told[job] = sentence
            self._complain(job, sentence)

    def forget(self, job: Job) -> None:
        """All is well with the job, or its object is gone."""
        self._told.pop(job, None)
        self._waits.pop(job, None)

    def settle(self, job: Job) -> None:
        """All is well with a job that is being done, as things are now: whatever it was put again for meanwhile."""
        self.forget(job)
        self._lanes.settle(job)

    async def work(self) -> None:
        """Do one job after the other until cancelled; several of these may run."""
        while True:
            job = await self._lanes.take()
            try:
                if self._may(job):
                    await self._do(job)
            except ClusterError as error:
                if isinstance(error, ThrottledError):
                    self._throttled(job, error.retry_after)
                self.tell(job, str(error))
                self.put_later(job, self._wait(job, error))
            else:
                self._waits.pop(job, None)
            finally:
                self._lanes.done(job)
            await asyncio.sleep(0)

    def stop(self) -> None:
        """Forget what was to come later."""
        for timer in self._later.values():
            timer.cancel()
        self._later.clear()

    def _wait(self, job: Job, error: ClusterError) -> float:
        timings = self._timings
        backoff = self._waits.setdefault(job, Backoff(first=timings.first_wait, most=timings.longest_wait))
        wait = backoff.next()
        if isinstance(error, ThrottledError):
            return max(wait, error.retry_after)
        return max(wait, timings.longest_wait / 3) if isinstance(error, MendableError) else wait

    def _cancel(self, job: Job) -> None:
        if (timer := self._later.pop(job, None)) is not None:
            timer.cancel()
