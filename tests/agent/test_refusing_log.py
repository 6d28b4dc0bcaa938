"""What waits for a log that refuses is bounded; a log that is damaged is set aside; a server may go and come back."""

import asyncio
import sqlite3
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from msgspec.structs import replace
from sqlalchemy import select

from porter.agent.pipeline import Pipeline
from porter.agent.recorder import Recorder
from porter.agent.starting import begin, state_of
from porter.agent.upkeep import Upkeep
from porter.events.codec import is_observed
from porter.events.entries import Applied, AssignmentDecided, LogResumed, LogSetAside, NodeGone, Observed, Recorded
from porter.events.errors import DamagedLogError, LogError
from porter.events.log import EventLog, streams_at
from porter.events.retention import DEFAULT
from porter.events.schema import METADATA
from porter.events.sentences import sentence
from porter.events.setting_aside import KEPT, set_aside
from porter.events.snapshots import StoredSnapshot
from porter.events.urls import parse_url
from porter.events.verify import verify
from porter.model.names import NodeName
from porter.reconciler.fold import Reconciler
from porter.reconciler.resuming import resume
from tests.events.conftest import Place
from tests.events.examples import some
from tests.events.postgresql import Server
from tests.worlds import RULES, endpoints, lasting, nodes, observed, published, relisted, served, service

NOW = datetime(2026, 11, 21, 10, tzinfo=UTC)
MOVES = [observed(endpoints("default/web", *names)) for names in (("node1",), ("node1", "node2"))]
START = [*map(observed, nodes(3)), *map(observed, served(service("default/web"))), *relisted()]


class Running:
    """An agent without a cluster: it observes what a test says, decides, and records both."""

    def __init__(self, log: EventLog, most: int) -> None:
        self.log = log
        self.reconciler, snapshot = state_of(log, RULES)
        upkeep = Upkeep(log, state=self.reconciler.snapshot, clock=lambda: NOW, snapshot=snapshot)
        self.recorder = Recorder(log, lambda: NOW, upkeep, report=self._report, most=most)
        self.acted: list[AssignmentDecided] = []
        self.pipeline = Pipeline(
            self.reconciler, self.recorder, lambda batch: self.acted.extend(_decisions(batch.decided))
        )

    def _report(self, entry: Applied) -> None:
        self.pipeline.applied(entry)

    async def observe(self, *entries: Observed) -> None:
        for entry in entries:
            self.pipeline.observe(entry)
        await self.pipeline.step()

    async def wait(self, look: Callable[[], bool]) -> None:
        async with asyncio.timeout(20):
            while not look():  # noqa: ASYNC110 - it has no event for it
                await asyncio.sleep(0.02)


def _decisions(decided: tuple[object, ...]) -> list[AssignmentDecided]:
    return [one for one in decided if isinstance(one, AssignmentDecided)]


@asynccontextmanager
async def running(place: Place, most: int = 20_000, stream: str = "node1") -> AsyncIterator[Running]:
    with place.writer(stream) as log:
        agent = Running(log, most)
        task = asyncio.create_task(agent.recorder.run())
        try:
            yield agent
        finally:
            task.cancel()
            await agent.recorder.close()


@pytest.fixture
def disk(tmp_path: Path) -> Place:
    return Place(url=f"sqlite:///{tmp_path}/porter.db")


def replayed(log: EventLog) -> Reconciler:
    """Fold a log as a replay does: from the oldest snapshot where not all entries are there."""
    whole_after = log.whole_after
    oldest = [one for one in log.snapshots() if one.seq >= whole_after][-1:] if whole_after else []
    reconciler, seq = resume(RULES, oldest)
    reconciler.fold_all(log.read(after=seq, whole_after=seq))
    return reconciler


def same(one: Reconciler, other: Reconciler) -> bool:
    return one.world == other.world and lasting(one.decisions) == lasting(other.decisions)


def test_what_waits_is_bounded_and_what_was_decided_is_written_all_the_same(disk: Place, tmp_path: Path) -> None:
    most = 400

    async def main() -> None:
        async with running(disk, most) as agent:
            await agent.observe(*START)
            with sqlite3.connect(tmp_path / "porter.db", isolation_level=None) as other:
                other.execute("BEGIN IMMEDIATE")
                await agent.observe(*MOVES)
                await agent.wait(lambda: agent.recorder.problem is not None)
                for number in range(40):
                    await agent.observe(*MOVES * 100)
                    assert agent.recorder.behind <= 2 * most + 300, "it is bounded"
                    await agent.observe(observed(service(f"default/more{number}", age=number + 1)))
                assert agent.recorder.let_go > 7_000
                other.execute("ROLLBACK")
            other.close()
            await agent.wait(lambda: not agent.recorder.behind and agent.recorder.problem is None)
            gap = agent.log.whole_after
            assert gap > 0
            await agent.wait(lambda: any(one.seq >= gap for one in agent.log.snapshots()))
            live = agent.reconciler
            let_go = agent.recorder.let_go
            acted = agent.acted
            await agent.observe(*MOVES)
            await agent.wait(lambda: not agent.recorder.behind)
        with disk.reader() as log:
            assert verify(log).holds, verify(log).sentences()
            records = list(log.read())
            again, _ = state_of(log, RULES)
            assert same(again, live)
            assert same(replayed(log), live)
        assert [one.entry for one in records if isinstance(one.entry, AssignmentDecided)] == acted
        assert len(acted) > 40
        [resumed] = [one.entry for one in records if isinstance(one.entry, LogResumed)]
        assert resumed.let_go == let_go
        missing = set(range(1, records[-1].seq)) - {one.seq for one in records}
        assert len(missing) == let_go, (min(missing), max(missing))
        causes = {one.seq for one in records}
        assert all(one.cause in causes for one in acted[2:]), "what decisions follow from is written too"

    asyncio.run(main())


def test_a_few_entries_that_wait_are_all_written(disk: Place, tmp_path: Path) -> None:
    async def main() -> None:
        async with running(disk) as agent:
            await agent.observe(*START)
            with sqlite3.connect(tmp_path / "porter.db", isolation_level=None) as other:
                other.execute("BEGIN IMMEDIATE")
                await agent.observe(*MOVES * 50)
                other.execute("ROLLBACK")
            other.close()
            await agent.wait(lambda: not agent.recorder.behind)
            assert agent.recorder.let_go == 0
        with disk.reader() as log:
            assert log.whole_after == 0
            assert len([one for one in log.read() if is_observed(one.entry)]) == len(START) + 100

    asyncio.run(main())


def renewed(path: Path) -> None:
    """Let another connection write, so that an agent must read from the file what it knew, and nothing is in the -wal."""
    with sqlite3.connect(path, isolation_level=None) as other:
        other.execute("UPDATE stream SET size = size + 0")
        assert other.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] == 0
    other.close()


def spoil(path: Path) -> None:
    """Overwrite the middle of the file, so that SQLite finds it malformed, and nothing that it can read is left."""
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(8192)
        file.write(b"\xff" * (size - 8192))


@pytest.mark.parametrize(
    "damage",
    [
        spoil,
        lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2 // 4096 * 4096 + 100]),
        lambda path: path.write_bytes(bytes(path.stat().st_size)),
        "UPDATE entry SET body = '{}' WHERE seq = 5",
        "DELETE FROM entry WHERE seq = 5",
        "DELETE FROM entry WHERE seq > 5",
        "UPDATE entry SET at = at + 1 WHERE seq = 5",
    ],
    ids=["overwritten", "cut", "zeroed", "undecodable", "one missing", "end missing", "altered"],
)
def test_a_damaged_log_is_set_aside_and_an_agent_begins_a_new_one(
    disk: Place, tmp_path: Path, damage: Callable[[Path], None] | str
) -> None:
    path = tmp_path / "porter.db"
    with disk.writer() as log:
        log.append([Recorded(seq, NOW, NodeGone(node=NodeName(f"node{seq}"))) for seq in range(1, 501)])
    if isinstance(damage, str):
        disk.execute(damage)
    else:
        damage(path)
    before = path.read_bytes()

    beginning = begin(disk.url, node="node1", rules=RULES, now=NOW)

    with beginning.log as log:
        assert log.last_seq == 0
        assert beginning.reconciler.world == Reconciler(RULES).world
        assert beginning.snapshot == 0
        assert beginning.set_aside is not None
        assert beginning.set_aside.to == str(tmp_path / "porter.db.damaged-20261121T100000Z")
        assert str(path) in beginning.set_aside.problem
        assert isinstance(damage, str) or Path(beginning.set_aside.to).read_bytes() == before
        assert Path(beginning.set_aside.to).stat().st_size == len(before)
        log.append([Recorded(1, NOW, beginning.set_aside)])
        assert verify(log).holds


def test_the_write_ahead_log_goes_with_the_damaged_file(disk: Place, tmp_path: Path) -> None:
    path = tmp_path / "porter.db"
    with disk.writer() as log:
        log.append([Recorded(seq, NOW, NodeGone(node=NodeName(f"node{seq}"))) for seq in range(1, 501)])
    reader = sqlite3.connect(path)  # keeps SQLite from clearing away the -wal file
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM entry").fetchone()
    disk.execute("UPDATE entry SET at = at + 1")
    assert path.with_name("porter.db-wal").stat().st_size > 0

    beginning = begin(str(path), node="node1", rules=RULES, now=NOW)

    with beginning.log as log:
        assert beginning.set_aside is not None
        assert log.last_seq == 0
        log.append([Recorded(1, NOW, beginning.set_aside)])
        assert verify(log).entries == 1
    assert path.with_name(f"{path.name}.damaged-20261121T100000Z-wal").exists()
    reader.close()


@pytest.mark.parametrize("content", [b"root:x:0:0:root:/root:/bin/bash\n" * 40, b"\xff\xd8\xff" * 900])
def test_a_file_that_is_no_database_is_never_moved(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "passwd"
    path.write_bytes(content)

    with pytest.raises(LogError, match="is not an SQLite database"):
        begin(str(path), node="node1", rules=RULES, now=NOW)

    assert [(each, each.read_bytes()) for each in tmp_path.iterdir()] == [(path, content)]


def test_a_good_log_is_gone_on_with(disk: Place) -> None:
    with disk.writer() as log:
        log.append([Recorded(1, NOW, NodeGone(node=NodeName("node1")))])

    beginning = begin(disk.url, node="node1", rules=RULES, now=NOW)

    with beginning.log as log:
        assert beginning.set_aside is None
        assert log.last_seq == 1


def test_few_damaged_logs_are_kept(disk: Place, tmp_path: Path) -> None:
    for _ in range(KEPT + 2):
        with disk.writer() as log:
            log.append([Recorded(1, NOW, NodeGone(node=NodeName("node1")))])
        disk.execute("UPDATE entry SET at = at + 1")
        begin(disk.url, node="node1", rules=RULES, now=NOW).log.close()

    assert len(list(tmp_path.glob("*.damaged-*"))) == KEPT


def test_few_damaged_logs_are_kept_of_each_agent_that_shares_a_database(postgresql: Server, tmp_path: Path) -> None:
    for place in (
        Place(url=postgresql.new_database(), server=postgresql),
        Place(url=f"sqlite:///{tmp_path}/porter.db"),
    ):
        for stream in ("node1", "node10", "node10.damaged-20261121T095959Z", "node1.damaged-by-me"):
            with place.writer(stream) as log:
                log.append([Recorded(1, NOW, NodeGone(node=NodeName(stream)))])
                log.store_snapshot(StoredSnapshot(seq=1, at=0, format=0, state=b""))
        others = set(streams_at(place.url)) - {"node1"}
        for second in range(KEPT + 2):
            place.execute("UPDATE entry SET at = at + 1 WHERE stream = 'node1'")
            with begin(place.url, node="node1", rules=RULES, now=NOW.replace(second=second)).log as log:
                log.append([Recorded(1, NOW, NodeGone(node=NodeName("node1")))])

        kept = {f"node1.damaged-20261121T10000{second}Z" for second in range(2, KEPT + 2)}
        assert set(streams_at(place.url)) == {"node1", *others, *kept}
        for stream in kept:
            with place.reader(stream) as log:
                assert [one.seq for one in log.read()] == [1]
        with place.reader("node1") as log, log._engine.connect() as connection:
            for table in METADATA.sorted_tables:
                assert set(connection.execute(select(table.c.stream)).scalars()) <= {"node1", *others, *kept}, table


def test_logs_that_are_set_aside_in_one_second_get_names_of_their_own_and_the_newest_stay(
    postgresql: Server, tmp_path: Path
) -> None:
    alone = Place(url=f"sqlite:///{tmp_path}/alone.db")
    with alone.writer("node1") as log:
        log.append([Recorded(1, NOW, NodeGone(node=NodeName("node1")))])
    content = (tmp_path / "alone.db").read_bytes()
    (tmp_path / "alone.db.damaged-20261121T100000.9Z").write_bytes(content)
    shared = Place(url=postgresql.new_database(), server=postgresql), Place(url=f"sqlite:///{tmp_path}/shared.db")
    for place in (alone, *shared):
        for stream in ("node2", "node1.damaged-20261121T100000.9Z") if place is not alone else ():
            with place.writer(stream) as log:
                log.append([Recorded(1, NOW, NodeGone(node=NodeName(stream)))])
        told = []
        for _ in range(KEPT):
            if place is alone:
                (tmp_path / "alone.db").write_bytes(content)
            else:
                with place.writer("node1") as log:
                    log.append([Recorded(1, NOW, NodeGone(node=NodeName("node1")))])
            told.append(set_aside(parse_url(place.url), "node1", NOW).rpartition(".damaged-")[2])

        there = [path.name for path in tmp_path.glob("alone.db*")] if place is alone else streams_at(place.url)
        assert told == [f"20261121T100000.{number}Z" for number in (10, 11, 12)]
        assert sorted(name.rpartition(".damaged-")[2] for name in there if ".damaged-" in name) == told


def test_the_log_of_one_of_several_agents_is_set_aside_alone(postgresql: Server, tmp_path: Path) -> None:
    for place in (
        Place(url=postgresql.new_database(), server=postgresql),
        Place(url=f"sqlite:///{tmp_path}/porter.db"),
    ):
        for stream in ("node1", "node2"):
            with place.writer(stream) as log:
                log.append([Recorded(seq, NOW, NodeGone(node=NodeName(stream))) for seq in range(1, 4)])
        place.execute("UPDATE entry SET at = at + 1 WHERE stream = 'node1' AND seq = 2")

        beginning = begin(place.url, node="node1", rules=RULES, now=NOW)

        with beginning.log as log:
            assert log.last_seq == 0
            assert beginning.set_aside is not None
            assert beginning.set_aside.to.endswith(", stream node1.damaged-20261121T100000Z")
            log.append([Recorded(1, NOW, beginning.set_aside)])
        with place.reader("node1.damaged-20261121T100000Z") as log:
            assert [one.seq for one in log.read()] == [1, 2, 3]
            assert verify(log).breaks[0].seq == 2
        with place.reader("node2") as log:
            assert verify(log).holds
            assert log.last_seq == 3


def test_a_log_that_is_damaged_while_an_agent_runs_is_set_aside_and_it_goes_on(disk: Place, tmp_path: Path) -> None:
    async def main() -> str:
        async with running(disk) as agent:
            await agent.observe(*START)
            await agent.observe(*MOVES * 200)
            renewed(tmp_path / "porter.db")
            spoil(tmp_path / "porter.db")

            number = 0
            async with asyncio.timeout(20):
                while agent.recorder.set_aside is None:
                    number += 1
                    await agent.observe(observed(service(f"default/more{number}", age=number)))
                    await asyncio.sleep(0.01)  # nobody waits for a log that is known to refuse
            await agent.observe(*MOVES)
            await agent.wait(lambda: not agent.recorder.behind and agent.recorder.problem is None)
            live, last = agent.reconciler, agent.recorder.last_seq
        with disk.reader() as log:
            assert verify(log).holds, verify(log).sentences()
            [aside] = [one.entry for one in log.read() if isinstance(one.entry, LogSetAside)]
            assert log.last_seq >= last > 400, "numbers go on: what is decided names its cause"
            assert log.whole_after > 400
            again, _ = state_of(log, RULES)
            assert same(again, live)
            assert same(replayed(log), live)
        assert agent.recorder.set_aside == aside.to
        return aside.to

    assert Path(asyncio.run(main())).exists()


def lose(path: Path, loss: str) -> None:
    """Take an agent's log away."""
    if loss == "moved away":
        path.rename(path.with_name("moved.db"))
    elif loss == "replaced":
        other = path.with_name("other.db")
        with EventLog.open(str(other), stream="node1", migrate=True) as log:
            log.append(some(1, 3))
        other.rename(path)
    else:
        for each in path.parent.glob("porter.db*" if loss.startswith("with") else "porter.db"):
            each.unlink()


@pytest.mark.parametrize("loss", ["deleted", "with all that is beside it", "moved away", "replaced"])
def test_a_log_that_is_not_there_any_more_is_noticed_and_another_one_begins(
    disk: Place, tmp_path: Path, loss: str
) -> None:
    path = tmp_path / "porter.db"

    async def main() -> Running:
        async with running(disk) as agent:
            await agent.observe(*START)
            for _ in range(2):  # the new one may be lost as well
                lose(path, loss)
                await agent.observe(*MOVES)
                await agent.wait(lambda: not agent.recorder.behind and agent.recorder.problem is None)
        return agent

    agent = asyncio.run(main())

    with disk.reader("node1") as log:
        assert verify(log).holds, verify(log).sentences()
        [told] = [one.entry for one in log.read() if isinstance(one.entry, LogSetAside)]
        assert log.last_seq == agent.recorder.last_seq
        again, _ = state_of(log, RULES)
        assert same(again, agent.reconciler)
    assert agent.recorder.set_aside == told.to
    if loss == "replaced":
        assert told.problem == f"{path} was replaced by another file while the agent wrote to it"
        assert Path(told.to).exists()
    else:
        assert told == LogSetAside(to="", problem=f"{path} was deleted, or moved away, while the agent wrote to it")
        assert sentence(told) == f"the log was lost, this one began anew: {told.problem}"


@pytest.fixture
def unwritable(tmp_path: Path) -> Iterator[Callable[[], None]]:
    """Makes the folder one that nobody may write to, root neither; what is open stays open. Called again: makes it well."""
    mounted = [False]

    def turn() -> None:
        words = (
            ["umount", "--lazy", str(tmp_path)]
            if mounted[0]
            else ["mount", "-o", "bind,ro", str(tmp_path), str(tmp_path)]
        )
        subprocess.run(words, check=True, timeout=20)
        mounted[0] = not mounted[0]

    yield turn
    if mounted[0]:
        turn()


@pytest.mark.root
def test_a_replaced_log_that_cannot_be_moved_yet_is_set_aside_as_soon_as_it_can(
    disk: Place, tmp_path: Path, unwritable: Callable[[], None]
) -> None:
    with disk.writer("node1") as log:
        log.append(some(1, 3))
        lose(tmp_path / "porter.db", "replaced")
        unwritable()
        with pytest.raises(LogError, match="cannot be moved out of the way: Read-only file system"):
            log.begin_anew(NOW)
        with pytest.raises(DamagedLogError, match="was replaced by another file"):
            log.append(some(4, 5))

        unwritable()
        assert Path(log.begin_anew(NOW)).is_file()
        log.append(some(4, 5), let_go=True)

        assert [one.seq for one in log.read()] == [4, 5]


def test_a_log_that_was_begun_anew_and_has_no_entries_yet_is_an_empty_one(disk: Place) -> None:
    with disk.writer("node1") as log:
        log.append(some(1, 3))
        log.begin_anew(NOW)

        assert not log.exceeds(DEFAULT)
        assert not log.compact(DEFAULT, NOW)
        assert not log.give_back(1)
        assert (list(log.read()), list(log.snapshots()), log.head.entries) == ([], [], 0)
        log.append(some(4, 5), let_go=True)

        assert [one.seq for one in log.read()] == [4, 5]


def test_a_log_that_is_deleted_while_nothing_happens_is_noticed_too(disk: Place, tmp_path: Path) -> None:
    with disk.writer() as log:
        log.append(some(1, 3))
        (tmp_path / "porter.db").unlink()

        with pytest.raises(DamagedLogError, match="was deleted, or moved away"):
            log.compact(DEFAULT, NOW)


def test_a_compacted_log_whose_snapshots_cannot_be_read_is_begun_with_nothing(disk: Place) -> None:
    async def first() -> None:
        async with running(disk) as agent:
            await agent.observe(*START)

    async def second() -> tuple[Reconciler, int]:
        async with running(disk) as agent:
            assert agent.reconciler.world == Reconciler(RULES).world
            await agent.observe(observed(service("default/later")))
            await agent.wait(lambda: any(one.format == 1 for one in agent.log.snapshots()))
            await agent.observe(*relisted())
            return agent.reconciler, agent.recorder.last_seq

    asyncio.run(first())
    with disk.writer() as log:
        [last, *_] = log.snapshots()
        newest = log.last_seq
        log.store_snapshot(replace(last, format=99))
        tip = next(row.checksum for row in log.rows() if row.seq == newest - 1)
    disk.execute(
        f"""DELETE FROM entry WHERE seq < {newest};
        INSERT INTO gap VALUES ('node1', 1, {newest - 1}, x'{tip.hex()}');
        UPDATE stream SET entries = 1, compacted_through = {newest - 1}""",
    )
    assert last.seq >= newest
    live, seq = asyncio.run(second())

    with disk.reader() as log:
        assert verify(log).holds
        again, _ = state_of(log, RULES)
        assert log.last_seq == seq
    assert same(again, live)


def test_postgresql_may_go_and_come_back_and_nothing_is_lost(postgresql: Server) -> None:
    place = Place(url=postgresql.new_database(), server=postgresql)
    name = place.url.rpartition("/")[2]

    async def main() -> None:
        async with running(place) as agent:
            await agent.observe(*START)
            for number in range(3):
                postgresql.execute("postgres", f"ALTER DATABASE {name} WITH ALLOW_CONNECTIONS false")
                postgresql.execute(
                    "postgres", f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"
                )
                await agent.observe(observed(service(f"default/more{number}", age=number + 1)))
                await agent.wait(lambda: agent.recorder.problem is not None)
                await agent.observe(
                    observed(published(service(f"default/more{number}", age=number + 1), "192.168.0.2"))
                )
                assert agent.recorder.behind
                postgresql.execute("postgres", f"ALTER DATABASE {name} WITH ALLOW_CONNECTIONS true")
                await agent.wait(lambda: not agent.recorder.behind and agent.recorder.problem is None)
            acted, live = agent.acted, agent.reconciler
        with place.reader() as log:
            assert verify(log).holds
            assert log.whole_after == 0
            records = list(log.read())
            assert [one.entry for one in records if isinstance(one.entry, AssignmentDecided)] == acted
            assert len([one for one in records if isinstance(one.entry, LogResumed)]) == 3
            again, _ = state_of(log, RULES)
            assert same(again, live)

    asyncio.run(main())


def test_several_agents_share_one_postgresql_each_in_its_own_stream(postgresql: Server) -> None:
    place = Place(url=postgresql.new_database(), server=postgresql)
    names = ("node1", "node2", "node3")

    async def one(stream: str, moves: int) -> Reconciler:
        async with running(place, stream=stream) as agent:
            await agent.observe(*START)
            for _ in range(moves):
                await agent.observe(*MOVES)
            return agent.reconciler

    async def main() -> list[Reconciler]:
        return await asyncio.gather(*(one(name, 20 + at) for at, name in enumerate(names)))

    live = asyncio.run(main())
    for at, name in enumerate(names):
        with place.reader(name) as log:
            assert verify(log).holds
            assert len([1 for each in log.read() if is_observed(each.entry)]) == len(START) + 2 * (20 + at)
            assert next(log.snapshots()).seq == log.last_seq
            again, _ = state_of(log, RULES)
            assert same(again, live[at])
