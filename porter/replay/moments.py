"""A moment in a log, as people write it: an entry's number, a time, or how long ago."""

import re
from datetime import UTC, datetime, timedelta

import msgspec

from porter.errors import PorterError

_AGO = re.compile(r"-(\d+(?:\.\d+)?)(s|m|h|d)")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


class MomentError(PorterError):
    """A text that names no moment."""


class Moment(msgspec.Struct, frozen=True, kw_only=True):
    """Up to an entry's number, or up to a time; the last entry that is not beyond it is the moment's."""

    seq: int | None = None
    at: datetime | None = None

    def covers(self, seq: int, at: datetime) -> bool:
        """Tell whether an entry is not beyond this moment."""
        if self.seq is not None:
            return seq <= self.seq
        return self.at is None or at <= self.at


def too_early(known: int) -> MomentError:
    """Return the error for a moment before entry `known`, after which a log's oldest state stands."""
    return MomentError(
        "what led there was taken out of the log by compaction, or let go while it took no entries: "
        f"ask from entry {known} on",
    )


def parse_moment(text: str, now: datetime) -> Moment:
    """Read `1234`, `2026-11-21T10:00` (local time unless it says otherwise) or `-15m` (s, m, h, d) before `now`."""
    stripped = text.strip()
    if stripped.isdecimal() and len(stripped) < 16:  # noqa: PLR2004 - digits of the largest entry number
        return Moment(seq=int(stripped))
    ago = _AGO.fullmatch(stripped)
    try:
        if ago is not None:
            return Moment(at=now - timedelta(**{_UNITS[ago[2]]: float(ago[1])}))
        at = datetime.fromisoformat(stripped).astimezone(UTC)
    except (ValueError, OverflowError):
        raise MomentError(
            f"{text!r} is no moment: write an entry's number, a time as 2026-11-21T10:00, or -15m for 15 minutes ago",
        ) from None
    return Moment(at=at)
