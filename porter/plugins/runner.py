"""Runs the protocols on this node: each in a thread of its own, with its newest wanted set, disturbing no other.

Decides nothing: it is told what is wanted, whole, and reports what was applied as entries.
"""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial

from porter.events.entries import AnnouncementFailed, PluginFailed
from porter.model.assignment import Announcement
from porter.model.names import NodeName
from porter.model.objects import Nic
from porter.plugins.api import ProtocolPlugin
from porter.plugins.registry import Registry
from porter.plugins.reports import PluginHost, Report, Reported
from porter.plugins.watchdog import Watchdog
from porter.plugins.worker import Worker
from porter.reconciler.surroundings import Surroundings


class Runner:
    """The acting half of every protocol that is not a stub. Its methods may be called from any thread."""

    def __init__(
        self,
        registry: Registry,
        *,
        node: NodeName,
        nics: Callable[[], Sequence[Nic]],
        report: Report,
        surroundings: Callable[[], Surroundings] = Surroundings,
        time_limit: float = 10.0,
        gratuitous_interval: float = 0.0,
        yields_to_strangers: bool = False,
    ) -> None:
        """`nics`, `surroundings` and `report` are called from the plugins' threads and must return at once."""
        self._report = report
        self._lock = threading.Lock()
        self._silent = False
        self._failures: dict[str, str] = {}
        self._counts: Mapping[str, Mapping[str, int]] = {}
        self._unknown: dict[tuple[str, str], str] = {}
        self._watchdog = Watchdog(time_limit)
        self._workers: dict[str, Worker] = {}
        for name, plugin in registry.protocols.items():
            if plugin.stub is None:
                host = PluginHost(
                    protocol=name,
                    node=node,
                    nics=nics,
                    surroundings=surroundings,
                    gratuitous_interval=gratuitous_interval,
                    yields_to_strangers=yields_to_strangers,
                    report=self._tell,
                )
                self._workers[name] = Worker(
                    plugin,
                    host,
                    watchdog=self._watchdog,
                    failed=partial(self._note, name, plugin),
                )

    @property
    def failures(self) -> Mapping[str, str]:
        """What is wrong now, by protocol: a failed plugin stands here until a call of it succeeds."""
        with self._lock:
            return dict(sorted(self._failures.items()))

    @property
    def counts(self) -> Mapping[str, Mapping[str, int]]:
        """What the plugins had counted when `count` was last called, by protocol and name."""
        return self._counts

    def count(self) -> None:
        """Ask every plugin what it has counted. May block for a moment."""
        self._counts = {name: worker.counters() for name, worker in sorted(self._workers.items())}

    def start(self) -> None:
        """Start every plugin, each in its thread. Returns at once."""
        self._watchdog.start()
        for worker in self._workers.values():
            worker.start()

    def apply(self, wanted: Mapping[str, Sequence[Announcement]]) -> None:
        """Announce exactly these; a protocol that is not named has nothing to announce. Returns at once."""
        for name, worker in self._workers.items():
            worker.want(wanted.get(name, ()))
        unknown = {
            (name, each.address): f"no plugin on this node can announce protocol {name!r}"
            for name in sorted(wanted.keys() - self._workers.keys())
            for each in wanted[name]
        }
        with self._lock:
            fresh = unknown.keys() - self._unknown.keys()
            self._unknown = unknown
        for name, address in sorted(fresh):
            self._tell(AnnouncementFailed(address=address, protocol=name, error=unknown[name, address]))

    def again(self) -> None:
        """Have every protocol that has something to announce apply it once more: the host tells something new."""
        for worker in self._workers.values():
            worker.again()

    def stop(self, timeout: float) -> tuple[str, ...]:
        """Have every plugin withdraw everything and end. Waits at most `timeout` seconds; nothing is reported after.

        Returns the protocols that have not stopped, or failed to, sorted: what they announced may still be.
        """
        for worker in self._workers.values():
            worker.stop()
        deadline = time.monotonic() + timeout
        late = [
            name for name, worker in self._workers.items() if not worker.join(max(0.0, deadline - time.monotonic()))
        ]
        for name in late:
            self._note_late(name, timeout)
        self._silent = True
        self._watchdog.stop()
        return tuple(sorted(name for name, worker in self._workers.items() if not worker.stopped))

    def _tell(self, entry: Reported) -> None:
        if not self._silent:
            self._report(entry)

    def _note(self, name: str, plugin: ProtocolPlugin, error: str | None) -> None:
        with self._lock:
            if error is None:
                self._failures.pop(name, None)
                return
            if self._failures.get(name) == error:
                return  # tried again, and failed as before
            self._failures[name] = error
        self._tell(PluginFailed(plugin=name, version=plugin.version, error=error))

    def _note_late(self, name: str, timeout: float) -> None:
        with self._lock:
            self._failures[name] = f"it did not stop within {timeout:g} s"
