"""The one way of every observation: numbered, folded, decided, written down, and only then acted upon.

Observations that arrive while a batch is being committed make up the next batch, so a burst costs few commits.
"""

import asyncio
from collections import Counter
from collections.abc import Callable

import msgspec

from porter.agent.recorder import Recorder
from porter.events.codec import word_of
from porter.events.entries import Applied, AssignmentDecided, AssignmentEnded, Decided, Entry, Observed
from porter.model.names import ServiceKey
from porter.reconciler.fold import Reconciler


class Batch(msgspec.Struct, frozen=True, kw_only=True):
    """What one commit holds: what was observed, and what was decided because of it."""

    observed: tuple[Observed, ...]
    decided: tuple[Decided, ...]

    def services_decided(self) -> set[ServiceKey]:
        """Return the Services of which something was decided."""
        found = set[ServiceKey]()
        for decided in self.decided:
            match decided:
                case AssignmentDecided(assignment=assignment):
                    found.add(assignment.service)
                case AssignmentEnded(service=service):
                    found.add(service)
                case _:
                    pass
        return found


class Pipeline:
    """Feeds one reconciler and one recorder. All methods belong to the event loop's thread."""

    def __init__(self, reconciler: Reconciler, recorder: Recorder, act: Callable[[Batch], None]) -> None:
        """`act` is called after the batch is durable; it starts what must be done, and returns at once."""
        self._reconciler = reconciler
        self._recorder = recorder
        self._act = act
        self._queue: list[Observed] = []
        self._wake = asyncio.Event()
        self.counts: Counter[str] = Counter()
        """Entries added since the start, by word."""

    def observe(self, entry: Observed) -> None:
        """Take in an observation. It is folded soon, in the order of these calls."""
        self._queue.append(entry)
        self._wake.set()

    def applied(self, entry: Applied) -> None:
        """Write down what was done. Nothing waits for it."""
        self._add(entry)

    async def run(self) -> None:
        """Process observations for as long as the agent runs."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._queue:
                await self.step()

    async def step(self) -> None:
        """Process everything that was observed until now."""
        observed, self._queue = tuple(self._queue), []
        decided: list[Decided] = []
        for entry in observed:
            for decision in self._reconciler.fold(entry, self._add(entry)):
                self._add(decision)
                decided.append(decision)
        await self._recorder.flushed()
        self._act(Batch(observed=observed, decided=tuple(decided)))

    def _add(self, entry: Entry) -> int:
        self.counts[word_of(entry)] += 1
        return self._recorder.add(entry)
