"""The file that a log writes to: it is held against its name from the log's own tables on, and not before."""

from pathlib import Path

import pytest

from porter.events.errors import DamagedLogError
from porter.events.log import EventLog
from porter.events.retention import Retention
from tests.events.examples import BEGIN, some


def test_a_log_that_began_anew_is_not_lost_once_more_before_its_first_entry(tmp_path: Path) -> None:
    """The agent's upkeep may come before an entry; to set aside what it finds would be one empty log after another."""
    path = tmp_path / "porter.db"
    with EventLog.open(str(path), stream="node1", migrate=True) as log:
        log.append(some(1, 3))
        log.begin_anew(BEGIN)

        assert not log.compact(Retention(), BEGIN)
        assert log.last_seq == 0

        log.append(some(4, 5), let_go=True)
        path.rename(tmp_path / "moved.db")
        with pytest.raises(DamagedLogError, match="was deleted, or moved away"):
            log.compact(Retention(), BEGIN)
