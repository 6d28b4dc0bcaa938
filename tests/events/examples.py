"""Entries for tests, one after the other."""

from datetime import UTC, datetime, timedelta

from porter.events.entries import EndpointsObserved, Recorded
from porter.model.names import NodeName
from porter.model.objects import Endpoints

BEGIN = datetime(2026, 11, 21, 10, 0, 0, 123456, tzinfo=UTC)


def some(first: int, last: int) -> list[Recorded]:
    """Entries `first` to `last`, a millisecond apart, no two of them alike."""
    return [Recorded(seq, BEGIN + timedelta(milliseconds=seq), _entry(seq)) for seq in range(first, last + 1)]


def _entry(seq: int) -> EndpointsObserved:
    name = f"wéb-{seq}"
    return EndpointsObserved(
        endpoints=Endpoints(namespace="default", name=f"{name}-x", service=name, ready=(NodeName("node1"),)),
    )
