"""Entries as rows: a stored kind, a version and a JSON body. This page is a public format.

A kind is never renamed and never reused. When the shape of an entry changes so that old bodies no longer decode to the
same meaning, its version goes up and an upcaster is added that turns the older body into the newer one.
Unknown fields in a body are ignored, missing ones take their defaults: adding an optional field needs no new version.
"""

from collections.abc import Callable, Mapping
from typing import Any, Literal, get_args

import msgspec

from porter.events import entries
from porter.events.entries import Applied, Decided, Entry, Observed

Word = Literal["observed", "decided", "applied"]

KINDS: Mapping[str, tuple[type[Entry], int]] = {
    "agent.started": (entries.AgentStarted, 1),
    "objects.relisted": (entries.Relisted, 1),
    "service.observed": (entries.ServiceObserved, 1),
    "service.gone": (entries.ServiceGone, 1),
    "eip.observed": (entries.EipObserved, 1),
    "eip.gone": (entries.EipGone, 1),
    "node.observed": (entries.NodeObserved, 1),
    "node.gone": (entries.NodeGone, 1),
    "endpoints.observed": (entries.EndpointsObserved, 1),
    "endpoints.gone": (entries.EndpointsGone, 1),
    "namespace.observed": (entries.NamespaceObserved, 1),
    "namespace.gone": (entries.NamespaceGone, 1),
    "agent.observed": (entries.AgentObserved, 1),
    "agent.gone": (entries.AgentGone, 1),
    "agent.silent": (entries.AgentSilent, 1),
    "agent.heard": (entries.AgentHeard, 1),
    "cluster.observed": (entries.ClusterObserved, 1),
    "leader.observed": (entries.LeaderObserved, 1),
    "watch.closed": (entries.WatchClosed, 1),
    "watch.opened": (entries.WatchOpened, 1),
    "address.claimed": (entries.AddressClaimed, 1),
    "assignment.decided": (entries.AssignmentDecided, 1),
    "assignment.ended": (entries.AssignmentEnded, 1),
    "pool.decided": (entries.PoolDecided, 1),
    "address.announced": (entries.Announced, 1),
    "address.withdrawn": (entries.Withdrawn, 1),
    "address.failed": (entries.AnnouncementFailed, 1),
    "plugin.failed": (entries.PluginFailed, 1),
    "service.published": (entries.Published, 1),
    "eip.published": (entries.EipPublished, 1),
    "publish.failed": (entries.PublishFailed, 1),
    "agent.stopped": (entries.AgentStopped, 1),
    "log.resumed": (entries.LogResumed, 1),
    "log.set_aside": (entries.LogSetAside, 1),
}

UPCASTERS: Mapping[tuple[str, int], Callable[[dict[str, Any]], dict[str, Any]]] = {}
"""From (kind, version) to the body of version + 1. Nothing has changed yet."""

_KIND_OF: Mapping[type[Entry], tuple[str, int]] = {cls: (kind, version) for kind, (cls, version) in KINDS.items()}
_WORD_OF: Mapping[type[Entry], Word] = {
    **dict.fromkeys(get_args(Observed), "observed"),
    **dict.fromkeys(get_args(Decided), "decided"),
    **dict.fromkeys(get_args(Applied), "applied"),
}
_ENCODER = msgspec.json.Encoder()
_DECODERS: Mapping[str, msgspec.json.Decoder[Entry]] = {
    kind: msgspec.json.Decoder(cls) for kind, (cls, _) in KINDS.items()
}
READERS: Mapping[tuple[str, int], Callable[[bytes | str], Entry]] = {
    (kind, version): _DECODERS[kind].decode for kind, (_, version) in KINDS.items()
}
"""What decodes a body of each kind's current version, for who reads many: `decode` says what is wrong with the rest."""


class UndecodableEntryError(ValueError):
    """A stored row that this version of Porter cannot read. The message says which and why."""

    def __init__(self, message: str, *, newer: bool = False) -> None:
        """`newer`: nothing is wrong with the row; a newer Porter has written it."""
        super().__init__(message)
        self.newer = newer


def encode(entry: Entry) -> tuple[str, int, bytes]:
    """Return the entry's kind, its version and its body as JSON."""
    kind, version = _KIND_OF[type(entry)]
    return kind, version, _ENCODER.encode(entry)


def decode(kind: str, version: int, body: bytes | str) -> Entry:
    """Turn a stored row back into an entry.

    Raises UndecodableEntryError for an unknown kind, a newer version, or a body that does not fit.
    """
    known = KINDS.get(kind)
    if known is None:
        raise UndecodableEntryError(f"entries of kind {kind!r} are unknown to this version of Porter", newer=True)
    current = known[1]
    try:
        if version == current:
            return _DECODERS[kind].decode(body)
        return _upcast(kind, version, current, body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UndecodableEntryError(f"the body of a {kind} entry cannot be read: {error}") from None


def _upcast(kind: str, version: int, current: int, body: bytes | str) -> Entry:
    if version > current:
        raise UndecodableEntryError(
            f"{kind} version {version} is newer than this Porter, which knows {current}",
            newer=True,
        )
    content: dict[str, Any] = msgspec.json.decode(body)
    for step in range(version, current):
        upcaster = UPCASTERS.get((kind, step))
        if upcaster is None:
            raise UndecodableEntryError(f"{kind} version {step} can no longer be read by this Porter")
        content = upcaster(content)
    return msgspec.convert(content, KINDS[kind][0])


def kind_of(entry: Entry) -> str:
    """Return the stored name of the entry's kind."""
    return _KIND_OF[type(entry)][0]


def word_of(entry: Entry) -> Word:
    """Return which of the three words the entry is: observed, decided or applied."""
    return _WORD_OF[type(entry)]


def word_of_kind(kind: str) -> Word | Literal[""]:
    """Return which of the three words a stored kind is; empty for one that is unknown."""
    known = KINDS.get(kind)
    return "" if known is None else _WORD_OF[known[0]]


def is_observed(entry: Entry) -> bool:
    """Tell whether the fold reads the entry."""
    return _WORD_OF[type(entry)] == "observed"
