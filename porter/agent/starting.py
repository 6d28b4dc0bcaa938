"""Where an agent begins: with the state that its log last knew, from the newest snapshot and the entries after it."""

import logging
import time

from porter.events.log import EventLog
from porter.reconciler.decide import Rules
from porter.reconciler.fold import Reconciler
from porter.reconciler.resuming import resume

_LOG = logging.getLogger("porter.agent")


def state_of(log: EventLog, rules: Rules) -> tuple[Reconciler, int]:
    """Return the state after the log's last entry, and the entry of the snapshot that it was gone on from.

    In time bounded by the state and the entries since. Raises LogError where the log is not as it was written.
    """
    started = time.monotonic()
    reconciler, snapshot = resume(rules, log.snapshots())
    reconciler.fold_all(log.proven(snapshot))
    _LOG.info(
        "%s: %d entries, %d of them folded in %.2f s",
        log.describe(),
        log.last_seq,
        log.last_seq - snapshot,
        time.monotonic() - started,
    )
    return reconciler, snapshot
