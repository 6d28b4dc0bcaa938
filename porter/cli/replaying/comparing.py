"""Ask a log for more than its story: two moments, what would have been otherwise, several logs together."""

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import click

from porter.cli.progress import shown_progress
from porter.cli.replaying.between import between_lines, print_between
from porter.cli.replaying.merging import print_merged
from porter.cli.replaying.modes import Asked
from porter.cli.replaying.page import print_page
from porter.cli.replaying.what_if import print_what_if, read_edits
from porter.events.sources import Source, open_source
from porter.replay.between import between
from porter.replay.lanes import Lanes
from porter.replay.merging import Merged
from porter.replay.moments import Moment, MomentError, parse_moment
from porter.replay.reading import beginning, begun, last_until, records_to_fold, records_until
from porter.replay.what_if import WhatIf


def diff(asked: Asked, span: str) -> int:
    """Tell what lies between two moments."""
    first_text, dots, second_text = span.partition("..")
    if not dots:
        raise MomentError(f"{span!r} names no two moments: write A..B, as in 100..200, or -15m.. up to now")
    first = parse_moment(first_text, asked.now) if first_text.strip() else Moment(seq=0)
    second = parse_moment(second_text, asked.now) if second_text.strip() else Moment()
    with (
        open_source(asked.log, stream=asked.stream) as source,
        shown_progress("replaying", records_to_fold(source), lambda: last_until(source, second)) as read,
    ):
        refold, records = begun(source, read, second)
        found = between(records, refold.reconciler, first, second, after=refold.after)
    if asked.as_json:
        print_between(found)
    else:
        for line in between_lines(found):
            click.echo(line)
    return 0


def what_if(asked: Asked, path: Path) -> int:
    """Tell what would have been otherwise."""
    suppositions = read_edits(path)
    with (
        open_source(asked.log, stream=asked.stream) as source,
        shown_progress(
            "replaying", records_until(source, asked.moment), lambda: last_until(source, asked.moment)
        ) as read,
    ):
        real, records = begun(source, read, asked.moment)
        other, _ = beginning(source, real.reconciler.rules, asked.moment)
        asking = WhatIf(real.reconciler, other, suppositions, after=real.after)
        print_what_if(asking, suppositions, records, asked.about, as_json=asked.as_json)
    return 0


def merge(asked: Asked, logs: Sequence[str]) -> int:
    """Put several logs on one timeline."""
    with ExitStack() as stack:
        sources = [stack.enter_context(open_source(log, stream=asked.stream)) for log in logs]
        merged = Merged([(log, source.read) for log, source in zip(logs, sources, strict=True)])
        if asked.as_page:
            _print_merged_page(asked, logs, merged, sources[0])
        else:
            print_merged(merged, asked.about, as_json=asked.as_json)
    return 0


def _print_merged_page(asked: Asked, logs: Sequence[str], merged: Merged, first: Source) -> None:
    """Print the story of the first log as a page, with every window that only the logs together tell of."""
    windows = list(Lanes().windows(merged.sightings()))
    refold, records = begun(first, records_to_fold(first))
    print_page(", ".join(logs), refold, records, asked.about, windows=windows)
