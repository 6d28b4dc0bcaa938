"""Work that takes longer in a larger cluster is done less often."""

import itertools

import pytest

from porter.agent.resting import Rest


def rest(*, took: float) -> Rest:
    """A rest of which each work takes so long."""
    return Rest(gather=0.2, spent=itertools.count(0.0, took).__next__)


def test_what_comes_together_is_done_together_soon() -> None:
    assert rest(took=1.0).next(100.0) == pytest.approx(100.2)


@pytest.mark.parametrize(("took", "next_time"), [(0.001, 100.2), (0.1, 102.0)])
def test_after_long_work_it_rests_longer(took: float, next_time: float) -> None:
    looks = rest(took=took)
    with looks.after(lambda: 100.0):
        pass

    assert looks.next(100.0) == pytest.approx(next_time)
    assert looks.next(200.0) == pytest.approx(200.2)  # by then it has rested
