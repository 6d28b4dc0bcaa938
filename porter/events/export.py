"""A log as a file: one JSON object a line, compressed when its name ends in `.gz` or `.xz`. Written here.

    with open_source(event_log, stream=stream) as source:
        write_file(source.rows(after, until), path, snapshots=source.snapshots(until))

A line is {"seq", "at", "kind", "version", "word", "checksum", "entry"}; `at` is RFC 3339 in UTC with microseconds. The
format is a public contract (docs/event-log.md). Nothing here opens a database. `exported` reads what is written here.
"""

import os
from base64 import b64encode
from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from porter.events.chain import Row, microseconds, moment, time_of
from porter.events.codec import encode, word_of_kind
from porter.events.entries import Recorded
from porter.events.errors import LogError
from porter.events.packing import Packed, packing
from porter.events.snapshots import StoredSnapshot


def to_line(item: Recorded | Row, *, end: bool = False) -> bytes:
    """Return an entry as one line of an export, with its line end; of a row with its checksum.

    `end` marks the last line of a file, so that a file that was cut is noticed.
    """
    if isinstance(item, Recorded):
        kind, version, body = encode(item.entry)
        return _line(Row(item.seq, microseconds(item.at), kind, version, body.decode(), b""), b"")
    chain = b""
    if item.checksum:
        chain = b',"checksum":"%b"' % item.checksum.hex().encode()
        if item.previous is not None:
            chain += b',"previous":"%b"' % item.previous.hex().encode()
        if end:
            chain += b',"end":true'
    return _line(item, chain)


def write(
    items: Iterable[Recorded | Row],
    to: Packed,
    snapshots: Iterable[StoredSnapshot] = (),
) -> int:
    """Write entries as lines and return how many; each snapshot after the entry that it follows, in any order given.

    Entries alone have no checksums. Rows have them, and say at their end that it is the end.
    """
    waiting = {snapshot.seq: snapshot for snapshot in snapshots}
    count = 0
    held: Recorded | Row | None = None
    for item in items:
        if held is not None:
            to.write(to_line(held))
            if held.seq in waiting:
                to.write(_snapshot_line(waiting.pop(held.seq)))
        held = item
        count += 1
    if held is not None:
        if held.seq in waiting:
            to.write(_snapshot_line(waiting.pop(held.seq)))
        to.write(to_line(held, end=True))
    return count


def write_file(items: Iterable[Recorded | Row], path: Path, snapshots: Iterable[StoredSnapshot] = ()) -> int:
    """Write a new file as `write` does, compressed when its name ends in `.gz` or `.xz`, and return how many entries.

    The file appears whole or not at all. Raises LogError when it cannot be written or is there already.
    """
    part = path.parent / f".{path.name}.part"
    try:
        if path.exists():
            raise LogError(f"{path} exists already; choose another name, or move it away")
        with part.open("wb") as raw:
            with packing(raw, path.suffix) as packed:
                count = write(items, packed, snapshots)
            raw.flush()
            os.fsync(raw.fileno())
        part.rename(path)
    except OSError as error:
        raise LogError(f"{path} cannot be written: {error.strerror or error}") from None
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)
    return count


def _line(row: Row, chain: bytes) -> bytes:
    word = word_of_kind(row.kind)
    head = f'{{"seq":{row.seq},"at":"{_time(time_of(row))}","kind":"{row.kind}","version":{row.version},"word":"{word}"'
    return b'%b%b,"entry":%b}\n' % (head.encode(), chain, row.body.encode())


def _snapshot_line(snapshot: StoredSnapshot) -> bytes:
    head = f'{{"snapshot":{{"seq":{snapshot.seq},"at":"{_time(moment(snapshot.at))}","format":{snapshot.format}'
    seal = f',"checksum":"{snapshot.checksum.hex()}","state":"'
    return b'%b%b%b"}}\n' % (head.encode(), seal.encode(), b64encode(snapshot.state))


def _time(at: datetime) -> str:
    return at.isoformat(timespec="microseconds").replace("+00:00", "Z")
