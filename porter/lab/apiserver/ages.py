"""Durations as kubectl prints them: 5s, 3m20s, 4h, 12d. Nothing else."""

from __future__ import annotations

from datetime import datetime
from typing import Any

UNKNOWN = "<unknown>"


def age(stamp: Any, now: datetime) -> str:
    """How long ago a timestamp was."""
    try:
        then = datetime.fromisoformat(str(stamp))
    except ValueError:
        return UNKNOWN
    return human(int((now - then).total_seconds()))


def human(seconds: int) -> str:
    """A duration in at most two units, the way k8s.io/apimachinery's duration.HumanDuration rounds it."""
    if seconds < -1:
        return "<invalid>"
    seconds = max(0, seconds)
    minutes, hours, days = seconds // 60, seconds // 3600, seconds // 86400
    steps = (
        (seconds < 120, f"{seconds}s"),  # noqa: PLR2004
        (minutes < 10, _two(minutes, "m", seconds % 60, "s")),  # noqa: PLR2004
        (minutes < 180, f"{minutes}m"),  # noqa: PLR2004
        (hours < 8, _two(hours, "h", minutes % 60, "m")),  # noqa: PLR2004
        (hours < 48, f"{hours}h"),  # noqa: PLR2004
        (days < 8, _two(days, "d", hours % 24, "h")),  # noqa: PLR2004
        (days < 730, f"{days}d"),  # noqa: PLR2004
        (True, _two(days // 365, "y", days % 365, "d")),
    )
    return next(text for holds, text in steps if holds)


def _two(large: int, large_unit: str, small: int, small_unit: str) -> str:
    return f"{large}{large_unit}{small}{small_unit}" if small else f"{large}{large_unit}"
