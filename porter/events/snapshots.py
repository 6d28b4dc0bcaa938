"""Stored snapshots: the state of the fold after an entry, sealed to the chain of checksums. Values; no database here.

What the state means is the reconciler's business (porter/reconciler/snapshot.py); here it is bytes.
"""

from hashlib import blake2b

import msgspec

from porter.events.chain import LENGTH


class StoredSnapshot(msgspec.Struct, frozen=True, kw_only=True):
    """A state as it is kept. `at` is microseconds since 1970."""

    seq: int
    """The last entry that the state knows of."""
    at: int
    format: int
    """Of `state`. A Porter ignores snapshots of another format than its own."""
    state: bytes
    checksum: bytes = b""


def seal(entry_checksum: bytes, snapshot: StoredSnapshot) -> bytes:
    """Return the checksum of a snapshot that follows the entry with that checksum."""
    head = f"{snapshot.seq} {snapshot.at} {snapshot.format} ".encode()
    return blake2b(b"%b%b%b" % (entry_checksum, head, snapshot.state), digest_size=LENGTH).digest()


def is_sealed(entry_checksum: bytes, snapshot: StoredSnapshot) -> bool:
    """Tell whether a snapshot is as it was written, and follows the entry with that checksum."""
    return seal(entry_checksum, snapshot) == snapshot.checksum
