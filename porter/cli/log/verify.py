"""`porter log verify`: whether a log is as it was written."""

import click
import msgspec

from porter.cli.options import event_log_option, format_option, stream_option
from porter.cli.progress import shown_steps
from porter.events.sources import open_source, streams_in
from porter.events.verify import Verification
from porter.events.verify import verify as hold_against_chain


class Verified(msgspec.Struct, frozen=True, kw_only=True):
    """One log, and what was found."""

    log: str
    holds: bool
    found: Verification


@click.command()
@event_log_option()
@stream_option()
@format_option()
def verify(*, event_log: str, stream: str, output_format: str) -> int:
    """Read the whole log and hold it against its chain of checksums. Exit 1 where it is not as it was written.

    Every entry carries a checksum over itself and the one before it: an entry that was altered, put in, moved or taken
    out is named, and an end that was cut off. It may also be asked of an exported file. What compaction took out is
    known, and no fault. Where several agents share one database, each log in it is verified; --stream chooses one.

    \b
      porter log verify
      porter log verify --event-log node1.jsonl.gz
    """  # noqa: D301 - the backslash is click's mark for text to leave as it is
    names = [stream] if stream else streams_in(event_log) or [""]
    verified = [_verified(event_log, name) for name in names]
    if output_format == "json":
        click.echo(msgspec.json.format(msgspec.json.encode(verified), indent=2).decode())
    else:
        for one in verified:
            click.echo(one.log)
            for line in one.found.sentences():
                click.echo(f"  {line}")
    return 0 if all(one.holds for one in verified) else 1


def _verified(event_log: str, stream: str) -> Verified:
    with open_source(event_log, stream=stream) as source, shown_steps("verifying") as progress:
        last = source.last_seq
        found = hold_against_chain(source, lambda seq: progress("verifying", seq, last))
        return Verified(log=source.describe(), holds=found.holds, found=found)
