"""What became of each attempt, and what all of them show: losses, gaps, who answered. Values, no sockets."""

import statistics
from collections.abc import Iterator
from functools import cached_property

import msgspec


class Attempt(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One packet or connection. Times are of the wall clock (seconds since 1970) and in seconds."""

    number: int
    sent: float
    after: float | None = None
    """How long the answer took; None when none came."""
    by: str | None = None
    """The host whose MAC the answer came from, or that MAC itself when no host of the lab has it."""
    said: str | None = None
    """The first line of what an HTTP server said."""
    error: str | None = None
    """Why it failed, where that is more than silence."""


class Gap(msgspec.Struct, frozen=True, kw_only=True):
    """A run of attempts without an answer: from when the first was sent until the next that was answered was."""

    begin: float
    end: float | None
    """None: no attempt after it was answered."""
    lost: int
    before: str | None
    after: str | None

    @property
    def length(self) -> float | None:
        """Seconds; None when it did not end."""
        return None if self.end is None else self.end - self.begin


class Report(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """All attempts, in the order in which they were sent."""

    attempts: tuple[Attempt, ...]

    @cached_property
    def lost(self) -> int:
        """How many were not answered."""
        return sum(attempt.after is None for attempt in self.attempts)

    @cached_property
    def gaps(self) -> tuple[Gap, ...]:
        """Every run of attempts that were not answered."""
        return tuple(self._gaps())

    @property
    def longest_gap(self) -> float:
        """Seconds, 0 without a gap; one that did not end counts until the last attempt."""
        last = self.attempts[-1].sent if self.attempts else 0.0
        return max((gap.length if gap.length is not None else last - gap.begin for gap in self.gaps), default=0.0)

    @cached_property
    def owners(self) -> tuple[tuple[float, str], ...]:
        """Who answered from when on: an entry at each change."""
        found: list[tuple[float, str]] = []
        for attempt in self.attempts:
            if attempt.by is not None and (not found or found[-1][1] != attempt.by):
                found.append((attempt.sent, attempt.by))
        return tuple(found)

    def quantile(self, percent: int) -> float | None:
        """The time that so many percent of the answers took at most, in seconds; None without answers."""
        times = [attempt.after for attempt in self.attempts if attempt.after is not None]
        if len(times) < 2:  # noqa: PLR2004 - quantiles need two
            return times[0] if times else None
        return statistics.quantiles(times, n=100, method="inclusive")[percent - 1]

    def _gaps(self) -> Iterator[Gap]:
        begin, lost, before = 0.0, 0, None
        for attempt in self.attempts:
            if attempt.after is None:
                begin = begin if lost else attempt.sent
                lost += 1
                continue
            if lost:
                yield Gap(begin=begin, end=attempt.sent, lost=lost, before=before, after=attempt.by)
            lost, before = 0, attempt.by
        if lost:
            yield Gap(begin=begin, end=None, lost=lost, before=before, after=None)
