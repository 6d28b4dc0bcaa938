"""An agent goes on from the newest snapshot that it can read and the entries after it, and from nothing altered."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import pytest

from porter.agent.pipeline import Pipeline
from porter.agent.recorder import Recorder
from porter.agent.starting import state_of
from porter.agent.upkeep import Upkeep
from porter.events.codec import is_observed
from porter.events.compaction import STEP
from porter.events.entries import Observed, Recorded
from porter.events.errors import DamagedLogError
from porter.events.log import EventLog
from porter.events.retention import FOR_EVER, Retention
from porter.events.snapshots import StoredSnapshot
from porter.events.verify import verify
from porter.reconciler.fold import Reconciler
from porter.reconciler.resuming import FORMAT, packed
from tests.events.conftest import Place
from tests.logs import recorded
from tests.worlds import RULES, eip, endpoints, lasting, nodes, observed, published, relisted, service

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def life() -> list[Observed]:
    plain = service("default/web")
    ends = [endpoints("default/web", *names) for names in (("node1",), ("node1", "node2"), ("node3",)) * 5]
    return [
        *map(observed, nodes(3)),
        observed(eip("pool", "192.168.0.91-192.168.0.100", interface="eth0")),
        *relisted(),
        observed(plain),
        observed(published(plain, "192.168.0.91", node="node1")),
        *map(observed, ends),
        observed(service("default/two", age=1)),
    ]


RECORDS = recorded(life(), RULES)
CUT = 20


def written(path: Path, *snapshots: StoredSnapshot) -> Place:
    place = Place(url=f"sqlite:///{path}/porter.db")
    with place.writer() as log:
        log.append(RECORDS)
        for snapshot in snapshots:
            log.store_snapshot(snapshot)
    return place


def folded(records: list[Recorded]) -> Reconciler:
    reconciler = Reconciler(RULES)
    reconciler.fold_all(records)
    return reconciler


def snapshot(seq: int) -> StoredSnapshot:
    return packed(folded(RECORDS[:seq]).snapshot(), seq=seq, at=NOW)


def begun(place: Place) -> int:
    """Start as an agent does; hold its state to a fold of everything, and return where it went on from."""
    with place.writer() as log:
        reconciler, seq = state_of(log, RULES)
    whole = folded(RECORDS)
    assert reconciler.world == whole.world
    assert lasting(reconciler.decisions) == lasting(whole.decisions)
    assert seq is not None
    assert reconciler.announcements(RECORDS[0].entry.node.name) == whole.announcements(RECORDS[0].entry.node.name)  # type: ignore[union-attr]
    return seq


def test_without_a_snapshot_every_entry_is_folded(tmp_path: Path) -> None:
    assert begun(written(tmp_path)) == 0


@pytest.mark.parametrize("cut", [1, CUT, len(RECORDS)])
def test_a_start_goes_on_from_the_newest_snapshot(tmp_path: Path, cut: int) -> None:
    assert begun(written(tmp_path, *map(snapshot, {1, cut}))) == cut


def test_nothing_before_the_snapshot_is_read(tmp_path: Path) -> None:
    place = written(tmp_path, snapshot(CUT))
    place.execute(f"UPDATE entry SET body = 'not even JSON' WHERE seq < {CUT}")

    assert begun(place) == CUT


@pytest.mark.parametrize(
    "spoilt",
    [
        StoredSnapshot(seq=CUT + 2, at=0, format=FORMAT + 1, state=b""),
        StoredSnapshot(seq=CUT + 2, at=0, format=FORMAT, state=b"not deflated"),
        StoredSnapshot(seq=CUT + 2, at=0, format=FORMAT, state=snapshot(CUT).state[:-20]),
    ],
    ids=["another format", "no state", "half a state"],
)
def test_a_snapshot_that_cannot_be_read_is_passed_over(tmp_path: Path, spoilt: StoredSnapshot) -> None:
    assert begun(written(tmp_path, snapshot(CUT), spoilt)) == CUT


def test_a_snapshot_that_was_altered_is_passed_over(tmp_path: Path) -> None:
    place = written(tmp_path, snapshot(CUT), snapshot(CUT + 2))
    place.execute(f"UPDATE snapshot SET state = (SELECT state FROM snapshot WHERE seq = {CUT}) WHERE seq = {CUT + 2}")

    assert begun(place) == CUT


@pytest.mark.parametrize(
    "statement",
    [
        f"UPDATE entry SET body = replace(body, 'node', 'mode') WHERE seq = {CUT + 4}",
        f"DELETE FROM entry WHERE seq = {CUT + 4}",
        f"DELETE FROM entry WHERE seq > {CUT + 4}",
        f"UPDATE entry SET body = 'not even JSON' WHERE seq = {CUT + 4}",
    ],
)
def test_entries_after_the_snapshot_that_were_altered_are_not_gone_on_from(tmp_path: Path, statement: str) -> None:
    place = written(tmp_path, snapshot(CUT))
    place.execute(statement)

    with place.writer() as log, pytest.raises(DamagedLogError):
        state_of(log, RULES)


def run_agent(log: EventLog, entries: list[Observed], every: int, retention: Retention = FOR_EVER) -> Reconciler:
    """Observe, decide and record as an agent does, from the state that its log last knew."""

    async def main() -> Reconciler:
        reconciler, seq = state_of(log, RULES)
        upkeep = Upkeep(
            log, state=reconciler.snapshot, clock=lambda: NOW, snapshot=seq, every=every, retention=retention
        )
        recorder = Recorder(log, lambda: NOW, upkeep)
        pipeline = Pipeline(reconciler, recorder, lambda _batch: None)
        running = asyncio.create_task(recorder.run())
        for batch in (entries[at : at + 5] for at in range(0, len(entries), 5)):
            for entry in batch:
                pipeline.observe(entry)
            await pipeline.step()
        running.cancel()
        await recorder.close()
        return reconciler

    return asyncio.run(main())


@pytest.mark.parametrize("is_given_up", [False, True])
def test_an_agent_that_stops_while_a_snapshot_is_stored_leaves_it_stored(tmp_path: Path, is_given_up: bool) -> None:  # noqa: FBT001
    place = written(tmp_path)

    async def main(log: EventLog) -> None:
        reconciler, _ = state_of(log, RULES)
        upkeep = Upkeep(log, state=reconciler.snapshot, clock=lambda: NOW, snapshot=None)
        go_on = threading.Event()
        with ThreadPoolExecutor(1) as thread:
            thread.submit(go_on.wait, 20)
            first = asyncio.create_task(upkeep.snapshot(log.last_seq, thread))
            await asyncio.sleep(0)
            last = asyncio.create_task(upkeep.snapshot(log.last_seq, thread))
            await asyncio.sleep(0)
            assert not last.done()
            if is_given_up:
                first.cancel()
            go_on.set()
            await last

    with place.writer() as log:
        asyncio.run(main(log))
        assert [one.seq for one in log.snapshots()] == [log.last_seq]


def test_an_agent_stores_snapshots_while_it_runs_and_when_it_stops(tmp_path: Path) -> None:
    place, entries = Place(url=f"sqlite:///{tmp_path}/porter.db"), [r.entry for r in RECORDS if is_observed(r.entry)]
    with place.writer() as log:
        live = run_agent(log, entries, every=8)  # type: ignore[arg-type]
        snapshots = [one.seq for one in log.snapshots()]
        last = log.last_seq

        again, seq = state_of(log, RULES)

    assert snapshots[0] == seq == last == len(RECORDS)
    assert len(snapshots) > 2
    assert all(before - after >= 8 for before, after in pairwise(snapshots[1:]))
    assert again.world == live.world
    assert lasting(again.decisions) == lasting(live.decisions)


def test_an_agent_takes_out_what_is_not_to_be_kept_while_it_runs(tmp_path: Path) -> None:
    place = Place(url=f"sqlite:///{tmp_path}/porter.db")
    kept = 2_000
    moves = [endpoints("default/web", *names) for names in (("node1",), ("node1", "node2")) * 5]
    with place.writer() as log:
        live = run_agent(log, [*life(), *map(observed, moves * 800)], every=100, retention=Retention(entries=kept))
        head = log.head
        again, _ = state_of(log, RULES)
        assert verify(log).holds
        story = [one for one in log.read(until=head.compacted_through) if not is_observed(one.entry)]

    assert head.last_seq > 4 * kept
    assert head.entries <= kept + 1_000 + 2 * STEP, "a look is taken every 1,000 entries"
    assert head.compacted_through > kept
    decided = [one for one in RECORDS if not is_observed(one.entry)]
    assert [(one.seq, one.entry) for one in story] == [(one.seq, one.entry) for one in decided]
    assert again.world == live.world
    assert lasting(again.decisions) == lasting(live.decisions)
