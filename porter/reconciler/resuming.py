"""Go on from a stored snapshot, so that a fold need not begin with the first entry of a long log.

    reconciler, seq = resume(rules, log.snapshots())
    reconciler.fold_all(log.read(after=seq, whole_after=seq))

A snapshot only saves time: whatever this Porter cannot read is passed over, for an older one or for the entries.
"""

import zlib
from collections.abc import Iterable
from datetime import datetime

import msgspec

from porter.events.chain import microseconds
from porter.events.snapshots import StoredSnapshot
from porter.reconciler.decide import Rules
from porter.reconciler.fold import Reconciler
from porter.reconciler.snapshot import Snapshot

FORMAT = 1
"""Of a stored state: a Snapshot as JSON, deflated. It goes up when an older Porter, or this one, would misread it."""
_LEVEL = 1  # a fifth of the size in a tenth of the time of the default level
_MOST = 1 << 30  # bytes that a state may have


def packed(snapshot: Snapshot, *, seq: int, at: datetime) -> StoredSnapshot:
    """Return the state after entry `seq` as it is stored. Not sealed yet: `EventLog.store_snapshot` does that."""
    state = zlib.compress(msgspec.json.encode(snapshot), _LEVEL)
    return StoredSnapshot(seq=seq, at=microseconds(at), format=FORMAT, state=state)


def resume(rules: Rules, snapshots: Iterable[StoredSnapshot]) -> tuple[Reconciler, int]:
    """Return a reconciler in the first state that can be read, and the entry that it stands at.

    Give the newest first. Where none can be read the reconciler is a new one and stands at 0.
    """
    for stored in snapshots:
        snapshot = unpacked(stored)
        try:
            if snapshot is not None:
                return Reconciler.restore(rules, snapshot), stored.seq
        except msgspec.DecodeError:
            continue
    return Reconciler(rules), 0


def unpacked(stored: StoredSnapshot) -> Snapshot | None:
    """Return a stored state, None where this Porter cannot read it."""
    if stored.format != FORMAT:
        return None
    try:
        return msgspec.json.decode(zlib.decompressobj().decompress(stored.state, _MOST), type=Snapshot)
    except (zlib.error, msgspec.DecodeError):
        return None
