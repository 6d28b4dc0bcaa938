"""Print the story of a log as a page of HTML."""

import sys
from collections.abc import Iterable

from porter.errors import PorterError
from porter.events.entries import Recorded
from porter.replay.lanes import Window
from porter.replay.refold import Refold
from porter.replay.story import About


def print_page(
    title: str,
    refold: Refold,
    records: Iterable[Recorded],
    about: About,
    *,
    is_cut: bool = False,
    windows: Iterable[Window] = (),
) -> None:
    """Print the page to standard output, which must not be a terminal."""
    from porter.replay.page.document import document  # noqa: PLC0415 - 50 ms that only the page shall cost
    from porter.replay.page.gathering import gather  # noqa: PLC0415

    if sys.stdout.isatty():
        raise PorterError("a page is not for a terminal: write 'porter replay --format html > story.html'")
    for piece in document(gather(title, records, refold, about, is_cut=is_cut, windows=windows)):
        sys.stdout.write(piece)
