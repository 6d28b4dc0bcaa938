"""A log that is compacted by hand can be folded on from its oldest snapshot, and knows what it knew."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace

from porter.events.codec import is_observed
from porter.events.errors import DamagedLogError
from porter.events.log import EventLog
from porter.events.retention import FOR_EVER, Retention
from porter.events.verify import verify
from porter.reconciler.fold import Reconciler
from porter.reconciler.resuming import resume
from porter.replay.compacting import compact_log
from tests.events.conftest import Place
from tests.logs import recorded
from tests.worlds import RULES, endpoints, lasting, nodes, observed, relisted, served, service

LATER = datetime(2027, 1, 1, tzinfo=UTC)
MOVES = [endpoints("default/web", *names) for names in (("node1",), ("node1", "node2"))]
RECORDS = recorded(
    [
        *map(observed, served(service("default/web"))),
        *relisted(),
        *map(observed, nodes(3)),
        *map(observed, MOVES * 12_000),
    ],
    RULES,
)


def written(path: Path) -> EventLog:
    log = Place(url=f"sqlite:///{path}/porter.db").writer()
    log.append(RECORDS)
    return log


def test_a_log_without_snapshots_is_compacted_by_hand(tmp_path: Path) -> None:
    said: list[tuple[str, int, int]] = []
    whole = Reconciler(RULES)
    whole.fold_all(RECORDS)
    with written(tmp_path) as log:
        before = (tmp_path / "porter.db").stat().st_size
        done = compact_log(
            log, RULES, Retention(age=timedelta(days=1)), LATER, progress=lambda *what: said.append(what)
        )

        assert verify(log).holds
        oldest = list(log.snapshots())[-1]
        reconciler, seq = resume(RULES, [oldest])
        reconciler.fold_all(log.read(after=seq, whole_after=seq))
        kept = list(log.read())

    assert (done.entries_before, done.entries) == (len(RECORDS), len(kept))
    assert len(kept) < 100
    assert [one for one in kept if not is_observed(one.entry)] == [one for one in RECORDS if not is_observed(one.entry)]
    assert reconciler.world == whole.world
    assert lasting(reconciler.decisions) == lasting(whole.decisions)
    assert (tmp_path / "porter.db").stat().st_size < before / 4
    assert [what for what in said if what[0] == "folding"][-1] == ("folding", len(RECORDS), len(RECORDS))


def test_so_many_entries_are_left_as_were_asked_for(tmp_path: Path) -> None:
    with written(tmp_path) as log:
        compact_log(log, RULES, replace(FOR_EVER, entries=15_000), LATER)

        assert 5_000 <= log.head.entries <= 15_000
        oldest = list(log.snapshots())[-1]
        assert list(log.read(after=oldest.seq, whole_after=oldest.seq)) == RECORDS[oldest.seq :]


def test_a_log_that_was_altered_is_not_compacted(tmp_path: Path) -> None:
    written(tmp_path).close()
    place = Place(url=f"sqlite:///{tmp_path}/porter.db")
    place.execute("UPDATE entry SET at = at + 1 WHERE seq = 77")

    with place.writer() as log, pytest.raises(DamagedLogError, match=r"entry 77 of .* is not as it was written"):
        compact_log(log, RULES, Retention(age=timedelta(days=1)), LATER)
