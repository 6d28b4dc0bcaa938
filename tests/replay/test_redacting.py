"""A compacted log, redacted: its snapshots are redacted too, and it is replayed from them as the original is."""

from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings

from porter.events.codec import word_of
from porter.events.entries import Observed
from porter.events.export import write_file
from porter.events.log import EventLog
from porter.events.redaction.fields import Kind
from porter.events.retention import Retention
from porter.events.sources import Source, open_source
from porter.events.verify import verify
from porter.reconciler.fold import Reconciler
from porter.reconciler.resuming import packed
from porter.reconciler.world import World
from porter.replay.compacting import compact_log
from porter.replay.reading import begun, installed_rules
from porter.replay.redacting import RedactedLog, entries_of
from porter.replay.story import Story
from porter.replay.telling import tell
from tests.events.redaction.test_redaction import lives
from tests.replay.page.lives import BEGIN, eventful

MIDDLE = next(
    record.seq
    for record, following in pairwise(eventful())
    if record.seq > 110 and word_of(record.entry) != "observed" and word_of(following.entry) == "observed"
)
"""An entry with all its consequences, somewhere in the middle."""


@pytest.fixture
def compacted(tmp_path: Path) -> Path:
    """An eventful hour of which the observations of the first half are gone."""
    path = tmp_path / "porter.db"
    reconciler = Reconciler(installed_rules())
    with EventLog.open(str(path), stream="node1", migrate=True) as log:
        log.append(eventful())
        reconciler.fold_all(log.read(until=MIDDLE))
        log.store_snapshot(packed(reconciler.snapshot(), seq=MIDDLE, at=BEGIN))
        compact_log(log, installed_rules(), Retention(age=timedelta(0)), BEGIN + timedelta(minutes=1))
    return path


def told(source: Source) -> Story:
    refold, records = begun(source, source.read())
    return tell(records, refold)


def test_a_compacted_log_tells_the_same_story_redacted(compacted: Path, tmp_path: Path) -> None:
    path = tmp_path / "redacted.jsonl"
    with open_source(str(compacted)) as source:
        assert source.whole_after
        redacted = RedactedLog(source)
        write_file(redacted.rows(), path, redacted.snapshots())
        before = told(source)

    with open_source(str(path)) as file:
        after, found = told(file), verify(file)
        snapshots = list(file.snapshots())

    assert found.holds
    assert MIDDLE in {snapshot.seq for snapshot in snapshots}
    assert [(one.seq, one.what) for one in after.timeline] == [(one.seq, one.what) for one in before.timeline]
    assert len(after.timeline) > 30
    name = redacted.redactor.name
    assert [
        (name(Kind.SERVICE_KEY, one.service), one.node and name(Kind.NODE, one.node)) for one in before.assignments
    ] == [(one.service, one.node) for one in after.assignments]
    assert after.differences == before.differences == ()


def test_no_name_is_left_in_the_snapshots(compacted: Path) -> None:
    with open_source(str(compacted)) as source:
        redacted = RedactedLog(source)
        states = [state for _, state in redacted._states]
        texts = [redacted._redacted(state).state.decode() for state in states]

    assert states
    for text in texts:
        for name in ("node1", "default", "shop", "192.168.", "edge", "eth0", "52:54:"):
            assert name not in text


def test_snapshots_of_a_part_are_those_within(compacted: Path) -> None:
    with open_source(str(compacted)) as source:
        redacted = RedactedLog(source)

        assert [one.seq for one in redacted.snapshots(after=MIDDLE)] == [236]
        assert [one.seq for one in redacted.snapshots(until=MIDDLE)] == [MIDDLE]


@settings(max_examples=20, deadline=None)
@given(life=lives())
def test_the_entries_of_a_world_lead_to_it(life: list[Observed]) -> None:
    world, again = World(), World()
    for entry in life:
        world.apply(entry)

    for entry in entries_of(world):
        again.apply(entry)

    assert again == world
