"""How much of a log is kept. The noise of observations goes first, the story of decisions is kept longer.

Of the story are: what was decided and applied, the observation that each decision follows from (unless it is a whole
list), and every start of an agent. All else is noise once a later snapshot knows what came of it.
"""

from datetime import timedelta
from typing import Final

import msgspec

SMALLEST_SIZE: Final = 16 << 20
FEWEST_ENTRIES: Final = 10_000


class Retention(msgspec.Struct, frozen=True, kw_only=True):
    """Bounds of one log. Whichever is met first counts; the newest snapshot and what follows it always stay."""

    age: timedelta = timedelta(days=7)
    """Observations older than this go."""
    story_age: timedelta = timedelta(days=90)
    """And the story of decisions when it is older than this."""
    entries: int = 1_000_000
    """So many entries stay, at least `FEWEST_ENTRIES`; the story may be half of them."""
    size: int = 512 << 20
    """So many bytes the log takes on disk, at least `SMALLEST_SIZE`; the story may take half of them."""


DEFAULT = Retention()
FOR_EVER = Retention(age=timedelta.max, story_age=timedelta.max, entries=2**62, size=2**62)
"""Nothing is taken out."""
