"""Redact a whole log: its entries, and of a compacted one the snapshots that a replay of it begins with.

    log = RedactedLog(source)
    write_file(log.rows(after, until), path, log.snapshots(after, until))

Two passes over the source, one for the names and one for the rows; a third over a compacted one.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime

import msgspec

from porter.events import entries as e
from porter.events.chain import Row, moment
from porter.events.entries import RESOURCES, Observed, Recorded
from porter.events.redaction.redactor import Redactor, sealed
from porter.events.snapshots import StoredSnapshot, seal
from porter.events.sources import Source
from porter.model.names import NodeName
from porter.reconciler.resuming import packed, unpacked
from porter.reconciler.snapshot import Snapshot
from porter.reconciler.world import World


class RedactedLog:
    """A log under other names. They are numbered over all of it, so that parts of it fit together."""

    def __init__(self, source: Source, records: Iterable[Recorded] | None = None) -> None:
        """Read all names. `records` are those of the source, when somebody watches how far they are read."""
        self._source = source
        self._states = list(_states(source)) if source.whole_after else []
        redactor = Redactor()
        for record in source.read() if records is None else records:
            redactor.note(record.entry)
        for _, state in self._states:
            for value in (*entries_of(state.world()), *state.assignments, *state.pools):
                redactor.note(value)
        redactor.settle()
        self.redactor = redactor

    def rows(self, after: int = 0, until: int | None = None) -> Iterator[Row]:
        """Yield a part of the log, with a chain of checksums of its own."""
        return sealed(map(self.redactor.redact, self._source.read(after, until)))

    def snapshots(self, after: int = 0, until: int | None = None) -> Iterator[StoredSnapshot]:
        """Yield the snapshots of that part, the newest first. A log that was not compacted needs none."""
        wanted = {
            stored.seq for stored, _ in self._states if after < stored.seq and (until is None or stored.seq <= until)
        }
        if not wanted:
            return
        checksums = {row.seq: row.checksum for row in self.rows(after, until) if row.seq in wanted}
        for stored, state in self._states:
            if stored.seq in checksums:
                redacted = packed(self._redacted(state), seq=stored.seq, at=_at(stored))
                yield msgspec.structs.replace(redacted, checksum=seal(checksums[stored.seq], redacted))

    def _redacted(self, state: Snapshot) -> Snapshot:
        world = World()
        for entry in entries_of(state.world()):
            world.apply(self.redactor.value(entry))
        return Snapshot(
            state=msgspec.json.encode(world),
            assignments=tuple(map(self.redactor.value, state.assignments)),
            pools=tuple(map(self.redactor.value, state.pools)),
        )


def entries_of(world: World) -> Iterator[Observed]:
    """Yield entries that lead from nothing to this world: what the walk over values knows how to redact."""
    yield e.AgentStarted(node=world.leader or NodeName(""), porter="", schema="", options=world.options)
    yield e.Relisted(
        resource=next(iter(sorted(world.listed)), RESOURCES[0]),
        total=0,
        services=tuple(world.services.values()),
        eips=tuple(world.eips.values()),
        nodes=tuple(world.nodes.values()),
        endpoints=tuple(world.slices.values()),
        namespaces=tuple(world.namespaces.values()),
        agents=tuple(world.agents.values()),
    )
    if not world.listed:
        yield e.AgentStarted(node=world.leader or NodeName(""), porter="", schema="", options=world.options)
    yield from (e.Relisted(resource=resource, total=0) for resource in sorted(world.listed))
    yield from (e.AgentSilent(node=node, seconds=0) for node in sorted(world.silent))
    yield e.ClusterObserved(cluster=world.cluster)
    yield e.LeaderObserved(holder=world.leader)
    yield from world.claimed.values()


def _states(source: Source) -> Iterator[tuple[StoredSnapshot, Snapshot]]:
    for stored in source.snapshots():
        state = unpacked(stored)
        if state is not None:
            yield stored, state


def _at(stored: StoredSnapshot) -> datetime:
    return moment(stored.at)
