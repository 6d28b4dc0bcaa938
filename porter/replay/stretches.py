"""Where a log's clock was set while it was written: the stretches in between, each with an offset of its own.

A clock that is set shows twice: what the log shares with the first one is all at once off by another amount, and stays
so; and the log's own times go back, or pause for as long. Only where both are seen a new stretch begins. Observations
that came late begin none: a single one, or a queue that was worked off, each of which was late by less than the last.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from statistics import median
from typing import Final, NamedTuple

import msgspec

from porter.events.entries import Recorded

STEP: Final = 1.0
"""Seconds by which a clock is set at least: less is what a clock's daemon does all day."""
_FEW, _SOME = 3, 10  # samples that a stretch needs: after a step back, which the log shows, and after one forward
_RECENT: Final = 25  # samples that say what was usual until now
_SLACK: Final = 0.5  # seconds by which the samples after a step may differ
_MOST_OF: Final = 0.8  # of a step: so long a pause is one


class Sample(NamedTuple):
    """One observation that a log shares with the first one."""

    seq: int
    at: datetime
    """By this log's clock."""
    ahead: float
    """So many seconds later than the first log has it."""


class Stretch(msgspec.Struct, frozen=True, kw_only=True):
    """The part of a log over which its clock was not set."""

    first_seq: int
    """Its first entry."""
    ahead: float
    """Seconds by which the clock is ahead of the first log's."""
    samples: int
    spread: float
    """Half of the samples lie within this many seconds of `ahead`."""


class _Step(NamedTuple):
    """The clock was set between entries `after` and `first_seq`, the last before it and the first behind it."""

    sample: int
    """The first sample behind it."""
    after: int
    first_seq: int


def stretches(
    samples: Sequence[Sample], setbacks: Sequence[int], read: Callable[[], Iterable[Recorded]], first_seq: int
) -> list[Stretch]:
    """Return a log's stretches in order, none where nothing is shared.

    `setbacks` are the entries whose time is before that of the entry before; `read` reads the log, whose first entry is
    `first_seq`. It is called only where a clock was set forward.
    """
    if not samples:
        return []
    steps = list(_steps(samples, setbacks))
    firsts = [first_seq, *_firsts(steps, read)]
    bounds = [0, *(step.sample for step in steps), len(samples)]
    return [
        _stretch(samples[begin:end], first_seq=seq) for seq, (begin, end) in zip(firsts, pairwise(bounds), strict=True)
    ]


def estimate(samples: Sequence[Sample]) -> tuple[float, float]:
    """Return how far the clock was ahead, and within how many seconds of that half of the samples lie."""
    ahead = median(one.ahead for one in samples)
    return ahead, median(abs(one.ahead - ahead) for one in samples)


def corrector(found: Sequence[Stretch]) -> Callable[[int], timedelta]:
    """Return what tells by how much the clock was ahead at an entry."""
    firsts = [one.first_seq for one in found[1:]]
    ahead = [timedelta(seconds=one.ahead) for one in found] or [timedelta(0)]
    return lambda seq: ahead[bisect_right(firsts, seq)]


def _steps(samples: Sequence[Sample], setbacks: Sequence[int]) -> Iterator[_Step]:
    begin = 0
    for at in range(1, len(samples)):
        usual = median(one.ahead for one in samples[max(begin, at - _RECENT) : at])
        if abs(samples[at].ahead - usual) < STEP:
            continue
        last, first = samples[at - 1], samples[at]
        set_back = [seq for seq in setbacks if last.seq < seq <= first.seq]
        if _is_step(samples, at, at - begin, usual, is_set_back=bool(set_back)):
            begin = at
            yield _Step(at, set_back[0] - 1, set_back[0]) if set_back else _Step(at, last.seq, first.seq)


def _firsts(steps: Sequence[_Step], read: Callable[[], Iterable[Recorded]]) -> list[int]:
    """Return the first entry after each step: the one after the longest pause, where the clock was set forward."""
    longest = [(timedelta(0), step.first_seq) for step in steps]
    if any(step.after + 1 < step.first_seq for step in steps):
        for before, record in pairwise(read()):
            for place, step in enumerate(steps):
                if step.after < record.seq <= step.first_seq:
                    longest[place] = max(longest[place], (record.at - before.at, record.seq))
    return [seq for _, seq in longest]


def _is_step(samples: Sequence[Sample], at: int, before: int, usual: float, *, is_set_back: bool) -> bool:
    needed = _FEW if is_set_back else _SOME
    following = [one.ahead for one in samples[at : at + needed]]
    if len(following) < needed or before < needed:
        return False
    step = median(following) - usual
    if abs(step) < STEP or max(following) - min(following) > max(_SLACK, abs(step) / 10):
        return False
    if is_set_back:
        return step < 0
    paused = (samples[at].at - samples[at - 1].at).total_seconds()
    return 0 < step * _MOST_OF <= paused


def _stretch(samples: Sequence[Sample], *, first_seq: int) -> Stretch:
    ahead, spread = estimate(samples)
    return Stretch(first_seq=first_seq, ahead=ahead, samples=len(samples), spread=spread)
