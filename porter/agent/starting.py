"""Where an agent begins: with the state that its log last knew, from the newest snapshot and the entries after it.

A log that is damaged is set aside: the agent begins a new one, with nothing known, and what it is to announce follows
from what it then reads of the cluster.
"""

import logging
import time
from datetime import datetime

import msgspec

from porter.events.entries import LogSetAside
from porter.events.errors import CompactedLogError, DamagedLogError
from porter.events.log import EventLog
from porter.events.setting_aside import may_be_set_aside, set_aside
from porter.events.urls import parse_url
from porter.reconciler.decide import Rules
from porter.reconciler.fold import Reconciler
from porter.reconciler.resuming import resume

_LOG = logging.getLogger("porter.agent")


class Beginning(msgspec.Struct, frozen=True, kw_only=True):
    """An open log, and the state after its last entry."""

    log: EventLog
    reconciler: Reconciler
    snapshot: int | None
    """The entry of the snapshot that the state was gone on from, 0 for none; None when it follows from no entry."""
    set_aside: LogSetAside | None = None
    """What became of the log that was there before, if it was damaged."""


def begin(url: str, *, node: str, rules: Rules, now: datetime) -> Beginning:
    """Open the log of a node's agent, and close it when done. Raises LogError for what the user must mend."""
    try:
        return _opened(url, node, rules)
    except DamagedLogError as error:
        where = parse_url(url)
        if not may_be_set_aside(where.path):
            raise
        aside = set_aside(where, node, now)
        _LOG.error("%s. It is now %s, and a new one begins", str(error).rstrip("."), aside)
        told = LogSetAside(to=aside, problem=str(error))
        return msgspec.structs.replace(_opened(url, node, rules), set_aside=told)


def state_of(log: EventLog, rules: Rules) -> tuple[Reconciler, int | None]:
    """Return the state after the log's last entry, and the entry of the snapshot that it was gone on from, 0 for none.

    In time bounded by the state and the entries since. Where compaction took out what no snapshot that can be read
    knows, the state is that of a new log, and the second None. Raises LogError where the log is not as it was written.
    """
    started = time.monotonic()
    reconciler, snapshot = resume(rules, log.snapshots())
    try:
        reconciler.fold_all(log.proven(snapshot))
    except CompactedLogError as error:
        _LOG.warning("%s, and no snapshot that this Porter can read knows of them: it begins with nothing", error)
        return Reconciler(rules), None
    _LOG.info(
        "%s: %d entries, %d of them folded in %.2f s",
        log.describe(),
        log.last_seq,
        log.last_seq - snapshot,
        time.monotonic() - started,
    )
    return reconciler, snapshot


def _opened(url: str, node: str, rules: Rules) -> Beginning:
    log = EventLog.open(url, stream=node, migrate=True)
    try:
        reconciler, snapshot = state_of(log, rules)
    except BaseException:
        log.close()
        raise
    return Beginning(log=log, reconciler=reconciler, snapshot=snapshot)
