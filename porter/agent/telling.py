"""What the agent tells people: a line in its log for every decision that changed, its status, its readiness."""

import logging
import time
from collections.abc import Mapping
from typing import Any

from porter.agent.pages.metrics import Readings
from porter.agent.pipeline import Pipeline
from porter.agent.recent import Recent
from porter.agent.recorder import Recorder
from porter.agent.settings import Settings
from porter.agent.words import Words
from porter.cluster.adapter import ClusterAdapter
from porter.cluster.health import Trouble
from porter.events.entries import (
    RESOURCES,
    AnnouncementFailed,
    Applied,
    AssignmentDecided,
    AssignmentEnded,
    Decided,
    Entry,
    PluginFailed,
    PoolDecided,
    PublishFailed,
)
from porter.events.sentences import sentence
from porter.plugins.runner import Runner
from porter.plugins.shipped import shipped_version
from porter.reconciler.fold import Reconciler

_LOG = logging.getLogger("porter")
_NOWHERE = "nowhere: it was deleted, or moved away, while the agent wrote to it"


class Teller:
    """Reads the parts of an agent; changes none of them. Belongs to the event loop."""

    def __init__(
        self,
        settings: Settings,
        *,
        reconciler: Reconciler,
        recorder: Recorder,
        pipeline: Pipeline,
        runner: Runner,
        adapter: ClusterAdapter,
        recent: Recent,
        words: Words,
    ) -> None:
        self._settings = settings
        self._recent = recent
        self._words = words
        self._reconciler = reconciler
        self._recorder = recorder
        self._pipeline = pipeline
        self._runner = runner
        self._adapter = adapter

    def decided(self, decision: Decided) -> None:
        """Say what was decided."""
        match decision:
            case AssignmentDecided(assignment=assignment):
                well = assignment.address is not None and bool(assignment.nodes)
            case AssignmentEnded():
                well = True
            case PoolDecided(pool=pool):
                well = pool.ready
        _say(logging.INFO if well else logging.WARNING, decision)

    def applied(self, entry: Applied) -> None:
        """Say what was done, and what could not be."""
        failed = isinstance(entry, AnnouncementFailed | PluginFailed | PublishFailed)
        _say(logging.ERROR if failed else logging.INFO, entry)

    def problems(self) -> list[Trouble]:
        """Return what keeps the agent from doing all of its work; nothing when it is ready."""
        waiting = tuple(kind for kind in RESOURCES if kind not in self._reconciler.world.listed)
        unlisted = Trouble(what=waiting, sentence="not listed yet since the agent started")
        return [*self.troubles(), *([unlisted] if waiting else ())]

    def troubles(self) -> list[Trouble]:
        """Return what went wrong and is not well yet."""
        found = list(self._adapter.health.troubles)
        if self._recorder.problem is not None:
            found.append(Trouble(what=("event log",), sentence=self._recorder.problem))
        found.extend(Trouble(what=(f"plugin {name}",), sentence=error) for name, error in self._runner.failures.items())
        return found

    def version(self) -> object:
        """Return what is equal as long as nothing has changed that the status tells. Cheap."""
        return (self._recorder.last_seq, self._recent.complete, self._adapter.is_leader, *map(str, self.problems()))

    def status(self) -> Mapping[str, Any]:
        """Return everything at a glance, as plain data."""
        reconciler, node, aside = self._reconciler, self._settings.node, self._recorder.set_aside
        problems = [str(problem) for problem in self.problems()]
        return {
            "node": node,
            "version": shipped_version(),
            "leader": reconciler.world.leader,
            "leading": self._adapter.is_leader,
            "ready": not problems,
            "problems": problems,
            "log": {
                "last_seq": self._recorder.last_seq,
                "waiting": self._recorder.behind,
                "let_go": self._recorder.let_go,
                "set_aside": _NOWHERE if aside == "" else aside,
            },
            "assignments": [
                {
                    "service": assignment.service,
                    "family": assignment.family,
                    "address": assignment.address,
                    "eip": assignment.eip,
                    "protocol": assignment.protocol,
                    "nodes": assignment.nodes,
                    "reason": assignment.sentence,
                    "failure": self._words.failures.get(assignment.address or ""),
                    "since": self._recent.since(assignment.service, assignment.family),
                }
                for _, assignment in sorted(reconciler.decisions.assignments.items())
            ],
            "announcing": {
                protocol: [{"address": one.address, "nic": one.nic, "services": one.services} for one in announcements]
                for protocol, announcements in reconciler.announcements(node).items()
            },
            "eips": [
                {"eip": pool.eip, "ready": pool.ready, "reason": pool.reason, "sentence": pool.reason.sentence}
                for _, pool in sorted(reconciler.decisions.pools.items())
            ],
            "changes": self._recent.changes,
        }

    def readings(self) -> Readings:
        """Return what the metrics show."""
        assignments = self._reconciler.decisions.assignments.values()
        announcements = self._reconciler.announcements(self._settings.node)
        now = time.monotonic()
        return Readings(
            entries=self._pipeline.counts,
            entries_waiting=self._recorder.behind,
            problems=len(self.problems()),
            addresses=len({one.address for one in assignments if one.address is not None}),
            waiting_services=len({one.service for one in assignments if one.address is None}),
            unannounced=len({one.address for one in assignments if one.address is not None and not one.nodes}),
            announced=sum(len(group) for group in announcements.values()),
            failing=len(self._words.failures),
            leader=self._adapter.is_leader,
            plugin_failures=self._runner.failures,
            plugin_counts=self._runner.counts,
            watch_ages={
                watch.resource: now - watch.watermark
                for watch in self._adapter.health.watches
                if watch.watermark is not None
            },
        )


def _say(level: int, entry: Entry) -> None:
    """Write a line, and let whoever formats it have the entry that it tells of."""
    _LOG.log(level, "%s", sentence(entry), extra={"entry": entry})
